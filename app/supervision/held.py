"""What was promised against what was had: supervision, protected time and workload, as plain numbers that pages and evidence draw.

Functions of rows that `queries` reads for many people at once; nothing here asks the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from app.core.calendar import bank_holidays
from app.core.db import FOREVER
from app.supervision.due import DAY, Span, Window, due_windows, running_days

COUNTS = ("professional", "reflective", "case")  # where a rule does not say what counts
FULL_WEEK_HOURS = 37  # a full-time week in local government; what was agreed may say otherwise
_AHEAD = timedelta(days=100)  # so far on the next window of any monthly rule has begun


@dataclass(frozen=True, slots=True)
class Term:
    """The rule that somebody's supervision follows in `[valid_from, valid_to)`, with its day 0 and what was agreed beside it."""

    person_id: int
    subject: str | None
    rule_id: int
    code: str
    title: str
    definition: Mapping[str, Any]
    anchor: date
    valid_from: date
    valid_to: date
    agreed: Mapping[str, Any]

    @property
    def last_day(self) -> date:
        """The last day on which the rule applies."""
        return self.valid_to - DAY

    @property
    def minimum_minutes(self) -> int | None:
        """How long one should last at least: as agreed, else as the rule says, which also says whether a shorter one counts."""
        found = self.agreed.get("minimum_minutes", self.definition.get("minimum_minutes"))
        return None if found is None else int(found)


@dataclass(frozen=True, slots=True)
class Meeting:
    """One supervision that was held, as far as counting goes."""

    person_id: int
    held_on: date
    kind: str
    minutes: int
    registered: bool  # was one of those who supervised registered on that day?
    confirmed: bool  # recorded, or confirmed, by somebody else than who was supervised


@dataclass(frozen=True, slots=True)
class Turn:
    """A window that has begun, and the supervisions in it that count."""

    window: Window
    held_on: tuple[date, ...]

    @property
    def due_on(self) -> date | None:
        """The last day on which it is in time; None while the clock stands still and nobody knows for how long."""
        return None if self.window.ends >= FOREVER else self.window.due_on


@dataclass(frozen=True, slots=True)
class Held:
    """Supervision by the rule, from the first day of the term up to and including `as_at`.

    Supervision counts where its kind is one of the rule's; reflective supervision only from somebody registered, if the rule says so; a
    short one not, if the rule says so (`minutes_effect: counts`).
    A missed window stays missed: two supervisions in the next do not make up for it.
    """

    term: Term
    as_at: date
    turns: tuple[Turn, ...]  # every window that has begun, the present one included
    due: int  # windows whose last day is over
    met: int  # of these, with at least one supervision that counts
    held: int  # supervisions that count
    beside: int  # supervisions of other kinds, such as in a group
    reflective: int  # of those held, reflective ones
    unregistered: int  # reflective ones that do not count, because nobody registered gave them
    registered: int  # of those held, by somebody registered
    unconfirmed: int  # of those held, known only from who was supervised
    minutes: int  # of those held, together
    short: int  # shorter than the minimum: of those held, unless the rule says that a short one does not count
    longest_gap: int  # days from one to the next (or the beginning, or as_at) on which the clock ran
    gap: Span | None  # the longest one's first and last day
    last_held: date | None
    next_due: date | None  # the last day for the next one; before as_at if that one is overdue
    overdue_since: date | None  # the last day for the first one that is missing now
    paused: bool  # the clock stands still on as_at

    @property
    def missed(self) -> tuple[Window, ...]:
        """Windows that are over without supervision, oldest first."""
        return tuple(turn.window for turn in self.turns if turn.window.ends <= self.as_at and not turn.held_on)

    @property
    def average(self) -> int:
        """Minutes, rounded; 0 if none was held."""
        return round(self.minutes / self.held) if self.held else 0

    @property
    def days_overdue(self) -> int:
        """Days since the last day for the one that is missing; 0 if none is."""
        return (self.as_at - self.overdue_since).days if self.overdue_since else 0


def windows_of(term: Term, stops: Sequence[Span], as_at: date) -> list[Window]:
    """The windows of a term that have begun by a day, and those that follow. Who shares rule, days and `stops` shares them."""
    last = min(as_at, term.valid_to - DAY)
    return due_windows(term.definition, term.anchor, stops, term.valid_to, last + _AHEAD, term.valid_from)


