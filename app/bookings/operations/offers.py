"""An offered place is accepted, declined, or lapses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, insert, literal_column, select, update

from app.bookings import rules
from app.bookings.models import OFFERED_SQL, Booking, Place, Session, Status
from app.bookings.operations.cancel import end, locked
from app.bookings.operations.queue import each, freed
from app.bookings.terms import cut_off
from app.bookings.terms import policy as figures
from app.core.db import Database
from app.core.errors import Conflict
from app.core.ledger import Audit, Outbox, entry, message
from app.core.tx import SYSTEM, Tx, transaction
from app.policy import Can, operation

_OFFERED: ColumnElement[bool] = literal_column(OFFERED_SQL.replace("status", "bookings.status"))
OVER = "This offer is over: the place has gone to the next person."


@operation(Can.BOOK)
def accept(tx: Tx, booking_id: int) -> Status:
    """Take the place that is held: booked, or requested while approval is pending. Refused once its time is over, or with a clash."""
    booking, session = locked(tx, booking_id, Can.BOOK)
    if booking.status != Status.OFFERED.value:
        raise _no_offer(booking.status)
    if booking.offer_ends_at <= tx.now or session.starts_at <= tx.now:
        raise Conflict(OVER, code="offer-over", way_out="See my bookings.", link="/my-bookings")
    found = rules.facts(tx, session, booking.person_id)
    if found.clash is not None:
        words = rules.clash_words(tx, found.clash, you=booking.person_id == tx.actor.person_id)
        raise Conflict(words, code="clash", way_out="Cancel that booking first, or decline this place.", link="/my-bookings")
    status = Status.REQUESTED if booking.approval == "pending" else Status.BOOKED
    tx.update(Booking, booking.id, status=status.value, offer_ends_at=None, updated_at=tx.now, version=booking.version + 1)
    tell = "email.booking_made" if status is Status.BOOKED else "email.booking_requested"
    tx.record("booking.accepted", "bookings", booking.id, person_id=booking.person_id, state=status.value, tell=[tell], was="offered")
    return status


@operation(Can.CANCEL_BOOKING)
def decline(tx: Tx, booking_id: int) -> None:
    """Say no to the place that is held; it passes on at once, and the turn on the waiting list ends."""
    booking, session = locked(tx, booking_id, Can.CANCEL_BOOKING)
    if booking.status != Status.OFFERED.value:
        raise _no_offer(booking.status)
    if session.starts_at <= tx.now:
        raise Conflict("This offer is over: the session has started.", code="offer-over")
    end(tx, booking, Status.DECLINED, "booking.offer-declined", "email.offer_declined", reason="Declined the offer")


def _no_offer(status: str) -> Conflict:
    if status == Status.EXPIRED.value:
        return Conflict(OVER, code="offer-over", way_out="See my bookings.", link="/my-bookings")
    return Conflict("This has been decided already, or no place is on offer.", code="offer-over", way_out="See my bookings.")


def lapse_due(database: Database) -> int:
    """End every offer whose time is over, a session at a time, so that its places pass on at once; returns how many."""
    with transaction(database, SYSTEM, writes=False) as tx:
        due = tx.rows(select(Booking.session_id).where(_OFFERED, Booking.offer_ends_at <= tx.now).distinct().order_by(Booking.session_id))
        now = tx.now
    return each([row.session_id for row in due], lambda session_id: _lapse_now(database, session_id, now))


def _lapse_now(database: Database, session_id: int, now: datetime) -> int:
    with transaction(database, SYSTEM, writes=True, now=now) as tx:
        return lapse(tx, session_id)


def keep_within(tx: Tx, session_id: int) -> None:
    """The session was moved or closes earlier: an offer holds a place no longer than until its cut-off. The caller holds its lock."""
    until = cut_off(tx.get(Session, session_id), figures(tx))
    over = update(Booking).where(Booking.session_id == session_id, _OFFERED, Booking.offer_ends_at > until)
    tx.db.execute(over.values(offer_ends_at=until, updated_at=tx.now, version=Booking.version + 1))


WHY_LAPSED = "No answer to the offer in time"
_LAPSED: dict[str, Any] = dict(
    status=Status.EXPIRED.value, place=None, offer_ends_at=None, approval_due_at=None, reason=WHY_LAPSED
)  # of every offer that lapses
_LAPSE = (
    update(Booking)
    .where(Booking.id == bindparam("b_id"))
    .values(**_LAPSED, sequence=Booking.sequence + 1, version=Booking.version + 1, updated_at=bindparam("b_now"))
)


def lapse(tx: Tx, session_id: int) -> int:
    """End the offers of one session whose time is over, tell their people, and have the places passed on: a few statements however many."""
    tx.get(Session, session_id, lock=True)
    over = select(Booking.id, Booking.person_id, Booking.place).where(
        Booking.session_id == session_id, _OFFERED, Booking.offer_ends_at <= tx.now
    )
    rows = tx.rows(over.order_by(Booking.priority, Booking.turn))
    if not rows:
        return 0
    tx.db.execute(_LAPSE, [dict(b_id=row.id, b_now=tx.now) for row in rows])
    tx.db.execute(delete(Place).where(Place.session_id == session_id, Place.number.in_([row.place for row in rows]), Place.closing))
    actor = (tx.actor.kind, tx.actor.id, tx.now, tx.request_id)
    facts = {"was": "offered", "reason": WHY_LAPSED}
    moves = [(row, entry(*actor, "booking.offer-lapsed", "bookings", row.person_id, Status.EXPIRED.value, facts)) for row in rows]
    tx.db.execute(insert(Audit), [audit | {"subject_id": row.id} for row, audit in moves])
    told = [(row, message("email.offer_lapsed", tx.now, "bookings", row.person_id, facts)) for row in rows]
    tx.db.execute(insert(Outbox), [mail | {"subject_id": row.id} for row, mail in told])
    freed(tx, session_id)
    return len(rows)
