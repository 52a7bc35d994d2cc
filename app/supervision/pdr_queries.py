"""Development reviews: one person's, and whose was held when, for many people in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Date, Row, Select, and_, bindparam, case, exists, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from app import policy
from app.core.db import ONE, Key, UtcDateTime
from app.core.declared import aliased
from app.core.facts import current, known, recorded
from app.core.tx import Tx
from app.learning.models import Completion, Course
from app.people.models import Absence, Duty, Membership, Person, Post, Responsibility, Unit
from app.policy import Can
from app.supervision.pdr_models import DevelopmentItem, Pdr, PdrCycle, PdrEvent, PdrObjective

# One person's ------------------------------------------------------------------------------------------------------

_CYCLES = (
    select(PdrCycle.__table__, Pdr.id.label("pdr_id"))
    .outerjoin(Pdr, and_(Pdr.cycle_id == PdrCycle.id, Pdr.person_id == bindparam("person", type_=Key)))
    .where(or_(PdrCycle.organisation_id == bindparam("organisation", type_=Key), Pdr.id.is_not(None)))
    .order_by(PdrCycle.starts_on.desc(), PdrCycle.id)
)


def cycles_of(tx: Tx, person: Row[Any]) -> Sequence[Row[Any]]:
    """The review years of somebody's organisation, and others of which they have a review; newest first."""
    return tx.rows(_CYCLES, person=person.id, organisation=person.organisation_id)


def today_of(cycles: Sequence[Any], today: date) -> Any:
    """The review year that today belongs to, else the latest that has begun, else the first to come; None if there is none."""
    begun = [cycle for cycle in cycles if cycle.starts_on <= today]
    return begun[0] if begun else (cycles[-1] if cycles else None)


@dataclass(frozen=True, slots=True)
class Review:
    """What stands in one review: meetings by kind, objectives and lines of the plan as they are now."""

    held: dict[str, Row[Any]]
    objectives: Sequence[Row[Any]]
    plan: Sequence[Row[Any]]  # with the course's title and slug, and the day it was completed


_EVENTS = select(PdrEvent.__table__).where(PdrEvent.pdr_id == bindparam("pdr", type_=Key), PdrEvent.superseded_at.is_(None))
_OBJECTIVES = (
    select(PdrObjective.__table__)
    .where(PdrObjective.pdr_id == bindparam("pdr", type_=Key), PdrObjective.superseded_at.is_(None))
    .order_by(PdrObjective.number)
)
_completed = (
    select(func.max(Completion.completed_on))
    .where(
        Completion.course_id == DevelopmentItem.course_id,
        Completion.person_id == Pdr.person_id,
        Completion.superseded_at.is_(None),
        Completion.completed_on >= PdrCycle.starts_on,
    )
    .scalar_subquery()
)
_PLAN = (
    select(DevelopmentItem.__table__, Course.title, Course.slug, _completed.label("completed_on"))
    .join(Pdr, Pdr.id == DevelopmentItem.pdr_id)
    .join(PdrCycle, PdrCycle.id == Pdr.cycle_id)
    .outerjoin(Course, Course.id == DevelopmentItem.course_id)
    .where(DevelopmentItem.pdr_id == bindparam("pdr", type_=Key), DevelopmentItem.superseded_at.is_(None))
    .order_by(DevelopmentItem.by_date.is_(None), DevelopmentItem.by_date, DevelopmentItem.number)
)


def review(tx: Tx, pdr_id: int | None) -> Review:
    """One review in three statements; empty where nothing was written yet."""
    if pdr_id is None:
        return Review({}, [], [])
    held = {row.kind: row for row in tx.rows(_EVENTS, pdr=pdr_id)}
    return Review(held, tx.rows(_OBJECTIVES, pdr=pdr_id), tx.rows(_PLAN, pdr=pdr_id))


# Many people's -----------------------------------------------------------------------------------------------------

MILESTONES = ("objectives", "mid-year", "complete")
_AS_AT: Any = bindparam("as_at", type_=Date)
_KNOWN_AT: Any = bindparam("known_at", type_=UtcDateTime)


def due_by(cycle: Any) -> dict[str, date]:
    """By when each meeting of a review year should be held."""
    return {"objectives": cycle.objectives_by, "mid-year": cycle.mid_year_by, "complete": cycle.complete_by}


