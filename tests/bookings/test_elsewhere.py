"""A session is called off, moved or in doubt: who is told what, and who gets a turn elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import invariants
from app.bookings import operations
from app.bookings.models import Booking, Session
from app.bookings.operations import passing, reservations, running, sessions, timetable
from app.core.db import FOREVER
from app.core.errors import Conflict, Invalid
from app.core.ledger import Outbox
from app.notifications import facts
from app.notifications.messages import render
from app.people.models import RoleHeld
from tests.bookings.test_operations import acting
from tests.bookings.test_reservations import book
from tests.factory import LONG_AGO, Make
from tests.notifications.test_messages import SETTINGS


def messages(make: Make, kind: str) -> list[Any]:
    return make.rows(select(Outbox.person_id, Outbox.facts).where(Outbox.kind == kind).order_by(Outbox.id))


def call_off(make: Make, session: Any, instead: Any = None) -> int:
    with make.tx() as tx:
        return sessions.cancel_session(tx, session.id, "The trainer is unwell", instead=instead.id if instead else None)


def on(make: Make, session: Any) -> list[tuple[Any, ...]]:
    """(person, status, class) of everybody live on a session, in order of turn."""
    live = Booking.status.not_in(("cancelled", "declined", "expired"))
    rows = make.rows(select(Booking.__table__).where(Booking.session_id == session.id, live).order_by(Booking.turn))
    return [(row.person_id, row.status, row.priority) for row in rows]


def two_dates(make: Make, places: int = 2, **values: Any) -> tuple[Any, Any]:
    first = make.session(places=places, **values)
    other = make.session(course=first.course_id, places=places, day=first.starts_at.date() + timedelta(days=7), **values)
    return first, other


def test_everybody_joins_the_other_queue_in_their_order_and_class(make: Make, ledger: Any) -> None:
    ann, bob, cat, dan, manager = (make.person(name) for name in ("Ann", "Bob", "Cat", "Dan", "Mo"))
    session, other = two_dates(make)
    book(make, ann, session)
    with acting(make, manager, ("line manager", None)) as tx:
        reserved = reservations.reserve(tx, session.id, 1)[0]
    book(make, cat, session)
    turn = book(make, dan, session)
    with make.tx() as tx:
        tx.update(Booking, turn.id, priority=2, priority_because="you are newly qualified")
    book(make, bob, other)
    ledger.start()
    assert call_off(make, session, other) == 4
    # Bob has his place there. One is free: it is offered to Dan, whose class is highest; then Ann, who had a place, before Cat, who waited.
    assert on(make, other) == [(bob.id, "booked", 5), (ann.id, "waiting", 5), (cat.id, "waiting", 5), (dan.id, "offered", 2)]
    assert ledger.actions().count("booking.moved-waiting") == 3 and ledger.actions()[-1] == "booking.offered"
    told = messages(make, "email.session_cancelled")
    assert [row.person_id for row in told] == [ann.id, cat.id, dan.id, manager.id]
    assert all("Instead you are on the list" in row.facts["notes"][0] for row in told[:3]) and "notes" not in told[3].facts
    assert make.row(Booking, reserved).status == "cancelled" and told[3].facts["was"] == "reserved"


def test_whoever_cannot_go_there_is_left_out_and_told(make: Make) -> None:
    ann, bob, cat = make.person("Ann"), make.person("Bob"), make.person("Cat")
    session, other = two_dates(make, places=9)
    for person in (ann, bob, cat):
        book(make, person, session)
    book(make, ann, other)
    book(make, bob, make.session(starts=other.starts_at))
    call_off(make, session, other)
    assert on(make, other) == [(ann.id, "booked", 5), (cat.id, "offered", 5)]
    said = {row.person_id: row.facts["notes"][0] for row in messages(make, "email.session_cancelled")}
    assert "already have a booking there" in said[ann.id] and "could not put you on the list" in said[bob.id]


def test_two_sessions_at_the_same_time_are_no_clash_with_the_one_that_is_off(make: Make) -> None:
    ann, session = make.person("Ann"), make.session()
    other = make.session(course=session.course_id, starts=session.starts_at)
    book(make, ann, session)
    call_off(make, session, other)
    assert on(make, other) == [(ann.id, "offered", 5)]


def test_approval_comes_along(make: Make) -> None:
    manager = make.person("Mo")
    ann, bob = make.person("Ann", manager=manager.id), make.person("Bob", manager=manager.id)
    session, other = two_dates(make, needs_approval=True)
    with acting(make, manager, ("line manager", None)) as tx:
        operations.book(tx, session.id, ann.id)
    book(make, bob, session)
    call_off(make, session, other)
    rows = make.rows(select(Booking.approval, Booking.approval_due_at).where(Booking.session_id == other.id).order_by(Booking.turn))
    assert [(row.approval, row.approval_due_at is not None) for row in rows] == [("granted", False), ("pending", True)]
    assert [row.person_id for row in messages(make, "email.approval_asked")] == [manager.id] * 2  # for Bob, for both dates


def test_only_a_session_to_come_of_the_same_course(make: Make) -> None:
    session, other = two_dates(make)
    for wrong in (session, make.session()):
        with pytest.raises(Invalid, match="same course"):
            call_off(make, session, wrong)
    with make.tx() as tx:
        tx.update(Session, other.id, status="draft")
    with pytest.raises(Invalid, match="published session"):
        call_off(make, session, other)


def test_a_move_shows_and_tells_whom_it_clashes_for(make: Make) -> None:
    ann, bob, session = make.person("Ann"), make.person("Bob"), make.session()
    coordinator = make.person("Cai", roles=("coordinator",))
    later = make.session(starts=session.starts_at + timedelta(days=1))
    for person in (ann, bob):
        book(make, person, session)
    book(make, ann, later)
    with acting(make, coordinator, ("coordinator", None)) as tx:
        part = timetable.read(tx, session.id)[0]
        moved = replace(part, starts_at=later.starts_at, ends_at=later.ends_at)
        move = sessions.preview_change(tx, session.id, 1, [moved], session.capacity)
        assert move is not None and [name for name, _ in move.clashes] == [ann.name] and move.unseen == 0
        sessions.change_session(tx, session.id, 1, [moved])
    notes = {row.person_id: row.facts.get("notes") for row in messages(make, "email.session_changed")}
    assert notes[bob.id] is None and "another booking at the new time" in notes[ann.id][0]


def test_a_session_goes_ahead_with_fewer(make: Make) -> None:
    ann, session = make.person("Ann"), make.session(places=10, min_numbers=6)
    book(make, ann, session)
    with make.tx() as tx:
        running.decide_run(tx, session.id, True)
    assert make.row(Session, session.id).runs_at is not None
    assert [row.person_id for row in messages(make, "email.session_runs")] == [ann.id]
    with pytest.raises(Conflict, match="decided already"), make.tx() as tx:
        running.decide_run(tx, session.id, True)


def test_or_it_does_not(make: Make) -> None:
    ann = make.person("Ann")
    session, other = two_dates(make, places=10, min_numbers=6)
    book(make, ann, session)
    with make.tx() as tx:
        running.decide_run(tx, session.id, False, reason="Too few people", instead=other.id)
    assert make.row(Session, session.id).status == "cancelled" and on(make, other) == [(ann.id, "offered", 5)]
    with pytest.raises(Conflict, match="published session to come"), make.tx() as tx:
        running.decide_run(tx, session.id, True)


def test_coordinators_are_asked_once_on_the_day(make: Make) -> None:
    coordinator = make.person("Cai", roles=("coordinator",))
    session, enough = make.session(min_numbers=2), make.session(min_numbers=1)
    book(make, make.person("Ann"), enough)
    with make.tx() as tx:
        for each in (session, enough):
            tx.update(Session, each.id, decide_by=tx.now + timedelta(days=2))
        running.ask_due(tx, tx.now)
        running.ask_due(tx, tx.now + timedelta(days=1, minutes=1))
        running.ask_due(tx, tx.now + timedelta(days=1, minutes=2))
    with make.tx(writes=False) as tx:
        told = tx.rows(select(Outbox.person_id, Outbox.subject_id).where(Outbox.kind == "email.decision_due"))
    assert [tuple(row) for row in told] == [(coordinator.id, session.id)]
    with make.tx() as tx:
        tx.update(Session, session.id, decide_by=tx.now + timedelta(days=3))
        running.ask_due(tx, tx.now + timedelta(days=3))  # a new day to decide by
    assert len(messages(make, "email.decision_due")) == 2


def test_every_message_of_it_can_be_written(make: Make) -> None:
    """Reserved, passed on, expired, moved with a clash, called off with another date, in doubt: nothing is set aside."""
    ann, bob, manager, coordinator = (make.person(name) for name in ("Ann", "Bob", "Mo", "Cai"))
    session, other = two_dates(make, places=5, min_numbers=4)
    mine = book(make, ann, session)
    with acting(make, manager, ("line manager", None)) as tx:
        kept = reservations.reserve(tx, session.id, 2)
    with make.tx() as tx:
        tx.update(Booking, kept[0], name_by=tx.now)
    reservations.expire_due(make.database)
    with acting(make, ann) as tx:
        passing.pass_on_to(tx, mine.id, bob.id)
    later = make.session(starts=session.starts_at + timedelta(days=1))
    book(make, bob, later)
    with make.tx() as tx:
        tx.insert(RoleHeld, person_id=coordinator.id, role="coordinator", valid_from=LONG_AGO, valid_to=FOREVER, recorded_at=tx.now)
        tx.update(Session, session.id, decide_by=tx.now)
        running.ask_due(tx, tx.now)
    with make.tx() as tx:
        part = timetable.read(tx, session.id)[0]
        sessions.change_session(tx, session.id, 1, [replace(part, starts_at=later.starts_at, ends_at=later.ends_at)])
    with make.tx() as tx:
        running.decide_run(tx, session.id, True)
    call_off(make, session, other)
    kinds = {
        "reservation_expired",
        "booking_passed",
        "place_passed",
        "decision_due",
        "session_changed",
        "session_runs",
        "session_cancelled",
    }
    written: dict[str, list[str]] = {kind: [] for kind in kinds}
    with make.tx(writes=False) as tx:
        rows = tx.rows(select(Outbox.__table__).where(Outbox.kind.in_([f"email.{kind}" for kind in kinds])).order_by(Outbox.id))
        for row, told in zip(rows, facts.compose(tx, rows).values(), strict=True):
            message = render(row.kind, told, SETTINGS, message_id=row.id, now=tx.now)
            written[row.kind.removeprefix("email.")].append(message.plain)
    assert [kind for kind, texts in written.items() if not texts] == []
    changed, off = "\n".join(written["session_changed"]), "\n".join(written["session_cancelled"])
    assert f"/bookings/{kept[1]}/name" in changed and "another booking at the new time" in changed
    assert "Instead you are on the list for" in off and "places you reserved" in off
    with make.tx(writes=False) as tx:
        assert invariants.check(tx) == []
