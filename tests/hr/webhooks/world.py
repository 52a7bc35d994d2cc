"""Subscriptions in every state, for the tour and for the tables of who may what."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, insert, select

from app.core.ledger import Audit
from app.core.tx import SYSTEM, Actor, Tx
from app.hr import feed
from app.hr.change_models import Change, Delivery, DeliveryTry, Subscription
from app.hr.webhooks import operations

HOST = "hooks.westmarch.example"
LONG = "https://hooks.westmarch.example/" + "a-rather-long-path-that-does-not-break/" * 4


def subscription(tx: Tx, client: int, name: str = "Payroll", url: str = f"https://{HOST}/academy") -> tuple[int, int]:
    """One subscription of a client, with a delivery that was parked; returns the ids of both."""
    before, tx.actor = tx.actor, Actor("client", client, "A client", scopes=frozenset({"webhooks:write"}))
    key, _ = operations.subscribe(tx, name, url, ["person.changed"], frozenset({HOST}))
    tx.actor = before
    number = feed.last(tx) + 1
    about = dict(event="person.changed", resource="people", resource_id=1, person_id=1)
    tx.db.execute(insert(Change), dict(number=number, audit_id=tx.scalar(select(func.max(Audit.id))), at=tx.now, **about))
    tx.update(Subscription, key, reached=number)
    return key, _delivery(tx, key, number, "parked")


def _delivery(tx: Tx, key: int, number: int | None, state: str, tries: int = 2) -> int:
    ended = None if state == "due" else tx.now
    message = f"msg_{key}_{number}" if number is not None else f"msg_{key}_test_{state}"
    delivery = tx.insert(
        Delivery,
        subscription_id=key,
        number=number,
        message_id=message,
        event="person.changed" if number is not None else "webhook.test",
        lane="people/1" if number is not None else message,
        state=state,
        attempts=tries,
        due_at=tx.now + timedelta(minutes=5),
        created_at=tx.now - timedelta(hours=3),
        ended_at=ended,
        last_status=204 if state == "sent" else 500 if state == "parked" else None,
        last_error={"parked": "Answered 500.", "dropped": "Not for this client to see."}.get(state),
    )
    tried = dict(delivery_id=delivery, at=tx.now - timedelta(hours=1), milliseconds=1204)
    rows = [tried | {"status": 500, "error": "Answered 500.", "answer": "Traceback (most recent call last): " + "x" * 200}]
    rows.append(tried | {"status": None, "error": "No answer within 20 seconds.", "answer": None})
    if state == "sent":
        rows.append(tried | {"status": 204, "error": None, "answer": None})
    tx.insert_many(DeliveryTry, rows[:tries])
    return delivery


def arrange(tx: Tx, client: int) -> None:
    """For the tour: one that has given up something, one that is failing, one that is paused, with deliveries of every kind."""
    first, _ = subscription(tx, client)
    for state in ("due", "sent", "dropped"):
        _delivery(tx, first, None, state, tries=3)
    failing, _ = subscription(tx, client, "The council’s intranet pages about learning and development of social workers", LONG)
    before, tx.actor = tx.actor, SYSTEM
    operations.pause(tx, failing, "Nothing was taken for 3 days.")
    tx.actor = before
