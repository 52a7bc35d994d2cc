"""Rows that stay as they are from some moment on: the database refuses to change them, whoever asks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import DDL, Table, event

DIALECTS = ("sqlite", "postgresql")


def refuse(table: Table, verb: str, name: str, when: str, *, hold: str = "") -> None:
    """Refuse `verb` (INSERT, UPDATE or DELETE) of a row of `table` while `when` holds, as the broken constraint `name`.

    `when` is a condition over OLD and NEW that both databases read; where it compares values that may be NULL it says
    "IS NOT DISTINCT FROM". `hold`: a SELECT whose rows PostgreSQL keeps from changing until the transaction ends, so that the condition
    still holds then; on SQLite, where writers take turns, it does anyway. Say in words what the constraint means with
    `app.core.tx.meaning`. Migrations carry the same DDL through their own helper.
    """
    for dialect in DIALECTS:
        for statement in refuse_ddl(dialect, table.name, verb, name, when, hold):
            ddl: Any = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", ddl.execute_if(dialect=dialect))


def refuse_ddl(dialect: str, table: str, verb: str, name: str, when: str, hold: str) -> list[str]:
    """The statements behind `refuse`, for one kind of database."""
    if dialect == "sqlite":
        when = when.replace("IS NOT DISTINCT FROM", "IS")
        return [f"CREATE TRIGGER {name} BEFORE {verb} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{name}'); END"]
    held = f"PERFORM {hold.removeprefix('SELECT ')}; " if hold else ""
    row = "OLD" if verb == "DELETE" else "NEW"
    return [
        (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {held}IF {when} THEN "
            f"RAISE EXCEPTION '{name}' USING ERRCODE = '23000', CONSTRAINT = '{name}'; END IF; RETURN {row}; END $$"
        ),
        f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    ]


MARK = "[Redacted]"  # what stands where words were taken out as the law allows


def redactable(table: Table, *columns: str) -> None:
    """Rows of `table` are never changed or deleted, but that the words of these columns may give way to MARK, for good."""
    for verb, when in redactable_when([column.name for column in table.columns], columns).items():
        refuse(table, verb, f"{table.name}_frozen_{verb.lower()}", when)


def redactable_when(names: list[str], columns: tuple[str, ...]) -> dict[str, str]:
    """The conditions behind `redactable`, by verb; `names`: all of the table's columns, the first of them never NULL."""
    kept = [f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in names if name not in columns]
    words = [f"(NEW.{name} IS NOT DISTINCT FROM OLD.{name} OR coalesce(NEW.{name}, '') = '{MARK}')" for name in columns]
    return {"UPDATE": f"NOT ({' AND '.join(kept + words)})", "DELETE": f"OLD.{names[0]} IS NOT NULL"}


def unless_draft(table: Table) -> None:
    """Rows of `table`, which has a `state`, are changed and deleted as drafts only; published ones may at most be withdrawn, just that."""
    for verb, when in unless_draft_when([column.name for column in table.columns]).items():
        refuse(table, verb, f"{table.name}_frozen_{verb.lower()}", when)


def unless_draft_when(columns: list[str]) -> dict[str, str]:
    """The conditions behind `unless_draft`, by verb."""
    same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in columns if name != "state")
    withdrawn = f" AND NOT (OLD.state = 'published' AND NEW.state = 'withdrawn' AND {same})"
    return {"UPDATE": f"OLD.state <> 'draft'{withdrawn}", "DELETE": "OLD.state <> 'draft'"}


def of_a_draft(table: Table, parent: Table, key: str) -> None:
    """Rows of `table` come, change and go only while the row of `parent` that `key` names is a draft."""
    for verb in ("INSERT", "UPDATE", "DELETE"):
        when, hold = of_a_draft_when(verb, parent.name, key)
        refuse(table, verb, f"{table.name}_frozen_{verb.lower()}", when, hold=hold)


def of_a_draft_when(verb: str, parent: str, key: str) -> tuple[str, str]:
    """The condition and the rows to hold behind `of_a_draft`."""
    rows = {"INSERT": ["NEW"], "UPDATE": ["OLD", "NEW"], "DELETE": ["OLD"]}[verb]
    keys = ", ".join(f"{row}.{key}" for row in rows)
    named = f"FROM {parent} WHERE id IN ({keys})"
    return f"EXISTS (SELECT 1 {named} AND state <> 'draft')", f"SELECT 1 {named} FOR SHARE"
