"""Several people booked on one session in one go: first what would become of each, then all of it in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from app import policy
from app.bookings import approvals, crowd, rules
from app.bookings.models import Booking, Session, Status
from app.bookings.operations import queue
from app.bookings.operations.book import book
from app.bookings.queries import may_book_others
from app.core.db import is_postgresql
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.tx import Tx
from app.people.models import Person
from app.policy import Can, operation

MOST = 30  # people in one go


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of one of them: `status` None: they cannot be booked, and `why` says so."""

    person_id: int
    name: str
    status: Status | None
    why: str = ""
    booking_id: int | None = None


@operation(Can.BOOK)
def book_group(tx: Tx, session_id: int, people: Sequence[int]) -> list[Line]:
    """Book these people in this order, each as if alone; returns a line for each. Whoever cannot be booked is left out.

    Refused as a whole when one of them is out of reach (NotFound) or there are none or too many (Invalid).
    """
    wanted = _wanted(tx, people, lock=True)
    tx.get(Session, session_id, lock=True, what="session")
    lines = []
    for person in wanted:  # one after the other, because what one gets changes what is left for the next
        try:
            made = book(tx, session_id, person.id)
        except Conflict as refusal:  # raised before anything of theirs is written
            lines.append(Line(person.id, person.name, None, refusal.message))
        else:
            lines.append(Line(person.id, person.name, made.status, booking_id=made.id))
    return lines


def preview(tx: Tx, session: Row[Any], people: Sequence[int]) -> list[Line]:
    """What `book_group` would do now, without writing or locking anything: a few statements, however many people."""
    wanted = _wanted(tx, people, lock=False)
    closed = next(rules.session_open(tx, session), None)
    if closed is not None:
        return [Line(person.id, person.name, None, closed.message) for person in wanted]
    found = crowd.facts(tx, session, [person.id for person in wanted])
    taker = _Seats(tx, session, [person.id for person in wanted])
    lines = []
    for person in wanted:
        problem = crowd.obstacle(tx, session, found[person.id])
        if problem is None and session.needs_approval and approvals.too_late(tx, session, person.id):
            lines.append(Line(person.id, person.name, None, "It is too late to ask for approval."))
        elif problem is not None:
            lines.append(Line(person.id, person.name, None, problem.message))
        elif taker.take(person.id):
            lines.append(Line(person.id, person.name, Status.REQUESTED if taker.asks(tx, session, person.id) else Status.BOOKED))
        elif session.waiting_limit is not None and taker.waiting >= session.waiting_limit:
            lines.append(Line(person.id, person.name, None, "No place is left, and the waiting list is full."))
        else:
            taker.waiting += 1
            lines.append(Line(person.id, person.name, Status.WAITING))
    return lines


class _Seats:
    """The free places, given out in thought: each to somebody who may have it, while nobody waits who may."""

    def __init__(self, tx: Tx, session: Row[Any], people: Collection[int]) -> None:
        waiting = [row.person_id for row in tx.rows(select(Booking.person_id).where(Booking.session_id == session.id, queue.WAITING))]
        seats = queue.free_seats(tx, session.id)
        quotas = {seat.quota_id for seat in seats if seat.quota_id is not None}
        self.entitled = queue.eligible(tx, quotas, [*people, *waiting]) if quotas else {}
        self.waiting = len(waiting)
        owed = {quota for quota, who in self.entitled.items() if who & set(waiting)} | ({None} if waiting else set())
        # A kept place before one that is everybody's, as in booking.
        self.left = sorted((seat for seat in seats if seat.quota_id not in owed), key=lambda seat: seat.quota_id is None)

    def take(self, person_id: int) -> bool:
        """Does this one get a place? It is gone then; and where they wait instead, so is every place they might have had."""
        fits = [seat for seat in self.left if seat.quota_id is None or person_id in self.entitled[seat.quota_id]]
        if fits:
            self.left.remove(fits[0])
        return bool(fits)

    @staticmethod
    def asks(tx: Tx, session: Row[Any], person_id: int) -> bool:
        """Would the place have to be approved by somebody else than the actor?"""
        return bool(session.needs_approval) and not approvals.may_decide(tx, person_id, approvals.rule(tx, session.course_id))


def _wanted(tx: Tx, people: Sequence[int], *, lock: bool) -> list[Row[Any]]:
    """The people in the order given, once each and all of them in reach; locked by id."""
    if not may_book_others(tx):
        raise Forbidden("Only managers and the Academy can book for several people.", code="cannot-book-others")
    keys = list(dict.fromkeys(people))
    if not 1 <= len(keys) <= MOST:
        words = "Choose the people to book for" if not keys else f"Choose at most {MOST} people at a time"
        raise Invalid(words + ".", errors=[{"field": "people", "message": words}])
    statement = select(Person.id, Person.name).where(Person.id.in_(keys), policy.within_reach(tx, Can.BOOK, Person.id)).order_by(Person.id)
    if lock and is_postgresql(tx.db):
        statement = statement.with_for_update(key_share=True, of=Person)
    found = {row.id: row for row in tx.rows(statement)}
    if len(found) < len(keys):
        raise NotFound("There is nobody with that reference, or they are not one of your people.", code="person-not-found")
    return [found[key] for key in keys]
