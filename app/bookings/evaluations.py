"""What people answered about a course, with small numbers hidden, and with them whatever would give them away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, func, select

from app.bookings.event_models import EvaluationAnswer, EvaluationAsk
from app.bookings.models import Booking, Session
from app.bookings.terms import policy as figures
from app.core.suppression import Sum, hidden
from app.core.tx import Tx
from app.learning.models import Course

SCALE = (1, 2, 3, 4, 5)
SHOWN = 12  # most sessions with a line of their own; what went before is one line, so that hiding is quick however often a course runs
EARLIER = 0  # stands for the sessions before those
ABOUT = select(Course.title, Session.starts_at).join(Session, Session.course_id == Course.id).where(Session.id == bindparam("session"))


@dataclass(frozen=True, slots=True)
class Line:
    """One session of a course, those before (`session_id` EARLIER) or all (None). What must not be shown, and what rests on it, is None."""

    session_id: int | None
    starts_at: datetime | None
    asked: int
    answered: int | None
    scores: dict[int, int | None]  # how many gave each answer
    mean: float | None
    gain: float | None  # by how much confidence rose, of 4, over those who said both


@dataclass(frozen=True, slots=True)
class Results:
    """The answers to one kind of question about a course: all sessions together, then each."""

    whole: Line
    sessions: list[Line]
    comments: list[str]  # in no order of people or time; none while fewer answered than may be shown
    below: int


def results(tx: Tx, course_id: int, kind: str) -> Results:
    """Answers about a course. Nothing in them lets a reader work out what fewer people than the policy's figure said."""
    below = figures(tx).suppress_below
    asked = tx.rows(
        select(Session.id, Session.starts_at, func.count(EvaluationAsk.id).label("asked"))
        .join(Booking, Booking.session_id == Session.id)
        .join(EvaluationAsk, EvaluationAsk.booking_id == Booking.id)
        .where(Session.course_id == course_id, EvaluationAsk.kind == kind)
        .group_by(Session.id, Session.starts_at)
        .order_by(Session.starts_at.desc(), Session.id)
    )
    apart = _apart(len(asked))
    own = {row.id for row in asked[:apart]}
    session = case((EvaluationAnswer.session_id.in_(own), EvaluationAnswer.session_id), else_=EARLIER).label("session_id")
    given = tx.rows(
        select(
            session,
            EvaluationAnswer.useful,
            func.count().label("answers"),
            func.sum(EvaluationAnswer.confidence_after - EvaluationAnswer.confidence_before).label("gained"),
            func.count(EvaluationAnswer.confidence_after - EvaluationAnswer.confidence_before).label("both"),
        )
        .join(Session, Session.id == EvaluationAnswer.session_id)
        .where(Session.course_id == course_id, EvaluationAnswer.kind == kind)
        .group_by(session, EvaluationAnswer.useful)
    )
    shown: list[tuple[int, datetime | None, int]] = [(row.id, row.starts_at, row.asked) for row in asked[:apart]]
    if len(asked) > apart:
        shown.append((EARLIER, None, sum(row.asked for row in asked[apart:])))
    counts, sums = _table([key for key, _, _ in shown], given)
    hide = hidden(counts, sums, below)
    lines = [_line(*one, given, counts, hide, below) for one in shown]
    whole = _line(None, None, sum(row.asked for row in asked), given, counts, hide, below)
    lines = _without_gain_that_tells(lines)
    enough = counts["all"] >= below
    return Results(whole, lines, _comments(tx, course_id, kind) if enough else [], below)


def _apart(sessions: int) -> int:
    """How many of the newest sessions have a line of their own. They join the earlier ones several at once: if one did, how the earlier
    ones changed would be what was hidden of it."""
    block = SHOWN // 2
    return sessions if sessions <= SHOWN else block + sessions % block


def _table(sessions: Sequence[int], given: Sequence[Row[Any]]) -> tuple[dict[str, int], list[Sum]]:
    """Sessions by answer, with their totals."""
    counts = {f"{session}.{score}": 0 for session in sessions for score in SCALE}
    counts |= {f"{row.session_id}.{row.useful}": row.answers for row in given}
    sums = [Sum(f"s{session}", tuple(f"{session}.{score}" for score in SCALE)) for session in sessions]
    sums += [Sum(f"u{score}", tuple(f"{session}.{score}" for session in sessions)) for score in SCALE]
    sums += [Sum("all", tuple(f"s{session}" for session in sessions)), Sum("all", tuple(f"u{score}" for score in SCALE))]
    for relation in sums:
        counts[relation.total] = sum(counts[part] for part in relation.parts)
    return counts, sums


def _line(
    session_id: int | None,
    starts_at: datetime | None,
    asked: int,
    given: Sequence[Row[Any]],
    counts: dict[str, int],
    hide: frozenset[str],
    below: int,
) -> Line:
    rows = [row for row in given if session_id is None or row.session_id == session_id]
    total = "all" if session_id is None else f"s{session_id}"
    names = {score: f"u{score}" if session_id is None else f"{session_id}.{score}" for score in SCALE}
    answered = counts[total]
    enough = answered >= below and total not in hide and not hide.intersection(names.values())  # else the mean would tell what is hidden
    both = sum(row.both for row in rows)
    return Line(
        session_id,
        starts_at,
        asked,
        None if total in hide else answered,
        {score: None if name in hide else counts[name] for score, name in names.items()},
        sum(row.useful * row.answers for row in rows) / answered if enough else None,
        sum(row.gained or 0 for row in rows) / both if enough and both >= below else None,
    )


def _without_gain_that_tells(lines: list[Line]) -> list[Line]:
    """The gain of all beside the gains of all but one session would be that session's: the smallest of the others keeps its back too."""
    silent = [line for line in lines if line.answered != 0 and line.gain is None]
    speaking = [line for line in lines if line.gain is not None]
    if len(silent) != 1 or not speaking:
        return lines
    least = min(speaking, key=lambda line: (line.answered or 0, line.session_id or 0))
    return [replace(line, gain=None) if line is least else line for line in lines]


def _comments(tx: Tx, course_id: int, kind: str) -> list[str]:
    """What was written, in alphabetical order, so that neither time nor session tells whose it is."""
    rows = tx.rows(
        select(EvaluationAnswer.comment)
        .join(Session, Session.id == EvaluationAnswer.session_id)
        .where(Session.course_id == course_id, EvaluationAnswer.kind == kind, EvaluationAnswer.comment != "")
        .limit(500)
    )
    return sorted((row.comment for row in rows), key=str.casefold)
