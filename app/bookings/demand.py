"""Demand: who wants to know when a course has a date, and for how long they have waited to hear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, literal_column, or_, select

from app import policy
from app.bookings.event_models import Interest
from app.bookings.models import Session
from app.bookings.operations.interest import OPEN
from app.bookings.queries import NOW, held
from app.core.db import ONE
from app.core.facts import current
from app.core.ready import Ready
from app.core.tx import Tx
from app.learning.models import Course
from app.people.models import Membership, Person, Unit
from app.policy import Can

_MINE = Ready(
    select(Course.title, Course.slug, Course.id.label("course_id"), Interest.since)
    .select_from(Interest)
    .join(Course, Course.id == Interest.course_id)
    .where(Interest.person_id == bindparam("person"), OPEN)
    .order_by(Interest.since, Interest.id)
)
_ONE_COURSE = Ready(
    select(Interest.since).where(Interest.person_id == bindparam("person"), Interest.course_id == bindparam("course"), OPEN)
)


def mine(tx: Tx) -> Sequence[Row[Any]]:
    """The courses the reader wants to hear of, longest first."""
    return tx.rows(_MINE, person=tx.actor.person_id)


def since(tx: Tx, course_id: int) -> Any:
    """Since when the reader has been on this course's list; None: they are not."""
    return tx.scalar(_ONE_COURSE, person=tx.actor.person_id, course=course_id)


_coming: Any = literal_column("sessions.status = 'published'")
_to_book = (
    select(ONE)
    .select_from(Session)
    .where(
        Session.course_id == Interest.course_id,
        _coming,
        Session.starts_at > NOW,
        or_(Session.closes_at.is_(None), Session.closes_at > NOW),
        Session.capacity > held(),
    )
    .correlate(Interest)
)
_still_here = or_(Person.leaving_on.is_(None), Person.leaving_on >= bindparam("today"))
_LISTS = (
    select(Interest.course_id, func.count().label("people"), func.min(Interest.since).label("since"))
    .join(Person, Person.id == Interest.person_id)
    .where(OPEN, _still_here)
    .group_by(Interest.course_id)
)


def lists(tx: Tx) -> Any:
    """Courses with people on their list and no place to book, within the actor's reach: course_id, people, since."""
    policy.require(tx, Can.MANAGE_SESSIONS)
    return _LISTS.where(policy.within_reach(tx, Can.READ_BOOKINGS, Interest.person_id), ~_to_book.exists()).subquery()


def without_dates(tx: Tx, skip: int = 0, most: int = 25) -> Sequence[Row[Any]]:
    """Courses that people ask for and nobody can book a place on: how many ask, since when; most wanted first. `found` counts them all."""
    asked = lists(tx)
    coming = select(func.count()).select_from(Session).where(Session.course_id == Course.id, _coming, Session.starts_at > NOW)
    wanted = (
        select(
            Course.id,
            Course.title,
            asked.c.people,
            asked.c.since,
            coming.correlate(Course).scalar_subquery().label("full"),
            func.count().over().label("found"),
        )
        .join(asked, asked.c.course_id == Course.id)
        .order_by(asked.c.people.desc(), asked.c.since, Course.id)
    )
    return tx.rows(wanted.offset(skip).limit(most), now=tx.now, today=tx.today)


_PEOPLE = (
    select(Person.id, Person.name, Unit.name.label("team"), Interest.since, Interest.told_at, func.count().over().label("found"))
    .select_from(Interest)
    .join(Person, Person.id == Interest.person_id)
    .outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, bindparam("today"))))
    .outerjoin(Unit, Unit.id == Membership.unit_id)
    .where(Interest.course_id == bindparam("course"), OPEN, _still_here)
    .order_by(Interest.since, Interest.id)
)


def people(tx: Tx, course_id: int, skip: int = 0, most: int = 25) -> Sequence[Row[Any]]:
    """Who is on a course's list, in reach, longest first; `found` counts them all."""
    policy.require(tx, Can.MANAGE_SESSIONS)
    seen = _PEOPLE.where(policy.within_reach(tx, Can.READ_BOOKINGS, Person.id))
    return tx.rows(seen.offset(skip).limit(most), course=course_id, today=tx.today)
