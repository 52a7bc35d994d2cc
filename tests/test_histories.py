"""Random histories through the operations: whatever people do, and in whatever order, every rule of the auditor holds."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import invariants
from app.bookings import operations
from app.bookings.models import Booking, Session
from app.bookings.operations.sessions import cancel_session, change_session
from app.core.errors import Refusal
from app.core.tx import Actor, Tx, transaction
from tests.factory import Make

COORDINATOR = (("practitioner", None), ("coordinator", None))


def act(tx: Tx, chance: random.Random, sessions: list[int], people: list[int]) -> None:
    """One thing that somebody might try; often it is refused."""
    session = chance.choice(sessions)
    bookings = [row.id for row in tx.rows(select(Booking.id).where(Booking.session_id == session).order_by(Booking.id))]
    what = chance.choices(("book", "cancel", "decide", "give", "resize", "call off"), (50, 20, 12, 10, 8, 0.5))[0]
    if what == "book":
        operations.book(tx, session, chance.choice(people))
    elif what == "give":
        operations.give_next(tx, session)
    elif what == "resize":
        change_session(tx, session, tx.get(Session, session).version, capacity=chance.randint(1, 5))
    elif what == "call off":
        cancel_session(tx, session, "The trainer is ill")
    elif bookings and what == "cancel":
        operations.cancel(tx, chance.choice(bookings), "Court hearing")
    elif bookings:
        operations.decide(tx, chance.choice(bookings), chance.random() < 0.6, "Not this term")


def history(make: Make, seed: int, length: int) -> set[str]:
    """Plays one history; returns the kinds of refusals that were met."""
    chance = random.Random(seed)
    later = datetime.now(UTC).date() + timedelta(days=40)
    room: dict[str, Any] = dict(course=make.course().id, link="https://meet.westmarch.example/x")
    sessions = [
        make.session(places=3, day=later, **room).id,
        make.session(places=2, day=later + timedelta(days=1), needs_approval=True, **room).id,
        make.session(places=1, day=later + timedelta(days=2), waiting_limit=2, **room).id,
    ]
    coordinator = make.person("Cai", account=False).id
    people = [make.person(f"P{n}", account=False).id for n in range(9)]
    met: set[str] = set()
    for _ in range(length):
        try:
            with transaction(make.database, Actor("person", coordinator, "Cai", COORDINATOR), writes=True) as tx:
                act(tx, chance, sessions, people)
        except Refusal as refusal:
            met.add(refusal.code)
    with make.tx(writes=False) as tx:
        assert invariants.check(tx) == [], f"history {seed}"
    return met


def test_a_random_history_keeps_every_rule(make: Make) -> None:
    met = history(make, 7, 150)
    assert {"already-booked", "nobody-waiting", "waiting-list-full", "booking-over", "already-decided"} <= met


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(12))
def test_so_do_many(make: Make, seed: int) -> None:
    history(make, 100 + seed, 200)
