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


# Counts that only become fewer from step to step -------------------------------------------------------------------


def by_steps(lines: Mapping[str, Sequence[int]], below: int, apart: int = 4) -> dict[str, tuple[int | None, ...]]:
    """What may be shown of how many of each group were left at each step (applied, shortlisted, offered, started); None: hidden.

    `lines` are disjoint groups that together are everybody, their counts never rising from step to step. It is for readers who know by
    name who was left at each step, so that every total is known to them, and who subtract one step from another. Of the steps kept, a
    group's line is shown whole or not at all, and only if everybody between any two steps (and after the last) are either nobody or at
    least `below`, and not everybody of that part of the total: else each of them would be known to be of that group. What is hidden
    is always at least two lines together, of so many people that none of them can be worked out from the rest, even by a reader who knows
    these rules; the last lines are hidden for the others' sake first.

    Steps are left out whose totals are too near each other for lines to be shown: by fewer than `apart` times `below` people, but for
    those that nobody left in between. Totals alone decide that, so that it says nothing about any group. The first step is always kept.
    """
    if not lines:
        return {}
    kept = _kept([sum(each) for each in zip(*lines.values(), strict=True)], below * apart)
    hide = _lines_hidden(lines, kept, below)
    return {
        name: tuple(None if name in hide or step not in kept else count for step, count in enumerate(counts))
        for name, counts in lines.items()
    }


def _kept(totals: Sequence[int], apart: int) -> list[int]:
    """The first step, and of the others, the last ones before the middle ones, those far enough from all that are kept."""
    kept = [0]
    for step in range(len(totals) - 1, 0, -1):
        if all(gap == 0 or gap >= apart for gap in (totals[step], *(abs(totals[step] - totals[other]) for other in kept))):
            kept.append(step)
    return sorted(kept)


def _lines_hidden(lines: Mapping[str, Sequence[int]], kept: Sequence[int], below: int) -> set[str]:
    """Which lines must not be shown if these steps are."""
    parts = {name: _between(counts, kept) for name, counts in lines.items()}
    totals = [sum(each) for each in zip(*parts.values(), strict=True)]
    hide = {name for name, each in parts.items() if any(0 < n < below or 0 < n == total for n, total in zip(each, totals, strict=True))}
    # The last go first, and lines of nobody, which protect little, at the end. To hide the smallest would show more, and would tell a
    # reader who knows that rule how big a hidden line can be at most.
    others = sorted((name for name in reversed(list(lines)) if name not in hide), key=lambda name: not lines[name][0])
    while hide and others and (len(hide) == 1 or sum(lines[name][0] for name in hide) <= below * len(hide)):
        hide.add(others.pop(0))
    return hide


def _between(counts: Sequence[int], kept: Sequence[int]) -> list[int]:
    """How many were lost between every two of these steps, and how many were left at each."""
    left = [*(counts[step] for step in kept), 0]
    return [left[a] - left[b] for a in range(len(left)) for b in range(a + 1, len(left))]
