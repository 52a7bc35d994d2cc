"""When the stages of a programme fall due: functions of their arguments and nothing else. docs/programmes.md explains the rule in words.

The national programme says months for somebody in full-time work, and nothing about part-time work. Our local choice is data
(`part_time` of the version's definition): "pro rata", the clock runs at the speed of the working pattern, or "as full time", it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from app.core.calendar import WEEK, add_months, working_day
from app.core.db import FOREVER

DAY = timedelta(days=1)
Span = tuple[date, date]  # from the first day up to but not including the second
Pattern = tuple[date, Decimal]  # from this day on, this part of full time
Extra = tuple[date, int]  # from this day on, so many more days


@dataclass(frozen=True, slots=True)
class StageDue:
    """A stage as the rule sees it. `kept`: the day by which a completed stage was due, which no later plan moves."""

    id: int
    due_month: int
    kept: date | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """What makes the months of a programme pass: since when, at what speed, and when they stood still.

    `patterns` begins with the one at the start; a pattern of more than full time counts as full time. `slowest` is the least speed, so that
    no plan becomes longer than the programme allows. Days of `stops` (pauses, and extensions, whose days are given away) do not count.
    """

    starts_on: date
    patterns: Sequence[Pattern]
    stops: Sequence[Span] = ()
    slowest: Fraction = Fraction(0)

    def after(self, months: int) -> date:
        """The first running day by which so many full-time months have passed; FOREVER if that is beyond the calendar."""
        left = Fraction((add_months(self.starts_on, months) - self.starts_on).days)
        for starts, ends, speed in self._stretches():
            if speed == 0:
                continue
            needed = -(-left // speed)  # whole days, the last one begun
            if needed < (ends - starts).days:
                return starts + int(needed) * DAY
            left -= (ends - starts).days * speed
        return FOREVER

    def _stretches(self) -> list[tuple[date, date, Fraction]]:
        """The days from the start in stretches of one speed: (first, day after the last, speed)."""
        edges = {self.starts_on, FOREVER}
        edges.update(day for day, _ in self.patterns)
        edges.update(day for stop in self.stops for day in stop)
        days = sorted(day for day in edges if self.starts_on <= day <= FOREVER)
        return [(first, last, self._speed(first)) for first, last in pairwise(days)]

    def _speed(self, day: date) -> Fraction:
        if any(starts <= day < ends for starts, ends in self.stops):
            return Fraction(0)
        found = [fte for since, fte in sorted(self.patterns) if since <= day] or [self.patterns[0][1]]
        return max(min(Fraction(found[-1]), Fraction(1)), self.slowest)


def laid_out(pauses: Iterable[Span], extensions: Iterable[Extra]) -> list[Span]:
    """Pauses and extensions as stops in order that do not overlap: what would overlap comes after, so that no day is lost.

    A pause without a known end is left out: nobody knows yet where it moves the plan. The plan follows when it ends.
    """
    wanted = [(starts, (ends - starts).days) for starts, ends in pauses if ends < FOREVER]
    wanted += list(extensions)
    found: list[Span] = []
    for starts, days in sorted(each for each in wanted if each[1] > 0):
        first = max(starts, found[-1][1]) if found else starts
        found.append((first, first + days * DAY))
    return found


def due_dates(stages: Sequence[StageDue], clock: Clock, working_days: str = WEEK) -> Mapping[int, date]:
    """The day by which each stage is to be done, by its id: never before the start, and on a day that they work.

    Stages that are not completed keep their order; a day that they do not work, or a bank holiday, becomes the next one that they do.
    """
    return {stage.id: stage.kept or on_working_day(clock.after(stage.due_month), clock.stops, working_days) for stage in stages}


def on_working_day(day: date, stops: Sequence[Span], working_days: str = WEEK) -> date:
    """The day itself, or the next on which they work and the programme does not stand still."""
    mask = working_days if "1" in working_days else WEEK
    while day < FOREVER - 366 * DAY:
        stop = next((ends for starts, ends in stops if starts <= day < ends), None)
        if stop is None and working_day(day, mask):
            break
        day = stop or day + DAY
    return day
