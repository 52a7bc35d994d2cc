"""How far people are with renewing their registration, by what they ticked themselves. It is never said that anybody is safe.

The regulator alone knows who has renewed, and people submit everything there themselves: what is kept here is what they say they did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Date, Integer, Row, Select, and_, bindparam, case, cast, exists, false, func, literal, or_, select
from sqlalchemy.sql.elements import ColumnElement

from app import policy
from app.core.db import AnySelect
from app.core.errors import NotFound
from app.core.facts import current
from app.core.text import plural
from app.core.tx import Tx
from app.learning.models import LearningActivity, LearningRecord
from app.learning.record_models import Reflection
from app.learning.record_queries import FIRST
from app.learning.renewal_models import RenewalNotice, RenewalRule, RenewalTick
from app.learning.renewal_rules import Year
from app.people.models import IN_GOOD_STANDING, Membership, Person, Unit
from app.policy import Can

STATES = {
    "ticked": ("Everything ticked", "green"),
    "begun": ("Begun", "yellow"),
    "nothing": ("Nothing ticked", "red"),
    "joiner": ("Joined late", "grey"),
}
MOST_PIECES = 15  # of one's own records to choose from


@dataclass(frozen=True, slots=True)
class Standing:
    """One person and one registration year."""

    year: Year
    state: str  # one of STATES
    form_on: date | None
    fee_on: date | None
    pieces: int
    with_peer: int

    @property
    def left(self) -> list[str]:
        """What is still to be done with the regulator, in words."""
        rule = self.year.rule
        found = ["the form"] if self.form_on is None else []
        found += ["the fee"] if self.fee_on is None else []
        pieces, peer = max(rule.items - self.pieces, 0), max(rule.with_peer - self.with_peer, 0)
        if pieces:
            found.append(plural(pieces, "piece") + " of CPD" + (f", {peer} with peer reflection" if peer else ""))
        elif peer:
            found.append(f"peer reflection in {plural(peer, 'piece')} of CPD")
        return found


def concerned(today: Any) -> ColumnElement[bool]:
    """Who has a registration to renew, as far as is known: they are here, have a number, and nobody says that they may not practise."""
    return and_(
        Person.swe_number.is_not(None),
        or_(Person.registration_status.is_(None), Person.registration_status.in_(IN_GOOD_STANDING)),
        or_(Person.leaving_on.is_(None), Person.leaving_on >= today),
    )


def _ticks(year: Year) -> Any:
    """What each person has ticked in a year."""
    tick = RenewalTick
    one = func.sum
    return (
        select(
            tick.person_id,
            func.max(case((tick.step == "form", tick.done_on))).label("form_on"),
            func.max(case((tick.step == "fee", tick.done_on))).label("fee_on"),
            one(case((tick.step == "cpd", 1), else_=0)).label("pieces"),
            one(case((tick.with_peer, 1), else_=0)).label("with_peer"),
        )
        .where(tick.year == year.starts, tick.superseded_at.is_(None))
        .group_by(tick.person_id)
        .subquery()
    )


def standings(year: Year) -> AnySelect:
    """Everybody concerned with what they ticked and the state that follows; add conditions on `Person`."""
    ticks, rule, joined = _ticks(year), year.rule, year.joiners_from
    pieces, peer = func.coalesce(ticks.c.pieces, 0), func.coalesce(ticks.c.with_peer, 0)
    every = and_(ticks.c.form_on.is_not(None), ticks.c.fee_on.is_not(None), pieces >= rule.items, peer >= rule.with_peer)
    late = false() if joined is None else func.coalesce(Person.registered_from, joined.replace(year=1940)) >= joined
    state = case((every, "ticked"), (late, "joiner"), (ticks.c.person_id.is_not(None), "begun"), else_="nothing")
    return select(
        Person.id,
        Person.name,
        Person.swe_number,
        Person.registration_status,
        Person.registered_until,
        ticks.c.form_on,
        ticks.c.fee_on,
        cast(pieces, Integer).label("pieces"),
        cast(peer, Integer).label("with_peer"),
        state.label("state"),
    ).outerjoin(ticks, ticks.c.person_id == Person.id)


def standing(year: Year, row: Row[Any]) -> Standing:
    """A row of `standings` as a value."""
    return Standing(year, row.state, row.form_on, row.fee_on, row.pieces, row.with_peer)


def mine(tx: Tx, year: Year) -> Standing | None:
    """The reader's own; None for somebody who has no registration to renew."""
    row = tx.one(standings(year).where(Person.id == tx.actor.person_id, concerned(tx.today)))
    return standing(year, row) if row else None


def others(tx: Tx) -> ColumnElement[bool]:
    """Those concerned whose state the reader may see, but for themselves."""
    return and_(concerned(tx.today), policy.within_reach(tx, Can.READ_RENEWAL, Person.id), Person.id != (tx.actor.person_id or 0))


def counts(tx: Tx, year: Year) -> dict[str, int]:
    """How many of them are in each state."""
    found = standings(year).where(others(tx)).subquery()
    rows = tx.rows(select(found.c.state, func.count().label("number")).group_by(found.c.state))
    return {row.state: row.number for row in rows}


