"""The desk of those who assess: who waits for them and for how long, and how everybody of theirs is doing.

A fixed number of statements, however many people there are. A deputy sees the colleague's list too, while the colleague is away or for the
period for which they were named, so that nobody is forgotten; what they may open stays what they may open (`operations.covering`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, or_, select

from app import policy
from app.core.calendar import london, working_day
from app.core.db import FOREVER
from app.core.facts import current
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate, ProgrammeStage
from app.people.models import Absence, Duty, Person, Responsibility
from app.policy import Can
from app.programmes import questions
from app.programmes.models import Capacity, Cohort, Enrolment, Involvement, Plan, PlanLine, Side, StageRecord
from app.programmes.portfolio_models import Contribution, Document
from app.programmes.questions import ACCEPTS, ASKED
from app.supervision.models import Supervision

RUNNING = ("registered", "in_progress", "paused", "awaiting_panel")
CLOCK_RUNS = ("registered", "in_progress", "awaiting_panel")
LONG = 5  # working days after which a document has waited long
_HOLDERS: Any = bindparam("holders", expanding=True)
_TODAY: Any = bindparam("today")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A document that waits for somebody's part, signature or acceptance."""

    document_id: int
    title: str
    learner: str
    todo: str  # "Sign", "Your part", "Accept", "Change"
    since: datetime
    days: int  # working days
    opens: bool  # may the reader open it?

    @property
    def long(self) -> bool:
        return self.days > LONG


@dataclass(slots=True)
class Learner:
    """One person on the list: where they are, and what waits."""

    enrolment_id: int
    person_id: int
    name: str
    cohort: str
    status: str
    stage: str | None
    due_on: date | None
    late: int  # days past the due day; 0: in time, or the clock stands still
    opens: bool
    assessed: bool  # does whose list this is assess them? Else they take another part
    contact_on: date | None = None
    contact: str = ""  # what the last contact was; empty where there was none, or the reader may not know
    waiting: list[Waiting] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class List:
    """What stands on one desk: the reader's own, or that of a colleague they cover for."""

    person_id: int
    name: str
    back_on: date | None  # for a colleague: the first day back, or the first without a deputy; None where nobody knows
    away: bool  # is the colleague away, or here and stood in for all the same?
    learners: list[Learner]

    @property
    def waiting(self) -> list[Waiting]:
        """Every document that waits, the longest first."""
        return sorted((one for each in self.learners for one in each.waiting), key=lambda one: (one.since, one.document_id))

    @property
    def late(self) -> int:
        return sum(each.late > 0 for each in self.learners)


def covered_colleagues(tx: Tx) -> Sequence[Row[Any]]:
    """Whom the reader stands in for today: (id, name, first day back or None, until when they stand in).

    Colleagues who are away, and those for whom the reader was named for a period: somebody's standing deputy sees nothing while they are
    here.
    """
    return tx.rows(
        select(Person.id, Person.name, func.max(Absence.valid_to).label("back_on"), func.max(Responsibility.valid_to).label("until"))
        .join(Responsibility, Responsibility.person_id == Person.id)
        .outerjoin(Absence, and_(Absence.person_id == Person.id, current(Absence, tx.today)))
        .where(Responsibility.kind == Duty.DEPUTY.value, Responsibility.holder_id == tx.actor.person_id)
        .where(current(Responsibility, tx.today), or_(Absence.id.is_not(None), Responsibility.valid_to < FOREVER))
        .group_by(Person.id, Person.name, Person.sort_name)
        .order_by(Person.sort_name, Person.id)
    )


def desk(tx: Tx) -> list[List]:
    """The reader's own list first, then one for each colleague they stand in for today, as far as that has somebody on it."""
    me = tx.actor.person_id or 0
    away = covered_colleagues(tx)
    held = _held(tx, [me, *(row.id for row in away)])
    ids = {enrolment for of_one in held.values() for enrolment in of_one}
    rows = {row.id: row for row in tx.rows(_LEARNERS, ids=sorted(ids))} if ids else {}
    papers = _papers(tx, ids, held)
    contacts = _contacts(tx, rows.values())
    mine = held.get(me, {})
    found = [List(me, "", None, False, _learners(tx, me, rows, held, papers, contacts, mine))]
    for row in away:
        theirs = _learners(tx, row.id, rows, held, papers, contacts, mine)
        if theirs:
            back_on = row.back_on or row.until
            found.append(List(row.id, row.name, back_on if back_on < FOREVER else None, row.back_on is not None, theirs))
    return found


