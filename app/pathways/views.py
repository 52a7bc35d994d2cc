"""One person's pathway as pages show it: steps with their parts, each requirement with its state, what shows it and what would mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Row, and_, exists, or_, select

from app import policy
from app.core.calendar import add_months
from app.core.db import ONE
from app.core.errors import NotFound
from app.core.tx import Tx
from app.learning.models import Completion, Course, LearningRecord
from app.pathways import endorsing, progress
from app.pathways.definitions import VERSIONS, Group, parts
from app.pathways.models import RequirementCourse, Step, StepAim
from app.pathways.versions import NO_STEP, in_force, is_code, of_step
from app.pathways.words import Reader
from app.policy import Can

HOLDS = ("met", "lapsing")  # statuses of what is met on the date


@dataclass(slots=True)
class Line:
    """One requirement, as it stands for the person on the date."""

    row: Row[Any]  # the requirement with the names of what it asks for
    status: str  # met · lapsing · lapsed · missing
    met_on: date | None
    expires_on: date | None
    so_far: tuple[int, int] | None = None  # records and minutes that count, of a requirement for learning that is not met
    lacking: list[Row[Any]] = field(default_factory=list)  # courses of a curriculum that are not in date: slug, title
    inside: int = 0  # how many courses the curriculum has
    asks: list[Row[Any]] = field(default_factory=list)  # for an endorsement that is not there: who was asked and has not answered

    @property
    def holds(self) -> bool:
        """Is it met on the date?"""
        return self.status in HOLDS


@dataclass(slots=True)
class Part:
    """A group of requirements, or one that stands beside the groups."""

    title: str
    rule: str
    needed: int | None
    lines: list[Line]

    @property
    def done(self) -> int:
        """How many of its requirements are met."""
        return sum(line.holds for line in self.lines)

    @property
    def enough(self) -> int:
        """How many have to be."""
        return self.needed or len(self.lines)

    @property
    def holds(self) -> bool:
        """Is it met?"""
        return self.done >= self.enough


@dataclass(slots=True)
class View:
    """A version of a step with the person's state."""

    version: Any  # a Version; of `one` a row of VERSIONS, with `aimed`: do they look towards it?
    parts: list[Part]

    @property
    def done(self) -> int:
        """How many of its parts are met."""
        return sum(part.holds for part in self.parts)

    @property
    def enough(self) -> int:
        """How many have to be."""
        return self.version.needed or len(self.parts)

    @property
    def holds(self) -> bool:
        """Is all that it asks for there?"""
        return self.done >= self.enough

    @property
    def begun(self) -> bool:
        """Is anything that it asks for there?"""
        return any(line.holds for line in self.lines)

    @property
    def lines(self) -> list[Line]:
        """Everything it asks for."""
        return [line for part in self.parts for line in part.lines]

    @property
    def lapsing(self) -> list[Line]:
        """What is about to lapse and the step would miss."""
        return sorted((line for line in self.lines if line.status == "lapsing"), key=lambda line: line.expires_on or date.max)

    @property
    def missing(self) -> list[Line]:
        """What stands between the person and the step: unmet requirements of parts that are not met."""
        return [line for part in self.parts if not part.holds for line in part.lines if not line.holds]


def pathway(tx: Tx, person_id: int, as_at: date) -> list[View]:
    """The steps that are for the person on the date, mandatory training first, then progressions, the nearest first. The caller has checked
    that they may be read."""
    versions: dict[int, Any] = {version.id: version for version in in_force(tx, as_at)}
    return _views(tx, person_id, versions, as_at, applicable=True)


def one(tx: Tx, person_id: int, code: str, as_at: date) -> View:
    """How far the person is with the version of a step that is in force on the day, whether it is for them or not; NotFound where there is
    none. The caller has checked that they may be read."""
    aim = exists(select(ONE).where(StepAim.person_id == person_id, StepAim.step_id == Step.id, StepAim.ended_at.is_(None)))
    named = of_step(tx, VERSIONS.add_columns(aim.label("aimed")), code, as_at) if is_code(code) else None
    if named is None:
        raise NotFound(NO_STEP, code="step-not-found")
    return _views(tx, person_id, {named.id: named}, as_at, applicable=False)[0]


