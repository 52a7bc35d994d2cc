"""The coordinator's desk and one session on it: how full it is, publish, copy, cancel; and withdrawing a course that has none to come."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, and_, case, func, literal_column, or_, select
from starlette.responses import Response

from app.bookings import kept
from app.bookings.event_models import SessionMessage
from app.bookings.models import WAITING_SQL, Booking, Part, PartTrainer, Place, Room, Session, Status
from app.bookings.operations import sessions
from app.bookings.operations.changes import STANDING
from app.core import forms
from app.core.calendar import is_bank_holiday, london, london_day, long_date, month_and_year, when, working_day
from app.core.errors import Conflict, Refusal
from app.core.ledger import Audit
from app.core.listing import PageNumbers
from app.core.text import plural
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.learning.models import Course
from app.people.models import CareerStage, Person, Unit
from app.policy import Can, within_reach

pages = Pages()
STATES = (
    ("", "Published and drafts"),
    ("published", "Published"),
    ("draft", "Drafts"),
    ("short", "Too few people"),
    ("thin", "Too few people, in the next 30 days"),
    ("overdue", "Decision overdue"),
    ("untaught", "No trainer, in the next 30 days"),
    ("requests", "Requests waiting over 5 working days"),
    ("give", "Free places and people waiting"),
    ("full", "Full"),
    ("waiting", "People waiting"),
    ("cancelled", "Cancelled"),
)
SORTS = ("when", "fill")
DONE = {
    "created": ("The session is saved as a draft.", "It holds its rooms and trainers. Nobody can book until you publish it."),
    "copied": ("This is the copy, a draft.", "Check it, then publish it."),
    "saved": ("The session is saved.", ""),
    "published": ("The session is published.", "People can book now."),
    "cancelled": ("The session is cancelled.", "Everyone who had a place or was waiting is told by e-mail."),
    "kept": ("The places kept are saved.", ""),
    "released": ("The places are released.", "Whoever waits is offered them."),
    "runs": ("The session goes ahead.", "Everyone with a place is told by e-mail."),
}
_WAITING: Any = literal_column(WAITING_SQL.replace("status", "bookings.status"))
_HELD = select(func.count()).where(Booking.session_id == Session.id, Booking.place.is_not(None)).correlate(Session).scalar_subquery()
_QUEUE = select(func.count()).select_from(Booking).where(Booking.session_id == Session.id, _WAITING).correlate(Session).scalar_subquery()


# The desk ----------------------------------------------------------------------------------------------------------


@pages.get("/manage", can=Can.MANAGE_SESSIONS)
def desk(tx: Tx, page: Page) -> Response:
    """Sessions to come with how full they are, 25 a page, and what needs a look in numbers."""
    filters = _filters(page)
    fill = _fill(tx).subquery()
    rows = select(fill, func.count().over().label("total"))
    rows = rows.where(*_narrowed(tx, fill, filters))
    by_fill = fill.c.held * 1.0 / fill.c.capacity
    rows = rows.order_by(*([by_fill, fill.c.starts_at, fill.c.id] if filters["sort"] == "fill" else [fill.c.starts_at, fill.c.id]))
    asked = max(page.number("page"), 1)
    found = tx.rows(rows.offset((asked - 1) * 25).limit(25))
    if not found and asked > 1:  # a page past the end
        asked, found = 1, tx.rows(rows.limit(25))
    live = fill.c.status == "published"
    short = and_(live, fill.c.held < fill.c.min_numbers)
    figures = tx.one(
        select(
            func.count(case((live, 1))).label("published"),
            func.count(case((fill.c.status == "draft", 1))).label("drafts"),
            func.count(case((short, 1))).label("short"),
            func.count(case((and_(*_thin(tx, fill)), 1))).label("thin"),
            func.count(case((and_(*_overdue(tx, fill)), 1))).label("overdue"),
            func.count(case((_stale(tx, fill), 1))).label("requests"),
            func.count(case((and_(live, fill.c.waiting > 0), 1))).label("waiting"),
        ).select_from(fill)
    )
    courses = tx.rows(select(Course.id, Course.title).where(Course.id.in_(select(fill.c.course_id))).order_by(func.lower(Course.title)))
    return page.render(
        "bookings/manage/desk.html",
        sessions=found,
        numbers=PageNumbers(found[0].total if found else 0, asked),
        figures=figures,
        filters=filters,
        narrowed=any(filters[name] for name in ("month", "course", "status")),
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


def _fill(tx: Tx) -> Any:
    """Every session that is not over, with how many places are taken and how many people wait."""
    columns = (Session.id, Session.reference, Session.course_id, Session.starts_at, Session.ends_at, Session.place, Session.online)
    more = (Session.capacity, Session.min_numbers, Session.decide_by, Session.status, Course.title)
    statement = select(*columns, *more, _HELD.label("held"), _QUEUE.label("waiting")).join(Course, Course.id == Session.course_id)
    return statement.where(Session.ends_at > tx.now)


def _thin(tx: Tx, fill: Any) -> list[Any]:
    """Published, in the next 30 days, and still below its minimum."""
    soon = tx.now + timedelta(days=30)
    return [fill.c.status == "published", fill.c.starts_at > tx.now, fill.c.starts_at < soon, fill.c.held < fill.c.min_numbers]


def _overdue(tx: Tx, fill: Any) -> list[Any]:
    """Below its minimum, and the day to decide whether it goes ahead is past."""
    return [fill.c.status == "published", fill.c.starts_at > tx.now, fill.c.held < fill.c.min_numbers, fill.c.decide_by < tx.now]


def _stale(tx: Tx, fill: Any) -> Any:
    """Somebody asked for a place on it more than five working days ago and has no answer."""
    since, left = tx.today, 5
    while left:
        since -= timedelta(days=1)
        left -= working_day(since)
    asked = (Booking.session_id == fill.c.id, Booking.status == Status.REQUESTED.value, Booking.created_at < london_day(since)[0])
    return and_(fill.c.starts_at > tx.now, select(Booking.id).where(*asked).correlate(fill).exists())


def _untaught(tx: Tx, fill: Any) -> list[Any]:
    """Published, in the next 30 days, and nobody delivers it, or whoever does will have left by then."""
    delivered = select(Part.session_id).join(PartTrainer, PartTrainer.part_id == Part.id).join(Person, Person.id == PartTrainer.person_id)
    still_here = or_(Person.leaving_on.is_(None), func.date(Part.starts_at) <= Person.leaving_on)
    taught = delivered.where(Part.session_id == fill.c.id, still_here).exists()
    return [fill.c.status == "published", fill.c.starts_at > tx.now, fill.c.starts_at < tx.now + timedelta(days=30), ~taught]


def _narrowed(tx: Tx, fill: Any, filters: dict[str, str]) -> list[Any]:
    where = []
    if filters["month"]:
        first, end = _month(filters["month"])
        where += [fill.c.starts_at >= london_day(first)[0], fill.c.starts_at < london_day(end)[0]]
    if filters["course"]:
        where.append(fill.c.course_id == int(filters["course"]))
    live = fill.c.status == "published"
    where += {
        "": [fill.c.status != "cancelled"],
        "short": [live, fill.c.held < fill.c.min_numbers],
        "thin": _thin(tx, fill),
        "overdue": _overdue(tx, fill),
        "untaught": _untaught(tx, fill),
        "requests": [_stale(tx, fill)],
        "give": [live, fill.c.starts_at > tx.now, fill.c.held < fill.c.capacity, fill.c.waiting > 0],
        "full": [live, fill.c.held >= fill.c.capacity],
        "waiting": [live, fill.c.waiting > 0],
    }.get(filters["status"], [fill.c.status == filters["status"]])
    return where


def _month(given: str) -> tuple[date, date]:
    """The first day of a month and of the next."""
    year, month = int(given[:4]), int(given[5:])
    return date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)


def _months(today: date) -> list[tuple[str, str]]:
    """This month and the eleven after it."""
    months = [divmod(today.year * 12 + today.month - 1 + n, 12) for n in range(12)]
    return [(f"{year}-{month + 1:02}", month_and_year(date(year, month + 1, 1))) for year, month in months]


# One session -------------------------------------------------------------------------------------------------------


def draw_session(tx: Tx, page: Page, session_id: int) -> Response:
    """The session as the coordinator sees it."""
    session = tx.get(Session, session_id, what="session")
    course = tx.get(Course, session.course_id)
    counts = tx.one(
        select(
            func.count(Booking.place).label("held"),
            func.count(case((Booking.status == Status.WAITING.value, 1))).label("waiting"),
            select(func.count()).where(Place.session_id == session_id, Place.closing).scalar_subquery().label("closing"),
            select(func.count()).where(SessionMessage.session_id == session_id).scalar_subquery().label("written"),
        ).where(Booking.session_id == session_id)
    )
    assert counts is not None
    unit = tx.get(Unit, session.audience_unit_id) if session.audience_unit_id else None
    codes = session.audience_stages.split(",") if session.audience_stages else []
    stages = (
        tx.db.execute(select(CareerStage.title).where(CareerStage.code.in_(codes)).order_by(CareerStage.rank)).scalars().all()
        if codes
        else []
    )
    parts = _parts(tx, session_id)
    title, more = DONE.get(page.query("done"), ("", ""))
    if page.query("done") == "published" and session.opens_at is not None and session.opens_at > tx.now:
        more = f"People can book from {long_date(session.opens_at)}."
    if page.query("done") == "saved" and (told := page.number("told", 0)):
        title, more = "Saved.", f"{plural(told, 'person is', 'people are')} being e-mailed."
    return page.render(
        "bookings/manage/session.html",
        session=session,
        course=course,
        counts=counts,
        free=max(session.capacity - (counts.held - counts.closing), 0),
        parts=parts,
        days_off=_days_off(parts) if session.status == "draft" else [],
        told=_told(tx, session_id) if session.status == "cancelled" else [],
        unit=unit,
        stages=stages,
        over=session.ends_at <= tx.now,
        started=session.starts_at <= tx.now,
        quotas=kept.of(tx, [session_id])[session_id] if session.has_quotas else [],
        in_doubt=_in_doubt(tx, session, counts.held),
        page_now=tx.now,
        done=(title, more),
    )


def _in_doubt(tx: Tx, session: Row[Any], held: int) -> bool:
    """Has it fewer people than it needs, or was it decided that it goes ahead although it had?"""
    coming = session.status == "published" and session.starts_at > tx.now
    return bool(coming and session.min_numbers and (held < session.min_numbers or session.runs_at is not None))


def _days_off(parts: list[dict[str, Any]]) -> list[str]:
    """The parts' days on which most people do not work, in words."""
    days = sorted({london(each["part"].starts_at).date() for each in parts})
    return [f"{long_date(day)} is a {'bank holiday' if is_bank_holiday(day) else 'weekend'}" for day in days if not working_day(day)]


