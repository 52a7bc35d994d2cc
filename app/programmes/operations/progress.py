"""When the progress reviews of an apprenticeship fall due: counted again whenever one was held or the plan changed."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row, delete, insert, select

from app.core.tx import Tx
from app.frameworks.models import ApprenticeshipRule
from app.programmes.apprentice_models import Apprenticeship, ProgressReview
from app.programmes.apprenticeship import review_days
from app.programmes.due import Span
from app.programmes.models import Change, Enrolment

_FOUND = (
    select(Enrolment.id, Enrolment.person_id, Enrolment.starts_on, Enrolment.ends_on, ApprenticeshipRule.definition)
    .join(Apprenticeship, Apprenticeship.enrolment_id == Enrolment.id)
    .join(ApprenticeshipRule, ApprenticeshipRule.code == Apprenticeship.rule_code)
)


def pauses(tx: Tx, enrolment_ids: list[int]) -> dict[int, list[Span]]:
    """The agreed breaks in learning of these enrolments, in order."""
    rows = tx.rows(
        select(Change.enrolment_id, Change.from_on, Change.to_on)
        .where(Change.enrolment_id.in_(enrolment_ids), Change.kind == "pause", Change.state == "agreed")
        .order_by(Change.enrolment_id, Change.from_on)
    )
    found: dict[int, list[Span]] = {key: [] for key in enrolment_ids}
    for row in rows:
        found[row.enrolment_id].append((row.from_on, row.to_on))
    return found


def plan_reviews(tx: Tx, enrolment_id: int) -> list[date]:
    """Plan every review that is still to be held anew; returns the days by which they are due. Nothing for what is no apprenticeship.

    The caller has locked the enrolment. A review that is overdue stays so: it is counted from the last one that was held.
    """
    row = tx.one(_FOUND.where(Enrolment.id == enrolment_id))
    if row is None:
        return []
    last = tx.one(
        select(ProgressReview.number, ProgressReview.held_on)
        .where(ProgressReview.enrolment_id == enrolment_id, ProgressReview.held_on.is_not(None))
        .order_by(ProgressReview.number.desc())
        .limit(1)
    )
    return _write(tx, row, last, pauses(tx, [enrolment_id])[enrolment_id])


def _write(tx: Tx, row: Row[Any], last: Row[Any] | None, breaks: list[Span]) -> list[date]:
    days = review_days(row.definition, last.held_on if last else row.starts_on, row.ends_on, breaks)
    first = (last.number if last else 0) + 1
    tx.db.execute(delete(ProgressReview).where(ProgressReview.enrolment_id == row.id, ProgressReview.held_on.is_(None)))
    planned: list[dict[str, Any]] = [dict(enrolment_id=row.id, number=number, due_on=day) for number, day in enumerate(days, first)]
    if planned:
        tx.db.execute(insert(ProgressReview), planned)
    tx.record(
        "apprenticeship.reviews-planned",
        "enrolments",
        row.id,
        person_id=row.person_id,
        reviews=len(days),
        next_on=days[0].isoformat() if days else None,
    )
    return days
