"""What may be shown of groups in several overlapping sets of people, and beside what was shown of other sets before.

For readers who know by name who is in which set: who was in post, who took part, who was counted the last time. They know every total and
how many two sets have in common, and subtract one figure from another. What nobody tells them is who is of which group.
`app.core.suppression.by_steps` is the same for one row of steps.

A set can be `secret`: then it is also for readers the other way round, who know of everybody which group they are of, and are not to
learn who is in the set.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

Counts = Mapping[str, Sequence[int]]  # of each group, in each of the sets


@dataclass(frozen=True, slots=True)
class Sets:
    """Some sets of people. `common[a][b]`: how many are in both a and b; `common[a][a]` is the size of a."""

    common: Sequence[Sequence[int]]

    def size(self, a: int) -> int:
        """How many are in it."""
        return self.common[a][a]


@dataclass(frozen=True, slots=True)
class Earlier:
    """One set of an earlier publication. `common[a]`: how many of its `size` people are in our set a; `shown`: what was said of groups."""

    size: int
    common: Sequence[int]
    shown: Mapping[str, int | None]


def near(one: int, other: int, common: int, apart: int, *, same: bool = False) -> bool:
    """Are two sets of these sizes so nearly the same people that figures of both would tell on those who differ?

    They are where fewer than `apart` are in the one only and fewer in the other only. The very same people are near too, unless (`same`)
    both were counted at the same instant: what changed between is somebody's answer. Sets that have nobody in common are not.
    """
    if not common:
        return False
    if one == other == common:
        return not same
    return max(one, other) - common < apart


def kept(sets: Sets, earlier: Sequence[Earlier], apart: int, order: Sequence[int] | None = None, secret: Container[int] = ()) -> list[int]:
    """Of which sets anything can be shown: each that is far enough from those kept before it (the first one first, then in `order`), and
    from every one of an earlier publication. Totals alone decide, so that it says nothing of any group. Empty: not even of the first.
    Of a secret set nothing is shown where everybody is in it.
    """
    found: list[int] = []
    for a in (0, *(order or range(1, len(sets.common)))):
        size = sets.size(a)
        here = any(near(size, sets.size(b), sets.common[a][b], apart, same=True) for b in found)
        before = any(near(size, each.size, each.common[a], apart) for each in earlier)
        if here or before or (a and 0 < size < apart) or (a in secret and size == sets.size(0)):
            if not a:
                return []
            continue
        found.append(a)
    return sorted(found)


def hidden(
    lines: Counts, sets: Sets, keep: Sequence[int], earlier: Sequence[Earlier], below: int, apart: int, secret: Container[int] = ()
) -> frozenset[str]:
    """Which groups' lines must not be shown, of the sets kept; all sets are parts of the first.

    A line is shown whole or not at all. It is hidden where 1 to `below` - 1 people, or everybody, of a set or of what two sets do not
    have in common would be known to be of the group, from this publication or from it and an earlier one. At least two lines are hidden
    together, of more than `below` people each on average; the last ones go first, as in `by_steps`. What was hidden of an earlier set
    stays hidden where fewer than `apart` have come since or fewer have gone: a group that is shown at last would tell that they are of it.
    A group of which all are in a secret set is hidden too, and others with it until not all who are hidden are in the set.
    """
    told_all = [a for a in keep if a in secret]
    hide = {name for name, counts in lines.items() if _small(counts, sets, keep, below) or _all_in([counts], told_all)}
    for each in earlier:
        for a in keep:
            if each.common[a] and min(each.size, sets.size(a)) - each.common[a] < apart:
                hide |= {name for name, count in each.shown.items() if count is None and name in lines}
    while True:
        _more(hide, lines, below, told_all)
        told = _exposed(lines, hide, sets, keep, earlier, below)
        if not told:
            return frozenset(hide)
        hide |= told


def _bad(count: int, whole: int, below: int) -> bool:
    return 0 < count < below or 0 < count == whole


def _small(counts: Sequence[int], sets: Sets, keep: Sequence[int], below: int) -> bool:
    if any(_bad(counts[a], sets.size(a), below) for a in keep):
        return True
    for a, b in combinations(keep, 2):  # parts of one another: whoever is in the bigger one only is known from the two lines
        big, small = (a, b) if sets.size(a) >= sets.size(b) else (b, a)
        if sets.common[a][b] == sets.size(small) and _bad(counts[big] - counts[small], sets.size(big) - sets.size(small), below):
            return True
    return False


def _all_in(some: Sequence[Sequence[int]], secret: Sequence[int]) -> bool:
    """Is everybody of these lines in one of the sets?"""
    whole = sum(counts[0] for counts in some)
    return bool(whole) and any(sum(counts[a] for counts in some) == whole for a in secret)


def _more(hide: set[str], lines: Counts, below: int, secret: Sequence[int]) -> None:
    """Hide more until what is hidden protects itself."""
    others = sorted((name for name in reversed(list(lines)) if name not in hide), key=lambda name: not lines[name][0])

    def bare() -> bool:
        few = sum(lines[name][0] for name in hide) <= below * len(hide)
        return len(hide) == 1 or few or _all_in([lines[name] for name in hide], secret)

    while hide and others and bare():
        hide.add(others.pop(0))


def _exposed(lines: Counts, hide: set[str], sets: Sets, keep: Sequence[int], earlier: Sequence[Earlier], below: int) -> set[str]:
    """Lines from which, with another set's, it would follow how many of a group are in one of the two only, and they are few or all."""
    found: set[str] = set()
    for a, b in combinations(keep, 2):
        pairs = {name: (counts[a], counts[b]) for name, counts in lines.items() if name not in hide}
        rest = (sets.size(a) - sum(x for x, _ in pairs.values()), sets.size(b) - sum(y for _, y in pairs.values()))
        wholes = {name: counts[0] for name, counts in lines.items() if name not in hide}
        found |= _pinned(pairs, rest, sets.size(a), sets.size(b), sets.common[a][b], below, (sets.size(0), wholes))
    return found | _before(lines, hide, sets, keep, earlier, below)


