"""A version of a step as its file says it: for the download, for "already there", and for what differs between two versions."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, select

from app.core.tx import Tx
from app.frameworks.models import Programme, Standard
from app.learning.models import Course, Curriculum, LearningActivity
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


def parts(tx: Tx, version_ids: Collection[int]) -> tuple[dict[int, list[Row[Any]]], dict[int, list[Row[Any]]]]:
    """(groups by version, requirements by version), in their order; with the names of what they ask for. Two statements for all."""
    groups: dict[int, list[Row[Any]]] = {key: [] for key in version_ids}
    asked: dict[int, list[Row[Any]]] = {key: [] for key in version_ids}
    if not version_ids:
        return groups, asked
    group, requirement = RequirementGroup.__table__, Requirement.__table__
    for row in tx.rows(select(group).where(group.c.version_id.in_(version_ids)).order_by(group.c.version_id, group.c.number)):
        groups[row.version_id].append(row)
    named = (
        select(
            requirement,
            Course.slug,
            Course.title.label("course"),
            Curriculum.title.label("curriculum"),
            Programme.title.label("programme"),
            Standard.title.label("standard_title"),
            LearningActivity.title.label("activity_title"),
            CareerStage.title.label("stage_title"),
        )
        .outerjoin(Course, Course.id == requirement.c.course_id)
        .outerjoin(Curriculum, Curriculum.id == requirement.c.curriculum_id)
        .outerjoin(Programme, Programme.code == requirement.c.programme_code)
        .outerjoin(Standard, Standard.code == requirement.c.standard)
        .outerjoin(LearningActivity, LearningActivity.code == requirement.c.activity)
        .outerjoin(CareerStage, CareerStage.code == requirement.c.stage)
        .where(requirement.c.version_id.in_(version_ids))
        .order_by(requirement.c.version_id, requirement.c.number)
    )
    for row in tx.rows(named):
        asked[row.version_id].append(row)
    return groups, asked


VERSION = (
    StepVersion.__table__,
    Step.code,
    Step.title,
    Step.kind,
    Step.to_stage,
    CareerStage.title.label("to_title"),
    CareerStage.rank.label("to_rank"),
)
VERSIONS = select(*VERSION).join(Step, Step.id == StepVersion.step_id).outerjoin(CareerStage, CareerStage.code == Step.to_stage)
"""A version with what its step is called and where it leads."""


def definition(version: Row[Any], groups: list[Row[Any]], asked: list[Row[Any]]) -> dict[str, Any]:
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
    return {name: said.get(name) for name in ("title", "summary", "applies", "rule", "needed")} | {"groups": groups}


def _amounts(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in ("kind", "title")}