def compare(term: Term, stops: Sequence[Span], meetings: Sequence[Meeting], as_at: date, windows: Sequence[Window] | None = None) -> Held:
    """What was held against what was due. `stops`: when the clock stood still, in order and apart (`due.merged`); `windows`: of
    `windows_of`, where they are known already."""
    last = min(as_at, term.valid_to - DAY)
    inside = sorted((one for one in meetings if term.valid_from <= one.held_on <= last), key=lambda one: one.held_on)
    kinds = term.definition.get("counts", COUNTS)
    strict = bool(term.definition.get("reflective_supervisor_registered"))
    given = [one for one in inside if one.kind in kinds and not (strict and one.kind == "reflective" and not one.registered)]
    minimum = term.minimum_minutes
    whole = minimum if term.definition.get("minutes_effect") == "counts" else None
    counted = [one for one in given if whole is None or one.minutes >= whole]
    days = sorted({one.held_on for one in counted})
    windows = windows_of(term, stops, as_at) if windows is None else windows
    turns = tuple(_turns([window for window in windows if window.starts <= last], days))
    over = [turn for turn in turns if turn.window.ends <= as_at]
    paused = any(starts <= as_at < ends for starts, ends in stops)
    since = None if paused or as_at >= term.valid_to else _overdue(turns, as_at)
    gap = _longest_gap(term.valid_from, days, last, stops)
    return Held(
        term=term,
        as_at=as_at,
        turns=turns,
        due=len(over),
        met=sum(1 for turn in over if turn.held_on),
        held=len(counted),
        beside=sum(1 for one in inside if one.kind not in kinds),
        reflective=sum(1 for one in counted if one.kind == "reflective"),
        unregistered=sum(1 for one in inside if one.kind in kinds) - len(given),
        registered=sum(1 for one in counted if one.registered),
        unconfirmed=sum(1 for one in counted if not one.confirmed),
        minutes=sum(one.minutes for one in counted),
        short=sum(1 for one in given if minimum is not None and one.minutes < minimum),
        longest_gap=running_days(gap[0], gap[1], stops) if gap else 0,
        gap=gap,
        last_held=days[-1] if days else None,
        next_due=since or _next(windows, turns, as_at),
        overdue_since=since,
        paused=paused,
    )


def _turns(windows: Sequence[Window], days: Sequence[date]) -> list[Turn]:
    found, n = [], 0
    for window in windows:
        while n < len(days) and days[n] < window.starts:
            n += 1
        first = n
        while n < len(days) and days[n] < window.ends:
            n += 1
        found.append(Turn(window, tuple(days[first:n])))
    return found


def _overdue(turns: Sequence[Turn], as_at: date) -> date | None:
    """The last day of the first of the windows that have nothing in them up to the present one."""
    since = None
    for turn in reversed(turns):
        if turn.held_on:
            break
        since = turn.window.due_on
    return since if since is not None and since < as_at else None


def _next(windows: Sequence[Window], turns: Sequence[Turn], as_at: date) -> date | None:
    """The last day of the first window that is not over and has nothing in it."""
    done = {turn.window for turn in turns if turn.held_on}
    coming = next((window for window in windows if as_at < window.ends < FOREVER and window not in done), None)
    return coming.due_on if coming else None


def _longest_gap(begins: date, days: Sequence[date], last: date, stops: Sequence[Span]) -> Span | None:
    if last < begins:
        return None
    ends = [begins, *days, last]
    return max(pairwise(ends), key=lambda gap: running_days(gap[0], gap[1], stops))


# Protected time and workload ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Post:
    """What somebody's contract says in `[valid_from, valid_to)`: full-time equivalent and the days of the week they work, Monday first."""

    valid_from: date
    valid_to: date
    fte: float
    working_days: str


@dataclass(frozen=True, slots=True)
class Protected:
    """Time kept free for learning, in minutes; `percent` of the hours they were there to work. None promised: nothing was agreed."""

    percent: int | None
    promised: int | None
    logged: int


@dataclass(frozen=True, slots=True)
class Count:
    """A caseload as counted on a day."""

    on_date: date
    children: int
    percent: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Workload:
    """A promised share of what a confident colleague carries, against the counts. None promised: nothing was agreed."""

    promised: int | None  # percent
    counts: tuple[Count, ...]  # oldest first

    @property
    def latest(self) -> Count | None:
        """The newest count."""
        return self.counts[-1] if self.counts else None

    @property
    def average(self) -> int | None:
        """Percent over all counts that have one, rounded: the promise is an average over the year."""
        given = [count.percent for count in self.counts if count.percent is not None]
        return round(sum(given) / len(given)) if given else None


@dataclass(frozen=True, slots=True)
class PromisedActual:
    """What somebody was promised for one term, against what they had, up to and including a day."""

    held: Held
    protected: Protected
    workload: Workload


def promised_minutes(term: Term, posts: Sequence[Post], stops: Sequence[Span], as_at: date) -> int | None:
    """`protected_time_percent` of the minutes on the days they were there to work, so far; None if it was not agreed.

    A day's minutes are the week's by contract over the days worked in a week. Bank holidays, absences and pauses are no working days.
    """
    percent = term.agreed.get("protected_time_percent")
    if percent is None:
        return None
    week = float(term.agreed.get("week_hours", FULL_WEEK_HOURS)) * 60
    total = 0.0
    for post in posts:
        starts, ends = max(post.valid_from, term.valid_from), min(post.valid_to, term.valid_to, as_at + DAY)
        days = working_days(starts, ends, post.working_days, stops)
        if days:
            total += days * post.fte * week / post.working_days.count("1")
    return round(total * float(percent) / 100)


def working_days(starts: date, ends: date, mask: str, stops: Sequence[Span] = ()) -> int:
    """Days in `[starts, ends)` that somebody works, outside `stops`; `mask` as in posts."""
    if ends <= starts or "1" not in mask:
        return 0
    inside = [(max(starts, first), min(ends, last)) for first, last in stops if first < ends and last > starts]
    return _worked(starts, ends, mask) - sum(_worked(*span, mask) for span in inside)


def _worked(starts: date, ends: date, mask: str) -> int:
    weeks, rest = divmod((ends - starts).days, 7)
    days = weeks * mask.count("1") + sum(mask[(starts.weekday() + n) % 7] == "1" for n in range(rest))
    holidays = (day for year in range(starts.year, ends.year + 1) for day in bank_holidays(year))
    return days - sum(1 for day in holidays if starts <= day < ends and mask[day.weekday()] == "1")
