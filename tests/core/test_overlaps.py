"""What is shown of groups in overlapping sets of people gives nothing away: to somebody who knows by name who is in which set, how it is
decided what to hide, and everything that was published before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import pytest

from app.core import overlaps
from app.core.overlaps import Earlier, Sets, hidden, kept, near

BELOW = 3
APART = 4  # between publications; the service asks for four times BELOW
World = tuple[tuple[int, ...], ...]  # of each group, how many people of each kind; the reader knows by name who is of which kind
Members = Sequence[Sequence[int]]  # the kinds of people in each set


def worlds(groups: int, kinds: int, most: int) -> Iterator[World]:
    """Every world of so many groups and kinds of people with at most so many people in all."""

    def rows(cells: int, left: int) -> Iterator[tuple[int, ...]]:
        if not cells:
            yield ()
            return
        for n in range(left + 1):
            for rest in rows(cells - 1, left - n):
                yield (n, *rest)

    for flat in rows(groups * kinds, most):
        yield tuple(flat[n * kinds : (n + 1) * kinds] for n in range(groups))


def counts(world: World, members: Members) -> dict[str, tuple[int, ...]]:
    return {str(n): tuple(sum(line[kind] for kind in kinds) for kinds in members) for n, line in enumerate(world)}


def sets_of(world: World, members: Members) -> Sets:
    whole = [sum(column) for column in zip(*world, strict=True)]
    return Sets([[sum(whole[kind] for kind in set(a) & set(b)) for b in members] for a in members])


def shown(world: World, members: Members, before: Sequence[Earlier] = (), apart: int = 1) -> tuple[Any, ...]:
    """What the reader sees of one publication: which sets, and of each group its numbers or that they are hidden."""
    sets, lines = sets_of(world, members), counts(world, members)
    keep = kept(sets, before, apart)
    if not keep:
        return ("refused",)
    hide = hidden(lines, sets, keep, before, BELOW, apart)
    return (tuple(keep), *(None if name in hide else tuple(each[a] for a in keep) for name, each in lines.items()))


def attacked(seen: dict[Any, list[World]], kinds: int) -> tuple[list[Any], int]:
    """Numbers under the limit, or everybody, that can be said for sure of some group among people known by name; and how many
    others can be: what is published is to be of use."""
    told, useful = [], 0
    for (totals, what), possible in seen.items():
        for group in range(len(possible[0])):
            for chosen in product((0, 1), repeat=kinds):
                whole = sum(totals[kind] for kind in range(kinds) if chosen[kind])
                values = {sum(world[group][kind] for kind in range(kinds) if chosen[kind]) for world in possible}
                if len(values) > 1 or not whole:
                    continue
                (value,) = values
                if value and not BELOW <= value < whole:
                    told.append((totals, what, group, chosen, value))
                useful += bool(value)
    return told, useful


def together(groups: int, most: int) -> dict[Any, list[World]]:
    """All worlds as they are seen when two things are published of the same people: kinds are who took part in neither, the one, the
    other, both."""
    members = ((0, 1, 2, 3), (1, 3), (2, 3))
    seen: dict[Any, list[World]] = defaultdict(list)
    for world in worlds(groups, 4, most):
        seen[tuple(map(sum, zip(*world, strict=True))), shown(world, members)].append(world)
    return seen


def in_turn(groups: int, most: int, apart: int = APART, *, told: bool = True) -> dict[Any, list[World]]:
    """All worlds as they are seen after two publications: kinds are who was counted in both, in the first only, in the second only.
    `told`: the second knows of the first."""
    first, second = ((0, 1),), ((0, 2),)
    seen: dict[Any, list[World]] = defaultdict(list)
    for world in worlds(groups, 3, most):
        totals = tuple(map(sum, zip(*world, strict=True)))
        before = shown(world, first)
        said = {str(n): line[0] if line else None for n, line in enumerate(before[1:])}
        earlier = [Earlier(totals[0] + totals[1], (totals[0],), said)] if told else []
        seen[totals, (before, shown(world, second, earlier, apart))].append(world)
    return seen


@pytest.mark.thorough
@pytest.mark.parametrize(("groups", "most"), [(2, 9), (3, 6)])
def test_several_things_of_the_same_people(groups: int, most: int) -> None:
    told, useful = attacked(together(groups, most), 4)
    assert not told, told[:3]
    assert useful, "it must not protect by showing nothing at all"


@pytest.mark.thorough
@pytest.mark.parametrize(("groups", "most"), [(2, 14), (3, 8)])
def test_one_publication_after_another(groups: int, most: int) -> None:
    told, useful = attacked(in_turn(groups, most), 3)
    assert not told, told[:3]
    assert useful


def test_the_attack_succeeds_where_the_second_does_not_know_of_the_first() -> None:
    told, _ = attacked(in_turn(2, 10, told=False), 3)
    assert told


def test_the_attack_succeeds_where_too_few_come_and_go_between_two() -> None:
    told, _ = attacked(in_turn(2, 10, 1), 3)
    assert told


def test_lines_are_hidden_of_all_that_is_published_together() -> None:
    """Each for itself, the base of three people of "few" would be what is left of the total."""
    lines = {"many": (40, 20, 20), "some": (12, 6, 2), "few": (3, 1, 1), "not known": (20, 10, 10)}
    common = [[75, 37, 33], [37, 37, 16], [33, 16, 33]]

    def one(a: int) -> frozenset[str]:
        sets = Sets([[75, common[0][a]], [common[0][a], common[a][a]]])
        return hidden({name: (each[0], each[a]) for name, each in lines.items()}, sets, (0, 1), (), 6, 24)

    assert one(1) == {"few", "not known"} and one(2) == {"few", "some"}
    assert 75 - 40 - lines["some"][0] - lines["not known"][0] == 3, "which the one shows, and the other"
    assert hidden(lines, Sets(common), (0, 1, 2), (), 6, 24) == {"few", "some"}


@pytest.mark.thorough
def test_the_attack_succeeds_where_the_two_are_not_subtracted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlaps, "_before", lambda *_: set())
    told, _ = attacked(in_turn(2, 14), 3)
    assert told


def test_nearly_the_same_people() -> None:
    assert near(100, 99, 99, 24) and near(100, 100, 77, 24) and not near(100, 100, 76, 24) and not near(100, 76, 76, 24)
    assert near(100, 100, 100, 24), "the very same people at another time: what differs is an answer"
    assert not near(100, 100, 100, 24, same=True) and not near(10, 9, 0, 24)


def test_sets_are_left_out_by_totals_alone() -> None:
    sets = Sets([[100, 90, 40], [90, 90, 40], [40, 40, 40]])
    assert kept(sets, (), 24) == [0, 2], "ten people lost between the first two"
    assert kept(sets, (Earlier(100, (99, 89, 39), {}),), 24) == [], "nearly all of them were counted before"
    assert kept(sets, (Earlier(40, (30, 30, 30), {}),), 24) == [0]


# Sets of whom nobody is to know who is in them -----------------------------------------------------------------------


def sought(groups: int, most: int, *, secret: tuple[int, ...]) -> tuple[list[Any], int]:
    """All worlds as they are seen by somebody who knows of everybody which group they are of, and of nobody whether they are on the list:
    kinds are who is not on it, who is on it, and who of them is ready. Groups of which it follows that all are on it, or ready; and how
    many numbers of groups are worked out."""
    members = ((0, 1, 2), (1, 2), (2,))
    seen: dict[Any, list[tuple[int, ...]]] = defaultdict(list)
    for world in worlds(groups, 3, most):
        sets, lines = sets_of(world, members), counts(world, members)
        if sets.size(0) < BELOW:
            continue  # so few are shown nothing at all
        keep = kept(sets, (), APART, (1, 2), secret)
        hide = hidden(lines, sets, keep, (), BELOW, APART, secret)
        what = tuple(None if name in hide else tuple(each[a] for a in keep) for name, each in lines.items())
        own = tuple(each[0] for each in lines.values())
        seen[own, tuple((a, sets.size(a)) for a in keep), what].append(tuple(each[a] for each in lines.values() for a in (1, 2)))
    told, useful = [], 0
    for (own, keep_, what), possible in seen.items():
        for place in range(2 * groups):
            values = {each[place] for each in possible}
            told += [(own, keep_, what, place)] if values == {own[place // 2]} and values != {0} else []
            useful += len(values) == 1 and values != {0}
    return told, useful


@pytest.mark.thorough
@pytest.mark.parametrize(("groups", "most"), [(2, 15), (3, 10)])
def test_of_no_group_it_is_told_that_all_are_on_a_secret_list(groups: int, most: int) -> None:
    told, useful = sought(groups, most, secret=(1, 2))
    assert not told, told[:3]
    assert useful


@pytest.mark.thorough
def test_the_attack_succeeds_where_the_list_is_not_secret() -> None:
    told, _ = sought(2, 15, secret=())
    assert told


def test_what_is_left_of_a_secret_list_is_not_all_who_are_left() -> None:
    """Two hidden groups of whom all are on it: what is left of both totals would say so."""
    lines = {"many": (60, 10), "some": (20, 9), "one": (10, 10), "other": (9, 9)}
    sets = Sets([[99, 38], [38, 38]])
    assert hidden(lines, sets, (0, 1), (), 6, 24) == frozenset()
    assert hidden(lines, sets, (0, 1), (), 6, 24, (1,)) == {"one", "other", "some"}
    assert kept(Sets([[99, 99], [99, 99]]), (), 24) == [0, 1] and kept(Sets([[99, 99], [99, 99]]), (), 24, secret=(1,)) == [0]
