"""Planted violations of what must hold of registrations and their renewal."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.core.db import FOREVER
from app.core.tx import Tx
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
