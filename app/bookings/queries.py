"""What is asked about sessions and bookings. Statements are built once; whose rows they may show is decided by the functions below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, bindparam, case, func, literal_column, null, or_, select

from app import policy
from app.bookings import kept
from app.bookings.models import Booking, Part, PartTrainer, Room, Session
from app.bookings.terms import LATE_DAYS
from app.core.db import AnySelect, UtcDateTime, matches
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.facts import current
from app.core.ledger import Audit
from app.core.ready import Ready
from app.core.text import query_words
from app.core.tx import Tx
from app.learning.models import Course
from app.people.models import Duty, Membership, Person, Responsibility, Unit
from app.policy import Can, Reach

NOW = bindparam("now", type_=UtcDateTime())
ONE: Any = literal_column("1")


def held(session: Any = Session) -> Any:
    """How many seats of the enclosing statement's session are taken (scalar subquery; the unique seat index answers it)."""
    seat = aliased(Booking, name="seat")
    return select(func.count(seat.place)).where(seat.session_id == session.id).correlate(session).scalar_subquery()


def waiting(session: Any = Session) -> Any:
    """How many wait for the enclosing statement's session (scalar subquery over the partial index of the queue)."""
    turn = aliased(Booking, name="turn_taken")
    status: Any = literal_column("turn_taken.status = 'waiting'")
    return select(func.count()).select_from(turn).where(turn.session_id == session.id, status).correlate(session).scalar_subquery()


def ahead() -> Any:
    """How many stand before the enclosing statement's booking in its queue: first by class, then by turn."""
    other = aliased(Booking, name="other_turn")
    before = or_(other.priority < Booking.priority, and_(other.priority == Booking.priority, other.turn < Booking.turn))
    status: Any = literal_column("other_turn.status = 'waiting'")
    found = select(func.count()).select_from(other).where(other.session_id == Booking.session_id, status, before).correlate(Booking)
    return case((Booking.status == "waiting", found.scalar_subquery()), else_=null())


_last = Ready(
    select(func.count())
    .select_from(Booking)
    .where(
        Booking.session_id == bindparam("session"),
        literal_column("bookings.status = 'waiting'"),
        Booking.priority <= bindparam("priority"),
    )
)


def last_position(tx: Tx, session_id: int, priority: int) -> int:
    """The place in the queue, from 1, of whoever was the last of their class to join it."""
    return int(tx.scalar(_last, session=session_id, priority=priority))


NEXT: Any = aliased(Part, name="next_part")  # the first part that is not over, where a statement joins it with `with_next`
NEXT_ROOM: Any = aliased(Room, name="next_room")


def with_next(found: Any) -> AnySelect:
    """A statement about sessions, with the first part of each that is not over (NEXT) and its room (NEXT_ROOM)."""
    first = (
        select(Part.id)
        .where(Part.session_id == Session.id, Part.ends_at >= NOW)
        .order_by(Part.starts_at)
        .limit(1)
        .correlate(Session)
        .scalar_subquery()
    )
    joined: AnySelect = found.outerjoin(NEXT, NEXT.id == first).outerjoin(NEXT_ROOM, NEXT_ROOM.id == NEXT.room_id)
    return joined


def part_count() -> Any:
    """How many parts the enclosing statement's session has (scalar subquery)."""
    return select(func.count()).select_from(Part).where(Part.session_id == Session.id).correlate(Session).scalar_subquery()


def span_columns() -> tuple[Any, Any]:
    """When the first part of the enclosing statement's session ends and its last one starts, for `words.span`."""

    def one(column: Any, order: Any) -> Any:
        return select(column).select_from(Part).where(Part.session_id == Session.id).order_by(order).limit(1).correlate(Session)

    first, last = one(Part.ends_at, Part.starts_at), one(Part.starts_at, Part.starts_at.desc())
    return first.scalar_subquery().label("first_ends"), last.scalar_subquery().label("last_starts")


# Sessions ----------------------------------------------------------------------------------------------------------

