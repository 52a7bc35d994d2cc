"""Rooms, sessions and their parts, places and bookings. A place is a row, so the database itself refuses one booking too many."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, false, text

from app.core.db import Base, Model, no_overlap
from app.core.declared import Mapped, mapped_column
from app.core.ledger import Json
from app.core.tx import meaning


class Status(StrEnum):
    """The states of a booking. Requested to excused without waiting and offered's special rules: see docs/bookings.md."""

    RESERVED = "reserved"  # holds a seat for somebody to be named
    REQUESTED = "requested"  # holds a seat, approval pending
    WAITING = "waiting"
    OFFERED = "offered"
    BOOKED = "booked"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    EXPIRED = "expired"
    ATTENDED = "attended"
    PARTLY_ATTENDED = "partly attended"
    DID_NOT_ATTEND = "did not attend"
    EXCUSED = "excused"


HOLDS_SQL = "status IN ('reserved', 'requested', 'offered', 'booked', 'attended', 'partly attended', 'did not attend', 'excused')"
LIVE_SQL = "status NOT IN ('cancelled', 'declined', 'expired')"
WAITING_SQL = "status = 'waiting'"
OFFERED_SQL = "status = 'offered'"
RESERVED_SQL = "status = 'reserved'"
PENDING_SQL = "approval = 'pending'"  # asked together with the state: what has ended keeps its last approval
HOLDS = (
    Status.RESERVED,
    Status.REQUESTED,
    Status.OFFERED,
    Status.BOOKED,
    Status.ATTENDED,
    Status.PARTLY_ATTENDED,
    Status.DID_NOT_ATTEND,
    Status.EXCUSED,
)
OVER = (Status.CANCELLED, Status.DECLINED, Status.EXPIRED)


class Room(Model):
    """Somewhere to meet, with its own capacity."""

    __tablename__ = "rooms"
    name: Mapped[str] = mapped_column(unique=True)
    place: Mapped[str]  # town or building, the catalogue's "place" filter
    address: Mapped[str] = mapped_column(default="")
    capacity: Mapped[int]
    access_notes: Mapped[str] = mapped_column(default="")
    closed: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (CheckConstraint("capacity > 0", name="capacity"),)


class Session(Model):
    """A dated offering of a course. Its seats are `places`; its times stand in its parts and are summed up here for lists."""

    __tablename__ = "sessions"
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    reference: Mapped[str] = mapped_column(unique=True)  # what people quote: "S1042"
    starts_at: Mapped[datetime]  # of the first part
    ends_at: Mapped[datetime]  # of the last part
    place: Mapped[str] = mapped_column(default="")  # town of the room, or "Online"
    online: Mapped[bool] = mapped_column(default=False)
    capacity: Mapped[int]  # how many places it should have; the rows in `places` are the truth
    min_numbers: Mapped[int] = mapped_column(default=0)
    decide_by: Mapped[datetime | None]  # when it is decided whether it runs
    waiting_limit: Mapped[int | None]  # NULL: no limit; 0: no waiting list
    opens_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    cancel_by: Mapped[datetime | None]  # after this, cancelling is late
    needs_approval: Mapped[bool] = mapped_column(default=False)
    audience_stages: Mapped[str] = mapped_column(default="")
    audience_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))  # only for people of this part of the organisation
    status: Mapped[str] = mapped_column(default="draft")  # draft · published · cancelled
    cancel_reason: Mapped[str | None]
    has_quotas: Mapped[bool] = mapped_column(
        default=False, server_default=false()
    )  # some of its places are held for a group or unit: asked on the busiest path
    runs_at: Mapped[datetime | None]  # when it was decided that it runs although fewer than `min_numbers` had booked
    register_at: Mapped[datetime | None]  # when its register was finished
    next_turn: Mapped[int] = mapped_column(default=1)  # given out under the session's lock
    sequence: Mapped[int] = mapped_column(default=0)  # of its calendar entries; rises with every change of time or room
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("status IN ('draft', 'published', 'cancelled')", name="status"),
        CheckConstraint("starts_at < ends_at", name="times"),
        CheckConstraint("capacity > 0 AND min_numbers >= 0 AND min_numbers <= capacity", name="numbers"),
        CheckConstraint("waiting_limit IS NULL OR waiting_limit >= 0", name="waiting_limit"),
        Index("ix_sessions_course", "course_id", "starts_at"),
        Index("ix_sessions_starts", "status", "starts_at"),
    )


class Part(Model):
    """One continuous piece of a session. `live` is copied from the session so that the room check needs no join."""

    __tablename__ = "parts"
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    room_id: Mapped[int | None] = mapped_column(ForeignKey("rooms.id"), index=True)
    link: Mapped[str | None]  # joining link, shown only to those booked
    live: Mapped[bool] = mapped_column(default=True)
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="times"),
        CheckConstraint("room_id IS NOT NULL OR link IS NOT NULL", name="somewhere"),
    )


