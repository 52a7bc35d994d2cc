"""Places that a manager reserves and names people for later: their turn, their rules, their deadline."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.bookings import clocks, operations
from app.bookings.models import Booking, Session, Status
from app.bookings.operations import reservations
from app.bookings.terms import Policy
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.tx import Tx
from app.people import operations as people
from app.people.models import Duty
from tests.bookings.test_operations import acting
from tests.factory import LONG_AGO, Make

MANAGER = ("line manager", None)


def reserve(make: Make, manager: Any, session: Any, number: int = 1) -> list[int]:
    with acting(make, manager, MANAGER) as tx:
        return reservations.reserve(tx, session.id, number)


def name(make: Make, manager: Any, booking: int, person: Any) -> Status:
    with acting(make, manager, MANAGER) as tx:
        return reservations.name(tx, booking, person.id)


def book(make: Make, person: Any, session: Any) -> Any:
    with acting(make, person) as tx:
        return operations.book(tx, session.id, person.id)


def test_reserved_then_named_keeps_the_turn(make: Make, ledger: Any) -> None:
    manager = make.person("Mo")
    ann, bob, session = make.person("Ann", manager=manager.id), make.person("Bob"), make.session(places=2)
    ledger.start()
    first, _ = reserve(make, manager, session, 2)
    waits = book(make, bob, session)
    assert waits.status is Status.WAITING and waits.turn == 3
    row = make.row(Booking, first)
    assert (row.status, row.person_id, row.booked_by, row.turn) == ("reserved", None, manager.id, 1)
    with make.tx(writes=False) as tx:
        assert row.name_by == clocks.after_working_days(row.created_at, 10, Policy()) and tx.now < row.name_by
    assert name(make, manager, first, ann) is Status.BOOKED
    named = make.row(Booking, first)
    assert (named.person_id, named.turn, named.place, named.name_by) == (ann.id, 1, row.place, None)
    assert ledger.actions() == ["booking.reserved"] * 2 + ["booking.made", "booking.named"]
    assert ledger.outbox() == ["email.booking_waiting", "email.booking_made"]
    with pytest.raises(Conflict, match="no longer reserved"):
        name(make, manager, first, ann)


def test_nothing_is_reserved_past_those_who_wait_or_beyond_what_is_free(make: Make) -> None:
    manager, session = make.person("Mo"), make.session(places=1)
    with pytest.raises(Invalid, match="Only 1 place is free"):
        reserve(make, manager, session, 2)
    with pytest.raises(Invalid, match="1 or more"):
        reserve(make, manager, session, 0)
    large = make.session(places=30)
    with pytest.raises(Invalid, match="up to 20"):
        reserve(make, manager, large, 21)
    book(make, make.person("Ann"), session)
    with pytest.raises(Invalid, match="No place is free"):
        reserve(make, manager, session)
    book(make, make.person("Bob"), session)
    with pytest.raises(Conflict, match="People are waiting"):
        reserve(make, manager, session)
    with pytest.raises(Forbidden, match="Only managers"), acting(make, make.person("Eve")) as tx:
        reservations.reserve(tx, large.id, 1)
    with make.tx() as tx:
        tx.update(Session, large.id, closes_at=tx.now)
    with pytest.raises(Conflict, match="Booking closed"):
        reserve(make, manager, large)


def test_the_rules_are_those_of_whoever_is_named(make: Make) -> None:
    manager = make.person("Mo")
    ann = make.person("Ann", manager=manager.id)
    law, session = make.course("Court law"), make.session(course=make.course("Court skills").id)
    needing = make.session(course=make.course("Court advanced", requires=(law.id,)).id, day=session.starts_at.date() + timedelta(days=7))
    first, second = reserve(make, manager, session)[0], reserve(make, manager, needing)[0]
    with pytest.raises(Conflict, match="need to complete Court law"):
        name(make, manager, second, ann)
    with pytest.raises(NotFound):
        name(make, manager, first, make.person("Eve"))  # not one of Mo's people
    name(make, manager, first, ann)
    third = reserve(make, manager, session)[0]
    with pytest.raises(Conflict, match="already have a place"):
        name(make, manager, third, ann)


def test_whoever_is_named_gives_up_their_waiting_turn(make: Make) -> None:
    manager = make.person("Mo")
    ann, session = make.person("Ann", manager=manager.id), make.session(places=1)
    place = reserve(make, manager, session)[0]
    turn = book(make, ann, session)
    name(make, manager, place, ann)
    assert [make.row(Booking, turn.id).status, make.row(Booking, place).status] == ["cancelled", "booked"]


def test_approval_is_asked_of_a_named_person_where_the_manager_cannot_give_it(make: Make) -> None:
    manager = make.person("Mo")
    ann = make.person("Ann", manager=manager.id)
    mine = make.session(needs_approval=True)
    assert name(make, manager, reserve(make, manager, mine)[0], ann) is Status.BOOKED  # Mo approves by naming
    academy = make.session(
        course=make.course(approver="coordinator").id, needs_approval=True, day=mine.starts_at.date() + timedelta(days=7)
    )
    booking = reserve(make, manager, academy)[0]
    assert name(make, manager, booking, ann) is Status.REQUESTED
    assert make.row(Booking, booking).approval_due_at is not None


def test_a_place_given_back_passes_on(make: Make) -> None:
    manager, bob, session = make.person("Mo"), make.person("Bob"), make.session(places=1)
    place = reserve(make, manager, session)[0]
    waits = book(make, bob, session)
    with pytest.raises(NotFound), acting(make, make.person("Other"), MANAGER) as tx:
        reservations.give_back(tx, place)
    with acting(make, manager, MANAGER) as tx:
        reservations.give_back(tx, place)
    assert make.row(Booking, place).status == "cancelled" and make.row(Booking, waits.id).status == "offered"


def test_a_deputy_and_a_coordinator_may_name_too(make: Make) -> None:
    manager, deputy, coordinator = make.person("Mo"), make.person("Di"), make.person("Cai", roles=("coordinator",))
    ann, bob = make.person("Ann", manager=manager.id), make.person("Bob", manager=manager.id)
    session = make.session()
    with make.tx() as tx:
        people.give_duty(tx, Duty.DEPUTY, deputy.id, LONG_AGO, person_id=manager.id)
    first, second = reserve(make, manager, session, 2)
    assert name(make, deputy, first, ann) is Status.BOOKED
    with acting(make, coordinator, ("coordinator", None)) as tx:
        assert reservations.name(tx, second, bob.id) is Status.BOOKED


def test_unnamed_in_time_the_place_goes_on_and_the_reserver_is_told_once(make: Make, ledger: Any) -> None:
    manager, bob, session = make.person("Mo"), make.person("Bob"), make.session(places=2)
    ann = make.person("Ann", manager=manager.id)
    places = reserve(make, manager, session, 2)
    waits = book(make, bob, session)
    assert reservations.expire_due(make.database) == 0
    with make.tx() as tx:
        for place in places:
            tx.update(Booking, place, name_by=tx.now)
    with pytest.raises(Conflict, match="time to name somebody is over"):
        name(make, manager, places[0], ann)
    assert reservations.expire_due(make.database) == 2
    assert reservations.expire_due(make.database) == 0
    assert [make.row(Booking, place).status for place in places] == ["expired", "expired"]
    assert make.row(Booking, waits.id).status == "offered"
    told = [row for row in _messages(make) if row.kind == "email.reservation_expired"]
    assert [(row.person_id, row.facts["places"]) for row in told] == [(manager.id, 2)]


def _messages(make: Make) -> list[Any]:
    from app.core.ledger import Outbox

    return make.rows(select(Outbox.kind, Outbox.person_id, Outbox.facts).order_by(Outbox.id))


def test_never_past_the_cut_off(make: Make) -> None:
    manager = make.person("Mo")
    with make.tx(writes=False) as tx:
        soon: Tx = tx
        starts = soon.now.replace(microsecond=0) + timedelta(days=2)
    session = make.session(starts=starts)
    place = reserve(make, manager, session)[0]
    assert make.row(Booking, place).name_by == starts - timedelta(hours=2)


def test_many_at_once_never_hold_more_than_there_is(make: Make) -> None:
    """Managers reserve and others book, all at the same moment: whoever got a place has one of his own, and nobody was overtaken."""
    managers, people, session = [make.person(f"Mo{n}") for n in range(5)], [make.person(f"P{n}") for n in range(5)], make.session(places=6)

    def take(person: Any, manager: bool) -> None:
        with contextlib.suppress(Conflict, Invalid):
            if manager:
                reserve(make, person, session, 2)
            else:
                book(make, person, session)

    threads = [
        threading.Thread(target=take, args=(each, manager)) for manager in (True, False) for each in (managers if manager else people)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = make.rows(select(Booking.status, Booking.turn, Booking.place).order_by(Booking.turn))
    held = [row.place for row in rows if row.place is not None]
    assert len(held) == len(set(held)) == 6 and [row.turn for row in rows] == sorted({row.turn for row in rows})
    waiting = [row.turn for row in rows if row.status == "waiting"]
    assert not waiting or min(waiting) > max(row.turn for row in rows if row.place is not None)
