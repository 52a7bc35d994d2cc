"""The dashboard and one measure as they are shown: published figures beside their definitions, for pages, files and REST."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app.core.calendar import month_and_year
from app.core.errors import NotFound
from app.core.text import plural
from app.core.tx import Tx
from app.measures import charts, shown, words
from app.measures.charts import Value
from app.measures.definitions import BREAKDOWNS, THEMES, Measure, MeasureSet
from app.measures.shown import HIDDEN, Cell

Points = list[tuple[date, Cell]]
INDENT = {"organisation": 0, "service": 0, "locality": 1, "team": 2}
MOST_ROWS = 200  # of the tree in one table; beyond it only what is directly below
EVER = 600  # months


@dataclass(frozen=True, slots=True)
class Asked:
    """Which month (none: the newest published) and which part of the organisation (none: all of it)."""

    month: date | None = None
    part: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One measure in a month: its figure in words, and how it came to be there."""

    measure: Measure
    cell: Cell | None  # None: nothing is published of it
    points: Points  # of the months up to this one, oldest first
    below: int

    @property
    def figure(self) -> str:
        return "–" if self.cell is None else shown.figure(self.measure, self.cell)

    @property
    def of(self) -> str:
        return "" if self.cell is None else words.of(self.measure, self.cell)

    @property
    def sentence(self) -> str:
        return words.sentence(self.measure, self.cell, self.below)

    @property
    def target(self) -> str:
        return words.target(self.measure)

    @property
    def met(self) -> tuple[str, str]:
        return words.met_words(self.measure, self.cell)

    @property
    def change(self) -> str:
        return words.change(self.measure, self.cell, self.points[-2] if len(self.points) > 1 else None)

    @property
    def spark(self) -> charts.Line:
        return charts.spark(drawn(self.measure, self.points), percent=percent(self.measure))


@dataclass(frozen=True, slots=True)
class Published:
    """A month of an organisation, with the set that counted then."""

    organisation_id: int
    months: list[date]  # all that are published, newest first
    close: Row[Any]
    set: MeasureSet

    @property
    def month(self) -> date:
        found: date = self.close.month_end
        return found


@dataclass(frozen=True, slots=True)
class Theme:
    """One of the strategy's themes: its success measures with the rows that answer each."""

    key: str
    title: str
    lines: list[Line]
    again: list[tuple[Line, str]]  # those that stand under an earlier theme already, with its title
    answers: list[tuple[str, list[Measure]]]

    @property
    def summary(self) -> str:
        """ "8 measures; 3 of 5 targets met; 1 hidden; 2 not given yet"."""
        mine = [*self.lines, *(line for line, _ in self.again)]
        judged = [line.met[0] for line in mine if line.met[0]]
        parts = [f"{judged.count('Target met')} of {len(judged)} targets met"] if judged else ["no target can be judged"]
        hidden = sum(line.cell is not None and line.cell.hidden for line in mine)
        missing = sum(line.cell is None for line in mine)
        parts.insert(0, plural(len(mine), "measure"))
        parts += [f"{hidden} hidden"] if hidden else []
        parts += [f"{missing} not given yet"] if missing else []
        return "; ".join(parts)


def published(tx: Tx, month: date | None) -> Published | None:
    """The month asked for, else the newest; None where no month is published at all. NotFound for one that is not."""
    organisation_id = shown.organisation(tx)
    months = shown.months(tx, organisation_id)
    if not months and month is None:
        return None
    close = shown.close(tx, organisation_id, month or months[0])
    return Published(organisation_id, months, close, shown.set_of(tx, close.set_id))


# The dashboard -------------------------------------------------------------------------------------------------------


def parts(tx: Tx, month: Published) -> list[Cell]:
    """Parts of the organisation as they stood in the month, in the order of the tree; of what is broken down by them."""
    measure = next((each for each in month.set.measures if "tree" in each.breakdowns and each.counts), None)
    return [] if measure is None else shown.cells(tx, month.close.id, month.organisation_id, measures=[measure.code], breakdowns=["tree"])


def lines(tx: Tx, month: Published, part: str = "", *, to_all: bool = False) -> list[Line]:
    """Every measure of the set, in its order; of a part those that are broken down by parts."""
    chosen = [measure for measure in month.set.measures if not part or "tree" in measure.breakdowns]
    where = ("tree", part) if part else ("all", "")
    found = shown.trends(
        *(tx, month.organisation_id, [measure.code for measure in chosen], month.month),
        breakdown=where[0],
        key=where[1],
        to_all=to_all,
    )
    return [_line(measure, found.get(measure.code, []), month) for measure in chosen]


def _line(measure: Measure, points: Points, month: Published) -> Line:
    now = points[-1][1] if points and points[-1][0] == month.month else None
    return Line(measure, now, points, month.close.below)