_SESSION = Ready(
    select(
        Session.__table__,
        Course.title,
        Course.slug,
        Course.summary,
        Course.cpd_minutes,
        Course.cost_pence,
        Unit.name.label("audience_unit"),
        held().label("held"),
        waiting().label("waiting"),
        kept.FOR_READER,
        LATE_DAYS.label("late_days"),
    )
    .join(Course, Course.id == Session.course_id)
    .outerjoin(Unit, Unit.id == Session.audience_unit_id)
    .where(Session.id == bindparam("session"))
)


def session(tx: Tx, session_id: int, person_id: int | None = None) -> Row[Any]:
    """A session with its course and counts, or NotFound; drafts only for those who manage sessions or deliver this one.

    `person_id` is for whom places are counted, the reader if left out.
    """
    row = tx.one(_SESSION, session=session_id)
    if row is None or (row.status == "draft" and not policy.may(tx.actor, Can.MANAGE_SESSIONS) and not delivers(tx, session_id)):
        raise NotFound("There is no session with that reference.", code="session-not-found")
    found: Row[Any] = kept.counted(tx, [row], person_id or tx.actor.person_id)[0]
    return found


_TRAINERS = (
    select(func.aggregate_strings(Person.name, ", "))
    .select_from(PartTrainer)
    .join(Person, Person.id == PartTrainer.person_id)
    .where(PartTrainer.part_id == Part.id)
    .correlate(Part)
    .scalar_subquery()
)
_PARTS = Ready(
    select(
        Part.starts_at,
        Part.ends_at,
        Part.link,
        Room.name.label("room"),
        Room.place.label("town"),
        Room.address,
        Room.access_notes,
        _TRAINERS.label("trainers"),
    )
    .outerjoin(Room, Room.id == Part.room_id)
    .where(Part.session_id == bindparam("session"))
    .order_by(Part.starts_at, Part.id)
)


def parts(tx: Tx, session_id: int) -> Sequence[Row[Any]]:
    """When and where, with who delivers. Whoever draws it decides whether the link may be seen."""
    return tx.rows(_PARTS, session=session_id)


def meetings(tx: Tx, session_id: int) -> list[tuple[list[Row[Any]], Row[Any]]]:
    """The parts of a session gathered by room, link and trainers: (the parts, one of them to say where and with whom)."""
    found: dict[tuple[Any, ...], list[Row[Any]]] = {}
    for part in parts(tx, session_id):
        found.setdefault(tuple(part)[2:], []).append(part)
    return [(together, together[0]) for together in found.values()]


_DELIVERS = Ready(
    select(ONE)
    .where(
        Responsibility.subject == bindparam("subject"),
        Responsibility.kind == Duty.TRAINER.value,
        Responsibility.holder_id == bindparam("holder"),
        current(Responsibility, bindparam("today")),
    )
    .limit(1)
)


def delivers(tx: Tx, session_id: int) -> bool:
    """Is the actor a trainer of this session today?"""
    if (Reach.DELIVERED, None) not in policy.terms(tx.actor, Can.READ_ROSTER):
        return False
    return tx.scalar(_DELIVERS, subject=f"session:{session_id}", holder=tx.actor.person_id, today=tx.today) is not None


# Bookings ----------------------------------------------------------------------------------------------------------

