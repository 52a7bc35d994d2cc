"""REST: cohorts, enrolments with their stages and outcomes, and a feed of changes. Status only: what people write stays here."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.apidoor import api
from app.core.listing import Key, keyset
from app.core.tx import Tx
from app.programmes import listings
from app.programmes.listings import ChangesOut, ChangesQuery, CohortsOut, CohortsQuery, EnrolmentsOut, EnrolmentsQuery, EnrolmentWhole
from app.programmes.models import Cohort, Enrolment

router = APIRouter(prefix="/api/v1", tags=["Programmes"])


@router.get("/cohorts", response_model=CohortsOut, summary="List cohorts", operation_id="list_cohorts")
@api("programmes:read")
def cohorts(tx: Tx, query: Annotated[CohortsQuery, Query()]) -> dict[str, Any]:
    """Those who begin one version of a programme together. A client limited to an organisation sees cohorts with somebody of it."""
    items, following = keyset(tx, "cohorts", query, listings.cohorts(tx, query), Cohort.id)
    return {"items": items, "next": following}


@router.get("/enrolments", response_model=EnrolmentsOut, summary="List enrolments", operation_id="list_enrolments")
@api("programmes:read")
def enrolments(tx: Tx, query: Annotated[EnrolmentsQuery, Query()]) -> dict[str, Any]:
    """Who is on which programme, with status and outcome. Never what was written, said or decided for what reasons."""
    items, following = keyset(tx, "enrolments", query, listings.enrolments(tx, query), Enrolment.id)
    return {"items": [listings.plain(item) for item in items], "next": following}


@router.get("/enrolments/changes", response_model=ChangesOut, summary="What changed", operation_id="list_enrolment_changes")
@api("programmes:read")
def changes(tx: Tx, query: Annotated[ChangesQuery, Query()]) -> dict[str, Any]:
    """Enrolments that changed, in the order in which the changes were found. Ask again with `since` set to `last`, and none is missed."""
    return listings.changes(tx, query)


@router.get("/enrolments/{enrolment_id}", response_model=EnrolmentWhole, summary="Get an enrolment", operation_id="get_enrolment")
@api("programmes:read")
def enrolment(tx: Tx, enrolment_id: Key) -> dict[str, Any]:
    """One enrolment with its stages: when each is due and was completed, and what was checked at enrolment."""
    return listings.one(tx, enrolment_id)
