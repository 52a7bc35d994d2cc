"""Verbs about people and the organisation: every change to them, whoever asks, goes through here.

A dated fact is never overwritten: `replace_period` supersedes the rows it touches and writes what is now known to be true.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, bindparam, insert, literal, select, update

from app import policy
from app.core.db import FOREVER, is_postgresql
from app.core.declared import aliased
from app.core.errors import Changed, Conflict, Invalid, NotFound
from app.core.text import normal, search_words
from app.core.tx import Tx
from app.people import registrations
from app.people.details import check_begins, check_working_days, person_values
from app.people.models import (
    CareerStage,
    Contract,
    Duty,
    Group,
    GroupMember,
    Membership,
    Person,
    Post,
    Responsibility,
    RoleHeld,
    Stage,
    Unit,
    UnitClosure,
    UnitKind,
)
from app.people.periods import replace_period
from app.policy import GIVEN, Can, operation

SAID_TO_STAY: list[Callable[[Tx, int], None]] = []
"""Told when another system says of somebody, in so many words, that they have no last day."""

EMAIL_NEEDS_ACCESS = "They hold a role here, and whoever has their e-mail address could sign in as them."
EMAIL_WAY_OUT = "Ask an administrator to end the role, change the address, and have the role given again."


# Organisation ------------------------------------------------------------------------------------------------------


@operation(Can.WRITE_PERSON)
def create_unit(tx: Tx, kind: str, name: str, code: str, parent_id: int | None = None, *, host: bool = False) -> int:
    """A new node of the organisation tree; an organisation has no parent."""
    parent = tx.get(Unit, parent_id, what="unit") if parent_id is not None else None
    unit_id = tx.insert(
        Unit,
        parent_id=parent_id,
        organisation_id=parent.organisation_id if parent else None,
        kind=UnitKind(kind).value,
        code=code,
        name=normal(name),
        search_text=search_words(name, code),
        host=host,
    )
    if parent is None:
        tx.update(Unit, unit_id, organisation_id=unit_id)
    tx.db.execute(
        insert(UnitClosure).from_select(
            ["ancestor_id", "descendant_id", "depth"],
            select(UnitClosure.ancestor_id, literal(unit_id), UnitClosure.depth + 1)
            .where(UnitClosure.descendant_id == parent_id)
            .union_all(select(literal(unit_id), literal(unit_id), literal(0))),
        )
    )
    tx.record("unit.created", "units", unit_id, name=name)
    return unit_id


@operation(Can.WRITE_PERSON)
def rename_unit(tx: Tx, unit_id: int, name: str) -> None:
    """What a part of the organisation is called from now on; its code stays."""
    row = tx.get(Unit, unit_id, lock=True, what="unit")
    if not policy.covers(tx, Can.WRITE_PERSON, unit_id):
        raise NotFound("There is no team or other unit with that reference, or it is not yours.", code="unit-not-found")
    new = normal(name)
    if new != row.name:
        tx.update(Unit, unit_id, name=new, search_text=search_words(new, row.code), version=row.version + 1)
        tx.record("unit.renamed", "units", unit_id, name=new, was=row.name)


# People ------------------------------------------------------------------------------------------------------------


@operation(Can.WRITE_PERSON)
def create_person(tx: Tx, organisation_id: int, **values: Any) -> int:
    """A new person of an organisation in the actor's reach. `first_name` and `last_name` are needed; the rest as in `Person`."""
    _own_organisation(tx, organisation_id)
    new = person_values(values)
    person_id = tx.insert(Person, organisation_id=organisation_id, created_at=tx.now, updated_at=tx.now, **new)
    said = registrations.Word(*(new.get(column) for column in registrations.COLUMNS))
    if said.status is not None:
        registrations.keep(tx, {person_id: (registrations.Word(), said)})
    tx.record("person.created", "people", person_id, person_id=person_id)
    policy.hold(tx, Can.WRITE_PERSON, person_id)
    return person_id


def _own_organisation(tx: Tx, organisation_id: int) -> None:
    """The organisation must exist and be in the actor's reach for creating people."""
    terms = policy.require(tx, Can.WRITE_PERSON)
    if (policy.Reach.SCOPE, organisation_id) not in terms and (policy.Reach.ALL, None) not in terms:
        raise NotFound("There is no organisation with that reference, or it is not yours.", code="organisation-not-found")
    if tx.scalar(select(Unit.kind).where(Unit.id == organisation_id)) != UnitKind.ORGANISATION:
        raise NotFound("There is no organisation with that reference, or it is not yours.", code="organisation-not-found")


