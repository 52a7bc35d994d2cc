"""Somebody with an exact solver, everything that is published and, at worst, a part of the organisation of their own works nothing out."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import pytest

from app.measures.hiding import ALL, Line, Name, hide
from app.measures.months import Month, hide_after
from tests.measures.attack import Knowledge, above, below, told_of_few
from tests.measures.small_organisations import Organisation, Someone, organisation

BELOW = 6
HIDDEN_RANGE = BELOW - 1  # as many values has a number that is hidden for being small
MOST_INSIDERS = 3


@dataclass(frozen=True)
class Exposed:
    """A hidden number of which a reader finds out more than they may."""

    seed: int
    insider: Name | None
    name: Name
    low: int
    high: int


# One month -----------------------------------------------------------------------------------------------------------


def what_is_known(made: Organisation, lines: Mapping[Name, Line], hidden: Collection[Name], insider: Name | None) -> Knowledge:
    """All that is shown, how many people each group has, and all about the insider's own people."""
    knows = Knowledge()
    own = below(made.parent, insider) if insider else set()
    for name, line in lines.items():
        if name in own or name not in hidden:
            knows.known(name, line.num)
        else:
            true, of = theirs(made, insider, name)
            knows.number(name, true, line.den - of + true)
    for name in lines:
        for breakdown in ("tree", "stage", "contract"):
            parts = [part for part in lines if made.parent[part] == name and part[0] == breakdown]
            if parts:
                knows.sums.append((name, parts))
    return knows


def theirs(made: Organisation, insider: Name | None, name: Name) -> tuple[int, int]:
    """Of how many of the insider's people in a group it is true, and of how many in all."""
    own = [one for one in made.people if insider in one.team and name in made.groups(one)]
    return sum(one.true for one in own), len(own)


def known_to_all(made: Organisation, lines: Mapping[Name, Line], hidden: Collection[Name], name: Name) -> bool:
    """Is it part of a group that is shown as none or all of its people, so that everything in it is public?"""
    return any(each not in hidden and lines[each].num in (0, lines[each].den) for each in above(made.parent, name))


def all_alike(made: Organisation, lines: Mapping[Name, Line], hidden: Collection[Name], insider: Name, name: Name) -> bool:
    """Is it true of none, or all, of at least so many people beside the insider's? That much a shown group may say too."""
    if ALL in hidden:
        return False
    name = [name, *(each for each in above(made.parent, name) if each in hidden)][-1]
    beside = [each for each in hidden if made.parent[each] == made.parent[name] and each[0] == name[0]]
    known = [theirs(made, insider, each) for each in beside]
    true = sum(lines[each].num for each in beside) - sum(num for num, _ in known)
    of = sum(lines[each].den for each in beside) - sum(den for _, den in known)
    return true in (0, of) and of >= BELOW


def exposed(seed: int, *, secondary: bool = True, most: int = 14) -> Iterator[Exposed]:
    chance = Random(seed)
    made = organisation(chance, most)
    lines = {line.name: line for line in made.lines()}
    hidden = hide(list(lines.values()), BELOW, inside=made.inside(), secondary=secondary)
    parts = [name for name in lines if name[0] == "tree" and lines[name].den]
    for insider in (None, *chance.sample(parts, min(MOST_INSIDERS, len(parts)))):
        knows = what_is_known(made, lines, hidden, insider)
        for name in sorted(hidden - (below(made.parent, insider) if insider else set())):
            free = lines[name].den - theirs(made, insider, name)[1]
            if not free or known_to_all(made, lines, hidden, name):
                continue
            low, high = knows.range(name)
            wide = high - low + 1 >= min(HIDDEN_RANGE, free + 1)
            if not wide and not (insider and all_alike(made, lines, hidden, insider, name)):
                yield Exposed(seed, insider, name, low, high)


@pytest.mark.parametrize("seed", range(24))
def test_nothing_hidden_can_be_worked_out(seed: int) -> None:
    assert list(exposed(seed)) == []


@pytest.mark.parametrize("seed", range(100, 112))
def test_nor_where_parts_are_big_enough_to_be_shown(seed: int) -> None:
    assert list(exposed(seed, most=60)) == []


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(1000, 1040))
def test_nothing_hidden_can_be_worked_out_of_many_more(seed: int) -> None:
    assert list(exposed(seed, most=40)) == []


def test_the_attack_succeeds_where_only_small_numbers_are_hidden() -> None:
    found = [each for seed in range(8) for each in exposed(seed, secondary=False)]
    assert sum(each.insider is None for each in found) > 10 and sum(each.insider is not None for each in found) > 10


