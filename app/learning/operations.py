"""Verbs about the catalogue: courses, their providers and series, and curricula."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from sqlalchemy import Row, delete, select

from app.core.errors import Changed, Conflict, Invalid
from app.core.forms import Problems
from app.core.text import normal, plural, search_words, slug
from app.core.tx import Tx, meaning
from app.learning import checks
from app.learning.models import Course, CourseStandard, Curriculum, CurriculumCourse, Prerequisite, Provider, Series
from app.policy import Can, operation

LINKED = ("requires", "standards")  # kept in tables of their own

meaning("uq_providers_name", "providers.name", message="There is already a provider with this name.", code="provider-name-taken")
meaning("uq_series_title", "series.title", message="There is already a series with this title.", code="series-title-taken")
meaning("uq_curricula_title", "curricula.title", message="There is already a curriculum with this title.", code="curriculum-title-taken")


# Courses -----------------------------------------------------------------------------------------------------------


@operation(Can.WRITE_CATALOGUE)
def create_course(tx: Tx, /, *, requires: Sequence[int] = (), standards: Sequence[str] = (), **values: Any) -> int:
    """A new course, a draft until it is published; returns its id.

    `title` and `kind` are needed; the rest as in `Course`: `audience_stages` may be a list of codes, `outcomes` has one to a line.
    `requires` are the courses to complete first, `standards` at most five codes of what it supports.
    """
    _no_strangers(values)
    row = checks.course_values(tx, dict.fromkeys(checks.TEXTS, "") | values)
    asked, supported = checks.prerequisites(tx, None, list(requires)), checks.standards(tx, list(standards))
    row |= dict(slug=_free_slug(tx, row["title"], None), search_text=_search_text(tx, row), created_at=tx.now, updated_at=tx.now)
    course_id = tx.insert(Course, **row)
    _link(tx, course_id, asked, supported)
    tx.record("course.created", "courses", course_id, title=row["title"])
    return course_id


@operation(Can.WRITE_CATALOGUE)
def change_course(tx: Tx, /, course_id: int, version: int, **values: Any) -> None:
    """Change what is named in `values` (as for `create_course`); the rest stays. Refuses when it is no longer at `version`.

    A published course keeps its address when its title changes, so that links to it go on working.
    """
    requires, standards = values.pop("requires", None), values.pop("standards", None)
    _no_strangers(values)
    course = _locked(tx, course_id, version)
    known = {name: getattr(course, name) for name in checks.COLUMNS}
    row = checks.course_values(tx, known | values)
    if course.status != "draft" and not (row.get("summary") and row.get("outcomes")):
        raise _unready(row)
    if course.status == "draft" and row["title"] != course.title:
        row["slug"] = _free_slug(tx, row["title"], course_id)
    asked = None if requires is None else checks.prerequisites(tx, course_id, list(requires))
    supported = None if standards is None else checks.standards(tx, list(standards))
    changed = sorted(name for name, value in row.items() if getattr(course, name) != value)
    changed += _link(tx, course_id, asked, supported)
    if changed:
        tx.update(Course, course_id, **row, search_text=_search_text(tx, row), updated_at=tx.now, version=version + 1)
        tx.record("course.changed", "courses", course_id, fields=changed)


@operation(Can.WRITE_CATALOGUE)
def publish_course(tx: Tx, course_id: int, version: int | None = None) -> None:
    """Show the course in the catalogue. It needs a summary and outcomes, for people to know what they would learn."""
    course = _locked(tx, course_id, version)
    if course.status == "published":
        raise Conflict("This course is already published.", code="course-published")
    if not (course.summary and course.outcomes):
        raise _unready(course._mapping)
    _set_status(tx, course, "published")


@operation(Can.WRITE_CATALOGUE)
def withdraw_course(tx: Tx, course_id: int, version: int | None = None, *, sessions_to_come: int) -> None:
    """Take the course out of the catalogue; completions of it stay.

    This room knows no sessions: the one above counts the published ones to come and calls this
    (`app.bookings.operations.sessions.withdraw_course`).
    """
    course = _locked(tx, course_id, version)
    if course.status == "withdrawn":
        raise Conflict("This course is already withdrawn.", code="course-withdrawn")
    if sessions_to_come:
        raise Conflict(
            f"This course still has {plural(sessions_to_come, 'published session')} to come.",
            code="course-has-sessions",
            way_out="Cancel them first, or wait until they are over.",
        )
    _set_status(tx, course, "withdrawn")


@operation(Can.WRITE_CATALOGUE)
def copy_course(tx: Tx, course_id: int) -> int:
    """A draft with the same content, prerequisites and standards, called "Copy of …"; returns its id."""
    course = tx.get(Course, course_id, what="course")
    values = {name: getattr(course, name) for name in checks.COLUMNS}
    title = _copy_title(tx, course.title)
    requires = tx.db.execute(select(Prerequisite.requires_id).where(Prerequisite.course_id == course_id)).scalars().all()
    standards = tx.db.execute(select(CourseStandard.standard).where(CourseStandard.course_id == course_id)).scalars().all()
    return create_course(tx, requires=requires, standards=standards, **{**values, "title": title})


def _copy_title(tx: Tx, title: str) -> str:
    """ "Copy of …", numbered from the second one on."""
    copies = (f"Copy {number} of {title}" if number > 1 else f"Copy of {title}" for number in count(1))
    short = (copy[: checks.TEXTS["title"]] for copy in copies)
    return next(copy for copy in short if tx.scalar(select(Course.id).where(Course.slug == slug(copy))) is None)


def _no_strangers(values: dict[str, Any]) -> None:
    strange = set(values) - set(checks.COLUMNS)
    if strange:
        raise TypeError(f"a course has no {', '.join(sorted(strange))}")


def _locked(tx: Tx, course_id: int, version: int | None) -> Row[Any]:
    course = tx.get(Course, course_id, lock=True, what="course")
    if version is not None and course.version != version:
        raise Changed("Somebody changed this course since you opened it.", way_out="Look at it again and repeat your change.")
    return course


def _set_status(tx: Tx, course: Row[Any], status: str) -> None:
    tx.update(Course, course.id, status=status, updated_at=tx.now, version=course.version + 1)
    tx.record(f"course.{status}", "courses", course.id, title=course.title)


def _unready(course: Any) -> Invalid:
    missing = {"summary": "Enter a summary", "outcomes": "Enter what people will be able to do, one to a line"}
    errors = [{"field": name, "message": message} for name, message in missing.items() if not course[name]]
    return Invalid("A published course needs a summary and learning outcomes.", errors=errors, code="course-incomplete")


def _free_slug(tx: Tx, title: str, course_id: int | None) -> str:
    """The title as an address, or a refusal beside the title when another course has it."""
    made = slug(title)
    taken = tx.scalar(select(Course.id).where(Course.slug == made))
    if taken is not None and taken != course_id:
        message = "Another course already has this title"
        raise Conflict(message + ".", code="course-title-taken", errors=[{"field": "title", "message": message}])
    return made


def _search_text(tx: Tx, row: dict[str, Any]) -> str:
    provider = tx.scalar(select(Provider.name).where(Provider.id == row["provider_id"])) if row.get("provider_id") else ""
    return search_words(row["title"], row.get("summary"), row.get("outcomes"), provider, row["kind"])


def _link(tx: Tx, course_id: int, requires: list[int] | None, standards: list[str] | None) -> list[str]:
    """Write the prerequisites and standards where they differ (None: leave alone); returns which did."""
    changed = []
    if requires is not None:
        old = set(tx.db.execute(select(Prerequisite.requires_id).where(Prerequisite.course_id == course_id)).scalars())
        if old != set(requires):
            tx.db.execute(delete(Prerequisite).where(Prerequisite.course_id == course_id))
            tx.insert_many(Prerequisite, [dict(course_id=course_id, requires_id=other) for other in requires])
            changed.append("requires")
    if standards is not None:
        held = set(tx.db.execute(select(CourseStandard.standard).where(CourseStandard.course_id == course_id)).scalars())
        if held != set(standards):
            tx.db.execute(delete(CourseStandard).where(CourseStandard.course_id == course_id))
            tx.insert_many(CourseStandard, [dict(course_id=course_id, standard=code) for code in standards])
            changed.append("standards")
    return changed


# Providers, series, curricula --------------------------------------------------------------------------------------


@operation(Can.WRITE_CATALOGUE)
def save_provider(tx: Tx, provider_id: int | None, *, name: str) -> int:
    """A new provider (no id) or a new name for one; returns its id. The catalogue finds its courses by the new name."""
    name = _title(tx, "name", name, "a name", Provider, Provider.name, provider_id)
    if provider_id is None:
        provider_id = tx.insert(Provider, name=name)
        tx.record("provider.created", "providers", provider_id, name=name)
        return provider_id
    old = tx.get(Provider, provider_id, lock=True, what="provider")
    if old.name != name:
        tx.update(Provider, provider_id, name=name)
        for course in tx.rows(select(Course.__table__).where(Course.provider_id == provider_id).order_by(Course.id)):
            tx.update(Course, course.id, search_text=_search_text(tx, dict(course._mapping)))
        tx.record("provider.renamed", "providers", provider_id, name=name, was=old.name)
    return provider_id


@operation(Can.WRITE_CATALOGUE)
def save_series(tx: Tx, series_id: int | None, *, title: str, summary: str = "") -> int:
    """A new masterclass series (no id) or changed words for one; returns its id."""
    title = _title(tx, "title", title, "a title", Series, Series.title, series_id)
    values = dict(title=title, summary=_summary(summary))
    if series_id is None:
        series_id = tx.insert(Series, **values)
        tx.record("series.created", "series", series_id, title=title)
        return series_id
    tx.get(Series, series_id, lock=True, what="series")
    tx.update(Series, series_id, **values)
    tx.record("series.changed", "series", series_id, title=title)
    return series_id


@operation(Can.WRITE_CATALOGUE)
def save_curriculum(
    tx: Tx,
    curriculum_id: int | None,
    version: int | None = None,
    *,
    title: str,
    rule: str,
    course_ids: Sequence[int],
    needed: int | None = None,
    summary: str = "",
) -> int:
    """A set of courses with a rule: "all" of them, or "any" `needed` of them, in the order given. No id: a new one. Returns its id."""
    title = _title(tx, "title", title, "a title", Curriculum, Curriculum.title, curriculum_id)
    courses = list(dict.fromkeys(course_ids))
    _check_rule(tx, rule, needed, courses)
    values = dict(title=title, summary=_summary(summary), rule=rule, needed=needed if rule == "any" else None)
    if curriculum_id is None:
        curriculum_id, action = tx.insert(Curriculum, **values), "curriculum.created"
    else:
        old = tx.get(Curriculum, curriculum_id, lock=True, what="curriculum")
        if version is not None and old.version != version:
            raise Changed("Somebody changed this curriculum since you opened it.", way_out="Look at it again and repeat your change.")
        tx.update(Curriculum, curriculum_id, **values, version=old.version + 1)
        tx.db.execute(delete(CurriculumCourse).where(CurriculumCourse.curriculum_id == curriculum_id))
        action = "curriculum.changed"
    tx.insert_many(
        CurriculumCourse,
        [dict(curriculum_id=curriculum_id, course_id=course, position=position) for position, course in enumerate(courses, 1)],
    )
    tx.record(action, "curricula", curriculum_id, title=title, rule=rule, needed=values["needed"], courses=courses)
    return curriculum_id


def _check_rule(tx: Tx, rule: str, needed: int | None, courses: list[int]) -> None:
    problems = Problems()
    if rule not in ("all", "any"):
        problems.add("rule", "Choose whether all the courses are needed or only some")
    known = tx.db.execute(select(Course.id).where(Course.id.in_(courses))).scalars().all() if courses else ()
    if not courses or len(known) < len(courses):
        problems.add("course_ids", "Choose at least one course from the list")
    elif rule == "any" and not 1 <= (needed or 0) <= len(courses):
        problems.add("needed", f"Enter how many of the {plural(len(courses), 'course')} are needed, from 1 to {len(courses)}")
    problems.raise_any()


def _summary(given: str) -> str:
    """A tidy summary of up to 1,000 characters."""
    summary, longest = normal(given), checks.TEXTS["summary"]
    if len(summary) > longest:
        message = f"Summary must be {longest:,} characters or fewer"
        raise Invalid(message + ".", errors=[{"field": "summary", "message": message}])
    return summary


def _title(tx: Tx, field: str, given: str, what: str, table: Any, column: Any, own_id: int | None) -> str:
    """A tidy name that no other row of the table has."""
    name = normal(given)
    message = ""
    if not 2 <= len(name) <= 150:
        message = f"Enter {what}, up to 150 characters"
    elif tx.scalar(select(table.id).where(column == name, table.id != (own_id or 0))) is not None:
        message = f"There is already one called {name}"
    if message:
        raise Invalid(message + ".", errors=[{"field": field, "message": message}])
    return name
