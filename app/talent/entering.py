"""Into a pool and out of it: nominated with reasons, or by putting oneself forward; agreeing to be listed, and one's own view."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select

from app import policy
from app.core.db import FOREVER, ONE
from app.core.errors import Conflict, NotFound
from app.core.ledger import Audit
from app.core.text import lines
from app.core.tx import Tx
from app.guarding.checking import Decision, Settled, note, settle
from app.policy import Can, operation
from app.talent.models import LEFT, WORDS, TalentAgreement, TalentEntry, TalentNomination, TalentView
from app.talent.operations import open_pool, refuse

ASK_AGAIN = timedelta(days=14)  # nobody is asked more often whether they agree
NO_ENTRY = "There is no such entry, or it is not about one of your people."


def said(tx: Tx, text: str, what: str, decision: Decision | None, table: Any, *, field: str = "words") -> Settled:
    """Words as they may be kept, or Invalid with what is wrong with them."""
    text = lines(text)
    if not text:
        refuse([{"field": field, "message": what}])
    if len(text) > WORDS:
        refuse([{"field": field, "message": f"Use at most {WORDS:,} characters"}])
    return settle(tx, {field: text}, decision, subject=table.__tablename__)


@operation(Can.NOMINATE)
def nominate(tx: Tx, pool_id: int, person_id: int, reasons: str, decision: Decision | None = None) -> int:
    """Somebody else is brought into a pool, or another says so too; they are told at once. Returns the id of their entry.

    Conflict for oneself, and for whoever says it twice.
    """
    person = policy.person(tx, Can.NOMINATE, person_id, lock=True)
    if person_id == tx.actor.person_id:
        raise Conflict(
            "Nobody nominates themselves.", code="own-nomination", way_out="Put yourself forward instead, under Talent pools on My pathway."
        )
    pool = open_pool(tx, Can.NOMINATE, pool_id)
    if pool.organisation_id != person.organisation_id:
        raise NotFound("There is no such pool for them.", code="pool-not-found")
    settled = said(tx, reasons, "Say why, with an example of what they do well", decision, TalentNomination, field="reasons")
    entry_id = _entry(tx, pool_id, person_id)
    key = tx.insert(TalentNomination, entry_id=entry_id, nominated_by=tx.actor.person_id, reasons=settled["reasons"], recorded_at=tx.now)
    note(tx, settled, "talent_nominations", key)
    tx.record("talent.nominated", "talent_entries", entry_id, person_id=person_id, tell=("email.talent_nominated",))
    return entry_id


@operation(Can.BE_LISTED)
def put_forward(tx: Tx, pool_id: int, reasons: str, decision: Decision | None = None) -> int:
    """The actor puts themselves forward, and so agrees to be listed. Returns the id of their entry."""
    me = tx.actor.person_id or 0
    person = policy.person(tx, Can.BE_LISTED, me, lock=True)
    pool = open_pool(tx, Can.BE_LISTED, pool_id)
    if pool.organisation_id != person.organisation_id:
        raise NotFound("There is no such pool for you.", code="pool-not-found")
    settled = said(tx, reasons, "Say why, with an example of what you have done", decision, TalentNomination, field="reasons")
    entry_id = _entry(tx, pool_id, me)
    key = tx.insert(TalentNomination, entry_id=entry_id, nominated_by=me, reasons=settled["reasons"], recorded_at=tx.now)
    note(tx, settled, "talent_nominations", key)
    _agree(tx, entry_id, me, agrees=True)
    tx.record("talent.put-forward", "talent_entries", entry_id, person_id=me)
    return entry_id


def _entry(tx: Tx, pool_id: int, person_id: int) -> int:
    """Their entry, made now if they are not in the pool. The person is locked."""
    there = select(TalentEntry.id).where(TalentEntry.pool_id == pool_id, TalentEntry.person_id == person_id, TalentEntry.left_at.is_(None))
    found = tx.scalar(there)
    if found is not None:
        return int(found)
    return tx.insert(TalentEntry, pool_id=pool_id, person_id=person_id, entered_on=tx.today, entered_at=tx.now, left_on=FOREVER)


def entry_of(tx: Tx, can: Can, entry_id: int, *, lock: bool = False) -> Row[Any]:
    """The entry of somebody in reach, or NotFound."""
    row = tx.one(select(TalentEntry.__table__).where(TalentEntry.id == entry_id))
    policy.require(tx, can)
    if row is None or not policy.reaches(tx, can, row.person_id):
        raise NotFound(NO_ENTRY, code="entry-not-found")
    return tx.get(TalentEntry, entry_id, lock=True) if lock else row


def own(tx: Tx, entry_id: int, *, lock: bool = False) -> Row[Any]:
    """The actor's own entry, or NotFound."""
    row = entry_of(tx, Can.BE_LISTED, entry_id, lock=lock)
    if row.person_id != tx.actor.person_id:
        raise NotFound(NO_ENTRY, code="entry-not-found")
    return row


