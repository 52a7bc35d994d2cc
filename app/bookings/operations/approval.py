"""Approval beside the queue: asked with the booking, chased when nobody answers, expired when its time is over.

`decide` holds the answer itself. Whether the person has a place or a turn plays no part here (product §13).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, literal, select, update

from app.bookings import approvals
from app.bookings.approvals import PENDING
from app.bookings.event_models import Notice
from app.bookings.models import Booking, Session, Status
from app.bookings.operations.cancel import end, locked
from app.bookings.operations.queue import coordinators_of, each
from app.bookings.terms import cut_off
from app.bookings.terms import policy as figures
from app.core.db import Database
from app.core.errors import Conflict
from app.core.ledger import Outbox, message
from app.core.tx import SYSTEM, Tx, transaction
from app.learning.models import Course
from app.policy import Can


@dataclass(frozen=True, slots=True)
class Ask:
    """What a new booking starts with: `state` goes into its `approval`, `due_at` into its `approval_due_at`."""

    state: str = "not needed"
    due_at: datetime | None = None
    approver: str = "manager"

    @property
    def facts(self) -> dict[str, Any]:
        """What the history and the message say of it."""
        if self.state == "granted":
            return {"approval": "granted"}
        return {"decide_by": self.due_at.isoformat()} if self.due_at else {}


NOT_NEEDED = Ask()


def start(tx: Tx, session: Row[Any], person_id: int) -> Ask:
    """The approval that a booking of this session begins with: granted at once where whoever books could grant it, else pending."""
    if not session.needs_approval:
        return NOT_NEEDED
    rule = approvals.rule(tx, session.course_id)
    if approvals.may_decide(tx, person_id, rule):
        return Ask("granted")
    due_at = approvals.due(tx, session, rule)
    if due_at <= tx.now:
        raise Conflict("It is too late to ask for approval.", code="too-late-for-approval", way_out="Ask your manager to book the place.")
    return Ask("pending", due_at, rule.approver)


def ask(tx: Tx, booking_id: int, person_id: int, begun: Ask) -> None:
    """Tell whoever answers today that a request waits for them; nothing where none does."""
    if begun.state == "pending":
        told = [one.id for one in approvals.asked(tx, person_id, begun.approver)] or coordinators_of(tx, [person_id])[person_id]
        _tell(tx, "email.approval_asked", [(one, booking_id, begun.due_at) for one in told if one != tx.actor.person_id])


def ask_all(tx: Tx, requests: Sequence[tuple[int, int, datetime | None]], approver: str) -> None:
    """`ask` for many at once: (booking, person, until when), all of one course, whose rule says who answers."""
    people = {person for _, person, _ in requests}
    managers = approvals.approvers(tx, people) if approver == "manager" else {}
    academy = coordinators_of(tx, [person for person in people if not managers.get(person)])
    wanted = [
        (one, booking, due_at)
        for booking, person, due_at in requests
        for one in [each.id for each in managers.get(person, ())] or academy.get(person, [])
    ]
    _tell(tx, "email.approval_asked", [each for each in wanted if each[0] != tx.actor.person_id])


def _tell(tx: Tx, kind: str, wanted: list[tuple[int, int, datetime | None]]) -> None:
    """One message each: (to whom, about which booking, until when)."""
    rows = [
        message(kind, tx.now, "bookings", person, {"decide_by": due_at.isoformat()} if due_at else {}) | {"subject_id": booking}
        for person, booking, due_at in wanted
    ]
    if rows:
        tx.db.execute(insert(Outbox), rows)


def keep_within(tx: Tx, session_id: int) -> None:
    """The session was moved or closes earlier: no request of it outlasts the new cut-off. The caller holds the session's lock."""
    latest = cut_off(tx.get(Session, session_id), figures(tx))
    tx.db.execute(
        update(Booking).where(Booking.session_id == session_id, PENDING, Booking.approval_due_at > latest).values(approval_due_at=latest)
    )


# By the clock ------------------------------------------------------------------------------------------------------


def chase(tx: Tx, now: datetime) -> None:
    """Remind whoever answers today of requests unanswered for the council's working days, once each."""
    terms = figures(tx)
    said = select(Notice.key).where(Notice.key == literal("approval-chased:").concat(Booking.id))
    rows = tx.rows(
        select(Booking.id, Booking.person_id, Booking.approval_due_at, Course.approver)
        .join(Session, Session.id == Booking.session_id)
        .join(Course, Course.id == Session.course_id)
        .where(
            PENDING,
            Booking.created_at < approvals.unanswered_since(now, terms.chase_days, terms),
            Booking.approval_due_at > now,
            ~said.exists(),
        )
        .order_by(Booking.id)
    )
    if not rows:
        return
    managers = approvals.approvers(tx, {row.person_id for row in rows if row.approver == "manager"})
    academy = coordinators_of(tx, {row.person_id for row in rows})
    tx.insert_many(Notice, [dict(key=f"approval-chased:{row.id}", at=tx.now) for row in rows])
    wanted = [
        (person, row.id, row.approval_due_at)
        for row in rows
        for person in [one.id for one in managers.get(row.person_id, ())] or academy[row.person_id]
    ]
    _tell(tx, "email.approval_chased", wanted)


def expire_due(database: Database) -> int:
    """End every request whose time is over, each in its own transaction, so that its place passes on at once; returns how many."""
    with transaction(database, SYSTEM, writes=False) as tx:
        due = tx.rows(select(Booking.id).where(PENDING, Booking.approval_due_at <= tx.now).order_by(Booking.approval_due_at, Booking.id))
    return each([row.id for row in due], lambda booking_id: _expire_now(database, booking_id))


def _expire_now(database: Database, booking_id: int) -> int:
    with transaction(database, SYSTEM, writes=True) as tx:
        return int(expire(tx, booking_id))


def expire(tx: Tx, booking_id: int) -> bool:
    """End one request if nobody has answered it and its time is over."""
    booking, _ = locked(tx, booking_id, Can.CANCEL_BOOKING)
    open_states = (Status.REQUESTED, Status.WAITING, Status.OFFERED)
    if booking.approval != "pending" or booking.status not in open_states or booking.approval_due_at > tx.now:
        return False
    tx.update(Booking, booking.id, approval="expired")
    end(tx, booking, Status.EXPIRED, "booking.approval-expired", "email.approval_expired", reason="Nobody answered the request in time")
    return True
