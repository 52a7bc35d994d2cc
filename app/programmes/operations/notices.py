"""On Monday mornings: what falls due, what is overdue, what waits. One message of a kind for each person, however much there is.

The job's turn is a unique row (`job_runs`), so nobody is told twice in a week. While a programme is paused its clock stands still, and
nobody is told of its days; whoever is away on the day is left in peace, and so are those who have left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, exists, func, literal_column, or_, select

from app.core.calendar import london, long_date
from app.core.db import ONE
from app.core.declared import aliased
from app.core.facts import current
from app.core.ledger import Outbox, message
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate, ProgrammeStage
from app.people.models import Absence, Person
from app.programmes import questions
from app.programmes.desk_queries import CLOCK_RUNS, LONG, working_days
from app.programmes.models import Agreement, Capacity, Change, Enrolment, Involvement, Plan, PlanLine, Side, StageRecord
from app.programmes.portfolio_models import Contribution, Document
from app.programmes.questions import ASKED
from app.supervision.operations.overdue import turn as monday

SOON = timedelta(days=14)
turn = monday
Told = dict[tuple[int, bool], list[tuple[Any, str]]]  # (person, own) → (what orders the line, the line)


def tell(tx: Tx, _now: datetime) -> None:
    """Queue this week's messages."""
    due, overdue = _stages(tx)
    rows = lists(tx, "email.stage_due", due) + lists(tx, "email.stage_overdue", overdue)
    rows += lists(tx, "email.documents_waiting", _documents(tx)) + _changes(tx)
    tx.insert_many(Outbox, rows)


def _here(tx: Tx, people: Iterable[int]) -> set[int]:
    """Who of these works here and is not away today."""
    wanted = set(people)
    away = exists(select(ONE).where(Absence.person_id == Person.id, current(Absence, tx.today)))
    staying = or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today)
    return {row.id for row in tx.rows(select(Person.id).where(Person.id.in_(wanted), staying, ~away))} if wanted else set()


def lists(tx: Tx, kind: str, told: Told, *, others: str = "/assessing") -> list[dict[str, Any]]:
    """One message for each reader who is here; `others` is where readers are led who are not the learner."""
    here = _here(tx, {person for person, _ in told})
    return [
        message(kind, tx.now, "people", person, _facts(own, [line for _, line in sorted(lines)], others)) | {"subject_id": person}
        for (person, own), lines in sorted(told.items())
        if person in here
    ]


def _facts(own: bool, lines: Sequence[str], others: str) -> dict[str, Any]:
    return {"own": own, "subjects": list(lines), "link": "/my-programme" if own else others}


# What falls due ----------------------------------------------------------------------------------------------------


def _stages(tx: Tx) -> tuple[Told, Told]:
    """The stage that each enrolment is at, where it is due in 14 days or late: to the learner and whoever assesses today."""
    at = (
        select(StageRecord.enrolment_id, func.min(ProgrammeStage.number).label("number"))
        .join(ProgrammeStage, ProgrammeStage.id == StageRecord.stage_id)
        .where(StageRecord.state.not_in(("complete", "not needed")))
        .group_by(StageRecord.enrolment_id)
        .subquery()
    )
    assessor = aliased(Involvement)
    rows = tx.rows(
        select(Enrolment.person_id, Person.name, Person.sort_name, ProgrammeStage.title, PlanLine.due_on)
        .add_columns(assessor.person_id.label("assessor_id"))
        .join(Person, Person.id == Enrolment.person_id)
        .join(at, at.c.enrolment_id == Enrolment.id)
        .join(ProgrammeStage, and_(ProgrammeStage.version_id == Enrolment.version_id, ProgrammeStage.number == at.c.number))
        .join(Plan, and_(Plan.enrolment_id == Enrolment.id, Plan.number == Enrolment.plan_number))
        .join(PlanLine, and_(PlanLine.plan_id == Plan.id, PlanLine.stage_id == ProgrammeStage.id))
        .outerjoin(Capacity, and_(Capacity.enrolment_id == Enrolment.id, Capacity.capacity == "assessor", *today(tx)))
        .outerjoin(assessor, assessor.id == Capacity.involvement_id)
        .where(Enrolment.status.in_(CLOCK_RUNS), PlanLine.due_on <= tx.today + SOON, ProgrammeStage.kind != "panel")
    )
    due: Told = defaultdict(list)
    overdue: Told = defaultdict(list)
    for row in rows:
        late = row.due_on < tx.today
        told, when = (overdue, f"since {long_date(row.due_on)}") if late else (due, f"by {long_date(row.due_on)}")
        told[row.person_id, True].append((row.due_on, f"{row.title}, {when}"))
        if row.assessor_id:
            told[row.assessor_id, False].append(((row.due_on, row.sort_name), f"{row.name}: {row.title}, {when}"))
    return due, overdue