@operation(Can.WRITE_PERSON)
def change_person(tx: Tx, person_id: int, *, read_version: int | None = None, **values: Any) -> None:
    """Change undated details; what is not named stays. With `read_version`, Changed if somebody else changed them since.

    The address is what somebody signs in with and where a new password is sent, so for a person who holds a role it takes
    whoever may give that role. Sign-ins and links carry the address they were made for and are over once it changes.
    """
    row = policy.person(tx, Can.WRITE_PERSON, person_id, lock=True)
    if read_version is not None and read_version != row.version:
        raise Changed("Somebody else changed these details while you had them open.", way_out="Open the page again and repeat your change.")
    columns = ["first_name", "last_name", "known_as", "email", "swe_number", "employee_number"]
    if values.keys() & {"started_on", "leaving_on"}:
        columns += ["started_on", "leaving_on"]
    if values.keys() & set(registrations.COLUMNS):
        values |= registrations.told(row, values, tx.today)
        columns += registrations.COLUMNS
    known = {column: getattr(row, column) for column in columns} | values
    new = person_values(known, {column for column, value in values.items() if value != getattr(row, column)})
    changed = sorted(key for key, value in new.items() if getattr(row, key) != value and key not in ("search_text", "sort_name", "name"))
    if "email" in changed and policy.outranks(tx, person_id):
        raise Conflict(EMAIL_NEEDS_ACCESS, code="email-needs-access", way_out=EMAIL_WAY_OUT)
    if changed:
        tx.update(Person, person_id, **new, updated_at=tx.now, version=row.version + 1)
        tx.record("person.changed", "people", person_id, person_id=person_id, fields=changed)
    if set(changed) & set(registrations.COLUMNS):
        registrations.keep(tx, {person_id: (registrations.word(row), registrations.Word(*(new[name] for name in registrations.COLUMNS)))})
    if tx.actor.kind == "client" and "leaving_on" in values and values["leaving_on"] is None:
        for told in SAID_TO_STAY:  # a page sends all its fields: an empty one there says nothing
            told(tx, person_id)


def change_own_details(tx: Tx, *, known_as: str, access_needs: str) -> None:
    """What everybody may change about themselves: the name they go by and what they need to take part."""
    person_id = tx.actor.person_id
    assert person_id is not None
    row = tx.get(Person, person_id, lock=True)
    names = {column: getattr(row, column) for column in ("first_name", "last_name", "email", "swe_number", "employee_number")}
    new = person_values({**names, "known_as": known_as}, {"known_as"})
    tx.update(Person, person_id, **new, access_needs=normal(access_needs) or None, updated_at=tx.now, version=row.version + 1)
    tx.record("person.changed-own-details", "people", person_id, person_id=person_id)


# Dated facts -------------------------------------------------------------------------------------------------------


def _own(tx: Tx, person_id: int, can: Can = Can.WRITE_PERSON) -> None:
    """Lock the person, who must be in reach; their version rises, so that whoever read them before knows."""
    if policy.held(tx, can, person_id):
        tx.db.execute(_AGAIN, {"its_key": person_id, "now": tx.now})
        return
    row = policy.person(tx, can, person_id, lock=True)
    tx.update(Person, person_id, updated_at=tx.now, version=row.version + 1)


_AGAIN = update(Person).where(Person.id == bindparam("its_key")).values(updated_at=bindparam("now"), version=Person.version + 1)


def _own_unit(tx: Tx, unit_id: int) -> None:
    """The unit must exist and be in the actor's reach."""
    everywhere = (policy.Reach.ALL, None) in policy.require(tx, Can.WRITE_PERSON)
    found = tx.scalar(select(Unit.id).where(Unit.id == unit_id)) is not None if everywhere else policy.covers(tx, Can.WRITE_PERSON, unit_id)
    if not found:
        raise NotFound("There is no team or other unit with that reference, or it is not yours.", code="unit-not-found")


@operation(Can.WRITE_PERSON)
def set_team(tx: Tx, person_id: int, unit_id: int, from_: date, to: date = FOREVER) -> None:
    """They belong to this team (or other unit) from a date; a future date is a planned move."""
    _own(tx, person_id)
    check_begins(from_)
    _own_unit(tx, unit_id)
    replace_period(tx, Membership, {"person_id": person_id}, from_, to, {"unit_id": unit_id})
    tx.record("person.moved-team", "people", person_id, person_id=person_id, unit_id=unit_id, valid_from=from_.isoformat())


