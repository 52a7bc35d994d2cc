"""`Ready` on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import Error, FeatureNotSupported, InvalidSqlStatementName, OperationalError, error_from_result
from psycopg.pq import ExecStatus, Format, TransactionStatus
from sqlalchemy import Dialect
from sqlalchemy.engine import Connection

from app.core.ready import Compiled

_NUMBER = count(1)


class _Numbers(dict[str, str]):
    """Turns the driver's names of parameters into PostgreSQL's numbers, in their order; what is always the same is written out, for its
    planner to see and for nobody to send."""

    def __init__(self, fixed: dict[str, Any]) -> None:
        super().__init__({name: _literal(value) for name, value in fixed.items() if type(value) is str})
        self.names: list[str] = []

    def __missing__(self, name: str) -> str:
        self.names.append(name)
        self[name] = f"${len(self.names)}"
        return self[name]


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _begin(driver: Any) -> None:
    """As the driver's cursor does before its first statement."""
    result = driver.pgconn.exec_(b"BEGIN")
    if result.status != ExecStatus.COMMAND_OK:
        raise _wrong(driver, result)


def _wrong(driver: Any, result: Any) -> Error:
    """What PostgreSQL says is wrong; libpq itself has no code for a connection that is gone."""
    found = error_from_result(result, driver.info.encoding)
    return OperationalError(*found.args) if driver.broken else found


class _Kept:
    """What one connection has prepared, and what it reads and writes values with."""

    def __init__(self) -> None:
        self.adapters: dict[Prepared, Any] = {}
        self.names: dict[tuple[Prepared, Any], bytes] = {}
        self.doubtful = False  # see ready.doubt

    def look_again(self, driver: Any) -> None:
        """Keep what is still there."""
        there = {name.encode() for (name,) in driver.execute("SELECT name FROM pg_prepared_statements")}
        self.names = {key: name for key, name in self.names.items() if name in there}
        self.doubtful = False


class Prepared(Compiled):
    """On PostgreSQL, with libpq's own calls: the statement is prepared once on each connection, then one call sends it and waits.

    The driver's cursor takes longer over its bookkeeping than PostgreSQL over a short question. Answers come in binary: dates and numbers
    as PostgreSQL keeps them, which both sides are quicker at than at text.
    """

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        super().__init__(statement, dialect)
        numbers = _Numbers(self._fixed)
        self._text = (self.sql % numbers).encode()
        self._names = numbers.names
        self._formats = [PyFormat.AUTO] * len(numbers.names)

    def rows(self, connection: Connection, parameters: dict[str, Any]) -> Sequence[Any]:
        """Ask; what goes wrong is an error of the driver's, as from its cursor."""
        driver: Any = connection.connection.driver_connection
        if driver.pgconn.transaction_status == TransactionStatus.IDLE and not driver.autocommit:
            if driver.isolation_level is not None:
                return super().rows(connection, parameters)  # its cursor says of what kind the transaction is
            _begin(driver)
        info = connection.info
        kept: _Kept = info.get("ready") or info.setdefault("ready", _Kept())
        if kept.doubtful:
            kept.look_again(driver)
        adapter = kept.adapters.get(self)
        if adapter is None:
            adapter = kept.adapters[self] = Transformer(driver)
        values = self.bind(parameters)
        given = adapter.dump_sequence([values[name] for name in self._names], self._formats)
        # A value's size or absence decides its type, and each list of types is a statement of its own
        name = kept.names.get((self, adapter.types)) or self._prepare(driver, adapter, kept)
        result = driver.pgconn.exec_prepared(name, given, adapter.formats, Format.BINARY)
        if result.status != ExecStatus.TUPLES_OK:
            wrong = _wrong(driver, result)
            if isinstance(wrong, (FeatureNotSupported, InvalidSqlStatementName)):  # its tables have changed; somebody dropped it
                kept.names.clear()  # as those of other statements may be
            raise wrong
        adapter.set_pgresult(result)
        found: list[Any] = adapter.load_rows(0, result.ntuples, tuple if self.readers else self.row)
        adapter.set_pgresult(None)  # else it would keep the answer until the next
        return self.read(found) if self.readers else found

    def given_up(self, connection: Connection) -> bool:
        """As after any error in a snapshot or a change."""
        driver: Any = connection.connection.driver_connection
        return bool(driver.pgconn.transaction_status == TransactionStatus.INERROR)

    def _prepare(self, driver: Any, adapter: Any, kept: _Kept) -> bytes:
        name = f"ready_{next(_NUMBER)}".encode()
        result = driver.pgconn.prepare(name, self._text, adapter.types)
        if result.status != ExecStatus.COMMAND_OK:
            raise _wrong(driver, result)
        kept.names[self, adapter.types] = name
        return name
