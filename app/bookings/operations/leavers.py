"""Whoever leaves gives up what they have on sessions after their last day: set by set, however many leave at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, literal_column, select, tuple_, update

from app.bookings.models import Booking, PassOn, Place, Session, Status
from app.bookings.operations import queue
from app.core.calendar import london
from app.core.db import AnySelect, Database, is_postgresql
from app.core.ledger import Audit, entry
from app.core.tx import Tx
from app.people.models import Person

REASON = "Left the organisation"
_GIVES_UP = tuple(status.value for status in (Status.RESERVED, Status.REQUESTED, Status.WAITING, Status.OFFERED, Status.BOOKED))
_PIECE = 400  # keys in one statement
_AT_ONCE = 20  # sessions whose places pass on straight after the change; with more the worker does it at its next look
_END = (
    update(Booking)
    .where(Booking.id == bindparam("b_id"))
    .values(
        status=Status.CANCELLED.value,
        place=None,
        offer_ends_at=None,
        approval_due_at=None,
        reason=REASON,
        sequence=Booking.sequence + 1,
        version=Booking.version + 1,
        updated_at=bindparam("b_now"),
    )
)


def free_places_of(tx: Tx, people: AnySelect | Collection[int]) -> int:
    """`free`, and how many there were."""
    return len(free(tx, people))


def free(tx: Tx, people: AnySelect | Collection[int]) -> Sequence[Row[Any]]:
    """End every place, offer, request and turn of these people on sessions that start after their last day; returns what each was before.

    So are places that they reserved for others. Each freed place passes on. Nobody of `people` without a last day is touched. Nobody is
    written to: the person is gone, and the manager knows.
    """
    wanted = _theirs(tx, people)
    if not wanted:
        return []
    sessions = sorted({row.session_id for row in wanted})
    lock(tx, {row.leaver_id for row in wanted}, sessions)
    if is_postgresql(tx.db):
        wanted = _theirs(tx, people)  # somebody may have been quicker
    _end(tx, wanted)
    pass_on(tx, sorted({row.session_id for row in wanted if row.place is not None}))
    return wanted


def lock(tx: Tx, people: Collection[int], sessions: Collection[int]) -> None:
    """Take these people's turns, and then the sessions', each by id."""
    if is_postgresql(tx.db):
        for table, keys in ((Person, sorted(people)), (Session, sorted(sessions))):
            for piece in pieces(keys):
                tx.rows(select(table.id).where(table.id.in_(piece)).order_by(table.id).with_for_update(key_share=True))


def _theirs(tx: Tx, people: AnySelect | Collection[int]) -> Sequence[Row[Any]]:
    """Their live bookings on sessions after their last day, and what they reserved there."""
    live: Any = literal_column("bookings.status NOT IN ('cancelled', 'declined', 'expired')")
    rows = tx.rows(
        select(
            Booking.id,
            Booking.session_id,
            Booking.person_id,
            Booking.place,
            Booking.status,
            Booking.offer_ends_at,
            Booking.approval_due_at,
            Booking.name_by,
            Person.id.label("leaver_id"),
            Person.leaving_on,
            Session.starts_at,
        )
        .select_from(Session)
        .join(Booking, Booking.session_id == Session.id)
        .join(Person, Person.id == func.coalesce(Booking.person_id, Booking.booked_by))
        .where(
            Session.status == "published",
            Session.starts_at > tx.now,
            live,
            Booking.status.in_(_GIVES_UP),
            Person.leaving_on.is_not(None),
            Person.id.in_(people),
        )
        .order_by(Booking.session_id, Booking.priority, Booking.turn)
    )
    return [row for row in rows if row.leaving_on < london(row.starts_at).date()]


def _end(tx: Tx, rows: Sequence[Row[Any]]) -> None:
    if not rows:
        return
    tx.db.execute(_END, [dict(b_id=row.id, b_now=tx.now) for row in rows])
    seats = [(row.session_id, row.place) for row in rows if row.place is not None]
    for piece in pieces(seats):
        tx.db.execute(delete(Place).where(Place.closing, tuple_(Place.session_id, Place.number).in_(piece)))
    actor = (tx.actor.kind, tx.actor.id, tx.now, tx.request_id)
    entries = []
    for row in rows:
        facts = {"session_id": row.session_id, "was": row.status, "reason": REASON, "left_on": row.leaving_on.isoformat()}
        left = entry(*actor, "booking.cancelled", "bookings", row.person_id, Status.CANCELLED.value, facts)
        entries.append(left | {"subject_id": row.id})
    tx.db.execute(insert(Audit), entries)


def pass_on(tx: Tx, sessions: Sequence[int]) -> None:
    """Leave the work of passing places on wherever somebody waits."""
    waited_for: list[int] = []
    for piece in pieces(sessions):
        found = select(Booking.session_id).where(Booking.session_id.in_(piece), queue.WAITING).distinct()
        waited_for += [row.session_id for row in tx.rows(found)]
    tx.insert_many(PassOn, [dict(session_id=session, asked_at=tx.now) for session in sorted(waited_for)])
    if 0 < len(waited_for) <= _AT_ONCE:
        tx.afterwards.append(_now(sorted(waited_for), tx.now))


def _now(sessions: Sequence[int], now: datetime) -> Any:
    def work(database: Database) -> int:
        return queue.each(sessions, lambda session: queue.pass_on_now(database, session, now))

    return work


def pieces(keys: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Keys in portions that one statement takes."""
    for start in range(0, len(keys), _PIECE):
        yield keys[start : start + _PIECE]
