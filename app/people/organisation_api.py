"""REST: the organisation tree and the career stages, to read: HR's extract and the directory change them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.apidoor import api
from app.core.listing import Key, keyset
from app.core.tx import Tx
from app.people import organisation
from app.people.models import Unit
from app.people.organisation import StagesOut, UnitOut, UnitsOut, UnitsQuery

router = APIRouter(prefix="/api/v1", tags=["Organisation"])


@router.get("/units", response_model=UnitsOut, summary="List units", operation_id="list_units")
@api("organisation:read")
def units(tx: Tx, query: Annotated[UnitsQuery, Query()]) -> dict[str, Any]:
    """Organisations, services, localities and teams in the order of their ids; closed ones stay in the list."""
    items, following = keyset(tx, "units", query, organisation.units(tx, query), Unit.id)
    return {"items": items, "next": following}


@router.get("/units/{unit_id}", response_model=UnitOut, summary="Read a unit", operation_id="get_unit")
@api("organisation:read")
def unit(tx: Tx, unit_id: Key) -> dict[str, Any]:
    """One unit of the tree."""
    return organisation.unit(tx, unit_id)


@router.get("/stages", response_model=StagesOut, summary="List career stages", operation_id="list_stages")
@api("organisation:read")
def stages(tx: Tx) -> dict[str, Any]:
    """All career stages, lowest first: the codes that a person's `stage` may have."""
    return {"items": organisation.stages(tx)}
