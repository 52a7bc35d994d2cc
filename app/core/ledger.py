"""The ledger: an append-only audit row and the outgoing messages, written in the transaction of the change they describe."""

from __future__ import annotations

from datetime import datetime
from functools import cache, lru_cache, partial
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Insert, bindparam, insert, literal, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection

from app.core.db import Model, append_only, is_postgresql, on_postgresql
from app.core.declared import Mapped, mapped_column
from app.core.ready import Ready

WAITING = text("sent_at IS NULL AND parked_at IS NULL")
Json = JSON().with_variant(JSONB(), "postgresql")


class Audit(Model):
    """Who did what, when, to which row and about whom. A booking's rows here are its history: `state` is the state it moved to."""

    __tablename__ = "audit"
    at: Mapped[datetime]
    actor_kind: Mapped[str]  # person · client · link · system
    actor_id: Mapped[int | None]  # people.id for a person or link, api_clients.id for a client
    action: Mapped[str]  # "booking.made"
    subject: Mapped[str]  # the table of the row it is about
    subject_id: Mapped[int | None]
    person_id: Mapped[int | None]  # the person it concerns, who may ask who looked at or changed their record
    state: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(Json)
    request_id: Mapped[str | None]
    xid: Mapped[int | None]  # PostgreSQL: the transaction that wrote it, by which the change feed knows what is committed for good
    __table_args__ = (Index("ix_audit_subject", "subject", "subject_id"), Index("ix_audit_person", "person_id", "at"))


append_only(Audit.__table__)
on_postgresql(
    Audit.__table__,
    "ALTER TABLE audit ALTER COLUMN xid SET DEFAULT (pg_current_xact_id()::text::bigint)",
    "CREATE INDEX ix_audit_xid ON audit (xid) WHERE xid IS NOT NULL",
)


class Outbox(Model):
    """A message to be delivered, queued once with the change it tells of. The worker renders it when it sends it."""

    __tablename__ = "outbox"
    kind: Mapped[str]  # "email.booking_made"
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # to whom
    subject: Mapped[str]
    subject_id: Mapped[int | None]
    facts: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]  # not before; moved on after a failure
    attempts: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    parked_at: Mapped[datetime | None]  # gave up: an administrator sees it
    error: Mapped[str | None]
    how: Mapped[str] = mapped_column(
        default="email", server_default="email"
    )  # email · digest: waits for the reader's daily summary · inbox: only there
    digest_id: Mapped[int | None] = mapped_column(ForeignKey("outbox.id"))  # the summary that told it
    read_at: Mapped[datetime | None]  # in the inbox
    __table_args__ = (
        Index(
            "ix_outbox_waiting",
            "due_at",
            sqlite_where=WAITING,
            postgresql_where=WAITING,
        ),
        Index("ix_outbox_subject", "subject", "subject_id"),
        Index("ix_outbox_person", "person_id", "created_at"),
        Index("ix_outbox_sent", "sent_at", sqlite_where=text("sent_at IS NOT NULL"), postgresql_where=text("sent_at IS NOT NULL")),
        Index("ix_outbox_parked", "parked_at", sqlite_where=text("parked_at IS NOT NULL"), postgresql_where=text("parked_at IS NOT NULL")),
    )


def entry(
    actor_kind: str,
    actor_id: int | None,
    at: datetime,
    request_id: str | None,
    action: str,
    subject: str,
    person_id: int | None,
    state: str | None,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Values of an audit row, all but the row it is about."""
    return dict(
        at=at,
        actor_kind=actor_kind,
        actor_id=actor_id,
        action=action,
        subject=subject,
        person_id=person_id,
        state=state,
        facts=facts,
        request_id=request_id,
    )


def message(kind: str, at: datetime, subject: str, person_id: int | None, facts: dict[str, Any]) -> dict[str, Any]:
    """Values of an outbox row, all but the row it is about."""
    return dict(kind=kind, person_id=person_id, subject=subject, facts=facts, created_at=at, due_at=at, attempts=0)


def write(db: Connection, audit: dict[str, Any], messages: list[dict[str, Any]], subject_id: int | None) -> None:
    """Add the audit row and its messages to the open transaction."""
    _add(db, Audit, {**audit, "subject_id": subject_id})
    for row in messages:
        _add(db, Outbox, {**row, "subject_id": subject_id})


def insert_recorded(db: Connection, table: Any, values: dict[str, Any], audit: dict[str, Any], messages: list[dict[str, Any]]) -> int:
    """Insert a row together with its audit row and at most one message; returns its id. One round trip on PostgreSQL."""
    if is_postgresql(db) and len(messages) <= 1:
        values = _whole(table, values)
        statement = _one_statement(table, tuple(values), bool(messages))
        parameters = {f"v_{key}": value for key, value in values.items()} | {f"a_{key}": value for key, value in audit.items()}
        if messages:
            parameters |= {f"m_{key}": value for key, value in messages[0].items()}
        return int(statement.rows(db, parameters, writes=True)[0][0])
    new = _add(db, table, values)
    write(db, audit, messages, new)
    return new


def _add(db: Connection, table: Any, values: dict[str, Any]) -> int:
    values = _whole(table, values)
    return int(_insert(table, tuple(values)).rows(db, {f"v_{key}": value for key, value in values.items()}, writes=True)[0][0])


def _whole(table: Any, values: dict[str, Any]) -> dict[str, Any]:
    """The values, and the defaults of the columns that are not among them."""
    return {name: default(None) for name, default in _defaults(table) if name not in values} | values


@cache
def _defaults(table: Any) -> list[tuple[str, Any]]:
    found = [(column.name, column.default) for column in table.__table__.c if column.default is not None]
    return [(name, default.arg if default.is_callable else partial(_same, default.arg)) for name, default in found]


def _same(value: Any, _context: None) -> Any:
    return value


@lru_cache(maxsize=500)
def _insert(table: Any, columns: tuple[str, ...]) -> Ready:
    """INSERT … RETURNING id: built once for each shape."""
    return Ready(_new_row(table, columns))


def _new_row(table: Any, columns: tuple[str, ...]) -> Any:
    return insert(table).values({name: bindparam(f"v_{name}") for name in columns}).returning(table.id)


@lru_cache(maxsize=200)
def _one_statement(table: Any, columns: tuple[str, ...], tells: bool) -> Ready:
    """WITH row AS (INSERT … RETURNING id), audit AS (INSERT … SELECT id FROM row), … SELECT id FROM row: built once for each shape."""
    row = _new_row(table, columns).cte("new_row")

    def beside(target: Any, prefix: str, names: tuple[str, ...], alias: str) -> Any:
        picked = [bindparam(f"{prefix}_{name}", type_=target.__table__.c[name].type).label(name) for name in names]
        statement: Insert = insert(target).from_select([*names, "subject_id"], select(*picked, row.c.id), include_defaults=False)
        return statement.returning(literal(1).label("one")).cte(alias)

    statement = select(row.c.id)
    extras = [
        beside(Audit, "a", ("at", "actor_kind", "actor_id", "action", "subject", "person_id", "state", "facts", "request_id"), "new_audit")
    ]
    if tells:
        extras.append(beside(Outbox, "m", ("kind", "person_id", "subject", "facts", "created_at", "due_at", "attempts"), "new_message"))
    return Ready(statement.add_cte(*extras))
