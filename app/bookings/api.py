"""REST: sessions and bookings, by the same operations as the pages."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from app.bookings import listings, operations
from app.bookings.listings import BookingOut, BookingsOut, BookingsQuery, SessionOut, SessionsOut, SessionsQuery
from app.bookings.models import Booking, Session
from app.core.listing import HAS_WORD, BodyKey, Closed, Key, keyset
from app.core.tx import Tx
from app.doors import Reply, api

router = APIRouter(prefix="/api/v1")


class NewBooking(Closed):
    """Who wants a seat on which session."""

    session_id: BodyKey
    person_id: BodyKey


class Cancellation(Closed):
    """Why the seat or turn is given up."""

    reason: Annotated[str, Field(min_length=3, max_length=500, pattern=HAS_WORD)]


@router.get("/bookings", response_model=BookingsOut, summary="List bookings", operation_id="list_bookings", tags=["Bookings"])
@api("bookings:read")
def bookings(tx: Tx, query: Annotated[BookingsQuery, Query()]) -> dict[str, Any]:
    """Bookings in the order of their ids, those that are over too."""
    items, following = keyset(tx, "bookings", query, listings.bookings(tx, query), Booking.__table__.c.id)
    return {"items": items, "next": following}


@router.get("/bookings/{booking_id}", response_model=BookingOut, summary="Read a booking", operation_id="get_booking", tags=["Bookings"])
@api("bookings:read")
def booking(tx: Tx, booking_id: Key) -> dict[str, Any]:
    """One booking."""
    return listings.booking(tx, booking_id)


@router.post("/bookings", status_code=201, response_model=BookingOut, summary="Book", operation_id="create_booking", tags=["Bookings"])
@api("bookings:write", writes=True, status=201)
def book(tx: Tx, new: NewBooking) -> Reply:
    """A seat on a session or, when it is full, the next turn on its waiting list: read `status`. A 409 says in `code` why neither."""
    made = operations.book(tx, new.session_id, new.person_id)
    body = {
        "id": made.id,
        "session_id": made.session_id,
        "person_id": made.person_id,
        "status": made.status.value,
        "place": made.place,
        "priority": made.priority,
        "turn": made.turn,
        "approval": made.approval,
        "reason": None,
        "created_at": made.created_at,
        "updated_at": made.created_at,
        "version": 1,
    }
    return Reply(body, 201, location=f"/api/v1/bookings/{made.id}")


@router.post(
    "/bookings/{booking_id}/cancel", response_model=BookingOut, summary="Cancel a booking", operation_id="cancel_booking", tags=["Bookings"]
)
@api("bookings:write", writes=True)
def cancel(tx: Tx, booking_id: Key, why: Cancellation) -> dict[str, Any]:
    """Give up a seat or a turn before the session starts."""
    operations.cancel(tx, booking_id, why.reason)
    return listings.booking(tx, booking_id)


# Sessions ----------------------------------------------------------------------------------------------------------


@router.get("/sessions", response_model=SessionsOut, summary="List sessions", operation_id="list_sessions", tags=["Sessions"])
@api("catalogue:read")
def sessions(tx: Tx, query: Annotated[SessionsQuery, Query()]) -> dict[str, Any]:
    """Sessions in the order of their ids, with their parts."""
    items, following = keyset(tx, "sessions", query, listings.sessions(tx, query), Session.__table__.c.id)
    return {"items": listings.complete(tx, items), "next": following}


@router.get("/sessions/{session_id}", response_model=SessionOut, summary="Read a session", operation_id="get_session", tags=["Sessions"])
@api("catalogue:read")
def session(tx: Tx, session_id: Key) -> dict[str, Any]:
    """One session. The ETag is what `PATCH` asks for in `If-Match`; it changes with every booking, which `If-Match` overlooks."""
    return listings.session(tx, session_id)
