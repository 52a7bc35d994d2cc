"""Apprentices' safeguarding training and three-way reviews are chased: on working days at 8am, nobody more often than the council says.

Both figures are the council's (`programme_chase_days`, `programme_long_days`). Told are the apprentice, those who look after them and, once
something is long overdue, whoever coordinates for them. When somebody was told last stands in the outbox, so nothing else has to be kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Row, func, select

from app.bookings.operations.queue import coordinators_of
from app.bookings.terms import policy
from app.core.calendar import from_london, london, long_date, working_day
from app.core.facts import current
from app.core.ledger import Outbox
from app.core.tx import Tx
from app.people.models import Duty, Person, Responsibility
from app.programmes.apprentice_measures import Safeguarding, safeguarding
from app.programmes.apprentice_models import Apprenticeship, ProgressReview
from app.programmes.desk_queries import CLOCK_RUNS
from app.programmes.models import Capacity, Enrolment, Involvement
from app.programmes.operations.notices import SOON, Told, lists, today

AT = time(8)  # London time
REVIEW, TRAINING = "email.review_due", "email.safeguarding_due"
LOOKS_AFTER = ("employer", "provider", "mentor", "assessor", "line_manager")
_NEXT_REVIEW = (
    select(func.min(ProgressReview.due_on))
    .where(ProgressReview.enrolment_id == Enrolment.id, ProgressReview.held_on.is_(None), Apprenticeship.gateway_at.is_(None))
    .correlate(Enrolment, Apprenticeship)
    .scalar_subquery()
)
_RUNNING = (
    select(Enrolment.id, Enrolment.person_id, Enrolment.starts_on, Person.name, Person.sort_name, _NEXT_REVIEW.label("review_on"))
    .select_from(Apprenticeship)
    .join(Enrolment, Enrolment.id == Apprenticeship.enrolment_id)
    .join(Person, Person.id == Enrolment.person_id)
    .where(Enrolment.status.in_(CLOCK_RUNS))
    .order_by(Enrolment.id)
)


def turn(now: datetime) -> datetime | None:
    """Today's turn once its hour has come; None before that, and on days that nobody works."""
    day = london(now).date()
    due = from_london(day, AT)
    return due if working_day(day) and now >= due else None


def chase(tx: Tx, _now: datetime) -> None:
    """Queue what is due today: one message of a kind for each reader, with everybody of theirs."""
    rows = [row for row in tx.rows(_RUNNING) if row.starts_on <= tx.today]
    lines = list(_lines(tx, rows))
    if not lines:
        return
    around = _around(tx, rows)
    long = policy(tx).programme_long_days
    above = coordinators_of(tx, {row.person_id for _, row, _, late in lines if late >= long})
    told: dict[str, Told] = {REVIEW: defaultdict(list), TRAINING: defaultdict(list)}
    for kind, row, words, late in lines:
        told[kind][row.person_id, True].append((-late, words))
        readers = around[row.id] | (set(above.get(row.person_id, ())) if late >= long else set())
        for reader in readers - {row.person_id}:
            told[kind][reader, False].append(((-late, row.sort_name, row.id), f"{row.name}: {words[0].lower()}{words[1:]}"))
    lately = _lately(tx, {reader for found in told.values() for reader, _ in found})
    queued = []
    for kind, found in told.items():
        waits = {key: some for key, some in found.items() if (kind, key[0]) not in lately}
        queued += lists(tx, kind, waits, others="/apprenticeships")
    tx.insert_many(Outbox, queued)


def _lines(tx: Tx, rows: Sequence[Row[Any]]) -> Iterator[tuple[str, Row[Any], str, int]]:
    """(Kind, enrolment, words about it, days late) of everything that is due in 14 days or late, and of training that ends in 60."""
    safe = safeguarding(tx, [row.person_id for row in rows], tx.today) if rows else {}
    for row in rows:
        if row.review_on is not None and row.review_on <= tx.today + SOON:
            late = (tx.today - row.review_on).days
            yield REVIEW, row, f"{'Overdue since' if late > 0 else 'By'} {long_date(row.review_on)}", max(late, 0)
        training = safe[row.person_id]
        if not training.ok or training.soon:
            yield TRAINING, row, training.words, _training_late(row, training)


def _training_late(row: Row[Any], training: Safeguarding) -> int:
    """Days since it expired or, where there never was any, since the apprenticeship began; 0 while it is in date."""
    if training.ok:
        return 0
    return (training.today - (training.until or row.starts_on)).days


def _around(tx: Tx, rows: Sequence[Row[Any]]) -> Mapping[int, set[int]]:
    """By enrolment those who look after the apprentice today, and their line manager."""
    found: dict[int, set[int]] = defaultdict(set)
    held = (
        select(Capacity.enrolment_id, Involvement.person_id)
        .join(Involvement, Involvement.id == Capacity.involvement_id)
        .where(Capacity.enrolment_id.in_([row.id for row in rows]), Capacity.capacity.in_(LOOKS_AFTER), *today(tx))
    )
    for row in tx.rows(held):
        found[row.enrolment_id].add(row.person_id)
    managed = (
        select(Responsibility.person_id, Responsibility.holder_id)
        .where(Responsibility.kind == Duty.MANAGER.value, Responsibility.person_id.in_([row.person_id for row in rows]))
        .where(current(Responsibility, tx.today))
    )
    managers = defaultdict(set)
    for row in tx.rows(managed):
        managers[row.person_id].add(row.holder_id)
    for row in rows:
        found[row.id] |= managers[row.person_id]
    return found


def _lately(tx: Tx, readers: Collection[int]) -> Collection[tuple[str, int]]:
    """Who of these was told of which kind so lately that they are not to be told again today."""
    first = tx.today - timedelta(days=policy(tx).programme_chase_days - 1)
    statement = (
        select(Outbox.kind, Outbox.person_id)
        .where(Outbox.person_id.in_(readers), Outbox.created_at >= from_london(first, time(0)))
        .where(Outbox.kind.in_((REVIEW, TRAINING)))
    )
    return {(row.kind, row.person_id) for row in tx.rows(statement)}
