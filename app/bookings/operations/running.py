"""Does a session go ahead with fewer people than it needs? A coordinator decides by its day, and is reminded on it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, insert, select

from app.bookings.models import Booking, Session, Status
from app.bookings.operations import sessions
from app.bookings.operations.queue import coordinators, once
from app.core.errors import Changed, Conflict
from app.core.ledger import Outbox, message
from app.core.tx import Tx
from app.policy import Can, operation

AHEAD = timedelta(days=1)  # a deadline is the end of a day: from the start of that day coordinators are reminded
COMING = (Status.REQUESTED.value, Status.BOOKED.value)  # whom it matters to


@operation(Can.MANAGE_SESSIONS)
def decide_run(tx: Tx, session_id: int, runs: bool, *, reason: str = "", instead: int | None = None, version: int | None = None) -> None:
    """It goes ahead although fewer have booked than it needs, and everybody with a place is told; or it is cancelled, with the reason."""
    if not runs:
        sessions.cancel_session(tx, session_id, reason, version, instead)
        return
    session = tx.get(Session, session_id, lock=True, what="session")
    if version is not None and session.version != version:
        raise Changed("Somebody changed this session since you opened it.", way_out="Look at it again and repeat your change.")
    if session.status != "published" or session.starts_at <= tx.now:
        raise Conflict("Only a published session to come can be decided on.", code="session-not-open")
    if session.runs_at is not None:
        raise Conflict("It has been decided already that this session goes ahead.", code="already-decided")
    tx.update(Session, session_id, runs_at=tx.now, updated_at=tx.now, version=session.version + 1)
    tx.record("session.goes-ahead", "sessions", session_id, booked=booked(tx, session_id), min_numbers=session.min_numbers)
    people = tx.rows(
        select(Booking.id, Booking.person_id).where(Booking.session_id == session_id, Booking.status.in_(COMING)).order_by(Booking.id)
    )
    rows = [message("email.session_runs", tx.now, "bookings", row.person_id, {}) | {"subject_id": row.id} for row in people]
    if rows:
        tx.db.execute(insert(Outbox), rows)


def booked(tx: Tx, session_id: int) -> int:
    """How many places of a session are held."""
    return int(tx.scalar(select(func.count(Booking.place)).where(Booking.session_id == session_id)))


def ask_due(tx: Tx, now: datetime) -> None:
    """On the day by which it has to be decided, tell coordinators of each session that has too few people; once for each such day."""
    held = select(func.count(Booking.place)).where(Booking.session_id == Session.id).correlate(Session).scalar_subquery()
    due = tx.rows(
        select(Session.id, Session.decide_by)
        .where(
            Session.status == "published",
            Session.starts_at > now,
            Session.decide_by <= now + AHEAD,
            Session.runs_at.is_(None),
            held < Session.min_numbers,
        )
        .order_by(Session.decide_by, Session.id)
    )
    for row in due:
        if once(tx, f"decision-due:{row.id}:{row.decide_by.date().isoformat()}"):
            told = [message("email.decision_due", now, "sessions", person, {}) | {"subject_id": row.id} for person in coordinators(tx)]
            if told:
                tx.db.execute(insert(Outbox), told)
