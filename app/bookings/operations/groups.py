"""Groups that the Academy makes itself, such as a cohort: who belongs to them, for kept places and classes of the queue."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex

from sqlalchemy import ColumnElement, and_, func, select

from app import policy
from app.bookings.operations import quotas
from app.core.errors import Invalid, NotFound
from app.core.facts import current
from app.core.text import normal
from app.core.tx import Tx
from app.people import operations as people
from app.people.models import Group, GroupMember, Person
from app.policy import Can, operation

MOST = 200  # people added in one go


@operation(Can.MANAGE_SESSIONS)
def create(tx: Tx, name: str) -> int:
    """A new group without members; names are unique, whatever their case."""
    name = normal(name)
    if not 2 <= len(name) <= 100:
        raise _wrong("name", "Enter a name, up to 100 characters")
    if tx.scalar(select(Group.id).where(func.lower(Group.name) == name.lower())) is not None:
        raise _wrong("name", "There is a group with this name already")
    group = people.make_group(tx, f"made-{token_hex(6)}", name, "cohort")
    tx.record("group.created", "groups", group, name=name)
    return group


@operation(Can.MANAGE_SESSIONS)
def add(tx: Tx, group_id: int, addresses: Sequence[str]) -> int:
    """Put people into the group from today, by work e-mail; returns how many are new. Refused whole when an address is nobody's."""
    group = tx.get(Group, group_id, lock=True, what="group")
    wanted = list(dict.fromkeys(address.lower() for address in addresses))
    if not 1 <= len(wanted) <= MOST:
        raise _wrong("addresses", f"Enter between 1 and {MOST} e-mail addresses")
    reached = select(Person.id, Person.email).where(Person.email.in_(wanted), policy.within_reach(tx, Can.READ_PERSON, Person.id))
    found = {row.email: row.id for row in tx.rows(reached)}
    unknown = [address for address in wanted if address not in found]
    if unknown:
        raise _wrong("addresses", f"Nobody you can see has the e-mail address {', '.join(unknown)}")
    members = {row.person_id for row in tx.rows(select(GroupMember.person_id).where(_now(tx, group_id)))}
    new = sorted(set(found.values()) - members)
    for person in new:
        people.join_group(tx, group_id, person, tx.today)
    if new:
        tx.record("group.joined", "groups", group_id, people=new, name=group.name)
        quotas.look_again(tx, tx.now)  # somebody who waits may have a kept place now
    return len(new)


@operation(Can.MANAGE_SESSIONS)
def remove(tx: Tx, group_id: int, person_id: int) -> None:
    """They belong to it no longer, from today. What they have booked stays."""
    tx.get(Group, group_id, lock=True, what="group")
    row = tx.one(select(GroupMember.__table__).where(_now(tx, group_id), GroupMember.person_id == person_id))
    if row is None or not policy.reaches(tx, Can.READ_PERSON, person_id):
        raise NotFound("They do not belong to this group.", code="not-a-member")
    tx.update(GroupMember, row.id, superseded_at=tx.now)
    if row.valid_from < tx.today:
        tx.insert(GroupMember, group_id=group_id, person_id=person_id, valid_from=row.valid_from, valid_to=tx.today, recorded_at=tx.now)
    tx.record("group.left", "groups", group_id, person_id=person_id)


def _now(tx: Tx, group_id: int) -> ColumnElement[bool]:
    return and_(GroupMember.group_id == group_id, current(GroupMember, tx.today))


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(message + ".", errors=[{"field": field, "message": message}])
