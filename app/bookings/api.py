"""REST: sessions and bookings, by the same operations as the pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field

from app.apidoor import Reply, api, if_match
from app.bookings import listings, operations, queries
from app.bookings.listings import BookingOut, BookingsOut, BookingsQuery, SessionOut, SessionsOut, SessionsQuery
from app.bookings.models import Booking, Session, Status
from app.bookings.operations import sessions as timetabling
from app.bookings.operations.timetable import PartNew
from app.core.errors import Refusal
from app.core.listing import HAS_WORD, NO_NUL, BodyInstant, BodyKey, Closed, Key, Whole, keyset
from app.core.tx import Tx

router = APIRouter(prefix="/api/v1")


class NewBooking(Closed):
    """Who wants a seat on which session."""

    session_id: BodyKey
    person_id: BodyKey


class Cancellation(Closed):
    """Why the session is called off."""

    reason: Annotated[str, Field(min_length=3, max_length=500, pattern=HAS_WORD)]


class BookingCancellation(Closed):
    """Why the seat or turn is given up: one of the council's reasons, words, or both."""

    reason: Annotated[str, Field(max_length=500, pattern=NO_NUL)] = Field(
        "", description="In words. Needed without a reason_code, and with `other`."
    )
    reason_code: Annotated[str, Field(min_length=1, max_length=60, pattern=NO_NUL)] | None = Field(
        None, description="One of the council's reasons, such as `court`. Some excuse a late cancellation."
    )


class NewPart(Closed):
    """One continuous piece of a session, in a room or online or both."""

    starts_at: BodyInstant
    ends_at: BodyInstant
    room_id: BodyKey | None = None
    link: Annotated[str, Field(max_length=500, pattern=r"^https?://[^\s\x00]+$")] | None = Field(None, description="Joining link.")
    trainer_ids: list[BodyKey] = Field(default_factory=list, max_length=20)


class SessionPatch(Closed):
    """What to change; what is left out stays. Send null to empty what may be empty."""

    parts: list[NewPart] = Field(default_factory=list, max_length=20, description="All of its parts, which replace those it has.")
    capacity: Whole = Field(default_factory=int, ge=1, le=1000, description="Places.")
    min_numbers: Whole = Field(default_factory=int, ge=0, le=1000, description="Fewest people for it to run.")
    decide_by: BodyInstant | None = Field(None, description="When it is decided whether it runs.")
    waiting_limit: Whole | None = Field(None, ge=0, le=10_000, description="Longest waiting list; null: no limit.")
    opens_at: BodyInstant | None = Field(None, description="Booking opens.")
    closes_at: BodyInstant | None = Field(None, description="Booking closes.")
    cancel_by: BodyInstant | None = Field(None, description="After this, cancelling is late.")
    needs_approval: bool = Field(default_factory=bool, strict=True)
    audience_stages: list[Annotated[str, Field(min_length=1, max_length=40, pattern=NO_NUL)]] = Field(
        default_factory=list, max_length=20, description="Codes of career stages; empty: everyone."
    )
    audience_unit_id: BodyKey | None = Field(None, description="Only for people of this part of the organisation.")


class NewSession(SessionPatch):
    """A new session: a draft until it is published. Approval and audience are the course's if left out."""

    course_id: BodyKey
    parts: list[NewPart] = Field(min_length=1, max_length=20)
    capacity: Whole = Field(ge=1, le=1000, description="Places.")


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
    location = f"/api/v1/bookings/{made.id}"
    waits = made.status is Status.WAITING
    body = {
        "id": made.id,
        "session_id": made.session_id,
        "person_id": made.person_id,
        "status": made.status.value,
        "place": made.place,
        "priority": made.priority,
        "priority_because": made.priority_because,
        "turn": made.turn,
        "waiting_position": queries.last_position(tx, made.session_id, made.priority) if waits else None,
        "offer_ends_at": None,
        "approval": made.approval,
        "reason": None,
        "created_at": made.created_at,
        "updated_at": made.created_at,
        "version": 1,
    }
    return Reply(body, 201, location=location)


@router.post(
    "/bookings/{booking_id}/accept", response_model=BookingOut, summary="Accept an offer", operation_id="accept_booking", tags=["Bookings"]
)
@api("bookings:write", writes=True)
def accept(tx: Tx, booking_id: Key) -> dict[str, Any]:
    """Take the seat that is held: `booked`, or `requested` while approval is pending. 409 `offer-over` once its time is over."""
    operations.accept(tx, booking_id)
    return listings.booking(tx, booking_id)


