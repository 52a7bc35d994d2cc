"""What the register says: the latest word on the person, the history as facts, in step whoever writes."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from app import invariants
from app.core.db import FOREVER
from app.core.errors import Invalid
from app.people import operations
from app.people.models import IN_GOOD_STANDING, RegisterStatus, Registration
from app.people.registrations import ENDED, Spell, Word, follow, restated, settled
from tests.factory import Make

TODAY = date(2026, 11, 22)
LONG = date(2015, 3, 2)
END = date(2026, 11, 30)
DAY = timedelta(days=1)


def spells(*each: tuple[str, date, date]) -> list[Spell]:
    return [Spell(*one) for one in each]


REGISTERED = spells(("registered", LONG, END + DAY))
WAS = Word("registered", LONG, END)
EXAMPLES: dict[str, tuple[list[Spell], Word, Word, list[Spell]]] = {
    "first word, with its dates": ([], Word(), WAS, REGISTERED),
    "first word, without a beginning": ([], Word(), Word("registered"), spells(("registered", TODAY, FOREVER))),
    "renewed": (REGISTERED, WAS, Word("registered", LONG, END.replace(year=2027)), spells(("registered", LONG, date(2027, 12, 1)))),
    "suspended": (
        REGISTERED,
        WAS,
        Word("suspended", LONG, END),
        spells(("registered", LONG, TODAY), ("suspended", TODAY, END + DAY)),
    ),
    "back from a suspension": (
        spells(("registered", LONG, TODAY - DAY), ("suspended", TODAY - DAY, END + DAY)),
        Word("suspended", LONG, END),
        WAS,
        spells(("registered", LONG, TODAY - DAY), ("suspended", TODAY - DAY, TODAY), ("registered", TODAY, END + DAY)),
    ),
    "removed on a day that has passed": (
        REGISTERED,
        WAS,
        Word("removed", LONG, date(2026, 3, 31)),
        spells(("registered", LONG, date(2026, 4, 1)), ("removed", date(2026, 4, 1), FOREVER)),
    ),
    "removed, as HR heard today": (
        REGISTERED,
        WAS,
        Word("removed", LONG, END),
        spells(("registered", LONG, TODAY), ("removed", TODAY, FOREVER)),
    ),
    "registered again after being removed": (
        spells(("registered", LONG, date(2020, 1, 1)), ("removed", date(2020, 1, 1), FOREVER)),
        Word("removed", LONG, date(2019, 12, 31)),
        Word("registered", date(2026, 9, 1), END),
        spells(
            ("registered", LONG, date(2020, 1, 1)),
            ("removed", date(2020, 1, 1), date(2026, 9, 1)),
            ("registered", date(2026, 9, 1), END + DAY),
        ),
    ),
    "the first day corrected, a suspension kept": (
        spells(
            ("registered", LONG, date(2022, 1, 1)),
            ("suspended", date(2022, 1, 1), date(2022, 6, 1)),
            ("registered", date(2022, 6, 1), FOREVER),
        ),
        Word("registered", LONG),
        Word("registered", date(2016, 1, 1)),
        spells(
            ("registered", date(2016, 1, 1), date(2022, 1, 1)),
            ("suspended", date(2022, 1, 1), date(2022, 6, 1)),
            ("registered", date(2022, 6, 1), FOREVER),
        ),
    ),
    "the first day known later": (
        spells(("registered", TODAY - DAY, FOREVER)),
        Word("registered"),
        WAS,
        REGISTERED,
    ),
    "conditions, with the first day of the registration": (
        spells(("registered", TODAY - DAY, FOREVER)),
        Word("registered"),
        Word("conditions", LONG),
        spells(("registered", LONG, TODAY), ("conditions", TODAY, FOREVER)),
    ),
    "no longer known": (REGISTERED, WAS, Word(), spells(("registered", LONG, TODAY))),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_believed_afterwards(name: str) -> None:
    before, was, now, after = EXAMPLES[name]
    assert restated(before, was, now, TODAY) == after


def test_an_end_that_has_passed_is_not_the_end_of_another_status() -> None:
    was = Word("suspended", LONG, date(2020, 1, 1))
    assert settled(was, Word("registered", LONG, date(2020, 1, 1)), TODAY) == Word("registered", LONG, None)
    assert settled(was, Word("suspended", LONG, date(2020, 1, 1)), TODAY).until == date(2020, 1, 1)
    assert settled(was, Word("removed", LONG, date(2020, 1, 1)), TODAY).until == date(2020, 1, 1)


DAYS = [None, *(date(2026, 10, 1) + timedelta(days=n) for n in range(0, 120, 7))]


def said_of(status: str | None, one: date | None, other: date | None) -> Word:
    """A word whose last day is not before its first."""
    return Word(status, *(sorted((one, other)) if one and other else (one, other)))


def words() -> st.SearchStrategy[Word]:
    statuses = [None, *(each.value for each in RegisterStatus)]
    return st.builds(said_of, st.sampled_from(statuses), st.sampled_from(DAYS), st.sampled_from(DAYS))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(words(), st.integers(0, 20)), min_size=1, max_size=8))
def test_any_history_stays_in_step(told: list[tuple[Word, int]]) -> None:
    known: list[Spell] = []
    was, today = Word(), date(2026, 11, 1)
    for said, later in told:
        today += timedelta(days=later)
        now = settled(was, said, today)
        known, was = restated(known, was, now, today), now
        assert all(spell.valid_from < spell.valid_to for spell in known)
        assert all(one.valid_to <= two.valid_from for one, two in pairwise(known))
        if now.status is None:
            assert all(spell.valid_to <= today for spell in known)
            continue
        last = known[-1]
        assert last.status == now.status
        assert last.valid_to == (FOREVER if now.until is None or now.status in ENDED else now.until + DAY)
        if now.status in IN_GOOD_STANDING and now.since:
            assert now.since in {spell.valid_from for spell in known}
        assert restated(known, now, now, today) == known  # said again, nothing changes


def believed(make: Make, person_id: int) -> list[Spell]:
    live = select(Registration.__table__).where(Registration.person_id == person_id, Registration.superseded_at.is_(None))
    return [Spell(row.status, row.valid_from, row.valid_to) for row in make.rows(live.order_by(Registration.valid_from))]


def in_step(make: Make) -> None:
    with make.tx(writes=False) as tx:
        assert [each for each in invariants.check(tx) if "regist" in each.rule] == []


def test_operations_keep_it_in_step(make: Make) -> None:
    ann = make.person("Ann", registration_status="registered", registered_from=LONG)
    assert believed(make, ann.id) == spells(("registered", LONG, FOREVER))
    with make.tx() as tx:
        today = tx.today
        operations.change_person(tx, ann.id, registration_status="suspended")
        operations.change_person(tx, ann.id, known_as="Annie")
    assert believed(make, ann.id) == spells(("registered", LONG, today), ("suspended", today, FOREVER))
    in_step(make)
    with make.tx() as tx:
        operations.change_person(tx, ann.id, registration_status=None, registered_from=None)
    assert believed(make, ann.id) == spells(("registered", LONG, today))
    in_step(make)
    every = make.rows(select(Registration.id).where(Registration.person_id == ann.id))
    assert len(every) == 3, "what was believed before is kept"


@pytest.mark.parametrize(
    "wrong",
    [
        dict(registration_status="retired"),
        dict(registration_status="registered", registered_from=TODAY, registered_until=LONG),
        dict(registration_status="registered", registered_until=date(9999, 12, 31)),
    ],
)
def test_what_cannot_be_right_is_refused(make: Make, wrong: dict[str, Any]) -> None:
    ann = make.person("Ann")
    with pytest.raises(Invalid), make.tx() as tx:
        operations.change_person(tx, ann.id, **wrong)
    assert believed(make, ann.id) == []


def test_many_at_once_by_a_statement(make: Make) -> None:
    """As an HR extract does it: the status alone, written over all."""
    past = date(2021, 1, 1)
    kinds: list[dict[str, Any]] = [
        {},
        dict(registered_from=LONG),
        dict(registration_status="suspended", registered_from=LONG, registered_until=past),
        dict(registration_status="registered", registered_from=LONG),
        dict(registration_status="removed", registered_until=past),
    ]
    ids = [make.person(f"P{n}", **kind).id for n, kind in enumerate(kinds)]
    with make.tx() as tx:
        today = tx.today
        tx.db.execute(text("UPDATE people SET registration_status = 'registered'"))
        follow(tx, select(text("id FROM people")))
    assert [believed(make, person)[-1] for person in ids] == spells(
        ("registered", today, FOREVER),
        ("registered", LONG, FOREVER),
        ("registered", today, FOREVER),
        ("registered", LONG, FOREVER),
        ("registered", today, FOREVER),
    )
    in_step(make)
    before = believed(make, ids[2])
    with make.tx() as tx:
        follow(tx, select(text("id FROM people")))
    assert believed(make, ids[2]) == before, "asked again, nothing changes"
