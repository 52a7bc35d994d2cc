"""Clocks that count working time: England's working days, between the hours of the policy, in London time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from app.bookings.terms import Policy
from app.core.calendar import WEEK, from_london, london, working_day


def offer_ends(now: datetime, until: datetime, figures: Policy, mask: str = WEEK, away: Collection[date] = ()) -> datetime | None:
    """When an offer made now runs out, or None: too little working time is left before `until`, so that none may go out.

    It runs out when the person has had `offer_minutes` of working time, counted on their own working days (`mask`, Monday first) without
    the days in `away`; at the latest after `offer_most_days` calendar days, and never after `until`, the session's cut-off. Whether
    there is time enough is judged by everybody's week, so that nobody's short week keeps a place from being offered.
    """
    if not _enough(now, until, figures):
        return None
    local = london(now)
    latest = min(until, _on(local.date() + timedelta(days=figures.offer_most_days), local.time()))
    left = timedelta(minutes=figures.offer_minutes)
    for starts, ends in _windows(now, latest, figures, mask, away):
        if ends - starts >= left:
            return starts + left
        left -= ends - starts
    return latest


def _enough(since: datetime, until: datetime, figures: Policy) -> bool:
    """Is there working time enough to offer, in a week of Monday to Friday? Looks no further than it must: a session may be years away."""
    least = timedelta(minutes=figures.offer_least_minutes)
    had = timedelta()
    for starts, ends in _windows(since, until, figures, WEEK, ()):
        if had >= least:
            break
        had += ends - starts
    return had >= least


def after_working_days(since: datetime, days: int, figures: Policy) -> datetime:
    """The end of the working day `days` working days after the London day of `since`: two after a Thursday is the Monday at 5pm."""
    day = london(since).date()
    while days:
        day += timedelta(days=1)
        days -= working_day(day)
    return _at(day, figures.day_ends)


def before_working_days(instant: datetime, days: int) -> datetime:
    """The start of the London day `days` working days before the day of an instant: two before a Monday is the Thursday."""
    day = london(instant).date()
    while days:
        day -= timedelta(days=1)
        days -= working_day(day)
    return from_london(day, time(0))


def _windows(since: datetime, until: datetime, figures: Policy, mask: str, away: Collection[date]) -> Iterator[tuple[datetime, datetime]]:
    """Working hours between two instants, a day at a time, in UTC."""
    day = london(since).date()
    while (starts := _at(day, figures.day_starts)) < until:
        if working_day(day, mask) and day not in away:
            starts, ends = max(starts, since), min(_at(day, figures.day_ends), until)
            if starts < ends:
                yield starts, ends
        day += timedelta(days=1)


@lru_cache(maxsize=4096)
def _at(day: date, minutes: int) -> datetime:
    """A London day and minutes after its midnight, 1440 being the next one, in UTC."""
    return _on(day + timedelta(days=minutes // 1440), time(minutes // 60 % 24, minutes % 60))


def _on(day: date, at: time) -> datetime:
    """A wall-clock time in UTC; one that the clocks skip in March is taken an hour later."""
    try:
        return from_london(day, at)
    except ValueError:
        return (datetime.combine(day, at, tzinfo=UTC)).astimezone(UTC)
