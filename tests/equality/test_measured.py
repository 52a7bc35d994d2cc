"""Equity of anything, published beside what was published before: counted from answers, refused where two would tell, kept as it is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import case, insert, literal, select, update
from sqlalchemy.exc import DBAPIError

from app.core.errors import Conflict
from app.equality import measured
from app.equality.measured import Part
from app.equality.models import Answer, Counted, Measured, Objection
from app.people.models import Person
from tests.factory import Make

FEMALE, MALE = "01", "02"
PLANNED = {FEMALE: 90, MALE: 60, None: 40}


def crowd(make: Make) -> dict[str | None, list[int]]:
    """Rows of people, who do not need accounts, and their answers."""
    organisation = make.organisation()
    found: dict[str | None, list[int]] = {}
    with make.tx() as tx:
        for option, many in PLANNED.items():
            values = dict(organisation_id=organisation, first_name="P", last_name="Q", name="P Q", sort_name="q, p", search_text="p q")
            found[option] = [tx.insert(Person, **values, version=1, created_at=tx.now, updated_at=tx.now) for _ in range(many)]
            if option:
                rows = [dict(person_id=key, characteristic="sex", option=option, given_on=tx.today) for key in found[option]]
                tx.db.execute(insert(Answer), rows)
    return found


def all_of(people: dict[str | None, list[int]]) -> list[int]:
    return [key for each in people.values() for key in each]


def reached(base: Iterable[int], *steps: Iterable[int]) -> Any:
    """A select of these people with how far each got: each of `steps` within the one before."""
    base, sets = list(base), [list(each) for each in steps]
    got = [(Person.id.in_(each), literal(number)) for number, each in reversed(list(enumerate(sets, 1)))]
    return select(Person.id.label("person_id"), (case(*got, else_=0) if got else literal(0)).label("step")).where(Person.id.in_(base))


def publish(make: Make, key: str, base: Iterable[int], *steps: Iterable[int]) -> dict[str, tuple[int | None, ...]]:
    """One row of steps, published; returns the lines of one characteristic."""
    with make.tx() as tx:
        measured.take_measured(tx, key, "A title", reached(base, *steps), ["In", *(f"Step {n}" for n, _ in enumerate(steps))])
    return lines(make, key)


def lines(make: Make, key: str, part: int = 0) -> dict[str, tuple[int | None, ...]]:
    with make.tx(writes=False) as tx:
        found = measured.measured(tx, key)
    assert found is not None
    return {line.title: line.counts for line in dict(found.parts[part].characteristics)["Sex"]}


def test_counted_from_answers_by_group_and_step(make: Make) -> None:
    people = crowd(make)
    everybody = all_of(people)
    got = people[FEMALE][:40] + people[MALE][:20] + people[None][:10]
    assert publish(make, "one", everybody, got) == {"Female": (90, 40), "Male": (60, 20), "Not known": (40, 10)}
    with make.tx(writes=False) as tx:
        found = measured.measured(tx, "one")
        assert found is not None and found.parts[0].totals == (190, 70) and measured.measured(tx, "two") is None
        assert [each.key for each in measured.listed(tx, "on")] == ["one"] and measured.listed(tx, "%") == []


def test_who_objects_is_not_known_and_nothing_hidden_is_stored(make: Make) -> None:
    people = crowd(make)
    everybody = all_of(people)
    objector = people[FEMALE][0]
    with make.tx() as tx:
        tx.db.execute(Answer.__table__.delete().where(Answer.person_id == objector))
        tx.db.execute(insert(Objection), dict(person_id=objector, since=tx.now))
    found = publish(make, "one", everybody, people[FEMALE][1:37] + people[MALE][:3] + people[None])
    assert found == {"Female": (89, 36), "Male": (None, None), "Not known": (None, None)}, "three men are hidden, and a line beside them"
    (row,) = make.rows(select(Measured.told))
    sex = next(each for each in row.told["parts"][0]["characteristics"] if each["title"] == "Sex")
    assert "60" not in json.dumps(sex) and "3," not in json.dumps(sex).replace("36", "")


def test_published_once_and_never_changed(make: Make) -> None:
    people = crowd(make)
    before = publish(make, "one", all_of(people))
    with make.tx() as tx:
        tx.db.execute(update(Answer).values(option=MALE))
    assert lines(make, "one") == before
    with pytest.raises(Conflict, match="already"):
        publish(make, "one", people[FEMALE])
    for table in (Measured, Counted):
        with pytest.raises((Conflict, DBAPIError)), make.tx() as tx:
            tx.db.execute(table.__table__.delete())


def test_nearly_the_same_people_are_refused(make: Make) -> None:
    """Whoever subtracts would learn what the few are who came or went, and of the very same people what somebody has answered since."""
    people = crowd(make)
    everybody = all_of(people)
    publish(make, "one", everybody[:-30])
    for nearly in (everybody[:-30], everybody[1:-30], everybody[5:-25], everybody[:-10]):
        with make.tx(writes=False) as tx:
            assert measured.ahead(tx, [Part("", "", reached(nearly), ("In",))]).refused
        with pytest.raises(Conflict, match="nearly the same people"):
            publish(make, "two", nearly)
    assert publish(make, "two", everybody[30:]) is not None, "thirty have gone and thirty have come"
    with make.tx(writes=False) as tx:
        assert len(tx.rows(select(Counted.person_id))) == 2 * (190 - 30)


def test_what_two_publications_together_would_tell_is_hidden(make: Make) -> None:
    """All who went were women and all who came are men: the two lines together would say so of each of them."""
    people = crowd(make)
    first = people[FEMALE] + people[MALE][30:] + people[None]
    assert publish(make, "one", first) == {"Female": (90,), "Male": (30,), "Not known": (40,)}
    second = people[FEMALE][30:] + people[MALE] + people[None]
    assert publish(make, "two", second) == {"Female": (None,), "Male": (None,), "Not known": (40,)}


def test_a_step_too_near_another_is_left_out_by_totals_alone(make: Make) -> None:
    people = crowd(make)
    everybody = all_of(people)
    with make.tx(writes=False) as tx:
        found = measured.ahead(tx, [Part("a", "A", reached(everybody, everybody[5:]), ("In", "Nearly all"))])
    assert found.totals == ((190, None),) and not found.refused
    assert {counts[1] for counts in publish(make, "one", everybody, everybody[5:]).values()} == {None}


def test_of_who_was_counted_no_more_is_kept_than_was_shown(make: Make) -> None:
    people = crowd(make)
    everybody = all_of(people)
    some, few = everybody[5:65], everybody[60:70]
    with make.tx() as tx:
        first = Part("a", "A", reached(everybody, everybody[5:], some), ("In", "Nearly all", "Some"))
        measured.take_together(tx, "both", "Both", (first, Part("b", "B", reached(everybody, few), ("In", "Few"))))
    kept = {(row.part, row.person_id): row.step for row in make.rows(select(Counted.part, Counted.person_id, Counted.step))}
    assert kept == {(0, key): 2 if key in some else 0 for key in everybody}, "steps that are left out leave no trace"


@pytest.mark.parametrize("secret", [False, True])
def test_who_is_on_a_secret_list_is_not_told_by_their_whole_group(make: Make, secret: bool) -> None:
    people = crowd(make)
    on_it = reached(all_of(people), people[FEMALE][:30] + people[MALE])
    with make.tx() as tx:
        measured.take_together(tx, "one", "One", (Part("a", "A", on_it, ("In", "On it"), secret=secret),))
    assert lines(make, "one")["Female"] == (90, 30)
    assert lines(make, "one")["Male"] == ((None, None) if secret else (60, 60))


def test_several_parts_of_one_base_are_counted_at_once(make: Make) -> None:
    people = crowd(make)
    everybody = all_of(people)
    took = people[FEMALE][:40] + people[MALE][:20] + people[None][:20]
    rose = people[FEMALE][50:] + people[MALE][:2] + people[None][20:]
    with make.tx() as tx:
        parts = (Part("a", "A", reached(everybody, took), ("In", "Took")), Part("b", "B", reached(everybody, rose), ("In", "Rose")))
        measured.take_together(tx, "both", "Both", parts)
    hidden = (None, None)
    expected = {"Female": (90, 40), "Male": hidden, "Not known": hidden}
    assert lines(make, "both") == lines(make, "both", 1) == expected, "two men are hidden in the one, and so their line in both"