def today(tx: Tx) -> tuple[Any, Any]:
    """Of `Capacity`: held today."""
    return Capacity.valid_from <= tx.today, Capacity.valid_to > tx.today


# What waits --------------------------------------------------------------------------------------------------------


def _documents(tx: Tx) -> Told:
    """Documents that have waited for more than five working days: to whose turn it is."""
    asked = exists(
        select(ONE).where(
            Contribution.document_id == Document.id, Contribution.person_id == Involvement.person_id, Contribution.state == "asked"
        )
    )
    rows = tx.rows(
        select(Involvement.person_id.label("holder"), Involvement.side, Person.name)
        .add_columns(Document.id, Document.number, Document.waiting_since, DocumentTemplate.title, DocumentTemplate.repeatable)
        .select_from(Document)
        .join(Enrolment, Enrolment.id == Document.enrolment_id)
        .join(Person, Person.id == Enrolment.person_id)
        .join(DocumentTemplate, DocumentTemplate.id == Document.template_id)
        .join(Capacity, and_(Capacity.enrolment_id == Document.enrolment_id, Capacity.capacity == Document.waiting_for, *today(tx)))
        .join(Involvement, Involvement.id == Capacity.involvement_id)
        .where(literal_column("documents.waiting_for IS NOT NULL"), Document.waiting_since <= tx.now - timedelta(days=LONG))
        .where(Enrolment.status.in_(CLOCK_RUNS), or_(Capacity.capacity.not_in(sorted(ASKED)), asked))
    )
    found: Told = defaultdict(list)
    for row in rows:
        if working_days(row.waiting_since, tx.today) <= LONG:
            continue
        own = row.side == Side.LEARNER.value
        title = questions.title(row.title, row.number, repeatable=row.repeatable)
        line = f"{title}{'' if own else f' of {row.name}'}, since {long_date(london(row.waiting_since).date())}"
        found[row.holder, own].append(((row.waiting_since, row.id), line))
    return found


def _changes(tx: Tx) -> list[dict[str, Any]]:
    """Changes proposed more than a week ago: to those who must agree and have not answered. The Academy sees them on its first page."""
    rows = tx.rows(
        select(Change.id, Change.enrolment_id, Change.kind, Change.needs, Change.details, Capacity.capacity, Involvement.person_id)
        .outerjoin(Capacity, and_(Capacity.enrolment_id == Change.enrolment_id, *today(tx)))
        .outerjoin(Involvement, Involvement.id == Capacity.involvement_id)
        .where(Change.state == "proposed", Change.proposed_at <= tx.now - timedelta(days=7))
        .order_by(Change.id)
    )
    answered = {
        (row.change_id, row.capacity)
        for row in tx.rows(select(Agreement.change_id, Agreement.capacity).where(Agreement.change_id.in_({row.id for row in rows})))
    }
    wanted: dict[tuple[int, int], Row[Any]] = {}
    for row in rows:
        for person in _asked(row, answered):
            wanted[row.id, person] = row
    here = _here(tx, {person for _, person in wanted})
    return [_still(tx, row, person) for (_, person), row in sorted(wanted.items(), key=lambda one: one[0]) if person in here]


def _asked(row: Row[Any], answered: set[tuple[int, str]]) -> list[int]:
    """Whose answer this row of a change stands for: whoever holds a capacity that must agree, and whoever would take over."""
    found = []
    if row.capacity in row.needs and (row.id, row.capacity) not in answered:
        found.append(row.person_id)
    details: Mapping[str, Any] = row.details
    if "incoming" in row.needs and (row.id, "incoming") not in answered and details.get("person_id"):
        found.append(details["person_id"])
    return found


def _still(tx: Tx, row: Row[Any], person: int) -> dict[str, Any]:
    return message("email.change_waiting", tx.now, "enrolments", person, {"kind": row.kind}) | {"subject_id": row.enrolment_id}
