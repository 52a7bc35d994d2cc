"""Permission, decided here and nowhere else: role × permission × reach.

Doors say *who*, the table in `app.grants` says *may*, queries say *whose*. Line manager, assessor and trainer are not given: they follow
from the data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar
from typing import cast as typed

from sqlalchemy import Row, Select, and_, bindparam, exists, false, literal_column, or_, select, true
from sqlalchemy import cast as sql_cast
from sqlalchemy.sql.elements import ColumnElement

from app.core.db import ONE, AnySelect, Key, few, is_postgresql
from app.core.declared import aliased
from app.core.errors import Forbidden, NotFound
from app.core.facts import current
from app.core.tx import Actor, Tx
from app.grants import GIVEN, GRANTS, SCOPES, Can, Reach, Role
from app.people.models import Duty, Membership, Person, Responsibility, RoleHeld, Unit, UnitClosure

__all__ = ["GIVEN", "GRANTS", "SCOPES", "Can", "Reach", "Role"]

Term = tuple[Reach, int | None]


def _build() -> dict[Can, dict[str, Reach]]:
    by_can: dict[Can, dict[str, Reach]] = {can: {} for can in Can}
    for role, grants in GRANTS.items():
        for can, reach in grants.items():
            by_can[can][role.value] = reach
    return by_can


_BY_CAN = _build()


def terms(actor: Actor, can: Can) -> frozenset[Term]:
    """Everything the actor's roles let `can` reach; empty: no grant at all."""
    if actor.is_system:
        return frozenset({(Reach.ALL, None)})
    if actor.kind == "client":
        if not any(can in SCOPES.get(scope, ()) for scope in actor.scopes):
            return frozenset()
        return frozenset({(Reach.ALL, None) if actor.organisation_id is None else (Reach.SCOPE, actor.organisation_id)})
    found: set[Term] = set()
    granted = _BY_CAN[can]
    for role, unit_id in actor.roles:
        reach = granted.get(role)
        if reach is None:
            continue
        if reach is Reach.SCOPE and unit_id is None:
            found.add((Reach.ALL, None))
        else:
            found.add((reach, unit_id if reach is Reach.SCOPE else None))
    return frozenset(found)


def may(actor: Actor, can: Can) -> bool:
    """Has the actor any grant for this, whoever it is about?"""
    return bool(terms(actor, can))


_ONLY = {Can.EXPORT_COMPLETIONS: "Only managers, HR and the Academy can see completions."}


def require(tx: Tx, can: Can) -> frozenset[Term]:
    """The actor's terms for `can`, or Forbidden."""
    found = terms(tx.actor, can)
    if not found:
        said = _ONLY.get(can) or f"Your account cannot {can.value}."
        raise Forbidden(said, way_out="If you think it should, ask the Academy.")
    return found


def require_for_host(tx: Tx, can: Can) -> None:
    """Refuse whoever has `can` for partners only, where it is about what all share and the host organisation looks after."""
    found = require(tx, can)
    nodes = [node for reach, node in found if reach is Reach.SCOPE]
    host = aliased(Unit)
    held = select(ONE).select_from(Unit).join(host, host.id == Unit.organisation_id).where(Unit.id.in_(nodes), host.host.is_(True))
    if (Reach.ALL, None) not in found and tx.scalar(held) is None:
        raise Forbidden(f"Your account cannot {can.value}: the host organisation does.", way_out="If you think it should, ask the Academy.")


P = ParamSpec("P")
R = TypeVar("R")


