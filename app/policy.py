"""Permission, decided here and nowhere else: role × permission × reach.

Doors say *who*, this table says *may*, queries say *whose*. Line manager, assessor and trainer are not given: they follow from the data.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from typing import cast as typed

from sqlalchemy import Row, Select, and_, bindparam, exists, false, literal_column, or_, select, true
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import ColumnElement

from app.core.db import ONE, AnySelect, Key, few, is_postgresql
from app.core.errors import Forbidden, NotFound
from app.core.facts import current
from app.core.tx import Actor, Tx
from app.people.models import Duty, Membership, Person, Responsibility, RoleHeld, UnitClosure


class Role(StrEnum):
    """What somebody is to the academy."""

    PRACTITIONER = "practitioner"  # everybody with an account
    MANAGER = "line manager"  # manages somebody today, or deputises
    ASSESSOR = "assessor"  # assesses somebody today
    TRAINER = "trainer"  # delivers a session
    COORDINATOR = "coordinator"
    PSW = "principal social worker"
    HR = "HR officer"
    BOARD = "board viewer"
    SETTING_LEAD = "setting lead"
    PANEL = "panel member"  # sits on moderation panels; reads the portfolios listed for them, no others
    MODERATOR = "external moderator"  # reads the sample shown to them
    ADMINISTRATOR = "administrator"


GIVEN = (  # held as dated rows; the others follow
    *(Role.COORDINATOR, Role.PSW, Role.HR, Role.BOARD, Role.SETTING_LEAD),
    *(Role.PANEL, Role.MODERATOR, Role.ADMINISTRATOR),
)


class Can(StrEnum):
    """What may be done. The words finish the sentence “Your account cannot …”."""

    READ_CATALOGUE = "read the catalogue"
    WRITE_CATALOGUE = "create and edit courses"
    MANAGE_SESSIONS = "create, edit, move and cancel sessions"
    BOOK = "book a place for someone"
    READ_BOOKINGS = "see someone's bookings"
    CANCEL_BOOKING = "cancel someone's booking"
    READ_ROSTER = "see who is on a session"
    TAKE_REGISTER = "take the register of a session"
    WRITE_TO_SESSION = "write to everyone on a session"
    READ_PERSON = "see someone's work details"
    READ_OWN_PAGE = "see one's own pages"
    READ_ACCESS_NEEDS = "see someone's access needs"
    WRITE_PERSON = "create and change people"
    IMPORT_PEOPLE = "import people from HR"
    READ_COMPLETIONS = "see what someone has completed"
    EXPORT_COMPLETIONS = "export the completion matrix"
    WRITE_COMPLETIONS = "record what someone has completed"
    DECIDE_PRIOR = "decide whether learning from elsewhere counts"
    MANAGE_ACCESS = "give and end roles, invite people"
    MANAGE_CLIENTS = "see and manage API clients"
    READ_ABSENCE = "see when someone is away"
    ARRANGE_COVER = "say when someone is away and who stands in"
    SET_COST_CENTRES = "set cost centres"
    DECIDE_APPEALS = "see charges and decide appeals"
    TAKE_JOURNALS = "take charges for the finance system"
    READ_ENROLMENT = "see how far someone is with a programme"
    MANAGE_ENROLMENTS = "run cohorts, enrol people and change their plans"
    READ_PORTFOLIO = "read someone's portfolio"
    WRITE_PORTFOLIO = "write in someone's portfolio"
    SIGN = "sign a part of a portfolio"
    RUN_PANELS = "arrange panels and who reads what"
    READ_PANELS = "see moderation panels"
    SIT_ON_PANELS = "judge portfolios on a panel"
    MODERATE = "moderate a sample of portfolios"
    REDACT = "redact a signed portfolio as the law allows"
    CLAIM_GRANTS = "take the extract for the grant"
    APPLY = "apply for a programme"
    SUPPORT_APPLICATIONS = "support someone's application"
    SELECT_APPLICANTS = "run calls for applications and decide them"
    READ_AUDIT = "read the audit trail"
    READ_DELIVERIES = "see the queue of messages"
    READ_SUPERVISION = "see when someone was supervised"
    RECORD_SUPERVISION = "record someone's supervision"
    IMPORT_SUPERVISION = "import dates of supervision"
    READ_WORKLOAD = "see someone's protected time and caseload"
    RECORD_WORKLOAD = "record someone's protected time and caseload"
    MANAGE_FRAMEWORKS = "load, publish and withdraw programmes and rules"


class Reach(StrEnum):
    """About whom it may be done, always as of today."""

    SELF = "self"
    REPORTS = "the whole management line below, deputies included"
    ASSIGNED = "people one assesses"
    DELIVERED = "people on sessions one delivers"  # narrowed by the bookings room
    INVOLVED = "portfolios one takes part in, one's own included"  # narrowed by the programmes room
    SCOPE = "the node the role is held for, and all below it"
    ALL = "everyone"


_EVERYBODY = {
    Can.READ_CATALOGUE: Reach.ALL,
    Can.BOOK: Reach.SELF,
    Can.READ_BOOKINGS: Reach.SELF,
    Can.CANCEL_BOOKING: Reach.SELF,
    Can.READ_PERSON: Reach.SELF,
    Can.READ_OWN_PAGE: Reach.SELF,
    Can.READ_ACCESS_NEEDS: Reach.SELF,
    Can.READ_COMPLETIONS: Reach.SELF,
    Can.READ_ABSENCE: Reach.SELF,
    Can.ARRANGE_COVER: Reach.SELF,
    Can.READ_SUPERVISION: Reach.SELF,
    Can.RECORD_SUPERVISION: Reach.SELF,
    Can.READ_WORKLOAD: Reach.SELF,
    Can.RECORD_WORKLOAD: Reach.SELF,
    Can.READ_ENROLMENT: Reach.SELF,
    Can.READ_PORTFOLIO: Reach.INVOLVED,
    Can.WRITE_PORTFOLIO: Reach.INVOLVED,
    Can.SIGN: Reach.INVOLVED,
    Can.APPLY: Reach.SELF,
}
GRANTS: dict[Role, dict[Can, Reach]] = {
    Role.PRACTITIONER: _EVERYBODY,
    Role.MANAGER: {
        Can.BOOK: Reach.REPORTS,
        Can.READ_BOOKINGS: Reach.REPORTS,
        Can.CANCEL_BOOKING: Reach.REPORTS,
        Can.READ_PERSON: Reach.REPORTS,
        Can.READ_COMPLETIONS: Reach.REPORTS,
        Can.EXPORT_COMPLETIONS: Reach.REPORTS,
        Can.READ_ABSENCE: Reach.REPORTS,
        Can.ARRANGE_COVER: Reach.REPORTS,
        Can.READ_SUPERVISION: Reach.REPORTS,
        Can.RECORD_SUPERVISION: Reach.REPORTS,
        Can.READ_WORKLOAD: Reach.REPORTS,
        Can.RECORD_WORKLOAD: Reach.REPORTS,
        Can.READ_ENROLMENT: Reach.REPORTS,
        Can.SUPPORT_APPLICATIONS: Reach.REPORTS,
    },
    Role.ASSESSOR: {
        Can.READ_PERSON: Reach.ASSIGNED,
        Can.READ_COMPLETIONS: Reach.ASSIGNED,
        Can.READ_ABSENCE: Reach.ASSIGNED,
        Can.READ_SUPERVISION: Reach.ASSIGNED,
        Can.RECORD_SUPERVISION: Reach.ASSIGNED,
        Can.READ_WORKLOAD: Reach.ASSIGNED,
        Can.RECORD_WORKLOAD: Reach.ASSIGNED,
        Can.READ_ENROLMENT: Reach.ASSIGNED,
    },
    Role.TRAINER: {Can.READ_ROSTER: Reach.DELIVERED, Can.TAKE_REGISTER: Reach.DELIVERED, Can.WRITE_TO_SESSION: Reach.DELIVERED},
    Role.COORDINATOR: {
        Can.WRITE_CATALOGUE: Reach.ALL,
        Can.MANAGE_FRAMEWORKS: Reach.ALL,
        Can.MANAGE_SESSIONS: Reach.ALL,
        Can.BOOK: Reach.SCOPE,
        Can.READ_BOOKINGS: Reach.SCOPE,
        Can.CANCEL_BOOKING: Reach.SCOPE,
        Can.READ_ROSTER: Reach.SCOPE,
        Can.TAKE_REGISTER: Reach.SCOPE,
        Can.WRITE_TO_SESSION: Reach.SCOPE,
        Can.READ_PERSON: Reach.SCOPE,
        Can.READ_ACCESS_NEEDS: Reach.SCOPE,
        Can.READ_COMPLETIONS: Reach.SCOPE,
        Can.EXPORT_COMPLETIONS: Reach.SCOPE,
        Can.DECIDE_PRIOR: Reach.SCOPE,
        Can.READ_ABSENCE: Reach.SCOPE,
        Can.DECIDE_APPEALS: Reach.SCOPE,
        Can.TAKE_JOURNALS: Reach.SCOPE,
        Can.READ_SUPERVISION: Reach.SCOPE,
        Can.IMPORT_SUPERVISION: Reach.SCOPE,
        Can.READ_WORKLOAD: Reach.SCOPE,
        Can.RECORD_WORKLOAD: Reach.SCOPE,
        Can.READ_ENROLMENT: Reach.SCOPE,
        Can.MANAGE_ENROLMENTS: Reach.SCOPE,
        Can.READ_PORTFOLIO: Reach.SCOPE,
        Can.RUN_PANELS: Reach.SCOPE,
        Can.READ_PANELS: Reach.SCOPE,
        Can.REDACT: Reach.SCOPE,
        Can.CLAIM_GRANTS: Reach.SCOPE,
        Can.SELECT_APPLICANTS: Reach.SCOPE,
    },
    Role.PANEL: {Can.READ_PANELS: Reach.INVOLVED, Can.SIT_ON_PANELS: Reach.INVOLVED},
    Role.MODERATOR: {Can.MODERATE: Reach.INVOLVED},
    Role.PSW: {
        Can.MANAGE_FRAMEWORKS: Reach.ALL,
        Can.READ_ENROLMENT: Reach.SCOPE,
        Can.READ_SUPERVISION: Reach.SCOPE,
        Can.READ_PERSON: Reach.SCOPE,
        Can.READ_BOOKINGS: Reach.SCOPE,
        Can.READ_ROSTER: Reach.SCOPE,
        Can.READ_COMPLETIONS: Reach.SCOPE,
        Can.EXPORT_COMPLETIONS: Reach.SCOPE,
    },
    Role.HR: {
        Can.READ_PERSON: Reach.SCOPE,
        Can.WRITE_PERSON: Reach.SCOPE,
        Can.IMPORT_PEOPLE: Reach.SCOPE,
        Can.READ_COMPLETIONS: Reach.SCOPE,
        Can.EXPORT_COMPLETIONS: Reach.SCOPE,
        Can.READ_ABSENCE: Reach.SCOPE,
        Can.ARRANGE_COVER: Reach.SCOPE,
        Can.SET_COST_CENTRES: Reach.SCOPE,
    },
    Role.BOARD: {},  # aggregates only; the measures bring its grants
    Role.SETTING_LEAD: {
        Can.BOOK: Reach.SCOPE,
        Can.READ_BOOKINGS: Reach.SCOPE,
        Can.CANCEL_BOOKING: Reach.SCOPE,
        Can.READ_PERSON: Reach.SCOPE,
        Can.READ_COMPLETIONS: Reach.SCOPE,
    },
    Role.ADMINISTRATOR: {
        Can.READ_PERSON: Reach.SCOPE,
        Can.MANAGE_ACCESS: Reach.SCOPE,
        Can.MANAGE_CLIENTS: Reach.SCOPE,
        Can.READ_AUDIT: Reach.SCOPE,
        Can.READ_DELIVERIES: Reach.SCOPE,
        Can.SET_COST_CENTRES: Reach.SCOPE,
    },
}

# What an API client may do with each scope, within its organisation if it is limited to one.
SCOPES: dict[str, tuple[Can, ...]] = {
    "people:read": (Can.READ_PERSON,),
    "people:write": (Can.READ_PERSON, Can.WRITE_PERSON),
    "catalogue:read": (Can.READ_CATALOGUE,),
    "catalogue:write": (Can.READ_CATALOGUE, Can.WRITE_CATALOGUE, Can.MANAGE_SESSIONS),
    "bookings:read": (Can.READ_CATALOGUE, Can.READ_BOOKINGS, Can.READ_ROSTER),
    "bookings:write": (Can.READ_CATALOGUE, Can.READ_BOOKINGS, Can.BOOK, Can.CANCEL_BOOKING),
    "supervision:read": (Can.READ_SUPERVISION,),
    "completions:read": (Can.READ_COMPLETIONS, Can.EXPORT_COMPLETIONS),
    "completions:write": (Can.READ_COMPLETIONS, Can.WRITE_COMPLETIONS),
    "programmes:read": (Can.READ_ENROLMENT,),
}

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


def line_below(actor_id: Any, today: Any) -> Select[Any]:
    """Ids of everyone in the management line below a person today: reports of reports, and those of the managers they deputise for.

    The walk starts at the person (`below` 0) and at whom they deputise for, so that planners see how small it begins.
    """
    deputy, manager = aliased(Responsibility), aliased(Responsibility)
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
    found = select(ONE).select_from(line).where(or_(line.c.id == bindparam("actor"), exists(stands_in))).limit(1)
    return tx.scalar(found, person=person_id, actor=tx.actor.person_id, today=tx.today) is not None


def in_unit(person_column: Any, unit_id: Any, today: Any) -> ColumnElement[bool]:
    """Belongs today to the node or anything below it. An organisation counts its own people even while they have no team."""
    member = (
        select(ONE)
        .select_from(Membership)
        .join(UnitClosure, and_(UnitClosure.descendant_id == Membership.unit_id, UnitClosure.ancestor_id == unit_id))
        .where(Membership.person_id == person_column, current(Membership, today))
    )
    person = aliased(Person)
    employed = select(ONE).select_from(person).where(person.id == person_column, person.organisation_id == unit_id)
    return or_(exists(member), exists(employed))


def within_reach(tx: Tx, can: Can, column: Any) -> ColumnElement[bool]:
    """SQL for "belongs to someone in the actor's reach for `can`"; `column` holds a people.id. Refuses an actor with no grant."""
    return _reached(tx, require(tx, can), column)


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
    key = f"reached {person_id} {sorted(others, key=str)}"  # a page asks the same for several permissions
    if key not in tx.memo:
        tx.memo[key] = bool(tx.scalar(asked))
    return bool(tx.memo[key])


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


def person(tx: Tx, can: Can, person_id: int, *, lock: bool = False) -> Row[Any]:
    """The person's row, or NotFound when out of reach, so that an outsider cannot learn who exists."""
    require(tx, can)
    statement = _PERSON.with_for_update(key_share=True) if lock and is_postgresql(tx.db) else _PERSON
    row = tx.one(statement, key=person_id) if reaches(tx, can, person_id) else None
    if row is None:
        raise NotFound("There is nobody with that reference, or they are not one of your people.", code="person-not-found")
    return row
