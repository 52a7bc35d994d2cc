"""A council from which people leave: somebody who holds one of everything, and what is live of it all, to compare before and after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select

from app.bookings.models import Booking
from app.bookings.operations import reservations
from app.core.db import FOREVER
from app.core.tx import Actor, transaction
from app.hr.directory_models import Departure, DepartureEffect
from app.hr.operations import leaving
from app.identity.models import Account, ApiClient
from app.people import operations as people
from app.people.models import Duty, Group, GroupMember, Membership, Person, Post, Responsibility, RoleHeld, Stage
from app.programmes.panel_models import Sitting, SittingMember
from tests.bookings.test_operations import acting
from tests.bookings.test_reservations import book
from tests.factory import LONG_AGO, Make
from tests.programmes.making import Programmes

FACTS = (Membership, Stage, Post, Responsibility, RoleHeld, GroupMember)
HISTORY = {"id", "recorded_at", "superseded_at"}


def officer(make: Make, organisation: int | None = None, *, writes: bool = True) -> Any:
    """A transaction of HR, for their own organisation."""
    organisation = organisation or make.organisation()
    with make.tx() as tx:
        known = tx.one(select(Person.id).where(Person.first_name == "Hana", Person.organisation_id == organisation))
    key = known.id if known else make.person("Hana Officer", organisation=organisation, roles=("HR officer",), scope=organisation).id
    actor = Actor("person", key, "Hana Officer", (("practitioner", None), ("HR officer", organisation)), organisation_id=organisation)
    return transaction(make.database, actor, writes=writes)


def says(make: Make, last_day: date | None, *persons: Any, source: str = "page", run: str = "") -> list[int]:
    """Somebody has set, moved or taken back a last day; what follows is done at once."""
    with make.tx() as tx:
        for person in persons:
            people.change_person(tx, person.id, leaving_on=last_day)
        return leaving.register(tx, [person.id for person in persons], source, run)


def live(make: Make) -> dict[str, list[Any]]:
    """Everything that is believed and held now, without when it was written."""
    found: dict[str, list[Any]] = {}
    for table in FACTS:
        columns = [column for column in table.__table__.c if column.name not in HISTORY]
        found[table.__tablename__] = sorted(tuple(row) for row in make.rows(select(*columns).where(table.superseded_at.is_(None))))
    held = (Booking.id, Booking.session_id, Booking.person_id, Booking.place, Booking.status, Booking.turn, Booking.priority)
    times = (Booking.approval, Booking.approval_due_at, Booking.offer_ends_at, Booking.name_by)
    found["bookings"] = [tuple(row) for row in make.rows(select(*held, *times).order_by(Booking.id))]
    found["people"] = [tuple(row) for row in make.rows(select(Person.id, Person.leaving_on).order_by(Person.id))]
    found["accounts"] = [tuple(row) for row in make.rows(select(Account.__table__).order_by(Account.person_id))]
    return found


def departure(make: Make, person: Any) -> Any:
    """Somebody's newest departure."""
    (row,) = make.rows(select(Departure.__table__).where(Departure.person_id == person.id).order_by(Departure.id.desc()).limit(1))
    return row


def effects(make: Make, person: Any) -> list[Any]:
    """What followed from it, in order."""
    key = departure(make, person).id
    return make.rows(select(DepartureEffect.__table__).where(DepartureEffect.departure_id == key).order_by(DepartureEffect.id))


def kinds(make: Make, person: Any) -> dict[str, int]:
    """How many effects there are of each kind."""
    key = departure(make, person).id
    counted = select(DepartureEffect.kind, func.count()).where(DepartureEffect.departure_id == key).group_by(DepartureEffect.kind)
    return {row[0]: row[1] for row in make.rows(counted)}


@dataclass
class Everything:
    """Lea, who holds one of everything, with the people around her."""

    lea: Any
    top: Any
    ann: Any
    bob: Any
    cai: Any
    request: Any


def everything(make: Make) -> Everything:
    """Lea manages Ann and Bob under Toni; has places and turns, a role, duties, a panel, a learner, a system."""
    team = make.unit("Meadow")
    cai = make.person("Cai Cole", roles=("coordinator",))
    top = make.person("Toni Top", team=team)
    lea = make.person("Lea Vermann", team=team, manager=top.id, stage="TM", roles=("principal social worker",), scope=make.organisation())
    ann, bob = (make.person(name, team=team, manager=lea.id) for name in ("Ann", "Bob"))
    day = lea.created_at.date() + timedelta(days=40)
    full, reserved, asks = (make.session(places=1, day=day + timedelta(days=n)) for n in (1, 2, 3))
    free = make.session(places=2, day=day + timedelta(days=4), needs_approval=True)
    book(make, ann, full)
    book(make, lea, full)  # waits
    book(make, lea, asks)
    book(make, lea, free)  # asks for approval
    with acting(make, lea, ("line manager", None)) as tx:
        reservations.reserve(tx, reserved.id, 1)
    request = book(make, ann, make.session(day=day + timedelta(days=5), needs_approval=True))
    make.session(day=day + timedelta(days=6), trainers=(lea.id,))
    programmes = Programmes(make)
    learner = programmes.enrolment(assessor=lea)
    programmes.enrolment(nqsw=lea, assessor=bob, line_manager=top, cohort=learner.cohort_id)
    with make.tx() as tx:
        people.give_duty(tx, Duty.DEPUTY, lea.id, LONG_AGO, person_id=top.id)
        group = tx.insert(Group, code="leads", name="Team leads", kind="audience")
        tx.insert(GroupMember, group_id=group, person_id=lea.id, **_always(tx))
        tx.insert(Post, person_id=lea.id, job_title="Practice educator", contract="permanent", fte=0.2, is_primary=False, **_always(tx))
        sitting = tx.insert(Sitting, title="Panel", starts_at=tx.now + timedelta(days=50), place="Room 1", created_at=tx.now)
        tx.db.execute(SittingMember.__table__.insert().values(sitting_id=sitting, person_id=lea.id))
        client = dict(client_id="hr", name="HR’s system", secret_hash="x", scopes="people:read", created_at=tx.now)
        tx.insert(ApiClient, **client, contact=f"Lea Vermann, {lea.email}")
    return Everything(lea, top, ann, bob, cai, request)


def _always(tx: Any) -> dict[str, Any]:
    return dict(valid_from=LONG_AGO, valid_to=FOREVER, recorded_at=tx.now)
