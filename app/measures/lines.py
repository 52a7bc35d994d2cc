"""A measure's figures as the lines that `app.measures.hiding` looks at."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from app.measures.definitions import Measure
from app.measures.figures import Figure, Group
from app.measures.hiding import ALL, Kind, Line, Name, hide
from app.measures.months import Month, hide_after

Parts = dict[Name, dict[Name, tuple[int, int, int]]]


def hidden(
    measure: Measure,
    figures: Sequence[Figure],
    groups: Sequence[Group],
    below: int,
    *,
    before: Collection[Name] = (),
    earlier: Sequence[Month] = (),
    besides: Collection[Name] = (),
) -> frozenset[Name]:
    """Which figures must not be shown to whoever does not reach everybody; none of a measure that needs no hiding.

    `before`: what was hidden in the month before. `earlier`: of a measure that grows, the months that are published, oldest first.
    `besides`: what is to be hidden in any case, unless the months before are looked at.
    """
    if measure.small == "none" or not figures:
        return frozenset()
    kind = kind_of(measure, figures)
    own = lines_of(figures)
    if earlier and kind == "people":
        return hide_after(earlier, own, below, inside=inside(figures, groups), before=before)
    step = measure.scale if kind == "amount" else 1
    return hide(own, below, kind=kind, step=step, inside=inside(figures, groups), before=before, besides=besides)


def hidden_alike(
    counted: Sequence[tuple[Measure, Sequence[Figure], Sequence[Group]]], below: int, *, before: Mapping[str, Collection[Name]]
) -> frozenset[Name]:
    """`hidden` of measures that are within each other: what is hidden of one is hidden of all.

    The reader knows that the narrower number is no greater than the wider one. Where the same lines are hidden of both that tells nothing:
    whatever the lines of the one could be, the other's could be so that each is at most, or at least, as great.
    `before`: by measure, what was hidden in the month before.
    """
    found: frozenset[Name] = frozenset()
    while True:
        more = found.union(
            *(hidden(measure, figures, groups, below, before=before[measure.code], besides=found) for measure, figures, groups in counted)
        )
        if more == found:
            return found
        found = more


def kind_of(measure: Measure, figures: Sequence[Figure]) -> Kind:
    """Are there so many of so many people (or things, of which nobody says how many people are behind them), or amounts?"""
    whole = figures[0]
    if whole.num_people is None:
        return (
            "amount" if measure.scale != 1 or measure.unit not in ("share", "count") else "people" if measure.unit == "share" else "count"
        )
    if measure.unit == "share" and all((each.num, each.den) == (each.num_people, each.den_people) for each in figures):
        return "people"
    return "amount"


def name_of(figure: Figure) -> Name:
    """What the line of a figure is called."""
    return figure.breakdown, figure.key


def lines_of(figures: Sequence[Figure]) -> list[Line]:
    """Lines in the order of the figures: parents before what is in them."""
    return [
        line(each.breakdown, each.key, each.parent, (each.num, each.den, each.num_people or 0, each.den_people or 0)) for each in figures
    ]


def line(breakdown: str, key: str, parent: str | None, numbers: tuple[int, int, int, int]) -> Line:
    """The line of a group; `numbers`: numerator, denominator, and the people behind each."""
    above = None if breakdown == "all" else (breakdown, parent) if parent else ALL
    return Line((breakdown, key), above, *numbers)


def published(cells: Sequence[Any]) -> Month:
    """A month of a measure as it was published, from its rows in `measure_cells`."""
    return Month(
        [line(row.breakdown, row.group_key, row.parent_key, (row.num, row.den, row.num_people or 0, row.den_people or 0)) for row in cells],
        frozenset((row.breakdown, row.group_key) for row in cells if row.hidden),
    )


def inside(figures: Sequence[Figure], groups: Sequence[Group]) -> Parts:
    """Of each part of the organisation, so many of so many, of how many people, in each stage and contract: what its manager knows."""
    above = {each.key: each.parent for each in figures if each.breakdown == "tree"}
    others = {each.breakdown for each in figures} - {"all", "tree"}
    found: Parts = {("tree", key): {} for key in above} if others else {}
    for group in groups if found else ():
        at: str | None = next((key for key in (f"{group.unit_id}-", str(group.unit_id), "none") if key in above), None)
        names = [(breakdown, getattr(group, breakdown) or "none") for breakdown in others]
        while at is not None:
            cells = found["tree", at]
            for name in names:
                num, den, people = cells.get(name, (0, 0, 0))
                cells[name] = num + group.num, den + group.den, people + group.den_people
            at = above[at]
    return found
