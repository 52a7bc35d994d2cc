"""Telling those who deliver a session: that they do, what changed of it for them, and what they no longer deliver."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import insert, select

from app.bookings.models import Part, PartTrainer
from app.bookings.operations import changes
from app.bookings.operations.timetable import PartNew
from app.core.ledger import Outbox, message
from app.core.tx import Tx


class Delivered(NamedTuple):
    """One part that somebody delivers, with its id."""

    id: int
    part: PartNew


Deliveries = Mapping[int, Sequence[Delivered]]  # by trainer, in order of time


def deliveries(tx: Tx, session_id: int) -> Deliveries:
    """Who delivers which parts of a session now."""
    rows = tx.rows(
        select(PartTrainer.person_id, Part.id, Part.starts_at, Part.ends_at, Part.room_id, Part.link)
        .join(Part, Part.id == PartTrainer.part_id)
        .where(Part.session_id == session_id)
        .order_by(PartTrainer.person_id, Part.starts_at, Part.id)
    )
    found: dict[int, list[Delivered]] = defaultdict(list)
    for row in rows:
        found[row.person_id].append(Delivered(row.id, PartNew(row.starts_at, row.ends_at, row.room_id, row.link)))
    return found


def tell(tx: Tx, session_id: int, before: Deliveries, after: Deliveries, *, reason: str | None = None, called_off: bool = False) -> None:
    """One message for each trainer for whom something is different; a second one takes away what they no longer deliver of it."""
    told: list[tuple[str, int, dict[str, Any]]] = []
    for person in sorted(before.keys() | after.keys()):
        was, now = before.get(person, ()), after.get(person, ())
        kept = {one.id for one in now}
        gone = [one for one in was if one.id not in kept]
        if now and not was:
            told.append(("email.trainer_session_set", person, {}))
        elif now:
            stays = [one.part for one in was if one.id in kept]
            told += _changed(tx, person, stays, [one.part for one in now])
        if gone:
            facts = {"off": part_facts(tx, gone), "whole": not now, "called_off": called_off, "reason": reason}
            told.append(("email.trainer_session_cancelled", person, facts))
    rows = [message(kind, tx.now, "sessions", person, facts) | {"subject_id": session_id} for kind, person, facts in told]
    if rows:
        tx.db.execute(insert(Outbox), rows)


def _changed(tx: Tx, person: int, was: list[PartNew], now: list[PartNew]) -> list[tuple[str, int, dict[str, Any]]]:
    sentences = changes.described(tx, was, now)
    if not sentences:
        return []
    facts: dict[str, Any] = {"changes": sentences}
    if [(part.starts_at, part.ends_at) for part in was] != [(part.starts_at, part.ends_at) for part in now] and was:
        facts["before"] = changes.part_facts(tx, was)
    return [("email.trainer_session_changed", person, facts)]


def part_facts(tx: Tx, parts: Sequence[Delivered]) -> list[dict[str, Any]]:
    """Parts as a message keeps them, with their identity in calendars."""
    facts = changes.part_facts(tx, [one.part for one in parts])
    return [{**fact, "id": one.id} for fact, one in zip(facts, parts, strict=True)]
