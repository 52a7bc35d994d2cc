"""Results of e-learning, as another system reports them."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row, select

from app import policy
from app.core.errors import Invalid, NotFound
from app.core.tx import Tx
from app.learning import completing
from app.learning.models import Completion, Course, LearningRecord
from app.policy import Can, operation

SOURCE = "e-learning"


@operation(Can.WRITE_COMPLETIONS)
def record_result(tx: Tx, person_id: int, course_id: int, completed_on: date, minutes: int | None = None) -> tuple[Row[Any], bool]:
    """Somebody completed a course as e-learning; returns the completion and whether it is new: the same one reported again changes nothing.

    `minutes` they spent, None: what the course counts as. Refused for a draft, and for a day to come or before 2000.
    """
    person = policy.person(tx, Can.WRITE_COMPLETIONS, person_id, lock=True)
    course = tx.one(select(Course.__table__).where(Course.id == course_id))
    if course is None or course.status == "draft":
        raise NotFound("There is no course with that reference.", code="course-not-found")
    if not date(2000, 1, 1) <= completed_on <= tx.today:
        message = "The day must be in the past, from the year 2000"
        raise Invalid(f"{message}.", errors=[{"field": "completed_on", "message": message}])
    same = select(Completion.__table__).where(
        Completion.person_id == person.id,
        Completion.course_id == course.id,
        Completion.completed_on == completed_on,
        Completion.source == SOURCE,
        Completion.by_course_id.is_(None),
        Completion.superseded_at.is_(None),
    )
    known = tx.one(same)
    if known is not None:
        return known, False
    made = completing.complete(tx, course, {person.id: completed_on}, SOURCE)
    spent = course.cpd_minutes if minutes is None else minutes
    tx.insert(LearningRecord, **completing.record(tx, course, person.id, completed_on, spent, SOURCE))
    return tx.get(Completion, made[person.id]), True
