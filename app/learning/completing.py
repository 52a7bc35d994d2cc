"""What somebody's learning comes to: a learning record, a completion with its last day, and the renewal of what a refresher renews.

Attendance, an e-learning result and accepted prior learning all end here. Nothing is overwritten: a correction supersedes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, insert, select, update

from app.core.calendar import add_months
from app.core.ledger import Audit, entry
from app.core.tx import Tx
from app.learning import certificates, shared
from app.learning.models import Completion, Course, CourseKind, LearningRecord

ACTIVITIES = {CourseKind.MASTERCLASS: "masterclass", CourseKind.E_LEARNING: "e_learning"}  # of a course's kind; the others are a course


@dataclass(frozen=True, slots=True)
class Learnt:
    """What one booking of a session comes to. `minutes` of learning, None: they were not there; `full`: they were there for all of it."""

    booking_id: int
    person_id: int
    on_date: date  # London day of the last part they attended
    minutes: int | None
    full: bool


def last_day(completed_on: date, validity_months: int | None) -> date | None:
    """Until when a completion counts, that day included; None: for ever. Twelve months after 31 January 2026 is 31 January 2027."""
    return None if validity_months is None else add_months(completed_on, validity_months)


def settle(tx: Tx, session_id: int, course_id: int, learnt: Sequence[Learnt], because: str) -> None:
    """Make learning records and completions of a session say what its register says; what already does is left alone.

    What no longer holds is superseded, and its certificates are withdrawn with `because`. The caller holds the session's lock.
    """
    course = tx.get(Course, course_id)
    _settle_records(tx, session_id, course, learnt)
    people = [each.person_id for each in learnt]
    live = tx.rows(
        select(Completion.id, Completion.person_id, Completion.course_id).where(
            Completion.session_id == session_id, Completion.person_id.in_(people), Completion.superseded_at.is_(None)
        )
    )
    full = {each.person_id for each in learnt if each.full and course.completes}
    supersede(tx, [row for row in live if row.person_id not in full], because)
    has = {row.person_id for row in live if row.course_id == course_id}
    new = {each.person_id: each.on_date for each in learnt if each.person_id in full - has}
    complete(tx, course, new, "attendance", session_id=session_id)


def supersede(tx: Tx, completions: Sequence[Row[Any]], because: str) -> None:
    """These completions (rows with id and person_id) no longer hold; their certificates are withdrawn with `because`."""
    ended = [row.id for row in completions]
    if ended:
        tx.db.execute(update(Completion).where(Completion.id.in_(ended)).values(superseded_at=tx.now))
        _audit(tx, "completion.superseded", "completions", [(row.id, row.person_id, {"reason": because}) for row in completions])
        certificates.withdraw(tx, ended, because)


def _settle_records(tx: Tx, session_id: int, course: Row[Any], learnt: Sequence[Learnt]) -> None:
    """One live record for each booking that was there, with its minutes. One that was there before goes on with its chain."""
    bookings = [each.booking_id for each in learnt]
    columns = (LearningRecord.id, LearningRecord.first_id, LearningRecord.booking_id, LearningRecord.on_date, LearningRecord.minutes)
    live = tx.rows(select(*columns).where(LearningRecord.booking_id.in_(bookings), LearningRecord.superseded_at.is_(None)))
    told = {row.booking_id: (row.on_date, row.minutes) for row in live}
    wanted = {each.booking_id: (each.on_date, each.minutes) for each in learnt if each.minutes is not None}
    wrong = [row.id for row in live if wanted.get(row.booking_id) != told[row.booking_id]]
    if wrong:
        tx.db.execute(update(LearningRecord).where(LearningRecord.id.in_(wrong)).values(superseded_at=tx.now))
        who = {each.booking_id: each.person_id for each in learnt}
        shared.tell(tx, {row.first_id or row.id: who[row.booking_id] for row in live if row.id in wrong})
    fresh = [each for each in learnt if each.booking_id in wanted and told.get(each.booking_id) != wanted[each.booking_id]]
    if not fresh:
        return
    before = select(*columns[:3]).where(
        LearningRecord.booking_id.in_([each.booking_id for each in fresh]), LearningRecord.superseded_at.is_not(None)
    )
    first = {row.booking_id: row.first_id or row.id for row in tx.rows(before)}
    shared.tell(tx, {first[each.booking_id]: each.person_id for each in fresh if each.booking_id in first and each.booking_id not in told})
    tx.insert_many(
        LearningRecord,
        [
            record(tx, course, each.person_id, each.on_date, each.minutes or 0, "attendance")
            | dict(session_id=session_id, booking_id=each.booking_id, first_id=first.get(each.booking_id))
            for each in fresh
        ],
    )


def record(tx: Tx, course: Row[Any], person_id: int, on_date: date, minutes: int, source: str) -> dict[str, Any]:
    """Values of a learning record of a course, under the title and bucket that it has today."""
    return dict(
        person_id=person_id,
        on_date=on_date,
        minutes=minutes,
        bucket=course.bucket,
        title=course.title,
        source=source,
        activity=ACTIVITIES.get(course.kind, "course"),
        course_id=course.id,
        session_id=None,
        booking_id=None,
        recorded_at=tx.now,
    )


def complete(
    tx: Tx, course: Row[Any], people: dict[int, date], source: str, *, session_id: int | None = None, certify: bool = True
) -> dict[int, int]:
    """These people (id → day) have completed a course; returns the new completions by person.

    Earlier completions stay. Where the course is the refresher of others, those are renewed for whoever had ever completed them. `certify`:
    a certificate is issued where the course gives one.
    """
    if not people:
        return {}
    rows = [_completion(tx, course, person, on, source, session_id, None) for person, on in people.items()]
    rows += [
        _completion(tx, renewed, renewed.person_id, people[renewed.person_id], source, session_id, course.id)
        for renewed in _renewed(tx, course.id, people)
    ]
    columns = (Completion.id, Completion.person_id, Completion.course_id, Completion.by_course_id)
    made = sorted(tx.db.execute(insert(Completion).returning(*columns), rows).all())
    _audit(tx, "completion.recorded", "completions", [(row.id, row.person_id, {"course_id": row.course_id}) for row in made])
    own = {row.person_id: row.id for row in made if row.course_id == course.id and row.by_course_id is None}
    if certify:
        certificates.issue(tx, list(own.values()))
    return own


def _renewed(tx: Tx, refresher_id: int, people: Collection[int]) -> Sequence[Row[Any]]:
    """Each course that this one renews, for each of these people who had completed it."""
    return tx.rows(
        select(Completion.person_id, Course.id, Course.validity_months)
        .join(Course, Course.id == Completion.course_id)
        .where(
            Course.refresher_id == refresher_id,
            Course.id != refresher_id,
            Completion.person_id.in_(list(people)),
            Completion.superseded_at.is_(None),
        )
        .distinct()
        .order_by(Completion.person_id, Course.id)
    )


def _completion(
    tx: Tx, course: Row[Any], person_id: int, on: date, source: str, session_id: int | None, by_course_id: int | None
) -> dict[str, Any]:
    return dict(
        person_id=person_id,
        course_id=course.id,
        completed_on=on,
        expires_on=last_day(on, course.validity_months),
        source=source,
        session_id=session_id,
        by_course_id=by_course_id,
        recorded_at=tx.now,
    )


def _audit(tx: Tx, action: str, subject: str, rows: Sequence[tuple[int, int, dict[str, Any]]]) -> None:
    """One audit row for each (row, person, facts)."""
    actor = (tx.actor.kind, tx.actor.id, tx.now, tx.request_id)
    entries = [entry(*actor, action, subject, person, None, facts) | {"subject_id": key} for key, person, facts in rows]
    if entries:
        tx.db.execute(insert(Audit), entries)
