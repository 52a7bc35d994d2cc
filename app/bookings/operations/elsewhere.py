"""A session is called off and another one of the same course is offered: whoever had a place or a turn joins its queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, insert, select, update

from app.bookings import approvals, crowd
from app.bookings.models import Booking, Session, Status
from app.bookings.operations import approval
from app.bookings.operations.queue import freed
from app.core.calendar import when
from app.core.db import is_postgresql
from app.core.errors import Invalid
from app.core.ledger import Audit, entry
from app.core.tx import Tx
from app.people.models import Person


def lock(tx: Tx, session_id: int, other_id: int, standing: Any) -> Row[Any]:
    """Lock everybody `standing` on the session, then both sessions, by id; returns the other one. Invalid unless it can be offered."""
    people = select(Person.id).where(Person.id.in_(standing)).order_by(Person.id)
    both = select(Session.__table__).where(Session.id.in_([session_id, other_id])).order_by(Session.id)
    if is_postgresql(tx.db):
        people, both = people.with_for_update(key_share=True), both.with_for_update(key_share=True)
    tx.rows(people)
    found = {row.id: row for row in tx.rows(both)}
    other, course = found.get(other_id), found[session_id].course_id if session_id in found else None
    if other is None or other_id == session_id or other.course_id != course:
        raise _wrong("Choose another session of the same course")
    if other.status != "published" or other.starts_at <= tx.now:
        raise _wrong("Choose a published session to come")
    return other


def join(tx: Tx, other: Row[Any], leaving: Sequence[Row[Any]]) -> dict[int, list[str]]:
    """Give each of `leaving` (their ended bookings, in order) a turn on the other session, in the class they had.

    Returns by booking what its person is told of it. Left out is whoever cannot have a place there. The caller has locked everybody and has
    ended the bookings. Whoever is first is offered the free places there straight afterwards.
    """
    found = crowd.facts(tx, other, [row.person_id for row in leaving])
    rule = approvals.rule(tx, other.course_id)
    due_at = approvals.due(tx, other, rule) if other.needs_approval else None
    said, turns = {}, []
    day = when(other.starts_at, other.ends_at)
    for row in leaving:
        reason = crowd.obstacle(tx, other, found[row.person_id])
        state = _approval(row.approval, needed=other.needs_approval)
        if reason is not None and reason.code == "already-booked":
            said[row.id] = [f"It also takes place on {day}. You already have a booking there, which stays as it is."]
        elif reason is not None or (state == "pending" and due_at is not None and due_at <= tx.now):
            said[row.id] = [f"It also takes place on {day}. We could not put you on the list for that date, because you cannot book it."]
        else:
            words = "As soon as we can hold a place for you, we e-mail you an offer. If you do not want it, leave the list in My bookings."
            said[row.id] = [f"Instead you are on the list for {day}. {words}"]
            turns.append((row, state))
    _give_turns(tx, other, turns, due_at, rule.approver)
    return said


def _approval(was: str, *, needed: bool) -> str:
    """What was granted stays granted; the rest is as for a new booking there."""
    if not needed:
        return "not needed"
    return "granted" if was == "granted" else "pending"


def _give_turns(tx: Tx, other: Row[Any], turns: Sequence[tuple[Row[Any], str]], due_at: Any, approver: str) -> None:
    if not turns:
        return
    first = other.next_turn
    tx.db.execute(update(Session).where(Session.id == other.id).values(next_turn=first + len(turns)))
    rows = [
        dict(
            session_id=other.id,
            person_id=row.person_id,
            booked_by=row.booked_by,
            priority=row.priority,
            priority_because=row.priority_because,
            turn=turn,
            approval=state,
            approval_due_at=due_at if state == "pending" else None,
            status=Status.WAITING.value,
            created_at=tx.now,
            updated_at=tx.now,
        )
        for turn, (row, state) in enumerate(turns, first)
    ]
    tx.insert_many(Booking, rows)
    made = tx.rows(
        select(Booking.id, Booking.person_id).where(Booking.session_id == other.id, Booking.turn >= first).order_by(Booking.turn)
    )
    actor = (tx.actor.kind, tx.actor.id, tx.now, tx.request_id)
    entries = []
    for new, (row, _) in zip(made, turns, strict=True):
        facts = {"session_id": other.id, "instead_of": row.id}
        moved = entry(*actor, "booking.moved-waiting", "bookings", new.person_id, Status.WAITING.value, facts)
        entries.append(moved | {"subject_id": new.id})
    tx.db.execute(insert(Audit), entries)
    pending = [(new.id, new.person_id, due_at) for new, (_, state) in zip(made, turns, strict=True) if state == "pending"]
    if pending:
        approval.ask_all(tx, pending, approver)
    freed(tx, other.id)


def _wrong(message: str) -> Invalid:
    return Invalid(message + ".", errors=[{"field": "instead", "message": message}])
