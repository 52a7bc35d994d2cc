"""The feed of changes: numbers are given here, to what is committed, by one writer at a time (docs/api.md).

Numbers that operations took themselves would be committed in another order than they were taken, and a reader who had seen 12 would never
learn of 11. So a job compares what other systems are told of each enrolment with what it was when it was numbered last, and gives those
that differ the next numbers. Whoever has read up to a number has missed nothing: what changes afterwards gets a greater one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, func, select, text, update

from app.core.db import is_postgresql
from app.core.tx import Tx
from app.programmes.models import Enrolment, Fed, StageRecord

LOCK = 20261108  # of this job alone: two workers take turns
_stages = (
    select(
        StageRecord.enrolment_id,
        func.sum(case((StageRecord.state == "complete", 1), else_=0)).label("complete"),
        func.sum(case((StageRecord.state == "open", 1), else_=0)).label("open"),
        func.max(StageRecord.held_on).label("held_on"),
        func.max(StageRecord.completed_at).label("completed_at"),
    )
    .group_by(StageRecord.enrolment_id)
    .subquery()
)
_NOW = (
    select(Enrolment.id, Enrolment.status, Enrolment.outcome, Enrolment.plan_number, Enrolment.starts_on, Enrolment.ends_on)
    .add_columns(Enrolment.cohort_id, Enrolment.fte, Enrolment.grant_ok, Enrolment.version)
    .add_columns(_stages.c.complete, _stages.c.open, _stages.c.held_on, _stages.c.completed_at, Fed.facts)
    .outerjoin(_stages, _stages.c.enrolment_id == Enrolment.id)
    .outerjoin(Fed, Fed.enrolment_id == Enrolment.id)
    .order_by(Enrolment.id)
)
_LAST = select(func.coalesce(func.max(Fed.number), 0))
_MOVE = (
    update(Fed.__table__)
    .where(Fed.__table__.c.enrolment_id == bindparam("key"))
    .values(number=bindparam("place"), facts=bindparam("said"), changed_at=bindparam("at"))
)


def fingerprint(row: Row[Any]) -> str:
    """What other systems are told of an enrolment, as one text to compare; nothing that anybody wrote is in it."""
    its = (row.status, row.outcome, row.plan_number, row.starts_on, row.ends_on, row.cohort_id, f"{row.fte:g}", row.grant_ok, row.version)
    return "|".join(str(one) for one in (*its, row.complete, row.open, row.held_on, row.completed_at))


def run(tx: Tx, _now: datetime) -> None:
    """The job."""
    number(tx)


def number(tx: Tx) -> int:
    """Give the next numbers to what has changed since it was numbered last; returns how many got one."""
    if is_postgresql(tx.db):
        tx.db.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))  # what is read below is read after its turn has come
    changed = [(row, said) for row in tx.rows(_NOW) if (said := fingerprint(row)) != row.facts]
    if not changed:
        return 0
    place = int(tx.scalar(_LAST))
    fresh, moved = [], []
    for row, said in changed:
        place += 1
        if row.facts is None:
            fresh.append(dict(enrolment_id=row.id, number=place, facts=said, changed_at=tx.now))
        else:
            moved.append(dict(key=row.id, place=place, said=said, at=tx.now))
    tx.insert_many(Fed, fresh)
    if moved:
        tx.db.execute(_MOVE, moved)
    return len(changed)
