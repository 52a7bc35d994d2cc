"""Dates and lists inside the database: alike on SQLite and PostgreSQL, and alike `app.core.calendar` in Python."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Boolean, Date, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class months_after(FunctionElement[date]):  # noqa: N801 - reads as a function in a statement
    """`months_after(day, months)`: calendar months later; a month after 31 January is the last day of February. NULL of a NULL."""

    inherit_cache = True
    type = Date()


class days_after(FunctionElement[date]):  # noqa: N801
    """`days_after(day, days)`: so many days later, or earlier."""

    inherit_cache = True
    type = Date()


class days_between(FunctionElement[int]):  # noqa: N801
    """`days_between(first, second)`: the days from the first date to the second."""

    inherit_cache = True
    type = Integer()


class months_between(FunctionElement[int]):  # noqa: N801
    """`months_between(first, second)`: calendar months from the first date's month to the second's, days left out of account."""

    inherit_cache = True
    type = Integer()


class london_date(FunctionElement[date]):  # noqa: N801
    """`london_date(instant)`: the day in London. Summer time runs from 1am UTC on the last Sunday of March to that of October."""

    inherit_cache = True
    type = Date()


class holds(FunctionElement[bool]):  # noqa: N801
    """`holds(json_list, text)`: is the text one of a JSON list's items?"""

    inherit_cache = True
    type = Boolean()


def _parts(element: Any, compiler: Any, kw: Any) -> list[str]:
    return [compiler.process(part, **kw) for part in element.clauses]


@compiles(months_after, "postgresql")
def _months_after(element: Any, compiler: Any, **kw: Any) -> str:
    day, months = _parts(element, compiler, kw)
    return f"CAST({day} + make_interval(months => CAST({months} AS INTEGER)) AS DATE)"


@compiles(months_after, "sqlite")
def _months_after_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    day, months = _parts(element, compiler, kw)  # SQLite makes 3 March of a month after 31 January; so the last day of that month at most
    return f"min(date({day}, ({months}) || ' months'), date({day}, 'start of month', (({months}) + 1) || ' months', '-1 day'))"


@compiles(days_after, "postgresql")
def _days_after(element: Any, compiler: Any, **kw: Any) -> str:
    day, days = _parts(element, compiler, kw)
    return f"({day} + CAST({days} AS INTEGER))"


@compiles(days_after, "sqlite")
def _days_after_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    day, days = _parts(element, compiler, kw)
    return f"date({day}, ({days}) || ' days')"


@compiles(days_between, "postgresql")
def _days_between(element: Any, compiler: Any, **kw: Any) -> str:
    first, second = _parts(element, compiler, kw)
    return f"({second} - {first})"


@compiles(days_between, "sqlite")
def _days_between_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    first, second = _parts(element, compiler, kw)
    return f"CAST(julianday({second}) - julianday({first}) AS INTEGER)"


@compiles(months_between, "postgresql")
def _months_between(element: Any, compiler: Any, **kw: Any) -> str:
    first, second = _parts(element, compiler, kw)
    said = [f"(EXTRACT(YEAR FROM {day}) * 12 + EXTRACT(MONTH FROM {day}))" for day in (second, first)]
    return f"CAST({' - '.join(said)} AS INTEGER)"


@compiles(months_between, "sqlite")
def _months_between_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    first, second = _parts(element, compiler, kw)
    said = [f"(strftime('%Y', {day}) * 12 + strftime('%m', {day}))" for day in (second, first)]
    return f"({' - '.join(said)})"


@compiles(london_date, "postgresql")
def _london_date(element: Any, compiler: Any, **kw: Any) -> str:
    (instant,) = _parts(element, compiler, kw)
    return f"CAST({instant} AT TIME ZONE 'Europe/London' AS DATE)"


@compiles(london_date, "sqlite")
def _london_date_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    (instant,) = _parts(element, compiler, kw)
    starts, ends = (f"date(strftime('%Y', {instant}) || '-{day}', 'weekday 0') || ' 01:00:00'" for day in ("03-25", "10-25"))
    return f"CASE WHEN {instant} >= {starts} AND {instant} < {ends} THEN date({instant}, '+1 hour') ELSE date({instant}) END"


@compiles(holds, "postgresql")
def _holds(element: Any, compiler: Any, **kw: Any) -> str:
    column, value = _parts(element, compiler, kw)
    return f"({column} @> to_jsonb({value}))"


@compiles(holds, "sqlite")
def _holds_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    column, value = _parts(element, compiler, kw)
    return f"EXISTS (SELECT 1 FROM json_each({column}) AS items WHERE items.value = {value})"  # noqa: S608 - both are parts of the statement
