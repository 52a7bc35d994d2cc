"""Give: a free seat goes to the person who has waited longest in the highest class."""

from __future__ import annotations

from sqlalchemy import ColumnElement, literal_column, select

from app.bookings.models import WAITING_SQL, Booking, Place, Session, Status
from app.core.errors import Conflict
from app.core.tx import Tx
from app.people.models import Person
from app.policy import Can, operation

_WAITING: ColumnElement[bool] = literal_column(WAITING_SQL.replace("status", "bookings.status"))


@operation(Can.MANAGE_SESSIONS)
def give_next(tx: Tx, session_id: int) -> int:
    """Seat the head of the waiting list on a free place; returns the booking. Refuses when nothing is free or nobody waits."""
    head = (
        select(Booking.id, Booking.person_id)
        .where(Booking.session_id == session_id, _WAITING)
        .order_by(Booking.priority, Booking.turn)
        .limit(1)
    )
    first = tx.one(head)
    if first is not None:  # people are locked before sessions, so look, lock both, and look again
        tx.get(Person, first.person_id, lock=True)
    session = tx.get(Session, session_id, lock=True)
    if tx.one(head) != first or first is None:
        raise Conflict("Nobody is waiting, or the list changed just now. Look again.", code="nobody-waiting")
    if session.status != "published" or session.starts_at <= tx.now:
        raise Conflict("This session is over or cancelled.", code="session-started")
    taken = select(Booking.place).where(Booking.session_id == session_id, Booking.place.is_not(None))
    seat = tx.scalar(
        select(Place.number)
        .where(Place.session_id == session_id, ~Place.closing, Place.number.not_in(taken))
        .order_by(Place.number)
        .limit(1)
    )
    if seat is None:
        raise Conflict("No place is free.", code="no-place-free")
    booking = tx.get(Booking, first.id, lock=True)
    status = Status.REQUESTED if booking.approval == "pending" else Status.BOOKED
    tx.update(Booking, booking.id, status=status.value, place=seat, updated_at=tx.now, version=booking.version + 1)
    tx.record(
        "booking.given",
        "bookings",
        booking.id,
        person_id=booking.person_id,
        state=status.value,
        tell=["email.booking_given"],
        was="waiting",
    )
    return int(booking.id)
