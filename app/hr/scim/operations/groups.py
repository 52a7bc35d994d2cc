"""Groups: a directory's group is a team of the organisation. Taking the group away leaves the team and its people where they are."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy import insert, or_, select, update

from app import policy
from app.core.db import is_postgresql
from app.core.errors import NotFound
from app.core.text import normal, slug
from app.core.tx import Tx, meaning
from app.hr.directory_models import ScimGroup, ScimUser
from app.hr.mapping import folded
from app.hr.scim.errors import ScimRefusal
from app.people import operations as people
from app.people.models import Unit, UnitKind
from app.policy import Can, operation

meaning("pk_scim_groups", "scim_groups.unit_id", message="A group with this displayName is already here.", code="group-exists")
LONGEST = 200


@dataclass(frozen=True, slots=True)
class GroupState:
    """What a directory says of a team: its name, its own id for it, and the ids of the people who belong to it."""

    display_name: str
    external_id: str | None
    members: frozenset[int]


@operation(Can.PROVISION)
def create(tx: Tx, organisation_id: int, wanted: GroupState) -> int:
    """A group for the team of that name, which is made under the organisation where there is none; returns its id. 409 if one is here."""
    _lock(tx, organisation_id)
    name = _name(tx, organisation_id, wanted, None)
    unit_id = _unit(tx, organisation_id, name)
    known = tx.one(select(ScimGroup.deleted_at).where(ScimGroup.unit_id == unit_id)) if unit_id is not None else None
    if known is not None and known.deleted_at is None:
        raise ScimRefusal("A group with this displayName is already here.", "uniqueness", 409)
    if unit_id is None:
        unit_id = people.create_unit(tx, UnitKind.TEAM.value, name, _code(tx, organisation_id, name), organisation_id)
    values = dict(display_name=name, external_id=wanted.external_id, updated_at=tx.now)
    if known is None:
        new = dict(unit_id=unit_id, organisation_id=organisation_id, created_at=tx.now, version=1)
        tx.db.execute(insert(ScimGroup), {**new, **values})
    else:
        again = update(ScimGroup).where(ScimGroup.unit_id == unit_id)
        tx.db.execute(again.values(**values, deleted_at=None, version=ScimGroup.version + 1))
    tx.record("scim.group-created", "units", unit_id, known=known is not None)
    _add(tx, organisation_id, unit_id, wanted.members)
    return unit_id


@operation(Can.PROVISION)
def change(tx: Tx, organisation_id: int, unit_id: int, before: GroupState, after: GroupState) -> None:
    """Make what changed true, from today: the name, and who belongs. Who is taken out and put nowhere else has no team."""
    _lock(tx, organisation_id)
    if before == after:
        return
    name = before.display_name
    if after.display_name != before.display_name:
        name = _name(tx, organisation_id, after, unit_id)
        people.rename_unit(tx, unit_id, name)
    values = dict(display_name=name, external_id=after.external_id, updated_at=tx.now, version=ScimGroup.version + 1)
    tx.db.execute(update(ScimGroup).where(ScimGroup.unit_id == unit_id).values(**values))
    gone = before.members - after.members
    if gone:
        people.move_people(tx, gone, None, tx.today)
    _add(tx, organisation_id, unit_id, after.members - before.members)
    tx.record("scim.group-changed", "units", unit_id, added=len(after.members - before.members), removed=len(gone))


@operation(Can.PROVISION)
def remove(tx: Tx, organisation_id: int, unit_id: int) -> None:
    """The directory keeps this group no longer. The team stays, with whoever belongs to it."""
    mine = (ScimGroup.unit_id == unit_id, ScimGroup.organisation_id == organisation_id, ScimGroup.deleted_at.is_(None))
    if tx.db.execute(update(ScimGroup).where(*mine).values(deleted_at=tx.now, updated_at=tx.now)).rowcount == 0:
        raise ScimRefusal("There is no group with that id.", "", 404)
    tx.record("scim.group-deleted", "units", unit_id)


def _lock(tx: Tx, organisation_id: int) -> None:
    """Groups of an organisation are written one at a time: names are compared in ways that no unique key knows."""
    row = select(Unit.id).where(Unit.id == organisation_id)
    tx.one(row.with_for_update(key_share=True) if is_postgresql(tx.db) else row)
    if not policy.covers(tx, Can.PROVISION, organisation_id):
        raise NotFound("There is no organisation with that reference, or it is not yours.", code="organisation-not-found")


def _name(tx: Tx, organisation_id: int, wanted: GroupState, unit_id: int | None) -> str:
    """The name to be, if no other group has it."""
    name = normal(wanted.display_name)
    if not name or len(name) > LONGEST or not folded(name):
        raise ScimRefusal(f"displayName must be 1 to {LONGEST} characters, with a letter or digit among them.")
    if wanted.external_id is not None and len(wanted.external_id) > LONGEST:
        raise ScimRefusal(f"externalId must be {LONGEST} characters or fewer.")
    mine = select(ScimGroup.unit_id, ScimGroup.display_name).where(
        ScimGroup.organisation_id == organisation_id, ScimGroup.deleted_at.is_(None)
    )
    if any(folded(row.display_name) == folded(name) and row.unit_id != unit_id for row in tx.rows(mine)):
        raise ScimRefusal("A group with this displayName is already here.", "uniqueness", 409)
    return name


def _unit(tx: Tx, organisation_id: int, name: str) -> int | None:
    """The part of the organisation that is called this, if there is one; teams before services."""
    here = (Unit.organisation_id == organisation_id, Unit.parent_id.is_not(None), or_(Unit.closed_on.is_(None), Unit.closed_on > tx.today))
    rows = [
        row for row in tx.rows(select(Unit.id, Unit.name, Unit.kind).where(*here).order_by(Unit.id)) if folded(row.name) == folded(name)
    ]
    teams = [row for row in rows if row.kind == UnitKind.TEAM.value] or rows
    if len(teams) > 1:
        raise ScimRefusal(f"{len(teams)} teams are called this: no group can stand for one of them. Give them different names.")
    return int(teams[0].id) if teams else None


def _code(tx: Tx, organisation_id: int, name: str) -> str:
    base = slug(name, 40)
    taken = set(tx.db.execute(select(Unit.code).where(Unit.organisation_id == organisation_id, Unit.code.like(f"{base}%"))).scalars())
    return next(code for code in (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3))) if code not in taken)


def _add(tx: Tx, organisation_id: int, unit_id: int, members: AbstractSet[int]) -> None:
    if not members:
        return
    live = select(ScimUser.person_id).where(ScimUser.organisation_id == organisation_id, ScimUser.deleted_at.is_(None))
    here = set(tx.db.execute(live.where(ScimUser.person_id.in_(sorted(members)))).scalars())
    if missing := sorted(members - here):
        raise ScimRefusal(f"members: there is no user with the id {missing[0]}. Send the member's own user first.")
    people.move_people(tx, members, unit_id, tx.today)
