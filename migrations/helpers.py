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


def reword(table: str, *edits: tuple[str, str]) -> None:
    """On SQLite, change constraints in the stored text of a table; each edit is (old, new), and every old must stand there.

    SQLite has no ALTER for constraints. Its own documentation names this way for changes that leave the rows' form as it is: constraints
    of which every row already there is known to keep the new ones. Add columns before, drop them after. PostgreSQL: does nothing.
    """
    if _postgresql():
        return
    db = op.get_bind()
    # The edited text is bound as a value, so nothing of it is read as SQL here; SQLite parses it when the schema is loaded again.
    sql = db.execute(sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table"), {"table": table}).scalar_one()
    for old, new in edits:
        if sql.count(old) != 1:
            raise RuntimeError(f"{table}: {old!r} stands there {sql.count(old)} times, not once")
        sql = sql.replace(old, new)
    version = db.exec_driver_sql("PRAGMA schema_version").scalar_one()
    db.exec_driver_sql("PRAGMA writable_schema = on")
    db.execute(sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :table"), {"sql": sql, "table": table})
    db.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    db.exec_driver_sql("PRAGMA writable_schema = reset")


def add_to_end(table: str, constraint: str) -> None:
    """On SQLite, add a constraint after the last one of a table: "CONSTRAINT … FOREIGN KEY(…) REFERENCES …"."""
    if _postgresql():
        return
    db = op.get_bind()
    sql = db.execute(sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table"), {"table": table}).scalar_one()
    body = sql.rstrip()[:-1].rstrip()
    reword(table, (sql, f"{body}, \n\t{constraint}\n)"))


def refuse(table: str, verb: str, name: str, when: str, *, hold: str = "") -> None:
    """Refuse `verb` of a row while `when` (over OLD and NEW) holds, as the broken constraint `name`; PostgreSQL holds the rows of `hold`."""
    if not _postgresql():
        when = when.replace("IS NOT DISTINCT FROM", "IS")
        op.execute(sa.text(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{name}'); END"))
        return
    held = f"PERFORM {hold.removeprefix('SELECT ')}; " if hold else ""
    row = "OLD" if verb == "DELETE" else "NEW"
    op.execute(
        sa.text(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {held}IF {when} THEN "
            f"RAISE EXCEPTION '{name}' USING ERRCODE = '23000', CONSTRAINT = '{name}'; END IF; RETURN {row}; END $$"
        )
    )
    op.execute(sa.text(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"))


def redactable(table: str, names: list[str], columns: list[str]) -> None:
    """Never change or delete rows, but that words of `columns` give way to "[Redacted]". `names`: all of the table's columns."""
    kept = [f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in names if name not in columns]
    words = [f"(NEW.{name} IS NOT DISTINCT FROM OLD.{name} OR coalesce(NEW.{name}, '') = '[Redacted]')" for name in columns]
    refuse(table, "UPDATE", f"{table}_frozen_update", f"NOT ({' AND '.join(kept + words)})")
    refuse(table, "DELETE", f"{table}_frozen_delete", f"OLD.{names[0]} IS NOT NULL")


def no_longer(table: str, *names: str) -> None:
    """Take triggers away, on PostgreSQL with their functions."""
    for name in names:
        if _postgresql():
            op.execute(sa.text(f"DROP TRIGGER {name} ON {table}"))
            op.execute(sa.text(f"DROP FUNCTION {name}()"))
        else:
            op.execute(sa.text(f"DROP TRIGGER {name}"))


def unless_draft(table: str, columns: list[str]) -> None:
    """Change and delete drafts only; a published row may at most be withdrawn. `columns`: all of the table's."""
    same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in columns if name != "state")
    withdrawn = f" AND NOT (OLD.state = 'published' AND NEW.state = 'withdrawn' AND {same})"
    refuse(table, "UPDATE", f"{table}_frozen_update", f"OLD.state <> 'draft'{withdrawn}")
    refuse(table, "DELETE", f"{table}_frozen_delete", "OLD.state <> 'draft'")


def of_a_draft(table: str, parent: str, key: str) -> None:
    """Rows come, change and go only while the row of `parent` that `key` names is a draft."""
    for verb, rows in {"INSERT": ["NEW"], "UPDATE": ["OLD", "NEW"], "DELETE": ["OLD"]}.items():
        named = f"FROM {parent} WHERE id IN ({', '.join(f'{row}.{key}' for row in rows)})"
        when = f"EXISTS (SELECT 1 {named} AND state <> 'draft')"
        refuse(table, verb, f"{table}_frozen_{verb.lower()}", when, hold=f"SELECT 1 {named} FOR SHARE")
