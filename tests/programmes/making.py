"""A small programme and enrolments on it, for tests: two stages and a panel, with one document of each way of working."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from app.core.db import FOREVER
from app.frameworks.models import DocumentTemplate, Programme, ProgrammeStage, ProgrammeVersion
from app.people import operations as people
from app.people.models import Duty
from app.programmes.models import CAPACITIES, Capacity, Cohort, Enrolment, Involvement, Plan, PlanLine, StageRecord
from app.programmes.portfolio_models import Document, Revision
from tests.factory import Make

EVERYONE = ["nqsw", "assessor", "line_manager"]
STAGES = (("ST-1", 1, "Beginning", "stage", 1), ("ST-2", 2, "Final review", "stage", 11), ("PANEL", 3, "Moderation panel", "panel", 12))
DEFINITION: dict[str, Any] = {
    "outcomes": ["pass", "fail"],
    "minimum_evidence": {"direct_observations": 1, "feedback_from_people_supported": 1, "self_assessments": 1},
    "protected_percent": 10,
    "workload_percent": 90,
    "pause_reasons": ["long_term_sickness", "bereavement", "maternity_paternity", "support_not_delivered"],
    "pause_agreed_by": ["nqsw", "assessor", "line_manager", "coordinator"],
}


def item(
    code: str, label: str, by: list[str], *, kind: str = "text", required: bool = True, choices: list[str] | None = None
) -> dict[str, Any]:
    """One question of a form."""
    return {"code": code, "label": label, "guidance": "", "type": kind, "choices": choices or [], "by": by, "required": required}


def form(*items: dict[str, Any]) -> dict[str, Any]:
    """A form of one section."""
    return {"sections": [{"code": "main", "title": "Main", "guidance": "", "items": list(items)}]}


RECOMMENDATION = item("recommendation", "Recommendation", ["assessor"], kind="choice", choices=["pass", "fail"])
DOCUMENTS: tuple[dict[str, Any], ...] = (
    dict(
        code="CRL1",
        stage="ST-1",
        title="Critical reflection",
        kind="form",
        by=["nqsw"],
        form=form(item("reflection", "What happened?", ["nqsw"])),
    ),
    dict(
        code="SAA",
        stage="ST-1",
        title="Support and assessment agreement",
        kind="agreement",
        by=["assessor"],
        signed_by=EVERYONE,
        form=form(item("support", "What support is agreed?", ["assessor"]), item("own", "What I bring", ["nqsw"], required=False)),
    ),
    dict(
        code="DO1",
        stage="ST-2",
        title="Direct observation 1",
        kind="observation",
        by=["nqsw", "observer", "assessor"],
        repeatable=True,
        form=form(
            item("context", "Context", ["nqsw"]), item("seen", "What was seen", ["observer"]), item("view", "Assessor's view", ["assessor"])
        ),
    ),
    dict(
        code="FB2",
        stage="ST-2",
        title="Feedback from people supported",
        kind="family_feedback",
        by=["nqsw"],
        repeatable=True,
        form=form(item("feedback", "What they said", ["nqsw", "family_feedback"])),
    ),
    dict(
        code="SELF1",
        stage="ST-2",
        title="Self-assessment",
        kind="self_assessment",
        by=["nqsw"],
        form=form(item("view", "Where I stand", ["nqsw"])),
    ),
    dict(
        code="FINAL",
        stage="ST-2",
        title="Final assessment report",
        kind="review",
        by=["assessor"],
        signed_by=EVERYONE,
        form=form(item("summary", "Summary", ["assessor"]), RECOMMENDATION),
    ),
)


@dataclass
class Enrolled:
    """A running enrolment and who is who in it."""

    id: int
    cohort_id: int
    version_id: int
    nqsw: Any
    assessor: Any
    line_manager: Any
    stages: dict[str, int]
    documents: dict[str, int]
    involvements: dict[str, int] = field(default_factory=dict)


class Programmes:
    """`Programmes(make).enrolment()`: rows put there directly, as they are some weeks after the start."""

    def __init__(self, make: Make) -> None:
        self.make = make

    def version(self, code: str = "MINI", version: str = "1", **values: Any) -> int:
        """A published version of the small programme; the same one when asked again."""
        with self.make.tx() as tx:
            found = tx.scalar(
                select(ProgrammeVersion.id).where(ProgrammeVersion.programme_code == code, ProgrammeVersion.version == version)
            )
            if found:
                return int(found)
            if not tx.scalar(select(Programme.code).where(Programme.code == code)):
                tx.db.execute(insert(Programme), dict(code=code, title="Small programme", former_names=[]))
            key = tx.insert(
                ProgrammeVersion,
                **{
                    "programme_code": code,
                    "version": version,
                    "title": "Small programme",
                    "state": "draft",
                    "provisional": False,
                    "nominal_months": 12,
                    "definition": DEFINITION,
                    "digest": "0" * 64,
                    "source": "made for tests",
                    "verified": "false",
                    "created_at": tx.now,
                    **values,
                },
            )
            stages = {}
            for stage, number, title, kind, month in STAGES:
                stages[stage] = tx.insert(
                    ProgrammeStage,
                    version_id=key,
                    code=stage,
                    number=number,
                    title=title,
                    kind=kind,
                    due_month=month,
                    meeting=None if kind == "panel" else f"{title} meeting",
                    attends=EVERYONE,
                    optional=False,
                )
            for number, each in enumerate(DOCUMENTS, 1):
                tx.insert(
                    DocumentTemplate,
                    version_id=key,
                    stage_id=stages[each["stage"]],
                    code=each["code"],
                    number=number,
                    title=each["title"],
                    kind=each["kind"],
                    required=True,
                    repeatable=each.get("repeatable", False),
                    in_portfolio=True,
                    completed_by=each["by"],
                    signed_by=each.get("signed_by", []),
                    form=each["form"],
                )
            tx.update(ProgrammeVersion, key, state="published", published_at=tx.now)
            return key

    def cohort(self, version_id: int | None = None, title: str = "September cohort") -> int:
        """A cohort of that version; the same one when asked again by its title."""
        version_id = version_id or self.version()
        with self.make.tx() as tx:
            found = tx.scalar(select(Cohort.id).where(Cohort.title == title))
            return (
                int(found)
                if found
                else tx.insert(Cohort, version_id=version_id, title=title, starts_on=tx.today - timedelta(days=60), created_at=tx.now)
            )

    def enrolment(
        self, *, nqsw: Any = None, assessor: Any = None, line_manager: Any = None, cohort: int | None = None, **values: Any
    ) -> Enrolled:
        """Somebody in the second month, with an assessor, a line manager and every required document begun."""
        nqsw = nqsw or self.make.person("Nell Newly", swe_number="SW900301" if "swe_number" not in values else values.pop("swe_number"))
        assessor = assessor or self.make.person("Asa Sessor")
        line_manager = line_manager or self.make.person("Lina Manager")
        cohort = cohort or self.cohort()
        with self.make.tx() as tx:
            version = int(tx.scalar(select(Cohort.version_id).where(Cohort.id == cohort)))
            starts: date = values.pop("starts_on", tx.today - timedelta(days=60))
            key = tx.insert(
                Enrolment,
                **{
                    "reference": f"T{nqsw.id:06}",
                    "person_id": nqsw.id,
                    "cohort_id": cohort,
                    "version_id": version,
                    "starts_on": starts,
                    "ends_on": starts + timedelta(days=365),
                    "fte": 1,
                    "status": "in_progress",
                    "eligible": [],
                    "grant_ok": True,
                    "grant_reasons": [],
                    "created_at": tx.now,
                    **values,
                },
            )
            enrolled = Enrolled(key, cohort, version, nqsw, assessor, line_manager, {}, {})
            self._people(tx, enrolled, starts)
            self._work(tx, enrolled, starts)
        return enrolled

    def _people(self, tx: Any, enrolled: Enrolled, starts: date) -> None:
        for capacity, somebody in (("nqsw", enrolled.nqsw), ("assessor", enrolled.assessor), ("line_manager", enrolled.line_manager)):
            self.involve(tx, enrolled, somebody.id, capacity, starts)
        people.give_duty(tx, Duty.ASSESSOR, enrolled.assessor.id, starts, person_id=enrolled.nqsw.id)

    def involve(self, tx: Any, enrolled: Enrolled, person_id: int, capacity: str, since: date, until: date = FOREVER) -> int:
        """Give somebody a capacity by hand; returns their involvement."""
        side = CAPACITIES[capacity].value
        known = tx.scalar(select(Involvement.id).where(Involvement.enrolment_id == enrolled.id, Involvement.person_id == person_id))
        involvement = (
            int(known) if known else tx.insert(Involvement, enrolment_id=enrolled.id, person_id=person_id, side=side, since=tx.now)
        )
        tx.insert(
            Capacity,
            involvement_id=involvement,
            enrolment_id=enrolled.id,
            side=side,
            capacity=capacity,
            valid_from=since,
            valid_to=until,
        )
        enrolled.involvements[capacity] = involvement
        return involvement

    def _work(self, tx: Any, enrolled: Enrolled, starts: date) -> None:
        plan = tx.insert(Plan, enrolment_id=enrolled.id, number=1, reason="start", ends_on=starts + timedelta(days=365), made_at=tx.now)
        for stage in tx.rows(select(ProgrammeStage.__table__).where(ProgrammeStage.version_id == enrolled.version_id)):
            enrolled.stages[stage.code] = stage.id
            tx.db.execute(insert(PlanLine), dict(plan_id=plan, stage_id=stage.id, due_on=starts + timedelta(days=30 * stage.due_month)))
            tx.db.execute(
                insert(StageRecord), dict(enrolment_id=enrolled.id, stage_id=stage.id, state="open" if stage.number == 1 else "not started")
            )
        for template in tx.rows(select(DocumentTemplate.__table__).where(DocumentTemplate.version_id == enrolled.version_id)):
            enrolled.documents[template.code] = tx.insert(Document, enrolment_id=enrolled.id, template_id=template.id, changed_at=tx.now)

    def finished(self, enrolled: Enrolled, recommendation: str = "pass") -> None:
        """Every document is complete, and the final report recommends an outcome. Nothing of it was signed in this service."""
        with self.make.tx() as tx:
            for code, key in enrolled.documents.items():
                content = {"recommendation": recommendation, "summary": "Ready"} if code == "FINAL" else {"reflection": "I learnt"}
                tx.db.execute(
                    insert(Revision),
                    dict(
                        document_id=key,
                        number=1,
                        base=0,
                        content=content,
                        standards=[],
                        author_id=enrolled.nqsw.id,
                        kind="typing",
                        sitting="test",
                        saved_at=tx.now,
                        sealed=True,
                    ),
                )
                tx.update(Document, key, state="final", head=1, frozen=1)

    def end(self, enrolled: Enrolled, capacity: str, on: date) -> None:
        """End a capacity by hand."""
        with self.make.tx() as tx:
            tx.db.execute(
                update(Capacity)
                .where(Capacity.enrolment_id == enrolled.id, Capacity.capacity == capacity, Capacity.valid_to == FOREVER)
                .values(valid_to=on)
            )
