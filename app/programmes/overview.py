"""A portfolio as a whole: its stages with their plan, the documents of each, what may still be begun, and the evidence so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, bindparam, select

from app.core.tx import Tx
from app.frameworks.models import ProgrammeVersion
from app.programmes import papers, questions
from app.programmes.access import Part
from app.programmes.models import Plan, PlanLine, StageRecord
from app.programmes.papers import COMPLETE, LEARNER, TEMPLATE, Paper, S, T
from app.programmes.portfolio_models import Document

EVIDENCE = {  # what a version asks at least so many of, with the kind of document that brings it
    "direct_observations": ("Direct observations", "observation"),
    "feedback_from_people_supported": ("Feedback from people supported", "family_feedback"),
    "feedback_from_professionals": ("Feedback from other professionals", "professional_feedback"),
    "self_assessments": ("Self-assessments", "self_assessment"),
}
_plan = select(Plan.id).where(Plan.enrolment_id == bindparam("enrolment"), Plan.number == bindparam("plan")).scalar_subquery()
_STAGED = (
    select(
        Document.__table__,
        *TEMPLATE,
        LEARNER.name.label("learner"),
        T.id.label("template_key"),
        S.id.label("stage_key"),
        S.code.label("stage_code"),
        S.kind.label("stage_kind"),
        S.meeting,
        PlanLine.due_on,
        StageRecord.meeting_at,
        StageRecord.held_on,
        StageRecord.on_paper,
        ProgrammeVersion.title.label("version_title"),
        ProgrammeVersion.provisional,
        ProgrammeVersion.definition["minimum_evidence"].label("minimum"),
    )
    .select_from(S)
    .join(ProgrammeVersion, ProgrammeVersion.id == S.version_id)
    .join(LEARNER, LEARNER.id == bindparam("person"))
    .outerjoin(PlanLine, (PlanLine.stage_id == S.id) & (PlanLine.plan_id == _plan))
    .outerjoin(StageRecord, (StageRecord.stage_id == S.id) & (StageRecord.enrolment_id == bindparam("enrolment")))
    .outerjoin(T, T.stage_id == S.id)
    .outerjoin(Document, (Document.template_id == T.id) & (Document.enrolment_id == bindparam("enrolment")))
    .where(S.version_id == bindparam("version"))
    .order_by(S.number, T.number, Document.number)
)


@dataclass(frozen=True, slots=True)
class Begun:
    """A template of which the reader may begin a document: the first, or one more."""

    template_id: int
    title: str
    required: bool
    more: bool  # there is one already


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage with its place in the plan in force. `state` None: no record, as before anything was enrolled."""

    id: int
    title: str
    kind: str
    state: str
    due_on: date | None
    meeting: str | None
    meeting_at: datetime | None
    held_on: date | None
    on_paper: bool
    papers: list[Paper] = field(default_factory=list)
    begin: list[Begun] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return self.state in ("complete", "not needed")

    @property
    def complete(self) -> int:
        return sum(paper.row.state in COMPLETE for paper in self.papers)


@dataclass(frozen=True, slots=True)
class Evidence:
    """So many of so many at least."""

    words: str
    have: int
    need: int


@dataclass(frozen=True, slots=True)
class Overview:
    """A portfolio as its reader may see it."""

    title: str
    provisional: bool
    learner: str
    stages: list[Stage]
    evidence: list[Evidence]

    @property
    def now(self) -> Stage | None:
        """The stage that is being worked on: the first that is not done."""
        return next((stage for stage in self.stages if not stage.done), None)

    @property
    def next_meeting(self) -> Stage | None:
        """The stage whose review comes next."""
        return next((stage for stage in self.stages if not stage.done and stage.meeting and stage.held_on is None), None)


def overview(tx: Tx, given: Part) -> Overview:
    """The whole of it in one statement, however much there is."""
    enrolment = given.enrolment
    rows = tx.rows(
        _STAGED,
        enrolment=enrolment.id,
        plan=enrolment.plan_number,
        person=enrolment.person_id,
        version=enrolment.version_id,
        me=tx.actor.person_id,
    )
    outside = papers.outsider(given)
    begins = enrolment.status in papers.WRITABLE and bool(set(given.capacities) & (questions.LEARNERS | set(questions.ACCEPTS)))
    stages: dict[int, Stage] = {}
    for row in rows:
        stage = stages.get(row.stage_key) or stages.setdefault(row.stage_key, _stage(row))
        if row.id is not None and (row.invited or not outside):
            stage.papers.append(papers.bound(row, given))
        if begins and row.template_key is not None:
            _offer(stage, row)
    return Overview(
        rows[0].version_title if rows else "",
        bool(rows and rows[0].provisional),
        rows[0].learner if rows else "",
        list(stages.values()),
        [] if outside else _evidence(rows),
    )


def _stage(row: Row[Any]) -> Stage:
    state = row.stage_state or "not started"
    about = (row.meeting, row.meeting_at, row.held_on, bool(row.on_paper))
    return Stage(row.stage_key, row.stage_title, row.stage_kind, state, row.due_on, *about)


def _offer(stage: Stage, row: Row[Any]) -> None:
    """One more can be begun of what is repeatable, and the first of what is not there yet."""
    if row.id is not None and not row.repeatable:
        return
    known = next((each for each in stage.begin if each.template_id == row.template_key), None)
    if known is None:
        stage.begin.append(Begun(row.template_key, row.template_title, row.required, row.id is not None))


def _evidence(rows: Sequence[Row[Any]]) -> list[Evidence]:
    minimum = (rows[0].minimum or {}) if rows else {}
    complete = [row.kind for row in rows if row.id is not None and row.state in COMPLETE]
    return [Evidence(words, complete.count(kind), int(minimum[name])) for name, (words, kind) in EVIDENCE.items() if minimum.get(name)]
