"""The coordinator's desk: what waits for a decision, this month in numbers, the sessions to come; and the lists a step behind it."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from sqlalchemy import func, select
from starlette.responses import Response

from app.bookings import approvals
from app.bookings import desk as asks
from app.bookings import registers as taken
from app.core.calendar import london_day, month_and_year
from app.core.listing import PageNumbers
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.learning.models import Course
from app.policy import Can

pages = Pages()
STATES = (
    ("", "Published and drafts"),
    ("published", "Published"),
    ("draft", "Drafts"),
    ("short", "Too few people"),
    ("thin", "Too few people, in the next 30 days"),
    ("overdue", "Decision overdue"),
    ("untaught", "No trainer, in the next 30 days"),
    ("give", "Free places and people waiting"),
    ("low", "Less than half full"),
    ("full", "Full"),
    ("waiting", "People waiting"),
    ("cancelled", "Cancelled"),
)
SORTS = ("when", "fill")


@pages.get("/manage", can=Can.MANAGE_SESSIONS)
def desk(tx: Tx, page: Page) -> Response:
    """What waits, in numbers, then the sessions to come, 25 a page. Filtered, or further on, only the list."""
    filters = _filters(page)
    narrowed = any(filters[name] for name in ("month", "course", "status"))
    asked = max(page.number("page"), 1)
    fill = asks.fill(tx).subquery()
    rows = select(fill, func.count().over().label("total")).where(*_narrowed(tx, fill, filters))
    by_fill = fill.c.held * 1.0 / fill.c.capacity
    rows = rows.order_by(*([by_fill, fill.c.starts_at, fill.c.id] if filters["sort"] == "fill" else [fill.c.starts_at, fill.c.id]))
    found = tx.rows(rows.offset((asked - 1) * 25).limit(25))
    if not found and asked > 1:  # a page past the end
        asked, found = 1, tx.rows(rows.limit(25))
    whole = not narrowed and asked == 1
    courses = tx.rows(select(Course.id, Course.title).where(Course.id.in_(select(fill.c.course_id))).order_by(func.lower(Course.title)))
    return page.render(
        "bookings/manage/desk.html",
        glance=asks.glance(tx) if whole else None,
        undecided=asks.undecided(tx) if whole else [],
        this_month=f"{tx.today:%Y-%m}",
        month_words=month_and_year(tx.today),
        sessions=found,
        numbers=PageNumbers(found[0].total if found else 0, asked),
        filters=filters,
        narrowed=narrowed,
        months=[("", "Any month"), *_months(tx.today)],
        courses=[("", "Any course"), *((str(row.id), row.title) for row in courses)],
        states=STATES,
        link=lambda n: url("/manage", **filters, page=n),
        sorted_by=lambda sort: url("/manage", **{**filters, "sort": sort}),
        now=tx.now,
    )


def _filters(page: Page) -> dict[str, str]:
    month, course, status = page.query("month"), page.query("course"), page.query("status")
    return {
        "month": month if re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", month) else "",
        "course": course if re.fullmatch(r"\d{1,15}", course) else "",
        "status": status if status in dict(STATES) else "",
        "sort": page.query("sort") if page.query("sort") in SORTS else "when",
    }


def _narrowed(tx: Tx, fill: Any, filters: dict[str, str]) -> list[Any]:
    where = []
    if filters["month"]:
        first, end = asks.month(filters["month"])
        where += [fill.c.starts_at >= london_day(first)[0], fill.c.starts_at < london_day(end)[0]]
    if filters["course"]:
        where.append(fill.c.course_id == int(filters["course"]))
    published = fill.c.status == "published"
    where += {
        "": [fill.c.status != "cancelled"],
        "short": [asks.short(tx, fill)],
        "thin": [asks.thin(tx, fill)],
        "overdue": [asks.overdue(tx, fill)],
        "untaught": [asks.untaught(tx, fill)],
        "give": [asks.give(tx, fill)],
        "low": [asks.low(tx, fill)],
        "full": [published, fill.c.held >= fill.c.capacity],
        "waiting": [published, fill.c.waiting > 0],
    }.get(filters["status"], [fill.c.status == filters["status"]])
    return where


def _months(today: date) -> list[tuple[str, str]]:
    """This month and the eleven after it."""
    months = [divmod(today.year * 12 + today.month - 1 + n, 12) for n in range(12)]
    return [(f"{year}-{month + 1:02}", month_and_year(date(year, month + 1, 1))) for year, month in months]


@pages.get("/manage/approvals", can=Can.MANAGE_SESSIONS)
def stuck(tx: Tx, page: Page) -> Response:
    """Requests that nobody has answered for too long or that run out soon, with whose answer each waits for."""
    rows = approvals.stuck(tx)
    asked = approvals.approvers(tx, {row.person_id for row in rows if row.approver == "manager"})
    return page.render("bookings/manage/approvals.html", requests=rows, asked=asked, now=tx.now)


@pages.get("/manage/registers", can=Can.MANAGE_SESSIONS)
def registers(tx: Tx, page: Page) -> Response:
    """Sessions that are over and whose register nobody has finished, the oldest first."""
    return page.render("bookings/manage/registers.html", sessions=taken.not_taken(tx))