def _views(tx: Tx, person_id: int, versions: Mapping[int, Any], as_at: date, *, applicable: bool) -> list[View]:
    found = progress.met(tx, progress.person(person_id), versions, as_at, applicable=applicable)
    wanted = sorted({each.version_id for each in found})
    said = {each.requirement_id: each for each in found}
    groups, asked = parts(tx, wanted)
    views = [View(versions[key], _parts(groups[key], asked[key], said)) for key in wanted]
    lines = [line for view in views for line in view.lines]
    _courses(tx, person_id, lines, as_at)
    _so_far(tx, person_id, lines, as_at)
    if as_at == tx.today:
        _asks(tx, person_id, views)
    return sorted(views, key=lambda view: (view.version.kind != "mandatory", -view.done / view.enough, view.version.title))


def _parts(groups: list[Group], asked: list[Row[Any]], said: dict[int, progress.Met]) -> list[Part]:
    def line(row: Row[Any]) -> Line:
        met = said[row.id]
        return Line(row, met.status, met.met_on, met.expires_on)

    found = [Part(group.title, group.rule, group.needed, [line(row) for row in asked if row.group_id == group.id]) for group in groups]
    return found + [Part("", "all", None, [line(row)]) for row in asked if row.group_id is None]


def _courses(tx: Tx, person_id: int, lines: list[Line], as_at: date) -> None:
    """Which courses of a curriculum that is not met are still to do, or to do again."""
    by_id = {line.row.id: line for line in lines if line.row.kind == "curriculum"}
    if not by_id:
        return
    there = exists(
        select(ONE).where(
            Completion.person_id == person_id,
            Completion.course_id == Course.id,
            Completion.superseded_at.is_(None),
            Completion.completed_on <= as_at,
            or_(Completion.expires_on.is_(None), Completion.expires_on >= as_at),
        )
    )
    inside = (
        select(RequirementCourse.requirement_id, Course.slug, Course.title, there.label("there"))
        .join(Course, Course.id == RequirementCourse.course_id)
        .where(RequirementCourse.requirement_id.in_(by_id))
        .order_by(RequirementCourse.requirement_id, Course.title)
    )
    for row in tx.rows(inside):
        line = by_id[row.requirement_id]
        line.inside += 1
        if not row.there:
            line.lacking.append(row)


def _asks(tx: Tx, person_id: int, views: list[View]) -> None:
    """Who was asked for an endorsement that is not there, and has not answered; one statement for all."""
    lacking = [(view.version.step_id, line) for view in views for line in view.lines if line.row.kind == "endorsement" and not line.holds]
    if not lacking:
        return
    rows = endorsing.open_requests(tx, person_id)
    for step_id, line in lacking:
        line.asks = [row for row in rows if (row.step_id, row.role) == (step_id, line.row.role)]


def reader(tx: Tx, person_id: int) -> Reader | None:
    """What the actor may open about the person whose pathway they read; None: it is their own."""
    if person_id == tx.actor.person_id:
        return None
    books, sees = (policy.reaches(tx, can, person_id) for can in (Can.BOOK, Can.READ_SUPERVISION))
    return Reader(person_id, books=books, supervision=sees)


def _so_far(tx: Tx, person_id: int, lines: list[Line], as_at: date) -> None:
    """What there is of learning that is asked for and does not suffice yet; one statement for all."""
    short = [line for line in lines if line.row.kind == "records" and not line.holds]
    if not short:
        return
    longest = None if any(line.row.months is None for line in short) else max(line.row.months for line in short)
    record = LearningRecord
    mine = and_(record.person_id == person_id, record.superseded_at.is_(None), record.on_date <= as_at)
    since = [] if longest is None else [record.on_date > add_months(as_at, -longest - 1)]  # a month more: months differ in length
    rows = tx.rows(select(record.on_date, record.minutes, record.bucket, record.activity).where(mine, *since))
    for line in short:
        counted = [row for row in rows if _counts(row, line.row, as_at)]
        line.so_far = len(counted), sum(row.minutes for row in counted)


def _counts(row: Row[Any], asked: Row[Any], as_at: date) -> bool:
    sort = (asked.bucket is None or row.bucket == asked.bucket) and (asked.activity is None or row.activity == asked.activity)
    return sort and (asked.months is None or add_months(row.on_date, asked.months) >= as_at)
