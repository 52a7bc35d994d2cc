"""When supervision is due: by calendar, and against an oracle that walks day by day."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pytest

from app.core.calendar import add_months
from app.core.db import FOREVER
from app.supervision.due import Span, Window, due_windows, merged, running_days
from tests.supervision.rules import ASYE, FOUR_WEEKLY, MONTHLY

DAY = timedelta(days=1)


def last_days(windows: list[Window]) -> list[date]:
    return [window.due_on for window in windows]


def test_the_assessed_year_is_weekly_then_fortnightly_then_monthly() -> None:
    anchor = date(2026, 9, 7)
    windows = due_windows(ASYE, anchor, [], date(2027, 9, 7), date(2027, 9, 7))
    labels = [window.label for window in windows]
    assert (labels.count("weekly"), labels.count("fortnightly"), labels.count("monthly")) == (6, 10, 6)
    assert windows[0] == Window(date(2026, 9, 7), date(2026, 9, 14), "weekly")
    assert windows[6].starts == anchor + timedelta(days=42)
    assert windows[16] == Window(date(2027, 3, 7), date(2027, 4, 7), "monthly")
    assert windows[-1].due_on == date(2027, 9, 6)
    assert windows[15].ends == date(2027, 3, 8) - DAY, "the odd days before month six belong to the last fortnight"


def test_months_are_calendar_months_and_do_not_drift() -> None:
    windows = due_windows(MONTHLY, date(2027, 1, 31), [], FOREVER, date(2027, 5, 31))
    assert [window.starts for window in windows] == [
        date(2027, 1, 31),
        date(2027, 2, 28),
        date(2027, 3, 31),
        date(2027, 4, 30),
        date(2027, 5, 31),
    ]


def test_nothing_falls_due_in_a_pause_and_everything_later_moves_by_its_length() -> None:
    anchor, pause = date(2026, 9, 7), (date(2026, 9, 23), date(2026, 10, 14))
    plain = due_windows(ASYE, anchor, [], FOREVER, date(2027, 3, 1))
    paused = due_windows(ASYE, anchor, [pause], FOREVER, date(2027, 3, 1))
    assert paused[:2] == plain[:2]
    assert paused[2] == Window(date(2026, 9, 21), date(2026, 10, 19), "weekly"), "two days before, five after"
    assert last_days(paused)[2:15] == [day + timedelta(days=21) for day in last_days(plain)[2:15]]
    assert not [day for day in last_days(paused) if pause[0] <= day < pause[1]]


def test_a_pause_between_two_windows_lengthens_neither() -> None:
    windows = due_windows(FOUR_WEEKLY, date(2026, 9, 7), [(date(2026, 10, 5), date(2026, 11, 2))], FOREVER, date(2026, 12, 1))
    assert windows[:2] == [
        Window(date(2026, 9, 7), date(2026, 10, 5), "four-weekly"),
        Window(date(2026, 11, 2), date(2026, 11, 30), "four-weekly"),
    ]


def test_while_nobody_knows_when_they_come_back_nothing_is_due() -> None:
    away = [(date(2026, 9, 10), FOREVER)]
    assert due_windows(ASYE, date(2026, 9, 7), away, date(2027, 9, 7), date(2027, 1, 1)) == [Window(date(2026, 9, 7), FOREVER, "weekly")]
    assert due_windows(ASYE, date(2026, 9, 7), [(date(2026, 9, 7), FOREVER)], FOREVER, date(2027, 1, 1)) == []


def test_what_is_left_at_the_end_is_due_if_it_is_half_a_window_or_more() -> None:
    anchor = date(2026, 9, 7)
    long = due_windows(FOUR_WEEKLY, anchor, [], anchor + timedelta(days=28 + 14), FOREVER)
    short = due_windows(FOUR_WEEKLY, anchor, [], anchor + timedelta(days=28 + 13), FOREVER)
    assert [running_days(window.starts, window.ends, []) for window in long] == [28, 14]
    assert [running_days(window.starts, window.ends, []) for window in short] == [41]
    assert due_windows(FOUR_WEEKLY, anchor, [], anchor + timedelta(days=5), FOREVER) == []


def test_a_due_date_does_not_move_as_days_go_by() -> None:
    """The last fortnight is as long on its first day as on its last: what is left after it is known beforehand."""
    anchor, end = date(2026, 9, 7), date(2027, 9, 1)
    whole = due_windows(ASYE, anchor, [], end, end)
    for days in range(360):
        seen = due_windows(ASYE, anchor, [], end, anchor + timedelta(days=days))
        assert seen == whole[: len(seen)]


def test_a_rule_that_begins_later_than_its_day_nought_begins_with_a_whole_window() -> None:
    windows = due_windows(MONTHLY, date(2026, 1, 10), [], FOREVER, date(2026, 6, 1), begin=date(2026, 3, 12))
    assert windows[0].starts == date(2026, 4, 10)


# Against a slow oracle ---------------------------------------------------------------------------------------------


def slow(definition: dict[str, Any], anchor: date, pauses: list[Span], end: date) -> list[tuple[date, date]]:
    """(First, last day) of every window: each day is looked at, and counted unless the clock stands still."""
    running, day = [], anchor
    while day < end:
        if not any(starts <= day < ends for starts, ends in pauses):
            running.append(day)
        day += DAY
    found: list[list[date]] = []
    usual: list[int] = []
    nominal = 0
    for period in definition["periods"]:
        first = add_months(anchor, period["from_month"]) if period.get("from_month") else anchor + timedelta(days=period.get("from_day", 0))
        if period.get("to_month"):
            stop = add_months(anchor, period["to_month"])
        else:
            stop = anchor + timedelta(days=period["to_day"]) if "to_day" in period else FOREVER
        nominal, turn = (first - anchor).days, 0
        while nominal < (stop - anchor).days and nominal < len(running):
            turn += 1
            full = add_months(first, turn * period["every_months"]) if "every_months" in period else None
            full = full or first + timedelta(days=turn * period["every_days"])
            upto = (min(full, stop) - anchor).days
            days = running[nominal : min(upto, len(running))]
            least = period.get("every_days") or 30 * period["every_months"]
            if (full <= stop and upto <= len(running)) or 2 * len(days) >= least:
                found.append(days)
                usual.append(least)
            elif found:
                found[-1] = found[-1] + days
            nominal = upto
    return [(days[0], days[-1]) for days in found]


@pytest.mark.parametrize("seed", range(60))
def test_the_same_windows_as_counting_day_by_day(seed: int) -> None:
    chance = random.Random(seed)
    definition = chance.choice([ASYE, MONTHLY, FOUR_WEEKLY])
    anchor = date(2026, 1, 1) + timedelta(days=chance.randrange(900))
    end = anchor + timedelta(days=chance.randrange(1, 500))
    pauses = []
    for _ in range(chance.randrange(4)):
        starts = anchor + timedelta(days=chance.randrange(-20, 400))
        pauses.append((starts, starts + timedelta(days=chance.randrange(1, 60))))
    windows = due_windows(definition, anchor, pauses, end, end)
    assert [(window.starts, window.due_on) for window in windows] == slow(definition, anchor, pauses, end)
    stops = merged(pauses)
    assert not [window for window in windows for starts, ends in stops if starts <= window.due_on < ends], "due while the clock stood still"
