"""What followed sessions of late: marks for each part, learning records, and what people said about them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.bookings.event_models import Attendance, EvaluationAnswer, EvaluationAsk
from app.bookings.operations.evaluate import LATE
from app.bookings.terms import Policy
from app.learning.models import LearningRecord
from seed.content import Content
from seed.history import History
from seed.rows import Row, Table, course_keys, morning
from seed.timetable import Meeting

IMPACT = timedelta(weeks=Policy().impact_weeks)
THERE = ("attended", "partly attended")
MARKS = {"attended": "present", "partly attended": "partly", "did not attend": "absent", "excused": "absent"}
COMMENTS = {
    "after": (
        "The case discussion in small groups was the most useful part.", "I will use the family network map from Monday.",
        "Good pace, and room for questions.", "The morning could have been shorter.", "I would have liked more about writing for court.",
        "It helped to hear how other teams do it.",
    ),
    "impact": (
        "I now prepare for strategy meetings with the checklist.", "Our team talks about thresholds in supervision now.",
        "I have not had a case yet where I could use it.", "My assessments are shorter and clearer.",
    ),
}  # fmt: skip


@dataclass(slots=True)
class _Made:
    marks: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    asks: list[Row] = field(default_factory=list)
    answers: list[Row] = field(default_factory=list)


def rows_of(
    chance: random.Random, content: Content, meetings: list[Meeting], history: History, asked: int, now: datetime
) -> Iterator[Table]:
    """Of finished registers of the last months; everybody who is to be asked has been, so that no message goes out for the past.

    `asked` is the one person who has not answered anything yet.
    """
    made, courses = _Made(), course_keys(content)
    part, booking = 0, 0
    for session, (meeting, turns) in enumerate(zip(meetings, history.turns, strict=True), start=1):
        parts = [part + n for n in range(1, len(meeting.parts) + 1)]
        part += len(parts)
        finished = meeting.ends_at < now and meeting.status == "published" and not meeting.register_open
        since = now - meeting.ends_at
        for turn in turns:
            booking += 1
            if not finished or turn.status not in MARKS:
                continue
            about = dict(booking_id=booking, person_id=turn.person + 1)
            if since < LATE:
                _registered(made, meeting, about, turn.status, parts, dict(session_id=session, course_id=courses[meeting.course.code]), now)
            if turn.status in THERE:
                if since < LATE:
                    _ask(made, chance, "after", session, about, meeting.ends_at + timedelta(minutes=40), now, silent=turn.person == asked)
                if IMPACT <= since < IMPACT + LATE:
                    _ask(made, chance, "impact", session, about, meeting.ends_at + IMPACT, now, silent=turn.person == asked)
    yield Attendance, iter(made.marks)
    yield LearningRecord, iter(made.records)
    yield EvaluationAsk, iter(made.asks)
    yield EvaluationAnswer, iter(made.answers)


def _registered(
    made: _Made, meeting: Meeting, about: dict[str, Any], status: str, parts: list[int], where: dict[str, Any], now: datetime
) -> None:
    """A mark for each part (whoever was there partly came to the first only), and the learning record of whoever was there."""
    marks = [MARKS[status]] * len(parts)
    if status == "partly attended" and len(parts) > 1:
        marks = ["present"] + ["absent"] * (len(parts) - 1)
    at = meeting.ends_at + timedelta(minutes=20)
    for key, mark in zip(parts, marks, strict=True):
        by = meeting.trainers[0] + 1
        made.marks.append(dict(booking_id=about["booking_id"], part_id=key, mark=mark, source="register", marked_at=at, marked_by=by))
    if status in THERE:
        halves = {"present": 2, "partly": 1, "absent": 0}
        share = sum(halves[mark] for mark in marks) / (2 * len(marks))
        on = meeting.days[max(n for n, mark in enumerate(marks) if mark != "absent")]
        spec = meeting.course
        said = dict(title=spec.title, bucket=spec.bucket, source="attendance", minutes=round(spec.minutes * share), on_date=on)
        made.records.append(about | where | said | dict(recorded_at=min(now, morning(on) + timedelta(days=1))))


def _ask(
    made: _Made, chance: random.Random, kind: str, session: int, about: dict[str, Any], at: datetime, now: datetime, *, silent: bool
) -> None:
    answered = at + timedelta(minutes=chance.randint(60, 6 * 24 * 60))
    answers = chance.random() < 0.55 and answered < now and not silent
    made.asks.append(about | dict(kind=kind, asked_at=min(at, now), answered_at=answered if answers else None))
    if not answers:
        return
    before = chance.choices((1, 2, 3, 4), (2, 5, 5, 1))[0]
    confident = dict(confidence_before=before, confidence_after=min(5, before + chance.choice((0, 1, 1, 2)))) if kind == "after" else {}
    made.answers.append(
        dict(
            session_id=session,
            kind=kind,
            answered_on=answered.date(),
            useful=chance.choices((1, 2, 3, 4, 5), (1, 2, 6, 10, 6))[0],
            comment=chance.choice(COMMENTS[kind]) if chance.random() < 0.3 else "",
            **(dict(confidence_before=None, confidence_after=None) | confident),
        )
    )
