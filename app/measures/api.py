"""REST: measures as they were published, for other systems. Small numbers are hidden from every client, and nobody's name leaves here."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.apidoor import api
from app.core.tx import Tx
from app.measures import listings
from app.measures.listings import MeasureOut, MeasureQuery, MeasuresOut, MeasuresQuery

router = APIRouter(prefix="/api/v1", tags=["Measures"])


NO_MONTH: dict[int | str, dict[str, Any]] = {404: {"description": "No month is published"}}


@router.get("/measures", response_model=MeasuresOut, summary="List measures", operation_id="list_measures", responses=NO_MONTH)
@api("measures:read")
def measures(tx: Tx, query: Annotated[MeasuresQuery, Query()]) -> dict[str, Any]:
    """The measures of a published month, each with its definition and its figure for the whole organisation."""
    return listings.measures(tx, query)


@router.get("/measures/{code}", response_model=MeasureOut, summary="Read a measure", operation_id="get_measure")
@api("measures:read")
def measure(tx: Tx, code: str, query: Annotated[MeasureQuery, Query()]) -> dict[str, Any]:
    """One measure with its figures by part of the organisation, career stage and contract, and month by month."""
    return listings.measure(tx, code, query)
