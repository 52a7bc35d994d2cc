"""Planted violations of what must hold of learning records."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.core.tx import Tx
from app.learning.models import LearningRecord
from app.learning.record_models import RecordShare
from app.people.models import Person
from tests.plants import plants


def record(tx: Tx, **values: Any) -> int:
    """A record of the first person's own."""
    person = tx.scalar(select(Person.id).order_by(Person.id))
    own = dict(on_date=tx.today, minutes=30, bucket="social", title="Reading", source="own", activity="coaching", recorded_at=tx.now)
    return tx.insert(LearningRecord, **own | {"person_id": person} | values)


@plants("records-form-chains")
def _(tx: Tx) -> None:
    record(tx, first_id=record(tx, superseded_at=None))


@plants("records-count-once")
def _(tx: Tx) -> None:
    for _ in range(2):
        record(tx, source="mentoring", source_key=7)


@plants("reflections-hang-on-first-records")
def _(tx: Tx) -> None:
    first = record(tx, superseded_at=tx.now)
    later = record(tx, first_id=first)
    tx.insert(RecordShare, first_id=later, audience="manager", shared_at=tx.now)
