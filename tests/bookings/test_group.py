"""Several people booked in one go: what is shown before is what happens."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from app.bookings.models import Booking, Session, Status
from app.bookings.operations import group
from app.bookings.operations.quotas import Keep
from app.core.errors import Forbidden, Invalid, NotFound
from tests.bookings.test_operations import acting
from tests.bookings.test_quotas import cohort, keep, until
from tests.bookings.test_reservations import book
from tests.factory import Make

MANAGER = ("line manager", None)


def both(make: Make, manager: Any, session: Any, *people: Any) -> list[group.Line]:
    """What is shown, then what happens: the same."""
    keys = [person.id for person in people]
    with acting(make, manager, MANAGER) as tx:
        shown = group.preview(tx, tx.get(Session, session.id), keys)
    with acting(make, manager, MANAGER) as tx:
        done = group.book_group(tx, session.id, keys)
    assert [(line.person_id, line.status) for line in shown] == [(line.person_id, line.status) for line in done]
    assert [bool(line.why) for line in shown] == [bool(line.why) for line in done]
    return done


def team(make: Make, size: int) -> tuple[Any, list[Any]]:
    manager = make.person("Mo")
    return manager, [make.person(f"P{n}", manager=manager.id) for n in range(size)]


def test_places_then_turns_and_those_who_cannot(make: Make, ledger: Any) -> None:
    manager, (ann, bob, cat, dan) = team(make, 4)
    session = make.session(places=2)
    book(make, bob, make.session(starts=session.starts_at))
    ledger.start()
    lines = both(make, manager, session, ann, bob, cat, dan, ann)
    assert [line.status for line in lines] == [Status.BOOKED, None, Status.BOOKED, Status.WAITING]
    assert "another booking at that time" in lines[1].why and lines[1].booking_id is None
    assert ledger.actions() == ["booking.made"] * 3


def test_a_full_waiting_list_and_a_closed_session(make: Make) -> None:
    manager, (ann, bob) = team(make, 2)
    lines = both(make, manager, make.session(places=1, waiting_limit=0), ann, bob)
    assert [line.status for line in lines] == [Status.BOOKED, None]
    closed = both(make, manager, make.session(status="cancelled"), ann, bob)
    assert [line.why for line in closed] == ["This session has been cancelled."] * 2


def test_kept_places_go_to_those_they_are_kept_for(make: Make) -> None:
    manager, (ann, nina, bob) = team(make, 3)
    session = make.session(places=2)
    keep(make, session, Keep(1, until(make), group_id=cohort(make, nina)))
    lines = both(make, manager, session, ann, bob, nina)
    assert [line.status for line in lines] == [Status.BOOKED, Status.WAITING, Status.BOOKED]


def test_nobody_gets_past_those_who_wait(make: Make) -> None:
    manager, (ann, bob) = team(make, 2)
    session = make.session(places=1)
    for name in ("Eve", "Fay"):
        book(make, make.person(name), session)
    assert [line.status for line in both(make, manager, session, ann, bob)] == [Status.WAITING] * 2


def test_a_manager_approves_by_booking_and_the_academy_does_not(make: Make) -> None:
    manager, (ann, bob) = team(make, 2)
    assert both(make, manager, make.session(needs_approval=True), ann)[0].status is Status.BOOKED
    academy = make.session(course=make.course(approver="coordinator").id, needs_approval=True)
    assert both(make, manager, academy, bob)[0].status is Status.REQUESTED


def test_all_or_none_where_somebody_is_not_theirs(make: Make) -> None:
    manager, (ann,) = team(make, 1)
    eve, session = make.person("Eve"), make.session()
    with pytest.raises(NotFound), acting(make, manager, MANAGER) as tx:
        group.book_group(tx, session.id, [ann.id, eve.id])
    with pytest.raises(Invalid, match="Choose the people"), acting(make, manager, MANAGER) as tx:
        group.book_group(tx, session.id, [])
    with pytest.raises(Forbidden), acting(make, eve) as tx:
        group.book_group(tx, session.id, [eve.id])
    assert make.rows(select(func.count()).select_from(Booking))[0][0] == 0


def test_showing_takes_as_many_statements_for_ten_as_for_two(make: Make, count_queries: Any) -> None:
    manager, people = team(make, 10)
    session = make.session(places=5)
    counts = []
    for some in (people[:2], people):
        with acting(make, manager, MANAGER, writes=False) as tx:
            row = tx.get(Session, session.id)
            with count_queries() as queries:
                group.preview(tx, row, [person.id for person in some])
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6
