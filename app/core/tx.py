"""Tx: one transaction, who is acting, and what time it is. Nothing else in the service commits or reads the clock."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import ClauseElement, Insert, Row, Update, bindparam, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from app.core import ledger
from app.core.calendar import london
from app.core.db import AnySelect, Base, Database, is_postgresql
from app.core.errors import Conflict, NotFound
from app.core.ready import Ready

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is acting: a signed-in person, an API client, the holder of a single-use link, or the system itself."""

    kind: str = "system"  # person · client · link · system
    id: int | None = None
    name: str = ""
    roles: tuple[tuple[str, int | None], ...] = ()  # (role, node of the organisation tree it is held for; None: everywhere)
    scopes: frozenset[str] = frozenset()  # an API client's
    organisation_id: int | None = None  # a person's employer; the only organisation a limited client may see

    @property
    def person_id(self) -> int | None:
        return self.id if self.kind in ("person", "link") else None

    @property
    def is_system(self) -> bool:
        return self.kind == "system"


SYSTEM = Actor()
NOBODY = Actor(kind="nobody")


def clock() -> datetime:
    """The one place that asks what time it is; tests replace it."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Tx:
    """One open transaction with its actor and its moment. Rows come back as rows; there are no objects to refresh."""

    db: Connection
    actor: Actor
    now: datetime
    request_id: str | None = None
    writes: bool = False
    memo: dict[str, Any] = field(default_factory=dict)  # what this transaction already asked, such as the actor's reach
    afterwards: list[Callable[[Database], Any]] = field(default_factory=list)  # done once it is committed, each in a transaction of its own
    held: list[dict[str, Any]] | None = None  # audit rows that wait to be written together

    @property
    def today(self) -> date:
        """Today in London."""
        if "today" not in self.memo:
            self.memo["today"] = london(self.now).date()
        day: date = self.memo["today"]
        return day

    # reading -------------------------------------------------------------------------------------------------------
    def rows(self, statement: Any, **parameters: Any) -> Sequence[Row[Any]]:
        if type(statement) is Ready:
            return statement.rows(self.db, parameters, writes=self.writes)
        return self.db.execute(statement, parameters).all()

    def one(self, statement: Any, **parameters: Any) -> Row[Any] | None:
        if type(statement) is Ready:
            found = statement.rows(self.db, parameters, writes=self.writes)
            return found[0] if found else None
        return self.db.execute(statement, parameters).first()

    def scalar(self, statement: Any, **parameters: Any) -> Any:
        if type(statement) is Ready:
            found = statement.rows(self.db, parameters, writes=self.writes)
            return found[0][0] if found else None
        return self.db.execute(statement, parameters).scalar()

    def get(self, table: type[Base], key: int, *, lock: bool = False, what: str = "") -> Row[Any]:
        """The whole row, or NotFound. `lock` makes contenders take turns on PostgreSQL (on SQLite writers do anyway)."""
        row = self.db.execute(_whole(table, lock and is_postgresql(self.db)), {"key": key}).first()
        if row is None:
            raise NotFound(f"There is no {what or table.__tablename__.rstrip('s')} with that reference.")
        return row

    # writing -------------------------------------------------------------------------------------------------------
    def insert(self, table: type[Base], **values: Any) -> int:
        """Add a row; returns its id."""
        key = self.db.execute(_new(table), values).inserted_primary_key
        assert key is not None
        return int(key[0])

    def insert_many(self, table: type[Base], rows: list[dict[str, Any]]) -> None:
        if rows:
            self.db.execute(_new(table), rows)

    def update(self, table: type[Base], key: int, **values: Any) -> None:
        if any(isinstance(value, ClauseElement) for value in values.values()):
            self.db.execute(update(table).where(table.__table__.c.id == key).values(**values))
        else:
            self.db.execute(_changed(table), {**values, "its_key": key})

    def record(
        self,
        action: str,
        subject: str,
        subject_id: int | None,
        *,
        person_id: int | None = None,
        state: str | None = None,
        tell: Sequence[str] = (),
        to: int | None = None,
        **facts: Any,
    ) -> None:
        """One audit row, and one outgoing message for each kind in `tell` (to `to`, or to the person it is about)."""
        audit = self._audit(action, subject, person_id, state, facts)
        if self.held is not None and not tell:
            self.held.append({**audit, "subject_id": subject_id})
            return
        self._write_held()
        messages = [ledger.message(kind, self.now, subject, to or person_id, facts) for kind in tell]
        ledger.write(self.db, audit, messages, subject_id)

    def record_all(self, action: str, subject: str, ids: Sequence[int], **facts: Any) -> None:
        """One audit row for each of these, of people who are the subject themselves; in one statement."""
        rows = [self._audit(action, subject, key, None, facts) | {"subject_id": key} for key in ids]
        if self.held is not None:
            self.held += rows
        elif rows:
            self.db.execute(_new(ledger.Audit), rows)

    @contextmanager
    def recording_together(self) -> Iterator[None]:
        """What is recorded inside is written when it ends, in its order and in one statement: for a change made of many small ones.

        Nothing inside may read the audit trail.
        """
        outer, self.held = self.held, [] if self.held is None else self.held
        yield  # whoever leaves by an exception rolls the transaction back
        if outer is None:
            self._write_held()
            self.held = None

    def _write_held(self) -> None:
        if self.held:
            self.db.execute(_new(ledger.Audit), self.held)
            self.held.clear()

    def insert_recorded(
        self,
        table: type[Base],
        values: dict[str, Any],
        *,
        action: str,
        person_id: int | None = None,
        state: str | None = None,
        tell: Sequence[str] = (),
        **facts: Any,
    ) -> int:
        """`insert` and `record` as one statement where the database can; returns the new row's id."""
        subject = table.__tablename__
        self._write_held()
        messages = [ledger.message(kind, self.now, subject, person_id, facts) for kind in tell]
        return ledger.insert_recorded(self.db, table, values, self._audit(action, subject, person_id, state, facts), messages)

    def _audit(self, action: str, subject: str, person_id: int | None, state: str | None, facts: dict[str, Any]) -> dict[str, Any]:
        return ledger.entry(self.actor.kind, self.actor.id, self.now, self.request_id, action, subject, person_id, state, facts)


