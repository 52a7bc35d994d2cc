"""Equality information: what the reader may tell of themselves, and nobody else sees."""

from __future__ import annotations

from starlette.responses import Response

from app.core import forms
from app.core.tx import Tx
from app.doors import Page, Pages
from app.equality import operations, queries
from app.policy import Can

pages = Pages()
DONE = {
    "saved": "Your answers are saved. You can change them or take them back at any time.",
    "withdrawn": "Your answers are deleted.",
    "objected": "Your objection is recorded. Whatever you had told us is deleted, and you will not be asked again.",
    "lifted": "Your objection is withdrawn. Nothing is held unless you tell it.",
}


@pages.get("/equality-information", can=Can.GIVE_EQUALITY)
def mine(tx: Tx, page: Page) -> Response:
    """The questions, with what the reader answered so far."""
    own = queries.own(tx)
    if not page.form:
        page.form = dict(own.answers)
    return page.render("equality/mine.html", questions=queries.questions(tx), own=own, done=DONE.get(page.query("done"), ""))


@pages.post("/equality-information", can=Can.GIVE_EQUALITY, again=mine)
def save(tx: Tx, page: Page) -> Response:
    """These answers, and no others."""
    operations.give(tx, {question.code: forms.text(page.form, question.code) for question in queries.questions(tx)})
    return page.go("/equality-information", done="saved")


@pages.post("/equality-information/withdraw", can=Can.GIVE_EQUALITY, again=mine)
def withdraw(tx: Tx, page: Page) -> Response:
    """Delete them."""
    operations.withdraw(tx)
    return page.go("/equality-information", done="withdrawn")


@pages.post("/equality-information/object", can=Can.GIVE_EQUALITY, again=mine)
def object_to_monitoring(tx: Tx, page: Page) -> Response:
    """No monitoring of the reader."""
    operations.object_to_monitoring(tx)
    return page.go("/equality-information", done="objected")


@pages.post("/equality-information/allow", can=Can.GIVE_EQUALITY, again=mine)
def withdraw_objection(tx: Tx, page: Page) -> Response:
    """Nothing against it any longer."""
    operations.withdraw_objection(tx)
    return page.go("/equality-information", done="lifted")
