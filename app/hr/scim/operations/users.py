"""Users: created, changed, taken away. Everything about the person goes through the operations that pages and extracts use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from sqlalchemy import Row, false, insert, or_, select, update

from app import policy
from app.core.config import Settings
from app.core.db import FOREVER
from app.core.tx import Tx, meaning
from app.hr.directory_models import ScimUser
from app.hr.operations import leaving
from app.hr.scim import placing, users
from app.hr.scim.errors import ScimRefusal
from app.hr.scim.users import NOT_STATED, UserState
from app.identity import directory, external
from app.people import operations as people
from app.people.models import Duty, Person, Responsibility
from app.policy import Can, operation

meaning(
    "uq_scim_users_name",
    "scim_users.organisation_id, scim_users.user_name_key",
    message="A user with this userName is already here.",
    code="user-name-taken",
)
meaning("pk_scim_users", "scim_users.person_id", message="This person is already here as a user.", code="user-exists")

LONGEST = {"user_name": 256, "external_id": 256, "first_name": 100, "last_name": 100, "display_name": 256, "title": 200}
LONGEST |= {"email": 254, "employee_number": 40, "organization": 200, "division": 200, "department": 200}
CALLED = {"user_name": "userName", "external_id": "externalId", "first_name": "name.givenName", "last_name": "name.familyName"}
CALLED |= {"display_name": "displayName", "email": "emails", "employee_number": "employeeNumber", "manager_id": "manager"}


@operation(Can.PROVISION)
def create(tx: Tx, config: Settings, organisation_id: int, wanted: UserState) -> int:
    """A user of this organisation, and with them a person: one who is here already, from HR or from before, or a new one.

    409 if the directory has this user already, or somebody else has their address or number. Returns the person's id.
    """
    _check(UserState(user_name=""), wanted)
    named = _named(tx, organisation_id, wanted)
    if any(row.deleted_at is None and row.user_name_key == users.name_key(wanted.user_name) for row in named):
        raise ScimRefusal("A user with this userName is already here.", "uniqueness", 409)
    active = wanted.active is not False
    known = _known(tx, organisation_id, wanted, [row for row in named if row.deleted_at is not None])
    if known is not None:
        _come_back(tx, known)
    with tx.recording_together():
        person_id = _again(tx, organisation_id, known, wanted) if known is not None else _new(tx, organisation_id, wanted)
        tx.record("scim.user-created", "people", person_id, person_id=person_id, known=known is not None)
        before, details = UserState(wanted.user_name, active=active, **{name: getattr(wanted, name) for name in _PERSONAL}), {}
        if known is not None:
            row = users.found(tx, organisation_id, person_id)
            before, details = users.state(row), row.details
        told = {name: value for name, value in asdict(wanted).items() if value is not None}
        _apply(tx, config, organisation_id, person_id, before, replace(before, **told), details)
    if known is not None or not active:
        directory.set_active(tx, person_id, active)
    return person_id


_PERSONAL = ("first_name", "last_name", "email", "employee_number")


def _new(tx: Tx, organisation_id: int, wanted: UserState) -> int:
    """A person whom nobody knows yet, as a user."""
    person_id = people.create_person(tx, organisation_id, **{name: getattr(wanted, name) for name in _PERSONAL})
    _add(tx, organisation_id, person_id, wanted)
    return person_id


def _again(tx: Tx, organisation_id: int, person_id: int, wanted: UserState) -> int:
    """Somebody who is here, as a user: for the first time, or once more."""
    gone = update(ScimUser).where(ScimUser.person_id == person_id, ScimUser.deleted_at.is_not(None))
    if tx.db.execute(gone.values(**_values(tx, wanted), external_id=None, version=ScimUser.version + 1)).rowcount == 0:
        _add(tx, organisation_id, person_id, wanted)
    return person_id


def _values(tx: Tx, wanted: UserState) -> dict[str, Any]:
    key = users.name_key(wanted.user_name)
    active = wanted.active is not False
    return dict(user_name=wanted.user_name, user_name_key=key, active=active, updated_at=tx.now, deleted_at=None)


def _add(tx: Tx, organisation_id: int, person_id: int, wanted: UserState) -> None:
    new = dict(person_id=person_id, organisation_id=organisation_id, details={}, created_at=tx.now, version=1)
    tx.db.execute(insert(ScimUser), {**new, **_values(tx, wanted), "external_id": None})


def _known(tx: Tx, organisation_id: int, wanted: UserState, before: Sequence[Row[Any]]) -> int | None:
    """Who of the organisation this is, by the first of these that finds somebody; docs/scim.md says the order and why.

    1. The employee number. 2. Whom this directory had before under the same `externalId`, whatever number and address they have now.
    3. The e-mail address; as in HR's extracts, a number nobody has yet still finds somebody without one. 4. Whom it had before under the
    same `userName`: with the same address, or, since directories give user names to others later, with nothing that says otherwise.

    `before`: whom this directory had and took away, under the same `externalId` or `userName`; who was taken away last comes first.
    409 if the `externalId` tells of one person and the number or the address of another: neither may get the other's history.
    """
    number, email = wanted.employee_number, wanted.email.lower() if wanted.email is not None else None
    same = [column == value for column, value in ((Person.employee_number, number), (Person.email, email)) if value is not None]
    here = select(Person.id, Person.employee_number, Person.email).where(Person.organisation_id == organisation_id, or_(false(), *same))
    rows = tx.rows(here) if same else ()
    of_number = next((int(row.id) for row in rows if number is not None and row.employee_number == number), None)
    by_email = next((row for row in rows if email is not None and row.email == email), None)
    of_email = None if by_email is None else int(by_email.id)
    had = [int(row.person_id) for row in before if wanted.external_id and row.external_id == wanted.external_id]
    for what, found in (("employee number", of_number), ("e-mail address", of_email)):
        if had and found is not None and found not in had:
            words = f"The externalId is that of one person who was here before, the {what} that of another. Correct one of them."
            raise ScimRefusal(words, "uniqueness", 409)
    if of_number is not None:
        return of_number
    if had:
        return of_email if of_email in had else had[0]
    if by_email is not None and (number is None or by_email.employee_number is None):
        return of_email
    key = users.name_key(wanted.user_name)
    for row in before:
        nothing_else = (number is None or row.employee_number is None) and (email is None or row.email is None)
        if row.user_name_key == key and ((email is not None and row.email == email) or nothing_else):
            return int(row.person_id)
    return None


def _named(tx: Tx, organisation_id: int, wanted: UserState) -> Sequence[Row[Any]]:
    """Users, and who was one, under the same `userName` or `externalId`; who was taken away last comes first."""
    named = [ScimUser.user_name_key == users.name_key(wanted.user_name)]
    if wanted.external_id:
        named.append(ScimUser.external_id == wanted.external_id)
    its = (ScimUser.person_id, ScimUser.external_id, ScimUser.user_name_key, ScimUser.deleted_at, Person.employee_number, Person.email)
    mine = (Person.organisation_id == organisation_id, ScimUser.organisation_id == organisation_id)
    found = select(*its).join(Person, Person.id == ScimUser.person_id).where(*mine, or_(*named))
    return tx.rows(found.order_by(ScimUser.deleted_at.desc()))


def _come_back(tx: Tx, person_id: int) -> None:
    """Somebody known: a departure that only the directory had asked for is dropped, and whoever had left is employed again."""
    row = policy.person(tx, Can.PROVISION, person_id, lock=True)
    leaving.not_asked(tx, person_id, "scim", "The directory has them again")
    if row.leaving_on is not None and row.leaving_on < tx.today:
        people.change_person(tx, person_id, started_on=tx.today, leaving_on=None)
        leaving.register(tx, [person_id], "scim")


@operation(Can.PROVISION)
def change(tx: Tx, config: Settings, organisation_id: int, person_id: int, before: UserState, after: UserState) -> None:
    """Make what changed between these two true, from today. Refused as a whole if any of it cannot be."""
    policy.person(tx, Can.PROVISION, person_id, lock=True)
    _check(before, after)
    details = tx.scalar(select(ScimUser.details).where(ScimUser.person_id == person_id))
    with tx.recording_together():
        _apply(tx, config, organisation_id, person_id, before, after, details)


@operation(Can.PROVISION)
def remove(tx: Tx, organisation_id: int, person_id: int) -> None:
    """The directory has them no longer. They cannot sign in; whether they leave, HR or a person confirms."""
    policy.person(tx, Can.PROVISION, person_id, lock=True)
    mine = (ScimUser.person_id == person_id, ScimUser.organisation_id == organisation_id, ScimUser.deleted_at.is_(None))
    if tx.db.execute(update(ScimUser).where(*mine).values(deleted_at=tx.now, updated_at=tx.now, active=False)).rowcount == 0:
        raise ScimRefusal("There is no user with that id.", "", 404)
    tx.record("scim.user-deleted", "people", person_id, person_id=person_id)
    directory.set_active(tx, person_id, False)
    leaving.ask(tx, person_id, "scim", f"scim:{tx.actor.id}:{tx.today.isoformat()}")


def _check(before: UserState, after: UserState) -> None:
    """What changed has a length that can be kept, and what must be there is."""
    for name, longest in LONGEST.items():
        value = getattr(after, name)
        if value is not None and value != getattr(before, name) and len(value) > longest:
            raise ScimRefusal(f"{CALLED.get(name, name)} must be {longest} characters or fewer.")
    for name in ("user_name", "first_name", "last_name"):
        if not getattr(after, name):
            raise ScimRefusal(f"{CALLED[name]} is needed.")


def _apply(
    tx: Tx, config: Settings, organisation_id: int, person_id: int, before: UserState, after: UserState, known: dict[str, Any] | None
) -> None:
    """`known`: what the user's row keeps of the directory's own words."""
    old, new = asdict(before), asdict(after)
    changed = sorted(name for name in new if new[name] != old[name])
    if not changed:
        return
    personal = {name: new[name] for name in _PERSONAL if name in changed}
    if personal:
        people.change_person(tx, person_id, **personal)
    values: dict[str, Any] = {"updated_at": tx.now, "version": ScimUser.version + 1}
    for name, what in _CHANGES.items():
        if name in changed:
            values |= what(tx, config, organisation_id, person_id, after)
    details = {**(known or {}), "displayName": after.display_name, "primary": after.primary}
    if {"department", "division", "organization"} & set(changed):
        details |= placing.place(tx, config, organisation_id, person_id, before, after)
    kept = {name: value for name, value in details.items() if value is not None}
    tx.db.execute(update(ScimUser).where(ScimUser.person_id == person_id).values(**values, details=kept))
    tx.record("scim.user-changed", "people", person_id, person_id=person_id, fields=changed)


def _user_name(_tx: Tx, _config: Settings, _organisation_id: int, _person_id: int, after: UserState) -> dict[str, Any]:
    return {"user_name": after.user_name, "user_name_key": users.name_key(after.user_name)}


def _external_id(tx: Tx, config: Settings, _organisation_id: int, person_id: int, after: UserState) -> dict[str, Any]:
    external.directory_says(tx, person_id, after.external_id, config)
    return {"external_id": after.external_id}


def _active(tx: Tx, _config: Settings, _organisation_id: int, person_id: int, after: UserState) -> dict[str, Any]:
    directory.set_active(tx, person_id, after.active is not False)
    return {"active": after.active is not False}


def _title(tx: Tx, _config: Settings, _organisation_id: int, person_id: int, after: UserState) -> dict[str, Any]:
    people.set_job_title(tx, person_id, after.title or NOT_STATED, tx.today)
    return {}


def _manager(tx: Tx, _config: Settings, organisation_id: int, person_id: int, after: UserState) -> dict[str, Any]:
    """The manager must be a user too. What HR has planned for a later day stands."""
    if after.manager_id is not None:
        live = select(ScimUser.person_id).where(ScimUser.person_id == after.manager_id, ScimUser.deleted_at.is_(None))
        if tx.scalar(live.where(ScimUser.organisation_id == organisation_id)) is None:
            raise ScimRefusal(f"manager: there is no user {after.manager_id}. Send the manager's own user first.")
    people.set_manager(tx, person_id, after.manager_id, tx.today, _until(tx, person_id))
    return {}


def _until(tx: Tx, person_id: int) -> date:
    mine = (Responsibility.person_id == person_id, Responsibility.kind == Duty.MANAGER.value, Responsibility.superseded_at.is_(None))
    row = tx.one(
        select(Responsibility.valid_from, Responsibility.valid_to)
        .where(*mine, Responsibility.valid_to > tx.today)
        .order_by(Responsibility.valid_from)
        .limit(1)
    )
    if row is None:
        return FOREVER
    until: date = row.valid_to if row.valid_from <= tx.today else row.valid_from
    return until


_CHANGES: dict[
    str, Callable[[Tx, Settings, int, int, UserState], dict[str, Any]]
] = {  # in this order: linking makes the account that is suspended
    "user_name": _user_name,
    "external_id": _external_id,
    "active": _active,
    "title": _title,
    "manager_id": _manager,
}
