"""Hiding with an eye on the other months: of a measure that only grows, a hidden number lies between those shown before and after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from app.measures.hiding import ALL, Box, Kind, Line, Name, hide, ranges

SWEEPS = 8  # each brings what is found in one month one month further; later ones find little more


@dataclass(frozen=True, slots=True)
class Month:
    """A month that is published: its lines with their true numbers, and which of them are hidden."""

    lines: Sequence[Line]
    hidden: Collection[Name]


Found = list[dict[Name, Box]]


def hide_after(
    earlier: Sequence[Month],
    lines: Sequence[Line],
    below: int,
    *,
    kind: Kind = "people",
    inside: Mapping[Name, Mapping[Name, tuple[int, ...]]] | None = None,
    before: Collection[Name] = (),
) -> frozenset[Name]:
    """`hide` for the month after these, oldest first, of a measure that falls only where people leave a group.

    More is hidden in the new month until neither a line of it nor one that is hidden in an earlier month can be narrowed down further
    than it could be without it, below the numbers that are hidden for being small. Earlier months stay as they are.
    """
    earlier = of_the_period(earlier, lines)
    if not earlier:
        return hide(lines, below, kind=kind, inside=inside, before=before)
    base = _settled(earlier, kind)
    known = _carried(base[-1], earlier[-1].lines, lines)
    besides: set[Name] = set()
    while True:
        hidden = hide(lines, below, kind=kind, inside=inside, before=before, known=known, besides=besides)
        if ALL in hidden:
            return hidden
        months = [*earlier, Month(lines, hidden)]
        exposed = _exposed([*base, known], _settled(months, kind), months, below)
        if not exposed:
            return hidden
        for name in sorted(exposed):
            besides.add(_instead(name, lines, hidden | besides))


def of_the_period(earlier: Sequence[Month], lines: Sequence[Line]) -> list[Month]:
    """The months since the measure last began anew, which shows in everybody's number: it falls by more than half."""
    found: list[Month] = []
    later = lines[0].num
    for month in reversed(earlier):
        if later * 2 < month.lines[0].num:
            break
        found.append(month)
        later = month.lines[0].num
    return found[::-1]


def _fall(one: Line, other: Line) -> int:
    """By how many at most the number can have fallen to the next month: as many as surely left the group, or as it fell.

    Readers may know of more who left, and so know less of the number; of fewer they cannot know.
    """
    return max(0, one.den - other.den, one.num - other.num)


def _settled(months: Sequence[Month], kind: Kind) -> Found:
    """What a reader finds out about every line of every month, each month's sums and its neighbours taken together."""
    at = [{line.name: line for line in month.lines} for month in months]
    found: Found = [_month(month, {}, kind) for month in months]
    for _ in range(SWEEPS):
        old = [dict(each) for each in found]
        for n in range(len(months) - 1):
            _forward(found[n], found[n + 1], at[n], at[n + 1])
        for n in reversed(range(len(months) - 1)):
            _backward(found[n], found[n + 1], at[n], at[n + 1])
        found = [_month(month, each, kind) for month, each in zip(months, found, strict=True)]
        if found == old:
            break
    return found


def _month(month: Month, known: Mapping[Name, Box], kind: Kind) -> dict[Name, Box]:
    """Bounds that contradict each other come of a fall that is taken too small: then what is known of other months is left out."""
    return ranges(month.lines, month.hidden, known, kind=kind) or ranges(month.lines, month.hidden, {}, kind=kind) or {}


def _forward(found: Mapping[Name, Box], later: dict[Name, Box], one: Mapping[Name, Line], other: Mapping[Name, Line]) -> None:
    for name in found.keys() & later.keys():
        low = found[name].low - _fall(one[name], other[name])
        if low > later[name].low:
            later[name] = Box(min(low, later[name].high), later[name].high)


def _backward(found: dict[Name, Box], later: Mapping[Name, Box], one: Mapping[Name, Line], other: Mapping[Name, Line]) -> None:
    for name in found.keys() & later.keys():
        high = later[name].high + _fall(one[name], other[name])
        if high < found[name].high:
            found[name] = Box(found[name].low, max(high, found[name].low))


def _carried(found: Mapping[Name, Box], old: Sequence[Line], new: Sequence[Line]) -> dict[Name, Box]:
    """What the months before say of the new one."""
    before = {line.name: line for line in old}
    return {
        line.name: Box(max(0, found[line.name].low - _fall(before[line.name], line)) if line.name in found else 0, line.den) for line in new
    }


def _exposed(base: Sequence[Mapping[Name, Box]], after: Found, months: Sequence[Month], below: int) -> set[Name]:
    """Hidden lines that the new month narrows down too far."""
    return {
        name
        for was, now, month in zip(base, after, months, strict=True)
        for name in _guarded(month)
        if _width(now[name]) < min(below - 1, _width(was[name]))
    }


def _guarded(month: Month) -> set[Name]:
    """What is hidden, but for groups of nobody and for what is in a group shown as none or all: of that, everything is known."""
    told: set[Name] = set()
    guarded: set[Name] = set()
    for line in month.lines:  # parents come first
        if line.parent in told or (line.name not in month.hidden and line.num in (0, line.den)):
            told.add(line.name)
        elif line.name in month.hidden and line.den:
            guarded.add(line.name)
    return guarded


def _width(box: Box) -> int:
    return box.high - box.low + 1


def _instead(name: Name, lines: Sequence[Line], hidden: Collection[Name]) -> Name:
    """What to hide in the new month for the sake of this line: itself, else the smallest other part beside it, else what it is in."""
    parents = {line.name: line.parent for line in lines}
    if name not in parents:
        return ALL
    if name not in hidden:
        return name
    parent = parents[name]
    beside = [line for line in lines if line.parent == parent and line.name[0] == name[0] and line.name not in hidden and line.den]
    if beside:
        return min(beside, key=lambda line: line.den).name
    while parent is not None and parent in hidden:
        parent = parents[parent]
    return parent or ALL
