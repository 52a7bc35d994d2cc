"""What the pages of one enrolment show: facts, every plan side by side, who takes part, what was changed and who must act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from app.core.calendar import long_date
from app.core.db import FOREVER
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate, ProgrammeStage, ProgrammeVersion
from app.people.models import Person
from app.programmes import terms
from app.programmes.access import Part
from app.programmes.due import DAY
from app.programmes.models import Agreement, Capacity, Change, Cohort, Enrolment, Involvement, Plan, PlanLine, Side, StageRecord
from app.programmes.portfolio_models import Document, Entry
from app.programmes.proposals import HANDOVERS, KINDS

REASONS = {  # of plans
    "start": "At the start",
    "pause": "Pause",
    "resume": "Return from a pause",
    "extension": "Extension",
    "working pattern": "New working pattern",
    "transfer": "Transfer from another employer",
    "moved in": "Brought in from before",
    "correction": "Correction",
}
STAGES = {
    "not started": ("Not started", "grey"),
    "open": ("Open", "blue"),
    "complete": ("Complete", "green"),
    "not needed": ("Not needed", "grey"),
}
STATES = {
    "proposed": ("To be agreed", "yellow"),
    "agreed": ("Agreed", "green"),
    "refused": ("Refused", "red"),
    "cancelled": ("Taken back", "grey"),
}
_CHANGES = (
    select(Change.__table__, Person.name.label("proposer"))
    .outerjoin(Person, Person.id == Change.proposed_by)
    .where(Change.enrolment_id == bindparam("enrolment"))
    .order_by(Change.proposed_at.desc(), Change.id.desc())
)


def facts(tx: Tx, enrolment_id: int) -> Row[Any]:
    """The enrolment's person, cohort and version. The caller has asked `access.part`."""
    row = tx.one(
        select(
            Person.name,
            Person.swe_number,
            Cohort.title.label("cohort"),
            ProgrammeVersion.title.label("programme"),
            ProgrammeVersion.version.label("programme_version"),
            ProgrammeVersion.provisional,
            ProgrammeVersion.definition,
        )
        .select_from(Enrolment)
        .join(Person, Person.id == Enrolment.person_id)
        .join(Cohort, Cohort.id == Enrolment.cohort_id)
        .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
        .where(Enrolment.id == enrolment_id)
    )
    assert row is not None
    return row


@dataclass(frozen=True, slots=True)
class Plans:
    """Every plan there was: `plans` in order, `due` by (plan number, stage id)."""

    stages: Sequence[Row[Any]]
    plans: Sequence[Row[Any]]
    due: dict[tuple[int, int], date]

    def moved(self, number: int, stage_id: int) -> bool:
        """Is this another day than in the plan before?"""
        return number > 1 and self.due.get((number, stage_id)) != self.due.get((number - 1, stage_id))


def plans(tx: Tx, enrolment_id: int, version_id: int) -> Plans:
    """The stages with how far they are, and when each plan had them due."""
    stages = tx.rows(
        select(ProgrammeStage.id, ProgrammeStage.number, ProgrammeStage.title, ProgrammeStage.kind, StageRecord.state, StageRecord.held_on)
        .outerjoin(StageRecord, (StageRecord.stage_id == ProgrammeStage.id) & (StageRecord.enrolment_id == enrolment_id))
        .where(ProgrammeStage.version_id == version_id)
        .order_by(ProgrammeStage.number)
    )
    found = tx.rows(
        select(Plan.id, Plan.number, Plan.reason, Plan.words, Plan.ends_on, Plan.made_at, Plan.change_id)
        .where(Plan.enrolment_id == enrolment_id)
        .order_by(Plan.number)
    )
    lines = tx.rows(
        select(Plan.number, PlanLine.stage_id, PlanLine.due_on)
        .join(PlanLine, PlanLine.plan_id == Plan.id)
        .where(Plan.enrolment_id == enrolment_id)
    )
    return Plans(stages, found, {(row.number, row.stage_id): row.due_on for row in lines})


