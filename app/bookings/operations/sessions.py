"""Verbs about sessions: create, change, publish, copy, cancel. Places follow the capacity; whoever has a booking is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from secrets import token_hex
from typing import Any

from sqlalchemy import Row, func, select

from app import policy
from app.bookings.models import Session
from app.bookings.operations import approval, changes, delivering, elsewhere, interest, offers, places, quotas, reservations, timetable
from app.bookings.operations.timetable import PartNew
from app.core.calendar import from_london, london, when
from app.core.errors import Changed, Conflict, Invalid, Refusal
from app.core.text import normal
from app.core.tx import Tx, meaning
from app.learning import operations as learning
from app.learning.models import Course
from app.people.models import CareerStage, Person, Unit
from app.policy import Can, operation

LARGEST = 1000  # places
SETTINGS = (
    "min_numbers",
    "decide_by",
    "waiting_limit",
    "opens_at",
    "closes_at",
    "cancel_by",
    "needs_approval",
    "audience_stages",
    "audience_unit_id",
)
INSTANTS = ("decide_by", "opens_at", "closes_at", "cancel_by")

meaning("uq_sessions_reference", "sessions.reference", message="Another session already has this reference.", code="reference-taken")


@operation(Can.MANAGE_SESSIONS)
def create_session(
    tx: Tx, /, course_id: int, parts: Sequence[PartNew], capacity: int, *, reference: str | None = None, **settings: Any
) -> int:
    """A new session, a draft that holds its rooms and trainers; returns its id.

    `settings`: `min_numbers`, `decide_by`, `waiting_limit` (None: no limit), `opens_at`, `closes_at`, `cancel_by` (UTC instants),
    `needs_approval`, `audience_stages` (codes; like approval, taken from the course if left out), `audience_unit_id`.
    `reference` is given out ("S1042") if left out.
    """
    wanted, values = _new(tx, course_id, parts, capacity, settings, lock=True)
    values |= dict(
        course_id=course_id, reference=reference or f"new-{token_hex(8)}", capacity=capacity, created_at=tx.now, updated_at=tx.now
    )
    session_id = tx.insert(Session, **values, **timetable.summary(tx, wanted))
    if reference is None:
        tx.update(Session, session_id, reference=f"S{1000 + session_id}")
    _write(tx, session_id, wanted, [], capacity)
    tx.record("session.created", "sessions", session_id, course_id=course_id)
    return session_id


def rehearse(tx: Tx, /, course_id: int, parts: Sequence[PartNew], capacity: int, **settings: Any) -> None:
    """Refuse what `create_session` would refuse, without writing or locking anything: for a dry run."""
    _new(tx, course_id, parts, capacity, settings, lock=False)


def _new(
    tx: Tx, course_id: int, parts: Sequence[PartNew], capacity: int, settings: dict[str, Any], *, lock: bool
) -> tuple[list[PartNew], dict[str, Any]]:
    """The parts in order and the settings of a new session, checked."""
    course = tx.get(Course, course_id, what="course")
    if course.status == "withdrawn":
        raise Conflict(
            "This course is withdrawn, so it cannot have new sessions.", code="course-withdrawn", way_out="Publish the course again first."
        )
    _check_size(capacity)
    wanted = timetable.tidy(parts)
    if lock:
        timetable.lock_trainers(tx, wanted)
    given = {"needs_approval": course.needs_approval, "audience_stages": course.audience_stages, **settings}
    values = _all_checked(
        lambda: timetable.check(tx, wanted, capacity, None, lock=lock),
        lambda: _settings(tx, given, capacity, wanted[0].starts_at if wanted else None),
    )
    return wanted, values


def _all_checked(*checks: Callable[[], Any]) -> Any:
    """What the last check returns; if any refuses, the first refusal with everything that the others found wrong as well."""
    refusals: list[Refusal] = []
    answer = None
    for check in checks:
        try:
            answer = check()
        except Refusal as refusal:
            refusals.append(refusal)
    if refusals:
        refusals[0].errors = [error for refusal in refusals for error in refusal.errors]
        raise refusals[0]
    return answer


@operation(Can.MANAGE_SESSIONS)
def change_session(
    tx: Tx, /, session_id: int, version: int, parts: Sequence[PartNew] | None = None, capacity: int | None = None, **settings: Any
) -> None:
    """Change what is named; the rest stays. Refuses when the session is no longer at `version`, is cancelled, or is over.

    A smaller capacity unseats nobody: places close as they are vacated. When a published session changes its times, rooms or links,
    everyone with a live booking and everyone who delivers it is told what changed, and their calendars are corrected.
    """
    before = timetable.read(tx, session_id)
    wanted = timetable.tidy(before if parts is None else list(parts))
    timetable.lock_trainers(tx, wanted)
    session = _locked(tx, session_id, version)
    if session.status == "cancelled":
        raise Conflict("This session is cancelled.", code="session-cancelled", way_out="Copy it to a new date instead.")
    if session.ends_at <= tx.now:
        raise Conflict("This session is over, so it cannot be changed.", code="session-over")
    size = session.capacity if capacity is None else capacity
    _check_size(size)
    given = {name: getattr(session, name) for name in SETTINGS} | settings
    values = _all_checked(
        lambda: timetable.check(tx, wanted, size, session_id, new_rooms=_new_rooms(before, wanted)),
        lambda: _in_future(tx, wanted, before) if session.status == "published" else None,
        lambda: _settings(tx, given, size, wanted[0].starts_at if wanted else None),
    )
    values |= dict(capacity=size, **timetable.summary(tx, wanted))
    sentences = changes.described(tx, before, wanted)
    changed = sorted(name for name, value in values.items() if getattr(session, name) != value)
    if wanted != before:
        changed.append("parts")
    if not changed:
        return
    told = session.status == "published" and wanted != before
    sequence = session.sequence + 1 if told else session.sequence
    delivered = delivering.deliveries(tx, session_id) if told else {}
    dropped = _write(tx, session_id, wanted, before, size)
    tx.update(Session, session_id, **values, sequence=sequence, updated_at=tx.now, version=version + 1)
    tx.record("session.changed", "sessions", session_id, fields=changed, changes=sentences)
    approval.keep_within(tx, session_id)
    offers.keep_within(tx, session_id)
    reservations.keep_within(tx, session_id)
    quotas.keep_within(tx, session_id)
    if told and sentences:
        _tell_moved(tx, session_id, before, wanted, sentences, sequence, dropped)
    if told:
        delivering.tell(tx, session_id, delivered, delivering.deliveries(tx, session_id))


def _new_rooms(before: list[PartNew], wanted: list[PartNew]) -> set[int]:
    return {part.room_id for part in wanted if part.room_id is not None} - {part.room_id for part in before}


@dataclass(frozen=True, slots=True)
class Move:
    """What a change would mean for those with a booking: how many are told, and each part that differs as it was and as it will be.

    `clashes`: whose other booking the new times meet, (name, which one), of those the actor may see on a roster; `unseen`: how many others.
    """

    people: int
    sentences: list[str]
    parts: list[tuple[dict[str, Any] | None, dict[str, Any] | None]]
    clashes: list[tuple[str, str]] = field(default_factory=list)
    unseen: int = 0


def preview_change(tx: Tx, /, session_id: int, version: int, parts: Sequence[PartNew], capacity: int) -> Move | None:
    """Whom `change_session` would tell, without writing or locking anything; None when nobody would be. Refuses what cannot be."""
    session = tx.get(Session, session_id, what="session")
    if session.status != "published" or session.version != version:
        return None  # a form that is out of date is refused when it is saved
    before, wanted = timetable.read(tx, session_id), timetable.tidy(parts)
    sentences = changes.described(tx, before, wanted)
    people = changes.how_many(tx, session_id) if sentences else 0
    if not people:
        return None
    _all_checked(
        lambda: timetable.check(tx, wanted, capacity, session_id, new_rooms=_new_rooms(before, wanted), lock=False),
        lambda: _in_future(tx, wanted, before),
    )
    was, now = changes.part_words(tx, before), changes.part_words(tx, wanted)
    kept = timetable.same(before, wanted)
    differing: list[tuple[dict[str, Any] | None, dict[str, Any] | None]] = [
        (None if old is None else was[old], now[n])
        for n, old in enumerate(kept)
        if old is None or not changes.alike(before[old], wanted[n])
    ]
    differing += [(was[old], None) for old in range(len(before)) if old not in kept]
    clashes = list(changes.clashing(tx, session_id, wanted).values()) if _times(before) != _times(wanted) else []
    reached = select(Person.id).where(
        Person.id.in_([row.person_id for row in clashes]), policy.within_reach(tx, Can.READ_ROSTER, Person.id)
    )
    seen = {row.id for row in tx.rows(reached)} if clashes else set()
    named = [(row.name, f"{row.title}, {when(row.starts_at, row.ends_at)}") for row in clashes if row.person_id in seen]
    return Move(people, sentences, differing, named, len(clashes) - len(named))


def _times(parts: list[PartNew]) -> list[tuple[datetime, datetime]]:
    return [(part.starts_at, part.ends_at) for part in parts]


def _tell_moved(
    tx: Tx,
    session_id: int,
    before: list[PartNew],
    after: list[PartNew],
    sentences: list[str],
    sequence: int,
    dropped: list[tuple[int, PartNew]],
) -> None:
    """Queue the message; it keeps the old times if the times have changed, and tells whom the new ones clash for.

    Parts that were dropped leave the calendars of the booked by a message of their own, the only one where nothing else changed.
    """
    facts: dict[str, Any] = {"session_id": session_id, "changes": sentences, "sequence": sequence}
    notes: dict[int, list[str]] = {}
    if _times(before) != _times(after):
        facts["before"] = changes.part_facts(tx, before)
        for key, row in changes.clashing(tx, session_id, after).items():
            other = f"{row.title}, {when(row.starts_at, row.ends_at)}"
            give_up = "You can come to one of them: please cancel the other in My bookings, so that someone else can have the place."
            notes[key] = [f"You have another booking at the new time: {other}. {give_up}"]
    rows = changes.standing(tx, session_id)
    booked = [row for row in rows if row.status == "booked"] if dropped else []
    others = [row for row in rows if row.status != "booked"] if len(sentences) == len(dropped) else rows
    changes.tell_everyone(tx, others, "email.session_changed", facts, "status", notes)
    if booked:
        off = delivering.part_facts(tx, [delivering.Delivered(key, part) for key, part in dropped])
        changes.tell_everyone(tx, booked, "email.parts_cancelled", {"session_id": session_id, "off": off}, "status")


@operation(Can.MANAGE_SESSIONS)
def publish_session(tx: Tx, session_id: int, version: int | None = None) -> None:
    """Open the session to booking, in its window. Its course must be published and its start in the future."""
    found = tx.get(Session, session_id, what="session")
    course = tx.get(Course, found.course_id, lock=True)  # before the session, as withdrawing a course does
    session = _locked(tx, session_id, version)
    if session.status != "draft":
        raise Conflict(f"This session is already {session.status}.", code=f"session-{session.status}")
    if course.status != "published":
        raise Conflict(f"{course.title} is not published yet.", code="course-not-published", way_out="Publish the course first.")
    _in_future(tx, timetable.read(tx, session_id))
    tx.update(Session, session_id, status="published", updated_at=tx.now, version=session.version + 1)
    told = interest.tell_interested(tx, session)
    tx.record("session.published", "sessions", session_id, interested_told=told)
    delivering.tell(tx, session_id, {}, delivering.deliveries(tx, session_id))


@operation(Can.MANAGE_SESSIONS)
def copy_session(tx: Tx, session_id: int, day: date) -> int:
    """A draft with the same course, parts and settings, whose first part is on `day`; the rest moves along, by London's clock."""
    session = tx.get(Session, session_id, what="session")
    old = timetable.read(tx, session_id)
    shift = day - london(old[0].starts_at).date()
    moved = [
        PartNew(_shifted(part.starts_at, shift), _shifted(part.ends_at, shift), part.room_id, part.link, part.trainer_ids) for part in old
    ]
    settings = {name: getattr(session, name) for name in SETTINGS}
    for name in INSTANTS:
        if settings[name] is not None:
            settings[name] = _shifted(settings[name], shift)
    return create_session(tx, session.course_id, moved, session.capacity, **settings)


