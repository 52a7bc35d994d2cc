"""Support and workload: development reviews completed, supervision held in time, and how many children people hold."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, case, cast, exists, func, literal, or_, select

from app.core.calendar import add_months
from app.core.db import ONE, AnySelect
from app.core.facts import known, recorded
from app.core.tx import Tx
from app.frameworks.models import ProgrammeVersion
from app.grants import Can
from app.measures.counting import Rows, counts, enrolled
from app.measures.dimensions import Moment, employed, is_month_end, month_end
from app.people.models import Absence, Person, Post
from app.programmes.models import Enrolment
from app.supervision.fell_due import fell_due
from app.supervision.models import Caseload
from app.supervision.pdr_models import Pdr, PdrCycle, PdrEvent

LATELY = 3  # months: supervision that fell due, and counts of children that are taken for today's
EARLY_CAREER = "early_career"  # kind of the programmes of newly qualified social workers


def _lately(as_at: date) -> date:
    """The day before the last three months that end with this day."""
    before = add_months(as_at, -LATELY)
    return month_end(before) if is_month_end(as_at) else before


def _one_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


# Development reviews -------------------------------------------------------------------------------------------------


@counts("pdr-complete")
def pdr_complete(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect | Rows:
    """Of those in post who were due a completed review in the last review year that is over those who have it, late ones included.

    A year is over with the day by which its reviews are to be complete; it is the last one until the next is over.
    """
    return _reviewed(tx, organisation_id, moment, ("complete",))


@counts("pdr-meeting")
def pdr_meeting(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect | Rows:
    """Of those in post who were due the meeting of a review that was to be held last, of the three, those who have held it."""
    return _reviewed(tx, organisation_id, moment, ("objectives", "mid-year", "complete"))


def _reviewed(tx: Tx, organisation_id: int, moment: Moment, kinds: Collection[str]) -> AnySelect | Rows:
    """The last of these meetings that was to be held by the day: who is due it, by the year's own rule of who is excused, and held it."""
    days = {"objectives": PdrCycle.objectives_by, "mid-year": PdrCycle.mid_year_by, "complete": PdrCycle.complete_by}
    due = [
        (day, kind, cycle)
        for cycle in tx.rows(select(PdrCycle.__table__).where(PdrCycle.organisation_id == organisation_id))
        for kind in kinds
        if (day := getattr(cycle, days[kind].key)) <= moment.as_at
    ]
    if not due:
        return []
    by, meeting, cycle = max(due, key=lambda each: (each[0], each[2].starts_on))
    done = (
        select(Pdr.person_id)
        .join(PdrEvent, PdrEvent.pdr_id == Pdr.id)
        .where(Pdr.cycle_id == cycle.id, PdrEvent.kind == meeting, PdrEvent.on_date <= moment.as_at)
        .where(recorded(PdrEvent, moment.known_at))
    )
    first = (
        select(Post.person_id, func.min(Post.valid_from).label("day"))
        .where(recorded(Post, moment.known_at))
        .group_by(Post.person_id)
        .subquery("first")
    )
    away = select(Absence.person_id).where(
        known(Absence, moment.as_at, moment.known_at), Absence.valid_from <= moment.as_at - timedelta(days=cycle.away_days)
    )
    held = Person.id.in_(done)
    new = func.coalesce(Person.started_on, first.c.day) > by - timedelta(days=cycle.new_days)
    return (
        select(Person.id.label("person_id"), _one_if(held).label("num"), literal(1).label("den"))
        .join(first, first.c.person_id == Person.id)
        .where(Person.id.in_(employed(organisation_id, moment)), Person.id.not_in(away), or_(held, ~new))
    )


# Supervision ---------------------------------------------------------------------------------------------------------


@counts("supervision-held", facts=Can.READ_SUPERVISION)
def supervision_held(tx: Tx, organisation_id: int, moment: Moment) -> Rows:
    """Of the turns of those in post that fell due in the last three months those with a supervision that counts.

    A share of supervisions: somebody may have several. Worked out in Python, some thousand people at a time.
    """
    return fell_due(tx, employed(organisation_id, moment), _lately(moment.as_at), moment.as_at, moment.known_at)


# Children allocated --------------------------------------------------------------------------------------------------


def _newest(organisation_id: int, moment: Moment) -> Any:
    """(person_id, children): the newest count of the last three months of everybody in post who has one."""
    counted = select(Caseload.person_id, func.max(Caseload.on_date).label("on_date")).where(
        Caseload.on_date > _lately(moment.as_at), Caseload.on_date <= moment.as_at, recorded(Caseload, moment.known_at)
    )
    last = counted.where(Caseload.person_id.in_(employed(organisation_id, moment))).group_by(Caseload.person_id).subquery("last")
    its = and_(Caseload.person_id == last.c.person_id, Caseload.on_date == last.c.on_date)
    return select(Caseload.person_id, Caseload.children).join(last, its).where(recorded(Caseload, moment.known_at)).subquery("newest")


def _at_most(organisation_id: int, moment: Moment, children: int) -> AnySelect:
    newest = _newest(organisation_id, moment)
    few = _one_if(newest.c.children <= children).label("num")
    return select(newest.c.person_id, few, literal(1).label("den")).where(newest.c.children > 0)


@counts("caseload-18", facts=Can.READ_WORKLOAD)
def caseload_18(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001 - every counting function is asked alike
    """Of those who hold cases those with 18 children or fewer, the strategy's figure."""
    return _at_most(organisation_id, moment, 18)


@counts("caseload-22", facts=Can.READ_WORKLOAD)
def caseload_22(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """Of those who hold cases those with 22 children or fewer, the strategy's other figure."""
    return _at_most(organisation_id, moment, 22)


@counts("caseload-average", facts=Can.READ_WORKLOAD)
def caseload_average(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """Children by full-time equivalents of those who hold them, both in hundredths; all posts of a person count (census formula)."""
    newest = _newest(organisation_id, moment)
    # Whole thousandths first, as contracts say them: SQLite keeps decimals as floating point, and cuts off instead of rounding.
    thousandths = func.sum(cast(func.round(Post.fte * 1000), Integer))
    worked = (
        select(Post.person_id, cast((thousandths + 5) // 10, Integer).label("hundredths"))
        .where(known(Post, moment.as_at, moment.known_at))
        .group_by(Post.person_id)
        .subquery("worked")
    )
    return (
        select(newest.c.person_id, (newest.c.children * 100).label("num"), worked.c.hundredths.label("den"))
        .join(worked, worked.c.person_id == newest.c.person_id)
        .where(newest.c.children > 0)
    )


@counts("asye-under-18", facts=Can.READ_WORKLOAD)
def asye_under_18(tx: Tx, organisation_id: int, moment: Moment) -> AnySelect:  # noqa: ARG001
    """Of those on an early career programme whose children were counted those with fewer than 18."""
    newest = _newest(organisation_id, moment)
    on_programme = exists(
        select(ONE)
        .select_from(Enrolment)
        .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
        .where(Enrolment.person_id == newest.c.person_id, ProgrammeVersion.definition["kind"].as_string() == EARLY_CAREER)
        .where(Enrolment.starts_on <= moment.as_at, enrolled.known(moment), ~enrolled.decided(moment), ~enrolled.gone(moment))
    )
    few = _one_if(newest.c.children < 18).label("num")
    return select(newest.c.person_id, few, literal(1).label("den")).where(on_programme)
