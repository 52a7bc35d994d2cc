"""Walk-in: somebody who turned up without a place gets one, if one is free and nobody waits for it."""

from __future__ import annotations

from sqlalchemy import or_, select

from app import policy
from app.bookings import registers, rules
from app.bookings.models import Booking, Session, Status
from app.bookings.operations import interest
from app.bookings.operations.attend import open_register
from app.core.errors import Conflict, Forbidden, NotFound
from app.core.tx import Tx
from app.people.models import Person
from app.policy import Can, operation

PASSED_OVER = ("session-started", "window-closed", "window-not-open")  # what somebody at the door need not mind


def named(tx: Tx, session_id: int, typed: str) -> int:
    """Whose work e-mail or employee number this is, exactly; NotFound where it is nobody's whom the actor could add."""
    typed = typed.strip()
    today = or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today)
    found = tx.rows(
        select(Person.id).where(or_(Person.email == typed.lower(), Person.employee_number == typed), today).order_by(Person.id).limit(2)
    )
    registers.within(tx, session_id)
    if not typed or len(found) != 1 or not (_runs(tx, found[0].id) or policy.reaches(tx, Can.BOOK, found[0].id) or _at_the_door(tx)):
        raise NotFound("There is nobody with that work e-mail or employee number.", code="person-not-found")
    return int(found[0].id)


def _runs(tx: Tx, person_id: int) -> bool:
    """A coordinator, for this person: may go on adding people after the start, and decides approval."""
    return policy.may(tx.actor, Can.MANAGE_SESSIONS) and policy.reaches(tx, Can.BOOK, person_id)


def _at_the_door(tx: Tx) -> bool:
    return (policy.Reach.DELIVERED, None) in policy.terms(tx.actor, Can.TAKE_REGISTER)


@operation(Can.TAKE_REGISTER)
def walk_in(tx: Tx, session_id: int, person_id: int) -> int:
    """Book a free place for somebody who is there; returns the booking. Their trainer can before the session starts, a coordinator until
    the register is finished. All other rules of booking hold, and where a manager has to approve only a coordinator can."""
    person = tx.get(Person, person_id, lock=True, what="person")
    registers.within(tx, session_id)
    session = open_register(tx, session_id)
    runs = _runs(tx, person_id)
    first = registers.parts(tx, session_id)[0]
    if tx.now < registers.opens(tx, first):
        raise Conflict("The session is not about to start: book a place as usual.", code="register-not-open")
    if session.starts_at <= tx.now and not runs:
        raise Forbidden("After the start only a coordinator can add somebody.", way_out="Ask the Academy.", code="session-started")
    if session.needs_approval and not runs:
        raise Forbidden("This session needs approval, which you cannot give.", way_out="Ask the Academy.", code="approval-needed")
    found = rules.facts(tx, session, person_id)
    blocked = [why for why in rules.reasons(tx, session, person_id, found, you=False) if why.blocks and why.code not in PASSED_OVER]
    if blocked:
        raise Conflict(blocked[0].message, code=blocked[0].code, way_out=blocked[0].way_out)
    if found.place is None:
        raise Conflict("No place is free, or somebody is waiting for it.", code="no-place-free", way_out="The waiting list goes first.")
    tx.update(Session, session_id, next_turn=session.next_turn + 1)
    values = dict(
        session_id=session_id,
        person_id=person.id,
        booked_by=tx.actor.person_id,
        place=found.place,
        turn=session.next_turn,
        priority=5,
        approval="granted" if session.needs_approval else "not needed",
        status=Status.BOOKED.value,
        sequence=0,
        version=1,
        created_at=tx.now,
        updated_at=tx.now,
    )
    if found.asked is not None:
        interest.end(tx, session.course_id, person_id)
    return tx.insert_recorded(
        Booking,
        values,
        action="booking.made",
        person_id=person.id,
        state=Status.BOOKED.value,
        tell=["email.booking_made"],
        session_id=session_id,
        walk_in=True,
    )
