"""On Monday mornings whoever's supervision is overdue is told, and so are those who supervise them: one message each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Row, or_, select

from app.core.calendar import from_london, london, long_date
from app.core.declared import aliased
from app.core.facts import current
from app.core.ledger import Outbox, message
from app.core.tx import Tx
from app.people.models import Duty, Person, Responsibility
from app.supervision.queries import followed, in_pieces

TELL_AT = time(8)  # London time
LATEST = timedelta(days=2)  # so late it may be, where no worker ran; after that it waits for the next Monday


def turn(now: datetime) -> datetime | None:
    """The turn of this week's messages; None before Monday morning's hour and when it is long past."""
    today = london(now).date()
    due = from_london(today - timedelta(days=today.weekday()), TELL_AT)
    return due if due <= now < due + LATEST else None


def tell_overdue(tx: Tx, _now: datetime) -> None:
    """Queue the messages: to the person, and one to each line manager and assessor with everybody of theirs."""
    here = or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today)
    others: dict[int, list[tuple[date, str]]] = defaultdict(list)
    rows = []
    for held in in_pieces(tx, select(Person.id).where(here, followed(tx.today))):
        since = {key: each.overdue_since for key, each in held.items() if each.overdue_since}
        rows += [_message(tx, key, own=True, lines=[f"since {long_date(day)}"]) for key, day in sorted(since.items())]
        for row in _above(tx, since):
            others[row.holder_id].append((since[row.person_id], row.name))
    for holder, theirs in sorted(others.items()):
        rows.append(_message(tx, holder, own=False, lines=[f"{name}, since {long_date(day)}" for day, name in sorted(theirs)]))
    if rows:
        tx.insert_many(Outbox, rows)


def _above(tx: Tx, late: Collection[int]) -> Sequence[Row[Any]]:
    """Who manages or assesses these people today, with the name of each of theirs."""
    supervised = aliased(Person)
    held = (
        select(Responsibility.holder_id, Responsibility.person_id, supervised.name)
        .join(Person, Person.id == Responsibility.holder_id)
        .join(supervised, supervised.id == Responsibility.person_id)
        .where(
            Responsibility.kind.in_((Duty.MANAGER.value, Duty.ASSESSOR.value)),
            Responsibility.person_id.in_(late),
            current(Responsibility, tx.today),
            or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today),
        )
    )
    return tx.rows(held.distinct()) if late else []


def _message(tx: Tx, person_id: int, *, own: bool, lines: list[str]) -> dict[str, Any]:
    facts = {"own": own, "subjects": lines, "link": "/supervision" if own else "/supervision/team"}
    return message("email.supervision_due", tx.now, "people", person_id, facts) | {"subject_id": person_id}
