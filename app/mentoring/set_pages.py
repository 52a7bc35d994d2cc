"""Action-learning sets on pages: which there are, one of them, and what its facilitator does."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from app.core import forms
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.guarding import checking
from app.mentoring import queries, words
from app.mentoring.models import MOST_IN_A_SET, NEEDS, Meeting
from app.mentoring.operations import sets
from app.people import cover
from app.policy import Can

pages = Pages()
HOME = "/learning-together/sets"


@pages.get(HOME, can=Can.LEARN_TOGETHER)
def listed(tx: Tx, page: Page) -> Response:
    """Sets to join, and the reader's own."""
    return page.render("mentoring/sets.html", mine=queries.my_sets(tx), others=queries.sets_to_join(tx), needs=NEEDS)


def draw_new(tx: Tx, page: Page) -> Response:
    """The form of a set."""
    del tx
    if not page.form:
        page.form = {"most": "7", "joins": "yes"}
    return _form(page, None)


def _form(page: Page, row: Any) -> Response:
    return page.render("mentoring/set_form.html", row=row, needs=[("", "Choose"), *NEEDS.items()], most=MOST_IN_A_SET)


def _typed(page: Page) -> dict[str, Any]:
    problems = Problems()
    values: dict[str, Any] = {name: text(page.form, name) for name in ("title", "need", "words")}
    values["most"] = forms.number(page.form, "most", "How many people", problems) or 0
    values["joins"] = text(page.form, "joins") == "yes"
    problems.raise_any()
    return values | {"guard": checking.decided(page.form)}


@pages.get("/learning-together/sets/new", can=Can.LEARN_TOGETHER)
def new(tx: Tx, page: Page) -> Response:
    """Start a set, or bring one that meets already."""
    return draw_new(tx, page)


@pages.post("/learning-together/sets/new", can=Can.LEARN_TOGETHER, again=draw_new)
def start(tx: Tx, page: Page) -> Response:
    """It is there, with whoever started it."""
    problems = Problems()
    begins = forms.day(page.form, "started_on", "The day", problems)
    problems.raise_any()
    return page.go(f"{HOME}/{sets.start(tx, **_typed(page), started_on=begins)}", said="started")


def draw(tx: Tx, page: Page, set_id: int) -> Response:
    """Who belongs to it, when it met, and what the reader may do."""
    sets.seen(tx, set_id)
    row: Any = queries.one_set(tx, set_id)
    me = tx.actor.person_id
    return page.render(
        "mentoring/set.html",
        row=row,
        me=me,
        leads=row.facilitator_id == me and row.ended_on is None,
        members=queries.members_of(tx, set_id),
        met=queries.meetings(tx, Meeting.set_id == set_id) if row.ever else [],
        need=NEEDS[row.need],
        said=words.SAID.get(page.query("said"), ""),
    )


@pages.get("/learning-together/sets/{set_id:int}", can=Can.LEARN_TOGETHER)
def one(tx: Tx, page: Page, set_id: int) -> Response:
    """One set."""
    return draw(tx, page, set_id)


@pages.post("/learning-together/sets/{set_id:int}/join", can=Can.LEARN_TOGETHER, again=draw)
def join(tx: Tx, page: Page, set_id: int) -> Response:
    """The reader belongs to it."""
    sets.join(tx, set_id)
    return page.go(f"{HOME}/{set_id}", said="joined")


@pages.post("/learning-together/sets/{set_id:int}/leave", can=Can.LEARN_TOGETHER, again=draw)
def leave(tx: Tx, page: Page, set_id: int) -> Response:
    """The reader does not belong to it any more."""
    sets.leave(tx, set_id)
    return page.go("/learning-together", said="left")


# The facilitator's -------------------------------------------------------------------------------------------------


def draw_edit(tx: Tx, page: Page, set_id: int) -> Response:
    """The form with what stands there, who may take it over, and how it ends."""
    row = sets.facilitated(tx, set_id)
    if not page.form or "title" not in page.form:
        stored = {"title": row.title, "need": row.need, "words": row.words, "most": str(row.most), "joins": "yes" if row.joins else ""}
        page.form = {**page.form, **stored}
    others = [(each.person_id, each.name) for each in queries.members_of(tx, set_id) if each.person_id != tx.actor.person_id]
    return page.render(
        "mentoring/set_form.html", row=row, needs=[("", "Choose"), *NEEDS.items()], most=MOST_IN_A_SET, others=[("", "Choose"), *others]
    )


@pages.get("/learning-together/sets/{set_id:int}/edit", can=Can.LEARN_TOGETHER)
def edit_form(tx: Tx, page: Page, set_id: int) -> Response:
    """What only the facilitator changes."""
    return draw_edit(tx, page, set_id)


@pages.post("/learning-together/sets/{set_id:int}/edit", can=Can.LEARN_TOGETHER, again=draw_edit)
def edit(tx: Tx, page: Page, set_id: int) -> Response:
    """It says so now."""
    sets.facilitated(tx, set_id)
    sets.change(tx, set_id, forms.one_id(page.form, "version") or 0, **_typed(page))
    return page.go(f"{HOME}/{set_id}", said="changed")


@pages.post("/learning-together/sets/{set_id:int}/add", can=Can.LEARN_TOGETHER, again=draw)
def add(tx: Tx, page: Page, set_id: int) -> Response:
    """A colleague belongs to it, and is told."""
    sets.facilitated(tx, set_id)
    problems = Problems()
    said = text(page.form, "colleague")[:254]
    since = forms.day(page.form, "since", "The day", problems)
    found = cover.colleague(tx, tx.actor.person_id or 0, said) if said else None
    if found is None:
        problems.add("colleague", "Enter the work e-mail address or employee number of somebody in your organisation")
    problems.raise_any()
    assert found is not None
    sets.add(tx, set_id, found, since)
    return page.go(f"{HOME}/{set_id}", said="added")


@pages.post("/learning-together/sets/{set_id:int}/hand-over", can=Can.LEARN_TOGETHER, again=draw_edit)
def hand_over(tx: Tx, page: Page, set_id: int) -> Response:
    """Another member facilitates."""
    sets.facilitated(tx, set_id)
    chosen = forms.one_id(page.form, "facilitator")
    if chosen is None:
        problems = Problems()
        problems.add("facilitator", "Choose who facilitates the set from now on")
        problems.raise_any()
    sets.hand_over(tx, set_id, forms.one_id(page.form, "version") or 0, chosen or 0)
    return page.go(f"{HOME}/{set_id}", said="handed-over")


@pages.post("/learning-together/sets/{set_id:int}/end", can=Can.LEARN_TOGETHER, again=draw_edit)
def end(tx: Tx, page: Page, set_id: int) -> Response:
    """It stops meeting."""
    sets.end(tx, set_id)
    return page.go(f"{HOME}/{set_id}", said="set-ended")
