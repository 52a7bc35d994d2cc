"""Passing a place on: a colleague who qualifies takes it, with its turn and class. At no moment is it free."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from app import policy
from app.bookings.models import Booking, Session, Status
from app.bookings.operations import approval, fit, interest
from app.bookings.operations.queue import WAITING
from app.core.db import ONE, is_postgresql
from app.core.errors import Conflict, NotFound
from app.core.tx import Tx
from app.learning.models import Course
from app.people.models import Person
from app.policy import Can, operation

# One answer whether nobody has that address or the person does not qualify: whoever asks learns neither.
CANNOT = "That person cannot take this place."
WAY_OUT = "They must work for the same organisation, be free at that time and meet what the session asks for. Ask them, or the Academy."


@operation(Can.CANCEL_BOOKING)
def pass_on_to(tx: Tx, booking_id: int, receiver_id: int) -> int:
    """Give a booked place to a colleague; returns the receiver's booking. The giver's ends, and so does a waiting turn of the receiver.

    The receiver must be of the giver's organisation, or somebody the actor may book for. Refused while others wait if the course says so.
    """
    session, booking, receiver = _locked(tx, booking_id, receiver_id)
    if booking.status != Status.BOOKED.value:
        raise Conflict("Only a booked place can be passed on.", code="not-booked", way_out="Cancel the booking instead.")
    if session.status != "published" or session.starts_at <= tx.now:
        raise Conflict("The session has started or is cancelled.", code="session-started")
    waits = select(ONE).select_from(Booking).where(Booking.session_id == session.id, WAITING).limit(1)
    if not tx.get(Course, session.course_id).pass_while_waiting and tx.scalar(waits) is not None:
        words = "Places on this course cannot be passed on while others wait for them."
        raise Conflict(words, code="others-wait", way_out="Cancel the booking: the place goes to whoever is next.")
    reached = policy.reaches(tx, Can.BOOK, receiver_id) and policy.reaches(tx, Can.READ_BOOKINGS, receiver_id)
    if booking.person_id == receiver_id or not (reached or receiver.organisation_id == _employer(tx, booking.person_id)):
        raise cannot()
    if problem := fit.obstacle(tx, session, receiver_id, booking.place):
        raise Conflict(problem.message, code=problem.code, way_out=problem.way_out) if reached else cannot()
    asked = fit.begin_approval(tx, session, receiver_id)
    fit.give_up_turn(tx, session.id, receiver_id)
    interest.end(tx, session.course_id, receiver_id)
    return _hand_over(tx, booking, receiver_id, asked)


def cannot() -> Conflict:
    """The refusal that gives nobody away."""
    return Conflict(CANNOT, code="cannot-receive", way_out=WAY_OUT, errors=[{"field": "email", "message": CANNOT}])


def _locked(tx: Tx, booking_id: int, receiver_id: int) -> tuple[Row[Any], Row[Any], Row[Any]]:
    """The session, the booking and the receiver, people locked by id before the session."""
    where = tx.one(select(Booking.session_id, Booking.person_id).where(Booking.id == booking_id))
    if where is None or where.person_id is None or not policy.reaches(tx, Can.CANCEL_BOOKING, where.person_id):
        raise NotFound("There is no booking with that reference.", code="booking-not-found")
    both = select(Person.id, Person.organisation_id).where(Person.id.in_([where.person_id, receiver_id])).order_by(Person.id)
    people = {row.id: row for row in tx.rows(both.with_for_update(key_share=True) if is_postgresql(tx.db) else both)}
    session = tx.get(Session, where.session_id, lock=True)
    if receiver_id not in people:
        raise cannot()
    return session, tx.get(Booking, booking_id, lock=True), people[receiver_id]


def _employer(tx: Tx, person_id: int) -> int | None:
    found: int | None = tx.scalar(select(Person.organisation_id).where(Person.id == person_id))
    return found


def _hand_over(tx: Tx, booking: Row[Any], receiver_id: int, asked: approval.Ask) -> int:
    """The place leaves one booking and enters the other under the session's lock, which nobody else can see between."""
    reason = "Passed on to a colleague"
    ended = dict(status=Status.CANCELLED.value, place=None, reason=reason, sequence=booking.sequence + 1)
    tx.update(Booking, booking.id, **ended, updated_at=tx.now, version=booking.version + 1)
    state = Status.CANCELLED.value
    facts = dict(was=booking.status, reason=reason)
    tx.record("booking.passed", "bookings", booking.id, person_id=booking.person_id, state=state, tell=["email.place_passed"], **facts)
    status = Status.REQUESTED if asked.state == "pending" else Status.BOOKED
    values = dict(
        session_id=booking.session_id,
        person_id=receiver_id,
        booked_by=tx.actor.person_id,
        place=booking.place,
        priority=booking.priority,
        priority_because=booking.priority_because,
        turn=booking.turn,
        approval=asked.state,
        approval_due_at=asked.due_at,
        status=status.value,
        passed_from=booking.id,
        sequence=0,
        version=1,
        created_at=tx.now,
        updated_at=tx.now,
    )
    received = tx.insert_recorded(
        Booking,
        values,
        action="booking.received",
        person_id=receiver_id,
        state=status.value,
        tell=["email.booking_passed"],
        session_id=booking.session_id,
        passed_from=booking.id,
        **asked.facts,
    )
    approval.ask(tx, received, receiver_id, asked)
    return received
