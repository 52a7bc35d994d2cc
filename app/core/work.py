"""Work nobody asked for: the worker's, and that of commands. Kept apart from the doors, so that the worker loads nothing of the web."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select, update

from app.core.db import AnySelect, Database, is_postgresql
from app.core.tx import SYSTEM, Tx, transaction


def job(database: Database, *, writes: bool = True, snapshot: bool = False) -> AbstractContextManager[Tx]:
    """A transaction for such work: the actor is the system."""
    return transaction(database, SYSTEM, writes=writes, snapshot=snapshot)


def take(tx: Tx, table: Any, due: AnySelect, lease: timedelta) -> Sequence[Row[Any]]:
    """Claim the rows of a queue that `due` names by id, for a while: no other worker has them until the lease is over.

    Those that another is just claiming are passed by. Returns them whole, in the order of their ids; each has one attempt more.
    """
    if is_postgresql(tx.db):
        due = due.with_for_update(skip_locked=True, of=table)
    chosen = due.cte("due")
    taking = (
        update(table)
        .where(table.id.in_(select(chosen.c.id)))
        .values(locked_until=tx.now + lease, attempts=table.attempts + 1)
        .returning(*table.__table__.c)
    )
    return sorted(tx.rows(taking), key=lambda row: int(row.id))
