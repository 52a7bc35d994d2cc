"""When somebody's supervision fell due, and whether it was held: each day is looked at, and counted unless the clock stands still."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.measures.oracle import DAY, Raw, holds, live
from tests.property.pathways_oracle import FOREVER, months_later

COUNTS = ("professional", "reflective", "case")
AHEAD = timedelta(days=150)  # so far on it is seen, where the rule has no end, whether a turn is lengthened by what is left of a period
Span = tuple[date, date]


def turns_due(raw: Raw, who: int, as_at: date, known_at: datetime) -> list[tuple[date, bool]]:
    """(last day, held in it?) of each turn, by the rule that they follow on the day, that was over by the end of the day."""
    found = _own_rule(raw, who, as_at, known_at) or _rule_of_place(raw, who, as_at, known_at)
    if found is None:
        return []
    definition, anchor, starts, ends, agreed, stops = found
    for table in ("absences", "supervision_pauses"):
        stops = stops + [(row.valid_from, row.valid_to) for row in raw.of(table, "person_id", who) if live(row, known_at)]
    days = _counting(raw, who, definition, agreed, known_at)
    days = [day for day in days if starts <= day <= min(as_at, ends - DAY)]
    turns = _turns(definition, anchor, starts, ends, stops, as_at)
    return [(last, any(first <= day <= last for day in days)) for first, last in turns if last <= as_at]


def _own_rule(raw: Raw, who: int, as_at: date, known_at: datetime) -> Any:
    """A rule of their own: pieces of one rule, subject and day 0 are one, and between them the clock stands still."""
    pieces: dict[Any, list[Any]] = defaultdict(list)
    for row in sorted(raw.of("supervision_terms", "person_id", who), key=lambda row: row.valid_from):
        if live(row, known_at):
            pieces[row.subject, row.rule_id, row.anchor].append(row)
    for rows in pieces.values():
        if any(row.valid_from <= as_at < row.valid_to for row in rows):
            holes = [(one.valid_to, other.valid_from) for one, other in pairwise(rows)]
            rule = raw.of("supervision_rules", "id", rows[0].rule_id)[0]
            agreed = rows[-1].agreed or {}
            return rule.definition, rows[0].anchor, rows[0].valid_from, rows[-1].valid_to, agreed, holes
    return None


def _rule_of_place(raw: Raw, who: int, as_at: date, known_at: datetime) -> Any:
    """The rule of the nearest part above them, or of their employer: from the first day of a run on which it held for them."""
    defaults = {row.unit_id: row for row in raw.supervision_defaults if holds(row, as_at, known_at)}
    employer = raw.of("people", "id", who)[0].organisation_id
    teams = [row for row in raw.of("memberships", "person_id", who) if live(row, known_at)]
    posts = [row for row in raw.of("posts", "person_id", who) if row.is_primary and live(row, known_at)]

    def place(day: date) -> int | None:
        """The part whose rule of today would hold for them on a day; None: in no team, or in one that has none above it."""
        unit = next((row.unit_id for row in teams if row.valid_from <= day < row.valid_to), None)
        while unit is not None and unit not in defaults:
            unit = raw.of("units", "id", unit)[0].parent_id
        return unit

    def employed(day: date) -> bool:
        return any(row.valid_from <= day < row.valid_to for row in posts)

    here = place(as_at)
    rule = defaults.get(employer if here is None else here)
    if rule is None or not employed(as_at):
        return None
    own = [(row.valid_from, row.valid_to) for row in raw.of("supervision_terms", "person_id", who) if live(row, known_at)]

    def same(day: date) -> bool:
        if not (employed(day) and rule.valid_from <= day < rule.valid_to) or any(first <= day < last for first, last in own):
            return False
        there = place(day)
        return there in (None, employer) if here in (None, employer) else there == here

    first, left = as_at, as_at
    while same(first - DAY):
        first -= DAY
    while left < FOREVER and employed(left):
        left = next(row.valid_to for row in posts if row.valid_from <= left < row.valid_to)
    ends = min([left, rule.valid_to, *(start for start, _ in own if start > as_at)])
    definition = raw.of("supervision_rules", "id", rule.rule_id)[0].definition
    return definition, first, first, ends, {}, []


def _in(spans: list[Span], day: date) -> bool:
    return any(first <= day < last for first, last in spans)


def _counting(raw: Raw, who: int, definition: Any, agreed: Any, known_at: datetime) -> list[date]:
    """Days of supervision that counts by the rule."""
    kinds = definition.get("counts", COUNTS)
    least = agreed.get("minimum_minutes", definition.get("minimum_minutes")) if definition.get("minutes_effect") == "counts" else None
    found = []
    for row in raw.of("supervisions", "person_id", who):
        if not live(row, known_at) or row.kind not in kinds or (least is not None and row.minutes < least):
            continue
        registered = any(each.registered for each in raw.of("supervisors", "supervision_id", row.id))
        if definition.get("reflective_supervisor_registered") and row.kind == "reflective" and not registered:
            continue
        found.append(row.held_on)
    return found


def _turns(definition: Any, anchor: date, begin: date, end: date, stops: list[Span], as_at: date) -> list[Span]:
    """(First, last day) of every turn that begins on or after a day and is over some time after `as_at` at the latest."""
    horizon = as_at + AHEAD if end == FOREVER else end
    running, day = [], anchor
    while day < horizon:
        if not _in(stops, day):
            running.append(day)
        day += DAY
    ever = _ever(anchor, stops)
    found: list[list[date]] = []
    for period in definition["periods"]:
        first = _edge(period, "from", anchor) or anchor
        stop = _edge(period, "to", anchor)
        at, turn = (first - anchor).days, 0
        while at < len(running) and (stop is None or at < (stop - anchor).days):
            turn += 1
            full = (
                months_later(first, turn * period["every_months"])
                if period.get("every_months")
                else first + turn * period["every_days"] * DAY
            )
            upto = (full - anchor).days if stop is None else min((full - anchor).days, (stop - anchor).days)
            if upto > len(running) and (end > horizon or (ever is not None and upto > ever)):
                break  # it is over later, or nobody knows when
            days, at = running[at : min(upto, len(running))], upto
            if days[0] < begin:
                continue
            least = period.get("every_days") or 30 * period["every_months"]
            whole = (stop is None or full <= stop) and upto <= len(running)
            if whole or 2 * len(days) >= least:
                found.append(days)
            elif found:
                found[-1] = found[-1] + days
    return [(days[0], days[-1]) for days in found]


def _ever(anchor: date, stops: list[Span]) -> int | None:
    """How many days the clock will ever have counted where it stops for good, None where it goes on."""
    for_good = FOREVER
    while any(first < for_good <= last for first, last in stops):
        for_good = min(first for first, last in stops if first < for_good <= last)
    if for_good == FOREVER:
        return None
    return sum(not _in(stops, anchor + n * DAY) for n in range((for_good - anchor).days))


def _edge(period: Any, side: str, anchor: date) -> date | None:
    if period.get(f"{side}_month") is not None:
        return months_later(anchor, period[f"{side}_month"])
    if period.get(f"{side}_day") is not None:
        return anchor + timedelta(days=period[f"{side}_day"])
    return None
