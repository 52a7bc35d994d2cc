"""The register of a session: who has a place, what is marked for each part, and who may take it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, exists, func, literal_column, select
from sqlalchemy.sql.elements import ColumnElement

from app import policy
from app.bookings.event_models import Attendance, CheckIn
from app.bookings.models import Booking, Part, PartTrainer, Session, Status
from app.bookings.policy_models import CancelReason
from app.bookings.queries import delivers
from app.bookings.terms import policy as figures
from app.core.db import ONE
from app.core.errors import NotFound
from app.core.facts import current
from app.core.ready import Ready
from app.core.tx import Tx
from app.learning.models import Course
from app.people.models import Membership, Person, Unit
from app.policy import Can, Reach

PAGE = 100  # people in one form: with their fields it stays well within what a form may hold
MARKS = {"present": "Attended", "partly": "Part of it", "absent": "Absent"}
SEEN = (Status.ATTENDED, Status.PARTLY_ATTENDED, Status.DID_NOT_ATTEND, Status.EXCUSED)
ON_REGISTER = tuple(status.value for status in (Status.BOOKED, *SEEN))


def within(tx: Tx, session_id: int) -> ColumnElement[bool] | None:
    """SQL for the bookings whose marks the actor may read and write, None: all of them. NotFound for whoever takes no register here."""
    terms = policy.require(tx, Can.TAKE_REGISTER)
    key = f"register of {session_id}"
    if key not in tx.memo:
        tx.memo[key] = (Reach.ALL, None) in terms or delivers(tx, session_id)
    if tx.memo[key]:
        return None
    if not any(reach is Reach.SCOPE for reach, _ in terms):
        raise NotFound("There is no session with that reference.", code="session-not-found")
    return policy.within_reach(tx, Can.TAKE_REGISTER, Booking.person_id)


def takes(tx: Tx, session_id: int) -> bool:
    """May the actor take this register?"""
    terms = policy.terms(tx.actor, Can.TAKE_REGISTER)
    return any(reach in (Reach.ALL, Reach.SCOPE) for reach, _ in terms) or (bool(terms) and delivers(tx, session_id))


_asked = (
    select(func.count())
    .select_from(Booking)
    .where(Booking.session_id == Session.id, Booking.status == Status.REQUESTED.value)
    .scalar_subquery()
)
_SESSION = Ready(
    select(
        Session.id,
        Session.reference,
        Session.course_id,
        Session.status,
        Session.starts_at,
        Session.ends_at,
        Session.place,
        Session.capacity,
        Session.register_at,
        Course.title,
        Course.slug,
        CheckIn.opened_at,
        CheckIn.secret,
        _asked.label("asked"),
    )
    .join(Course, Course.id == Session.course_id)
    .outerjoin(CheckIn, CheckIn.session_id == Session.id)
    .where(Session.id == bindparam("session"), Session.status != "draft")
)


def session(tx: Tx, session_id: int) -> Row[Any]:
    """A session with its course, whether self check-in is open, and how many `asked` for a place without an answer yet; or NotFound."""
    row = tx.one(_SESSION, session=session_id)
    if row is None:
        raise NotFound("There is no session with that reference.", code="session-not-found")
    return row


_PARTS = Ready(
    select(Part.id, Part.starts_at, Part.ends_at).where(Part.session_id == bindparam("session")).order_by(Part.starts_at, Part.id)
)


def parts(tx: Tx, session_id: int) -> Sequence[Row[Any]]:
    """The parts of a session in order of time."""
    return tx.rows(_PARTS, session=session_id)


def opens(tx: Tx, part: Row[Any]) -> datetime:
    """From when a part can be marked and checked in to: some minutes before it starts, by the council's figures."""
    starts: datetime = part.starts_at
    return starts - timedelta(minutes=figures(tx).check_in_before)


_LIST = (
    select(
        Booking.id,
        Booking.person_id,
        Booking.status,
        Person.name,
        Unit.name.label("team"),
        Attendance.mark,
        Attendance.source,
        Attendance.reason_code,
        Attendance.marked_at,
        func.count().over().label("found"),
    )
    .select_from(Booking)
    .join(Person, Person.id == Booking.person_id)
    .outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, bindparam("today"))))
    .outerjoin(Unit, Unit.id == Membership.unit_id)
    .outerjoin(Attendance, and_(Attendance.booking_id == Booking.id, Attendance.part_id == bindparam("part")))
    .where(Booking.session_id == bindparam("session"), Booking.status.in_(ON_REGISTER))
    .order_by(Person.sort_name, Booking.id)
)