def _told(tx: Tx, session_id: int) -> Sequence[Row[Any]]:
    """Those in reach whose bookings ended when the session was cancelled, with what they had: the trail keeps it."""
    return tx.rows(
        select(Person.name, Audit.facts)
        .join(Booking, and_(Audit.subject == "bookings", Audit.subject_id == Booking.id))
        .join(Person, Person.id == Booking.person_id)
        .where(
            Booking.session_id == session_id,
            Audit.action == "booking.session-cancelled",
            within_reach(tx, Can.READ_ROSTER, Person.id),
        )
        .order_by(Person.sort_name)
    )


def _parts(tx: Tx, session_id: int) -> list[dict[str, Any]]:
    """The parts with their rooms and the names of who delivers them."""
    names: dict[int, list[str]] = {}
    for row in tx.rows(
        select(PartTrainer.part_id, Person.name)
        .join(Person, Person.id == PartTrainer.person_id)
        .join(Part, Part.id == PartTrainer.part_id)
        .where(Part.session_id == session_id)
        .order_by(Person.sort_name)
    ):
        names.setdefault(row.part_id, []).append(row.name)
    rows = tx.rows(
        select(Part.id, Part.starts_at, Part.ends_at, Part.link, Room.name.label("room"), Room.place, Room.capacity)
        .outerjoin(Room, Room.id == Part.room_id)
        .where(Part.session_id == session_id)
        .order_by(Part.starts_at, Part.id)
    )
    return [{"part": row, "trainers": names.get(row.id, [])} for row in rows]


