"""Sessions and bookings as lists for other systems."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Select, case, func, literal, literal_column, select

from app import policy
from app.bookings.models import HOLDS_SQL, WAITING_SQL, Booking, Part, PartTrainer, Place, Room, Session
from app.bookings.queries import ahead
from app.core.calendar import from_london
from app.core.errors import NotFound
from app.core.listing import Day, Instant, InstantOut, Key, ListQuery, Truth, moment
from app.core.tx import Tx
from app.learning.models import Course
from app.people.listings import of_client
from app.people.models import Person
from app.policy import Can

DAY = timedelta(days=1)
FIRST, LAST = date(1900, 1, 1), date(2199, 12, 30)  # no session lies outside, and days at the ends of the calendar have no UTC
BookingStatus = Literal[
    "reserved",
    "requested",
    "waiting",
    "offered",
    "booked",
    "cancelled",
    "declined",
    "expired",
    "attended",
    "partly attended",
    "did not attend",
    "excused",
]


class BookingsQuery(ListQuery):
    """Which bookings. Several filters together must all hold."""

    session: Key | None = Field(None, description="Id of the session.")
    person: Key | None = Field(None, description="Id of the person.")
    status: BookingStatus | None = None
    updated_since: Instant | None = Field(None, description="Made or changed at or after this instant.")


class BookingOut(BaseModel):
    """A person's seat on a session or, without a place, their turn on its waiting list."""

    id: int
    session_id: int
    person_id: int | None = Field(description="Null: a place reserved for somebody who is yet to be named.")
    status: BookingStatus
    place: int | None = Field(description="Number of the seat held; null on the waiting list and when it is over.")
    priority: int = Field(description="Class in the queue, fixed at joining; lower goes first, 5 is the usual one.")
    priority_because: str | None = Field(description="Why they are in that class, in words to the person; null: the usual one.")
    turn: int = Field(description="Order of asking within the session.")
    waiting_position: int | None = Field(description="Place in the queue, from 1, while waiting.")
    offer_ends_at: InstantOut | None = Field(description="While offered: until when the seat is held for an answer.")
    approval: Literal["not needed", "pending", "granted", "refused", "expired"]
    reason: str | None = Field(description="Why it was cancelled or declined.")
    created_at: InstantOut
    updated_at: InstantOut
    version: int


