"""`Ready` on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
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
        if not driver.autocommit:  # a snapshot: its cursor says BEGIN
            return super().rows(connection, parameters)
        known: dict[Any, Any] = connection.info.setdefault("ready", {})
        adapter = known.get(self)
        if adapter is None:
            adapter = known[self] = Transformer(driver)
        values = self.bind(parameters)
        given = adapter.dump_sequence([values[name] for name in self._names], self._formats)
        # A value's size or absence decides its type, and each list of types is a statement of its own
        name = known.get((self, adapter.types)) or self._prepare(driver, adapter, known)
        result = driver.pgconn.exec_prepared(name, given, adapter.formats, Format.BINARY)
        if result.status != ExecStatus.TUPLES_OK:
            known.clear()
            raise error_from_result(result, driver.info.encoding)
        adapter.set_pgresult(result)
        found: list[Any] = adapter.load_rows(0, result.ntuples, tuple if self.readers else self.row)
        adapter.set_pgresult(None)  # else it would keep the answer until the next
        return self.read(found) if self.readers else found

    def _prepare(self, driver: Any, adapter: Any, known: dict[Any, Any]) -> bytes:
        name = f"ready_{next(_NUMBER)}".encode()
        result = driver.pgconn.prepare(name, self._text, adapter.types)
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result, driver.info.encoding)
        known[self, adapter.types] = name
        return name