_ABOUT = (
    Booking.id,
    Booking.session_id,
    Booking.status,
    Booking.approval,
    Booking.offer_ends_at,
    Booking.priority,
    Booking.priority_because,
    Session.starts_at,
    Session.ends_at,
    Session.place.label("town"),
    Session.online,
    Session.reference,
    Session.cancel_by,
    Session.status.label("session_status"),
    Course.title,
    Course.slug,
)
_MINE = with_next(
    select(
        *_ABOUT,
        part_count().label("parts"),
        NEXT.starts_at.label("next_starts"),
        NEXT.ends_at.label("next_ends"),
        NEXT_ROOM.name.label("room"),
        case((Booking.status == "booked", NEXT.link), else_=null()).label("link"),
        ahead().label("ahead"),
        case((Booking.status == "waiting", waiting()), else_=null()).label("waiting"),
    )
    .select_from(Booking)
    .join(Session, Session.id == Booking.session_id)
    .join(Course, Course.id == Session.course_id)
)
_COMING_OF = _MINE.where(
    Booking.person_id == bindparam("person"), Session.ends_at >= NOW, Booking.status.in_(("booked", "requested", "offered", "waiting"))
).order_by(Session.starts_at, Booking.id)
_COMING = Ready(_COMING_OF.add_columns(*span_columns()))
_FIRST_COMING = Ready(_COMING_OF.limit(bindparam("most")))
_PAST = Ready(
    select(*_ABOUT, func.count().over().label("found"))
    .join(Session, Session.id == Booking.session_id)
    .join(Course, Course.id == Session.course_id)
    .where(
        Booking.person_id == bindparam("person"),
        or_(Session.ends_at < NOW, Booking.status.in_(("cancelled", "declined", "expired"))),
    )
    .order_by(Session.starts_at.desc(), Booking.id.desc())
    .limit(bindparam("most"))
    .offset(bindparam("skip"))
)


def coming(tx: Tx, person_id: int, most: int | None = None) -> Sequence[Row[Any]]:
    """Live bookings of sessions that are not over, soonest first; each knows its place in the queue."""
    if most is None:
        return tx.rows(_COMING, person=person_id, now=tx.now)
    return tx.rows(_FIRST_COMING, person=person_id, now=tx.now, most=most)


def past(tx: Tx, person_id: int, skip: int = 0, most: int = 25) -> Sequence[Row[Any]]:
    """What is over or was ended, newest first; `found` on each row counts them all."""
    return tx.rows(_PAST, person=person_id, now=tx.now, skip=skip, most=most)


_booker = aliased(Person, name="booker")
_BOOKING = Ready(
    select(
        *_ABOUT,
        Booking.person_id,
        Booking.booked_by,
        Booking.reason,
        Booking.created_at,
        Booking.approval_due_at,
        Booking.sequence,
        Session.sequence.label("session_sequence"),
        Session.cancel_reason,
        Session.needs_approval,
        Course.cost_pence,
        Course.approver,
        LATE_DAYS.label("late_days"),
        Person.name,
        Person.email,
        _booker.name.label("booker"),
        ahead().label("ahead"),
        case((Booking.status == "waiting", waiting()), else_=null()).label("waiting"),
    )
    .join(Session, Session.id == Booking.session_id)
    .join(Course, Course.id == Session.course_id)
    .join(Person, Person.id == Booking.person_id)
    .outerjoin(_booker, _booker.id == Booking.booked_by)
    .where(Booking.id == bindparam("booking"))
)


def booking(tx: Tx, booking_id: int, can: Can = Can.READ_BOOKINGS) -> Row[Any]:
    """One booking, or NotFound when there is none or its person is out of the actor's reach for `can`."""
    policy.require(tx, can)
    row = tx.one(_BOOKING, booking=booking_id)
    if row is None or not policy.reaches(tx, can, row.person_id):
        raise NotFound("There is no booking with that reference.", code="booking-not-found")
    return row


LIVE_OF: Any = literal_column("bookings.status NOT IN ('cancelled', 'declined', 'expired')")
_LIVE = Ready(
    select(
        Booking.id,
        Booking.status,
        Booking.offer_ends_at,
        Booking.priority,
        Booking.priority_because,
        ahead().label("ahead"),
        case((Booking.status == "waiting", waiting()), else_=null()).label("waiting"),
    )
    .join(Session, Session.id == Booking.session_id)
    .where(Booking.session_id == bindparam("session"), Booking.person_id == bindparam("person"), LIVE_OF)
)


def live(tx: Tx, session_id: int, person_id: int | None) -> Row[Any] | None:
    """Somebody's live booking on a session, with their place in the queue if they wait."""
    return tx.one(_LIVE, session=session_id, person=person_id)


