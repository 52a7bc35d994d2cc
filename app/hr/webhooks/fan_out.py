"""Makes out deliveries: one for each numbered change and each subscription that wants it. What they say is composed when they are sent."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, case, cast, func, insert, literal, select

from app.core.db import Database
from app.core.tx import Tx
from app.core.work import job
from app.hr import feed
from app.hr.change_models import Change, Delivery, Subscription
from app.hr.webhooks import events
from app.identity.access import client_actor
from app.identity.models import ApiClient

STEP = 5_000  # changes made out in one transaction

_newest = select(func.coalesce(func.max(Change.number), 0)).scalar_subquery()
_BEHIND = (
    select(Subscription.id)
    .join(ApiClient, ApiClient.id == Subscription.client_id)
    .where(Subscription.state == "on", ApiClient.disabled_at.is_(None), Subscription.reached < _newest)
    .order_by(Subscription.id)
)


def make_out_due(database: Database) -> int:
    """Bring every live subscription up to the newest change; returns how many deliveries were made out."""
    done = 0
    while True:
        with job(database, writes=False) as tx:
            behind = [row.id for row in tx.rows(_BEHIND)]
        if not behind:
            return done
        for subscription_id in behind:
            with job(database) as tx:
                done += make_out(tx, subscription_id)


def make_out(tx: Tx, subscription_id: int) -> int:
    """The next STEP changes of one subscription, in one statement. Its row is locked: two workers take turns, and none makes out twice.

    A change of what the client has no scope for is left out here; whether it may see this very row shows when it is told.
    """
    row = tx.get(Subscription, subscription_id, lock=True)
    newest = int(tx.scalar(select(func.coalesce(func.max(Change.number), 0))))
    upto = min(newest, row.reached + STEP)
    if row.state != "on" or upto <= row.reached:
        return 0
    actor = client_actor(tx, row.client_id)
    if actor is None:
        return 0
    wanted = {resource for resource, source in feed.SOURCES.items() if source.scope in actor.scopes}
    if row.events:
        wanted &= events.resources(row.events)
    made = 0
    if wanted:
        found = _deliveries(tx, subscription_id).where(Change.number > row.reached, Change.number <= upto, Change.resource.in_(wanted))
        made = tx.db.execute(insert(Delivery).from_select(_COLUMNS, found.order_by(Change.number), include_defaults=False)).rowcount
    tx.update(Subscription, subscription_id, reached=upto)
    return int(made)


_COLUMNS = ["subscription_id", "number", "message_id", "event", "lane", "state", "attempts", "due_at", "created_at"]


def _deliveries(tx: Tx, subscription_id: int) -> Any:
    whose = case(
        (Change.person_id.is_not(None), literal("people/") + cast(Change.person_id, String)),
        else_=Change.resource + literal("/") + cast(Change.resource_id, String),
    )
    return select(
        literal(subscription_id),
        Change.number,
        literal(f"msg_{subscription_id}_") + cast(Change.number, String),
        Change.event,
        whose,
        literal("due"),
        literal(0),
        literal(tx.now),
        literal(tx.now),
    )
