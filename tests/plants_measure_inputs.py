"""Planted violations of what must hold of figures from elsewhere."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from app.core.tx import Tx
from app.measures.input_models import MeasureImport, MeasureInput
from app.people.models import Unit
from tests.plants import plants


def _given(tx: Tx, **values: Any) -> int:
    """A figure of the council's, right but for `values`."""
    said = dict(measure="vacancies", month_end=date(2026, 1, 31), unit_id=None, num=5, den=None, source="HR", recorded_at=tx.now)
    return tx.insert(MeasureInput, **(said | dict(organisation_id=_council(tx)) | values))


def _council(tx: Tx) -> int:
    return int(tx.scalar(select(Unit.id).where(Unit.host.is_(True))))


def _part(tx: Tx) -> int:
    return int(tx.scalar(select(Unit.id).where(Unit.kind == "team").order_by(Unit.id).limit(1)))


@plants("figures-of-its-own-parts")
def _(tx: Tx) -> None:
    _given(tx, unit_id=_council(tx))


@plants("figures-once")
def _(tx: Tx) -> None:
    _given(tx, unit_id=_part(tx))
    _given(tx, unit_id=_part(tx), num=6)


@plants("figures-parts-fit-the-whole")
def _(tx: Tx) -> None:
    _given(tx)
    _given(tx, unit_id=_part(tx), num=6)


@plants("figures-from-applied-files")
def _(tx: Tx) -> None:
    times = dict(staged_at=tx.now, applied_at=tx.now - timedelta(hours=1), made={})
    _given(tx, import_id=tx.insert(MeasureImport, organisation_id=_council(tx), file_name="f.csv", rows=[], **times))
