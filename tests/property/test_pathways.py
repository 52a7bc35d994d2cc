"""On random histories the pathway engine agrees with a slow, obvious oracle: as at any past date, as far as was known at any time."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta

from sqlalchemy import select

from app.core.db import Database
from app.core.tx import Tx
from app.pathways import progress
from app.pathways.versions import in_force
from app.people.models import Person
from tests.conftest import THOROUGH
from tests.factory import Make
from tests.property.pathways_game import Drawn, begin
from tests.property.pathways_oracle import Answer, Fact, Oracle

HISTORIES = int(os.environ.get("ACADEMY_PATHWAYS", "0")) or (8 if THOROUGH else 2)
QUESTIONS = 6 if THOROUGH else 4  # about each history


def test_the_engine_agrees_with_the_oracle(make: Make, database: Database) -> None:
    begin(make)
    first = int(os.environ.get("ACADEMY_PATHWAYS_FROM", "0"))
    seen: set[str] = set()
    for seed in range(first, first + HISTORIES):
        drawn = Drawn(seed)
        drawn.write(database)
        with make.tx(writes=False) as tx:
            for n in range(QUESTIONS):
                seen |= agree(tx, drawn, *moment(drawn, drawn.days, drawn.instants, n))
            days = [day for version in drawn.world.versions for day in (version["from"], version["to"], version["withdrawn_on"]) if day]
            instants = [at for version in drawn.world.versions for at in (version["published_at"], version["withdrawn_at"]) if at]
            for n in range(10 * QUESTIONS):
                counting(tx, drawn, *moment(drawn, days, instants, n))
    assert seen == {"met", "lapsing", "lapsed", "missing"}  # the histories show everything there is


def moment(drawn: Drawn, days: list[date], instants: list[datetime], n: int) -> tuple[date, datetime | None]:
    """A date and an instant near something that happened; every third time all that is known counts."""
    as_at = drawn.chance.choice(days) + timedelta(days=drawn.chance.choice((-1, 0, 0, 1, 30, 365)))
    return as_at, None if n % 3 == 0 else drawn.chance.choice(instants) - timedelta(seconds=drawn.chance.choice((0, 0, 1)))


def counting(tx: Tx, drawn: Drawn, as_at: date, known_at: datetime | None) -> dict[int, int]:
    """Which version of each step counts, by step, as the oracle says; the engine says the same."""
    oracle = Oracle(drawn.world, as_at, known_at)
    mine = {version["step"] for version in drawn.world.versions}
    counts = {step: version["id"] for step in mine if (version := oracle.in_force(step)) is not None}
    assert {each.step_id: each.id for each in in_force(tx, as_at, known_at) if each.step_id in mine} == counts, (as_at, known_at)
    return counts


def agree(tx: Tx, drawn: Drawn, as_at: date, known_at: datetime | None) -> set[str]:
    """Every answer about these people and steps is the oracle's; returns the statuses that were seen."""
    oracle, asked = Oracle(drawn.world, as_at, known_at), (drawn.seed, as_at, known_at)
    versions = {version["id"]: version for version in drawn.world.versions}
    people = select(Person.id).where(Person.id.in_(drawn.people))
    wanted = {
        (who, one["id"]): oracle.of_requirement(who, version["step"], one)
        for who in drawn.people
        for version in versions.values()
        for one in requirements(version)
    }
    found = {
        (row.person_id, row.requirement_id): Answer(row.met_on, row.expires_on, row.status)
        for row in progress.met(tx, people, versions, as_at, known_at)
    }
    kinds = {one["id"]: one for version in versions.values() for one in requirements(version)}
    wrong = [(key, kinds[key[1]], found.get(key), answer) for key, answer in wanted.items() if found.get(key) != answer]
    assert not wrong, (asked, wrong[0])
    assert found == wanted
    steps = {(who, version["id"]): oracle.of_step(who, version) for who in drawn.people for version in versions.values()}
    given = {(row.person_id, row.version_id): row for row in progress.steps(tx, people, versions, as_at, known_at)}
    assert {key: told(row) for key, row in given.items()} == steps, asked
    counts = counting(tx, drawn, as_at, known_at)
    for kind in ("progression", "mandatory"):
        mine = {key for key in counts.values() if versions[key]["kind"] == kind}
        rows = progress.next_steps(tx, people, as_at, known_at, kind=kind)
        answers = {(row.person_id, row.version_id): told(row) for row in rows if row.version_id in versions}
        for_them = {(who, key) for key in mine for who in drawn.people if oracle.applies(who, versions[key])}
        assert answers == {key: steps[key] for key in for_them}, asked
    return {answer.status for answer in wanted.values()}


def requirements(version: Fact) -> list[Fact]:
    """All that a version asks for."""
    return [*version["loose"], *(one for group in version["groups"] for one in group["requirements"])]


def told(row: progress.Progress) -> tuple[Answer, int, int]:
    """A row of the engine as the oracle puts it."""
    return Answer(row.met_on, row.expires_on, row.status), row.held, row.asked
