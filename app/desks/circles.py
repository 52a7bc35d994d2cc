"""What home says of other people's learning: whom an assessor assesses, and how many of a principal social worker's people are in date."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Date, and_, bindparam, func, or_, select

from app import policy
from app.core.facts import current
from app.core.tx import Tx
from app.desks.queries import ME, Member, lapsing
from app.learning.models import Completion, Course
from app.people.models import CareerStage, Duty, Person, Responsibility, Stage
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
_here = or_(Person.leaving_on.is_(None), Person.leaving_on >= _TODAY)
_COUNTED = select(func.count()).select_from(Person).where(_here)
_IN_DATE = (
    select(func.count(Completion.person_id.distinct()))
    .join(Person, Person.id == Completion.person_id)
    .where(
        Completion.course_id == bindparam("course"),
        Completion.superseded_at.is_(None),
        or_(Completion.expires_on.is_(None), Completion.expires_on >= _TODAY),
        _here,
    )
)


def share(tx: Tx) -> Share | None:
    """For a principal social worker: how many of the people in reach have foundation safeguarding in date. None for everybody else."""
    if not any(role == Role.PSW for role, _ in tx.actor.roles):
        return None
    course = tx.one(_FOUNDATION)
    if course is None:
        return None
    seen = policy.within_reach(tx, Can.READ_COMPLETIONS, Person.id)
    people = tx.scalar(_COUNTED.where(seen), today=tx.today)
    in_date = tx.scalar(_IN_DATE.where(seen), course=course.id, today=tx.today)
    return Share(course.title, in_date, people) if people else None
