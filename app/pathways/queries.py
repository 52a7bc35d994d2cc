"""From facts to pathways: which requirements a learning record counts towards now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import CTE, ColumnElement, and_, exists, func, or_, select

from app.core.db import FOREVER, ONE, few
from app.core.expressions import months_after
from app.core.tx import Tx
from app.learning.models import Completion, LearningRecord
from app.learning.record_models import RecordStandard
from app.pathways.applying import applying
from app.pathways.evidence import When
from app.pathways.models import Requirement, RequirementCourse, Step, StepAim, StepVersion
from app.pathways.versions import in_force


class Counting(NamedTuple):
    """A requirement that a record counts towards, with its step."""

    requirement: str
    step: str
    code: str


def counting(tx: Tx, record_ids: Collection[int]) -> dict[int, list[Counting]]:
    """For each of these live records the requirements that it counts towards today, by step: of the steps that are for its owner, and of
    those the owner looks towards if they are the reader. That it counts towards one does not say that the requirement is met.
    """
    if not record_ids:
        return {}
    when, mine = When(tx.today), LearningRecord.id.in_(sorted(set(record_ids)))
    versions = [version.id for version in in_force(tx, when.as_at)]
    if not versions:
        return {}
    people = select(LearningRecord.person_id).where(mine).distinct()
    its = _either(applying(tx, people, versions, when), _looked_towards(tx, versions))
    rows = tx.rows(
        select(LearningRecord.id, Requirement.title, StepVersion.title.label("step"), Step.code)
        .select_from(LearningRecord)
        .join(its, its.c.person_id == LearningRecord.person_id)
        .join(Requirement, Requirement.version_id == its.c.version_id)
        .join(StepVersion, StepVersion.id == Requirement.version_id)
        .join(Step, Step.id == StepVersion.step_id)
        .where(mine, LearningRecord.superseded_at.is_(None), LearningRecord.on_date <= when.day, few(its.c.person_id))
        .where(or_(_by_course(when), _by_amount(when), _by_standard(when)))
        .order_by(LearningRecord.id, Step.code, Requirement.version_id, Requirement.number)
    )
    found: defaultdict[int, list[Counting]] = defaultdict(list)
    for row in rows:
        found[row.id].append(Counting(row.title, row.step, row.code))
    return dict(found)


def _looked_towards(tx: Tx, versions: Collection[int]) -> Any:
    return (
        select(StepAim.person_id, StepVersion.id.label("version_id"))
        .join(StepVersion, StepVersion.step_id == StepAim.step_id)
        .where(StepAim.person_id == tx.actor.person_id, StepAim.ended_at.is_(None), StepVersion.id.in_(sorted(versions)))
    )


def _either(applies: CTE, aims: Any) -> Any:
    return select(applies.c.person_id, applies.c.version_id).union(aims).subquery("its")


def _by_course(when: When) -> ColumnElement[bool]:
    """The course was completed that day, on its own or of a curriculum, and is in date."""
    inside = exists(
        select(ONE).where(RequirementCourse.requirement_id == Requirement.id, RequirementCourse.course_id == LearningRecord.course_id)
    )
    done = exists(
        select(ONE).where(
            Completion.person_id == LearningRecord.person_id,
            Completion.course_id == LearningRecord.course_id,
            Completion.completed_on == LearningRecord.on_date,
            Completion.source == LearningRecord.source,
            Completion.superseded_at.is_(None),
            func.coalesce(Completion.expires_on, FOREVER) >= when.day,
        )
    )
    itself = and_(Requirement.kind == "course", Requirement.course_id == LearningRecord.course_id)
    asked = or_(itself, and_(Requirement.kind == "curriculum", inside))
    return and_(asked, done)


def _by_amount(when: When) -> ColumnElement[bool]:
    """It is of the bucket or activity asked for, and recent enough."""
    return and_(
        Requirement.kind == "records",
        or_(Requirement.bucket.is_(None), LearningRecord.bucket == Requirement.bucket),
        or_(Requirement.activity.is_(None), LearningRecord.activity == Requirement.activity),
        _recent(when),
    )


def _by_standard(when: When) -> ColumnElement[bool]:
    """Its owner says that it touched the standard, and no signature is asked for."""
    tagged = exists(
        select(ONE).where(
            RecordStandard.first_id == func.coalesce(LearningRecord.first_id, LearningRecord.id),
            RecordStandard.standard == Requirement.standard,
            RecordStandard.superseded_at.is_(None),
        )
    )
    return and_(Requirement.kind == "standard", func.coalesce(Requirement.level, "recorded") != "signed", tagged, _recent(when))


def _recent(when: When) -> ColumnElement[bool]:
    return func.coalesce(months_after(LearningRecord.on_date, Requirement.months), FOREVER) >= when.day
