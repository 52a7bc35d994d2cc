"""Apprentices' safeguarding training and reviews: who is told of what on which day, and nobody more often than the council says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from app.bookings.operations import policies
from app.core.ledger import Outbox
from app.core.tx import SYSTEM, Tx, transaction
from app.people import operations as people
from app.people.models import Absence, Duty, RoleHeld
from app.programmes.apprentice_models import Apprenticeship, ProgressReview
from app.programmes.models import Enrolment
from app.programmes.operations import chasing, reviews
from app.programmes.operations.chasing import REVIEW, TRAINING
from tests.factory import Make
from tests.programmes.apprentices import Apprentice, apprentice

NEW = date(2025, 9, 8)  # the first review is due on 31 December 2025
LONG_AGO = date(2020, 1, 1)
Heard = dict[tuple[str, int], list[str]]


def morning(day: date) -> datetime:
    """A minute past eight in the morning, London winter time."""
    return datetime(day.year, day.month, day.day, 8, 1, tzinfo=UTC)


def told(make: Make, day: date) -> Heard:
    """What the job queues on that morning, by kind and reader; nothing on days that nobody works."""
    now = morning(day)
    if chasing.turn(now) is None:
        return {}
    with transaction(make.database, SYSTEM, writes=True, now=now) as tx:
        chasing.chase(tx, now)
    rows = make.rows(select(Outbox.kind, Outbox.person_id, Outbox.facts).where(Outbox.created_at == now))
    found = {(row.kind, row.person_id): row.facts["subjects"] for row in rows}
    assert len(found) == len(rows), "one message of a kind for each reader"
    return found


def another(tx: Tx, made: Apprentice, person: int, review_on: date) -> None:
    """The same apprenticeship for somebody else, with nobody else's parts and one review that is due."""
    copied = {key: value for key, value in tx.get(Enrolment, made.id)._mapping.items() if key != "id"}
    key = tx.insert(Enrolment, **copied | dict(reference=f"M{person}", person_id=person))
    (rule,) = tx.rows(select(Apprenticeship.__table__).where(Apprenticeship.enrolment_id == made.id))
    tx.db.execute(insert(Apprenticeship), {**rule._mapping, "enrolment_id": key})
    tx.insert(ProgressReview, enrolment_id=key, number=1, due_on=review_on)


@pytest.fixture
def made(make: Make) -> Apprentice:
    """On the programme since September 2025, their safeguarding training in date until April 2026."""
    found = apprentice(make, NEW, now=datetime(2025, 9, 1, 9, tzinfo=UTC))
    course = make.course("Safeguarding for all", kind="safeguarding")
    make.completion(found.apprentice.id, course.id, date(2025, 4, 1), date(2026, 4, 1))
    return found


def three(made: Apprentice) -> set[int]:
    return {made.apprentice.id, made.employer.id, made.provider.id}


def test_a_review_is_told_of_before_and_after_it_is_due(made: Apprentice) -> None:
    assert told(made.make, date(2025, 12, 16)) == {}
    soon = told(made.make, date(2025, 12, 17))
    assert set(soon) == {(REVIEW, person) for person in three(made)}
    assert soon[REVIEW, made.apprentice.id] == ["By Wednesday 31 December 2025"]
    assert soon[REVIEW, made.employer.id] == ["Ada Prentice: by Wednesday 31 December 2025"]
    late = told(made.make, date(2026, 1, 5))
    assert late[REVIEW, made.provider.id] == ["Ada Prentice: overdue since Wednesday 31 December 2025"]


@pytest.mark.parametrize(("figure", "times"), [(None, 4), (14, 2), (1, 20)])
def test_nobody_is_told_more_often_than_the_council_says(made: Apprentice, figure: int | None, times: int) -> None:
    if figure:
        with made.coordinating(morning(date(2025, 12, 1))) as tx:
            policies.set_policy(tx, read_id=None, programme_chase_days=figure)
    employer = (REVIEW, made.employer.id)
    days = [day for n in range(28) if employer in told(made.make, day := date(2026, 1, 5) + timedelta(days=n))]
    assert len(days) == times and all(day.weekday() < 5 for day in days)
    assert all((later - earlier).days >= (figure or 7) for earlier, later in pairwise(days))


