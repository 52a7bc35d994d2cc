"""Development reviews: review years, objectives, the meetings that were held, and the development plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, select

from app import policy
from app.core.errors import Conflict, Invalid, NotFound
from app.core.text import shorten
from app.core.tx import Tx
from app.guarding.checking import Decision
from app.learning.models import Course
from app.people.models import Unit
from app.policy import Can, operation
from app.supervision.operations import versions
from app.supervision.pdr_models import EVENTS, REACHED, WORDS, DevelopmentItem, Pdr, PdrCycle, PdrEvent, PdrObjective

AROUND = timedelta(days=183)  # a meeting may be held so long before a review year begins or after it should be complete
NEW_DAYS, AWAY_DAYS = 90, 28  # who is excused, where a council says nothing else
MOST_DAYS = 366 + 184


@dataclass(frozen=True, slots=True)
class Cycle:
    """A review year as it should be; days as in `PdrCycle`."""

    title: str
    starts_on: date
    ends_on: date
    objectives_by: date
    mid_year_by: date
    complete_by: date
    new_days: int = NEW_DAYS
    away_days: int = AWAY_DAYS


# Review years ------------------------------------------------------------------------------------------------------


@operation(Can.MANAGE_PDR)
def open_cycle(tx: Tx, organisation_id: int, cycle: Cycle) -> int:
    """An organisation has a new review year; returns its id. Conflict if it overlaps another; Invalid for days in no order."""
    _organisation(tx, organisation_id)
    _sound(cycle)
    _apart(tx, organisation_id, cycle, 0)
    key = tx.insert(PdrCycle, organisation_id=organisation_id, **_values(cycle))
    tx.record("pdr-cycle.opened", "pdr_cycles", key, starts_on=cycle.starts_on.isoformat())
    return key


@operation(Can.MANAGE_PDR)
def change_cycle(tx: Tx, cycle_id: int, cycle: Cycle, version: int) -> None:
    """Its days or its title change; `version` is the one that was read, else Conflict. What was held stays as it was."""
    row = tx.get(PdrCycle, cycle_id, lock=True, what="review year")
    _organisation(tx, row.organisation_id)
    if row.version != version:
        raise Conflict("Somebody has changed this review year meanwhile.", code="version-changed", way_out="Look at it again and retry.")
    _sound(cycle)
    _apart(tx, row.organisation_id, cycle, cycle_id)
    tx.update(PdrCycle, cycle_id, **_values(cycle), version=version + 1)
    tx.record("pdr-cycle.changed", "pdr_cycles", cycle_id, starts_on=cycle.starts_on.isoformat())


def _values(cycle: Cycle) -> dict[str, Any]:
    return {name: getattr(cycle, name) for name in Cycle.__slots__}


def _organisation(tx: Tx, organisation_id: int) -> None:
    there = tx.scalar(select(Unit.id).where(Unit.id == organisation_id))
    row = None if there is None else tx.get(Unit, organisation_id, lock=True)  # its years take turns
    if row is None or row.kind != "organisation" or not policy.covers(tx, Can.MANAGE_PDR, organisation_id):
        raise NotFound("There is no such organisation, or it is not yours.", code="unit-not-found")


def _apart(tx: Tx, organisation_id: int, cycle: Cycle, but: int) -> None:
    """The database compares days up to, but not including, the last; here the last day belongs to the year."""
    days = (PdrCycle.starts_on <= cycle.ends_on, PdrCycle.ends_on >= cycle.starts_on)
    other = select(PdrCycle.title).where(PdrCycle.organisation_id == organisation_id, PdrCycle.id != but, *days)
    if (title := tx.scalar(other)) is not None:
        raise Conflict(f"The review year “{title}” covers some of these days.", code="periods-overlap")


def _sound(cycle: Cycle) -> None:
    errors = []
    if not cycle.title.strip() or len(cycle.title) > 100:
        errors.append({"field": "title", "message": "Give it a name of at most 100 characters"})
    if not cycle.starts_on < cycle.ends_on or (cycle.ends_on - cycle.starts_on).days > MOST_DAYS:
        errors.append({"field": "ends_on", "message": "The last day must come after the first, within 18 months"})
    if not cycle.starts_on <= cycle.objectives_by < cycle.mid_year_by < cycle.complete_by <= cycle.ends_on + AROUND:
        message = "Objectives, mid-year and completion must follow each other, from the first day to six months after the last"
        errors.append({"field": "objectives_by", "message": message})
    for name, least in (("new_days", 0), ("away_days", 1)):
        if not least <= getattr(cycle, name) <= 366:
            errors.append({"field": name, "message": f"Enter a number of days from {least} to 366"})
    versions.refuse(errors)


# Meetings ----------------------------------------------------------------------------------------------------------


@operation(Can.HOLD_PDR)
def hold(tx: Tx, person_id: int, cycle_id: int, kind: str, on_date: date) -> None:
    """A meeting of somebody's review was held on a day: objectives agreed, mid-year, or complete. Told again, the new day counts.

    Nobody records their own. Invalid, with the field, for a day to come, one far from the review year, or one out of order.
    """
    person = policy.person(tx, Can.HOLD_PDR, person_id, lock=True)
    if person_id == tx.actor.person_id:
        raise Conflict("Your own review is recorded by your manager.", code="own-review")
    cycle = _cycle(tx, person, cycle_id)
    pdr_id = _begun(tx, person_id, cycle_id)
    there = {
        row.kind: row for row in tx.rows(select(PdrEvent.__table__).where(PdrEvent.pdr_id == pdr_id, PdrEvent.superseded_at.is_(None)))
    }
    versions.refuse(_wrong(tx, cycle, kind, on_date, {each: row.on_date for each, row in there.items()}))
    old = there.get(kind)
    if old is not None and old.on_date == on_date:
        return
    if old is not None:
        tx.update(PdrEvent, old.id, superseded_at=tx.now)
    tx.insert(PdrEvent, pdr_id=pdr_id, kind=kind, on_date=on_date, recorded_by=tx.actor.person_id, recorded_at=tx.now)
    tx.record("pdr.held", "pdrs", pdr_id, person_id=person_id, kind=kind, on_date=on_date.isoformat(), corrected=old is not None)


def _wrong(tx: Tx, cycle: Row[Any], kind: str, on_date: date, held: dict[str, date]) -> list[dict[str, str]]:
    if kind not in EVENTS:
        return [{"field": "kind", "message": "Choose what was held"}]
    if on_date > tx.today:
        return [{"field": "on_date", "message": "The date must be today or in the past: record it once it was held"}]
    if not cycle.starts_on - AROUND <= on_date <= max(cycle.ends_on, cycle.complete_by) + AROUND:
        return [{"field": "on_date", "message": "The date is too far from this review year"}]
    order = list(EVENTS)
    days = [(held | {kind: on_date})[each] for each in order if each in held or each == kind]
    if days != sorted(days):
        return [{"field": "on_date", "message": "Objectives come first, then mid-year, then the end: compare the days of the others"}]
    return []


@operation(Can.HOLD_PDR)
def never_held(tx: Tx, person_id: int, cycle_id: int, kind: str) -> None:
    """It was recorded by mistake: it counts no longer, and was known until now. Conflict while a later meeting is recorded."""
    person = policy.person(tx, Can.HOLD_PDR, person_id, lock=True)
    if person_id == tx.actor.person_id:
        raise Conflict("Your own review is recorded by your manager.", code="own-review")
    _cycle(tx, person, cycle_id)
    live = select(PdrEvent.id, PdrEvent.pdr_id, PdrEvent.kind).join(Pdr, Pdr.id == PdrEvent.pdr_id)
    mine = live.where(Pdr.person_id == person_id, Pdr.cycle_id == cycle_id, PdrEvent.superseded_at.is_(None))
    held = {row.kind: row for row in tx.rows(mine)}
    row = held.get(kind)
    if row is None:
        raise Conflict("No such meeting is recorded any more.", code="superseded", way_out="Open the page again.")
    order = list(EVENTS)
    if later := next((EVENTS[each] for each in reversed(order[order.index(kind) + 1 :]) if each in held), ""):
        raise Conflict(
            f"“{later}” is recorded, and comes after it.",
            code="later-meeting",
            way_out="Take that back first, or record this one again with the day on which it was held.",
        )
    tx.update(PdrEvent, row.id, superseded_at=tx.now)
    tx.record("pdr.taken-back", "pdrs", row.pdr_id, person_id=person_id, kind=kind)


def _cycle(tx: Tx, person: Row[Any], cycle_id: int) -> Row[Any]:
    """The review year, which must be of the person's organisation, or one of which they have a review (they may have moved since)."""
    cycle = tx.one(select(PdrCycle.__table__).where(PdrCycle.id == cycle_id))
    has = select(Pdr.id).where(Pdr.person_id == person.id, Pdr.cycle_id == cycle_id)
    if cycle is None or (cycle.organisation_id != person.organisation_id and tx.scalar(has) is None):
        raise NotFound("There is no such review year.", code="cycle-not-found")
    return cycle