@pages.get("/manage/sessions/{session_id:int}", can=Can.MANAGE_SESSIONS)
def session_page(tx: Tx, page: Page, session_id: int) -> Response:
    """State, places, parts, settings, and what can be done."""
    return draw_session(tx, page, session_id)


@pages.post("/manage/sessions/{session_id:int}/publish", can=Can.MANAGE_SESSIONS, again=draw_session)
def publish(tx: Tx, page: Page, session_id: int) -> Response:
    """Open it to booking."""
    sessions.publish_session(tx, session_id, forms.one_id(page.form, "version"))
    return page.go(f"/manage/sessions/{session_id}", done="published")


@pages.post("/manage/sessions/{session_id:int}/copy", can=Can.MANAGE_SESSIONS, again=draw_session)
def copy(tx: Tx, page: Page, session_id: int) -> Response:
    """The same on another day."""
    problems = forms.Problems()
    day = forms.day(page.form, "day", "The new date", problems, needed=True)
    problems.raise_any()
    assert day is not None
    try:
        copied = sessions.copy_session(tx, session_id, day)
    except Refusal as refusal:  # this page has one field: what stands in the way there is said beside it
        refusal.errors = [{"field": "day", "message": error["message"]} for error in refusal.errors]
        raise
    return page.go(f"/manage/sessions/{copied}", done="copied")


