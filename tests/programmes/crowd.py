"""A cohort of any size, put there in bulk, as it is in the third month: for tests of what must not grow with it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from app.frameworks.models import DocumentTemplate, ProgrammeStage
from app.people.models import Person, Unit
from app.programmes.models import Capacity, Cohort, Enrolment, Involvement, Plan, PlanLine, StageRecord
from app.programmes.portfolio_models import Document
from tests.factory import Make
from tests.programmes.asye import asye


def cohort_of(make: Make, size: int, *, today: date, title: str = "Large cohort") -> int:
    """`size` people, begun 40 days ago and one day earlier each; every third with its agreement waiting for one assessor of all."""
    version, council, assessor = asye(make), make.organisation(), make.person("Asa Sessor", swe_number="SW900400")
    with make.tx() as tx:
        starts = today - timedelta(days=40)
        key = tx.insert(Cohort, version_id=version, title=title, starts_on=starts, created_at=tx.now)
        made = dict(organisation_id=tx.scalar(select(Unit.id).where(Unit.id == council)), created_at=tx.now, updated_at=tx.now)
        names = [f"Learner {n:04}" for n in range(size)]
        tx.insert_many(
            Person, [dict(first_name="Learner", last_name=name[8:], name=name, sort_name=name.lower(), **made) for name in names]
        )
        learners = [row.id for row in tx.rows(select(Person.id).where(Person.name.in_(names)).order_by(Person.name))]
        tx.insert_many(Enrolment, [_enrolment(tx, key, version, person, starts - timedelta(days=n)) for n, person in enumerate(learners)])
        found = tx.rows(select(Enrolment.id, Enrolment.person_id, Enrolment.starts_on).where(Enrolment.cohort_id == key))
        tx.insert_many(Plan, [_plan(tx, row) for row in found])
        plans = {row.enrolment_id: row.id for row in tx.rows(select(Plan.id, Plan.enrolment_id))}
        stages = tx.rows(select(ProgrammeStage.__table__).where(ProgrammeStage.version_id == version))
        tx.insert_many(
            PlanLine,
            [
                dict(plan_id=plans[row.id], stage_id=stage.id, due_on=row.starts_on + timedelta(days=30 * stage.due_month))
                for row in found
                for stage in stages
            ],
        )
        tx.insert_many(
            StageRecord, [dict(enrolment_id=row.id, stage_id=stage.id, state="not started") for row in found for stage in stages]
        )
        _documents(tx, version, found)
        _people(tx, found, assessor.id)
        return key


def _enrolment(tx: Any, cohort: int, version: int, person: int, starts: date) -> dict[str, Any]:
    return dict(
        reference=f"C{person:08}",
        person_id=person,
        cohort_id=cohort,
        version_id=version,
        starts_on=starts,
        ends_on=starts + timedelta(days=365),
        fte=1,
        status="in_progress",
        eligible=[],
        grant_ok=True,
        grant_reasons=[],
        created_at=tx.now,
    )


def _plan(tx: Any, row: Any) -> dict[str, Any]:
    return dict(enrolment_id=row.id, number=1, reason="start", ends_on=row.starts_on + timedelta(days=365), made_at=tx.now)


def _documents(tx: Any, version: int, found: Any) -> None:
    templates = tx.rows(select(DocumentTemplate.id, DocumentTemplate.code).where(DocumentTemplate.version_id == version))
    rows = []
    for n, row in enumerate(found):
        for template in templates:
            waits = n % 3 == 0 and template.code == "SAA"
            since = tx.now - timedelta(days=n % 50) if waits else None
            state = "sent" if waits else "draft"
            rows.append(
                dict(
                    enrolment_id=row.id,
                    template_id=template.id,
                    number=1,
                    state=state,
                    head=0,
                    waiting_for="assessor" if waits else None,
                    waiting_since=since,
                    changed_at=tx.now,
                )
            )
    tx.insert_many(Document, rows)


def _people(tx: Any, found: Any, assessor: int) -> None:
    tx.insert_many(
        Involvement,
        [
            dict(enrolment_id=row.id, person_id=person, side=side, since=tx.now)
            for row in found
            for person, side in ((row.person_id, "learner"), (assessor, "assessing"))
        ],
    )
    involved = tx.rows(select(Involvement.id, Involvement.enrolment_id, Involvement.side))
    words = {"learner": "nqsw", "assessing": "assessor"}
    tx.insert_many(
        Capacity,
        [
            dict(
                involvement_id=row.id,
                enrolment_id=row.enrolment_id,
                side=row.side,
                capacity=words[row.side],
                valid_from=date(2020, 1, 1),
            )
            for row in involved
        ],
    )