def _shifted(at: datetime, shift: timedelta) -> datetime:
    """The same time by London's clock, so many days on."""
    local = london(at)
    try:
        return from_london(local.date() + shift, local.time())
    except (ValueError, OverflowError) as wrong:
        words = "Check the year" if isinstance(wrong, OverflowError) else str(wrong)
        raise Invalid(words, errors=[{"field": "day", "message": words}]) from None


@operation(Can.MANAGE_SESSIONS)
def cancel_session(tx: Tx, session_id: int, reason: str, version: int | None = None, instead: int | None = None) -> int:
    """Call the session off before it starts: every live booking ends and everyone is told why. Returns how many bookings there were.

    `instead`: another session of the course. Whoever can joins its queue in their order and class, and its free places are offered to them.
    """
    reason = normal(reason)
    if not 3 <= len(reason) <= 500:
        message = "Enter the reason, up to 500 characters. Everyone with a booking will read it"
        raise Invalid("Say why.", errors=[{"field": "reason", "message": message}])
    other = None if instead is None else elsewhere.lock(tx, session_id, instead, changes.people_on(session_id))
    session = _locked(tx, session_id, version)
    if session.status == "cancelled":
        raise Conflict("This session is already cancelled.", code="session-cancelled")
    if session.status == "published" and session.starts_at <= tx.now:
        raise Conflict("This session has started, so it cannot be cancelled.", code="session-started")
    ended = changes.end_everyone(tx, session_id, reason)
    notes = elsewhere.join(tx, other, [row for row in ended if row.person_id is not None]) if other is not None else {}
    changes.tell_everyone(tx, ended, "email.session_cancelled", {"session_id": session_id, "reason": reason}, "was", notes)
    if session.status == "published":
        delivering.tell(tx, session_id, delivering.deliveries(tx, session_id), {}, reason=reason, called_off=True)
    timetable.release(tx, session_id)
    tx.update(
        Session,
        session_id,
        status="cancelled",
        cancel_reason=reason,
        sequence=session.sequence + 1,
        updated_at=tx.now,
        version=session.version + 1,
    )
    facts: dict[str, Any] = {"instead": instead} if instead is not None else {}
    tx.record("session.cancelled", "sessions", session_id, reason=reason, bookings=len(ended), **facts)
    return len(ended)


