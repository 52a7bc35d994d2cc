"""Leaving, from the first word of a last day to what is left when it is over; and taking it back.

A departure is *waiting* (a person has to confirm it), *due* (certain: what lies after the last day is seen to at once), *done* (the day is
over), *dropped* (they stay), or *restored* (it was done by mistake, and taken back). While it waits the person has no last day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, and_, func, insert, or_, select, update

from app import policy
from app.bookings.operations.leavers import pieces
from app.core.db import AnySelect, is_postgresql
from app.core.declared import aliased
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.ledger import Audit, entry
from app.core.text import normal
from app.core.tx import Tx
from app.hr.directory_models import Departure, DepartureEffect, LeaverRun
from app.hr.operations import leaving_back, leaving_effects
from app.hr.operations.leaving_effects import record_all
from app.hr.operations.leaving_runs import over, run_of
from app.people.models import Person
from app.people.operations import SAID_TO_STAY
from app.policy import Can, operation

BY_PEOPLE = ("page",)  # somebody has said it of one person: nothing to hold
REASON_MOST = 500


# What sources say --------------------------------------------------------------------------------------------------


def register(tx: Tx, people: AnySelect | Collection[int], source: str, run: str = "", *, confirmed: bool | None = None) -> list[int]:
    """Last days of these people were set, moved or taken back: make it so; returns the departures that are new or changed.

    `source` is import, scim, api or page. `run` names what came together, such as "import:12" or "api:3:2026-11-22" ("": each by itself):
    when more than 2% of those employed in an organisation leave in one run, all of it waits for a person. With `confirmed` that has been
    looked at already: a person was asked and said so (True), or there was nothing to ask (False). Whoever sets a last day has checked that
    they may. Saying the same again changes nothing.
    """
    keys = list(people) if isinstance(people, Collection) else [row[0] for row in tx.rows(people)]
    leaving_effects.locked(tx, keys)
    rows = _known(tx, keys)
    back = [row for row in rows if row.leaving_on is None and row.state == "due"]
    _withdraw(tx, back, "They have no last day any more")
    _returned(tx, [row for row in rows if row.leaving_on is None or row.leaving_on > tx.today])
    repeated = [row for row in rows if row.state == "waiting" and row.leaving_on is not None and source == "api" and row.source == "api"]
    _still_waits(tx, repeated)
    waits = {row.id for row in repeated}
    said = [row for row in rows if row.leaving_on is not None and row.id not in waits]
    moved = [row for row in said if row.state == "due" and row.leaving_on != row.last_day]
    _move(tx, moved, source)
    stays(tx, [row.id for row in back + moved], "Their last day was changed since")
    given = [row for row in said if row.state == "waiting"]
    new = [row for row in said if row.state is None and not row.done]
    ids = _open(tx, given, new, source, run, confirmed)
    return sorted([row.departure_id for row in back + moved] + ids)


def _known(tx: Tx, keys: Sequence[int]) -> list[Row[Any]]:
    """These people with their last day and the departure that is open, if any. `done`: they have left on that very day already."""
    over_ = aliased(Departure)
    done = select(over_.id).where(over_.person_id == Person.id, over_.state == "done", over_.last_day == Person.leaving_on).exists()
    agreed = select(over_.id).where(over_.person_id == Person.id, over_.state == "due").exists()
    open_ = or_(Departure.state == "due", and_(Departure.state == "waiting", ~agreed))
    found: list[Row[Any]] = []
    for piece in pieces(sorted(set(keys))):
        found += tx.rows(
            select(
                Person.id,
                Person.organisation_id,
                Person.leaving_on,
                Departure.id.label("departure_id"),
                Departure.state,
                Departure.last_day,
                Departure.source,
                Departure.run_id,
                done.label("done"),
            )
            .select_from(Person)
            .outerjoin(Departure, and_(Departure.person_id == Person.id, open_))
            .where(Person.id.in_(piece))
            .order_by(Person.id)
        )
    return found


def _open(tx: Tx, given: Sequence[Row[Any]], new: Sequence[Row[Any]], source: str, run: str, confirmed: bool | None) -> list[int]:
    """Departures whose last day has become known; each organisation's wait if they are too many for one run."""
    by_organisation: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in [*given, *new]:
        by_organisation[row.organisation_id].append(row)
    ids: list[int] = []
    for organisation_id, rows in sorted(by_organisation.items()):
        found = run_of(tx, organisation_id, run, [row.id for row in rows], bool(confirmed)) if run and source not in BY_PEOPLE else None
        common = dict(run_id=None if found is None else found.id, source=source)
        for row in rows:
            if row.departure_id is not None:
                tx.update(Departure, row.departure_id, state="due", last_day=row.leaving_on, **common)
        fresh = [
            dict(person_id=row.id, last_day=row.leaving_on, state="due", asked_at=tx.now) | common for row in rows if not row.departure_id
        ]
        tx.insert_many(Departure, fresh)
        theirs = _open_of(tx, [row.id for row in rows])
        record_all(tx, "departure.registered", theirs, source=source)
        ids += [departure for departure, _ in theirs]
        if found is not None and confirmed is None and (found.state == "held" or over(tx, found)):
            _hold(tx, found)
    _take_hold(tx, ids)
    return ids


