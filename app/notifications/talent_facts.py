"""Facts of messages about talent pools, read for a whole batch: which pool, where to look; never what was written."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from app.core.calendar import long_date
from app.core.tx import Tx
from app.notifications.by_subject import Facts, Rows, by_subject, looked_up
from app.talent.models import TalentAction, TalentEntry, TalentJudgement, TalentPool

_ENTRY = select(TalentEntry.id, TalentEntry.id.label("entry_id"), TalentEntry.person_id, TalentPool.title)
_ENTRY = _ENTRY.join(TalentPool, TalentPool.id == TalentEntry.pool_id)
_JUDGEMENT = (
    select(TalentJudgement.id, TalentJudgement.entry_id, TalentJudgement.person_id, TalentPool.title)
    .join(TalentEntry, TalentEntry.id == TalentJudgement.entry_id)
    .join(TalentPool, TalentPool.id == TalentEntry.pool_id)
)
_ACTION = (
    select(TalentAction.id, TalentAction.entry_id, TalentEntry.person_id, TalentPool.title, TalentAction.by_date)
    .join(TalentEntry, TalentEntry.id == TalentAction.entry_id)
    .join(TalentPool, TalentPool.id == TalentEntry.pool_id)
)


def _said(message: Row[Any], one: Row[Any]) -> Facts:
    own = message.person_id == one.person_id
    return {"pool": one.title, "link": f"/my-talent-pools/{one.entry_id}" if own else "/my-talent-pools"}


def _due(message: Row[Any], one: Row[Any]) -> Facts:
    return _said(message, one) | {"due": long_date(one.by_date)}


_QUESTIONS = {
    "talent_entries": looked_up(_ENTRY, TalentEntry.id, _said),
    "talent_judgements": looked_up(_JUDGEMENT, TalentJudgement.id, _said),
    "talent_actions": looked_up(_ACTION, TalentAction.id, _due),
}


def further(tx: Tx, rows: Rows) -> dict[int, Facts]:
    """By outbox id, for those messages that are about talent pools; one statement for each subject."""
    return by_subject(tx, rows, _QUESTIONS)