def _before(lines: Counts, hide: set[str], sets: Sets, keep: Sequence[int], earlier: Sequence[Earlier], below: int) -> set[str]:
    """The same, with a set of an earlier publication."""
    found: set[str] = set()
    for each in earlier:
        for a in keep:
            pairs = {
                name: (counts[a], before)
                for name, counts in lines.items()
                if name not in hide and (before := each.shown.get(name)) is not None
            }
            rest = (sets.size(a) - sum(x for x, _ in pairs.values()), each.size - sum(y for _, y in pairs.values()))
            found |= _pinned(pairs, rest, sets.size(a), each.size, each.common[a], below, None)
    return found


def _pinned(
    pairs: Mapping[str, tuple[int, int]],
    rest: tuple[int, int],
    one: int,
    other: int,
    common: int,
    below: int,
    inside: tuple[int, Mapping[str, int]] | None,
) -> set[str]:
    """Groups of which the reader can work out how many are in both sets, and thereby too much.

    `pairs`: how many of each group are in the one and in the other; `rest`: of all other groups together; `inside`: size and lines of
    a set that both are parts of.
    """
    if not common and inside is None:
        return set()
    bounds: dict[str | None, tuple[int, int]] = {}
    for name, (x, y) in [*pairs.items(), (None, rest)]:
        low, high = max(0, x - (one - common), y - (other - common)), min(x, y, common)
        if inside and name is not None:
            size, wholes = inside
            neither = size - one - other + common
            low, high = max(low, x + y - wholes[name]), min(high, neither + x + y - wholes[name])
        bounds[name] = (low, high)
    lows, highs = sum(low for low, _ in bounds.values()), sum(high for _, high in bounds.values())
    found = set()
    for name, (x, y) in pairs.items():
        low, high = bounds[name]
        low, high = max(low, common - (highs - high)), min(high, common - (lows - low))
        if low != high:
            continue
        parts = [(low, common), (x - low, one - common), (y - low, other - common)]
        if inside:
            size, wholes = inside
            parts.append((wholes[name] - x - y + low, size - one - other + common))
        if any(_bad(count, whole, below) for count, whole in parts):
            found.add(name)
    return found
