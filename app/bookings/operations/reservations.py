"""Reserved places: a manager or coordinator takes places for their people now and says later who comes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, literal_column, select, update

from app import policy
from app.bookings import rules
from app.bookings.clocks import after_working_days
from app.bookings.models import RESERVED_SQL, Booking, Session, Status
from app.bookings.operations import approval, fit, interest
from app.bookings.operations.book import TOLD
from app.bookings.operations.cancel import end
from app.bookings.operations.queue import WAITING, each, free_seats
from app.bookings.priority import USUAL
from app.bookings.queries import may_book_others
from app.bookings.terms import cut_off
from app.bookings.terms import policy as figures
from app.core.db import ONE, Database
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.facts import current
from app.core.text import plural
from app.core.tx import SYSTEM, Tx, transaction
from app.people.models import Duty, Responsibility
from app.policy import Can, operation

MOST = 20  # places that one person has reserved on one session at a time
RESERVED: Any = literal_column(RESERVED_SQL.replace("status", "bookings.status"))


@operation(Can.BOOK)
def reserve(tx: Tx, session_id: int, number: int) -> list[int]:
    """Hold places for people to be named in time, each with a turn of its own; returns the bookings.

    Only free places that are everybody's, and only while nobody waits: reserving overtakes no one.
    """
    if tx.actor.person_id is None or not may_book_others(tx):
        raise Forbidden("Only managers and the Academy can reserve places.", code="cannot-reserve")
    session = tx.get(Session, session_id, lock=True, what="session")
    if problem := next(rules.session_open(tx, session), None):
        raise Conflict(problem.message, code=problem.code, way_out=problem.way_out)
    if number < 1:
        raise _wrong("Enter how many places, 1 or more")
    terms = figures(tx)
    name_by = min(after_working_days(tx.now, terms.reservation_days, terms), cut_off(session, terms))
    if name_by <= tx.now:
        raise Conflict("It is too late to reserve places.", code="too-late-to-reserve", way_out="Book for each person by name.")
    if tx.scalar(select(ONE).select_from(Booking).where(Booking.session_id == session_id, WAITING).limit(1)) is not None:
        words = "People are waiting for this session, so no places can be reserved."
        raise Conflict(words, code="people-wait", way_out="Book for each person by name: they join the waiting list.")
    mine = (
        select(func.count()).select_from(Booking).where(Booking.session_id == session_id, RESERVED, Booking.booked_by == tx.actor.person_id)
    )
    if number > MOST - (have := tx.scalar(mine)):
        raise _wrong(f"You can reserve up to {MOST} places on a session" + (f", and have {have} already" if have else ""))
    seats = [seat for seat in free_seats(tx, session_id) if seat.quota_id is None]
    if number > len(seats):
        raise _wrong(f"Only {plural(len(seats), 'place')} {'is' if len(seats) == 1 else 'are'} free" if seats else "No place is free")
    tx.db.execute(update(Session).where(Session.id == session_id).values(next_turn=session.next_turn + number))
    made = []
    for turn, seat in enumerate(seats[:number], session.next_turn):
        values = dict(
            session_id=session_id,
            person_id=None,
            booked_by=tx.actor.person_id,
            place=seat.number,
            priority=USUAL,
            turn=turn,
            approval="not needed",
            status=Status.RESERVED.value,
            name_by=name_by,
            sequence=0,
            version=1,
            created_at=tx.now,
            updated_at=tx.now,
        )
        facts: dict[str, Any] = dict(session_id=session_id, place=seat.number, name_by=name_by.isoformat())
        made.append(tx.insert_recorded(Booking, values, action="booking.reserved", state=Status.RESERVED.value, **facts))
    return made


@operation(Can.BOOK)
def name(tx: Tx, booking_id: int, person_id: int) -> Status:
    """Say who comes: booked, or requested where approval is needed. The booking keeps its turn; every rule for booking applies to them."""
    policy.person(tx, Can.BOOK, person_id, lock=True)
    booking, session = _locked(tx, booking_id)
    if booking.name_by <= tx.now:
        raise Conflict("The time to name somebody is over.", code="reservation-over", way_out="Book the place by name if it is still free.")
    if problem := fit.obstacle(tx, session, person_id, booking.place):
        raise Conflict(
            problem.message, code=problem.code, way_out=problem.way_out, errors=[{"field": "person", "message": problem.message}]
        )
    asked = approval.start(tx, session, person_id)
    fit.give_up_turn(tx, session.id, person_id)
    status = Status.REQUESTED if asked.state == "pending" else Status.BOOKED
    values = dict(person_id=person_id, status=status.value, name_by=None, approval=asked.state, approval_due_at=asked.due_at)
    tx.update(Booking, booking_id, **values, updated_at=tx.now, version=booking.version + 1)
    tell = [TOLD[status]]
    tx.record("booking.named", "bookings", booking_id, person_id=person_id, state=status.value, tell=tell, was="reserved", **asked.facts)
    approval.ask(tx, booking_id, person_id, asked)
    interest.end(tx, session.course_id, person_id)
    return status


@operation(Can.BOOK)
def give_back(tx: Tx, booking_id: int) -> None:
    """Give a reserved place back; it is everybody's at once."""
    booking, _ = _locked(tx, booking_id)
    end(tx, booking, Status.CANCELLED, "booking.cancelled", "", reason="The reserved place was given back")


