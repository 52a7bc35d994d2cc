"""Planted violations of what must hold of published figures."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select

from app.core.tx import Tx
from app.measures.models import MeasureCell, MeasureSetRow, MonthClose
from app.people.models import Unit
from tests.plants import plants


def _close(tx: Tx, *months: date) -> int:
    here = tx.scalar(select(Unit.id).where(Unit.host.is_(True)))
    said = dict(organisation_id=here, code="planted", version=1, title="Planted", runs_from=date(2020, 1, 1), runs_until=None, content={})
    set_id = tx.insert(MeasureSetRow, **said, published_at=tx.now, published_by=None)
    known = dict(organisation_id=here, set_id=set_id, known_at=tx.now, closed_at=tx.now, closed_by=None, below=6)
    ids = [tx.insert(MonthClose, **known, month_end=month) for month in months or (date(2021, 1, 31),)]
    return ids[0]


def _cells(tx: Tx, *lines: tuple[str, str, str | None, int, int, bool]) -> None:
    """Breakdown, key, parent, numerator, denominator, and whether it is hidden."""
    close = _close(tx)
    rows: list[dict[str, Any]] = [
        dict(close_id=close, measure="planted", breakdown=breakdown, group_key=key, parent_key=parent, level="team", position=n, title=key)
        | dict(num=num, den=den, num_people=num, den_people=den, hidden=hidden)
        for n, (breakdown, key, parent, num, den, hidden) in enumerate(lines)
    ]
    tx.insert_many(MeasureCell, rows)


@plants("hidden-with-all-in-it")
def _(tx: Tx) -> None:
    parts = (("tree", "2", "1", 10, 20, False), ("tree", "3", "1", 10, 20, False))
    _cells(tx, ("all", "", None, 40, 80, False), ("tree", "1", None, 20, 40, True), *parts, ("tree", "4", None, 20, 40, True))


@plants("nothing-hidden-alone")
def _(tx: Tx) -> None:
    _cells(tx, ("all", "", None, 23, 60, False), ("stage", "a", None, 3, 20, True), ("stage", "b", None, 20, 40, False))


@plants("parts-add-up")
def _(tx: Tx) -> None:
    _cells(tx, ("all", "", None, 24, 60, False), ("stage", "a", None, 10, 20, False), ("stage", "b", None, 10, 40, False))


@plants("months-in-turn")
def _(tx: Tx) -> None:
    _close(tx, date(2021, 2, 28), date(2021, 1, 31))
