"""Somebody's sessions as a calendar: a private feed that a calendar program reads, and one booking as a file."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, exists, func, insert, literal_column, null, or_, select, update

from app.bookings.models import Booking, Part, PartTrainer, Room, Session
from app.core.db import AnySelect
from app.core.errors import NotFound
from app.core.tx import Tx
from app.identity.models import Account
from app.learning.models import Course
from app.notifications import ical
from app.notifications.messages import MailSettings
from app.notifications.models import Feed
from app.people.models import Person
from app.policy import Can, operation

KEPT = timedelta(days=60)  # how long what is over stays in the feed
_OPEN: Any = literal_column("feeds.ended_at IS NULL")


def hashed(token: str) -> str:
    """What is kept of a feed's secret."""
    return hashlib.sha256(token.encode()).hexdigest()


@operation(Can.READ_OWN_PAGE)
def open_feed(tx: Tx) -> str:
    """A new private address for the reader's sessions, in place of the one they had; returns its secret, which is shown this once."""
    me = tx.actor.person_id or 0
    tx.get(Person, me, lock=True)
    _end(tx, me)
    token = secrets.token_urlsafe(32)
    tx.db.execute(insert(Feed), dict(token_hash=hashed(token), person_id=me, created_at=tx.now))
    tx.record("feed.opened", "people", me, person_id=me)
    return token


@operation(Can.READ_OWN_PAGE)
def end_feed(tx: Tx) -> None:
    """The reader's private address no longer works."""
    me = tx.actor.person_id or 0
    if _end(tx, me):
        tx.record("feed.ended", "people", me, person_id=me)


def _end(tx: Tx, person_id: int) -> bool:
    ended = update(Feed).where(_OPEN, Feed.person_id == person_id).values(ended_at=tx.now)
    return bool(tx.db.execute(ended).rowcount)


def since(tx: Tx) -> datetime | None:
    """Since when the reader has had a private address; None: they have none."""
    found: datetime | None = tx.scalar(select(Feed.created_at).where(_OPEN, Feed.person_id == tx.actor.person_id))
    return found


def owner(tx: Tx, token: str) -> int:
    """Whose feed this is; NotFound for an address that never was one, was replaced, or whose owner has left or may not sign in."""
    suspended = exists(select(literal_column("1")).where(Account.person_id == Person.id, Account.suspended_at.is_not(None)))
    person = tx.scalar(
        select(Person.id)
        .join(Feed, Feed.person_id == Person.id)
        .where(_OPEN, Feed.token_hash == hashed(token), ~suspended, or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today))
    )
    if person is None:
        raise NotFound("There is no calendar at this address.", code="feed-not-found")
    return int(person)


def calendar(tx: Tx, person_id: int, settings: MailSettings) -> str:
    """What this person comes to and delivers, from 60 days ago on. Nothing in it is about anybody else."""
    recent = Session.ends_at >= tx.now - KEPT
    coming = _parts(Booking.id, Booking.sequence, Booking.updated_at, null())
    mine = and_(Booking.session_id == Session.id, Booking.person_id == person_id, Booking.status == "booked")
    coming = coming.join(Booking, mine).where(recent)
    delivering = _parts(null(), null(), Session.updated_at, PartTrainer.person_id)
    delivering = delivering.join(PartTrainer, and_(PartTrainer.part_id == Part.id, PartTrainer.person_id == person_id)).where(
        Session.status == "published", recent
    )
    rows = [*tx.rows(coming), *tx.rows(delivering)]
    return ical.write("PUBLISH", list(_entries(rows, settings)), name=f"{settings.service_name}: my sessions")


def one_booking(tx: Tx, booking_id: int, settings: MailSettings) -> str:
    """One booking as a calendar file."""
    statement = _parts(Booking.id, Booking.sequence, Booking.updated_at, null())
    rows = tx.rows(statement.join(Booking, Booking.session_id == Session.id).where(Booking.id == booking_id))
    return ical.write("PUBLISH", list(_entries(rows, settings)))


def _parts(booking: Any, sequence: Any, updated_at: Any, trainer: Any) -> AnySelect:
    return (
        select(
            Part.id,
            Part.session_id,
            Part.starts_at,
            Part.ends_at,
            Part.link,
            Room.name.label("room"),
            Room.address,
            Room.place,
            Room.access_notes,
            Course.title,
            (Session.sequence + func.coalesce(sequence, 0)).label("sequence"),
            Session.updated_at.label("session_updated_at"),
            updated_at.label("updated_at"),
            booking.label("booking_id"),
            trainer.label("trainer_id"),
        )
        .select_from(Part)
        .join(Session, Session.id == Part.session_id)
        .join(Course, Course.id == Session.course_id)
        .outerjoin(Room, Room.id == Part.room_id)
        .order_by(Part.starts_at, Part.id)
    )


def _entries(rows: Sequence[Row[Any]], settings: MailSettings) -> Iterable[ical.Entry]:
    """One for each part, with the same identity as the invitation that went out by e-mail."""
    base = settings.base_url.rstrip("/")
    of = Counter((row.session_id, row.trainer_id) for row in rows)
    seen: Counter[tuple[int, int | None]] = Counter()
    for row in rows:
        which = (row.session_id, row.trainer_id)
        seen[which] += 1
        if row.trainer_id is None:
            uid = ical.booking_uid(row.booking_id, settings.host)
            title, about, words = row.title, f"{base}/bookings/{row.booking_id}", "Your booking"
        else:
            uid = ical.trainer_uid(row.session_id, row.trainer_id, settings.host)
            title, about, words = f"Delivering: {row.title}", f"{base}/sessions/{row.session_id}/roster", "Who is coming"
        notes = [f"Join online: {row.link}"] if row.link else []
        notes += [f"Access: {row.access_notes}"] if row.access_notes else []
        where = ", ".join(piece for piece in (row.room, row.address or row.place) if piece) or "Online"
        yield ical.Entry(
            ical.part_uid(uid, row.id),
            row.sequence,
            max(row.updated_at, row.session_updated_at),
            ical.numbered(title, seen[which], of[which]),
            "\n".join([*notes, f"{words}: {about}"]),
            ical.Part(row.id, row.starts_at, row.ends_at, where),
            about,
        )


def tag(text: str) -> str:
    """An entity tag: the same bytes, the same tag."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
