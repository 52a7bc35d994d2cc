from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import calendar as cal

WINTER = datetime(2026, 12, 8, 9, 30, tzinfo=UTC)
SUMMER = datetime(2026, 7, 8, 8, 30, tzinfo=UTC)  # also 9:30am in London


def test_london_time_in_winter_and_summer() -> None:
    assert cal.london(WINTER).time() == time(9, 30)
    assert cal.london(SUMMER).time() == time(9, 30)


def test_an_instant_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 12, 8, 9, 30)  # noqa: DTZ001
    for ask in (cal.london, cal.long_date, cal.clock, cal.month_and_year):
        with pytest.raises(ValueError, match="no time zone"):
            ask(naive)


def test_from_london_in_winter_and_summer() -> None:
    assert cal.from_london(date(2026, 12, 8), time(9, 30)) == WINTER
    assert cal.from_london(date(2026, 7, 8), time(9, 30)) == SUMMER
    assert cal.from_london(date(2026, 7, 8), time(9, 30)).tzinfo is UTC


@pytest.mark.parametrize("at", [time(1, 0), time(1, 30), time(1, 59)])
def test_a_time_in_the_march_gap_does_not_exist(at: time) -> None:
    with pytest.raises(ValueError, match=r"am does not exist on Sunday 29 March 2026: the clocks go forward from 1am to 2am"):
        cal.from_london(date(2026, 3, 29), at)


def test_either_side_of_the_march_gap() -> None:
    before = cal.from_london(date(2026, 3, 29), time(0, 59))
    after = cal.from_london(date(2026, 3, 29), time(2, 0))
    assert after - before == timedelta(minutes=1)


def test_the_october_hour_that_happens_twice_means_the_first() -> None:
    first = cal.from_london(date(2026, 10, 25), time(1, 30))
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # still summer time
    assert cal.from_london(date(2026, 10, 25), time(1, 30, fold=1)) == first
    assert cal.clock(first) == cal.clock(first + timedelta(hours=1)) == "1:30am"


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001
def test_to_london_and_back(moment: datetime) -> None:
    instant = moment.replace(tzinfo=UTC)
    local = cal.london(instant)
    back = cal.from_london(local.date(), local.time())
    assert back == instant or (local.fold == 1 and back == instant - timedelta(hours=1))


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 6, 1), 24), (date(2026, 10, 25), 25)])
def test_the_length_of_a_day(day: date, hours: int) -> None:
    starts, ends = cal.london_day(day)
    assert ends - starts == timedelta(hours=hours)


def test_long_date() -> None:
    assert cal.long_date(date(2026, 12, 8)) == "Tuesday 8 December 2026"
    assert cal.long_date(datetime(2026, 7, 7, 23, 30, tzinfo=UTC)) == "Wednesday 8 July 2026"  # half past midnight in London


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (time(9, 30), "9:30am"),
        (time(9, 0), "9am"),
        (time(0, 0), "midnight"),
        (time(0, 5), "12:05am"),
        (time(12, 0), "midday"),
        (time(12, 30), "12:30pm"),
        (time(16, 0), "4pm"),
        (time(23, 59), "11:59pm"),
        (WINTER, "9:30am"),
        (SUMMER, "9:30am"),
        (SUMMER.astimezone(ZoneInfo("Asia/Tokyo")), "9:30am"),
    ],
)
def test_clock(at: time | datetime, words: str) -> None:
    assert cal.clock(at) == words


def test_when() -> None:
    assert cal.time_range(time(9, 30), time(16, 0)) == "9:30am to 4pm"
    assert cal.when(WINTER, WINTER.replace(hour=16, minute=0)) == "Tuesday 8 December 2026, 9:30am to 4pm"
    assert cal.when(SUMMER, SUMMER.replace(hour=11, minute=0)) == "Wednesday 8 July 2026, 9:30am to midday"


def test_when_over_several_days_and_to_midnight() -> None:
    assert cal.when(WINTER, WINTER + timedelta(days=1)) == "Tuesday 8 December 2026, 9:30am to Wednesday 9 December 2026, 9:30am"
    evening = WINTER.replace(hour=18, minute=0)
    assert cal.when(evening, evening.replace(hour=0) + timedelta(days=1)) == "Tuesday 8 December 2026, 6pm to midnight"


def test_when_across_the_clock_change() -> None:
    starts = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
    assert cal.when(starts, starts + timedelta(hours=5)) == "Saturday 28 March 2026, 10pm to Sunday 29 March 2026, 4am"


def test_an_end_before_its_start_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before it starts"):
        cal.when(WINTER, WINTER - timedelta(minutes=1))


def test_months() -> None:
    assert cal.month_name(1) == "January"
    assert cal.month_name(12) == "December"
    assert cal.month_and_year(date(2026, 12, 8)) == "December 2026"
    assert cal.month_and_year(datetime(2026, 6, 30, 23, 30, tzinfo=UTC)) == "July 2026"
    for wrong in (0, 13):
        with pytest.raises(ValueError, match="no month"):
            cal.month_name(wrong)


@pytest.mark.parametrize(
    ("year", "days"),
    [  # as published by the government
        (2022, {(1, 3), (4, 15), (4, 18), (5, 2), (6, 2), (6, 3), (8, 29), (9, 19), (12, 26), (12, 27)}),
        (2026, {(1, 1), (4, 3), (4, 6), (5, 4), (5, 25), (8, 31), (12, 25), (12, 28)}),
        (2027, {(1, 1), (3, 26), (3, 29), (5, 3), (5, 31), (8, 30), (12, 27), (12, 28)}),
    ],
)
def test_bank_holidays_of_england(year: int, days: set[tuple[int, int]]) -> None:
    assert {(day.month, day.day) for day in cal.bank_holidays(year)} == days


def test_working_days() -> None:
    tuesday, saturday = date(2026, 12, 8), date(2026, 12, 12)
    assert cal.working_day(tuesday)
    assert not cal.working_day(saturday)
    assert cal.working_day(saturday, "0000011")
    assert not cal.working_day(tuesday, "1011100")
    assert not cal.working_day(date(2026, 12, 25))  # a Friday, and Christmas
    assert cal.is_bank_holiday(date(2026, 12, 28))
    assert not cal.is_bank_holiday(date(2026, 12, 26))  # the Saturday whose substitute is Monday
    assert cal.working_day(date(2026, 12, 26), "1111111")


@pytest.mark.parametrize("mask", ["", "11111", "11111001", "111110x"])
def test_a_mask_of_another_shape_is_refused(mask: str) -> None:
    with pytest.raises(ValueError, match="seven characters"):
        cal.working_day(date(2026, 12, 8), mask)