@operation(Can.WRITE_PERSON)
def move_people(tx: Tx, people: Collection[int], unit_id: int | None, from_: date) -> None:
    """From a date they all belong to this team or other unit (None: to none), up to what is already planned for each of them.

    Who belongs there already stays as they are. NotFound for a unit or a person out of reach.
    """
    if unit_id is not None:
        _own_unit(tx, unit_id)
    wanted = sorted(set(people))
    if not all(policy.held(tx, Can.WRITE_PERSON, key) for key in wanted):
        locked = select(Person.id).where(Person.id.in_(wanted), policy.within_reach(tx, Can.WRITE_PERSON, Person.id)).order_by(Person.id)
        if len(tx.rows(locked.with_for_update(key_share=True) if is_postgresql(tx.db) else locked)) != len(wanted):
            raise NotFound("There is nobody with that reference, or they are not one of your people.", code="person-not-found")
    known: dict[int, list[Row[Any]]] = {person_id: [] for person_id in wanted}
    valid = (Membership.superseded_at.is_(None), Membership.valid_to > from_)
    for row in tx.rows(select(Membership.__table__).where(Membership.person_id.in_(wanted), *valid).order_by(Membership.valid_from)):
        known[row.person_id].append(row)
    moved, over, again = [], [], []
    for person_id, rows in known.items():
        now = rows[0] if rows and rows[0].valid_from <= from_ else None
        if (now.unit_id if now else None) == unit_id:
            continue
        moved.append(person_id)
        ends = now.valid_to if now else rows[0].valid_from if rows else FOREVER
        if now is not None:
            over.append(now.id)
            if now.valid_from < from_:
                again.append(dict(person_id=person_id, unit_id=now.unit_id, valid_from=now.valid_from, valid_to=from_, recorded_at=tx.now))
        if unit_id is not None:
            again.append(dict(person_id=person_id, unit_id=unit_id, valid_from=from_, valid_to=ends, recorded_at=tx.now))
    if not moved:
        return
    if over:
        tx.db.execute(update(Membership).where(Membership.id.in_(over)).values(superseded_at=tx.now))
    tx.insert_many(Membership, again)
    tx.db.execute(update(Person).where(Person.id.in_(moved)).values(updated_at=tx.now, version=Person.version + 1))
    tx.record_all("person.moved-team", "people", moved, unit_id=unit_id, valid_from=from_.isoformat())


@operation(Can.WRITE_PERSON)
def set_stage(tx: Tx, person_id: int, stage: str, from_: date, to: date = FOREVER) -> None:
    """They are at this career stage from a date."""
    move_to_stage(tx, Can.WRITE_PERSON, person_id, stage, from_, to)


def move_to_stage(tx: Tx, can: Can, person_id: int, stage: str, from_: date, to: date = FOREVER) -> None:
    """The same for whoever has `can` about them: a progression says more than the stage, and others record it."""
    _own(tx, person_id, can)
    check_begins(from_)
    if tx.scalar(select(CareerStage.code).where(CareerStage.code == stage)) is None:
        raise Invalid("There is no such career stage.", errors=[{"field": "stage", "message": "Choose a career stage from the list"}])
    replace_period(tx, Stage, {"person_id": person_id}, from_, to, {"stage": stage})
    tx.record("person.stage-set", "people", person_id, person_id=person_id, stage=stage, valid_from=from_.isoformat())


@operation(Can.WRITE_PERSON)
def set_manager(tx: Tx, person_id: int, manager_id: int | None, from_: date, to: date = FOREVER) -> None:
    """This is their line manager from a date (None: nobody). A circle of managers is refused."""
    _own(tx, person_id)
    check_begins(from_)
    if manager_id is not None:
        policy.person(tx, Can.WRITE_PERSON, manager_id)
        below = select(literal(1)).where(literal(manager_id).in_(policy.line_below(person_id, from_)))
        if manager_id == person_id or tx.scalar(below):
            raise Conflict("That would make a circle of managers.", code="manager-circle")
    values = None if manager_id is None else {"holder_id": manager_id}
    replace_period(tx, Responsibility, {"person_id": person_id, "kind": Duty.MANAGER.value}, from_, to, values)
    tx.record("person.manager-set", "people", person_id, person_id=person_id, manager_id=manager_id, valid_from=from_.isoformat())


