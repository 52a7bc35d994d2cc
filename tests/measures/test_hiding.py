"""Which lines are hidden: small numbers, what is missing from all, as many others as it takes, and what lies in them."""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import pytest

from app.measures.hiding import ALL, Box, Line, hide, ranges
from app.measures.months import Month, hide_after, of_the_period

BELOW = 6
A, B, C, D = (("tree", letter) for letter in "abcd")


def services(*numbers: tuple[int, int], below: int = BELOW, **more: object) -> set[str]:
    """The keys of the services that are hidden ("" of everybody)."""
    lines = [Line(ALL, None, *map(sum, zip(*numbers, strict=True)))]
    lines += [Line(("tree", "abcdefgh"[n]), ALL, *each) for n, each in enumerate(numbers)]
    return {key for _, key in hide(lines, below, **more)}  # type: ignore[arg-type]


def test_what_is_big_enough_is_shown() -> None:
    assert services((20, 40), (10, 30), (6, 12)) == set()


def test_none_and_all_of_a_group_that_is_big_enough_are_shown() -> None:
    assert services((0, 40), (30, 30), (20, 50)) == set()


@pytest.mark.parametrize("small", [(1, 30), (5, 30), (29, 30), (25, 30), (2, 4), (0, 4), (4, 4)])
def test_a_small_number_is_hidden_with_others(small: tuple[int, int]) -> None:
    """Of whom it is true, of whom it is not, or of whom it is asked: and one line alone could be worked out by subtracting."""
    found = services(small, (40, 90), (50, 100), (45, 95))
    assert "a" in found and 3 <= len(found) <= 4 and "" not in found


@pytest.mark.parametrize("shown", [(0, 30), (6, 30), (24, 30), (30, 30), (3, 6), (0, 0)])
def test_what_is_just_big_enough(shown: tuple[int, int]) -> None:
    assert ("a" in services(shown, (40, 90), (50, 100), (45, 95))) is (shown == (3, 6))


def test_a_council_may_hide_more() -> None:
    assert services((8, 60), (40, 90), (50, 100), (45, 95)) == set()
    assert "a" in services((8, 60), (40, 90), (50, 100), (45, 95), below=10)


def test_two_hidden_lines_are_not_enough_where_one_of_them_has_a_manager() -> None:
    """Who manages b knows b, and would subtract it."""
    assert len(services((3, 30), (20, 60), (30, 70), (40, 80))) == 3


def test_what_is_hidden_beside_it_is_chosen_by_what_everybody_knows() -> None:
    """The groups with the fewest people first, whatever their numbers; and rather what was hidden last time."""
    assert services((3, 30), (30, 61), (20, 60), (40, 80)) == {"a", "b", "c"}
    assert services((3, 30), (20, 61), (30, 60), (40, 80)) == {"a", "b", "c"}
    assert services((3, 30), (30, 61), (20, 60), (40, 80), before={D}) == {"a", "c", "d"}


def test_the_whole_is_hidden_where_its_parts_cannot_be() -> None:
    assert services((3, 30), (40, 90)) == {"", "a", "b"}


def test_nobody_in_a_group_hides_nothing() -> None:
    assert "b" not in services((3, 30), (0, 0), (40, 90), (50, 100), (45, 95))


def tree() -> list[Line]:
    return [
        Line(ALL, None, 120, 260),
        Line(A, ALL, 40, 90),
        Line(("tree", "a1"), A, 2, 20),
        Line(("tree", "a2"), A, 18, 30),
        Line(("tree", "a3"), A, 20, 40),
        Line(B, ALL, 40, 90),
        Line(("tree", "b1"), B, 20, 45),
        Line(("tree", "b2"), B, 20, 45),
        Line(C, ALL, 40, 80),
        Line(("stage", "x"), ALL, 60, 130),
        Line(("stage", "y"), ALL, 60, 130),
    ]


def test_only_the_parts_of_one_part_are_hidden() -> None:
    assert hide(tree(), BELOW) == {("tree", "a1"), ("tree", "a2"), ("tree", "a3")}


