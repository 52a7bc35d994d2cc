"""Measures counted once more, slowly: in plain Python from the rows as they stand in the tables, person by person.

Nothing here imports what it is compared with. `oracle_learning` and `oracle_workforce` register how each measure is counted; `slow(code)`
gives the function that adds up a measure for everybody and for each group of the tree, of the career stages and of the contracts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib import import_module
from typing import Any

from app import models
from app.core.db import Database

AREAS = ("oracle_learning", "oracle_workforce")
DAY = timedelta(days=1)


@dataclass
class Raw:
    """Every row of every table, read once: `raw.posts`, and `raw.of("posts", "person_id", 7)`."""

    tables: dict[str, list[Any]]
    _by: dict[tuple[str, str], dict[Any, list[Any]]] = field(default_factory=dict)

    def __getattr__(self, name: str) -> list[Any]:
        try:
            return self.tables[name]
        except KeyError:
            raise AttributeError(name) from None

    def of(self, table: str, column: str, key: Any) -> list[Any]:
        """The rows with this key."""
        if (table, column) not in self._by:
            found: dict[Any, list[Any]] = defaultdict(list)
            for row in self.tables[table]:
                found[getattr(row, column)].append(row)
            self._by[table, column] = found
        return self._by[table, column].get(key, [])


def load(database: Database) -> Raw:
    """All rows there are."""
    with database.read.connect() as connection, connection.begin():
        return Raw({table.name: list(connection.execute(table.select())) for table in models.metadata.sorted_tables})


@dataclass(frozen=True)
class Line:
    """What one person, or something that is no person, adds to a measure; by default they stand where they stood on the day."""

    person_id: int | None
    num: int
    den: int
    where: tuple[int | None, str | None, str | None] | None = None  # unit, stage, contract


Lines = Callable[[Raw, int, date, datetime], Iterable[Line]]
Figures = dict[tuple[str, str], tuple[int, int]]
REGISTRY: dict[str, Lines] = {}


def counted_slowly(code: str) -> Callable[[Lines], Lines]:
    """Makes a function known as the slow count of a measure, by the name that definitions use in `counts`."""

    def registered(function: Lines) -> Lines:
        REGISTRY[code] = function
        return function

    return registered


def slow(code: str) -> Callable[[Raw, int, date, datetime], Figures]:
    """How a measure is counted slowly: of the rows, an organisation, a day, and an instant up to which what was recorded counts.

    Gives (numerator, denominator) by (breakdown, key): ("all", ""), ("tree", "12"), ("tree", "12-") for those directly in a unit that has
    parts, ("stage", "NQSW"), ("contract", "agency"), and "none" where nothing is recorded. Groups of nobody are left out.
    """
    for area in AREAS:
        try:
            import_module(f"tests.measures.{area}")
        except ModuleNotFoundError as missing:
            if missing.name != f"tests.measures.{area}":
                raise
    lines = REGISTRY[code]
    return lambda raw, organisation_id, as_at, known_at: added_up(
        raw, organisation_id, as_at, known_at, list(lines(raw, organisation_id, as_at, known_at))
    )


def people(code: str, raw: Raw, organisation_id: int, as_at: date, known_at: datetime) -> tuple[int, int]:
    """How many people stand behind the numerator and behind the denominator of everybody's figure."""
    slow(code)
    lines = [line for line in REGISTRY[code](raw, organisation_id, as_at, known_at) if line.person_id is not None]
    return sum(line.num > 0 for line in lines), sum(line.den > 0 for line in lines)


# What rows say -------------------------------------------------------------------------------------------------------


def live(row: Any, known_at: datetime) -> bool:
    """Had it been recorded, and not yet superseded?"""
    return bool(row.recorded_at <= known_at and (row.superseded_at is None or row.superseded_at > known_at))


def holds(row: Any, day: date, known_at: datetime) -> bool:
    """Is it a fact of that day, as far as was known?"""
    return bool(row.valid_from <= day < row.valid_to) and live(row, known_at)


def primary_post(raw: Raw, person_id: int, day: date, known_at: datetime) -> Any:
    """Somebody's main post on a day, or None."""
    return next((post for post in raw.of("posts", "person_id", person_id) if post.is_primary and holds(post, day, known_at)), None)


def in_post(raw: Raw, organisation_id: int, day: date, known_at: datetime) -> list[int]:
    """Ids of the organisation's people with a main post on a day."""
    ours = raw.of("people", "organisation_id", organisation_id)
    return [person.id for person in ours if primary_post(raw, person.id, day, known_at) is not None]


def stands(raw: Raw, person_id: int, day: date, known_at: datetime) -> tuple[int | None, str | None, str | None]:
    """Unit, stage and contract of somebody on a day; nothing of whoever has no main post."""
    post = primary_post(raw, person_id, day, known_at)
    if post is None:
        return None, None, None
    unit = next((row.unit_id for row in raw.of("memberships", "person_id", person_id) if holds(row, day, known_at)), None)
    stage = next((row.stage for row in raw.of("stages", "person_id", person_id) if holds(row, day, known_at)), None)
    return unit, stage, post.contract


def months_before(day: date, months: int) -> date:
    """The same day so many months before, or the last of that month; of the last day of a month the last day."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - DAY).day
    at_end = (day + DAY).day == 1
    return date(year, month + 1, last if at_end else min(day.day, last))


# Adding up -----------------------------------------------------------------------------------------------------------


def added_up(raw: Raw, organisation_id: int, as_at: date, known_at: datetime, lines: list[Line]) -> Figures:
    """Every line in every group that it belongs to."""
    units = {unit.id: unit for unit in raw.units if unit.organisation_id == organisation_id}
    placed = []
    for line in lines:
        unit, stage, contract = line.where or ((None,) * 3 if line.person_id is None else stands(raw, line.person_id, as_at, known_at))
        placed.append((line, unit if unit in units else None, stage, contract))
    peopled = {above for _, unit, _, _ in placed for above in _upwards(units, unit)}
    has_parts = {unit.parent_id for unit in units.values() if unit.closed_on is None or unit.id in peopled}
    sums: Figures = {("all", ""): (0, 0)}

    def add(breakdown: str, key: str, line: Line) -> None:
        num, den = sums.get((breakdown, key), (0, 0))
        sums[breakdown, key] = num + line.num, den + line.den

    for line, unit, stage, contract in placed:
        add("all", "", line)
        add("stage", stage or "none", line)
        add("contract", contract or "none", line)
        if unit is None:
            add("tree", "none", line)
            continue
        for above in _upwards(units, unit):
            if above != organisation_id:
                add("tree", str(above), line)
        if unit in has_parts:
            add("tree", f"{unit}-", line)
    return sums


def _upwards(units: dict[int, Any], unit: int | None) -> list[int]:
    found = []
    while unit is not None and unit in units:
        found.append(unit)
        unit = units[unit].parent_id
    return found
