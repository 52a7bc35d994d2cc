"""The journal of charges for the finance system: each charge is taken once."""

from __future__ import annotations

from sqlalchemy import case, literal, update

from app.bookings import charges
from app.bookings.policy_models import Consequence, Journal
from app.core.errors import Changed, Conflict
from app.core.tx import Tx
from app.policy import Can, operation


@operation(Can.TAKE_JOURNALS)
def make_journal(tx: Tx, count: int, pence: int) -> int:
    """Take every charge that is due into a new journal; returns its id.

    `count` and `pence` are what the actor was shown. Refused when there is nothing, or when it is no longer what they saw.
    """
    due = charges.due(tx)
    if not due.rows:
        raise Conflict("There is nothing to take.", code="journal-empty")
    if (len(due.rows), due.pence) != (count, pence):
        raise Changed("The charges have changed since you looked.", way_out="Look at them again.")
    journal_id = tx.insert(Journal, made_at=tx.now, made_by=tx.actor.person_id, charges=count, pence=pence)
    keys = [row.id for row in due.rows]
    late = {row.id: row.centre for row in due.rows if row.cost_centre is None}  # whose cost centre was set since
    values: dict[str, object] = dict(journal_id=journal_id, version=Consequence.version + 1)
    if late:
        values["cost_centre"] = case(
            *((Consequence.id == key, literal(centre)) for key, centre in late.items()), else_=Consequence.cost_centre
        )
    free = (Consequence.id.in_(keys), Consequence.journal_id.is_(None), Consequence.state.in_(("stands", "upheld")))
    taken = tx.db.execute(update(Consequence).where(*free).values(**values))
    if taken.rowcount != count:  # somebody else took some of them at the same moment
        raise Changed("The charges have changed since you looked.", way_out="Look at them again.")
    tx.record("journal.made", "journals", journal_id, charges=count, pence=pence)
    return journal_id
