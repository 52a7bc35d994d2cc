"""Facts of messages about pathways, read for a whole batch: who, for which step, never what was written."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import Row, select

from app.core.declared import aliased
from app.core.tx import Tx
from app.notifications.by_subject import Facts, Rows, by_subject, looked_up
from app.pathways.models import Endorsement, EndorsementAsk, Step
from app.people.models import Person

_LEARNER, _BY = aliased(Person), aliased(Person)


def _about(table: Any, by: Any) -> Any:
    return (
        select(table.id, table.person_id, _LEARNER.name.label("learner"), _BY.name.label("by"), Step.title.label("step"), Step.code)
        .join(_LEARNER, _LEARNER.id == table.person_id)
        .join(_BY, _BY.id == by)
        .join(Step, Step.id == table.step_id)
    )


def _asked(message: Row[Any], one: Row[Any], *, given: bool = False) -> Facts:
    own = message.person_id == one.person_id
    link = f"/pathways/{one.code}" if own else f"/people/{one.person_id}/pathway/{one.code}/endorse"
    return {"learner": one.learner, "by": one.by, "step": one.step, "given": given, "link": link}


_QUESTIONS = {
    "endorsement_asks": looked_up(_about(EndorsementAsk, EndorsementAsk.asked_of), EndorsementAsk.id, _asked),
    "endorsements": looked_up(_about(Endorsement, Endorsement.endorsed_by), Endorsement.id, partial(_asked, given=True)),
}


def further(tx: Tx, rows: Rows) -> dict[int, Facts]:
    """By outbox id, for those messages that are about pathways; one statement for each subject."""
    return by_subject(tx, rows, _QUESTIONS)
