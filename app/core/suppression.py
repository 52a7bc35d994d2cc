"""Small numbers are not shown, nor any number from which a hidden one could be worked out.

A published table is a set of counts and the sums that hold between them (a total and its parts: rows, columns, grand totals). A count of
at least 1 and below the threshold is hidden (primary); a true zero is shown. Then the table is attacked as a reader could: if what is shown
leaves only one value for a hidden count, one more count is hidden (secondary), until nothing can be worked out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STEPS = 2000  # of one search for another possible table; when they do not suffice the count is taken for exposed, and more is hidden
ENDLESS = 10**9


@dataclass(frozen=True, slots=True)
class Sum:
    """A published relation: the count `total` is the sum of the counts `parts`."""

    total: str
    parts: tuple[str, ...]


def hidden(counts: Mapping[str, int], sums: Sequence[Sum], below: int) -> frozenset[str]:
    """Which of these counts must not be shown; `below` is the smallest number that may be.

    Every sum of which all counts are to be published must be named. The answer depends on nothing but the arguments, so that the same
    table looks the same on every surface.
    """
    hide = {key for key, count in counts.items() if 0 < count < below}
    order = {key: n for n, key in enumerate(counts)}
    while exposed := next((key for key in sorted(hide, key=order.__getitem__) if not _ambiguous(key, counts, sums, hide)), None):
        around = [relation for relation in sums if exposed == relation.total or exposed in relation.parts]
        shown = {key for relation in around for key in (relation.total, *relation.parts) if key not in hide}
        candidates = shown or {key for key in counts if key not in hide}
        if not candidates:
            break
        totals = {relation.total for relation in sums}
        # The least is lost by hiding a small part; a zero says little and protects little; totals last.
        hide.add(min(candidates, key=lambda key: (key in totals, counts[key] == 0, counts[key], order[key])))
    return frozenset(hide)


def _ambiguous(key: str, counts: Mapping[str, int], sums: Sequence[Sum], hide: set[str]) -> bool:
    """Could the reader of all that is shown believe another value of this count? One more or one fewer is tried.

    The reader knows which hidden counts are zero at worst, so that all others are at least 1.
    """
    relations = []
    for relation in sums:
        unknown = [(part, 1) for part in relation.parts if part in hide] + ([(relation.total, -1)] if relation.total in hide else [])
        if unknown:
            known = sum(counts[part] for part in relation.parts if part not in hide)
            rest = (0 if relation.total in hide else counts[relation.total]) - known
            relations.append((unknown, rest))
    least: dict[str, int] = {one: min(counts[one], 1) for one in hide}
    for other in (counts[key] + 1, counts[key] - 1):
        if other >= least[key] and _possible(relations, {one: (least[one], ENDLESS) for one in hide} | {key: (other, other)}, [STEPS]):
            return True
    return False


Bounds = dict[str, tuple[int, int]]
Relation = tuple[list[tuple[str, int]], int]


def _possible(relations: list[Relation], bounds: Bounds, steps: list[int]) -> bool:
    """Are there whole numbers within these bounds for which all relations hold?"""
    if not _narrow(relations, bounds):
        return False
    steps[0] -= 1
    if steps[0] < 0:
        return False
    bound_in = {one for unknown, _ in relations for one, _ in unknown}
    loose = [one for one in bound_in if bounds[one][0] != bounds[one][1]]
    if not loose:
        return True
    one = min(loose, key=lambda each: (bounds[each][1] - bounds[each][0], str(each)))
    low, high = bounds[one]
    return any(_possible(relations, {**bounds, one: (value, value)}, steps) for value in range(low, min(high, low + STEPS) + 1))


def _narrow(relations: list[Relation], bounds: Bounds) -> bool:
    """Tighten the bounds by each relation until nothing moves; False when one cannot hold."""
    moved = True
    while moved:
        moved = False
        for unknown, rest in relations:
            lows = [bounds[one][0] if sign > 0 else -bounds[one][1] for one, sign in unknown]
            highs = [bounds[one][1] if sign > 0 else -bounds[one][0] for one, sign in unknown]
            all_low, all_high = sum(lows), sum(highs)
            if all_low > rest or all_high < rest:
                return False
            for n, (one, sign) in enumerate(unknown):
                low, high = rest - (all_high - highs[n]), rest - (all_low - lows[n])
                if sign < 0:
                    low, high = -high, -low
                tight = (max(bounds[one][0], low), min(bounds[one][1], high))
                if tight[0] > tight[1]:
                    return False
                if tight != bounds[one]:
                    bounds[one], moved = tight, True
                    break  # the sums above are no longer right
    return True
