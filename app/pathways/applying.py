"""For whom a version of a step is: by stage, contract, employer and roles on the date asked about."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import CTE, Select, and_, bindparam, case, exists, false, func, literal_column, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from app.core.db import ONE, Key
from app.core.tx import Tx
from app.pathways.evidence import When
from app.pathways.models import StepVersion
from app.pathways.versions import Version, by_id
from app.people.models import Membership, Person, Post, RoleHeld, Stage, Unit


def applying(tx: Tx, people: Select[Any], versions: Collection[int], when: When) -> CTE:
    """Each of these people with those of the versions that are for them: (person_id, version_id)."""
    return fitting(people, by_id(tx, versions), when)


def fitting(people: Select[Any], held: Sequence[Version], when: When) -> CTE:
    """`applying`, where the versions are known already.

    A progression is not for those who are at its stage already. Whoever has no stage, or no contract, on the date is in none.
    """
    here = _standing(people, when).subquery("standing")
    # As a CASE, of which PostgreSQL takes half to be true: of the conditions themselves it expects next to nobody, and plans for that.
    fits = case(*((StepVersion.id == version.id, _for(version, here)) for version in held), else_=false())
    among = StepVersion.id.in_(bindparam("versions", sorted(version.id for version in held), expanding=True, type_=Key))
    pairs = select(here.c.person_id, plainly(StepVersion.id).label("version_id")).join(StepVersion, among).where(fits)
    limited = [version for version in held if version.applies.roles]
    if limited:
        plain = StepVersion.id.not_in([version.id for version in limited])
        pairs = pairs.where(or_(plain, *(_in_role(version, here, when) for version in limited)))
    return pairs.cte("pairs")


def plainly(key: Any) -> ColumnElement[int]:
    """The same number. PostgreSQL knows that the key of a table comes once, and goes by that where it comes once for each person."""
    return key + literal_column("0", Key)  # type: ignore[no-any-return]


def _standing(people: Select[Any], when: When) -> Select[Any]:
    """(person_id, stage, contract, host) of each person on the date; empty words where there is none."""
    who = people.subquery("who")

    def then(table: Any) -> ColumnElement[bool]:
        return and_(table.person_id == Person.id, table.valid_from <= when.day, when.day < table.valid_to, when.live(table))

    team, employer = Unit.__table__.alias("team"), Unit.__table__.alias("employer")
    return (
        select(
            Person.id.label("person_id"),
            func.coalesce(Stage.stage, "").label("stage"),
            func.coalesce(Post.contract, "").label("contract"),
            employer.c.host,
        )
        .join(who, who.c[0] == Person.id)
        .outerjoin(Stage, then(Stage))
        .outerjoin(Post, and_(then(Post), Post.is_primary))
        .outerjoin(Membership, then(Membership))
        .outerjoin(team, team.c.id == Membership.unit_id)
        .join(employer, employer.c.id == func.coalesce(team.c.organisation_id, Person.organisation_id))
    )


def _for(version: Version, here: Any) -> ColumnElement[bool]:
    """Is the version for somebody who stands like this, whatever their roles?"""
    applies = version.applies
    wanted: list[ColumnElement[bool]] = [true()]
    if applies.stages:
        wanted.append(here.c.stage.in_(applies.stages))
    if version.to_stage is not None:
        wanted.append(here.c.stage != version.to_stage)
    if applies.contracts:
        wanted.append(here.c.contract.in_(applies.contracts))
    if applies.only_host:
        wanted.append(here.c.host)
    return and_(*wanted)


def _in_role(version: Version, here: Any, when: When) -> ColumnElement[bool]:
    held = select(ONE).where(
        RoleHeld.person_id == here.c.person_id,
        RoleHeld.role.in_(version.applies.roles),
        RoleHeld.valid_from <= when.day,
        when.day < RoleHeld.valid_to,
        when.live(RoleHeld),
    )
    return and_(StepVersion.id == version.id, exists(held))
