"""REST: the feed of changes, for systems that keep a copy (docs/changes.md)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator, Field
from sqlalchemy import exists, select

from app.apidoor import api
from app.core.db import ONE
from app.core.declared import aliased
from app.core.errors import Forbidden, Invalid
from app.core.listing import BIGGEST_ID, Closed, InstantOut, Key
from app.core.tx import Tx
from app.hr import feed
from app.hr.change_models import Change

router = APIRouter(prefix="/api/v1", tags=["Changes"])
MOST = 1000  # items in one reply
WINDOW = 50_000  # numbers looked at for one reply: a client of whom few changes speak waits no longer than others

Resource = Literal[
    "people", "units", "courses", "sessions", "bookings", "completions", "cohorts", "enrolments", "supervisions", "progressions",
    "learning-records", "training-records",
]  # fmt: skip


def _number(value: Any) -> Any:
    """A query says numbers in digits only; "now" is the other choice."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20 else value


Since = Annotated[Annotated[int, Field(ge=0, le=BIGGEST_ID, strict=True)] | Literal["now"], BeforeValidator(_number)]


class FeedQuery(Closed):
    """Where to go on."""

    since: Since = Field(0, description="`last` of the reply before. 0: from the beginning; now: only say where the feed stands.")
    resource: Resource | None = Field(
        None, description="Only changes of this resource; left out: of all that the client's scopes let it read."
    )
    limit: Annotated[Key, Field(le=MOST)] = Field(100, description="Items in one reply.")


class FeedItem(BaseModel):
    """Something that changed, as it is now."""

    number: int = Field(description="Its place in the feed.")
    id: str = Field(description="The same whenever and however this change is told; webhooks carry it too.")
    at: InstantOut = Field(description="When it was changed.")
    event: str = Field(description="`booking.changed`, or `completion.removed` for what is gone.")
    resource: Resource = Field(description="As in the address of the resource.")
    resource_id: int
    deleted: bool = Field(description="It is gone, or this client may not see it any more: take it out of the copy.")
    data: dict[str, Any] | None = Field(description="The item as its list shows it now; null when it is gone.")


class FeedOut(BaseModel):
    """One reply of the feed."""

    items: list[FeedItem]
    last: int = Field(description="Send this as `since` next time. It moves on even when nothing was for this client.")
    more: bool = Field(description="There is more already: ask again at once.")


@router.get("/changes", response_model=FeedOut, summary="What changed", operation_id="list_changes")
@api("changes:read")
def changes(tx: Tx, query: Annotated[FeedQuery, Query()]) -> dict[str, Any]:
    """What changed since a number, in order, each resource once, as it is now. Ask again with `since` set to `last`: nothing is missed."""
    return follow(tx, query)


def follow(tx: Tx, query: FeedQuery) -> dict[str, Any]:
    """One reply of the feed to the client that acts."""
    wanted = _wanted(tx, query.resource)
    top = feed.last(tx)  # asked first: all that has a number up to it is seen by the next question
    if query.since == "now":
        return {"items": [], "last": top, "more": False}
    if query.since > top:
        raise Invalid(
            f"The feed has come to {top}, not so far.",
            code="since-unknown",
            way_out="A backup was restored, or this is another service: begin again with since=now and a full read.",
            errors=[{"field": "since", "message": "No change has this number"}],
        )
    if query.since == top:
        return {"items": [], "last": top, "more": False}
    end = min(top, query.since + WINDOW)
    rows = tx.rows(_between(query.since, end, top, wanted).limit(query.limit + 1))
    whole = len(rows) <= query.limit
    rows = rows[: query.limit]
    said = feed.told(tx, rows)
    last = end if whole else rows[-1].number
    return {"items": [said[row.number] for row in rows if row.number in said], "last": last, "more": last < top}


def _wanted(tx: Tx, resource: str | None) -> list[str]:
    readable = feed.readable(tx)
    if resource is None:
        return readable
    if resource not in readable:
        raise Forbidden(f"This client does not have the scope {feed.SOURCES[resource].scope}.", code="insufficient-scope")
    return [resource]


def _between(since: int, end: int, top: int, wanted: list[str]) -> Any:
    """The last change of each resource, those between two numbers: what has changed again since comes further on."""
    later = aliased(Change)
    again = exists(
        select(ONE)
        .select_from(later)
        .where(
            later.resource == Change.resource,
            later.resource_id == Change.resource_id,
            later.number > Change.number,
            later.number <= top,
        )
    )
    found = select(Change.number, Change.at, Change.event, Change.resource, Change.resource_id)
    which = (Change.resource + "").in_(wanted)  # as it is no plain column, the numbers' order leads, and only as many are read as are told
    return found.where(Change.number > since, Change.number <= end, which, ~again).order_by(Change.number)
