"""The form of a session: what was typed becomes parts and settings, and a stored session becomes what its form shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select
from starlette.responses import Response

from app.bookings.models import Room, Session
from app.bookings.operations import sessions, timetable
from app.bookings.operations.timetable import PartNew
from app.core import forms
from app.core.calendar import clock, from_london, london, london_day
from app.core.errors import Invalid, Refusal
from app.core.forms import Problems
from app.core.tx import Tx
from app.doors import Page, Pages
from app.learning.models import Course
from app.people.models import CareerStage, Person, Unit
from app.policy import Can

pages = Pages()
FIELDS = ("day", "day-month", "day-year", "starts", "ends", "room", "link", "trainers")
ENDS = ("decide_by", "closes_at", "cancel_by")  # typed as a day, meant until its end


# Pages -------------------------------------------------------------------------------------------------------------


@pages.get("/manage/sessions/new", can=Can.MANAGE_SESSIONS)
def new_session(tx: Tx, page: Page) -> Response:
    """Which course? Then the form, with the sizes of its latest session."""
    chosen = page.query("course")
    if not re.fullmatch(r"\d{1,15}", chosen):
        if "course" in page.request.query_params:
            page.problem = Invalid("Choose a course.", errors=[{"field": "course", "message": "Choose a course"}])
        courses = tx.rows(select(Course.id, Course.title).where(Course.status != "withdrawn").order_by(func.lower(Course.title)))
        return page.render("bookings/manage/which_course.html", courses=[("", "Choose"), *(tuple(row) for row in courses)])
    page.form = {"course": chosen}
    return draw_new(tx, page)


def draw_new(tx: Tx, page: Page) -> Response:
    """The form of a new session."""
    course = tx.get(Course, forms.one_id(page.form, "course") or 0, what="course")
    if "parts" not in page.form:
        latest = tx.one(select(Session.__table__).where(Session.course_id == course.id).order_by(Session.starts_at.desc()).limit(1))
        size = _settings_form(latest) if latest else {"min_numbers": ""}
        kept = ("capacity", "min_numbers", "waiting_limit", "audience_stages", "audience_unit_id")
        page.form |= {name: size[name] for name in kept if name in size}
        if latest is None:
            page.form["audience_stages"] = course.audience_stages.split(",") if course.audience_stages else []
        page.form |= {"parts": "1", "needs_approval": "yes" if course.needs_approval else ""}
    return _render(tx, page, course, None)


@pages.post("/manage/sessions/new", can=Can.MANAGE_SESSIONS, again=draw_new)
def create_session(tx: Tx, page: Page) -> Response:
    """Save a draft; or only show the form again with a part more or fewer."""
    if _asks_for_form(page.form):
        _reshape(page.form)
        return draw_new(tx, page)
    parts, settings = read(tx, page.form, None)
    with _as_typed(parts):
        session_id = sessions.create_session(tx, forms.one_id(page.form, "course") or 0, parts, **settings)
    return page.go(f"/manage/sessions/{session_id}", done="created")


def draw_change(tx: Tx, page: Page, session_id: int) -> Response:
    """The form of a session, as stored or as typed."""
    session = tx.get(Session, session_id, what="session")
    if "parts" not in page.form:
        page.form = stored(tx, session)
    return _render(tx, page, tx.get(Course, session.course_id), session)


@pages.get("/manage/sessions/{session_id:int}/change", can=Can.MANAGE_SESSIONS)
def change_form(tx: Tx, page: Page, session_id: int) -> Response:
    """The session as it is, to be changed."""
    return draw_change(tx, page, session_id)


def _whom(tx: Tx, page: Page, session_id: int) -> sessions.Move | None:
    """Who would be told of the change, looked up before anything is written."""
    if _asks_for_form(page.form):
        return None
    session = tx.get(Session, session_id, what="session")
    parts, settings = read(tx, page.form, session)
    with _as_typed(parts):
        return sessions.preview_change(tx, session_id, forms.one_id(page.form, "version") or 0, parts, settings["capacity"])


@pages.post("/manage/sessions/{session_id:int}/change", can=Can.MANAGE_SESSIONS, first=_whom, again=draw_change)
def change_session(tx: Tx, page: Page, session_id: int) -> Response:
    """Save what was typed, after a page that says who will be told of it; or only show the form with a part more or fewer."""
    if _asks_for_form(page.form):
        _reshape(page.form)
        return draw_change(tx, page, session_id)
    session = tx.get(Session, session_id, what="session")
    move: sessions.Move | None = page.found
    if move is not None and not forms.text(page.form, "checked"):
        fields = [(name, value) for name in page.form for value in _values(page.form[name]) if name != "checked"]
        course = tx.get(Course, session.course_id)
        return page.render("bookings/manage/check.html", session=session, course=course, move=move, fields=fields)
    parts, settings = read(tx, page.form, session)
    with _as_typed(parts):
        sessions.change_session(tx, session_id, forms.one_id(page.form, "version") or 0, parts, **settings)
    return page.go(f"/manage/sessions/{session_id}", done="saved", told=move.people if move else None)


def _values(given: Any) -> list[str]:
    """What a field holds, to be sent once more."""
    return [value for value in (given if isinstance(given, list) else [given]) if isinstance(value, str)]


@contextmanager
def _as_typed(parts: list[PartNew]) -> Iterator[None]:
    """A refusal names parts in order of time; the form keeps the order in which they were typed, and says which part is meant."""
    try:
        yield
    except Refusal as refusal:
        order = sorted(range(len(parts)), key=lambda n: (parts[n].starts_at, parts[n].ends_at))
        for error in refusal.errors:
            named = re.fullmatch(r"parts\.(\d+)\.(\w+)", error["field"])
            if named and len(parts) > 1 and int(named[1]) <= len(parts):
                typed = order[int(named[1]) - 1] + 1
                error |= {"field": f"parts.{typed}.{named[2]}", "message": f"Part {typed}: {error['message']}"}
        raise


def _render(tx: Tx, page: Page, course: Row[Any], session: Row[Any] | None) -> Response:
    used = {forms.text(page.form, f"parts.{n}.room") for n in range(1, count(page.form) + 1)}
    rooms = tx.rows(select(Room.id, Room.name, Room.place, Room.capacity, Room.closed).order_by(Room.place, Room.name))
    units = tx.rows(select(Unit.id, Unit.name, Unit.kind).where(Unit.closed_on.is_(None)).order_by(Unit.kind == "team", Unit.name))
    return page.render(
        "bookings/manage/form.html",
        course=course,
        session=session,
        parts=count(page.form),
        rooms=[
            ("", "No room: online only"),
            *(
                (row.id, f"{row.name}, {row.place} ({row.capacity} people)" + (", closed" if row.closed else ""))
                for row in rooms
                if not row.closed or str(row.id) in used
            ),
        ],
        units=[("", "Everyone"), *((row.id, f"{row.name} ({row.kind})") for row in units)],
        stages=[tuple(row) for row in tx.rows(select(CareerStage.code, CareerStage.title).order_by(CareerStage.rank, CareerStage.code))],
        chosen=set(forms.many(page.form, "audience_stages")),
        stale=page.problem is not None and page.problem.status == 412,
    )


# Parts more or fewer -----------------------------------------------------------------------------------------------


def count(form: dict[str, Any]) -> int:
    """How many parts the form shows."""
    given = forms.text(form, "parts")
    return min(max(int(given), 1), timetable.MOST_PARTS) if re.fullmatch(r"\d{1,3}", given) else 1


def _asks_for_form(form: dict[str, Any]) -> bool:
    """Was only the form asked for: with a part more or fewer, or back from the page that says who will be told?"""
    return bool(forms.text(form, "add") or forms.text(form, "back")) or (forms.one_id(form, "remove") is not None and count(form) > 1)


def _reshape(form: dict[str, Any]) -> None:
    """Give the form a part more, or take the one away that was not wanted; nothing is saved."""
    number, gone = count(form), forms.one_id(form, "remove")
    if forms.text(form, "add"):
        form["parts"] = str(min(number + 1, timetable.MOST_PARTS))
    elif gone is not None:
        old = {key: form.pop(key) for key in [key for key in form if key.startswith("parts.")]}
        kept = [n for n in range(1, number + 1) if n != gone]
        for new, was in enumerate(kept, 1):
            form |= {f"parts.{new}.{field}": old[f"parts.{was}.{field}"] for field in FIELDS if f"parts.{was}.{field}" in old}
        form["parts"] = str(len(kept))


# Reading -----------------------------------------------------------------------------------------------------------


def read(tx: Tx, form: dict[str, Any], session: Row[Any] | None) -> tuple[list[PartNew], dict[str, Any]]:
    """The parts and settings that were typed (`capacity` among them); Invalid with everything that cannot be read."""
    problems = Problems()
    people = _trainers(tx, form)
    typed = [_part(form, n, people, problems) for n in range(1, count(form) + 1)]
    capacity = forms.number(form, "capacity", "Places", problems)
    if capacity is None and not any(error["field"] == "capacity" for error in problems.errors):
        problems.add("capacity", "Enter how many places there are")
    settings: dict[str, Any] = {
        "capacity": capacity,
        "min_numbers": forms.number(form, "min_numbers", "Fewest people", problems) or 0,
        "waiting_limit": forms.number(form, "waiting_limit", "Longest waiting list", problems),
        "needs_approval": forms.text(form, "needs_approval") == "yes",
        "audience_stages": forms.many(form, "audience_stages"),
        "audience_unit_id": forms.one_id(form, "audience_unit_id"),
    }
    days = {
        "opens_at": forms.day(form, "opens_at", "The day booking opens", problems),
        "closes_at": forms.day(form, "closes_at", "The last day to book", problems),
        "cancel_by": forms.day(form, "cancel_by", "The last day to cancel", problems),
        "decide_by": forms.day(form, "decide_by", "The day to decide by", problems),
    }
    problems.raise_any()
    parts = [part for part in typed if part is not None]
    first = min(part.starts_at for part in parts)
    settings |= {name: _instant(name, day, session, first) for name, day in days.items()}
    return parts, settings


def _part(form: dict[str, Any], n: int, people: dict[str, int], problems: Problems) -> PartNew | None:
    prefix, of = f"parts.{n}.", f" of part {n}" if count(form) > 1 else ""
    said = f"Part {n}: " if count(form) > 1 else ""
    day = forms.day(form, prefix + "day", "The date" + of, problems, needed=True)
    starts = forms.clock_time(form, prefix + "starts", "The start" + of, problems)
    ends = forms.clock_time(form, prefix + "ends", "The end" + of, problems)
    if forms.one_id(form, prefix + "room") is None and not forms.text(form, prefix + "link"):
        problems.add(prefix + "room", said + "Choose a room or enter a joining link")
    addresses = timetable.addresses_in(forms.text(form, prefix + "trainers"))
    unknown = [address for address in addresses if address not in people]
    if unknown:
        problems.add(prefix + "trainers", f"{said}Nobody on record here has the e-mail address {', '.join(unknown)}")
    if day is None or starts is None or ends is None:
        return None
    try:
        instants = from_london(day, starts), from_london(day, ends)
    except (ValueError, OverflowError) as wrong:
        problems.add(prefix + "starts", said + str(wrong))
        return None
    trainers = tuple(people[address] for address in addresses if address in people)
    return PartNew(*instants, forms.one_id(form, prefix + "room"), forms.text(form, prefix + "link") or None, trainers)


def _trainers(tx: Tx, form: dict[str, Any]) -> dict[str, int]:
    wanted = {address for n in range(1, count(form) + 1) for address in timetable.addresses_in(forms.text(form, f"parts.{n}.trainers"))}
    return timetable.people_by_address(tx, wanted)


def _instant(name: str, day: date | None, session: Row[Any] | None, starts_at: datetime) -> datetime | None:
    """The moment meant by a day; a stored moment on that day is kept as it is."""
    if day is None:
        return None
    kept: datetime | None = getattr(session, name) if session is not None else None
    if kept is not None and _shown(name, kept) == day:
        return kept
    return timetable.until(day, starts_at) if name in ENDS else london_day(day)[0]


def _shown(name: str, at: datetime | None) -> date | None:
    """The day that the form shows for a moment: until midnight is until the day before."""
    if at is None:
        return None
    return london(at - timedelta(microseconds=1) if name in ENDS else at).date()


# Showing what is stored --------------------------------------------------------------------------------------------


def stored(tx: Tx, session: Row[Any]) -> dict[str, Any]:
    """A session as its form shows it."""
    parts = timetable.read(tx, session.id)
    trainers = {trainer for part in parts for trainer in part.trainer_ids}
    rows = tx.rows(select(Person.id, Person.email).where(Person.id.in_(trainers))) if trainers else ()
    addresses = {row.id: row.email or f"#{row.id}" for row in rows}
    form = _settings_form(session)
    form["parts"] = str(len(parts))
    for n, part in enumerate(parts, 1):
        prefix, starts = f"parts.{n}.", london(part.starts_at)
        form |= forms.day_fields(prefix + "day", starts.date())
        form |= {
            prefix + "starts": clock(starts),
            prefix + "ends": clock(part.ends_at),
            prefix + "room": str(part.room_id or ""),
            prefix + "link": part.link or "",
            prefix + "trainers": ", ".join(addresses[trainer] for trainer in part.trainer_ids),
        }
    return form


def _settings_form(session: Row[Any]) -> dict[str, Any]:
    form: dict[str, Any] = {
        "capacity": str(session.capacity),
        "min_numbers": str(session.min_numbers or ""),
        "waiting_limit": "" if session.waiting_limit is None else str(session.waiting_limit),
        "needs_approval": "yes" if session.needs_approval else "",
        "audience_stages": session.audience_stages.split(",") if session.audience_stages else [],
        "audience_unit_id": str(session.audience_unit_id or ""),
    }
    for name in ("opens_at", *ENDS):
        form |= forms.day_fields(name, _shown(name, getattr(session, name)))
    return form
