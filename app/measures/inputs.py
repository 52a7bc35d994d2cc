"""Figures that came from elsewhere, as they stood at a moment: what was said of which month, and what nobody has said yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from app.core.calendar import add_months
from app.core.facts import recorded
from app.core.tx import Tx
from app.measures.definitions import Measure, MeasureSet
from app.measures.dimensions import Moment, is_month_end, month_before, month_end
from app.measures.figures import NOT_RECORDED, Figure
from app.measures.input_models import MeasureInput
from app.people.models import Unit

# What a count here takes from elsewhere, by the name of the function: without it there is no figure.
RESTS_ON: dict[str, tuple[str, ...]] = {
    "vacancy-rate": ("vacancies",),
    "vacancies-agency-covered": ("vacancies", "agency-covering"),
    "absence-rate": ("days-lost",),
    "days-lost-average": ("days-lost",),
}

# What is counted of something else than people, at least in part: nobody in particular stands behind it, so it cannot be said of some.
OF_NO_PEOPLE = frozenset({*RESTS_ON, "places-taken"})


@dataclass(frozen=True, slots=True)
class Said:
    """One figure of one month: of a part of the organisation (None: the whole), in the measure's scale."""

    month: date
    unit_id: int | None
    num: int
    den: int | None


def last_month(day: date) -> date:
    """The last month end that this day has seen."""
    return day if is_month_end(day) else month_before(day)


def before(month: date, months: int) -> date:
    """The month end so many months before this one."""
    return month_end(add_months(month.replace(day=1), -months))


def said(tx: Tx, organisation_id: int, code: str, moment: Moment, every: int = 1) -> list[Said]:
    """What stands on the day: the lines of the newest month that has any, of at most `every` months back. Empty: nobody said anything."""
    found = over(tx, organisation_id, code, moment, every)
    newest = max((each.month for each in found), default=None)
    return [each for each in found if each.month == newest]


def over(tx: Tx, organisation_id: int, code: str, moment: Moment, months: int) -> list[Said]:
    """All lines of so many months up to the day, as far as was recorded at the moment, in order."""
    until = last_month(moment.as_at)
    rows = tx.rows(
        select(MeasureInput.month_end, MeasureInput.unit_id, MeasureInput.num, MeasureInput.den)
        .where(MeasureInput.organisation_id == organisation_id, MeasureInput.measure == code)
        .where(MeasureInput.month_end > before(until, months), MeasureInput.month_end <= until)
        .where(recorded(MeasureInput, moment.known_at))
    )
    found = [Said(row.month_end, row.unit_id, row.num, row.den) for row in rows]
    return sorted(found, key=lambda each: (each.month, each.unit_id or 0))


def total(lines: Sequence[Said]) -> tuple[int, int]:
    """Numerator and denominator of the whole: its own line, or all parts together."""
    whole = [each for each in lines if each.unit_id is None] or lines
    return sum(each.num for each in whole), sum(each.den or 0 for each in whole)


def figures(tx: Tx, measure: Measure, organisation_id: int, moment: Moment) -> list[Figure]:
    """All figures of an imported measure, everybody's first, then each part of the organisation of which one was given or follows.

    Empty where nothing was given for the moment. A part follows when every part of it has a figure; what the whole has beyond its parts
    stands as not recorded, so that the parts always make up the whole. Scores do not add up, and have no parts.
    """
    lines = said(tx, organisation_id, measure.code, moment, measure.every)
    if not lines or (measure.unit == "score" and all(each.unit_id is not None for each in lines)):
        return []
    whole = total(lines)
    found = [_figure(measure, "all", "", None, "organisation", "Everybody", *whole)]
    parts = {each.unit_id: (each.num, each.den or 0) for each in lines if each.unit_id is not None}
    if "tree" in measure.breakdowns and measure.unit != "score" and parts:
        found += _tree(tx, measure, organisation_id, whole, parts)
    return found


def _figure(measure: Measure, breakdown: str, key: str, parent: str | None, level: str, title: str, num: int, den: int) -> Figure:
    counted = measure.unit in ("share", "count") and measure.scale == 1  # of people, or of what is treated like them
    people = (num, den if measure.unit == "share" else num) if counted else (None, None)
    return Figure(breakdown, key, parent, level, title, num, den, *people)


def _tree(tx: Tx, measure: Measure, organisation_id: int, whole: tuple[int, int], parts: dict[int, tuple[int, int]]) -> Iterator[Figure]:
    statement = select(Unit.id, Unit.parent_id, Unit.kind, Unit.name, Unit.closed_on).where(Unit.organisation_id == organisation_id)
    below: dict[int | None, list[Any]] = defaultdict(list)
    for row in tx.rows(statement.order_by(Unit.name, Unit.id)):
        if row.closed_on is None or row.id in parts:
            below[row.parent_id].append(row)

    def follows(unit_id: int) -> tuple[int, int] | None:
        if unit_id in parts:
            return parts[unit_id]
        inside = [follows(each.id) for each in below[unit_id]]
        known = [each for each in inside if each is not None]
        return (sum(each[0] for each in known), sum(each[1] for each in known)) if known and len(known) == len(inside) else None

    shown = [0, 0]

    def walk(unit_id: int, parent: str | None) -> Iterator[Figure]:
        for each in below[unit_id]:
            amount = follows(each.id)
            if amount is None:
                yield from walk(each.id, parent)
                continue
            if parent is None:
                shown[0] += amount[0]
                shown[1] += amount[1]
            yield _figure(measure, "tree", str(each.id), parent, each.kind, each.name, *amount)
            if each.id not in parts:
                yield from walk(each.id, str(each.id))

    yield from walk(organisation_id, None)
    rest = (whole[0] - shown[0], whole[1] - shown[1])
    if rest != (0, 0):
        yield _figure(measure, "tree", "none", None, "direct", NOT_RECORDED, *rest)


# What is missing -----------------------------------------------------------------------------------------------------


def imported(measures: MeasureSet) -> list[Measure]:
    """The measures of a set whose figures come from elsewhere."""
    return [measure for measure in measures.measures if measure.counts is None]


def months_given(tx: Tx, organisation_id: int, codes: Collection[str], since: date) -> dict[str, list[date]]:
    """The months after `since` of which there are figures now, newest first, by measure."""
    found: dict[str, list[date]] = defaultdict(list)
    statement = (
        select(MeasureInput.measure, MeasureInput.month_end)
        .where(MeasureInput.organisation_id == organisation_id, MeasureInput.superseded_at.is_(None))
        .where(MeasureInput.measure.in_(sorted(codes)), MeasureInput.month_end > since)
        .distinct()
        .order_by(MeasureInput.month_end.desc())
    )
    for row in tx.rows(statement):
        found[row.measure].append(row.month_end)
    return found


def missing(tx: Tx, organisation_id: int, measures: MeasureSet, month: date) -> dict[str, list[str]]:
    """For each measure of the set without a figure of this month: the codes of what has not been given yet, its own or what it rests on."""
    every = {measure.code: measure.every for measure in imported(measures)}
    given = months_given(tx, organisation_id, every.keys(), before(month, 12))

    def absent(code: str) -> bool:
        return not any(before(month, every[code]) < each <= month for each in given[code])

    found: dict[str, list[str]] = {}
    for measure in measures.measures:
        needs = (measure.code,) if measure.counts is None else RESTS_ON.get(measure.counts, ())
        if lacking := [code for code in needs if code in every and absent(code)]:
            found[measure.code] = lacking
    return found
