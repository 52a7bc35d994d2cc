"""Protected time that was had, and caseloads as counted on a day; seen by the person, those above them, their assessor, the coordinator."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row, select

from app import policy
from app.core.errors import Conflict, Invalid, NotFound
from app.core.tx import Tx
from app.people.models import Person
from app.policy import Can, operation
from app.supervision.models import PROTECTED, SOURCES, Caseload, ProtectedTime
from app.supervision.operations.record import EARLIEST


@operation(Can.RECORD_WORKLOAD)
def record_protected_time(tx: Tx, person_id: int, on_date: date, minutes: int, what: str) -> int:
    """They had so many minutes free for learning on a day, 1 to 600; `what` is one of `models.PROTECTED`. Returns the id."""
    policy.person(tx, Can.RECORD_WORKLOAD, person_id, lock=True)
    return _protected(tx, person_id, on_date, minutes, what)


@operation(Can.RECORD_WORKLOAD)
def correct_protected_time(tx: Tx, entry_id: int, on_date: date, minutes: int, what: str) -> int:
    """A new entry takes the place of one that was wrong, which stays readable; returns the new id."""
    old = _live(tx, ProtectedTime, entry_id)
    tx.update(ProtectedTime, old.id, superseded_at=tx.now)
    return _protected(tx, old.person_id, on_date, minutes, what, corrected_from=old.id)


@operation(Can.RECORD_WORKLOAD)
def withdraw_protected_time(tx: Tx, entry_id: int) -> None:
    """It should not have been recorded; it stays readable and no longer counts."""
    old = _live(tx, ProtectedTime, entry_id)
    tx.update(ProtectedTime, old.id, superseded_at=tx.now)
    tx.record("protected-time.withdrawn", "protected_time", old.id, person_id=old.person_id, on_date=old.on_date.isoformat())


def _protected(tx: Tx, person_id: int, on_date: date, minutes: int, what: str, *, corrected_from: int | None = None) -> int:
    errors = _day(tx, on_date)
    if not 1 <= minutes <= 600:
        errors.append({"field": "minutes", "message": "Minutes must be between 1 and 600"})
    if what not in PROTECTED:
        errors.append({"field": "what", "message": "Choose what the time was for"})
    _refuse(errors)
    values = dict(person_id=person_id, on_date=on_date, minutes=minutes, what=what, corrected_from=corrected_from)
    key = tx.insert(ProtectedTime, **values, recorded_by=tx.actor.person_id, recorded_at=tx.now)
    facts: dict[str, Any] = dict(on_date=on_date.isoformat(), minutes=minutes, what=what, corrected=corrected_from is not None)
    tx.record("protected-time.recorded", "protected_time", key, person_id=person_id, **facts)
    return key


@operation(Can.RECORD_WORKLOAD)
def record_caseload(tx: Tx, person_id: int, on_date: date, children: int, percent: int | None = None, source: str | None = None) -> int:
    """So many children were allocated to them on a day, 0 to 200; `percent` of what a confident colleague carries, 0 to 300, where somebody
    judged it. A second count of the same day takes the place of the first. Returns the id."""
    policy.person(tx, Can.RECORD_WORKLOAD, person_id, lock=True)
    errors = _day(tx, on_date)
    if not 0 <= children <= 200:
        errors.append({"field": "children", "message": "The number of children must be between 0 and 200"})
    if percent is not None and not 0 <= percent <= 300:
        errors.append({"field": "percent", "message": "The percentage must be between 0 and 300"})
    _refuse(errors)
    source = source or ("own" if tx.actor.person_id == person_id else "manager")
    if source not in SOURCES:
        raise Invalid("Choose where the count comes from.", errors=[{"field": "source", "message": "Choose where the count comes from"}])
    there = tx.one(
        select(Caseload.id).where(Caseload.person_id == person_id, Caseload.on_date == on_date, Caseload.superseded_at.is_(None))
    )
    if there is not None:
        tx.update(Caseload, there.id, superseded_at=tx.now)
    values = dict(person_id=person_id, on_date=on_date, children=children, percent=percent, source=source)
    key = tx.insert(Caseload, **values, corrected_from=there.id if there else None, recorded_by=tx.actor.person_id, recorded_at=tx.now)
    tx.record("caseload.recorded", "caseloads", key, person_id=person_id, on_date=on_date.isoformat(), source=source)
    return key


@operation(Can.RECORD_WORKLOAD)
def withdraw_caseload(tx: Tx, entry_id: int) -> None:
    """It should not have been recorded; it stays readable and no longer counts."""
    old = _live(tx, Caseload, entry_id)
    tx.update(Caseload, old.id, superseded_at=tx.now)
    tx.record("caseload.withdrawn", "caseloads", old.id, person_id=old.person_id, on_date=old.on_date.isoformat())


def _live(tx: Tx, table: Any, entry_id: int) -> Row[Any]:
    row = tx.one(select(table.__table__).where(table.id == entry_id))
    if row is None or not policy.reaches(tx, Can.RECORD_WORKLOAD, row.person_id):
        raise NotFound("There is no entry with that reference, or it is not one of your people’s.", code="entry-not-found")
    tx.get(Person, row.person_id, lock=True)
    fresh = tx.get(table, entry_id)
    if fresh.superseded_at is not None:
        raise Conflict("This has been corrected or withdrawn meanwhile.", code="superseded", way_out="Open the list again.")
    return fresh


def _day(tx: Tx, on_date: date) -> list[dict[str, str]]:
    if on_date > tx.today:
        return [{"field": "on_date", "message": "The date must be today or in the past"}]
    if on_date < EARLIEST:
        return [{"field": "on_date", "message": f"The date must be in {EARLIEST.year} or later"}]
    return []


def _refuse(errors: list[dict[str, str]]) -> None:
    if errors:
        raise Invalid(errors[0]["message"] + "." if len(errors) == 1 else "Check what you entered.", errors=errors)
