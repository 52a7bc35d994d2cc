"""Names I must not write: one's own list, which can be added to and emptied, and which nobody can read."""

from __future__ import annotations

from starlette.responses import Response

from app.core import forms
from app.core.tx import Tx
from app.doors import Page, Pages
from app.guarding import keys, operations

pages = Pages()
_SAID = {"removed": "That name is off your list.", "emptied": "Your list is empty."}


@pages.get("/my-details/names")
def names(tx: Tx, page: Page) -> Response:
    """How many names are on the reader's list, and what can be done with it."""
    said = page.query("said")
    added = f"{operations.in_words(int(said))} added to your list." if said.isdigit() and said != "0" else ""
    if said == "0":
        added = "They were on your list already."
    return page.render(
        "guarding/names.html",
        held=operations.held(tx),
        usable=keys.usable(page.settings),
        in_words=operations.in_words,
        most=operations.MOST_NAMES,
        said=_SAID.get(said, added),
    )


@pages.post("/my-details/names", again=names)
def add(tx: Tx, page: Page) -> Response:
    """Add what was typed, a name to a line."""
    given = page.form.get("names", "")
    count = operations.add_names(tx, given if isinstance(given, str) else "")
    return page.go("/my-details/names", said=count)


@pages.post("/my-details/names/remove", again=names)
def remove(tx: Tx, page: Page) -> Response:
    """Take one off."""
    operations.remove_name(tx, forms.text(page.form, "name"))
    return page.go("/my-details/names", said="removed")


@pages.post("/my-details/names/empty")
def empty(tx: Tx, page: Page) -> Response:
    """Take all off."""
    operations.forget_names(tx)
    return page.go("/my-details/names", said="emptied")
