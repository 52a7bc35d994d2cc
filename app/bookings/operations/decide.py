"""Decide: a manager or coordinator grants or refuses a request."""

from __future__ import annotations

from app.bookings import approvals
from app.bookings.models import Booking, Status
from app.bookings.operations.cancel import end, locked
from app.core.errors import Conflict, Forbidden, Invalid
from app.core.text import normal
from app.core.tx import Tx
from app.policy import Can, operation


@operation(Can.BOOK)
def decide(tx: Tx, booking_id: int, granted: bool, reason: str = "") -> None:
    """Grant a pending request (a held seat becomes booked, a turn stays a turn) or refuse it with a reason. Nobody decides their own.

    Where the course says that coordinators approve, nobody else does; once its time is over nobody can.
    """
    booking, session = locked(tx, booking_id, Can.BOOK)
    if booking.person_id == tx.actor.person_id:
        raise Forbidden("Somebody else has to decide your own request.", code="own-request")
    if booking.approval != "pending" or booking.status not in (Status.REQUESTED, Status.WAITING, Status.OFFERED):
        raise Conflict("This request has already been decided.", code="already-decided")
    if tx.actor.person_id is not None and not approvals.may_decide(tx, booking.person_id, approvals.rule(tx, session.course_id)):
        raise Forbidden("Requests for this course are approved by the Academy.", code="academy-decides")
    if booking.approval_due_at is not None and booking.approval_due_at <= tx.now:
        raise Conflict("The time to answer this request is over.", code="request-over", way_out="You can still book for them.")
    if not granted:
        reason = normal(reason)
        if not 3 <= len(reason) <= 500:
            words = "Your reason must be 500 characters or fewer" if len(reason) > 500 else "Say why you refuse"
            raise Invalid(f"{words}.", errors=[{"field": "reason", "message": words}])
        tx.update(Booking, booking.id, approval="refused")
        end(tx, booking, Status.DECLINED, "booking.refused", "email.booking_refused", reason=reason)
        return
    status = Status.BOOKED if booking.status == Status.REQUESTED else Status(booking.status)
    values = dict(approval="granted", approval_due_at=None, status=status.value, updated_at=tx.now, version=booking.version + 1)
    tx.update(Booking, booking.id, **values)
    tell = ["email.booking_made"] if status is Status.BOOKED else []
    tx.record("booking.approved", "bookings", booking.id, person_id=booking.person_id, state=status.value, tell=tell, was=booking.status)
