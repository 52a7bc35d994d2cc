"""What somebody who stands in for an assessor may do: see who waits, and ask to take over in their own name.

Nobody signs, answers or decides for a colleague. Where somebody cannot wait, the deputy proposes to become the assessor from today. The
learner and the Academy agree as with every handover, and the Academy writes down what the absent assessor said.
"""

from __future__ import annotations

from sqlalchemy import select

from app.core.db import is_postgresql
from app.core.errors import NotFound
from app.core.tx import Tx
from app.policy import Can, operation
from app.programmes.access import NOT_FOUND, Part
from app.programmes.desk_queries import covered_colleagues
from app.programmes.models import Enrolment
from app.programmes.operations import changes
from app.programmes.proposals import holder


@operation(Can.READ_ENROLMENT)
def ask_to_take_over(tx: Tx, enrolment_id: int) -> int:
    """Propose oneself as the assessor from today, of somebody whose assessor one stands in for; returns the change's id.

    NotFound for whoever stands in for nobody here. Refused like every handover: unregistered where registration is needed, on another side
    of this portfolio, or while another change of assessor waits.
    """
    covered = {row.id for row in covered_colleagues(tx)}
    assessor = holder(tx, enrolment_id, "assessor", tx.today)
    if assessor is None or assessor not in covered:
        raise NotFound(NOT_FOUND, code="enrolment-not-found")
    statement = select(Enrolment.__table__).where(Enrolment.id == enrolment_id)
    row = tx.one(statement.with_for_update(key_share=True) if is_postgresql(tx.db) else statement)
    assert row is not None
    mine = Part(row, None, None, ())
    definition = changes.definition_of(tx, row)
    return changes.propose(tx, mine, definition, "assessor", tx.today, details={"person_id": tx.actor.person_id})