def _open_of(tx: Tx, people: Sequence[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for piece in pieces(people):
        held = (Departure.person_id.in_(piece), Departure.state.in_(("waiting", "due")))
        found += [(row.id, row.person_id) for row in tx.rows(select(Departure.id, Departure.person_id).where(*held).order_by(Departure.id))]
    return found


def _take_hold(tx: Tx, ids: Sequence[int]) -> None:
    """What lies after the last day is seen to at once; with the day over, so is the rest."""
    due: list[Row[Any]] = []
    for piece in pieces(sorted(ids)):
        due += tx.rows(select(Departure.id, Departure.last_day).where(Departure.id.in_(piece), Departure.state == "due"))
    leaving_effects.arrange(tx, [row.id for row in due])
    leaving_effects.finish(tx, [row.id for row in due if row.last_day < tx.today])


def _hold(tx: Tx, run: Row[Any]) -> None:
    """All of a run that has not come to pass waits: nobody's last day is true until a person has said so. Who was confirmed stays so."""
    due = (Departure.run_id == run.id, Departure.state == "due", Departure.decided_at.is_(None))
    rows = tx.rows(select(Departure.id, Departure.person_id).where(*due))
    tx.update(LeaverRun, run.id, state="held", confirmed_at=None, confirmed_by=None)
    wait(tx, [(row.id, row.person_id) for row in rows])
    tx.record("leavers.held", "leaver_runs", run.id, number=len(rows))


def wait(tx: Tx, held: Sequence[tuple[int, int]]) -> None:
    """These (departure, person) wait for a person to confirm them; what had been seen to is taken back."""
    for piece in pieces([person for _, person in held]):
        tx.db.execute(update(Person).where(Person.id.in_(piece)).values(leaving_on=None, updated_at=tx.now, version=Person.version + 1))
    _told(tx, [person for _, person in held])
    stays(tx, [person for _, person in held], "Another last day waits to be confirmed")
    leaving_back.take_back(tx, [departure for departure, _ in held])
    for piece in pieces([departure for departure, _ in held]):
        tx.db.execute(update(Departure).where(Departure.id.in_(piece)).values(state="waiting", version=Departure.version + 1))
    record_all(tx, "departure.waits", held)


def _still_waits(tx: Tx, rows: Sequence[Row[Any]]) -> None:
    """A client repeats a last day that waits to be confirmed: the newest counts, and waits."""
    for row in rows:
        tx.update(Departure, row.departure_id, last_day=row.leaving_on)
        tx.db.execute(update(Person).where(Person.id == row.id).values(leaving_on=None, updated_at=tx.now, version=Person.version + 1))
    _told(tx, [row.id for row in rows])


def _told(tx: Tx, people: Sequence[int]) -> None:
    """These people's last day is another one: their own trail says so, and with it the feed of changes."""
    actor = (tx.actor.kind, tx.actor.id, tx.now, tx.request_id)
    changed = [
        entry(*actor, "person.changed", "people", person, None, {"fields": ["leaving_on"]}) | {"subject_id": person} for person in people
    ]
    if changed:
        tx.db.execute(insert(Audit), changed)


def _move(tx: Tx, rows: Sequence[Row[Any]], source: str) -> None:
    """Another last day before the first was over: what followed is taken back, and follows anew."""
    if not rows:
        return
    ids = [row.departure_id for row in rows]
    leaving_back.take_back(tx, ids)
    for row in rows:
        forward = row.leaving_on < row.last_day and source not in BY_PEOPLE
        planned = func.coalesce(Departure.planned_day, row.last_day) if forward else None
        said = dict(last_day=row.leaving_on, planned_day=planned, source=source, version=Departure.version + 1)
        tx.db.execute(update(Departure).where(Departure.id == row.departure_id).values(said))
    record_all(tx, "departure.moved", [(row.departure_id, row.id) for row in rows])
    _take_hold(tx, ids)


def _withdraw(tx: Tx, rows: Sequence[Row[Any]], reason: str) -> None:
    """They stay: what had been seen to is taken back."""
    if not rows:
        return
    ids = [row.departure_id for row in rows]
    leaving_back.take_back(tx, ids)
    decided = dict(state="dropped", reason=reason, decided_at=tx.now, decided_by=tx.actor.person_id, version=Departure.version + 1)
    for piece in pieces(ids):
        tx.db.execute(update(Departure).where(Departure.id.in_(piece)).values(**decided))
    record_all(tx, "departure.dropped", [(row.departure_id, row.id) for row in rows], reason=reason)


def _returned(tx: Tx, rows: Sequence[Row[Any]]) -> None:
    """Whoever works here again has seen to their own flags: the things are still theirs."""
    here = [row.id for row in rows]
    for piece in pieces(here):
        done = select(Departure.id).where(Departure.person_id.in_(piece), Departure.state == "done")
        flagged = (DepartureEffect.departure_id.in_(done), DepartureEffect.flagged, DepartureEffect.settled_at.is_(None))
        tx.db.execute(update(DepartureEffect).where(*flagged).values(settled_at=tx.now, settled_by=tx.actor.person_id))


def await_confirmation(tx: Tx, last_days: dict[int, date], source: str, run: str) -> None:
    """A program says that these people leave, and they are too many: nothing of it is true until a person has confirmed it.

    Whoever is known to leave already is passed over, unless on a later day: that stays agreed while an earlier one waits.
    """
    leaving_effects.locked(tx, list(last_days))
    unseen = [row.id for row in _known(tx, list(last_days)) if row.leaving_on is not None and row.departure_id is None]
    register(tx, unseen, "page")  # agreed, but not looked at yet
    waits = {row.person_id for row in _waiting_of(tx, list(last_days))}
    by_organisation: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in _known(tx, list(last_days)):
        if row.id not in waits and (row.departure_id is None or last_days[row.id] < row.last_day):
            by_organisation[row.organisation_id].append(row)
    for organisation_id, rows in sorted(by_organisation.items()):
        found = run_of(tx, organisation_id, run, [row.id for row in rows], False)
        common = dict(run_id=found.id, source=source, state="waiting", asked_at=tx.now)
        tx.insert_many(Departure, [dict(person_id=row.id, last_day=last_days[row.id], planned_day=row.leaving_on) | common for row in rows])
        tx.update(LeaverRun, found.id, state="held", confirmed_at=None, confirmed_by=None)
        theirs = _waiting_of(tx, [row.id for row in rows])
        record_all(tx, "departure.waits", [(row.id, row.person_id) for row in theirs], source=source)
        tx.record("leavers.held", "leaver_runs", found.id, number=len(rows))


def ask(tx: Tx, person_id: int, source: str = "scim", run: str = "") -> int:
    """A directory has deleted somebody: whether they leave, and on which day, waits for a person. Returns the departure.

    A last day that HR has given is kept; somebody whose departure is open already, or who has left, is asked about no second time.
    """
    leaving_effects.locked(tx, [person_id])
    (row,) = _known(tx, [person_id]) or (None,)
    if row is None:
        raise NotFound("There is nobody with that reference.", code="person-not-found")
    if row.departure_id is not None:
        return int(row.departure_id)
    if row.leaving_on is not None:
        register(tx, [person_id], source)
        held = select(Departure.id).where(Departure.person_id == person_id).order_by(Departure.id.desc()).limit(1)
        return int(tx.scalar(held))
    found = run_of(tx, row.organisation_id, run, [person_id], False) if run else None
    departure_id = tx.insert(
        Departure, person_id=person_id, run_id=None if found is None else found.id, source=source, state="waiting", asked_at=tx.now
    )
    record_all(tx, "departure.waits", [(departure_id, person_id)], source=source)
    return departure_id


def not_asked(tx: Tx, person_id: int, source: str, reason: str) -> None:
    """Whoever asked whether this person leaves has them again: what waits on its word alone is over."""
    stays(tx, [person_id], reason, Departure.source == source, Departure.last_day.is_(None))


def stays(tx: Tx, people: Collection[int], reason: str, *which: Any) -> None:
    """Somebody who should know has said that these people stay, or when they leave: what waits about them is over. The caller locks."""
    rows = _waiting_of(tx, people, *which)
    for piece in pieces([row.id for row in rows]):
        over_ = update(Departure).where(Departure.id.in_(piece))
        tx.db.execute(over_.values(state="dropped", reason=reason, decided_at=tx.now, version=Departure.version + 1))
    record_all(tx, "departure.dropped", [(row.id, row.person_id) for row in rows], reason=reason)
    _decided(tx, rows)


def _waiting_of(tx: Tx, people: Collection[int], *which: Any) -> list[Row[Any]]:
    """What waits to be confirmed about these people."""
    found: list[Row[Any]] = []
    for piece in pieces(sorted(people)):
        about = (Departure.person_id.in_(piece), Departure.state == "waiting", *which)
        found += tx.rows(select(Departure.id, Departure.person_id, Departure.run_id).where(*about).order_by(Departure.id))
    return found


# What people decide ------------------------------------------------------------------------------------------------


@operation(Can.CONFIRM_LEAVERS)
def confirm(tx: Tx, ids: Collection[int], last_days: dict[int, date] | None = None) -> int:
    """These departures, which wait, are true; returns how many. `last_days` gives the day of those whose source gave none (or another one).

    All or nothing: Conflict if one of them has been decided meanwhile.
    """
    rows = _waiting(tx, ids)
    days = {row.id: (last_days or {}).get(row.id) or row.last_day for row in rows}
    for row in rows:
        day = days[row.id]
        if day is None:
            raise _wrong(f"last_day_{row.id}", f"Enter the last day of {row.name}")
        if row.started_on is not None and day < row.started_on:
            raise _wrong(f"last_day_{row.id}", f"The last day of {row.name} must not be before the first")
        tx.db.execute(
            update(Person).where(Person.id == row.person_id).values(leaving_on=day, updated_at=tx.now, version=Person.version + 1)
        )
    _withdraw(tx, _agreed(tx, [row.person_id for row in rows]), "Another last day was confirmed")
    for row in rows:
        decided = dict(decided_at=tx.now, decided_by=tx.actor.person_id, version=row.version + 1)
        tx.update(Departure, row.id, state="due", last_day=days[row.id], **decided)
    _told(tx, [row.person_id for row in rows])
    record_all(tx, "departure.confirmed", [(row.id, row.person_id) for row in rows])
    _decided(tx, rows)
    _take_hold(tx, [row.id for row in rows])
    return len(rows)


def _agreed(tx: Tx, people: Sequence[int]) -> list[Row[Any]]:
    """Their departures that are due, which a confirmed one takes the place of."""
    found: list[Row[Any]] = []
    for piece in pieces(people):
        due = (Departure.person_id.in_(piece), Departure.state == "due")
        found += tx.rows(select(Departure.id.label("departure_id"), Departure.person_id.label("id")).where(*due).order_by(Departure.id))
    return found


@operation(Can.CONFIRM_LEAVERS)
def drop(tx: Tx, ids: Collection[int], reason: str) -> int:
    """These people are not leaving; returns how many. What waits is over, with the reason."""
    why = _reason(reason)
    rows = _waiting(tx, ids)
    decided = dict(decided_at=tx.now, decided_by=tx.actor.person_id, reason=why, version=Departure.version + 1)
    tx.db.execute(update(Departure).where(Departure.id.in_([row.id for row in rows])).values(state="dropped", **decided))
    record_all(tx, "departure.dropped", [(row.id, row.person_id) for row in rows])
    _decided(tx, rows)
    return len(rows)


def _waiting(tx: Tx, ids: Collection[int]) -> Sequence[Row[Any]]:
    """Departures that wait, locked, all in reach."""
    wanted = sorted(set(ids))
    if not wanted:
        raise _wrong("departure", "Choose at least one person")
    reached = and_(Departure.id.in_(wanted), policy.within_reach(tx, Can.CONFIRM_LEAVERS, Departure.person_id))
    people = [row.person_id for row in tx.rows(select(Departure.person_id).where(reached))]
    if len(people) < len(wanted):
        raise NotFound("There is no departure with that reference, or it is not one of your people’s.", code="departure-not-found")
    _not_ones_own(tx, people)
    leaving_effects.locked(tx, people)
    columns = (*Departure.__table__.c, Person.name, Person.started_on)
    rows = tx.rows(select(*columns).join(Person, Person.id == Departure.person_id).where(Departure.id.in_(wanted)).order_by(Departure.id))
    if any(row.state != "waiting" for row in rows):
        raise Conflict(
            "Somebody has decided about one of these people already.", code="departure-decided", way_out="Look at the list again."
        )
    return rows


def _not_ones_own(tx: Tx, people: Collection[int]) -> None:
    if tx.actor.person_id in people:
        raise Conflict("You cannot decide about your own leaving.", code="own-departure", way_out="Ask a colleague in HR.")


def _decided(tx: Tx, rows: Sequence[Row[Any]]) -> None:
    """A run of which nobody waits any more has been confirmed."""
    for run_id in sorted({row.run_id for row in rows if row.run_id is not None}):
        waits = tx.scalar(select(Departure.id).where(Departure.run_id == run_id, Departure.state == "waiting").limit(1))
        if waits is None:
            tx.update(LeaverRun, run_id, state="confirmed", confirmed_at=tx.now, confirmed_by=tx.actor.person_id)


@operation(Can.CONFIRM_LEAVERS)
def restore(tx: Tx, departure_id: int, reason: str) -> None:
    """They have not left, or are not leaving, after all: they have no last day, and what followed is taken back as far as it can be.

    Where a program had brought an agreed last day forward, the agreed one holds again.
    What cannot be says why on its row. Conflict if they have been taken on anew since, or nothing is left to restore.
    """
    why = _reason(reason)
    found = tx.one(select(Departure.person_id).where(Departure.id == departure_id))
    if found is None or not policy.reaches(tx, Can.CONFIRM_LEAVERS, found.person_id):
        raise NotFound("There is no departure with that reference, or it is not one of your people’s.", code="departure-not-found")
    _not_ones_own(tx, [found.person_id])
    leaving_effects.locked(tx, [found.person_id])
    row, person = tx.get(Departure, departure_id), tx.get(Person, found.person_id)
    newer = select(Departure.id).where(Departure.person_id == row.person_id, Departure.id > departure_id, Departure.state != "dropped")
    anew = person.started_on is not None and row.last_day is not None and person.started_on > row.last_day
    if row.state not in ("due", "done") or anew or tx.scalar(newer.limit(1)) is not None:
        raise Conflict("There is nothing of this departure to restore.", code="departure-over")
    if person.leaving_on == row.last_day:
        tx.update(Person, person.id, leaving_on=row.planned_day, updated_at=tx.now, version=person.version + 1)
        tx.record("person.changed", "people", person.id, person_id=person.id, fields=["leaving_on"])
    leaving_back.take_back(tx, [departure_id])
    if row.state == "due":
        state: dict[str, Any] = dict(state="dropped", decided_at=tx.now, decided_by=tx.actor.person_id)
    else:
        state = dict(state="restored", restored_at=tx.now, restored_by=tx.actor.person_id)
    tx.update(Departure, departure_id, reason=why, version=row.version + 1, **state)
    record_all(tx, "departure.restored", [(departure_id, row.person_id)])
    register(tx, [row.person_id], "page")  # the last day agreed before, if any


def settle(tx: Tx, effect_id: int) -> int:
    """Somebody has seen to what was flagged; returns the departure. For HR, and for coordinators of these people."""
    cans = [can for can in (Can.CONFIRM_LEAVERS, Can.MANAGE_ENROLMENTS) if policy.may(tx.actor, can)]
    if not cans:
        raise Forbidden("Your account cannot settle what leavers left behind.", way_out="If you think it should, ask the Academy.")
    reached = or_(*(policy.within_reach(tx, can, Departure.person_id) for can in cans))
    statement = select(DepartureEffect.__table__, Departure.person_id).join(Departure, Departure.id == DepartureEffect.departure_id)
    statement = statement.where(DepartureEffect.id == effect_id, DepartureEffect.flagged, reached)
    if is_postgresql(tx.db):
        statement = statement.with_for_update(of=DepartureEffect.__table__)
    row = tx.one(statement)
    if row is None:
        raise NotFound("There is nothing flagged with that reference, or it is not one of your people’s.", code="flag-not-found")
    if row.settled_at is None:
        tx.update(DepartureEffect, effect_id, settled_at=tx.now, settled_by=tx.actor.person_id)
        tx.record("departure.flag-settled", "departure_effects", effect_id, person_id=row.person_id, kind=row.kind)
    return int(row.departure_id)


def _said_to_stay(tx: Tx, person_id: int) -> None:
    leaving_effects.locked(tx, [person_id])
    stays(tx, [person_id], "Another system says that they have no last day")


SAID_TO_STAY.append(_said_to_stay)


def _reason(given: str) -> str:
    why = normal(given)
    if not why:
        raise _wrong("reason", "Say why")
    if len(why) > REASON_MOST:
        raise _wrong("reason", f"The reason must be {REASON_MOST} characters or fewer")
    return why


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(message + ".", errors=[{"field": field, "message": message}])
