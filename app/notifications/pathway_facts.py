"""Facts of messages about pathways, read for a whole batch: who, for which step, never what was written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import aliased

from app.core.tx import Tx
from app.pathways.models import Endorsement, EndorsementAsk, Step
from app.people.models import Person

Facts = dict[str, Any]
_LEARNER, _BY = aliased(Person), aliased(Person)


def _about(table: Any, by: Any) -> Any:
    return (
        select(table.id, table.person_id, _LEARNER.name.label("learner"), _BY.name.label("by"), Step.title.label("step"), Step.code)
        .join(_LEARNER, _LEARNER.id == table.person_id)
        .join(_BY, _BY.id == by)
        .join(Step, Step.id == table.step_id)
    )


_SUBJECTS: dict[str, tuple[Any, Any]] = {
    "endorsement_asks": (_about(EndorsementAsk, EndorsementAsk.asked_of), EndorsementAsk.id),
    "endorsements": (_about(Endorsement, Endorsement.endorsed_by), Endorsement.id),
}


def further(tx: Tx, rows: Sequence[Row[Any]]) -> dict[int, Facts]:
    """By outbox id, for those messages that are about pathways; one statement for each subject."""
    found: dict[int, Facts] = {}
    for subject, (statement, key) in _SUBJECTS.items():
        some = [row for row in rows if row.subject == subject and row.subject_id]
        if not some:
            continue
        by_id = {one.id: one for one in tx.rows(statement.where(key.in_({row.subject_id for row in some})))}
        for row in some:
            if (one := by_id.get(row.subject_id)) is not None:
                own = row.person_id == one.person_id
                link = f"/pathways/{one.code}" if own else f"/people/{one.person_id}/pathway/{one.code}/endorse"
                found[row.id] = {"learner": one.learner, "by": one.by, "step": one.step, "given": subject == "endorsements", "link": link}
    return found
