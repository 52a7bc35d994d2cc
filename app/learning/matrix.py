"""Who has completed what, and until when it counts: people by course, for the page and the export alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Date, Row, Select, String, and_, bindparam, cast, func, literal_column, or_, select
from sqlalchemy.sql.elements import ColumnElement

from app.core.calendar import MONTHS
from app.core.errors import NotFound
from app.core.facts import current
from app.core.listing import csv_cells
from app.core.tx import Tx
from app.learning.models import Completion, Course, Curriculum, CurriculumCourse
from app.people.models import Membership, Person, Post, Unit, UnitClosure
from app.policy import Can, within_reach

MOST = 60  # courses side by side
MOST_PEOPLE = 5_000  # in one file
MOST_COUNTED = 20_000  # people over whom the page counts who is up to date: beyond it, somebody would wait
SOON = timedelta(days=60)  # a completion that lapses within it is said to
TODAY: Any = bindparam("today", type_=Date())
FIRST_COLUMNS = ("Name", "Employee number", "Job title", "Team")
_FIRST = attrgetter("name", "employee_number", "job_title", "unit")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of the matrix. Nothing asked: every published course that has to be renewed, everyone in reach."""

    courses: tuple[int, ...] = ()
    curriculum_id: int | None = None
    unit_id: int | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One person and one course, in words and with a date, as a tag on the page."""

    state: str  # in date · due soon · lapsed · done
    on: str  # ISO date: until when it counts, or when it was completed if it does not expire

    @property
    def words(self) -> str:
        """As the page's tag says it."""
        return SHOWN[self.state]

    @property
    def day(self) -> str:
        """As it stands below the tag: "31 Mar 2028"."""
        on = date.fromisoformat(self.on)
        return f"{on.day} {MONTHS[on.month - 1][:3]} {on.year}"


EXPORTED = {"in date": "in date to", "due soon": "lapses", "lapsed": "lapsed", "done": "completed"}
SHOWN = {"in date": "In date", "due soon": "Lapses soon", "lapsed": "Lapsed", "done": "Completed"}


# Courses -----------------------------------------------------------------------------------------------------------


_INSIDE = cast(CurriculumCourse.position, String) + literal_column("':'", String()) + cast(CurriculumCourse.course_id, String)


def curricula(tx: Tx) -> Sequence[Row[Any]]:
    """Those to choose from; `inside` has each one's courses as "position:course" with commas between, in any order."""
    return tx.rows(
        select(Curriculum.id, Curriculum.title, func.aggregate_strings(_INSIDE, ",").label("inside"))
        .outerjoin(CurriculumCourse, CurriculumCourse.curriculum_id == Curriculum.id)
        .group_by(Curriculum.id, Curriculum.title)
        .order_by(func.lower(Curriculum.title))
    )


def opening(found: Sequence[Row[Any]]) -> int | None:
    """The curriculum that the page opens with: the essentials, or else safeguarding; None without either."""
    for word in ("essential", "safeguarding"):
        for row in found:
            if word in row.title.lower():
                return int(row.id)
    return None


def offered(tx: Tx) -> Sequence[Row[Any]]:
    """The courses to choose from: all that are or were in the catalogue."""
    return tx.rows(
        select(Course.id, Course.title, Course.status, Course.validity_months)
        .where(Course.status != "draft")
        .order_by(func.lower(Course.title))
    )


def columns(asked: Asked, all_courses: Sequence[Row[Any]], found: Sequence[Row[Any]]) -> list[Row[Any]]:
    """The courses of the matrix in order; NotFound for a curriculum that there is not. Courses that there are not are left out."""
    if asked.curriculum_id is not None:
        chosen = next((row for row in found if row.id == asked.curriculum_id), None)
        if chosen is None:
            raise NotFound("There is no such curriculum.", code="curriculum-not-found")
        order = sorted(tuple(map(int, pair.split(":"))) for pair in (chosen.inside or "").split(",") if pair)
        by_id = {course.id: course for course in all_courses}
        return [by_id[key] for _, key in order if key in by_id][:MOST]
    if asked.courses:
        return [course for course in all_courses if course.id in asked.courses][:MOST]
    return [course for course in all_courses if course.validity_months is not None and course.status == "published"][:MOST]


# People ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _present() -> Select[*tuple[Any, ...]]:
    """Everyone who has not left, with today's post and team. Parameter: today."""
    return (
        select(Person.id, Person.name, Person.employee_number, Post.job_title, Unit.name.label("unit"))
        .select_from(Person)
        .outerjoin(Post, and_(Post.person_id == Person.id, Post.is_primary, current(Post, TODAY)))
        .outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, TODAY)))
        .outerjoin(Unit, Unit.id == Membership.unit_id)
        .where(or_(Person.leaving_on.is_(None), Person.leaving_on >= TODAY))
    )


def _whose(tx: Tx, asked: Asked) -> list[ColumnElement[bool]]:
    """Reach, and the part of the organisation asked for, as conditions on people."""
    wanted = [within_reach(tx, Can.EXPORT_COMPLETIONS, Person.id)]
    if asked.unit_id is not None:
        below = select(UnitClosure.descendant_id).where(UnitClosure.ancestor_id == asked.unit_id)
        belongs = select(Membership.person_id).where(Membership.unit_id.in_(below), current(Membership, tx.today))
        wanted.append(Person.id.in_(belongs))
    return wanted


