"""An offered place is accepted, declined, or lapses."""

from __future__ import annotations

from sqlalchemy import ColumnElement, literal_column, select

from app.bookings import rules
from app.bookings.models import OFFERED_SQL, Booking, Status
from app.bookings.operations.cancel import end, locked
from app.core.db import Database
from app.core.errors import Conflict
from app.core.tx import SYSTEM, Tx, transaction
from app.policy import Can, operation

_OFFERED: ColumnElement[bool] = literal_column(OFFERED_SQL.replace("status", "bookings.status"))


@operation(Can.BOOK)
def accept(tx: Tx, booking_id: int) -> Status:
    """Take the place that is held: booked, or requested while approval is pending. Refused once its time is over, or with a clash."""
    booking, session = locked(tx, booking_id, Can.BOOK)
    if booking.status != Status.OFFERED.value or booking.offer_ends_at <= tx.now or session.starts_at <= tx.now:
        raise Conflict("This offer is over: the place has gone to the next person.", code="offer-over", way_out="See my bookings.")
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
    if booking.status != Status.OFFERED.value or session.starts_at <= tx.now:
        raise Conflict("This offer is over.", code="offer-over", way_out="See my bookings.")
    end(tx, booking, Status.DECLINED, "booking.offer-declined", "email.offer_declined", reason="Declined the offer")


def lapse_due(database: Database) -> int:
    """End every offer whose time is over, each in its own transaction, so that the place passes on at once; returns how many."""
    with transaction(database, SYSTEM, writes=False) as tx:
        due = tx.rows(select(Booking.id).where(_OFFERED, Booking.offer_ends_at <= tx.now).order_by(Booking.offer_ends_at, Booking.id))
    lapsed = 0
    for row in due:
        with transaction(database, SYSTEM, writes=True) as tx:
            lapsed += lapse(tx, row.id)
    return lapsed


def lapse(tx: Tx, booking_id: int) -> bool:
    """End one offer if it is still open and its time is over."""
    booking, _ = locked(tx, booking_id, Can.CANCEL_BOOKING)
    if booking.status != Status.OFFERED.value or booking.offer_ends_at > tx.now:
        return False
    end(tx, booking, Status.EXPIRED, "booking.offer-lapsed", "email.offer_lapsed", reason="No answer to the offer in time")
    return True
