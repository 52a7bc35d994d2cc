"""Who has looked: every view of a list or a card, every file and every reply of the API, with of whom it was. Nothing here ever changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, func, or_, select

from app.core.db import ONE, append
from app.core.errors import Conflict
from app.core.tx import Tx
from app.policy import Can, within_reach
from app.talent.models import TalentAgreement, TalentEntry, TalentPool, TalentRead, TalentReadOf
from app.talent.operations import organisations


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read. `at`: the instant at which it was, and as far as which it was known unless `known_at` says less."""

    pool_id: int
    kind: str  # a key of models.KINDS
    as_at: date
    at: datetime
    filters: dict[str, Any]
    known_at: datetime | None = None
    purpose: str | None = None
    file_type: str | None = None
    digest: str | None = None


def keep(tx: Tx, seen: Seen, people: Iterable[int]) -> int:
    """Write down that the actor has read this of these people; returns the row's id."""
    theirs = sorted(set(people))
    client = tx.actor.kind == "client"
    key = tx.insert(
        TalentRead,
        pool_id=seen.pool_id,
        kind=seen.kind,
        reader_id=None if client else tx.actor.person_id,
        client_id=tx.actor.id if client else None,
        reader=tx.actor.name,
        filters=seen.filters,
        purpose=seen.purpose,
        file_type=seen.file_type,
        as_at=seen.as_at,
        known_at=seen.known_at or seen.at,
        people=len(theirs),
        digest=seen.digest,
        at=seen.at,
    )
    if theirs:
        append(tx.db, TalentReadOf.__table__, ("read_id", "person_id"), [(key, person) for person in theirs])
    if seen.kind == "export":
        facts: dict[str, Any] = dict(rows=len(theirs), format=seen.file_type, digest=seen.digest, as_at=seen.as_at.isoformat())
        tx.record("talent.exported", "talent_pools", seen.pool_id, read_id=key, **facts)
    return key


def unless_withdrawn(tx: Tx, pool_id: int, since: datetime) -> None:
    """Conflict where somebody of the pool took their agreement back after a list was read: they are on no file that leaves now."""
    said = (TalentAgreement.superseded_at.is_(None), TalentAgreement.agrees.is_(False), TalentAgreement.recorded_at >= since)
    gone = select(ONE).join_from(TalentEntry, TalentAgreement, TalentAgreement.entry_id == TalentEntry.id)
    if tx.scalar(gone.where(TalentEntry.pool_id == pool_id, *said).limit(1)) is not None:
        raise Conflict("Somebody has just taken their agreement back.", code="agreement-withdrawn", way_out="Ask for the file again.")


_SHOWN = (
    *(TalentRead.id, TalentRead.kind, TalentRead.reader, TalentRead.client_id, TalentRead.purpose, TalentRead.file_type),
    *(TalentRead.as_at, TalentRead.people, TalentRead.at, TalentRead.digest, TalentRead.filters),
)


def of_person(tx: Tx, pool_id: int, person_id: int, most: int = 50) -> Sequence[Row[Any]]:
    """The newest of what was read of somebody in a pool."""
    theirs = select(*_SHOWN).join(TalentReadOf, TalentReadOf.read_id == TalentRead.id)
    return tx.rows(
        theirs.where(TalentReadOf.person_id == person_id, TalentRead.pool_id == pool_id).order_by(TalentRead.id.desc()).limit(most)
    )


def _mine(tx: Tx, kind: str) -> list[Any]:
    """Reads of pools of the reader's organisations; of people out of their reach only what they read themselves."""
    keys = organisations(tx, Can.READ_TALENT)
    found: list[Any] = [] if keys is None else [TalentPool.organisation_id.in_(keys)]
    if keys is not None:
        inside = select(TalentReadOf.read_id).where(within_reach(tx, Can.READ_TALENT, TalentReadOf.person_id))
        found.append(or_(TalentRead.reader_id == tx.actor.person_id, TalentRead.id.in_(inside)))
    return [*found, TalentRead.kind == kind] if kind else found


def count(tx: Tx, kind: str = "") -> int:
    """How many reads there are to show."""
    found = select(func.count()).select_from(TalentRead).join(TalentPool, TalentPool.id == TalentRead.pool_id)
    return int(tx.scalar(found.where(*_mine(tx, kind))) or 0)


def listed(tx: Tx, offset: int, size: int, kind: str = "") -> Sequence[Row[Any]]:
    """Reads with what the pool is called, the newest first."""
    found = select(*_SHOWN, TalentPool.title.label("pool")).join(TalentPool, TalentPool.id == TalentRead.pool_id)
    return tx.rows(found.where(*_mine(tx, kind)).order_by(TalentRead.id.desc()).limit(size).offset(offset))
