"""One session as the coordinator sees it: how full it is, publish, copy, cancel; and withdrawing a course that has none to come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, case, func, select
from starlette.responses import Response

from app.bookings import kept
from app.bookings.desk import fill
from app.bookings.event_models import SessionMessage
from app.bookings.models import Booking, Part, PartTrainer, Place, Room, Session, Status
from app.bookings.operations import sessions
from app.bookings.operations.changes import STANDING
from app.bookings.queries import held, waiting
from app.core import forms
from app.core.calendar import is_bank_holiday, london, long_date, when, working_day
from app.core.errors import Conflict, Refusal
from app.core.ledger import Audit
from app.core.text import plural
from app.core.tx import Tx
from app.doors import Page, Pages
from app.learning.models import Course
from app.people.models import CareerStage, Person, Unit
from app.policy import Can, within_reach

pages = Pages()
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
    columns = (Session.id, Session.starts_at, Session.ends_at, Session.capacity, held().label("held"), waiting().label("waiting"))
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
    found = fill(tx).where(Session.course_id == course_id, Session.status != "cancelled").order_by(Session.starts_at)
    return page.render("bookings/manage/withdraw.html", course=course, sessions=tx.rows(found), now=tx.now)


@pages.get("/manage/courses/{course_id:int}/withdraw", can=Can.WRITE_CATALOGUE)
def withdraw_form(tx: Tx, page: Page, course_id: int) -> Response:
    """A page of its own."""
    return draw_withdraw(tx, page, course_id)


@pages.post("/manage/courses/{course_id:int}/withdraw", can=Can.WRITE_CATALOGUE, again=draw_withdraw)
def withdraw(tx: Tx, page: Page, course_id: int) -> Response:
    """Out of the catalogue."""
    sessions.withdraw_course(tx, course_id, forms.one_id(page.form, "version"))
    return page.go(f"/manage/courses/{course_id}", done="withdrawn")
