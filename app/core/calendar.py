"""Dates and times as people here say them: London time, plain words, England's working days.

Instants travel through the service in UTC; these functions are the edge where they become London time and back.
The functions that hot pages call for the same few sessions again and again remember their answers.
"""

from __future__ import annotations

import sys
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
WEEK = "1111100"  # Monday to Friday: the working days of someone who has said nothing else
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MIDNIGHT = time(0)


def london(instant: datetime) -> datetime:
    """The same instant in London time. A datetime without a zone is refused: nobody could say when it was meant."""
    if instant.tzinfo is None:
        raise ValueError("This date and time has no time zone.")
    return instant.astimezone(LONDON)


def from_london(day: date, at: time) -> datetime:
    """The UTC instant of a London date and wall-clock time.

    When the clocks go back in October an hour happens twice: the first is meant. When they go forward in March an hour
    does not happen: ValueError, in words fit to show beside the field.
    """
    local = datetime.combine(day, at.replace(tzinfo=None, fold=0), tzinfo=LONDON)
    instant = local.astimezone(UTC)
    if instant.astimezone(LONDON).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise ValueError(
            f"{clock(at)} does not exist on {long_date(day)}: the clocks go forward from 1am to 2am. Choose a time before 1am or from 2am."
        )
    return instant


def london_day(day: date) -> tuple[datetime, datetime]:
    """The first instant of a London day and of the next one, in UTC: 23, 24 or 25 hours apart."""
    return from_london(day, _MIDNIGHT), from_london(day + timedelta(days=1), _MIDNIGHT)


@lru_cache(maxsize=4096)
def long_date(day: date) -> str:
    """A date in words: "Tuesday 8 December 2026". Of an instant, its London date."""
    if isinstance(day, datetime):
        day = london(day).date()
    return f"{DAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]} {day.year}"


@lru_cache(maxsize=4096)
def clock(at: datetime | time) -> str:
    """A time in words: "9:30am", "4pm", "midday", "midnight". Of an instant, its London time; a bare time is taken to be London's."""
    if isinstance(at, datetime):
        at = london(at).time()
    if at.minute == 0 and at.hour in (0, 12):
        return "midday" if at.hour else "midnight"
    minutes = f":{at.minute:02}" if at.minute else ""
    return f"{at.hour % 12 or 12}{minutes}{'am' if at.hour < 12 else 'pm'}"


def time_range(starts: datetime | time, ends: datetime | time) -> str:
    """Two times in words: "9:30am to 4pm", on one London day."""
    return f"{clock(starts)} to {clock(ends)}"


@lru_cache(maxsize=8192)
def when(starts: datetime, ends: datetime) -> str:
    """A part of a session in words: "Tuesday 8 December 2026, 9:30am to 4pm"; over several days, each end with its own date.

    Refuses an end before its start.
    """
    if ends < starts:
        raise ValueError("This ends before it starts.")
    first, last = london(starts), london(ends)
    # Ending at midnight still belongs to the evening before.
    until_midnight = last.time() == _MIDNIGHT and last.date() == first.date() + timedelta(days=1)
    if first.date() == last.date() or until_midnight:
        return f"{long_date(first.date())}, {time_range(first, last)}"
    return f"{long_date(first.date())}, {clock(first)} to {long_date(last.date())}, {clock(last)}"


@lru_cache(maxsize=4096)
def deadline(at: datetime) -> str:
    """Until when, in words: "4pm on Friday 5 March 2027"; for the midnight that ends a day "the end of Friday 5 March 2027"."""
    if london(at).time() == _MIDNIGHT:
        return f"the end of {last_day(at)}"
    return f"{clock(at)} on {long_date(at)}"


@lru_cache(maxsize=4096)
def last_day(at: datetime) -> str:
    """The last day before an instant, in words: "Friday 5 March 2027" for the midnight that ends it; else its day and time."""
    local = london(at)
    if local.time() == _MIDNIGHT:
        return long_date(local.date() - timedelta(days=1))
    return f"{long_date(at)}, until {clock(at)}"


def add_months(day: date, months: int) -> date:
    """The same day of another month, or that month's last day: a month after 31 January is 28 or 29 February."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def month_name(month: int) -> str:
    """A month's name: "December" for 12. January is 1; anything but 1 to 12 is a ValueError."""
    if not 1 <= month <= 12:
        raise ValueError(f"There is no month {month}.")
    return MONTHS[month - 1]


def month_and_year(day: date) -> str:
    """A month in words: "December 2026". Of an instant, its London month."""
    if isinstance(day, datetime):
        day = london(day).date()
    return f"{MONTHS[day.month - 1]} {day.year}"


def _holidays() -> Any:
    """The package, with the United Kingdom and no other country: loading all of the world, as it does when one is asked for, takes 18 MB
    in every process. Loaded here and not above because most commands need none."""
    whole = "holidays.countries"
    if whole not in sys.modules and (found := find_spec(whole)) is not None:
        bare = ModuleType(whole)
        bare.__path__ = list(found.submodule_search_locations or ())
        sys.modules.setdefault(whole, bare)
    return import_module("holidays")


@cache
def bank_holidays(year: int) -> frozenset[date]:
    """England's bank holidays in a calendar year, substitute days in place of the weekend days they stand for."""
    found = _holidays().country_holidays("GB", subdiv="ENG", years=year)
    # When Christmas falls on a Saturday the package lists both it and the Monday after; the bank holiday is the Monday only,
    # and someone who works weekends may work that Saturday.
    return frozenset(day for day in found if day.weekday() < 5)


def is_bank_holiday(day: date) -> bool:
    """Whether England has a bank holiday that day."""
    return day in bank_holidays(day.year)


def working_day(day: date, mask: str = WEEK) -> bool:
    """Whether someone works that day. `mask` is seven characters, Monday first, "1" for a day worked: "1111100"."""
    if len(mask) != 7 or mask.strip("01"):
        raise ValueError(f"Working days are seven characters of 0 and 1, Monday first, not {mask!r}.")
    return mask[day.weekday()] == "1" and not is_bank_holiday(day)