def _held_on(kind: str) -> Any:
    inner = (
        select(PdrEvent.on_date)
        .join(Pdr, Pdr.id == PdrEvent.pdr_id)
        .where(
            Pdr.person_id == Person.id,
            Pdr.cycle_id == bindparam("cycle", type_=Key),
            PdrEvent.kind == kind,
            PdrEvent.on_date <= _AS_AT,
            recorded(PdrEvent, _KNOWN_AT),
        )
    )
    return inner.limit(1).scalar_subquery()


_STARTED = func.coalesce(
    Person.started_on, select(func.min(Post.valid_from)).where(Post.person_id == Person.id, Post.superseded_at.is_(None)).scalar_subquery()
)
_EMPLOYED = exists(select(ONE).where(Post.person_id == Person.id, Post.is_primary, known(Post, _AS_AT, _KNOWN_AT)))
_AWAY = exists(
    select(ONE).where(
        Absence.person_id == Person.id, known(Absence, _AS_AT, _KNOWN_AT), Absence.valid_from <= bindparam("away", type_=Date)
    )
)


def excused(tx: Tx, person_id: int, cycle: Any, as_at: date) -> dict[str, str]:
    """Which meetings one person is not counted as missing, and why: "new" or "away"."""
    new = [(day - timedelta(days=cycle.new_days) < _STARTED).label(f"new_{n}") for n, day in enumerate(due_by(cycle).values())]
    values = {name: value for name, value in values_of(tx, cycle, as_at).items() if name != "cycle"}
    row = tx.one(select(_AWAY.label("away"), *new).where(Person.id == person_id), **values)
    if row is None:
        return {}
    return {kind: "away" if row.away else "new" for n, kind in enumerate(MILESTONES) if row.away or getattr(row, f"new_{n}")}


def people_in(tx: Tx, can: Can, cycle: Any) -> Select[Any]:
    """Everybody in reach who is employed by the cycle's organisation on `:as_at`: a row each, with what was held and who is excused.

    `new` and `away` excuse: started within `new_days` before a meeting was due, or away for `away_days` or more on that day. Bound with
    `values_of`.
    """
    manager = aliased(Responsibility)
    lead = aliased(Person)
    new = {kind: day - timedelta(days=cycle.new_days) < _STARTED for kind, day in due_by(cycle).items()}
    return (
        select(
            Person.id,
            Person.name,
            Person.sort_name,
            Unit.id.label("unit_id"),
            Unit.name.label("team"),
            lead.name.label("manager"),
            *(_held_on(kind).label(f"held_{n}") for n, kind in enumerate(MILESTONES)),
            *(new[kind].label(f"new_{n}") for n, kind in enumerate(MILESTONES)),
            _AWAY.label("away"),
        )
        .outerjoin(Membership, and_(Membership.person_id == Person.id, known(Membership, _AS_AT, _KNOWN_AT)))
        .outerjoin(Unit, Unit.id == Membership.unit_id)
        .outerjoin(manager, and_(manager.person_id == Person.id, manager.kind == Duty.MANAGER.value, current(manager, _AS_AT)))
        .outerjoin(lead, lead.id == manager.holder_id)
        .where(
            Person.organisation_id == cycle.organisation_id,
            policy.within_reach(tx, can, Person.id),
            Person.id != (tx.actor.person_id or 0),
            _EMPLOYED,
        )
    )


def values_of(tx: Tx, cycle: Any, as_at: date) -> dict[str, Any]:
    """What `people_in` is bound with."""
    return dict(cycle=cycle.id, as_at=as_at, known_at=tx.now, away=as_at - timedelta(days=cycle.away_days))


@dataclass(frozen=True, slots=True)
class Team:
    """One team's reviews on a day. Of each kind: how many were held, of how many who are not excused from it."""

    unit_id: int | None
    name: str
    people: int
    held: tuple[int, ...]
    counted: tuple[int, ...]
    away: int  # people who are away for long, and so not counted
    new: tuple[int, ...]  # who are not away, and are new


