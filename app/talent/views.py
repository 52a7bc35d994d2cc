"""What pages about talent pools show beside lists: pools, one person's place in one, what somebody nominated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, func, or_, select

from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.facts import current
from app.core.tx import Tx
from app.learning.models import Course
from app.pathways.models import Step
from app.people.models import CareerStage, Membership, Person, Unit
from app.policy import Can, within_reach
from app.talent.models import (
    TalentAction,
    TalentAgreement,
    TalentEntry,
    TalentFilter,
    TalentJudgement,
    TalentLabel,
    TalentNomination,
    TalentPool,
    TalentView,
)
from app.talent.operations import NO_POOL, organisations

_MODERATOR = aliased(Person)
POOLS = (
    select(
        TalentPool.__table__,
        Step.code.label("step_code"),
        Step.title.label("step"),
        CareerStage.title.label("stage_title"),
        _MODERATOR.name.label("moderator"),
    )
    .outerjoin(Step, Step.id == TalentPool.step_id)
    .outerjoin(CareerStage, CareerStage.code == TalentPool.stage)
    .outerjoin(_MODERATOR, _MODERATOR.id == TalentPool.moderator_id)
)


def pools(tx: Tx, can: Can) -> Sequence[Row[Any]]:
    """Open pools of the reader's organisations, critical roles first."""
    mine = organisations(tx, can)
    found = POOLS.where(TalentPool.closed_at.is_(None))
    found = found if mine is None else found.where(TalentPool.organisation_id.in_(mine))
    return tx.rows(found.order_by(TalentPool.critical.desc(), TalentPool.title, TalentPool.id))


def pool(tx: Tx, can: Can, pool_id: int) -> Row[Any]:
    """One with the names of what it leads to, or NotFound where it is another organisation's."""
    mine, row = organisations(tx, can), tx.one(POOLS.where(TalentPool.id == pool_id))
    if row is None or (mine is not None and row.organisation_id not in mine):
        raise NotFound(NO_POOL, code="pool-not-found")
    return row


def pool_of(tx: Tx, entry: Any) -> Row[Any]:
    """The same of an entry, which whoever calls has found to be theirs to read."""
    row = tx.one(POOLS.where(TalentPool.id == entry.pool_id))
    assert row is not None
    return row


def _no_word() -> Any:
    word = aliased(TalentAgreement)
    said = select(word.id).where(word.entry_id == TalentEntry.id, word.superseded_at.is_(None)).correlate(TalentEntry)
    return ~said.exists()


def unanswered(tx: Tx, pool_id: int, most: int = 100) -> Sequence[Row[Any]]:
    """Those of a pool who were told that they are in it and have not said whether they agree: their names, and since when; nothing else."""
    found = (
        select(TalentEntry.id, TalentEntry.entered_on, Person.name, Unit.name.label("team"))
        .join(Person, Person.id == TalentEntry.person_id)
        .outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, tx.today)))
        .outerjoin(Unit, Unit.id == Membership.unit_id)
        .where(TalentEntry.pool_id == pool_id, TalentEntry.left_at.is_(None), _no_word(), within_reach(tx, Can.READ_TALENT, Person.id))
        .where(or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today))
    )
    return tx.rows(found.order_by(TalentEntry.entered_on, Person.sort_name).limit(most))


def filters(tx: Tx, pool_id: int) -> Sequence[Row[Any]]:
    """Those that the reader keeps for a pool."""
    mine = (TalentFilter.person_id == tx.actor.person_id, TalentFilter.pool_id == pool_id)
    return tx.rows(select(TalentFilter.id, TalentFilter.title, TalentFilter.filters).where(*mine).order_by(TalentFilter.title))