def test_enough_is_still_shown() -> None:
    """Hiding everything would pass every attack."""
    shown = of = 0
    for seed in range(40):
        made = organisation(Random(seed), 60)
        lines = made.lines()
        hidden = hide(lines, BELOW, inside=made.inside())
        big = [line for line in lines if line.name[0] != "all" and min(line.num, line.den - line.num) >= BELOW]
        shown += sum(line.name not in hidden for line in big)
        of += len(big)
    assert of > 200 and shown > of / 4, (shown, of)


# Managers who take away their own people ---------------------------------------------------------------------------------


def of_few(seed: int, kind: Literal["people", "amount"], *, insiders: bool = True) -> list[tuple[Any, ...]]:
    """What managers of parts learn of fewer others than may be told of. Amounts: so many sessions of so many that each has.

    `insiders=False`: hidden without a thought of what they know, as the rule once was for amounts.
    """
    chance = Random(seed)
    made = organisation(chance, 30)
    made.people += [  # those who manage: alone beside the teams of the part that they are in
        Someone((*one.team[:-1], ("tree", one.team[-1][1] + "-")), one.stage, one.contract, true=one.true)
        for one in {one.team[:-1]: one for one in made.people if len(one.team) > 1}.values()
    ]
    made.parent |= {one.team[-1]: one.team[-2] for one in made.people if len(one.team) > 1}
    amounts = [
        (chance.randint(0, most), most) if kind == "amount" else (int(one.true), 1)
        for one in made.people
        for most in (chance.randint(1, 6),)
    ]
    sums = {name: [0, 0, 0, 0] for name in made.parent}
    cells: dict[Name, dict[Name, tuple[int, ...]]] = {name: {} for name in made.parent if name[0] == "tree"}
    for one, (num, den) in zip(made.people, amounts, strict=True):
        for name in made.groups(one):
            sums[name] = [so_far + more for so_far, more in zip(sums[name], (num, den, num > 0, 1), strict=True)]
        for part in one.team:
            for name in (one.stage, one.contract):
                so_far = cells[part].get(name, (0, 0, 0))
                cells[part][name] = (so_far[0] + num, so_far[1] + den, so_far[2] + 1)
    lines = [Line(name, above, *sums[name]) for name, above in _parents_first(made.parent)]
    hidden = hide(lines, BELOW, kind=kind, inside=cells, secondary=insiders)
    found = []
    for insider in (None, *(name for name in cells if sums[name][3])):
        others = Counter(frozenset(made.groups(one)) for one in made.people if insider not in one.team)
        shown = [line.name for line in lines if line.name not in hidden]
        found += [(insider, *each) for each in told_of_few(others, made.parent, shown, BELOW - 1)]
    return found


def _parents_first(parent: Mapping[Name, Name | None]) -> list[tuple[Name, Name | None]]:
    return sorted(parent.items(), key=lambda each: len(above(parent, each[0])))


@pytest.mark.parametrize("kind", ["people", "amount"])
@pytest.mark.parametrize("seed", range(20))
def test_who_takes_their_own_people_away_learns_nothing_of_few_others(seed: int, kind: Literal["people", "amount"]) -> None:
    assert of_few(seed, kind) == []


@pytest.mark.parametrize("kind", ["people", "amount"])
def test_they_would_where_only_small_numbers_are_hidden(kind: Literal["people", "amount"]) -> None:
    found = [each for seed in range(6) for each in of_few(seed, kind, insiders=False)]
    assert sum(insider is not None for insider, _, _ in found) > 10


# One month after another -----------------------------------------------------------------------------------------------


@dataclass
class History:
    """Months of something that grows, with who left which group in between: what readers who look around know."""

    parent: dict[Name, Name | None]
    months: list[Month]
    left: list[dict[Name, int]]