def whom(tx: Tx, given: str) -> Row[Any] | None:
    """The person that an address names to book for, if the reader may; None when it is the reader, or nobody is named."""
    if not given or given == str(tx.actor.person_id):
        return None
    if not given.isdecimal() or not given.isascii() or len(given) > 15:
        raise NotFound("There is nobody with that reference, or they are not one of your people.", code="person-not-found")
    return policy.person(tx, Can.BOOK, int(given))


_HISTORY = Ready(
    select(Audit.at, Audit.action, Audit.state, Audit.facts, Audit.actor_kind, Audit.actor_id, Person.name.label("actor"))
    .outerjoin(Person, and_(Person.id == Audit.actor_id, Audit.actor_kind.in_(("person", "link"))))
    .where(Audit.subject == "bookings", Audit.subject_id == bindparam("booking"))
    .order_by(Audit.id)
)


def history(tx: Tx, booking_id: int) -> Sequence[Row[Any]]:
    """Every move of a booking, oldest first. The caller has checked that the booking may be read."""
    return tx.rows(_HISTORY, booking=booking_id)


_mine, _theirs = aliased(Membership, name="mine"), aliased(Membership, name="theirs")
_our_part, _their_part = aliased(Part, name="our_part"), aliased(Part, name="their_part")
_AWAY = (
    select(Person.sort_name, Person.name, Course.title)
    .select_from(_mine)
    .join(_theirs, _theirs.unit_id == _mine.unit_id)
    .join(Person, Person.id == _theirs.person_id)
    .join(Booking, Booking.person_id == _theirs.person_id)
    .join(_their_part, _their_part.session_id == Booking.session_id)
    .join(
        _our_part,
        and_(
            _our_part.session_id == bindparam("session"),
            _our_part.starts_at < _their_part.ends_at,
            _their_part.starts_at < _our_part.ends_at,
        ),
    )
    .join(Session, Session.id == Booking.session_id)
    .join(Course, Course.id == Session.course_id)
    .where(
        _mine.person_id == bindparam("person"),
        _theirs.person_id != bindparam("person"),
        current(_mine, bindparam("today")),
        current(_theirs, bindparam("today")),
        Booking.status.in_(("booked", "requested")),
    )
    .distinct()
    .order_by(Person.sort_name, Course.title)
    .limit(10)
)


def away(tx: Tx, row: Row[Any]) -> Sequence[Row[Any]]:
    """Who else of the person's team has a place at the same time, as far as the actor may see their bookings."""
    seen = _AWAY.where(policy.within_reach(tx, Can.READ_BOOKINGS, Person.id))
    return tx.rows(seen, person=row.person_id, today=tx.today, session=row.session_id)


# Whom to book for --------------------------------------------------------------------------------------------------

_CANDIDATES = (
    select(Person.id, Person.name, Person.employee_number, Unit.name.label("team"))
    .outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, bindparam("today"))))
    .outerjoin(Unit, Unit.id == Membership.unit_id)
    .where(or_(Person.leaving_on.is_(None), Person.leaving_on >= bindparam("today")))
    .order_by(Person.sort_name, Person.id)
    .limit(bindparam("most"))
)


def may_book_others(tx: Tx) -> bool:
    """Does the actor's reach for booking go beyond themselves?"""
    return any(reach is not Reach.SELF for reach, _ in policy.terms(tx.actor, Can.BOOK))


def leads_line(tx: Tx) -> bool:
    """Does the actor manage, or deputise for someone who does?"""
    return (Reach.REPORTS, None) in policy.terms(tx.actor, Can.BOOK)


def candidates(tx: Tx, words: str, most: int = 25) -> Sequence[Row[Any]]:
    """People the actor may book for, by name, e-mail or employee number; without words, their own management line only."""
    wanted = query_words(words)
    found = _CANDIDATES.where(Person.id != tx.actor.person_id)
    if wanted:
        found = found.where(policy.within_reach(tx, Can.BOOK, Person.id), matches(tx.db, "people", Person.__table__.c.id, wanted, "simple"))
    elif leads_line(tx):
        found = found.where(Person.id.in_(policy.line_below(tx.actor.person_id, tx.today)))
    else:
        return []
    return tx.rows(found, today=tx.today, most=most)
