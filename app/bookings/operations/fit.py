"""May this person take this very place? Asked where a place changes hands without becoming free: named, or passed on."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, func, literal_column, select

from app.bookings import approvals, rules
from app.bookings.models import WAITING_SQL, Booking, Place, Quota, Status
from app.bookings.operations import approval
from app.bookings.rules import Reason
from app.core.errors import Conflict
from app.core.tx import Tx
from app.people.models import Group, Unit
from app.policy import Can, reaches

# A place that is held already needs no window and no turn on the list.
_BESIDE_THE_POINT = ("window-not-open", "window-closed", "waiting-list-full", "too-late-for-approval")
_KEPT_FOR = (
    select(
        func.coalesce(Group.name, Unit.name).label("name"),
        rules.may_take(bindparam("person"), Quota.id, bindparam("today")).label("may"),
    )
    .select_from(Quota)
    .outerjoin(Group, Group.id == Quota.group_id)
    .outerjoin(Unit, Unit.id == Quota.unit_id)
    .where(Quota.id == bindparam("quota"))
)


def obstacle(tx: Tx, session: Row[Any], person_id: int, place: int) -> Reason | None:
    """The first reason why a person cannot have this place, by the same rules as for booking; None: they can.

    A turn on this session's waiting list is no obstacle: whoever takes the place gives it up.
    """
    found = rules.facts(tx, session, person_id)
    for reason in rules.reasons(tx, session, person_id, found, you=False):
        waits = reason.code == "already-booked" and found.mine == Status.WAITING.value
        if reason.blocks and not waits and reason.code not in _BESIDE_THE_POINT:
            return reason
    quota = tx.scalar(select(Place.quota_id).where(Place.session_id == session.id, Place.number == place))
    if quota is not None:
        row = tx.one(_KEPT_FOR, quota=quota, person=person_id, today=tx.today)
        if row is not None and not row.may:
            return Reason("place-kept", f"This place is kept for {row.name}.", f"Choose somebody who belongs to {row.name}.")
    return None


def begin_approval(tx: Tx, session: Row[Any], person_id: int) -> approval.Ask:
    """The approval that the new holder starts with. Only whoever may book for them can grant it by handing the place over."""
    if not session.needs_approval or reaches(tx, Can.BOOK, person_id):
        return approval.start(tx, session, person_id)
    rule = approvals.rule(tx, session.course_id)
    due_at = approvals.due(tx, session, rule)
    if due_at <= tx.now:
        raise Conflict("It is too late to ask for approval.", code="too-late-for-approval", way_out="Ask your manager or the Academy.")
    return approval.Ask("pending", due_at, rule.approver)


def give_up_turn(tx: Tx, session_id: int, person_id: int) -> None:
    """End the person's turn on the session's waiting list, if they have one: they are given a place."""
    waits: Any = literal_column(WAITING_SQL.replace("status", "bookings.status"))
    turn = tx.one(
        select(Booking.id, Booking.version, Booking.sequence).where(Booking.session_id == session_id, Booking.person_id == person_id, waits)
    )
    if turn is None:
        return
    reason = "Took a place that was handed on"
    values = dict(status=Status.CANCELLED.value, reason=reason, approval_due_at=None, updated_at=tx.now, version=turn.version + 1)
    tx.update(Booking, turn.id, **values, sequence=turn.sequence + 1)
    tx.record("booking.cancelled", "bookings", turn.id, person_id=person_id, state=Status.CANCELLED.value, reason=reason, was="waiting")
