"""Who does what for an enrolment, and since when. Verbs of this room and of those above call these; they have checked the permission."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row, delete, select, update

from app.core.db import FOREVER
from app.core.errors import Conflict, Invalid
from app.core.facts import current
from app.core.tx import Tx
from app.frameworks.models import ProgrammeVersion
from app.people.models import Duty, Person, Responsibility
from app.people.operations import give_duty
from app.programmes import terms
from app.programmes.models import CAPACITIES, Capacity, Enrolment, Involvement

REGISTERED = ("registered", "conditions")
OTHER_SIDE = "That person already takes part in this portfolio on another side. Nobody moderates what they assessed."


def registered(person: Row[Any], on: date) -> bool:
    """Is somebody registered with Social Work England on a day, as far as is known? `person` is a row of people."""
    if not person.swe_number or person.registration_status not in (None, *REGISTERED):
        return False
    if person.registered_from is not None and person.registered_from > on:
        return False
    return person.registered_until is None or person.registered_until >= on


def involve(tx: Tx, enrolment_id: int, person_id: int, capacity: str, from_on: date, to_on: date = FOREVER) -> int:
    """Somebody has a capacity from a day on; returns their involvement. Conflict for whoever stands on another side of this enrolment."""
    enrolment = tx.get(Enrolment, enrolment_id, what="enrolment")
    definition = tx.scalar(select(ProgrammeVersion.definition).where(ProgrammeVersion.id == enrolment.version_id))
    if capacity not in CAPACITIES:
        raise Invalid("There is no such part in a programme.", errors=[{"field": "capacity", "message": "Choose a part from the list"}])
    person = tx.get(Person, person_id, what="person")
    if terms.registered(definition, capacity) and not registered(person, from_on):
        raise Conflict(
            f"{person.name} is not known to be registered with Social Work England. {_article(terms.title(definition, capacity))} must be.",
            code="not-registered",
            way_out="Check their registration with HR, or choose somebody else.",
        )
    side = CAPACITIES[capacity].value
    involvement_id = _involvement(tx, enrolment_id, person_id, side)
    held = select(Capacity.id).where(Capacity.involvement_id == involvement_id, Capacity.capacity == capacity)
    if tx.scalar(held.where(Capacity.valid_from <= from_on, Capacity.valid_to >= to_on)) is not None:
        return involvement_id  # has it already
    tx.insert(
        Capacity,
        involvement_id=involvement_id,
        enrolment_id=enrolment_id,
        side=side,
        capacity=capacity,
        valid_from=from_on,
        valid_to=to_on,
    )
    if capacity == "assessor":
        _assess(tx, person_id, enrolment.person_id, from_on, to_on)
    tx.record(
        "enrolment.involved",
        "enrolments",
        enrolment_id,
        person_id=person_id,
        capacity=capacity,
        from_on=from_on.isoformat(),
        to_on=None if to_on == FOREVER else to_on.isoformat(),
    )
    return involvement_id


def _article(title: str) -> str:
    words = title[:1].lower() + title[1:]
    return f"{'An' if words[0] in 'aeiou' else 'A'} {words}"


def _involvement(tx: Tx, enrolment_id: int, person_id: int, side: str) -> int:
    known = tx.one(
        select(Involvement.id, Involvement.side).where(Involvement.enrolment_id == enrolment_id, Involvement.person_id == person_id)
    )
    if known is None:
        return tx.insert(Involvement, enrolment_id=enrolment_id, person_id=person_id, side=side, since=tx.now)
    if known.side != side:
        raise Conflict(OTHER_SIDE, code="already-involved")
    return int(known.id)


def _assess(tx: Tx, assessor_id: int, person_id: int, from_on: date, to_on: date) -> None:
    """An assessor may see the person's work details and learning while they assess them."""
    known = select(Responsibility.id).where(
        Responsibility.kind == Duty.ASSESSOR.value,
        Responsibility.holder_id == assessor_id,
        Responsibility.person_id == person_id,
        Responsibility.valid_to >= to_on,
    )
    if tx.scalar(known.where(current(Responsibility, from_on))) is None:
        give_duty(tx, Duty.ASSESSOR, assessor_id, from_on, to_on, person_id=person_id)


def end_capacity(tx: Tx, enrolment_id: int, person_id: int, capacity: str, on: date) -> None:
    """Somebody has a capacity no longer, from a day on; one that had not begun is taken out. What they signed stays theirs."""
    rows = tx.rows(
        select(Capacity.id, Capacity.valid_from)
        .join(Involvement, Involvement.id == Capacity.involvement_id)
        .where(
            Involvement.enrolment_id == enrolment_id,
            Involvement.person_id == person_id,
            Capacity.capacity == capacity,
            Capacity.valid_to > on,
        )
    )
    if not rows:
        raise Conflict("They do not have that part in this programme any more.", code="not-involved")
    for row in rows:
        if row.valid_from >= on:
            tx.db.execute(delete(Capacity).where(Capacity.id == row.id))
        else:
            tx.update(Capacity, row.id, valid_to=on)
    if capacity == "assessor":
        _assess_no_more(tx, enrolment_id, person_id, on)
    tx.record("enrolment.involvement-ended", "enrolments", enrolment_id, person_id=person_id, capacity=capacity, on=on.isoformat())


def _assess_no_more(tx: Tx, enrolment_id: int, assessor_id: int, on: date) -> None:
    """End the duty with the part, unless they assess the same person on another programme."""
    learner = tx.scalar(select(Enrolment.person_id).where(Enrolment.id == enrolment_id))
    elsewhere = (
        select(Capacity.id)
        .join(Involvement, Involvement.id == Capacity.involvement_id)
        .join(Enrolment, Enrolment.id == Involvement.enrolment_id)
        .where(
            Enrolment.person_id == learner,
            Involvement.person_id == assessor_id,
            Capacity.capacity == "assessor",
            Capacity.valid_to > on,
        )
    )
    if tx.scalar(elsewhere) is not None:
        return
    duties = tx.rows(
        select(Responsibility.__table__).where(
            Responsibility.kind == Duty.ASSESSOR.value,
            Responsibility.holder_id == assessor_id,
            Responsibility.person_id == learner,
            Responsibility.superseded_at.is_(None),
            Responsibility.valid_to > on,
        )
    )
    for duty in duties:
        tx.db.execute(update(Responsibility).where(Responsibility.id == duty.id).values(superseded_at=tx.now))
        if duty.valid_from < on:
            give_duty(tx, Duty.ASSESSOR, assessor_id, duty.valid_from, on, person_id=learner)
