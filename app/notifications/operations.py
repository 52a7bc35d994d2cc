"""What an administrator can do about messages that were set aside."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select, update

from app.core.errors import Conflict, NotFound
from app.core.ledger import Outbox
from app.core.tx import Tx
from app.policy import Can, operation, within_reach


def _again(tx: Tx) -> Any:
    values: dict[str, Any] = dict(parked_at=None, locked_until=None, attempts=0, due_at=tx.now)
    return update(Outbox).where(Outbox.parked_at.is_not(None)).values(**values)


def _mine(tx: Tx) -> ColumnElement[bool]:
    return within_reach(tx, Can.READ_DELIVERIES, Outbox.person_id)


@operation(Can.READ_DELIVERIES)
def retry(tx: Tx, message_id: int) -> None:
    """Try a parked message to somebody in reach again, from the first attempt. Refused (409) unless it is parked."""
    message = tx.get(Outbox, message_id, lock=True, what="message")
    if tx.scalar(select(Outbox.id).where(Outbox.id == message_id, _mine(tx))) is None:
        raise NotFound("There is no message with that reference, or it is not to one of your people.", code="message-not-found")
    if message.parked_at is None:
        raise Conflict("This message has been sent or is waiting its turn. There is nothing to retry.", code="not-parked")
    tx.db.execute(_again(tx).where(Outbox.id == message_id))
    tx.record("delivery.retried", "outbox", message_id, person_id=message.person_id, kind=message.kind)


@operation(Can.READ_DELIVERIES)
def retry_all(tx: Tx) -> int:
    """Try every parked message to people in reach again, for instance after the mail server was put right; returns how many."""
    number = int(tx.db.execute(_again(tx).where(_mine(tx))).rowcount)
    if number == 0:
        raise Conflict("No message is set aside. There is nothing to retry.", code="not-parked")
    tx.record("delivery.retried-all", "outbox", None, number=number)
    return number
