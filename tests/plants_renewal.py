"""Planted violations of what must hold of registrations and their renewal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.core.db import FOREVER
from app.core.tx import Tx
from app.learning.models import LearningRecord
from app.learning.renewal_models import RenewalTick
from app.learning.renewal_rules import year_of
from app.people.models import Person, Registration
from tests.factory import LONG_AGO
from tests.plants import plants


def said(tx: Tx, status: str, **values: Any) -> int:
    """The register says something of somebody of the county, of whom nothing was known."""
    who = tx.scalar(select(Person.id).where(Person.registration_status.is_(None)).order_by(Person.id.desc()))
    fact = {"valid_from": LONG_AGO, "valid_to": FOREVER, "recorded_at": tx.now} | values
    tx.insert(Registration, person_id=who, status=status, **fact)
    assert who is not None
    return int(who)


@plants("registrations-apart")
def _(tx: Tx) -> None:
    who = said(tx, "registered")
    tx.insert(Registration, person_id=who, status="suspended", valid_from=tx.today, valid_to=FOREVER, recorded_at=tx.now)


@plants("register-in-step")
def _(tx: Tx) -> None:
    tx.update(Person, said(tx, "registered"), registration_status="suspended")


def ticked(tx: Tx, **values: Any) -> None:
    """Somebody of the county ticks something this year."""
    who = tx.scalar(select(Person.id).order_by(Person.id))
    row = dict(person_id=who, year=year_of(tx, tx.today).starts, step="form", with_peer=False, done_on=tx.today, recorded_at=tx.now)
    tx.insert(RenewalTick, **row | values)


@plants("pieces-ticked-are-ones-own")
def _(tx: Tx) -> None:
    row = tx.rows(select(LearningRecord.id, LearningRecord.person_id).where(LearningRecord.first_id.is_(None)))[-1]
    other = tx.scalar(select(Person.id).where(Person.id != row.person_id))
    ticked(tx, step="cpd", first_id=row.id, person_id=other)


@plants("ticks-belong-to-their-year")
def _(tx: Tx) -> None:
    ticked(tx, done_on=year_of(tx, tx.today).starts - timedelta(days=1))
