"""Recording that supervision took place: the day, the kind, the minutes and who supervised, never what was said."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, insert, select, update

from app import policy
from app.core.calendar import long_date
from app.core.db import is_postgresql
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ledger import Audit, entry
from app.core.tx import Tx
from app.learning import sources
from app.learning.sources import Learning
from app.people.models import Person
from app.policy import Can, operation
from app.supervision.models import KINDS, LEARNING, PLACES, WITHDRAWN, Supervision, Supervisor
from app.supervision.operations import supervising

EARLIEST = date(2000, 1, 1)
REGISTERED = ("registered", "conditions")  # what Social Work England calls somebody who may practise


@dataclass(frozen=True, slots=True)
class New:
    """One supervision to record; `field` names what is wrong with it on a form ("held_on", or "held_on-3" for the third of several)."""

    person_id: int
    held_on: date
    kind: str
    minutes: int
    supervisor_ids: tuple[int, ...]
    place: str | None = None
    suffix: str = ""


@operation(Can.RECORD_SUPERVISION)
def record(
    tx: Tx, person_id: int, held_on: date, kind: str, minutes: int, supervisor_ids: Collection[int], place: str | None = None
) -> int:
    """Somebody was supervised on a day; returns the id.

    Those above them, their assessor and they themselves may record it. What they record themselves counts at once, is shown as their own
    entry, and is confirmed by one of those who supervised. Invalid, with the field, for a day to come, an unknown kind, minutes outside 1
    to 600, no supervisor or one who cannot have been (`supervising`); Conflict if it is recorded already.
    """
    return record_many(tx, [New(person_id, held_on, kind, minutes, tuple(supervisor_ids), place)])[0]


@operation(Can.RECORD_SUPERVISION)
def record_many(tx: Tx, new: Sequence[New]) -> list[int]:
    """Several at once, all or none; the same number of statements however many."""
    people = _lock(tx, {each.person_id for each in new})
    within = set(tx.db.execute(_reached(tx, people)).scalars())
    if people.keys() != within or len(people) < len({each.person_id for each in new}):
        raise NotFound("There is nobody with that reference, or they are not one of your people.", code="person-not-found")
    return add(tx, new)


def _lock(tx: Tx, ids: Collection[int]) -> dict[int, Row[Any]]:
    """People are locked by id, so that two who record at once take turns."""
    statement = select(Person.__table__).where(Person.id.in_(ids)).order_by(Person.id)
    if is_postgresql(tx.db):
        statement = statement.with_for_update(key_share=True)
    return {row.id: row for row in tx.rows(statement)}


def _reached(tx: Tx, ids: Collection[int]) -> Any:
    return select(Person.id).where(Person.id.in_(ids), policy.within_reach(tx, Can.RECORD_SUPERVISION, Person.id))


def add(tx: Tx, new: Sequence[New], *, source: str = "entry", old: Row[Any] | None = None) -> list[int]:
    """Write them, once who may has been asked; returns their ids in the same order. `old`: what the only one of them corrects."""
    corrected_from, first = (None, None) if old is None else (old.id, old.first_id or old.id)
    asked = [(each.person_id, each.held_on, key) for each in new for key in each.supervisor_ids]
    refused = supervising.unfit(tx, asked, had=old.id if old is not None else None, recording=source == "entry")
    supervisors = _supervisors(tx, new)
    errors = [error for each in new for error in _wrong(tx, each, refused)] + _repeated(new)
    if errors:
        raise Invalid(errors[0]["message"] + "." if len(errors) == 1 else "Check what you entered.", errors=errors)
    _not_yet(tx, new)
    actor = tx.actor.person_id
    rows = [
        dict(
            person_id=each.person_id,
            held_on=each.held_on,
            kind=each.kind,
            minutes=each.minutes,
            place=each.place,
            source=source,
            recorded_by=actor,
            recorded_at=tx.now,
            corrected_from=corrected_from,
            first_id=first,
        )
        for each in new
    ]
    made = insert(Supervision).returning(Supervision.id, sort_by_parameter_order=True)
    ids = [int(key) for key in tx.db.execute(made, rows).scalars()]
    by = [
        dict(
            supervision_id=key,
            person_id=supervisor,
            registered=registered_on(supervisors[supervisor], each.held_on),
            supervised_id=each.person_id,
            held_on=each.held_on,
            kind=each.kind,
            live=True,
        )
        for key, each in zip(ids, new, strict=True)
        for supervisor in each.supervisor_ids
    ]
    tx.insert_many(Supervisor, by)
    sources.settle(tx, "supervision", {(first or key, each.person_id): _learning(each) for key, each in zip(ids, new, strict=True)})
    action = "supervision.recorded" if old is None else "supervision.corrected"
    _audit(tx, action, [(key, each.person_id, _facts(each, source)) for key, each in zip(ids, new, strict=True)])
    return ids


def _learning(each: New) -> Learning | None:
    """What a supervision comes to in the learning record of whoever was supervised; None for a kind that is no learning."""
    activity = LEARNING.get(each.kind)
    return None if activity is None else Learning(each.held_on, each.minutes, activity, KINDS[each.kind])


def _facts(each: New, source: str) -> dict[str, Any]:
    return dict(held_on=each.held_on.isoformat(), kind=each.kind, minutes=each.minutes, source=source)


def _supervisors(tx: Tx, new: Sequence[New]) -> dict[int, Row[Any]]:
    wanted = {key for each in new for key in each.supervisor_ids}
    return {row.id: row for row in tx.rows(select(Person.__table__).where(Person.id.in_(wanted)))} if wanted else {}


def _wrong(tx: Tx, each: New, refused: Mapping[supervising.Asked, str]) -> list[dict[str, str]]:
    found = []
    if each.held_on > tx.today:
        found.append(("held_on", "The date must be today or in the past: record it once it has taken place"))
    elif each.held_on < EARLIEST:
        found.append(("held_on", f"The date must be in {EARLIEST.year} or later"))
    if each.kind not in KINDS:
        found.append(("kind", "Choose what kind of supervision it was"))
    if not 1 <= each.minutes <= 600:
        found.append(("minutes", "Minutes must be between 1 and 600"))
    if each.place is not None and each.place not in PLACES:
        found.append(("place", "Choose where it took place from the list"))
    if not each.supervisor_ids or len(set(each.supervisor_ids)) < len(each.supervisor_ids):
        found.append(("supervisor", "Choose who supervised, each once"))
    elif each.person_id in each.supervisor_ids:
        found.append(("supervisor", "Nobody supervises themselves: choose somebody else"))
    elif why := next((refused[said] for key in each.supervisor_ids if (said := (each.person_id, each.held_on, key)) in refused), ""):
        found.append(("held_on" if each.suffix else "supervisor", why))  # among several nobody is asked who supervised, only when
    return [{"field": field + each.suffix, "message": message} for field, message in found]


def _repeated(new: Sequence[New]) -> list[dict[str, str]]:
    seen: set[Any] = set()
    found = []
    for each in new:
        keys = {(each.person_id, each.held_on, each.kind, supervisor) for supervisor in each.supervisor_ids}
        if keys & seen:
            message = f"{long_date(each.held_on)} is entered twice for the same person, kind and supervisor"
            found.append({"field": f"held_on{each.suffix}", "message": message})
        seen |= keys
    return found


def _not_yet(tx: Tx, new: Sequence[New]) -> None:
    """The database has the last word; this says which one it is."""
    there = already(tx, new)
    errors = []
    for each in new:
        if any((each.person_id, each.held_on, each.kind, supervisor) in there for supervisor in each.supervisor_ids):
            message = f"{KINDS[each.kind]} on {long_date(each.held_on)} with this supervisor is recorded already"
            errors.append({"field": f"held_on{each.suffix}", "message": message})
    if errors:
        raise Conflict(
            errors[0]["message"] + ".", code="supervision-twice", way_out="If it is wrong, correct the one that is there.", errors=errors
        )


def already(tx: Tx, new: Sequence[New]) -> set[tuple[int, date, str, int]]:
    """(Who was supervised, day, kind, supervisor) of what is recorded for these people between the first and the last of these days."""
    if not new:
        return set()
    days = [each.held_on for each in new]
    rows = tx.rows(
        select(Supervisor.supervised_id, Supervisor.held_on, Supervisor.kind, Supervisor.person_id).where(
            Supervisor.live,
            Supervisor.supervised_id.in_({each.person_id for each in new}),
            Supervisor.held_on >= min(days),
            Supervisor.held_on <= max(days),
        )
    )
    return {(row.supervised_id, row.held_on, row.kind, row.person_id) for row in rows}


def registered_on(person: Any, day: date) -> bool:
    """Was somebody registered with Social Work England on a day, as far as their record says now?"""
    if person.swe_number is None or person.registration_status not in REGISTERED:
        return False
    return (person.registered_from or day) <= day <= (person.registered_until or day)


# Afterwards --------------------------------------------------------------------------------------------------------


@operation(Can.RECORD_SUPERVISION)
def correct(
    tx: Tx,
    supervision_id: int,
    held_on: date,
    kind: str,
    minutes: int,
    supervisor_ids: Collection[int],
    place: str | None = None,
) -> int:
    """Something about it was entered wrongly: a new entry takes its place, and the old one stays readable; returns the new id.

    A correction by who was supervised has to be confirmed anew.
    """
    old = _held(tx, supervision_id)
    _supersede(tx, old.id)
    new = New(old.person_id, held_on, kind, minutes, tuple(supervisor_ids), place)
    return add(tx, [new], source=old.source, old=old)[0]


@operation(Can.RECORD_SUPERVISION)
def withdraw(tx: Tx, supervision_id: int, why: str) -> None:
    """It should not have been recorded: `why` is one of `models.WITHDRAWN`. It no longer counts, and stays readable."""
    old = _held(tx, supervision_id)
    if why not in WITHDRAWN:
        message = "Choose why this does not count"
        raise Invalid(message + ".", errors=[{"field": "why", "message": message}])
    _supersede(tx, old.id, withdrawn=why)
    sources.settle(tx, "supervision", {(old.first_id or old.id, old.person_id): None})
    _audit(tx, "supervision.withdrawn", [(old.id, old.person_id, {"reason": why, "held_on": old.held_on.isoformat()})])


@operation(Can.RECORD_SUPERVISION)
def confirm(tx: Tx, supervision_id: int) -> None:
    """What somebody recorded of their own supervision is right, says one of those who supervised, or who stands above them."""
    row = _held(tx, supervision_id, given=True)
    if row.person_id == tx.actor.person_id:
        raise Conflict("You recorded this yourself: one of those who supervised confirms it.", code="own-supervision")
    if row.confirmed_at is not None or row.recorded_by != row.person_id:
        return
    tx.update(Supervision, row.id, confirmed_by=tx.actor.person_id, confirmed_at=tx.now if tx.actor.person_id else None)
    _audit(tx, "supervision.confirmed", [(row.id, row.person_id, {"held_on": row.held_on.isoformat()})])


def not_there() -> NotFound:
    """The refusal for a supervision that does not exist or is out of reach: the two look the same."""
    return NotFound("There is no supervision with that reference, or it is not one of your people’s.", code="supervision-not-found")


def _held(tx: Tx, supervision_id: int, *, given: bool = False) -> Row[Any]:
    """The live supervision, its person locked first; NotFound out of reach. `given`: whoever supervised reaches it too."""
    row = tx.one(select(Supervision.__table__).where(Supervision.id == supervision_id))
    mine = select(Supervisor.person_id).where(Supervisor.supervision_id == supervision_id, Supervisor.person_id == tx.actor.person_id)
    reached = row is not None and (policy.reaches(tx, Can.RECORD_SUPERVISION, row.person_id) or (given and tx.scalar(mine) is not None))
    if row is None or not reached:
        raise not_there()
    tx.get(Person, row.person_id, lock=True)
    fresh = tx.get(Supervision, supervision_id)
    if fresh.superseded_at is not None:
        raise Conflict("This has been corrected or withdrawn meanwhile.", code="superseded", way_out="Open the list again.")
    return fresh


def _supersede(tx: Tx, supervision_id: int, **values: Any) -> None:
    tx.db.execute(update(Supervisor).where(Supervisor.supervision_id == supervision_id).values(live=False))
    tx.update(Supervision, supervision_id, superseded_at=tx.now, **values)


def _audit(tx: Tx, action: str, about: Sequence[tuple[int, int, dict[str, Any]]]) -> None:
    actor = tx.actor
    rows = [
        entry(actor.kind, actor.id, tx.now, tx.request_id, action, "supervisions", person_id, None, facts) | {"subject_id": key}
        for key, person_id, facts in about
    ]
    tx.insert_many(Audit, rows)