def how_many(tx: Tx, asked: Asked) -> int:
    """Rows of the whole matrix."""
    present = or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today)
    return int(tx.scalar(select(func.count()).select_from(Person).where(present, *_whose(tx, asked))))


def up_to_date(tx: Tx, asked: Asked, courses: Sequence[Row[Any]]) -> dict[int, int]:
    """By course, how many people of the whole matrix have it in date, or completed where it does not lapse."""
    present = or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today)
    counted = (
        select(Completion.course_id, func.count(Completion.person_id.distinct()).label("people"))
        .where(
            Completion.superseded_at.is_(None),
            Completion.course_id.in_([course.id for course in courses]),
            or_(Completion.expires_on.is_(None), Completion.expires_on >= tx.today),
            Completion.person_id.in_(select(Person.id).where(present, *_whose(tx, asked))),
        )
        .group_by(Completion.course_id)
    )
    return {row.course_id: row.people for row in tx.rows(counted)} if courses else {}


def people(tx: Tx, asked: Asked, *, limit: int | None = None, offset: int = 0) -> Sequence[Row[Any]]:
    """The rows of the matrix by name, or a page of them."""
    found = _present().where(*_whose(tx, asked)).order_by(Person.sort_name, Person.id)
    return tx.rows(found.limit(limit).offset(offset) if limit else found, today=tx.today)


# Cells -------------------------------------------------------------------------------------------------------------

# One text for a completion: its course, a colon or, where it does not expire, a "~", and the date it counts until or was completed on.
# The greatest of a person and a course is what counts ("~" comes after ":"), so that nothing has to be sorted, no date taken apart, and
# all of a person's completions can come in one row: twenty thousand small rows would take longer to fetch than to find.
_lasts = func.coalesce(
    literal_column("':'", String()) + cast(Completion.expires_on, String),
    literal_column("'~'", String()) + cast(Completion.completed_on, String),
)
_LASTS = (
    select(Completion.person_id, func.aggregate_strings(cast(Completion.course_id, String) + _lasts, ","))
    .where(Completion.superseded_at.is_(None), Completion.course_id.in_(bindparam("courses", expanding=True, literal_execute=True)))
    .group_by(Completion.person_id)
)
# Keys of ours are written into the statement, since a thousand parameters take longer than all the rest of it.
_LASTS_OF = _LASTS.where(Completion.person_id.in_(bindparam("people", expanding=True, literal_execute=True)))
_DATE = len("2026-12-31")


def _greatest(tx: Tx, courses: Sequence[Row[Any]], rows: Sequence[Row[Any]], *, whole: Asked | None = None) -> dict[int, list[str]]:
    """For each of these people the text of what counts, without its course, in the order of the courses; empty where nothing was
    completed. `whole`: they are all whom that asks for."""
    column = {str(course.id): number for number, course in enumerate(courses)}
    grid = {row.id: [""] * len(column) for row in rows}
    if not grid or not column:
        return grid
    given: dict[str, Any] = {"courses": [course.id for course in courses]}
    if whole is None:
        found = tx.db.execute(_LASTS_OF, given | {"people": list(grid)})
    else:
        theirs = select(Person.id).where(or_(Person.leaving_on.is_(None), Person.leaving_on >= TODAY), *_whose(tx, whole))
        found = tx.db.execute(_LASTS.where(Completion.person_id.in_(theirs)), given | {"today": tx.today})
    for person_id, completions in found.all():
        if (line := grid.get(person_id)) is None:
            continue  # who came after the others were asked about
        for completion in completions.split(","):
            number = column[completion[: -_DATE - 1]]
            lasts = completion[-_DATE - 1 :]
            if lasts > line[number]:
                line[number] = lasts
    return grid


def _meaning(today: date) -> Callable[[str], str]:
    """What each text means today: the state of its cell."""
    lapsed, soon = f":{today.isoformat()}", f":{(today + SOON).isoformat()}"

    def state(lasts: str) -> str:
        return "lapsed" if lasts < lapsed else "due soon" if lasts < soon else "in date" if lasts < "~" else "done"

    return state


def cells(tx: Tx, courses: Sequence[Row[Any]], rows: Sequence[Row[Any]]) -> dict[int, list[Cell | None]]:
    """For each of these people their cells in the order of the courses: None where nothing was completed."""
    state = _meaning(tx.today)
    return {key: [Cell(state(lasts), lasts[1:]) if lasts else None for lasts in line] for key, line in _greatest(tx, courses, rows).items()}


def as_csv(tx: Tx, asked: Asked, courses: Sequence[Row[Any]], rows: Sequence[Row[Any]]) -> bytes:
    """The whole matrix as a file: the same words as the page, with ISO dates that spreadsheets understand. `rows`: all of `asked`."""
    grid, state = _greatest(tx, courses, rows, whole=asked), _meaning(tx.today)
    every = set[str]().union(*grid.values())  # the same dates come again and again
    said = {lasts: f"{EXPORTED[state(lasts)]} {lasts[1:]}" if lasts else "" for lasts in every}
    lines = [",".join(csv_cells([*FIRST_COLUMNS, *(course.title for course in courses)]))]
    details = [csv_cells(column) for column in zip(*map(_FIRST, rows), strict=True)]
    for row, *who in zip(rows, *details, strict=True):
        lines.append(",".join([*who, *map(said.__getitem__, grid[row.id])]))
    return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig")