def history(seed: int, months: int = 4, *, alone: bool = False) -> History:
    """People come, go, move, and more and more have it. `alone`: each month is hidden as if there were no other."""
    chance = Random(seed)
    made = organisation(chance)
    teams = sorted({one.team for one in made.people})
    slow = {team: chance.choice((0.1, 1, 1, 2)) for team in teams}
    rate = chance.choice((0.03, 0.1, 0.2, 0.4))
    for one in made.people:
        one.true = False
    found = History(made.parent, [], [])
    groups: dict[Name, set[int]] = {}
    people = dict(enumerate(made.people))
    for _ in range(months):
        made.people = list(people.values())
        now: dict[Name, set[int]] = {name: set() for name in made.parent}
        for key, one in people.items():
            for name in made.groups(one):
                now[name].add(key)
        if groups:
            found.left.append({name: len(groups[name] - now[name]) for name in now})
        groups = now
        lines, before = made.lines(), found.months[-1].hidden if found.months else ()
        if alone:
            hidden = hide(lines, BELOW, inside=made.inside(), before=before)
        else:
            hidden = hide_after(found.months, lines, BELOW, inside=made.inside(), before=before)
        found.months.append(Month(lines, hidden))
        people = _next_month(people, teams, {team: rate * slow[team] for team in teams}, chance)
    return found


def _next_month(
    people: Mapping[int, Someone], teams: Sequence[tuple[Name, ...]], rate: Mapping[tuple[Name, ...], float], chance: Random
) -> dict[int, Someone]:
    last = max(people, default=0)
    stay = {key: copy.copy(one) for key, one in people.items() if chance.random() > 0.02}
    for one in stay.values():
        one.true = one.true or chance.random() < rate[one.team]
        if chance.random() < 0.01:
            one.team = chance.choice(teams)
    for n in range(chance.choice((0, 0, 1, 2)) if stay else 0):
        newcomer = copy.copy(chance.choice(list(stay.values())))
        newcomer.true = False
        stay[last + n + 1] = newcomer
    return stay


def knows_months(told: History, until: int) -> Knowledge:
    """Of the first `until` months what is shown of them, and of all how many people there were and left."""
    knows = Knowledge()
    for n, month in enumerate(told.months):
        for line in month.lines:
            if n < until and line.name not in month.hidden:
                knows.known((str(n), *line.name), line.num)
            else:
                knows.number((str(n), *line.name), 0, line.den)
        for name in told.parent:
            for breakdown in ("tree", "stage", "contract"):
                parts = [part for part in told.parent if told.parent[part] == name and part[0] == breakdown]
                if parts:
                    knows.sums.append(((str(n), *name), [(str(n), *part) for part in parts]))
    for n, left in enumerate(told.left):
        knows.falls += [((str(n), *name), (str(n + 1), *name), most) for name, most in left.items()]
    return knows


def narrowed(seed: int, *, alone: bool = False) -> list[tuple[int, int, Name, int, int]]:
    """What the publication of a month narrows down too far, in it or in the months before: (month, month of the number, …)."""
    told = history(seed, alone=alone)
    knows = [knows_months(told, until) for until in range(len(told.months) + 1)]
    found = []
    for published in range(1, len(told.months)):
        for n in range(published + 1):
            lines, hidden = {line.name: line for line in told.months[n].lines}, told.months[n].hidden
            for name in sorted(hidden):
                made = Organisation([], told.parent)
                if not lines[name].den or known_to_all(made, lines, hidden, name):
                    continue
                low, high = knows[published + 1].range((str(n), *name))
                if high - low + 1 < HIDDEN_RANGE:
                    before, after = knows[published].range((str(n), *name))
                    if high - low < min(HIDDEN_RANGE - 1, after - before):
                        found.append((published, n, name, low, high))
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(6))
def test_nor_from_the_months_around_it(seed: int) -> None:
    assert narrowed(seed) == []


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100, 108))
def test_nor_from_the_months_around_it_of_many_more(seed: int) -> None:
    assert narrowed(seed) == []


def two_stages(*numbers: tuple[int, int]) -> list[Line]:
    """Everybody, in two stages."""
    num, den = (sum(each) for each in zip(*numbers, strict=True))
    return [Line(ALL, None, num, den), *(Line(("stage", str(n)), ALL, *each) for n, each in enumerate(numbers))]


def test_the_attack_succeeds_where_each_month_is_hidden_for_itself() -> None:
    """One more in the second month: 6 of 12 are shown, then 7 of 12 and what hides it would be, but only one can have come."""
    first = Month(two_stages((6, 12), (8, 20)), hide(two_stages((6, 12), (8, 20)), BELOW))
    assert not first.hidden
    lines = two_stages((7, 12), (8, 20))
    parent: dict[Name, Name | None] = {line.name: line.parent for line in lines}
    for hidden, (low, high) in ((hide(lines, BELOW), (6, 7)), (hide_after([first], lines, BELOW), (6, 12))):
        told = History(parent, [first, Month(lines, hidden)], [dict.fromkeys(parent, 0)])
        assert knows_months(told, 2).range(("1", "stage", "0")) == (low, high)
