"""Versions of steps: whom they are for, and which is in force on a date as far as was known at an instant."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, delete, exists, func, insert, select, update

from app.core.db import ONE, AnySelect
from app.core.tx import Tx
from app.learning.models import Curriculum, CurriculumCourse
from app.pathways.models import Requirement, RequirementCourse, Step, StepVersion

NO_STEP = "No step with that code is in force on that day."


def is_code(words: str) -> bool:
    """Can it be the code of a step?"""
    return re.fullmatch(r"[A-Z0-9-]{1,40}", words) is not None


@dataclass(frozen=True, slots=True)
class Applies:
    """Whom a version is for, on the date asked about. What is left out does not limit.

    `stages`, `contracts` (of the primary post) and `roles` (held by appointment): one of them. `host_only`: people of the host council,
    and with `settings` those of other organisations too.
    """

    stages: tuple[str, ...] = ()
    contracts: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    host_only: bool = False
    settings: bool = False

    @classmethod
    def read(cls, held: dict[str, Any]) -> Applies:
        """As `step_versions.applies` holds it."""
        lists = {name: tuple(held.get(name) or ()) for name in ("stages", "contracts", "roles")}
        return cls(**lists, host_only=bool(held.get("host_only")), settings=bool(held.get("settings")))

    @property
    def only_host(self) -> bool:
        """Does it leave out people of other organisations?"""
        return self.host_only and not self.settings


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a step, with what its step is."""

    id: int
    step_id: int
    number: int
    code: str
    title: str
    kind: str  # progression · mandatory
    to_stage: str | None
    rule: str
    needed: int | None
    applies: Applies


_ALL = select(
    StepVersion.id,
    StepVersion.step_id,
    StepVersion.number,
    Step.code,
    StepVersion.title,
    Step.kind,
    Step.to_stage,
    StepVersion.rule,
    StepVersion.needed,
    StepVersion.applies,
    StepVersion.in_force_from,
    StepVersion.in_force_to,
    StepVersion.published_at,
    StepVersion.withdrawn_at,
    StepVersion.withdrawn_on,
).join(Step, Step.id == StepVersion.step_id)


_NAMED = ("id", "step_id", "number", "code", "title", "kind", "to_stage", "rule", "needed")


def _version(row: Row[Any]) -> Version:
    named = {name: getattr(row, name) for name in _NAMED}
    return Version(**named, applies=Applies.read(row.applies))


def in_force(tx: Tx, as_at: date, known_at: datetime | None = None, *, kind: str | None = None) -> list[Version]:
    """The version of each step that counts on `as_at`, as far as was known at `known_at` (None: as far as is known), by step.

    Of those that have begun it is the newest, and none once that one has ended or is withdrawn: an older one does not come back. One that
    was withdrawn before its first day never began.
    """
    begun = _ALL.where(StepVersion.state != "draft", StepVersion.in_force_from <= as_at)
    if kind is not None:
        begun = begun.where(Step.kind == kind)
    newest = _newest(tx.rows(begun.order_by(*_ORDER)), known_at)
    if not tx.writes:  # a page asks for these again by their ids
        tx.memo["step versions"] = {row.id: _version(row) for row in newest.values()}
    return [_version(row) for row in newest.values() if _stands(row, as_at, known_at)]


def of_step(tx: Tx, versions: AnySelect, code: str, as_at: date) -> Row[Any] | None:
    """Of the step with this code the version that is in force on the day, as `versions` selects it; None: there is none."""
    begun = versions.where(Step.code == code, StepVersion.state != "draft", StepVersion.in_force_from <= as_at)
    newest = _newest(tx.rows(begun.order_by(*_ORDER)), None)
    return next((row for row in newest.values() if _stands(row, as_at, None)), None)


_ORDER = (StepVersion.step_id, StepVersion.in_force_from, StepVersion.number)


def _newest(rows: Iterable[Row[Any]], known_at: datetime | None) -> dict[int, Row[Any]]:
    """Of rows in _ORDER the last version of each step that was known and began."""
    found: dict[int, Row[Any]] = {}
    for row in rows:
        if (known_at is None or row.published_at <= known_at) and not _withdrawn(row, row.in_force_from, known_at):
            found[row.step_id] = row
    return found


def _stands(row: Row[Any], as_at: date, known_at: datetime | None) -> bool:
    return not _withdrawn(row, as_at, known_at) and (row.in_force_to is None or as_at <= row.in_force_to)


def _withdrawn(row: Row[Any], on: date, known_at: datetime | None) -> bool:
    return row.withdrawn_at is not None and (known_at is None or row.withdrawn_at <= known_at) and row.withdrawn_on <= on


def by_id(tx: Tx, version_ids: Collection[int]) -> list[Version]:
    """These versions, drafts too, in the order of their ids."""
    known: dict[int, Version] = tx.memo.get("step versions", {})
    if known.keys() >= set(version_ids):
        return [known[key] for key in sorted(set(version_ids))]
    return [_version(row) for row in tx.rows(_ALL.where(StepVersion.id.in_(version_ids)).order_by(StepVersion.id))]


def copy_curricula(tx: Tx, version_id: int) -> None:
    """Write down in a draft what the curricula that it asks for say now: their rule and their courses.

    Done when a draft is saved and again when it is published; from then on it stays, whatever becomes of the curriculum.
    """
    asked = select(Requirement.id).where(Requirement.version_id == version_id, Requirement.kind == "curriculum")
    tx.db.execute(delete(RequirementCourse).where(RequirementCourse.requirement_id.in_(asked)))
    its = select(Curriculum.rule, Curriculum.needed).where(Curriculum.id == Requirement.curriculum_id)
    tx.db.execute(
        update(Requirement)
        .where(Requirement.id.in_(asked))
        .values(
            rule=its.with_only_columns(Curriculum.rule).scalar_subquery(), needed=its.with_only_columns(Curriculum.needed).scalar_subquery()
        )
    )
    courses = (
        select(Requirement.id, CurriculumCourse.course_id, Requirement.version_id)
        .join(CurriculumCourse, CurriculumCourse.curriculum_id == Requirement.curriculum_id)
        .where(Requirement.version_id == version_id, Requirement.kind == "curriculum")
    )
    tx.db.execute(insert(RequirementCourse).from_select(["requirement_id", "course_id", "version_id"], courses))


def behind(tx: Tx, version_ids: Collection[int]) -> set[int]:
    """Of these versions those that ask for a curriculum which has changed since: time for a new version."""
    copied = select(ONE).where(
        RequirementCourse.requirement_id == Requirement.id, RequirementCourse.course_id == CurriculumCourse.course_id
    )
    has = select(ONE).where(CurriculumCourse.curriculum_id == Requirement.curriculum_id)
    still = has.where(CurriculumCourse.course_id == RequirementCourse.course_id)
    changed = (
        select(Requirement.version_id)
        .join(Curriculum, Curriculum.id == Requirement.curriculum_id)
        .where(
            Requirement.version_id.in_(version_ids),
            Requirement.kind == "curriculum",
            (Requirement.rule != Curriculum.rule)
            | (func.coalesce(Requirement.needed, 0) != func.coalesce(Curriculum.needed, 0))
            | exists(has.where(~exists(copied)))
            | exists(select(ONE).where(RequirementCourse.requirement_id == Requirement.id, ~exists(still))),
        )
    )
    return set(tx.db.execute(changed).scalars())
