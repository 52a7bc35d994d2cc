"""Steps from files become drafts: all of a file or nothing. What is published is never changed by it; the same again adds nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, delete, func, select

from app.core.tx import Tx
from app.frameworks.models import Programme, Standard
from app.frameworks.operations import Loaded
from app.frameworks.reading import FileRefused, Place, Problem
from app.learning.models import Course, Curriculum, LearningActivity
from app.pathways import words
from app.pathways.definitions import VERSIONS, definition, parts
from app.pathways.models import Requirement, RequirementCourse, RequirementGroup, Step, StepVersion
from app.pathways.operations.preparing import PreparedSteps
from app.pathways.schema import Group, StepsFile
from app.pathways.schema import Requirement as Asked
from app.pathways.schema import Step as Said
from app.pathways.versions import copy_curricula
from app.people.models import CareerStage
from app.policy import Can, operation, require_for_host


@dataclass(slots=True)
class _Names:
    """What the files name and the database has, each with one statement."""

    courses: dict[str, Row[Any]] = field(default_factory=dict)  # by slug
    curricula: dict[str, Row[Any]] = field(default_factory=dict)  # by title
    programmes: dict[str, str] = field(default_factory=dict)  # code → title
    standards: dict[str, str] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    activities: dict[str, str] = field(default_factory=dict)


@operation(Can.MANAGE_FRAMEWORKS)
def load(tx: Tx, files: Sequence[PreparedSteps]) -> list[Loaded]:
    """Load these files, as `prepare` gives them, as drafts; a draft that is there already is replaced.

    Raises FileRefused, with every problem of every file and its line, if one names what is not there: then nothing of any is loaded.
    """
    require_for_host(tx, Can.MANAGE_FRAMEWORKS)
    names = _names(tx, [step for each in files for step in each.made.pathway_steps])
    there = {row.code: row for row in tx.rows(select(Step.__table__))}
    problems = [each.source.problem(*wrong) for each in files for wrong in _wrongs(each.made, names, there)]
    problems += _twice(files)
    if problems:
        raise FileRefused(problems)
    return [_load(tx, step, names, there.get(step.code)) for each in files for step in each.made.pathway_steps]


def _twice(files: Sequence[PreparedSteps]) -> list[Problem]:
    seen: set[str] = set()
    found = []
    for each in files:
        codes = {step.code for step in each.made.pathway_steps}
        found += [
            each.source.problem(("pathway_steps", n, "code"), f"Another of these files has {step.code} too.", "Keep one of them.")
            for n, step in enumerate(each.made.pathway_steps)
            if step.code in seen
        ]
        seen |= codes
    return found


def _names(tx: Tx, steps: list[Said]) -> _Names:
    asked = [each for step in steps for group in step.groups for each in group.requirements]

    def named(attribute: str) -> set[str]:
        return {getattr(each, attribute) for each in asked} - {None}

    def titles(code: Any, title: Any, attribute: str) -> dict[str, str]:
        found = select(code.label("code"), title.label("title")).where(code.in_(named(attribute)))
        return {row.code: row.title for row in tx.rows(found)}

    courses = select(Course.id, Course.slug, Course.title, Course.status).where(Course.slug.in_(named("course")))
    curricula = select(Curriculum.__table__).where(Curriculum.title.in_(named("curriculum")))
    return _Names(
        {row.slug: row for row in tx.rows(courses)},
        {row.title: row for row in tx.rows(curricula)},
        titles(Programme.code, Programme.title, "programme"),
        titles(Standard.code, Standard.title, "standard"),
        {row.code: row.title for row in tx.rows(select(CareerStage.code, CareerStage.title))},
        {row.code: row.title for row in tx.rows(select(LearningActivity.code, LearningActivity.title))},
    )


# What is wrong -------------------------------------------------------------------------------------------------------

_LOOKED_UP: tuple[tuple[str, str, str, str], ...] = (  # field, where to look, what it is, the remedy
    ("course", "courses", "course at /courses/", "Write the last part of its address, or add the course first."),
    ("curriculum", "curricula", "curriculum called ", "Write its title as it stands under Curricula, or add it first."),
    ("programme", "programmes", "programme ", "Load the programme first, or correct its code."),
    ("standard", "standards", "standard ", "Load its standards set first, or correct its code."),
    ("stage", "stages", "career stage ", "Use the code of a career stage, like SW."),
    ("activity", "activities", "learning activity ", "Use the code of an activity, like mentoring."),
)


def _wrongs(made: StepsFile, names: _Names, there: dict[str, Row[Any]]) -> list[tuple[Place, str, str]]:
    found: list[tuple[Place, str, str]] = []
    for n, step in enumerate(made.pathway_steps):
        place: Place = ("pathway_steps", n)
        stages = [((*place, "to_stage"), step.to_stage)] if step.to_stage else []
        stages += [((*place, "applies", "stages", k), code) for k, code in enumerate(step.applies.stages)]
        for where, code in stages:
            if code not in names.stages:
                found.append((where, f"There is no career stage {code} here.", "Use the code of a career stage, like SW."))
        held = there.get(step.code)
        if held is not None and (held.kind, held.to_stage) != (step.kind, step.to_stage):
            leads = f"leads to {held.to_stage}" if held.to_stage else "is mandatory training"
            found.append(((*place, "code"), f"{step.code} is there already and {leads}.", "Give what is something else another code."))
        for g, group in enumerate(step.groups):
            for k, each in enumerate(group.requirements):
                found += _missing((*place, "groups", g, "requirements", k), each, names)
    return found


def _missing(place: Place, each: Asked, names: _Names) -> list[tuple[Place, str, str]]:
    found: list[tuple[Place, str, str]] = []
    for name, where, what, remedy in _LOOKED_UP:
        given = getattr(each, name)
        if given is not None and given not in getattr(names, where):
            found.append(((*place, name), f"There is no {what}{given} here.", remedy))
    course = names.courses.get(each.course or "")
    if course is not None and course.status == "withdrawn":
        found.append(((*place, "course"), f"“{course.title}” is withdrawn: nobody could complete it any more.", "Choose another course."))
    return found


# Keeping -------------------------------------------------------------------------------------------------------------


def _load(tx: Tx, said: Said, names: _Names, step: Row[Any] | None) -> Loaded:
    if step is None:
        step_id = tx.insert(Step, code=said.code, title=said.title, kind=said.kind, to_stage=said.to_stage)
        held: list[Row[Any]] = []
    else:
        step_id = step.id
        held = list(tx.rows(VERSIONS.where(StepVersion.step_id == step_id).order_by(StepVersion.number.desc())))
    draft = next((row for row in held if row.state == "draft"), None)
    in_use = next((row for row in held if row.state == "published"), None)
    newest = draft or in_use
    if newest is not None and _same(tx, newest, said, names):
        return Loaded("pathway step", said.code, f"version {newest.number}", "already there", newest.id)
    values = dict(
        title=said.title,
        rule=said.rule,
        needed=said.needed,
        applies=_applies(said),
        summary=said.summary,
        source=said.source,
        verified=said.verified,
        in_force_from=said.in_force_from,
        in_force_to=said.in_force_to,
    )
    if draft is not None:
        # Locked, so that two who replace it at once count one after the other, and whoever publishes knows which they saw.
        counted = tx.get(StepVersion, draft.id, lock=True, what="draft")
        empty(tx, draft.id)
        tx.update(StepVersion, draft.id, **values, version=counted.version + 1)
        key, number, outcome, action = draft.id, draft.number, "draft replaced", "step.replaced"
    else:
        number = 1 + max((row.number for row in held), default=0)
        key = tx.insert(StepVersion, step_id=step_id, number=number, state="draft", **values)
        outcome, action = "added", "step.loaded"
    for place, group in enumerate(said.groups, 1):
        _group(tx, key, place, group, names)
    copy_curricula(tx, key)
    tx.record(action, "step_versions", key, code=said.code, number=number)
    return Loaded("pathway step", said.code, f"version {number}", outcome, key)


def _applies(said: Said) -> dict[str, Any]:
    return {name: value for name, value in said.applies.model_dump().items() if value}


def _same(tx: Tx, row: Row[Any], said: Said, names: _Names) -> bool:
    """Does the version say what the file says? The first day of one in force does not matter where the file names none."""
    groups, asked = parts(tx, [row.id])
    old = definition(row, groups[row.id], asked[row.id])
    new = said.model_dump(exclude_none=True)
    new |= {"applies": _applies(said), "verified": said.verified}
    new["groups"] = [_plain(group, names) for group in said.groups]
    if said.in_force_from is None:
        old.pop("in_force_from", None)
    for name in ("summary", "source", "applies"):
        if not new.get(name):
            new.pop(name, None)
    if new.get("rule") == "all":
        del new["rule"]
    return old == new


def _plain(group: Group, names: _Names) -> dict[str, Any]:
    held = group.model_dump(exclude_none=True)
    if held["rule"] == "all":
        del held["rule"]
    held["requirements"] = [each.model_dump(exclude_none=True) | {"title": _title(each, names)} for each in group.requirements]
    return held


def _title(each: Asked, names: _Names) -> str:
    course = names.courses.get(each.course or "")
    more = dict(
        course_title=course.title if course else None,
        programme_title=names.programmes.get(each.programme or ""),
        standard_title=names.standards.get(each.standard or ""),
        stage_title=names.stages.get(each.stage or ""),
        activity_title=names.activities.get(each.activity or ""),
    )
    return words.asked({**each.model_dump(exclude_none=True), **{name: value for name, value in more.items() if value}})


def empty(tx: Tx, version_id: int) -> None:
    """Take all that a draft asks for out of it."""
    for table in (RequirementCourse, Requirement, RequirementGroup):
        tx.db.execute(delete(table).where(table.version_id == version_id))


def _group(tx: Tx, version_id: int, place: int, group: Group, names: _Names) -> None:
    group_id = tx.insert(RequirementGroup, version_id=version_id, number=place, title=group.title, rule=group.rule, needed=group.needed)
    first = 1 + (tx.scalar(select(func.max(Requirement.number)).where(Requirement.version_id == version_id)) or 0)
    for number, each in enumerate(group.requirements, first):
        course, curriculum = names.courses.get(each.course or ""), names.curricula.get(each.curriculum or "")
        tx.insert(
            Requirement,
            version_id=version_id,
            group_id=group_id,
            number=number,
            kind=each.kind,
            title=_title(each, names),
            course_id=course.id if course else None,
            curriculum_id=curriculum.id if curriculum else None,
            programme_code=each.programme,
            rule=curriculum.rule if curriculum else None,
            needed=curriculum.needed if curriculum else None,
            **{
                name: getattr(each, name)
                for name in ("standard", "times", "level", "minutes", "bucket", "activity", "months", "stage", "role")
            },
        )
