"""Leavers in a county of 1,286: one with 20 places that others wait for, five hundred at once, and the one taken back.

python -m benchmarks.hr_leavers [--database sqlite|postgresql]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import time as time_of_day
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from app.bookings import operations as bookings
from app.bookings.models import Booking, Part, Place, Session
from app.core.calendar import from_london
from app.core.db import Database
from app.core.tx import SYSTEM, Tx, transaction
from app.hr.directory_models import Departure, DepartureEffect
from app.hr.operations import leaving
from app.learning.models import Course
from app.people.models import Person, Unit
from benchmarks import house

PEOPLE, PLACES, MANY = 1286, 20, 500
LIMITS = {"one": 1.0, "many": 30.0, "back": 1.0}  # seconds; the first is the requirement


def _session(tx: Tx, course: int, number: int) -> int:
    """A session with one place, far enough ahead that it can still be offered."""
    starts = from_london(tx.today + timedelta(days=120 + number), time_of_day(9, 30))
    times = dict(starts_at=starts, ends_at=starts + timedelta(hours=3))
    more = dict(course_id=course, reference=f"BENCH{number}", place="Online", online=True, capacity=1, status="published")
    key = tx.insert(Session, **times, **more, created_at=tx.now, updated_at=tx.now)
    tx.insert(Part, session_id=key, **times, link="https://meet.westmarch.example/bench")
    tx.insert_many(Place, [dict(session_id=key, number=1)])
    return key


def _arrange(database: Database) -> list[int]:
    """The leaver holds the one place of each session, and somebody else waits for it; returns everybody, the leaver first."""
    with transaction(database, SYSTEM, writes=True) as tx:
        host = tx.scalar(select(Unit.id).where(Unit.host.is_(True)))
        long_here = Person.started_on < tx.today - timedelta(days=400)
        here = select(Person.id).where(Person.organisation_id == host, Person.leaving_on.is_(None), long_here)
        people = [row.id for row in tx.rows(here.order_by(Person.id.desc()))]
        course = int(tx.scalar(select(func.min(Course.id)).where(Course.status == "published")))
        sessions = [_session(tx, course, number) for number in range(PLACES)]
    for session in sessions:
        for person in (people[0], people[1]):
            with transaction(database, SYSTEM, writes=True) as tx:
                bookings.book(tx, session, person)
    return people


def _timed(database: Database, work: Callable[[Tx], Any]) -> float:
    """Seconds from the first statement until all is committed and freed places are offered on."""
    began = time.perf_counter()
    with transaction(database, SYSTEM, writes=True) as tx:
        work(tx)
    return time.perf_counter() - began


def _leave(tx: Tx, people: list[int]) -> None:
    tx.db.execute(update(Person).where(Person.id.in_(people)).values(leaving_on=tx.today - timedelta(days=1)))
    leaving.register(tx, people, "page")


def run(kind: str) -> list[str]:
    """A row for each figure: what, on which database, seconds, limit."""
    with house.county(kind, PEOPLE) as (_, database):
        people = _arrange(database)
        _timed(database, lambda tx: _leave(tx, people[-1:]))  # a service that has run for a while has its statements compiled
        seconds = {"one": _timed(database, lambda tx: _leave(tx, people[:1]))}
        with transaction(database, SYSTEM, writes=False) as tx:
            (departure,) = tx.rows(select(Departure.id).where(Departure.person_id == people[0]))
            theirs = (DepartureEffect.departure_id == departure.id, DepartureEffect.kind == "place")
            freed = tx.scalar(select(func.count()).select_from(DepartureEffect).where(*theirs))
            offered = tx.scalar(select(func.count()).where(Booking.person_id == people[1], Booking.status == "offered"))
            if (freed, offered) != (PLACES, PLACES):
                raise RuntimeError(f"{freed} places were freed and {offered} offered on, not {PLACES}")
        seconds["back"] = _timed(database, lambda tx: leaving.restore(tx, departure.id, "A mistake"))
        seconds["many"] = _timed(database, lambda tx: _leave(tx, people[2 : 2 + MANY]))
    words = {"one": f"a leaver with {PLACES} places", "back": "the same leaver restored", "many": f"{MANY} leavers at once"}
    return [
        f"| Leavers, {words[what]} | {kind} | {taken:.2f} s | < {LIMITS[what]:.0f} s | {'ok' if taken < LIMITS[what] else 'TOO SLOW'} |"
        for what, taken in seconds.items()
    ]


def main() -> int:
    options = house.arguments(__doc__ or "").parse_args()
    rows = [row for kind in house.both(options) for row in run(kind)]
    print("\n".join(rows))
    return int(any("TOO SLOW" in row for row in rows))


if __name__ == "__main__":
    sys.exit(main())