def by_team(tx: Tx, can: Can, cycle: Any, as_at: date) -> list[Team]:
    """Compliance of every team in reach: one statement, counted by the database however many people there are."""
    each = people_in(tx, can, cycle).subquery()
    here: ColumnElement[bool] = ~each.c.away
    columns = []
    for n in range(len(MILESTONES)):
        was_held, is_new = each.c[f"held_{n}"].is_not(None), each.c[f"new_{n}"]
        columns += [
            _number(and_(here, was_held)).label(f"held_{n}"),
            _number(and_(here, or_(~is_new, was_held))).label(f"counted_{n}"),
            _number(and_(here, is_new, ~was_held)).label(f"new_{n}"),
        ]
    asked = (
        select(each.c.unit_id, each.c.team, func.count().label("people"), _number(each.c.away).label("away"), *columns)
        .group_by(each.c.unit_id, each.c.team)
        .order_by(each.c.team.is_(None), each.c.team, each.c.unit_id)
    )
    return [
        Team(row.unit_id, row.team or "No team", int(row.people), _of(row, "held"), _of(row, "counted"), int(row.away), _of(row, "new"))
        for row in tx.rows(asked, **values_of(tx, cycle, as_at))
    ]


def _number(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _of(row: Row[Any], name: str) -> tuple[int, ...]:
    return tuple(int(getattr(row, f"{name}_{n}")) for n in range(len(MILESTONES)))


@dataclass(frozen=True, slots=True)
class Standing:
    """How one person's review stands on a day."""

    id: int
    name: str
    team: str
    manager: str
    held: dict[str, date]
    excused: dict[str, str]  # kind → why it is not counted as missing: "new" or "away"
    overdue: tuple[str, ...]  # kinds that should have been held by then


def _standing(row: Row[Any], cycle: Any, as_at: date) -> Standing:
    held = {kind: getattr(row, f"held_{n}") for n, kind in enumerate(MILESTONES) if getattr(row, f"held_{n}") is not None}
    excused = {}
    for n, kind in enumerate(MILESTONES):
        if kind not in held and (row.away or getattr(row, f"new_{n}")):
            excused[kind] = "away" if row.away else "new"
    late = tuple(kind for kind, day in due_by(cycle).items() if day < as_at and kind not in held and kind not in excused)
    return Standing(row.id, row.name, row.team or "No team", row.manager or "", held, excused, late)


def each_person(
    tx: Tx, can: Can, cycle: Any, as_at: date, *, team: int | None = None, slice_: tuple[int, int] | None = None
) -> list[Standing]:
    """Everybody in reach by name, all of them or a slice (offset, how many)."""
    asked = people_in(tx, can, cycle).order_by(Person.sort_name, Person.id)
    if team is not None:
        asked = asked.where(Unit.id == team)
    if slice_ is not None:
        asked = asked.offset(slice_[0]).limit(slice_[1])
    return [_standing(row, cycle, as_at) for row in tx.rows(asked, **values_of(tx, cycle, as_at))]


def how_many(tx: Tx, can: Can, cycle: Any, as_at: date, *, team: int | None = None) -> int:
    """How many people `each_person` would name."""
    asked = people_in(tx, can, cycle)
    if team is not None:
        asked = asked.where(Unit.id == team)
    counted = select(func.count()).select_from(asked.with_only_columns(Person.id).order_by(None).subquery())
    return int(
        tx.scalar(counted, **{name: value for name, value in values_of(tx, cycle, as_at).items() if name in ("as_at", "known_at")}) or 0
    )


def cycles_in_reach(tx: Tx, can: Can) -> Sequence[Row[Any]]:
    """Review years of organisations in which the reader sees somebody's, newest first."""
    terms = policy.terms(tx.actor, can)
    asked = select(PdrCycle.__table__, Unit.name.label("organisation")).join(Unit, Unit.id == PdrCycle.organisation_id)
    if (policy.Reach.ALL, None) not in terms:
        nodes = [node for reach, node in terms if reach is policy.Reach.SCOPE]
        mine = select(Person.organisation_id).where(Person.id == tx.actor.person_id)
        theirs = select(Unit.organisation_id).where(Unit.id.in_(nodes))
        asked = asked.where(or_(PdrCycle.organisation_id.in_(mine), PdrCycle.organisation_id.in_(theirs)))
    return tx.rows(asked.order_by(PdrCycle.starts_on.desc(), PdrCycle.id))
