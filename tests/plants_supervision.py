"""Planted violations of what must hold of supervision."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from app.core.db import FOREVER
from app.core.tx import Tx
from app.frameworks.models import SupervisionRule
from app.learning.models import LearningRecord
from app.people.models import Person, Unit
from app.supervision import operations
from app.supervision.action_models import SupervisionDefault
from app.supervision.models import Supervision, SupervisionPause, SupervisionTerm, Supervisor
from app.supervision.pdr_models import Pdr, PdrCycle, PdrEvent, PdrObjective
from tests.plants import plants
from tests.supervision.world import entries


def held(tx: Tx) -> Any:
    """A supervision that somebody recorded of themselves, with its person and supervisor."""
    person, by = (row.id for row in tx.rows(select(Person.id).order_by(Person.id).limit(2)))
    return tx.get(Supervision, entries(tx, person, by)["supervision_id"])


def twice(tx: Tx, table: Any, **values: Any) -> None:
    person = tx.scalar(select(Person.id).order_by(Person.id))
    for _ in range(2):
        tx.insert(table, person_id=person, valid_from=tx.today, valid_to=FOREVER, recorded_at=tx.now, **values)


@plants("supervision-terms-apart")
def _(tx: Tx) -> None:
    rule = tx.insert(SupervisionRule, code="SUP-X", version="1", title="X", definition={"periods": []}, state="published")
    twice(tx, SupervisionTerm, rule_id=rule, anchor=tx.today)


@plants("supervision-pauses-apart")
def _(tx: Tx) -> None:
    twice(tx, SupervisionPause)


@plants("supervisors-say-what-was-held")
def _(tx: Tx) -> None:
    tx.db.execute(update(Supervisor).where(Supervisor.supervision_id == held(tx).id).values(live=False))


@plants("supervision-counts-once")
def _(tx: Tx) -> None:
    row = held(tx)
    by = tx.one(select(Supervisor.__table__).where(Supervisor.supervision_id == row.id))
    assert by is not None
    again = tx.insert(Supervision, **{key: value for key, value in row._mapping.items() if key != "id"})
    tx.insert(Supervisor, **(by._asdict() | {"supervision_id": again}))


@plants("corrections-take-the-place")
def _(tx: Tx) -> None:
    row = held(tx)
    by = tx.one(select(Supervisor.__table__).where(Supervisor.supervision_id == row.id))
    assert by is not None
    day = row.held_on - timedelta(days=1)
    values = {key: value for key, value in row._mapping.items() if key != "id"} | {"held_on": day, "corrected_from": row.id}
    tx.insert(Supervisor, **(by._asdict() | {"supervision_id": tx.insert(Supervision, **values), "held_on": day}))


@plants("supervision-has-taken-place")
def _(tx: Tx) -> None:
    row, day = held(tx), tx.today + timedelta(days=2)
    tx.db.execute(update(Supervisor).where(Supervisor.supervision_id == row.id).values(held_on=day))
    tx.update(Supervision, row.id, held_on=day)


@plants("supervision-confirmed-by-another")
def _(tx: Tx) -> None:
    row = held(tx)
    tx.update(Supervision, row.id, confirmed_by=row.person_id, confirmed_at=tx.now)


@plants("supervision-is-learning-once")
def _(tx: Tx) -> None:
    row = held(tx)
    by = tx.scalar(select(Supervisor.person_id).where(Supervisor.supervision_id == row.id))
    key = operations.correct(tx, row.id, row.held_on, "reflective", 60, [int(by or 0)])
    tx.db.execute(update(LearningRecord).where(LearningRecord.source_key == row.id).values(minutes=61))
    assert key


@plants("supervision-knows-its-first")
def _(tx: Tx) -> None:
    row = held(tx)
    by = tx.scalar(select(Supervisor.person_id).where(Supervisor.supervision_id == row.id))
    tx.update(Supervision, operations.correct(tx, row.id, row.held_on, "case", 60, [int(by or 0)]), first_id=None)


@plants("development-entries-live-once")
def _(tx: Tx) -> None:
    held(tx)
    row = tx.get(PdrObjective, tx.scalar(select(PdrObjective.id)) or 0)
    tx.insert(PdrObjective, **{key: value for key, value in row._mapping.items() if key != "id"})


@plants("reviews-in-order")
def _(tx: Tx) -> None:
    held(tx)
    for kind, days in (("objectives", 1), ("complete", 3)):
        on_date = tx.today - timedelta(days=days)
        tx.insert(PdrEvent, pdr_id=tx.scalar(select(Pdr.id)), kind=kind, on_date=on_date, recorded_at=tx.now)


@plants("review-years-apart")
def _(tx: Tx) -> None:
    held(tx)
    row = tx.get(PdrCycle, tx.scalar(select(PdrCycle.id)) or 0)
    later = dict(starts_on=row.ends_on, ends_on=row.ends_on + timedelta(days=300))
    tx.insert(PdrCycle, **({key: value for key, value in row._mapping.items() if key != "id"} | later))


@plants("standing-rules-apart")
def _(tx: Tx) -> None:
    rule = tx.insert(SupervisionRule, code="SUP-X", version="1", title="X", definition={"periods": []}, state="published")
    unit = tx.scalar(select(Unit.id).order_by(Unit.id))
    for _ in range(2):
        tx.insert(SupervisionDefault, unit_id=unit, rule_id=rule, valid_from=tx.today, valid_to=FOREVER, recorded_at=tx.now)