def _begun(tx: Tx, person_id: int, cycle_id: int) -> int:
    """The id of their review, made now if nothing had been written for it. The person is locked."""
    found = tx.scalar(select(Pdr.id).where(Pdr.person_id == person_id, Pdr.cycle_id == cycle_id))
    return int(found) if found is not None else tx.insert(Pdr, person_id=person_id, cycle_id=cycle_id)


def _review(tx: Tx, person_id: int, cycle_id: int) -> dict[str, int]:
    person = policy.person(tx, Can.WRITE_PDR, person_id, lock=True)
    _cycle(tx, person, cycle_id)
    return {"pdr_id": _begun(tx, person_id, cycle_id)}


# Objectives --------------------------------------------------------------------------------------------------------


@operation(Can.WRITE_PDR)
def set_objective(
    tx: Tx, person_id: int, cycle_id: int, words: str, decision: Decision | None = None, *, entry_key: str | None = None
) -> int:
    """Somebody wants to reach something in this review year; they or those above them write it. Returns its number.

    `entry_key` is what the form was sent under: sent again, it is the same objective.
    """
    owner = _review(tx, person_id, cycle_id)
    if (known := versions.sent(tx, PdrObjective, owner, entry_key)) is not None:
        return known
    errors: list[dict[str, str]] = []
    words = versions.words_of(words, WORDS, "what you want to reach", errors)
    versions.refuse(errors)
    settled = versions.guarded(tx, PdrObjective, owner, None, words, decision)
    number = versions.add(tx, PdrObjective, owner, settled, reached=None, entry_key=entry_key)
    _record(tx, "objective-set", owner, person_id, number)
    return number


