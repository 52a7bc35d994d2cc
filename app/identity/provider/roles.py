"""Roles from claims: an administrator says which value of the provider's roles claim gives which role here.

At each sign-in by the provider, the roles somebody holds by mapping are made equal to what their claims give. Roles given by hand are left
alone, and a mapped role counts only in sign-ins that the provider has made (see `access`).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, exists, insert, select, update

from app import policy
from app.core.config import Settings
from app.core.db import FOREVER, ONE
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.facts import current
from app.core.ledger import Audit, entry
from app.core.text import normal
from app.core.tx import Tx, meaning
from app.identity.models import RoleMapping
from app.people.models import Person, RoleHeld, Unit
from app.people.operations import in_host
from app.policy import Can, Role, operation

LONGEST_CLAIM = 200  # characters; longer ones are looked at no further
MOST_CLAIMS = 500  # of one token; Entra itself stops at 200
meaning(
    *("uq_role_mappings", "role_mappings.claim, role_mappings.role, role_mappings.unit_id"),
    *("uq_role_mappings_everywhere", "role_mappings.claim, role_mappings.role"),
    message="That value already gives that role there.",
    code="already-mapped",
)


def apply(tx: Tx, config: Settings, person_id: int, claims: frozenset[str] | None) -> None:
    """Begin and end mapped roles so that they are what these claims give; None: the token does not say, so they stay as they are."""
    if claims is None:
        tx.record("role.claims-unknown", "people", person_id, person_id=person_id)
        return
    given = sorted(claim for claim in claims if len(claim) <= LONGEST_CLAIM)[:MOST_CLAIMS]
    mapped = select(RoleMapping.role, RoleMapping.unit_id).where(RoleMapping.claim.in_(given), RoleMapping.ended_at.is_(None))
    wanted = {(row.role, row.unit_id) for row in tx.rows(mapped)} if given else set()
    if not config.oidc_administrators_by_claim:
        wanted = {(role, unit) for role, unit in wanted if role != Role.ADMINISTRATOR}
    tx.get(Person, person_id, lock=True)  # two sign-ins of one person at once give a role once
    held = tx.rows(select(RoleHeld.__table__).where(RoleHeld.person_id == person_id, current(RoleHeld, tx.today)))
    for row in held:
        if row.mapped and (row.role, row.unit_id) not in wanted:
            _end(tx, row)
    for role, unit_id in sorted(wanted - {(row.role, row.unit_id) for row in held}, key=str):
        period = dict(valid_from=tx.today, valid_to=FOREVER, recorded_at=tx.now)
        key = tx.insert(RoleHeld, person_id=person_id, role=role, unit_id=unit_id, mapped=True, **period)
        tx.record("role.given", "roles_held", key, person_id=person_id, role=role, by="claim")


def _end(tx: Tx, row: Row[Any]) -> None:
    """The role ends today; having held it stays on record."""
    tx.update(RoleHeld, row.id, superseded_at=tx.now)
    if row.valid_from < tx.today:
        kept = {name: value for name, value in row._mapping.items() if name not in ("id", "recorded_at", "superseded_at", "valid_to")}
        tx.insert(RoleHeld, **kept, valid_to=tx.today, recorded_at=tx.now)
    tx.record("role.ended", "roles_held", row.id, person_id=row.person_id, role=row.role, by="claim")


# The table ---------------------------------------------------------------------------------------------------------


def mappings(tx: Tx) -> list[Row[Any]]:
    """What gives which role where, by value."""
    listed = (
        select(
            RoleMapping.id, RoleMapping.claim, RoleMapping.role, RoleMapping.created_at, Unit.name.label("unit"), Person.name.label("by")
        )
        .outerjoin(Unit, Unit.id == RoleMapping.unit_id)
        .outerjoin(Person, Person.id == RoleMapping.created_by)
        .where(RoleMapping.ended_at.is_(None))
        .order_by(RoleMapping.claim, RoleMapping.role, RoleMapping.id)
    )
    return list(tx.rows(listed))


def mapping(tx: Tx, key: int) -> Row[Any]:
    """One of them that still holds, or NotFound."""
    row = next((row for row in mappings(tx) if row.id == key), None)
    if row is None:
        raise NotFound("There is no such mapping, or it has ended.", code="mapping-not-found")
    return row


def require_whole(tx: Tx) -> None:
    """A claim gives roles to whoever has it, wherever they work: only administrators of the whole organisation decide that."""
    if not policy.covers(tx, Can.MANAGE_ACCESS, None):
        raise Forbidden(
            "Only an administrator of the whole organisation looks after single sign-on.",
            way_out="If you think you should, ask the Academy.",
        )


@operation(Can.MANAGE_ACCESS)
def add(tx: Tx, config: Settings, claim: str, role: str, unit_id: int | None) -> int:
    """From their next sign-in on, people with this value hold this role."""
    require_whole(tx)
    claim = normal(claim)
    if not 1 <= len(claim) <= LONGEST_CLAIM:
        words = f"Enter the value as the provider sends it, up to {LONGEST_CLAIM} characters"
        raise Invalid("A mapping needs a value.", errors=[{"field": "claim", "message": words}])
    if role not in {given.value for given in policy.GIVEN}:
        raise Invalid("That role cannot be given.", errors=[{"field": "role", "message": "Choose a role from the list"}])
    if role == Role.ADMINISTRATOR and not config.oidc_administrators_by_claim:
        words = "The settings let no claim make an administrator (ACADEMY_OIDC_ADMINISTRATORS_BY_CLAIM)"
        raise Invalid("Administrators are made here only.", code="administrator-by-claim", errors=[{"field": "role", "message": words}])
    if role == Role.COORDINATOR and unit_id is not None and not in_host(tx, unit_id):
        words = "Coordinators look after the catalogue, which belongs to the host organisation. Choose a part of it, or everywhere"
        raise Invalid(words + ".", code="coordinator-not-of-host", errors=[{"field": "unit", "message": words}])
    there = RoleMapping.unit_id.is_(None) if unit_id is None else RoleMapping.unit_id == unit_id
    same = RoleMapping.claim == claim, RoleMapping.role == role, there, RoleMapping.ended_at.is_(None)
    if tx.scalar(select(RoleMapping.id).where(*same)) is not None:
        raise Conflict("That value already gives that role there.", code="already-mapped")
    values = dict(claim=claim, role=role, unit_id=unit_id, created_by=tx.actor.person_id, created_at=tx.now)
    key = tx.insert(RoleMapping, **values)
    tx.record("role.mapped", "role_mappings", key, claim=claim, role=role)
    return key


@operation(Can.MANAGE_ACCESS)
def end(tx: Tx, key: int) -> int:
    """The mapping ends, and at once the roles that no other mapping gives; returns how many people lose one."""
    require_whole(tx)
    row = tx.get(RoleMapping, key, lock=True, what="mapping")
    if row.ended_at is not None:
        raise Conflict("This mapping has ended already.", code="mapping-ended")
    tx.update(RoleMapping, key, ended_at=tx.now)
    tx.record("role.unmapped", "role_mappings", key, claim=row.claim, role=row.role)
    another = exists(
        select(ONE).where(
            RoleMapping.role == row.role,
            RoleMapping.unit_id.is_(None) if row.unit_id is None else RoleMapping.unit_id == row.unit_id,
            RoleMapping.ended_at.is_(None),
        )
    )
    if tx.scalar(select(ONE).where(another)) is not None:
        return 0
    return _end_all(tx, row.role, row.unit_id)


def _end_all(tx: Tx, role: str, unit_id: int | None) -> int:
    """Everybody who holds this role by mapping loses it today: three statements, however many they are."""
    there = RoleHeld.unit_id.is_(None) if unit_id is None else RoleHeld.unit_id == unit_id
    theirs = RoleHeld.mapped.is_(True), RoleHeld.role == role, there, current(RoleHeld, tx.today)
    rows = tx.rows(select(RoleHeld.__table__).where(*theirs))
    if not rows:
        return 0
    tx.db.execute(update(RoleHeld).where(*theirs).values(superseded_at=tx.now))
    left_out = ("id", "recorded_at", "superseded_at", "valid_to")
    ended = [{name: value for name, value in row._mapping.items() if name not in left_out} for row in rows if row.valid_from < tx.today]
    tx.insert_many(RoleHeld, [{**row, "valid_to": tx.today, "recorded_at": tx.now} for row in ended])
    actor = tx.actor
    said = dict(role=role, by="mapping")
    notes = [
        {**entry(actor.kind, actor.id, tx.now, tx.request_id, "role.ended", "roles_held", row.person_id, None, said), "subject_id": row.id}
        for row in rows
    ]
    tx.db.execute(insert(Audit), notes)
    return len(rows)
