"""Users: what the tables hold of somebody, as a directory sees them. One statement reads a page of them, however long."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from unicodedata import normalize

from sqlalchemy import ColumnElement, Row, and_, bindparam, func, select

from app.core.declared import aliased
from app.core.facts import current
from app.core.text import normal
from app.core.tx import Tx
from app.hr.directory_models import ScimGroup, ScimUser
from app.hr.scim.errors import ScimRefusal
from app.people.models import Duty, Membership, Person, Post, Responsibility, Unit

NOT_STATED = "Not stated"  # a post's title once the directory has taken it away: contract and hours stay known


@dataclass(frozen=True, slots=True)
class UserState:
    """What a directory says of somebody, or would be told: plain values, so that what changed can be seen."""

    user_name: str
    external_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    display_name: str | None = None
    title: str | None = None
    active: bool | None = None
    email: str | None = None
    primary: bool | None = None  # what the directory says of the address
    employee_number: str | None = None
    organization: str | None = None
    division: str | None = None
    department: str | None = None
    manager_id: int | None = None


def name_key(user_name: str) -> str:
    """How user names are compared: without regard to case (RFC 7643 §4.1.1)."""
    return normalize("NFC", normalize("NFC", user_name).lower())


_today: Any = bindparam("today")
_boss_user = aliased(ScimUser)
USERS = (
    select(
        ScimUser.person_id,
        ScimUser.user_name,
        ScimUser.external_id,
        ScimUser.active,
        ScimUser.details,
        ScimUser.version,
        ScimUser.created_at,
        ScimUser.updated_at,
        Person.first_name,
        Person.last_name,
        Person.email,
        Person.employee_number,
        Person.version.label("person_version"),
        Person.updated_at.label("person_updated_at"),
        Unit.id.label("unit_id"),
        Unit.name.label("unit_name"),
        ScimGroup.display_name.label("group_name"),
        Post.job_title,
        _boss_user.person_id.label("manager_id"),
    )
    .select_from(ScimUser)
    .join(Person, and_(Person.id == ScimUser.person_id, Person.organisation_id == ScimUser.organisation_id))
    .outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, _today)))
    .outerjoin(Unit, Unit.id == Membership.unit_id)
    .outerjoin(ScimGroup, and_(ScimGroup.unit_id == Unit.id, ScimGroup.deleted_at.is_(None)))
    .outerjoin(Post, and_(Post.person_id == Person.id, Post.is_primary.is_(True), current(Post, _today)))
    .outerjoin(
        Responsibility,
        and_(Responsibility.person_id == Person.id, Responsibility.kind == Duty.MANAGER.value, current(Responsibility, _today)),
    )
    .outerjoin(_boss_user, and_(_boss_user.person_id == Responsibility.holder_id, _boss_user.deleted_at.is_(None)))
    .where(ScimUser.organisation_id == bindparam("organisation"), ScimUser.deleted_at.is_(None))
)
_ONE_USER = USERS.where(ScimUser.person_id == bindparam("person"))
_COUNT = (
    select(func.count()).select_from(ScimUser).where(ScimUser.organisation_id == bindparam("organisation"), ScimUser.deleted_at.is_(None))
)


def page(tx: Tx, organisation_id: int, first: int, most: int) -> tuple[int, Sequence[Row[Any]]]:
    """(how many there are, the users from place `first`, counted from 0), in the order of their ids."""
    total = int(tx.scalar(_COUNT, organisation=organisation_id))
    if most == 0:
        return total, []
    statement = USERS.order_by(ScimUser.person_id).limit(most).offset(first)
    return total, tx.rows(statement, organisation=organisation_id, today=tx.today)


def narrowed(tx: Tx, organisation_id: int, condition: ColumnElement[bool] | None, most: int) -> Sequence[Row[Any]]:
    """Those that fulfil the condition, in the order of their ids, `most` at most."""
    statement = USERS if condition is None else USERS.where(condition)
    return tx.rows(statement.order_by(ScimUser.person_id).limit(most), organisation=organisation_id, today=tx.today)


def found(tx: Tx, organisation_id: int, person_id: int) -> Row[Any]:
    """One user, or a refusal: 404, whether they never were, are gone, or are another organisation's."""
    row = tx.one(_ONE_USER, organisation=organisation_id, today=tx.today, person=person_id)
    if row is None:
        raise ScimRefusal("There is no user with that id.", "", 404)
    return row


def version(row: Row[Any]) -> str:
    """Changes whenever anything of the user does, whoever changed it: the entity tag."""
    return f'W/"{blake2b(repr(tuple(row)).encode(), digest_size=9).hexdigest()}"'


