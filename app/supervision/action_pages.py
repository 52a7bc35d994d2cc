"""Actions agreed in supervision on pages: agreed, done, changed, taken back."""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.guarding.checking import decided
from app.policy import Can
from app.supervision import entry_forms, queries
from app.supervision.action_models import WORDS, SupervisionAction
from app.supervision.models import KINDS, Supervision
from app.supervision.operations import actions
from app.supervision.operations.versions import live

pages = Pages()


def whose_words(you: bool) -> list[tuple[str, str]]:
    """Who may do it, in the reader's words."""
    return [("person", "I do"), ("supervisor", "My supervisor does")] if you else [("person", "They do"), ("supervisor", "I do")]


def draw_new(tx: Tx, page: Page, person_id: int) -> Response:
    """The form; with `?supervision=` in the address for where it was agreed."""
    if not page.form:
        page.form = {"whose": "person", "supervision": page.query("supervision")}
    held = _held(tx, person_id, page.form)
    return _form(tx, page, person_id, held=held)


def _held(tx: Tx, person_id: int, form: dict[str, Any]) -> Any:
    key = forms.one_id(form, "supervision")
    found = queries.lines(tx, Supervision.id == key, Supervision.person_id == person_id, most=1) if key else []
    return found[0] if found else None


def _form(tx: Tx, page: Page, person_id: int, *, row: Any = None, held: Any = None) -> Response:
    person = policy.person(tx, Can.RECORD_SUPERVISION, person_id)
    you = person_id == tx.actor.person_id
    options = whose_words(you)
    return page.render(
        "supervision/action.html",
        person=person,
        you=you,
        row=row,
        held=held,
        whose=options,
        most=WORDS,
        kinds=KINDS,
        **entry_forms.carried(page, row),
    )


def _typed(page: Page) -> tuple[str, str, date | None]:
    problems = Problems()
    by_date = forms.day(page.form, "by_date", "The day", problems)
    words = text(page.form, "words")
    if not words:
        problems.add("words", "Say what was agreed")
    problems.raise_any()
    return words, text(page.form, "whose"), by_date


@pages.get("/people/{person_id:int}/supervision/actions/new", can=Can.RECORD_SUPERVISION)
def new(tx: Tx, page: Page, person_id: int) -> Response:
    """Something was agreed."""
    return draw_new(tx, page, person_id)


@pages.post("/people/{person_id:int}/supervision/actions/new", can=Can.RECORD_SUPERVISION, again=draw_new)
def agree(tx: Tx, page: Page, person_id: int) -> Response:
    """It is written down."""
    policy.person(tx, Can.RECORD_SUPERVISION, person_id)
    words, whose, by_date = _typed(page)
    held = _held(tx, person_id, page.form)
    where = held.id if held else None
    key, decision = entry_forms.key(page), decided(page.form)
    actions.agree(tx, person_id, words, whose, by_date, supervision_id=where, decision=decision, entry_key=key)
    return _back(tx, page, person_id, "agreed")


def draw_change(tx: Tx, page: Page, person_id: int, number: int) -> Response:
    """The form with what it says."""
    policy.person(tx, Can.RECORD_SUPERVISION, person_id)
    row = live(tx, SupervisionAction, {"person_id": person_id}, number)
    if not page.form:
        page.form = {"words": row.words, "whose": row.whose, **forms.day_fields("by_date", row.by_date)}
    if person_id != tx.actor.person_id:
        page.saw("supervision.viewed", person_id)
    return _form(tx, page, person_id, row=row)


@pages.get("/people/{person_id:int}/supervision/actions/{number:int}", can=Can.RECORD_SUPERVISION)
def change_form(tx: Tx, page: Page, person_id: int, number: int) -> Response:
    """It should say something else."""
    return draw_change(tx, page, person_id, number)


@pages.post("/people/{person_id:int}/supervision/actions/{number:int}", can=Can.RECORD_SUPERVISION, again=draw_change)
def change(tx: Tx, page: Page, person_id: int, number: int) -> Response:
    """It says it now."""
    policy.person(tx, Can.RECORD_SUPERVISION, person_id)
    words, whose, by_date = _typed(page)
    actions.reword(tx, person_id, number, words, whose, by_date, decided(page.form), base=entry_forms.base(page))
    return _back(tx, page, person_id, "changed")


_AT = "/people/{person_id:int}/supervision/actions/{number:int}"


@pages.post(f"{_AT}/done", can=Can.RECORD_SUPERVISION)
def done(tx: Tx, page: Page, person_id: int, number: int) -> Response:
    """It is done."""
    actions.close(tx, person_id, number, "done")
    return _back(tx, page, person_id, "done")


@pages.post(f"{_AT}/dropped", can=Can.RECORD_SUPERVISION)
def dropped(tx: Tx, page: Page, person_id: int, number: int) -> Response:
    """It is no longer needed."""
    actions.close(tx, person_id, number, "dropped")
    return _back(tx, page, person_id, "dropped")


@pages.post(f"{_AT}/reopen", can=Can.RECORD_SUPERVISION)
def reopen(tx: Tx, page: Page, person_id: int, number: int) -> Response:
    """There is more to do."""
    actions.reopen(tx, person_id, number)
    return _back(tx, page, person_id, "reopen")


@pages.post(f"{_AT}/take-back", can=Can.RECORD_SUPERVISION)
def take_back(tx: Tx, page: Page, person_id: int, number: int) -> Response:
    """It should never have been written."""
    actions.take_back(tx, person_id, number)
    return _back(tx, page, person_id, "take-back")


def _back(tx: Tx, page: Page, person_id: int, done: str) -> Response:
    return page.go("/supervision" if person_id == tx.actor.person_id else f"/people/{person_id}/supervision", said=done)
