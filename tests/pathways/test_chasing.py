"""Required training is chased: the person first, those above later, each once of each lapse; and who is left in peace."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.ledger import Outbox
from app.core.tx import SYSTEM, clock, transaction
from app.jobs import TIMETABLE
from app.learning.models import Completion
from app.pathways.chase_models import Chase
from app.pathways.operations import chasing
from app.people.models import Absence, Person
from tests.factory import LONG_AGO, Make
from tests.pathways.steps import load

REQUIRED = """\
pathway_steps:
  - code: REQ-ALL
    title: Everybody's training
    kind: mandatory
    applies: {settings: true}
    groups:
      - title: Always
        requirements:
          - {kind: course, course: safeguarding}
      - title: Safety
        rule: any
        needed: 1
        requirements:
          - {kind: course, course: fire-safety}
          - {kind: course, course: lone-working}
"""
TODAY = clock().date()


class World:
    """Training that everybody must have; Ann and her manager, who have it all but what a test takes away."""

    def __init__(self, make: Make) -> None:
        self.make = make
        self.safe = make.course("Safeguarding", kind="safeguarding", validity_months=12)
        self.fire, self.lone = make.course("Fire safety"), make.course("Lone working")
        load(make, REQUIRED, publish=True)
        self.mona = make.person("Mona Manager", started_on=LONG_AGO)
        self.ann = make.person("Ann Able", manager=self.mona.id, started_on=LONG_AGO)
        for person in (self.mona, self.ann):
            self.safety(person)
        self.safeguarding(self.mona, None)

    def safety(self, person: Any) -> None:
        self.make.completion(person.id, self.lone.id, date(2024, 1, 1))

    def safeguarding(self, person: Any, until: date | None) -> int:
        return self.make.completion(person.id, self.safe.id, date(2025, 1, 1), until)

    def run(self, days: int = 0) -> list[tuple[int, bool, list[str]]]:
        """A turn of the job so many days from now; what it told: reader, whether of themselves, lines."""
        before = {row.id for row in self.make.rows(select(Outbox.id))}
        now = datetime.combine(TODAY + timedelta(days=days), datetime.min.time(), UTC) + timedelta(hours=9)
        with transaction(self.make.database, SYSTEM, writes=True, now=now) as tx:
            chasing.chase(tx, now)
        rows = self.make.rows(select(Outbox.__table__).where(Outbox.kind == chasing.KIND).order_by(Outbox.id))
        return [(row.person_id, row.facts["own"], row.facts["subjects"]) for row in rows if row.id not in before]


@pytest.fixture
def world(make: Make) -> World:
    return World(make)


def test_a_lapse_from_the_first_word_to_the_manager(world: World) -> None:
    ann, mona = world.ann.id, world.mona.id
    until = TODAY + timedelta(days=40)
    world.safeguarding(world.ann, until)
    ((reader, own, lines),) = world.run()
    assert (reader, own) == (ann, True) and lines[0].startswith("Safeguarding: lapses after") and len(lines) == 1
    assert world.run() == world.run(20) == world.run(40) == [], "its last day counts, and once is enough"
    ((reader, own, lines),) = world.run(41)
    assert (reader, own) == (ann, True) and lines[0].startswith("Safeguarding: lapsed after")
    assert world.run(42) == world.run(47) == []
    ((reader, own, lines),) = world.run(48)
    assert (reader, own) == (mona, False) and lines[0].startswith("Ann Able: Safeguarding: lapsed after")
    assert world.run(49) == world.run(80) == []
    world.safeguarding(world.ann, until + timedelta(days=365))
    assert world.run(81) == []
    ((reader, own, lines),) = world.run(40 + 340)
    assert (reader, own) == (ann, True) and "lapses after" in lines[0], "the next lapse is another"


def test_what_was_never_done_and_then_is(world: World) -> None:
    assert [(reader, lines) for reader, _, lines in world.run()] == [(world.ann.id, ["Safeguarding: not done yet"])]
    key = world.safeguarding(world.ann, None)
    assert world.run(7) == [], "done in time: the manager hears of nothing"
    with world.make.tx() as tx:
        tx.update(Completion, key, superseded_at=tx.now)
    assert [reader for reader, *_ in world.run(8)] == [world.mona.id], "it was told before, and is still missing"


def test_a_choice_of_two_is_one_thing(world: World) -> None:
    bob = world.make.person("Bob Baker", manager=world.mona.id, started_on=LONG_AGO)
    world.safeguarding(bob, None)
    world.safeguarding(world.ann, None)
    assert world.run() == [(bob.id, True, ["Safety: not done yet"])]


def test_one_message_for_several_things_and_several_people(world: World) -> None:
    bob = world.make.person("Bob Baker", manager=world.mona.id, started_on=LONG_AGO)
    told = {reader: lines for reader, _, lines in world.run()}
    assert told == {world.ann.id: ["Safeguarding: not done yet"], bob.id: ["Safeguarding: not done yet", "Safety: not done yet"]}
    ((reader, own, lines),) = world.run(7)
    assert (reader, own) == (world.mona.id, False)
    assert lines == ["Ann Able: Safeguarding: not done yet", "Bob Baker: Safeguarding: not done yet", "Bob Baker: Safety: not done yet"]


def test_who_is_left_in_peace(world: World) -> None:
    """Somebody new, somebody away, somebody who has left; each hears of it when that is over, and the one who left never."""
    world.safeguarding(world.ann, None)
    new = world.make.person("Nia New", started_on=TODAY - timedelta(days=3))
    away, left = world.make.person("Ari Away", started_on=LONG_AGO), world.make.person("Lou Left", started_on=LONG_AGO)
    with world.make.tx() as tx:
        tx.insert(Absence, person_id=away.id, valid_from=TODAY, valid_to=TODAY + timedelta(days=10), recorded_at=tx.now)
        tx.update(Person, left.id, leaving_on=TODAY - timedelta(days=1))
    assert world.run() == []
    assert [reader for reader, *_ in world.run(10)] == [away.id]
    assert [reader for reader, *_ in world.run(26)] == [new.id]


def test_without_a_manager_the_coordinator_hears(world: World) -> None:
    cai = world.make.person("Cai Coord", roles=("coordinator",), started_on=LONG_AGO)
    world.safety(cai)
    world.safeguarding(cai, None)
    world.safeguarding(world.ann, None)
    solo = world.make.person("Solo", started_on=LONG_AGO)
    world.run()
    assert [(reader, own) for reader, own, _ in world.run(7)] == [(cai.id, False)]
    assert {row.person_id for row in world.make.rows(select(Chase.person_id))} == {solo.id}


def test_a_manager_who_is_away_hears_on_return(world: World) -> None:
    world.run()
    with world.make.tx() as tx:
        back = TODAY + timedelta(days=20)
        tx.insert(Absence, person_id=world.mona.id, valid_from=TODAY, valid_to=back, recorded_at=tx.now)
    assert world.run(10) == []
    assert [reader for reader, *_ in world.run(20)] == [world.mona.id]


def test_a_new_version_tells_nobody_again(world: World) -> None:
    world.run()
    load(
        world.make,
        REQUIRED.replace("Everybody's training", "Everybody’s training").replace("title: Always", "title: All of it"),
        publish=True,
    )
    assert world.run(1) == []


def test_settings_staff_are_chased_too(world: World) -> None:
    nursery = world.make.organisation("Little Owls", host=False)
    nell = world.make.person("Nell", organisation=nursery, started_on=LONG_AGO)
    world.safety(nell)
    world.safeguarding(world.ann, None)
    assert world.run() == [(nell.id, True, ["Safeguarding: not done yet"])]


def test_a_great_many_at_once_hear_over_several_days(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chasing, "MOST", 2)
    people_ = {world.ann.id} | {world.make.person(f"P{n}", started_on=LONG_AGO).id for n in range(4)}
    told = [{reader for reader, own, _ in world.run(day) if own} for day in range(3)]
    assert [len(some) for some in told] == [2, 2, 1] and set().union(*told) == people_


def test_the_job_has_its_turn_and_nothing_without_required_training(make: Make) -> None:
    turn, job = TIMETABLE["chase-required"]
    assert callable(turn) and turn(datetime(2026, 11, 23, 9, tzinfo=UTC)) and turn(datetime(2026, 11, 22, 9, tzinfo=UTC)) is None
    make.person("Ann", started_on=LONG_AGO)
    with make.tx() as tx:
        job(tx, tx.now)
    assert make.rows(select(Chase.id)) == make.rows(select(Outbox.id)) == []
