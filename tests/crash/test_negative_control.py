"""The control for the races: the same race against an engine without lock and constraint must overbook, and the auditor must say so.

Each guard is also tried alone. If this file ever passes with nothing removed, the races elsewhere prove nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from app import invariants
from app.bookings import operations
from app.bookings.models import Booking, Place, Session, Status
from app.core.db import Database
from app.core.ready import doubt
from app.core.tx import SYSTEM, Tx, clock, transaction
from tests.factory import Make

PEOPLE, PLACES = 12, 3
Verb = Callable[[Database, int, int, threading.Barrier], str]
SEAT = "uq_bookings_seat"


def count_then_insert(database: Database, session_id: int, person_id: int, meet: threading.Barrier) -> str:
    """Booking as it is usually written: look whether there is room, then write. No lock, no turn among writers."""
    with database.read.connect() as connection:
        taken = connection.scalar(
            select(func.count()).select_from(Booking).where(Booking.session_id == session_id, Booking.place.is_not(None))
        )
        places = connection.scalar(select(func.count()).select_from(Place).where(Place.session_id == session_id))
    meet.wait()  # everybody has looked, nobody has written: what happens by chance in a busy hour happens here each time
    status = Status.BOOKED if (taken or 0) < (places or 0) else Status.WAITING
    values = dict(
        session_id=session_id, person_id=person_id, status=status.value, place=(taken or 0) + 1 if status is Status.BOOKED else None
    )
    try:
        with database.write.connect() as connection, connection.begin():
            tx = Tx(connection, SYSTEM, clock(), writes=True)
            turn = person_id  # a turn of one's own, so that nothing but the seats is at stake
            tx.insert_recorded(
                Booking,
                values | dict(turn=turn, priority=5, approval="not needed", sequence=0, version=1, created_at=tx.now, updated_at=tx.now),
                action="booking.made",
                person_id=person_id,
                state=status.value,
                tell=["email.booking_made"],
            )
    except IntegrityError:
        return "refused"
    return status.value


def as_built(database: Database, session_id: int, person_id: int, meet: threading.Barrier) -> str:
    """The service's own verb."""
    meet.wait()
    with transaction(database, SYSTEM, writes=True) as tx:
        return str(operations.book(tx, session_id, person_id).status)


def race(make: Make, verb: Verb) -> tuple[Counter[str], int]:
    """Everybody at once; returns what they were told and how many seats are held."""
    session = make.session(places=PLACES)
    people = [make.person(f"P{n}", account=False).id for n in range(PEOPLE)]
    meet = threading.Barrier(PEOPLE, timeout=20)
    told: list[str] = []

    def go(person_id: int) -> None:
        told.append(verb(make.database, session.id, person_id, meet))

    threads = [threading.Thread(target=go, args=(person_id,)) for person_id in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with make.tx() as tx:
        tx.update(Session, session.id, next_turn=max(people) + 1)
    held = make.rows(select(func.count()).select_from(Booking).where(Booking.place.is_not(None)))
    return Counter(told), int(held[0][0])


def broken(make: Make) -> set[str]:
    with make.tx(writes=False) as tx:
        return {violation.rule for violation in invariants.check(tx)}


@pytest.fixture
def without_constraint(database: Database) -> Iterator[None]:
    """Seats are not unique for the length of this test."""
    with database.write.connect() as connection, connection.begin():
        connection.execute(text(f"DROP INDEX {SEAT}"))
        doubt(connection)
    yield
    with database.write.connect() as connection, connection.begin():
        connection.execute(text("DELETE FROM bookings"))
        connection.execute(text(f"CREATE UNIQUE INDEX {SEAT} ON bookings (session_id, place)"))


@pytest.mark.usefixtures("without_constraint")
def test_without_lock_and_constraint_it_overbooks_and_the_auditor_says_so(make: Make) -> None:
    told, held = race(make, count_then_insert)
    assert told["booked"] == held > PLACES
    assert {"no-overbooking", "one-booking-a-place"} <= broken(make)


def test_with_the_constraint_alone_it_cannot_overbook(make: Make) -> None:
    told, held = race(make, count_then_insert)
    assert told["booked"] == held <= PLACES and told["refused"] == PEOPLE - held
    assert broken(make) & {"no-overbooking", "one-booking-a-place"} == set()


@pytest.mark.usefixtures("without_constraint")
def test_with_the_lock_alone_it_does_not_overbook(make: Make) -> None:
    told, held = race(make, as_built)
    assert told == {"booked": PLACES, "waiting": PEOPLE - PLACES} and held == PLACES
    assert broken(make) == set()


def test_as_built_it_does_not_overbook(make: Make) -> None:
    told, held = race(make, as_built)
    assert told == {"booked": PLACES, "waiting": PEOPLE - PLACES} and held == PLACES
    assert broken(make) == set()


def test_the_constraint_that_is_removed_here_is_the_one_that_is_there(make: Make) -> None:
    index: Any = next(index for index in Booking.__table__.indexes if index.name == SEAT)
    assert index.unique and [column.name for column in index.columns] == ["session_id", "place"]
