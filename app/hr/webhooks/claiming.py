"""What is due, taken for a while by one worker, and what it says: composed at the last moment, as its client may see it now."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Row, and_, exists, or_, select
from sqlalchemy.sql.elements import ColumnElement

from app.core.db import ONE, Database
from app.core.declared import aliased
from app.core.tx import Tx
from app.core.work import job, take
from app.hr import feed
from app.hr.change_models import Change, Delivery, Subscription
from app.hr.webhooks import events
from app.identity.access import client_actor
from app.identity.models import ApiClient

BATCH = 100  # deliveries at most
EACH = 25  # of one subscription, so that one that is slow leaves room for others
LEASE = timedelta(minutes=2)  # a claimed delivery that nobody has spoken for since may be claimed again


@dataclass(frozen=True, slots=True)
class Letter:
    """A claimed delivery and where it goes. No body: the client may not see this, or no longer wants it."""

    id: int
    subscription_id: int
    message_id: str
    attempts: int
    locked_until: datetime
    failing_since: datetime | None
    url: str
    secrets: tuple[str, ...]
    body: bytes | None


def claim(database: Database, busy: Collection[int] = ()) -> Sequence[Row[Any]]:
    """Take what is due for LEASE, some of each subscription but the `busy`; nothing if nothing is. Of one that is failing a single one.

    A delivery waits while an earlier one of its lane is due, also one that is just being sent; a parked one holds nobody up.
    """
    with job(database, writes=False) as tx:  # most looks find nothing, and need not queue with the writers
        ready = [row for row in tx.rows(_subscriptions(tx.now)) if row.id not in busy]
    random.shuffle(ready)  # whoever has most waiting is not always first
    taken: list[Row[Any]] = []
    for found in ready:
        room = min(EACH if found.failing_since is None else 1, BATCH - len(taken))
        if room <= 0:
            break
        with job(database) as tx:
            taken += take(tx, Delivery, _due(tx.now, found.id).limit(room), LEASE)
    return taken


def _free(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Delivery.state == "due", Delivery.due_at <= now, or_(Delivery.locked_until.is_(None), Delivery.locked_until <= now)


def _sends(now: datetime) -> ColumnElement[bool]:
    """A subscription that is on and not quiet sends everything; whatever its state, tests are sent, unless it is off."""
    going = and_(Subscription.state == "on", or_(Subscription.quiet_until.is_(None), Subscription.quiet_until <= now))
    return or_(going, and_(Subscription.state != "off", Delivery.number.is_(None)))


def _subscriptions(now: datetime) -> Any:
    waiting = exists(select(ONE).where(Delivery.subscription_id == Subscription.id, *_free(now), _sends(now)))
    return (
        select(Subscription.id, Subscription.failing_since)
        .join(ApiClient, and_(ApiClient.id == Subscription.client_id, ApiClient.disabled_at.is_(None)))
        .where(Subscription.state != "off", waiting)
    )


def _due(now: datetime, subscription_id: int) -> Any:
    before = aliased(Delivery, name="before")
    blocked = exists(
        select(ONE).where(
            before.subscription_id == Delivery.subscription_id,
            before.lane == Delivery.lane,
            before.id < Delivery.id,
            before.state == "due",
        )
    )
    return (
        select(Delivery.id)
        .join(Subscription, Subscription.id == Delivery.subscription_id)
        .where(Delivery.subscription_id == subscription_id, *_free(now), _sends(now), ~blocked)
        .order_by(Delivery.due_at, Delivery.id)
    )


def compose(tx: Tx, rows: Sequence[Row[Any]]) -> list[Letter]:
    """What each of the claimed says now, in the order in which they were claimed. Acts as each client in turn; a few queries for each."""
    if not rows:
        return []
    found = select(Subscription.__table__).where(Subscription.id.in_({row.subscription_id for row in rows}))
    subscriptions = {row.id: row for row in tx.rows(found)}
    numbers = [row.number for row in rows if row.number is not None]
    changes = {row.number: row for row in tx.rows(select(Change.__table__).where(Change.number.in_(numbers)))}
    by_client: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        if row.number is not None:
            by_client[subscriptions[row.subscription_id].client_id].append(changes[row.number])
    told = {client: _told(tx, client, its) for client, its in by_client.items()}
    letters = []
    for row in rows:
        to = subscriptions[row.subscription_id]
        item = None if row.number is None else told[to.client_id].get(row.number)
        old = to.old_secret if to.old_secret_until is not None and to.old_secret_until > tx.now else None
        letters.append(
            Letter(
                row.id, row.subscription_id, row.message_id, row.attempts, row.locked_until, to.failing_since, to.url,
                tuple(one for one in (to.secret, old) if one), _body(row, to, item),
            )
        )  # fmt: skip
    return letters


def _told(tx: Tx, client_id: int, changes: list[Any]) -> dict[int, dict[str, Any]]:
    before = tx.actor
    actor = client_actor(tx, client_id)
    if actor is None:
        return {}
    tx.memo.clear()  # what was asked for another
    tx.actor = actor
    try:
        return feed.told(tx, changes)
    finally:
        tx.actor = before


def _body(row: Row[Any], to: Row[Any], item: dict[str, Any] | None) -> bytes | None:
    if row.number is None:
        said = {"subscription_id": row.subscription_id, "said": "This is a test. Nothing has changed."}
        return to_json({"type": events.TEST, "timestamp": row.created_at, "data": said})
    if item is None or (to.events and item["event"] not in to.events):
        return None
    return to_json({"type": item["event"], "timestamp": item["at"], "data": item})
