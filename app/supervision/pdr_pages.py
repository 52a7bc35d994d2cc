"""Development reviews on pages: one's own, and a manager's view of somebody's; objectives, meetings and the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.errors import NotFound
from app.core.forms import Problems, text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.guarding.checking import decided
from app.learning.models import Course
from app.people.models import Person
from app.policy import Can
from app.supervision import entry_forms
from app.supervision import pdr_queries as queries
from app.supervision.operations import pdr
from app.supervision.operations.versions import live
from app.supervision.pdr_models import EVENTS, REACHED, WORDS, DevelopmentItem, PdrObjective

pages = Pages()
SAID = {
    "objective": "The objective is saved.",
    "line": "The plan is saved.",
    "done": "That is done.",
    "not-done": "It is on the plan again.",
    "gone": "It is gone, and its words with it.",
    "held": "The meeting is recorded.",
    "not-held": "The meeting counts no longer.",
}
_AT = "/people/{person_id:int}/pdr/{cycle_id:int}"


@pages.get("/pdr", can=Can.READ_PDR)
def mine(tx: Tx, page: Page) -> Response:
    """The reader's own review."""
    return _draw(tx, page, tx.get(Person, tx.actor.person_id or 0))


@pages.get("/people/{person_id:int}/pdr", can=Can.READ_PDR)
def of_person(tx: Tx, page: Page, person_id: int) -> Response:
    """The review of one of the reader's people."""
    person = policy.person(tx, Can.READ_PDR, person_id)
    page.saw("pdr.viewed", person_id)
    return _draw(tx, page, person)


def _draw(tx: Tx, page: Page, person: Any) -> Response:
    cycles = queries.cycles_of(tx, person)
    asked = page.number("cycle", 0)
    cycle = next((each for each in cycles if each.id == asked), None) or queries.today_of(cycles, tx.today)
    found = queries.review(tx, cycle.pdr_id if cycle else None)
    you = person.id == tx.actor.person_id
    return page.render(
        "supervision/pdr/person.html",
        person=person,
        you=you,
        cycles=cycles,
        cycle=cycle,
        review=found,
        steps=_steps(cycle, found, queries.excused(tx, person.id, cycle, tx.today), tx.today) if cycle else [],
        here=f"/people/{person.id}/pdr/{cycle.id}" if cycle else "",
        holds=not you and policy.reaches(tx, Can.HOLD_PDR, person.id),
        reached=REACHED,
        today=tx.today,
        said=SAID.get(page.query("said"), ""),
        others=beyond(tx),
    )


@dataclass(frozen=True, slots=True)
class Step:
    """One meeting of a review: by when, held on, and whether it is missing."""

    kind: str
    words: str
    due: date
    held: date | None
    excused: str  # why it is not missed, in words; empty if it counts
    overdue: bool


WHY = {"new": "New in post: not expected", "away": "Away for long: not expected"}


def _steps(cycle: Any, found: queries.Review, excused: dict[str, str], today: date) -> list[Step]:
    steps = []
    for kind, day in queries.due_by(cycle).items():
        held = found.held.get(kind)
        why = WHY[excused[kind]] if held is None and kind in excused else ""
        late = held is None and not why and day < today
        steps.append(Step(kind, EVENTS[kind], day, held.on_date if held else None, why, late))
    return steps


def beyond(tx: Tx) -> dict[str, bool]:
    """Which of the pages about others the reader has."""
    wide = any(reach in (policy.Reach.SCOPE, policy.Reach.ALL) for reach, _ in policy.terms(tx.actor, Can.READ_PDR_DATES))
    cycles = policy.may(tx.actor, Can.MANAGE_PDR)
    return dict(people=policy.may(tx.actor, Can.READ_PDR_DATES), teams=wide, cycles=cycles)


def _back(page: Page, tx: Tx, person_id: int, cycle_id: int, said: str) -> Response:
    return page.go("/pdr" if person_id == tx.actor.person_id else f"/people/{person_id}/pdr", cycle=cycle_id, said=said)


def _for(tx: Tx, can: Can, person_id: int, cycle_id: int) -> tuple[Any, Any]:
    """The person and the review year of theirs, or NotFound."""
    person = policy.person(tx, can, person_id)
    cycle = next((each for each in queries.cycles_of(tx, person) if each.id == cycle_id), None)
    if cycle is None:
        raise NotFound("There is no such review year.", code="cycle-not-found")
    return person, cycle


def _form(tx: Tx, page: Page, what: str, person: Any, cycle: Any, **more: Any) -> Response:
    if person.id != tx.actor.person_id:
        page.saw("pdr.viewed", person.id)
    here = f"/people/{person.id}/pdr/{cycle.id}"
    more |= entry_forms.carried(page, more.get("row"))
    return page.render(
        f"supervision/pdr/{what}.html", person=person, cycle=cycle, you=person.id == tx.actor.person_id, here=here, most=WORDS, **more
    )


# Objectives --------------------------------------------------------------------------------------------------------


def draw_objective(tx: Tx, page: Page, person_id: int, cycle_id: int) -> Response:
    """The form for a new one."""
    return _form(tx, page, "objective", *_for(tx, Can.WRITE_PDR, person_id, cycle_id), row=None)


