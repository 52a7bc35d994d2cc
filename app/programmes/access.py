"""Who takes part in an enrolment, and may therefore see it. Being involved is the room's own narrowing of what the policy grants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, exists, or_, select

from app.core.db import ONE, is_postgresql
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.tx import Tx
from app.policy import Can, Reach, require, terms, within_reach
from app.programmes.models import Capacity, Enrolment, Involvement, Side

NOT_FOUND = "There is no portfolio with that reference, or you do not take part in it."
_ENROLMENT = select(Enrolment.__table__).where(Enrolment.id == bindparam("key"))
_PARTS = (
    select(Involvement.id, Involvement.side, Capacity.capacity)
    .outerjoin(
        Capacity,
        (Capacity.involvement_id == Involvement.id)
        & (Capacity.valid_from <= bindparam("today"))
        & (Capacity.valid_to > bindparam("today")),
    )
    .where(Involvement.enrolment_id == bindparam("enrolment"), Involvement.person_id == bindparam("person"))
    .order_by(Capacity.capacity)
)


@dataclass(frozen=True, slots=True)
class Part:
    """An enrolment and what the actor is to it today. `side` None: not involved, in reach by role (a coordinator)."""

    enrolment: Row[Any]
    involvement_id: int | None
    side: Side | None
    capacities: tuple[str, ...]  # held today; empty for somebody whose part has ended

    def has(self, *capacities: str) -> bool:
        """Does the actor hold one of these capacities today?"""
        return any(capacity in self.capacities for capacity in capacities)


def involved(tx: Tx, column: Any, *, moderating: bool = True) -> ColumnElement[bool]:
    """SQL for "the actor takes part, today, in the enrolment whose id `column` holds"; without `moderating`, on another side than that."""
    return exists(
        select(ONE)
        .select_from(Involvement)
        .join(Capacity, Capacity.involvement_id == Involvement.id)
        .where(
            Involvement.enrolment_id == column,
            Involvement.person_id == tx.actor.person_id,
            Capacity.valid_from <= tx.today,
            Capacity.valid_to > tx.today,
            *(() if moderating else (Involvement.side != Side.MODERATING.value,)),
        )
    )


def visible(tx: Tx, can: Can) -> ColumnElement[bool]:
    """SQL over `enrolments` for what the actor's `can` reaches: those they take part in where it says so, and people in reach.

    Who learns or assesses sees how far an enrolment is, whether or not the rest of their work reaches the person. Who moderates sees what
    is listed for them on the panel's pages, and nothing of plans and pauses.
    """
    found = require(tx, can)
    reached = within_reach(tx, can, Enrolment.person_id)
    if can is Can.READ_ENROLMENT:
        return or_(involved(tx, Enrolment.id, moderating=False), reached)
    return or_(involved(tx, Enrolment.id), reached) if any(reach is Reach.INVOLVED for reach, _ in found) else reached


_involvement, _capacity = aliased(Involvement), aliased(Capacity)
_WITH_PARTS = (
    select(
        Enrolment.__table__,
        _involvement.id.label("involvement_id"),
        _involvement.side.label("part_side"),
        _capacity.capacity.label("part_capacity"),
    )
    .outerjoin(_involvement, (_involvement.enrolment_id == Enrolment.id) & (_involvement.person_id == bindparam("person")))
    .outerjoin(
        _capacity,
        (_capacity.involvement_id == _involvement.id)
        & (_capacity.valid_from <= bindparam("today"))
        & (_capacity.valid_to > bindparam("today")),
    )
    .where(Enrolment.id == bindparam("key"))
    .order_by(_capacity.capacity)
)


def part(tx: Tx, can: Can, enrolment_id: int, *, lock: bool = False) -> Part:
    """The enrolment with the actor's part in it, or NotFound for outsiders. `lock`: those who change one enrolment take turns."""
    require(tx, can)
    if lock and is_postgresql(tx.db):
        tx.one(_ENROLMENT.with_for_update(key_share=True), key=enrolment_id)
    statement = _WITH_PARTS if (Reach.ALL, None) in terms(tx.actor, can) else _WITH_PARTS.where(visible(tx, can))
    rows = tx.rows(statement, key=enrolment_id, person=tx.actor.person_id, today=tx.today)
    if not rows:
        raise NotFound(NOT_FOUND, code="enrolment-not-found")
    first = rows[0]
    side = Side(first.part_side) if first.part_side else None
    return Part(first, first.involvement_id, side, tuple(row.part_capacity for row in rows if row.part_capacity))


_OWN = (
    select(Enrolment.__table__)
    .where(Enrolment.person_id == bindparam("person"))
    .order_by(Enrolment.status.in_(("completed", "withdrawn", "transferred")), Enrolment.starts_on.desc(), Enrolment.id.desc())
)


def own(tx: Tx) -> list[Row[Any]]:
    """The actor's own enrolments, the running ones first."""
    require(tx, Can.READ_PORTFOLIO)
    return list(tx.rows(_OWN, person=tx.actor.person_id))


def own_part(tx: Tx, enrolment: Row[Any]) -> Part:
    """The actor's part in an enrolment of theirs, one of `own`."""
    if enrolment.person_id != tx.actor.person_id:
        raise NotFound(NOT_FOUND, code="enrolment-not-found")
    return _part(tx, enrolment)


def _part(tx: Tx, row: Row[Any]) -> Part:
    mine = list(tx.rows(_PARTS, enrolment=row.id, person=tx.actor.person_id, today=tx.today)) if tx.actor.person_id else []
    return Part(
        row,
        mine[0].id if mine else None,
        Side(mine[0].side) if mine else None,
        tuple(each.capacity for each in mine if each.capacity),
    )