@operation(Can.WRITE_CATALOGUE)
def withdraw_course(tx: Tx, course_id: int, version: int | None = None) -> None:
    """Take a course out of the catalogue, unless it has published sessions to come. Here, because the room below knows no sessions."""
    tx.get(Course, course_id, lock=True, what="course")  # nobody publishes a session of it meanwhile
    coming = select(func.count()).where(Session.course_id == course_id, Session.status == "published", Session.starts_at > tx.now)
    learning.withdraw_course(tx, course_id, version, sessions_to_come=tx.scalar(coming))


# Parts, places and settings together -------------------------------------------------------------------------------


def _write(tx: Tx, session_id: int, wanted: list[PartNew], before: list[PartNew], capacity: int) -> list[tuple[int, PartNew]]:
    """Returns the parts that were dropped, with their ids."""
    dropped: list[tuple[int, PartNew]] = []
    if wanted != before:
        dropped = timetable.write(tx, session_id, wanted)
        timetable.give_duties(tx, session_id, wanted, before)
    places.set_capacity(tx, session_id, capacity)
    return dropped


def _locked(tx: Tx, session_id: int, version: int | None) -> Row[Any]:
    session = tx.get(Session, session_id, lock=True, what="session")
    if version is not None and session.version != version:
        raise Changed("Somebody changed this session since you opened it.", way_out="Look at it again and repeat your change.")
    return session


