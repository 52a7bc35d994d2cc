"""Reminders: so many London days before a session everybody who has a place is told once, however many workers look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import String, and_, cast, exists, insert, literal, literal_column, select

from app.bookings.event_models import Notice
from app.bookings.models import Booking, Session
from app.bookings.terms import policy
from app.core.calendar import from_london, london, london_day
from app.core.declared import aliased
from app.core.ledger import Audit, Outbox, message
from app.core.tx import Tx

REMIND_AT = time(8)  # London time
LATEST = 2  # days by which a reminder may be late, where no worker ran; later ones are not sent
_ONE: Any = literal_column("1")


def turn(now: datetime) -> datetime | None:
    """The turn of today's reminders once their hour has come; None before that."""
    due = from_london(london(now).date(), REMIND_AT)
    return due if now >= due else None


def days_before(given: str) -> list[int]:
    """ "7,1" → [1, 7]: the policy's figure as numbers, soonest to the session first; what is no number of days is left out."""
    return sorted({int(piece) for piece in given.split(",") if piece.strip().isdecimal() and 0 < int(piece) <= 60})


def remind(tx: Tx, _now: datetime) -> None:
    """Queue today's reminders, and those of the last two days that nobody was there to queue.

    Only for people who held their place when the reminder was due: whoever booked later has just been told the date. What was said stands
    in `notices`, whose key is unique: two workers at once cannot both say it.
    """
    for days, session_day in _due(tx.today, days_before(policy(tx).reminder_days)):
        _remind_of(tx, days, session_day)


def _due(today: date, days: list[int]) -> Iterator[tuple[int, date]]:
    """(Days before, the day of the session) of every reminder that may go out today. The one nearer to the session wins."""
    for n, before in enumerate(days):
        nearest = days[n - 1] if n else 0
        for late in range(min(LATEST, before - nearest - 1) + 1):
            yield before, today + timedelta(days=before - late)


def _remind_of(tx: Tx, days: int, session_day: date) -> None:
    starts, ends = london_day(session_day)
    due = from_london(session_day - timedelta(days=days), REMIND_AT)
    held = aliased(Audit)
    coming: Any = literal_column("sessions.status = 'published'")
    placed: Any = literal_column("bookings.status = 'booked'")
    key = literal(f"reminder:{days}:").concat(cast(Booking.id, String))
    by_then = exists(select(_ONE).where(held.subject == "bookings", held.subject_id == Booking.id, held.state == "booked", held.at <= due))
    said = exists(select(_ONE).where(Notice.key == key))
    wanted = (
        select(key, literal(tx.now, Notice.at.type))
        .select_from(Booking)
        .join(Session, Session.id == Booking.session_id)
        .where(coming, placed, Session.starts_at >= starts, Session.starts_at < ends, Session.starts_at > tx.now, by_then, ~said)
    )
    tx.db.execute(insert(Notice).from_select(["key", "at"], wanted, include_defaults=False))
    values = message("email.reminder", tx.now, "bookings", None, {"days": (session_day - tx.today).days})
    told = exists(
        select(_ONE).where(
            Outbox.subject == "bookings", Outbox.subject_id == Booking.id, Outbox.kind == values["kind"], Outbox.created_at == tx.now
        )
    )
    columns = ["kind", "person_id", "subject", "subject_id", "facts", "created_at", "due_at", "attempts"]
    picked = (
        select(
            literal(values["kind"]),
            Booking.person_id,
            literal("bookings"),
            Booking.id,
            literal(values["facts"], Outbox.facts.type),
            literal(tx.now, Outbox.created_at.type),
            literal(tx.now, Outbox.due_at.type),
            literal(0),
        )
        .select_from(Booking)
        .join(Session, Session.id == Booking.session_id)
        .join(Notice, and_(Notice.key == key, Notice.at == literal(tx.now, Notice.at.type)))
        .where(placed, Session.starts_at >= starts, Session.starts_at < ends, ~told)
        .order_by(Booking.id)
    )
    tx.db.execute(insert(Outbox).from_select(columns, picked, include_defaults=False))
