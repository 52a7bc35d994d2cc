"""Numbering of changes in tests: PostgreSQL's horizon is the whole server's, and other test processes have transactions under way on it."""

from __future__ import annotations

import time

from sqlalchemy import func, select

from app.core.db import ONE, Database
from app.core.ledger import Audit
from app.core.tx import SYSTEM, transaction
from app.hr import feed
from app.hr.change_models import FeedMark

PATIENCE = 60.0  # seconds until a transaction of another test that began before must have ended


def number_all(database: Database) -> int:
    """Number everything committed so far, waiting for transactions of other databases that hold it back; returns how many were numbered."""
    done, until = 0, time.monotonic() + PATIENCE
    while True:
        done += feed.number_due(database)
        if database.sqlite or not _held_back(database):
            return done
        if time.monotonic() > until:
            raise AssertionError("a transaction has been under way for a minute, and holds the numbering back")
        time.sleep(0.02)


def _held_back(database: Database) -> bool:
    known = select(FeedMark.mark).where(FeedMark.name == feed.MARK).scalar_subquery()
    mark = func.coalesce(known, 0)  # where nothing was numbered yet there is none
    with transaction(database, SYSTEM, writes=False) as tx:
        return tx.scalar(select(ONE).select_from(Audit).where(Audit.xid >= mark).limit(1)) is not None
