"""Planted violations of what must hold of talent pools."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.core.db import FOREVER
from app.core.tx import Tx
from app.people.models import Person
from app.talent.models import TalentEntry, TalentJudgement, TalentLabel, TalentPool, TalentRead, TalentReadOf
from tests.plants import plants


def _people(tx: Tx) -> list[Any]:
    return list(tx.rows(select(Person.id, Person.organisation_id, Person.name).order_by(Person.id).limit(3)))


def _entry(tx: Tx) -> tuple[int, int, Any]:
    """A pool, somebody's entry in it, and the person."""
    person = _people(tx)[0]
    about = dict(organisation_id=person.organisation_id, critical=False, posts=1, depth_wanted=1, opened_at=tx.now)
    pool = tx.insert(TalentPool, title="Planted", **about)
    values = dict(entered_on=tx.today, entered_at=tx.now, left_on=FOREVER)
    return pool, tx.insert(TalentEntry, pool_id=pool, person_id=person.id, **values), person


def _judge(tx: Tx, entry: int, person: Any, label: dict[str, Any], **by: Any) -> None:
    words = dict(title="Ready now", position=1, verified=False, source="", ready_now=False)
    horizon = tx.insert(TalentLabel, **{"kind": "horizon", "code": "planted", "organisation_id": person.organisation_id} | words | label)
    said = dict(specialist=True, reasons="Because", recorded_at=tx.now, proposed_on=tx.today, state="confirmed", until=FOREVER)
    settled = dict(moderated_on=tx.today, moderated_at=tx.now, moderation="Yes")
    tx.insert(TalentJudgement, entry_id=entry, person_id=person.id, horizon_id=horizon, **said, **settled, **by)


def _read(tx: Tx, pool: int, **more: Any) -> int:
    reader = _people(tx)[1]
    about = dict(kind="view", reader_id=reader.id, reader=reader.name, filters={}, as_at=tx.today, known_at=tx.now, at=tx.now, people=0)
    return tx.insert(TalentRead, pool_id=pool, **about | more)


@plants("potential-is-judged-by-two")
def _(tx: Tx) -> None:
    _, entry, person = _entry(tx)
    other = _people(tx)[1].id
    _judge(tx, entry, person, {}, proposed_by=other, moderated_by=other)


@plants("judged-in-the-councils-words")
def _(tx: Tx) -> None:
    _, entry, person = _entry(tx)
    one, two = _people(tx)[1:]
    _judge(tx, entry, person, {"kind": "potential"}, proposed_by=one.id, moderated_by=two.id)


@plants("listed-by-agreement")
def _(tx: Tx) -> None:
    pool, _, person = _entry(tx)
    key = _read(tx, pool, people=1)
    tx.insert_many(TalentReadOf, [dict(read_id=key, person_id=person.id)])


@plants("reads-say-of-how-many")
def _(tx: Tx) -> None:
    _read(tx, _entry(tx)[0], people=7)
