"""Statements that hot pages ask again and again: compiled once for each kind of database, then run on its driver.

SQLAlchemy writes them, and names and types their columns; between its `execute` and the driver lie 100 to 200 microseconds that such a
statement need not pay each time. Rows are named tuples: like SQLAlchemy's, they are read by name or unpacked.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from weakref import WeakSet

from sqlalchemy import Dialect
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

Processor = Callable[[Any], Any]
_made: WeakSet[Ready] = WeakSet()


def compile_all(dialect: Dialect) -> None:
    """Every statement that there is by now, for this kind of database: before processes part, so that they share what is made."""
    for each in list(_made):
        each.compiled(dialect)


class Ready:
    """A statement that never changes and answers with rows, ready to run: a SELECT, or a change with RETURNING.

    Give every value as a bound parameter; lists of values are not possible.
    """

    def __init__(self, statement: Any) -> None:
        self.statement = statement
        self._compiled: dict[str, Compiled] = {}
        _made.add(self)

    def compiled(self, dialect: Dialect) -> Compiled:
        """For this kind of database; made at the first use, if not before."""
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _kind(dialect)(self.statement, dialect)
        return found

    def rows(self, connection: Connection, parameters: dict[str, Any], *, writes: bool = False) -> Sequence[Any]:
        """What SQLAlchemy would answer; it does, where somebody listens to its statements.

        When something is wrong while reading, it is asked again by SQLAlchemy. In a transaction that writes, or that the database has given
        up, nothing can be asked again. Whoever writes has begun, so that SQLAlchemy knows what there is to commit.
        """
        if connection.engine.dispatch.before_cursor_execute or (writes and not connection.in_transaction()):
            return connection.execute(self.statement, parameters).all()
        compiled = self.compiled(connection.dialect)
        try:
            return compiled.rows(connection, parameters)
        except connection.dialect.loaded_dbapi.Error as wrong:
            if writes or compiled.given_up(connection):
                raise reported(connection, wrong, compiled.sql) from wrong
            return connection.execute(self.statement, parameters).all()


def reported(connection: Connection, wrong: Any, sql: str) -> BaseException:
    """The driver's error as SQLAlchemy reports it. Of a connection that has broken it must learn itself: it then hands nobody that one
    again, nor any that the pool opened before."""
    dialect = connection.dialect
    broken = dialect.is_disconnect(wrong, connection.connection.dbapi_connection, None)
    if broken:
        try:
            connection.exec_driver_sql("SELECT 1")
        except DBAPIError as lost:
            return lost
        connection.invalidate(wrong)
    base = dialect.loaded_dbapi.Error
    found: BaseException = DBAPIError.instance(sql, None, wrong, base, hide_parameters=True, connection_invalidated=broken, dialect=dialect)
    return found


def doubt(connection: Connection) -> None:
    """On a rollback, even to a savepoint, PostgreSQL's driver may drop all that is prepared, `Ready` statements as well. It also does when
    something is dropped or altered, which no transaction of ours does; whoever does, calls this."""
    if not connection.invalidated and (kept := connection.info.get("ready")):
        kept.doubtful = True


def doubt_returned(driver: Any, record: Any, _state: Any) -> None:
    """The same for a connection that comes back to its pool with a transaction still open, which the pool then rolls back."""
    if driver is not None and driver.pgconn.transaction_status and (kept := record.info.get("ready")):  # 0: none
        kept.doubtful = True


class Compiled:
    """One statement in one dialect: its text, and how values go in and come out."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        made = statement.compile(dialect=dialect)
        given = {name for bind, name in made.bind_names.items() if bind.required}
        state = made.construct_expanded_state(dict.fromkeys(given))  # its own lists of values, such as statuses, written out
        self.sql: str = state.statement
        self._order: Sequence[str] | None = state.positiontup if made.positional else None
        writers = {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for bind, name in made.bind_names.items()}
        self._fixed = {name: _written(writers.get(name), value) for name, value in state.parameters.items() if name not in given}
        self._writers = [(name, writers[name]) for name in given]
        columns = made._result_columns
        readers = ((at, column.type.dialect_impl(dialect).result_processor(dialect, None)) for at, column in enumerate(columns))
        self.readers = [(at, reader) for at, reader in readers if reader is not None]
        self.row = partial(tuple.__new__, namedtuple("Found", [column.keyname for column in columns], rename=True))

    def rows(self, connection: Connection, parameters: dict[str, Any]) -> Sequence[Any]:
        """Ask, on the connection's own driver."""
        driver: Any = connection.connection.driver_connection
        return self.read(driver.execute(self.sql, self.bind(parameters)).fetchall())

    def given_up(self, connection: Connection) -> bool:  # noqa: ARG002 - PostgreSQL looks at it
        """Will the database answer nothing more in this transaction?"""
        return False

    def bind(self, parameters: dict[str, Any]) -> Any:
        """The values as the driver takes them: by name, or in the order of the text's question marks."""
        values = self._fixed.copy()
        for name, writer in self._writers:
            values[name] = _written(writer, parameters[name])
        return values if self._order is None else [values[name] for name in self._order]

    def read(self, found: Sequence[Any]) -> list[Any]:
        """The driver's rows as ours."""
        row, readers = self.row, self.readers
        if not readers:
            return [row(each) for each in found]
        rows = []
        for each in found:
            values = list(each)
            for at, reader in readers:
                values[at] = reader(values[at])
            rows.append(row(values))
        return rows


def _kind(dialect: Dialect) -> type[Compiled]:
    if dialect.name != "postgresql":
        return Compiled
    from app.core.prepared import Prepared  # not loaded where there is no PostgreSQL

    return Prepared


def _written(writer: Processor | None, value: Any) -> Any:
    return value if writer is None else writer(value)
