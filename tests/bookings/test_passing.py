"""A place handed to a colleague: it is never free in between, keeps its turn, and gives nobody away."""

from __future__ import annotations

from typing import Any

import pytest

from app.bookings import operations
from app.bookings.models import Booking, Session, Status
from app.bookings.operations import passing
from app.core.errors import Conflict, NotFound
from tests.bookings.test_operations import acting
from tests.bookings.test_quotas import cohort, keep, until
from tests.bookings.test_reservations import book
from tests.factory import Make


def pass_on(make: Make, booking: int, giver: Any, receiver: Any, *roles: Any) -> int:
    with acting(make, giver, *roles) as tx:
        return passing.pass_on_to(tx, booking, receiver.id)


def test_the_place_keeps_its_turn_and_class(make: Make, ledger: Any) -> None:
    ann, bob, eve, session = make.person("Ann"), make.person("Bob"), make.person("Eve"), make.session(places=1)
    mine = book(make, ann, session)
    first, second = book(make, eve, session), book(make, bob, session)
    ledger.start()
    received = make.row(Booking, pass_on(make, mine.id, ann, bob))
    assert (received.person_id, received.status, received.place, received.turn) == (bob.id, "booked", mine.place, mine.turn)
    assert (received.priority, received.passed_from, received.booked_by) == (mine.priority, mine.id, ann.id)
    given = make.row(Booking, mine.id)
    assert (given.status, given.place, given.sequence) == ("cancelled", None, 1)
    # Bob had a turn of his own, which is over; Eve still waits and was not overtaken: no place became free.
    assert [make.row(Booking, each.id).status for each in (first, second)] == ["waiting", "cancelled"]
    assert ledger.actions() == ["booking.cancelled", "booking.passed", "booking.received"]
    assert ledger.outbox()[-2:] == ["email.place_passed", "email.booking_passed"]


def test_a_course_may_forbid_it_while_others_wait(make: Make) -> None:
    ann, bob, eve = make.person("Ann"), make.person("Bob"), make.person("Eve")
    session = make.session(course=make.course(pass_while_waiting=False).id, places=1)
    mine = book(make, ann, session)
    turn = book(make, eve, session)
    with pytest.raises(Conflict, match="cannot be passed on while others wait"):
        pass_on(make, mine.id, ann, bob)
    with acting(make, eve) as tx:
        operations.cancel(tx, turn.id, "Not needed")
    assert pass_on(make, mine.id, ann, bob)


def test_refusals_give_nobody_away(make: Make) -> None:
    """A clash, a missing prerequisite, another employer and an unknown person all read the same."""
    ann, busy, session = make.person("Ann"), make.person("Busy"), make.session()
    elsewhere = make.person("Out", organisation=make.organisation("Fairhaven Trust", host=False))
    mine = book(make, ann, session)
    book(make, busy, make.session(starts=session.starts_at))
    said = set()
    for receiver in (busy.id, elsewhere.id, ann.id, 999_999):
        with pytest.raises(Conflict) as refusal, acting(make, ann) as tx:
            passing.pass_on_to(tx, mine.id, receiver)
        said.add((refusal.value.code, refusal.value.message, refusal.value.way_out))
    assert len(said) == 1
    manager = make.person("Mo")
    ben, bad = make.person("Ben", manager=manager.id), make.person("Bad", manager=manager.id)
    book(make, bad, make.session(starts=session.starts_at))
    theirs = book(make, ben, session)
    with pytest.raises(Conflict, match="another booking at that time"):  # a manager sees their own people's bookings anyway
        pass_on(make, theirs.id, manager, bad, ("line manager", None))
    with pytest.raises(NotFound):
        pass_on(make, theirs.id, ann, busy)  # not Ann's to give


def test_the_receiver_needs_approval_of_their_own(make: Make) -> None:
    manager = make.person("Mo")
    ann, bob = make.person("Ann", manager=manager.id), make.person("Bob", manager=manager.id)
    session = make.session(needs_approval=True)
    with acting(make, manager, ("line manager", None)) as tx:
        mine = operations.book(tx, session.id, ann.id)
    received = make.row(Booking, pass_on(make, mine.id, ann, bob))
    assert (received.status, received.approval) == ("requested", "pending") and received.approval_due_at is not None
    with pytest.raises(Conflict, match="Only a booked place"):
        pass_on(make, received.id, bob, ann)
    other = make.session(needs_approval=True, starts=session.starts_at.replace(hour=15))
    with acting(make, manager, ("line manager", None)) as tx:
        theirs = operations.book(tx, other.id, ann.id)
    granted = pass_on(make, theirs.id, manager, bob, ("line manager", None))
    assert make.row(Booking, granted).status == "booked"


def test_a_kept_place_stays_with_those_it_is_kept_for(make: Make) -> None:
    nina, noor, bob = make.person("Nina"), make.person("Noor"), make.person("Bob")
    group, session = cohort(make, nina, noor), make.session(places=2)
    from app.bookings.operations.quotas import Keep

    keep(make, session, Keep(1, until(make), group_id=group))
    mine = book(make, nina, session)
    with pytest.raises(Conflict, match="cannot take this place"):
        pass_on(make, mine.id, nina, bob)
    assert make.row(Booking, pass_on(make, mine.id, nina, noor)).place == mine.place


def test_not_after_the_start_and_not_a_turn(make: Make) -> None:
    ann, bob, eve, session = make.person("Ann"), make.person("Bob"), make.person("Eve"), make.session(places=1)
    mine, turn = book(make, ann, session), book(make, bob, session)
    with pytest.raises(Conflict, match="Only a booked place"):
        pass_on(make, turn.id, bob, eve)
    with make.tx() as tx:
        tx.update(Session, session.id, starts_at=tx.now)
    with pytest.raises(Conflict, match="has started"):
        pass_on(make, mine.id, ann, eve)
    assert make.row(Booking, mine.id).status == Status.BOOKED.value
