"""When supervision is due by a rule, and how what was held compares: functions of their arguments and nothing else.

The source of the default figures is `supervision_rules` in the reference data. A rule divides the time from its day 0 into *windows*;
in each of them supervision is due once, at the latest on its last day. While a clock stands still (a paused programme, an absence) no day
is counted: nothing falls due then, and everything later moves by as many days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.core.calendar import add_months
from app.core.db import FOREVER

DAY = timedelta(days=1)
Span = tuple[date, date]  # from the first day up to but not including the second


@dataclass(frozen=True, slots=True)
class Window:
    """Days `[starts, ends)` in which supervision is due once; `label` is the rule's word for how often ("weekly")."""

    starts: date
    ends: date
    label: str

    @property
    def due_on(self) -> date:
        """The last day on which it is in time."""
        return self.ends - DAY


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same days as spans in order that neither overlap nor touch."""
    found: list[Span] = []
    for starts, ends in sorted(span for span in spans if span[0] < span[1]):
        if found and starts <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], ends))
        else:
            found.append((starts, ends))
    return found


def due_windows(
    definition: Mapping[str, Any], anchor: date, pauses: Iterable[Span], end: date, until: date, begin: date | None = None
) -> list[Window]:
    """The windows of a rule from its day 0 (`anchor`) that begin on or before `until`.

    `definition` has `periods`: {from_day | from_month, to_day | to_month (or neither: to the end), every_days | every_months, label};
    months are calendar months from the anchor, and a month after 31 January is the last day of February. `end` is the first day on which
    the rule no longer applies, `begin` (the anchor where it is left out) the first on which it does: the first window is the first to
    begin on or after it.

    What is left at the end of a period, or of the rule, is a window of its own if it is at least half as long as usual; else it belongs to
    the window before it, and where there is none nothing is due in it. A window in which the clock stopped for good, as far as is known,
    has no last day: it ends FOREVER.
    """
    stops = [(max(starts, anchor), ends) for starts, ends in merged(pauses) if ends > anchor]
    found: list[Window] = []
    for window, whole in _running(definition, anchor, stops):
        if window.starts >= end:
            break
        if begin is not None and window.starts < begin:
            continue
        cut = window if window.ends >= FOREVER else _cut(window, end, stops)
        if (whole and cut == window) or 2 * running_days(cut.starts, cut.ends, stops) >= _usual(definition, cut.label):
            if window.starts <= until:
                found.append(cut)
        elif found:
            found[-1] = Window(found[-1].starts, cut.ends, found[-1].label)
        if window.starts > until:
            break
    return found


def _cut(window: Window, end: date, stops: Sequence[Span]) -> Window:
    """What of a window lies before the end of the rule; a last day on which the clock stands still is none."""
    ends = min(window.ends, end)
    for starts, to in stops:
        if starts < ends <= to:
            ends = max(starts, window.starts)
    return Window(window.starts, ends, window.label)


def _running(definition: Mapping[str, Any], anchor: date, stops: Sequence[Span]) -> Iterator[tuple[Window, bool]]:
    """Windows in calendar days without end, and whether each is as long as its period says."""
    for period in definition["periods"]:
        lower, upper = _edge(period, "from", anchor), _edge(period, "to", anchor)
        starts, turn = lower, 0
        while starts < upper:
            turn += 1
            ends = _after(period, lower, turn)
            yield (
                Window(_later(starts, stops, first=True), _later(min(ends, upper), stops, first=False), period.get("label", "")),
                ends <= upper,
            )
            starts = ends


def _edge(period: Mapping[str, Any], side: str, anchor: date) -> date:
    """Where a period begins or ends if the clock never stands still."""
    if period.get(f"{side}_month") is not None:
        return add_months(anchor, int(period[f"{side}_month"]))
    if period.get(f"{side}_day") is not None:
        return anchor + timedelta(days=int(period[f"{side}_day"]))
    return anchor if side == "from" else FOREVER


def _after(period: Mapping[str, Any], lower: date, turns: int) -> date:
    try:
        if period.get("every_months") is not None:
            return add_months(lower, turns * int(period["every_months"]))
        return lower + timedelta(days=turns * int(period["every_days"]))
    except (OverflowError, ValueError):  # past the end of the calendar
        return FOREVER


def _later(day: date, stops: Sequence[Span], *, first: bool) -> date:
    """`day` of a clock that never stands still as a day of one that does. As the first of a window it comes after a pause that begins
    on it; as the end of one, which is no longer part of it, before."""
    for starts, ends in stops:
        if starts > day or (starts == day and not first):
            break
        if ends >= FOREVER or day >= FOREVER - (ends - starts):
            return FOREVER
        day += ends - starts
    return day


def running_days(starts: date, ends: date, stops: Iterable[Span]) -> int:
    """Days in `[starts, ends)` outside all of `stops`, which do not overlap."""
    stood = sum(max(0, (min(ends, to) - max(starts, from_)).days) for from_, to in stops)
    return max(0, (ends - starts).days - stood)


def _usual(definition: Mapping[str, Any], label: str) -> int:
    """How many days a window of a period has, a month taken as 30."""
    period = next(each for each in definition["periods"] if each.get("label", "") == label)
    return int(period["every_days"]) if period.get("every_days") is not None else 30 * int(period["every_months"])
