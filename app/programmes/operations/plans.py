"""Plans: when each stage falls due. A new plan stands beside the old ones, which stay to be seen with their reasons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from app.core.calendar import WEEK
from app.core.db import FOREVER
from app.core.facts import current
from app.core.tx import Tx
from app.frameworks.models import ProgrammeStage, ProgrammeVersion
from app.people.models import Post
from app.programmes import terms
from app.programmes.access import Part
from app.programmes.due import DAY, Clock, Extra, Pattern, Span, StageDue, due_dates, laid_out, on_working_day
from app.programmes.models import Change, Enrolment, Plan, PlanLine, StageRecord
from app.programmes.operations.progress import plan_reviews
from app.programmes.terms import AS_FULL_TIME
from app.supervision.models import SupervisionTerm
from app.supervision.operations import rules as supervision

LAST = FOREVER - timedelta(days=366)  # a plan that cannot end is refused before this
_STAGES = (
    select(ProgrammeStage.id, ProgrammeStage.due_month, ProgrammeStage.title)
    .where(ProgrammeStage.version_id == bindparam("version"))
    .order_by(ProgrammeStage.number)
)
_KEPT = (
    select(StageRecord.stage_id, PlanLine.due_on)
    .join(Plan, Plan.enrolment_id == StageRecord.enrolment_id)
    .join(PlanLine, (PlanLine.plan_id == Plan.id) & (PlanLine.stage_id == StageRecord.stage_id))
    .where(
        StageRecord.enrolment_id == bindparam("enrolment"),
        StageRecord.state.in_(("complete", "not needed")),
        Plan.number == bindparam("number"),
    )
)
_CHANGES = (
    select(Change.id, Change.kind, Change.from_on, Change.to_on, Change.details)
    .where(
        Change.enrolment_id == bindparam("enrolment"),
        Change.state == "agreed",
        Change.kind.in_(("pause", "extension", "working_pattern")),
    )
    .order_by(Change.from_on, Change.id)
)

_TERM = (
    select(SupervisionTerm.rule_id, SupervisionTerm.agreed)
    .where(SupervisionTerm.subject == bindparam("subject"), SupervisionTerm.superseded_at.is_(None))
    .order_by(SupervisionTerm.id)
    .limit(1)
)


def clock_of(version: Row[Any], starts_on: date, fte: Decimal, changes: Sequence[Row[Any]] = ()) -> Clock:
    """How the months of one enrolment pass. `fte` is the pattern at the start; `changes` what was agreed since."""
    patterns: list[Pattern] = [(starts_on, fte)]
    pauses: list[Span] = []
    extensions: list[Extra] = []
    for change in changes:
        if change.kind == "pause":
            pauses.append((change.from_on, change.to_on))
        elif change.kind == "extension":
            extensions.append((change.from_on, int(change.details["days"])))
        else:
            patterns.append((change.from_on, Decimal(str(change.details["fte"]))))
    if terms.part_time(version.definition) == AS_FULL_TIME:
        patterns = [(starts_on, Decimal(1))]
    return Clock(starts_on, patterns, laid_out(pauses, extensions), terms.slowest(version.definition, version.nominal_months))


def working_days(tx: Tx, person_id: int, on: date) -> str:
    """The days of the week on which somebody works, by their primary post of a day; Monday to Friday where nothing is known."""
    mask = tx.scalar(
        select(Post.working_days).where(Post.person_id == person_id, Post.is_primary.is_(True), current(Post, max(on, tx.today))).limit(1)
    )
    return str(mask or WEEK)


def stages_of(tx: Tx, version_id: int) -> Sequence[Row[Any]]:
    """The stages of a version in their order, with their titles and the month by which each is due."""
    return tx.rows(_STAGES, version=version_id)


def dates(
    version: Row[Any], stage_rows: Sequence[Row[Any]], mask: str, clock: Clock, kept: dict[int, date] | None = None
) -> tuple[dict[int, date], date]:
    """When every stage of the version is due by this clock, and the day on which the programme ends; `mask`: the days they work."""
    stages = [StageDue(row.id, row.due_month, (kept or {}).get(row.id)) for row in stage_rows]
    ends_on = on_working_day(clock.after(version.nominal_months), clock.stops, mask)
    return {key: min(day, LAST) for key, day in due_dates(stages, clock, mask).items()}, min(ends_on, LAST)


def first_plan(tx: Tx, enrolment_id: int, lines: dict[int, date], ends_on: date, reason: str = "start", words: str | None = None) -> None:
    """Plan 1 of a new enrolment."""
    _write(tx, enrolment_id, 1, lines, dict(reason=reason, words=words, ends_on=ends_on, change_id=None))


def _write(tx: Tx, enrolment_id: int, number: int, lines: dict[int, date], values: dict[str, Any]) -> None:
    plan_id = tx.insert(Plan, enrolment_id=enrolment_id, number=number, made_at=tx.now, made_by=tx.actor.person_id, **values)
    if lines:
        tx.db.execute(insert(PlanLine), [dict(plan_id=plan_id, stage_id=stage, due_on=day) for stage, day in lines.items()])


def replan(
    tx: Tx,
    part: Part,
    reason: str,
    words: str | None,
    ends_on: date | None = None,
    change_id: int | None = None,
    *,
    fte: Decimal | None = None,
) -> bool:
    """Count the dates again from everything that is agreed, and keep the old plan. Returns whether any date is another.

    The caller has locked the enrolment. Stages that are completed keep their dates. `ends_on`: the end is this day, whatever is counted;
    stages that would come after it are due by it. `fte`: the pattern from now on, for the enrolment's row.
    """
    enrolment = tx.get(Enrolment, part.enrolment.id, what="enrolment")
    version = tx.get(ProgrammeVersion, enrolment.version_id, what="programme version")
    changes = tx.rows(_CHANGES, enrolment=enrolment.id)
    kept = {row.stage_id: row.due_on for row in tx.rows(_KEPT, enrolment=enrolment.id, number=enrolment.plan_number)}
    clock = clock_of(version, enrolment.starts_on, _fte_at_start(enrolment, changes), changes)
    mask = working_days(tx, enrolment.person_id, enrolment.starts_on)
    lines, counted = dates(version, stages_of(tx, version.id), mask, clock, kept)
    if ends_on is not None:
        lines = {stage: kept.get(stage) or min(day, ends_on) for stage, day in lines.items()}
        counted = ends_on
    counted = max(counted, enrolment.starts_on + DAY)
    moved = lines != plan_lines(tx, enrolment.id, enrolment.plan_number) or counted != enrolment.ends_on
    number = enrolment.plan_number + 1
    _write(tx, enrolment.id, number, lines, dict(reason=reason, words=words, ends_on=counted, change_id=change_id))
    tx.db.execute(
        update(Enrolment)
        .where(Enrolment.id == enrolment.id)
        .values(plan_number=number, ends_on=counted, fte=fte or enrolment.fte, version=enrolment.version + 1)
    )
    follow(tx, enrolment.id, enrolment.person_id, version, enrolment.starts_on, counted)
    plan_reviews(tx, enrolment.id)
    tx.record(
        "enrolment.replanned",
        "enrolments",
        enrolment.id,
        person_id=enrolment.person_id,
        tell=["email.plan_changed"] if moved else [],
        reason=reason,
        plan=number,
        ends_on=counted.isoformat(),
    )
    return moved


def follow(tx: Tx, enrolment_id: int, person_id: int, version: Row[Any], starts_on: date, ends_on: date) -> None:
    """Supervision follows the programme's rule, with what it promises, from the first day to the end of the plan in force."""
    code = version.definition.get("supervision_rule")
    rule_id = supervision.published(tx, code) if code else None
    if rule_id is None:
        return
    kept = tx.one(_TERM, subject=f"enrolment:{enrolment_id}")  # an enrolment keeps the version of the rule that it began with
    promised = {"protected_time_percent": "protected_percent", "workload_percent": "workload_percent"}
    agreed = {name: int(version.definition[of]) for name, of in promised.items() if version.definition.get(of) is not None}
    supervision.set_rule(
        tx,
        person_id,
        kept.rule_id if kept else rule_id,
        starts_on,
        ends_on,
        subject=f"enrolment:{enrolment_id}",
        anchor=starts_on,
        agreed=(kept.agreed if kept else None) or agreed,
    )


