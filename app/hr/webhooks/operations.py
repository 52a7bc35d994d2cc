"""What can be done with subscriptions: by the client that has one, and by administrators who look after that client."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, select, update

from app import policy
from app.core.errors import Conflict, Invalid, NotFound
from app.core.tx import Tx
from app.hr import feed
from app.hr.change_models import Delivery, Subscription
from app.hr.webhooks import events, signing, targets
from app.identity.models import ApiClient
from app.policy import Can

ALL: tuple[str, ...] = ()  # events: whatever the client may read
MOST = 20  # subscriptions that are not off, of one client
SCOPE = "webhooks:write"
NOT_FOUND = "There is no subscription with that reference."


def find(tx: Tx, subscription_id: int, *, lock: bool = False) -> Row[Any]:
    """A subscription of the client that asks, or of a client that the administrator looks after; else NotFound."""
    if tx.actor.kind == "client":
        policy.require(tx, Can.MANAGE_WEBHOOKS)
    elif not tx.actor.is_system:
        policy.require(tx, Can.MANAGE_CLIENTS)
    row = tx.get(Subscription, subscription_id, lock=lock, what="subscription")
    if tx.actor.kind == "client":
        if row.client_id != tx.actor.id or row.deleted_at is not None:
            raise NotFound(NOT_FOUND)
    elif not policy.covers(tx, Can.MANAGE_CLIENTS, tx.get(ApiClient, row.client_id).organisation_id):
        raise NotFound(NOT_FOUND)
    return row


def _find_live(tx: Tx, subscription_id: int) -> Row[Any]:
    row = find(tx, subscription_id, lock=True)
    if row.state == "off":
        raise Conflict(
            "This subscription is off for good.",
            code="subscription-off",
            way_out="Make a new one, from the number after which nothing has come.",
        )
    return row


def check(url: str, private: Collection[str], lookup: targets.Lookup = targets.look_up) -> None:
    """Refuse an address to which nothing would be sent. Looks the name up: call it with no transaction open."""
    try:
        target = targets.parse(url, private)
        if not target.allowed:
            targets.addresses(target, lookup)
    except targets.TargetRefused as refused:
        raise _refusal(refused) from None


def _refusal(refused: targets.TargetRefused) -> Invalid:
    return Invalid("Nothing can be sent to this address.", code="target-refused", errors=[{"field": "url", "message": refused.reason}])


def _checked(name: str | None, url: str | None, wanted: Sequence[str] | None, private: Collection[str]) -> dict[str, Any]:
    """What is to be stored of what was sent; what was left out stays."""
    values: dict[str, Any] = {}
    if url is not None:
        try:
            targets.parse(url, private)
        except targets.TargetRefused as refused:
            raise _refusal(refused) from None
        values["url"] = url
    if wanted is not None:
        unknown = sorted(set(wanted) - set(events.types()))
        if unknown:
            said = f"There is no event called {unknown[0]}. /api/v1/event-types lists them"
            raise Invalid("Check the events.", code="unknown-event", errors=[{"field": "events", "message": said}])
        values["events"] = sorted(set(wanted))
    if name is not None:
        values["name"] = name
    return values


def subscribe(tx: Tx, name: str, url: str, wanted: Sequence[str], private: Collection[str], since: int | None = None) -> tuple[int, str]:
    """A new subscription of the client that acts, from the change after `since` on (None: from now); returns its id and its secret.

    The secret is shown this once. `wanted` are events; none: all that the client may read.
    """
    policy.require(tx, Can.MANAGE_WEBHOOKS)
    client = tx.get(ApiClient, tx.actor.id or 0, lock=True, what="client")
    return _subscribe(tx, client, name, url, wanted, private, since)


def subscribe_for(tx: Tx, client_id: int, name: str, url: str, wanted: Sequence[str], private: Collection[str]) -> tuple[int, str]:
    """The same for a client that the administrator looks after, and that may have subscriptions; from now on."""
    policy.require(tx, Can.MANAGE_CLIENTS)
    client = tx.get(ApiClient, client_id, lock=True, what="client")
    if not policy.covers(tx, Can.MANAGE_CLIENTS, client.organisation_id):
        raise NotFound("There is no client with that reference.")
    if client.disabled_at is not None or SCOPE not in client.scopes.split():
        said = f"Choose a client that works and has the scope {SCOPE}"
        raise Invalid("This client cannot have subscriptions.", errors=[{"field": "client", "message": said}])
    return _subscribe(tx, client, name, url, wanted, private, None)


def _subscribe(
    tx: Tx, client: Row[Any], name: str, url: str, wanted: Sequence[str], private: Collection[str], since: int | None
) -> tuple[int, str]:
    held = select(func.count()).select_from(Subscription).where(Subscription.client_id == client.id, Subscription.state != "off")
    if tx.scalar(held) >= MOST:
        raise Conflict(f"A client may have {MOST} subscriptions.", code="too-many-subscriptions", way_out="Delete one that is not used.")
    newest = feed.last(tx)
    if since is not None and since > newest:
        said = f"The newest change has the number {newest}"
        raise Invalid("There is no such change yet.", errors=[{"field": "since", "message": said}])
    begin, secret = newest if since is None else since, signing.new_secret()
    values = _checked(name, url, wanted, private)
    key = tx.insert(
        Subscription,
        **values,
        client_id=client.id,
        state="on",
        secret=secret,
        since=begin,
        reached=begin,
        created_at=tx.now,
        changed_at=tx.now,
        version=1,
    )
    tx.record("subscription.created", "subscriptions", key, name=name, events=values["events"])
    return key, secret


def change(
    tx: Tx,
    subscription_id: int,
    private: Collection[str],
    *,
    name: str | None = None,
    url: str | None = None,
    wanted: Sequence[str] | None = None,
    paused: bool | None = None,
) -> None:
    """Another name, address or choice of events, from the next delivery on; or paused, or going on."""
    row = _find_live(tx, subscription_id)
    values = _checked(name, url, wanted, private)
    if "url" in values:  # another receiver has not failed yet
        values |= {"quiet_until": None, "failing_since": None}
    if values:
        _write(tx, row, "subscription.changed", changed=sorted(values), **values)
    if paused is not None and paused != (row.state == "paused"):
        (pause if paused else resume)(tx, subscription_id)


def pause(tx: Tx, subscription_id: int, why: str = "Paused by hand.") -> None:
    """Nothing is sent until it is resumed; nothing is lost meanwhile."""
    row = _find_live(tx, subscription_id)
    if row.state == "paused":
        raise Conflict("This subscription is paused already.", code="subscription-paused")
    _write(tx, row, "subscription.paused", state="paused", why=why)


def resume(tx: Tx, subscription_id: int) -> None:
    """Send again, beginning with what has waited."""
    row = _find_live(tx, subscription_id)
    if row.state == "on":
        raise Conflict("This subscription is not paused.", code="subscription-on")
    _write(tx, row, "subscription.resumed", state="on", why=None, quiet_until=None, failing_since=None)
    tx.db.execute(update(Delivery).where(*_due(subscription_id), Delivery.due_at > tx.now).values(due_at=tx.now))


def switch_off(tx: Tx, subscription_id: int, why: str = "Switched off by hand.") -> None:
    """For good: nothing is sent any more, and what waits is dropped."""
    _off(tx, _find_live(tx, subscription_id), why)


def delete(tx: Tx, subscription_id: int) -> None:
    """The client wants no more of it and does not see it again; administrators do, with its deliveries."""
    row = find(tx, subscription_id, lock=True)
    if row.state != "off":
        _off(tx, row, "Deleted by its client.")
    tx.update(Subscription, subscription_id, deleted_at=tx.now)


def _off(tx: Tx, row: Row[Any], why: str) -> None:
    _write(tx, row, "subscription.off", state="off", why=why, old_secret=None, old_secret_until=None)
    ended = dict(state="dropped", ended_at=tx.now, locked_until=None, last_error="The subscription is off.")
    tx.db.execute(update(Delivery).where(*_due(row.id)).values(**ended))


def rotate(tx: Tx, subscription_id: int) -> str:
    """A new secret, shown this once; for a day the one before signs too. One before that stops at once."""
    row, secret = _find_live(tx, subscription_id), signing.new_secret()
    until = tx.now + signing.OVERLAP
    _write(tx, row, "subscription.secret-rotated", secret=secret, old_secret=row.secret, old_secret_until=until)
    return secret


def send_test(tx: Tx, subscription_id: int) -> int:
    """Queue a message of the event webhook.test, also while the subscription is paused; returns the delivery."""
    row = _find_live(tx, subscription_id)
    waiting = select(func.count()).select_from(Delivery).where(*_due(row.id), Delivery.number.is_(None))
    if tx.scalar(waiting) >= MOST:
        raise Conflict("Enough tests are waiting to be sent.", code="tests-waiting")
    message_id = f"msg_{row.id}_test_{secrets.token_hex(8)}"
    key = tx.insert(
        Delivery,
        subscription_id=row.id,
        message_id=message_id,
        event=events.TEST,
        lane=message_id,
        due_at=tx.now,
        created_at=tx.now,
    )
    tx.record("subscription.tested", "subscriptions", row.id)
    return key


def redrive(tx: Tx, subscription_id: int, delivery_id: int) -> None:
    """Send one delivery again, with the same id, whatever became of it."""
    row = _find_live(tx, subscription_id)
    found = tx.one(select(Delivery.state).where(Delivery.id == delivery_id, Delivery.subscription_id == row.id))
    if found is None:
        raise NotFound("There is no delivery with that reference.")
    if _again(tx, row, Delivery.id == delivery_id, Delivery.state != "due") != 1:
        raise Conflict("This delivery is waiting to be sent already.", code="delivery-due")


def redrive_parked(tx: Tx, subscription_id: int, since: datetime | None = None) -> int:
    """Send again all that was parked, at `since` or after; returns how many deliveries that is."""
    row = _find_live(tx, subscription_id)
    parked = Delivery.state == "parked"
    return _again(tx, row, parked if since is None else and_(parked, Delivery.ended_at >= since))


def _again(tx: Tx, row: Row[Any], *which: Any) -> int:
    again = dict(state="due", attempts=0, due_at=tx.now, ended_at=None, locked_until=None)
    done = int(tx.db.execute(update(Delivery).where(Delivery.subscription_id == row.id, *which).values(**again)).rowcount)
    if done:
        tx.record("subscription.redriven", "subscriptions", row.id, deliveries=done)
    return done


def _due(subscription_id: int) -> tuple[Any, ...]:
    return Delivery.subscription_id == subscription_id, Delivery.state == "due"


def _write(tx: Tx, row: Row[Any], action: str, changed: Sequence[str] = (), **values: Any) -> None:
    tx.db.execute(
        update(Subscription).where(Subscription.id == row.id).values(**values, changed_at=tx.now, version=Subscription.version + 1)
    )
    facts: dict[str, Any] = {"changed": list(changed)} if changed else {}
    if values.get("why"):
        facts["why"] = values["why"]
    tx.record(action, "subscriptions", row.id, **facts)
