"""Statements asked without SQLAlchemy's layers: the same rows as with them, and the same errors."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Date, Integer, bindparam, event, exc, func, insert, literal, literal_column, select, text, update

from app.bookings.models import Session
from app.core.db import Database, Key, UtcDateTime, connect
from app.core.errors import Conflict
from app.core.ready import Ready
from app.core.tx import NOBODY, SYSTEM, transaction
from app.learning.models import Course, Provider
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


# In a transaction that writes -------------------------------------------------------------------------------------

TURN = update(Session).where(Session.id == bindparam("session")).values(next_turn=Session.next_turn + 1)
TAKE_TURN = Ready(TURN.returning(Session.id, Session.next_turn, Session.starts_at))


def next_turn(database: Database, session_id: int) -> int:
    with transaction(database, NOBODY, writes=False) as tx:
        return int(tx.scalar(select(Session.next_turn).where(Session.id == session_id)))


def test_a_change_is_made_and_answers(database: Database, make: Make) -> None:
    session = make.session()
    before = next_turn(database, session.id)
    for turn in (1, 2):
        with transaction(database, SYSTEM, writes=True) as tx:
            assert tuple(tx.one(TAKE_TURN, session=session.id) or ()) == (session.id, before + turn, session.starts_at)
    assert next_turn(database, session.id) == before + 2


def test_what_is_rolled_back_is_gone_and_nothing_is_kept_for_nothing(database: Database, make: Make) -> None:
    """PostgreSQL's driver drops what is prepared when it rolls back, but only if it had prepared something itself."""
    session = make.session()
    before = next_turn(database, session.id)

    def change_of_mind(times: int) -> None:
        with transaction(database, SYSTEM, writes=True) as tx:
            tx.one(TAKE_TURN, session=session.id)
            for _ in range(times):  # the driver prepares what it has seen a few times
                tx.db.execute(TURN, {"session": session.id})
            raise LookupError

    for each in range(12):
        with pytest.raises(LookupError):
            change_of_mind(4 if each > 5 else 0)
        with transaction(database, SYSTEM, writes=True) as tx:
            tx.one(TAKE_TURN, session=session.id)
            if not database.sqlite:
                kept = text("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'ready%' AND statement LIKE 'UPDATE%'")
                assert tx.db.execute(kept).scalar() == 1
    assert next_turn(database, session.id) == before + 12


def test_a_broken_key_is_refused_in_words_and_the_connection_serves_on(database: Database) -> None:
    add = Ready(insert(Provider).values(name=bindparam("name")).returning(Provider.id))
    with transaction(database, SYSTEM, writes=True) as tx:
        first = tx.scalar(add, name="The Academy")
    for _ in range(3):
        with pytest.raises(Conflict), transaction(database, SYSTEM, writes=True) as tx:
            tx.one(add, name="The Academy")
        with transaction(database, SYSTEM, writes=True) as tx:
            assert tx.one(Ready(select(Provider.id, Provider.name))) == (first, "The Academy")


def test_what_goes_wrong_while_writing_is_reported_as_sqlalchemy_would(database: Database) -> None:
    wrong: Any = select(literal_column("nothing.at_all")).select_from(Session)
    for statement in (wrong, Ready(wrong)):
        with pytest.raises(exc.DBAPIError) as found, transaction(database, SYSTEM, writes=True) as tx:
            tx.rows(statement)
        kind = exc.OperationalError if database.sqlite else exc.ProgrammingError
        assert type(found.value) is kind and not found.value.connection_invalidated and "nothing" in str(found.value.statement)
    with transaction(database, SYSTEM, writes=True) as tx:
        assert tx.scalar(Ready(select(func.count()).select_from(Session))) == 0


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite has no server that could go away
def test_a_connection_that_breaks_is_handed_to_nobody_again(database: Database, make: Make) -> None:
    session = make.session()
    before = next_turn(database, session.id)

    def break_it(*, begun: bool) -> None:
        with transaction(database, SYSTEM, writes=True) as tx:
            driver: Any = tx.db.connection.driver_connection
            if begun:
                tx.one(TAKE_TURN, session=session.id)
            with database.read.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:it, 5000)"), {"it": driver.info.backend_pid})
            tx.one(TAKE_TURN, session=session.id)

    for begun in (False, True):
        with pytest.raises(exc.OperationalError) as found:
            break_it(begun=begun)
        assert found.value.connection_invalidated
        with transaction(database, SYSTEM, writes=True) as tx:
            assert tx.one(TAKE_TURN, session=session.id) is not None
    assert next_turn(database, session.id) == before + 2


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_when_the_server_has_gone_one_finds_out_for_all(database: Database, make: Make) -> None:
    session, together, process = make.session(), threading.Barrier(3), connect(database.url, pool=3)

    def change(_: int) -> int:
        with transaction(process, SYSTEM, writes=True) as tx:
            together.wait(10)  # so that each has a connection of its own
            tx.one(TAKE_TURN, session=session.id)
            return int(tx.scalar(select(func.pg_backend_pid())))

    with ThreadPoolExecutor(3) as hands:
        ours = set(hands.map(change, range(3)))
    assert len(ours) == 3
    with database.read.connect() as other:
        for each in ours:
            other.execute(text("SELECT pg_terminate_backend(:it, 5000)"), {"it": each})
    together = threading.Barrier(1)
    with pytest.raises(exc.OperationalError):
        change(1)
    before = next_turn(database, session.id)
    for number in range(6):
        change(number)
    process.dispose()
    assert next_turn(database, session.id) == before + 6


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite goes on after an error
def test_what_goes_wrong_in_a_snapshot_is_not_hidden_by_asking_again(database: Database) -> None:
    wrong = Ready(select(literal(1) % bindparam("by", type_=Integer)))
    with pytest.raises(exc.DBAPIError) as found, transaction(database, SYSTEM, writes=False, snapshot=True) as tx:
        tx.rows(wrong, by=0)
    assert "division by zero" in str(found.value)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_connection_given_back_in_the_middle_of_a_change_serves_on(database: Database, make: Make) -> None:
    session = make.session()
    before = next_turn(database, session.id)
    for _ in range(2):
        connection = database.write.connect()
        connection.begin()
        for _ in range(3):
            connection.execute(select(func.count()).select_from(Session))  # the driver prepares this one itself, and so drops all later
        TAKE_TURN.rows(connection, {"session": session.id}, writes=True)
        del connection  # nobody committed
        gc.collect()
        with transaction(database, SYSTEM, writes=True) as tx:
            assert tx.one(TAKE_TURN, session=session.id) is not None
    assert next_turn(database, session.id) == before + 2


def test_who_has_not_begun_a_change_has_it_begun_by_sqlalchemy(database: Database, make: Make) -> None:
    session = make.session()
    before = next_turn(database, session.id)
    with database.writer_turn(), database.write.connect() as connection:
        TAKE_TURN.rows(connection, {"session": session.id}, writes=True)
        connection.commit()
    assert next_turn(database, session.id) == before + 1
