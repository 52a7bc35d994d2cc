"""How many children each case holder has had, month by month, as the case system would tell: counts, no names."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import and_, select

from app.core.db import Database
from app.core.facts import current
from app.core.tx import SYSTEM, Tx, transaction
from app.people.models import Person, Post, Unit
from app.supervision.models import Caseload
from seed.measure_sets import month_ends

MONTHS = 16  # the first month that is published looks three months back
COUNTED_ON = 25  # day of the month
MORE = 1.06  # children there were to each of them at first, against now


def count(database: Database, seed: int, moment: datetime) -> int:
    """Everybody's counts but of those whose counts came with their programme; returns how many."""
    with transaction(database, SYSTEM, writes=True, now=moment) as tx:
        chance, made = random.Random(f"children {seed}"), list[dict[str, Any]]()
        for n, month in enumerate(reversed(month_ends(moment.date(), MONTHS))):
            made += _of_month(tx, chance, month.replace(day=COUNTED_ON), MORE - (MORE - 1) * n / MONTHS)
        tx.insert_many(Caseload, made)
    return len(made)


def _of_month(tx: Tx, chance: random.Random, on: date, more: float) -> list[dict[str, Any]]:
    recorded_at = datetime.combine(on + timedelta(days=1), time(6), UTC)
    told = select(Caseload.person_id)
    held = (
        select(Person.id, Person.caseload)
        .join(Post, and_(Post.person_id == Person.id, Post.is_primary, current(Post, on)))
        .join(Unit, and_(Unit.id == Person.organisation_id, Unit.host))
        .where(Person.caseload.is_not(None), Person.id.not_in(told))
        .order_by(Person.id)
    )
    return [
        dict(
            person_id=row.id,
            on_date=on,
            children=max(1, round(row.caseload * more + chance.choice((-3, -2, -1, 0, 0, 0, 1, 2)))),
            source="case_system",
            recorded_at=recorded_at,
        )
        for row in tx.rows(held)
    ]
