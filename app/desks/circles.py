"""What home says of other people's learning: whom an assessor assesses, and how many of a principal social worker's people are in date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Date, Row, and_, bindparam, func, or_, select

from app import policy
from app.core.facts import current
from app.core.tx import Tx
from app.desks.queries import ME, Member, lapsing
from app.learning.models import Completion, Course
from app.people.models import CareerStage, Duty, Membership, Person, Responsibility, Stage, UnitClosure
from app.policy import Can, Reach, Role

_TODAY = bindparam("today", type_=Date())
_MOST = 25
_ASSESSED = (
    select(Person.id, Person.name, CareerStage.title.label("stage"))
    .join(Responsibility, Responsibility.person_id == Person.id)
    .outerjoin(Stage, and_(Stage.person_id == Person.id, current(Stage, _TODAY)))
    .outerjoin(CareerStage, CareerStage.code == Stage.stage)
    .where(
        Responsibility.kind == Duty.ASSESSOR.value,
        Responsibility.holder_id == ME,
        current(Responsibility, _TODAY),
        or_(Person.leaving_on.is_(None), Person.leaving_on >= _TODAY),
    )
    .order_by(Person.sort_name, Person.id)
    .limit(_MOST)
)


def assessed(tx: Tx) -> list[Member]:
    """The people the reader assesses today, with their stage and what lapses. Their bookings are not an assessor's to see."""
    if (Reach.ASSIGNED, None) not in policy.terms(tx.actor, Can.READ_COMPLETIONS):
        return []
    found = {row.id: Member(row, [], [], []) for row in tx.rows(_ASSESSED, me=tx.actor.person_id, today=tx.today)}
    lapsing(tx, found)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Share:
    """How many of somebody's people have a course in date."""

    title: str
    in_date: int
    people: int


# The course that everyone keeps in date: the first of its kind that is renewed by another
_FOUNDATION = (
    select(Course.id, Course.title)
    .where(Course.kind == "safeguarding", Course.status == "published", Course.refresher_id.is_not(None))
    .order_by(Course.id)
    .limit(1)
)
_done = (
    select(Completion.person_id)
    .where(
        Completion.course_id == bindparam("course"),
        Completion.superseded_at.is_(None),
        or_(Completion.expires_on.is_(None), Completion.expires_on >= _TODAY),
    )
    .distinct()
    .subquery()
)
# Both numbers from one look at the people: there may be a hundred thousand, most of them in reach by their employer
_SHARE = (
    select(func.count().label("people"), func.count(_done.c.person_id).label("in_date"))
    .select_from(Person)
    .outerjoin(_done, _done.c.person_id == Person.id)
    .where(or_(Person.leaving_on.is_(None), Person.leaving_on >= _TODAY))
)


def share(tx: Tx) -> Share | None:
    """For a principal social worker: how many of the people in reach have foundation safeguarding in date. None for everybody else."""
    if not any(role == Role.PSW for role, _ in tx.actor.roles):
        return None
    course = tx.one(_FOUNDATION)
    if course is None:
        return None
    kept = _kept.setdefault(tx.db.engine, {})
    key = policy.require(tx, Can.READ_COMPLETIONS), tx.actor.id, course.id
    asked, row = kept.get(key, (tx.now, None))
    if row is None or abs(tx.now - asked) > KEPT:
        row = tx.one(_SHARE.where(_reached(tx)), course=course.id, today=tx.today)
        assert row is not None
        if len(kept) >= MOST_KEPT:
            kept.clear()
        if row.people > MANY:
            kept[key] = tx.now, row
    return Share(course.title, row.in_date, row.people) if row.people else None


# Counting a whole county takes a tenth of a second, so each process remembers what it counted for whom
MANY = 10_000  # people; fewer are counted every time
KEPT = timedelta(minutes=5)
MOST_KEPT = 100
_kept: WeakKeyDictionary[Any, dict[Any, tuple[datetime, Row[Any]]]] = WeakKeyDictionary()


def _reached(tx: Tx) -> ColumnElement[bool]:
    """`policy.within_reach`, in the words that are quickest where nearly everybody is: the reader's own organisation as a whole."""
    own = tx.actor.organisation_id
    if own is None or (Reach.SCOPE, own) not in policy.require(tx, Can.READ_COMPLETIONS):
        return policy.within_reach(tx, Can.READ_COMPLETIONS, Person.id)
    # Not EXISTS, which PostgreSQL would answer from a list of all members; few are employed elsewhere, so few are looked up
    team = (
        select(Membership.id)
        .join(UnitClosure, UnitClosure.descendant_id == Membership.unit_id)
        .where(UnitClosure.ancestor_id == own, Membership.person_id == Person.id, current(Membership, _TODAY))
        .limit(1)
        .scalar_subquery()
    )
    return or_(Person.organisation_id == own, team.is_not(None))
