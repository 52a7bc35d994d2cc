"""Actions agreed in supervision: one person's with their words, and counts of many without."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Date, Row, Select, and_, bindparam, case, func, select

from app.core.db import Key
from app.core.tx import Tx
from app.supervision.action_models import SupervisionAction as Action

OPEN = and_(Action.superseded_at.is_(None), Action.ended.is_(None))
_TODAY: Any = bindparam("today", type_=Date)
_OF = (
    select(Action.__table__)
    .where(Action.person_id == bindparam("person", type_=Key), Action.superseded_at.is_(None))
    .order_by(Action.ended.is_not(None), Action.by_date.is_(None), Action.by_date, Action.number)
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one person's actions: how many are open, how many of these are overdue, and how many there are with the closed ones."""

    open: int
    overdue: int
    agreed: int

    @property
    def closed(self) -> int:
        """Done, or no longer needed."""
        return self.agreed - self.open


def actions(tx: Tx, person_id: int) -> Sequence[Row[Any]]:
    """Live actions, the open ones by when they are due before the closed ones. Words: only for those who may record supervision."""
    return tx.rows(_OF, person=person_id)


def counts(tx: Tx, whom: Collection[int] | Select[Any], since: date) -> dict[int, Counts]:
    """By person: the actions that are open, whenever they were agreed, and those that were agreed on or after `since`. No words."""
    is_open = Action.ended.is_(None)
    late = and_(is_open, Action.by_date < tx.today)
    asked = (
        select(
            Action.person_id,
            func.sum(case((is_open, 1), else_=0)).label("open"),
            func.sum(case((late, 1), else_=0)).label("overdue"),
            func.count().label("agreed"),
        )
        .where(Action.person_id.in_(whom), Action.superseded_at.is_(None), (Action.agreed_on >= since) | is_open)
        .group_by(Action.person_id)
    )
    return {row.person_id: Counts(int(row.open), int(row.overdue), int(row.agreed)) for row in tx.rows(asked)}


# For the first page: how many of the reader's own are overdue, the longest since when.
OVERDUE = (Action.person_id == bindparam("me", type_=Key), Action.whose == "person", OPEN, Action.by_date < _TODAY)
