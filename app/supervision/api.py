"""REST: when people were supervised. Facts only: who supervised, protected time and caseloads do not leave here."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.apidoor import api
from app.core.listing import keyset
from app.core.tx import Tx
from app.supervision import listings
from app.supervision.listings import SupervisionsOut, SupervisionsQuery
from app.supervision.models import Supervision

router = APIRouter(prefix="/api/v1")


@router.get(
    "/supervisions", response_model=SupervisionsOut, summary="List supervisions", operation_id="list_supervisions", tags=["Supervision"]
)
@api("supervision:read")
def supervisions(tx: Tx, query: Annotated[SupervisionsQuery, Query()]) -> dict[str, Any]:
    """Who was supervised on which day, of what kind and for how long, in the order in which it was recorded. Never what was said."""
    items, following = keyset(tx, "supervisions", query, listings.supervisions(tx, query), Supervision.id)
    return {"items": items, "next": following}
