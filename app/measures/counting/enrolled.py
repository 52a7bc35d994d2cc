"""Enrolments as at a day: from plans, agreed changes and decisions, which keep their instants, never from the status of today."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, case, exists, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from app.core.calendar import london_day
from app.core.db import ONE, AnySelect
from app.measures.dimensions import Moment
from app.programmes.models import Change, Enrolment, Plan
from app.programmes.panel_models import Decision

OVER = ("withdrawal", "transfer")


def known(moment: Moment) -> ColumnElement[bool]:
    """It had been entered by then."""
    return Enrolment.created_at <= moment.known_at


def decided(moment: Moment, *outcomes: str) -> ColumnElement[bool]:
    """One of these outcomes, or any, had been confirmed by the end of the day."""
    its = (Decision.enrolment_id == Enrolment.id, Decision.kind == "confirm")
    found = select(ONE).where(*its, Decision.decided_at < london_day(moment.as_at)[1], Decision.decided_at <= moment.known_at)
    return exists(found.where(Decision.outcome.in_(outcomes)) if outcomes else found)


def gone(moment: Moment, by: Any = None) -> ColumnElement[bool]:
    """It had been withdrawn or transferred, as agreed, by the day; or by another day, such as the one on which it was to begin."""
    day = moment.as_at if by is None else by
    return exists(_agreed(moment).where(Change.kind.in_(OVER), Change.from_on <= day))


def standing_still(moment: Moment) -> ColumnElement[bool]:
    """It was paused on the day, withdrawn or transferred, as agreed."""
    paused = and_(Change.kind == "pause", Change.to_on > moment.as_at)
    return exists(_agreed(moment).where(or_(Change.kind.in_(OVER), paused), Change.from_on <= moment.as_at))


def _agreed(moment: Moment) -> AnySelect:
    return select(ONE).where(Change.enrolment_id == Enrolment.id, Change.state == "agreed", Change.settled_at <= moment.known_at)


def plans(moment: Moment) -> Any:
    """(enrolment_id, ends_on) by the plan that was in force at the end of the day; the first plan, of what was brought in later."""
    made = and_(Plan.made_at < london_day(moment.as_at)[1], Plan.made_at <= moment.known_at)
    number = func.max(case((made, Plan.number), else_=1)).label("number")
    newest = select(Plan.enrolment_id, number).group_by(Plan.enrolment_id).subquery("newest")
    its = and_(Plan.enrolment_id == newest.c.enrolment_id, Plan.number == newest.c.number)
    return select(Plan.enrolment_id, Plan.ends_on).join(newest, its).subquery("plan_in_force")
