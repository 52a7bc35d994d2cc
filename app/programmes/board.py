"""The cohort board: who is where, what falls due, and who is holding it up. One statement finds the rows, however many people there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import CTE, ColumnElement, Row, and_, case, exists, func, literal, null, or_, select
from sqlalchemy import String as SqlString

from app import policy
from app.core.db import ONE
from app.core.errors import NotFound
from app.core.tables_out import Cell
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate, ProgrammeStage, ProgrammeVersion
from app.people.models import Person, Unit, UnitClosure
from app.policy import Can, Reach
from app.programmes import terms
from app.programmes.access import visible
from app.programmes.models import Capacity, Change, Cohort, Enrolment, Involvement, Plan, PlanLine, StageRecord
from app.programmes.operations.cohorts import NOT_FOUND
from app.programmes.portfolio_models import Document

SOON = timedelta(days=30)
RUNS = ("registered", "in_progress", "awaiting_panel")  # the clock runs; while it is paused nothing is late
STATUSES = {
    "registered": ("Registered", "blue"),
    "in_progress": ("In progress", "turquoise"),
    "paused": ("Paused", "yellow"),
    "awaiting_panel": ("Before a panel", "purple"),
    "completed": ("Completed", "green"),
    "withdrawn": ("Withdrawn", "grey"),
    "transferred": ("Transferred", "grey"),
}
SHOW = {"": "Everybody", "late": "Late", "soon": "Due in the next 30 days", "paused": "Paused", "over": "Completed or left"}
SORTS = {"due": "Next due", "name": "Name", "stage": "Stage", "waiting": "Waiting longest"}
PANEL, ACADEMY = "panel", "coordinator"


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the board is asked for."""

    show: str = ""
    waiting: str = ""  # a capacity, "panel" or "coordinator"
    sort: str = "due"


@dataclass(frozen=True, slots=True)
class Counts:
    """The board in numbers, whatever is shown of it."""

    total: int
    running: int
    late: int
    soon: int
    paused: int
    completed: int
    left: int
    granted: int
    waiting: Sequence[tuple[str, int]]  # (capacity, how many enrolments it holds up), the most first


def cohort(tx: Tx, cohort_id: int) -> Row[Any]:
    """The cohort with its programme, or NotFound: for those who may read enrolments there, and whoever may see somebody in it."""
    row = tx.one(
        select(
            Cohort.__table__,
            ProgrammeVersion.programme_code,
            ProgrammeVersion.title.label("programme"),
            ProgrammeVersion.version.label("programme_version"),
            ProgrammeVersion.provisional,
            ProgrammeVersion.definition,
            Unit.name.label("unit"),
        )
        .join(ProgrammeVersion, ProgrammeVersion.id == Cohort.version_id)
        .outerjoin(Unit, Unit.id == Cohort.unit_id)
        .where(Cohort.id == cohort_id)
    )
    if row is None or not (_whole(tx, row.unit_id) or _somebody(tx, cohort_id)):
        raise NotFound(NOT_FOUND, code="cohort-not-found")
    return row


def _whole(tx: Tx, unit_id: int | None) -> bool:
    """Does reading enrolments reach this part of the organisation (None: is it given for any at all)?"""
    found = policy.terms(tx.actor, Can.READ_ENROLMENT)
    if unit_id is None:
        return any(reach in (Reach.ALL, Reach.SCOPE) for reach, _ in found)
    return policy.covers(tx, Can.READ_ENROLMENT, unit_id)


def _somebody(tx: Tx, cohort_id: int) -> bool:
    seen = select(ONE).select_from(Enrolment).where(Enrolment.cohort_id == cohort_id, visible(tx, Can.READ_ENROLMENT))
    return tx.scalar(seen.limit(1)) is not None


def cohorts(tx: Tx, *, closed: bool = False) -> Sequence[Row[Any]]:
    """Cohorts in which the actor may see somebody, or that are of their part of the organisation; with how many they see."""
    seen = (
        select(
            Enrolment.cohort_id,
            func.count().label("people"),
            func.sum(case((Enrolment.status.in_((*RUNS, "paused")), 1), else_=0)).label("running"),
        )
        .where(visible(tx, Can.READ_ENROLMENT))
        .group_by(Enrolment.cohort_id)
        .subquery()
    )
    found = policy.terms(tx.actor, Can.READ_ENROLMENT)
    everywhere = any(reach is Reach.ALL for reach, _ in found)
    nodes = [node for reach, node in found if reach is Reach.SCOPE]
    if everywhere:
        wanted: ColumnElement[bool] = Cohort.id.is_not(None)
    elif nodes:
        below = select(UnitClosure.descendant_id).where(UnitClosure.ancestor_id.in_(nodes))
        wanted = or_(seen.c.people > 0, Cohort.unit_id.is_(None), Cohort.unit_id.in_(below))
    else:
        wanted = seen.c.people > 0
    return tx.rows(
        select(
            Cohort.id,
            Cohort.title,
            Cohort.starts_on,
            Cohort.closed_on,
            ProgrammeVersion.title.label("programme"),
            ProgrammeVersion.version.label("programme_version"),
            ProgrammeVersion.provisional,
            func.coalesce(seen.c.people, 0).label("people"),
            func.coalesce(seen.c.running, 0).label("running"),
        )
        .join(ProgrammeVersion, ProgrammeVersion.id == Cohort.version_id)
        .outerjoin(seen, seen.c.cohort_id == Cohort.id)
        .where(wanted, Cohort.closed_on.is_not(None) if closed else Cohort.closed_on.is_(None))
        .order_by(Cohort.starts_on.desc(), Cohort.title)
    )


