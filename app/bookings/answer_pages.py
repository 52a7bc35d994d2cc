"""Afterwards: somebody says why they did not come, or appeals against what follows."""

from __future__ import annotations

from starlette.responses import Response

from app.bookings import charges, queries
from app.bookings.operations import appeals
from app.core.errors import Invalid, NotFound
from app.core.forms import text
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can

pages = Pages()


@pages.get("/bookings/{booking_id:int}/answer", can=Can.CANCEL_BOOKING)
def ask(tx: Tx, page: Page, booking_id: int) -> Response:
    """The two things that one can say: a reason, or an appeal. Only about one's own."""
    booking = queries.booking(tx, booking_id, Can.CANCEL_BOOKING)
    charge = charges.of(tx, booking_id)
    if charge is None or booking.person_id != tx.actor.person_id:
        raise NotFound("There is nothing to answer for with that reference.", code="consequence-not-found")
    reasons = charges.cancel_reasons(tx) if charge.kind == "absent" else []
    return page.render(
        "bookings/answer.html",
        booking=booking,
        charge=charge,
        open=charge.state == "stands" and charge.appeal_by > tx.now,
        choices=[(row.code, f"{row.title} (excuses)" if row.excuses else row.title) for row in reasons],
    )


@pages.post("/bookings/{booking_id:int}/answer", can=Can.CANCEL_BOOKING, again=ask)
def answer(tx: Tx, page: Page, booking_id: int) -> Response:
    """The reason or the appeal is recorded; the booking's page says what became of it."""
    if text(page.form, "what") == "appeal":
        appeals.appeal(tx, booking_id, text(page.form, "appeal"))
        return page.go(f"/bookings/{booking_id}", answered="appealed")
    code = text(page.form, "reason_code")
    if not code:
        raise Invalid("Say why.", errors=[{"field": "reason_code", "message": "Choose a reason"}])
    excused = appeals.give_reason(tx, booking_id, code, text(page.form, "reason"))
    return page.go(f"/bookings/{booking_id}", answered="excused" if excused else "noted")
