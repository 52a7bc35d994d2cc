"""Pages of measures: the three themes of a published month, and one measure with its definition, trend and breakdowns. And their files."""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.responses import Response

from app.core.calendar import month_and_year
from app.core.errors import NotFound
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.measures import exports, live, shown, views, words
from app.measures.definitions import THEMES, Measure
from app.measures.views import Published
from app.policy import Can

pages = Pages()
PATH = "/measures"


def month_asked(page: Page) -> date | None:
    """The month end in the address, none for the newest. NotFound for what is no day: another month's figures are not what was asked."""
    if not page.query("month"):
        return None
    try:
        return date.fromisoformat(page.query("month"))
    except ValueError:
        raise NotFound("There is no such month.", code="month-not-closed") from None


def _part(page: Page, offered: list[shown.Cell]) -> shown.Cell | None:
    """The part of the organisation asked for, none for all of it. NotFound for one that the month does not know."""
    key = page.query("part")
    found = next((cell for cell in offered if cell.key == key), None)
    if key and found is None:
        raise NotFound("There is no such part of the organisation in this month.", code="part-not-found")
    return found


def _choices(offered: list[shown.Cell]) -> list[tuple[str, str]]:
    """Parts to choose from, indented as the tree is."""
    depths: dict[str | None, int] = {None: -1}
    found = []
    for cell in offered:
        depths[cell.key] = depth = depths.get(cell.parent, -1) + 1
        if cell.level != "direct":
            found.append((cell.key, "\u2003" * depth + cell.title))
    return found


@pages.get(PATH, can=Can.READ_MEASURES)
def dashboard(tx: Tx, page: Page) -> Response:
    """Every measure of the month in a sentence, by theme."""
    month = views.published(tx, month_asked(page))
    if month is None:
        return page.render("measures/dashboard.html", month=None, themes=[])
    offered = views.parts(tx, month)
    part = _part(page, offered)
    lines = views.lines(tx, month, part.key if part else "")
    asked = {"month": None if month.month == month.months[0] else month.month.isoformat(), "part": part.key if part else None}
    only = page.query("theme") if page.query("theme") in THEMES else ""
    return page.render(
        "measures/dashboard.html",
        month=month,
        themes=views.themes(month.set, lines, only),
        only=only,
        all_themes=THEMES,
        part=part,
        parts=_choices(offered),
        months=views.month_choices(month.months),
        symbols=words.SYMBOLS,
        address=lambda code: url(f"{PATH}/{code}", **asked),
        file=lambda kind: url(f"{PATH}/table.{kind}", **asked),
    )


@pages.get(PATH + "/table.{file_type}", can=Can.READ_MEASURES)
def take_all(tx: Tx, page: Page, file_type: str) -> Response:
    """The month's figures as a file, with the definitions: as everybody may see them, whoever takes it."""
    month = _month(tx, page, file_type)
    part = _part(page, views.parts(tx, month)) if page.query("part") else None
    body = exports.dashboard(tx, month, file_type, part)
    page.took("measures.exported", "measure_closes", close=month.close.id, format=file_type, part=part.key if part else None)
    return exports.as_file(file_type, f"measures {month.month.isoformat()}{f' {part.title}' if part else ''}", body)


@pages.get(PATH + "/{code}/table.{file_type}", can=Can.READ_MEASURES)
def take_one(tx: Tx, page: Page, code: str, file_type: str) -> Response:
    """One measure as a file: every month and every breakdown, with its definition."""
    month = _month(tx, page, file_type)
    measure = views.measure_of(month, code)
    body = exports.measure(tx, month, measure, file_type)
    page.took("measures.exported", "measure_closes", close=month.close.id, format=file_type, measure=code)
    return exports.as_file(file_type, f"{measure.code} {month.month.isoformat()}", body)


def _month(tx: Tx, page: Page, file_type: str) -> Published:
    month = views.published(tx, month_asked(page)) if file_type in exports.TYPES else None
    if month is None:
        raise NotFound("There is nothing at this address.")
    return month


@pages.get(PATH + "/{code}", can=Can.READ_MEASURES)
def one(tx: Tx, page: Page, code: str) -> Response:
    """What a measure means, its figure, its months, its breakdowns."""
    month = views.published(tx, month_asked(page))
    if month is None:
        raise NotFound("No month is published yet, so there is no measure to show.")
    measure = views.measure_of(month, code)
    part = _part(page, views.parts(tx, month)) if page.query("part") else None
    part = part if "tree" in measure.breakdowns else None
    line = views.trend(tx, month, measure, part.key if part else "")
    newest = month.month == month.months[0]
    asked: dict[str, Any] = {"month": None if newest else month.month.isoformat()}
    people, opens = live.of_people(measure), countable(tx, page, measure)
    return page.render(
        "measures/measure.html",
        month=month,
        measure=measure,
        line=line,
        chart=views.line_chart(line),
        figure=lambda cell: shown.figure(measure, cell),
        of=lambda cell: words.of(measure, cell),
        why_hidden=words.why_hidden(measure, month.close.below),
        how_hidden=words.how_hidden(measure, month.close.below),
        unit=words.UNIT_WORDS[measure.unit],
        symbols=words.SYMBOLS,
        breakdowns=views.breakdowns(tx, month, measure, part.key if part else ""),
        part=part,
        months=views.month_choices(month.months),
        back=url(PATH, **asked),
        month_words=month_and_year,
        of_month=lambda day: url(f"{PATH}/{code}", month=day.isoformat(), part=part.key if part else None),
        address=lambda key: url(f"{PATH}/{code}", **asked, part=key),
        file=lambda kind: url(f"{PATH}/{code}/table.{kind}", **asked),
        people=url(f"{PATH}/{code}/people", **asked) if opens and people else "",
        live=url(f"{PATH}/{code}/live") if opens and (people or shown.reaches_all(tx, month.organisation_id, measure.counts)) else "",
    )


def countable(tx: Tx, page: Page, measure: Measure) -> bool:
    """May the reader look behind the figure at all, and is there anybody behind it?"""
    behind = measure.counts is not None and measure.small != "sensitive"
    return page.can("READ_MEASURE_PEOPLE") and behind and live.may_look(tx, measure)
