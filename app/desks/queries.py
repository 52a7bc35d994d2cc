"""What the desks ask: how the reader stands, whom they answer for, what they deliver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Date, Row, and_, bindparam, cast, exists, func, literal_column, or_, select, union_all

from app import policy
from app.bookings.models import Booking, PartTrainer, Session
from app.bookings.models import Part as SessionPart
from app.bookings.queries import NEXT, NEXT_ROOM, NOW, ONE, held, leads_line, part_count, span_columns, waiting, with_next
from app.core.db import Key
from app.core.facts import current
from app.core.ready import Ready
from app.core.tx import Tx
from app.learning.models import Completion, Course
from app.people.models import Absence, Duty, Membership, Person, Responsibility, Unit
from app.policy import Can, Reach

SOON = timedelta(days=60)  # how long before it lapses a completion is worth a word
TODAY = bindparam("today", type_=Date())
ME: Any = bindparam("me")
FOREVER: Any = literal_column("'9999-12-31'", Date)

# Who reports to the reader, or to somebody they stand in for
_deputising = select(Responsibility.person_id).where(
    Responsibility.kind == Duty.DEPUTY.value,
    Responsibility.holder_id == ME,
    Responsibility.person_id.is_not(None),
    current(Responsibility, TODAY),
)
_direct = select(Responsibility.person_id).where(
    Responsibility.kind == Duty.MANAGER.value,
    Responsibility.holder_id.in_(union_all(select(cast(ME, Key)), _deputising)),  # one list: of "either or" PostgreSQL reads all
    current(Responsibility, TODAY),
)
_away = exists(select(ONE).where(Absence.person_id == Responsibility.holder_id, current(Absence, TODAY)).correlate(Responsibility))
# Whose manager is away and reports to the reader: they answer meanwhile
_covered = select(Responsibility.person_id).where(
    Responsibility.kind == Duty.MANAGER.value,
    Responsibility.holder_id.in_(_direct),
    _away,
    current(Responsibility, TODAY),
)

# What waits for the reader's answer
PENDING: Any = literal_column("bookings.approval = 'pending' AND bookings.status IN ('requested', 'waiting', 'offered')")
MINE_TO_ANSWER: Any = and_(
    or_(Booking.person_id.in_(_direct), Booking.person_id.in_(_covered)), Booking.person_id != ME, Course.approver == "manager"
)

# Sessions I deliver ------------------------------------------------------------------------------------------------

_delivered = select(SessionPart.session_id).join(PartTrainer, PartTrainer.part_id == SessionPart.id).where(PartTrainer.person_id == ME)
_DELIVERING = with_next(
    select(
        Session.id,
        Session.reference,
        Session.starts_at,
        Session.ends_at,
        Session.place.label("town"),
        Session.capacity,
        Session.waiting_limit,
        Session.status,
        Course.title,
        part_count().label("parts"),
        NEXT.starts_at.label("next_starts"),
        NEXT.ends_at.label("next_ends"),
        NEXT_ROOM.name.label("room"),
        NEXT.link.label("link"),
        held().label("held"),
        waiting().label("waiting"),
    )
    .select_from(Session)
    .join(Course, Course.id == Session.course_id)
).where(Session.id.in_(_delivered))
_DELIVER_NEXT = Ready(
    _DELIVERING.where(Session.ends_at >= NOW, Session.status != "cancelled")
    .order_by(literal_column("next_starts"), Session.id)
    .limit(bindparam("most"))
)
_DELIVERED = Ready(_DELIVERING.where(Session.ends_at < NOW).order_by(Session.starts_at.desc(), Session.id).limit(bindparam("most")))


def delivering(tx: Tx, *, most: int = 100) -> Sequence[Row[Any]]:
    """Sessions to come that the reader delivers, soonest first."""
    return tx.rows(_DELIVER_NEXT, me=tx.actor.person_id, now=tx.now, most=most)


def delivered(tx: Tx, *, most: int = 10) -> Sequence[Row[Any]]:
    """The latest that the reader has delivered."""
    return tx.rows(_DELIVERED, me=tx.actor.person_id, now=tx.now, most=most)


# My team -----------------------------------------------------------------------------------------------------------

TEAM_PAGE = 25
_PEOPLE = (
    select(Person.id, Person.name, Unit.name.label("team"), func.count().over().label("found"))
    .outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, TODAY)))
    .outerjoin(Unit, Unit.id == Membership.unit_id)
    .where(or_(Person.leaving_on.is_(None), Person.leaving_on >= TODAY))
    .order_by(Person.sort_name, Person.id)
    .limit(TEAM_PAGE)
    .offset(bindparam("skip"))
)
_DIRECT = _PEOPLE.where(Person.id.in_(_direct))
_WHOLE_LINE = _PEOPLE.where(Person.id.in_(policy.line_below(ME, TODAY)))


def team(tx: Tx, number: int, *, whole: bool) -> Sequence[Row[Any]]:
    """A page of the people the reader answers for: direct reports, the `whole` line, or for the lead of a setting its staff."""
    given: dict[str, Any] = dict(today=tx.today, skip=(number - 1) * TEAM_PAGE)
    if leads_line(tx):
        return tx.rows(_WHOLE_LINE if whole else _DIRECT, me=tx.actor.person_id, **given)
    units = [unit for reach, unit in policy.terms(tx.actor, Can.BOOK) if reach is Reach.SCOPE]
    if not units:
        return []
    inside = or_(*(policy.in_unit(Person.id, unit, tx.today) for unit in units))
    return tx.rows(_PEOPLE.where(inside, Person.id != tx.actor.person_id), **given)


_THEIRS = (
    select(Booking.id, Booking.person_id, Booking.status, Booking.approval, Session.starts_at, Session.ends_at, Course.title)
    .join(Session, Session.id == Booking.session_id)
    .join(Course, Course.id == Session.course_id)
    .where(
        Booking.person_id.in_(bindparam("people", expanding=True)),
        Session.ends_at >= NOW,
        Booking.status.in_(("booked", "requested", "offered", "waiting")),
    )
    .order_by(Session.starts_at, Booking.id)
)
_LAPSING = (
    select(Completion.person_id, Course.title, func.max(func.coalesce(Completion.expires_on, FOREVER)).label("until"))
    .join(Course, Course.id == Completion.course_id)
    .where(Completion.person_id.in_(bindparam("people", expanding=True)), Completion.superseded_at.is_(None))
    .group_by(Completion.person_id, Course.id, Course.title)
    .having(func.max(func.coalesce(Completion.expires_on, FOREVER)) <= bindparam("soon", type_=Date()))
    .order_by(literal_column("until"))
)


@dataclass(slots=True)
class Member:
    """One row of a team: the person with what they have booked, wait for, and are about to let lapse."""

    person: Row[Any]
    coming: list[Row[Any]]
    waiting: list[Row[Any]]
    lapsing: list[Row[Any]]


def members(tx: Tx, people: Sequence[Row[Any]]) -> list[Member]:
    """The people of a team, already in reach, with their bookings and lapsing completions."""
    found = {row.id: Member(row, [], [], []) for row in people}
    if found:
        keys = list(found)
        for row in tx.rows(_THEIRS, people=keys, now=tx.now):
            (found[row.person_id].waiting if row.status == "waiting" else found[row.person_id].coming).append(row)
        lapsing(tx, found)
    return list(found.values())


def lapsing(tx: Tx, found: dict[int, Member]) -> None:
    """Give each of these people, already in reach, what has lapsed or is about to."""
    if found:
        for row in tx.rows(_LAPSING, people=list(found), soon=tx.today + SOON):
            found[row.person_id].lapsing.append(row)


_TO_APPROVE = (
    select(
        Booking.id,
        Booking.status,
        Booking.created_at,
        Booking.approval_due_at,
        Person.name,
        Session.starts_at,
        Session.ends_at,
        part_count().label("parts"),
        *span_columns(),
        Course.title,
        Course.cost_pence,
    )
    .join(Session, Session.id == Booking.session_id)
    .join(Course, Course.id == Session.course_id)
    .join(Person, Person.id == Booking.person_id)
    .where(PENDING, Session.starts_at > NOW)
    .order_by(Booking.approval_due_at, Session.starts_at, Booking.id)
    .limit(50)
)
_DIRECT_TO_APPROVE = _TO_APPROVE.where(MINE_TO_ANSWER)
_LINE_TO_APPROVE = _TO_APPROVE.where(
    Booking.person_id.in_(policy.line_below(ME, TODAY)), Booking.person_id != ME, Course.approver == "manager"
)


def to_approve(tx: Tx, *, whole: bool) -> Sequence[Row[Any]]:
    """Requests of direct reports, or of the `whole` line, that nobody has decided, those first whose time runs out first.

    Where a manager is away, the requests of their people stand with the manager above; what coordinators approve stands with no manager.
    """
    if not leads_line(tx):
        return []
    return tx.rows(_LINE_TO_APPROVE if whole else _DIRECT_TO_APPROVE, me=tx.actor.person_id, today=tx.today, now=tx.now)