def listed(tx: Tx, year: Year, state: str = "") -> AnySelect:
    """They, those with most to do first, with their team."""
    found = (
        standings(year)
        .add_columns(Unit.name.label("unit"))
        .outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, tx.today)))
        .outerjoin(Unit, Unit.id == Membership.unit_id)
        .where(others(tx))
    )
    inner = found.add_columns(Person.sort_name).subquery()
    order = case({"nothing": 0, "begun": 1, "joiner": 2}, value=inner.c.state, else_=3)
    chosen = select(inner, func.count().over().label("total")).order_by(order, inner.c.sort_name, inner.c.id)
    return chosen.where(inner.c.state == state) if state in STATES else chosen


# Pieces of CPD -------------------------------------------------------------------------------------------------------

_TITLE = (
    select(LearningRecord.title)
    .where(or_(LearningRecord.id == RenewalTick.first_id, LearningRecord.first_id == RenewalTick.first_id))
    .order_by(LearningRecord.id.desc())
    .limit(1)
    .scalar_subquery()
)
_TICKED = (
    select(RenewalTick.__table__, func.coalesce(RenewalTick.words, _TITLE).label("title"))
    .where(
        RenewalTick.person_id == bindparam("me"), RenewalTick.year == bindparam("year", type_=Date()), RenewalTick.superseded_at.is_(None)
    )
    .order_by(RenewalTick.id)
)


def ticked(tx: Tx, year: Year) -> Sequence[Row[Any]]:
    """What the reader ticked, in the order in which they did; a piece of CPD with its title."""
    return tx.rows(_TICKED, me=tx.actor.person_id, year=year.starts)


_READY = and_(func.coalesce(Reflection.learnt, "") != "", func.coalesce(Reflection.impact, "") != "")
_PEER = func.coalesce(Reflection.peer_with, "") != ""
_PIECES = (
    select(
        FIRST.label("first"),
        LearningRecord.title,
        LearningRecord.on_date,
        case((_READY, True), else_=False).label("ready"),
        case((_PEER, True), else_=False).label("peer"),
    )
    .outerjoin(Reflection, and_(Reflection.first_id == FIRST, Reflection.superseded_at.is_(None)))
    .where(
        LearningRecord.person_id == bindparam("me"),
        LearningRecord.superseded_at.is_(None),
        LearningRecord.on_date.between(bindparam("since", type_=Date()), bindparam("until", type_=Date())),
        FIRST.not_in(
            select(RenewalTick.first_id).where(
                RenewalTick.person_id == bindparam("me"), RenewalTick.superseded_at.is_(None), RenewalTick.first_id.is_not(None)
            )
        ),
    )
    .order_by(case((_READY, 0), else_=1), LearningRecord.on_date.desc(), LearningRecord.id.desc())
    .limit(MOST_PIECES)
)


def pieces(tx: Tx, year: Year) -> Sequence[Row[Any]]:
    """The reader's own records of a year that they have not ticked: first those with what the regulator asks, learning and impact."""
    return tx.rows(_PIECES, me=tx.actor.person_id, since=year.starts, until=min(year.ends, tx.today))


_PIECE = (
    select(LearningRecord.__table__, LearningActivity.title.label("activity_title"))
    .add_columns(*(getattr(Reflection, name) for name in ("did", "learnt", "impact", "peer_with", "peer_on")))
    .outerjoin(LearningActivity, LearningActivity.code == LearningRecord.activity)
    .outerjoin(Reflection, and_(Reflection.first_id == FIRST, Reflection.superseded_at.is_(None)))
    .where(
        LearningRecord.person_id == bindparam("me"),
        LearningRecord.superseded_at.is_(None),
        or_(LearningRecord.id == bindparam("first"), LearningRecord.first_id == bindparam("first")),
    )
)


def piece(tx: Tx, first_id: int) -> Row[Any]:
    """One of the reader's own records with what they wrote of it, or NotFound: nobody else copies it out, shared or not."""
    row = tx.one(_PIECE, me=tx.actor.person_id, first=first_id)
    if row is None or (row.first_id or row.id) != first_id:
        raise NotFound("There is no learning record of yours with that reference.", code="record-not-found")
    return row


# On the first page ---------------------------------------------------------------------------------------------------


def to_renew(me: Any, today: Any, year_ago: Any) -> Select[Any]:
    """The last day for somebody who has been reminded to renew and has not ticked everything; no row for anybody else.

    A statement for pages that ask much at once: `year_ago` is 365 days before `today`. Reminders stop when the year ends, so only its own
    ticks are younger than that.
    """
    told, asked = RenewalNotice, RenewalRule
    rule = select(asked.items, asked.with_peer).where(asked.first_year <= today).order_by(asked.first_year.desc()).limit(1).subquery()
    tick = and_(RenewalTick.person_id == me, RenewalTick.superseded_at.is_(None), RenewalTick.year >= year_ago)

    def ticked(what: ColumnElement[bool]) -> Any:
        return func.count().filter(what)

    missing = or_(
        ticked(RenewalTick.step == "form") == 0,
        ticked(RenewalTick.step == "fee") == 0,
        ticked(RenewalTick.step == "cpd") < rule.c["items"],
        ticked(RenewalTick.with_peer.is_(True)) < rule.c.with_peer,
    )
    return (
        select(func.max(told.about).label("closes"))
        .join(rule, literal(True))
        .where(
            told.person_id == me,
            told.kind == "remind",
            told.about >= today,
            exists(select(func.count()).select_from(RenewalTick).where(tick).having(missing).correlate(rule)),
        )
        .having(func.count() > 0)
    )
