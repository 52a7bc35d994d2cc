"""Forgetting: the job that deletes the census's personal data when its time is over. Light, for the worker carries it always."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update

from app.census.models import (
    KEEP_DAYS,
    CensusDocument,
    CensusMessage,
    CensusPerson,
    CensusReturn,
    CensusSettings,
    CensusUpload,
)
from app.core.tx import Tx

FILE_KEPT = timedelta(days=7)  # rows of a file that nobody applies


def forget(tx: Tx, now: datetime) -> None:
    """The job: delete personal data of returns whose time is over, submitted or left lying, and rows of files that nobody applied."""
    table: Any = CensusUpload.__table__
    lying = (CensusUpload.applied_at.is_(None), CensusUpload.staged_at < now - FILE_KEPT)
    tx.db.execute(update(table).where(*lying, CensusUpload.lines > 0).values(rows=[], lines=0))
    kept = {row.organisation_id: row.keep_days for row in tx.rows(select(CensusSettings.organisation_id, CensusSettings.keep_days))}
    least = min([KEEP_DAYS, *kept.values()])
    since = func.coalesce(CensusReturn.submitted_at, CensusReturn.touched_at)
    columns = (CensusReturn.id, CensusReturn.organisation_id, since.label("since"))
    for row in tx.rows(select(*columns).where(CensusReturn.erased_at.is_(None), since < now - timedelta(days=least))):
        if row.since < now - timedelta(days=kept.get(row.organisation_id, KEEP_DAYS)):
            erase(tx, row.id)


def erase(tx: Tx, return_id: int) -> None:
    """Delete what a return holds of people: rows, messages, what was sent, files. Its totals and digest stay."""
    tx.update(CensusReturn, return_id, erased_at=tx.now)
    for table in (CensusMessage, CensusDocument, CensusPerson, CensusUpload):
        tx.db.execute(delete(table).where(table.return_id == return_id))
    tx.record("census.erased", "census_returns", return_id)