class PartTrainer(Model):
    """Who delivers a part; the times are copied here, where double-booking is checked."""

    __tablename__ = "part_trainers"
    part_id: Mapped[int] = mapped_column(ForeignKey("parts.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    live: Mapped[bool] = mapped_column(default=True)
    __table_args__ = (Index("ix_part_trainers_person", "person_id", "starts_at"),)


class Quota(Model):
    """Places of a session kept for a group (a cohort) or a unit (a team, an organisation) until a date, then for everybody."""

    __tablename__ = "quotas"
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id"), index=True)
    group_id: Mapped[int | None] = mapped_column(ForeignKey("groups.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))  # all below it included
    places: Mapped[int]  # how many
    release_on: Mapped[date]  # from the start of this London day the places are everybody's
    released_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("(group_id IS NULL) <> (unit_id IS NULL)", name="one_holder"),
        CheckConstraint("places > 0", name="places"),
        Index("ix_quotas_release", "release_on", sqlite_where=text("released_at IS NULL"), postgresql_where=text("released_at IS NULL")),
    )


class Place(Base):
    """One seat. Capacity is how many rows there are, so the database itself refuses one booking too many."""

    __tablename__ = "places"
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    quota_id: Mapped[int | None] = mapped_column(ForeignKey("quotas.id"))  # only for these people; NULL: for everybody
    closing: Mapped[bool] = mapped_column(default=False)  # capacity was lowered: goes when it is vacated


class Booking(Model):
    """A person's seat on a session or, without a place, their turn on its waiting list. Its history is its audit rows."""

    __tablename__ = "bookings"
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL: reserved, or was when it ended
    booked_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL: through the API
    place: Mapped[int | None]  # NULL again once the booking no longer holds a seat
    priority: Mapped[int] = mapped_column(default=5)  # class, fixed at joining; the queue is (priority, turn)
    priority_because: Mapped[str | None]  # the rule that gave the class, in words; NULL: the usual class
    turn: Mapped[int]  # order of asking, given out under the session's lock
    approval: Mapped[str] = mapped_column(default="not needed")  # not needed · pending · granted · refused · expired
    approval_due_at: Mapped[datetime | None]  # a request that nobody has answered by then expires
    status: Mapped[str]
    offer_ends_at: Mapped[datetime | None]  # while offered: until when the place is held for them
    name_by: Mapped[datetime | None]  # while reserved: until when somebody has to be named
    reason: Mapped[str | None]  # of cancelling, in words
    reason_code: Mapped[str | None] = mapped_column(ForeignKey("cancel_reasons.code"))
    passed_from: Mapped[int | None] = mapped_column(ForeignKey("bookings.id"))  # whose place this was, and whose turn and class it keeps
    sequence: Mapped[int] = mapped_column(default=0)  # of this person's calendar entry
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        ForeignKeyConstraint(["session_id", "place"], ["places.session_id", "places.number"], name="fk_bookings_place"),
        CheckConstraint(f"(place IS NOT NULL) = ({HOLDS_SQL})", name="seat"),  # a seat exactly when the state holds one
        CheckConstraint("person_id IS NOT NULL OR status IN ('reserved', 'cancelled', 'expired')", name="named"),
        CheckConstraint("status <> 'offered' OR offer_ends_at IS NOT NULL", name="offer"),
        CheckConstraint("status <> 'reserved' OR (name_by IS NOT NULL AND person_id IS NULL)", name="reserved"),
        CheckConstraint(
            "status IN ('reserved', 'requested', 'waiting', 'offered', 'booked', 'cancelled', 'declined', 'expired', 'attended', "
            "'partly attended', 'did not attend', 'excused')",
            name="status",
        ),
        CheckConstraint("approval IN ('not needed', 'pending', 'granted', 'refused', 'expired')", name="approval"),
        Index("uq_bookings_seat", "session_id", "place", unique=True),
        Index("uq_bookings_person", "session_id", "person_id", unique=True, sqlite_where=text(LIVE_SQL), postgresql_where=text(LIVE_SQL)),
        Index("uq_bookings_turn", "session_id", "turn", unique=True, sqlite_where=text(LIVE_SQL), postgresql_where=text(LIVE_SQL)),
        Index("ix_bookings_queue", "session_id", "priority", "turn", sqlite_where=text(WAITING_SQL), postgresql_where=text(WAITING_SQL)),
        Index("ix_bookings_person", "person_id", "session_id"),
        Index("ix_bookings_offers", "offer_ends_at", sqlite_where=text(OFFERED_SQL), postgresql_where=text(OFFERED_SQL)),
        Index("ix_bookings_reserved", "name_by", sqlite_where=text(RESERVED_SQL), postgresql_where=text(RESERVED_SQL)),
        Index("ix_bookings_approvals", "approval_due_at", sqlite_where=text(PENDING_SQL), postgresql_where=text(PENDING_SQL)),
    )


class PassOn(Model):
    """Work to do: a place of this session may have become free for whoever waits. Written with the change that freed it."""

    __tablename__ = "pass_ons"
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id"))
    asked_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    __table_args__ = (
        Index("ix_pass_ons_open", "session_id", sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL")),
    )


class SessionImport(Model):
    """A file of sessions that was checked and may be applied. Its rows are kept as they were sent; they are checked anew each time."""

    __tablename__ = "session_imports"
    file_name: Mapped[str]
    rows: Mapped[list[dict[str, Any]]] = mapped_column(Json)  # {"line": 2, "cells": {"course": "…"}}
    staged_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    staged_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]


meaning(
    "uq_bookings_person",
    "bookings.session_id, bookings.person_id",
    message="They already have a place or a turn on this session.",
    code="already-booked",
)
meaning(
    "uq_bookings_seat",
    "bookings.session_id, bookings.place",
    message="That place was taken at the same moment. Try again.",
    code="place-taken",
)
no_overlap(Part.__table__, "room_id", "starts_at", "ends_at", "live", kind="instant", name="ex_parts_room")
no_overlap(PartTrainer.__table__, "person_id", "starts_at", "ends_at", "live", kind="instant", name="ex_part_trainers")
meaning("ex_parts_room", message="That room is already in use at that time.", code="room-taken")
meaning("ex_part_trainers", message="That trainer is already delivering at that time.", code="trainer-taken")