def expire_due(database: Database) -> int:
    """Free every reserved place that nobody was named for in time, a session at a time; returns how many."""
    with transaction(database, SYSTEM, writes=False) as tx:
        due = tx.rows(select(Booking.session_id).where(RESERVED, Booking.name_by <= tx.now).distinct().order_by(Booking.session_id))
        now = tx.now
    return each([row.session_id for row in due], lambda session_id: _expire_now(database, session_id, now))


def _expire_now(database: Database, session_id: int, now: datetime) -> int:
    with transaction(database, SYSTEM, writes=True, now=now) as tx:
        tx.get(Session, session_id, lock=True)
        over = select(Booking.__table__).where(Booking.session_id == session_id, RESERVED, Booking.name_by <= now).order_by(Booking.turn)
        rows = tx.rows(over)
        told: set[int] = set()
        for row in rows:  # each reserver is told once, with how many places went
            tell = "" if row.booked_by in told else "email.reservation_expired"
            told.add(row.booked_by)
            facts = dict(to=row.booked_by, places=sum(other.booked_by == row.booked_by for other in rows))
            end(tx, row, Status.EXPIRED, "booking.reservation-expired", tell, reason="Nobody was named in time", **facts)
        return len(rows)


def keep_within(tx: Tx, session_id: int) -> None:
    """The session was moved or closes earlier: somebody is named before its cut-off. The caller holds its lock."""
    until = cut_off(tx.get(Session, session_id), figures(tx))
    late = update(Booking).where(Booking.session_id == session_id, RESERVED, Booking.name_by > until)
    tx.db.execute(late.values(name_by=until, updated_at=tx.now, version=Booking.version + 1))


def _locked(tx: Tx, booking_id: int) -> tuple[Row[Any], Row[Any]]:
    """A reserved place and its session, locked; NotFound unless the actor answers for it (`answers_for`)."""
    found = tx.one(select(Booking.session_id, Booking.booked_by, Booking.status).where(Booking.id == booking_id))
    if found is None or not answers_for(tx, found.booked_by):
        raise NotFound("There is no reserved place with that reference.", code="booking-not-found")
    session = tx.get(Session, found.session_id, lock=True)
    booking = tx.get(Booking, booking_id, lock=True)
    if booking.status != Status.RESERVED.value:
        raise Conflict("This place is no longer reserved.", code="reservation-over")
    return booking, session


def answers_for(tx: Tx, booked_by: int | None) -> bool:
    """May the actor decide what becomes of the places that this person reserved?"""
    if booked_by is None or booked_by == tx.actor.person_id:
        return booked_by is not None
    if policy.may(tx.actor, Can.MANAGE_SESSIONS) and policy.reaches(tx, Can.CANCEL_BOOKING, booked_by):
        return True
    deputy = select(ONE).where(
        Responsibility.kind == Duty.DEPUTY.value,
        Responsibility.holder_id == tx.actor.person_id,
        Responsibility.person_id == booked_by,
        current(Responsibility, tx.today),
    )
    return tx.scalar(deputy) is not None


def _wrong(message: str) -> Invalid:
    return Invalid(message + ".", errors=[{"field": "number", "message": message}])
