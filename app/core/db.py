"""Every difference between SQLite and PostgreSQL, and the base classes of all tables."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Date,
    Dialect,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy import DateTime as SqlDateTime
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from app.core.declared import Declared, Mapped, mapped_column
from app.core.ready import doubt, doubt_returned, reported

ONE: ColumnElement[int] = literal_column("1")  # for EXISTS
AnySelect: TypeAlias = "Select[*tuple[Any, ...]]"  # a select of whatever columns
MOMENT = 0.1  # seconds
KEEPS = 3000  # kB: with less, the search for a frequent name among 100,000 people reads more of it anew each time
FOREVER = date(9999, 12, 31)  # the open end of a period: keeps predicates plain and indexes useful

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Key = BigInteger().with_variant(Integer, "sqlite")  # SQLite only numbers rows by itself for INTEGER


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware UTC in Python, `timestamptz` on PostgreSQL, ISO text without zone on SQLite. A naive value is refused."""

    impl = SqlDateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(SqlDateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant must carry its time zone")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:  # noqa: ARG002
        """On SQLite the text is read in one step; PostgreSQL's driver answers in the session's time zone, which is UTC."""
        return _read_instant if dialect.name == "sqlite" else None


def _read_instant(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored + "+00:00")  # six times as quick as replacing the zone


class Base(Declared):
    """A table declared as a class; its rows are read and written with Core statements (docs/decisions/0002)."""

    metadata = MetaData(naming_convention=NAMING)
    __kinds__: ClassVar[dict[Any, Any]] = {
        int: Key,
        str: String(),
        bool: Boolean(),
        bytes: LargeBinary(),
        date: Date(),
        datetime: UtcDateTime(),
    }


class Model(Base):
    """A table whose rows are numbered."""

    id: Mapped[int] = mapped_column(Key, primary_key=True)


def _sqlite_setup(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in (
        "journal_mode=wal",
        "synchronous=full",
        "busy_timeout=20000",
        "foreign_keys=on",
    ):
        connection.execute("pragma " + pragma)


def _begin(connection: Connection, how: str) -> None:
    """Every page and every change begins with this: the driver is asked directly."""
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(how)
    except sqlite3.Error as wrong:
        raise reported(connection, wrong, how) from wrong


# Reading on PostgreSQL: the working set is in memory, where rows cost the same in whatever order, and too little is read for compiling
# to pay. Plans are left to PostgreSQL: making it keep one a statement saves nothing on hot pages, and made a head count of 100,000
# people nine times slower.
_READING = "-c timezone=UTC -c default_transaction_read_only=on -c random_page_cost=1.1 -c jit=off"


class Database:
    """Two pools over one database: `write` transactions take their place in the queue of writers, `read` ones cannot change anything.

    SQLite keeps what is read again and again, `keeps` kB in each reading connection. Nothing is mapped into memory: it saved no time, and
    what is mapped counts as a process's own.
    """

    def __init__(self, url: str, *, pool: int = 4, keeps: int = KEEPS) -> None:
        self.url = url
        self.sqlite = url.startswith("sqlite")
        self._lock_file: Path | None = None
        self._local = threading.local()
        self._handles: list[int] = []
        common: dict[str, Any] = dict(pool_size=pool, max_overflow=0, pool_timeout=30, query_cache_size=2000, hide_parameters=True)
        if self.sqlite:
            path = Path(url.removeprefix("sqlite:///"))
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock_file = path.with_name(path.name + ".writer")
            args = {"check_same_thread": False, "timeout": 20}
            self.write = create_engine(url, connect_args=args, **common)
            self.read = create_engine(url, connect_args=args, **common)
            for engine in (self.write, self.read):
                event.listen(engine, "connect", _sqlite_setup)
            event.listen(self.write, "connect", lambda connection, _: connection.execute(f"pragma cache_size=-{KEEPS}"))
            event.listen(self.read, "connect", lambda connection, _: connection.execute(f"pragma cache_size=-{keeps}"))
            event.listen(self.read, "connect", lambda connection, _: connection.execute("pragma query_only=on"))
            event.listen(self.write, "begin", lambda connection: _begin(connection, "begin immediate"))
            event.listen(self.read, "begin", lambda connection: _begin(connection, "begin"))
        else:
            url = url.replace("postgresql://", "postgresql+psycopg://", 1)
            self.write = create_engine(url, connect_args={"options": "-c timezone=UTC", "prepare_threshold": 2}, **common)
            # A page asks a few short questions: each sees what is committed when it is asked, and two round trips for BEGIN and its end
            # are spared. Whoever needs one moment for several questions asks for a snapshot (core.tx.transaction).
            self.read = create_engine(
                url,
                isolation_level="AUTOCOMMIT",
                connect_args={"options": _READING, "prepare_threshold": 2},
                **common,
            )
            for engine in (self.write, self.read):
                event.listen(engine, "rollback", doubt)
                event.listen(engine, "rollback_savepoint", lambda connection, _name, _context: doubt(connection))
                event.listen(engine, "reset", doubt_returned)

    def writer_turn(self) -> Any:
        """SQLite has one writer. Waiting on a file lock is fair; SQLite's own busy polling is not, and starves the unlucky."""
        return self._flock() if self.sqlite else nullcontext()

    def turn_is_near(self) -> bool:
        """Could a writer begin within MOMENT? For what can also be written later. Not asked inside one's own turn."""
        if not self.sqlite:
            return True
        handle = self._handle()
        until = time.monotonic() + MOMENT
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    return False
                time.sleep(MOMENT / 20)
            else:
                fcntl.flock(handle, fcntl.LOCK_UN)
                return True

    @contextmanager
    def _flock(self) -> Iterator[None]:
        handle = self._handle()
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)

    def _handle(self) -> int:
        """A lock belongs to an open file, so each thread (and each process after a fork) opens its own."""
        handle, pid = getattr(self._local, "handle", (-1, 0))
        if handle < 0 or pid != os.getpid():
            handle = os.open(str(self._lock_file), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            self._local.handle = (handle, os.getpid())
            self._handles.append(handle)
        return int(handle)

    def dispose(self) -> None:
        self.write.dispose()
        self.read.dispose()
        while self._handles:
            os.close(self._handles.pop())
        self._local = threading.local()


def is_postgresql(connection: Connection) -> bool:
    """Is this connection to PostgreSQL rather than SQLite?"""
    return connection.dialect.name == "postgresql"


def _ddl(statement: str) -> Any:
    return DDL(statement)  # type: ignore[no-untyped-call]


def no_overlap(table: Table, key: str, starts: str, ends: str, where: str, *, kind: str = "date", name: str) -> None:
    """No two rows of one `key` may overlap in time (`[starts, ends)`) while `where` holds: the database refuses the second.

    PostgreSQL takes an exclusion constraint, which holds under races; on SQLite, where writers take turns, two triggers do the same.
    `where` must name columns bare; migrations carry the same DDL through their own helper.
    """
    for statement in overlap_ddl("postgresql", table.name, key, starts, ends, where, kind, name):
        event.listen(table, "after_create", _ddl(statement.replace("%", "%%")).execute_if(dialect="postgresql"))
    for statement in overlap_ddl("sqlite", table.name, key, starts, ends, where, kind, name):
        event.listen(table, "after_create", _ddl(statement.replace("%", "%%")).execute_if(dialect="sqlite"))


def overlap_ddl(dialect: str, table: str, key: str, starts: str, ends: str, where: str, kind: str, name: str) -> list[str]:
    """The statements behind `no_overlap`, for one kind of database."""
    if dialect == "postgresql":
        span = f"daterange({starts}, {ends})" if kind == "date" else f"tstzrange({starts}, {ends})"
        return [
            f"ALTER TABLE {table} ADD CONSTRAINT {name} EXCLUDE USING gist "
            f"(int8range({key}, {key}, '[]') WITH &&, {span} WITH &&) WHERE ({key} IS NOT NULL AND {where})"
        ]
    clash = (
        f"SELECT RAISE(ABORT, '{name}') FROM {table} AS other WHERE other.{key} = NEW.{key} AND other.rowid <> NEW.rowid "
        f"AND other.{starts} < NEW.{ends} AND NEW.{starts} < other.{ends} AND {_prefixed(where, 'other')} AND {_prefixed(where, 'NEW')}"
    )
    return [
        f"CREATE TRIGGER {name}_insert AFTER INSERT ON {table} BEGIN {clash}; END",
        f"CREATE TRIGGER {name}_update AFTER UPDATE ON {table} BEGIN {clash}; END",
    ]


def _prefixed(where: str, alias: str) -> str:
    """`superseded_at IS NULL AND is_primary` → the same with each condition's column under `alias`."""
    return " AND ".join(f"{alias}.{part.strip()}" for part in where.split(" AND "))


def append_only(table: Table) -> None:
    """Rows of this table are never changed or deleted; the database refuses both."""
    for statement in append_only_ddl("sqlite", table.name):
        event.listen(table, "after_create", _ddl(statement).execute_if(dialect="sqlite"))
    for statement in append_only_ddl("postgresql", table.name):
        event.listen(table, "after_create", _ddl(statement).execute_if(dialect="postgresql"))


def append_only_ddl(dialect: str, table: str) -> list[str]:
    """The statements behind `append_only`, for one kind of database."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        f"CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$",
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_append_only()",
    ]


def on_postgresql(table: Table, *statements: str) -> None:
    """What only PostgreSQL has of a table, such as a default or another kind of index; migrations carry the same words."""
    for statement in statements:
        event.listen(table, "after_create", _ddl(statement).execute_if(dialect="postgresql"))


def full_text(table: Table, config: str) -> None:
    """Index `search_text` of a table for `matches`: a GIN index on PostgreSQL, an FTS5 table with triggers on SQLite."""
    for dialect in ("sqlite", "postgresql"):
        for statement in full_text_ddl(dialect, table.name, config):
            event.listen(table, "after_create", _ddl(statement).execute_if(dialect=dialect))


def full_text_ddl(dialect: str, table: str, config: str) -> list[str]:
    """The statements behind `full_text`, for one kind of database."""
    if dialect == "postgresql":
        return [f"CREATE INDEX ix_{table}_search ON {table} USING gin (to_tsvector('{config}', search_text))"]
    tokenizer = "porter unicode61" if config == "english" else "unicode61"
    fts, old, new = f"{table}_fts", "old.id, old.search_text", "new.id, new.search_text"
    remove = f"INSERT INTO {fts} ({fts}, rowid, search_text) VALUES ('delete', {old});"
    add = f"INSERT INTO {fts} (rowid, search_text) VALUES ({new});"
    return [
        f"CREATE VIRTUAL TABLE {fts} USING fts5 (search_text, content='{table}', content_rowid='id', "
        f"tokenize='{tokenizer}', prefix='2 3 4')",
        f"CREATE TRIGGER {fts}_insert AFTER INSERT ON {table} BEGIN {add} END",
        f"CREATE TRIGGER {fts}_delete AFTER DELETE ON {table} BEGIN {remove} END",
        f"CREATE TRIGGER {fts}_update AFTER UPDATE OF search_text ON {table} BEGIN {remove} {add} END",
    ]


class few(FunctionElement[bool]):  # noqa: N801 - reads as a function in a WHERE
    """Always true of a row that exists; tells SQLite's planner that the set which `column` comes from is small.

    It takes recursive and compound sets for enormous, and then reads a whole table to filter it beforehand: at 100,000 people a
    manager's reach took 90 ms so, and 0.1 ms with this.
    """

    inherit_cache = True  # and no type: SQLAlchemy would write a boolean as `… = 1`, which hides it from the planner


@compiles(few)
def _few(element: Any, compiler: Any, **kw: Any) -> str:
    return f"{compiler.process(element.clauses, **kw)} IS NOT NULL"


@compiles(few, "sqlite")
def _few_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"likelihood({compiler.process(element.clauses, **kw)} IS NOT NULL, 0.0001)"


def matches(connection: Connection, table: str, id_column: ColumnElement[int], words: list[str], config: str) -> ColumnElement[bool]:
    """Rows of `table` whose search_text holds a word beginning with each of `words` (already normalised: letters and digits only)."""
    postgresql = is_postgresql(connection)
    return matching(postgresql, table, id_column, config, bindparam("q", match_query(postgresql, words)))


def match_query(postgresql: bool, words: list[str]) -> str:
    """`words` in the language of the database's full-text search: all of them, each as the beginning of a word."""
    return " & ".join(f"{word}:*" for word in words) if postgresql else " AND ".join(f'"{word}"*' for word in words)


def matching(postgresql: bool, table: str, id_column: ColumnElement[int], config: str, query: Any) -> ColumnElement[bool]:
    """`matches` with the `match_query` as a parameter, for statements that are built once."""
    if postgresql:
        document = func.to_tsvector(literal_column(f"'{config}'"), literal_column(f"{table}.search_text"))
        return document.bool_op("@@")(func.to_tsquery(literal_column(f"'{config}'"), query))
    index = f"{table}_fts"
    hits: AnySelect = select(literal_column("rowid")).select_from(text(index)).where(literal_column(index).bool_op("MATCH")(query))
    return id_column.in_(hits.scalar_subquery())


def append(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Add many rows of plain values, in the order of `columns`, in the cheapest way there is: for logs, whose rows nobody waits for."""
    if not is_postgresql(connection):
        connection.execute(table.insert(), [dict(zip(columns, row, strict=True)) for row in rows])
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
        copy.write("".join("\t".join(map(_copied, row)) + "\n" for row in rows))


def _copied(value: Any) -> str:
    """A value as PostgreSQL's COPY reads it in text."""
    if value is None:
        return "\\N"
    return value.translate(_COPY) if isinstance(value, str) else str(value)


_COPY = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def connect(url: str, *, pool: int = 4, keeps: int = KEEPS) -> Database:
    """Open a database by its address; `pool` is how many connections each of its two pools may hold, `keeps` as for `Database`."""
    return Database(url, pool=pool, keeps=keeps)


__all__ = [
    "FOREVER",
    "AnySelect",
    "Base",
    "Database",
    "Engine",
    "Key",
    "Model",
    "UtcDateTime",
    "append",
    "connect",
    "full_text",
    "is_postgresql",
    "matches",
    "no_overlap",
]
