"""Pathways: everybody's next steps, a team's and one person's, on both databases.

python -m benchmarks.pathways

100,000 people with five million facts on PostgreSQL, 5,000 people with 250,000 on SQLite; from each stage two steps lead on, each asking
for twelve things of every kind. Everybody is read by one statement in one snapshot, by the code that pages call. Processor time is that of
this process and of the database's; where it is much less than the seconds, the machine was busy with other work.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psutil
from sqlalchemy import func, select, text

from app.core.db import Database, connect
from app.core.tx import SYSTEM, Tx, transaction
from app.learning.models import Completion, LearningRecord
from app.learning.record_models import RecordStandard
from app.pathways import progress
from app.pathways.models import Endorsement
from app.people.models import Membership, Person, Post, Registration, Stage
from app.programmes.panel_models import Decision
from app.supervision.models import Supervision
from app.supervision.pdr_models import PdrEvent
from benchmarks import house
from benchmarks.house import arguments, both
from tests.pathways import crowd

PEOPLE = {"sqlite": 5_000, "postgresql": 100_000}
LIMITS = {"sqlite": 3.0, "postgresql": 20.0}  # seconds for everybody
LIMIT_TEAM, LIMIT_ONE = 200.0, 100.0  # milliseconds, on PostgreSQL
SOMEBODY, REPEAT = 777, 7
FACTS: tuple[Any, ...] = (
    *(Completion, LearningRecord, RecordStandard, Supervision, PdrEvent, Stage, Post, Membership, Registration, Endorsement, Decision),
)


@contextmanager
def council(kind: str, people: int) -> Iterator[Database]:
    """A database with so many people and fifty facts of each."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/pathways.sqlite3"
        if kind == "postgresql":
            house._admin("DROP DATABASE IF EXISTS bench_pathways WITH (FORCE)", "CREATE DATABASE bench_pathways")
            url = house._named("bench_pathways")
        house._app(url, "migrate")
        database = connect(url, pool=2)
        try:
            crowd.fill(database, people)
            yield database
        finally:
            database.dispose()
            if kind == "postgresql":
                house._admin("DROP DATABASE bench_pathways WITH (FORCE)")


@dataclass(frozen=True, slots=True)
class Read:
    """What reading everybody's next steps came to."""

    seconds: float
    processor: float
    rows: int
    megabytes: float  # that this process grew by meanwhile


def everybody(database: Database, known_at: datetime | None = None) -> Read:
    """Read everybody's next steps, and forget them."""
    with transaction(database, SYSTEM, writes=False, snapshot=True) as tx:
        both = [psutil.Process()]
        if not database.sqlite:
            both.append(psutil.Process(int(tx.scalar(text("SELECT pg_backend_pid()")))))

        def worked() -> float:
            return sum(sum(each.cpu_times()[:2]) for each in both)

        before, most, rows, begun, spent = both[0].memory_info().rss, 0, 0, time.perf_counter(), worked()
        for _ in progress.next_steps(tx, select(Person.id), crowd.TODAY, known_at, stream=True):
            rows += 1
            if rows % progress.CHUNK == 0:
                most = max(most, both[0].memory_info().rss)
        return Read(time.perf_counter() - begun, worked() - spent, rows, max(0.0, (most - before) / 1e6))


def milliseconds(database: Database, what: Callable[[Tx], object]) -> float:
    """The median of several times, the first not counted."""
    times = []
    for _ in range(1 + REPEAT):
        with transaction(database, SYSTEM, writes=False) as tx:
            begun = time.perf_counter()
            what(tx)
            times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times[1:])


def facts(database: Database) -> int:
    """How many dated facts there are."""
    with transaction(database, SYSTEM, writes=False) as tx:
        return sum(int(tx.scalar(select(func.count()).select_from(table))) for table in FACTS)


def main() -> int:
    """Print the table; 1 where a limit was missed."""
    options = arguments(__doc__ or "")
    options.add_argument("--people", type=int, help="how many people, on each database")
    given, missed = options.parse_args(), False
    print(
        "| database | people · facts | everybody | processor | steps | grew by | as known then | team of 30 | one person | one, in detail |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for kind in both(given):
        with council(kind, given.people or PEOPLE[kind]) as database:
            missed |= measure(kind, database, given.people or PEOPLE[kind])
    return missed


def measure(kind: str, database: Database, people: int) -> bool:
    """Print the line of one database; was a limit missed?"""
    one, team = progress.person(SOMEBODY), progress.People(crowd.team_of(SOMEBODY), {})

    def detail(tx: Tx) -> object:
        return progress.met(tx, one, range(1, 19), crowd.TODAY, applicable=True)

    alone = milliseconds(database, lambda tx: list(progress.next_steps(tx, one, crowd.TODAY)))
    together = milliseconds(database, lambda tx: list(progress.next_steps(tx, team, crowd.TODAY)))
    whole, now = milliseconds(database, detail), everybody(database)
    then = everybody(database, crowd.RECORDED)
    print(
        f"| {kind} | {people:,} · {facts(database):,} | {now.seconds:.1f} s | {now.processor:.1f} s | {now.rows:,} "
        f"| {now.megabytes:.0f} MB | {then.seconds:.1f} s | {together:.0f} ms | {alone:.0f} ms | {whole:.0f} ms |",
        flush=True,
    )
    return now.seconds > LIMITS[kind] or (kind == "postgresql" and (together > LIMIT_TEAM or alone > LIMIT_ONE))


if __name__ == "__main__":
    raise SystemExit(main())
