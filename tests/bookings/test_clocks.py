"""Offers run out at the stated hour: working hours in London, bank holidays, clock changes, one's own week, the session's cut-off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.bookings import clocks, operations
from app.bookings.models import Booking
from app.bookings.operations import offers
from app.bookings.terms import Policy
from app.core.calendar import LONDON, WEEK, from_london, is_bank_holiday, working_day
from app.core.ledger import Outbox
from app.core.tx import SYSTEM, transaction
from app.people.models import Absence
from tests.factory import Make

FIGURES = Policy()
FAR = timedelta(days=60)


def at(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """A London time, as an instant."""
    return from_london(date(year, month, day), time(hour, minute))


def ends(now: datetime, until: datetime | None = None, **more: Any) -> datetime | None:
    return clocks.offer_ends(now, until or now + FAR, FIGURES, **more)


# The clock by itself -----------------------------------------------------------------------------------------------


def test_sixteen_working_hours() -> None:
    assert ends(at(2026, 11, 23, 12)) == at(2026, 11, 25, 12)  # Monday midday to Wednesday midday
    assert ends(at(2026, 11, 23, 7)) == at(2026, 11, 24, 17)  # before work begins: two full days
    assert ends(at(2026, 11, 23, 17)) == at(2026, 11, 25, 17)


def test_the_friday_before_a_bank_holiday() -> None:
    assert ends(at(2027, 4, 30, 17)) == at(2027, 5, 5, 17)  # Monday 3 May 2027 is one: Tuesday and Wednesday count
    assert ends(at(2026, 12, 24, 16)) == at(2026, 12, 30, 16)  # Christmas, and its substitute day on the Monday
    # Easter and the clocks going forward at once: Friday and Monday are bank holidays, and Sunday loses an hour.
    assert ends(at(2027, 3, 25, 12)) == at(2027, 3, 31, 12) == datetime(2027, 3, 31, 11, tzinfo=UTC)


def test_the_clocks_change() -> None:
    assert ends(at(2026, 3, 27, 15)) == at(2026, 3, 31, 15) == datetime(2026, 3, 31, 14, tzinfo=UTC)
    assert ends(at(2026, 10, 23, 16)) == at(2026, 10, 27, 16) == datetime(2026, 10, 27, 16, tzinfo=UTC)


def test_the_session_is_tomorrow() -> None:
    now = at(2026, 11, 23, 10)
    assert ends(now, at(2026, 11, 24, 11)) == at(2026, 11, 24, 11)
    assert ends(now, at(2026, 11, 24, 7, 30)) == at(2026, 11, 24, 7, 30)  # before anybody starts work: still until the cut-off


def test_only_ones_own_working_days() -> None:
    monday = at(2026, 11, 23, 12)
    assert ends(monday, mask="0101000") == at(2026, 11, 26, 17)  # Tuesdays and Thursdays
    assert ends(monday, mask="0000011") == at(2026, 11, 29, 17)  # weekends
    assert ends(monday, away={date(2026, 11, 24)}) == at(2026, 11, 26, 12)
    assert ends(monday, away={date(2026, 11, 23), date(2026, 11, 24)}) == at(2026, 11, 26, 17)


def test_at_most_seven_days() -> None:
    thursday = at(2026, 11, 26, 10)
    assert ends(thursday, mask="0010000") == at(2026, 12, 3, 10)  # one day a week is not two working days within a week
    assert ends(thursday, away={date(2026, 11, 26) + timedelta(days=n) for n in range(30)}) == at(2026, 12, 3, 10)
    assert ends(at(2026, 10, 22, 10), mask="0000000") == at(2026, 10, 29, 10)  # by the clock on the wall, across October's change


def test_too_little_time() -> None:
    now = at(2026, 11, 23, 16, 30)
    assert ends(now, at(2026, 11, 24, 9, 29)) is None
    assert ends(now, at(2026, 11, 24, 9, 30)) == at(2026, 11, 24, 9, 30)  # an hour of working time exactly
    assert ends(now, now) is None and ends(now, now - timedelta(days=1)) is None
    # Everybody's week decides whether there is time: a short week keeps nobody from being asked.
    assert ends(now, at(2026, 11, 25, 12), mask="0000100") == at(2026, 11, 25, 12)


def test_a_session_years_away_is_no_more_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now, looked = at(2026, 11, 23, 12), []

    def counted(day: date, mask: str = WEEK) -> bool:
        looked.append(day)
        return working_day(day, mask)

    monkeypatch.setattr(clocks, "working_day", counted)
    assert ends(now, now + timedelta(days=3650)) == at(2026, 11, 25, 12)
    assert len(looked) < 10


def test_days_of_other_clocks() -> None:
    thursday, monday = at(2026, 11, 26, 10), at(2026, 11, 30, 10)
    assert clocks.after_working_days(thursday, 2, FIGURES) == at(2026, 11, 30, 17)
    assert clocks.before_working_days(monday, 2) == at(2026, 11, 26, 0)
    assert clocks.after_working_days(at(2027, 3, 25, 10), 1, FIGURES) == at(2027, 3, 30, 17)


# Against a slow oracle ---------------------------------------------------------------------------------------------

CHANGES = (date(2026, 3, 29), date(2026, 10, 25), date(2027, 3, 28), date(2027, 5, 3), date(2026, 12, 25))


def oracle(now: datetime, until: datetime, figures: Policy, mask: str, away: set[date]) -> datetime | None:
    """The same by walking from minute to minute and looking at the clock on the wall."""

    def works(instant: datetime, week: str, absent: set[date]) -> bool:
        wall = instant.astimezone(LONDON)
        day, minute = wall.date(), wall.hour * 60 + wall.minute
        if week[day.weekday()] == "0" or is_bank_holiday(day) or day in absent:
            return False
        return figures.day_starts <= minute < figures.day_ends

    moment, usual = now, 0
    while moment < until and usual < figures.offer_least_minutes:
        usual += works(moment, WEEK, set())
        moment += timedelta(minutes=1)
    if usual < figures.offer_least_minutes:
        return None
    wall = now.astimezone(LONDON).replace(tzinfo=None, fold=0) + timedelta(days=figures.offer_most_days)
    latest = min(until, wall.replace(tzinfo=LONDON).astimezone(UTC))
    moment, had = now, 0
    while moment < latest:
        had += works(moment, mask, away)
        moment += timedelta(minutes=1)
        if had == figures.offer_minutes:
            return moment
    return latest


@settings(max_examples=120, deadline=None)
@given(
    change=st.sampled_from(CHANGES),
    before=st.integers(0, 9 * 1440),
    left=st.integers(-60, 14 * 1440),
    mask=st.one_of(st.just(WEEK), st.text("01", min_size=7, max_size=7)),
    away=st.sets(st.integers(-10, 10), max_size=5),
    starts=st.integers(180, 660),
    length=st.integers(30, 600),
    held=st.sampled_from((1, 60, 480, 960, 2000)),
    least=st.sampled_from((0, 1, 60, 480)),
    most=st.integers(1, 8),
)
def test_agrees_with_a_walk_from_minute_to_minute(
    change: date, before: int, left: int, mask: str, away: set[int], starts: int, length: int, held: int, least: int, most: int
) -> None:
    figures = replace(
        FIGURES, day_starts=starts, day_ends=starts + length, offer_minutes=held, offer_least_minutes=least, offer_most_days=most
    )
    now = datetime.combine(change, time(23), UTC) - timedelta(minutes=before)
    until, days = now + timedelta(minutes=left), {change + timedelta(days=n) for n in away}
    assert clocks.offer_ends(now, until, figures, mask, days) == oracle(now, until, figures, mask, days)


# In the database ---------------------------------------------------------------------------------------------------

Clock = Callable[[datetime], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """`clock(instant)`: the service believes that it is then."""

    def turn(instant: datetime) -> None:
        monkeypatch.setattr("app.core.tx.clock", lambda: instant)

    return turn


def full_session(make: Make, waiting: list[Any], **values: Any) -> tuple[int, list[int]]:
    """One place, held by somebody, and these people waiting; returns the holder's booking and theirs."""
    session = make.session(places=1, **values)
    keys = []
    for person in [make.person("Holder"), *waiting]:
        with make.tx() as tx:
            keys.append(operations.book(tx, session.id, person.id).id)
    return keys[0], keys[1:]


