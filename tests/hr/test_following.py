"""Whoever follows the feed has what the interface shows, whatever was done and in whatever order: nothing is missed, deletes are seen."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from app.bookings.models import Booking
from app.bookings.operations import book, rooms
from app.core.db import Database
from app.core.tx import SYSTEM, transaction
from app.hr import feed, operations
from app.hr.change_models import Change, FeedMark
from app.learning import operations as learning
from app.learning.models import Course
from app.learning.results import record_result
from app.people import operations as people
from app.people.models import Person
from tests.conftest import THOROUGH
from tests.factory import Make
from tests.hr.following import Follower, reader
from tests.hr.numbering import number_all
from tests.hr.test_histories import Oracle, extract
from tests.hr.test_imports import FULL, Office, office  # noqa: F401  # a fixture
from tests.programmes import test_stories as stories
from tests.programmes.story import Clock, Story
from tests.programmes.test_stories import clock, story  # noqa: F401  # fixtures
from tests.property.game import Game, History, Table
from tests.test_histories import history


@pytest.fixture
def follower(database: Database) -> Follower:
    return Follower(database, reader(), limit=7).begin()


def test_bookings_in_any_order(make: Make, follower: Follower) -> None:
    history(make, 11, 90)
    follower.follow()
    assert follower.wrong(arranged=True) == {} and len(follower.told) > 30
    assert follower.numbers == sorted(set(follower.numbers))


@pytest.mark.parametrize("seed", range(24 if THOROUGH else 3))
def test_thousands_of_steps_of_waiting_lists(make: Make, database: Database, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """The histories of the waiting list, in which every clock is the game's; the follower looks now and then."""
    if seed >= 8 and not database.sqlite:
        pytest.skip("a third of them where each statement is a round trip")
    table, chance = Table(database, make), random.Random(seed)
    monkeypatch.setattr("app.core.tx.clock", table.clock)
    game = Game(table, 5_000 + seed)
    follower, step = Follower(database, reader(), limit=50).begin(), Game._step

    def look(self: Game, *given: Any) -> None:
        step(self, *given)
        if chance.random() < 0.15:
            follower.follow()

    monkeypatch.setattr(Game, "_step", look)
    game.play(History.drawn(5_000 + seed))
    follower.follow()
    assert {key for key in follower.wrong() if key[0] != "people"} == set()  # whom the game lets leave past the operations


@pytest.mark.parametrize("seed", range(3 if THOROUGH else 1))
def test_extracts_in_any_order(office: Office, database: Database, seed: int) -> None:  # noqa: F811
    follower, chance, oracle, as_at = Follower(database, reader(), limit=100).begin(), random.Random(seed), Oracle(), date(2026, 3, 2)
    for _ in range(5):
        lines = extract(chance, oracle, as_at)
        if lines:
            import_id, counts = office.stage(lines, FULL, as_at)
            with office.turn() as tx:
                operations.apply(tx, import_id, confirmed_leavers=counts["leaver"])
            oracle.read(lines, as_at)
            follower.follow()
            assert follower.wrong() == {}
        as_at += timedelta(chance.randint(1, 25))


@pytest.mark.thorough
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "told", [stories.test_a_panel_returns_and_another_does_not_confirm, stories.test_a_pause_another_assessor_and_an_extension]
)
def test_programmes_as_they_are_told(
    story: Story,  # noqa: F811
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    told: Callable[[Story], None],
) -> None:
    follower, go_to = Follower(database, reader()).begin(), Clock.go_to

    def look(self: Clock, *given: Any) -> None:
        follower.follow()
        assert follower.wrong(arranged=True) == {}
        go_to(self, *given)

    monkeypatch.setattr(Clock, "go_to", look)
    told(story)
    follower.follow()
    assert follower.wrong(arranged=True) == {}
    assert {resource for resource, _ in follower.copy} >= {"enrolments", "cohorts"}


def test_names_are_told_with_what_bears_them(make: Make, follower: Follower) -> None:
    """A room, a provider, a series, a course and a team are called otherwise: sessions, courses and people are told again."""
    team = make.unit("North team")
    ann = make.person("Ann", team=team)
    with make.tx() as tx:
        provider = learning.save_provider(tx, None, name="Westmarch Training")
        series = learning.save_series(tx, None, title="Winter")
        course = learning.create_course(tx, title="Court skills", kind="masterclass", provider_id=provider, series_id=series)
        room = rooms.save_room(tx, None, name="Hall", place="Westmarch", address="", access_notes="", capacity=20, closed=False)
    session = make.session(course=course, room=room)
    follower.begin()
    with make.tx() as tx:
        learning.save_provider(tx, provider, name="Westmarch Learning")
        learning.save_series(tx, series, title="Summer")
        learning.change_course(tx, course, tx.get(Course, course).version, title="Evidence in court")
        rooms.save_room(tx, room, name="Great Hall", place="Westmarch", address="", access_notes="", capacity=20, closed=False)
        people.rename_unit(tx, team, "Northern team")
    assert set(follower.wrong()) == {("sessions", session.id), ("courses", course), ("people", ann.id), ("units", team)}
    follower.follow()
    assert follower.wrong() == {}


