"""What the panel's pages show: sittings, cases with their readers, what a portfolio says, samples."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Row, bindparam, exists, func, select

from app.core.db import ONE
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.tx import Tx
from app.frameworks.models import ProgrammeVersion
from app.people.models import Person, Unit
from app.policy import Can, within_reach
from app.programmes.checklist import Checklist, checklists
from app.programmes.models import Cohort, Enrolment, Involvement
from app.programmes.panel_models import Decision, Judgement, PanelCase, Reader, Sample, Sitting, SittingMember
from app.programmes.portfolio_models import Document, Revision

MOST_READY = 60  # portfolios offered for listing at once

_MINE = exists(select(ONE).where(SittingMember.sitting_id == Sitting.id, SittingMember.person_id == bindparam("me")))
_CASES = select(func.count()).select_from(PanelCase).where(PanelCase.sitting_id == Sitting.id, PanelCase.state != "withdrawn")
_UNDECIDED = _CASES.where(PanelCase.state == "listed")
SITTINGS = select(
    Sitting.__table__,
    Unit.name.label("unit"),
    _CASES.scalar_subquery().label("cases"),
    _UNDECIDED.scalar_subquery().label("undecided"),
    _MINE.label("mine"),
).outerjoin(Unit, Unit.id == Sitting.unit_id)


def sittings(tx: Tx, *, arranged: bool, over: bool, most: int = 50) -> list[Row[Any]]:
    """Sittings to come (soonest first) or over (latest first): those the actor sits on, or all where they arrange them."""
    statement = SITTINGS if arranged else SITTINGS.where(_MINE)
    if over:
        statement = statement.where(Sitting.starts_at < tx.now).order_by(Sitting.starts_at.desc(), Sitting.id.desc())
    else:
        statement = statement.where(Sitting.starts_at >= tx.now).order_by(Sitting.starts_at, Sitting.id)
    return list(tx.rows(statement.limit(most), me=tx.actor.person_id))


def members(tx: Tx, sitting_id: int) -> list[Row[Any]]:
    """Who sits: id, name, chair; the chair first."""
    return list(
        tx.rows(
            select(Person.id, Person.name, SittingMember.chair)
            .join(SittingMember, SittingMember.person_id == Person.id)
            .where(SittingMember.sitting_id == sitting_id)
            .order_by(SittingMember.chair.desc(), Person.sort_name)
        )
    )


_CASE = (
    select(
        PanelCase.__table__,
        Person.name,
        Enrolment.person_id,
        Enrolment.reference,
        Enrolment.version_id,
        Enrolment.status.label("enrolment_status"),
        Cohort.title.label("cohort"),
        ProgrammeVersion.title.label("programme"),
        ProgrammeVersion.version.label("programme_version"),
        Decision.kind.label("decision"),
        Decision.outcome,
        Decision.reasons,
        Decision.to_learner,
        Decision.to_assessor,
        Decision.decided_at,
    )
    .join(Enrolment, Enrolment.id == PanelCase.enrolment_id)
    .join(Person, Person.id == Enrolment.person_id)
    .join(Cohort, Cohort.id == Enrolment.cohort_id)
    .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
    .outerjoin(Decision, Decision.case_id == PanelCase.id)
)


def cases(tx: Tx, sitting_id: int) -> list[Row[Any]]:
    """Portfolios before a sitting, with whether the actor has a part in each. Names only: what they say is read case by case."""
    mine = (
        select(Involvement.side)
        .where(Involvement.enrolment_id == PanelCase.enrolment_id, Involvement.person_id == tx.actor.person_id)
        .scalar_subquery()
    )
    statement = _CASE.add_columns(mine.label("my_side")).where(PanelCase.sitting_id == sitting_id, PanelCase.state != "withdrawn")
    return list(tx.rows(statement.order_by(Person.sort_name, PanelCase.id)))


def case(tx: Tx, case_id: int) -> Row[Any]:
    """One case with the names around it. Whoever calls has checked that the actor may read the portfolio."""
    row = tx.one(_CASE.where(PanelCase.id == case_id))
    if row is None:
        raise NotFound("There is no portfolio with that reference before a panel.", code="case-not-found")
    return row


def readers(tx: Tx, case_ids: list[int]) -> dict[int, list[Row[Any]]]:
    """By case: its readers, the first one first, with what they judged (None: not yet)."""
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    statement = (
        select(
            Reader.case_id,
            Reader.lead,
            Person.id.label("person_id"),
            Person.name,
            Judgement.criteria,
            Judgement.words,
            Judgement.at,
        )
        .join(Involvement, Involvement.id == Reader.involvement_id)
        .join(Person, Person.id == Involvement.person_id)
        .outerjoin(Judgement, (Judgement.case_id == Reader.case_id) & (Judgement.involvement_id == Reader.involvement_id))
        .where(Reader.case_id.in_(case_ids))
        .order_by(Reader.lead.desc(), Person.sort_name)
    )
    for row in tx.rows(statement):
        found[row.case_id].append(row)
    return found


def contents(tx: Tx, enrolment_id: int) -> dict[int, dict[str, Any]]:
    """By document: the words of the revision that was handed in."""
    rows = tx.rows(
        select(Document.id, Revision.content)
        .join(Revision, (Revision.document_id == Document.id) & (Revision.number == func.coalesce(Document.frozen, Document.head)))
        .where(Document.enrolment_id == enrolment_id, Document.state.in_(("final", "on paper")))
    )
    return {row.id: row.content for row in rows}


def ready(tx: Tx) -> list[tuple[Row[Any], Checklist]]:
    """Portfolios in reach whose checklist has nothing missing and which no panel has before it, those due first."""
    listed = aliased(PanelCase)
    statement = (
        select(Enrolment.id, Person.name, Cohort.title.label("cohort"), Enrolment.ends_on)
        .join(Person, Person.id == Enrolment.person_id)
        .join(Cohort, Cohort.id == Enrolment.cohort_id)
        .where(
            Enrolment.status.in_(("in_progress", "awaiting_panel")),
            within_reach(tx, Can.RUN_PANELS, Enrolment.person_id),
            ~exists(select(ONE).where(listed.enrolment_id == Enrolment.id, listed.state == "listed")),
            exists(select(ONE).where(Document.enrolment_id == Enrolment.id, Document.state == "final")),
        )
        .order_by(Enrolment.ends_on, Person.sort_name)
        .limit(MOST_READY)
    )
    rows = tx.rows(statement)
    lists = checklists(tx, [row.id for row in rows])
    return [(row, lists[row.id]) for row in rows if lists[row.id].ready]


def samples(tx: Tx) -> list[Row[Any]]:
    """What was shown to the actor for moderation, what waits for them first."""
    statement = (
        select(
            Sample.id,
            Sample.enrolment_id,
            Sample.why,
            Sample.sampled_at,
            Sample.given_at,
            Sample.agrees,
            Sample.feedback,
            Enrolment.outcome,
            Enrolment.reference,
            Person.name,
            ProgrammeVersion.title.label("programme"),
        )
        .join(Involvement, Involvement.id == Sample.involvement_id)
        .join(Enrolment, Enrolment.id == Sample.enrolment_id)
        .join(Person, Person.id == Enrolment.person_id)
        .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
        .where(Involvement.person_id == tx.actor.person_id)
        .order_by(Sample.given_at.is_not(None), Sample.sampled_at.desc(), Sample.id)
        .limit(100)
    )
    return list(tx.rows(statement))


def sample_of(tx: Tx, cohort_id: int) -> list[Row[Any]]:
    """What was drawn from a cohort, with what its moderators said."""
    moderator = aliased(Person)
    statement = (
        select(
            Sample.id,
            Sample.why,
            Sample.agrees,
            Sample.feedback,
            Sample.given_at,
            Person.name,
            Enrolment.id.label("enrolment_id"),
            Enrolment.outcome,
            moderator.name.label("moderator"),
        )
        .join(Involvement, Involvement.id == Sample.involvement_id)
        .join(moderator, moderator.id == Involvement.person_id)
        .join(Enrolment, Enrolment.id == Sample.enrolment_id)
        .join(Person, Person.id == Enrolment.person_id)
        .where(Enrolment.cohort_id == cohort_id, within_reach(tx, Can.RUN_PANELS, Enrolment.person_id))
        .order_by(Person.sort_name, Sample.id)
    )
    return list(tx.rows(statement))