@pages.get(f"{_AT}/objectives/new", can=Can.WRITE_PDR)
def new_objective(tx: Tx, page: Page, person_id: int, cycle_id: int) -> Response:
    """Something to reach."""
    return draw_objective(tx, page, person_id, cycle_id)


@pages.post(f"{_AT}/objectives/new", can=Can.WRITE_PDR, again=draw_objective)
def set_objective(tx: Tx, page: Page, person_id: int, cycle_id: int) -> Response:
    """It is written down."""
    pdr.set_objective(tx, person_id, cycle_id, text(page.form, "words"), decided(page.form), entry_key=entry_forms.key(page))
    return _back(page, tx, person_id, cycle_id, "objective")


def _live(tx: Tx, table: Any, cycle: Any, number: int) -> Any:
    return live(tx, table, {"pdr_id": cycle.pdr_id or 0}, number)


def draw_change_objective(tx: Tx, page: Page, person_id: int, cycle_id: int, number: int) -> Response:
    """The form with what it says."""
    person, cycle = _for(tx, Can.WRITE_PDR, person_id, cycle_id)
    row = _live(tx, PdrObjective, cycle, number)
    if not page.form:
        page.form = {"words": row.words, "reached": row.reached or "open"}
    return _form(tx, page, "objective", person, cycle, row=row, reached=[("open", "Still open"), *REACHED.items()])


@pages.get(f"{_AT}/objectives/{{number:int}}", can=Can.WRITE_PDR)
def objective(tx: Tx, page: Page, person_id: int, cycle_id: int, number: int) -> Response:
    """Change its words, or say what became of it."""
    return draw_change_objective(tx, page, person_id, cycle_id, number)


@pages.post(f"{_AT}/objectives/{{number:int}}", can=Can.WRITE_PDR, again=draw_change_objective)
def change_objective(tx: Tx, page: Page, person_id: int, cycle_id: int, number: int) -> Response:
    """It says it now."""
    reached = text(page.form, "reached")
    became = None if reached == "open" else reached
    words, decision = text(page.form, "words"), decided(page.form)
    pdr.change_objective(tx, person_id, cycle_id, number, words, became, decision, base=entry_forms.base(page))
    return _back(page, tx, person_id, cycle_id, "objective")


@pages.post(f"{_AT}/objectives/{{number:int}}/take-back", can=Can.WRITE_PDR)
def take_back_objective(tx: Tx, page: Page, person_id: int, cycle_id: int, number: int) -> Response:
    """It should not be there."""
    pdr.take_back_objective(tx, person_id, cycle_id, number)
    return _back(page, tx, person_id, cycle_id, "gone")


# The plan ----------------------------------------------------------------------------------------------------------


def _courses(tx: Tx) -> list[tuple[Any, str]]:
    rows = tx.rows(select(Course.id, Course.title).where(Course.status == "published").order_by(Course.title))
    return [("", "No course"), *((row.id, row.title) for row in rows)]


def draw_line(tx: Tx, page: Page, person_id: int, cycle_id: int) -> Response:
    """The form for a new line; with `?course=` or `?step=` and `?words=` in the address, filled in."""
    if not page.form:
        page.form = {name: page.query(name) for name in ("course", "step", "words")}
    person, cycle = _for(tx, Can.WRITE_PDR, person_id, cycle_id)
    step = forms.one_id(page.form, "step")
    return _form(tx, page, "line", person, cycle, row=None, courses=[] if step else _courses(tx), step=step)


@pages.get("/pdr/plan", can=Can.WRITE_PDR)
def plan_of_mine(tx: Tx, page: Page) -> Response:
    """The same for the reader in this year: where a course or a step of a pathway leads."""
    person = tx.get(Person, tx.actor.person_id or 0)
    cycle = queries.today_of(queries.cycles_of(tx, person), tx.today)
    return draw_line(tx, page, person.id, cycle.id) if cycle else _draw(tx, page, person)


@pages.get(f"{_AT}/plan/new", can=Can.WRITE_PDR)
def new_line(tx: Tx, page: Page, person_id: int, cycle_id: int) -> Response:
    """Something to learn or do."""
    return draw_line(tx, page, person_id, cycle_id)


def _typed(page: Page) -> tuple[str, int | None, date | None]:
    problems = Problems()
    by_date = forms.day(page.form, "by_date", "The day", problems)
    problems.raise_any()
    return text(page.form, "words"), forms.one_id(page.form, "course"), by_date


@pages.post(f"{_AT}/plan/new", can=Can.WRITE_PDR, again=draw_line)
def plan(tx: Tx, page: Page, person_id: int, cycle_id: int) -> Response:
    """It is on the plan."""
    words, course, by_date = _typed(page)
    step, decision, key = forms.one_id(page.form, "step"), decided(page.form), entry_forms.key(page)
    pdr.plan(tx, person_id, cycle_id, words, course_id=course, step_id=step, by_date=by_date, decision=decision, entry_key=key)
    return _back(page, tx, person_id, cycle_id, "line")


