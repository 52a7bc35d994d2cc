"""Steps that somebody looks towards: their own mark, which nobody else sees."""

from __future__ import annotations

from sqlalchemy import select, update

from app.core.errors import Forbidden
from app.core.tx import Tx
from app.pathways.models import Step, StepAim
from app.people.models import Person
from app.policy import Can, operation


@operation(Can.READ_PATHWAY)
def aim(tx: Tx, step_id: int, *, wanted: bool) -> None:
    """The actor looks towards this step, or no longer does. The same again changes nothing."""
    me = tx.actor.person_id
    if me is None:
        raise Forbidden("Only a person looks towards a step.")
    tx.get(Step, step_id, what="step")
    tx.rows(select(Person.id).where(Person.id == me).with_for_update(key_share=True))  # two clicks take turns
    there = step_id in mine(tx)
    if wanted and not there:
        tx.insert(StepAim, person_id=me, step_id=step_id, set_at=tx.now)
    elif there and not wanted:
        open_ = (StepAim.person_id == me, StepAim.step_id == step_id, StepAim.ended_at.is_(None))
        tx.db.execute(update(StepAim).where(*open_).values(ended_at=tx.now))


def mine(tx: Tx) -> set[int]:
    """Ids of the steps that the actor looks towards."""
    found = select(StepAim.step_id).where(StepAim.person_id == tx.actor.person_id, StepAim.ended_at.is_(None))
    return set(tx.db.execute(found).scalars())