# Written once for each table: SQLAlchemy takes longer to build such a statement than the database to answer it.


def _once(make: F) -> F:
    """Kept by the table, for as long as the process."""
    return cast("F", cache(make))


@_once
def _whole(table: Any, lock: bool) -> AnySelect:
    statement = select(table.__table__).where(table.__table__.c.id == bindparam("key"))
    return statement.with_for_update(key_share=True) if lock else statement


@_once
def _new(table: Any) -> Insert:
    return insert(table)


@_once
def _changed(table: Any) -> Update:
    return update(table).where(table.__table__.c.id == bindparam("its_key"))


@contextmanager
def transaction(
    database: Database, actor: Actor, *, writes: bool, request_id: str | None = None, now: datetime | None = None, snapshot: bool = False
) -> Iterator[Tx]:
    """The only code that commits. Leaving by an exception rolls everything back; a broken unique key becomes a Conflict.

    Reading cannot change anything. `snapshot`: all its questions see one moment (on SQLite they always do).
    """
    moment = now or clock()
    if not writes:
        with database.read.connect() as connection:
            if snapshot and not database.sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield Tx(connection, actor, moment, request_id)
        return
    with database.writer_turn():
        try:
            with database.write.connect() as connection, connection.begin():
                tx = Tx(connection, actor, moment, request_id, writes=True)
                yield tx
        except IntegrityError as broken:
            raise conflict_from(broken) from broken
    for work in tx.afterwards:
        try:
            work(database)
        except Exception as wrong:  # noqa: BLE001 - what was asked for is done and committed; the worker takes up what is left
            sys.stderr.write(json.dumps({"event": "afterwards-fault", "kind": type(wrong).__name__}) + "\n")


WORDS: dict[str, Callable[[], Conflict]] = {}  # constraint name (or the columns SQLite names) → what it means to a person; rooms add theirs


def meaning(*names: str, message: str, code: str) -> None:
    """Say what breaking a constraint means; `names` are the constraint's name and, for SQLite's unique keys, its "table.column" list."""
    for name in names:
        WORDS[name] = lambda: Conflict(message, code=code)


def conflict_from(broken: IntegrityError) -> Conflict:
    """What a broken constraint means, in words."""
    diagnosis = getattr(broken.orig, "diag", None)
    name = getattr(diagnosis, "constraint_name", None) or str(broken.orig).rpartition("failed: ")[2]
    make = WORDS.get(name)
    return make() if make else Conflict("Someone changed this at the same moment. Look at it again and retry.", code="conflict-at-once")
