"""Who is away, and who stands in for a manager or an assessor: recorded by the person, by those above them, or by HR.

Why somebody is away is never kept. The HR extract does not bring these, so its import leaves them alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, select, update

from app import policy
from app.core.db import FOREVER
from app.core.errors import Conflict, Invalid, NotFound
from app.core.facts import current
from app.core.tx import Tx
from app.people.details import check_begins
from app.people.models import Absence, Duty, Person, Responsibility
from app.people.periods import replace_period
from app.policy import Can, operation

# Read --------------------------------------------------------------------------------------------------------------


def absences(tx: Tx, person_id: int) -> Sequence[Row[Any]]:
    """When somebody is away, now and later, soonest first; nothing for those who may not know."""
    if not policy.reaches(tx, Can.READ_ABSENCE, person_id):
        return []
    coming = (Absence.person_id == person_id, Absence.superseded_at.is_(None), Absence.valid_to > tx.today)
    return tx.rows(select(Absence.id, Absence.valid_from, Absence.valid_to).where(*coming).order_by(Absence.valid_from))


def deputies(tx: Tx, person_id: int) -> Sequence[Row[Any]]:
    """Who stands in for somebody, now and later, soonest first. The caller has checked that the person may be read."""
    return tx.rows(
        select(Responsibility.id, Responsibility.valid_from, Responsibility.valid_to, Person.id.label("deputy_id"), Person.name)
        .join(Person, Person.id == Responsibility.holder_id)
        .where(
            Responsibility.kind == Duty.DEPUTY.value,
            Responsibility.person_id == person_id,
            Responsibility.superseded_at.is_(None),
            Responsibility.valid_to > tx.today,
        )
        .order_by(Responsibility.valid_from, Person.sort_name)
    )


def duties(tx: Tx, person_id: int) -> frozenset[str]:
    """For what somebody can be stood in for today: "manager" and "assessor", as far as they have anybody."""
    kinds = (Duty.MANAGER.value, Duty.ASSESSOR.value)
    held = (Responsibility.kind.in_(kinds), Responsibility.holder_id == person_id, current(Responsibility, tx.today))
    return frozenset(row.kind for row in tx.rows(select(Responsibility.kind).where(*held).distinct()))


# Absence -----------------------------------------------------------------------------------------------------------


@operation(Can.ARRANGE_COVER)
def record_absence(tx: Tx, person_id: int, from_: date, to: date = FOREVER) -> None:
    """They are away from a day up to, but not including, another (FOREVER: nobody knows when they come back). The reason is not kept."""
    policy.person(tx, Can.ARRANGE_COVER, person_id, lock=True)
    _check(from_, to)
    replace_period(tx, Absence, {"person_id": person_id}, from_, to, {})
    tx.record("person.absence-recorded", "people", person_id, person_id=person_id, valid_from=from_.isoformat(), valid_to=to.isoformat())


@operation(Can.ARRANGE_COVER)
def end_absence(tx: Tx, person_id: int, absence_id: int) -> None:
    """They are back today; an absence that has not begun is taken back."""
    policy.person(tx, Can.ARRANGE_COVER, person_id, lock=True)
    row = tx.one(select(Absence.__table__).where(Absence.id == absence_id, Absence.person_id == person_id))
    if row is None:
        raise NotFound("There is no absence with that reference.", code="absence-not-found")
    _end(tx, Absence, row)
    tx.record("person.absence-ended", "people", person_id, person_id=person_id, valid_from=row.valid_from.isoformat())


# Deputies ----------------------------------------------------------------------------------------------------------


@operation(Can.ARRANGE_COVER)
def name_deputy(tx: Tx, person_id: int, deputy_id: int, from_: date, to: date = FOREVER) -> None:
    """This colleague stands in for a manager or an assessor from a day up to, but not including, another.

    For a manager they may do what the manager may; for an assessor they see who waits and may ask to take over, and sign nothing in the
    assessor's name (programmes.operations.covering). Whoever is stood in for names them, or somebody above, or HR. The deputy works for
    the same organisation.
    """
    manager = policy.person(tx, Can.ARRANGE_COVER, person_id, lock=True)
    _check(from_, to)
    if not duties(tx, person_id):
        raise Conflict(f"{manager.name} manages nobody and assesses nobody, so there is nothing to stand in for.", code="not-a-manager")
    deputy = tx.one(select(Person.__table__).where(Person.id == deputy_id, Person.organisation_id == manager.organisation_id))
    if deputy is None or (deputy.leaving_on is not None and deputy.leaving_on < max(from_, tx.today)):
        raise _wrong("deputy", "Choose a colleague who works here then")
    if deputy_id == person_id:
        raise _wrong("deputy", "Choose somebody else: nobody stands in for themselves")
    keys = {"kind": Duty.DEPUTY.value, "person_id": person_id, "holder_id": deputy_id}
    replace_period(tx, Responsibility, keys, from_, to, {})
    facts: dict[str, Any] = dict(deputy_id=deputy_id, valid_from=from_.isoformat(), valid_to=to.isoformat())
    tx.record("person.deputy-named", "people", person_id, person_id=person_id, **facts)


@operation(Can.ARRANGE_COVER)
def end_deputy(tx: Tx, person_id: int, duty_id: int) -> None:
    """The deputy no longer stands in from today; one who has not begun never does."""
    policy.person(tx, Can.ARRANGE_COVER, person_id, lock=True)
    held = (Responsibility.id == duty_id, Responsibility.kind == Duty.DEPUTY.value, Responsibility.person_id == person_id)
    row = tx.one(select(Responsibility.__table__).where(*held))
    if row is None:
        raise NotFound("There is no deputy with that reference.", code="deputy-not-found")
    _end(tx, Responsibility, row)
    tx.record("person.deputy-ended", "people", person_id, person_id=person_id, deputy_id=row.holder_id)


def colleague(tx: Tx, person_id: int, said: str) -> int | None:
    """The colleague in somebody's organisation with this work e-mail address or employee number, None if there is none."""
    said = said.strip()
    employer = select(Person.organisation_id).where(Person.id == person_id).scalar_subquery()
    found = (Person.email == said.lower()) | (Person.employee_number == said)
    key = tx.scalar(select(Person.id).where(found, Person.organisation_id == employer).limit(1))
    return None if key is None else int(key)


# Both --------------------------------------------------------------------------------------------------------------


def _check(from_: date, to: date) -> None:
    check_begins(from_)
    if to <= from_:
        raise _wrong("to", "The last day must not be before the first")


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(message + ".", errors=[{"field": field, "message": message}])


def _end(tx: Tx, table: Any, row: Row[Any]) -> None:
    """The period ends today, or is taken back if it has not begun: superseded, with what was true of it written again."""
    if row.superseded_at is not None or row.valid_to <= tx.today:
        raise Conflict("This has already ended.", code="already-ended")
    tx.db.execute(update(table).where(table.id == row.id).values(superseded_at=tx.now))
    if row.valid_from < tx.today:
        old = {key: value for key, value in row._mapping.items() if key not in ("id", "recorded_at", "superseded_at", "valid_to")}
        tx.insert(table, **old, valid_to=tx.today, recorded_at=tx.now)
