"""Progressions: somebody moved to another career stage, or to another grade of the same, by which mechanism. It sets their stage too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, and_, select

from app import policy
from app.core.db import FOREVER
from app.core.declared import aliased
from app.core.errors import Conflict, Invalid, NotFound
from app.core.facts import current
from app.core.forms import Problems
from app.core.tx import Tx
from app.pathways.models import MECHANISMS, Progression, Step
from app.people import operations as people
from app.people.models import CareerStage, Person, Stage
from app.people.periods import replace_period
from app.policy import Can, operation

AHEAD = timedelta(days=366)  # a move can be recorded before it takes effect, but not further ahead


@operation(Can.RECORD_PROGRESSION)
def record(tx: Tx, person_id: int, to_stage: str, on_date: date, mechanism: str, step_id: int | None = None) -> int:
    """From `on_date` they are at this stage, reached by this mechanism; returns the progression's id.

    The kind follows from the order of the two stages: it rises (promotion), falls or stays with the stage (regrade), or both have the same
    order (sideways). Conflict if one of that day is recorded already, or if no stage is known before it.
    """
    policy.person(tx, Can.RECORD_PROGRESSION, person_id, lock=True)
    return _add(tx, person_id, to_stage, on_date, mechanism, step_id, None)


def _add(tx: Tx, person_id: int, to_stage: str, on_date: date, mechanism: str, step_id: int | None, corrects: int | None) -> int:
    ranks: dict[str, int] = {row.code: row.rank for row in tx.rows(select(CareerStage.code, CareerStage.rank))}
    _check(tx, ranks, to_stage, on_date, mechanism)
    step = tx.get(Step, step_id, what="step") if step_id is not None else None
    if step is not None and step.to_stage != to_stage:
        raise Invalid(
            f"“{step.title}” does not lead there.", errors=[{"field": "step", "message": "Choose a step that leads to this stage"}]
        )
    before = _stage(tx, person_id, on_date - timedelta(days=1))
    if before is None:
        raise Conflict(
            "No career stage is recorded for them before that day, so this is where they begin, and no progression.",
            code="stage-unknown",
            way_out="HR records the stage that somebody begins at.",
        )
    key = tx.insert(
        Progression,
        person_id=person_id,
        on_date=on_date,
        from_stage=before,
        to_stage=to_stage,
        mechanism=mechanism,
        kind=kind_of(ranks[before], ranks[to_stage], same=before == to_stage),
        step_id=step_id,
        recorded_by=tx.actor.person_id,
        recorded_at=tx.now,
        corrected_from=corrects,
    )
    if _stage(tx, person_id, on_date) != to_stage:
        people.move_to_stage(tx, Can.RECORD_PROGRESSION, person_id, to_stage, on_date, _until(tx, person_id, on_date))
    action = "progression.recorded" if corrects is None else "progression.corrected"
    tx.record(action, "progressions", key, person_id=person_id, to_stage=to_stage, on_date=on_date.isoformat(), mechanism=mechanism)
    return key


def kind_of(before: int, after: int, *, same: bool) -> str:
    """What a move between stages of these orders is: a promotion if the order rises (product §13)."""
    if after > before:
        return "promotion"
    return "regrade" if same or after < before else "sideways"


def _check(tx: Tx, ranks: dict[str, int], to_stage: str, on_date: date, mechanism: str) -> None:
    problems = Problems()
    if to_stage not in ranks:
        problems.add("stage", "Choose a career stage from the list")
    if mechanism not in MECHANISMS:
        problems.add("mechanism", "Choose how they got there")
    if not date(2000, 1, 1) <= on_date <= tx.today + AHEAD:
        problems.add("on", "The day must be after 1999, and within a year from now")
    problems.raise_any()


def _stage(tx: Tx, person_id: int, day: date) -> str | None:
    found: str | None = tx.scalar(select(Stage.stage).where(Stage.person_id == person_id, current(Stage, day)))
    return found


def _until(tx: Tx, person_id: int, day: date) -> date:
    """Up to when what holds on that day holds: what is recorded for later stays."""
    live = (Stage.person_id == person_id, Stage.superseded_at.is_(None))
    ends = tx.scalar(select(Stage.valid_to).where(*live, Stage.valid_from <= day, Stage.valid_to > day))
    starts = tx.scalar(select(Stage.valid_from).where(*live, Stage.valid_from > day).order_by(Stage.valid_from).limit(1))
    return ends or starts or FOREVER


@operation(Can.RECORD_PROGRESSION)
def correct(tx: Tx, progression_id: int, to_stage: str, on_date: date, mechanism: str, step_id: int | None = None) -> int:
    """What was recorded was wrong: this is right. The stage follows; what was believed before stays known."""
    row = _live(tx, progression_id)
    tx.update(Progression, progression_id, superseded_at=tx.now)
    tx.record("progression.superseded", "progressions", progression_id, person_id=row.person_id)
    _undo(tx, row)
    return _add(tx, row.person_id, to_stage, on_date, mechanism, step_id, progression_id)


@operation(Can.RECORD_PROGRESSION)
def withdraw(tx: Tx, progression_id: int, reason: str) -> None:
    """It did not happen: they are taken to have stayed at the stage before. The reason goes into the trail."""
    row = _live(tx, progression_id)
    said = reason.strip()
    if not said or len(said) > 500:
        raise Invalid("Say why it is taken out.", errors=[{"field": "reason", "message": "Say why, in up to 500 characters"}])
    tx.update(Progression, progression_id, superseded_at=tx.now)
    _undo(tx, row)
    tx.record("progression.withdrawn", "progressions", progression_id, person_id=row.person_id, reason=said)


def _live(tx: Tx, progression_id: int) -> Row[Any]:
    """The progression of somebody in reach, who is locked."""
    found = tx.one(select(Progression.person_id).where(Progression.id == progression_id))
    if found is None:
        raise NotFound("There is no progression with that reference, or it is not one of your people's.", code="progression-not-found")
    policy.person(tx, Can.RECORD_PROGRESSION, found.person_id, lock=True)
    row = tx.get(Progression, progression_id)
    if row.superseded_at is not None:
        raise Conflict("This progression has been corrected or taken out since.", code="progression-superseded")
    return row


def _undo(tx: Tx, row: Row[Any]) -> None:
    """The stage before goes on, as long as the one it led to would have lasted."""
    if row.from_stage == row.to_stage or _stage(tx, row.person_id, row.on_date) != row.to_stage:
        return
    values = {"stage": row.from_stage} if row.from_stage else None
    replace_period(tx, Stage, {"person_id": row.person_id}, row.on_date, _until(tx, row.person_id, row.on_date), values)
    tx.record(
        "person.stage-set", "people", row.person_id, person_id=row.person_id, stage=row.from_stage, valid_from=row.on_date.isoformat()
    )


# Reading -------------------------------------------------------------------------------------------------------------


def of_person(tx: Tx, person_id: int, on: date) -> tuple[Row[Any] | None, Sequence[Row[Any]]]:
    """(the career stage they are at on the day: `stage`, `since`; None where none is recorded), (their progressions as they are known now,
    the newest first, with the names of the stages and of the step)."""
    before, after, now = aliased(CareerStage), aliased(CareerStage), aliased(CareerStage)
    titles = (before.title.label("from_title"), after.title.label("to_title"), Step.title.label("step"))
    rows = tx.rows(
        select(Progression.__table__, *titles, now.title.label("stage"), Stage.valid_from.label("since"))
        .select_from(Person)
        .outerjoin(Stage, and_(Stage.person_id == Person.id, current(Stage, on)))
        .outerjoin(now, now.code == Stage.stage)
        .outerjoin(Progression, and_(Progression.person_id == Person.id, Progression.superseded_at.is_(None)))
        .outerjoin(before, before.code == Progression.from_stage)
        .outerjoin(after, after.code == Progression.to_stage)
        .outerjoin(Step, Step.id == Progression.step_id)
        .where(Person.id == person_id)
        .order_by(Progression.on_date.desc(), Progression.id.desc())
    )
    return next((row for row in rows if row.stage is not None), None), [row for row in rows if row.id is not None]
