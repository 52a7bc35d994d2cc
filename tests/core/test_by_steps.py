"""What is shown of groups from step to step gives nothing away, even to somebody who knows all totals and how it is decided."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations, pairwise, product

import pytest

from app.core.suppression import by_steps

BELOW = 3
Table = tuple[tuple[int, ...], ...]


def tables(groups: int, steps: int, most: int) -> list[Table]:
    """Every table of so many groups and steps with at most so many people in all."""
    lines = [line for line in product(range(most + 1), repeat=steps) if all(a >= b for a, b in pairwise(line))]
    return [table for table in product(lines, repeat=groups) if sum(line[0] for line in table) <= most]


def published(table: Table, below: int = BELOW) -> Table:
    shown = by_steps({str(n): line for n, line in enumerate(table)}, below, apart=1)  # what shows most
    return tuple(tuple(-1 if count is None else count for count in shown[str(n)]) for n in range(len(table)))


@pytest.mark.parametrize(("groups", "steps", "most"), [(2, 2, 9), (3, 2, 9), (2, 3, 8), (4, 1, 12)])
def test_an_attacker_who_knows_everything_but_the_answers(groups: int, steps: int, most: int) -> None:
    """Every table there could be, sorted by what a reader sees of it: totals and what is shown. Whatever was hidden, and every difference
    of two steps, could be something else, or is nobody; and nothing small is shown."""
    seen: dict[tuple[tuple[int, ...], Table], list[Table]] = defaultdict(list)
    for table in tables(groups, steps, most):
        seen[tuple(map(sum, zip(*table, strict=True))), published(table)].append(table)
    edges = list(combinations(range(steps + 1), 2))
    told = 0
    for (totals, shown), possible in seen.items():
        for group in range(groups):
            for a, b in edges:
                values = {((*table[group], 0)[a] - (*table[group], 0)[b]) for table in possible}
                if len(values) > 1:
                    continue
                (value,) = values
                whole = (*totals, 0)[a] - (*totals, 0)[b]
                assert value == 0 or BELOW <= value < whole, (totals, shown, group, a, b)
                told += value > 0
    assert told, "it must not protect by showing nothing at all"


def test_a_step_too_near_another_is_left_out() -> None:
    lines = {"women": (46, 23, 18, 18), "men": (14, 7, 6, 6)}
    assert by_steps(lines, 6) == {"women": (46, None, 18, 18), "men": (14, None, 6, 6)}


def test_one_small_group_takes_another_with_it() -> None:
    hidden = (None, None)
    assert by_steps({"a": (60, 30), "b": (3, 0), "c": (12, 6), "none": (0, 0)}, 6) == {
        "a": (60, 30),
        "b": hidden,
        "c": hidden,
        "none": (0, 0),
    }


def test_everybody_being_of_one_group_is_not_said() -> None:
    assert by_steps({"a": (30, 12), "b": (0, 0)}, 6) == {"a": (None, None), "b": (None, None)}
    hidden = (None, None)
    assert by_steps({"a": (50, 24), "b": (22, 0)}, 6) == {"a": hidden, "b": hidden}, "all who started are of one group"


def test_as_many_hidden_as_there_are_people_would_be_one_each() -> None:
    lines = {"big": (20,), "next": (60,), **{str(n): (1,) for n in range(8)}}
    shown = by_steps(lines, 6)
    assert shown["big"] == (20,) and shown["next"] == (None,), "eight of one each, and nobody else, would be plain to see"


def test_nobody_at_all() -> None:
    assert by_steps({"a": (0, 0), "b": (0, 0)}, 6) == {"a": (0, 0), "b": (0, 0)}
    assert by_steps({}, 6) == {}
