"""What somebody has typed into a record's form and not sent yet. Nobody else sees it; it goes when it is saved, or after a while."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, select

from app.core.errors import Conflict, Invalid
from app.core.tx import Tx
from app.learning.record_models import RecordDraft
from app.policy import Can, operation

KEY = re.compile(r"[0-9a-f]{32}")
FIELDS = (
    *("activity", "title", "on_date", "on_date-month", "on_date-year", "hours", "minutes", "did", "learnt", "impact", "peer_with"),
    *("peer_on", "peer_on-month", "peer_on-year", "standards", "audiences", "record"),
)
LONGEST = 12_000  # characters of one field
MOST = 20  # drafts of one person; what is more is somebody playing
KEPT = timedelta(days=90)  # after the last change


@operation(Can.WRITE_LEARNING_RECORDS)
def keep(tx: Tx, key: str, words: Mapping[str, Any]) -> None:
    """Keep what a form holds under the key that the browser made up; what is no field of the form is left out."""
    if not KEY.fullmatch(key):
        raise Invalid("Open the page again and repeat what you entered.", code="entry-key")
    kept = {name: _said(words[name]) for name in FIELDS if words.get(name)}
    if any(len(str(said)) > LONGEST for said in kept.values()):
        raise Invalid(f"A draft holds at most {LONGEST:,} characters in each field.", code="draft-too-long")
    mine = RecordDraft.person_id == tx.actor.person_id
    others = int(tx.scalar(select(func.count()).select_from(RecordDraft).where(mine, RecordDraft.draft_key != key)))
    if others >= MOST:
        raise Conflict(f"You have {MOST} drafts.", code="too-many-drafts", way_out="Finish or discard one first.")
    drop(tx, key)
    if kept:
        tx.db.execute(RecordDraft.__table__.insert(), dict(person_id=tx.actor.person_id, draft_key=key, words=kept, changed_at=tx.now))


def _said(given: Any) -> Any:
    return [str(each) for each in given] if isinstance(given, list) else str(given)


@operation(Can.WRITE_LEARNING_RECORDS)
def discard(tx: Tx, key: str) -> None:
    """The actor does not want it any more."""
    drop(tx, key)


def drop(tx: Tx, key: str) -> None:
    """The actor's draft with this key goes, if there is one."""
    tx.db.execute(delete(RecordDraft).where(RecordDraft.person_id == tx.actor.person_id, RecordDraft.draft_key == key))


def one(tx: Tx, key: str) -> Row[Any] | None:
    """The actor's draft with this key."""
    return tx.one(select(RecordDraft.__table__).where(RecordDraft.person_id == tx.actor.person_id, RecordDraft.draft_key == key))


def mine(tx: Tx) -> Sequence[Row[Any]]:
    """The actor's drafts, the newest first."""
    return tx.rows(
        select(RecordDraft.__table__)
        .where(RecordDraft.person_id == tx.actor.person_id)
        .order_by(RecordDraft.changed_at.desc(), RecordDraft.draft_key)
    )


def forget_old(tx: Tx, now: datetime) -> None:
    """Drafts that nobody has touched for a while go for good."""
    tx.db.execute(delete(RecordDraft).where(RecordDraft.changed_at < now - KEPT))