def draw_cancel(tx: Tx, page: Page, session_id: int) -> Response:
    """Who will be affected, before the button."""
    session = tx.get(Session, session_id, what="session")
    course = tx.get(Course, session.course_id)
    if session.status == "cancelled":
        raise Conflict("This session is already cancelled.", code="session-cancelled")
    standing = (Booking.session_id == session_id, Booking.status.in_([status.value for status in STANDING]))
    people = tx.rows(
        select(Person.name, Booking.status)
        .join(Booking, Booking.person_id == Person.id)
        .where(*standing, within_reach(tx, Can.READ_ROSTER, Person.id))
        .order_by(Booking.status == Status.WAITING.value, Person.sort_name)
    )
    total = tx.scalar(select(func.count()).where(*standing))
    reserved = tx.scalar(select(func.count()).where(*standing, Booking.person_id.is_(None)))
    return page.render(
        "bookings/manage/cancel.html",
        session=session,
        course=course,
        people=people,
        total=total,
        reserved=reserved,
        unseen=total - reserved - len(people),
        seated=tx.scalar(select(func.count()).where(*standing, Booking.place.is_not(None))),
        trainers=sorted({name for part in _parts(tx, session_id) for name in part["trainers"]}),
        others=_other_dates(tx, session),
    )


def _other_dates(tx: Tx, session: Row[Any]) -> list[tuple[int, str]]:
    """The course's other published sessions to come, in words with what is free."""
    others = (Session.course_id == session.course_id, Session.status == "published", Session.starts_at > tx.now, Session.id != session.id)
    columns = (Session.id, Session.starts_at, Session.ends_at, Session.capacity, _HELD.label("held"), _QUEUE.label("waiting"))
    rows = tx.rows(select(*columns).where(*others).order_by(Session.starts_at, Session.id).limit(30))
    return [
        (row.id, f"{when(row.starts_at, row.ends_at)} ({plural(max(row.capacity - row.held, 0), 'place')} free, {row.waiting} waiting)")
        for row in rows
    ]


@pages.get("/manage/sessions/{session_id:int}/cancel", can=Can.MANAGE_SESSIONS)
def cancel_form(tx: Tx, page: Page, session_id: int) -> Response:
    """A page of its own."""
    return draw_cancel(tx, page, session_id)


@pages.post("/manage/sessions/{session_id:int}/cancel", can=Can.MANAGE_SESSIONS, again=draw_cancel)
def cancel(tx: Tx, page: Page, session_id: int) -> Response:
    """Call it off and tell everyone."""
    instead = forms.one_id(page.form, "instead")
    sessions.cancel_session(tx, session_id, forms.text(page.form, "reason"), forms.one_id(page.form, "version"), instead)
    return page.go(f"/manage/sessions/{session_id}", done="cancelled")


# Withdrawing a course ----------------------------------------------------------------------------------------------


def draw_withdraw(tx: Tx, page: Page, course_id: int) -> Response:
    """What withdrawing means, and the sessions that stand in the way."""
    course = tx.get(Course, course_id, what="course")
    fill = _fill(tx).where(Session.course_id == course_id, Session.status != "cancelled").order_by(Session.starts_at)
    return page.render("bookings/manage/withdraw.html", course=course, sessions=tx.rows(fill), now=tx.now)


@pages.get("/manage/courses/{course_id:int}/withdraw", can=Can.WRITE_CATALOGUE)
def withdraw_form(tx: Tx, page: Page, course_id: int) -> Response:
    """A page of its own."""
    return draw_withdraw(tx, page, course_id)


@pages.post("/manage/courses/{course_id:int}/withdraw", can=Can.WRITE_CATALOGUE, again=draw_withdraw)
def withdraw(tx: Tx, page: Page, course_id: int) -> Response:
    """Out of the catalogue."""
    sessions.withdraw_course(tx, course_id, forms.one_id(page.form, "version"))
    return page.go(f"/manage/courses/{course_id}", done="withdrawn")
