"""People as a list for other systems: one statement on columns, with what is true of each today."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import Date, Float, Select, and_, bindparam, or_, select, type_coerce
from sqlalchemy.sql.elements import ColumnElement

from app import policy
from app.core.calendar import london
from app.core.db import matches
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.facts import current
from app.core.listing import DayOut, Instant, InstantOut, Key, ListQuery, Words, moment
from app.core.text import query_words
from app.core.tx import Tx
from app.people.models import Duty, Membership, Person, Post, Responsibility, Stage, Unit, UnitClosure
from app.policy import Can, Reach

TODAY: Any = bindparam("today", type_=Date())
NOBODY_THERE = "There is nobody with that reference, or they are not one of your people."


class PeopleQuery(ListQuery):
    """Which people. Several filters together must all hold."""

    organisation: Key | None = Field(None, description="Id of the employing organisation.")
    unit: Key | None = Field(None, description="Id of a unit: people of it and of every unit below it today.")
    updated_since: Instant | None = Field(
        None,
        description="Anything about them changed at or after this instant, or a planned change of post, team or stage took effect.",
    )
    employee_number: Words | None = Field(None, description="Exactly this employee number.")
    email: Words | None = Field(None, description="Exactly this work e-mail address, in any case.")
    swe_number: Words | None = Field(None, description="Exactly this Social Work England number.")
    q: Words | None = Field(
        None, description="Words that begin words of a name, e-mail address, employee number or Social Work England number."
    )


class PersonOut(BaseModel):
    """Somebody's work details. Post, team, manager and stage are today's."""

    id: int
    organisation_id: int
    employee_number: str | None
    first_name: str
    last_name: str
    known_as: str | None
    name: str = Field(description="As shown: known-as or first name, and last name.")
    email: str | None
    swe_number: str | None
    registration_status: str | None
    registered_from: DayOut | None
    registered_until: DayOut | None
    started_on: DayOut | None
    leaving_on: DayOut | None = Field(description="Last day of employment, if one is known.")
    job_title: str | None
    contract: str | None
    fte: float | None = Field(description="Full-time equivalent: 1 is full time.")
    working_days: str | None = Field(description="Seven digits, Monday first; 1 means works.")
    practice_area: str | None
    unit_id: int | None
    unit_code: str | None
    unit: str | None = Field(description="Name of the team, or other unit, that they belong to.")
    manager_id: int | None
    stage: str | None = Field(description="Code of the career stage.")
    created_at: InstantOut
    updated_at: InstantOut = Field(description="When the undated details last changed.")
    version: int


class PeopleOut(BaseModel):
    """One reply of the list."""

    items: list[PersonOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


def of_client(tx: Tx, can: Can) -> list[ColumnElement[bool]]:
    """Whose rows an API client may have, as a plain condition on the employer, which an index answers; empty: everybody's."""
    terms = policy.require(tx, can)
    if (Reach.ALL, None) in terms:
        return []
    return [Person.organisation_id.in_([unit for reach, unit in terms if reach is Reach.SCOPE])]


@lru_cache(maxsize=1)
def _everybody() -> Select[*tuple[Any, ...]]:
    """Built once: to put together so wide a statement takes longer than to run it for one person. Parameter: today."""
    manager = aliased(Responsibility)
    return (
        select(
            Person.id,
            Person.organisation_id,
            Person.employee_number,
            Person.first_name,
            Person.last_name,
            Person.known_as,
            Person.name,
            Person.email,
            Person.swe_number,
            Person.registration_status,
            Person.registered_from,
            Person.registered_until,
            Person.started_on,
            Person.leaving_on,
            Post.job_title,
            Post.contract,
            type_coerce(Post.fte, Float).label("fte"),
            Post.working_days,
            Post.practice_area,
            Unit.id.label("unit_id"),
            Unit.code.label("unit_code"),
            Unit.name.label("unit"),
            manager.holder_id.label("manager_id"),
            Stage.stage,
            Person.created_at,
            Person.updated_at,
            Person.version,
        )
        .select_from(Person)
        .outerjoin(Post, and_(Post.person_id == Person.id, Post.is_primary, current(Post, TODAY)))
        .outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, TODAY)))
        .outerjoin(Unit, Unit.id == Membership.unit_id)
        .outerjoin(manager, and_(manager.person_id == Person.id, manager.kind == Duty.MANAGER.value, current(manager, TODAY)))
        .outerjoin(Stage, and_(Stage.person_id == Person.id, current(Stage, TODAY)))
    )


def people(tx: Tx, query: PeopleQuery) -> Select[*tuple[Any, ...]]:
    """The people a client asks for, within its reach."""
    found = _everybody().where(*of_client(tx, Can.READ_PERSON)).params(today=tx.today)
    if query.organisation is not None:
        found = found.where(Person.organisation_id == query.organisation)
    if query.unit is not None:
        below = select(UnitClosure.descendant_id).where(UnitClosure.ancestor_id == query.unit)
        found = found.where(Person.id.in_(select(Membership.person_id).where(Membership.unit_id.in_(below), current(Membership, TODAY))))
    if query.employee_number is not None:
        found = found.where(Person.employee_number == query.employee_number)
    if query.email is not None:
        found = found.where(Person.email == query.email.lower())
    if query.swe_number is not None:
        found = found.where(Person.swe_number == query.swe_number.replace(" ", "").upper())
    if query.q is not None:
        words = query_words(query.q)
        found = found.where(matches(tx.db, "people", Person.__table__.c.id, words, "simple") if words else Person.id < 0)
    if query.updated_since is not None:
        found = found.where(_changed(tx, query.updated_since))
    return found


def _changed(tx: Tx, given: datetime) -> ColumnElement[bool]:
    """Their details were changed, a dated fact was written or superseded, or one recorded earlier began or ended, since an instant."""
    since = moment(given)
    assert since is not None
    day = london(since).date()
    parts: list[ColumnElement[bool]] = [Person.updated_at >= since]
    for table in (Post, Membership, Stage, Responsibility):
        dated: Any = table
        parts.append(
            Person.id.in_(
                select(dated.person_id).where(
                    dated.person_id.is_not(None),
                    or_(
                        dated.recorded_at >= since,
                        dated.superseded_at >= since,
                        and_(dated.superseded_at.is_(None), dated.valid_from > day, dated.valid_from <= tx.today),
                        and_(dated.superseded_at.is_(None), dated.valid_to > day, dated.valid_to <= tx.today),
                    ),
                )
            )
        )
    return or_(*parts)


def person(tx: Tx, person_id: int) -> dict[str, Any]:
    """One of them, or NotFound, which is also the answer about another organisation's people."""
    row = tx.one(_everybody().where(Person.id == person_id, *of_client(tx, Can.READ_PERSON)), today=tx.today)
    if row is None:
        raise NotFound(NOBODY_THERE, code="person-not-found")
    return dict(row._mapping)


def these(tx: Tx, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Those of these people whom the client may have, each as `person` gives it."""
    found = _everybody().where(Person.id.in_(keys), *of_client(tx, Can.READ_PERSON))
    return [dict(row._mapping) for row in tx.rows(found, today=tx.today)]
