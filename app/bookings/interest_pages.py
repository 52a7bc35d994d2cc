"""Tell me when there is a date; and for coordinators, who asks for what."""

from __future__ import annotations

from sqlalchemy import select
from starlette.responses import Response

from app.bookings import demand
from app.bookings.operations import interest
from app.core.errors import NotFound
from app.core.listing import PageNumbers
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.learning.models import Course
from app.policy import Can

pages = Pages()


def _course_id(tx: Tx, slug: str) -> int:
    found = tx.scalar(select(Course.id).where(Course.slug == slug))
    if found is None:
        raise NotFound("There is no course at this address.", code="course-not-found")
    return int(found)


@pages.post("/courses/{slug}/interest", can=Can.READ_CATALOGUE)
def register(tx: Tx, page: Page, slug: str) -> Response:
    """Put the reader on the course's list."""
    interest.register_interest(tx, _course_id(tx, slug))
    return page.go(f"/courses/{slug}", told="yes")


@pages.post("/courses/{slug}/interest/withdraw", can=Can.READ_CATALOGUE)
def withdraw(tx: Tx, page: Page, slug: str) -> Response:
    """Take the reader off it."""
    interest.withdraw_interest(tx, _course_id(tx, slug))
    return page.go(f"/courses/{slug}", told="no")


@pages.get("/manage/demand", can=Can.MANAGE_SESSIONS)
def wanted(tx: Tx, page: Page) -> Response:
    """Courses that people ask for and that have no place to book, most wanted first."""
    asked = max(page.number("page"), 1)
    rows = demand.without_dates(tx, (asked - 1) * 25)
    if not rows and asked > 1:
        asked, rows = 1, demand.without_dates(tx)
    numbers = PageNumbers(rows[0].found if rows else 0, asked)
    return page.render("bookings/manage/demand.html", courses=rows, numbers=numbers, link=lambda n: url("/manage/demand", page=n))


@pages.get("/manage/courses/{course_id:int}/demand", can=Can.MANAGE_SESSIONS)
def who_asks(tx: Tx, page: Page, course_id: int) -> Response:
    """Who wants to be told of this course's dates, longest first."""
    course = tx.get(Course, course_id, what="course")
    asked = max(page.number("page"), 1)
    rows = demand.people(tx, course_id, (asked - 1) * 25)
    if not rows and asked > 1:
        asked, rows = 1, demand.people(tx, course_id)
    numbers = PageNumbers(rows[0].found if rows else 0, asked)
    here = f"/manage/courses/{course_id}/demand"
    return page.render("bookings/manage/interested.html", course=course, people=rows, numbers=numbers, link=lambda n: url(here, page=n))
