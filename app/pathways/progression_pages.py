"""Pages for those who record progressions: a new one, and correcting or taking out what was recorded."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.errors import Conflict, NotFound
from app.core.forms import Problems
from app.core.tx import Tx
from app.doors import Page, Pages
from app.pathways import progressing, words
from app.pathways.models import Progression, Step
from app.pathways.pages import stage_titles
from app.pathways.versions import in_force
from app.people.models import Person
from app.policy import Can

pages = Pages()


def _choices(tx: Tx, held: Row[Any] | None) -> dict[str, Any]:
    """Stages, ways of getting there and steps to choose from."""
    steps = [(version.step_id, version.title) for version in in_force(tx, tx.today, kind="progression")]
    if held is not None and held.step_id and held.step_id not in dict(steps):
        steps.append((held.step_id, tx.get(Step, held.step_id).title))
    return dict(
        stages=[("", "Choose a stage"), *stage_titles(tx).items()],
        mechanisms=list(words.MECHANISMS.items()),
        steps=[("", "None of them"), *steps],
    )


def _typed(page: Page) -> dict[str, Any]:
    problems = Problems()
    on_date = forms.day(page.form, "on", "The first day at the stage", problems, needed=True)
    if not forms.text(page.form, "stage"):
        problems.add("stage", "Choose a career stage from the list")
    if not forms.text(page.form, "mechanism"):
        problems.add("mechanism", "Choose how they got there")
    problems.raise_any()
    mechanism = forms.text(page.form, "mechanism")
    return dict(to_stage=forms.text(page.form, "stage"), on_date=on_date, mechanism=mechanism, step_id=forms.one_id(page.form, "step"))


def draw_new(tx: Tx, page: Page, person_id: int) -> Response:
    """The form."""
    row = policy.person(tx, Can.RECORD_PROGRESSION, person_id)
    return page.render("pathways/progression.html", person_id=person_id, name=row.name, held=None, **_choices(tx, None))


@pages.get("/people/{person_id:int}/progressions/new", can=Can.RECORD_PROGRESSION)
def new_form(tx: Tx, page: Page, person_id: int) -> Response:
    """A page of its own."""
    return draw_new(tx, page, person_id)


@pages.post("/people/{person_id:int}/progressions/new", can=Can.RECORD_PROGRESSION, again=draw_new)
def create(tx: Tx, page: Page, person_id: int) -> Response:
    """Recorded, and their stage with it."""
    progressing.record(tx, person_id, **_typed(page))
    return page.go(f"/people/{person_id}/pathway", said="recorded")


def _held(tx: Tx, progression_id: int) -> Row[Any]:
    row = tx.one(
        select(Progression.__table__, Person.name)
        .join(Person, Person.id == Progression.person_id)
        .where(Progression.id == progression_id, policy.within_reach(tx, Can.RECORD_PROGRESSION, Progression.person_id))
    )
    if row is None:
        raise NotFound("There is no progression with that reference, or it is not one of your people's.", code="progression-not-found")
    if row.superseded_at is not None:
        raise Conflict("This progression has been corrected or taken out since.", code="progression-superseded")
    return row


def draw_correct(tx: Tx, page: Page, progression_id: int) -> Response:
    """What was recorded, to be put right."""
    row = _held(tx, progression_id)
    if not page.form:
        page.form = {
            "stage": row.to_stage,
            "mechanism": row.mechanism,
            "step": str(row.step_id or ""),
            **forms.day_fields("on", row.on_date),
        }
    return page.render("pathways/progression.html", person_id=row.person_id, name=row.name, held=row, **_choices(tx, row))


@pages.get("/progressions/{progression_id:int}/correct", can=Can.RECORD_PROGRESSION)
def correct_form(tx: Tx, page: Page, progression_id: int) -> Response:
    """A page of its own."""
    return draw_correct(tx, page, progression_id)


@pages.post("/progressions/{progression_id:int}/correct", can=Can.RECORD_PROGRESSION, again=draw_correct)
def correct(tx: Tx, page: Page, progression_id: int) -> Response:
    """Put right; what was believed before stays known."""
    person_id = _held(tx, progression_id).person_id
    progressing.correct(tx, progression_id, **_typed(page))
    return page.go(f"/people/{person_id}/pathway", said="corrected")


@pages.post("/progressions/{progression_id:int}/take-out", can=Can.RECORD_PROGRESSION, again=draw_correct)
def take_out(tx: Tx, page: Page, progression_id: int) -> Response:
    """It did not happen."""
    person_id = _held(tx, progression_id).person_id
    progressing.withdraw(tx, progression_id, forms.text(page.form, "reason"))
    return page.go(f"/people/{person_id}/pathway", said="taken-out")
