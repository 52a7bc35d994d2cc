"""Places that change hands: reserve some for one's people, say later who comes, and pass a place to a colleague."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from app import policy
from app.bookings import queries, reserved, rules, words
from app.bookings.clocks import after_working_days
from app.bookings.operations import passing, queue, reservations
from app.bookings.terms import cut_off
from app.bookings.terms import policy as figures
from app.core import forms
from app.core.errors import Forbidden, Invalid
from app.core.text import plural
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can

pages = Pages()


# Reserve places ----------------------------------------------------------------------------------------------------


@pages.get("/sessions/{session_id:int}/reserve", can=Can.BOOK)
def reserve_form(tx: Tx, page: Page, session_id: int) -> Response:
    """How many places, and until when somebody has to be named."""
    if not queries.may_book_others(tx):
        raise Forbidden("Only managers and the Academy can reserve places.", code="cannot-reserve")
    session = queries.session(tx, session_id)
    terms = figures(tx)
    free = [] if session.waiting else [seat for seat in queue.free_seats(tx, session_id) if seat.quota_id is None]
    name_by = min(after_working_days(tx.now, terms.reservation_days, terms), cut_off(session, terms))
    closed = next(rules.session_open(tx, session), None)
    return page.render(
        "bookings/reserve.html",
        session=session,
        meetings=queries.meetings(tx, session_id),
        free=len(free) if closed is None and name_by > tx.now else 0,
        closed=closed,
        name_by=name_by,
        words=words,
    )


@pages.post("/sessions/{session_id:int}/reserve", can=Can.BOOK, again=reserve_form)
def reserve(tx: Tx, page: Page, session_id: int) -> Response:
    """They are held; the list of places to name says until when."""
    problems = forms.Problems()
    number = forms.number(page.form, "number", "The number of places", problems)
    problems.raise_any()
    made = reservations.reserve(tx, session_id, number or 0)
    return page.go("/my-team", reserved=len(made))


# Say who comes -----------------------------------------------------------------------------------------------------


@pages.get("/bookings/{booking_id:int}/name", can=Can.BOOK)
def name_form(tx: Tx, page: Page, booking_id: int) -> Response:
    """Whom to name: one's own people, or anybody in reach by name."""
    place = reserved.reserved(tx, booking_id)
    asked = page.query("who") or forms.text(page.form, "who")
    people = queries.candidates(tx, asked) if place.status == "reserved" else []
    return page.render("bookings/name.html", place=place, asked=asked, people=people, now=tx.now, words=words)


@pages.post("/bookings/{booking_id:int}/name", can=Can.BOOK, again=name_form)
def name(tx: Tx, page: Page, booking_id: int) -> Response:
    """The place is theirs, or asked for where somebody has to approve."""
    person = forms.one_id(page.form, "person")
    if person is None:
        raise Invalid("Choose who comes.", errors=[{"field": "person", "message": "Choose who comes"}])
    reservations.name(tx, booking_id, person)
    return page.go(f"/bookings/{booking_id}", made="yes")


@pages.post("/bookings/{booking_id:int}/give-back", can=Can.BOOK, again=name_form)
def give_back(tx: Tx, page: Page, booking_id: int) -> Response:
    """The place is everybody's again."""
    reservations.give_back(tx, booking_id)
    return page.go("/my-team", returned="yes")


# Pass a place on ---------------------------------------------------------------------------------------------------


@pages.get("/bookings/{booking_id:int}/pass", can=Can.CANCEL_BOOKING)
def pass_form(tx: Tx, page: Page, booking_id: int) -> Response:
    """To whom: somebody of the same team, or whoever has a work e-mail address that the giver knows."""
    booking = queries.booking(tx, booking_id, Can.CANCEL_BOOKING)
    page.saw("booking.viewed", booking.person_id)
    return page.render(
        "bookings/pass.html",
        booking=booking,
        you=booking.person_id == tx.actor.person_id,
        colleagues=reserved.colleagues(tx, booking.person_id),
        possible=booking.status == "booked" and booking.starts_at > tx.now and booking.session_status == "published",
        words=words,
    )


@pages.post("/bookings/{booking_id:int}/pass", can=Can.CANCEL_BOOKING, again=pass_form)
def pass_on(tx: Tx, page: Page, booking_id: int) -> Response:
    """It is the colleague's; the giver's own booking says what became of it."""
    queries.booking(tx, booking_id, Can.CANCEL_BOOKING)
    receiver, address = forms.one_id(page.form, "person"), forms.text(page.form, "email")
    if receiver is not None and address:
        message = "Choose a colleague or enter an e-mail address, not both"
        raise Invalid(message + ".", errors=[{"field": "email", "message": message}])
    if receiver is None and not address:
        raise Invalid("Say to whom.", errors=[{"field": "email", "message": "Choose a colleague, or enter their work e-mail address"}])
    if receiver is None:
        receiver = reserved.by_address(tx, address)
    if receiver is None:
        raise passing.cannot()
    passing.pass_on_to(tx, booking_id, receiver)
    return page.go(f"/bookings/{booking_id}")


def banner(page: Page) -> tuple[str, str]:
    """What the list of one's people says was just done about reserved places."""
    number = page.number("reserved", 0)
    if number:
        return f"{plural(number, 'place')} {'is' if number == 1 else 'are'} reserved.", "Say who comes before the deadline below."
    return ("The place is given back.", "") if page.query("returned") else ("", "")


def to_name(tx: Tx) -> Any:
    """Places to name, for whoever may reserve any; no question for the others."""
    return reserved.to_name(tx) if policy.may(tx.actor, Can.BOOK) and queries.may_book_others(tx) else []
