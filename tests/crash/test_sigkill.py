"""Killed without warning in the middle of a race: nothing that was acknowledged is lost, and nobody is told of what was not done."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import func, select

from app import invariants
from app.bookings.models import Booking
from app.core.ledger import Outbox
from tests.crash.house import crowd, serving
from tests.factory import Make

PLACES = 20


def bookings(make: Make) -> dict[int, Any]:
    return {row.id: row for row in make.rows(select(Booking.__table__))}


def audit(make: Make) -> list[invariants.Violation]:
    with make.tx(writes=False) as tx:
        return invariants.check(tx)


def race_and_kill(make: Make, people: int, kills: list[int]) -> None:
    course = make.course().id
    sessions = [make.session(course=course, places=PLACES, link="https://meet.westmarch.example/x").id for _ in range(4)]
    with serving(make.database) as service:
        everyone = crowd(make, service, people, sessions)
        for after in kills:
            once = threading.Lock()  # held by whoever kills, and never given back

            def strike(accepted: int, after: int = after, once: threading.Lock = once) -> None:
                if accepted >= after and once.acquire(blocking=False):
                    service.kill()

            everyone.race(then=strike)
            assert after <= len(everyone.accepted) < people, "the service died in the middle of the race"
            assert 0 in everyone.answers, "some never got an answer"
            kept = bookings(make)
            for person, said in everyone.accepted.items():
                assert kept[said["id"]].person_id == person, "an acknowledged booking is there"
                assert kept[said["id"]].status == said["status"]
            messages = {row.subject_id for row in make.rows(select(Outbox.subject_id).where(Outbox.subject == "bookings"))}
            assert messages == set(kept), "each booking has its message, and there is no message without a booking"
            assert audit(make) == []
            service.start()

        everyone.race()  # whoever got no answer asks again with the same key, and cannot get two places by it
        assert len(everyone.accepted) == people and set(everyone.answers) <= {0, 201}
    kept = bookings(make)
    assert len(kept) == people == len({row.person_id for row in kept.values()})
    for session in sessions:
        wanted = sum(1 for _, wish in everyone.wishes if wish == session)
        booked = [row for row in kept.values() if row.session_id == session and row.status == "booked"]
        assert len(booked) == min(PLACES, wanted)
        assert sorted(row.turn for row in booked) == list(range(1, len(booked) + 1)), "the places went to those who were accepted first"
    assert make.rows(select(func.count()).select_from(Outbox))[0][0] == people
    assert audit(make) == []


@pytest.mark.thorough
def test_no_acknowledged_booking_is_lost(make: Make) -> None:
    race_and_kill(make, 100, [35])


@pytest.mark.thorough
def test_not_in_a_long_race_with_many_kills_either(make: Make) -> None:
    race_and_kill(make, 300, [40, 100, 150, 200, 260])