def _held(tx: Tx, holders: Sequence[int]) -> dict[int, dict[int, set[str]]]:
    """By person and enrolment the capacities of the assessing side that they hold today in enrolments that run."""
    found: dict[int, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in tx.rows(_CAPACITIES, holders=holders, today=tx.today):
        found[row.person_id][row.enrolment_id].add(row.capacity)
    return found


_CAPACITIES = (
    select(Involvement.person_id, Capacity.enrolment_id, Capacity.capacity)
    .join(Capacity, Capacity.involvement_id == Involvement.id)
    .join(Enrolment, Enrolment.id == Capacity.enrolment_id)
    .where(Involvement.person_id.in_(_HOLDERS), Capacity.side == Side.ASSESSING.value, Enrolment.status.in_(RUNNING))
    .where(Capacity.valid_from <= _TODAY, Capacity.valid_to > _TODAY)
)
_at = (
    select(StageRecord.enrolment_id, func.min(ProgrammeStage.number).label("number"))
    .join(ProgrammeStage, ProgrammeStage.id == StageRecord.stage_id)
    .where(StageRecord.state.not_in(("complete", "not needed")), StageRecord.enrolment_id.in_(bindparam("ids", expanding=True)))
    .group_by(StageRecord.enrolment_id)
    .subquery()
)
_reviewed = (
    select(StageRecord.enrolment_id, func.max(StageRecord.held_on).label("held_on"))
    .where(StageRecord.enrolment_id.in_(bindparam("ids", expanding=True)))
    .group_by(StageRecord.enrolment_id)
    .subquery()
)
_LEARNERS = (
    select(Enrolment.id, Enrolment.person_id, Enrolment.status, Person.name, Person.sort_name, Cohort.title.label("cohort"))
    .add_columns(ProgrammeStage.title.label("stage"), PlanLine.due_on, _reviewed.c.held_on)
    .join(Person, Person.id == Enrolment.person_id)
    .join(Cohort, Cohort.id == Enrolment.cohort_id)
    .outerjoin(_at, _at.c.enrolment_id == Enrolment.id)
    .outerjoin(_reviewed, _reviewed.c.enrolment_id == Enrolment.id)
    .outerjoin(ProgrammeStage, and_(ProgrammeStage.version_id == Enrolment.version_id, ProgrammeStage.number == _at.c.number))
    .outerjoin(Plan, and_(Plan.enrolment_id == Enrolment.id, Plan.number == Enrolment.plan_number))
    .outerjoin(PlanLine, and_(PlanLine.plan_id == Plan.id, PlanLine.stage_id == ProgrammeStage.id))
    .where(Enrolment.id.in_(bindparam("ids", expanding=True)))
)
_ASKED = select(Contribution.document_id, Contribution.person_id).where(
    Contribution.enrolment_id.in_(bindparam("ids", expanding=True)), Contribution.state == "asked", Contribution.person_id.in_(_HOLDERS)
)
_WAITING = (
    select(Document.id, Document.enrolment_id, Document.number, Document.state, Document.waiting_for, Document.waiting_since)
    .add_columns(DocumentTemplate.title, DocumentTemplate.repeatable, DocumentTemplate.completed_by, Person.name)
    .join(DocumentTemplate, DocumentTemplate.id == Document.template_id)
    .join(Enrolment, Enrolment.id == Document.enrolment_id)
    .join(Person, Person.id == Enrolment.person_id)
    .where(Document.enrolment_id.in_(bindparam("ids", expanding=True)), Document.waiting_for.is_not(None))
    .order_by(Document.waiting_since, Document.id)
)


def _papers(tx: Tx, ids: set[int], held: Mapping[int, Any]) -> dict[int, list[tuple[Row[Any], set[int]]]]:
    """By enrolment the documents that wait, each with who was asked for that very one (an observer, another professional)."""
    if not ids:
        return {}
    asked: dict[int, set[int]] = defaultdict(set)
    for row in tx.rows(_ASKED, ids=sorted(ids), holders=sorted(held)):
        asked[row.document_id].add(row.person_id)
    found: dict[int, list[tuple[Row[Any], set[int]]]] = defaultdict(list)
    for row in tx.rows(_WAITING, ids=sorted(ids)):
        found[row.enrolment_id].append((row, asked[row.id]))
    return found


def _turn(holder: int, capacities: set[str], row: Row[Any], asked: set[int]) -> bool:
    """Does it wait for this person?"""
    return row.waiting_for in capacities and (row.waiting_for not in ASKED or holder in asked)


def _contacts(tx: Tx, rows: Any) -> dict[int, date]:
    """The last supervision of each person about whom the reader may know that."""
    people = sorted({row.person_id for row in rows})
    if not people or not policy.may(tx.actor, Can.READ_SUPERVISION):
        return {}
    statement = (
        select(Supervision.person_id, func.max(Supervision.held_on).label("held_on"))
        .where(Supervision.person_id.in_(people), Supervision.superseded_at.is_(None))
        .where(policy.within_reach(tx, Can.READ_SUPERVISION, Supervision.person_id))
        .group_by(Supervision.person_id)
    )
    return {row.person_id: row.held_on for row in tx.rows(statement)}


def _learners(
    tx: Tx,
    holder: int,
    rows: Mapping[int, Row[Any]],
    held: Mapping[int, Mapping[int, set[str]]],
    papers: Mapping[int, list[tuple[Row[Any], set[int]]]],
    contacts: Mapping[int, date],
    mine: Mapping[int, set[str]],
) -> list[Learner]:
    """Everybody on one list: overdue first, then whoever has waited longest, then who is due next."""
    found = []
    for enrolment_id, capacities in held.get(holder, {}).items():
        row = rows[enrolment_id]
        late = (tx.today - row.due_on).days if row.due_on and row.status in CLOCK_RUNS else 0
        one = Learner(
            row.id,
            row.person_id,
            row.name,
            row.cohort,
            row.status,
            row.stage,
            row.due_on,
            max(late, 0),
            enrolment_id in mine,
            "assessor" in capacities,
        )
        one.contact_on, one.contact = _contact(row, contacts.get(row.person_id), enrolment_id in mine)
        me, own = tx.actor.person_id or 0, mine.get(enrolment_id, set())
        for each, asked in papers.get(enrolment_id, ()):
            if _turn(holder, capacities, each, asked):
                one.waiting.append(_waits(tx, each, bool(own - ASKED) or me in asked))
        if capacities - ASKED or one.waiting:
            found.append(one)
    return sorted(found, key=_order)


def _contact(row: Row[Any], supervised: date | None, part: bool) -> tuple[date | None, str]:
    known = [(day, words) for day, words in ((supervised, "Supervision"), (row.held_on if part else None, "Review")) if day]
    return max(known) if known else (None, "")


def _order(one: Learner) -> tuple[Any, ...]:
    oldest = min((each.since for each in one.waiting), default=None)
    return (
        -one.late,
        one.status == "paused",
        oldest is None,
        oldest.timestamp() if oldest else 0,
        one.due_on or FOREVER,
        one.name,
        one.enrolment_id,
    )


def _waits(tx: Tx, row: Row[Any], opens: bool) -> Waiting:
    title = questions.title(row.title, row.number, repeatable=row.repeatable)
    if row.state == "signing":
        todo = "Sign"
    elif row.state == "returned":
        todo = "Change"
    else:
        todo = "Accept" if row.waiting_for in ACCEPTS and row.waiting_for not in row.completed_by else "Give your part"
    return Waiting(row.id, title, row.name, todo, row.waiting_since, working_days(row.waiting_since, tx.today), opens)


def working_days(since: datetime, today: date) -> int:
    """Whole working days from the London day of an instant to today, that day not counted."""
    first = london(since).date()
    whole, rest = divmod(max((today - first).days, 0), 7)
    if whole > 52:  # a year and more: holidays no longer matter
        return whole * 5 + rest
    return sum(working_day(date.fromordinal(day)) for day in range(first.toordinal() + 1, today.toordinal() + 1))
