"""When stages fall due: examples in words, and thousands of drawn cases against an oracle that walks day by day."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from app.core.calendar import add_months, working_day
from app.core.db import FOREVER
from app.programmes.due import Clock, StageDue, due_dates, laid_out, on_working_day
from tests.conftest import THOROUGH

START = date(2026, 9, 7)
FULL, HALF = Decimal(1), Decimal("0.5")
EVERY_DAY = "1111111"
ONE_DAY = timedelta(days=1)


def stages(*months: int) -> list[StageDue]:
    return [StageDue(n, month) for n, month in enumerate(months, 1)]


def dates(clock: Clock, *months: int, mask: str = "1111100") -> list[date]:
    return list(due_dates(stages(*months), clock, mask).values())


def test_months_count_from_the_start_and_end_on_a_day_they_work() -> None:
    """Three months after 7 September is Monday 7 December; seven is 7 April; Christmas Day and New Year are bank holidays."""
    assert dates(Clock(START, [(START, FULL)]), 1, 3, 12) == [date(2026, 10, 7), date(2026, 12, 7), date(2027, 9, 7)]
    assert dates(Clock(date(2026, 9, 25), [(START, FULL)]), 3) == [date(2026, 12, 29)]  # 25 to 28 December: holidays and a weekend
    assert dates(Clock(date(2026, 8, 31), [(START, FULL)]), 6) == [date(2027, 3, 1)]  # 28 February is a Sunday
    assert dates(Clock(START, [(START, FULL)]), 1, mask="0000100") == [date(2026, 10, 9)]  # works on Fridays only


def test_part_time_takes_longer_and_more_than_full_time_no_shorter() -> None:
    assert dates(Clock(START, [(START, HALF)]), 12, mask=EVERY_DAY) == [START + 2 * timedelta(days=365)]
    assert dates(Clock(START, [(START, Decimal("1.2"))]), 12) == dates(Clock(START, [(START, FULL)]), 12)
    assert dates(Clock(START, [(START, Decimal("0.1"))], slowest=Fraction(1, 2)), 12, mask=EVERY_DAY) == [START + 2 * timedelta(days=365)]


def test_a_new_pattern_counts_from_its_day_and_changes_nothing_before() -> None:
    changed = Clock(START, [(START, FULL), (date(2027, 3, 7), HALF)])
    before = Clock(START, [(START, FULL)])
    assert dates(changed, 1, 3) == dates(before, 1, 3)
    left = (date(2027, 9, 7) - date(2027, 3, 7)).days
    assert changed.after(12) == date(2027, 3, 7) + timedelta(days=2 * left)


def test_a_pause_moves_what_is_due_from_its_first_day_on() -> None:
    pause = (date(2026, 12, 7), date(2027, 1, 6))  # thirty days, from the very day of the three-month review
    clock = Clock(START, [(START, FULL)], laid_out([pause], []))
    assert clock.after(1) == date(2026, 10, 7)
    assert clock.after(3) == date(2027, 1, 6)
    assert clock.after(12) == date(2027, 9, 7) + timedelta(days=30)


def test_a_pause_whose_end_nobody_knows_moves_nothing_yet_and_no_day_of_an_extension_is_lost() -> None:
    assert laid_out([(date(2027, 1, 1), FOREVER)], []) == []
    # An extension agreed inside a pause begins when the pause is over.
    assert laid_out([(date(2027, 1, 1), date(2027, 2, 1))], [(date(2027, 1, 15), 10)]) == [
        (date(2027, 1, 1), date(2027, 2, 1)),
        (date(2027, 2, 1), date(2027, 2, 11)),
    ]


def test_what_is_completed_keeps_its_day() -> None:
    kept = date(2026, 10, 1)
    clock = Clock(START, [(START, HALF)], laid_out([(START, date(2027, 1, 1))], []))
    found = due_dates([StageDue(1, 1, kept), StageDue(2, 3)], clock)
    assert found[1] == kept
    assert found[2] > date(2027, 1, 1)


# The oracle ----------------------------------------------------------------------------------------------------------


def walked(clock: Clock, months: Sequence[int], mask: str) -> list[date]:
    """One day at a time: the tenths of days that counted, and for each of `months` the first day on which they are enough."""
    wanted = [10 * (add_months(clock.starts_on, month) - clock.starts_on).days for month in months]
    speeds = [(since, 10 * max(min(Fraction(fte), Fraction(1)), clock.slowest)) for since, fte in clock.patterns]
    tenths = [(since, speed.numerator) for since, speed in speeds if speed.denominator == 1]
    assert len(tenths) == len(speeds)
    enough: list[date] = []
    passed, day = 0, clock.starts_on
    while len(enough) < len(months):
        if not any(starts <= day < ends for starts, ends in clock.stops):
            while len(enough) < len(months) and passed >= wanted[len(enough)]:
                enough.append(day)
            passed += [speed for since, speed in tenths if since <= day][-1]
        day += ONE_DAY
    return [_worked(clock, day, mask) for day in enough]


def _worked(clock: Clock, day: date, mask: str) -> date:
    while not working_day(day, mask) or any(starts <= day < ends for starts, ends in clock.stops):
        day += ONE_DAY
    return day


def drawn(rng: random.Random) -> tuple[Clock, str, list[int]]:
    start = date(2025, 1, 1) + timedelta(days=rng.randrange(900))

    def later() -> date:
        return start + timedelta(days=rng.randrange(700))

    patterns = [(start, Decimal(rng.choice(["0.2", "0.5", "0.6", "0.8", "1", "1.2"])))]
    changes = sorted({later() for _ in range(rng.randrange(3))} - {start})
    patterns += [(day, Decimal(rng.choice(["0.4", "0.5", "0.9", "1"]))) for day in changes]
    cuts = sorted(later() for _ in range(2 * rng.randrange(3)))
    pauses = [(first, last) for first, last in zip(cuts[::2], cuts[1::2], strict=True) if first < last]
    extensions = [(later(), rng.randrange(1, 120)) for _ in range(rng.randrange(3))]
    mask = rng.choice(["1111100", "1110000", "0000011", "1111111", "0100100"])
    slowest = rng.choice([Fraction(0), Fraction(1, 2)])
    return Clock(start, patterns, laid_out(pauses, extensions), slowest), mask, sorted(rng.sample(range(25), 5))


def test_the_rule_agrees_with_walking_day_by_day() -> None:
    for seed in range(3000 if THOROUGH else 100):
        clock, mask, months = drawn(random.Random(seed))
        found = due_dates(stages(*months), clock, mask)
        assert list(found.values()) == walked(clock, months, mask), seed
        promises(clock, mask, list(found.values()), seed)


def promises(clock: Clock, mask: str, found: list[date], seed: int) -> None:
    """Never before the start, in order, on days that they work and are not paused."""
    assert found == sorted(found), seed
    assert found[0] >= clock.starts_on, seed
    assert all(working_day(day, mask) for day in found), seed
    assert not any(starts <= day < ends for day in found for starts, ends in clock.stops), seed


def test_a_pause_never_brings_anything_forward_and_completed_stages_never_move() -> None:
    for seed in range(2000 if THOROUGH else 200):
        rng = random.Random(seed)
        clock, mask, months = drawn(rng)
        before: dict[int, date] = dict(due_dates(stages(*months), clock, mask))
        first = clock.starts_on + timedelta(days=rng.randrange(600))
        paused = Clock(clock.starts_on, clock.patterns, laid_out([*clock.stops, (first, first + timedelta(days=40))], []), clock.slowest)
        done = set(rng.sample(sorted(before), 2))
        again: Any = [StageDue(n, month, before[n] if n in done else None) for n, month in enumerate(months, 1)]
        after = due_dates(again, paused, mask)
        for n, day in after.items():
            if n in done:
                assert day == before[n], seed
            elif before[n] >= first:
                assert day > before[n] or day == on_working_day(before[n], paused.stops, mask), seed
            else:
                assert day == before[n], seed
