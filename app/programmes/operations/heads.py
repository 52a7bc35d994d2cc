"""The daily head: once a day the fingerprint of every chain's newest link goes to named officers, who keep it outside the service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import func, select

from app.core import ledger
from app.core.calendar import from_london, london
from app.core.ledger import Outbox
from app.core.tx import Tx
from app.people.models import Person
from app.programmes.days import ChainHead, Day
from app.programmes.models import Enrolment
from app.programmes.portfolio_models import DailyHead, Entry

MADE_AT = time(19)  # London: after the working day

_NEWEST = select(Entry.enrolment_id, func.max(Entry.sequence).label("sequence")).group_by(Entry.enrolment_id).subquery()
_HEADS = (
    select(Enrolment.reference, Entry.sequence, Entry.hash)
    .join(_NEWEST, (_NEWEST.c.enrolment_id == Entry.enrolment_id) & (_NEWEST.c.sequence == Entry.sequence))
    .join(Enrolment, Enrolment.id == Entry.enrolment_id)
)
_LAST = select(DailyHead.heads).order_by(DailyHead.id.desc()).limit(1)


def turn(now: datetime) -> datetime:
    """The latest evening at which a head was due."""
    today = london(now).date()
    due = from_london(today, MADE_AT)
    return due if due <= now else from_london(today - timedelta(days=1), MADE_AT)


def newest(tx: Tx) -> list[ChainHead]:
    """Every chain's newest link, in order of reference."""
    return sorted((row.reference, row.sequence, row.hash) for row in tx.rows(_HEADS))


def daily_head(tx: Tx, officers: Sequence[str]) -> int | None:
    """Make today's head and send it to the officers with these e-mail addresses; returns its id, None if no chain has grown since the last.

    Only people of this service are told: the address is looked up among them, so that the message is theirs and on record.
    """
    heads = newest(tx)
    last = tx.scalar(_LAST)
    if not heads or (last is not None and [list(one) for one in heads] == last):
        return None
    day = Day(tx.now, heads)
    key = tx.insert(DailyHead, made_at=tx.now, chains=len(heads), entries=day.entries, hash=day.hash(), heads=[list(one) for one in heads])
    tx.record("chain.daily-head", "daily_heads", key, hash=day.hash(), chains=len(heads), entries=day.entries)
    people = tx.rows(select(Person.id).where(Person.email.in_([one.lower() for one in officers]))) if officers else []
    facts = dict(hash=day.hash(), chains=len(heads), entries=day.entries, made_at=tx.now.isoformat())
    told = [{**ledger.message("email.daily_head", tx.now, "daily_heads", row.id, facts), "subject_id": key} for row in people]
    tx.insert_many(Outbox, told)
    return key


def days_over(tx: Tx, reference: str) -> list[dict[str, object]]:
    """Proofs for every daily head that stands over this chain, oldest first."""
    days = tx.rows(select(DailyHead.made_at, DailyHead.heads).order_by(DailyHead.id))
    proofs = (Day(row.made_at, [(one[0], one[1], one[2]) for one in row.heads]).proof(reference) for row in days)
    return [proof for proof in proofs if proof]
