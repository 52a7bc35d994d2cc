"""The organisation tree as a list for other systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Select, exists, select

from app import policy
from app.core.db import ONE
from app.core.errors import NotFound
from app.core.ledger import Audit
from app.core.listing import DayOut, Instant, Key, ListQuery, Truth, Words, moment
from app.core.tx import Tx
from app.people.models import CareerStage, Unit, UnitClosure
from app.policy import Can, Reach

Kind = Literal["organisation", "service", "locality", "team"]


class UnitsQuery(ListQuery):
    """Which units. Several filters together must all hold."""

    kind: Kind | None = None
    organisation: Key | None = Field(None, description="Id of the organisation that they are part of.")
    under: Key | None = Field(None, description="Id of a unit: it and all below it.")
    code: Words | None = Field(None, description="Exactly this code.")
    open: Truth | None = Field(None, description="true: those that stand today; false: closed ones.")
    updated_since: Instant | None = Field(None, description="Created or changed at or after this instant.")


class UnitOut(BaseModel):
    """A node of the organisation tree."""

    id: int
    parent_id: int | None = Field(description="The unit above; null for an organisation.")
    organisation_id: int = Field(description="The organisation it is part of; its own id for an organisation.")
    kind: Kind
    code: str = Field(description="What HR's system calls it; unique within the organisation.")
    name: str
    host: bool = Field(description="The organisation that runs the academy.")
    cost_centre: str | None = Field(description="Charged for its people; null: that of the unit above.")
    closed_on: DayOut | None
    version: int


class UnitsOut(BaseModel):
    """One reply of the list."""

    items: list[UnitOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


class StageOut(BaseModel):
    """A career stage: what `stage` of a person may be."""

    code: str
    title: str
    rank: int = Field(description="The order of stages, lowest first.")
    group: str


class StagesOut(BaseModel):
    """All career stages."""

    items: list[StageOut]


_UNITS = select(
    Unit.id,
    Unit.parent_id,
    Unit.organisation_id,
    Unit.kind,
    Unit.code,
    Unit.name,
    Unit.host,
    Unit.cost_centre,
    Unit.closed_on,
    Unit.version,
)


def _units(tx: Tx) -> Select[*tuple[Any, ...]]:
    terms = policy.require(tx, Can.READ_ORGANISATION)
    found: Select[*tuple[Any, ...]] = _UNITS
    if (Reach.ALL, None) in terms:
        return found
    return found.where(Unit.organisation_id.in_([unit for reach, unit in terms if reach is Reach.SCOPE]))


def units(tx: Tx, query: UnitsQuery) -> Select[*tuple[Any, ...]]:
    """The units a client asks for, of organisations within its reach."""
    found = _units(tx)
    if query.kind is not None:
        found = found.where(Unit.kind == query.kind)
    if query.organisation is not None:
        found = found.where(Unit.organisation_id == query.organisation)
    if query.under is not None:
        found = found.where(Unit.id.in_(select(UnitClosure.descendant_id).where(UnitClosure.ancestor_id == query.under)))
    if query.code is not None:
        found = found.where(Unit.code == query.code)
    if query.open is not None:
        closed = Unit.closed_on.is_not(None) & (Unit.closed_on <= tx.today)
        found = found.where(~closed if query.open else closed)
    since = moment(query.updated_since)
    if since is not None:
        its = (Audit.subject == "units", Audit.subject_id == Unit.id, Audit.at >= since)
        found = found.where(exists(select(ONE).select_from(Audit).where(*its)))
    return found


def these(tx: Tx, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Those of these units that the client may have."""
    return [dict(row._mapping) for row in tx.rows(_units(tx).where(Unit.id.in_(keys)))]


def unit(tx: Tx, unit_id: int) -> dict[str, Any]:
    """One of them, or NotFound, which is also the answer about another organisation's."""
    found = these(tx, [unit_id])
    if not found:
        raise NotFound("There is no unit with that reference.", code="unit-not-found")
    return found[0]


def stages(tx: Tx) -> list[dict[str, Any]]:
    """All career stages, lowest first."""
    rows = tx.rows(
        select(CareerStage.code, CareerStage.title, CareerStage.rank, CareerStage.stage_group.label("group")).order_by(
            CareerStage.rank, CareerStage.code
        )
    )
    return [dict(row._mapping) for row in rows]
