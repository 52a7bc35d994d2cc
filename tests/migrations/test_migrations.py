"""Migrations build exactly what the models declare, on both databases, and can be taken back and made again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from app import models
from app.core.config import ROOT
from app.core.db import Database, connect
from tests.conftest import migrate

SQLITE = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND tbl_name <> 'alembic_version' ORDER BY type, name"
POSTGRESQL = """
SELECT 'column', c.table_name || '.' || c.column_name, c.data_type || ' ' || c.is_nullable || ' ' || coalesce(c.column_default, '')
  FROM information_schema.columns c WHERE c.table_schema = 'public' AND c.table_name <> 'alembic_version'
UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND conrelid::regclass::text <> 'alembic_version'
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
ORDER BY 1, 2
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with nothing in it."""
    if request.param == "sqlite":
        made = connect(f"sqlite:///{tmp_path}/bare.sqlite3", pool=2)
        yield made
        made.dispose()
        return
    server: str = request.getfixturevalue("postgres_server")
    worker: str = request.getfixturevalue("worker_id")
    name = f"bare_{worker}"
    admin = create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    head, _, tail = server.partition("?")
    made = connect(head.rpartition("/")[0] + f"/{name}" + (f"?{tail}" if tail else ""), pool=2)
    yield made
    made.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def catalogue(database: Database) -> dict[tuple[str, str], str]:
    """Everything the database itself says it has: columns, constraints, partial indexes, triggers, exclusions."""
    with database.read.connect() as connection:
        rows = connection.exec_driver_sql(SQLITE if database.sqlite else POSTGRESQL.replace("%", "%%")).all()
    return {(kind, name): _same(str(sql or "")) for kind, name, sql in rows}


def _same(sql: str) -> str:
    """SQL without what does not matter: white space, quotes, and in a table the order of its lines."""
    plain = re.sub(r"\s+", " ", sql.replace('"', "").replace("`", "")).strip()
    if plain.startswith("CREATE TABLE"):
        head, _, body = plain.partition("(")
        depth, parts, current = 0, [], ""
        for letter in body.rstrip(") "):
            depth += (letter == "(") - (letter == ")")
            if letter == "," and depth == 0:
                parts.append(current.strip())
                current = ""
            else:
                current += letter
        plain = head + "; ".join(sorted(part.rstrip(") ") for part in [*parts, current.strip()]))
    return plain


def test_migrations_build_what_the_models_declare(bare: Database) -> None:
    migrate(bare)
    migrated = catalogue(bare)
    migrate(bare, "base", down=True)
    with bare.write.connect() as connection, connection.begin():
        connection.exec_driver_sql("DROP TABLE alembic_version")
        models.metadata.create_all(connection)
    declared = catalogue(bare)
    assert sorted(migrated.keys() ^ declared.keys()) == []
    assert {key: (migrated[key], declared[key]) for key in migrated if migrated[key] != declared[key]} == {}


@pytest.mark.thorough
def test_down_leaves_nothing_and_up_again_works(bare: Database) -> None:
    migrate(bare)
    first = catalogue(bare)
    migrate(bare, "base", down=True)
    assert catalogue(bare) == {}
    migrate(bare)
    assert catalogue(bare) == first


def test_every_constraint_has_a_name() -> None:
    unnamed = [
        (table.name, type(constraint).__name__)
        for table in models.metadata.tables.values()
        for constraint in table.constraints
        if constraint.name is None
    ]
    assert unnamed == []


def test_migrations_are_numbered_in_one_line() -> None:
    files = sorted(path.name for path in (ROOT / "migrations" / "versions").glob("*.py"))
    numbers = [name[:4] for name in files]
    assert numbers == [f"{number:04}" for number in range(1, len(files) + 1)]
    for before, path in zip([None, *numbers], files, strict=False):
        body = (ROOT / "migrations" / "versions" / path).read_text()
        assert re.search(rf"^down_revision(: [^=]+)? = {'None' if before is None else f'.{before}.'}$", body, re.MULTILINE), path
