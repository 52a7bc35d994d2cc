"""What the county's HR system has taken over of the past year's training records: most of it, a few refused, a few changed since."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import String, case, cast, insert, literal, null, select

from app.core.tx import Tx
from app.hr.change_models import TrainingConfirmation
from app.hr.training import KINDS, mark_of
from app.learning.models import Completion

YEAR, LATELY = timedelta(days=365), timedelta(days=30)  # HR's nightly job stopped a month ago, and nobody has noticed yet
REFUSED, CHANGED = 811, 613  # one in so many


def answer(tx: Tx, today: date, moment: datetime) -> int:
    """Answer for the completions between a year and a month old; returns how many."""
    refused = Completion.id % REFUSED == 0
    told = case((Completion.id % CHANGED == 0, "told otherwise"), else_=mark_of(Completion))
    values = select(
        literal(KINDS[0]),
        Completion.id,
        Completion.person_id,
        told,
        case((refused, "refused"), else_="confirmed"),
        case((refused, "No employee with this number"), else_=cast(null(), String)),
        case((refused, cast(null(), String)), else_=literal("HR-") + cast(Completion.id, String)),
        literal(moment, TrainingConfirmation.at.type),
    ).where(Completion.superseded_at.is_(None), Completion.completed_on > today - YEAR, Completion.completed_on < today - LATELY)
    columns = ["kind", "record_id", "person_id", "fingerprint", "state", "reason", "reference", "at"]
    return int(tx.db.execute(insert(TrainingConfirmation).from_select(columns, values)).rowcount)
