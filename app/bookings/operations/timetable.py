"""The parts of a session: where, when and with whom; each checked in words, then written."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, delete, insert, or_, select, update

from app.bookings.event_models import Attendance
from app.bookings.models import Part, PartTrainer, Room, Session
from app.core.calendar import london, london_day, when
from app.core.db import is_postgresql
from app.core.errors import Conflict, Invalid
from app.core.text import normal, plural
from app.core.tx import Tx
from app.learning.models import Course
from app.people import operations as people
from app.people.models import Duty, Person

MOST_PARTS = 20
LONGEST_PART = timedelta(hours=14)
FURTHEST = 10 * 366  # days ahead: beyond that a year was mistyped


@dataclass(frozen=True, slots=True)
class PartNew:
    """One part as it should be: two UTC instants, a room or a joining link or both, and who delivers it."""

    starts_at: datetime
    ends_at: datetime
    room_id: int | None = None
    link: str | None = None
    trainer_ids: tuple[int, ...] = ()


Errors = list[dict[str, str]]


def tidy(parts: Sequence[PartNew]) -> list[PartNew]:
    """In order of time, links trimmed, trainers in order and once each."""
    made = [
        PartNew(part.starts_at, part.ends_at, part.room_id, normal(part.link or "") or None, tuple(sorted(set(part.trainer_ids))))
        for part in parts
    ]
    return sorted(made, key=lambda part: (part.starts_at, part.ends_at))


def check(
    tx: Tx, parts: list[PartNew], capacity: int, session_id: int | None, *, new_rooms: set[int] | None = None, lock: bool = True
) -> None:
    """Refuse what cannot be: no part, wrong times, a room too small or closed, someone or somewhere that is already taken.

    Locks the rooms, so that what is found free stays free until the commit (the caller has locked the trainers, `lock_trainers`);
    a dry run only looks (`lock=False`).
    `new_rooms` are the rooms that must still be open (None: all of them). Fields are named "parts.1.room" and so on.
    """
    problems = _shape(parts, tx.now + timedelta(days=FURTHEST))
    if problems:
        raise Invalid(problems[0]["message"] + ".", errors=problems)
    rooms = _rooms(tx, {part.room_id for part in parts if part.room_id is not None}, lock)
    for n, part in enumerate(parts, 1):
        if part.room_id is None:
            continue
        room = rooms.get(part.room_id)
        if room is None:
            problems.append(_error(n, "room", "Choose the room from the list"))
        elif room.closed and (new_rooms is None or part.room_id in new_rooms):
            problems.append(_error(n, "room", f"{room.name} is closed. Choose another room"))
        elif room.capacity < capacity:
            message = (
                f"{room.name} holds {plural(room.capacity, 'person', 'people')}, fewer than the {plural(capacity, 'place')} of this session"
            )
            problems.append(_error(n, "room", message + ". Choose a larger room or fewer places"))
    if problems:
        raise Invalid(problems[0]["message"] + ".", errors=problems, code="room-not-fit")
    _refuse_clashes(tx, parts, session_id)


def _shape(parts: list[PartNew], latest: datetime) -> Errors:
    """What can be seen without looking anything up."""
    problems: Errors = []
    if not 1 <= len(parts) <= MOST_PARTS:
        return [{"field": "parts", "message": f"A session has between 1 and {MOST_PARTS} parts"}]
    for n, part in enumerate(parts, 1):
        if part.starts_at > latest:
            problems.append(_error(n, "day", "This is more than ten years ahead. Check the year"))
        if part.starts_at >= part.ends_at:
            problems.append(_error(n, "ends", "The end must be after the start"))
        elif part.ends_at - part.starts_at > LONGEST_PART:
            problems.append(_error(n, "ends", "One part lasts at most 14 hours. Enter each day as a part of its own"))
        elif n > 1 and part.starts_at < parts[n - 2].ends_at:
            problems.append(_error(n, "starts", "This part begins before the one before it ends"))
        if part.room_id is None and part.link is None:
            problems.append(_error(n, "room", "Choose a room or enter a joining link"))
        if part.link is not None and (len(part.link) > 500 or not part.link.startswith(("https://", "http://"))):
            problems.append(_error(n, "link", "Joining link must be a web address that begins with https://"))
    return problems


def _error(n: int, field: str, message: str) -> dict[str, str]:
    return {"field": f"parts.{n}.{field}", "message": message}


def lock_trainers(tx: Tx, parts: list[PartNew]) -> None:
    """People are locked before sessions, by id; refuses a trainer who does not exist."""
    wanted = sorted({trainer for part in parts for trainer in part.trainer_ids})
    if not wanted:
        return
    statement = select(Person.id).where(Person.id.in_(wanted)).order_by(Person.id)
    if is_postgresql(tx.db):
        statement = statement.with_for_update(key_share=True)
    found = set(tx.db.execute(statement).scalars())
    for n, part in enumerate(parts, 1):
        if set(part.trainer_ids) - found:
            raise Invalid(
                "There is no such trainer.", errors=[_error(n, "trainers", "Enter the e-mail address of somebody who is on record here")]
            )


def _rooms(tx: Tx, wanted: set[int], lock: bool) -> dict[int, Row[Any]]:
    if not wanted:
        return {}
    statement = select(Room.__table__).where(Room.id.in_(wanted)).order_by(Room.id)
    if lock and is_postgresql(tx.db):
        statement = statement.with_for_update(key_share=True)
    return {row.id: row for row in tx.rows(statement)}


def _refuse_clashes(tx: Tx, parts: list[PartNew], session_id: int | None) -> None:
    """Name what is already there. The database refuses the same by itself, in fewer words, if this is passed by."""
    own = session_id or 0
    room_or_times = [
        and_(Part.room_id == part.room_id, Part.starts_at < part.ends_at, Part.ends_at > part.starts_at) for part in parts if part.room_id
    ]
    problems: Errors = []
    columns = (Session.reference, Course.title, Part.starts_at, Part.ends_at)
    if room_or_times:
        taken = (
            select(Part.room_id, Room.name, *columns)
            .join(Room, Room.id == Part.room_id)
            .join(Session, Session.id == Part.session_id)
            .join(Course, Course.id == Session.course_id)
            .where(Part.live, Part.session_id != own, or_(*room_or_times))
        )
        for row in tx.rows(taken):
            n = _which(parts, row, lambda part, row: part.room_id == row.room_id)
            problems.append(_error(n, "room", f"{row.name} is already in use then: {_said(row)}. Choose another room or time"))
    busy = [
        and_(PartTrainer.person_id.in_(part.trainer_ids), PartTrainer.starts_at < part.ends_at, PartTrainer.ends_at > part.starts_at)
        for part in parts
        if part.trainer_ids
    ]
    rooms_taken = bool(problems)
    if busy:
        delivering = (
            select(PartTrainer.person_id, Person.name, *columns)
            .join(Person, Person.id == PartTrainer.person_id)
            .join(Part, Part.id == PartTrainer.part_id)
            .join(Session, Session.id == Part.session_id)
            .join(Course, Course.id == Session.course_id)
            .where(PartTrainer.live, Part.session_id != own, or_(*busy))
        )
        for row in tx.rows(delivering):
            n = _which(parts, row, lambda part, row: row.person_id in part.trainer_ids)
            problems.append(_error(n, "trainers", f"{row.name} is already delivering then: {_said(row)}. Choose another trainer or time"))
    if problems:
        raise Conflict(problems[0]["message"] + ".", code="room-taken" if rooms_taken else "trainer-taken", errors=problems)


def _which(parts: list[PartNew], row: Row[Any], same: Any) -> int:
    """The number of the first part that `row` clashes with."""
    return next(n for n, part in enumerate(parts, 1) if same(part, row) and row.starts_at < part.ends_at and part.starts_at < row.ends_at)


def _said(row: Row[Any]) -> str:
    return f"{row.reference}, {row.title}, {when(row.starts_at, row.ends_at)}"


def addresses_in(typed: str) -> list[str]:
    """E-mail addresses separated by commas, semicolons or spaces."""
    return [address for address in re.split(r"[\s,;]+", typed.lower()) if address]


def people_by_address(tx: Tx, wanted: set[str]) -> dict[str, int]:
    """Who has these e-mail addresses; those of nobody are left out. "#12" is the person with that key, for those without an address."""
    keys = {int(address[1:]): address for address in wanted if re.fullmatch(r"#\d{1,15}", address)}
    found = {row.email: row.id for row in tx.rows(select(Person.id, Person.email).where(Person.email.in_(wanted)))} if wanted else {}
    if keys:
        found |= {keys[key]: key for key in tx.db.execute(select(Person.id).where(Person.id.in_(keys))).scalars()}
    return found


def until(day: date, starts_at: datetime) -> datetime:
    """The end of a day, or the start of the session if that is sooner on the same day."""
    end = london_day(day)[1]
    return starts_at if london(starts_at).date() == day else end


# Writing -----------------------------------------------------------------------------------------------------------


def read(tx: Tx, session_id: int) -> list[PartNew]:
    """The parts of a session as they are, in order."""
    trainers: dict[int, list[int]] = {}
    for row in tx.rows(
        select(PartTrainer.part_id, PartTrainer.person_id)
        .join(Part, Part.id == PartTrainer.part_id)
        .where(Part.session_id == session_id)
        .order_by(PartTrainer.person_id)
    ):
        trainers.setdefault(row.part_id, []).append(row.person_id)
    rows = tx.rows(select(Part.__table__).where(Part.session_id == session_id).order_by(Part.starts_at, Part.id))
    return [PartNew(row.starts_at, row.ends_at, row.room_id, row.link, tuple(trainers.get(row.id, ()))) for row in rows]


def same(before: Sequence[PartNew], after: Sequence[PartNew]) -> list[int | None]:
    """For each part of `after` which of `before` it was, by position; None: it is new. What nothing claims is dropped.

    A part that keeps its time is itself, then one on the same London day; the rest follow in order. So dropping the second of three
    mornings drops that one, in people's calendars as well.
    """
    found: list[int | None] = [None] * len(after)
    left = list(range(len(before)))
    rules: tuple[Callable[[PartNew], Any], ...] = (
        lambda part: (part.starts_at, part.ends_at),
        lambda part: london(part.starts_at).date(),
        lambda _part: None,
    )
    for rule in rules:
        for n, part in enumerate(after):
            if found[n] is None and (match := next((old for old in left if rule(before[old]) == rule(part)), None)) is not None:
                found[n] = match
                left.remove(match)
    return found


def _times(part: PartNew) -> tuple[datetime, datetime]:
    return part.starts_at, part.ends_at


def write(tx: Tx, session_id: int, parts: list[PartNew]) -> list[tuple[int, PartNew]]:
    """Replace the parts; each stays what it was (`same`). They are set aside first, so that two may change places.

    Returns those that were dropped, with their ids.
    """
    old = list(tx.db.execute(select(Part.id).where(Part.session_id == session_id).order_by(Part.starts_at, Part.id)).scalars())
    before = read(tx, session_id)
    was = same(before, parts)
    dropped = [(old[n], part) for n, part in enumerate(before) if n not in was]
    if old:
        tx.db.execute(delete(PartTrainer).where(PartTrainer.part_id.in_(old)))
        tx.db.execute(update(Part).where(Part.session_id == session_id).values(live=False))
        moved = [old[key] for n, key in enumerate(was) if key is not None and _times(before[key]) != _times(parts[n])]
        gone = [key for key, _ in dropped]
        tx.db.execute(delete(Attendance).where(Attendance.part_id.in_(moved + gone)))  # marks made shortly before the start that is no more
        tx.db.execute(delete(Part).where(Part.id.in_(gone)))
    for n, part in enumerate(parts):
        values = dict(starts_at=part.starts_at, ends_at=part.ends_at, room_id=part.room_id, link=part.link, live=True)
        if (kept := was[n]) is not None:
            tx.update(Part, old[kept], **values)
            part_id = old[kept]
        else:
            part_id = tx.insert(Part, session_id=session_id, **values)
        rows = [dict(part_id=part_id, person_id=person, starts_at=part.starts_at, ends_at=part.ends_at) for person in part.trainer_ids]
        if rows:
            tx.db.execute(insert(PartTrainer), rows)
    return dropped


def release(tx: Tx, session_id: int) -> None:
    """The session is cancelled: its rooms and trainers are free again."""
    ours = select(Part.id).where(Part.session_id == session_id)
    tx.db.execute(update(PartTrainer).where(PartTrainer.part_id.in_(ours)).values(live=False))
    tx.db.execute(update(Part).where(Part.session_id == session_id).values(live=False))
    people.end_duties(tx, f"session:{session_id}")


def give_duties(tx: Tx, session_id: int, parts: list[PartNew], before: list[PartNew]) -> None:
    """Who delivers the session answers for it: their role as trainer follows from that."""
    trainers = {trainer for part in parts for trainer in part.trainer_ids}
    if before:
        if trainers == {trainer for part in before for trainer in part.trainer_ids}:
            return
        people.end_duties(tx, f"session:{session_id}")
    for trainer in sorted(trainers):
        people.give_duty(tx, Duty.TRAINER, trainer, tx.today, subject=f"session:{session_id}")


def summary(tx: Tx, parts: list[PartNew]) -> dict[str, Any]:
    """What lists show of the parts: first and last moment, the town of the first room, and whether all of it can be followed online."""
    first = next((part.room_id for part in parts if part.room_id is not None), None)
    place = "Online" if first is None else tx.scalar(select(Room.place).where(Room.id == first))
    return dict(
        starts_at=parts[0].starts_at,
        ends_at=max(part.ends_at for part in parts),
        place=place,
        online=all(part.link is not None for part in parts),
    )
