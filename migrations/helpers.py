"""What SQLAlchemy's operations cannot say on both databases: overlap guards, append-only tables, full-text indexes.

Migrations must not import the application, whose code moves on while they stand still.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON_TYPE = sa.JSON().with_variant(JSONB(), "postgresql")


def _postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _prefixed(where: str, alias: str) -> str:
    return " AND ".join(f"{alias}.{part.strip()}" for part in where.split(" AND "))


def no_overlap(table: str, key: str, starts: str, ends: str, where: str, *, name: str, kind: str = "date") -> None:
    """Refuse a second row of one `key` whose `[starts, ends)` overlaps a first, while `where` holds for both."""
    if _postgresql():
        span = f"daterange({starts}, {ends})" if kind == "date" else f"tstzrange({starts}, {ends})"
        op.execute(
            sa.text(
                f"ALTER TABLE {table} ADD CONSTRAINT {name} EXCLUDE USING gist "
                f"(int8range({key}, {key}, '[]') WITH &&, {span} WITH &&) WHERE ({key} IS NOT NULL AND {where})"
            )
        )
        return
    clash = (
        f"SELECT RAISE(ABORT, '{name}') FROM {table} AS other WHERE other.{key} = NEW.{key} AND other.rowid <> NEW.rowid "
        f"AND other.{starts} < NEW.{ends} AND NEW.{starts} < other.{ends} AND {_prefixed(where, 'other')} AND {_prefixed(where, 'NEW')}"
    )
    op.execute(sa.text(f"CREATE TRIGGER {name}_insert AFTER INSERT ON {table} BEGIN {clash}; END"))
    op.execute(sa.text(f"CREATE TRIGGER {name}_update AFTER UPDATE ON {table} BEGIN {clash}; END"))


def append_only(table: str) -> None:
    """Refuse every UPDATE and DELETE."""
    if _postgresql():
        op.execute(
            sa.text(
                f"CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
            )
        )
        op.execute(
            sa.text(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_append_only()"
            )
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            sa.text(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        )


def full_text(table: str, config: str) -> None:
    """Index `search_text`: GIN on PostgreSQL, FTS5 kept in step by triggers on SQLite."""
    if _postgresql():
        op.execute(sa.text(f"CREATE INDEX ix_{table}_search ON {table} USING gin (to_tsvector('{config}', search_text))"))
        return
    tokenizer = "porter unicode61" if config == "english" else "unicode61"
    fts = f"{table}_fts"
    remove = f"INSERT INTO {fts} ({fts}, rowid, search_text) VALUES ('delete', old.id, old.search_text);"
    add = f"INSERT INTO {fts} (rowid, search_text) VALUES (new.id, new.search_text);"
    op.execute(
        sa.text(
            f"CREATE VIRTUAL TABLE {fts} USING fts5 (search_text, content='{table}', content_rowid='id', "
            f"tokenize='{tokenizer}', prefix='2 3 4')"
        )
    )
    op.execute(sa.text(f"CREATE TRIGGER {fts}_insert AFTER INSERT ON {table} BEGIN {add} END"))
    op.execute(sa.text(f"CREATE TRIGGER {fts}_delete AFTER DELETE ON {table} BEGIN {remove} END"))
    op.execute(sa.text(f"CREATE TRIGGER {fts}_update AFTER UPDATE OF search_text ON {table} BEGIN {remove} {add} END"))


def drop_full_text(table: str) -> None:
    if not _postgresql():
        op.execute(sa.text(f"DROP TABLE {table}_fts"))