# The rows ----------------------------------------------------------------------------------------------------------


def _first_writer(tx: Tx, version_id: int) -> Any:
    """SQL over `documents`: the capacity that begins a document of this version, by its template."""
    rows = tx.rows(select(DocumentTemplate.id, DocumentTemplate.completed_by).where(DocumentTemplate.version_id == version_id))
    by_capacity: dict[str, list[int]] = {}
    for row in rows:
        if row.completed_by:
            by_capacity.setdefault(row.completed_by[0], []).append(row.id)
    if not by_capacity:
        return null()
    return case(*((Document.template_id.in_(ids), literal(name)) for name, ids in by_capacity.items()), else_=null())


def everybody(tx: Tx, cohort: Row[Any]) -> Sequence[Row[Any]]:
    """Every enrolment of the cohort that the actor may see, with the stage it is at, when that is due and who holds it up.

    Somebody holds it up whose turn a document is, the one that has waited longest first; else whoever begins what the stage still lacks.
    While it is paused, nobody does. One statement whatever the size; a page counts, narrows and orders what it gave.
    """
    stage = ProgrammeStage.__table__.c
    at = _stages_at(cohort)
    unfinished = _unfinished(tx, cohort, at)
    asked = exists(select(ONE).where(Change.enrolment_id == Enrolment.id, Change.state == "proposed"))
    at_panel = case((stage.kind == "panel", literal(PANEL)), else_=null())
    holding = case((Enrolment.status.in_(RUNS), func.coalesce(unfinished.c.waiting_for, at_panel)), else_=null())
    return tx.rows(
        select(
            Enrolment.id,
            Enrolment.reference,
            Enrolment.person_id,
            Person.name,
            Person.sort_name,
            Person.swe_number,
            Person.employee_number,
            Enrolment.starts_on,
            Enrolment.ends_on,
            Enrolment.fte,
            Enrolment.status,
            Enrolment.outcome,
            Enrolment.grant_ok,
            Enrolment.plan_number,
            stage.number.label("stage_number"),
            stage.title.label("stage"),
            PlanLine.due_on,
            holding.cast(SqlString).label("waiting_for"),
            unfinished.c.waiting_since,
            unfinished.c.title.label("document"),
            asked.label("change_waits"),
        )
        .join(Person, Person.id == Enrolment.person_id)
        .outerjoin(at, at.c.enrolment_id == Enrolment.id)
        .outerjoin(ProgrammeStage, and_(stage.version_id == Enrolment.version_id, stage.number == at.c.number))
        .outerjoin(Plan, and_(Plan.enrolment_id == Enrolment.id, Plan.number == Enrolment.plan_number))
        .outerjoin(PlanLine, and_(PlanLine.plan_id == Plan.id, PlanLine.stage_id == stage.id))
        .outerjoin(unfinished, and_(unfinished.c.enrolment_id == Enrolment.id, unfinished.c.place == 1))
        .where(Enrolment.cohort_id == cohort.id, visible(tx, Can.READ_ENROLMENT))
    )


def _stages_at(cohort: Row[Any]) -> CTE:
    """The number of the first stage that is not done, by enrolment.

    Worked out once: without statistics, as after an import, PostgreSQL would otherwise do so for every row.
    """
    record, stage = StageRecord.__table__.c, ProgrammeStage.__table__.c
    found = (
        select(record.enrolment_id, func.min(stage.number).label("number"))
        .join(ProgrammeStage, stage.id == record.stage_id)
        .join(Enrolment, Enrolment.id == record.enrolment_id)
        .where(record.state.not_in(("complete", "not needed")), Enrolment.cohort_id == cohort.id)
        .group_by(record.enrolment_id)
    )
    return found.cte("stages_at").prefix_with("MATERIALIZED")


def _unfinished(tx: Tx, cohort: Row[Any], at: CTE) -> CTE:
    """What each enrolment lacks and whose turn it is, in the order in which it holds up; `place` 1 is the first."""
    stage = ProgrammeStage.__table__.c
    order = (Document.waiting_since.is_(None), Document.waiting_since, DocumentTemplate.number, Document.id)
    found = (
        select(
            Document.enrolment_id,
            func.coalesce(Document.waiting_for, _first_writer(tx, cohort.version_id)).label("waiting_for"),
            Document.waiting_since,
            DocumentTemplate.title,
            func.row_number().over(partition_by=Document.enrolment_id, order_by=order).label("place"),
        )
        .join(DocumentTemplate, DocumentTemplate.id == Document.template_id)
        .join(ProgrammeStage, stage.id == DocumentTemplate.stage_id)
        .join(at, at.c.enrolment_id == Document.enrolment_id)
        .where(
            Document.state.not_in(("final", "on paper")),
            or_(Document.waiting_for.is_not(None), and_(stage.number == at.c.number, DocumentTemplate.required)),
        )
    )
    return found.cte("unfinished").prefix_with("MATERIALIZED")