def still_in(row: Row[Any]) -> None:
    """Conflict where they have left the pool."""
    if row.left_at is not None:
        raise Conflict(f"This entry has ended: {LEFT[row.left_why].lower()}.", code="entry-ended")


def word(tx: Tx, entry_id: int) -> bool | None:
    """Whether they agree to be listed; None: they have not said."""
    found = tx.scalar(select(TalentAgreement.agrees).where(TalentAgreement.entry_id == entry_id, TalentAgreement.superseded_at.is_(None)))
    return None if found is None else bool(found)


def on_the_list(tx: Tx, can: Can, entry_id: int, *, lock: bool = False) -> Row[Any]:
    """The entry of somebody in reach who is in the pool and agrees to be listed; NotFound for everybody else."""
    row = entry_of(tx, can, entry_id, lock=lock)
    if row.left_at is not None or not word(tx, entry_id):
        raise NotFound(NO_ENTRY, code="entry-not-found")
    return row


def inside(tx: Tx, can: Can, entry_id: int) -> Row[Any]:
    """The entry of somebody in reach who is in the pool, whatever they answered; NotFound for everybody else."""
    row = entry_of(tx, can, entry_id)
    if row.left_at is not None:
        raise NotFound(NO_ENTRY, code="entry-not-found")
    return row


@operation(Can.BE_LISTED)
def say(tx: Tx, entry_id: int, *, agrees: bool) -> None:
    """The actor agrees to be listed, or does not, or no longer; as often as they like, and at once."""
    row = own(tx, entry_id, lock=True)
    if agrees:
        still_in(row)
    if _agree(tx, entry_id, row.person_id, agrees=agrees):
        tx.record("talent.agreed" if agrees else "talent.not-agreed", "talent_entries", entry_id, person_id=row.person_id)


def _agree(tx: Tx, entry_id: int, person_id: int, *, agrees: bool) -> bool:
    mine = select(TalentAgreement.__table__).where(TalentAgreement.entry_id == entry_id, TalentAgreement.superseded_at.is_(None))
    before = tx.one(mine)
    if before is not None and before.agrees is agrees:
        return False
    if before is not None:
        tx.update(TalentAgreement, before.id, superseded_at=tx.now, until=tx.today)
    values = dict(entry_id=entry_id, person_id=person_id, agrees=agrees, on_date=tx.today, recorded_at=tx.now)
    tx.insert(TalentAgreement, **values, until=FOREVER)
    return True


@operation(Can.BE_LISTED)
def write_view(tx: Tx, entry_id: int, words: str, decision: Decision | None = None) -> None:
    """What the actor says of their own place; stands beside the judgement. Written again, the new words count."""
    row = own(tx, entry_id, lock=True)
    still_in(row)
    settled = said(tx, words, "Write what you would like others to know", decision, TalentView)
    before = tx.one(select(TalentView.__table__).where(TalentView.entry_id == entry_id, TalentView.superseded_at.is_(None)))
    if before is not None:
        if before.words == settled["words"]:
            return
        tx.update(TalentView, before.id, superseded_at=tx.now)
    key = tx.insert(TalentView, entry_id=entry_id, words=settled["words"], recorded_at=tx.now)
    note(tx, settled, "talent_views", key)
    tx.record("talent.view-written", "talent_entries", entry_id, person_id=row.person_id)


@operation(Can.MANAGE_TALENT)
def take_out(tx: Tx, entry_id: int, why: str) -> None:
    """Somebody leaves the pool: appointed, taken out, or gone. What was recorded stays theirs to read."""
    row = entry_of(tx, Can.MANAGE_TALENT, entry_id, lock=True)
    if why not in LEFT or why == "closed":
        refuse([{"field": "why", "message": "Choose why"}])
    still_in(row)
    tx.update(TalentEntry, entry_id, left_on=tx.today, left_at=tx.now, left_why=why)
    tx.record("talent.left", "talent_entries", entry_id, person_id=row.person_id, why=why)


@operation(Can.MANAGE_TALENT)
def ask_again(tx: Tx, entry_id: int) -> None:
    """Somebody who has not said whether they agree is asked once more. Conflict if they have said, or were asked within ASK_AGAIN."""
    row = entry_of(tx, Can.MANAGE_TALENT, entry_id, lock=True)
    still_in(row)
    if word(tx, entry_id) is not None:
        raise Conflict("They have answered.", code="has-answered")
    if tx.now - row.entered_at < ASK_AGAIN or _asked_since(tx, entry_id):
        raise Conflict(
            "They were asked within the last 14 days.",
            code="asked-lately",
            way_out="Speak with them, or ask again when two weeks have gone.",
        )
    tx.record("talent.asked-again", "talent_entries", entry_id, person_id=row.person_id, tell=("email.talent_agreement_asked",))


def _asked_since(tx: Tx, entry_id: int) -> bool:
    lately = (Audit.subject == "talent_entries", Audit.subject_id == entry_id, Audit.action == "talent.asked-again")
    return tx.scalar(select(ONE).select_from(Audit).where(*lately, Audit.at > tx.now - ASK_AGAIN)) is not None
