"""Planted violations of what must hold of visits to settings, and of equity in figures."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select

from app.core.tx import Tx
from app.equality.models import Measured
from app.measures.settings_models import SettingKind, SettingVisit
from app.people import operations as people
from app.people.models import Unit
from tests.plants import plants


def _visit(tx: Tx, organisation_id: int, kind: str, **values: Any) -> int:
    return tx.insert(
        SettingVisit, organisation_id=organisation_id, kind=kind, on_date=tx.today, words="Planted", recorded_at=tx.now, **values
    )


def _setting(tx: Tx, code: str) -> int:
    return people.create_unit(tx, "organisation", f"Planted {code}", code)


@plants("one-visit-planned")
def _(tx: Tx) -> None:
    here = _setting(tx, "PL1")
    _visit(tx, here, "planned")
    _visit(tx, here, "planned")


@plants("visits-answer-what-they-can")
def _(tx: Tx) -> None:
    plan = _visit(tx, _setting(tx, "PL2"), "planned")
    _visit(tx, _setting(tx, "PL3"), "held", answers_id=plan)


@plants("visits-are-to-settings")
def _(tx: Tx) -> None:
    host = tx.scalar(select(Unit.id).where(Unit.host.is_(True)))
    tx.db.execute(insert(SettingKind), dict(organisation_id=host, kind="school", set_at=tx.now))


@plants("equity-knows-whom-it-counted")
def _(tx: Tx) -> None:
    tx.insert(Measured, key="planted", title="Planted", as_at=tx.today, taken_at=tx.now, below=6, told={"parts": []})
