"""Telling people that their session has moved or is off: a few statements for everyone with a booking, however many they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, and_, case, delete, insert, literal_column, null, or_, select, update

from app.bookings.models import HOLDS_SQL, Booking, Part, Place, Room, Session, Status
from app.bookings.operations.timetable import PartNew, same
from app.core.calendar import clock, london, when
from app.core.declared import aliased
from app.core.ledger import Audit, Outbox, entry, message
from app.core.tx import Tx
from app.learning.models import Course
from app.people.models import Person

# Live, and the session has not taken place
STANDING = (Status.RESERVED, Status.REQUESTED, Status.WAITING, Status.OFFERED, Status.BOOKED)


def _standing(session_id: int) -> Any:
    return (Booking.session_id == session_id, Booking.status.in_([status.value for status in STANDING]))


def standing(tx: Tx, session_id: int) -> Sequence[Row[Any]]:
    """Everybody's live bookings: first who has a place, then who waits, each by turn. A reserved place has no person yet."""
    by_place = case((Booking.place.is_(None), 1), else_=0)
    return tx.rows(select(Booking.__table__).where(*_standing(session_id)).order_by(by_place, Booking.turn))


def people_on(session_id: int) -> Any:
    """The people of these bookings, as a statement."""
    return select(Booking.person_id).where(*_standing(session_id), Booking.person_id.is_not(None))


def _told(rows: Sequence[Row[Any]]) -> list[tuple[int, Row[Any]]]:
    """To whom about which booking: its person, or whoever reserved it, once for all their reserved places."""
    reservers = {row.booked_by: row for row in reversed(rows) if row.person_id is None and row.booked_by is not None}
    return [(row.person_id, row) for row in rows if row.person_id is not None] + list(reservers.items())


def how_many(tx: Tx, session_id: int) -> int:
    """How many people `tell_everyone` writes to."""
    return len(_told(standing(tx, session_id)))


def tell_everyone(
    tx: Tx, rows: Sequence[Row[Any]], kind: str, facts: dict[str, Any], key: str, notes: Mapping[int, list[str]] | None = None
) -> None:
    """One message for each live booking; `key` names the fact that holds the booking's state, `notes` are further sentences by booking."""
    messages = []
    for person, row in _told(rows):
        own = {**facts, key: row.status} | ({"notes": notes[row.id]} if notes and row.id in notes else {})
        messages.append(message(kind, tx.now, "bookings", person, own) | {"subject_id": row.id})
    if messages:
        tx.db.execute(insert(Outbox), messages)


def end_everyone(tx: Tx, session_id: int, reason: str) -> Sequence[Row[Any]]:
    """Every live booking becomes cancelled, each with its audit row; returns them as they were. Whoever calls tells the people."""
    rows = standing(tx, session_id)
    actor = (tx.actor.kind, tx.actor.id, tx.now, tx.request_id)
    entries = [
        entry(
            *actor,
            "booking.session-cancelled",
            "bookings",
            row.person_id,
            Status.CANCELLED.value,
            {"session_id": session_id, "reason": reason, "was": row.status},
        )
        | {"subject_id": row.id}
        for row in rows
    ]
    if entries:
        tx.db.execute(insert(Audit), entries)
    tx.db.execute(
        update(Booking)
        .where(*_standing(session_id))
        .values(
            status=Status.CANCELLED.value,
            place=null(),
            offer_ends_at=null(),
            approval_due_at=null(),
            reason=reason,
            sequence=Booking.sequence + 1,
            updated_at=tx.now,
            version=Booking.version + 1,
        )
    )
    tx.db.execute(delete(Place).where(Place.session_id == session_id, Place.closing))
    return rows