def test_who_may_see_less_is_told_less(make: Make, database: Database) -> None:
    """Another organisation's people and bookings do not exist for a limited client; what turns out wrong is a tombstone for its own."""
    other = make.organisation("Eastmarch County Council", host=False)
    limited = Follower(database, reader(other)).begin()
    everything = Follower(database, reader()).begin()
    shown = Follower(database, reader(scopes=frozenset({"changes:read", "catalogue:read"}))).begin()
    ann, bo = make.person("Ann"), make.person("Bo", organisation=other)
    course = make.course().id
    with make.tx() as tx:
        both = [results(tx, person.id, course) for person in (ann, bo)]
    for follower in (limited, everything, shown):
        follower.follow()
        assert follower.wrong(arranged=True) == {}
    assert ("people", ann.id) not in limited.copy and ("people", bo.id) in limited.copy and ("completions", both[1]) in limited.copy
    assert {resource for resource, _ in shown.copy} <= {"courses", "sessions"}
    assert limited.last == everything.last == shown.last  # it moves on though little was for them
    with make.tx() as tx:
        tx.db.execute(text("UPDATE completions SET superseded_at = recorded_at"))
        for key, person in zip(both, (ann, bo), strict=True):
            tx.record("completion.superseded", "completions", key, person_id=person.id)
    seen = [_gone(limited), _gone(everything), _gone(shown)]
    assert seen == [{both[1]}, set(both), set()]


def results(tx: Any, person_id: int, course_id: int) -> int:
    return int(record_result(tx, person_id, course_id, tx.today)[0].id)


def _gone(follower: Follower) -> set[int]:
    number_all(follower.database)
    answer = follower._ask(follower.last)
    assert all(item["data"] is None and item["event"].endswith(".removed") for item in answer["items"] if item["deleted"])
    gone = {item["resource_id"] for item in answer["items"] if item["deleted"] and item["resource"] == "completions"}
    follower.follow()
    assert follower.wrong(arranged=True) == {}
    return gone


# Numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_transaction_under_way_holds_back_what_came_after_it(make: Make, database: Database, follower: Follower) -> None:
    """It wrote first and commits last: its change is told with those that came meanwhile, none is passed by."""
    ann, bo = make.person("Ann"), make.person("Bo")
    follower.follow()
    with database.write.connect() as slow:
        slow_tx = slow.begin()
        slow.execute(text("INSERT INTO audit (at, actor_kind, action, subject, subject_id, facts) "
                          f"VALUES (now(), 'system', 'person.changed', 'people', {ann.id}, '{{}}')"))  # fmt: skip
        slow.execute(update(Person).where(Person.id == ann.id).values(known_as="Annie"))
        with make.tx() as tx:
            people.change_person(tx, bo.id, known_as="Bob")
        assert follower.follow(wait=False) == 0  # Bo's change waits for Ann's
        slow_tx.commit()
    assert follower.follow() == 2 and follower.wrong() == {}


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_restored_database_goes_on(make: Make, database: Database, follower: Follower) -> None:
    """In another cluster transactions count from the beginning: the mark lies far beyond them."""
    make.person("Ann")
    follower.follow()
    with make.tx() as tx:
        tx.db.execute(update(FeedMark).where(FeedMark.name == "changes").values(mark=FeedMark.mark + 1_000_000))
    bo = make.person("Bo")
    assert follower.follow() > 0 and ("people", bo.id) in follower.copy and follower.wrong() == {}
    cy = make.person("Cy")
    assert follower.follow() > 0 and ("people", cy.id) in follower.copy and follower.wrong() == {}


def test_two_workers_number_once(make: Make, database: Database, follower: Follower) -> None:
    def work(n: int) -> None:
        make.person(f"P{n}") if n % 2 else feed.number_due(database)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(40)))
    follower.follow()
    with make.tx(writes=False) as tx:
        numbers = [row.number for row in tx.rows(select(Change.number).order_by(Change.number))]
    assert numbers == list(range(1, len(numbers) + 1)) and follower.wrong() == {}


def test_nothing_new_writes_nothing(make: Make, database: Database) -> None:
    make.person("Ann")
    number_all(database)
    with transaction(database, SYSTEM, writes=False) as tx:
        before = tx.rows(select(FeedMark.__table__))
    assert feed.number_due(database) == 0
    with transaction(database, SYSTEM, writes=False) as tx:
        assert tx.rows(select(FeedMark.__table__)) == before


def test_a_change_that_nobody_recorded_is_noticed(make: Make, follower: Follower) -> None:
    """The comparison itself: past the operations, the copy differs."""
    ann, session = make.person("Ann"), make.session()
    with make.tx() as tx:
        booking = book(tx, session.id, ann.id).id
    follower.follow()
    with make.tx() as tx:
        tx.db.execute(update(Booking).where(Booking.id == booking).values(updated_at=datetime(2027, 1, 1, tzinfo=UTC)))
    follower.follow()
    assert set(follower.wrong(arranged=True)) == {("bookings", booking)}
