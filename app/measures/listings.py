"""Measures for other systems: published figures with their definitions, as everybody may see them."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.core.errors import NotFound
from app.core.listing import Closed, Day, DayOut, InstantOut, ListQuery, after, cursor
from app.core.tx import Tx
from app.measures import exports, shown, views, words
from app.measures.definitions import Breakdown, Measure, Theme
from app.measures.shown import Cell
from app.measures.views import Published


class MeasuresQuery(ListQuery):
    """Which measures, and of which month."""

    as_at: Day | None = Field(None, description="The last day of a published month; the newest unless it is given.")
    theme: Theme | None = Field(None, description="Only those of this theme of the strategy.")


class MeasureQuery(Closed):
    """Of which month, and how many months before it."""

    as_at: Day | None = Field(None, description="The last day of a published month; the newest unless it is given.")
    breakdown: Breakdown | None = Field(None, description="Only this breakdown.")


class FigureOut(BaseModel):
    """A figure; `symbol` says why there is none."""

    figure: float | None = Field(description="In the measure's unit: per cent of a share or rate.")
    numerator: float | None
    denominator: float | None = Field(description="Null of a plain number too.")
    symbol: Literal["c", "z"] | None = Field(description="c: hidden; z: nobody to count; null with no figure: none was given.")


class MeasureItemOut(FigureOut):
    """A measure with its figure for the whole organisation."""

    code: str
    title: str
    themes: list[Theme]
    answers: list[str] = Field(description="The strategy's success measures that it is a row of.")
    unit: Literal["share", "rate", "average", "count", "score"]
    better: Literal["higher", "lower", "neither"]
    target: float | None = Field(description="In the measure's unit.")
    target_met: bool | None = Field(description="Null: there is no target, no direction, or no figure.")
    numerator_is: str
    denominator_is: str | None
    exclusions: str
    source: str
    owner: str
    imported: bool = Field(description="Given as one figure by another system; else counted here.")
    small_numbers: str = Field(description="How small numbers are treated.")
    local_variant: bool
    unverified: bool = Field(description="Rests on a definition that nobody has confirmed.")


class MonthOut(BaseModel):
    """Which publication figures are of."""

    as_at: DayOut
    known_at: InstantOut = Field(description="What had been recorded by this instant is counted.")
    measure_set: str
    measure_set_version: int


class MeasuresOut(MonthOut):
    """One reply of the list."""

    months: list[DayOut] = Field(description="All published months, newest first.")
    items: list[MeasureItemOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


class GroupOut(FigureOut):
    """The figure of one group of a breakdown."""

    breakdown: Breakdown
    key: str = Field(description="Id of a unit, followed by - for those who are directly in it; code of a stage; a contract.")
    part_of: str | None = Field(description="Key of the group that it is part of.")
    level: str
    title: str


class TrendOut(FigureOut):
    """The whole organisation's figure of one month."""

    as_at: DayOut


class MeasureOut(MonthOut):
    """One measure."""

    measure: MeasureItemOut
    groups: list[GroupOut]
    trend: list[TrendOut] = Field(description="Up to thirteen published months, oldest first.")


def measures(tx: Tx, query: MeasuresQuery) -> dict[str, Any]:
    """One reply of the list, in the order of the set. NotFound for a month that is not published."""
    month = _published(tx, query.as_at)
    start = after("measures", query)
    lines = list(enumerate(views.lines(tx, month, to_all=True), 1))
    wanted = [(place, line) for place, line in lines if place > start and (query.theme is None or query.theme in line.measure.themes)]
    page = wanted[: query.limit]
    following = cursor("measures", query, page[-1][0]) if len(wanted) > len(page) else None
    items = [_item(month, line.measure, line.cell) for _, line in page]
    return {**_month(month), "months": [day.isoformat() for day in month.months], "items": items, "next": following}


def measure(tx: Tx, code: str, query: MeasureQuery) -> dict[str, Any]:
    """One measure of a month. NotFound for one that is not in the set."""
    month = _published(tx, query.as_at)
    one = views.measure_of(month, code)
    wanted = [each for each in one.breakdowns if query.breakdown in (None, each)]
    groups = shown.cells(tx, month.close.id, month.organisation_id, measures=[code], breakdowns=wanted, to_all=True) if wanted else []
    trend = shown.trend(tx, month.organisation_id, code, month.month, to_all=True)
    now = trend[-1][1] if trend and trend[-1][0] == month.month else None
    return {
        **_month(month),
        "measure": _item(month, one, now),
        "groups": [
            {"breakdown": cell.breakdown, "key": cell.key, "part_of": cell.parent, "level": cell.level, "title": cell.title}
            | exports.figure_of(one, cell)
            for cell in groups
        ],
        "trend": [{"as_at": day.isoformat(), **exports.figure_of(one, cell)} for day, cell in trend],
    }


def _published(tx: Tx, as_at: date | None) -> Published:
    found = views.published(tx, as_at)
    if found is None:
        raise NotFound("No month is published yet.", code="month-not-closed")
    return found


def _item(month: Published, one: Measure, cell: Cell | None) -> dict[str, Any]:
    return exports.definition(one, month.close.below) | exports.figure_of(one, cell) | {"target_met": words.met(one, cell)}


def _month(month: Published) -> dict[str, Any]:
    return {
        "as_at": month.month.isoformat(),
        "known_at": month.close.known_at,
        "measure_set": month.set.code,
        "measure_set_version": month.set.version,
    }
