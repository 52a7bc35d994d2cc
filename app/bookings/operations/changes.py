"""Telling people that their session has moved or is off: one statement for everyone with a booking, however many they are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, delete, func, insert, literal, null, select, update

from app.bookings.models import Booking, Place, Room, Status
from app.bookings.operations.timetable import PartNew
from app.core.calendar import clock, london, when
from app.core.ledger import Audit, Json, Outbox
from app.core.tx import Tx

STANDING = (Status.REQUESTED, Status.WAITING, Status.OFFERED, Status.BOOKED)  # live, and the session has not taken place


def _standing(session_id: int) -> Any:
    return (Booking.session_id == session_id, Booking.status.in_([status.value for status in STANDING]))


def _by_status(facts: dict[str, Any], key: str) -> Any:
    """The facts, with the booking's own state under `key`."""
    return case(
        *((Booking.status == status.value, literal({**facts, key: status.value}, Json)) for status in STANDING), else_=literal(facts, Json)
    )


def how_many(tx: Tx, session_id: int) -> int:
    """How many people `tell_everyone` writes to."""
    return int(tx.scalar(select(func.count()).select_from(Booking).where(*_standing(session_id))))


def tell_everyone(tx: Tx, session_id: int, kind: str, facts: dict[str, Any], key: str) -> None:
    """One message for each live booking; `key` names the fact that holds the booking's state."""
    picked = select(
        literal(kind),
        Booking.person_id,
        literal("bookings"),
        Booking.id,
        _by_status(facts, key),
        literal(tx.now, Outbox.created_at.type),
        literal(tx.now, Outbox.due_at.type),
        literal(0),
    ).where(*_standing(session_id))
    names = ["kind", "person_id", "subject", "subject_id", "facts", "created_at", "due_at", "attempts"]
    tx.db.execute(insert(Outbox).from_select(names, picked.order_by(Booking.id), include_defaults=False))


def end_everyone(tx: Tx, session_id: int, reason: str) -> int:
    """Every live booking becomes cancelled, each with its audit row and message; returns how many there were."""
    facts = {"session_id": session_id, "reason": reason}
    tell_everyone(tx, session_id, "email.session_cancelled", facts, "was")
    entry = select(
        literal(tx.now, Audit.at.type),
        literal(tx.actor.kind),
        literal(tx.actor.id, Audit.actor_id.type),
        literal("booking.session-cancelled"),
        literal("bookings"),
        Booking.id,
        Booking.person_id,
        literal(Status.CANCELLED.value),
        _by_status(facts, "was"),
        literal(tx.request_id, Audit.request_id.type),
    ).where(*_standing(session_id))
    names = ["at", "actor_kind", "actor_id", "action", "subject", "subject_id", "person_id", "state", "facts", "request_id"]
    tx.db.execute(insert(Audit).from_select(names, entry.order_by(Booking.id), include_defaults=False))
    ended = tx.db.execute(
        update(Booking)
        .where(*_standing(session_id))
        .values(
            status=Status.CANCELLED.value,
            place=null(),
            approval_due_at=null(),
            reason=reason,
            sequence=Booking.sequence + 1,
            updated_at=tx.now,
            version=Booking.version + 1,
        )
    )
    tx.db.execute(delete(Place).where(Place.session_id == session_id, Place.closing))
    return int(ended.rowcount)


# What changed, in words --------------------------------------------------------------------------------------------


def described(tx: Tx, before: list[PartNew], after: list[PartNew]) -> list[str]:
    """A sentence for each change of time, room or link; empty when those who come need not know."""
    rooms = _room_names(tx, before + after)
    sentences: list[str] = []
    for n, new in enumerate(after):
        part = "It" if len(after) == 1 and len(before) == 1 else f"Part {n + 1}"
        whose = "The" if part == "It" else f"Part {n + 1}: the"
        if n >= len(before):
            sentences.append(f"There is a new part: {when(new.starts_at, new.ends_at)}, {_where(new, rooms)}.")
            continue
        old = before[n]
        if (old.starts_at, old.ends_at) != (new.starts_at, new.ends_at):
            sentences.append(_moved(part, old, new))
        if old.room_id != new.room_id:
            sentences.append(f"{whose} room is now {rooms[new.room_id]}." if new.room_id else f"{part} is now online only.")
        if old.link != new.link:
            sentences.append(f"{whose} joining link has changed." if new.link and old.link else _link_words(part, new))
    sentences += [f"This part no longer takes place: {when(part.starts_at, part.ends_at)}." for part in before[len(after) :]]
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
