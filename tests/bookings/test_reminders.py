"""Reminders: to whoever has a place, so many London days before, once, however many workers look."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.bookings import operations
from app.bookings.event_models import Notice
from app.bookings.operations import reminders
from app.bookings.operations.sessions import cancel_session
from app.bookings.policy_models import BookingPolicy
from app.core.calendar import from_london
from app.core.errors import Conflict
from app.core.ledger import Outbox
from app.core.tx import SYSTEM, Actor, transaction
from tests.factory import Make

SESSION = date(2027, 6, 9)  # a Wednesday


def at(day: date, hour: float = 9) -> datetime:
    return from_london(day, time(int(hour), int(hour % 1 * 60)))


def book(make: Make, person: Any, session: Any, now: datetime) -> int:
    actor = Actor("person", person.id, person.name, (("practitioner", None),))
    with transaction(make.database, actor, writes=True, now=now) as tx:
        return operations.book(tx, session.id, person.id).id


def remind(make: Make, now: datetime) -> None:
    with transaction(make.database, SYSTEM, writes=True, now=now) as tx:
        reminders.remind(tx, tx.now)


def told(make: Make) -> list[tuple[int, int]]:
    """(booking, days) of every reminder queued."""
    rows = make.rows(select(Outbox.subject_id, Outbox.facts).where(Outbox.kind == "email.reminder").order_by(Outbox.id))
    return [(row.subject_id, row.facts["days"]) for row in rows]


@pytest.fixture
def session(make: Make) -> Any:
    return make.session(places=2, starts=at(SESSION, 9.5))


def test_a_week_and_a_day_before_and_once_each(make: Make, session: Any) -> None:
    ann = book(make, make.person("Ann"), session, at(date(2027, 5, 1)))
    for day in range(20, 40):
        for hour in (8, 8.5, 17):
            remind(make, at(date(2027, 5, 1) + timedelta(days=day), hour))
    assert told(make) == [(ann, 7), (ann, 1)]
    assert sorted(row.key for row in make.rows(select(Notice.key))) == [f"reminder:1:{ann}", f"reminder:7:{ann}"]


def test_not_to_whoever_booked_after_that_moment_waits_or_cancelled(make: Make, session: Any) -> None:
    early, late, gone = make.person("Early"), make.person("Late"), make.person("Gone")
    first = book(make, early, session, at(date(2027, 5, 1)))
    ended = book(make, gone, session, at(date(2027, 5, 1)))
    with transaction(
        make.database, Actor("person", gone.id, "Gone", (("practitioner", None),)), writes=True, now=at(date(2027, 5, 2))
    ) as tx:
        operations.cancel(tx, ended, "Court hearing")
    second = book(make, late, session, at(SESSION - timedelta(days=7), 8.25))
    book(make, make.person("Waits"), session, at(date(2027, 5, 3)))
    remind(make, at(SESSION - timedelta(days=7), 9))
    assert told(make) == [(first, 7)]
    remind(make, at(SESSION - timedelta(days=1), 9))
    assert sorted(told(make)[1:]) == sorted([(first, 1), (second, 1)])


def test_nobody_is_reminded_of_a_session_that_is_off(make: Make, session: Any) -> None:
    book(make, make.person("Ann"), session, at(date(2027, 5, 1)))
    with transaction(make.database, SYSTEM, writes=True, now=at(date(2027, 5, 2))) as tx:
        cancel_session(tx, session.id, "The trainer is ill")
    remind(make, at(SESSION - timedelta(days=7), 9))
    assert told(make) == []


def test_a_reminder_missed_while_no_worker_ran_is_sent_within_two_days(make: Make, session: Any) -> None:
    ann = book(make, make.person("Ann"), session, at(date(2027, 5, 1)))
    remind(make, at(SESSION - timedelta(days=5), 12))
    assert told(make) == [(ann, 5)], "it says the days that are left"
    remind(make, at(SESSION - timedelta(days=4), 12))
    assert len(told(make)) == 1


def test_later_than_that_it_says_nothing(make: Make, session: Any) -> None:
    book(make, make.person("Ann"), session, at(date(2027, 5, 1)))
    remind(make, at(SESSION - timedelta(days=4), 12))
    remind(make, at(SESSION, 8.5))
    assert told(make) == []


def test_the_days_are_the_councils(make: Make, session: Any) -> None:
    with make.tx() as tx:
        tx.insert(BookingPolicy, recorded_at=tx.now, reminder_days="14, 2")
    ann = book(make, make.person("Ann"), session, at(date(2027, 5, 1)))
    for days in (14, 7, 2, 1):
        remind(make, at(SESSION - timedelta(days=days), 9))
    assert told(make) == [(ann, 14), (ann, 2)]


@pytest.mark.parametrize(("given", "days"), [("7,1", [1, 7]), (" 1, 14,7 ", [1, 7, 14]), ("", []), ("x,-1,0,90,3", [3])])
def test_the_figure_is_read(given: str, days: list[int]) -> None:
    assert reminders.days_before(given) == days


def test_a_day_is_londons_across_a_clock_change() -> None:
    for day, hour in ((date(2027, 3, 28), 7), (date(2027, 3, 27), 8), (date(2027, 10, 31), 8), (date(2027, 10, 30), 7)):
        due = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        assert reminders.turn(due) == due and reminders.turn(due - timedelta(seconds=1)) is None


def test_two_workers_at_once_say_it_once(make: Make, session: Any) -> None:
    booked = [book(make, make.person(name), session, at(date(2027, 5, 1))) for name in ("Ann", "Bob")]
    moment = at(SESSION - timedelta(days=7), 9)
    ready, lost = threading.Barrier(4), []

    def work() -> None:
        ready.wait()
        try:
            remind(make, moment + timedelta(microseconds=threading.get_ident() % 1000))
        except Conflict:
            lost.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told(make)) == [(one, 7) for one in sorted(booked)]
    remind(make, moment)
    assert len(told(make)) == 2 and len(lost) < 4