def waiting(tx: Tx) -> Sequence[Row[Any]]:
    """Judgements that wait to be moderated, of people in the reader's reach: not of themselves, and not what they proposed."""
    proposer = aliased(Person)
    found = (
        select(
            TalentJudgement.id,
            TalentJudgement.entry_id,
            TalentJudgement.proposed_on,
            Person.name,
            TalentPool.title.label("pool"),
            proposer.name.label("by"),
            (TalentPool.moderator_id == tx.actor.person_id).label("asked"),
        )
        .join(TalentEntry, TalentEntry.id == TalentJudgement.entry_id)
        .join(TalentPool, TalentPool.id == TalentEntry.pool_id)
        .join(Person, Person.id == TalentJudgement.person_id)
        .join(proposer, proposer.id == TalentJudgement.proposed_by)
        .join(TalentAgreement, and_(TalentAgreement.entry_id == TalentEntry.id, TalentAgreement.superseded_at.is_(None)))
        .where(TalentJudgement.state == "proposed", TalentJudgement.superseded_at.is_(None), TalentAgreement.agrees)
        .where(TalentEntry.left_at.is_(None), within_reach(tx, Can.MANAGE_TALENT, Person.id))
        .where(TalentJudgement.proposed_by != tx.actor.person_id, Person.id != tx.actor.person_id)
    )
    return tx.rows(found.order_by(TalentJudgement.proposed_on, TalentJudgement.id).limit(50))


# One person's place ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Everything that is kept of somebody in a pool. `judgements`: confirmed ones, the newest first; the first of them may count."""

    nominations: Sequence[Row[Any]]
    judgements: Sequence[Row[Any]]
    proposed: Row[Any] | None
    view: Row[Any] | None
    actions: Sequence[Row[Any]]
    agreements: Sequence[Row[Any]]

    @property
    def judgement(self) -> Row[Any] | None:
        """The one that counts."""
        return next((row for row in self.judgements if row.superseded_at is None), None)

    @property
    def word(self) -> bool | None:
        """Whether they agree to be listed; None: they have not said."""
        newest = next((row for row in self.agreements if row.superseded_at is None), None)
        return None if newest is None else bool(newest.agrees)


_POTENTIAL, _HORIZON, _PROPOSER, _MODERATED = aliased(TalentLabel), aliased(TalentLabel), aliased(Person), aliased(Person)
JUDGEMENTS = (
    select(
        TalentJudgement.__table__,
        _POTENTIAL.title.label("potential"),
        _HORIZON.title.label("horizon"),
        _PROPOSER.name.label("proposer"),
        _MODERATED.name.label("moderator"),
    )
    .outerjoin(_POTENTIAL, _POTENTIAL.id == TalentJudgement.potential_id)
    .join(_HORIZON, _HORIZON.id == TalentJudgement.horizon_id)
    .join(_PROPOSER, _PROPOSER.id == TalentJudgement.proposed_by)
    .outerjoin(_MODERATED, _MODERATED.id == TalentJudgement.moderated_by)
)
_DOER = aliased(Person)
ACTIONS = (
    select(TalentAction.__table__, _DOER.name.label("who"), Course.slug, Course.title.label("course"), Step.code.label("step_code"))
    .join(_DOER, _DOER.id == TalentAction.who_id)
    .outerjoin(Course, Course.id == TalentAction.course_id)
    .outerjoin(Step, Step.id == TalentAction.step_id)
    .where(TalentAction.superseded_at.is_(None))
)


def place(tx: Tx, entry_id: int) -> Place:
    """What is kept of one entry; whoever calls has found it to be theirs to read."""
    said = select(TalentNomination.nominated_by, TalentNomination.reasons, TalentNomination.recorded_at, Person.name)
    nominations = said.join(Person, Person.id == TalentNomination.nominated_by).where(TalentNomination.entry_id == entry_id)
    judged = tx.rows(JUDGEMENTS.where(TalentJudgement.entry_id == entry_id).order_by(TalentJudgement.id.desc()))
    view = select(TalentView.words, TalentView.recorded_at).where(TalentView.entry_id == entry_id, TalentView.superseded_at.is_(None))
    agreed = select(TalentAgreement.__table__).where(TalentAgreement.entry_id == entry_id).order_by(TalentAgreement.id.desc())
    return Place(
        tx.rows(nominations.order_by(TalentNomination.id)),
        [row for row in judged if row.state == "confirmed"],
        next((row for row in judged if row.state == "proposed" and row.superseded_at is None), None),
        tx.one(view),
        tx.rows(ACTIONS.where(TalentAction.entry_id == entry_id).order_by(TalentAction.done_on.is_not(None), TalentAction.by_date)),
        tx.rows(agreed),
    )