def draw_change_line(tx: Tx, page: Page, person_id: int, cycle_id: int, number: int) -> Response:
    """The form with what it says."""
    person, cycle = _for(tx, Can.WRITE_PDR, person_id, cycle_id)
    row = _live(tx, DevelopmentItem, cycle, number)
    if not page.form:
        page.form = {"words": row.words, "course": str(row.course_id or ""), **forms.day_fields("by_date", row.by_date)}
    return _form(tx, page, "line", person, cycle, row=row, courses=[] if row.step_id else _courses(tx), step=None)


@pages.get(f"{_AT}/plan/{{number:int}}", can=Can.WRITE_PDR)
def line(tx: Tx, page: Page, person_id: int, cycle_id: int, number: int) -> Response:
    """Change a line of the plan."""
    return draw_change_line(tx, page, person_id, cycle_id, number)


@pages.post(f"{_AT}/plan/{{number:int}}", can=Can.WRITE_PDR, again=draw_change_line)
def change_line(tx: Tx, page: Page, person_id: int, cycle_id: int, number: int) -> Response:
    """It says it now."""
    words, course, by_date = _typed(page)
    pdr.change_line(tx, person_id, cycle_id, number, words, course, by_date, decided(page.form), base=entry_forms.base(page))
    return _back(page, tx, person_id, cycle_id, "line")


@pages.post(f"{_AT}/plan/{{number:int}}/done", can=Can.WRITE_PDR)
def done(tx: Tx, page: Page, person_id: int, cycle_id: int, number: int) -> Response:
    """It was done."""
    pdr.done(tx, person_id, cycle_id, number, tx.today)
    return _back(page, tx, person_id, cycle_id, "done")


@pages.post(f"{_AT}/plan/{{number:int}}/not-done", can=Can.WRITE_PDR)
def not_done(tx: Tx, page: Page, person_id: int, cycle_id: int, number: int) -> Response:
    """After all not."""
    pdr.done(tx, person_id, cycle_id, number, None)
    return _back(page, tx, person_id, cycle_id, "not-done")


@pages.post(f"{_AT}/plan/{{number:int}}/take-back", can=Can.WRITE_PDR)
def take_back_line(tx: Tx, page: Page, person_id: int, cycle_id: int, number: int) -> Response:
    """It should not be there."""
    pdr.take_back_line(tx, person_id, cycle_id, number)
    return _back(page, tx, person_id, cycle_id, "gone")


# Meetings ----------------------------------------------------------------------------------------------------------


def draw_held(tx: Tx, page: Page, person_id: int, cycle_id: int) -> Response:
    """The form: which meeting, on which day. The first that is missing is chosen already."""
    person, cycle = _for(tx, Can.HOLD_PDR, person_id, cycle_id)
    there = queries.review(tx, cycle.pdr_id).held
    held = {kind: there[kind] for kind in EVENTS if kind in there}
    if not page.form:
        missing = page.query("kind") if page.query("kind") in EVENTS else next((kind for kind in EVENTS if kind not in held), "complete")
        page.form = {"kind": missing, **forms.day_fields("on_date", held[missing].on_date if missing in held else tx.today)}
    options: Sequence[tuple[str, str]] = list(EVENTS.items())
    return _form(tx, page, "held", person, cycle, kinds=options, held=held, words=EVENTS, reads=policy.reaches(tx, Can.READ_PDR, person_id))


@pages.get(f"{_AT}/held", can=Can.HOLD_PDR)
def held_form(tx: Tx, page: Page, person_id: int, cycle_id: int) -> Response:
    """A meeting was held."""
    return draw_held(tx, page, person_id, cycle_id)


@pages.post(f"{_AT}/held", can=Can.HOLD_PDR, again=draw_held)
def hold(tx: Tx, page: Page, person_id: int, cycle_id: int) -> Response:
    """It is recorded."""
    policy.person(tx, Can.HOLD_PDR, person_id)
    problems = Problems()
    on_date = forms.day(page.form, "on_date", "The date", problems, needed=True)
    kind = text(page.form, "kind")
    if kind not in EVENTS:
        problems.add("kind", "Choose what was held")
    problems.raise_any()
    assert on_date is not None
    pdr.hold(tx, person_id, cycle_id, kind, on_date)
    return _after(page, tx, person_id, cycle_id, "held")


@pages.post(f"{_AT}/not-held", can=Can.HOLD_PDR, again=draw_held)
def never_held(tx: Tx, page: Page, person_id: int, cycle_id: int) -> Response:
    """It was recorded by mistake."""
    policy.person(tx, Can.HOLD_PDR, person_id)
    pdr.never_held(tx, person_id, cycle_id, text(page.form, "kind"))
    return _after(page, tx, person_id, cycle_id, "not-held")


def _after(page: Page, tx: Tx, person_id: int, cycle_id: int, said: str) -> Response:
    """Back to the review, or to the list for those who may not read reviews."""
    if policy.reaches(tx, Can.READ_PDR, person_id):
        return _back(page, tx, person_id, cycle_id, said)
    return page.go("/pdr/people", cycle=cycle_id, said=said)
