"""Runs migrations on the connection it is handed (`python -m app migrate`, tests) or on ACADEMY_DATABASE_URL."""

from __future__ import annotations

import os
from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine, event


def _sqlite_transactions(engine: Any) -> None:
    """pysqlite would commit before DDL; a migration must be all or nothing."""
    event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("begin immediate"))


def run(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET lock_timeout = '5s'")
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes.get("metadata"),
        transaction_per_migration=False,
        include_object=context.config.attributes.get("include_object"),
        render_item=context.config.attributes.get("render_item"),
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    url = os.environ.get("ACADEMY_DATABASE_URL", "sqlite:///var/academy.sqlite3").replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url)
    if url.startswith("sqlite"):
        _sqlite_transactions(engine)
    with engine.connect() as connection, connection.begin():
        run(connection)
