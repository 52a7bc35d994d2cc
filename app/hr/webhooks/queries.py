"""Subscriptions with their health, deliveries with their tries: for the client that has them, and for administrators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field
from sqlalchemy import Row, func, literal, select

from app import policy
from app.core.db import AnySelect
from app.core.errors import NotFound
from app.core.listing import InstantOut, ListQuery
from app.core.tx import Tx
from app.hr.change_models import Delivery, DeliveryTry, Subscription
from app.identity.models import ApiClient
from app.identity.queries import units
from app.policy import Can

STATES = ("due", "sent", "parked", "dropped")


class SubscriptionOut(BaseModel):
    """Where changes are sent, and how that goes."""

    id: int
    name: str
    url: str
    events: list[str] | None = Field(description="Only these; null: all that the client may read.")
    state: str = Field(description="`on`, `paused`, or `off` for good.")
    why: str | None = Field(description="It is paused or off.")
    since: int = Field(description="The number of the change after which it began.")
    reached: int = Field(description="The number of the change up to which deliveries have been made out.")
    waiting: int = Field(description="Deliveries that are due, or will be tried again.")
    parked: int = Field(description="Deliveries that were given up, and can be sent again.")
    last_sent_at: InstantOut | None = Field(description="When one was last accepted.")
    failing_since: InstantOut | None = Field(description="Since when nothing has been accepted; null: the last attempt was.")
    quiet_until: InstantOut | None = Field(description="Nothing is sent before: the receiver asked for it, or struggles.")
    old_secret_until: InstantOut | None = Field(description="Until when the secret before signs, too.")
    created_at: InstantOut
    changed_at: InstantOut
    version: int


class SubscriptionsOut(BaseModel):
    """One slice of a list."""

    items: list[SubscriptionOut]
    next: str | None = Field(description="The cursor of the next slice; null: that was all.")


class TryOut(BaseModel):
    """One attempt."""

    at: InstantOut
    milliseconds: int
    status: int | None = Field(description="HTTP; null: no answer.")
    error: str | None
    answer: str | None = Field(description="The beginning of what was answered.")


class DeliveryOut(BaseModel):
    """One message to a receiver; it has the same id however often it is sent."""

    id: int
    message_id: str = Field(description="What `webhook-id` says.")
    number: int | None = Field(description="Of the change; null: a test.")
    event: str = Field(description="As it was made out; what is gone by the time of sending is told as removed.")
    state: str = Field(description="`due`, `sent`, `parked` (given up), or `dropped` (not for this client, or the subscription is off).")
    attempts: int
    due_at: InstantOut
    created_at: InstantOut
    ended_at: InstantOut | None
    last_status: int | None
    last_error: str | None


class DeliveriesOut(BaseModel):
    """One slice of a list."""

    items: list[DeliveryOut]
    next: str | None = Field(description="The cursor of the next slice; null: that was all.")


class DeliveryWithTriesOut(DeliveryOut):
    """With the attempts of the last 30 days, oldest first."""

    tries: list[TryOut]


class DeliveriesQuery(ListQuery):
    """Which deliveries."""

    state: Annotated[str, Field(pattern="^(due|sent|parked|dropped)$")] | None = Field(None, description="Only those in this state.")


def _count(state: str) -> Any:
    return (
        select(func.count())
        .where(Delivery.subscription_id == Subscription.id, Delivery.state == state)
        .correlate(Subscription)
        .scalar_subquery()
        .label({"due": "waiting"}.get(state, state))
    )


_LAST = select(func.max(Delivery.ended_at)).where(Delivery.subscription_id == Subscription.id, Delivery.state == "sent")
_S = Subscription
_COLUMNS = (
    *(_S.id, _S.name, _S.url, _S.events, _S.state, _S.why, _S.since, _S.reached, _count("due"), _count("parked")),
    *(_LAST.correlate(_S).scalar_subquery().label("last_sent_at"), _S.failing_since, _S.quiet_until, _S.old_secret_until),
    *(_S.created_at, _S.changed_at, _S.version),
)
_D = Delivery
_SHOWN = (
    *(_D.id, _D.message_id, _D.number, _D.event, _D.state, _D.attempts, _D.due_at, _D.created_at, _D.ended_at),
    *(_D.last_status, _D.last_error),
)


def own(tx: Tx) -> AnySelect:
    """The acting client's subscriptions."""
    policy.require(tx, Can.MANAGE_WEBHOOKS)
    return select(*_COLUMNS).where(Subscription.client_id == tx.actor.id, Subscription.deleted_at.is_(None))


