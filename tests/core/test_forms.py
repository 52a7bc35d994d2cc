"""Reading forms: what people really type."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import pytest

from app.core import forms
from app.core.errors import Invalid


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("9:30am", time(9, 30)),
        ("9.30 AM", time(9, 30)),
        ("9:30 a.m.", time(9, 30)),
        ("09:30", time(9, 30)),
        ("13:30", time(13, 30)),
        ("1330", time(13, 30)),
        ("930", time(9, 30)),
        ("4pm", time(16)),
        ("12pm", time(12)),
        ("12am", time(0)),
        ("12:15am", time(0, 15)),
        ("midday", time(12)),
        ("Noon", time(12)),
        ("9", None),
        ("13pm", None),
        ("0am", None),
        ("25:00", None),
        ("9:60", None),
        ("half past nine", None),
        ("", None),
    ],
)
def test_times(typed: str, meant: time | None) -> None:
    assert forms.time_of_day(typed) == meant


def fields(day: str, month: str, year: str) -> dict[str, Any]:
    return {"on": day, "on-month": month, "on-year": year}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("8", "12", "2026"), date(2026, 12, 8)),
        (("8", "December", "2026"), date(2026, 12, 8)),
        (("08", "dec", "2026"), date(2026, 12, 8)),
        (("", "", ""), None),
    ],
)
def test_dates(typed: tuple[str, str, str], meant: date | None) -> None:
    problems = forms.Problems()
    assert forms.day(fields(*typed), "on", "Date", problems) == meant
    assert problems.errors == []
    if meant:
        assert forms.day(forms.day_fields("on", meant), "on", "Date", problems) == meant


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("8", "", "2026"), "Date must include a month"),
        (("8", "", ""), "Date must include a month and a year"),
        (("31", "2", "2026"), "Date must be a real date"),
        (("8", "Decc", "2026"), "Date must be a real date"),
        (("x", "1", "2026"), "Date must be a real date"),
        (("8", "1", "99999"), "Date must be a real date"),
    ],
)
def test_dates_that_are_not(typed: tuple[str, str, str], words: str) -> None:
    problems = forms.Problems()
    assert forms.day(fields(*typed), "on", "Date", problems) is None
    assert problems.errors[0]["field"] == "on" and problems.errors[0]["message"].startswith(words)


def test_a_date_that_is_needed() -> None:
    problems = forms.Problems()
    forms.day({}, "on", "The date", problems, needed=True)
    with pytest.raises(Invalid, match="Enter the date"):
        problems.raise_any()


def test_numbers_money_and_boxes() -> None:
    problems = forms.Problems()
    form: dict[str, Any] = {"n": "1,200", "cost": "£12.5", "box": ["1", "x", "2"], "lone": "7", "twice": ["a", "b"]}
    assert forms.number(form, "n", "Places", problems) == 1200
    assert forms.number(form, "none", "Places", problems) is None
    assert forms.pence(form, "cost", "Cost", problems) == 1250
    assert forms.pence({}, "cost", "Cost", problems) == 0
    assert forms.ids(form, "box") == [1, 2] and forms.many(form, "lone") == ["7"] and forms.many(form, "none") == []
    assert forms.one_id(form, "lone") == 7 and forms.one_id(form, "box") is None
    assert forms.text(form, "twice") == ""
    assert problems.errors == []
    assert forms.number({"n": "12.5"}, "n", "Places", problems) is None
    assert forms.pence({"cost": "twelve"}, "cost", "Cost", problems) == 0
    assert forms.clock_time({"at": "9"}, "at", "Start", problems) is None
    assert [error["field"] for error in problems.errors] == ["n", "cost", "at"]


def test_several_mistakes_are_shown_together() -> None:
    problems = forms.Problems()
    problems.add("a", "Enter a")
    problems.add("b", "Enter b")
    with pytest.raises(Invalid, match="Check what you entered") as refused:
        problems.raise_any()
    assert [error["field"] for error in refused.value.errors] == ["a", "b"]
