"""Approval, read: whose answer a request waits for, who may give it, and which requests are stuck.

The line manager answers, and whoever deputises for them; when all of them are away, those one step further up the line. Where there is
nobody, or the course says so, the Academy's coordinators answer (product §2 and §13: approval with deputy and absence cover).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, exists, literal_column, or_, select

from app import policy
from app.bookings.clocks import after_working_days
from app.bookings.models import Booking, Session
from app.bookings.terms import Policy, cut_off
from app.bookings.terms import policy as figures
from app.core.calendar import from_london, london, working_day
from app.core.db import ONE, few
from app.core.declared import aliased
from app.core.facts import current
from app.core.ready import Ready
from app.core.tx import Tx
from app.learning.models import Course
from app.people.models import Absence, Duty, Person, Responsibility
from app.policy import Can

HIGHEST = 12  # steps up the management line that are looked at
PENDING: ColumnElement[bool] = literal_column("bookings.approval = 'pending' AND bookings.status IN ('requested', 'waiting', 'offered')")


@dataclass(frozen=True, slots=True)
class Approver:
    """Somebody who is asked; `stands_in_for` names the manager whose deputy they are, None for the manager in person."""

    id: int
    name: str
    stands_in_for: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A course's rule of approval: who answers ("manager" or "coordinator"), and within how many working days (None: the council's)."""

    approver: str
    days: int | None


_RULE = Ready(select(Course.approver, Course.approval_days).where(Course.id == bindparam("course")))


def rule(tx: Tx, course_id: int) -> Rule:
    """How requests for a course are approved."""
    row = tx.one(_RULE, course=course_id)
    assert row is not None
    return Rule(row.approver, row.approval_days)


def may_decide(tx: Tx, person_id: int, found: Rule) -> bool:
    """May the actor answer this person's request? They are already known to reach the person for `Can.BOOK`; nobody answers their own."""
    if tx.actor.person_id is None or tx.actor.person_id == person_id:
        return False
    return found.approver == "manager" or policy.may(tx.actor, Can.MANAGE_SESSIONS)


def due(tx: Tx, session: Row[Any], found: Rule) -> datetime:
    """Until when a request made now may be answered: the end of a working day, or the session's cut-off if that is sooner."""
    terms = figures(tx)
    return min(after_working_days(tx.now, found.days or terms.approval_days, terms), cut_off(session, terms))


def too_late(tx: Tx, session: Row[Any], person_id: int) -> bool:
    """Would a request come after the session's cut-off, when nobody could answer it any more and the place could not pass on?"""
    return cut_off(session, figures(tx)) <= tx.now and not may_decide(tx, person_id, rule(tx, session.course_id))


# Who is asked ------------------------------------------------------------------------------------------------------

_TODAY: Any = bindparam("today")


def _line() -> Any:
    """The management line above each of some people: (learner, manager, steps up)."""
    first, further = aliased(Responsibility), aliased(Responsibility)
    line = (
        select(first.person_id.label("learner"), first.holder_id.label("manager"), literal_column("1").label("step"))
        .where(
            first.kind == Duty.MANAGER.value,
            first.person_id.in_(bindparam("learners", expanding=True)),
            current(first, _TODAY),
        )
        .cte("line", recursive=True)
    )
    return line.union_all(
        select(line.c.learner, further.holder_id, line.c.step + 1).where(
            further.kind == Duty.MANAGER.value,
            further.person_id == line.c.manager,
            current(further, _TODAY),
            line.c.step < HIGHEST,
            few(line.c.manager),
        )
    )


def _is_away(person: Any) -> ColumnElement[bool]:
    """Absent today, or no longer employed."""
    absence = aliased(Absence)
    return or_(exists(select(ONE).where(absence.person_id == person.id, current(absence, _TODAY))), person.leaving_on < _TODAY)


