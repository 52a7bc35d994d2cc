"""Pages a second and a page's time, signed in, at two sizes of county, beside an empty page in the same run.

python -m benchmarks.pages [--people 1286 --people 100000] [--seconds 4]
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

from sqlalchemy import func, select

from app.bookings.models import Booking, Session
from app.core.config import ROOT
from app.core.db import Database
from app.core.tx import SYSTEM, transaction
from app.learning.models import Course
from app.people.models import Person
from benchmarks import load as generator
from benchmarks.booking_race import client_token, cookie, new_session
from benchmarks.house import _environment, arguments, both, county, memory, served
from seed.personas import PERSONAS


@dataclass
class Place:
    """Which pages to ask for, and with whose cookies."""

    paths: dict[str, str]
    cookies: dict[str, str]
    token: str


def arrange(database: Database) -> Place:
    """The pages to ask for, and who asks."""
    emails = {persona.key: persona.email for persona in PERSONAS}
    with transaction(database, SYSTEM, writes=True) as tx:
        ids = {key: tx.scalar(select(Person.id).where(Person.email == email)) for key, email in emails.items()}
        cookies = {key: cookie(tx, person_id) for key, person_id in ids.items()}
        course = tx.one(select(Course.id, Course.slug).where(Course.status == "published").order_by(Course.id).limit(1))
        assert course
        have = tx.scalar(select(func.count()).select_from(Session).where(Session.course_id == course.id, Session.starts_at > tx.now))
        for number in range(20 - min(have, 20)):
            new_session(tx, course.id, 20, 50 + number, f"PAGES{number}")
        roster = tx.scalar(
            select(Session.id).join(Booking, Booking.session_id == Session.id).group_by(Session.id).order_by(func.count().desc()).limit(1)
        )
        token = client_token(tx, "people:read")
        surname = tx.scalar(select(Person.last_name).order_by(Person.id).offset(500).limit(1))
    paths = {
        "catalogue": "/courses",
        "course with 20 sessions": f"/courses/{course.slug}",
        "home": "/",
        "my bookings": "/my-bookings",
        "roster": f"/sessions/{roster}/roster",
        "person search": f"/people?q={surname.split()[0]}",
    }
    return Place(paths, cookies, token)


WHO = {"roster": "coordinator", "person search": "coordinator"}


def measure(port: int, path: str, headers: dict[str, str], seconds: float) -> tuple[float, float, float, int]:
    """(median ms at one client, p95 ms at one client, pages a second at eight clients, bad replies)."""
    request = generator.get(path, **headers)
    generator.run(port, [request] * 200, clients=8)
    alone = generator.run(port, generator.repeated(lambda: request, seconds / 2), clients=1)
    crowd = generator.run(port, generator.repeated(lambda: request, seconds), clients=8)
    bad = sum(count for each in (alone, crowd) for status, count in each.statuses.items() if status != 200) + alone.lost + crowd.lost
    return alone.median, alone.percentile(0.95), crowd.rate, bad


def main() -> int:
    parser = arguments("Pages a second.")
    parser.add_argument("--people", type=int, action="append")
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    print(
        "| database | people | page | median ms, 1 client | p95 ms | pages/s, 8 clients | times an empty page | not 200 |\n"
        + "|---" * 8
        + "|"
    )
    for kind in both(options):
        for people in options.people or [1286, 100_000]:
            with county(kind, people) as (url, database):
                place = arrange(database)
                worker = subprocess.Popen([sys.executable, "-m", "app", "worker"], cwd=ROOT, env=_environment(url))
                with served(url, processes=2) as (port, server):
                    empty, _, _, _ = measure(port, "/accessibility", {"cookie": place.cookies["practitioner"]}, options.seconds)
                    for name, path in place.paths.items():
                        headers = {"cookie": place.cookies[WHO.get(name, "practitioner")]}
                        median, high, rate, bad = measure(port, path, headers, options.seconds)
                        print(
                            f"| {kind} | {people} | {name} | {median:.2f} | {high:.2f} | {rate:.0f} | {median / empty:.2f} | {bad} |",
                            flush=True,
                        )
                    for name, path, headers in (
                        ("all people by API", "/api/v1/people?limit=2000", {"authorization": f"Bearer {place.token}"}),
                        ("completions as CSV", "/completions.csv", {"cookie": place.cookies["coordinator"]}),
                    ):
                        if people > 2000:
                            continue
                        result = generator.run(port, [generator.get(path, **headers)] * 20, clients=1)
                        bad = 20 - result.statuses.get(200, 0)
                        print(
                            f"| {kind} | {people} | {name} | {result.median:.1f} | {result.percentile(0.95):.1f} | – | – | {bad} |",
                            flush=True,
                        )
                    total = memory(server, worker)
                    print(f"| {kind} | {people} | memory of two web processes and the worker | {total:.0f} MB | | | | |", flush=True)
                worker.terminate()
                worker.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
