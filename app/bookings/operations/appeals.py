"""Afterwards: somebody says why they did not come, or objects to what follows; a coordinator decides (product §2: excusals, appeal)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select

from app import policy
from app.bookings.models import Booking, Status
from app.bookings.operations import reasons
from app.bookings.operations.cancel import locked
from app.bookings.policy_models import Consequence
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.ledger import Outbox, message
from app.core.text import normal
from app.core.tx import Tx
from app.policy import Can, operation

LONGEST = 1000  # characters of an appeal


@operation(Can.CANCEL_BOOKING)
def give_reason(tx: Tx, booking_id: int, code: str | None, words: str = "") -> bool:
    """Say why one did not come, until the day to appeal by; returns whether it excuses. An excusing reason is taken on one's word."""
    booking, found = _own(tx, booking_id)
    if booking.status != Status.DID_NOT_ATTEND.value or found.kind != "absent" or found.state != "stands":
        raise Conflict("There is nothing here to give a reason for.", code="nothing-to-excuse")
    _in_time(tx, found)
    why = reasons.given(tx, code, words)
    values: dict[str, Any] = dict(reason=why.words, reason_code=why.code, updated_at=tx.now, version=booking.version + 1)
    if not why.excuses:
        tx.update(Booking, booking.id, **values)
        tx.record("booking.reason-given", "bookings", booking.id, person_id=booking.person_id, reason=why.words)
        return False
    tx.update(Booking, booking.id, **values, status=Status.EXCUSED.value)
    tx.record(
        "booking.excused",
        "bookings",
        booking.id,
        person_id=booking.person_id,
        state=Status.EXCUSED.value,
        was=booking.status,
        reason=why.words,
    )
    tx.update(Consequence, found.id, state="excused", pence=0, decision=why.words, decided_at=tx.now, version=found.version + 1)
    tx.record("consequence.excused", "consequences", found.id, person_id=booking.person_id, booking_id=booking.id, decision=why.words)
    return True


@operation(Can.CANCEL_BOOKING)
def appeal(tx: Tx, booking_id: int, words: str) -> None:
    """Object to what follows, in one's own words, until the day to appeal by; once. A coordinator decides."""
    booking, found = _own(tx, booking_id)
    words = normal(words)
    if found.state != "stands":
        raise Conflict("This cannot be appealed against any more.", code="not-appealable")
    _in_time(tx, found)
    if not 10 <= len(words) <= LONGEST:
        said = f"Say what happened, in 10 to {LONGEST:,} characters"
        raise Invalid(said + ".", errors=[{"field": "appeal", "message": said}])
    tx.update(Consequence, found.id, state="appealed", appeal=words, appealed_at=tx.now, version=found.version + 1)
    tx.record("consequence.appealed", "consequences", found.id, person_id=booking.person_id, booking_id=booking.id)


def _own(tx: Tx, booking_id: int) -> tuple[Row[Any], Row[Any]]:
    """The actor's own booking and what followed from it, both locked; only the person speaks for themselves."""
    booking, _ = locked(tx, booking_id, Can.CANCEL_BOOKING)
    key = tx.scalar(select(Consequence.id).where(Consequence.booking_id == booking_id))
    if booking.person_id != tx.actor.person_id or key is None:
        raise NotFound("There is nothing to answer for with that reference.", code="consequence-not-found")
    return booking, tx.get(Consequence, key, lock=True)


def _in_time(tx: Tx, found: Row[Any]) -> None:
    if found.appeal_by <= tx.now:
        raise Conflict("The time to say something about this is over.", code="appeal-over", way_out="Speak to the Academy.")


@operation(Can.DECIDE_APPEALS)
def decide_appeal(tx: Tx, consequence_id: int, upheld: bool, reason: str) -> None:
    """Uphold what follows, or overturn it, with the reason that the person reads. Nobody decides their own appeal."""
    found = tx.get(Consequence, consequence_id, lock=True, what="appeal")
    if not policy.reaches(tx, Can.DECIDE_APPEALS, found.person_id):
        raise NotFound("There is no appeal with that reference.", code="consequence-not-found")
    if found.person_id == tx.actor.person_id:
        raise Forbidden("Somebody else has to decide your own appeal.", code="own-appeal")
    if found.state != "appealed":
        raise Conflict("This appeal has already been decided.", code="already-decided")
    reason = normal(reason)
    if not 3 <= len(reason) <= LONGEST:
        said = f"Enter your reason, up to {LONGEST:,} characters"
        raise Invalid(said + ".", errors=[{"field": "reason", "message": said}])
    state = "upheld" if upheld else "overturned"
    values = dict(state=state, decision=reason, decided_by=tx.actor.person_id, decided_at=tx.now, version=found.version + 1)
    tx.update(Consequence, found.id, **values)
    tx.record("consequence.decided", "consequences", found.id, person_id=found.person_id, decided=state, decision=reason)
    told = message("email.charge_decided", tx.now, "bookings", found.person_id, dict(state=state, decision=reason, pence=found.pence))
    tx.db.execute(insert(Outbox), told | {"subject_id": found.booking_id})
