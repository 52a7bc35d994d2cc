"""REST: steps of careers, how far people are with them, and progressions. What people write and who endorses whom does not leave here."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.apidoor import api
from app.core.listing import keyset
from app.core.tx import Tx
from app.pathways import listings
from app.pathways.listings import ProgressionsOut, ProgressionsQuery, ProgressOut, ProgressQuery, StepsOut, StepsQuery
from app.pathways.models import Progression

router = APIRouter(prefix="/api/v1", tags=["Pathways"])


@router.get("/pathways/steps", response_model=StepsOut, summary="List steps", operation_id="list_pathway_steps")
@api("pathways:read")
def steps(tx: Tx, query: Annotated[StepsQuery, Query()]) -> dict[str, Any]:
    """The steps in force and what each asks for."""
    items, following = listings.steps(tx, query)
    return {"items": items, "next": following}


@router.get("/pathways/progress", response_model=ProgressOut, summary="How far people are", operation_id="list_pathway_progress")
@api("pathways:read")
def progress(tx: Tx, query: Annotated[ProgressQuery, Query()]) -> dict[str, Any]:
    """People with the steps that are for them, as at any day and as far as was known at any instant: the same two give the same answer."""
    items, following = listings.progress_of(tx, query)
    return {"items": items, "next": following}


@router.get("/progressions", response_model=ProgressionsOut, summary="List progressions", operation_id="list_progressions")
@api("pathways:read")
def progressions(tx: Tx, query: Annotated[ProgressionsQuery, Query()]) -> dict[str, Any]:
    """Who moved to which career stage on which day and how, in the order in which it was recorded."""
    items, following = keyset(tx, "progressions", query, listings.progressions(tx, query), Progression.id)
    return {"items": items, "next": following}
