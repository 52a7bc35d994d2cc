"""The days on which an answer changes: told one by one, where tests/property/test_pathways.py draws them at random."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product

import pytest
from sqlalchemy import select, update

from app.core.tx import SYSTEM, transaction
from app.frameworks.models import SupervisionRule
from app.learning.models import Completion
from app.pathways import progress
from app.people.models import Person
from tests.factory import Make
from tests.pathways import steps

STEP = """\
pathway_steps:
  - code: SW-EXP
    title: To experienced social worker
    kind: progression
    to_stage: EXP
    applies: {stages: [SW]}
    groups:
      - title: Learning
        requirements:
          - {kind: course, course: court-skills}
"""
BEGINS = date(2024, 1, 1)
SECOND = timedelta(seconds=1)


def test_a_course_lapses_the_day_after_its_last_day_and_can_be_taken_again(make: Make) -> None:
    steps.stages(make)
    course = make.course("Court skills", validity_months=12).id
    version = steps.load(make, STEP.replace("kind: progression", f"kind: progression\n    in_force_from: {BEGINS}"), publish=True)["SW-EXP"]
    ann, away = make.person("Ann", stage="SW").id, make.person("Olu", stage="EXP").id
    for on, expires in ((date(2024, 3, 1), date(2025, 3, 1)), (date(2025, 6, 1), date(2026, 6, 1))):
        make.completion(ann, course, on, expires)
    days = {
        date(2024, 2, 29): ("missing", None),
        date(2024, 3, 1): ("met", date(2025, 3, 1)),
        date(2024, 12, 31): ("met", date(2025, 3, 1)),  # sixty days before the last day
        date(2025, 1, 1): ("lapsing", date(2025, 3, 1)),
        date(2025, 3, 1): ("lapsing", date(2025, 3, 1)),  # that day included
        date(2025, 3, 2): ("lapsed", date(2025, 3, 1)),
        date(2025, 6, 1): ("met", date(2026, 6, 1)),
    }
    with make.tx(writes=False) as tx:
        people = select(Person.id).where(Person.id.in_((ann, away)))
        for day, expected in days.items():
            (row,) = progress.met(tx, people, [version], day, applicable=True)
            assert (row.person_id, row.status, row.expires_on) == (ann, *expected), day
            (step,) = progress.next_steps(tx, people, day)
            assert (step.person_id, step.status, step.expires_on) == (ann, *expected), day
        assert {row.person_id for row in progress.steps(tx, people, [version], BEGINS)} == {ann, away}  # looking ahead is for all
        assert list(progress.next_steps(tx, people, date(2023, 12, 31))) == []  # not in force yet


@pytest.mark.thorough
def test_a_kept_statement_says_what_a_new_one_says_and_follows_what_is_asked_for(make: Make) -> None:
    """Of several people, days and instants; with another version in force and another rule of supervision it is another statement."""
    steps.stages(make)
    course = make.course("Court skills", validity_months=12).id
    asking = STEP.replace("kind: progression", f"kind: progression\n    in_force_from: {BEGINS}")
    versions = list(steps.load(make, asking, publish=True).values())
    people = [make.person(name, stage="SW").id for name in ("Ann", "Olu")]
    make.completion(people[0], course, date(2024, 3, 1), date(2025, 3, 1))
    with make.tx(writes=False) as tx:
        instants, today = (None, tx.now - timedelta(days=1), tx.now + SECOND), tx.today
    days = (date(2024, 2, 1), date(2024, 6, 1), date(2025, 2, 1), today)

    def agree() -> list[str]:
        found = []
        for person, day, known_at in product(people, days, instants):
            with transaction(make.database, SYSTEM, writes=False, snapshot=True) as tx:
                kept, new = progress.person(person), select(Person.id).where(Person.id == person)
                given = (versions, day, known_at)
                assert progress.met(tx, kept, *given) == progress.met(tx, new, *given)
                assert progress.met(tx, kept, *given, applicable=True) == progress.met(tx, new, *given, applicable=True)
                assert progress.steps(tx, kept, *given) == progress.steps(tx, new, *given)
                theirs = list(progress.next_steps(tx, kept, day, known_at))
                assert theirs == list(progress.next_steps(tx, new, day, known_at))
                assert list(progress.next_steps(tx, kept, day, known_at, stream=True)) == theirs
                found += [each.status for each in theirs]
        return found

    progress._kept.cache_clear()
    assert set(agree()) == {"met", "lapsing", "lapsed", "missing"}
    built = progress._kept.cache_info().misses
    agree()
    assert progress._kept.cache_info().misses == built, "the same is not built again"
    harder = asking.replace(f"    in_force_from: {BEGINS}\n", "") + "          - {kind: supervision}\n"
    versions += steps.load(make, harder, publish=True).values()
    assert agree()
    assert progress._kept.cache_info().misses > built
    with make.tx(writes=False) as tx:
        before = progress._asks(tx, versions)
    with make.tx() as tx:
        weekly = {"counts": ["case"], "periods": [{"every_days": 7}]}
        tx.insert(SupervisionRule, code="WEEKLY", version="1", title="Weekly", definition=weekly, state="published")
    with make.tx(writes=False) as tx:
        assert progress._asks(tx, versions) != before, "a rule of supervision is part of the statement"


def test_a_correction_changes_what_is_known_from_then_on(make: Make) -> None:
    steps.stages(make)
    course = make.course("Court skills").id
    version = steps.load(make, STEP, publish=True)["SW-EXP"]
    ann = make.person("Ann", stage="SW").id
    done = make.completion(ann, course, date(2026, 1, 5))
    people = select(Person.id).where(Person.id == ann)
    with make.tx() as tx:
        recorded = tx.scalar(select(Completion.recorded_at).where(Completion.id == done))
        corrected = recorded + timedelta(hours=1)
        tx.db.execute(update(Completion).where(Completion.id == done).values(superseded_at=corrected))
        known = {recorded - SECOND: "missing", recorded: "met", corrected - SECOND: "met", corrected: "missing", None: "missing"}
        for instant, status in known.items():
            assert [row.status for row in progress.met(tx, people, [version], tx.today, instant)] == [status], instant


@pytest.mark.parametrize("versions", [[], [999]])
def test_nothing_is_said_of_versions_that_are_not_there(make: Make, versions: list[int]) -> None:
    steps.begin(make, STEP)
    make.person("Ann", stage="SW")
    with make.tx(writes=False) as tx:
        assert progress.met(tx, select(Person.id), versions, BEGINS) == []
        assert progress.steps(tx, select(Person.id), versions, BEGINS) == []
