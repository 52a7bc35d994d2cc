"""What somebody has booked and completed: their own page, and what their manager, assessor and the Academy may see of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, bindparam, exists, func, literal_column, select
from starlette.responses import Response

from app import policy
from app.bookings import queries as bookings
from app.bookings import words
from app.core.db import ONE
from app.core.listing import PageNumbers
from app.core.tx import Tx
from app.core.web import url
from app.desks.counted import counted
from app.desks.queries import FOREVER, SOON
from app.desks.record_pages import SAID
from app.doors import Page, Pages
from app.learning import drafts, record_queries
from app.learning.models import Certificate, Completion, Course, LearningActivity, LearningRecord
from app.learning.record_models import RecordShare, Reflection
from app.policy import Can

pages = Pages()

_UNTIL = func.max(func.coalesce(Completion.expires_on, FOREVER))
_COMPLETED = (
    select(
        Course.title,
        Course.slug,
        Course.kind,
        func.max(Completion.completed_on).label("completed_on"),
        _UNTIL.label("until"),
        func.count().label("times"),
    )
    .join(Course, Course.id == Completion.course_id)
    .where(Completion.person_id == bindparam("person"), Completion.superseded_at.is_(None))
    .group_by(Course.id, Course.title, Course.slug, Course.kind)
    .order_by(literal_column("completed_on").desc(), Course.title)
)


def completed(tx: Tx, person_id: int) -> Sequence[Row[Any]]:
    """One row a course by its latest completion, newest first. The caller has checked that they may be read."""
    return tx.rows(_COMPLETED, person=person_id)


_DID = (
    select(
        LearningRecord.id,
        record_queries.FIRST.label("first"),
        LearningRecord.title,
        LearningRecord.on_date,
        LearningRecord.minutes,
        LearningRecord.bucket,
        LearningRecord.source,
        LearningActivity.title.label("activity_title"),
        Reflection.id.label("reflection_id"),
        exists(select(ONE).where(RecordShare.first_id == record_queries.FIRST, RecordShare.ended_at.is_(None))).label("shared"),
        Certificate.id.label("certificate_id"),
        func.count().over().label("found"),
    )
    .outerjoin(LearningActivity, LearningActivity.code == LearningRecord.activity)
    .outerjoin(Reflection, and_(Reflection.first_id == record_queries.FIRST, Reflection.superseded_at.is_(None)))
    .outerjoin(
        Completion,
        and_(
            Completion.person_id == LearningRecord.person_id,
            Completion.course_id == LearningRecord.course_id,
            Completion.completed_on == LearningRecord.on_date,
            Completion.source == LearningRecord.source,
            Completion.by_course_id.is_(None),
            Completion.superseded_at.is_(None),
        ),
    )
    .outerjoin(Certificate, and_(Certificate.completion_id == Completion.id, Certificate.withdrawn_at.is_(None)))
    .where(LearningRecord.person_id == bindparam("person"), LearningRecord.superseded_at.is_(None))
    .order_by(LearningRecord.on_date.desc(), LearningRecord.id.desc())
    .limit(bindparam("most"))
    .offset(bindparam("skip"))
)
PAGE = 25


def did(tx: Tx, number: int) -> Sequence[Row[Any]]:
    """What the actor did, newest first, a page at a time; `found` counts it all. Only to themselves: records are private."""
    return tx.rows(_DID, person=tx.actor.person_id, most=PAGE, skip=(max(number, 1) - 1) * PAGE)


@pages.get("/people/{person_id:int}/learning", can=Can.READ_COMPLETIONS)
def learning_of(tx: Tx, page: Page, person_id: int) -> Response:
    """Bookings to come, and everything completed with how long it counts."""
    return _drawn(tx, page, person_id)


@pages.get("/my-learning")
def my_learning(tx: Tx, page: Page) -> Response:
    """What the reader did, what they have completed and until when each counts, and what is booked."""
    return _drawn(tx, page, tx.actor.person_id or 0)


def _drawn(tx: Tx, page: Page, person_id: int) -> Response:
    person = policy.person(tx, Can.READ_COMPLETIONS, person_id)
    rows = completed(tx, person_id)
    coming = bookings.coming(tx, person_id, 50) if policy.reaches(tx, Can.READ_BOOKINGS, person_id) else None
    mine, number = person_id == tx.actor.person_id, page.number("page", 1)
    done = did(tx, number) if mine else []
    page.saw("learning.viewed", person_id)
    return page.render(
        "desks/learning_of.html",
        person=person,
        mine=mine,
        done=done,
        numbers=PageNumbers(done[0].found if done else 0, number, PAGE),
        link=lambda n: url("/my-learning", page=n),
        rows=rows,
        coming=coming,
        words=words,
        counts=counted(tx, [row.id for row in done]),
        kinds=record_queries,
        drafts=drafts.mine(tx) if mine else [],
        said=SAID.get(page.query("said"), "") if mine else "",
        shares=not mine and bool(record_queries.audiences(tx, person_id)),
        lapsed=sum(row.until < tx.today for row in rows),
        soon=sum(tx.today <= row.until <= tx.today + SOON for row in rows),
        today=tx.today,
        soon_day=tx.today + SOON,
        may_book=policy.reaches(tx, Can.BOOK, person_id),
    )