def said_department(row: Row[Any]) -> str | None:
    """The department as the directory called it, while that still is where they are; else what the unit is called."""
    kept = (row.details or {}).get("department")
    if kept is not None and kept["unit"] == row.unit_id:
        said: str | None = kept["said"]
        return said
    name: str | None = row.unit_name
    return name


def state(row: Row[Any]) -> UserState:
    """A row of `USERS` as what the directory would be told."""
    details = row.details or {}
    return UserState(
        user_name=row.user_name,
        external_id=row.external_id,
        first_name=row.first_name,
        last_name=row.last_name,
        display_name=details.get("displayName"),
        title=None if row.job_title in (None, "", NOT_STATED) else row.job_title,
        active=row.active,
        email=row.email,
        primary=details.get("primary"),
        employee_number=row.employee_number,
        organization=details.get("organization"),
        division=details.get("division"),
        department=said_department(row),
        manager_id=row.manager_id,
    )


def resource(row: Row[Any], base: str) -> Any:
    """A row of `USERS` as a User; `base` is the address of this SCIM service."""
    from scim2_models import Meta

    from app.hr.scim import schemas

    now = state(row)
    manager = None
    if now.manager_id is not None:
        manager = {"value": str(now.manager_id), "$ref": f"{base}/Users/{now.manager_id}"}
    employment = dict(
        employee_number=now.employee_number,
        organization=now.organization,
        division=now.division,
        department=now.department,
        manager=manager,
    )
    groups = None
    if row.group_name is not None:
        groups = [{"value": str(row.unit_id), "$ref": f"{base}/Groups/{row.unit_id}", "display": row.group_name}]
    kind: Any = schemas.Person  # its constructor takes plain values, which mypy cannot know
    extension: Any = schemas.EnterpriseUser
    return kind(
        id=str(row.person_id),
        external_id=now.external_id,
        user_name=now.user_name,
        name={"familyName": now.last_name, "givenName": now.first_name},
        display_name=now.display_name,
        title=now.title,
        active=now.active,
        emails=[{"value": now.email, "type": "work", "primary": now.primary is not False}] if now.email else None,
        groups=groups,
        EnterpriseUser=extension(**employment) if any(value is not None for value in employment.values()) else None,
        meta=Meta(
            resource_type="User",
            created=row.created_at,
            last_modified=max(row.updated_at, row.person_updated_at),
            location=f"{base}/Users/{row.person_id}",
            version=version(row),
        ),
    )


def wanted(made: Any) -> UserState:
    """A User as it was sent, or as a PATCH leaves it, in plain values; 400 for what cannot be meant."""
    employment, name = made.EnterpriseUser, made.name
    email = _email(made.emails or [])
    return UserState(
        user_name=_text(made.user_name) or "",
        external_id=_text(made.external_id),
        first_name=_text(name.given_name) if name else None,
        last_name=_text(name.family_name) if name else None,
        display_name=_text(made.display_name),
        title=_text(made.title),
        active=made.active,
        email=_text(email.value) if email else None,
        primary=False if email and email.primary is False else None,
        employee_number=_text(employment.employee_number) if employment else None,
        organization=_text(employment.organization) if employment else None,
        division=_text(employment.division) if employment else None,
        department=_text(employment.department) if employment else None,
        manager_id=reference(employment.manager, "manager", "/Users/") if employment and employment.manager else None,
    )


def _text(given: str | None) -> str | None:
    return (normal(given) or None) if given else None


def _email(entries: list[Any]) -> Any:
    given = [entry for entry in entries if entry.value]
    if other := [entry for entry in given if entry.type is not None and entry.type.lower() != "work"]:
        words = "emails: the Academy keeps the work address only. Take emails of the type “{}” out of the mapping."
        raise ScimRefusal(words.format(other[0].type[:40]))
    return given[-1] if given else None


def reference(given: Any, what: str, place: str) -> int | None:
    """The id behind a manager or member: `value`, else the end of `$ref`. They must not contradict each other."""
    by_ref = given.ref.rpartition("/")[2] if given.ref and place in given.ref else None
    value = given.value or by_ref
    if value is None:
        return None
    if by_ref is not None and given.value and by_ref != given.value:
        raise ScimRefusal(f"{what}: value and $ref name different resources.")
    return key_of(value, f"{what}: there is no user with the id “{value[:60]}”.", 400)


def key_of(given: str, words: str = "There is no resource with that id.", status: int = 404) -> int:
    """An id as the tables number it; whatever is no such number names nothing here."""
    if not re.fullmatch(r"[1-9][0-9]{0,14}", given):
        raise ScimRefusal(words, "invalidValue" if status == 400 else "", status)
    return int(given)