def mine(tx: Tx) -> Sequence[Row[Any]]:
    """The reader's own entries, those that ended last, with whether they agree to be listed."""
    word = and_(TalentAgreement.entry_id == TalentEntry.id, TalentAgreement.superseded_at.is_(None))
    found = (
        select(TalentEntry.__table__, TalentPool.title, TalentPool.about, TalentAgreement.agrees)
        .join(TalentPool, TalentPool.id == TalentEntry.pool_id)
        .outerjoin(TalentAgreement, word)
        .where(TalentEntry.person_id == tx.actor.person_id)
    )
    return tx.rows(found.order_by(TalentEntry.left_at.is_not(None), TalentPool.title, TalentEntry.id))


def to_do(tx: Tx) -> Sequence[Row[Any]]:
    """Actions that the reader was asked to do, their own and those for others, that are still open."""
    about = aliased(Person)
    found = (
        ACTIONS.add_columns(TalentPool.title.label("pool"), about.name.label("about"), TalentEntry.person_id)
        .join(TalentEntry, TalentEntry.id == TalentAction.entry_id)
        .join(TalentPool, TalentPool.id == TalentEntry.pool_id)
        .join(about, about.id == TalentEntry.person_id)
        .join(TalentAgreement, and_(TalentAgreement.entry_id == TalentEntry.id, TalentAgreement.superseded_at.is_(None)))
        .where(TalentAction.who_id == tx.actor.person_id, TalentAction.done_on.is_(None), TalentEntry.left_at.is_(None))
        .where(TalentAgreement.agrees)
    )
    return tx.rows(found.order_by(TalentAction.by_date, TalentAction.id).limit(100))


def nominated(tx: Tx) -> Sequence[Row[Any]]:
    """Whom the reader nominated, with what came of it, and their own newest judgement; nothing that others said."""
    word = and_(TalentAgreement.entry_id == TalentEntry.id, TalentAgreement.superseded_at.is_(None))
    last = (
        select(func.max(TalentJudgement.id))
        .where(TalentJudgement.entry_id == TalentEntry.id, TalentJudgement.proposed_by == tx.actor.person_id)
        .correlate(TalentEntry)
        .scalar_subquery()
    )
    found = (
        select(
            TalentEntry.id,
            TalentEntry.person_id,
            TalentEntry.left_at,
            TalentEntry.left_why,
            TalentNomination.recorded_at,
            TalentNomination.reasons,
            Person.name,
            (Person.leaving_on < tx.today).label("gone"),
            TalentPool.title.label("pool"),
            TalentAgreement.agrees,
            TalentJudgement.state,
            TalentJudgement.moderation,
        )
        .join(TalentEntry, TalentEntry.id == TalentNomination.entry_id)
        .join(TalentPool, TalentPool.id == TalentEntry.pool_id)
        .join(Person, Person.id == TalentEntry.person_id)
        .outerjoin(TalentAgreement, word)
        .outerjoin(TalentJudgement, TalentJudgement.id == last)
        .where(TalentNomination.nominated_by == tx.actor.person_id, TalentEntry.person_id != tx.actor.person_id)
        .where(within_reach(tx, Can.NOMINATE, TalentEntry.person_id))
    )
    return tx.rows(found.order_by(TalentNomination.id.desc()).limit(200))
