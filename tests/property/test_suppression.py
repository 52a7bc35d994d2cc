"""Nothing hidden can be worked out: random tables against an attacker who tries every table there could be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.suppression import Sum, hidden

BELOW = 5


def table(rows: Sequence[Sequence[int]]) -> tuple[dict[str, int], list[Sum]]:
    """Counts and sums of a table with row totals, column totals and a grand total."""
    counts = {f"{r}.{c}": count for r, row in enumerate(rows) for c, count in enumerate(row)}
    width = len(rows[0])
    sums = [Sum(f"row {r}", tuple(f"{r}.{c}" for c in range(width))) for r in range(len(rows))]
    sums += [Sum(f"column {c}", tuple(f"{r}.{c}" for r in range(len(rows)))) for c in range(width)]
    sums.append(Sum("all", tuple(f"row {r}" for r in range(len(rows)))))
    sums.append(Sum("all", tuple(f"column {c}" for c in range(width))))
    for relation in sums:
        counts[relation.total] = sum(counts[part] for part in relation.parts)
    return counts, sums


def believable(counts: Mapping[str, int], sums: Sequence[Sum], hide: frozenset[str], most: int) -> Iterator[dict[str, int]]:
    """Every table that fits what is shown, by brute force over the inner cells."""
    inner = [key for key in counts if "." in key]
    choices = [range(min(counts[key], 1), most + 1) if key in hide else [counts[key]] for key in inner]
    for values in product(*choices):
        found = dict(zip(inner, values, strict=True))
        for relation in sums:
            total = sum(found[part] for part in relation.parts)
            if relation.total not in hide and total != counts[relation.total]:
                break
            found[relation.total] = total
        else:
            yield found


@pytest.mark.thorough
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 7), min_size=2, max_size=2), min_size=1, max_size=2).filter(lambda t: len({len(r) for r in t}) == 1)
)
def test_every_hidden_count_could_be_something_else(rows: list[list[int]]) -> None:
    counts, sums = table(rows)
    hide = hidden(counts, sums, BELOW)
    seen: dict[str, set[int]] = {key: set() for key in hide}
    for found in believable(counts, sums, hide, 12):
        for key in hide:
            seen[key].add(found[key])
    assert {key for key, values in seen.items() if len(values) < 2} == set()


@given(st.lists(st.integers(0, 40), min_size=1, max_size=12))
def test_small_numbers_are_hidden_and_zeros_are_not_small(parts: list[int]) -> None:
    counts, sums = table([parts])
    hide = hidden(counts, sums, BELOW)
    assert {key for key, count in counts.items() if 0 < count < BELOW} <= hide
    if all(count == 0 or count >= BELOW for count in counts.values()):
        assert hide == frozenset()


@pytest.mark.thorough
@settings(deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=12))
def test_the_same_table_always_looks_the_same(parts: list[int]) -> None:
    counts, sums = table([parts])
    assert hidden(counts, sums, BELOW) == hidden(dict(counts), list(sums), BELOW)


def test_one_small_part_takes_the_smallest_other_with_it() -> None:
    counts = {"all": 40, "a": 3, "b": 30, "c": 7}
    assert hidden(counts, [Sum("all", ("a", "b", "c"))], BELOW) == {"a", "c"}


def test_two_ones_that_make_two_would_give_each_other_away() -> None:
    counts = {"all": 22, "a": 1, "b": 1, "c": 20}
    assert hidden(counts, [Sum("all", ("a", "b", "c"))], BELOW) == {"a", "b", "c"}


def test_primary_alone_would_be_worked_out() -> None:
    """The negative control: without the second step the attacker has the hidden count."""
    counts, sums = table([[3, 30, 7]])
    hide = frozenset(key for key, count in counts.items() if 0 < count < BELOW)
    assert {found["0.0"] for found in believable(counts, sums, hide, 16)} == {3}


def test_a_wide_table_is_quick_enough() -> None:
    rows = [[(r * 7 + c * 5) % 13 for c in range(6)] for r in range(12)]
    counts, sums = table(rows)
    hide = hidden(counts, sums, BELOW)
    assert {key for key, count in counts.items() if 0 < count < BELOW} <= hide < counts.keys()