def _asked_statement() -> Any:
    line, duty = _line(), aliased(Responsibility, name="deputising")
    manager, deputy = aliased(Person, name="manager"), aliased(Person, name="deputy")
    return (
        select(
            line.c.learner,
            line.c.step,
            manager.id.label("manager_id"),
            manager.name.label("manager"),
            _is_away(manager).label("manager_away"),
            deputy.id.label("deputy_id"),
            deputy.name.label("deputy"),
            _is_away(deputy).label("deputy_away"),
        )
        .select_from(line)
        .join(manager, manager.id == line.c.manager)
        .outerjoin(duty, and_(duty.kind == Duty.DEPUTY.value, duty.person_id == manager.id, current(duty, _TODAY)))
        .outerjoin(deputy, deputy.id == duty.holder_id)
        .where(few(line.c.manager))
        .order_by(line.c.learner, line.c.step, deputy.sort_name, deputy.id)
    )


_ASKED = _asked_statement()


def approvers(tx: Tx, learners: Collection[int]) -> dict[int, list[Approver]]:
    """Who answers for each of these people today, in one statement; an empty list means the coordinators."""
    found: dict[int, list[Approver]] = {learner: [] for learner in learners}
    if not found:
        return found
    reached: dict[int, int] = {}  # by learner: the step of the line at which somebody is there
    for row in tx.rows(_ASKED, learners=list(found), today=tx.today):
        if reached.get(row.learner, row.step) != row.step:
            continue
        here = []
        if not row.manager_away:
            here.append(Approver(row.manager_id, row.manager))
        if row.deputy_id is not None and not row.deputy_away:
            here.append(Approver(row.deputy_id, row.deputy, row.manager))
        for approver in here:
            if approver.id != row.learner and approver.id not in {one.id for one in found[row.learner]}:
                found[row.learner].append(approver)
                reached[row.learner] = row.step
    return found


def asked(tx: Tx, person_id: int, approver: str) -> list[Approver]:
    """Who answers for one person's request today, by the course's rule; an empty list means the coordinators."""
    return approvers(tx, [person_id])[person_id] if approver == "manager" else []


# What is stuck -----------------------------------------------------------------------------------------------------


def unanswered_since(now: datetime, days: int, terms: Policy) -> datetime:
    """Requests made before this instant have been unanswered for `days` working days, each of which has ended."""
    local = london(now)
    day = local.date()
    if local.hour * 60 + local.minute < terms.day_ends:
        day -= timedelta(days=1)
    while days:
        days -= working_day(day)
        day -= timedelta(days=1)
    return from_london(day + timedelta(days=1), time(0))


_STUCK = (
    select(
        Booking.id,
        Booking.session_id,
        Booking.person_id,
        Booking.status,
        Booking.created_at,
        Booking.approval_due_at,
        Person.name,
        Session.reference,
        Session.starts_at,
        Course.title,
        Course.approver,
        Course.cost_pence,
    )
    .join(Session, Session.id == Booking.session_id)
    .join(Course, Course.id == Session.course_id)
    .join(Person, Person.id == Booking.person_id)
    .where(PENDING, Session.starts_at > bindparam("now", type_=Session.starts_at.type))
    .order_by(Booking.approval_due_at, Booking.id)
)


def stuck_requests(tx: Tx) -> Any:
    """`stuck` as a statement, which asks for `now`."""
    terms = figures(tx)
    old = unanswered_since(tx.now, terms.chase_days, terms)
    soon = after_working_days(tx.now, 1, terms)
    late = or_(Booking.created_at < old, Booking.approval_due_at <= soon)
    return _STUCK.where(late, policy.within_reach(tx, Can.BOOK, Booking.person_id))


def stuck(tx: Tx, most: int = 50) -> Sequence[Row[Any]]:
    """Requests that a coordinator should look at, soonest to run out first: unanswered past the chase, or due within a working day.

    Only of people whom the actor may book for, since only those requests can they answer.
    """
    return tx.rows(stuck_requests(tx).limit(most), now=tx.now)