def give_up(make: Make, booking: int) -> None:
    with transaction(make.database, SYSTEM, writes=True) as tx:
        operations.cancel(tx, booking, "Court hearing")


def state(make: Make, booking: int) -> tuple[str, datetime | None]:
    row = make.row(Booking, booking)
    return row.status, row.offer_ends_at


@pytest.mark.parametrize(
    ("freed", "starts", "until"),
    [
        (at(2027, 4, 30, 17), at(2027, 5, 18, 9, 30), at(2027, 5, 5, 17)),  # the Friday before a bank holiday
        (at(2027, 3, 25, 12), at(2027, 4, 20, 9, 30), at(2027, 3, 31, 12)),  # Easter, and the clocks go forward
        (at(2026, 10, 23, 16), at(2026, 11, 10, 9, 30), at(2026, 10, 27, 16)),  # the clocks go back
        (at(2026, 11, 23, 10), at(2026, 11, 24, 13), at(2026, 11, 24, 11)),  # tomorrow
    ],
)
def test_each_offer_expires_at_the_stated_hour(
    make: Make, clock: Clock, ledger: Any, freed: datetime, starts: datetime, until: datetime
) -> None:
    clock(freed - timedelta(days=3))
    held, (first, second) = full_session(make, [make.person("Ann"), make.person("Bob")], starts=starts)
    clock(freed)
    give_up(make, held)
    assert state(make, first) == ("offered", until)
    said = make.rows(select(Outbox.facts).where(Outbox.kind == "email.booking_offered"))
    assert [row.facts for row in said] == [{"offer_ends_at": until.isoformat()}]
    clock(until - timedelta(seconds=1))
    assert offers.lapse_due(make.database) == 0
    clock(until)
    assert offers.lapse_due(make.database) == 1
    assert state(make, first) == ("expired", None) and make.row(Booking, first).place is None
    assert ledger.outbox().count("email.offer_lapsed") == 1
    # It passes on at once, or, where too little time is left, stays for the coordinator to give.
    assert state(make, second)[0] == ("offered" if starts - until > timedelta(days=2) else "waiting")


