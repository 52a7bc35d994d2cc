"""A leaver who was none gets back what they had: their place where it is still free, else their turn in the queue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, insert, literal_column, select, update

from app.bookings.models import LIVE_SQL, Booking, Place, Session, Status
from app.bookings.operations.leavers import REASON, lock, pass_on
from app.core.ledger import Audit, entry
from app.core.tx import Tx

_LIVE: Any = literal_column(LIVE_SQL.replace("status", "bookings.status"))
_BACK = (
    update(Booking)
    .where(Booking.id == bindparam("b_id"))
    .values(
        status=bindparam("b_status"),
        place=bindparam("b_place"),
        offer_ends_at=bindparam("b_offer"),
        approval_due_at=bindparam("b_due"),
        reason=None,
        sequence=Booking.sequence + 1,
        version=Booking.version + 1,
        updated_at=bindparam("b_now"),
    )
)


@dataclass(frozen=True, slots=True)
class Was:
    """What a booking was before its holder's leaving ended it."""

    status: str
    place: int | None
    offer_ends_at: datetime | None
    approval_due_at: datetime | None


@dataclass(slots=True)
class _Room:
    """One session while places are given back: what is free, who waits, who has something on it."""

    free: dict[int, int | None] = field(default_factory=dict)  # place: the quota that it is kept for
    waiting: list[tuple[int, int]] = field(default_factory=list)  # (class, turn)
    people: set[int] = field(default_factory=set)
    turns: set[int] = field(default_factory=set)


def give_back(tx: Tx, wanted: Mapping[int, Was]) -> dict[int, str | None]:
    """Give back bookings that leaving ended, by id; returns for each what could not be given back, in words, or None.

    A place that is still free is theirs again, unless somebody with an earlier turn waits for it. One that is not: they wait again, in the
    turn and class that they had, which comes before everybody who asked later. Nobody is unseated. A handful of statements, however many.
    """
    found = tx.rows(select(Booking.id, Booking.session_id, Booking.person_id, Booking.booked_by).where(Booking.id.in_(list(wanted))))
    if not found:
        return {}
    sessions = {row.session_id for row in found}
    lock(tx, {row.person_id or row.booked_by for row in found}, sessions)
    rooms = _rooms(tx, sessions)
    said: dict[int, str | None] = {}
    changed: list[tuple[Row[Any], str, int | None]] = []
    rows = tx.rows(
        select(Booking.__table__, Session.status.label("session_status"), Session.starts_at, Session.waiting_limit)
        .join(Session, Session.id == Booking.session_id)
        .where(Booking.id.in_(list(wanted)))
        .order_by(Booking.session_id, Booking.priority, Booking.turn)
    )
    for row in rows:
        state, place, said[row.id] = _fate(tx, row, wanted[row.id], rooms[row.session_id])
        if state is not None:
            changed.append((row, state, place))
            _taken(rooms[row.session_id], row, state, place)
    _write(tx, changed, wanted)
    pass_on(tx, sorted({row.session_id for row, state, _ in changed if state == Status.WAITING.value}))
    return said


def _rooms(tx: Tx, sessions: set[int]) -> dict[int, _Room]:
    rooms: dict[int, _Room] = defaultdict(_Room)
    holder = and_(Booking.session_id == Place.session_id, Booking.place == Place.number)
    places = select(Place.session_id, Place.number, Place.quota_id).outerjoin(Booking, holder)
    for row in tx.rows(places.where(Place.session_id.in_(sessions), ~Place.closing, Booking.id.is_(None)).order_by(Place.number)):
        rooms[row.session_id].free[row.number] = row.quota_id
    columns = (Booking.session_id, Booking.person_id, Booking.status, Booking.priority, Booking.turn)
    for row in tx.rows(select(*columns).where(Booking.session_id.in_(sessions), _LIVE)):
        room = rooms[row.session_id]
        room.turns.add(row.turn)
        if row.person_id is not None:
            room.people.add(row.person_id)
        if row.status == Status.WAITING.value:
            room.waiting.append((row.priority, row.turn))
    return rooms


def _fate(tx: Tx, row: Row[Any], was: Was, room: _Room) -> tuple[str | None, int | None, str | None]:
    """The state that a booking goes back to (None: it stays ended) with its place, and what is not as it was."""
    reason = _over(tx, row, was, room)
    if reason is not None:
        return None, None, reason
    if was.status == Status.WAITING.value:
        return was.status, None, None
    seat = _seat(row, was, room)
    lapsed = was.status == Status.OFFERED.value and (was.offer_ends_at is None or was.offer_ends_at <= tx.now)
    if seat is not None and not lapsed:
        return was.status, seat, None
    if was.status == Status.RESERVED.value:
        return None, None, "The place they had reserved has gone to somebody else."
    if lapsed:
        return Status.WAITING.value, None, "The time to accept the offer is over: they wait again, in the turn they had."
    if row.waiting_limit == 0:
        return None, None, "Their place has gone to somebody else, and this session has no waiting list."
    return Status.WAITING.value, None, "Their place has gone to somebody else: they wait again, in the turn they had."


def _over(tx: Tx, row: Row[Any], was: Was, room: _Room) -> str | None:
    """Why nothing of it can be given back at all."""
    if row.status != Status.CANCELLED.value or row.reason != REASON:
        return "The booking has been changed since."
    if row.session_status != "published":
        return "The session has been called off."
    if row.starts_at <= tx.now:
        return "The session has begun."
    if row.person_id in room.people or row.turn in room.turns:
        return "They have another booking for this session."
    if was.status == Status.RESERVED.value and row.name_by <= tx.now:
        return "The time to name somebody for the reserved place is over."
    if row.approval == "pending" and was.approval_due_at is not None and was.approval_due_at <= tx.now:
        return "The time to answer their request is over."
    return None


def _seat(row: Row[Any], was: Was, room: _Room) -> int | None:
    """A free place that they may have: their own before another that is kept for nobody; none while an earlier turn waits."""
    if any(turn < (row.priority, row.turn) for turn in room.waiting):
        return None
    if was.place in room.free:
        return was.place
    return next((number for number, quota in room.free.items() if quota is None), None)


def _taken(room: _Room, row: Row[Any], state: str, place: int | None) -> None:
    room.turns.add(row.turn)
    if row.person_id is not None:
        room.people.add(row.person_id)
    if place is not None:
        del room.free[place]
    elif state == Status.WAITING.value:
        room.waiting.append((row.priority, row.turn))


def _write(tx: Tx, changed: Sequence[tuple[Row[Any], str, int | None]], wanted: Mapping[int, Was]) -> None:
    if not changed:
        return
    values, entries = [], []
    actor = (tx.actor.kind, tx.actor.id, tx.now, tx.request_id)
    for row, state, place in changed:
        was = wanted[row.id]
        offer = was.offer_ends_at if state == Status.OFFERED.value else None
        due = was.approval_due_at if row.approval == "pending" else None
        values.append(dict(b_id=row.id, b_status=state, b_place=place, b_offer=offer, b_due=due, b_now=tx.now))
        facts = {"session_id": row.session_id, "was": row.status, "before": was.status, "place": place}
        entries.append(entry(*actor, "booking.restored", "bookings", row.person_id, state, facts) | {"subject_id": row.id})
    tx.db.execute(_BACK, values)
    tx.db.execute(insert(Audit), entries)
