"""Pages a second and a page's time, signed in, at two sizes of county, beside an empty page in the same run.

python -m benchmarks.pages [--people 1286 --people 100000] [--seconds 5]

All pages take turns in several rounds, an empty page with them in each, and the median round is told: a machine that others use too has
quick minutes and slow ones.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from statistics import median
from typing import NamedTuple

from sqlalchemy import func, select

from app.bookings.models import Booking, Session
from app.core.config import ROOT
from app.core.db import Database
from app.core.tx import SYSTEM, Tx, transaction
from app.core.web import url as address
from app.learning.models import Completion, Course
from app.people.models import Person, Unit
from benchmarks import load as generator
from benchmarks.booking_race import client_token, cookie, new_session
from benchmarks.house import arguments, both, county, environment, memory, served, settle
from seed.personas import PERSONAS


@dataclass
class Place:
    """Which pages to ask for, and with whose cookies."""

    paths: dict[str, str]
    cookies: dict[str, str]
    token: str
    matrix: str  # completions as CSV, 20 courses
    searches: list[str]  # at least LEAST_SEARCHES, all different


COURSES, LEAST_SEARCHES = 20, 200


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
        most = select(Completion.course_id).group_by(Completion.course_id).order_by(func.count().desc(), Completion.course_id)
        courses = list(tx.db.execute(most.limit(COURSES)).scalars())
        assert len(courses) == COURSES
        searches = spread(tx)
    paths = {
        "catalogue": "/courses",
        "course with 20 sessions": f"/courses/{course.slug}",
        "home": "/",
        "my bookings": "/my-bookings",
        "roster": f"/sessions/{roster}/roster",
        "person search": f"/people?q={surname.split()[0]}",
    }
    return Place(paths, cookies, token, address("/completions.csv", course=courses), searches)


def spread(tx: Tx) -> list[str]:
    """Searches by everything that people can be found by, for people and teams from the whole county, in a mixed order."""
    columns = Person.name, Person.last_name, Person.email, Person.employee_number, Person.swe_number
    people = tx.rows(select(*columns).order_by(Person.id))
    teams = tx.rows(select(Unit.name).where(Unit.kind == "team").order_by(Unit.id))
    words = {str(value) for row in people[:: len(people) // 60] for value in row if value}
    words |= {row.name for row in teams[:: max(1, len(teams) // 40)]}
    assert len(words) >= LEAST_SEARCHES
    found = [address("/people", q=word) for word in sorted(words)]
    random.Random(1).shuffle(found)
    return found


def _tick(url: str) -> bool:
    """Do what is due; was there anything?"""
    ran = subprocess.run([sys.executable, "-m", "app", "tick"], cwd=ROOT, env=environment(url), check=True, capture_output=True, text=True)
    return not ran.stdout.startswith("0 ")


WHO = {"roster": "coordinator", "person search": "coordinator"}
EMPTY = "an empty page"
ROUNDS = 5


class Took(NamedTuple):
    """One page in one round."""

    median: float  # ms at one client
    high: float  # the 95th percentile, ms at one client
    rate: float  # pages a second at eight clients
    bad: int  # replies


def measure(port: int, path: str | Sequence[str], headers: dict[str, str], seconds: float) -> Took:
    """One page, or several that take turns."""
    requests = cycle([generator.get(each, **headers) for each in ([path] if isinstance(path, str) else path)])
    generator.run(port, [next(requests) for _ in range(200)], clients=8)
    alone = generator.run(port, generator.repeated(lambda: next(requests), seconds / 2), clients=1)
    crowd = generator.run(port, generator.repeated(lambda: next(requests), seconds), clients=8)
    bad = sum(count for each in (alone, crowd) for status, count in each.statuses.items() if status != 200) + alone.lost + crowd.lost
    return Took(alone.median, alone.percentile(0.95), crowd.rate, bad)


def in_rounds(port: int, place: Place, seconds: float) -> Iterator[tuple[str, Took, float]]:
    """Each page's name, what it took in the median round, and how many times an empty page of the same round."""
    pages: dict[str, str | Sequence[str]] = {EMPTY: "/accessibility", **place.paths}
    pages[f"person search, {len(place.searches)} different ones"] = place.searches
    took: dict[str, list[Took]] = {name: [] for name in pages}
    for _ in range(ROUNDS):
        for name, path in pages.items():
            who = place.cookies[WHO.get(name.partition(",")[0], "practitioner")]
            took[name].append(measure(port, path, {"cookie": who}, seconds / ROUNDS))
    for name, rounds in took.items():
        if name != EMPTY:
            alone, high, rate, bad = zip(*rounds, strict=True)
            times = median(each.median / empty.median for each, empty in zip(rounds, took[EMPTY], strict=True))
            yield name, Took(median(alone), median(high), median(rate), sum(bad)), times


def main() -> int:
    parser = arguments("Pages a second.")
    parser.add_argument("--people", type=int, action="append")
    parser.add_argument("--seconds", type=float, default=5)
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
                # What the seeded county has due (reminders, questions, their e-mails) is done before, not while pages are measured.
                while _tick(url):
                    pass
                settle(database)
                with served(url, processes=2, worker=True) as (port, server):
                    for name, took, times in in_rounds(port, place, options.seconds):
                        figures = f"{took.median:.2f} | {took.high:.2f} | {took.rate:.0f} | {times:.2f} | {took.bad}"
                        print(f"| {kind} | {people} | {name} | {figures} |", flush=True)
                    for name, path, headers in (
                        ("all people by API", "/api/v1/people?limit=2000", {"authorization": f"Bearer {place.token}"}),
                        ("completions as CSV", "/completions.csv", {"cookie": place.cookies["coordinator"]}),
                        (f"completions as CSV, {COURSES} courses", place.matrix, {"cookie": place.cookies["coordinator"]}),
                    ):
                        if people > 2000:
                            continue
                        result = generator.run(port, [generator.get(path, **headers)] * 20, clients=1)
                        bad = 20 - result.statuses.get(200, 0)
                        print(
                            f"| {kind} | {people} | {name} | {result.median:.1f} | {result.percentile(0.95):.1f} | – | – | {bad} |",
                            flush=True,
                        )
                    total = memory(server)
                    print(f"| {kind} | {people} | memory of two web processes and the worker | {total:.0f} MB | | | | |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