def test_part_time_and_away(make: Make, clock: Clock) -> None:
    clock(at(2026, 11, 2, 9))
    part_time, away = make.person("Ann", working_days="0101000"), make.person("Bob")
    with make.tx() as tx:
        for person, first_day, days, taken_back in ((away, 15, 10, None), (away, 26, 1, None), (part_time, 24, 2, tx.now)):
            day = date(2026, 11, first_day)
            tx.insert(
                Absence,
                person_id=person.id,
                valid_from=day,
                valid_to=day + timedelta(days=days),
                recorded_at=tx.now,
                superseded_at=taken_back,
            )
    held, (first, second) = full_session(make, [part_time, away], starts=at(2027, 1, 12, 9, 30))
    clock(at(2026, 11, 23, 12))
    give_up(make, held)
    assert state(make, first) == ("offered", at(2026, 11, 26, 17))  # Tuesday and Thursday; an absence taken back does not count
    with make.tx() as tx:
        operations.decline(tx, first)
    assert state(make, first)[0] == "declined"
    assert state(make, second) == ("offered", at(2026, 11, 27, 17))  # away on Monday, Tuesday and Thursday


def test_too_late_to_offer_the_coordinators_are_told_once(make: Make, clock: Clock, ledger: Any) -> None:
    clock(at(2026, 11, 2, 9))
    coordinators = [make.person(name, roles=("coordinator",)) for name in ("Cai", "Cat")]
    held, waiting = full_session(make, [make.person("Ann"), make.person("Bob")], starts=at(2026, 11, 24, 11, 29))
    clock(at(2026, 11, 23, 16, 30))
    give_up(make, held)
    assert [state(make, key)[0] for key in waiting] == ["waiting", "waiting"]
    told = make.rows(select(Outbox.person_id).where(Outbox.kind == "email.place_unoffered").order_by(Outbox.person_id))
    assert [row.person_id for row in told] == [person.id for person in coordinators]
    with make.tx() as tx:
        given = operations.give_next(tx, make.row(Booking, waiting[0]).session_id)
    assert given == waiting[0]
    give_up(make, given)
    assert state(make, waiting[1])[0] == "waiting" and ledger.outbox().count("email.place_unoffered") == 2
