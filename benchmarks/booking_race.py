"""A thousand people race for twenty places over real HTTP, one of them on six devices at once; then the books are checked.

python -m benchmarks.booking_race [--runs 20] [--database sqlite|postgresql]
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app import invariants
from app.bookings.models import Booking, Part, Place, Session
from app.core.config import load
from app.core.db import Database
from app.core.ledger import Audit, Outbox
from app.core.tx import SYSTEM, Tx, clock, transaction
from app.identity import access, clients
from app.identity import operations as identity
from app.identity.models import Account
from app.learning.models import Course, Prerequisite
from app.people.models import Person
from benchmarks import load as generator
from benchmarks.house import arguments, both, county, served

PEOPLE, PLACES, DEVICES = 1000, 20, 6
PROCESSES = {"sqlite": 2, "postgresql": 4}


@dataclass
class Race:
    """One race: its session, its runners, and what went wrong."""

    session_id: int
    people: list[int]
    token: str
    cookies: list[str]
    wrong: list[str] = field(default_factory=list)


def open_course(tx: Tx) -> int:
    """A published course that asks nothing first."""
    found = tx.scalar(
        select(Course.id)
        .where(Course.status == "published", Course.id.not_in(select(Prerequisite.course_id)), ~Course.needs_approval)
        .limit(1)
    )
    return int(found)


def new_session(tx: Tx, course_id: int, places: int, days: int, reference: str) -> int:
    starts = clock().replace(hour=3, minute=0, second=0, microsecond=0) + timedelta(days=days)  # at night: nobody's other bookings clash
    key = tx.insert(
        Session,
        course_id=course_id,
        reference=reference,
        starts_at=starts,
        ends_at=starts + timedelta(hours=1),
        place="Online",
        online=True,
        capacity=places,
        status="published",
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.insert(Part, session_id=key, starts_at=starts, ends_at=starts + timedelta(hours=1), link="https://meet.westmarch.example/race")
    tx.insert_many(Place, [dict(session_id=key, number=number) for number in range(1, places + 1)])
    return key


def client_token(tx: Tx, *scopes: str) -> str:
    client_id, secret = clients.create_client(tx, "benchmark", list(scopes), per_minute=clients.MOST_PER_MINUTE)
    return clients.token(tx, client_id, secret, [], 600)[0]


def cookie(tx: Tx, person_id: int) -> str:
    config = load(demo=True)
    token = identity.sign_in(tx, person_id, "benchmark", config)
    tx.actor = SYSTEM
    return f"{access.cookie_name(config)}={token}"


def arrange(database: Database, number: int) -> Race:
    with transaction(database, SYSTEM, writes=True) as tx:
        session_id = new_session(tx, open_course(tx), PLACES, 40 + number, f"RACE{number}")  # a night of its own, or races would clash
        with_account = tx.db.execute(select(Account.person_id).order_by(Account.person_id).limit(1)).scalars().one()
        others = tx.db.execute(
            select(Person.id).where(Person.leaving_on.is_(None), Person.id != with_account).order_by(Person.id).limit(PEOPLE - 1)
        ).scalars()
        return Race(
            session_id, [with_account, *others], client_token(tx, "bookings:write"), [cookie(tx, with_account) for _ in range(DEVICES)]
        )


def requests(race: Race) -> list[bytes]:
    made = []
    for person in race.people[1:]:
        body = json.dumps({"session_id": race.session_id, "person_id": person}).encode()
        made.append(generator.post("/api/v1/bookings", body, content_type="application/json", authorization=f"Bearer {race.token}"))
    form = f"person_id={race.people[0]}".encode()
    six = [
        generator.post(f"/sessions/{race.session_id}/book", form, content_type="application/x-www-form-urlencoded", cookie=each)
        for each in race.cookies
    ]
    return [*made[:300], *six, *made[300:]]


def run_once(number: int, port: int, database: Database) -> tuple[Race, generator.Result]:
    race = arrange(database, number)
    result = generator.run(port, requests(race), clients=200, keep=True)
    check(database, race, result)
    return race, result


def check(database: Database, race: Race, result: generator.Result) -> None:
    """Everything that must be true after the race, in words where it is not."""

    def must(true: bool, words: str) -> None:
        if not true:
            race.wrong.append(words)

    must(result.lost == 0, f"{result.lost} replies lost")
    must(sum(result.statuses.values()) == PEOPLE - 1 + DEVICES, f"{sum(result.statuses.values())} replies")
    must(not any(status >= 500 for status in result.statuses), f"statuses {result.statuses}")
    api = [(sent, received, json.loads(body)) for sent, received, status, body in result.replies if status == 201]
    must(len(api) == PEOPLE - 1, f"{len(api)} accepted by API")
    must(result.statuses.get(303) == 1, f"{result.statuses.get(303)} of six devices got the place")
    with transaction(database, SYSTEM, writes=False, snapshot=True) as tx:
        rows = tx.rows(
            select(Booking.person_id, Booking.status, Booking.turn, Booking.place, Booking.id).where(Booking.session_id == race.session_id)
        )
        order = tx.rows(
            select(Booking.turn)
            .join(Audit, (Audit.subject == "bookings") & (Audit.subject_id == Booking.id) & (Audit.action == "booking.made"))
            .where(Booking.session_id == race.session_id)
            .order_by(Audit.id)
        )
        told = tx.rows(select(Outbox.subject_id).where(Outbox.subject == "bookings", Outbox.subject_id.in_([row.id for row in rows])))
        broken = invariants.check(tx)
    states = Counter(row.status for row in rows)
    must(states == {"booked": PLACES, "waiting": PEOPLE - PLACES}, f"states {dict(states)}")
    must(len({row.person_id for row in rows}) == len(rows) == PEOPLE, "someone has two places or none")
    must({row.place for row in rows if row.status == "booked"} == set(range(1, PLACES + 1)), "places are not exactly 1 to 20")
    must([row.turn for row in order] == sorted(row.turn for row in rows), "the queue is not in the order of acceptance")
    must(all(row.turn <= PLACES for row in rows if row.status == "booked"), "someone later got a place before someone earlier")
    must(sorted(row.subject_id for row in told) == sorted(row.id for row in rows), "not one message for each booking")
    must(happened_in_order(api), "someone who asked after another had their answer stands before them")
    must(not broken, f"invariants: {broken[:3]}")


def happened_in_order(accepted: list[tuple[float, float, dict[str, Any]]]) -> bool:
    """Whoever had an answer before another request was sent stands before that other."""
    answered = sorted((received, reply["turn"]) for _, received, reply in accepted)
    highest, at = 0, 0
    for sent, _, reply in sorted(accepted, key=lambda each: each[0]):
        while at < len(answered) and answered[at][0] < sent:
            highest = max(highest, answered[at][1])
            at += 1
        if reply["turn"] < highest:
            return False
    return True


def main() -> int:
    parser = arguments("A thousand people race for twenty places.")
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    print("| database | processes | runs held | requests | slowest run | p95 of a reply in the slowest |\n|---|---|---|---|---|---|")
    failed = False
    for kind in both(options):
        held, slowest = 0, None
        with county(kind, 1286) as (url, database), served(url, processes=PROCESSES[kind]) as (port, _server):
            for number in range(options.runs):
                race, result = run_once(number, port, database)
                held += not race.wrong
                for words in race.wrong:
                    print(f"run {number} on {kind}: {words}", file=sys.stderr)
                if slowest is None or result.seconds > slowest.seconds:
                    slowest = result
        assert slowest
        failed = failed or held < options.runs
        print(
            f"| {kind} | {PROCESSES[kind]} | {held} of {options.runs} | {PEOPLE - 1 + DEVICES} each | {slowest.seconds:.2f} s "
            f"| {slowest.percentile(0.95):.0f} ms |",
            flush=True,
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
