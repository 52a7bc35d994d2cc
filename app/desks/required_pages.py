"""Required training, and any step: people by requirement as a page and as a file, for those who answer for others' learning."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from app.core.errors import Conflict, NotFound
from app.core.listing import BIGGEST_ID, PageNumbers
from app.core.tables_out import TYPES, table_bytes
from app.core.tx import Tx
from app.core.web import url
from app.desks import required
from app.doors import Page, Pages
from app.pathways.pages import day_asked
from app.people import queries as people
from app.policy import Can
from app.programmes.cohort_pages import as_file

pages = Pages()
PATH = "/required-training"


def _asked(tx: Tx, page: Page) -> required.Asked:
    unit = page.query("unit")
    key = int(unit) if unit.isascii() and unit.isdigit() and len(unit) <= 16 and 0 < int(unit) <= BIGGEST_ID else None
    show = page.query("show")
    return required.Asked(day_asked(tx, page), page.query("step"), key, show if show in required.SHOWS else "")


def _query(asked: required.Asked, tx: Tx) -> dict[str, Any]:
    """The address again."""
    day = {} if asked.on == tx.today else {"on": asked.on.day, "on-month": asked.on.month, "on-year": asked.on.year}
    return {"step": asked.step or None, "unit": asked.unit_id, "show": asked.show or None, **day}


@pages.get(PATH, can=Can.READ_REQUIRED)
def show(tx: Tx, page: Page) -> Response:
    """Everybody in reach by what is required of them, 25 a page."""
    asked = _asked(tx, page)
    offered = required.steps(tx, asked.on)
    try:
        found, too_many = required.table(tx, asked, offered), None
    except Conflict as refused:
        found, too_many = None, refused
    query = _query(asked, tx)
    numbers = PageNumbers(len(found.rows) if found else 0, page.number("page"))
    rows = found.rows[numbers.offset : numbers.offset + numbers.size] if found else []
    if rows:
        page.took("required.viewed", "pathway_steps", rows=len(rows), page=numbers.number, **query)
    parts = people.parts_of_organisation(tx)
    return page.render(
        "desks/required.html",
        asked=asked,
        offered=offered,
        chosen=next((version for version in offered if version.code == asked.step), None),
        found=found,
        too_many=too_many,
        rows=rows,
        numbers=numbers,
        parts=parts,
        unit=dict(parts).get(asked.unit_id or 0, ""),
        shows=required.SHOWS,
        today=tx.today,
        file=lambda kind: url(f"{PATH}/table.{kind}", **query),
        narrowed=lambda show: url(PATH, **(query | {"show": show or None})),
        link=lambda number: url(PATH, **query, page=number),
    )


@pages.get(PATH + "/table.{file_type}", can=Can.READ_REQUIRED)
def take(tx: Tx, page: Page, file_type: str) -> Response:
    """The same table, whole, as it looks on the page. Who took it is in the audit trail before the file leaves."""
    if file_type not in TYPES:
        raise NotFound("There is nothing at this address.")
    asked = _asked(tx, page)
    found = required.table(tx, asked, required.steps(tx, asked.on))
    page.took("required.exported", "pathway_steps", rows=len(found.rows), format=file_type, **_query(asked, tx))
    title = f"{asked.step or 'Required training'} as at {asked.on.isoformat()}"
    body = table_bytes(file_type, title, required.heads(found), required.lines(found), shades=required.SHADES)
    return as_file(file_type, title, body, tx)
