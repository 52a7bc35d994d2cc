"""Behind a figure: a measure counted as at any date for the people one reaches, and who of them is counted and who is missing."""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.responses import Response

from app.core import forms
from app.core.errors import Invalid, NotFound
from app.core.forms import Problems
from app.core.listing import PageNumbers
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.measures import live, sets, shown, views, words
from app.measures.definitions import BREAKDOWNS, Measure
from app.measures.dimensions import Moment
from app.measures.pages import PATH, month_asked
from app.measures.shown import Cell
from app.policy import Can

pages = Pages()
FAR = 20  # years back that can be asked about


def day_asked(tx: Tx, page: Page) -> date:
    """The day in the three fields, today unless one was typed; what cannot be counted is said on the page, which then shows today."""
    typed = {name: page.query(name) for name in ("on", "on-month", "on-year")}
    if not any(typed.values()):
        return tx.today
    page.form, problems = typed, Problems()
    found = forms.day(typed, "on", "The day", problems)
    if found is not None and found > tx.today:
        problems.add("on", "The day must be today or in the past")
    elif found is not None and tx.today.year - found.year > FAR:
        problems.add("on", f"The day must be within {FAR} years from now")
    if problems.errors:
        page.problem = Invalid(problems.errors[0]["message"] + ".", errors=problems.errors)
        return tx.today
    return found or tx.today


def _day_fields(tx: Tx, on: date) -> dict[str, Any]:
    return {} if on == tx.today else {"on": on.day, "on-month": on.month, "on-year": on.year}


def _measure(tx: Tx, organisation_id: int, code: str) -> Measure:
    """The measure as it is defined now, by the set of the newest published month: one definition for whatever day is asked about."""
    month = views.published(tx, None)
    found = month.set if month else sets.in_force(tx, organisation_id, tx.today)[1]
    measure = found.measure(code)
    if measure is None:
        raise NotFound("There is no measure with that reference.", code="measure-not-found")
    live.require_countable(tx, measure)
    return measure


@pages.get(PATH + "/{code}/live", can=Can.READ_MEASURE_PEOPLE)
def now(tx: Tx, page: Page, code: str) -> Response:
    """Counted when asked, as at any day, as far as is recorded now; of the people in reach only."""
    organisation_id = shown.organisation(tx)
    on = day_asked(tx, page)
    measure = _measure(tx, organisation_id, code)
    found = live.count(tx, measure, organisation_id, Moment(on, tx.now))
    page.took("measures.counted", "measure_sets", measure=code, on=on.isoformat())
    cells = [Cell(code, each.breakdown, each.key, each.parent, each.level, each.title, each.num, each.den, None, False) for each in found]
    groups = [(BREAKDOWNS[key], _depths([cell for cell in cells if cell.breakdown == key])) for key in measure.breakdowns]
    return page.render(
        "measures/live.html",
        measure=measure,
        everybody=shown.reaches_all(tx, organisation_id, measure.counts),
        whole=cells[0],
        sentence=words.sentence(measure, cells[0], 0),
        groups=[(title, rows) for title, rows in groups if rows],
        figure=lambda cell: shown.figure(measure, cell),
        of=lambda cell: words.of(measure, cell),
        target=words.target(measure),
        met=words.met_words(measure, cells[0]),
        on=on,
        today=tx.today,
        symbols=words.SYMBOLS,
        people=url(f"{PATH}/{code}/people", live="yes", **_day_fields(tx, on)) if live.of_people(measure) else "",
        back=f"{PATH}/{code}",
    )


def _depths(cells: list[Cell]) -> list[tuple[Cell, int]]:
    """A tree's rows with how deep each stands; those whose parent is not there stand at the top."""
    depths: dict[str | None, int] = {}
    found = []
    for cell in cells:
        depths[cell.key] = depth = depths.get(cell.parent, -1) + 1
        found.append((cell, depth))
    return found


@pages.get(PATH + "/{code}/people", can=Can.READ_MEASURE_PEOPLE)
def people(tx: Tx, page: Page, code: str) -> Response:
    """Who is counted and who is missing, 25 a page, of the people in reach: of a published month as it was known then, or live."""
    organisation_id = shown.organisation(tx)
    asked: dict[str, Any]
    if page.query("live") == "yes":
        on = day_asked(tx, page)
        measure, moment = _measure(tx, organisation_id, code), Moment(on, tx.now)
        asked, back = {"live": "yes", **_day_fields(tx, on)}, url(f"{PATH}/{code}/live", **_day_fields(tx, on))
        month = None
    else:
        month = views.published(tx, month_asked(page))
        if month is None:
            raise NotFound("No month is published yet, so there is no figure to look behind.")
        measure, moment = views.measure_of(month, code), Moment(month.month, month.close.known_at)
        live.require_countable(tx, measure)
        asked = {} if month.month == month.months[0] else {"month": month.month.isoformat()}
        back = url(f"{PATH}/{code}", **asked)
    show = page.query("show") if page.query("show") in live.SHOWS else ""
    found, numbers = _page_of(tx, measure, organisation_id, moment, show, page.number("page"))
    page.took("measures.people-viewed", "measure_sets", measure=code, on=moment.as_at.isoformat(), show=show or None, page=numbers.number)
    return page.render(
        "measures/people.html",
        measure=measure,
        found=found,
        month=month,
        moment=moment,
        everybody=shown.reaches_all(tx, organisation_id, measure.counts),
        today=tx.today,
        show=show,
        shows=live.SHOWS,
        numbers=numbers,
        single=measure.unit in ("share", "count") and measure.scale == 1,
        amount=lambda count: words.amount(measure, count),
        narrowed=lambda key: url(f"{PATH}/{code}/people", **asked, show=key),
        link=lambda number: url(f"{PATH}/{code}/people", **asked, show=show, page=number),
        back=back,
    )


def _page_of(tx: Tx, measure: Measure, organisation_id: int, moment: Moment, show: str, number: int) -> tuple[live.Behind, PageNumbers]:
    size = PageNumbers(0).size
    wanted = max(number, 1)
    found = live.behind(tx, measure, organisation_id, moment, show=show, offset=(wanted - 1) * size, limit=size)
    numbers = PageNumbers({"": found.total, "counted": found.counted, "missing": found.missing}[show], number)
    if numbers.number != wanted:  # past the end: the last page
        found = live.behind(tx, measure, organisation_id, moment, show=show, offset=numbers.offset, limit=size)
    return found, numbers