class BookingsOut(BaseModel):
    """One reply of the list."""

    items: list[BookingOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


_BOOKINGS = select(
    Booking.id,
    Booking.session_id,
    Booking.person_id,
    Booking.status,
    Booking.place,
    Booking.priority,
    Booking.priority_because,
    Booking.turn,
    (ahead() + 1).label("waiting_position"),
    Booking.offer_ends_at,
    Booking.approval,
    Booking.reason,
    Booking.created_at,
    Booking.updated_at,
    Booking.version,
)


def _bookings(tx: Tx) -> Select[*tuple[Any, ...]]:
    reach = of_client(tx, Can.READ_BOOKINGS)
    return _BOOKINGS.join(Person, Person.id == Booking.person_id).where(*reach) if reach else _BOOKINGS


def bookings(tx: Tx, query: BookingsQuery) -> Select[*tuple[Any, ...]]:
    """The bookings a client asks for, of people within its reach."""
    found = _bookings(tx)
    if query.session is not None:
        found = found.where(Booking.session_id == query.session)
    if query.person is not None:
        found = found.where(Booking.person_id == query.person)
    if query.status is not None:
        found = found.where(Booking.status == query.status)
    if query.updated_since is not None:
        found = found.where(Booking.updated_at >= moment(query.updated_since))
    return found


def booking(tx: Tx, booking_id: int) -> dict[str, Any]:
    """One of them, or NotFound."""
    row = tx.one(_bookings(tx).where(Booking.id == booking_id))
    if row is None:
        raise NotFound("There is no booking with that reference.", code="booking-not-found")
    return dict(row._mapping)


def these_bookings(tx: Tx, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Those of these bookings that the client may have, each as `booking` gives it."""
    return [dict(row._mapping) for row in tx.rows(_bookings(tx).where(Booking.id.in_(keys)))]


# Sessions ----------------------------------------------------------------------------------------------------------


class SessionsQuery(ListQuery):
    """Which sessions. Several filters together must all hold."""

    course: Key | None = Field(None, description="Id of the course.")
    from_: Day | None = Field(None, alias="from", description="Starting on or after this day, London time.")
    to: Day | None = Field(None, description="Starting on or before this day, London time.")
    has_places: Truth | None = Field(None, description="true: a new booking would get a seat; false: it would not.")
    status: Literal["draft", "published", "cancelled"] | None = Field(None, description="Drafts are shown to clients with catalogue:write.")
    updated_since: Instant | None = Field(
        None, description="Created or changed at or after this instant; bookings do not count as a change."
    )


class PartOut(BaseModel):
    """One continuous piece of a session."""

    id: int
    starts_at: InstantOut
    ends_at: InstantOut
    room_id: int | None
    room: str | None
    link: str | None = Field(description="Joining link; null for clients without catalogue:write.")
    trainer_ids: list[int]


class SessionOut(BaseModel):
    """A dated offering of a course. Instants are UTC."""

    id: int
    reference: str = Field(description="What people quote, such as S1042.")
    course_id: int
    course: str = Field(description="Title of the course.")
    starts_at: InstantOut = Field(description="Of the first part.")
    ends_at: InstantOut = Field(description="Of the last part.")
    place: str = Field(description="Town of the room, or Online.")
    online: bool
    capacity: int
    places_left: int = Field(
        description="Seats that a new booking of anybody could get; 0 while anyone waits. Seats kept for a group are left out."
    )
    waiting: int = Field(description="How many wait.")
    min_numbers: int
    decide_by: InstantOut | None = Field(description="When it is decided whether it runs.")
    waiting_limit: int | None = Field(description="Longest waiting list; null: no limit.")
    opens_at: InstantOut | None
    closes_at: InstantOut | None
    cancel_by: InstantOut | None = Field(description="After this, cancelling is late.")
    needs_approval: bool
    audience_stages: list[str] = Field(description="Codes of career stages; empty: everyone.")
    audience_unit_id: int | None
    status: Literal["draft", "published", "cancelled"]
    cancel_reason: str | None
    created_at: InstantOut
    updated_at: InstantOut
    version: int
    parts: list[PartOut]


class SessionsOut(BaseModel):
    """One reply of the list."""

    items: list[SessionOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


_open_seats = (
    select(func.count())
    .select_from(Place)
    .where(Place.session_id == Session.id, ~Place.closing, Place.quota_id.is_(None))
    .correlate(Session)
    .scalar_subquery()
)
_held = (
    select(func.count())
    .select_from(Booking)
    .join(
        Place,
        (Place.session_id == Booking.session_id) & (Place.number == Booking.place) & ~Place.closing & Place.quota_id.is_(None),
    )
    .where(Booking.session_id == Session.id, literal_column(HOLDS_SQL.replace("status", "bookings.status")))
    .correlate(Session)
    .scalar_subquery()
)
_waiting = (
    select(func.count())
    .select_from(Booking)
    .where(Booking.session_id == Session.id, literal_column(WAITING_SQL.replace("status", "bookings.status")))
    .correlate(Session)
    .scalar_subquery()
)
_left = case((_waiting > 0, literal(0)), else_=_open_seats - _held)


def _sessions(tx: Tx) -> Select[*tuple[Any, ...]]:
    found = (
        select(
            Session.id,
            Session.reference,
            Session.course_id,
            Course.title.label("course"),
            Session.starts_at,
            Session.ends_at,
            Session.place,
            Session.online,
            Session.capacity,
            _left.label("places_left"),
            _waiting.label("waiting"),
            Session.min_numbers,
            Session.decide_by,
            Session.waiting_limit,
            Session.opens_at,
            Session.closes_at,
            Session.cancel_by,
            Session.needs_approval,
            Session.audience_stages,
            Session.audience_unit_id,
            Session.status,
            Session.cancel_reason,
            Session.created_at,
            Session.updated_at,
            Session.version,
        )
        .select_from(Session)
        .join(Course, Course.id == Session.course_id)
    )
    return found if policy.may(tx.actor, Can.MANAGE_SESSIONS) else found.where(Session.status != "draft")


def _begins(day: date) -> datetime:
    """The first instant of a London day."""
    return from_london(min(max(day, FIRST), LAST), time(0))


def sessions(tx: Tx, query: SessionsQuery) -> Select[*tuple[Any, ...]]:
    """The sessions a client asks for."""
    found = _sessions(tx)
    if query.course is not None:
        found = found.where(Session.course_id == query.course)
    if query.from_ is not None:
        found = found.where(Session.starts_at >= _begins(query.from_))
    if query.to is not None:
        found = found.where(Session.starts_at < _begins(min(query.to, LAST) + DAY))
    if query.has_places is not None:
        found = found.where(_left > 0 if query.has_places else _left <= 0)
    if query.status is not None:
        found = found.where(Session.status == query.status)
    if query.updated_since is not None:
        found = found.where(Session.updated_at >= moment(query.updated_since))
    return found


def session(tx: Tx, session_id: int) -> dict[str, Any]:
    """One of them, or NotFound; a draft exists only for those who manage sessions."""
    row = tx.one(_sessions(tx).where(Session.id == session_id))
    if row is None:
        raise NotFound("There is no session with that reference.", code="session-not-found")
    return complete(tx, [dict(row._mapping)])[0]


def these_sessions(tx: Tx, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Those of these sessions that the client may have, each as `session` gives it."""
    return complete(tx, [dict(row._mapping) for row in tx.rows(_sessions(tx).where(Session.id.in_(keys)))])


def complete(tx: Tx, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same sessions with their parts, rooms and trainers: two more statements however many there are."""
    keys = [row["id"] for row in found]
    links = policy.may(tx.actor, Can.MANAGE_SESSIONS)
    parts: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    by_part: dict[int, dict[str, Any]] = {}
    for part in _parts(tx, keys):
        by_part[part.id] = dict(
            id=part.id,
            starts_at=part.starts_at,
            ends_at=part.ends_at,
            room_id=part.room_id,
            room=part.room,
            link=part.link if links else None,
            trainer_ids=[],
        )
        parts[part.session_id].append(by_part[part.id])
    for trainer in tx.rows(
        select(PartTrainer.part_id, PartTrainer.person_id).where(PartTrainer.part_id.in_(by_part)).order_by(PartTrainer.id)
        if by_part
        else _NOTHING
    ):
        by_part[trainer.part_id]["trainer_ids"].append(trainer.person_id)
    for row in found:
        row["audience_stages"] = [code for code in row["audience_stages"].split(",") if code]
        row["parts"] = parts[row["id"]]
    return found


_NOTHING = select(PartTrainer.part_id, PartTrainer.person_id).where(PartTrainer.id < 0)


def _parts(tx: Tx, keys: Sequence[int]) -> Sequence[Any]:
    return tx.rows(
        select(Part.id, Part.session_id, Part.starts_at, Part.ends_at, Part.room_id, Room.name.label("room"), Part.link)
        .outerjoin(Room, Room.id == Part.room_id)
        .where(Part.session_id.in_(keys))
        .order_by(Part.starts_at, Part.id)
    )
