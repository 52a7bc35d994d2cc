"""Equity by stage of a call for applications, on a page and as a file: figures in which nobody can be made out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select
from starlette.responses import Response

from app.core.errors import NotFound
from app.core.tables_out import TYPES, Cell, table_bytes
from app.core.tx import Tx
from app.doors import Page, Pages
from app.equality import figures
from app.equality.figures import HIDDEN, Published
from app.policy import Can, require_for_host
from app.programmes.apprentice_models import Call
from app.programmes.cohort_pages import as_file
from app.programmes.operations import equity

pages = Pages()


@pages.get("/programme-calls/{call_id:int}/equity", can=Can.READ_EQUITY)
def show(tx: Tx, page: Page, call_id: int) -> Response:
    """The figures as they were published, or when they can be."""
    call = _call(tx, call_id)
    found = figures.published(tx, call_id)
    return page.render(
        "programmes/calls/equity.html",
        call=call,
        figures=found,
        why_not="" if found else equity.why_not(tx, call),
        steps=equity.STEPS,
        smallest=figures.SMALLEST,
        said="The figures are published. They will stay as they are." if page.query("said") == "published" else "",
    )


@pages.post("/programme-calls/{call_id:int}/equity", can=Can.READ_EQUITY, again=show)
def publish(tx: Tx, page: Page, call_id: int) -> Response:
    """Count once."""
    equity.publish(tx, call_id)
    return page.go(f"/programme-calls/{call_id}/equity", said="published")


@pages.get("/programme-calls/{call_id:int}/equity.{file_type}", can=Can.READ_EQUITY)
def take(tx: Tx, page: Page, call_id: int, file_type: str) -> Response:
    """The same table as a file."""
    call = _call(tx, call_id)
    found = figures.published(tx, call_id)
    if found is None or file_type not in TYPES:
        raise NotFound("There is nothing at this address.")
    page.took("equity.exported", "programme_calls", call=call_id, format=file_type)
    title = f"Equity by stage {call.title}"
    return as_file(file_type, title, table_bytes(file_type, title, ("Characteristic", "Group", *found.steps), _cells(found)), tx)


def _cells(found: Published) -> list[list[Cell]]:
    lines: list[list[Cell]] = [["All applicants", "All", *map(_cell, found.totals)]]
    return lines + [[title, line.title, *map(_cell, line.counts)] for title, group in found.tables for line in group]


def _cell(count: int | None) -> Cell:
    return HIDDEN if count is None else count


def _call(tx: Tx, call_id: int) -> Row[Any]:
    require_for_host(tx, Can.READ_EQUITY)
    call = tx.one(select(Call.__table__).where(Call.id == call_id, Call.state != "draft"))
    if call is None:
        raise NotFound("There is no call with that reference.", code="call-not-found")
    return call
