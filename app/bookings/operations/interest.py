"""Interest: somebody wants to know when a course has a date, and is told when one is published that is for them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, exists, func, insert, literal, literal_column, or_, select, update

from app.bookings.event_models import Interest
from app.bookings.models import Session
from app.core.calendar import london_day
from app.core.db import ONE, UtcDateTime
from app.core.errors import Conflict, NotFound
from app.core.facts import current
from app.core.ledger import Outbox
from app.core.tx import Tx
from app.learning.models import Course
from app.people.models import Membership, Person, Stage, UnitClosure
from app.policy import Can, operation

OPEN: ColumnElement[bool] = literal_column("interests.ended_at").is_(None)
_MINE: Select[int] = select(Interest.id).where(Interest.course_id == bindparam("course"), Interest.person_id == bindparam("person"), OPEN)
_DATED = (Session.course_id == Course.id, Session.status == "published", Session.starts_at > bindparam("now", type_=UtcDateTime()))
_COURSE = select(Course.id, Course.kind, Course.status, exists(select(ONE).where(*_DATED)).label("dated")).where(
    Course.id == bindparam("course")
)


@operation(Can.READ_CATALOGUE)
def register_interest(tx: Tx, course_id: int) -> int:
    """The reader will be told when this course has a new date; returns the row. Asking twice changes nothing.

    Conflict for a course that is not offered, or that is done online in one's own time and so never has a date.
    """
    person_id = _reader(tx)
    course = tx.one(_COURSE, course=course_id, now=tx.now)
    if course is None or course.status == "draft":
        raise NotFound("There is no course with that reference.", code="course-not-found")
    if course.status != "published":
        raise Conflict("This course is no longer offered.", code="course-withdrawn", way_out="Look for another in Find learning.")
    if course.kind == "e-learning" and not course.dated:
        raise Conflict("This is done online in your own time, so it has no dates.", code="no-dates-needed")
    tx.get(Person, person_id, lock=True)  # two windows of the same person take turns
    mine = tx.scalar(_MINE, course=course_id, person=person_id)
    if mine is not None:
        return int(mine)
    values = dict(course_id=course_id, person_id=person_id, since=tx.now)
    return tx.insert_recorded(Interest, values, action="interest.registered", person_id=person_id, course_id=course_id)


@operation(Can.READ_CATALOGUE)
def withdraw_interest(tx: Tx, course_id: int) -> None:
    """The reader no longer wants to know. NotFound when they were not on the list."""
    person_id = _reader(tx)
    if not end(tx, course_id, person_id, "interest.withdrawn"):
        raise NotFound("You are not on this course’s list.", code="not-interested")


def end(tx: Tx, course_id: int, person_id: int, action: str = "interest.met") -> bool:
    """Take a person off a course's list, because they say so or have a booking for it now; False when they were not on it."""
    mine = tx.scalar(_MINE, course=course_id, person=person_id)
    if mine is None:
        return False
    tx.update(Interest, mine, ended_at=tx.now)
    tx.record(action, "interests", mine, person_id=person_id, course_id=course_id)
    return True


def tell_interested(tx: Tx, session: Row[Any]) -> int:
    """A session was published: write to everybody on its course's list whom it is for; returns how many.

    Nobody hears of one course twice on a London day, however many sessions are published. Whoever has left, or will have by then, is not
    told. The caller holds the course's lock. One statement for the messages and one to remember them, however many people there are.
    """
    today, _ = london_day(tx.today)
    fits = [Interest.course_id == session.course_id, OPEN, or_(Interest.told_at.is_(None), Interest.told_at < today)]
    here = exists(
        select(ONE).where(Person.id == Interest.person_id, or_(Person.leaving_on.is_(None), Person.leaving_on >= session.starts_at.date()))
    )
    fits.append(here)
    if session.audience_stages:
        at_stage = (Stage.person_id == Interest.person_id, current(Stage, tx.today), Stage.stage.in_(session.audience_stages.split(",")))
        fits.append(exists(select(ONE).where(*at_stage)))
    if session.audience_unit_id is not None:
        inside = and_(UnitClosure.descendant_id == Membership.unit_id, UnitClosure.ancestor_id == session.audience_unit_id)
        belongs = select(ONE).select_from(Membership).join(UnitClosure, inside)
        fits.append(exists(belongs.where(Membership.person_id == Interest.person_id, current(Membership, tx.today))))
    if not (told := int(tx.scalar(select(func.count()).select_from(Interest).where(*fits)))):
        return 0
    values: dict[str, Any] = dict(
        kind=literal("email.dates_added"),
        person_id=Interest.person_id,
        subject=literal("courses"),
        subject_id=Interest.course_id,
        facts=literal({}, Outbox.facts.type),
        created_at=literal(tx.now, Outbox.created_at.type),
        due_at=literal(tx.now, Outbox.due_at.type),
        attempts=literal(0),
        how=literal("email"),
    )
    picked = select(*values.values()).where(*fits).order_by(Interest.since, Interest.id)
    tx.db.execute(insert(Outbox).from_select(list(values), picked, include_defaults=False))
    tx.db.execute(update(Interest).where(*fits).values(told_at=tx.now))
    return told


def _reader(tx: Tx) -> int:
    if tx.actor.person_id is None:
        raise Conflict("Only people can ask to be told of dates.", code="not-a-person")
    return tx.actor.person_id