def operation(can: Can) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A verb that changes data. Refused (403) for an actor with no grant; whose row it may be is checked inside, by reach."""

    def wrap(verb: Callable[P, R]) -> Callable[P, R]:
        @wraps(verb)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            require(typed("Tx", args[0] if args else kwargs["tx"]), can)
            return verb(*args, **kwargs)

        return guarded

    return wrap


# Reach as SQL ------------------------------------------------------------------------------------------------------

# Made once: to make an alias costs more than most questions that use it. Each stands in subqueries of its own.
_DEPUTY, _REPORT, _EMPLOYED = aliased(Responsibility), aliased(Responsibility), aliased(Person)


def line_below(actor_id: Any, today: Any) -> Select[Any]:
    """Ids of everyone in the management line below a person today: reports of reports, and those of the managers they deputise for.

    The walk starts at the person (`below` 0) and at whom they deputise for, so that planners see how small it begins.
    """
    deputy, manager = _DEPUTY, _REPORT
    line = select(sql_cast(actor_id, Key).label("id"), literal_column("0").label("below")).cte("line", recursive=True)
    deputising: AnySelect = select(deputy.person_id, literal_column("0")).where(
        deputy.kind == Duty.DEPUTY, deputy.holder_id == actor_id, deputy.person_id.is_not(None), current(deputy, today)
    )
    reports = select(manager.person_id, ONE).where(
        manager.kind == Duty.MANAGER, current(manager, today), manager.holder_id == line.c.id, few(line.c.id)
    )
    line = line.union(deputising, reports)
    return select(line.c.id).where(line.c.below == ONE)


def above(tx: Tx, person_id: int) -> bool:
    """Does the actor stand in the management line above this person today, or deputise for someone who does? A short walk upwards.

    A page asks this of the same person for several permissions; where nothing can change meanwhile it is looked up once.
    """
    if tx.writes:
        return _above(tx, person_id)
    key = f"above {person_id}"
    if key not in tx.memo:
        tx.memo[key] = _above(tx, person_id)
    return bool(tx.memo[key])


def _above(tx: Tx, person_id: int) -> bool:
    return tx.scalar(_stands_above(), person=person_id, actor=tx.actor.person_id, today=tx.today) is not None


@lru_cache(maxsize=1)
def _stands_above() -> AnySelect:
    manager, deputy = aliased(Responsibility), aliased(Responsibility)
    first = select(manager.holder_id.label("id")).where(
        manager.kind == Duty.MANAGER, manager.person_id == bindparam("person"), current(manager, bindparam("today"))
    )
    line = first.cte("line", recursive=True)
    further = aliased(Responsibility)
    line = line.union(
        select(further.holder_id).where(further.kind == Duty.MANAGER, further.person_id == line.c.id, current(further, bindparam("today")))
    )
    stands_in = select(ONE).where(
        deputy.kind == Duty.DEPUTY,
        deputy.holder_id == bindparam("actor"),
        deputy.person_id == line.c.id,
        current(deputy, bindparam("today")),
    )
    return select(ONE).select_from(line).where(or_(line.c.id == bindparam("actor"), exists(stands_in))).limit(1)


def in_unit(person_column: Any, unit_id: Any, today: Any) -> ColumnElement[bool]:
    """Belongs today to the node or anything below it. An organisation counts its own people even while they have no team."""
    member = (
        select(ONE)
        .select_from(Membership)
        .join(UnitClosure, and_(UnitClosure.descendant_id == Membership.unit_id, UnitClosure.ancestor_id == unit_id))
        .where(Membership.person_id == person_column, current(Membership, today))
    )
    employed = select(ONE).select_from(_EMPLOYED).where(_EMPLOYED.id == person_column, _EMPLOYED.organisation_id == unit_id)
    return or_(exists(member), exists(employed))


def within_reach(tx: Tx, can: Can, column: Any) -> ColumnElement[bool]:
    """SQL for "belongs to someone in the actor's reach for `can`"; `column` holds a people.id. Refuses an actor with no grant."""
    return _reached(tx, require(tx, can), column)


def within_both(tx: Tx, can: Can, also: Can, column: Any) -> ColumnElement[bool]:
    """`within_reach` of two permissions together. What they share is asked once: a statement can walk down a management line only once."""
    one, other = require(tx, can), require(tx, also)
    shared = one & other
    return or_(_reached(tx, shared, column), and_(_reached(tx, one - shared, column), _reached(tx, other - shared, column)))


def _reached(tx: Tx, found: frozenset[Term], column: Any) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = []
    for reach, unit_id in found:
        if reach is Reach.ALL:
            return true()
        if reach is Reach.SELF:
            parts.append(column == tx.actor.person_id)
        elif reach is Reach.REPORTS:
            parts.append(column.in_(line_below(tx.actor.person_id, tx.today)))
        elif reach is Reach.ASSIGNED:
            duty = aliased(Responsibility)
            parts.append(
                exists(
                    select(ONE).where(
                        duty.kind == Duty.ASSESSOR, duty.holder_id == tx.actor.person_id, duty.person_id == column, current(duty, tx.today)
                    )
                )
            )
        elif reach is Reach.SCOPE:
            parts.append(in_unit(column, unit_id, tx.today))
    return or_(*parts) if parts else false()


def reaches(tx: Tx, can: Can, person_id: int) -> bool:
    """Is this one person in the actor's reach for `can`? No question to the database where the answer is plain."""
    found = terms(tx.actor, can)
    if (Reach.ALL, None) in found or ((Reach.SELF, None) in found and person_id == tx.actor.person_id):
        return True
    if (Reach.REPORTS, None) in found and above(tx, person_id):
        return True
    others = found - {(Reach.SELF, None), (Reach.REPORTS, None)}
    if not others:
        return False
    asked = select(ONE).select_from(Person).where(Person.id == person_id, _reached(tx, others, Person.id))
    if tx.writes:
        return bool(tx.scalar(asked))
    key = _reached_key(person_id, others)  # a page asks the same for several permissions
    if key not in tx.memo:
        tx.memo[key] = bool(tx.scalar(asked))
    return bool(tx.memo[key])


