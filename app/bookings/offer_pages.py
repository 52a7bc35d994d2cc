"""Answering an offer: by the link in its e-mail, without signing in, or signed in from the booking.

Opening the link changes nothing, because mail scanners follow links. It names one booking of one person and stops working with an answer,
when the time is over, or once the address it was sent to is no longer theirs.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row
from starlette.responses import Response

from app.bookings import operations, queries, words
from app.bookings.pages import one_booking
from app.core.errors import Conflict, Invalid
from app.core.tx import Actor, Tx
from app.doors import Page, Pages
from app.identity import operations as identity
from app.policy import Can, Role

pages = Pages()


def _enter(tx: Tx, token: str) -> tuple[Row[Any], Row[Any]]:
    """(link, booking); from here on its owner acts. LinkOver, in words, where there is no such link."""
    link = identity.offer_link(tx, token)
    tx.actor = Actor("link", link.person_id, link.name, ((Role.PRACTITIONER.value, None),), organisation_id=link.organisation_id)
    return link, queries.booking(tx, link.subject_id)


@pages.get("/offers/{offer}", can=None, public=True)
def offer(tx: Tx, page: Page, offer: str) -> Response:
    """What is offered and until when, with both buttons; afterwards what was decided."""
    _, booking = _enter(tx, offer)
    last = next((row for row in reversed(queries.history(tx, booking.id)) if row.state is not None), None)
    return page.render(
        "bookings/offer.html",
        booking=booking,
        open=words.offer_open(booking, tx.now),
        action=last.action if last else "",
        meetings=queries.meetings(tx, booking.session_id),
        shows_link=False,  # the page is public: whoever has the place finds the link behind the sign-in and in the e-mail
        words=words,
    )


@pages.post("/offers/{offer}", can=None, public=True, again=offer)
def answer(tx: Tx, page: Page, offer: str) -> Response:
    """The place is theirs, or passes on; a second answer is shown the first."""
    link, booking = _enter(tx, offer)
    decision = page.form.get("decision")
    if decision not in ("accept", "decline"):
        raise Invalid("Choose Accept or Decline.", errors=[{"field": "accept", "message": "Choose whether to accept this place"}])
    if booking.status != "offered":
        return page.go(f"/offers/{offer}")
    if link.used_at is not None or link.expires_at <= tx.now:
        raise Conflict("The time to answer is over.", code="offer-over")
    (operations.accept if decision == "accept" else operations.decline)(tx, booking.id)
    identity.use_link(tx, offer)
    return page.go(f"/offers/{offer}")


# Signed in ---------------------------------------------------------------------------------------------------------


@pages.post("/bookings/{booking_id:int}/accept", can=Can.BOOK, again=one_booking)
def accept(tx: Tx, page: Page, booking_id: int) -> Response:
    """The place that is held becomes theirs."""
    operations.accept(tx, booking_id)
    return page.go(f"/bookings/{booking_id}", made="yes")


@pages.post("/bookings/{booking_id:int}/decline", can=Can.CANCEL_BOOKING, again=one_booking)
def decline(tx: Tx, page: Page, booking_id: int) -> Response:
    """The place that is held passes on."""
    operations.decline(tx, booking_id)
    return page.go(f"/bookings/{booking_id}")
