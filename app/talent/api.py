"""REST: talent pools in figures, and who is on their lists. Every reply with people in it is kept, and they can see it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.apidoor import api
from app.core.listing import Key
from app.core.tx import Tx, transaction
from app.talent import listings, reads
from app.talent.listings import EntriesOut, EntriesQuery, PoolsOut, PoolsQuery

router = APIRouter(prefix="/api/v1", tags=["Talent"])


@router.get("/talent/pools", response_model=PoolsOut, summary="List talent pools", operation_id="list_talent_pools")
@api("talent:read")
def pools(tx: Tx, query: Annotated[PoolsQuery, Query()]) -> dict[str, Any]:
    """Open pools with how deep they are, and how many are ready now for how many posts."""
    items, following = listings.pools(tx, query)
    return {"items": items, "next": following}


@router.get(
    "/talent/pools/{pool_id}/entries", response_model=EntriesOut, summary="Who is on a pool's list", operation_id="list_talent_entries"
)
@api("talent:read")
def entries(tx: Tx, request: Request, pool_id: Key, query: Annotated[EntriesQuery, Query()]) -> dict[str, Any]:
    """People who agree to be listed, with how ready they are. Say what for: it is kept, and the people can see who read it."""
    items, following = listings.entries(tx, pool_id, query)
    if items:
        seen = reads.Seen(pool_id, "api", query.as_at or tx.today, tx.now, {}, purpose=listings.said_for(query))
        with transaction(request.app.state.database, tx.actor, writes=True, request_id=tx.request_id) as writing:
            reads.keep(writing, seen, [item["person_id"] for item in items])
    return {"items": items, "next": following}
