"""Booking, waiting, cancelling: success beside refusal, on both databases."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.bookings import operations
from app.bookings.models import Booking, Status
from app.core.errors import Conflict, NotFound, Refusal
from app.core.tx import Actor, clock, transaction
from tests.factory import Make


def acting(make: Make, person: Any, *roles: tuple[str, int | None], writes: bool = True) -> Any:
    actor = Actor("person", person.id, person.name, (("practitioner", None), *roles), organisation_id=person.organisation_id)
    return transaction(make.database, actor, writes=writes)


def test_a_place_then_the_waiting_list(make: Make, ledger: Any) -> None:
    ann, bob, session = make.person("Ann"), make.person("Bob"), make.session(places=1)
    ledger.start()
    with acting(make, ann) as tx:
        first = operations.book(tx, session.id, ann.id)
    with acting(make, bob) as tx:
        second = operations.book(tx, session.id, bob.id)
    assert (first.status, second.status) == (Status.BOOKED, Status.WAITING)
    assert (first.turn, second.turn) == (1, 2)
    assert ledger.actions() == ["booking.made"] * 2
    assert ledger.outbox() == ["email.booking_made", "email.booking_waiting"]


def test_a_refusal_leaves_no_trace(make: Make, ledger: Any) -> None:
    ann, bob, session = make.person("Ann"), make.person("Bob"), make.session(places=1)
    ledger.start()
    with pytest.raises(NotFound), acting(make, ann) as tx:
        operations.book(tx, session.id, bob.id)
    with pytest.raises(NotFound), acting(make, ann) as tx:
        operations.book(tx, 999, ann.id)
    assert ledger.actions() == [] and ledger.outbox() == []


def test_nobody_books_twice(make: Make) -> None:
    ann, session = make.person("Ann"), make.session()
    with acting(make, ann) as tx:
        operations.book(tx, session.id, ann.id)
    with pytest.raises(Conflict, match="already have a place") as refusal, acting(make, ann) as tx:
        operations.book(tx, session.id, ann.id)
    assert refusal.value.code == "already-booked"


def test_a_freed_seat_is_offered_to_whoever_is_next_and_to_nobody_else(make: Make, ledger: Any) -> None:
    ann, bob, eve, session = make.person("Ann"), make.person("Bob"), make.person("Eve"), make.session(places=1)
    with acting(make, ann) as tx:
        mine = operations.book(tx, session.id, ann.id)
    with acting(make, bob) as tx:
        waiting = operations.book(tx, session.id, bob.id)
    ledger.start()
    with acting(make, ann) as tx:
        operations.cancel(tx, mine.id, "Court hearing")
    assert make.row(Booking, waiting.id).status == "offered" and make.row(Booking, waiting.id).place == 1
    assert ledger.actions() == ["booking.cancelled", "booking.offered"] and ledger.outbox()[-1] == "email.booking_offered"
    with acting(make, eve) as tx:
        later = operations.book(tx, session.id, eve.id)
    assert later.status is Status.WAITING
    with acting(make, bob) as tx:
        assert operations.accept(tx, waiting.id) is Status.BOOKED
    assert make.row(Booking, waiting.id).offer_ends_at is None and ledger.outbox()[-1] == "email.booking_made"


def test_a_seat_freed_too_late_to_be_offered_is_kept_for_those_who_wait(make: Make, ledger: Any) -> None:
    ann, bob, eve = make.person("Ann"), make.person("Bob"), make.person("Eve")
    session = make.session(places=1, starts=clock() + timedelta(minutes=100))
    coordinator = make.person("Cai", roles=("coordinator",))
    with acting(make, ann) as tx:
        mine = operations.book(tx, session.id, ann.id)
    with acting(make, bob) as tx:
        waiting = operations.book(tx, session.id, bob.id)
    with acting(make, ann) as tx:
        operations.cancel(tx, mine.id, "Court hearing")
    assert ledger.outbox()[-1] == "email.place_unoffered"  # the coordinator is told, once
    with acting(make, eve) as tx:
        later = operations.book(tx, session.id, eve.id)
    assert later.status is Status.WAITING
    with acting(make, coordinator, ("coordinator", None)) as tx:
        assert operations.give_next(tx, session.id) == waiting.id
    assert make.row(Booking, waiting.id).status == "booked"
    with pytest.raises(Conflict, match="No place is free"), acting(make, coordinator, ("coordinator", None)) as tx:
        operations.give_next(tx, session.id)


def test_approval_holds_the_seat_until_somebody_else_decides(make: Make) -> None:
    manager = make.person("Mo")
    ann, session = make.person("Ann", manager=manager.id), make.session(places=1, needs_approval=True)
    with acting(make, ann) as tx:
        asked = operations.book(tx, session.id, ann.id)
    assert asked.status is Status.REQUESTED
    with pytest.raises(Refusal, match="Somebody else"), acting(make, ann) as tx:
        operations.decide(tx, asked.id, True)
    with acting(make, manager, ("line manager", None)) as tx:
        operations.decide(tx, asked.id, True)
    assert make.row(Booking, asked.id).status == "booked"


def test_threads_race_for_three_places(make: Make) -> None:
    session = make.session(places=3)
    people = [make.person(f"P{n}") for n in range(12)]
    statuses: list[str] = []

    def go(person: Any) -> None:
        with acting(make, person) as tx:
            booked = operations.book(tx, session.id, person.id)
        statuses.append(booked.status)

    threads = [threading.Thread(target=go, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == ["booked"] * 3 + ["waiting"] * 9
    turns = make.rows(select(Booking.turn).order_by(Booking.id))
    assert sorted(row.turn for row in turns) == list(range(1, 13))
    assert make.rows(select(func.count()).select_from(Booking).where(Booking.place.is_not(None)))[0][0] == 3