def clashing(tx: Tx, session_id: int, parts: Sequence[PartNew]) -> dict[int, Row[Any]]:
    """Who of those with a place holds another one at the times that `parts` have: by booking, the person and what it meets."""
    mine, other = aliased(Booking), aliased(Booking, name="held_elsewhere")
    holds: Any = literal_column(HOLDS_SQL.replace("status", "held_elsewhere.status"))
    meets = or_(*(and_(Part.starts_at < part.ends_at, Part.ends_at > part.starts_at) for part in parts))
    rows = tx.rows(
        select(mine.id, mine.person_id, Person.name, Course.title, Part.starts_at, Part.ends_at)
        .select_from(mine)
        .join(Person, Person.id == mine.person_id)
        .join(other, and_(other.person_id == mine.person_id, other.session_id != session_id, holds))
        .join(Part, and_(Part.session_id == other.session_id, Part.live))
        .join(Session, Session.id == other.session_id)
        .join(Course, Course.id == Session.course_id)
        .where(mine.session_id == session_id, mine.status.in_([status.value for status in STANDING]), mine.place.is_not(None), meets)
        .order_by(Person.sort_name, mine.id, Part.starts_at.desc())
    )
    return {row.id: row for row in rows}


# What changed, in words --------------------------------------------------------------------------------------------


def described(tx: Tx, before: list[PartNew], after: list[PartNew]) -> list[str]:
    """A sentence for each change of time, room or link; empty when those who come need not know."""
    rooms = _room_names(tx, before + after)
    sentences: list[str] = []
    was = same(before, after)
    for n, new in enumerate(after):
        part = "It" if len(after) == 1 and len(before) == 1 else f"Part {n + 1}"
        whose = "The" if part == "It" else f"Part {n + 1}: the"
        kept = was[n]
        if kept is None:
            sentences.append(f"There is a new part: {when(new.starts_at, new.ends_at)}, {_where(new, rooms)}.")
            continue
        old = before[kept]
        if (old.starts_at, old.ends_at) != (new.starts_at, new.ends_at):
            sentences.append(_moved(part, old, new))
        if old.room_id != new.room_id:
            sentences.append(f"{whose} room is now {rooms[new.room_id]}." if new.room_id else f"{part} is now online only.")
        if old.link != new.link:
            sentences.append(f"{whose} joining link has changed." if new.link and old.link else _link_words(part, new))
    sentences += [
        f"This part no longer takes place: {when(part.starts_at, part.ends_at)}." for n, part in enumerate(before) if n not in was
    ]
    return sentences


def _moved(part: str, old: PartNew, new: PartNew) -> str:
    """On the same day only what is different: "It now starts at 10am (was 9:30am)."."""
    ends = ((old.starts_at, new.starts_at, "starts"), (old.ends_at, new.ends_at, "ends"))
    if any(london(was).date() != london(now).date() for was, now, _ in ends):
        return f"{part} is now on {when(new.starts_at, new.ends_at)}."
    said = [f"{verb} at {clock(now)} (was {clock(was)})" for was, now, verb in ends if was != now]
    return f"{part} now {' and '.join(said)}."


def alike(old: PartNew, new: PartNew) -> bool:
    """Do two parts look the same to those who come? Who delivers them is another matter."""
    return (old.starts_at, old.ends_at, old.room_id, old.link) == (new.starts_at, new.ends_at, new.room_id, new.link)


def _link_words(part: str, new: PartNew) -> str:
    if new.link is None:
        return f"{part} can no longer be joined online."
    return f"{part} can now be joined online."


def _where(part: PartNew, rooms: dict[int, str]) -> str:
    return rooms[part.room_id] if part.room_id is not None else "online"


def _room_names(tx: Tx, parts: list[PartNew]) -> dict[int, str]:
    wanted = {part.room_id for part in parts if part.room_id is not None}
    return {row.id: row.name for row in tx.rows(select(Room.id, Room.name).where(Room.id.in_(wanted)))} if wanted else {}


def part_words(tx: Tx, parts: list[PartNew]) -> list[dict[str, Any]]:
    """The parts as a page says them: when in words, the room, and whether they can be followed online."""
    return [{**facts, "words": when(part.starts_at, part.ends_at)} for facts, part in zip(part_facts(tx, parts), parts, strict=True)]


def part_facts(tx: Tx, parts: list[PartNew]) -> list[dict[str, Any]]:
    """The parts as a message keeps them: what was, so that it can say so after it is gone."""
    rooms = _room_names(tx, parts)
    return [
        {
            "starts_at": part.starts_at.isoformat(),
            "ends_at": part.ends_at.isoformat(),
            "room": rooms[part.room_id] if part.room_id is not None else None,
            "online": part.link is not None,
        }
        for part in parts
    ]
