"""The order of a waiting list, where a coordinator departs from it: another class, or a free place out of turn, with the reason."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, select
from starlette.responses import Response

from app.bookings import operations, queries, words
from app.bookings.policy_models import PriorityRule
from app.bookings.priority import USUAL
from app.core.errors import Conflict
from app.core.tx import Tx
from app.doors import Page, Pages
from app.policy import Can

pages = Pages()
_CLASSES = (
    select(PriorityRule.priority, func.min(PriorityRule.title).label("title"))
    .group_by(PriorityRule.priority)
    .order_by(PriorityRule.priority)
)


def classes(tx: Tx) -> dict[int, str]:
    """What the classes of the queue are called, by number: those that the council's rules name, the first, the usual one and the last."""
    named = {1: "Before everybody else", 9: "After everybody else"} | {row.priority: row.title for row in tx.rows(_CLASSES)}
    return dict(sorted((named | {USUAL: "Usual: by when they asked"}).items()))


@pages.get("/bookings/{booking_id:int}/order", can=Can.MANAGE_SESSIONS)
def order(tx: Tx, page: Page, booking_id: int) -> Response:
    """Where somebody stands and why, and the two ways to change that."""
    booking = _waiting(tx, booking_id)
    page.saw("booking.viewed", booking.person_id)
    session = queries.session(tx, booking.session_id)
    return page.render(
        "bookings/order.html",
        booking=booking,
        session=session,
        classes=list(classes(tx).items()),
        free=session.capacity > session.held and session.starts_at > tx.now and session.status == "published",
        words=words,
    )


def _waiting(tx: Tx, booking_id: int) -> Row[Any]:
    booking = queries.booking(tx, booking_id, Can.BOOK)
    if booking.status != "waiting":
        raise Conflict("They are not waiting any more.", code="not-waiting", way_out="Look at who is coming.")
    return booking


@pages.post("/bookings/{booking_id:int}/order", can=Can.MANAGE_SESSIONS, again=order)
def change(tx: Tx, page: Page, booking_id: int) -> Response:
    """Another class of the queue."""
    given = page.form.get("priority")
    priority = int(given) if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) < 3 else 0
    operations.change_priority(tx, booking_id, priority, _text(page, "reason"))
    return _done(tx, page, booking_id, "order")


@pages.post("/bookings/{booking_id:int}/give", can=Can.MANAGE_SESSIONS, again=order)
def give(tx: Tx, page: Page, booking_id: int) -> Response:
    """A free place, before those who are earlier in the queue."""
    operations.give_to(tx, booking_id, _text(page, "why"))
    return _done(tx, page, booking_id, "override")


def _done(tx: Tx, page: Page, booking_id: int, what: str) -> Response:
    return page.go(f"/sessions/{queries.booking(tx, booking_id, Can.BOOK).session_id}/roster", given=what)


def _text(page: Page, name: str) -> str:
    given = page.form.get(name, "")
    return given if isinstance(given, str) else ""
