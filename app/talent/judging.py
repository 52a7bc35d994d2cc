"""Potential as a moderated judgement: one proposes it with reasons, another confirms it or sends it back. Nobody's work is rated here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, or_, select

from app import policy
from app.core.db import FOREVER, ONE
from app.core.errors import Conflict, NotFound
from app.core.tx import Tx
from app.guarding.checking import Decision, note
from app.people.models import Person
from app.policy import Can, operation
from app.talent.entering import NO_ENTRY, entry_of, said, still_in, word
from app.talent.models import TalentEntry, TalentJudgement, TalentLabel, TalentNomination, TalentPool
from app.talent.operations import refuse

WHY = "Say why, with what you have seen"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is thought. `potential_id` may be left out for a specialist, who is on a track of their own."""

    horizon_id: int | None
    potential_id: int | None
    specialist: bool
    reasons: str


def may_propose(tx: Tx, row: Row[Any]) -> bool:
    """Has the actor to do with this entry: keeps pools with this person in reach, or nominated them, one of their people?"""
    if row.person_id == tx.actor.person_id:
        return False
    if policy.may(tx.actor, Can.READ_TALENT) and policy.reaches(tx, Can.READ_TALENT, row.person_id):
        return True
    mine = select(ONE).where(TalentNomination.entry_id == row.id, TalentNomination.nominated_by == tx.actor.person_id)
    return policy.reaches(tx, Can.NOMINATE, row.person_id) and tx.scalar(mine) is not None


def here(tx: Tx, person_id: int) -> bool:
    """Has their last day not gone by? Nobody who has left is on a list, so nothing is judged of them."""
    there = or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today)
    return tx.scalar(select(ONE).where(Person.id == person_id, there)) is not None


def judgeable(tx: Tx, entry_id: int, *, lock: bool = False) -> Row[Any]:
    """The entry, of somebody whom the actor may judge, or NotFound; Conflict where they have left, or do not agree to be listed."""
    row = entry_of(tx, Can.NOMINATE, entry_id, lock=lock)
    if not may_propose(tx, row) or not here(tx, row.person_id):
        raise NotFound(NO_ENTRY, code="entry-not-found")
    still_in(row)
    if not word(tx, entry_id):
        raise Conflict(
            "They have not agreed to be listed, so nothing is judged.",
            code="not-agreed",
            way_out="Speak with them: it is theirs to decide.",
        )
    return row


@operation(Can.NOMINATE)
def propose(tx: Tx, entry_id: int, wanted: Judgement, decision: Decision | None = None) -> int:
    """A judgement waits to be moderated; returns its id. One's own that waits gives way to it; somebody else's is in its way (Conflict)."""
    row = judgeable(tx, entry_id, lock=True)
    _sound(tx, row, wanted)
    settled = said(tx, wanted.reasons, WHY, decision, TalentJudgement, field="reasons")
    waiting = tx.one(_live(entry_id, "proposed"))
    if waiting is not None and waiting.proposed_by != tx.actor.person_id:
        raise Conflict("Another judgement waits to be moderated.", code="judgement-waits", way_out="It has to be settled first.")
    if waiting is not None:
        tx.update(TalentJudgement, waiting.id, superseded_at=tx.now, until=tx.today)
    values = dict(potential_id=wanted.potential_id, horizon_id=wanted.horizon_id, specialist=wanted.specialist, reasons=settled["reasons"])
    by = dict(proposed_by=tx.actor.person_id, proposed_on=tx.today, recorded_at=tx.now)
    key = tx.insert(TalentJudgement, entry_id=entry_id, person_id=row.person_id, **values, **by, state="proposed", until=FOREVER)
    note(tx, settled, "talent_judgements", key)
    tx.record("talent.judgement-proposed", "talent_judgements", key, person_id=row.person_id)
    return key


def _live(entry_id: int, state: str) -> Any:
    standing = (TalentJudgement.state == state, TalentJudgement.superseded_at.is_(None))
    return select(TalentJudgement.__table__).where(TalentJudgement.entry_id == entry_id, *standing)


def _sound(tx: Tx, row: Row[Any], wanted: Judgement) -> None:
    theirs = select(TalentPool.organisation_id).where(TalentPool.id == row.pool_id).scalar_subquery()
    found = select(TalentLabel.id, TalentLabel.kind).where(TalentLabel.organisation_id == theirs, TalentLabel.retired_at.is_(None))
    offered = {(label.kind, label.id) for label in tx.rows(found)}
    errors = []
    if ("horizon", wanted.horizon_id) not in offered:
        errors.append({"field": "horizon", "message": "Choose when they could be ready"})
    if wanted.potential_id is None and not wanted.specialist:
        errors.append({"field": "potential", "message": "Choose what you see in them, or that they are a specialist"})
    if wanted.potential_id is not None and ("potential", wanted.potential_id) not in offered:
        errors.append({"field": "potential", "message": "Choose one of the list"})
    refuse(errors)


def to_moderate(tx: Tx, judgement_id: int, *, lock: bool = False) -> Row[Any]:
    """A judgement that waits, of somebody whose pools the actor keeps; NotFound for others, Conflict where it is not theirs to moderate."""
    row = tx.one(select(TalentJudgement.__table__).where(TalentJudgement.id == judgement_id))
    policy.require(tx, Can.MANAGE_TALENT)
    if (
        row is None
        or not policy.reaches(tx, Can.MANAGE_TALENT, row.person_id)
        or row.person_id == tx.actor.person_id
        or not here(tx, row.person_id)
    ):
        raise NotFound("There is no such judgement, or it is not about one of your people.", code="judgement-not-found")
    if not word(tx, row.entry_id):
        raise Conflict("They no longer agree to be listed, so nothing is judged.", code="not-agreed")
    if row.state != "proposed" or row.superseded_at is not None:
        raise Conflict("This judgement has been settled.", code="judgement-settled", way_out="Open the card to see it.")
    return tx.get(TalentJudgement, judgement_id, lock=True) if lock else row


@operation(Can.MANAGE_TALENT)
def moderate(tx: Tx, judgement_id: int, *, confirms: bool, words: str, decision: Decision | None = None) -> None:
    """Somebody other than whoever proposed it confirms a judgement, which then counts and is told to the person, or sends it back.

    The one that counted before is kept, and counts no longer. Reasons are needed either way.
    """
    row = to_moderate(tx, judgement_id, lock=True)
    if row.proposed_by == tx.actor.person_id:
        raise Conflict("You proposed it, so another has to moderate it.", code="own-judgement")
    still_in(tx.get(TalentEntry, row.entry_id, lock=True))
    settled = said(tx, words, "Say why you confirm it or send it back", decision, TalentJudgement)
    by = dict(moderated_by=tx.actor.person_id, moderated_on=tx.today, moderated_at=tx.now, moderation=settled["words"])
    if confirms:
        before = tx.one(_live(row.entry_id, "confirmed"))
        if before is not None:
            tx.update(TalentJudgement, before.id, superseded_at=tx.now, until=tx.today)
        tx.update(TalentJudgement, judgement_id, state="confirmed", **by)
    else:
        tx.update(TalentJudgement, judgement_id, state="returned", **by)
    note(tx, settled, "talent_judgements", judgement_id)
    action = "talent.judgement-confirmed" if confirms else "talent.judgement-returned"
    tell = ("email.talent_judged",) if confirms else ()
    tx.record(action, "talent_judgements", judgement_id, person_id=row.person_id, tell=tell)