def test_what_comes_later_waits_for_the_readers_next_message(make: Make, made: Apprentice) -> None:
    """The employer has just been told of one apprentice; another of theirs is in the next message, not in one of its own."""
    assert (REVIEW, made.employer.id) in told(make, date(2025, 12, 22))
    other = make.person("Bea Ginner").id
    with make.tx() as tx:
        another(tx, made, other, date(2025, 12, 20))
        people.give_duty(tx, Duty.MANAGER, made.employer.id, LONG_AGO, person_id=other)
    next_day = told(make, date(2025, 12, 23))
    assert (REVIEW, other) in next_day and (REVIEW, made.employer.id) not in next_day
    assert [line.partition(":")[0] for line in told(make, date(2025, 12, 29))[REVIEW, made.employer.id]] == ["Bea Ginner", "Ada Prentice"]


def test_once_it_is_held_it_is_no_longer_chased(made: Apprentice) -> None:
    assert (REVIEW, made.apprentice.id) in told(made.make, date(2026, 1, 5))
    with made.as_(made.employer, now=morning(date(2026, 1, 6))) as tx:
        reviews.hold(tx, made.id, date(2026, 1, 6))
    assert told(made.make, date(2026, 1, 12)) == {}


def test_training_is_chased_from_two_months_before_it_ends(made: Apprentice) -> None:
    with made.as_(made.employer, now=morning(date(2026, 1, 6))) as tx:
        reviews.hold(tx, made.id, date(2026, 1, 6))
    assert told(made.make, date(2026, 1, 30)) == {}
    soon = told(made.make, date(2026, 2, 2))
    assert soon[TRAINING, made.apprentice.id] == ["In date until Wednesday 1 April 2026"]
    assert soon[TRAINING, made.employer.id] == ["Ada Prentice: in date until Wednesday 1 April 2026"]
    expired = told(made.make, date(2026, 4, 7))
    assert expired[TRAINING, made.employer.id] == ["Ada Prentice: expired on Wednesday 1 April 2026"]
    new = made.make.course("Safeguarding again", kind="safeguarding")
    made.make.completion(made.apprentice.id, new.id, date(2026, 4, 9), date(2027, 4, 9))
    assert not any(kind == TRAINING for kind, _ in told(made.make, date(2026, 4, 14)))


def test_the_academy_is_told_when_it_is_long_overdue(make: Make, made: Apprentice) -> None:
    """Only whoever coordinates for them, and only of what is so late; the figure is the council's."""
    elsewhere = make.person("Eli Sewhere")
    unit = make.unit("Another team")
    with make.tx() as tx:
        held = dict(role="coordinator", valid_from=LONG_AGO, recorded_at=tx.now)
        tx.insert(RoleHeld, person_id=elsewhere.id, unit_id=unit, **held)
    assert (REVIEW, made.coordinator.id) not in told(make, date(2026, 1, 27))  # 27 days
    found = told(make, date(2026, 1, 28))
    assert set(found) == {(REVIEW, made.coordinator.id)}  # the others were told the day before
    assert found[REVIEW, made.coordinator.id] == ["Ada Prentice: overdue since Wednesday 31 December 2025"]


def test_breaks_gateways_and_absence(make: Make, made: Apprentice) -> None:
    with make.tx() as tx:
        away = dict(valid_from=date(2026, 1, 1), valid_to=date(2026, 2, 1), recorded_at=tx.now)
        tx.insert(Absence, person_id=made.employer.id, **away)
    assert {person for _, person in told(make, date(2026, 1, 5))} == three(made) - {made.employer.id}
    with make.tx() as tx:
        tx.update(Enrolment, made.id, status="paused")
    assert told(make, date(2026, 1, 19)) == {}
    with make.tx() as tx:
        tx.update(Enrolment, made.id, status="in_progress")
        tx.db.execute(update(Apprenticeship).values(gateway_at=tx.now))
    assert told(make, date(2026, 1, 26)) == {}
    assert {kind for kind, _ in told(make, date(2026, 3, 2))} == {TRAINING}


def test_the_same_few_questions_for_many(make: Make, made: Apprentice, count_queries: Any) -> None:
    asked = []
    for size, day in ((2, date(2026, 1, 5)), (30, date(2026, 3, 2))):
        them = [make.person(f"More {size} {n}").id for n in range(size)]
        with make.tx() as tx:
            for person in them:
                another(tx, made, person, date(2025, 12, 1))
        with count_queries() as queries:
            assert len(told(make, day)) >= size
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 12, asked