def test_what_lies_in_a_hidden_line_is_hidden() -> None:
    assert {("tree", "b1"), ("tree", "b2")} <= hide(tree(), BELOW, besides={B})


def test_everything_is_hidden_where_everybody_is_few() -> None:
    lines = [Line(ALL, None, 3, 260), Line(A, ALL, 3, 90), Line(B, ALL, 0, 170)]
    assert hide(lines, BELOW) == {ALL, A, B}


def test_who_manages_a_part_knows_their_own_people_in_a_stage() -> None:
    """Where half of what is hidden is theirs, they find nothing out of the other half; where it is all theirs but for two, they would."""
    lines = [Line(ALL, None, 60, 200), Line(A, ALL, 30, 100), Line(B, ALL, 30, 100)]
    stages = [Line(("stage", "x"), ALL, 4, 40), Line(("stage", "y"), ALL, 14, 50), Line(("stage", "z"), ALL, 42, 110)]
    x, y, z = (line.name for line in stages)
    half = {x: (2, 20), y: (7, 25), z: (21, 55)}
    assert hide([*lines, *stages], BELOW, inside={A: half, B: half}) == {x, y}
    most, rest = {x: (4, 20), y: (12, 25), z: (14, 55)}, {x: (0, 20), y: (2, 25), z: (28, 55)}
    assert hide([*lines, *stages], BELOW, inside={A: most, B: rest}) == {x, y, z}


def test_an_amount_is_hidden_where_few_people_are_behind_it() -> None:
    lines = [
        Line(ALL, None, 900, 4000, 9, 40),
        Line(A, ALL, 200, 1000, 2, 10),
        Line(B, ALL, 0, 1000, 0, 10),
        Line(C, ALL, 700, 1000, 7, 10),
        Line(D, ALL, 0, 1000, 0, 10),
    ]
    assert {A} < hide(lines, BELOW, kind="amount", step=100)
    assert hide([*lines[:1], Line(A, ALL, 900, 4000, 9, 40)], BELOW, kind="amount", step=100) == set()


def sessions(*numbers: tuple[int, int, int], **more: object) -> set[str]:
    """The keys that are hidden of services with so many sessions of so many, of so many people, who all have some."""
    lines = [Line(("tree", "abcdefgh"[n]), ALL, num, den, people, people) for n, (num, den, people) in enumerate(numbers)]
    num, den, people = (sum(each) for each in zip(*numbers, strict=True))
    return {key for _, key in hide([Line(ALL, None, num, den, people, people), *lines], BELOW, kind="amount", **more)}  # type: ignore[arg-type]


def test_a_manager_of_an_amount_takes_their_own_part_away() -> None:
    """Beside their 100 of 107 sessions would be left one person's 5 of 5; so another part is hidden with both, or the whole with them."""
    mine, boss, other = (100, 107, 20), (5, 5, 1), (85, 91, 18)
    assert sessions(mine, boss, other) == {"a", "b", "c"}
    assert sessions(mine, boss) == {"", "a", "b"}
    assert sessions(mine, boss, other, (300, 330, 60)) == {"a", "b", "c"}
    assert sessions(mine, other, (300, 330, 60)) == set()


def test_few_others_are_left_of_hidden_parts_of_few() -> None:
    """Five people in two parts are as few as five in one: one big part hidden with them has a manager too, who would be left with them."""
    assert sessions((100, 107, 20), (5, 5, 2), (9, 12, 3), (85, 91, 18), (300, 330, 60)) == {"a", "b", "c", "d"}
    assert sessions((100, 107, 20), (5, 5, 3), (9, 12, 3), (85, 91, 18), (300, 330, 60)) == {"b", "c", "d"}


