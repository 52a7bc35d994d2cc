"""Completions: people by course as a page and as a file, for those who answer for others' learning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.responses import Response

from app.core.errors import Conflict
from app.core.listing import BIGGEST_ID, PageNumbers
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.learning import matrix
from app.people import queries as people
from app.policy import Can

pages = Pages()
PATH, FILE = "/completions", "/completions.csv"


def _asked(page: Page) -> matrix.Asked:
    """What the address asks for; what is no number is not asked."""
    given = page.request.query_params
    courses = tuple(dict.fromkeys(key for key in map(_key, given.getlist("course")) if key))
    return matrix.Asked(courses[: matrix.MOST], _key(given.get("curriculum", "")), _key(given.get("unit", "")))


def _key(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 and 0 < int(text) <= BIGGEST_ID else None


def _query(asked: matrix.Asked) -> dict[str, Any]:
    """The address again; "none" keeps the page from opening with its curriculum."""
    return {
        "curriculum": asked.curriculum_id or (None if asked.courses else "none"),
        "course": list(asked.courses) or None,
        "unit": asked.unit_id,
    }


@pages.get(PATH, can=Can.EXPORT_COMPLETIONS)
def completions(tx: Tx, page: Page) -> Response:
    """People in reach by course, 25 a page."""
    asked, curricula = _asked(page), matrix.curricula(tx)
    opens_with = matrix.opening(curricula)
    if not asked.courses and "curriculum" not in page.request.query_params:
        asked = replace(asked, curriculum_id=opens_with)
    offered = matrix.offered(tx)
    courses = matrix.columns(asked, offered, curricula)
    parts = people.parts_of_organisation(tx)
    numbers = PageNumbers(matrix.how_many(tx, asked), page.number("page"))
    rows = matrix.people(tx, asked, limit=numbers.size, offset=numbers.offset)
    query = _query(asked)
    if rows:
        page.took("completions.viewed", "completions", rows=len(rows), page=numbers.number, **query)
    return page.render(
        "learning/completions.html",
        asked=asked,
        offered=offered,
        curricula=curricula,
        curriculum=next((row.title for row in curricula if row.id == asked.curriculum_id), ""),
        unit=dict(parts).get(asked.unit_id or 0, ""),
        parts=parts,
        courses=courses,
        rows=rows,
        grid=matrix.cells(tx, courses, rows),
        up_to_date=matrix.up_to_date(tx, asked, courses) if 0 < numbers.total <= matrix.MOST_COUNTED else {},
        counted=matrix.MOST_COUNTED,
        numbers=numbers,
        narrowed=asked != matrix.Asked(),
        file=url(FILE, **query),
        link=lambda number: url(PATH, **query, page=number),
    )


@pages.get(FILE, can=Can.EXPORT_COMPLETIONS)
def export(tx: Tx, page: Page) -> Response:
    """The same matrix, whole, as a CSV file. Who took it, and what they asked for, is in the audit trail before the file leaves."""
    asked = _asked(page)
    courses = matrix.columns(asked, matrix.offered(tx), matrix.curricula(tx) if asked.curriculum_id else ())
    rows = matrix.people(tx, asked, limit=matrix.MOST_PEOPLE + 1)
    if len(rows) > matrix.MOST_PEOPLE:
        raise Conflict(
            f"One file holds at most {matrix.MOST_PEOPLE:,} people, and this would be more.",
            code="too-many-people",
            way_out="Choose a part of the organisation first, and take a file for each.",
        )
    body = matrix.as_csv(tx, asked, courses, rows)
    page.took("completions.exported", "completions", rows=len(rows), courses=len(courses), **_query(asked))
    name = f"completions-{tx.today.isoformat()}.csv"
    return Response(body, media_type="text/csv; charset=utf-8", headers={"content-disposition": f'attachment; filename="{name}"'})
