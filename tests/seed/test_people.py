"""The invented workforce: its sizes, its numbers, and a past that fits together."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from functools import cache

import pytest

from app.core.calendar import add_months
from seed.content import content
from seed.makers import Maker, cohort_starts, monday
from seed.personas import PERSONAS
from seed.tree import FEWEST, SPAN, Tree, build_tree, shares
from seed.workforce import Workforce, build_workforce

TODAY = date(2026, 11, 21)
COUNTY = 1286


@cache
def county(people: int = COUNTY, seed: int = 1, today: date = TODAY) -> Workforce:
    return build_workforce(Maker(seed, today), content(), people)


@cache
def tree(people: int = COUNTY) -> Tree:
    return build_tree(people, content())


def test_the_published_sizes() -> None:
    groups = Counter(seat.group for seat in tree().seats)
    assert (groups["social_care"], groups["agency"], groups["other"]) == (430, 128, 728)
    assert len(county().here(TODAY)) == COUNTY
    assert sum(unit.kind == "locality" and unit.service == "ASA" for unit in tree().units) == 6


@pytest.mark.parametrize("people", [FEWEST, 500, 2000, 20_000])
def test_other_sizes(people: int) -> None:
    force = county(people)
    assert len(force.here(TODAY)) == people
    assert len(force.persona) == len(PERSONAS)
    assert len({(unit.organisation, unit.code) for unit in force.tree.units}) == len(force.tree.units)


def test_a_bigger_county_has_more_localities_and_teams() -> None:
    big = tree(20_000)
    assert sum(unit.kind == "team" for unit in big.units) > 10 * sum(unit.kind == "team" for unit in tree().units)
    assert "North Aldermoor" in {unit.name.partition(",")[0] for unit in big.units}


def test_too_small_a_county_is_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        build_tree(FEWEST - 1, content())


def test_everybody_but_the_director_has_a_manager_with_a_span_they_can_carry() -> None:
    spans = Counter(seat.manager for seat in tree().seats)
    assert spans.pop(None) == 1 + len(content().partners)
    assert max(spans.values()) <= SPAN + 3
    assert all(seat.manager is None or seat.manager < position for position, seat in enumerate(tree().seats))


def test_largest_remainders_lose_nobody() -> None:
    assert shares(10, [1, 1, 1]) == [4, 3, 3]
    assert shares(0, [1, 2]) == [0, 0]
    assert sum(shares(997, [3, 1, 4, 1, 5])) == 997


def test_numbers_and_addresses_stay_in_their_reserved_ranges() -> None:
    people = county().people
    for name in ("email", "employee_number", "swe_number"):
        given = [value for person in people if (value := getattr(person, name))]
        assert len(set(given)) == len(given)
    numbers = [int(person.swe_number[2:]) for person in people if person.swe_number]
    assert min(numbers) == 900_001
    assert max(numbers) <= 999_999
    assert all(re.fullmatch(r"[a-z0-9.-]+@[a-z]+\.example", person.email or "") for person in people)


def test_only_registered_roles_have_a_registration_number() -> None:
    stages = content().stages
    for person in county().people:
        stage = person.stages[-1][1] if person.stages else None
        assert (person.swe_number is not None) == bool(stage and stages[stage].registered)
        if person.swe_number:
            assert person.registered_from
            assert person.registered_from <= max(person.started_on, person.registered_from)
            assert person.registered_until
            assert (person.registered_until.month, person.registered_until.day) == (11, 30)


def test_dates_follow_each_other() -> None:
    for person in county().people:
        for changes in (
            [work.since for work in person.work],
            *([since for since, _ in each] for each in (person.stages, person.units, person.managers)),
        ):
            assert changes == sorted(set(changes))
            assert not changes or changes[0] >= person.started_on


def test_there_is_history_and_a_future() -> None:
    people = county().people
    assert sum(len(person.units) > 1 for person in people) > 50
    assert sum(len(person.stages) > 1 for person in people) > 100
    assert sum(person.leaving_on is not None and person.leaving_on < TODAY for person in people) > 80
    assert sum(person.leaving_on is not None and person.leaving_on > TODAY for person in people) == 5
    assert sum(person.started_on > TODAY for person in people) == 6
    assert any(since > TODAY for person in people for since, _ in person.units[1:])


@pytest.mark.parametrize("seed", [1, 2026])
def test_some_came_to_their_role_from_beside(seed: int) -> None:
    """Each in another stage of the same order under another title on the same day, no persona; some of them in the last twelve months."""
    stages, force = content().stages, county(seed=seed)
    moved = []
    for i, person in enumerate(force.people):
        for (_, before), (since, after) in zip(person.stages, person.stages[1:], strict=False):
            assert before != after and stages[before].order <= stages[after].order
            if stages[before].order == stages[after].order:
                titles = [work.title for work in person.work if work.since < since][-1:], [w.title for w in person.work if w.since == since]
                assert titles[0] and titles[1] and titles[0] != titles[1] and person.contract == "permanent"
                assert i not in force.persona.values()
                moved.append(since)
    assert 5 <= len(moved) <= 30 and max(moved) < TODAY
    assert 3 <= sum(since > add_months(TODAY, -12) for since in moved) < len(moved)


def test_personas_sit_where_their_stories_say() -> None:
    force = county()
    manager, practitioner, new = (force.persona[key] for key in ("manager", "practitioner", "nqsw"))
    reports = [
        i for i, person in enumerate(force.people) if person.managers and person.managers[-1][1] == manager and person.leaving_on is None
    ]
    assert len(reports) == 8
    assert {practitioner, new} <= set(reports)
    assert (force.persona["assessor"], new) in {(assessor, learner) for assessor, learner, _ in force.assessed}
    assert force.people[practitioner].email == "priya.nair@westmarch.example"
    assert force.people[new].stages[-1][1] == "NQSW"


def test_two_cohorts_of_newly_qualified_people() -> None:
    assert cohort_starts(TODAY) == [date(2026, 9, 7), date(2026, 2, 2)]
    assert cohort_starts(date(2026, 2, 3)) == [date(2025, 9, 1), date(2025, 2, 3)]
    started = {county().people[i].started_on for i, seat in enumerate(county().tree.seats) if seat.stage == "NQSW"}
    assert started == set(cohort_starts(TODAY))


def test_the_same_seed_and_date_make_the_same_people_and_others_do_not() -> None:
    again = build_workforce(Maker(1, TODAY), content(), COUNTY)
    assert again.people == county().people
    assert build_workforce(Maker(2, TODAY), content(), COUNTY).people != county().people


def test_months_and_mondays() -> None:
    assert add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)
    assert add_months(date(2026, 1, 31), -2) == date(2025, 11, 30)
    assert monday(TODAY) == date(2026, 11, 16)