@operation(Can.WRITE_PERSON)
def set_post(
    tx: Tx, person_id: int, job_title: str, contract: str, fte: Any, from_: date, to: date = FOREVER, *, working_days: str = "1111100"
) -> None:
    """Their primary post from a date."""
    _own(tx, person_id)
    check_begins(from_)
    check_working_days(working_days)
    values = {"job_title": normal(job_title), "contract": contract, "fte": fte, "working_days": working_days}
    replace_period(tx, Post, {"person_id": person_id, "is_primary": True}, from_, to, values)
    tx.record("person.post-set", "people", person_id, person_id=person_id, job_title=job_title, valid_from=from_.isoformat())


@operation(Can.WRITE_PERSON)
def set_job_title(tx: Tx, person_id: int, job_title: str, from_: date) -> None:
    """What their main post is called from a date, up to what is already planned; contract, hours and days stay.

    Somebody without a post gets one: permanent and full time, until HR says otherwise.
    """
    _own(tx, person_id)
    valid = (Post.person_id == person_id, Post.is_primary.is_(True), Post.superseded_at.is_(None), Post.valid_to > from_)
    row = tx.one(select(Post.__table__).where(*valid).order_by(Post.valid_from).limit(1))
    values = {"contract": Contract.PERMANENT.value, "fte": Decimal(1), "working_days": "1111100", "practice_area": None}
    ends = FOREVER
    if row is not None:
        values = {name: getattr(row, name) for name in values}
        ends = row.valid_to if row.valid_from <= from_ else row.valid_from
    values["job_title"] = normal(job_title)
    inside = [row] if row is not None and row.valid_from <= from_ else []
    replace_period(tx, Post, {"person_id": person_id, "is_primary": True}, from_, ends, values, inside=inside)
    tx.record("person.post-set", "people", person_id, person_id=person_id, job_title=job_title, valid_from=from_.isoformat())


def give_duty(
    tx: Tx, kind: Duty, holder_id: int, from_: date, to: date = FOREVER, *, person_id: int | None = None, subject: str | None = None
) -> int:
    """Somebody answers for a person or another subject (assessor, deputy, trainer). Upper rooms call this; they check the permission."""
    duty_id = tx.insert(
        Responsibility,
        kind=kind.value,
        holder_id=holder_id,
        person_id=person_id,
        subject=subject,
        valid_from=from_,
        valid_to=to,
        recorded_at=tx.now,
    )
    tx.record("duty.given", "responsibilities", duty_id, person_id=holder_id, kind=kind.value)
    return duty_id


def end_duties(tx: Tx, subject: str) -> None:
    """Nobody answers for this subject any longer: believed until now, superseded."""
    tx.db.execute(
        update(Responsibility).where(Responsibility.subject == subject, Responsibility.superseded_at.is_(None)).values(superseded_at=tx.now)
    )


# Access ------------------------------------------------------------------------------------------------------------


@operation(Can.MANAGE_ACCESS)
def give_role(tx: Tx, person_id: int, role: str, unit_id: int | None, from_: date, to: date = FOREVER) -> int:
    """Give a role for a part of the organisation and a period. Roles that follow from data cannot be given."""
    policy.person(tx, Can.MANAGE_ACCESS, person_id)
    if person_id == tx.actor.person_id:
        raise Conflict("You cannot give yourself a role.", code="own-role", way_out="Ask another administrator.")
    if role not in {given.value for given in GIVEN}:
        raise Invalid("That role cannot be given.", errors=[{"field": "role", "message": "Choose a role from the list"}])
    if not policy.covers(tx, Can.MANAGE_ACCESS, unit_id):
        raise Invalid("You cannot give a role there.", errors=[{"field": "unit_id", "message": "Choose a part of your own organisation"}])
    if role == policy.Role.COORDINATOR and unit_id is not None and not in_host(tx, unit_id):
        message = "Coordinators look after the catalogue, which belongs to the host organisation. Give this role there or everywhere"
        raise Invalid(message + ".", errors=[{"field": "unit", "message": message}], code="coordinator-not-of-host")
    held = tx.scalar(
        select(RoleHeld.id).where(
            RoleHeld.person_id == person_id,
            RoleHeld.role == role,
            RoleHeld.unit_id.is_(None) if unit_id is None else RoleHeld.unit_id == unit_id,
            RoleHeld.superseded_at.is_(None),
            RoleHeld.valid_from < to,
            RoleHeld.valid_to > from_,
        )
    )
    if held:
        raise Conflict("They already hold this role in that period.", code="role-held")
    role_id = tx.insert(RoleHeld, person_id=person_id, role=role, unit_id=unit_id, valid_from=from_, valid_to=to, recorded_at=tx.now)
    tx.record("role.given", "roles_held", role_id, person_id=person_id, role=role)
    return role_id


