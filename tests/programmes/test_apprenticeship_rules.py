"""Hours, lengths and reviews by each set of funding rules, against cases worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import yaml

from app.core.config import ROOT
from app.core.db import FOREVER
from app.programmes.apprenticeship import (
    NotPlannable,
    earliest_end,
    forecast,
    hours,
    next_review,
    planned_minutes,
    review_days,
    running_days,
)

LOADED = yaml.safe_load((ROOT / "seed" / "reference" / "apprenticeships.yaml").read_text())
RULES: dict[str, Any] = {rule["code"]: rule["definition"] for rule in LOADED["apprenticeship_rules"]}
START = date(2023, 9, 4)
YEAR = START + timedelta(weeks=52)


@pytest.mark.parametrize(
    ("rule", "published", "ends_on", "weekly", "prior", "expected"),
    [
        # published hours, whatever the weeks and the working pattern are
        ("APP-2025", 480, YEAR, 37 * 60, 0, 480 * 60),
        ("APP-2025", 480, YEAR, 18 * 60, 0, 480 * 60),
        ("APP-2025", 480, YEAR, 37 * 60, 100 * 60, 380 * 60),
        ("APP-2025", 480, YEAR, 37 * 60, 293 * 60, 187 * 60),  # down to the floor, not under it
        # 52 weeks less 5.6 weeks of leave are 46.4 weeks, at 6 hours: 278.4 hours
        ("APP-2022", None, YEAR, 37 * 60, 0, 16_704),
        # the figure for the standard does not matter under these rules
        ("APP-2022", 480, YEAR, 37 * 60, 0, 16_704),
        # two years: 92.8 weeks at 6 hours, 556.8 hours; less 56.8 learnt before
        ("APP-2022", None, START + timedelta(weeks=104), 37 * 60, 3_408, 500 * 60),
        # part time at 20 hours a week: a fifth is 4 hours; 46.4 weeks are 185.6 hours
        ("APP-2022", None, YEAR, 20 * 60, 0, 11_136),
        # 30 hours a week: a fifth is the six hours of full-time work
        ("APP-2022", None, YEAR, 30 * 60, 0, 16_704),
        # a fifth of 37 hours is 7.4; 46.4 weeks are 343.36 hours, to the minute above
        ("APP-2017", None, YEAR, 37 * 60, 0, 20_602),
    ],
)
def test_planned_hours(rule: str, published: int | None, ends_on: date, weekly: int, prior: int, expected: int) -> None:
    assert planned_minutes(RULES[rule], published, START, ends_on, weekly, prior) == expected


def test_no_plan_without_the_figure_or_under_the_floor() -> None:
    with pytest.raises(NotPlannable, match="not been entered"):
        planned_minutes(RULES["APP-2025"], None, START, YEAR, 37 * 60)
    with pytest.raises(NotPlannable, match="at least 187 hours must be left"):
        planned_minutes(RULES["APP-2025"], 480, START, YEAR, 37 * 60, 294 * 60)
    with pytest.raises(NotPlannable, match="some hours"):
        planned_minutes(RULES["APP-2022"], None, START, YEAR, 37 * 60, 16_704)


def test_the_shortest_length() -> None:
    assert earliest_end(RULES["APP-2025"], date(2025, 9, 8)) == date(2026, 5, 8)
    assert earliest_end(RULES["APP-2022"], date(2024, 2, 29)) == date(2025, 2, 28)


@pytest.mark.parametrize(
    ("rule", "last", "due"),
    [
        ("APP-2025", date(2025, 8, 1), date(2025, 11, 30)),  # the rule's own example
        ("APP-2025", date(2025, 8, 31), date(2025, 11, 30)),
        ("APP-2025", date(2025, 11, 30), date(2026, 2, 28)),
        ("APP-2025", date(2027, 11, 1), date(2028, 2, 29)),
        ("APP-2022", date(2023, 9, 4), date(2023, 11, 27)),  # twelve weeks
    ],
)
def test_the_next_review(rule: str, last: date, due: date) -> None:
    assert next_review(RULES[rule], last) == due


def test_reviews_to_the_end_and_around_breaks() -> None:
    months, weeks = RULES["APP-2025"], RULES["APP-2022"]
    start, end = date(2025, 9, 8), date(2026, 9, 8)
    assert review_days(months, start, end) == [date(2025, 12, 31), date(2026, 3, 31), date(2026, 6, 30)]
    # a break of 31 days in October moves the first review by a month, and those after it
    away = [(date(2025, 10, 1), date(2025, 11, 1))]
    assert review_days(months, start, end, away)[0] == date(2026, 1, 31)
    assert review_days(weeks, start, end)[0] == date(2025, 12, 1)
    assert review_days(weeks, start, end, away)[:2] == [date(2026, 1, 1), date(2026, 3, 26)]
    # nobody knows when they return: nothing is planned from the break on
    assert review_days(months, start, end, [(date(2026, 2, 1), FOREVER)]) == [date(2025, 12, 31)]
    assert review_days(months, end, end) == []


def test_the_forecast_warns_early() -> None:
    start, end = date(2025, 9, 1), date(2026, 9, 1)
    behind = forecast(480 * 60, 60 * 60, 40 * 60, start, end, date(2026, 1, 1))
    # 122 of 365 days: an even pace has 160 hours by now; 60 hours in that time lead to 179
    assert (behind.expected // 60, behind.at_end // 60 if behind.at_end else 0, behind.state) == (160, 179, "behind")
    assert "301 hours short" in behind.words and "employer and provider" in behind.words
    assert forecast(480 * 60, 170 * 60, 0, start, end, date(2026, 1, 1)).state == "on track"
    assert forecast(480 * 60, 2 * 60, 0, start, end, date(2025, 9, 20)).state == "too early"
    assert forecast(480 * 60, 500 * 60, 480 * 60, start, end, date(2026, 1, 1)).state == "done"
    # a break that covers half of the time so far: the pace is twice what it seems
    away = [(date(2025, 10, 1), date(2025, 12, 1))]
    assert forecast(480 * 60, 95 * 60, 0, start, end, date(2026, 1, 1), away).state == "on track"
    assert running_days(start, end, away) == 365 - 61
    assert forecast(60, 0, 0, end, start, start).at_end in (None, 0)


def test_hours_in_words() -> None:
    assert [hours(minutes) for minutes in (0, 45, 60, 90, 599, 605, 16_704)] == [
        "0 hours", "45 minutes", "1 hour", "1 hour 30 minutes", "9 hours 59 minutes", "10 hours", "278 hours",
    ]  # fmt: skip