def _reached_key(person_id: int, found: frozenset[Term]) -> str:
    others = found - {(Reach.SELF, None), (Reach.REPORTS, None)}
    return f"reached {person_id} {sorted(others, key=str)}"


def roles_reaching(tx: Tx, can: Can, person_id: int) -> list[str]:
    """As what the actor may do this about this person: those of their roles that reach them, each once."""
    found = []
    for role in dict.fromkeys(role for role, _ in tx.actor.roles):
        mine = terms(replace(tx.actor, roles=tuple(held for held in tx.actor.roles if held[0] == role)), can)
        if mine == {(Reach.REPORTS, None)}:
            reached = above(tx, person_id)
        else:
            asked = select(ONE).select_from(Person).where(Person.id == person_id, _reached(tx, mine, Person.id))
            reached = bool(mine) and tx.scalar(asked) is not None
        if reached:
            found.append(role)
    return found


def covers(tx: Tx, can: Can, unit_id: int | None) -> bool:
    """Is this node of the tree (None: the whole of it) inside what the actor's `can` reaches?"""
    found = require(tx, can)
    if (Reach.ALL, None) in found:
        return True
    nodes = [node for reach, node in found if reach is Reach.SCOPE]
    if unit_id is None or not nodes:
        return False
    inside = select(ONE).where(UnitClosure.descendant_id == unit_id, UnitClosure.ancestor_id.in_(nodes))
    return tx.scalar(inside) is not None


def beyond_access(tx: Tx, column: Any) -> ColumnElement[bool]:
    """SQL for "holds a role, today or from a day to come, that the actor could not have given"; `column` holds a people.id.

    Whoever decides over such an account (its address, whether it works) would have those roles in their hands.
    """
    found = terms(tx.actor, Can.MANAGE_ACCESS)
    if (Reach.ALL, None) in found:
        return false()
    below = select(UnitClosure.descendant_id).where(UnitClosure.ancestor_id.in_([node for _, node in found]))
    held = aliased(RoleHeld)
    return exists(
        select(ONE).where(
            held.person_id == column,
            held.superseded_at.is_(None),
            held.valid_to > tx.today,
            or_(held.unit_id.is_(None), held.unit_id.not_in(below)),
        )
    )


def outranks(tx: Tx, person_id: int) -> bool:
    """Does this person hold a role that the actor could not have given?"""
    return bool(tx.scalar(select(ONE).select_from(Person).where(Person.id == person_id, beyond_access(tx, Person.id))))


_PERSON = select(Person.__table__).where(Person.id == bindparam("key"))


@lru_cache(maxsize=1)
def _person_below() -> AnySelect:
    """Somebody's row, and whether the actor stands above them, in one question."""
    return select(Person.__table__, exists(_stands_above()).label("below")).where(Person.id == bindparam("person"))


def person(tx: Tx, can: Can, person_id: int, *, lock: bool = False) -> Row[Any]:
    """The person's row, or NotFound when out of reach, so that an outsider cannot learn who exists."""
    found = require(tx, can)
    if (Reach.REPORTS, None) in found and not tx.writes:
        row = tx.one(_person_below(), person=person_id, actor=tx.actor.person_id, today=tx.today)
        tx.memo[f"above {person_id}"] = row is not None and row.below
    else:
        statement = _PERSON.with_for_update(key_share=True) if lock and is_postgresql(tx.db) else _PERSON
        row = tx.one(statement, key=person_id)
    if row is not None and not tx.writes and (Reach.SCOPE, row.organisation_id) in found:
        tx.memo[_reached_key(person_id, found)] = True  # what else these terms let the actor do is asked for in a moment
    if row is None or ((Reach.SCOPE, row.organisation_id) not in found and not reaches(tx, can, person_id)):  # see in_unit: who is employed
        raise NotFound("There is nobody with that reference, or they are not one of your people.", code="person-not-found")
    if lock:
        hold(tx, can, person_id)
    return row


def hold(tx: Tx, can: Can, person_id: int) -> None:
    """Note that this transaction has the person's row, found in the actor's reach for `can`, and nobody else can change it meanwhile."""
    tx.memo[f"held {person_id}"] = tx.memo.get(f"held {person_id}", frozenset()) | {terms(tx.actor, can)}


def held(tx: Tx, can: Can, person_id: int) -> bool:
    """Has this transaction the person's row already, in reach for `can`?"""
    return terms(tx.actor, can) in tx.memo.get(f"held {person_id}", ())
