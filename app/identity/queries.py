"""Who signed in where, who looked at a record, who holds which role, and which systems use the API."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, func, or_, select

from app import policy
from app.core.config import Settings
from app.core.db import ONE
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.ledger import Audit
from app.core.tx import Tx
from app.identity.models import Account, ExternalIdentity, SignIn
from app.people.models import Person, RoleHeld, Unit
from app.policy import Can, Reach

PAGE = 25
VIEWS = 25  # of one's record, shown at once

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "a Mac"), ("Linux", "Linux"))


def browser(agent: str) -> str:
    """What a browser calls itself, in words its owner knows: "Firefox on Windows"."""
    name = next((words for sign, words in _BROWSERS if sign in agent), "")
    system = next((words for sign, words in _SYSTEMS if sign in agent), "")
    if not name and not system:
        return re.sub(r"[^\w ./-]", "", agent)[:40] or "Unknown browser"
    return f"{name or 'A browser'}{f' on {system}' if system else ''}"


WHAT_WAS_SEEN = {
    "record.viewed": "your work details",
    "learning.viewed": "your bookings and completions",
    "pathway.viewed": "your pathway",
    "learning-record.viewed": "learning that you share",
    "learning-record.file-taken": "a file of learning that you share",
    "booking.viewed": "a booking of yours",
    "charge.viewed": "what followed from a booking of yours",
    "access_needs.viewed": "your access needs, to arrange a place",
    "access.viewed": "your roles and sign-in",
}


# One's own ---------------------------------------------------------------------------------------------------------


def sign_ins(tx: Tx, settings: Settings) -> Sequence[Row[Any]]:
    """Where the reader is signed in now, latest first."""
    return tx.rows(
        select(SignIn.token_hash, SignIn.created_at, SignIn.last_seen_at, SignIn.agent, SignIn.via)
        .join(Person, and_(Person.id == SignIn.person_id, or_(Person.email == SignIn.email, SignIn.via == "provider")))
        .where(
            SignIn.person_id == tx.actor.person_id,
            SignIn.ended_at.is_(None),
            SignIn.expires_at > tx.now,
            SignIn.last_seen_at > tx.now - timedelta(minutes=settings.idle_minutes),
        )
        .order_by(SignIn.created_at.desc())
        .limit(20)
    )


def views(tx: Tx) -> Sequence[Row[Any]]:
    """Who looked at the reader's record, latest first."""
    viewer = aliased(Person)
    return tx.rows(
        select(Audit.at, Audit.action, Audit.actor_kind, viewer.name.label("viewer"))
        .outerjoin(viewer, (viewer.id == Audit.actor_id) & (Audit.actor_kind == "person"))
        .where(Audit.person_id == tx.actor.person_id, Audit.action.like("%viewed%"))
        .order_by(Audit.at.desc())
        .limit(VIEWS)
    )


def own_roles(tx: Tx) -> list[tuple[str, str]]:
    """(role, where) of everything the reader may act as today; where is empty for what follows from the data."""
    nodes = [unit for _, unit in tx.actor.roles if unit is not None]
    names = {row.id: row.name for row in tx.rows(select(Unit.id, Unit.name).where(Unit.id.in_(nodes)))} if nodes else {}
    wide = dict.fromkeys((role.value for role in policy.GIVEN), "everywhere")
    return [(role, names.get(unit, "") if unit else wide.get(role, "")) for role, unit in tx.actor.roles]


# Accounts and roles of others --------------------------------------------------------------------------------------


def account(tx: Tx, person_id: int) -> Row[Any] | None:
    """Somebody's account with their last sign-in, or None if they were never invited."""
    last = select(func.max(SignIn.created_at)).where(SignIn.person_id == person_id).scalar_subquery()
    linked = exists(select(ONE).where(ExternalIdentity.person_id == person_id))
    return tx.one(
        select(
            Account.created_at,
            Account.suspended_at,
            Account.suspended_by,
            Account.password_set_at,
            Account.password_hash.is_not(None).label("has_password"),
            Account.break_glass,
            linked.label("linked"),
            last.label("last_sign_in"),
        ).where(Account.person_id == person_id)
    )


def _roles(*condition: ColumnElement[bool]) -> Any:
    return (
        select(
            RoleHeld.id,
            RoleHeld.role,
            RoleHeld.valid_from,
            RoleHeld.valid_to,
            RoleHeld.person_id,
            RoleHeld.unit_id,
            RoleHeld.mapped,
            Person.name,
            Unit.name.label("unit"),
        )
        .join(Person, Person.id == RoleHeld.person_id)
        .outerjoin(Unit, Unit.id == RoleHeld.unit_id)
        .where(RoleHeld.superseded_at.is_(None), *condition)
    )


def roles_of(tx: Tx, person_id: int) -> Sequence[Row[Any]]:
    """Every role somebody was given, latest first."""
    return tx.rows(_roles(RoleHeld.person_id == person_id).order_by(RoleHeld.valid_from.desc(), RoleHeld.id.desc()))


def holders(tx: Tx, role: str, number: int) -> tuple[Sequence[Row[Any]], int]:
    """Who in reach holds a role today or from a day to come (`role` empty: any), one page of them, and how many there are."""
    conditions = [RoleHeld.valid_to > tx.today, policy.within_reach(tx, Can.MANAGE_ACCESS, RoleHeld.person_id)]
    if role:
        conditions.append(RoleHeld.role == role)
    found = _roles(*conditions).add_columns(func.count().over().label("total"))
    rows = tx.rows(found.order_by(RoleHeld.role, Person.sort_name, RoleHeld.id).limit(PAGE).offset((number - 1) * PAGE))
    return rows, rows[0].total if rows else 0


def role(tx: Tx, role_id: int) -> Row[Any]:
    """One role held by somebody in reach."""
    row = tx.one(_roles(RoleHeld.id == role_id, policy.within_reach(tx, Can.MANAGE_ACCESS, RoleHeld.person_id)))
    if row is None:
        raise NotFound("There is no such role, or its holder is not one of your people.", code="role-not-found")
    return row


def organisations(tx: Tx) -> list[tuple[int, str]]:
    """The organisations that a client of the reader's may be limited to."""
    found = policy.terms(tx.actor, Can.MANAGE_CLIENTS)
    chosen = select(Unit.id, Unit.name).where(Unit.parent_id.is_(None), Unit.closed_on.is_(None)).order_by(Unit.host.desc(), Unit.name)
    if (Reach.ALL, None) not in found:
        chosen = chosen.where(Unit.id.in_([node for _, node in found]))
    return [(row.id, row.name) for row in tx.rows(chosen)]


def units(tx: Tx, can: Can) -> list[int] | None:
    """The nodes that `can` is held for; None: everywhere."""
    found = policy.terms(tx.actor, can)
    return None if (Reach.ALL, None) in found else [node for reach, node in found if reach is Reach.SCOPE and node is not None]
