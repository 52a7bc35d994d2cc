"""Two measures of the same people, one true only where the other is: a reader knows that the one number is no greater than the other."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

from app.core.config import ROOT
from app.measures import lines, sets
from app.measures.definitions import parsed
from app.measures.figures import Figure
from app.measures.hiding import ALL, Line, Name, hide
from tests.measures.attack import Knowledge
from tests.measures.published import HEAD, measure
from tests.measures.small_organisations import Organisation, organisation
from tests.measures.test_attack import HIDDEN_RANGE, known_to_all

BELOW = 6
WIDE, NARROW = "wide", "narrow"
PAIR = (measure(WIDE, "Wide", counts="promotion", breakdowns=["tree"]), measure(NARROW, "Narrow", counts="promotion", breakdowns=["tree"]))


def both(seed: int) -> tuple[Organisation, dict[str, list[Line]]]:
    """An organisation with what is true of some of its people, and what is true of some of those."""
    chance = Random(seed)
    wide = organisation(chance, 40)
    narrow = copy.deepcopy(wide)
    often = chance.choice((0.3, 0.6, 0.9))
    for one in narrow.people:
        one.true = one.true and chance.random() < often
    return wide, {WIDE: wide.lines(), NARROW: narrow.lines()}


def figures(made: list[Line]) -> list[Figure]:
    return [
        Figure(line.name[0], line.name[1], line.parent[1] if line.parent and line.parent[1] else None, "", "", *[line.num, line.den] * 2)
        for line in made
    ]


def alike(told: dict[str, list[Line]]) -> dict[str, frozenset[Name]]:
    measures = parsed({**HEAD, "runs_from": "2020-01-01", "success_measures": {}, "measures": PAIR}).measures
    hidden = lines.hidden_alike([(each, figures(told[each.code]), []) for each in measures], BELOW, before={WIDE: (), NARROW: ()})
    return {WIDE: hidden, NARROW: hidden}


def exposed(seed: int) -> Iterator[tuple[Any, ...]]:
    made, told = both(seed)
    yield from found(seed, made, told, alike(told))


def found(seed: int, made: Organisation, told: dict[str, list[Line]], hidden: dict[str, frozenset[Name]]) -> Iterator[tuple[Any, ...]]:
    """Hidden numbers that are told too closely by all that is shown of both."""
    knows = Knowledge()
    for code, each in told.items():
        for line in each:
            if line.name in hidden[code]:
                knows.number((code, *line.name), 0, line.den)
            else:
                knows.known((code, *line.name), line.num)
        for name in made.parent:
            for breakdown in ("tree", "stage", "contract"):
                parts = [(code, *part) for part in made.parent if made.parent[part] == name and part[0] == breakdown]
                if parts:
                    knows.sums.append(((code, *name), parts))
    knows.falls += [((NARROW, *name), (WIDE, *name), 0) for name in made.parent]
    for code, each in told.items():
        truth = {line.name: line for line in each}
        for name in sorted(hidden[code]):
            if truth[name].den and not known_to_all(made, truth, hidden[code], name):
                low, high = knows.range((code, *name))
                if high - low + 1 < min(HIDDEN_RANGE, truth[name].den + 1):
                    yield seed, code, name, low, high


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(12))
def test_hidden_alike_they_tell_nothing_of_each_other(seed: int) -> None:
    assert list(exposed(seed)) == []


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100, 108))
def test_hidden_alike_they_tell_nothing_of_each_other_in_many_more(seed: int) -> None:
    assert list(exposed(seed)) == []


def teams(*numbers: tuple[int, int]) -> list[Line]:
    num, den = (sum(each) for each in zip(*numbers, strict=True))
    return [Line(ALL, None, num, den), *(Line(("tree", str(n)), ALL, *each) for n, each in enumerate(numbers))]


def test_hidden_each_for_itself_they_do() -> None:
    """6 of 30, 6 of 30 and 8 of 40 are shown; of 17 in all, 3, 6 and 8 are hidden, and each can now only be one of four numbers."""
    told = {WIDE: teams((6, 30), (6, 30), (8, 40)), NARROW: teams((3, 30), (6, 30), (8, 40))}
    made = Organisation([], {line.name: line.parent for line in told[WIDE]})
    apart = {code: hide(each, BELOW) for code, each in told.items()}
    assert not apart[WIDE] and apart[NARROW] == {("tree", key) for key in "012"}
    assert {each[2:] for each in found(0, made, told, apart)} == {(("tree", "0"), 3, 6), (("tree", "1"), 3, 6), (("tree", "2"), 5, 8)}
    assert list(found(0, made, told, alike(told))) == []


def test_the_county_declares_them() -> None:
    measures = parsed(sets.from_folder(ROOT / "seed/reference/measures"))
    tied = {frozenset(each.code for each in group) for group in measures.together() if len(group) > 1}
    assert tied == {
        frozenset(pair)
        for pair in (("caseload-18", "caseload-22"), ("promotion", "progression"), ("stability-one-year", "stability-two-years"))
    }
    assert sorted(each.code for group in measures.together() for each in group) == sorted(each.code for each in measures.measures)


@pytest.mark.parametrize(
    "more", [{"within": "nothing"}, {"within": NARROW}, {"within": WIDE, "breakdowns": ["stage"]}, {"within": WIDE, "grows": True}]
)
def test_within_what_cannot_be_is_refused(more: dict[str, Any]) -> None:
    head = {**HEAD, "runs_from": "2020-01-01", "success_measures": {}}
    assert parsed({**head, "measures": [PAIR[0], {**PAIR[1], "within": WIDE}]}).together()[0][1].code == NARROW
    with pytest.raises(ValidationError, match="is within"):
        parsed({**head, "measures": [PAIR[0], {**PAIR[1], **more}]})
