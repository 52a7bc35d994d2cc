"""Work nobody asked for: the worker's, and that of commands. Kept apart from the doors, so that the worker loads nothing of the web."""

from __future__ import annotations

from contextlib import AbstractContextManager

from app.core.db import Database
from app.core.tx import SYSTEM, Tx, transaction


def job(database: Database, *, writes: bool = True, snapshot: bool = False) -> AbstractContextManager[Tx]:
    """A transaction for such work: the actor is the system."""
    return transaction(database, SYSTEM, writes=writes, snapshot=snapshot)