def people(tx: Tx, enrolment_id: int) -> Sequence[Row[Any]]:
    """Who takes or took part, in which capacity and since when; those of today first. Moderators are named by the panel's pages."""
    over = Capacity.valid_to <= tx.today
    return tx.rows(
        select(Person.id.label("person_id"), Person.name, Capacity.capacity, Capacity.valid_from, Capacity.valid_to, over.label("over"))
        .join(Involvement, Involvement.id == Capacity.involvement_id)
        .join(Person, Person.id == Involvement.person_id)
        .where(Capacity.enrolment_id == enrolment_id, Capacity.side != Side.MODERATING.value)
        .order_by(over, Capacity.side.desc(), Capacity.capacity, Capacity.valid_from.desc())
    )


# Changes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """A change as a page shows it. `said`: what each capacity answered; `waits`: those that have not."""

    row: Row[Any]
    title: str
    period: str
    reason: str
    what: str
    said: list[Row[Any]]
    waits: list[str]


def changes(tx: Tx, enrolment_id: int, definition: terms.Definition, change_id: int | None = None) -> list[Shown]:
    """What was asked to be changed, the newest first, with everybody's answers; or one of them."""
    wanted = _CHANGES if change_id is None else _CHANGES.where(Change.id == change_id)
    rows = tx.rows(wanted, enrolment=enrolment_id)
    if not rows:
        return []
    answers = tx.rows(
        select(Agreement.change_id, Agreement.capacity, Agreement.agreed, Agreement.words, Agreement.at, Agreement.person_id, Person.name)
        .join(Person, Person.id == Agreement.person_id, isouter=True)
        .where(Agreement.change_id.in_([row.id for row in rows]))
        .order_by(Agreement.at)
    )
    return [_shown(row, [each for each in answers if each.change_id == row.id], definition) for row in rows]


def _shown(row: Row[Any], said: list[Row[Any]], definition: terms.Definition) -> Shown:
    answered = {each.capacity for each in said}
    waits = [capacity for capacity in row.needs if capacity not in answered] if row.state == "proposed" else []
    reasons = dict(terms.reasons(definition, row.kind))
    return Shown(row, KINDS[row.kind], period(row), reasons.get(row.reason_code, ""), what(row), said, waits)


def period(row: Row[Any]) -> str:
    """From when to when, in words; of a pause the last day is the one before the return."""
    if row.kind != "pause":
        return f"From {long_date(row.from_on)}"
    if row.to_on == FOREVER:
        return f"From {long_date(row.from_on)}, the return is not known yet"
    return f"From {long_date(row.from_on)} to {long_date(row.to_on - DAY)}, back on {long_date(row.to_on)}"


def what(row: Row[Any]) -> str:
    """What a change brings beyond its dates."""
    details = row.details
    if row.kind == "extension":
        return f"New last day: {long_date(date.fromisoformat(details['ends_on']))}"
    if row.kind == "working_pattern":
        return f"{details['fte']} of full time"
    if row.kind in HANDOVERS:
        return f"{details['name']} takes over"
    if row.kind == "transfer":
        return f"To {details['employer']}"
    return ""


def outdated_agreement(tx: Tx, enrolment_id: int, definition: terms.Definition) -> Row[Any] | None:
    """The support and assessment agreement, if somebody else assesses or manages since it was signed: it is looked at again, and a new
    version signed if anything changes. The version says which document it is."""
    code = (definition.get("assessor_change") or {}).get("document")
    if not code:
        return None
    signed = (
        select(func.max(Entry.signed_at))
        .where(Entry.document_id == Document.id, Entry.revision == Document.frozen, Entry.kind == "document")
        .correlate(Document)
        .scalar_subquery()
    )
    changed = (
        select(func.max(Change.settled_at))
        .where(Change.enrolment_id == enrolment_id, Change.state == "agreed", Change.kind.in_(HANDOVERS))
        .scalar_subquery()
    )
    return tx.one(
        select(Document.id, DocumentTemplate.title)
        .join(DocumentTemplate, DocumentTemplate.id == Document.template_id)
        .where(Document.enrolment_id == enrolment_id, DocumentTemplate.code == code, Document.state == "final", signed < changed)
        .limit(1)
    )


def close(mine: Part, runs: bool) -> bool:
    """Is the actor near enough to read why something was changed? Who only sees how far it is reads what changed and when, not why."""
    return runs or mine.side in (Side.LEARNER, Side.ASSESSING)
