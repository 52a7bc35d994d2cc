"""Planted violations of what must hold of learning together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update

from app.core.tx import Tx
from app.learning.models import LearningRecord
from app.mentoring.models import LearningSet, Meeting, MeetingPerson, Pairing, SetMember
from app.people.models import Person
from tests.mentoring.world import together
from tests.plants import plants


def met(tx: Tx) -> dict[str, Any]:
    """Two people who have met, and a set of one of them."""
    one, two = (row.id for row in tx.rows(select(Person.id).order_by(Person.id).limit(2)))
    return together(tx, one, two, "Somebody")


@plants("meetings-count-for-those-there")
def _(tx: Tx) -> None:
    met(tx)
    tx.db.execute(update(LearningRecord).where(LearningRecord.source == "mentoring").values(minutes=1))


@plants("meetings-corrected-in-a-chain")
def _(tx: Tx) -> None:
    key = met(tx)["meeting_id"]
    row = tx.get(Meeting, key)
    values = row._asdict() | {"held_on": row.held_on - timedelta(days=1), "corrected_from": key, "first_id": key}
    del values["id"]
    new = tx.insert(Meeting, **values)
    for person in (each.person_id for each in tx.rows(select(MeetingPerson.person_id).where(MeetingPerson.meeting_id == key))):
        tx.insert_many(MeetingPerson, [dict(meeting_id=new, person_id=person)])
    tx.db.execute(update(LearningRecord).where(LearningRecord.source_key == key).values(on_date=values["held_on"]))


@plants("meetings-of-pairs")
def _(tx: Tx) -> None:
    tx.update(Pairing, met(tx)["pairing_id"], since=tx.today)


@plants("sets-have-room")
def _(tx: Tx) -> None:
    key = met(tx)["learning_set"]
    tx.db.execute(delete(SetMember).where(SetMember.set_id == key))
    assert tx.get(LearningSet, key).ended_on is None


@plants("meetings-have-taken-place")
def _(tx: Tx) -> None:
    key, day = met(tx)["meeting_id"], tx.today + timedelta(days=2)
    tx.update(Meeting, key, held_on=day)
    tx.db.execute(update(LearningRecord).where(LearningRecord.source_key == key).values(on_date=day))
