"""The queue of messages, for those who look after it. Recipients are shown by name only; what was said to them is not kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from app.core.calendar import london_day
from app.core.ledger import Outbox
from app.core.tx import Tx
from app.people.models import Person
from app.policy import Can, within_reach

PER_PAGE = 25
_WAITING = (Outbox.sent_at.is_(None), Outbox.parked_at.is_(None), Outbox.how == "email")


def counts(tx: Tx) -> Row[Any]:
    """How many messages wait, were sent today (London's day), and were set aside, of those to people in reach."""
    mine = within_reach(tx, Can.READ_DELIVERIES, Outbox.person_id)

    def number(*conditions: Any) -> Any:
        return select(func.count()).select_from(Outbox).where(mine, *conditions).scalar_subquery()

    row = tx.one(
        select(
            number(*_WAITING).label("waiting"),
            number(*_sent_today(tx)).label("sent"),
            number(Outbox.parked_at.is_not(None)).label("parked"),
        )
    )
    assert row is not None
    return row


def messages(tx: Tx, show: str, page: int) -> Sequence[Row[Any]]:
    """25 messages to people in reach: `waiting` (next due first), `sent` (today's, newest first) or `parked` (newest first)."""
    mine = within_reach(tx, Can.READ_DELIVERIES, Outbox.person_id)
    chosen = {
        "waiting": _list().where(*_WAITING).order_by(Outbox.due_at, Outbox.id),
        "sent": _list().where(*_sent_today(tx)).order_by(Outbox.sent_at.desc(), Outbox.id.desc()),
        "parked": _list().where(Outbox.parked_at.is_not(None)).order_by(Outbox.parked_at.desc(), Outbox.id.desc()),
    }[show]
    return tx.rows(chosen.where(mine).limit(PER_PAGE).offset(PER_PAGE * (page - 1)))


def _list() -> Any:
    columns = (Outbox.id, Outbox.kind, Outbox.created_at, Outbox.due_at, Outbox.attempts, Outbox.sent_at, Outbox.parked_at, Outbox.error)
    return select(*columns, Person.name).outerjoin(Person, Person.id == Outbox.person_id)


def _sent_today(tx: Tx) -> tuple[Any, ...]:
    start: datetime
    start, end = london_day(tx.today)
    return Outbox.sent_at.is_not(None), Outbox.sent_at >= start, Outbox.sent_at < end, Outbox.how == "email"
