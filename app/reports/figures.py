"""One measure as a report shows it: figure, target, change, months and groups. Whole numbers and words, no floats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from app.core.calendar import month_and_year, month_name
from app.measures import words
from app.measures.definitions import BREAKDOWNS, THEMES, Measure
from app.measures.shown import Cell, figure, value

Points = Sequence[tuple[date, Cell]]  # a measure's figure for everybody, month by month, oldest first


def of(measure: Measure, cell: Cell) -> str:
    """Out of how many: "41 of 48"; empty of a plain number, of what is hidden, and where there is nobody to count."""
    nothing = cell.hidden or cell.num is None or (measure.denominator is not None and not cell.den)
    return "" if nothing else words.of(measure, cell)


def worth(measure: Measure, cell: Cell | None) -> Decimal | None:
    """The figure as a number; None where it is hidden, or there is nobody to count."""
    if cell is None or cell.hidden or cell.num is None:
        return None
    return value(measure, cell.num, cell.den or 0)


def target(measure: Measure, cell: Cell | None) -> dict[str, Any] | None:
    """What should be reached, and whether it is: met, not met, or None where nobody can say."""
    if measure.target is None:
        return None
    wanted = Decimal(str(measure.target.value))
    return dict(figure=words.target(measure), words=measure.target.words or "", met=words.met(measure, cell), value=str(wanted))


def since(measure: Measure, points: Points, month: date) -> dict[str, Any] | None:
    """How this month's figure differs from the one before; None where one of them cannot be seen or was not published."""
    if len(points) < 2 or points[-1][0] != month:
        return None
    (then, before), (_, cell) = points[-2], points[-1]
    was, now = worth(measure, before), worth(measure, cell)
    if was is None or now is None:
        return None
    where = " ".join(filter(None, (figure(measure, before), f"({of(measure, before)})" if of(measure, before) else "")))
    if was == now:
        return dict(how="same", said=f"The same as in {month_and_year(then)}", month=month_and_year(then))
    up = now > was
    how = "other" if measure.better == "neither" else "better" if up == (measure.better == "higher") else "worse"
    return dict(how=how, said=f"{'Up' if up else 'Down'} from {where} in {month_and_year(then)}", month=month_and_year(then))


def crossed(measure: Measure, points: Points) -> str:
    """Has it reached its target this month ("reached"), or lost it ("lost")? Empty: neither, or nobody can say."""
    if len(points) < 2:
        return ""
    before, now = (words.met(measure, cell) for _, cell in points[-2:])
    if before is None or now is None or before == now:
        return ""
    return "reached" if now else "lost"


def trend(measure: Measure, points: Points) -> list[dict[str, Any]]:
    """Month by month; `value` is the figure as a number."""
    found = []
    for month, cell in points:
        number = worth(measure, cell)
        found.append(
            dict(
                month=month,
                words=month_and_year(month),
                short=f"{month_name(month.month)[:3]} {month.year}",
                figure=figure(measure, cell),
                of=of(measure, cell),
                num=cell.num,
                den=cell.den,
                value=None if number is None else str(number),
            )
        )
    return found


def groups(measure: Measure, cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Every group of every breakdown, in the order in which they are shown; `depth` says how far down the tree."""
    depth: dict[tuple[str, str], int] = {}
    found = []
    for cell in cells:
        if cell.breakdown == "all":
            continue
        depth[cell.breakdown, cell.key] = deep = depth.get((cell.breakdown, cell.parent or ""), -1) + 1
        found.append(
            dict(
                breakdown=cell.breakdown,
                by=BREAKDOWNS[cell.breakdown],
                level=cell.level,
                depth=deep,
                title=cell.title,
                figure=figure(measure, cell),
                of=of(measure, cell),
                num=cell.num,
                den=cell.den,
            )
        )
    return found


def shown(measure: Measure, cells: Sequence[Cell], points: Points, month: date, below: int) -> dict[str, Any]:
    """All that a report shows of a measure. `cells`: this month's, `points`: everybody's figure of the months up to it.

    `below`: smaller numbers of people are hidden.
    """
    own = next((cell for cell in cells if cell.breakdown == "all"), None)
    return dict(
        code=measure.code,
        title=measure.title,
        theme=measure.themes[0],
        also=[THEMES[theme] for theme in measure.themes[1:]],
        answers=list(measure.answers),
        sentence=words.sentence(measure, own, below),
        figure=figure(measure, own) if own is not None else "",
        of=of(measure, own) if own is not None else "",
        num=own.num if own is not None else None,
        den=own.den if own is not None else None,
        hidden=own is not None and own.hidden,
        published=own is not None,
        unit=measure.unit,
        scale=measure.scale,
        target=target(measure, own),
        since=since(measure, points, month),
        crossed=crossed(measure, points) if points and points[-1][0] == month else "",
        trend=trend(measure, points),
        groups=groups(measure, cells),
        definition=definition(measure, below),
    )


def definition(measure: Measure, below: int) -> dict[str, Any]:
    """How it is counted, in words."""
    return dict(
        numerator=measure.numerator,
        denominator=measure.denominator or "",
        exclusions=measure.exclusions,
        source=measure.source,
        owner=measure.owner,
        better=measure.better,
        imported=measure.counts is None,
        local=measure.local,
        unverified=measure.unverified,
        hides=words.how_hidden(measure, below),
    )