def in_host(tx: Tx, unit_id: int) -> bool:
    """Is this node part of the organisation that runs the academy?"""
    host = aliased(Unit)
    found = select(host.id).join(Unit, Unit.organisation_id == host.id).where(Unit.id == unit_id, host.host.is_(True))
    return tx.scalar(found) is not None


@operation(Can.MANAGE_ACCESS)
def end_role(tx: Tx, role_id: int) -> None:
    """The role ends today; having held it stays on record."""
    row = tx.get(RoleHeld, role_id, lock=True, what="role")
    policy.person(tx, Can.MANAGE_ACCESS, row.person_id)
    if not policy.covers(tx, Can.MANAGE_ACCESS, row.unit_id):
        raise Conflict(
            "This role is held for more than the part of the organisation that you look after.",
            code="role-beyond-reach",
            way_out="Ask an administrator of the whole organisation.",
        )
    if row.superseded_at is not None or row.valid_to <= tx.today:
        raise Conflict("This role has already ended.", code="role-ended")
    if row.person_id == tx.actor.person_id and row.role == policy.Role.ADMINISTRATOR:
        raise Conflict("You cannot end your own administrator role.", code="own-role", way_out="Ask another administrator.")
    tx.update(RoleHeld, role_id, superseded_at=tx.now)
    if row.valid_from < tx.today:
        old = {key: value for key, value in row._mapping.items() if key not in ("id", "recorded_at", "superseded_at", "valid_to")}
        tx.insert(RoleHeld, **old, valid_to=tx.today, recorded_at=tx.now)
    tx.record("role.ended", "roles_held", role_id, person_id=row.person_id, role=row.role)


def make_group(tx: Tx, code: str, name: str, kind: str) -> int:
    """A named set of people; the room that owns the idea (cohorts, audiences) checks the permission."""
    return tx.insert(Group, code=code, name=name, kind=kind)


def join_group(tx: Tx, group_id: int, person_id: int, from_: date, to: date = FOREVER) -> None:
    """They belong to the group from a date."""
    tx.insert(GroupMember, group_id=group_id, person_id=person_id, valid_from=from_, valid_to=to, recorded_at=tx.now)


def load_stages(tx: Tx, stages: list[dict[str, Any]]) -> None:
    """Reference data: add career stages that are not there yet."""
    known = set(tx.db.execute(select(CareerStage.code)).scalars())
    tx.insert_many(
        CareerStage,
        [
            dict(code=stage["code"], title=stage["title"], rank=stage["order"], stage_group=stage["group"])
            for stage in stages
            if stage["code"] not in known
        ],
    )


# Money -------------------------------------------------------------------------------------------------------------


@operation(Can.SET_COST_CENTRES)
def set_cost_centre(tx: Tx, unit_id: int, cost_centre: str, version: int | None = None) -> None:
    """What a part of the organisation is charged to (empty: to that of the part above it). Up to 40 letters, digits and signs."""
    row = tx.get(Unit, unit_id, lock=True, what="unit")
    if not policy.covers(tx, Can.SET_COST_CENTRES, unit_id):
        raise NotFound("There is no part of the organisation with that reference, or it is not yours.", code="unit-not-found")
    if version is not None and version != row.version:
        raise Changed("Somebody else changed this while you had it open.", way_out="Open the page again and repeat your change.")
    new = normal(cost_centre) or None
    if new is not None and len(new) > 40:
        message = "Cost centre must be 40 characters or fewer"
        raise Invalid(message + ".", errors=[{"field": "cost_centre", "message": message}])
    if new != row.cost_centre:
        tx.update(Unit, unit_id, cost_centre=new, version=row.version + 1)
        tx.record("unit.cost-centre-set", "units", unit_id, cost_centre=new, was=row.cost_centre)
