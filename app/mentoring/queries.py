"""Who learns with whom: one's own pairs, notices and sets, the list of colleagues, and what the Academy sees of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, and_, bindparam, case, func, or_, select

from app import policy
from app.core.db import ONE
from app.core.declared import aliased
from app.core.facts import current
from app.core.tx import Tx
from app.mentoring import checks
from app.mentoring.models import LearningSet, Meeting, MeetingPerson, Notice, Pairing, SetMember
from app.people.models import Membership, Person, Unit, UnitClosure
from app.policy import Can

MOST = 100  # lines of one list
PAGE = 20

_GIVER, _RECEIVER, _ASKER = aliased(Person), aliased(Person), aliased(Person)


def _met(column: Any, of: Any) -> tuple[Any, ...]:
    """How often a pair or set has met, for how long, and when last."""
    live = (column == of, Meeting.superseded_at.is_(None))
    return tuple(
        select(what).where(*live).scalar_subquery().label(name)
        for name, what in (
            ("meetings", func.count()),
            ("minutes", func.coalesce(func.sum(Meeting.minutes), 0)),
            ("last_on", func.max(Meeting.held_on)),
        )
    )


_PAIRS = (
    select(
        Pairing.__table__,
        _GIVER.name.label("giver"),
        _RECEIVER.name.label("receiver"),
        _ASKER.name.label("asker"),
        *_met(Meeting.pairing_id, Pairing.id),
    )
    .join(_GIVER, _GIVER.id == Pairing.giver_id)
    .join(_RECEIVER, _RECEIVER.id == Pairing.receiver_id)
    .join(_ASKER, _ASKER.id == Pairing.asked_by)
)
_ORDER = case({"asked": 0, "active": 1, "ended": 2, "declined": 3, "withdrawn": 4}, value=Pairing.state)


def my_pairs(tx: Tx) -> Sequence[Row[Any]]:
    """Those that the actor is one of: what waits first, then who meets, then what is over."""
    me = tx.actor.person_id
    mine = or_(Pairing.giver_id == me, Pairing.receiver_id == me)
    return tx.rows(_PAIRS.where(mine).order_by(_ORDER, Pairing.id.desc()).limit(MOST))


def pair(tx: Tx, pairing_id: int) -> Row[Any] | None:
    """One pair with its names and how often they have met. Whoever calls has asked whose it is."""
    return tx.one(_PAIRS.where(Pairing.id == pairing_id))


def pairs_in_reach(tx: Tx, state: str) -> Sequence[Row[Any]]:
    """Pairs of two people in the actor's reach; those asked the longest ago, or met the longest ago, first."""
    found = [policy.within_reach(tx, Can.READ_TOGETHER, column) for column in (Pairing.giver_id, Pairing.receiver_id)]
    return tx.rows(_PAIRS.where(*found, Pairing.state == state).order_by(Pairing.answered_at, Pairing.asked_at, Pairing.id).limit(MOST))


def meetings(tx: Tx, *which: Any) -> Sequence[Row[Any]]:
    """Live meetings, newest first, with how many were there, and whether the actor was."""
    there = select(func.count()).where(MeetingPerson.meeting_id == Meeting.id).scalar_subquery()
    mine = select(ONE).where(MeetingPerson.meeting_id == Meeting.id, MeetingPerson.person_id == tx.actor.person_id).exists()
    by = (Meeting.id, Meeting.held_on, Meeting.minutes, Meeting.corrected_from, Person.name.label("by"), there.label("people"))
    statement = (
        select(*by, mine.label("mine")).outerjoin(Person, Person.id == Meeting.recorded_by).where(*which, Meeting.superseded_at.is_(None))
    )
    return tx.rows(statement.order_by(Meeting.held_on.desc(), Meeting.id.desc()).limit(MOST))


def was_there(tx: Tx, meeting_id: int) -> list[int]:
    """Who was at a meeting."""
    return [row.person_id for row in tx.rows(select(MeetingPerson.person_id).where(MeetingPerson.meeting_id == meeting_id))]


# Notices -----------------------------------------------------------------------------------------------------------

_TAKEN = select(func.count()).where(Pairing.notice_id == Notice.id, Pairing.state == "active").scalar_subquery()


def my_notices(tx: Tx) -> Sequence[Row[Any]]:
    """What the actor has on the list."""
    mine = (Notice.person_id == tx.actor.person_id, Notice.closed_at.is_(None))
    return tx.rows(select(Notice.__table__, _TAKEN.label("taken")).where(*mine).order_by(Notice.side, Notice.id))


def _listed(today: Any) -> Any:
    """Open notices of people who are here, with their team."""
    columns = (Notice.__table__, _TAKEN.label("taken"), Person.name, Unit.name.label("team"))
    found = select(*columns).join(Person, Person.id == Notice.person_id)
    found = found.outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, today)))
    return found.outerjoin(Unit, Unit.id == Membership.unit_id).where(Notice.closed_at.is_(None), checks.here(today))


def board(tx: Tx, *, side: str = "", kind: str = "", need: str = "", area: int | None = None, skip: int = 0) -> Sequence[Row[Any]]:
    """What colleagues of the actor's organisation offer and ask for, the newest first; `found` counts all of it."""
    me = tx.actor.person_id
    employer = select(Person.organisation_id).where(Person.id == me).scalar_subquery()
    statement = _listed(tx.today).where(Notice.shown_to == "colleagues", Person.organisation_id == employer, Notice.person_id != me)
    for column, wanted in ((Notice.side, side), (Notice.kind, kind), (Notice.need, need)):
        if wanted:
            statement = statement.where(column == wanted)
    if area is not None:
        inside = select(ONE).where(UnitClosure.ancestor_id == area, UnitClosure.descendant_id == Membership.unit_id)
        statement = statement.where(inside.exists())
    statement = statement.add_columns(func.count().over().label("found"))
    return tx.rows(statement.order_by(Notice.opened_at.desc(), Notice.id.desc()).offset(skip).limit(PAGE))


