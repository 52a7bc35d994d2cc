"""The rows of a file of sessions: which column is which, which rows are one session, and what each cell means."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from app.bookings.models import Room
from app.bookings.operations import timetable
from app.bookings.operations.timetable import PartNew
from app.core.calendar import from_london, london_day, long_date
from app.core.forms import time_of_day
from app.core.sheets import Problem, SheetRefused, as_date
from app.core.text import shorten
from app.core.tx import Tx
from app.learning.models import Course

HEADINGS: dict[str, tuple[str, ...]] = {  # column → other headings that mean it
    "reference": ("ref", "session"),
    "course": ("course title", "title", "slug"),
    "date": ("day",),
    "start": ("starts", "start time", "from"),
    "end": ("ends", "end time", "finish", "to"),
    "room": ("venue",),
    "link": ("joining link", "online link", "url"),
    "places": ("capacity",),
    "trainers": ("trainer", "trainer e-mail", "trainer email", "trainers' e-mails"),
    "fewest": ("fewest people", "minimum", "minimum numbers"),
    "waiting list": ("waiting limit", "longest waiting list"),
    "booking opens": ("opens",),
    "booking closes": ("closes", "last day to book"),
    "cancel by": ("last day to cancel",),
    "decide by": ("decision date",),
    "approval": ("needs approval",),
}
NEEDED = ("course", "date", "start", "end", "places")
OF_A_SESSION = ("course", "places", "fewest", "waiting list", "booking opens", "booking closes", "cancel by", "decide by", "approval")
_MEANS = {name: column for column, names in HEADINGS.items() for name in (column, *names)}
_YES, _NO = ("yes", "y", "true", "1"), ("no", "n", "false", "0", "")
REFERENCE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9 ./_-]{0,29}$")


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """A row of the file as a part of a session; `session` tells the parts of different sessions apart."""

    line: int
    cells: dict[str, str]
    part: PartNew
    session: int


@dataclass(slots=True)
class Draft:
    """One session of the file: what it would be, as far as its cells can be read."""

    line: int
    reference: str
    course_id: int | None = None
    course: str = ""
    places: int | None = None
    parts: list[PlannedPart] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """All of a file: the sessions it would make, and the problems that stand in the way."""

    sessions: list[Draft] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def parts(self) -> int:
        return sum(len(session.parts) for session in self.sessions)


def headings(cells: list[str]) -> dict[int, str]:
    """Which column stands where; SheetRefused when one is missing, strange or there twice."""
    found: dict[int, str] = {}
    strange = []
    for n, cell in enumerate(cells):
        name = re.sub(r"[\s_]+", " ", cell).strip(" *:").lower().replace("’", "'")
        if not name:
            continue
        column = _MEANS.get(name)
        if column is None:
            strange.append(cell)
        elif column in found.values():
            raise SheetRefused(f"Two columns mean “{column}”. Delete one of them.")
        else:
            found[n] = column
    missing = [column for column in NEEDED if column not in found.values()]
    if missing:
        raise SheetRefused(f"The first row must hold the headings, and these are missing: {', '.join(missing)}.")
    if strange:
        raise SheetRefused(f"Nobody knows what to do with the column “{shorten(strange[0], 60)}”. Rename or delete it.")
    return found


def grouped(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Rows with one reference are one session, in the order of the first; a row without is a session of its own."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        reference = row["cells"].get("reference", "")
        groups.setdefault(reference.lower() if reference else f"\n{row['line']}", []).append(row)
    return list(groups.values())


class Found:
    """The courses, rooms and trainers that rows can name, each kind looked up in one question."""

    def __init__(self, tx: Tx, rows: list[dict[str, Any]]) -> None:
        def named(column: str) -> set[str]:
            return {row["cells"][column].lower() for row in rows if row["cells"].get(column)}

        self.courses: dict[str, list[Any]] = {}
        for row in tx.rows(
            select(Course.id, Course.title, Course.slug)
        ):  # a catalogue is small, and databases differ in what lower case is
            for name in {row.title.lower(), row.slug}:
                self.courses.setdefault(name, []).append(row)
        self.rooms = {row.name.lower(): row.id for row in tx.rows(select(Room.id, Room.name))}
        wanted = {address for cell in named("trainers") for address in timetable.addresses_in(cell)}
        self.people = timetable.people_by_address(tx, wanted)


def draft(rows: list[dict[str, Any]], found: Found, now: datetime) -> Draft:
    """One session from its rows, with every cell that cannot be read."""
    first = rows[0]
    made = Draft(first["line"], first["cells"].get("reference", ""))
    if made.reference and not REFERENCE.match(made.reference):
        _wrong(made, first, "reference", "This reference cannot be used", "Use letters, digits, spaces and hyphens, up to 30 characters")
    cells = _shared(made, rows)
    for row in rows:
        part = _part(made, row, found, now)
        if part is not None:
            made.parts.append(PlannedPart(row["line"], row["cells"], part, made.line))
    _course(made, first, cells, found)
    made.places = _number(made, first, cells, "places", needed=True)
    made.settings = _settings(made, first, cells)
    return made


def _wrong(made: Draft, row: dict[str, Any], column: str, wrong: str, remedy: str) -> None:
    made.problems.append(Problem(row["line"], column, row["cells"].get(column, ""), wrong, remedy))


def _shared(made: Draft, rows: list[dict[str, Any]]) -> dict[str, str]:
    """What holds for the whole session: from the first row that says it; another row may repeat it, not contradict it."""
    said: dict[str, str] = {}
    lines: dict[str, int] = {}
    for row in rows:
        for column in OF_A_SESSION:
            value = row["cells"].get(column, "")
            if not value:
                continue
            if column not in said:
                said[column], lines[column] = value, row["line"]
            elif value.lower() != said[column].lower():
                wrong = f"Line {lines[column]} of the same session says “{shorten(said[column], 60)}”"
                _wrong(made, row, column, wrong, "Give both the same value, or leave this one empty")
    return said


def _course(made: Draft, first: dict[str, Any], cells: dict[str, str], found: Found) -> None:
    name = cells.get("course", "")
    rows = found.courses.get(name.lower(), [])
    if not name:
        _wrong(made, first, "course", "There is no course", "Enter the course's title as it stands in the catalogue")
    elif not rows:
        _wrong(made, first, "course", "There is no course with this title", "Copy the title from the catalogue, or make the course first")
    elif len(rows) > 1:
        _wrong(made, first, "course", "Several courses have this title", "Enter the last part of the course's address instead")
    else:
        made.course_id, made.course = rows[0].id, rows[0].title


def _part(made: Draft, row: dict[str, Any], found: Found, now: datetime) -> PartNew | None:
    cells, before = row["cells"], len(made.problems)
    day = _date(made, row, cells, "date", needed=True)
    times = {}
    for column in ("start", "end"):
        times[column] = time_of_day(cells.get(column, ""))
        if times[column] is None:
            wrong = "This is not a time" if cells.get(column) else "There is no time"
            _wrong(made, row, column, wrong, "Enter it like 9:30am or 13:30")
    room = cells.get("room", "")
    if room and room.lower() not in found.rooms:
        _wrong(made, row, "room", "There is no room with this name", "Copy the name from the list of rooms, or add the room first")
    if not room and not cells.get("link"):
        _wrong(made, row, "room", "There is neither a room nor a link", "Enter the one or the other, or both")
    addresses = timetable.addresses_in(cells.get("trainers", ""))
    unknown = [address for address in addresses if address not in found.people]
    if unknown:
        _wrong(made, row, "trainers", f"Nobody on record here has the e-mail address {unknown[0]}", "Correct it, or leave it out for now")
    starts, ends = times["start"], times["end"]
    if day is None or starts is None or ends is None:
        return None
    try:
        starts_at, ends_at = from_london(day, starts), from_london(day, ends)
    except (ValueError, OverflowError) as hour:
        _wrong(made, row, "start", *str(hour).split(": ", 1) if ": " in str(hour) else (str(hour), "Choose another time"))
        return None
    if starts_at <= now:
        _wrong(made, row, "date", f"Past: {long_date(day)}", "Enter a date to come, or delete the line")
    if len(made.problems) > before:
        return None
    trainers = tuple(found.people[address] for address in addresses)
    return PartNew(starts_at, ends_at, found.rooms.get(room.lower()), cells.get("link") or None, trainers)


def _date(made: Draft, row: dict[str, Any], cells: dict[str, str], column: str, *, needed: bool = False) -> date | None:
    value = cells.get(column, "")
    if not value and not needed:
        return None
    day = as_date(value)
    if day is None or not 2000 <= day.year <= 2100:
        _wrong(
            made, row, column, "This is not a date" if value else "There is no date", "Enter it like 8/12/2026, day first, or 2026-12-08"
        )
        return None
    return day


def _number(made: Draft, row: dict[str, Any], cells: dict[str, str], column: str, *, needed: bool = False) -> int | None:
    value = cells.get(column, "")
    if re.fullmatch(r"\d{1,6}", value):
        return int(value)
    if value or needed:
        _wrong(made, row, column, "This is not a whole number" if value else "There is no number", "Enter a whole number, like 16")
    return None


def _settings(made: Draft, first: dict[str, Any], cells: dict[str, str]) -> dict[str, Any]:
    """Everything beside times and places; a day as a deadline holds until its end, or until the session starts."""
    settings: dict[str, Any] = {
        "min_numbers": _number(made, first, cells, "fewest") or 0,
        "waiting_limit": _number(made, first, cells, "waiting list"),
    }
    approval = cells.get("approval", "").lower()
    if approval not in (*_YES, *_NO):
        _wrong(made, first, "approval", "This is neither yes nor no", "Enter yes or no, or leave it empty to do as the course does")
    elif approval:
        settings["needs_approval"] = approval in _YES
    opens = _date(made, first, cells, "booking opens")
    settings["opens_at"] = london_day(opens)[0] if opens else None
    starts = min((part.part.starts_at for part in made.parts), default=None)
    for column, name in (("booking closes", "closes_at"), ("cancel by", "cancel_by"), ("decide by", "decide_by")):
        day = _date(made, first, cells, column)
        settings[name] = timetable.until(day, starts) if day and starts else None
    return settings
