"""Planted violations of what must hold of webhooks."""

from __future__ import annotations

from sqlalchemy import select

from app.core.tx import Tx
from app.hr.change_models import Delivery, Subscription
from app.hr.webhooks import operations
from app.identity import clients
from app.identity.models import ApiClient
from tests.hr.webhooks import world
from tests.plants import plants


def hooked(tx: Tx) -> tuple[int, int]:
    """A subscription, and a delivery that was parked."""
    clients.create_client(tx, "Planted", ["people:read", "webhooks:write"])
    return world.subscription(tx, tx.scalar(select(ApiClient.id).order_by(ApiClient.id.desc())))


@plants("made-out-as-far-as-reached")
def _(tx: Tx) -> None:
    key, delivery = hooked(tx)
    tx.update(Subscription, key, reached=tx.get(Delivery, delivery).number - 1)


@plants("made-out-once")
def _(tx: Tx) -> None:
    _, delivery = hooked(tx)
    values = dict(tx.get(Delivery, delivery)._mapping) | {"message_id": "msg_other"}
    del values["id"]
    tx.insert(Delivery, **values)


@plants("deliveries-end")
def _(tx: Tx) -> None:
    key, delivery = hooked(tx)
    operations.switch_off(tx, key)
    tx.update(Delivery, delivery, state="due", ended_at=None)


@plants("subscriptions-sign")
def _(tx: Tx) -> None:
    key, _delivery = hooked(tx)
    tx.update(Subscription, key, secret="short")


@plants("subscriptions-say-why")
def _(tx: Tx) -> None:
    key, _delivery = hooked(tx)
    operations.pause(tx, key)
    tx.update(Subscription, key, why=None)
