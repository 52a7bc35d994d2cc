"""Small pieces of SQL that the import's statements share, the same on both databases."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Date, and_, case, func, insert, literal, or_, select, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import FunctionElement

from app.core.db import FOREVER, is_postgresql
from app.core.tx import Tx
from app.hr.models import ImportProblem, ImportRow


class next_day(FunctionElement[date]):  # noqa: N801 - reads as the SQL function it is
    """The day after a date."""

    type = Date()
    inherit_cache = True
    name = "next_day"


@compiles(next_day, "postgresql")
def _next_day_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)} + 1)"


@compiles(next_day, "sqlite")
def _next_day_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"date({compiler.process(element.clauses, **options)}, '+1 day')"


def fresh_statistics(tx: Tx, *tables: Any) -> None:
    """Tell PostgreSQL's planner how large these tables have become; with old figures it compares every row with every other."""
    if is_postgresql(tx.db):
        tx.db.execute(text("ANALYZE " + ", ".join(table.__tablename__ for table in tables)))


def day(value: date) -> ColumnElement[date]:
    """A date as a bound value with its type, for use where the database could not tell."""
    return literal(value, Date())


def later(one: Any, other: Any) -> ColumnElement[Any]:
    """The later of two dates; neither may be NULL."""
    return case((one >= other, one), else_=other)


def end_after(last_day: Any) -> ColumnElement[Any]:
    """The exclusive end of a period whose last day this is; no last day: for ever."""
    return func.coalesce(next_day(last_day), day(FOREVER), type_=Date())


def differs(given: Any, held: Any) -> ColumnElement[bool]:
    """The file says something, and it is not what is held."""
    return and_(given.is_not(None), given.is_distinct_from(held))


def lines(import_id: int, *more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Rows of one import."""
    return and_(ImportRow.import_id == import_id, *more)


def problem_rows(import_id: int, row: Any, column: str, value: Any, wrong: Any, remedy: str, *where: ColumnElement[bool]) -> Any:
    """INSERT … SELECT of one problem for each row that `where` picks. `wrong` may be an expression with names in it."""
    wrong = literal(wrong) if isinstance(wrong, str) else wrong
    picked = select(
        literal(import_id), row.line, literal(column), func.substr(func.coalesce(value, ""), 1, 80), wrong, literal(remedy), literal(True)
    ).where(row.import_id == import_id, row.line > 0, *where)
    columns = ["import_id", "line", "column_name", "value", "wrong", "remedy", "checked"]
    return insert(ImportProblem).from_select(columns, picked, include_defaults=False)


def reaches(row_end: Any, old_end: Any, new_end: Any, extends: Any) -> ColumnElement[Any]:
    """Where a held period ends once the employment ends at `new_end`: a period that ran to the old end runs to the new one."""
    return case((and_(extends, row_end == old_end), new_end), (row_end > new_end, new_end), else_=row_end)


def covers(table: Any, line: Any, since: Any, as_at: date) -> ColumnElement[bool]:
    """The held period is true from `since` on, up to today or the end of the employment, whichever is first."""
    ends = reaches(table.valid_to, line.old_end, line.new_end, line.extends)
    return and_(table.superseded_at.is_(None), table.valid_from <= since, or_(ends > later(since, day(as_at)), ends >= line.new_end))
