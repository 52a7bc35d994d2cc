"""The class in a queue of somebody who joins it, and why: the council's rules, as data.

Whoever must have the course by law or for their programme comes before the others. The class is fixed at joining (only a coordinator
may change it, with a reason), so that nobody is overtaken later by a rule that began to fit somebody else.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import BindParameter, and_, bindparam, exists, func, literal, or_, select

from app.bookings.policy_models import PriorityRule
from app.core.db import FOREVER, ONE
from app.core.facts import current
from app.core.ready import Ready
from app.core.tx import Tx
from app.learning.models import Completion, Course
from app.people.models import GroupMember, Stage

USUAL = 5  # class of whoever no rule fits


def _listed(codes: Any, code: Any) -> Any:
    """Is this code one of those in a column that holds several, separated by commas?"""
    return literal(",").concat(codes).concat(",").contains(literal(",").concat(code).concat(","))


_today: BindParameter[date] = bindparam("today")
_person: BindParameter[int] = bindparam("person")
_course: BindParameter[int] = bindparam("course")
_stage = select(Stage.stage).where(Stage.person_id == _person, current(Stage, _today)).limit(1).scalar_subquery()
_kind = select(Course.kind).where(Course.id == _course).scalar_subquery()
_member = exists(
    select(ONE)
    .select_from(GroupMember)
    .where(GroupMember.group_id == PriorityRule.group_id, GroupMember.person_id == _person, current(GroupMember, _today))
)
# The last day on which they have this course or one that it renews; one that never expires counts to the end of time.
_renewed = select(Course.id).where(or_(Course.id == _course, Course.refresher_id == _course))
_until = (
    select(func.max(func.coalesce(Completion.expires_on, bindparam("forever"))))
    .where(Completion.person_id == _person, Completion.superseded_at.is_(None), Completion.course_id.in_(_renewed))
    .scalar_subquery()
)
_RULES = Ready(
    select(PriorityRule.priority, PriorityRule.because, PriorityRule.days, _until.label("until"))
    .where(
        PriorityRule.active,
        or_(PriorityRule.course_kinds == "", _listed(PriorityRule.course_kinds, _kind)),
        or_(
            and_(PriorityRule.kind == "stage", _listed(PriorityRule.stages, _stage)),
            and_(PriorityRule.kind == "group", _member),
            PriorityRule.kind == "expiry",
        ),
    )
    .order_by(PriorityRule.priority, PriorityRule.id)
)


def of(tx: Tx, person_id: int, course_id: int) -> tuple[int, str | None]:
    """(class, why) of a person who joins the queue of a session of this course today; (5, None): no rule fits them. One question."""
    for rule in tx.rows(_RULES, person=person_id, course=course_id, today=tx.today, forever=FOREVER):
        if rule.days is None or (rule.until is not None and rule.until <= tx.today + timedelta(days=rule.days)):
            return rule.priority, rule.because
    return USUAL, None
