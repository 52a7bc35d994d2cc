"""API clients as their administrators see them: what they may do, whether they work, and what they asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, case, func, select

from app.core.calendar import london_day
from app.core.errors import NotFound
from app.core.tx import Tx
from app.identity.models import ApiCall, ApiClient, ApiToken
from app.identity.queries import units
from app.people.models import Unit
from app.policy import Can

PER_PAGE = 50
KINDS: dict[str, tuple[str, ColumnElement[bool]]] = {  # of answers, by what a filter calls them
    "worked": ("Worked", ApiCall.status < 400),
    "refused": ("Refused", (ApiCall.status >= 400) & (ApiCall.status < 500)),
    "limited": ("Over the limit", ApiCall.status == 429),
    "failed": ("Failed on our side", ApiCall.status >= 500),
}


def _how_many(kind: str) -> Any:
    return func.coalesce(func.sum(case((KINDS[kind][1], 1), else_=0)), 0).label(kind)


_COUNTS = (
    func.count(ApiCall.id).label("calls"),
    _how_many("refused"),
    _how_many("limited"),
    _how_many("failed"),
    func.max(ApiCall.milliseconds).label("longest"),
)


def clients(tx: Tx) -> Sequence[Row[Any]]:
    """The API clients that the reader looks after, those that are at work first, with how today goes."""
    begins, _ = london_day(tx.today)
    today = select(ApiCall.client_id, *_COUNTS).where(ApiCall.at >= begins).group_by(ApiCall.client_id).subquery()
    chosen = (
        select(
            *(ApiClient.id, ApiClient.name, ApiClient.disabled_at, ApiClient.last_used_at, Unit.name.label("organisation")),
            *(func.coalesce(today.c[name], 0).label(name) for name in ("calls", "refused", "limited", "failed")),
        )
        .outerjoin(Unit, Unit.id == ApiClient.organisation_id)
        .outerjoin(today, today.c.client_id == ApiClient.id)
        .order_by(ApiClient.disabled_at.is_not(None), ApiClient.name, ApiClient.id)
    )
    nodes = units(tx, Can.MANAGE_CLIENTS)
    if nodes is not None:
        chosen = chosen.where(ApiClient.organisation_id.in_(nodes))
    return tx.rows(chosen)


def client(tx: Tx, key: int) -> Row[Any]:
    """One of them, or NotFound."""
    chosen = (
        select(
            *(ApiClient.id, ApiClient.client_id, ApiClient.name, ApiClient.scopes, ApiClient.organisation_id, ApiClient.per_minute),
            *(ApiClient.contact, ApiClient.created_at, ApiClient.disabled_at, ApiClient.last_used_at, ApiClient.secret_made_at),
            *(ApiClient.old_secret_until, Unit.name.label("organisation")),
        )
        .outerjoin(Unit, Unit.id == ApiClient.organisation_id)
        .where(ApiClient.id == key)
    )
    nodes = units(tx, Can.MANAGE_CLIENTS)
    if nodes is not None:
        chosen = chosen.where(ApiClient.organisation_id.in_(nodes))
    row = tx.one(chosen)
    if row is None:
        raise NotFound("There is no client with that reference.", code="client-not-found")
    return row


def health(tx: Tx, key: int) -> Row[Any]:
    """How today goes for one client: its calls, what was refused and what failed."""
    begins, _ = london_day(tx.today)
    found = tx.one(select(*_COUNTS).where(ApiCall.client_id == key, ApiCall.at >= begins))
    assert found is not None
    return found


def tokens(tx: Tx, key: int) -> Row[Any]:
    """How many of a client's tokens are good now, and until when the longest is."""
    found = tx.one(
        select(func.count().label("good"), func.max(ApiToken.expires_at).label("until")).where(
            ApiToken.client_id == key, ApiToken.expires_at > tx.now
        )
    )
    assert found is not None
    return found


class Asked(NamedTuple):
    """One page of a client's calls on a day."""

    rows: Sequence[Row[Any]]
    total: int


def calls(tx: Tx, key: int, day: date, kind: str, number: int) -> Asked:
    """What a client asked on a day, latest first; `kind` is one of KINDS or empty: all."""
    begins, ends = london_day(day)
    chosen: list[Any] = [ApiCall.client_id == key, ApiCall.at >= begins, ApiCall.at < ends]
    if kind:
        chosen.append(KINDS[kind][1])
    total = tx.scalar(select(func.count()).select_from(ApiCall).where(*chosen))
    listed = select(
        *(ApiCall.at, ApiCall.method, ApiCall.route, ApiCall.status, ApiCall.code, ApiCall.milliseconds, ApiCall.request_id)
    ).where(*chosen)
    return Asked(tx.rows(listed.order_by(ApiCall.at.desc(), ApiCall.id.desc()).limit(PER_PAGE).offset((number - 1) * PER_PAGE)), total)
