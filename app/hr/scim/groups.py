"""Groups: teams as a directory sees them. Their members are the directory's users who belong to them today."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, func, select

from app.core.facts import current
from app.core.tx import Tx
from app.hr.directory_models import ScimGroup, ScimUser
from app.hr.scim.errors import ScimRefusal
from app.people.models import Membership, Unit

_today: Any = bindparam("today")
_MINE = and_(ScimGroup.organisation_id == bindparam("organisation"), ScimGroup.deleted_at.is_(None))
_belongs = (
    select(
        Membership.unit_id,
        func.count().label("many"),
        func.sum(Membership.id).label("which"),
        func.max(Membership.recorded_at).label("since"),
    )
    .join(ScimUser, and_(ScimUser.person_id == Membership.person_id, ScimUser.deleted_at.is_(None)))
    .where(current(Membership, _today))
    .group_by(Membership.unit_id)
    .subquery()
)
GROUPS = (
    select(
        ScimGroup.unit_id,
        ScimGroup.display_name,
        ScimGroup.external_id,
        ScimGroup.version,
        ScimGroup.created_at,
        ScimGroup.updated_at,
        Unit.version.label("unit_version"),
        _belongs.c.many,
        _belongs.c.which,
        _belongs.c.since,
    )
    .join(Unit, Unit.id == ScimGroup.unit_id)
    .outerjoin(_belongs, _belongs.c.unit_id == ScimGroup.unit_id)
    .where(_MINE)
)
_COUNT = select(func.count()).select_from(ScimGroup).where(_MINE)
_MEMBERS = (
    select(Membership.unit_id, Membership.person_id)
    .join(ScimUser, and_(ScimUser.person_id == Membership.person_id, ScimUser.deleted_at.is_(None)))
    .where(current(Membership, _today), ScimUser.organisation_id == bindparam("organisation"))
    .order_by(Membership.unit_id, Membership.person_id)
)
Members = dict[int, list[int]]


def page(tx: Tx, organisation_id: int, first: int, most: int) -> tuple[int, Sequence[Row[Any]]]:
    """(how many there are, the groups from place `first`, counted from 0), in the order of their ids."""
    total = int(tx.scalar(_COUNT, organisation=organisation_id))
    if most == 0:
        return total, []
    return total, tx.rows(GROUPS.order_by(ScimGroup.unit_id).limit(most).offset(first), organisation=organisation_id, today=tx.today)


def narrowed(tx: Tx, organisation_id: int, condition: ColumnElement[bool] | None, most: int) -> Sequence[Row[Any]]:
    """Those that fulfil the condition, in the order of their ids, `most` at most."""
    statement = GROUPS if condition is None else GROUPS.where(condition)
    return tx.rows(statement.order_by(ScimGroup.unit_id).limit(most), organisation=organisation_id, today=tx.today)


def found(tx: Tx, organisation_id: int, unit_id: int) -> Row[Any]:
    """One group, or a refusal: 404."""
    row = tx.one(GROUPS.where(ScimGroup.unit_id == unit_id), organisation=organisation_id, today=tx.today)
    if row is None:
        raise ScimRefusal("There is no group with that id.", "", 404)
    return row


def members(tx: Tx, organisation_id: int, units: Sequence[int]) -> Members:
    """By unit, the ids of its members."""
    by_unit: Members = {unit: [] for unit in units}
    if units:
        for row in tx.rows(_MEMBERS.where(Membership.unit_id.in_(units)), organisation=organisation_id, today=tx.today):
            by_unit[row.unit_id].append(row.person_id)
    return by_unit


def version(row: Row[Any]) -> str:
    """Changes whenever the group or who belongs to it does: the entity tag."""
    told = (row.unit_id, row.version, row.unit_version, row.many or 0, str(row.which or 0), row.display_name, row.external_id)
    return f'W/"{blake2b(repr(told).encode(), digest_size=9).hexdigest()}"'


def resource(row: Row[Any], base: str, belong: list[int] | None) -> Any:
    """A row of `GROUPS` as a Group. `belong` None: its members were not asked for."""
    from scim2_models import Meta

    from app.hr.scim import schemas

    told = [{"value": str(person_id), "$ref": f"{base}/Users/{person_id}", "type": "User"} for person_id in belong or ()]
    changed = row.updated_at if row.since is None else max(row.updated_at, row.since)
    meta = Meta(
        resource_type="Group",
        created=row.created_at,
        last_modified=changed,
        location=f"{base}/Groups/{row.unit_id}",
        version=version(row),
    )
    kind: Any = schemas.Group  # its constructor takes plain values, which mypy cannot know
    return kind(id=str(row.unit_id), external_id=row.external_id, display_name=row.display_name, members=told or None, meta=meta)
