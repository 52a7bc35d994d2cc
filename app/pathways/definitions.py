"""A version of a step as its file says it: for the download, for "already there", and for what differs between two versions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, select

from app.core.tx import Tx
from app.learning.models import Course, Curriculum
from app.pathways import words
from app.pathways.models import Requirement, RequirementGroup, Step, StepVersion
from app.people.models import CareerStage

PLAIN = (
    "standard",
    "times",
    "level",
    "minutes",
    "bucket",
    "activity",
    "months",
    "stage",
    "role",
)  # said alike in the file and in the table


@dataclass(frozen=True, slots=True)
class Group:
    """A group of requirements, as its version has it."""

    id: int
    title: str
    rule: str
    needed: int | None


_PARTS = (
    select(
        Requirement.__table__,
        RequirementGroup.title.label("group_title"),
        RequirementGroup.rule.label("group_rule"),
        RequirementGroup.needed.label("group_needed"),
        Course.slug,
        Course.title.label("course"),
        Curriculum.title.label("curriculum"),
    )
    .outerjoin(RequirementGroup, RequirementGroup.id == Requirement.group_id)
    .outerjoin(Course, Course.id == Requirement.course_id)
    .outerjoin(Curriculum, Curriculum.id == Requirement.curriculum_id)
    .where(Requirement.version_id.in_(bindparam("versions", expanding=True)))
    .order_by(Requirement.version_id, RequirementGroup.number, Requirement.number)
)


def parts(tx: Tx, version_ids: Collection[int]) -> tuple[dict[int, list[Group]], dict[int, list[Row[Any]]]]:
    """(groups by version, requirements by version), in their order; with the names of what they ask for. One statement for all."""
    groups: dict[int, list[Group]] = {key: [] for key in version_ids}
    asked: dict[int, list[Row[Any]]] = {key: [] for key in version_ids}
    for row in tx.rows(_PARTS, versions=list(version_ids)) if version_ids else ():
        asked[row.version_id].append(row)
        if row.group_id is not None and all(group.id != row.group_id for group in groups[row.version_id]):
            groups[row.version_id].append(Group(row.group_id, row.group_title, row.group_rule, row.group_needed))
    return groups, asked


VERSION = (
    StepVersion.__table__,
    Step.code,
    Step.kind,
    Step.to_stage,
    CareerStage.title.label("to_title"),
    CareerStage.rank.label("to_rank"),
)
VERSIONS = select(*VERSION).join(Step, Step.id == StepVersion.step_id).outerjoin(CareerStage, CareerStage.code == Step.to_stage)
"""A version with what its step is called and where it leads."""


def definition(version: Row[Any], groups: list[Group], asked: list[Row[Any]]) -> dict[str, Any]:
    """What a file would say of this version (a row of VERSIONS, with its `parts`); what is not said there is left out."""
    held = {group.id: [_requirement(row) for row in asked if row.group_id == group.id] for group in groups}
    said: dict[str, Any] = dict(
        code=version.code,
        title=version.title,
        kind=version.kind,
        to_stage=version.to_stage,
        summary=version.summary,
        source=version.source,
        verified=version.verified,
        applies={name: value for name, value in version.applies.items() if value},
        in_force_from=version.in_force_from,
        in_force_to=version.in_force_to,
        rule=version.rule if version.rule != "all" else None,
        needed=version.needed,
        groups=[
            _kept(dict(title=group.title, rule=group.rule if group.rule != "all" else None, needed=group.needed))
            | {"requirements": held[group.id]}
            for group in groups
        ],
    )
    return _kept(said)


def _kept(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value not in (None, "", {}, [])}


def _requirement(row: Row[Any]) -> dict[str, Any]:
    names = dict(kind=row.kind, title=row.title, course=row.slug, curriculum=row.curriculum, programme=row.programme_code)
    return _kept(names | {name: getattr(row, name) for name in PLAIN})


def comparable(said: dict[str, Any]) -> dict[str, Any]:
    """A definition in which groups and requirements go by their titles, for `frameworks.comparing.differences`; dates are left out."""
    groups = [
        {name: value for name, value in group.items() if name not in ("title", "requirements")}
        | {"code": group["title"], "asks for": [{"code": words.asked(each), **_amounts(each)} for each in group["requirements"]]}
        for group in said["groups"]
    ]
    return {name: said.get(name) for name in ("title", "summary", "applies", "rule", "needed")} | {"parts": groups}


def _amounts(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in ("kind", "title")}
