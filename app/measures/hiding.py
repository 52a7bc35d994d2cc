"""Which lines of a published measure are hidden, so that nobody can work out a small number from all that is shown.

The reader is taken to know how many people each group has, these rules, every line that is shown, and, if they manage a part of the
organisation, everything about the people in it. What they can find out about a hidden line is then a range, from its smallest possible
value to its greatest; a line stays hidden together with so many others that its range is at least as wide as the numbers that are
hidden for being small. docs/measures-published.md says why this suffices.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Name = tuple[str, str]  # breakdown and key of a group
ALL: Name = ("all", "")
ENDLESS = 10**12
APART = 3  # times the greatest small number: of so many people together are hidden lines; tests/measures/test_hiding.py tries every table
# people: so many of so many. count: so many, of nobody knows how many. amount: hours, cases, full-time equivalents of so many people.
Kind = Literal["people", "count", "amount"]


@dataclass(frozen=True, slots=True)
class Line:
    """A group with its number: `num` of `den`. `num_people` and `den_people` stand behind them where those are amounts."""

    name: Name
    parent: Name | None  # None: the line of everybody
    num: int
    den: int
    num_people: int = 0
    den_people: int = 0


@dataclass(frozen=True, slots=True)
class Box:
    """What somebody knows of a number without the sums: it is from `low` to `high`."""

    low: int
    high: int

    def shifted(self, known: int, of: int, *, everybody: bool = False) -> Box:
        """The same for whoever knows `of` of these people, of whom it is true of `known`; `everybody`: these are all there are."""
        if everybody:
            return Box(known, known)
        if self.high >= ENDLESS:
            return Box(max(self.low, known), self.high)
        return Box(max(self.low, known), min(self.high, self.high - of + known))


def hide(
    lines: Sequence[Line],
    below: int,
    *,
    kind: Kind = "people",
    step: int = 1,
    inside: Mapping[Name, Mapping[Name, tuple[int, ...]]] | None = None,
    before: Collection[Name] = (),
    known: Mapping[Name, Box] | None = None,
    besides: Collection[Name] = (),
    secondary: bool = True,
) -> frozenset[Name]:
    """The names of the lines that must not be shown; numbers from 1 to `below` − 1 are small.

    `lines`: everybody first, parents before what is in them; the lines of a parent in a breakdown add up to it. `step`: so much is one
    person's worth of an amount. `inside`: of each part of the organisation, `num` and `den` of its people in the groups of the other
    breakdowns and, of amounts, how many people these are. `before`: what was hidden last time and is rather hidden again than something
    else. `known`: what is known of lines from elsewhere, such as other months. `besides`: what is to be hidden in any case.
    `secondary=False` hides only what is small itself: for tests, which must see it fail.
    """
    return _Hiding(lines, below, kind, step, inside or {}, before, known or {}).hidden(besides, secondary)


def ranges(lines: Sequence[Line], hidden: Collection[Name], known: Mapping[Name, Box], *, kind: Kind = "people") -> dict[Name, Box] | None:
    """What a reader from outside finds out about every line of a month: what is shown, and the ranges of what is `hidden`.

    `known`: what they know of lines from elsewhere. None where that cannot all be true.
    """
    return _Hiding(lines, 2, kind, 1, {}, (), known).found(hidden)


class _Hiding:
    def __init__(
        self,
        lines: Sequence[Line],
        below: int,
        kind: Kind,
        step: int,
        inside: Mapping[Name, Mapping[Name, tuple[int, ...]]],
        before: Collection[Name],
        known: Mapping[Name, Box],
    ) -> None:
        self.line = {line.name: line for line in lines}
        self.order = {line.name: n for n, line in enumerate(lines)}
        self.below, self.kind, self.step, self.inside, self.before = below, kind, step, inside, before
        self.wide = (below - 1) * step
        self.known = known
        self.parts: dict[Name, dict[str, list[Name]]] = defaultdict(lambda: defaultdict(list))
        for line in lines:
            if line.parent is not None:
                self.parts[line.parent][line.name[0]].append(line.name)
        self.hide = {name for name in self.line if self.small(name)}

    # One line --------------------------------------------------------------------------------------------------------

    def small(self, name: Name) -> bool:
        """Would the line, or how many are missing from it, be a small number of people?"""
        line = self.line[name]
        if self.kind == "amount":
            return 0 < line.num_people < self.below or 0 < line.den_people < self.below
        if self.kind == "count":
            return 0 < line.num < self.below
        return any(0 < each < self.below for each in (line.num, line.den - line.num, line.den))

    def box(self, name: Name) -> Box:
        line = self.line[name]
        high = line.den if self.kind == "people" else ENDLESS
        found = self.known.get(name)
        return Box(max(0, found.low), min(high, found.high)) if found else Box(0, high)

    def settled(self, name: Name) -> bool:
        """Does the number alone, being none or all, say the same of everybody in it?"""
        box = self.box(name)
        return self.line[name].num in (box.low, box.high)

    def empty(self, name: Name) -> bool:
        """Is there nobody in it, so that to hide it hides nothing?"""
        line = self.line[name]
        return not line.num and not line.den and not line.den_people

    def people(self, name: Name) -> int:
        """How many people it is about; 0 where nobody knows."""
        return self.line[name].den if self.kind == "people" else self.line[name].den_people

    def few(self, told: Sequence[Name], cells: Mapping[Name, tuple[int, ...]]) -> bool:
        """Whoever takes their own people (`cells`) away from the sum of these lines: are so few others left that it tells of them?"""
        return 0 < sum(self.people(name) - cells.get(name, (0,))[-1] for name in told) < self.below

    def all_of(self, name: Name, people: int) -> bool:
        """Is the line about nobody but so many people, who are all in it?"""
        return 0 < people == self.people(name)

    # All of them -----------------------------------------------------------------------------------------------------

    def hidden(self, besides: Collection[Name], secondary: bool) -> frozenset[Name]:
        self.hide.update(name for name in besides if name in self.line)
        if not secondary:
            return frozenset(self.hide)
        self.hide.update(name for name in self.line if any(self.few([name], cells) for cells in self.inside.values()))
        if ALL in self.hide or not self.whole(ALL):
            return frozenset(self.line)
        for name in self.line:  # parents come first
            if self.line[name].parent in self.hide:
                self.hide.add(name)
        return frozenset(self.hide)

    def whole(self, parent: Name) -> bool:
        """Hide of what is in a shown line as much as is needed; False if the line itself must be hidden for it."""
        if self.settled(parent):
            return True  # whoever sees it knows all that is in it
        for names in self.parts[parent].values():
            while True:
                if not self.family(parent, names):
                    return False
                exposed = next((name for name in names if name not in self.hide and not self.whole(name)), None)
                if exposed is None:
                    break
                self.hide.add(exposed)
        return True

    def family(self, parent: Name, names: Sequence[Name]) -> bool:
        """Hide more of these parts of a shown line until none that is hidden can be narrowed down; False: that cannot be reached."""
        hidden = [name for name in names if name in self.hide]
        # By what everybody knows: choosing by the numbers themselves would tell of them.
        others = sorted(
            (name for name in names if name not in self.hide and not self.empty(name)),
            key=lambda name: (name not in self.before, self.line[name].den, self.order[name]),
        )
        others.reverse()
        while not self.safe(parent, names, hidden):
            if not others:
                return False
            hidden.append(others.pop())
        self.hide.update(hidden)
        return True

    # Attacking a family ----------------------------------------------------------------------------------------------

    def safe(self, parent: Name, names: Sequence[Name], hidden: Sequence[Name]) -> bool:
        """Is every hidden line wide enough, for those outside and for whoever manages any part of the organisation?"""
        told = [name for name in hidden if not self.empty(name)]
        if not told:
            return True
        rest = self.line[parent].num - sum(self.line[name].num for name in names if name not in hidden)
        boxes = {name: self.box(name) for name in told}
        if self.few(told, {}) or not self.enough(rest, boxes):
            return False
        if not self.ranges_hold(told, rest, boxes, whole=set(told)):
            return False
        if names[0][0] == "tree":
            return all(self.safe_inside(top, told, rest, boxes) for top in told)
        return all(self.safe_beside(cells, told, rest, boxes) for cells in self.inside.values())

    def enough(self, rest: int, boxes: Mapping[Name, Box]) -> bool:
        """Is it true of so many of them, and not of so many, that whoever tries these rules on all numbers that there could be finds many
        that fit? That more is hidden or not would else tell of numbers that only few tables have."""
        low, high = sum(box.low for box in boxes.values()), sum(box.high for box in boxes.values())
        return min(rest - low, high - rest) >= min(APART * self.wide, high - low)

    def ranges_hold(self, told: Sequence[Name], rest: int, boxes: Mapping[Name, Box], whole: Collection[Name]) -> bool:
        """`whole`: of which nothing is known but their size."""
        low, high = sum(box.low for box in boxes.values()), sum(box.high for box in boxes.values())
        for name in told:
            box = boxes[name]
            found = Box(max(box.low, rest - (high - box.high)), min(box.high, rest - (low - box.low)))
            if not self.wide_enough(found, box) or (name in whole and not self.covers(name, found, box)):
                return False
        return True

    def wide_enough(self, found: Box, box: Box) -> bool:
        return found.high - found.low + 1 >= min(self.wide, box.high - box.low + 1)

    def covers(self, name: Name, found: Box, box: Box) -> bool:
        """A small number could be any small number, and what is missing likewise."""
        if self.kind == "amount":
            return True
        line = self.line[name]
        most = self.below - 1
        if 0 < line.num <= most and not (found.low <= max(1, box.low) and found.high >= min(most, box.high)):
            return False
        missing = line.den - line.num
        if self.kind == "people" and 0 < missing <= most:
            return found.high >= min(line.den - 1, box.high) and found.low <= max(line.den - most, box.low)
        return True

    def settled_rest(self, rest: int, boxes: Mapping[Name, Box]) -> bool:
        """Whoever knows some of them may find that it is true of none of many others, or of all: as of a group that is shown."""
        low, high = sum(box.low for box in boxes.values()), sum(box.high for box in boxes.values())
        return rest in (low, high) and high - low >= self.below

    def safe_inside(self, top: Name, told: Sequence[Name], rest: int, boxes: Mapping[Name, Box]) -> bool:
        """Nor for whoever manages this hidden part, or a part of it."""
        for path in self.paths(top):
            own, people = self.line[path[-1]], self.people(path[-1])
            if self.few(told, {top: (people,)}):
                return False
            known = len(path) == 1 or self.all_of(top, people)
            shifted = {**boxes, top: boxes[top].shifted(own.num, own.den, everybody=known)}
            if self.settled_rest(rest, shifted):
                continue
            others = [name for name in told if name != top]
            if not self.ranges_hold(others, rest, shifted, whole=set(others)):
                return False
            if len(path) > 1 and not self.path_holds(path, rest, shifted):
                return False
        return True

    def path_holds(self, path: Sequence[Name], rest: int, boxes: Mapping[Name, Box]) -> bool:
        """Of the parts that the reader's own part is in, what is left without their own people must stay wide enough."""
        own = self.line[path[-1]]
        top = boxes[path[0]]
        low, high = sum(box.low for box in boxes.values()), sum(box.high for box in boxes.values())
        found = Box(max(top.low, rest - (high - top.high)), min(top.high, rest - (low - top.low)))
        for name in path[:-1]:
            box = self.box(name).shifted(own.num, own.den, everybody=self.all_of(name, self.people(own.name)))
            outside = self.line[path[0]].den - self.line[name].den
            narrowed = Box(max(box.low, found.low - outside), min(box.high, found.high)) if self.kind == "people" else found
            if not self.wide_enough(narrowed, box):
                return False
        return True

    def safe_beside(self, cells: Mapping[Name, tuple[int, ...]], told: Sequence[Name], rest: int, boxes: Mapping[Name, Box]) -> bool:
        """Nor for whoever manages a part of the organisation and knows how many of their own people are in each of these groups."""
        if self.few(told, cells):
            return False
        shifted = {}
        for name, box in boxes.items():
            num, den, *_ = mine = cells.get(name, (0, 0))
            shifted[name] = box.shifted(num, den, everybody=self.all_of(name, mine[-1]))
        if self.settled_rest(rest, shifted):
            return True
        return self.ranges_hold(told, rest, shifted, whole={name for name in told if not cells.get(name, (0, 0))[1]})

    def paths(self, top: Name) -> Iterator[list[Name]]:
        """The ways from a hidden part down to itself and to each part in it of anybody."""
        yield [top]
        for name in self.parts[top].get("tree", ()):
            for path in self.paths(name):
                if not self.empty(path[-1]):
                    yield [top, *path]

    # What is found out -----------------------------------------------------------------------------------------------

    def found(self, hidden: Collection[Name]) -> dict[Name, Box] | None:
        found: dict[Name, Box] = {}
        for name, line in self.line.items():
            found[name] = self.box(name) if name in hidden else Box(line.num, line.num)
        for parent, breakdowns in self.parts.items():  # from everybody down; the boxes of the parts are as good as they get
            for names in breakdowns.values():
                above = found[parent]
                low, high = sum(found[name].low for name in names), sum(found[name].high for name in names)
                for name in names:
                    box = found[name]
                    tight = Box(max(box.low, above.low - (high - box.high)), min(box.high, above.high - (low - box.low)))
                    if tight.low > tight.high:
                        return None
                    found[name] = tight
        return found