@operation(Can.WRITE_PDR)
def change_objective(
    tx: Tx, person_id: int, cycle_id: int, number: int, words: str, reached: str | None, decision: Decision | None = None, *, base: int
) -> None:
    """It says something else, or this has become of it (`reached`, one of `pdr_models.REACHED`; None: still open).

    `base` is the id of the row that was before the writer; Changed if another one stands by now.
    """
    owner = _review(tx, person_id, cycle_id)
    row = versions.live(tx, PdrObjective, owner, number)
    errors: list[dict[str, str]] = []
    words = versions.words_of(words, WORDS, "what you want to reach", errors)
    if reached is not None and reached not in REACHED:
        errors.append({"field": "reached", "message": "Choose what became of it"})
    versions.refuse(errors)
    settled = versions.guarded(tx, PdrObjective, owner, number, words, decision)
    if versions.change(tx, PdrObjective, owner, row, settled, base=base, reached=reached):
        _record(tx, "objective-changed", owner, person_id, number)


@operation(Can.WRITE_PDR)
def take_back_objective(tx: Tx, person_id: int, cycle_id: int, number: int) -> None:
    """It should not have been written: its words are taken out for good."""
    _take_back(tx, PdrObjective, person_id, cycle_id, number, "objective-taken-back")


# The plan ----------------------------------------------------------------------------------------------------------


