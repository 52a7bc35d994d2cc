"""Cancel: a seat or a turn is given up, with the reason."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, delete, select

from app import policy
from app.bookings.models import OVER, Booking, Place, Session, Status
from app.bookings.operations import consequences, reasons
from app.bookings.operations.queue import freed
from app.core.errors import Conflict, NotFound
from app.core.tx import Tx
from app.policy import Can, operation

CAN_CANCEL = (Status.REQUESTED, Status.WAITING, Status.OFFERED, Status.BOOKED)


_WHERE = select(Booking.session_id, Booking.person_id).where(Booking.id == bindparam("booking"))


def locked(tx: Tx, booking_id: int, can: Can) -> tuple[Row[Any], Row[Any]]:
    """A booking and its session, person and session locked in that order; NotFound when out of reach."""
    where = tx.one(_WHERE, booking=booking_id)
    if where is None or not policy.reaches(tx, can, where.person_id):
        raise NotFound("There is no booking with that reference.", code="booking-not-found")
    policy.person(tx, can, where.person_id, lock=True)
    session = tx.get(Session, where.session_id, lock=True)
    return tx.get(Booking, booking_id, lock=True), session


@operation(Can.CANCEL_BOOKING)
def cancel(tx: Tx, booking_id: int, reason: str = "", reason_code: str | None = None) -> None:
    """Give up a seat or a turn before the session starts, for one of the council's reasons, in words, or both.

    A place that is given up late has a consequence under the policy of the day (`consequences.late`).
    """
    why = reasons.given(tx, reason_code, reason)
    booking, session = locked(tx, booking_id, Can.CANCEL_BOOKING)
    if booking.status in OVER:
        raise Conflict("This booking has already ended.", code="booking-over")
    if booking.status not in CAN_CANCEL or session.starts_at <= tx.now:
        raise Conflict("The session has started, so this booking cannot be cancelled.", code="session-started")
    late = consequences.is_late(tx, booking, session)
    tx.update(Booking, booking.id, reason_code=why.code)
    end(tx, booking, Status.CANCELLED, "booking.cancelled", "email.booking_cancelled", reason=why.words, late=late)
    if late:
        consequences.late(tx, booking, session.course_id, why)


def end(tx: Tx, booking: Row[Any], status: Status, action: str, tell: str, *, reason: str, **facts: Any) -> None:
    """The booking gives up its seat or turn; a seat whose session was made smaller goes with it.

    `tell` is the kind of message ("": none), to the person or to whom `to` among the facts names.
    """
    values = dict(
        status=status.value,
        place=None,
        offer_ends_at=None,
        approval_due_at=None,
        reason=reason,
        sequence=booking.sequence + 1,
        updated_at=tx.now,
        version=booking.version + 1,
    )
    tx.update(Booking, booking.id, **values)
    if booking.place is not None:
        tx.db.execute(delete(Place).where(Place.session_id == booking.session_id, Place.number == booking.place, Place.closing))
        freed(tx, booking.session_id)
    tx.record(
        action,
        "bookings",
        booking.id,
        person_id=booking.person_id,
        state=status.value,
        tell=[tell] if tell else [],
        reason=reason,
        was=booking.status,
        **facts,
    )
