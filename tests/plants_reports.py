"""Planted violations of what must hold of the board's reports."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from app.core.tx import Tx
from app.measures.models import MeasureSetRow, MonthClose
from app.people.models import Person, Unit
from app.reports.models import BoardReport
from tests.plants import plants


def _close(tx: Tx) -> tuple[int, int]:
    """(organisation, closed month), invented."""
    unit = int(tx.scalar(select(Unit.id).where(Unit.kind == "organisation").order_by(Unit.id).limit(1)))
    its: dict[str, Any] = dict(organisation_id=unit, code="planted", version=1, title="P", runs_from=date(2020, 1, 1), content={})
    set_id = tx.insert(MeasureSetRow, **its, published_at=tx.now)
    return unit, tx.insert(
        MonthClose, organisation_id=unit, set_id=set_id, month_end=date(2021, 1, 31), known_at=tx.now, closed_at=tx.now, below=6
    )


def _report(tx: Tx, organisation: int, close: int, **more: Any) -> int:
    values: dict[str, Any] = dict(organisation_id=organisation, kind="board", close_id=close, number=1, state="draft", created_at=tx.now)
    return tx.insert(BoardReport, **{**values, **more})


def _signed(tx: Tx, at: Any = None) -> dict[str, Any]:
    who = tx.scalar(select(Person.id).order_by(Person.id).limit(1))
    digests = dict.fromkeys(("content_sha256", "page_sha256", "pdf_sha256", "workbook_sha256"), "0" * 64)
    return dict(state="signed", signed_at=at or tx.now, signed_by=who, content="{}", page="", **digests)


@plants("signed-reports-have-their-files")
def _(tx: Tx) -> None:
    _report(tx, *_close(tx), **_signed(tx))


@plants("reports-replace-signed-ones")
def _(tx: Tx) -> None:
    organisation, close = _close(tx)
    draft = _report(tx, organisation, close)
    _report(tx, organisation, close, number=2, replaces_id=draft, why="Planted")


@plants("reports-of-closed-months")
def _(tx: Tx) -> None:
    _report(tx, *_close(tx), **_signed(tx, tx.now - timedelta(days=1)))
