"""How a figure is said: its sentence, its target, what changed since the month before, and why it is hidden."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from app.core.calendar import month_and_year
from app.core.text import shorten
from app.measures import shown
from app.measures.definitions import Measure
from app.measures.shown import HIDDEN, NONE, Cell

UNITS = {"share": "%", "rate": "%", "average": "", "count": "", "score": ""}
UNIT_WORDS = {"share": "per cent", "rate": "per cent", "average": "average", "count": "number", "score": "score"}
SYMBOLS = {
    HIDDEN: "hidden, because the number is small or would give a small one away",
    NONE: "not applicable: there was nobody and nothing to count",
}
_TENTH = Decimal("0.1")


def why_hidden(measure: Measure, below: int) -> str:
    """Why a number of this measure is not shown, as words that follow "c – "."""
    if measure.small == "sensitive":
        return f"hidden from everybody: fewer than {below} people or cases, or it would give another hidden number away"
    return f"hidden: fewer than {below} people, or it would give another hidden number away"


def how_hidden(measure: Measure, below: int) -> str:
    """The measure's rule for small numbers, as a sentence of its definition."""
    if measure.small == "none":
        return "Small numbers are shown: no person can be made out from them."
    if measure.small == "sensitive":
        return f"Small numbers are hidden from everybody: fewer than {below}, and whatever would give those away."
    return (
        f"Numbers of fewer than {below} people, and whatever would give those away, are hidden from everybody who does not "
        "reach all the people in them, and always in files and in the board’s report."
    )


def amount(measure: Measure, count: int) -> str:
    """A numerator or denominator as it is read: "1,286"; where parts of one are counted, such as full-time equivalents, "84.5"."""
    if measure.scale == 1:
        return f"{count:,}"
    worked_out = (Decimal(count) / measure.scale).quantize(_TENTH, ROUND_HALF_UP)
    return f"{worked_out:,}".removesuffix(".0")


def of(measure: Measure, cell: Cell) -> str:
    """ "41 of 48", of an average "350 for 34"; of a plain number nothing, as its figure says it. HIDDEN where it is hidden."""
    if cell.hidden or cell.num is None:
        return HIDDEN
    if measure.denominator is None:
        return ""
    between = "for" if measure.unit == "average" else "of"
    return f"{amount(measure, cell.num)} {between} {amount(measure, cell.den or 0)}"


def sentence(measure: Measure, cell: Cell | None, below: int) -> str:
    """The measure's own sentence with its figures; or, in words, why there is none."""
    if cell is None:
        if measure.counts is None:
            return f"Not given yet for this month. {shorten(measure.owner, 80)} gives it."
        return "It was not counted for this month."
    if cell.hidden or cell.num is None:
        words = why_hidden(measure, below)
        return f"{words[:1].upper()}{words[1:]} ({HIDDEN})."
    figure = shown.figure(measure, cell)
    if figure == NONE:
        return f"There was nobody to count ({NONE})."
    said = {"{figure}": figure, "{numerator}": amount(measure, cell.num), "{denominator}": amount(measure, cell.den or 0)}
    words = measure.sentence
    for mark, value in said.items():  # never str.format: the sentence is somebody's data
        words = words.replace(mark, value)
    return words if words.endswith((".", "!", "?")) else words + "."


def target(measure: Measure) -> str:
    """What is to be reached: "90% or more"; nothing where there is no target."""
    if measure.target is None:
        return ""
    bound = {"higher": " or more", "lower": " or less", "neither": ""}[measure.better]
    return f"{plain(measure.target.value)}{UNITS[measure.unit]}{bound}"


def plain(number: float) -> str:
    """A target as it was written: 90, 16.5."""
    return f"{number:,.2f}".rstrip("0").rstrip(".")


def met(measure: Measure, cell: Cell | None) -> bool | None:
    """Is the target reached, by the figure as it is shown? None: there is no target, no direction, or no figure."""
    if measure.target is None or measure.better == "neither" or cell is None or cell.hidden or cell.num is None:
        return None
    value = shown.value(measure, cell.num, cell.den or 0)
    if value is None:
        return None
    aim = Decimal(str(measure.target.value))
    return value >= aim if measure.better == "higher" else value <= aim


def met_words(measure: Measure, cell: Cell | None) -> tuple[str, str]:
    """(words, colour of the tag) for whether the target is reached; no words where that is no question."""
    reached = met(measure, cell)
    if reached is None:
        return "", ""
    return ("Target met", "green") if reached else ("Target not met", "orange")


def change(measure: Measure, now: Cell | None, before: tuple[date, Cell] | None) -> str:
    """What moved since the month published before: "Up 3 percentage points since September 2026 (better)"; empty without two figures."""
    values = [_value(measure, now), _value(measure, before[1] if before else None)]
    if before is None or values[0] is None or values[1] is None:
        return ""
    moved, since = values[0] - values[1], f"since {month_and_year(before[0])}"
    if not moved:
        return f"The same as in {month_and_year(before[0])}"
    by = f"{abs(moved):,}".removesuffix(".0")
    points = (" percentage point" + ("" if by == "1" else "s")) if UNITS[measure.unit] else ""
    judged = ""
    if measure.better != "neither":
        judged = " (better)" if (moved > 0) == (measure.better == "higher") else " (worse)"
    return f"{'Up' if moved > 0 else 'Down'} {by}{points} {since}{judged}"


def _value(measure: Measure, cell: Cell | None) -> Decimal | None:
    if cell is None or cell.hidden or cell.num is None:
        return None
    return shown.value(measure, cell.num, cell.den or 0)
