"""What somebody has booked and completed: their own page, and what their manager, assessor and the Academy may see of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, literal_column, select
from starlette.responses import Response

from app import policy
from app.bookings import queries as bookings
from app.bookings import words
from app.core.tx import Tx
from app.desks.queries import FOREVER, SOON
from app.doors import Page, Pages
from app.learning.models import Completion, Course
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


@pages.get("/people/{person_id:int}/learning", can=Can.READ_COMPLETIONS)
def learning_of(tx: Tx, page: Page, person_id: int) -> Response:
    """Bookings to come, and everything completed with how long it counts."""
    return _drawn(tx, page, person_id)


@pages.get("/my-learning")
def my_learning(tx: Tx, page: Page) -> Response:
    """What the reader has completed, until when each counts, and what is booked."""
    return _drawn(tx, page, tx.actor.person_id or 0)


def _drawn(tx: Tx, page: Page, person_id: int) -> Response:
    person = policy.person(tx, Can.READ_COMPLETIONS, person_id)
    rows = completed(tx, person_id)
    coming = bookings.coming(tx, person_id, 50) if policy.reaches(tx, Can.READ_BOOKINGS, person_id) else None
    page.saw("learning.viewed", person_id)
    return page.render(
        "desks/learning_of.html",
        person=person,
        mine=person_id == tx.actor.person_id,
        rows=rows,
        coming=coming,
        words=words,
        lapsed=sum(row.until < tx.today for row in rows),
        soon=sum(tx.today <= row.until <= tx.today + SOON for row in rows),
        today=tx.today,
        soon_day=tx.today + SOON,
        may_book=policy.reaches(tx, Can.BOOK, person_id),
    )
