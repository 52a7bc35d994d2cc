"""Where the lines and bars of a chart stand. Templates (`_ui/charts.html`) draw them; here is only arithmetic and what is read out.

Every chart is labelled directly, readable in grey, says in words what it shows, and has its table beneath it on the page. What is hidden is
a gap with its symbol, never a length from which it could be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from app.core.calendar import MONTHS, month_and_year
from app.core.text import shorten

WIDTH = 340  # of every large chart, in its own units: about as many pixels as a phone has
LEFT, RIGHT, TOP, BOTTOM, HEIGHT = 44, 10, 24, 26, 190
BAR_HEIGHT, MOST_BARS = 46, 12
SPARK = (120, 32)
LETTERS = 44  # of a bar's words that fit


@dataclass(frozen=True, slots=True)
class Value:
    """A figure to be drawn: its size, None where it is hidden or there is none, and how it is said ("85%", "c")."""

    size: Decimal | None
    said: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something at a place in the chart."""

    x: float
    y: float
    said: str
    anchor: str = "middle"


@dataclass(slots=True)
class Line:
    """A figure month by month."""

    words: str  # what a screen reader says
    height: int = HEIGHT
    runs: list[str] = field(default_factory=list)  # points of unbroken lines
    dots: list[Mark] = field(default_factory=list)
    labels: list[Mark] = field(default_factory=list)  # of the first, the last and the lone
    gaps: list[Mark] = field(default_factory=list)  # symbols where nothing may be drawn
    months: list[Mark] = field(default_factory=list)
    levels: list[Mark] = field(default_factory=list)  # the scale: its lines with their numbers
    target: Mark | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """One group: its words above, its length; no length where it is hidden."""

    top: int
    words: str
    width: float | None


@dataclass(slots=True)
class Bars:
    """Groups beside each other."""

    words: str
    height: int
    bars: list[Bar]
    target: Mark | None = None


def top_of(values: Sequence[Decimal | None], percent: bool) -> Decimal:
    """Where the scale ends: 100 for shares of more than a half, else the next round number above the largest."""
    known = [value for value in values if value is not None]
    largest = max(known, default=Decimal(0))
    if percent and 50 < largest <= 100:
        return Decimal(100)
    if largest <= 0:
        return Decimal(1)
    power = Decimal(10) ** largest.adjusted()
    return next(step * power for step in (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10)) if step * power >= largest)


def line(title: str, points: Sequence[tuple[date, Value]], *, percent: bool, unit: str, target: tuple[Decimal, str] | None = None) -> Line:
    """A chart of `points`, oldest first, each a month; months without a point stay empty. `unit`: what follows the numbers of the scale."""
    made = Line(_line_words(title, points))
    if not points:
        return made
    top = top_of([value.size for _, value in points] + [target[0] if target else None], percent)
    first, last = _month(points[0][0]), _month(points[-1][0])
    bottom, wide = HEIGHT - BOTTOM, WIDTH - LEFT - RIGHT

    def across(day: date) -> float:
        return round(LEFT + wide * ((_month(day) - first) / (last - first) if last > first else 0.5), 1)

    def up(size: Decimal) -> float:
        return round(bottom - float(size / top) * (bottom - TOP), 1)

    run: list[str] = []
    previous: int | None = None
    for day, value in points:
        if value.size is None:
            made.gaps.append(Mark(across(day), bottom - 4, value.said))
        if value.size is None or (previous is not None and _month(day) != previous + 1):
            _finish(made.runs, run)
            run = []
        if value.size is not None:
            made.dots.append(Mark(across(day), up(value.size), value.said))
            run.append(f"{across(day)},{up(value.size)}")
        previous = _month(day)
    _finish(made.runs, run)
    made.labels = _labels(made.dots)
    ends = [points[0][0], points[-1][0]] if last > first else [points[0][0]]
    for day, anchor in zip(ends, ("start", "end") if len(ends) > 1 else ("middle",), strict=True):
        made.months.append(Mark(across(day), HEIGHT - 6, f"{MONTHS[day.month - 1][:3]} {day.year}", anchor))
    made.levels = [Mark(LEFT - 6, up(level), f"{level.normalize():f}{unit}", "end") for level in (Decimal(0), top)]
    if target:
        made.target = Mark(LEFT + wide / 2, up(target[0]), f"Target {target[1]}")
    return made


