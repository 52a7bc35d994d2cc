"""What the funding rules of an apprenticeship ask for: functions of their arguments and nothing else (docs/apprenticeships.md).

The figures stand in the rules and the standards (app.frameworks), never here: hours published for a standard, hours a week, shares of
working time, the least length, how often the three meet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from math import ceil
from typing import Any

from app.core.calendar import add_months
from app.core.db import FOREVER
from app.programmes.due import DAY, Span

Definition = Mapping[str, Any]  # of a row of apprenticeship_rules
HOUR = 60  # minutes
MOST_REVIEWS = 60  # of one apprenticeship: fifteen years of them
EARLY_DAYS = 42  # so long after the start, a pace says nothing yet
NEAR = Fraction(95, 100)  # of the plan: a forecast that reaches it is on track


class NotPlannable(Exception):
    """The rule gives no plan for these hours; the text says why, in a sentence for a page."""


def training_weeks(rule: Definition, starts_on: date, ends_on: date) -> Fraction:
    """The weeks between two days without the statutory leave of that time."""
    weeks = Fraction((ends_on - starts_on).days, 7)
    leave = Fraction(int(rule.get("statutory_leave_days") or 0), 5)  # weeks a year
    return weeks * (1 - leave / 52)


def planned_minutes(rule: Definition, hours: int | None, starts_on: date, ends_on: date, weekly: int, prior: int = 0) -> int:
    """The off-the-job training of an apprenticeship in minutes, what was learnt before taken off. NotPlannable says why there is none.

    `hours`: published for the standard, None while they are not entered; `weekly`: contracted minutes a week; `prior`: minutes to take off.
    """
    floor = int(rule.get("otj_floor_hours") or 0) * HOUR
    whole = _whole(rule, hours, starts_on, ends_on, weekly)
    if prior and whole - prior < max(floor, 1):
        least = f"at least {floor // HOUR} hours" if floor else "some hours"
        raise NotPlannable(f"Of {whole // HOUR:,} hours, {least} must be left. Less than that to learn is no apprenticeship.")
    return whole - prior


def _whole(rule: Definition, hours: int | None, starts_on: date, ends_on: date, weekly: int) -> int:
    if rule["otj_basis"] == "published_hours":
        if hours is None:
            raise NotPlannable("The off-the-job hours published for this standard have not been entered, so nobody can start on it yet.")
        return hours * HOUR
    share = Fraction(weekly * int(rule.get("otj_percent") or 0), 100)
    a_week = share
    if rule["otj_basis"] == "hours_per_week":  # of somebody in full-time work; a part-time worker's share may be less, never more
        full = Fraction(int(rule["otj_hours_per_week"]) * HOUR)
        a_week = min(full, share) if share else full
    return ceil(training_weeks(rule, starts_on, ends_on) * a_week)


def earliest_end(rule: Definition, starts_on: date) -> date:
    """The first day on which the training may end."""
    return add_months(starts_on, int(rule["minimum_months"]))


# Progress reviews ----------------------------------------------------------------------------------------------------


def next_review(rule: Definition, last: date) -> date:
    """By when the three meet again after a review, or after the start: of a review on 1 August, by 30 November where it is 3 months."""
    every = rule["progress_review"]
    if every.get("every_weeks"):
        return last + timedelta(weeks=int(every["every_weeks"]))
    month = add_months(last.replace(day=1), int(every["every_months"]) + 1)
    return month - DAY


def review_days(rule: Definition, last: date, ends_on: date, pauses: Sequence[Span] = ()) -> list[date]:
    """The days by which reviews are due, from the last one (or the start) to the planned end. Breaks in learning do not count.

    A break without a known end leaves out everything after its first day: the reviews are planned when it is over.
    """
    found: list[date] = []
    day = last
    while len(found) < MOST_REVIEWS:
        due = _after_pauses(rule, day, pauses)
        if due is None or due > ends_on:
            break
        found.append(due)
        day = due
    return found


def _after_pauses(rule: Definition, last: date, pauses: Sequence[Span]) -> date | None:
    due, counted = next_review(rule, last), 0
    for _ in range(len(pauses) + 1):
        days = 0
        for begins, back in pauses:
            if begins <= due and back > last:
                if back >= FOREVER:
                    return None
                days += (back - max(begins, last)).days
        if days == counted:
            return due
        counted = days
        due = next_review(rule, last + timedelta(days=days))
    return due


# Forecast ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Forecast:
    """Off-the-job training against the plan, in minutes. `at_end`: what there will be at the planned end at today's pace, or None."""

    planned: int
    logged: int  # everything that counts or still waits to be verified
    verified: int
    expected: int  # what an even pace would have brought by today
    a_week: int  # the pace so far
    at_end: int | None

    @property
    def short(self) -> int:
        """How many minutes the forecast is under the plan; 0 while it reaches it or nothing can be said."""
        return max(self.planned - self.at_end, 0) if self.at_end is not None else 0

    @property
    def state(self) -> str:
        """done · too early · on track · behind: one word for lists."""
        if self.verified >= self.planned:
            return "done"
        if self.at_end is None:
            return "too early"
        return "on track" if self.at_end >= self.planned * NEAR else "behind"

    @property
    def words(self) -> str:
        """One sentence, with what to do where hours will be missing."""
        if self.state == "done":
            return f"The {hours(self.planned)} planned are reached."
        if self.at_end is None:
            return f"{hours(self.logged)} of {hours(self.planned)} so far; too early for a forecast."
        end = f"At this pace there will be {hours(self.at_end)} of the {hours(self.planned)} planned when it ends"
        if self.state == "on track":
            return f"{end}."
        return f"{end}: {hours(self.short)} short. Agree with employer and provider how this is caught up."


def forecast(
    planned: int, logged: int, verified: int, starts_on: date, ends_on: date, today: date, pauses: Sequence[Span] = ()
) -> Forecast:
    """How far the hours are, and where they lead at the pace so far; days of a break count neither behind nor ahead."""
    whole = max(running_days(starts_on, ends_on, pauses), 1)
    gone = min(running_days(starts_on, min(max(today, starts_on), ends_on), pauses), whole)
    expected = planned * gone // whole
    at_end = logged * whole // gone // HOUR * HOUR if gone >= min(EARLY_DAYS, whole) else None  # in whole hours, so that they add up
    return Forecast(planned, logged, verified, expected, logged * 7 // max(gone, 1), at_end)


def running_days(first: date, until: date, pauses: Sequence[Span]) -> int:
    """The days from the first to before the second that are not in a break."""
    days = (until - first).days
    stood = sum(max((min(back, until) - max(begins, first)).days, 0) for begins, back in pauses)
    return max(days - stood, 0)


def hours(minutes: int) -> str:
    """Minutes as hours for a sentence: "278 hours", "1 hour 30 minutes"; from ten hours on to the hour."""
    whole, rest = divmod(minutes, HOUR)
    if whole >= 10:
        whole, rest = whole + (rest >= 30), 0
    said = f"{whole:,} hour{'' if whole == 1 else 's'}"
    if rest and whole:
        return f"{said} {rest} minutes"
    return f"{rest} minutes" if rest else said
