"""Planted violations of what must hold of steps of careers."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import insert, select

from app.core.tx import Tx
from app.pathways.models import Endorsement, EndorsementAsk, Progression, Step, StepVersion
from app.people.models import CareerStage, Person
from tests.plants import plants


def _step(tx: Tx) -> int:
    return tx.insert(Step, code="PLANTED", title="A step", kind="mandatory")


def _two(tx: Tx) -> tuple[int, int]:
    one, two = (row.id for row in tx.rows(select(Person.id).order_by(Person.id).limit(2)))
    return one, two


@plants("published-steps-can-be-met")
def _(tx: Tx) -> None:
    published = dict(state="published", published_at=tx.now, in_force_from=tx.today, number=1, title="A step")
    tx.insert(StepVersion, step_id=_step(tx), **published)


@plants("endorsements-answer-requests")
def _(tx: Tx) -> None:
    one, two = _two(tx)
    about = dict(person_id=one, step_id=_step(tx))
    given = tx.insert(Endorsement, **about, role="assessor", endorsed_by=two, on_date=tx.today, recorded_at=tx.now)
    asked = dict(asked_of=two, asked_by=one, asked_at=tx.now, state="given", settled_at=tx.now + timedelta(hours=1), endorsement_id=given)
    tx.insert(EndorsementAsk, **about, role="line manager", **asked)


@plants("progressions-by-the-order-of-stages")
def _(tx: Tx) -> None:
    there = {row.code for row in tx.rows(select(CareerStage.code))}
    for code, rank in (("LOWER", 1), ("UPPER", 2)):
        assert code not in there
        tx.db.execute(insert(CareerStage), dict(code=code, title=code, rank=rank, stage_group="planted"))
    moved = dict(person_id=_two(tx)[0], on_date=date(2026, 3, 1), from_stage="UPPER", to_stage="LOWER")
    tx.insert(Progression, **moved, mechanism="panel", kind="promotion", recorded_at=tx.now)
