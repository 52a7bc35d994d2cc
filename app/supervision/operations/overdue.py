"""On Monday mornings whoever's supervision is overdue is told, and so are those who supervise them: one message each."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import or_, select

from app.core.calendar import from_london, london, long_date
from app.core.facts import current
from app.core.ledger import Outbox, message
from app.core.tx import Tx
from app.people.models import Duty, Person, Responsibility
from app.supervision.models import SupervisionTerm
from app.supervision.queries import held_against_due

TELL_AT = time(8)  # London time
LATEST = timedelta(days=2)  # so late it may be, where no worker ran; after that it waits for the next Monday


def turn(now: datetime) -> datetime | None:
    """The turn of this week's messages; None before Monday morning's hour and when it is long past."""
    today = london(now).date()
    due = from_london(today - timedelta(days=today.weekday()), TELL_AT)
    return due if due <= now < due + LATEST else None


def _facts(own: bool, lines: list[str]) -> dict[str, Any]:
    return {"own": own, "subjects": lines, "link": "/supervision" if own else "/supervision/team"}


def tell_overdue(tx: Tx, _now: datetime) -> None:
    """Queue the messages: to the person, and one to each line manager and assessor with everybody of theirs."""
    here = or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today)
    whom = (
        select(SupervisionTerm.person_id)
        .join(Person, Person.id == SupervisionTerm.person_id)
        .where(current(SupervisionTerm, tx.today), here)
    )
    since = {key: held.overdue_since for key, held in held_against_due(tx, whom).items() if held.overdue_since}
    if not since:
        return
    names = {row.id: row.name for row in tx.rows(select(Person.id, Person.name).where(Person.id.in_(since)))}
    told: dict[tuple[int, bool], list[str]] = {(key, True): [f"since {long_date(day)}"] for key, day in since.items()}
    others = defaultdict(list)
    for row in tx.rows(
        select(Responsibility.holder_id, Responsibility.person_id)
        .join(Person, Person.id == Responsibility.holder_id)
        .where(
            Responsibility.kind.in_((Duty.MANAGER.value, Duty.ASSESSOR.value)),
            Responsibility.person_id.in_(since),
            current(Responsibility, tx.today),
            here,
        )
        .distinct()
    ):
        others[row.holder_id].append(row.person_id)
    for holder, theirs in others.items():
        in_order = sorted(theirs, key=lambda key: (since[key], names[key]))
        told[holder, False] = [f"{names[key]}, since {long_date(since[key])}" for key in in_order]
    rows = [
        message("email.supervision_due", tx.now, "people", person, _facts(own, lines)) | {"subject_id": person}
        for (person, own), lines in sorted(told.items())
    ]
    tx.insert_many(Outbox, rows)
