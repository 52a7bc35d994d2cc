"""Whose records a role reaches: told one case at a time, and held against a slow oracle on random organisations."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select, update

from app import policy
from app.core.config import load
from app.core.db import FOREVER
from app.core.errors import Forbidden, NotFound
from app.core.tx import Actor, transaction
from app.identity import access, operations
from app.identity.models import Account, SignIn
from app.people import operations as people
from app.people import search
from app.people.models import Duty, Person, Responsibility, Unit, UnitClosure
from app.policy import Can, Reach, Role
from tests.conftest import THOROUGH
from tests.factory import Make
from tests.policy.oracle import Oracle, grow

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
TODAY = NOON.date()
DAY = timedelta(days=1)
SETTINGS = load(base_url="http://testserver")


def actor_of(make: Make, person_id: int, now: datetime = NOON) -> Actor:
    """The actor that the door would make of a signed-in person."""
    with transaction(make.database, Actor(), writes=True, now=now) as tx:
        token = operations.sign_in(tx, person_id, "", SETTINGS)
        found = access.signed_in(tx, token, SETTINGS)
    assert found is not None
    return found.actor


def reached(make: Make, actor: Actor, can: Can, now: datetime = NOON) -> set[int]:
    """Ids in reach, the same by all four ways of asking."""
    with transaction(make.database, actor, writes=False, now=now) as tx:
        everybody = {row.id for row in tx.rows(select(Person.id))}
        if not policy.may(actor, can):
            with pytest.raises(Forbidden):
                policy.within_reach(tx, can, Person.id)
            with pytest.raises(Forbidden):
                policy.person(tx, can, next(iter(everybody)))
            return set()
        correlated = {row.id for row in tx.rows(select(Person.id).where(policy.within_reach(tx, can, Person.id)))}
        assert {key for key in everybody if policy.reaches(tx, can, key)} == correlated
        terms = sorted(policy.terms(actor, can), key=str)
        kinds = tuple(reach for reach, _ in terms)
        if Reach.ALL not in kinds:
            values = {"today": tx.today, "me": actor.person_id} | {f"node_{n}": node for n, (_, node) in enumerate(terms)}
            assert {row.id for row in tx.rows(search._reach_set(kinds), **values)} == correlated
        for key in everybody - correlated:
            with pytest.raises(NotFound):
                policy.person(tx, can, key)
    return correlated


# One case at a time ------------------------------------------------------------------------------------------------


def test_a_managers_reach_is_the_whole_line(make: Make) -> None:
    boss = make.person("Boss")
    middle = make.person("Middle", manager=boss.id)
    worker = make.person("Worker", manager=middle.id)
    make.person("Stranger")
    assert reached(make, actor_of(make, boss.id), Can.BOOK) == {boss.id, middle.id, worker.id}
    assert reached(make, actor_of(make, middle.id), Can.BOOK) == {middle.id, worker.id}
    assert reached(make, actor_of(make, worker.id), Can.BOOK) == {worker.id}


def test_a_deputy_has_the_line_of_the_manager_for_a_time(make: Make) -> None:
    boss, deputy = make.person("Boss"), make.person("Deputy")
    middle = make.person("Middle", manager=boss.id)
    worker = make.person("Worker", manager=middle.id)
    with make.tx() as tx:
        people.give_duty(tx, Duty.DEPUTY, deputy.id, TODAY, TODAY + 7 * DAY, person_id=boss.id)
    assert reached(make, actor_of(make, deputy.id), Can.BOOK) == {deputy.id, middle.id, worker.id}  # but not the boss
    before, after = NOON - DAY, NOON + 7 * DAY
    assert reached(make, actor_of(make, deputy.id, before), Can.BOOK, before) == {deputy.id}
    assert reached(make, actor_of(make, deputy.id, after), Can.BOOK, after) == {deputy.id}


def test_a_circle_of_managers_ends(make: Make) -> None:
    one, two, three = (make.person(name) for name in ("One", "Two", "Three"))
    with make.tx() as tx:
        for holder, person in ((one, two), (two, three), (three, one)):
            tx.insert(
                Responsibility,
                kind="manager",
                holder_id=holder.id,
                person_id=person.id,
                valid_from=TODAY,
                valid_to=FOREVER,
                recorded_at=tx.now,
            )
    assert reached(make, actor_of(make, one.id), Can.BOOK) == {one.id, two.id, three.id}


def test_a_circle_is_refused_where_it_would_be_made(make: Make) -> None:
    boss = make.person("Boss")
    worker = make.person("Worker", manager=boss.id)
    with make.tx() as tx, pytest.raises(Exception, match="circle of managers"):
        people.set_manager(tx, boss.id, worker.id, TODAY)


def test_a_role_counts_from_its_first_day_to_its_last(make: Make) -> None:
    team = make.unit("Child Protection")
    officer, other = make.person("Officer"), make.person("Other", team=team)
    with make.tx() as tx:
        people.give_role(tx, officer.id, Role.HR, team, TODAY, TODAY + 2 * DAY)
    for days, expected in ((-1, False), (0, True), (1, True), (2, False)):
        now = NOON + days * DAY
        assert policy.may(actor_of(make, officer.id, now), Can.WRITE_PERSON) is expected
        if expected:
            assert reached(make, actor_of(make, officer.id, now), Can.WRITE_PERSON, now) == {other.id}


def test_a_day_begins_at_midnight_in_london(make: Make) -> None:
    officer = make.person("Officer")
    with make.tx() as tx:
        people.give_role(tx, officer.id, Role.HR, None, date(2026, 7, 1))
    assert not policy.may(actor_of(make, officer.id, datetime(2026, 6, 30, 22, 59, tzinfo=UTC)), Can.WRITE_PERSON)
    assert policy.may(actor_of(make, officer.id, datetime(2026, 6, 30, 23, 1, tzinfo=UTC)), Can.WRITE_PERSON)  # summer time


def test_a_scope_is_any_node_with_all_below_it(make: Make) -> None:
    service = make.unit("Safeguarding", "service")
    locality = make.unit("Aldermoor", "locality", service)
    team, elsewhere = make.unit("Court", parent=locality), make.unit("Fostering")
    mover = make.person("Mover", team=team)
    inside = make.person("Inside", team=team)
    make.person("Outside", team=elsewhere)
    with make.tx() as tx:
        people.set_team(tx, mover.id, elsewhere, TODAY + DAY)
    for node in (service, locality, team):
        lead = make.person("Lead", roles=("coordinator",), scope=node)
        assert reached(make, actor_of(make, lead.id), Can.READ_ROSTER) == {mover.id, inside.id}
        tomorrow = NOON + DAY
        assert reached(make, actor_of(make, lead.id, tomorrow), Can.READ_ROSTER, tomorrow) == {inside.id}


def test_an_organisation_counts_its_own_people_without_a_team(make: Make) -> None:
    ours, theirs = make.organisation(), make.organisation("Little Bears Nursery", host=False)
    lead = make.person("Lead", organisation=theirs, roles=("setting lead",), scope=theirs)
    colleague = make.person("Colleague", organisation=theirs)
    make.person("Stranger", organisation=ours)
    assert reached(make, actor_of(make, lead.id), Can.BOOK) == {lead.id, colleague.id}


def test_an_assessor_sees_but_does_not_book(make: Make) -> None:
    assessor, learner = make.person("Assessor"), make.person("Learner")
    make.assessor(assessor.id, learner.id)
    actor = actor_of(make, assessor.id)
    assert reached(make, actor, Can.READ_PERSON) == {assessor.id, learner.id}
    assert reached(make, actor, Can.BOOK) == {assessor.id}


def test_administrators_do_not_read_bookings_and_boards_read_nobody(make: Make) -> None:
    other = make.person("Other")
    administrator = actor_of(make, make.person("Admin", roles=("administrator",)).id)
    board = actor_of(make, make.person("Board", roles=("board viewer",)).id)
    assert other.id in reached(make, administrator, Can.READ_PERSON)
    assert reached(make, administrator, Can.READ_BOOKINGS) == {administrator.id}
    assert reached(make, administrator, Can.READ_ACCESS_NEEDS) == {administrator.id}
    assert reached(make, board, Can.READ_PERSON) == {board.id}


def test_a_client_limited_to_an_organisation_sees_no_other(make: Make) -> None:
    ours, theirs = make.organisation(), make.organisation("Little Bears Nursery", host=False)
    mine, foreign = make.person("Mine", organisation=ours), make.person("Foreign", organisation=theirs)
    limited = Actor("client", 1, scopes=frozenset({"people:read"}), organisation_id=theirs)
    assert reached(make, limited, Can.READ_PERSON) == {foreign.id}
    assert reached(make, limited, Can.WRITE_PERSON) == set()
    assert reached(make, Actor("client", 1, scopes=frozenset({"people:read"})), Can.READ_PERSON) == {mine.id, foreign.id}


def test_whoever_left_or_is_suspended_is_nobody(make: Make) -> None:
    gone = make.person("Gone", leaving_on=TODAY)
    with transaction(make.database, Actor(), writes=True, now=NOON) as tx:
        token = operations.sign_in(tx, gone.id, "", SETTINGS)
    last_minute = datetime.combine(TODAY, time(23, 59), UTC)
    with make.tx() as tx:  # signed in all the time, so that only the leaving ends it
        tx.db.execute(update(SignIn).values(last_seen_at=last_minute, expires_at=last_minute + DAY))
    for now, expected in ((last_minute, True), (last_minute + timedelta(minutes=2), False)):
        with transaction(make.database, Actor(), writes=False, now=now) as tx:
            assert (access.signed_in(tx, token, SETTINGS) is not None) is expected
    with make.tx() as tx:
        tx.db.execute(update(Account).where(Account.person_id == gone.id).values(suspended_at=NOON))
    with transaction(make.database, Actor(), writes=False, now=last_minute) as tx:
        assert access.signed_in(tx, token, SETTINGS) is None


# Against the oracle ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40 if THOROUGH else 4))
def test_reach_is_what_the_oracle_says(make: Make, seed: int) -> None:
    county = grow(make, random.Random(seed), NOON)
    for person in county.people:
        actor = actor_of(make, person)
        for can in (Can.READ_PERSON, Can.BOOK, Can.WRITE_PERSON, Can.MANAGE_ACCESS):
            assert reached(make, actor, can) == Oracle(county, person, TODAY).reached(can), (seed, person, can)


def test_the_closure_is_the_tree(make: Make) -> None:
    county = grow(make, random.Random(99), NOON)
    rows = {(row.ancestor_id, row.descendant_id, row.depth) for row in make.rows(select(UnitClosure.__table__))}
    expected = set()
    for unit in county.parents:
        above: int | None = unit
        depth = 0
        while above is not None:
            expected.add((above, unit, depth))
            above, depth = county.parents[above], depth + 1
    assert rows == expected
    assert len(make.rows(select(Unit.id))) == len(county.parents)
