"""Planted violations of what must hold of those who leave."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from app.core.db import FOREVER
from app.core.tx import Tx
from app.hr.directory_models import Departure, DepartureEffect, LeaverRun
from app.people.models import Person, RoleHeld
from tests.factory import LONG_AGO
from tests.plants import plants


def departed(tx: Tx, state: str, **values: object) -> int:
    """Somebody of the county with a departure in this state; their last day was a month ago."""
    who = tx.scalar(select(Person.id).where(Person.leaving_on.is_(None)).order_by(Person.id.desc()))
    long_ago, last_day = tx.now - timedelta(days=40), tx.today - timedelta(days=30)
    return tx.insert(Departure, person_id=who, source="page", asked_at=long_ago, **{"state": state, "last_day": last_day, **values})


@plants("nothing-held-by-those-who-left")
def _(tx: Tx) -> None:
    key = departed(tx, "done", done_at=tx.now)
    row = tx.get(Departure, key)
    tx.update(Person, row.person_id, leaving_on=row.last_day)
    role = dict(person_id=row.person_id, role="coordinator", unit_id=None, valid_from=LONG_AGO, valid_to=FOREVER)
    tx.insert(RoleHeld, **role, recorded_at=tx.now - timedelta(days=50))


@plants("departures-have-their-day")
def _(tx: Tx) -> None:
    row = tx.get(Departure, departed(tx, "due"))
    tx.update(Person, row.person_id, updated_at=tx.now - timedelta(days=1))


@plants("effects-of-what-came-to-pass")
def _(tx: Tx) -> None:
    key = departed(tx, "waiting", last_day=None)
    tx.insert(DepartureEffect, departure_id=key, kind="account", subject="accounts", subject_id=1, before={})


@plants("held-runs-wait")
def _(tx: Tx) -> None:
    organisation = tx.scalar(select(Person.organisation_id).limit(1))
    tx.insert(LeaverRun, organisation_id=organisation, source="import:1", started_at=tx.now, employed=9, state="held")