def one(tx: Tx, subscription_id: int) -> dict[str, Any]:
    """One of the acting client's, as the API shows it."""
    row = tx.one(own(tx).where(Subscription.id == subscription_id))
    if row is None:
        raise NotFound("There is no subscription with that reference.")
    return shown(row._asdict())


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A subscription as the API shows it: all events are null, as they are sent, so that no choice is read as an empty one."""
    return {**row, "events": row["events"] or None}


def looked_after(tx: Tx, subscription_id: int | None = None) -> Sequence[Row[Any]]:
    """Subscriptions of the clients that an administrator looks after, those that need a look first."""
    policy.require(tx, Can.MANAGE_CLIENTS)
    chosen = (
        select(*_COLUMNS, Subscription.client_id, Subscription.deleted_at, ApiClient.name.label("client"), ApiClient.disabled_at)
        .add_columns(_count("dropped"))
        .join(ApiClient, ApiClient.id == Subscription.client_id)
        .order_by(Subscription.state == "off", Subscription.state == "on", Subscription.failing_since.is_(None), ApiClient.name, _S.id)
    )
    nodes = units(tx, Can.MANAGE_CLIENTS)
    if nodes is not None:
        chosen = chosen.where(ApiClient.organisation_id.in_(nodes))
    if subscription_id is not None:
        chosen = chosen.where(Subscription.id == subscription_id)
    return tx.rows(chosen)


def subscribers(tx: Tx) -> Sequence[Row[Any]]:
    """The clients that an administrator looks after and that may have subscriptions: id and name."""
    scopes = literal(" ") + ApiClient.scopes + " "
    chosen = (
        select(ApiClient.id, ApiClient.name)
        .where(ApiClient.disabled_at.is_(None), scopes.contains(" webhooks:write "))
        .order_by(ApiClient.name, ApiClient.id)
    )
    nodes = units(tx, Can.MANAGE_CLIENTS)
    return tx.rows(chosen if nodes is None else chosen.where(ApiClient.organisation_id.in_(nodes)))


def deliveries(subscription_id: int, state: str | None = None) -> AnySelect:
    """What was made out for one subscription; whose it is has been asked before."""
    chosen: AnySelect = select(*_SHOWN).where(Delivery.subscription_id == subscription_id)
    return chosen if state is None else chosen.where(Delivery.state == state)


def delivery(tx: Tx, subscription_id: int, delivery_id: int) -> dict[str, Any]:
    """One of them with its tries."""
    row = tx.one(deliveries(subscription_id).where(Delivery.id == delivery_id))
    if row is None:
        raise NotFound("There is no delivery with that reference.")
    return {**row._mapping, "tries": [dict(one._mapping) for one in tries(tx, [delivery_id])]}


def tries(tx: Tx, ids: Sequence[int]) -> Sequence[Row[Any]]:
    """The attempts at some deliveries, oldest first."""
    columns = (DeliveryTry.delivery_id, DeliveryTry.at, DeliveryTry.milliseconds, DeliveryTry.status, DeliveryTry.error, DeliveryTry.answer)
    return tx.rows(select(*columns).where(DeliveryTry.delivery_id.in_(ids)).order_by(DeliveryTry.id))
