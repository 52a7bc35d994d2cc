"""Give: a coordinator seats somebody from the waiting list, in its order or, with a reason, out of it.

Places that come free are offered by themselves (`queue`). What is left for this is a free place that could not be offered, because too
little time is left for anybody to answer.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from app.bookings import rules
from app.bookings.models import Booking, Session, Status
from app.bookings.operations.cancel import locked
from app.bookings.operations.queue import Seat, free_seats, match
from app.core.errors import Conflict, Invalid
from app.core.text import normal
from app.core.tx import Tx
from app.people.models import Person
from app.policy import Can, operation

CLASSES = range(1, 10)  # 1 first; 5 is the usual one


@operation(Can.MANAGE_SESSIONS)
def give_next(tx: Tx, session_id: int) -> int:
    """Seat the first of those who wait and may have it on a free place; returns the booking. Refuses when nothing is free, or nobody waits.

    A place that could still be offered is on its way to that person already.
    """
    expected = _next(tx, tx.get(Session, session_id, what="session"))
    if expected is not None:  # people are locked before sessions, so look, lock both, and look again
        tx.get(Person, expected[0].person_id, lock=True)
    session = tx.get(Session, session_id, lock=True)
    _still_to_come(tx, session)
    if not free_seats(tx, session_id):
        raise Conflict("No place is free.", code="no-place-free")
    found = _next(tx, session)
    if found is None or expected is None or found[0].id != expected[0].id:
        raise Conflict("Nobody is waiting, or the list changed just now. Look again.", code="nobody-waiting")
    return _seat(tx, session, tx.get(Booking, found[0].id, lock=True), found[1])


@operation(Can.MANAGE_SESSIONS)
def give_to(tx: Tx, booking_id: int, reason: str) -> int:
    """Seat one of those who wait before the others, for a reason that is kept. Refuses without a free place that they may have."""
    booking, session = locked(tx, booking_id, Can.BOOK)
    _still_to_come(tx, session)
    if booking.status != Status.WAITING.value:
        raise Conflict("They are not waiting any more. Look again.", code="not-waiting")
    seats = free_seats(tx, session.id)
    if not seats:
        raise Conflict(
            "No place is free.",
            code="no-place-free",
            way_out="Change their class, so that the next place that comes free is offered to them.",
        )
    reason = checked(reason, "why")
    pairs = match(tx, session, seats, only=booking.id)
    if not pairs:
        raise Conflict("The free places are kept for a group or team that they do not belong to.", code="place-kept")
    return _seat(tx, session, booking, pairs[0][1], override=True, reason=reason)


@operation(Can.MANAGE_SESSIONS)
def change_priority(tx: Tx, booking_id: int, priority: int, reason: str) -> None:
    """Put somebody who waits into another class of the queue; their turn within it stays. The reason is kept and shown to them."""
    reason = checked(reason)
    if priority not in CLASSES:
        raise Invalid("Choose a class.", errors=[{"field": "priority", "message": "Choose a class from the list"}])
    booking, _ = locked(tx, booking_id, Can.BOOK)
    if booking.status != Status.WAITING.value:
        raise Conflict("They are not waiting any more. Look again.", code="not-waiting")
    if booking.priority == priority:
        raise Conflict("They are in this class already.", code="same-class")
    values = dict(priority=priority, priority_because=reason, updated_at=tx.now, version=booking.version + 1)
    tx.update(Booking, booking.id, **values)
    facts = dict(was=booking.priority, priority=priority, reason=reason)
    tx.record("booking.priority-changed", "bookings", booking.id, person_id=booking.person_id, **facts)


def checked(reason: str, field: str = "reason") -> str:
    """A reason in words, or Invalid that names the field it was given in."""
    reason = normal(reason)
    if not 3 <= len(reason) <= 500:
        raise Invalid("Say why.", errors=[{"field": field, "message": "Enter a reason, up to 500 characters"}])
    return reason


def _next(tx: Tx, session: Row[Any]) -> tuple[Row[Any], Seat] | None:
    seats = free_seats(tx, session.id)
    pairs = match(tx, session, seats) if seats else []
    return pairs[0] if pairs else None


def _still_to_come(tx: Tx, session: Row[Any]) -> None:
    if session.status != "published" or session.starts_at <= tx.now:
        raise Conflict("This session is over or cancelled.", code="session-started")


def _seat(tx: Tx, session: Row[Any], booking: Row[Any], seat: Seat, **facts: Any) -> int:
    found = rules.facts(tx, session, booking.person_id)
    if found.clash is not None:
        words = rules.clash_words(tx, found.clash, you=False)
        raise Conflict(words, code="clash", way_out="Ask them which of the two they want.")
    status = Status.REQUESTED if booking.approval == "pending" else Status.BOOKED
    tx.update(Booking, booking.id, status=status.value, place=seat.number, updated_at=tx.now, version=booking.version + 1)
    tell = ["email.booking_given"]
    about = dict(person_id=booking.person_id, state=status.value)
    tx.record("booking.given", "bookings", booking.id, tell=tell, was="waiting", place=seat.number, **about, **facts)
    return int(booking.id)
