"""HR officers hear of an extract that a program sent: that it was applied, or waits for one of them. On the page it is seen."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, or_, select

from app.bookings.operations.queue import once
from app.core.facts import current
from app.core.ledger import Outbox, message
from app.core.tx import Tx
from app.grants import Can, roles_with
from app.people.models import RoleHeld

KIND = "email.import_finished"
_CHANGES = ("joiner", "mover", "leaver", "rejoiner", "changed", "waiting")


def checked(tx: Tx, found: Any, counts: dict[str, Any]) -> None:
    """Tell once that the preview has to be looked at: lines are wrong, or unusually many would leave. All else the program applies."""
    if tx.actor.kind == "client" and (counts["problems"] or counts["confirm"]) and once(tx, f"import:{found.id}:checked"):
        _tell(tx, found, counts, applied=False)


def applied(tx: Tx, found: Any, counts: dict[str, Any], *, only_waiting: bool) -> None:
    """Tell that people changed with nobody at the page, or (`only_waiting`) that leavers wait. A night without changes is not news."""
    if tx.actor.person_id is None and any(counts.get(label) for label in (("waiting",) if only_waiting else _CHANGES)):
        _tell(tx, found, counts, applied=True)


def _tell(tx: Tx, found: Any, counts: dict[str, Any], *, applied: bool) -> None:
    """One message to each officer who can open the import's page, in numbers."""
    facts = {
        "applied": applied,
        "joiners": counts["joiner"],
        "movers": counts["mover"],
        "leavers": counts["leaver"],
        "rejoiners": counts["rejoiner"],
        "changed": counts["changed"],
        "unchanged": counts["same"],
        "problems": counts["invalid"],
        "waiting": counts.get("waiting", 0),
        "confirm": bool(counts["confirm"]) and not applied,
    }
    rows = [message(KIND, tx.now, "imports", person, facts) | {"subject_id": found.id} for person in _officers(tx, found)]
    if rows:
        tx.db.execute(insert(Outbox), rows)


def _officers(tx: Tx, found: Any) -> list[int]:
    """Who can open the import's page, as `queries.visible` has it: of several organisations, only those who hold the role for all."""
    place = or_(RoleHeld.unit_id.is_(None), RoleHeld.unit_id == found.organisation_id)
    held = select(RoleHeld.person_id).where(RoleHeld.role.in_(roles_with(Can.IMPORT_PEOPLE)), current(RoleHeld, tx.today), place).distinct()
    return [row.person_id for row in tx.rows(held.order_by(RoleHeld.person_id))]
