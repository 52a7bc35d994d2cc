"""Months are closed by themselves: on the working day of the next month that the measure set names.

What counts is loaded when a month waits for it: the worker carries this always, and that not.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from app.core.calendar import add_months, from_london, working_day
from app.core.errors import Conflict
from app.core.tx import Tx
from app.measures.dimensions import month_before
from app.measures.models import MeasureSetRow, MonthClose

if TYPE_CHECKING:
    from app.measures.definitions import MeasureSet

DAY = timedelta(days=1)
AT = time(6)  # London time: before anybody looks


def due_at(measures: MeasureSet, month: date) -> datetime | None:
    """When this month's figures are published by themselves; None: never."""
    if measures.publishes_on is None:
        return None
    day, left = month, measures.publishes_on
    while left:
        day += DAY
        left -= working_day(day)
    return from_london(day, AT)


def next_month(tx: Tx, organisation_id: int) -> date:
    """The month end whose turn it is: the one after the last that is closed; of an organisation that closed none, last month's."""
    newest = last_closed(tx, organisation_id)
    return month_before(tx.today) if newest is None else add_months((newest + DAY), 1) - DAY


def last_closed(tx: Tx, organisation_id: int) -> date | None:
    """The last month end of which figures are published."""
    found: date | None = tx.scalar(select(func.max(MonthClose.month_end)).where(MonthClose.organisation_id == organisation_id))
    return found


def close_due(tx: Tx, now: datetime) -> None:
    """Close the next month of every organisation that has measures, if its day has come."""
    for row in tx.rows(select(MeasureSetRow.organisation_id).distinct().order_by(MeasureSetRow.organisation_id)):
        month = next_month(tx, row.organisation_id)
        if month < tx.today:
            _close(tx, row.organisation_id, month, now)


def _close(tx: Tx, organisation_id: int, month: date, now: datetime) -> None:
    from app.measures import closing, sets

    try:
        _, measures = sets.in_force(tx, organisation_id, month)
    except Conflict:
        return  # no set runs any more
    due = due_at(measures, month)
    if due is not None and due <= now:
        closing.close_month(tx, organisation_id, month)