@router.post(
    "/bookings/{booking_id}/decline",
    response_model=BookingOut,
    summary="Decline an offer",
    operation_id="decline_booking",
    tags=["Bookings"],
)
@api("bookings:write", writes=True)
def decline(tx: Tx, booking_id: Key) -> dict[str, Any]:
    """Give back the seat that is held. It is offered to the next person at once, and the turn on the waiting list ends."""
    operations.decline(tx, booking_id)
    return listings.booking(tx, booking_id)


@router.post(
    "/bookings/{booking_id}/cancel", response_model=BookingOut, summary="Cancel a booking", operation_id="cancel_booking", tags=["Bookings"]
)
@api("bookings:write", writes=True)
def cancel(tx: Tx, booking_id: Key, why: BookingCancellation) -> dict[str, Any]:
    """Give up a seat or a turn before the session starts. Given up late, a seat has what follows under the council's policy."""
    operations.cancel(tx, booking_id, why.reason, why.reason_code)
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


@router.post(
    "/sessions", status_code=201, response_model=SessionOut, summary="Add a session", operation_id="create_session", tags=["Sessions"]
)
@api("catalogue:write", writes=True, status=201)
def create_session(tx: Tx, new: NewSession) -> Reply:
    """A new session, as a draft that holds its rooms and trainers."""
    with _named_as_sent():
        session_id = timetabling.create_session(tx, new.course_id, _parts(new.parts), new.capacity, **_settings(new))
    return Reply(listings.session(tx, session_id), 201, location=f"/api/v1/sessions/{session_id}")


@router.patch(
    "/sessions/{session_id}", response_model=SessionOut, summary="Change a session", operation_id="change_session", tags=["Sessions"]
)
@api("catalogue:write", writes=True)
def change_session(tx: Tx, session_id: Key, new: SessionPatch, request: Request) -> dict[str, Any]:
    """Change a session; everyone booked is told of new times and places. Send the ETag you read as `If-Match`."""
    version = listings.session(tx, session_id)["version"]
    if_match(request, version)
    sent = new.model_fields_set
    parts = _parts(new.parts) if "parts" in sent else None
    capacity = new.capacity if "capacity" in sent else None
    with _named_as_sent():
        timetabling.change_session(tx, session_id, version, parts, capacity, **_settings(new))
    return listings.session(tx, session_id)


@router.post(
    "/sessions/{session_id}/publish",
    response_model=SessionOut,
    summary="Publish a session",
    operation_id="publish_session",
    tags=["Sessions"],
)
@api("catalogue:write", writes=True)
def publish_session(tx: Tx, session_id: Key) -> dict[str, Any]:
    """Open it to booking, in its window."""
    listings.session(tx, session_id)
    timetabling.publish_session(tx, session_id)
    return listings.session(tx, session_id)


@router.post(
    "/sessions/{session_id}/cancel", response_model=SessionOut, summary="Cancel a session", operation_id="cancel_session", tags=["Sessions"]
)
@api("catalogue:write", writes=True)
def cancel_session(tx: Tx, session_id: Key, why: Cancellation) -> dict[str, Any]:
    """Call it off: every live booking ends, and everyone is told why."""
    listings.session(tx, session_id)
    timetabling.cancel_session(tx, session_id, why.reason)
    return listings.session(tx, session_id)


FIELDS = {"day": "starts_at", "starts": "starts_at", "ends": "ends_at", "room": "room_id", "trainers": "trainer_ids"}


@contextmanager
def _named_as_sent() -> Iterator[None]:
    """Forms number parts from 1 and name their fields in their own way; a client is told of the field that it sent: parts.0.room_id."""
    try:
        yield
    except Refusal as problem:
        for error in problem.errors:
            found = re.fullmatch(r"parts\.(\d+)\.(\w+)", error["field"])
            if found:
                error["field"] = f"parts.{int(found[1]) - 1}.{FIELDS.get(found[2], found[2])}"
        raise


def _parts(sent: list[NewPart]) -> list[PartNew]:
    return [PartNew(part.starts_at, part.ends_at, part.room_id, part.link, tuple(part.trainer_ids)) for part in sent]


def _settings(new: SessionPatch) -> dict[str, Any]:
    return new.model_dump(include=set(timetabling.SETTINGS), exclude_unset=True)
