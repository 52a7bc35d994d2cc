"""Closing a month: its figures are counted, small numbers hidden, and both published for good in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, case, func, select

from app.bookings.terms import policy as council_figures
from app.core.calendar import add_months, long_date, month_and_year
from app.core.errors import Conflict, Invalid
from app.core.tx import Tx
from app.measures import clock, figures, inputs, lines, sets
from app.measures.definitions import Measure
from app.measures.dimensions import DAY, Moment, is_month_end, month_before, month_end
from app.measures.figures import Figure, Group
from app.measures.hiding import Name
from app.measures.models import MeasureCell, MonthClose
from app.measures.months import Month
from app.people.models import Person, Unit
from app.policy import Can, operation

MONTHS_SHOWN = 36
last_closed = clock.last_closed


@operation(Can.MANAGE_MEASURES)
def close_month(tx: Tx, organisation_id: int, month: date) -> int:
    """Publish the figures as at the last day of a month, as far as is recorded now; returns the id of the publication.

    Conflict: the month is not over, is closed already, or is not the one after the last that is. Two at once: one wins.
    """
    sets.require_reach(tx, organisation_id)
    tx.get(Unit, organisation_id, lock=True)  # whoever closes another month of the organisation waits
    check_turn(tx, organisation_id, month)
    set_id, measures = sets.in_force(tx, organisation_id, month)
    below = max(measures.below, council_figures(tx).suppress_below)
    moment = Moment(month, tx.now)
    close_id = tx.insert(
        MonthClose,
        organisation_id=organisation_id,
        set_id=set_id,
        month_end=month,
        known_at=tx.now,
        closed_at=tx.now,
        closed_by=tx.actor.person_id,
        below=below,
    )
    before = _hidden_before(tx, organisation_id, month)
    for tied in measures.together():
        found = [(measure, *counted(tx, measure, organisation_id, moment)) for measure in tied]
        if len(found) > 1:
            hide = lines.hidden_alike(found, below, before=before)
        else:
            ((measure, rows, groups),) = found
            earlier = _earlier(tx, organisation_id, measure, month) if measure.grows and measure.small == "outcomes" else []
            hide = lines.hidden(measure, rows, groups, below, before=before[measure.code], earlier=earlier)
        for measure, rows, _ in found:
            tx.insert_many(MeasureCell, [_cell(close_id, measure, n, each, hide) for n, each in enumerate(rows)])
    tx.record("month.closed", "measure_closes", close_id, organisation_id=organisation_id, month=month.isoformat())
    return close_id


def check_turn(tx: Tx, organisation_id: int, month: date) -> None:
    """Is it this month's turn? Invalid or Conflict says why not."""
    if not is_month_end(month):
        raise Invalid(f"A month is closed as at its last day, and {long_date(month)} is none.", code="not-a-month-end")
    if month >= tx.today:
        raise Conflict(f"{month_and_year(month)} is not over yet.", code="month-not-over")
    newest = clock.last_closed(tx, organisation_id)
    if newest is not None and month <= newest:
        raise Conflict(f"The figures of {month_and_year(month)} are published already.", code="month-closed")
    if newest is not None and month != month_end(newest + DAY):
        due = month_and_year(month_end(newest + DAY))
        raise Conflict(f"Months are closed one after the other, and {due} is next.", code="month-out-of-turn")


def published(tx: Tx, organisation_id: int) -> Sequence[Row[Any]]:
    """The months that are closed, newest first, with how many of their figures are hidden."""
    hidden = func.sum(case((MeasureCell.hidden, 1), else_=0))
    return tx.rows(
        select(
            *(MonthClose.id, MonthClose.month_end, MonthClose.closed_at, MonthClose.below, Person.name.label("closed_by")),
            *(func.count(MeasureCell.measure).label("cells"), func.coalesce(hidden, 0).label("hidden")),
        )
        .outerjoin(MeasureCell, MeasureCell.close_id == MonthClose.id)
        .outerjoin(Person, Person.id == MonthClose.closed_by)
        .where(MonthClose.organisation_id == organisation_id)
        .group_by(MonthClose.id, Person.name)
        .order_by(MonthClose.month_end.desc())
        .limit(MONTHS_SHOWN)
    )


def counted(tx: Tx, measure: Measure, organisation_id: int, moment: Moment) -> tuple[list[Figure], list[Group]]:
    """The measure's figures, counted here (with the groups that they add up) or as they were imported; none where nothing was imported."""
    if measure.counts is None:
        return inputs.figures(tx, measure, organisation_id, moment), []
    groups = figures.grouped(tx, measure, organisation_id, moment)
    return figures.of_groups(tx, measure, organisation_id, groups), groups


def _hidden_before(tx: Tx, organisation_id: int, month: date) -> dict[str, set[Name]]:
    """What was hidden of each measure in the month before."""
    found: dict[str, set[Name]] = defaultdict(set)
    rows = (
        select(MeasureCell.measure, MeasureCell.breakdown, MeasureCell.group_key)
        .join(MonthClose, MonthClose.id == MeasureCell.close_id)
        .where(MonthClose.organisation_id == organisation_id, MonthClose.month_end == month_before(month), MeasureCell.hidden)
    )
    for row in tx.rows(rows):
        found[row.measure].add((row.breakdown, row.group_key))
    return found


def _earlier(tx: Tx, organisation_id: int, measure: Measure, month: date) -> list[Month]:
    """The measure's months of the last year as they were published, oldest first."""
    rows = tx.rows(
        select(MeasureCell.__table__)
        .join(MonthClose, MonthClose.id == MeasureCell.close_id)
        .where(MonthClose.organisation_id == organisation_id, MonthClose.month_end > add_months(month, -12), MonthClose.month_end < month)
        .where(MeasureCell.measure == measure.code)
        .order_by(MonthClose.month_end, MeasureCell.breakdown, MeasureCell.position)
    )
    return [lines.published(list(cells)) for _, cells in groupby(rows, attrgetter("close_id"))]


def _cell(close_id: int, measure: Measure, position: int, figure: Figure, hide: Collection[Name]) -> dict[str, Any]:
    """The row of a figure. Of what is sensitive, a hidden number is not stored."""
    hidden = lines.name_of(figure) in hide
    kept = not (hidden and measure.small == "sensitive")
    return dict(
        close_id=close_id,
        measure=measure.code,
        breakdown=figure.breakdown,
        group_key=figure.key,
        parent_key=figure.parent,
        level=figure.level,
        position=position,
        title=figure.title,
        num=figure.num if kept else None,
        den=figure.den if kept else None,
        num_people=figure.num_people if kept else None,
        den_people=figure.den_people if kept else None,
        hidden=hidden,
    )