def people(tx: Tx, session_id: int, part_id: int, *, skip: int = 0, most: int | None = PAGE) -> Sequence[Row[Any]]:
    """Everybody on the register of one part whom the actor may mark, by last name; `found` counts them all."""
    reach = within(tx, session_id)
    statement = _LIST if reach is None else _LIST.where(reach)
    if most is not None:
        statement = statement.limit(most).offset(skip)
    return tx.rows(statement, session=session_id, part=part_id, today=tx.today)


_MARKED = (
    select(Attendance.part_id, func.count().label("marked"))
    .join(Booking, Booking.id == Attendance.booking_id)
    .where(Booking.session_id == bindparam("session"), Booking.status.in_(ON_REGISTER))
    .group_by(Attendance.part_id)
)


def marked(tx: Tx, session_id: int) -> dict[int, int]:
    """How many people whom the actor may mark have a mark, by part."""
    reach = within(tx, session_id)
    statement = _MARKED if reach is None else _MARKED.where(reach)
    return {row.part_id: row.marked for row in tx.rows(statement, session=session_id)}


_UNMARKED = (
    select(Booking.id)
    .join(Part, Part.session_id == Booking.session_id)
    .where(
        Booking.session_id == bindparam("session"),
        Booking.status == Status.BOOKED.value,
        ~exists(select(ONE).where(Attendance.booking_id == Booking.id, Attendance.part_id == Part.id)),
    )
    .distinct()
)


def unmarked(tx: Tx, session_id: int, *, beyond: ColumnElement[bool] | None = None) -> set[int]:
    """Bookings that lack a mark for some part; `beyond`: only those outside this reach."""
    statement = _UNMARKED if beyond is None else _UNMARKED.where(~beyond)
    return {row.id for row in tx.rows(statement, session=session_id)}


def reasons(tx: Tx) -> list[tuple[str, str]]:
    """Why somebody may not have come, as (code, words), in the council's order."""
    rows = tx.rows(select(CancelReason.code, CancelReason.title).where(CancelReason.active).order_by(CancelReason.position))
    return [(row.code, row.title) for row in rows]


_ONE_BOOKING = (
    select(Booking.id, Booking.session_id, Booking.person_id, Booking.status, Person.name)
    .join(Person, Person.id == Booking.person_id)
    .where(Booking.id == bindparam("booking"), Booking.session_id == bindparam("session"), Booking.status.in_(ON_REGISTER))
)


def one(tx: Tx, session_id: int, booking_id: int) -> Row[Any]:
    """One line of a register, or NotFound when it is not there or out of reach."""
    reach = within(tx, session_id)
    row = tx.one(_ONE_BOOKING if reach is None else _ONE_BOOKING.where(reach), booking=booking_id, session=session_id)
    if row is None:
        raise NotFound("There is nobody with that reference on this register.", code="booking-not-found")
    return row


def marks_of(tx: Tx, booking_id: int) -> dict[int, Row[Any]]:
    """The marks of one booking by part."""
    return {row.part_id: row for row in tx.rows(select(Attendance.__table__).where(Attendance.booking_id == booking_id))}


# Registers that nobody has finished ----------------------------------------------------------------------------------

_delivering = (
    select(PartTrainer.person_id).join(Part, Part.id == PartTrainer.part_id).where(Part.session_id == Session.id).correlate(Session)
)
_trainers = select(func.aggregate_strings(Person.name, ", ")).where(Person.id.in_(_delivering)).correlate(Session).scalar_subquery()
NOT_TAKEN = (
    select(
        Session.id,
        Session.reference,
        Session.starts_at,
        Session.ends_at,
        Course.title,
        select(func.count())
        .select_from(Booking)
        .where(Booking.session_id == Session.id, Booking.status == Status.BOOKED.value)
        .scalar_subquery()
        .label("booked"),
        _trainers.label("trainers"),
    )
    .join(Course, Course.id == Session.course_id)
    .where(
        Session.status == "published",
        Session.ends_at <= bindparam("ended", type_=Session.__table__.c.ends_at.type),
        Session.register_at.is_(None),
        exists(select(ONE).where(Booking.session_id == Session.id, literal_column("bookings.status = 'booked'"))),
    )
    .order_by(Session.ends_at, Session.id)
)  # asks for `ended`


def not_taken(tx: Tx, *, most: int = 50) -> Sequence[Row[Any]]:
    """Sessions that are over, on which somebody had a place, and whose register nobody has finished; the oldest first."""
    policy.require(tx, Can.MANAGE_SESSIONS)
    return tx.rows(NOT_TAKEN.limit(most), ended=tx.now)