def notice(tx: Tx, notice_id: int) -> Row[Any] | None:
    """One open notice with the name and team of whose it is. Whoever calls has asked whether the actor may see it."""
    return tx.one(_listed(tx.today).where(Notice.id == notice_id))


def areas(tx: Tx) -> list[tuple[int, str]]:
    """Services and localities of the actor's organisation, to narrow the list by."""
    employer = select(Person.organisation_id).where(Person.id == tx.actor.person_id).scalar_subquery()
    which = (Unit.organisation_id == employer, Unit.kind.in_(("service", "locality")), Unit.closed_on.is_(None))
    return [(row.id, row.name) for row in tx.rows(select(Unit.id, Unit.name).where(*which).order_by(Unit.name, Unit.id))]


def asked_for(tx: Tx) -> Sequence[Row[Any]]:
    """What people in the actor's reach ask for, those who have waited longest first."""
    reach = policy.within_reach(tx, Can.READ_TOGETHER, Notice.person_id)
    return tx.rows(_listed(tx.today).where(Notice.side == "ask", reach).order_by(Notice.opened_at, Notice.id).limit(MOST))


def demand(tx: Tx) -> Sequence[Row[Any]]:
    """For each kind and need of people in reach: how many ask, how many offer and with how much room."""
    reach = policy.within_reach(tx, Can.READ_TOGETHER, Notice.person_id)
    room = case((Notice.side == "offer", case((Notice.most > _TAKEN, Notice.most - _TAKEN), else_=0)), else_=0)
    each = (
        select(Notice.kind, Notice.need, Notice.side, room.label("room"))
        .join(Person, Person.id == Notice.person_id)
        .where(Notice.closed_at.is_(None), checks.here(tx.today), reach)
        .subquery()
    )
    asks = func.sum(case((each.c.side == "ask", 1), else_=0)).label("asks")
    offers = func.sum(case((each.c.side == "offer", 1), else_=0)).label("offers")
    counted = select(each.c.kind, each.c.need, asks, offers, func.sum(each.c.room).label("room")).group_by(each.c.kind, each.c.need)
    return tx.rows(counted.order_by(asks.desc(), each.c.kind, each.c.need))


# Sets --------------------------------------------------------------------------------------------------------------

_FACILITATOR = aliased(Person)
_MEMBERS = select(func.count()).where(SetMember.set_id == LearningSet.id, SetMember.left_on.is_(None)).scalar_subquery()
_MINE = (
    select(SetMember.id)
    .where(SetMember.set_id == LearningSet.id, SetMember.person_id == bindparam("me"), SetMember.left_on.is_(None))
    .exists()
)
_EVER = select(SetMember.id).where(SetMember.set_id == LearningSet.id, SetMember.person_id == bindparam("me")).exists()
_SETS = select(
    LearningSet.__table__,
    _FACILITATOR.name.label("facilitator"),
    _MEMBERS.label("members"),
    _MINE.label("mine"),
    _EVER.label("ever"),
    *_met(Meeting.set_id, LearningSet.id),
).join(_FACILITATOR, _FACILITATOR.id == LearningSet.facilitator_id)


def my_sets(tx: Tx) -> Sequence[Row[Any]]:
    """Sets that the actor belongs to or has belonged to, those that still meet first."""
    order = (LearningSet.ended_on.is_not(None), LearningSet.title, LearningSet.id)
    return tx.rows(_SETS.where(_EVER).order_by(*order).limit(MOST), me=tx.actor.person_id)


def sets_to_join(tx: Tx) -> Sequence[Row[Any]]:
    """Sets of the actor's organisation that colleagues may join, with room first."""
    employer = select(Person.organisation_id).where(Person.id == bindparam("me")).scalar_subquery()
    which = (LearningSet.organisation_id == employer, LearningSet.ended_on.is_(None), LearningSet.joins, ~_MINE)
    return tx.rows(_SETS.where(*which).order_by(LearningSet.most <= _MEMBERS, LearningSet.title).limit(MOST), me=tx.actor.person_id)


def sets_in_reach(tx: Tx) -> Sequence[Row[Any]]:
    """Sets that meet and whose facilitator is in the actor's reach, by name."""
    reach = policy.within_reach(tx, Can.READ_TOGETHER, LearningSet.facilitator_id)
    return tx.rows(_SETS.where(LearningSet.ended_on.is_(None), reach).order_by(LearningSet.title).limit(MOST), me=tx.actor.person_id)


def one_set(tx: Tx, set_id: int) -> Row[Any] | None:
    """One set, with whether the actor belongs to it. Whoever calls has asked whether they may see it."""
    return tx.one(_SETS.where(LearningSet.id == set_id), me=tx.actor.person_id)


def members_of(tx: Tx, set_id: int, *which: Any) -> Sequence[Row[Any]]:
    """Those who belong to a set now, or to whom `which` applies, by name."""
    named = select(SetMember.person_id, Person.name, SetMember.joined_on).join(Person, Person.id == SetMember.person_id)
    chosen = which or (SetMember.left_on.is_(None),)
    return tx.rows(named.where(SetMember.set_id == set_id, *chosen).order_by(Person.sort_name, Person.id))


def people_of(tx: Tx, keys: Sequence[int]) -> Sequence[Row[Any]]:
    """Names by id, in order of name."""
    return tx.rows(select(Person.id.label("person_id"), Person.name).where(Person.id.in_(keys)).order_by(Person.sort_name))