@pytest.mark.parametrize(("theirs", "shown"), [(59, False), (55, False), (54, True), (60, True), (0, True)])
@pytest.mark.parametrize("kind", ["people", "amount"])
def test_a_stage_is_shown_only_where_a_manager_knows_all_of_it_or_not_nearly(kind: str, theirs: int, shown: bool) -> None:
    lines = [Line(name, above, 3 * people // 5, people, 3 * people // 5, people) for name, above, people in (
        (ALL, None, 400), (A, ALL, 200), (B, ALL, 200), (("stage", "x"), ALL, 60), (("stage", "y"), ALL, 140), (("stage", "z"), ALL, 200)
    )]  # fmt: skip
    cells = {("stage", "x"): (3 * theirs // 5, theirs, theirs), ("stage", "y"): (40, 70, 70), ("stage", "z"): (40, 70, 70)}
    found = hide(lines, BELOW, kind=kind, inside={A: cells})  # type: ignore[arg-type]
    assert (("stage", "x") not in found) is shown and ALL not in found


def test_a_count_of_nobody_knows_how_many() -> None:
    lines = [Line(ALL, None, 40, 0), Line(A, ALL, 3, 0), Line(B, ALL, 15, 0), Line(C, ALL, 12, 0), Line(D, ALL, 10, 0)]
    assert A in hide(lines, BELOW, kind="count") and ALL not in hide(lines, BELOW, kind="count")


# Readers who know the rules --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(7, 8, 20), (12, 13, 14), (9, 15, 20), (6, 9, 9, 9), (40, 12)])
def test_who_knows_the_rules_learns_no_more(sizes: tuple[int, ...]) -> None:
    """Every table that there could be of these groups, sorted by what is published of it: each hidden number could be one of several."""
    names = (A, B, C, D)[: len(sizes)]
    seen: dict[tuple[int | None, ...], list[tuple[int, ...]]] = defaultdict(list)
    for table in product(*(range(size + 1) for size in sizes)):
        lines = [Line(ALL, None, sum(table), sum(sizes))]
        lines += [Line(name, ALL, num, den) for name, num, den in zip(names, table, sizes, strict=True)]
        hidden = hide(lines, BELOW)
        seen[tuple(None if line.name in hidden else line.num for line in lines)].append(table)
    assert len(seen) > 5
    for shown, tables in seen.items():
        if shown[0] not in (0, sum(sizes)):
            for n in range(len(sizes)):
                assert shown[n + 1] is not None or len({table[n] for table in tables}) >= BELOW - 2, shown


# Months ----------------------------------------------------------------------------------------------------------------


def everybody(num: int, den: int = 100) -> list[Line]:
    return [Line(ALL, None, num, den)]


def test_a_new_period_begins_where_the_number_falls_by_more_than_half() -> None:
    months = [Month(everybody(num), ()) for num in (30, 60, 90, 0, 10)]
    assert of_the_period(months, everybody(20)) == months[3:]
    assert of_the_period(months[:3], everybody(10)) == []


def test_a_zero_after_a_hidden_number_is_hidden_too() -> None:
    """Else what was hidden would be known to have been nobody, or only people who left."""
    first = [Line(ALL, None, 50, 190), Line(A, ALL, 3, 40), Line(B, ALL, 12, 50), Line(C, ALL, 35, 100)]
    hidden = hide(first, BELOW)
    assert hidden == {A, B, C}
    second = [Line(ALL, None, 56, 190), Line(A, ALL, 6, 40), Line(B, ALL, 13, 50), Line(C, ALL, 37, 100)]
    assert hide(second, BELOW) == set()
    after = hide_after([Month(first, hidden)], second, BELOW)
    assert all(line.name in after or line.num >= BELOW for line in second)


def test_bounds_that_cannot_all_be_true_are_told() -> None:
    lines = [Line(ALL, None, 10, 30), Line(A, ALL, 4, 10), Line(B, ALL, 6, 20)]
    assert ranges(lines, {A, B}, {A: Box(9, 10), B: Box(9, 20)}) is None
    assert ranges(lines, {A, B}, {A: Box(3, 10)}) == {ALL: Box(10, 10), A: Box(3, 10), B: Box(0, 7)}