@operation(Can.WRITE_PDR)
def plan(
    tx: Tx,
    person_id: int,
    cycle_id: int,
    words: str,
    *,
    course_id: int | None = None,
    step_id: int | None = None,
    by_date: date | None = None,
    decision: Decision | None = None,
    entry_key: str | None = None,
) -> int:
    """A line of the development plan: words, a course, or a step of a pathway, and by when. Returns its number.

    A course without words is called what it is called. A step is named by whoever stands above pathways; its words are needed. `entry_key`
    as for an objective.
    """
    owner = _review(tx, person_id, cycle_id)
    if (known := versions.sent(tx, DevelopmentItem, owner, entry_key)) is not None:
        return known
    words, by_date = _line(tx, words, course_id, step_id, by_date)
    settled = versions.guarded(tx, DevelopmentItem, owner, None, words, decision)
    values = dict(course_id=course_id, step_id=step_id, by_date=by_date, done_on=None, entry_key=entry_key)
    number = versions.add(tx, DevelopmentItem, owner, settled, **values)
    _record(tx, "plan-line-added", owner, person_id, number)
    return number


@operation(Can.WRITE_PDR)
def change_line(
    tx: Tx,
    person_id: int,
    cycle_id: int,
    number: int,
    words: str,
    course_id: int | None,
    by_date: date | None,
    decision: Decision | None = None,
    *,
    base: int,
) -> None:
    """It says something else, is about another course, or is due another day. A step stays the one it was written for.

    `base` as for an objective.
    """
    owner = _review(tx, person_id, cycle_id)
    row = versions.live(tx, DevelopmentItem, owner, number)
    words, by_date = _line(tx, words, course_id, row.step_id, by_date)
    settled = versions.guarded(tx, DevelopmentItem, owner, number, words, decision)
    if versions.change(tx, DevelopmentItem, owner, row, settled, base=base, course_id=course_id, by_date=by_date):
        _record(tx, "plan-line-changed", owner, person_id, number)


@operation(Can.WRITE_PDR)
def done(tx: Tx, person_id: int, cycle_id: int, number: int, on: date | None) -> None:
    """It was done on a day; None: after all not. A course that is completed speaks for itself."""
    owner = _review(tx, person_id, cycle_id)
    row = versions.live(tx, DevelopmentItem, owner, number)
    if on is not None and on > tx.today:
        raise Invalid("The date must be today or in the past.", errors=[{"field": "done_on", "message": "The date must be in the past"}])
    if versions.change(tx, DevelopmentItem, owner, row, done_on=on):
        _record(tx, "plan-line-done" if on else "plan-line-reopened", owner, person_id, number)


@operation(Can.WRITE_PDR)
def take_back_line(tx: Tx, person_id: int, cycle_id: int, number: int) -> None:
    """It should not be on the plan: its words are taken out for good."""
    _take_back(tx, DevelopmentItem, person_id, cycle_id, number, "plan-line-taken-back")


def _line(tx: Tx, words: str, course_id: int | None, step_id: int | None, by_date: date | None) -> tuple[str, date | None]:
    errors: list[dict[str, str]] = []
    if course_id is not None and step_id is not None:
        errors.append({"field": "course", "message": "A line is about a course or about a step, not both"})
    if course_id is not None:
        course = tx.one(select(Course.title, Course.status).where(Course.id == course_id))
        if course is None or course.status == "draft":
            errors.append({"field": "course", "message": "Choose a course of the catalogue"})
        elif not words.strip():
            words = shorten(course.title, WORDS)
    words = versions.words_of(words, WORDS, "what you want to learn or do, or choose a course", errors)
    versions.day_by(tx, by_date, errors)
    versions.refuse(errors)
    return words, by_date


def _take_back(tx: Tx, table: Any, person_id: int, cycle_id: int, number: int, what: str) -> None:
    owner = _review(tx, person_id, cycle_id)
    row = versions.live(tx, table, owner, number)
    tx.update(table, row.id, superseded_at=tx.now)
    versions.redact(tx, table, owner, number)
    _record(tx, what, owner, person_id, number)


def _record(tx: Tx, what: str, owner: dict[str, int], person_id: int, number: int) -> None:
    tx.record(f"pdr.{what}", "pdrs", owner["pdr_id"], person_id=person_id, number=number)