def bars(title: str, groups: Sequence[tuple[str, Value, str]], *, percent: bool, target: tuple[Decimal, str] | None = None) -> Bars:
    """A chart of groups: (name, figure, what follows it in brackets). At most MOST_BARS are drawn; the table has all."""
    drawn = groups[:MOST_BARS]
    top = top_of([value.size for _, value, _ in drawn] + [target[0] if target else None], percent)
    made = Bars(_bar_words(title, drawn), BAR_HEIGHT * len(drawn) + (16 if target else 0), [])
    for number, (name, value, more) in enumerate(drawn):
        width = None if value.size is None else round(float(value.size / top) * WIDTH, 1)
        after = f": {value.said}"
        if more and len(name) + len(after) + len(more) + 3 <= LETTERS:
            after += f" ({more})"
        made.bars.append(Bar(number * BAR_HEIGHT, shorten(name, max(LETTERS - len(after), 12)) + after, width))
    if target and drawn:
        made.target = Mark(round(float(target[0] / top) * WIDTH, 1), made.height - 4, f"Target {target[1]}")
    return made


def spark(points: Sequence[tuple[date, Value]], *, percent: bool) -> Line:
    """The same as a small picture beside a sentence: the line and its last point."""
    made = Line("", height=SPARK[1])
    known = [value.size for _, value in points if value.size is not None]
    if len(known) < 2:
        return made
    low, high = min(known), max(known)
    room = max(high - low, top_of(known, percent) / 10)  # what hardly moves is drawn as hardly moving
    middle = (low + high) / 2
    first, last = _month(points[0][0]), _month(points[-1][0])
    run: list[str] = []
    place = ""
    for day, value in points:
        if value.size is None:
            _finish(made.runs, run)
            run = []
            continue
        x = 4 + (SPARK[0] - 8) * (_month(day) - first) / max(last - first, 1)
        y = SPARK[1] / 2 - float((value.size - middle) / room) * (SPARK[1] - 10)
        place = f"{x:.1f},{y:.1f}"
        run.append(place)
        made.dots = [Mark(round(x, 1), round(y, 1), value.said)]
    _finish(made.runs, run)
    made.words = "Trend: " + _from_to(points)
    return made


def _finish(runs: list[str], run: list[str]) -> None:
    if len(run) > 1:
        runs.append(" ".join(run))


def _labels(dots: Sequence[Mark]) -> list[Mark]:
    """The first and the last point say what they are."""
    if not dots:
        return []
    if len(dots) == 1:
        return [Mark(dots[0].x, max(dots[0].y - 9, 12), dots[0].said)]
    ends = ((dots[0], dots[1], "start"), (dots[-1], dots[-2], "end"))
    # Above the point, but where the line comes from above, below it.
    return [Mark(dot.x, dot.y + 18 if beside.y < dot.y else max(dot.y - 9, 12), dot.said, anchor) for dot, beside, anchor in ends]


def _month(day: date) -> int:
    return day.year * 12 + day.month


def _from_to(points: Sequence[tuple[date, Value]]) -> str:
    said = [(day, value.said) for day, value in points if value.size is not None]
    if not said:
        return "no figure that can be shown"
    if len(said) == 1:
        return f"{said[0][1]} in {month_and_year(said[0][0])}"
    return f"from {said[0][1]} in {month_and_year(said[0][0])} to {said[-1][1]} in {month_and_year(said[-1][0])}"


def _line_words(title: str, points: Sequence[tuple[date, Value]]) -> str:
    hidden = sum(value.size is None for _, value in points)
    without = f"; {hidden} of {len(points)} months without a figure that can be shown" if hidden else ""
    return f"{title}: {_from_to(points)}{without}. All figures are in the table."


def _bar_words(title: str, groups: Sequence[tuple[str, Value, str]]) -> str:
    said = "; ".join(f"{shorten(name, 60)} {value.said}" for name, value, _ in groups)
    return f"{title}: {said}. All figures are in the table."
