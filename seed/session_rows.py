"""Sessions, bookings and completions as rows. Keys are positions plus one, as in `seed.rows`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from app.bookings.models import Booking, Part, PartTrainer, Place, Room, Session
from app.core.ledger import Audit
from app.learning.models import Completion
from app.people.models import Duty, Responsibility
from seed.content import Content
from seed.history import History, Turn
from seed.rows import Row, Table, course_keys, duty, morning
from seed.timetable import Meeting

USUAL_CLASS = 5  # priority class of a booking without statutory or programme need


def session_rows(content: Content, meetings: list[Meeting], rooms: list[Any], turns: list[list[Turn]], now: datetime) -> Iterator[Table]:
    """Rooms, sessions, parts, trainers and seats."""
    courses = course_keys(content)
    numbered = list(enumerate(meetings, start=1))
    yield (
        Room,
        (
            dict(id=key, name=r.name, place=r.site.split(", ")[-1], address=r.site, capacity=r.capacity, access_notes=r.access)
            for key, r in enumerate(rooms, start=1)
        ),
    )
    yield Session, (_session(key, meeting, courses[meeting.course.code], len(turns[key - 1]), now) for key, meeting in numbered)
    parts: list[Row] = []
    trainers: list[Row] = []
    for key, meeting in numbered:
        live = meeting.status != "cancelled"
        for part in meeting.parts:
            times = dict(starts_at=part.starts_at, ends_at=part.ends_at, live=live)
            parts.append(
                dict(id=len(parts) + 1, session_id=key, room_id=None if part.room is None else part.room + 1, link=part.link, **times)
            )
            trainers += [dict(part_id=len(parts), person_id=i + 1, **times) for i in meeting.trainers]
    yield Part, iter(parts)
    yield PartTrainer, iter(trainers)
    yield (
        Responsibility,
        (
            duty(
                Duty.TRAINER,
                i,
                meeting.created_at.date(),
                meeting.days[-1] + timedelta(days=60),
                subject=f"session:{key}",
            )
            for key, meeting in numbered
            if meeting.status != "cancelled"
            for i in meeting.trainers
        ),
    )
    yield Place, (dict(session_id=key, number=number) for key, m in numbered for number in range(1, m.capacity + 1))


def _session(key: int, meeting: Meeting, course: int, turns: int, now: datetime) -> Row:
    taken = meeting.ends_at < now and meeting.status == "published" and not meeting.register_open
    return dict(
        id=key,
        course_id=course,
        reference=f"S{1000 + key}",
        starts_at=meeting.starts_at,
        ends_at=meeting.ends_at,
        place=meeting.place,
        online=meeting.online,
        capacity=meeting.capacity,
        min_numbers=meeting.min_numbers,
        decide_by=meeting.decide_by,
        waiting_limit=meeting.waiting_limit,
        opens_at=meeting.opens_at,
        closes_at=meeting.closes_at,
        cancel_by=meeting.cancel_by,
        needs_approval=meeting.course.approval,
        audience_stages=",".join(meeting.audience),
        status=meeting.status,
        cancel_reason="The trainer is no longer available" if meeting.status == "cancelled" else None,
        register_at=meeting.ends_at + timedelta(minutes=20) if taken else None,
        next_turn=turns + 1,
        created_at=meeting.created_at,
        updated_at=min(meeting.created_at + timedelta(days=1), now),
    )


def booking_rows(history: History) -> Iterator[Table]:
    """Bookings, and the audit rows that are their history."""
    turns = [(session, turn, made) for session, all_of in enumerate(history.turns, start=1) for turn, made in enumerate(all_of, start=1)]
    yield (
        Booking,
        (
            dict(
                id=key,
                session_id=session,
                person_id=made.person + 1,
                booked_by=made.booked_by + 1,
                place=made.place,
                priority=USUAL_CLASS,
                turn=turn,
                approval=made.approval,
                approval_due_at=made.approval_due_at,
                status=made.status,
                reason=made.reason,
                sequence=1 if made.status == "cancelled" else 0,
                created_at=made.at,
                updated_at=made.decided_at or made.at,
                version=2 if made.decided_at else 1,
            )
            for key, (session, turn, made) in enumerate(turns, start=1)
        ),
    )
    yield Audit, _audit(turns)


DECIDED = {
    "cancelled": "booking.cancelled",
    "attended": "booking.attended",
    "partly attended": "booking.attended",
    "did not attend": "booking.not-attended",
    "excused": "booking.excused",
}


def _audit(turns: list[tuple[int, int, Turn]]) -> Iterator[Row]:
    """Every state a booking has been in, with who moved it there and when."""

    def entry(key: int, session: int, made: Turn, action: str, state: str, at: datetime, actor: int | None) -> Row:
        return dict(
            at=at,
            actor_kind="system" if actor is None else "person",
            actor_id=actor,
            action=action,
            subject="bookings",
            subject_id=key,
            person_id=made.person + 1,
            state=state,
            facts={"session_id": session} | ({"reason": made.reason} if made.reason and state == "cancelled" else {}),
            request_id=None,
        )

    for key, (session, _, made) in enumerate(turns, start=1):
        first = "waiting" if made.status == "waiting" else "requested" if made.approval != "not needed" else "booked"
        # Not "booking.made": nobody was told, so it must not look as if a message were missing.
        yield entry(key, session, made, "booking.imported", first, made.at, made.booked_by + 1)
        if made.approval == "granted":
            at = made.decided_at if made.status == "booked" and made.decided_at else made.at + timedelta(hours=1)
            yield entry(key, session, made, "booking.approved", first if first == "waiting" else "booked", at, None)
        if made.status in DECIDED and made.decided_at is not None:
            yield entry(key, session, made, DECIDED[made.status], made.status, made.decided_at, None)


def completion_rows(content: Content, history: History, now: datetime) -> Iterator[Table]:
    """Completions, recorded the morning after."""
    courses = course_keys(content)
    yield (
        Completion,
        (
            dict(
                person_id=done.person + 1,
                course_id=courses[done.course],
                completed_on=done.on,
                expires_on=done.expires,
                source=done.source,
                session_id=None if done.meeting is None else done.meeting + 1,
                recorded_at=min(now, morning(done.on) + timedelta(days=1)),
                superseded_at=None,
            )
            for done in history.done
        ),
    )
