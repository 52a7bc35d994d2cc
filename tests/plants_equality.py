"""Planted violations of what must hold of equality information, and of reminders about required training."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert, select

from app.core.db import FOREVER
from app.core.tx import Tx
from app.equality.models import Answer, Objection
from app.pathways.chase_models import Chase
from app.people.models import Person
from tests.plants import plants


@plants("nothing-held-of-who-objects")
def _(tx: Tx) -> None:
    who = tx.scalar(select(Person.id).limit(1))
    tx.db.execute(insert(Objection), dict(person_id=who, since=tx.now))
    tx.db.execute(insert(Answer), dict(person_id=who, characteristic="sex", option="01", given_on=tx.today))


@plants("reminders-in-order")
def _(tx: Tx) -> None:
    who = tx.scalar(select(Person.id).limit(1))
    before = tx.now - timedelta(days=1)
    tx.insert(Chase, person_id=who, what="course 1", kind="missing", until=FOREVER, told_at=tx.now, told_above_at=before)
