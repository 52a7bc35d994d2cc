"""Equity by stage of a call for applications: published once, when nothing of it moves any more.

Figures that followed each application and each answer would tell, from one day to the next, what the person was who had just applied or
answered. So they are counted at one moment, after the last decision and the start, and stay as they are.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Row, and_, case, exists, func, or_, select

from app.bookings.queries import ONE
from app.bookings.terms import policy as council_figures
from app.core.calendar import long_date
from app.core.errors import Conflict
from app.core.ledger import Audit
from app.core.text import plural
from app.core.tx import Tx
from app.equality import figures
from app.policy import Can, operation, require_for_host
from app.programmes.apprentice_models import Application, Call
from app.programmes.models import Cohort, Enrolment
from app.programmes.operations.applications import takes

STEPS = ("Applied", "Shortlisted", "Offered a place", "Started")
DECIDED = ("offered", "declined", "not shortlisted", "withdrawn")


def reached(today: Any) -> Any:
    """Select of `call_id`, `person_id` and `step`: how far everybody got who ever submitted an application, as an index of STEPS."""
    listed = exists(
        select(ONE).where(Audit.subject == Application.__tablename__, Audit.subject_id == Application.id, Audit.state == "shortlisted")
    )
    later = and_(  # a call without a cohort enrols nobody by itself: a coordinator does
        Application.enrolment_id.is_(None),
        Enrolment.person_id == Application.person_id,
        Enrolment.version_id == Call.version_id,
        Enrolment.created_at >= Application.submitted_at,
    )
    begun = exists(select(ONE).where(or_(Enrolment.id == Application.enrolment_id, later), Enrolment.starts_on <= today))
    offered = Application.state == "offered"
    step = case((and_(offered, begun), 3), (offered, 2), (or_(Application.state == "shortlisted", listed), 1), else_=0)
    return (
        select(Application.call_id, Application.person_id, step.label("step"))
        .join(Call, Call.id == Application.call_id)
        .where(Application.submitted_at.is_not(None))
    )


def why_not(tx: Tx, call: Row[Any]) -> str:
    """Why the figures of this call cannot be published yet, in words; empty: they can."""
    if call.state == "draft" or takes(call, tx.now):
        return f"People can apply until {long_date(call.closes_at)}."
    open_ = tx.scalar(
        select(func.count())
        .select_from(Application)
        .where(Application.call_id == call.id, Application.submitted_at.is_not(None), Application.state.not_in((*DECIDED, "draft")))
    )
    if open_:
        return f"{plural(open_, 'application')} of this call {'waits' if open_ == 1 else 'wait'} for a decision."
    starts = tx.scalar(select(Cohort.starts_on).where(Cohort.id == call.cohort_id))
    if starts is not None and starts > tx.today:
        return f"The cohort starts on {long_date(starts)}."
    return ""


@operation(Can.READ_EQUITY)
def publish(tx: Tx, call_id: int) -> None:
    """Count the applicants of this call by group and step, hide what is small, and keep the rest for good.

    Conflict before everything is decided and begun, after it was published, and where another call that was published had so nearly the
    same people at some step that the two together would tell on the few who differ.
    """
    require_for_host(tx, Can.READ_EQUITY)
    call = tx.get(Call, call_id, lock=True, what="call")
    if figures.published(tx, call_id) is not None:
        raise Conflict("The figures of this call are published already.", code="figures-taken")
    if words := why_not(tx, call):
        raise Conflict(f"The figures cannot be published yet. {words}", code="figures-too-early")
    below = max(council_figures(tx).suppress_below, figures.SMALLEST)
    if _like_another(tx, call_id, below):
        raise Conflict(
            "The figures cannot be published: nearly the same people applied in another call, and both would tell on the few others.",
            code="figures-too-alike",
        )
    figures.take(tx, call_id, reached(tx.today).where(Application.call_id == call_id), STEPS, below)
    tx.record("equity.published", "programme_calls", call_id)


def _like_another(tx: Tx, call_id: int, below: int) -> bool:
    """Do the people left at some step here differ, by fewer than `below` but by some, from those at some step of a published call?"""
    groups: dict[tuple[int, int], set[int]] = defaultdict(set)
    others = reached(tx.today).where(or_(Application.call_id == call_id, Application.call_id.in_(figures.calls_published())))
    for row in tx.rows(others):
        for step in range(row.step + 1):
            groups[row.call_id, step].add(row.person_id)
    here = [people for (call, _), people in groups.items() if call == call_id and len(people) >= below]
    elsewhere = [people for (call, _), people in groups.items() if call != call_id and len(people) >= below]
    return any(0 < len(one ^ other) < below for one in here for other in elsewhere)