def themes(measures: MeasureSet, shown_lines: Sequence[Line], only: str = "") -> list[Theme]:
    """The lines under each of their themes, whole under the first. Every success measure of the strategy is there, with what answers it."""
    found: list[Theme] = []
    first: dict[str, str] = {}  # measure → the theme under which it is shown whole
    for key, title in THEMES.items():
        if only not in ("", key):
            continue
        mine = [line for line in shown_lines if key in line.measure.themes]
        whole = [line for line in mine if first.setdefault(line.measure.code, title) == title]
        again = [(line, first[line.measure.code]) for line in mine if first[line.measure.code] != title]
        listed = measures.success_measures.get(key, ())  # type: ignore[call-overload]
        of_theme = [measure for measure in measures.measures if key in measure.themes]
        answers = [(said, [measure for measure in of_theme if said in measure.answers]) for said in listed]
        found.append(Theme(key, title, whole, again, answers))
    return found


# One measure ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Group:
    """A row of a breakdown's table."""

    cell: Cell
    depth: int
    figure: str
    of: str


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A breakdown of a measure in the month: every row, and the chart of those at its top."""

    key: str
    title: str
    groups: list[Group]
    chart: charts.Bars
    shortened: bool  # only what is directly below is there


def measure_of(month: Published, code: str) -> Measure:
    """A measure of the month's set, or NotFound."""
    found = month.set.measure(code)
    if found is None:
        raise NotFound("There is no measure with that reference in this month’s set.", code="measure-not-found")
    return found


def breakdowns(tx: Tx, month: Published, measure: Measure, part: str = "") -> list[Breakdown]:
    """What the measure is broken down by, in the order of its definition. Of a part only the parts in it: nothing else is counted there."""
    wanted = [each for each in measure.breakdowns if not part or each == "tree"]
    if not wanted:
        return []
    cells = shown.cells(tx, month.close.id, month.organisation_id, measures=[measure.code], breakdowns=wanted)
    found = []
    for key in wanted:
        mine = [cell for cell in cells if cell.breakdown == key]
        if key == "tree":
            mine = inside(mine, part)
        if mine:
            found.append(_breakdown(measure, key, mine, part))
    return found


def inside(cells: Sequence[Cell], part: str) -> list[Cell]:
    """Those below a part; all of them where there is none."""
    if not part:
        return list(cells)
    within, found = {part}, []
    for cell in cells:  # parents stand before what is in them
        if cell.parent in within:
            within.add(cell.key)
            found.append(cell)
    return found


def _breakdown(measure: Measure, key: str, cells: list[Cell], part: str) -> Breakdown:
    top = [cell for cell in cells if cell.parent == (part or None)] if key == "tree" else cells
    rows = cells if len(cells) <= MOST_ROWS else top
    depths: dict[str | None, int] = {part or None: -1}
    groups = []
    for cell in rows:
        depths[cell.key] = depth = depths.get(cell.parent, -1) + 1 if key == "tree" else 0
        groups.append(Group(cell, depth, shown.figure(measure, cell), words.of(measure, cell)))
    titled = f"{measure.title}, by {BREAKDOWNS[key][:1].lower()}{BREAKDOWNS[key][1:]}"
    chart = charts.bars(
        titled,
        [(cell.title, value(measure, cell), words.of(measure, cell).replace(HIDDEN, "hidden")) for cell in top if _counts_anybody(cell)],
        percent=percent(measure),
        target=aim(measure),
    )
    return Breakdown(key, BREAKDOWNS[key], groups, chart, len(rows) < len(cells))


def _counts_anybody(cell: Cell) -> bool:
    """Is it worth a place in a chart? The table has the others."""
    return cell.hidden or bool(cell.num or cell.den)


def trend(tx: Tx, month: Published, measure: Measure, part: str = "", *, most: int = 13) -> Line:
    """The measure with its figure and the months before; of a part where one is asked for."""
    breakdown = "tree" if part else "all"
    points = shown.trend(tx, month.organisation_id, measure.code, month.month, breakdown=breakdown, key=part, most=most)
    return _line(measure, points, month)


def line_chart(line: Line) -> charts.Line:
    """The line of a measure's months."""
    measure = line.measure
    title = f"{measure.title}, month by month"
    return charts.line(
        title, drawn(measure, line.points), percent=percent(measure), unit=words.UNITS[measure.unit], target=aim(measure, line.cell)
    )


# Figures to draw -----------------------------------------------------------------------------------------------------


def value(measure: Measure, cell: Cell) -> Value:
    """A figure as a chart takes it."""
    size = None if cell.hidden or cell.num is None else shown.value(measure, cell.num, cell.den or 0)
    return Value(size, shown.figure(measure, cell))


def drawn(measure: Measure, points: Points) -> list[tuple[date, Value]]:
    """Months as a chart takes them."""
    return [(day, value(measure, cell)) for day, cell in points]


def percent(measure: Measure) -> bool:
    """Does its scale end at 100? Of a share; a rate is small as a rule."""
    return measure.unit == "share"


def aim(measure: Measure, cell: Cell | None = None) -> Any:
    """The target as a chart takes it. A plain number's target is the whole organisation's: parts are not drawn against it."""
    if measure.target is None or (measure.unit == "count" and (cell is None or cell.breakdown != "all")):
        return None
    return Decimal(str(measure.target.value)), f"{words.plain(measure.target.value)}{words.UNITS[measure.unit]}"


def month_choices(months: Sequence[date]) -> list[tuple[str, str]]:
    """Published months to choose from."""
    return [(month.isoformat(), month_and_year(month)) for month in months]