def _fte_at_start(enrolment: Row[Any], changes: Sequence[Row[Any]]) -> Decimal:
    """The pattern before the first change of it; every change says what it was before."""
    first = next((change for change in changes if change.kind == "working_pattern" and "before" in change.details), None)
    return Decimal(str(first.details["before"])) if first is not None else Decimal(enrolment.fte)


def clock_now(tx: Tx, enrolment: Row[Any], version: Row[Any], *, but: int | None = None) -> Clock:
    """How the months of an enrolment pass by what is agreed, `but` for one change."""
    changes = [row for row in tx.rows(_CHANGES, enrolment=enrolment.id) if row.id != but]
    return clock_of(version, enrolment.starts_on, _fte_at_start(enrolment, changes), changes)


def pattern_on(tx: Tx, enrolment: Row[Any], on: date, *, but: int) -> Decimal:
    """The working pattern of a day by what is agreed, `but` for one change."""
    changes = [row for row in tx.rows(_CHANGES, enrolment=enrolment.id) if row.id != but]
    before = [row for row in changes if row.kind == "working_pattern" and row.from_on <= on]
    return Decimal(before[-1].details["fte"]) if before else _fte_at_start(enrolment, changes)


def plan_lines(tx: Tx, enrolment_id: int, number: int) -> dict[int, date]:
    """The due days of one plan, by stage."""
    statement = (
        select(PlanLine.stage_id, PlanLine.due_on)
        .join(Plan, Plan.id == PlanLine.plan_id)
        .where(Plan.enrolment_id == enrolment_id, Plan.number == number)
    )
    return {row.stage_id: row.due_on for row in tx.rows(statement)}
