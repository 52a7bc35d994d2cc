"""The slow counts of the workforce, from the rules as docs/measures-defined.md says them: day by day, person by person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.measures.oracle import DAY, Line, Raw, counted_slowly, holds, in_post, live, months_before, primary_post, stands

STAFF = ("permanent", "fixed term")


def _fte(raw: Raw, who: int, day: date, known_at: datetime) -> int:
    """Hundredths of all posts of somebody on a day."""
    hours = sum((Decimal(str(post.fte)) for post in raw.of("posts", "person_id", who) if holds(post, day, known_at)), Decimal(0))
    return int((hours * 100).quantize(Decimal(1), ROUND_HALF_UP))


def _contract(raw: Raw, who: int, day: date, known_at: datetime) -> str | None:
    post = primary_post(raw, who, day, known_at)
    return post.contract if post else None


def _is_staff(raw: Raw, who: int, day: date, known_at: datetime) -> bool:
    return _contract(raw, who, day, known_at) in STAFF


def _is_social_worker(raw: Raw, who: int, day: date, known_at: datetime) -> bool:
    """On the register, and at a stage of social work."""
    groups = {stage.code: stage.stage_group for stage in raw.career_stages}
    at = [groups[row.stage] for row in raw.of("stages", "person_id", who) if holds(row, day, known_at)]
    said = [row.status for row in raw.of("registrations", "person_id", who) if holds(row, day, known_at)]
    return at not in ([], ["support"], ["pre_qualifying"]) and said in (["registered"], ["conditions"], ["suspended"])


def _employed(raw: Raw, organisation_id: int, day: date, known_at: datetime) -> Iterator[int]:
    for who in in_post(raw, organisation_id, day, known_at):
        if _is_staff(raw, who, day, known_at):
            yield who


def _social_workers(raw: Raw, organisation_id: int, day: date, known_at: datetime) -> Iterator[int]:
    for who in _employed(raw, organisation_id, day, known_at):
        if _is_social_worker(raw, who, day, known_at):
            yield who


@counted_slowly("headcount")
def headcount(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    for who in in_post(raw, organisation_id, as_at, known_at):
        yield Line(who, 1, 1)


@counted_slowly("social-work-headcount")
def social_work_headcount(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    for who in _social_workers(raw, organisation_id, as_at, known_at):
        yield Line(who, 1, 1)


@counted_slowly("fte-in-post")
def fte_in_post(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    for who in _social_workers(raw, organisation_id, as_at, known_at):
        yield Line(who, _fte(raw, who, as_at, known_at), _fte(raw, who, as_at, known_at))


@counted_slowly("fte-everybody")
def fte_everybody(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    for who in _employed(raw, organisation_id, as_at, known_at):
        yield Line(who, _fte(raw, who, as_at, known_at), _fte(raw, who, as_at, known_at))


# Leaving and staying -------------------------------------------------------------------------------------------------


def _last_days(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[tuple[int, date]]:
    """Whoever is not staff on the day, but was within the twelve months or on the day before them: looks at every day."""
    for person in raw.of("people", "organisation_id", organisation_id):
        day = as_at
        while day >= months_before(as_at, 12):
            if _is_staff(raw, person.id, day, known_at):
                if day != as_at:
                    yield person.id, day
                break
            day -= DAY


@counted_slowly("turnover-census")
def turnover_census(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    for who, day in _last_days(raw, organisation_id, as_at, known_at):
        if _is_social_worker(raw, who, day, known_at):
            yield Line(who, _fte(raw, who, day, known_at), 0, stands(raw, who, day, known_at))
    for who in _social_workers(raw, organisation_id, as_at, known_at):
        yield Line(who, 0, _fte(raw, who, as_at, known_at))


@counted_slowly("turnover-headcount")
def turnover_headcount(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    for who, day in _last_days(raw, organisation_id, as_at, known_at):
        yield Line(who, 100, 0, stands(raw, who, day, known_at))
    months: dict[tuple[int, Any], int] = {}
    for back in range(12):
        day = months_before(as_at, back)
        for who in _employed(raw, organisation_id, day, known_at):
            key = who, stands(raw, who, day, known_at)
            months[key] = months.get(key, 0) + 1
    for (who, where), number in months.items():
        yield Line(who, 0, int((Decimal(number) * 100 / 12).quantize(Decimal(1), ROUND_HALF_UP)), where)


def _served_since(raw: Raw, who: int, since: date, as_at: date, known_at: datetime) -> bool:
    """Walks back from the day; a week without a post ends it."""
    day, away = as_at, 0
    while away < 7:
        if _is_staff(raw, who, day, known_at):
            if day <= since:
                return True
            away = 0
        else:
            away += 1
        day -= DAY
    return False


@counted_slowly("stability-one-year")
def stability_one_year(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    for who in _employed(raw, organisation_id, as_at, known_at):
        yield Line(who, int(_served_since(raw, who, months_before(as_at, 12), as_at, known_at)), 1)


@counted_slowly("stability-two-years")
def stability_two_years(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    for who in _employed(raw, organisation_id, as_at, known_at):
        yield Line(who, int(_served_since(raw, who, months_before(months_before(as_at, 12), 12), as_at, known_at)), 1)


# Agency --------------------------------------------------------------------------------------------------------------


@counted_slowly("agency-rate")
def agency_rate(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    for who in in_post(raw, organisation_id, as_at, known_at):
        contract = _contract(raw, who, as_at, known_at)
        if contract != "student" and _is_social_worker(raw, who, as_at, known_at):
            fte = _fte(raw, who, as_at, known_at)
            yield Line(who, fte if contract == "agency" else 0, fte)


@counted_slowly("agency-share")
def agency_share(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    for who in in_post(raw, organisation_id, as_at, known_at):
        contract = _contract(raw, who, as_at, known_at)
        if contract != "student":
            yield Line(who, int(contract == "agency"), 1)


# With figures from elsewhere -----------------------------------------------------------------------------------------


def _month_before(month: date) -> date:
    return month.replace(day=1) - DAY


def _last_month(day: date) -> date:
    return day if (day + DAY).day == 1 else _month_before(day)


def _running(raw: Raw, organisation_id: int, as_at: date) -> Any:
    sets = [row for row in raw.of("measure_sets", "organisation_id", organisation_id) if row.runs_from <= as_at]
    sets = [row for row in sets if row.runs_until is None or as_at <= row.runs_until]
    return max(sets, key=lambda row: (row.runs_from, row.version)).content if sets else None


def _given(raw: Raw, organisation_id: int, code: str, month: date, known_at: datetime) -> dict[int | None, int]:
    """What was said of a month, by part; None: the whole."""
    rows = raw.of("measure_inputs", "organisation_id", organisation_id)
    return {row.unit_id: row.num for row in rows if row.measure == code and row.month_end == month and live(row, known_at)}


def _whole(said: dict[int | None, int]) -> int:
    return said[None] if None in said else sum(said.values())


def _in_parts(said: dict[int | None, int]) -> dict[int | None, int]:
    """By part, and by None what the whole has beyond them."""
    parts: dict[int | None, int] = {unit: num for unit, num in said.items() if unit is not None}
    return parts | {None: _whole(said) - sum(parts.values())}


def _part_of(raw: Raw, unit_id: int | None, parts: Any) -> int | None:
    while unit_id is not None:
        if unit_id in parts:
            return unit_id
        unit_id = next(unit.parent_id for unit in raw.units if unit.id == unit_id)
    return None


@counted_slowly("vacancy-rate")
def vacancy_rate(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    said = _given(raw, organisation_id, "vacancies", _last_month(as_at), known_at)
    if not said or _running(raw, organisation_id, as_at) is None:
        return
    for unit, num in _in_parts(said).items():
        yield Line(None, num, num, (unit, None, None))
    for who in _social_workers(raw, organisation_id, as_at, known_at):
        unit, stage, contract = stands(raw, who, as_at, known_at)
        yield Line(who, 0, _fte(raw, who, as_at, known_at), (_part_of(raw, unit, set(said) - {None}), stage, contract))


@counted_slowly("vacancies-agency-covered")
def vacancies_agency_covered(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    vacant = _given(raw, organisation_id, "vacancies", _last_month(as_at), known_at)
    covered = _given(raw, organisation_id, "agency-covering", _last_month(as_at), known_at)
    if not vacant or not covered or _running(raw, organisation_id, as_at) is None:
        return
    if vacant.keys() != covered.keys():
        yield Line(None, _whole(covered), _whole(vacant), (None, None, None))
        return
    for unit, num in _in_parts(covered).items():
        yield Line(None, num, 0, (unit, None, None))
    for unit, num in _in_parts(vacant).items():
        yield Line(None, 0, num, (unit, None, None))


def _absence(raw: Raw, organisation_id: int, as_at: date, known_at: datetime, days: int) -> Iterator[Line]:
    month, lost = _last_month(as_at), 0
    for _ in range(12):
        said = _given(raw, organisation_id, "days-lost", month, known_at)
        if not said:
            return
        lost += _whole(said)
        month = _month_before(month)
    yield Line(None, lost, 0, (None, None, None))
    for who in _social_workers(raw, organisation_id, as_at, known_at):
        yield Line(who, 0, _fte(raw, who, as_at, known_at) * days)


@counted_slowly("absence-rate")
def absence_rate(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    running = _running(raw, organisation_id, as_at)
    if running is not None:
        yield from _absence(raw, organisation_id, as_at, known_at, running["constants"]["working-days-a-year"])


@counted_slowly("days-lost-average")
def days_lost_average(raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> Iterator[Line]:
    if _running(raw, organisation_id, as_at) is not None:
        yield from _absence(raw, organisation_id, as_at, known_at, 1)


def imported(raw: Raw, organisation_id: int, code: str, every: int, as_at: date, known_at: datetime) -> dict[tuple[str, str], int]:
    """An imported number by (breakdown, key), as docs/measure-imports.md says what stands; empty where nobody gave it."""
    month, said = _last_month(as_at), dict[int | None, int]()
    for _ in range(every):
        if said := _given(raw, organisation_id, code, month, known_at):
            break
        month = _month_before(month)
    if not said:
        return {}
    units = [unit for unit in raw.units if unit.organisation_id == organisation_id and (unit.closed_on is None or unit.id in said)]

    def of(unit: Any) -> int | None:
        parts = [of(each) for each in units if each.parent_id == unit.id]
        if unit.id in said:
            return said[unit.id]
        return sum(each for each in parts if each is not None) if parts and None not in parts else None

    def within(unit: Any) -> bool:
        """Does something above it have a line of its own, or is something above it closed?"""
        above = next((each for each in units if each.id == unit.parent_id), None)
        return unit.parent_id is not None and (above is None or above.id in said or within(above))

    shown = {unit.id: amount for unit in units if unit.id != organisation_id and not within(unit) and (amount := of(unit)) is not None}
    found = {("all", ""): _whole(said)}
    if set(said) == {None}:
        return found
    found |= {("tree", str(unit)): amount for unit, amount in shown.items()}
    parents = {unit.id: unit.parent_id for unit in units}
    rest = _whole(said) - sum(amount for unit, amount in shown.items() if not _is_below(unit, shown, parents))
    return found | ({("tree", "none"): rest} if rest else {})


def _is_below(unit: int, shown: dict[int, int], parents: dict[int, Any]) -> bool:
    above = parents[unit]
    while above is not None:
        if above in shown:
            return True
        above = parents.get(above)
    return False
