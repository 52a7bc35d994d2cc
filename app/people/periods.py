"""Periods of dated facts: what is true from a day to another takes the place of what was believed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, select, update

from app.core.tx import Tx


def replace_period(
    tx: Tx,
    table: Any,
    keys: dict[str, Any],
    valid_from: date,
    valid_to: date,
    values: dict[str, Any] | None,
    *,
    inside: Sequence[Row[Any]] | None = None,
) -> None:
    """From `valid_from` up to `valid_to` these `values` are true (None: nothing is); what was believed for then is superseded.

    Rows partly inside are cut: what lies outside is written again, so that history keeps both what was true and what was believed.
    `inside`: all rows that are in the period, where they are known already.
    """
    rows = inside
    if rows is None:
        rows = tx.rows(
            select(table.__table__).where(
                *(getattr(table, key) == value for key, value in keys.items()),
                table.superseded_at.is_(None),
                table.valid_from < valid_to,
                table.valid_to > valid_from,
            )
        )
    if rows:
        tx.db.execute(update(table).where(table.id.in_([row.id for row in rows])).values(superseded_at=tx.now))
    again = []
    for row in rows:
        old = {key: value for key, value in row._mapping.items() if key not in ("id", "recorded_at", "superseded_at")}
        if row.valid_from < valid_from:
            again.append({**old, "valid_to": valid_from, "recorded_at": tx.now})
        if row.valid_to > valid_to:
            again.append({**old, "valid_from": valid_to, "recorded_at": tx.now})
    if values is not None:
        again.append({**keys, **values, "valid_from": valid_from, "valid_to": valid_to, "recorded_at": tx.now})
    for new in again:
        tx.insert(table, **new)
