"""Whoever leaves gives up what they have after their last day, and the places pass on."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.bookings.models import Booking, Place
from app.bookings.operations import leavers, reservations
from app.core.calendar import london
from app.core.db import Database
from app.people import operations as people
from app.people.models import Person
from tests.bookings.test_operations import acting
from tests.bookings.test_reservations import book
from tests.factory import Make
from tests.hr.test_imports import Office
from tests.hr.test_imports import person as line


def leaves(make: Make, person: Any, on: date | None = None) -> None:
    with make.tx() as tx:
        people.change_person(tx, person.id, leaving_on=on or tx.today)


def free(make: Make, *persons: Any) -> int:
    with make.tx() as tx:
        return leavers.free_places_of(tx, [person.id for person in persons])


def states(make: Make, *made: Any) -> list[str]:
    return [make.row(Booking, each.id).status for each in made]


def test_only_what_is_after_the_last_day_and_it_passes_on(make: Make, ledger: Any) -> None:
    ann, bob = make.person("Ann"), make.person("Bob")
    first = make.session(places=1)
    day = london(first.starts_at).date()
    later = make.session(places=1, day=day + timedelta(days=1))
    made = [book(make, ann, first), book(make, ann, later)]
    waits = book(make, bob, later)
    leaves(make, ann, day)  # the last day is still worked
    ledger.start()
    assert free(make, bob) == 0
    assert free(make, ann) == 1
    assert states(make, *made, waits) == ["booked", "cancelled", "offered"]
    assert ledger.actions() == ["booking.cancelled", "booking.offered"]
    entry = ledger.entries("booking.cancelled")[-1]
    assert (entry.facts["was"], entry.facts["reason"]) == ("booked", "Left the organisation")
    assert free(make, ann) == 0


def test_offers_requests_turns_and_reserved_places_too(make: Make) -> None:
    manager, ann, bob, cat = make.person("Mo"), make.person("Ann"), make.person("Bob"), make.person("Cat")
    full, asked = make.session(places=1), make.session(needs_approval=True)
    holder, turn, next_turn = book(make, bob, full), book(make, ann, full), book(make, cat, full)
    request = book(make, ann, asked)
    apart = make.session(day=london(full.starts_at).date() + timedelta(days=7))
    with acting(make, manager, ("line manager", None)) as tx:
        kept = reservations.reserve(tx, apart.id, 1)[0]
    leaves(make, bob)
    free(make, bob)  # Ann is offered the place
    assert states(make, holder, turn) == ["cancelled", "offered"]
    for person in (ann, manager):
        leaves(make, person)
    with make.tx() as tx:
        leavers.free_places_of(tx, select(Person.id))
    assert states(make, turn, request, next_turn) == ["cancelled", "cancelled", "offered"]
    assert make.row(Booking, kept).status == "cancelled"


def test_a_closing_place_goes_with_its_leaver(make: Make) -> None:
    ann, session = make.person("Ann"), make.session(places=2)
    mine = book(make, ann, session)
    with make.tx() as tx:
        tx.db.execute(Place.__table__.update().where(Place.number == mine.place).values(closing=True))
    leaves(make, ann)
    free(make, ann)
    assert len(make.rows(select(Place.number))) == 1


def test_the_import_that_says_so_frees_the_places_in_one_go(make: Make, database: Database, tmp_path: Path) -> None:
    """In the transaction that makes them leavers; the places pass on straight afterwards."""
    office = Office(database, tmp_path)
    organisation = make.organisation()
    make.unit("Meadow", parent=organisation)
    with make.tx() as tx:
        make._stages(tx)
    staff = [line(f"{n:04}") for n in range(1, 13)]
    office.send(staff)
    rows = make.rows(select(Person.__table__).order_by(Person.employee_number))
    session = make.session(places=10)
    made = [book(make, row, session) for row in rows]
    gone = [each | {"Leaving date": "2026-11-03"} for each in staff[:2]]
    office.send(gone)
    assert states(make, *made[:2]) == ["cancelled", "cancelled"]
    assert states(make, *made[10:]) == ["offered", "offered"]
    assert states(make, *made[2:10]) == ["booked"] * 8
