"""What somebody has learnt since a programme began, beside its plan: what the council itself recorded, without anybody retyping it.

What people write of their own learning is private and not among it, whoever reads the portfolio; the learner finds it in their record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, func, literal_column, select

from app import policy
from app.core.tx import Tx
from app.learning.models import LearningRecord
from app.policy import Can

SHOWN = 5
RECORDED = ("attendance", "e-learning", "prior learning", "import")  # what whoever may see completions may see
_SINCE = (
    select(
        func.coalesce(LearningRecord.first_id, LearningRecord.id).label("first"),
        LearningRecord.title,
        LearningRecord.on_date,
        LearningRecord.minutes,
        func.count().over().label("number"),
        func.sum(LearningRecord.minutes).over().label("all_minutes"),
    )
    .where(
        LearningRecord.person_id == bindparam("person"),
        LearningRecord.superseded_at.is_(None),
        LearningRecord.source.in_([literal_column(f"'{source}'") for source in RECORDED]),
        LearningRecord.on_date.between(bindparam("since"), bindparam("until")),
    )
    .order_by(LearningRecord.on_date.desc(), LearningRecord.id.desc())
    .limit(SHOWN)
)


@dataclass(frozen=True, slots=True)
class Learning:
    """How many records and minutes there are since the start, and the newest of them."""

    number: int
    minutes: int
    newest: Sequence[Row[Any]]


def since_the_start(tx: Tx, enrolment: Row[Any]) -> Learning | None:
    """For the learner, and for whoever may see what they have completed; None for everybody else who reads the portfolio."""
    if not policy.may(tx.actor, Can.READ_COMPLETIONS) or not policy.reaches(tx, Can.READ_COMPLETIONS, enrolment.person_id):
        return None
    rows = tx.rows(_SINCE, person=enrolment.person_id, since=enrolment.starts_on, until=min(enrolment.ends_on, tx.today))
    return Learning(rows[0].number if rows else 0, int(rows[0].all_minutes) if rows else 0, rows)
