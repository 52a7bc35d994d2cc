"""Results of e-learning, as another system reports them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Row, select

from app import policy
from app.core.db import is_postgresql
from app.core.errors import Invalid, NotFound
from app.core.tx import Tx
from app.learning import completing
from app.learning.models import Completion, Course, LearningRecord
from app.people.models import Person
from app.policy import Can, operation

SOURCE = "e-learning"
EARLIEST = date(2000, 1, 1)
PAST = "The day must be in the past, from the year 2000"


@operation(Can.WRITE_COMPLETIONS)
def record_result(tx: Tx, person_id: int, course_id: int, completed_on: date, minutes: int | None = None) -> tuple[Row[Any], bool]:
    """Somebody completed a course as e-learning; returns the completion and whether it is new: the same one reported again changes nothing.

    `minutes` they spent, None: what the course counts as. Refused for a draft, and for a day to come or before 2000.
    """
    person = policy.person(tx, Can.WRITE_COMPLETIONS, person_id, lock=True)
    course = tx.one(select(Course.__table__).where(Course.id == course_id))
    if course is None or course.status == "draft":
        raise NotFound("There is no course with that reference.", code="course-not-found")
    if not EARLIEST <= completed_on <= tx.today:
        raise Invalid(f"{PAST}.", errors=[{"field": "completed_on", "message": PAST}])
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


class Result(NamedTuple):
    """One result of many: who, what, when, and how long they spent (None: what the course counts as)."""

    person_id: int
    course_id: int
    completed_on: date
    minutes: int | None


@operation(Can.WRITE_COMPLETIONS)
def record_results(tx: Tx, results: Sequence[Result]) -> list[tuple[int, bool]]:
    """Many results, all of them or none; returns for each the completion's id and whether it is new, as `record_result` does for one.

    A few statements for each course and day of a person. A refusal names every item that is wrong: `items.3.course_id`.
    """
    courses = _checked(tx, results)
    known = _known(tx, results)
    found: dict[tuple[int, int, date], tuple[int, bool]] = {key: (completion, False) for key, completion in known.items()}
    fresh = list({result[:3]: result for result in results if result[:3] not in known}.values())
    while fresh:  # whoever completed a course on several days is in several turns
        turn = {(result.course_id, result.person_id): result for result in reversed(fresh)}
        for course_id in sorted({course for course, _ in turn}):
            mine = {person: result for (course, person), result in turn.items() if course == course_id}
            made = completing.complete(tx, courses[course_id], {person: mine[person].completed_on for person in sorted(mine)}, SOURCE)
            found |= {(person, course_id, mine[person].completed_on): (key, True) for person, key in made.items()}
            tx.insert_many(LearningRecord, [_learnt(tx, courses[course_id], result) for result in mine.values()])
        fresh = [result for result in fresh if result[:3] not in found]
    return [found[result[:3]] for result in results]


def _learnt(tx: Tx, course: Row[Any], result: Result) -> dict[str, Any]:
    spent = course.cpd_minutes if result.minutes is None else result.minutes
    return completing.record(tx, course, result.person_id, result.completed_on, spent, SOURCE)


def _checked(tx: Tx, results: Sequence[Result]) -> dict[int, Row[Any]]:
    """The courses of these results; the people are locked. NotFound where one is nobody, Invalid where a course or day is wrong."""
    people = {result.person_id for result in results}
    whose = select(Person.id).where(Person.id.in_(people), policy.within_reach(tx, Can.WRITE_COMPLETIONS, Person.id)).order_by(Person.id)
    there = {row.id for row in tx.rows(whose.with_for_update(key_share=True) if is_postgresql(tx.db) else whose)}
    wanted = select(Course.__table__).where(Course.id.in_({result.course_id for result in results}), Course.status != "draft")
    courses = {row.id: row for row in tx.rows(wanted)}
    wrong = "Nothing was recorded, because some items are wrong."
    if strangers := [place for place, result in enumerate(results) if result.person_id not in there]:
        said = [{"field": f"items.{place}.person_id", "message": "Nobody has this reference, or they are not yours"} for place in strangers]
        raise NotFound(wrong, code="person-not-found", errors=said)
    errors = []
    for place, result in enumerate(results):
        if result.course_id not in courses:
            errors.append({"field": f"items.{place}.course_id", "message": "There is no course with this reference"})
        if not EARLIEST <= result.completed_on <= tx.today:
            errors.append({"field": f"items.{place}.completed_on", "message": PAST})
    if errors:
        raise Invalid(wrong, errors=errors)
    return courses


def _known(tx: Tx, results: Sequence[Result]) -> dict[tuple[int, int, date], int]:
    there = select(Completion.person_id, Completion.course_id, Completion.completed_on, Completion.id).where(
        Completion.person_id.in_({result.person_id for result in results}),
        Completion.course_id.in_({result.course_id for result in results}),
        Completion.source == SOURCE,
        Completion.by_course_id.is_(None),
        Completion.superseded_at.is_(None),
    )
    return {(row.person_id, row.course_id, row.completed_on): row.id for row in tx.rows(there)}
