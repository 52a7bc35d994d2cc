"""Book: a seat, or the next turn on the waiting list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select, update

from app import policy
from app.bookings import priority, rules
from app.bookings.models import Booking, Session, Status
from app.bookings.operations import approval, interest
from app.core.db import is_postgresql
from app.core.errors import Conflict, NotFound
from app.core.ready import Ready
from app.core.tx import Tx
from app.people.models import Person
from app.policy import Can, Reach, operation

TOLD = {Status.BOOKED: "email.booking_made", Status.REQUESTED: "email.booking_requested", Status.WAITING: "email.booking_waiting"}


@dataclass(frozen=True, slots=True)
class Booked:
    """What became of it: the new row, without reading it again."""

    id: int
    session_id: int
    person_id: int
    status: Status
    turn: int
    approval: str
    place: int | None
    priority: int
    priority_because: str | None
    created_at: datetime


_person = select(Person.id, Person.organisation_id).where(Person.id == bindparam("person"))
_turn = update(Session).where(Session.id == bindparam("session")).values(next_turn=Session.next_turn + 1)
# People are locked before sessions, here as everywhere; the turn is given out under the session's lock. One round trip does all three.
_locked = _person.with_for_update(key_share=True).cte("learner")
_ASKED = (  # what the rules ask of a session: every column that is not fetched is work saved on the busiest path
    Session.id,
    Session.course_id,
    Session.status,
    Session.starts_at,
    Session.opens_at,
    Session.closes_at,
    Session.waiting_limit,
    Session.needs_approval,
    Session.audience_stages,
    Session.audience_unit_id,
    Session.has_quotas,
    Session.next_turn,
)
_LOCK_BOTH = Ready(
    _turn.where(select(_locked.c.id).scalar_subquery().is_not(None)).returning(
        *_ASKED, select(_locked.c.organisation_id).scalar_subquery().label("learner_organisation_id")
    )
)
_TAKE_TURN = Ready(_turn.returning(*_ASKED))
_LEARNER = Ready(_person)


@operation(Can.BOOK)
def book(tx: Tx, session_id: int, person_id: int) -> Booked:
    """Give someone a seat on a session, or the next turn on its waiting list; refuse with the reason that the page shows beforehand."""
    session = lock(tx, session_id, person_id)
    found = rules.facts(tx, session, person_id)
    if problem := rules.blocking(tx, session, person_id, found, you=person_id == tx.actor.person_id):
        raise Conflict(problem.message, code=problem.code, way_out=problem.way_out)
    asked = approval.start(tx, session, person_id)
    seated = Status.REQUESTED if asked.state == "pending" else Status.BOOKED
    status = Status.WAITING if found.place is None else seated
    turn = session.next_turn - 1
    rank, because = priority.of(tx, person_id, session.course_id) if status is Status.WAITING else (priority.USUAL, None)
    values = dict(
        session_id=session_id,
        person_id=person_id,
        booked_by=tx.actor.person_id,
        place=found.place,
        priority=rank,
        priority_because=because,
        turn=turn,
        approval=asked.state,
        approval_due_at=asked.due_at,
        status=status.value,
        sequence=0,
        version=1,
        created_at=tx.now,
        updated_at=tx.now,
    )
    facts = {"session_id": session_id} if because is None else {"session_id": session_id, "priority": rank, "because": because}
    booking_id = tx.insert_recorded(
        Booking, values, action="booking.made", person_id=person_id, state=status.value, tell=[TOLD[status]], **facts, **asked.facts
    )
    if asked.state == "pending":
        approval.ask(tx, booking_id, person_id, asked)
    if found.asked is not None:
        interest.end(tx, session.course_id, person_id)
    return Booked(booking_id, session_id, person_id, status, turn, asked.state, found.place, rank, because, tx.now)


def lock(tx: Tx, session_id: int, person_id: int) -> Row[Any]:
    """Lock the person, then the session, take a turn, and return the session; NotFound if either is not there or out of reach."""
    parameters = {"person": person_id, "session": session_id}
    if is_postgresql(tx.db):
        row = tx.one(_LOCK_BOTH, **parameters)
        organisation = row.learner_organisation_id if row else None
    else:
        learner = tx.one(_LEARNER, person=person_id)
        organisation = learner.organisation_id if learner else None
        row = tx.one(_TAKE_TURN, session=session_id) if learner else None
    if not _in_reach(tx, person_id, organisation):
        raise NotFound("There is nobody with that reference, or they are not one of your people.", code="person-not-found")
    if row is None or (row.status == "draft" and not policy.may(tx.actor, Can.MANAGE_SESSIONS)):
        if row is None and tx.one(_LEARNER, person=person_id) is None:
            raise NotFound("There is nobody with that reference, or they are not one of your people.", code="person-not-found")
        raise NotFound("There is no session with that reference.", code="session-not-found")
    return row


def _in_reach(tx: Tx, person_id: int, organisation_id: int | None) -> bool:
    """A client limited to an organisation is judged by the row just read; everyone else by `policy.reaches`."""
    if organisation_id is not None and (Reach.SCOPE, organisation_id) in policy.terms(tx.actor, Can.BOOK):
        return True
    return policy.reaches(tx, Can.BOOK, person_id)