def late(row: Row[Any], today: date) -> bool:
    """The stage it is at is past its day, and its clock runs."""
    return row.status in RUNS and row.due_on is not None and row.due_on < today


def soon(row: Row[Any], today: date) -> bool:
    """Due today or in the 30 days to come."""
    return row.status in RUNS and row.due_on is not None and today <= row.due_on <= today + SOON


def counts(rows: Sequence[Row[Any]], today: date) -> Counts:
    """The numbers on top: over the whole cohort as far as the actor sees it."""
    states = Counter(row.status for row in rows)
    held = Counter(row.waiting_for for row in rows if row.waiting_for)
    return Counts(
        total=len(rows),
        running=sum(states[status] for status in RUNS),
        late=sum(late(row, today) for row in rows),
        soon=sum(soon(row, today) for row in rows),
        paused=states["paused"],
        completed=states["completed"],
        left=states["withdrawn"] + states["transferred"],
        granted=sum(row.grant_ok for row in rows),
        waiting=sorted(held.items(), key=lambda each: (-each[1], each[0])),
    )


def chosen(rows: Sequence[Row[Any]], asked: Asked, today: date) -> list[Row[Any]]:
    """The rows that are asked for, in their order; those that are over stand last."""
    wanted: dict[str, Callable[[Row[Any]], bool]] = {
        "late": lambda row: late(row, today),
        "soon": lambda row: soon(row, today),
        "paused": lambda row: row.status == "paused",
        "over": lambda row: row.status not in (*RUNS, "paused"),
    }
    show = wanted.get(asked.show)
    found = [row for row in rows if (show is None or show(row)) and asked.waiting in ("", row.waiting_for)]
    found.sort(key=lambda row: (row.sort_name, row.id))
    if asked.sort != "name":
        found.sort(key=lambda row: _place(row, asked.sort))
    return found


def _place(row: Row[Any], sort: str) -> tuple[Any, ...]:
    value = {"stage": row.stage_number, "waiting": row.waiting_since}.get(sort, row.due_on)
    return (row.status not in (*RUNS, "paused"), value is None, *([] if value is None else [value]))


def people(tx: Tx, enrolment_ids: Sequence[int]) -> dict[tuple[int, str], str]:
    """Who has which capacity today in these enrolments, by (enrolment, capacity)."""
    if not enrolment_ids:
        return {}
    found = tx.rows(
        select(Capacity.enrolment_id, Capacity.capacity, Person.name)
        .join(Involvement, Involvement.id == Capacity.involvement_id)
        .join(Person, Person.id == Involvement.person_id)
        .where(Capacity.enrolment_id.in_(enrolment_ids), Capacity.valid_from <= tx.today, Capacity.valid_to > tx.today)
        .order_by(Capacity.valid_from.desc())
    )
    return {(row.enrolment_id, row.capacity): row.name for row in found}


def holder_words(definition: terms.Definition, capacity: str) -> str:
    """Whose turn it is, in words: "Assessor"."""
    return {PANEL: "The panel", ACADEMY: "The Academy"}.get(capacity) or terms.title(definition, capacity)


# As a file ---------------------------------------------------------------------------------------------------------

HEADS = (
    *("Name", "Social Work England number", "Employee number", "Reference", "Started", "Working pattern", "Status", "Outcome", "Stage"),
    *("Due", "Days overdue", "Waiting for", "Waiting since", "Document", "Ends", "Grant", "Plan"),
)


def as_cells(row: Row[Any], today: date, definition: terms.Definition, names: Mapping[tuple[int, str], str]) -> list[Cell]:
    """A row of the board as the cells of a file, in the order of HEADS."""
    waiting = ""
    if row.waiting_for:
        who = names.get((row.id, row.waiting_for))
        waiting = holder_words(definition, row.waiting_for) + (f": {who}" if who else "")
    return [
        *(row.name, row.swe_number or "", row.employee_number or "", row.reference, row.starts_on, Decimal(f"{float(row.fte):g}")),
        *(STATUSES[row.status][0], row.outcome or "", row.stage or "", row.due_on or ""),
        *(overdue(row, today) or "", waiting, row.waiting_since.date() if row.waiting_since else ""),
        *(row.document or "", row.ends_on, "yes" if row.grant_ok else "no", row.plan_number),
    ]


def overdue(row: Row[Any], today: date) -> int:
    """Days past the due day, 0 if it is not late."""
    if row.status not in RUNS or row.due_on is None or row.due_on >= today:
        return 0
    return int((today - row.due_on).days)
