"""Thousands of random histories: after every step the engine agrees with a slow, obvious oracle, and every promise holds."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from app import invariants
from app.core.db import Database
from tests.conftest import THOROUGH
from tests.factory import Make
from tests.property.game import History, Table, failure, shortest
from tests.queues import only_bookings

HISTORIES = int(os.environ.get("ACADEMY_HISTORIES", "0")) or (450 if THOROUGH else 60)
ON_POSTGRESQL = HISTORIES * 2 // 5 if THOROUGH else HISTORIES // 3  # where each statement is a round trip
PARTS = 8  # so that several processes share them


@pytest.fixture
def table(make: Make, database: Database, monkeypatch: pytest.MonkeyPatch) -> Table:
    """A database whose every clock is the game's."""
    made = Table(database, make)
    monkeypatch.setattr("app.core.tx.clock", made.clock)
    only_bookings(monkeypatch)
    return made


@pytest.mark.parametrize("part", range(PARTS))
def test_the_engine_agrees_with_the_oracle(table: Table, make: Make, part: int) -> None:
    for seed in range(part, HISTORIES if table.database.sqlite else ON_POSTGRESQL, PARTS):
        history = History.drawn(seed)
        if failure(table, history):
            least, wrong = shortest(table, history)
            pytest.fail(f"{wrong}\n{least}")
    table.now = datetime(2029, 1, 1, tzinfo=UTC)  # after all of them
    with make.tx(writes=False) as tx:
        assert invariants.check(tx) == []
