"""Reserved places and colleagues, read: what somebody has still to name people for, and to whom a place could be passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func, literal_column, or_, select

from app.bookings.models import RESERVED_SQL, Booking, Session
from app.bookings.operations.reservations import answers_for
from app.bookings.queries import part_count, span_columns
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.facts import current
from app.core.tx import Tx
from app.learning.models import Course
from app.people.models import Duty, Membership, Person, Responsibility

_RESERVED: Any = literal_column(RESERVED_SQL.replace("status", "bookings.status"))
_reserver = aliased(Person, name="reserver")
_LIST = (
    select(
        Booking.id,
        Booking.session_id,
        Booking.booked_by,
        Booking.name_by,
        Booking.status,
        Session.reference,
        Session.starts_at,
        Session.ends_at,
        Session.place.label("town"),
        Course.title,
        Course.slug,
        _reserver.name.label("reserver"),
        part_count().label("parts"),
        *span_columns(),
    )
    .join(Session, Session.id == Booking.session_id)
    .join(Course, Course.id == Session.course_id)
    .outerjoin(_reserver, _reserver.id == Booking.booked_by)
)


def to_name(tx: Tx) -> Sequence[Row[Any]]:
    """Places that the actor, or somebody they deputise for, has reserved and named nobody for; the soonest to run out first."""
    deputising = select(Responsibility.person_id).where(
        Responsibility.kind == Duty.DEPUTY.value, Responsibility.holder_id == tx.actor.person_id, current(Responsibility, tx.today)
    )
    mine = or_(Booking.booked_by == tx.actor.person_id, Booking.booked_by.in_(deputising))
    return tx.rows(_LIST.where(_RESERVED, mine).order_by(Booking.name_by, Session.starts_at, Booking.id).limit(100))


def reserved(tx: Tx, booking_id: int) -> Row[Any]:
    """One reserved place, or NotFound when the actor does not answer for it."""
    row = tx.one(_LIST.where(Booking.id == booking_id, Booking.person_id.is_(None)))
    if row is None or not answers_for(tx, row.booked_by):
        raise NotFound("There is no reserved place with that reference.", code="booking-not-found")
    return row


def colleagues(tx: Tx, person_id: int, most: int = 50) -> Sequence[Row[Any]]:
    """The others of somebody's team today: whom they work with, so that naming them gives nobody away."""
    mine = select(Membership.unit_id).where(Membership.person_id == person_id, current(Membership, tx.today))
    found = (
        select(Person.id, Person.name)
        .join(Membership, Membership.person_id == Person.id)
        .where(
            Membership.unit_id.in_(mine),
            current(Membership, tx.today),
            Person.id != person_id,
            or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today),
        )
    )
    return tx.rows(found.order_by(Person.sort_name, Person.id).limit(most))


def by_address(tx: Tx, address: str) -> int | None:
    """Who has exactly this work e-mail address. The caller says the same whether there is nobody or they cannot."""
    found: int | None = tx.scalar(select(Person.id).where(Person.email == func.lower(address)))
    return found