def _check_size(capacity: int) -> None:
    if not 1 <= capacity <= LARGEST:
        message = f"Places must be between 1 and {LARGEST:,}"
        raise Invalid(message + ".", errors=[{"field": "capacity", "message": message}])


def _in_future(tx: Tx, wanted: list[PartNew], before: Sequence[PartNew] = ()) -> None:
    """Refuse parts that have begun, unless they stand as they were `before`."""
    past = [n for n, part in enumerate(wanted, 1) if part.starts_at <= tx.now and part not in before]
    if past:
        message = "This is in the past. Enter a date and time to come"
        raise Invalid(message + ".", errors=[{"field": f"parts.{n}.day", "message": message} for n in past], code="in-the-past")


def _settings(tx: Tx, given: dict[str, Any], capacity: int, starts_at: datetime | None) -> dict[str, Any]:
    """Everything beside times and places, checked against each other; Invalid with every field that is wrong."""
    strange = set(given) - set(SETTINGS)
    if strange:
        raise TypeError(f"a session has no {', '.join(sorted(strange))}")
    values = dict(given)
    wrong: list[tuple[str, str]] = []
    values["min_numbers"] = values.get("min_numbers") or 0
    if not 0 <= values["min_numbers"] <= capacity:
        wrong.append(("min_numbers", f"Fewest people must be between 0 and {capacity}, the number of places"))
    if values.get("waiting_limit") is not None and not 0 <= values["waiting_limit"] <= LARGEST * 10:
        wrong.append(("waiting_limit", "Length of the waiting list must be 0 or more"))
    for name, words in (("decide_by", "The decision"), ("closes_at", "The end of booking"), ("cancel_by", "The deadline for cancelling")):
        if values.get(name) is not None and starts_at is not None and values[name] > starts_at:
            wrong.append((name, f"{words} must be before the session starts"))
    opens, closes = values.get("opens_at"), values.get("closes_at")
    if opens is not None and (end := closes or starts_at) is not None and opens >= end:
        wrong.append(("opens_at", "Booking must open before it closes"))
    if values.get("audience_unit_id") is not None and tx.scalar(select(Unit.id).where(Unit.id == values["audience_unit_id"])) is None:
        wrong.append(("audience_unit_id", "Choose the part of the organisation from the list"))
    stages = values.get("audience_stages")
    if stages is not None:
        codes = [code.strip() for code in (stages.split(",") if isinstance(stages, str) else stages) if code.strip()]
        ranked = select(CareerStage.code).where(CareerStage.code.in_(codes)).order_by(CareerStage.rank, CareerStage.code)
        known = list(tx.db.execute(ranked).scalars()) if codes else []
        if set(codes) - set(known):
            wrong.append(("audience_stages", "Choose career stages from the list"))
        values["audience_stages"] = ",".join(known)
    if wrong:
        raise Invalid(wrong[0][1] + ".", errors=[{"field": name, "message": message} for name, message in wrong])
    return values
