"""Statements asked without SQLAlchemy's layers: the same rows as with them, and the same errors."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Date, bindparam, event, exc, func, literal_column, select

from app.bookings.models import Session
from app.core.db import Database, Key, UtcDateTime
from app.core.ready import Ready
from app.core.tx import NOBODY, transaction
from app.learning.models import Course
from tests.factory import Make

SESSIONS: Any = (
    select(
        Session.id,
        Session.online,
        Session.starts_at,
        Session.closes_at,
        Course.title,
        literal_column("'2026-12-08'", Date).label("day"),
        func.count().over().label("found"),
        literal_column("1"),
    )
    .join(Course, Course.id == Session.course_id)
    .where(
        Session.status.in_(("published", "cancelled")),
        Session.starts_at > bindparam("now", type_=UtcDateTime()),
        Session.id >= bindparam("first"),
    )
    .order_by(Session.id)
    .limit(bindparam("most"))
)


def test_the_rows_are_those_of_sqlalchemy(database: Database, make: Make) -> None:
    sessions = [make.session(), make.session(), make.session()]
    ready = Ready(SESSIONS)
    for first, most in ((sessions[0].id, 2), (sessions[1].id, 9), (sessions[2].id + 1, 9)):
        with transaction(database, NOBODY, writes=False) as tx:
            asked: dict[str, Any] = dict(now=sessions[0].starts_at.replace(year=2020), first=first, most=most)
            expected = tx.rows(SESSIONS, **asked)
            found = tx.rows(ready, **asked)
            assert [tuple(row) for row in found] == [tuple(row) for row in expected]
            assert [[type(value) for value in row] for row in found] == [[type(value) for value in row] for row in expected]
            assert [row.starts_at.tzinfo for row in found] == [row.starts_at.tzinfo for row in expected]
            assert [(row.id, row.title, row.day, row.found) for row in found] == [
                (row.id, row.title, row.day, row.found) for row in expected
            ]
            one, other = tx.one(ready, **asked), tx.one(SESSIONS, **asked)
            assert (one is None and other is None) or (other is not None and tuple(one or ()) == tuple(other))
            assert tx.scalar(ready, **asked) == tx.scalar(SESSIONS, **asked)


def test_what_goes_wrong_is_reported_by_sqlalchemy(database: Database) -> None:
    ready = Ready(select(literal_column("nothing.at_all")).select_from(Session))
    with pytest.raises(exc.DBAPIError), transaction(database, NOBODY, writes=False) as tx:
        tx.rows(ready)
    with transaction(database, NOBODY, writes=False) as tx:
        assert tx.scalar(Ready(select(func.count()).select_from(Session))) == 0


def test_a_listener_hears_of_it(database: Database) -> None:
    heard: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        heard.append(statement)

    event.listen(database.read, "before_cursor_execute", listen)
    try:
        with transaction(database, NOBODY, writes=False) as tx:
            tx.scalar(Ready(select(func.count()).select_from(Session)))
    finally:
        event.remove(database.read, "before_cursor_execute", listen)
    assert any("count" in statement for statement in heard)


def test_values_of_any_size_and_none_at_all(database: Database) -> None:
    """PostgreSQL prepares a statement for each size that a number comes in."""
    given = bindparam("given", type_=Key)
    ready = Ready(select(given.label("same"), (given + literal_column("1")).label("more"), func.coalesce(given, -1).label("or_less")))
    for value in (1, None, 70_000, 5_000_000_000, 2, None):
        with transaction(database, NOBODY, writes=False) as tx:
            assert tuple(tx.one(ready, given=value) or ()) == (value, None if value is None else value + 1, -1 if value is None else value)


def test_a_percent_sign_is_one(database: Database) -> None:
    ready = Ready(select(literal_column("'100%'").label("whole"), bindparam("given", type_=Key).label("part")))
    with transaction(database, NOBODY, writes=False) as tx:
        assert tuple(tx.one(ready, given=50) or ()) == ("100%", 50)


def test_a_snapshot_stays_one_moment(database: Database, make: Make) -> None:
    ready = Ready(select(func.count()).select_from(Session))
    with transaction(database, NOBODY, writes=False, snapshot=True) as tx:
        before = tx.scalar(ready)
        make.session()
        assert tx.scalar(ready) == before
    with transaction(database, NOBODY, writes=False) as tx:
        assert tx.scalar(ready) == before + 1


def test_asked_again_where_the_connection_has_forgotten_it(database: Database) -> None:
    """As after a change of tables, when PostgreSQL refuses what it had prepared."""
    ready = Ready(select(func.count()).select_from(Session))
    for _ in range(3):
        with transaction(database, NOBODY, writes=False) as tx:
            assert tx.scalar(ready) == 0
            if not database.sqlite:
                tx.db.exec_driver_sql("DEALLOCATE ALL")
