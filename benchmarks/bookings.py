"""Complete bookings a second over the API, beside a bare locked insert from the same client.

Complete means: token, reach, rules, place, audit row, message, commit.

python -m benchmarks.bookings [--people 100000] [--seconds 8]
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import threading
import time
from collections.abc import Iterator

from sqlalchemy import bindparam, select, text

from app.core.db import Database, is_postgresql
from app.core.tx import SYSTEM, transaction
from app.people.models import Person
from benchmarks import load as generator
from benchmarks.booking_race import client_token, new_session, open_course
from benchmarks.house import arguments, both, county, memory, served

SPREAD, CLIENTS = 300, 8


def bare(database: Database, seconds: float, threads: int) -> float:
    """Transactions a second of nothing but: lock a row, insert a row, commit."""
    with transaction(database, SYSTEM, writes=True) as tx:
        tx.db.execute(text("CREATE TABLE bare_parent (id INTEGER PRIMARY KEY, n INTEGER)"))
        tx.db.execute(text("CREATE TABLE bare_child (id INTEGER PRIMARY KEY, parent_id INTEGER)"))
        tx.db.execute(text("INSERT INTO bare_parent VALUES (:id, 0)"), [dict(id=number) for number in range(SPREAD)])
    keys, done, end = itertools.count(), itertools.count(), time.perf_counter() + seconds
    lock = text("UPDATE bare_parent SET n = n + 1 WHERE id = :id")
    insert = text("INSERT INTO bare_child VALUES (:id, :parent)").bindparams(bindparam("id"), bindparam("parent"))

    def work() -> None:
        while time.perf_counter() < end:
            key = next(keys)
            with transaction(database, SYSTEM, writes=True) as tx:
                tx.db.execute(lock, dict(id=key % SPREAD))
                tx.db.execute(insert, dict(id=key, parent=key % SPREAD))
            next(done)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return next(done) / seconds


def bookings(sessions: list[int], people: list[int], token: str, seconds: float) -> Iterator[bytes]:
    """Each person books each session at most once, sessions taking turns."""
    end = time.perf_counter() + seconds
    for turn in itertools.count():
        if time.perf_counter() > end:
            return
        cycle, number = divmod(turn, len(sessions))
        session, person = sessions[number], people[(cycle + number * 331) % len(people)]
        body = json.dumps({"session_id": session, "person_id": person}).encode()
        yield generator.post("/api/v1/bookings", body, content_type="application/json", authorization=f"Bearer {token}")


def main() -> int:
    parser = arguments("Complete bookings a second.")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(
        f"{options.people} people, {CLIENTS} clients, two server processes, median of {options.rounds} rounds of {options.seconds:.0f} s\n"
    )
    print("| database | sessions | bookings/s | p50 ms | p95 ms | bare insert/s | ratio | not 201 | memory MB |\n" + "|---" * 9 + "|")
    for kind in both(options):
        with county(kind, options.people) as (url, database):
            baseline = bare(database, 3, 4)
            with transaction(database, SYSTEM, writes=True) as tx:
                course = open_course(tx)
                spread = [new_session(tx, course, 20, 30 + number, f"BENCH{number}") for number in range(SPREAD)]
                single = [new_session(tx, course, 500, 400 + number, f"ONE{number}") for number in range(options.rounds)]
                token = client_token(tx, "bookings:write")
                people = list(tx.db.execute(select(Person.id).where(Person.leaving_on.is_(None)).order_by(Person.id)).scalars())
                if is_postgresql(tx.db):
                    tx.db.execute(text("ANALYZE sessions"))
            with served(url, processes=2) as (port, server):
                for words, sets in ((f"spread over {SPREAD}", [spread] * options.rounds), ("one contended", [[key] for key in single])):
                    results = []
                    for number, chosen in enumerate(sets):
                        share = len(people) // options.rounds  # each round has people of its own
                        some = people[number * share : (number + 1) * share]
                        results.append(generator.run(port, bookings(chosen, some, token, options.seconds), clients=CLIENTS))
                    result = sorted(results, key=lambda each: each.rate)[len(results) // 2]
                    wrong = sum(count for each in results for status, count in each.statuses.items() if status != 201)
                    print(
                        f"| {kind} | {words} | {statistics.median(each.rate for each in results):.0f} | {result.median:.1f} "
                        f"| {result.percentile(0.95):.1f} | {baseline:.0f} | {result.rate / baseline:.2f} | {wrong} "
                        f"| {memory(server):.0f} |",
                        flush=True,
                    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
