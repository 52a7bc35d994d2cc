"""Everybody at once on one waiting list, in threads and in processes: each place once, the order kept, nothing stuck. And killed midway."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app import invariants, jobs
from app.bookings import clocks, operations
from app.bookings.models import Booking, PassOn, Session
from app.bookings.operations import offers, places, queue
from app.bookings.operations.passing import pass_on_to
from app.bookings.terms import Policy
from app.core.ledger import Audit, Outbox
from app.core.tx import SYSTEM, transaction
from tests.crash.hands import at_once, cancel_and_die, doing, in_processes, storm
from tests.factory import Make
from tests.queues import only_bookings

ROUNDS = 4


class List:
    """A session with one place and a waiting list; `offered` is the first on it, to whom the place has been offered."""

    def __init__(self, make: Make, waiting: int = 4, places: int = 1) -> None:
        self.make = make
        self.database = make.database
        self.session = make.session(places=places).id
        self.people = [make.person(f"P{n}", account=False).id for n in range(places + waiting)]
        self.ids = [self.join(person) for person in self.people]

    def join(self, person: int) -> int:
        with self.make.tx() as tx:
            return operations.book(tx, self.session, person).id

    def offer(self, n: int = 0) -> tuple[int, datetime]:
        """The n-th gives the place up; returns the booking it is offered to, and until when."""
        doing(self.database, operations.cancel, self.ids[n], "Court hearing")()
        (row,) = self.make.rows(select(Booking.id, Booking.offer_ends_at).where(self.here, Booking.status == "offered"))
        return row.id, row.offer_ends_at

    @property
    def here(self) -> Any:
        return Booking.session_id == self.session

    def states(self) -> list[str]:
        return [row.status for row in self.make.rows(select(Booking.status).where(self.here).order_by(Booking.turn, Booking.id))]

    def settled(self) -> None:
        """Every rule holds, and whoever waits waits for a place that somebody has."""
        jobs.run_clocks(self.database)
        with self.make.tx(writes=False) as tx:
            assert invariants.check(tx) == []
            free, waiting = queue.free_seats(tx, self.session), tx.rows(select(Booking.id).where(self.here, queue.WAITING))
            assert not (free and waiting)


def test_two_accept_the_same_offer(make: Make) -> None:
    for _ in range(ROUNDS):
        here = List(make)
        booking, _ends = here.offer()
        came = at_once(*[doing(make.database, offers.accept, booking)] * 3)
        assert sorted(came) == ["done", "offer-over", "offer-over"]
        assert here.states() == ["cancelled", "booked", "waiting", "waiting", "waiting"]
        here.settled()


def test_accepted_as_it_lapses(make: Make) -> None:
    """At the moment at which it ends an offer is over, whoever looks first; a moment before, it is taken or declined once."""
    for early in (timedelta(0), timedelta(seconds=1)):
        here = List(make)
        booking, ends = here.offer()
        now = ends - early
        lapse = doing(make.database, offers.lapse, here.session, now=ends)
        came = at_once(doing(make.database, offers.accept, booking, now=now), lapse, lapse)
        told = Counter(row.kind for row in make.rows(select(Outbox.kind).where(Outbox.subject_id == booking, Outbox.subject == "bookings")))
        assert came[1:] == ["done", "done"] and told["email.booking_made"] + told["email.offer_lapsed"] == 1
        assert (came[0] == "done") == (told["email.booking_made"] == 1)
        assert early or came[0] == "offer-over"


def test_declined_as_it_lapses(make: Make) -> None:
    for _ in range(ROUNDS):
        here = List(make)
        booking, ends = here.offer()
        moment = ends - timedelta(seconds=1)
        decline = doing(make.database, offers.decline, booking, now=moment)
        came = at_once(decline, decline, doing(make.database, offers.lapse, here.session, now=ends))
        moves = make.rows(select(Audit.action).where(Audit.subject == "bookings", Audit.subject_id == booking).order_by(Audit.id))
        assert [row.action for row in moves][:2] == ["booking.made", "booking.offered"] and len(moves) == 3, "it ended once"
        assert came.count("done") - 1 == (moves[2].action == "booking.offer-declined")
        assert Counter(here.states())["offered"] == 1, "and passed on once"


@pytest.mark.thorough
def test_workers_and_a_request_pass_on_at_once(make: Make) -> None:
    for _ in range(ROUNDS):
        here = List(make, waiting=5, places=3)
        cancels = [doing(make.database, operations.cancel, key, "Court hearing") for key in here.ids[:3]]
        came = at_once(*cancels, *[lambda: queue.pass_on_due(make.database)] * 3)
        assert came == ["done"] * 6
        jobs.run_clocks(make.database)
        assert here.states() == ["cancelled"] * 3 + ["offered"] * 3 + ["waiting"] * 2
        told = make.rows(select(Outbox.subject_id).where(Outbox.kind == "email.booking_offered", Outbox.subject_id.in_(here.ids)))
        assert sorted(row.subject_id for row in told) == here.ids[3:6], "each once, the first three"
        here.settled()


@pytest.mark.thorough
def test_passed_to_a_colleague_and_cancelled_at_once(make: Make) -> None:
    for _ in range(ROUNDS):
        here = List(make)
        colleagues = [make.person(f"C{n}", account=False).id for n in range(2)]
        hand_over = [doing(make.database, pass_on_to, here.ids[0], person) for person in colleagues]
        came = at_once(*hand_over, doing(make.database, operations.cancel, here.ids[0], "Court hearing"))
        assert came.count("done") == 1, came
        assert Counter(here.states()) == Counter(
            ["cancelled", "offered" if came[2] == "done" else "booked", *["waiting"] * (4 - (came[2] == "done"))]
        )
        here.settled()


def test_a_waiting_colleague_is_offered_one_place_and_handed_another(make: Make) -> None:
    """The head of the list is offered a place just as somebody hands them theirs: one of the two, and the other place goes on."""
    for _ in range(ROUNDS):
        here = List(make, waiting=3, places=2)
        hand_over = doing(make.database, pass_on_to, here.ids[0], here.people[2])
        came = at_once(hand_over, doing(make.database, operations.cancel, here.ids[1], "Court hearing"))
        assert came[1] == "done" and came[0] in ("done", "already-booked", "cannot-receive")
        live = make.rows(
            select(func.count()).select_from(Booking).where(here.here, Booking.person_id == here.people[2], Booking.place.is_not(None))
        )
        assert live[0][0] == 1
        here.settled()


def test_places_are_added_while_people_join(make: Make) -> None:
    here = List(make, waiting=3, places=1)
    newcomers = [make.person(f"N{n}", account=False).id for n in range(10)]

    def enlarge() -> None:
        with make.tx() as tx:
            session = tx.get(Session, here.session, lock=True)
            places.set_capacity(tx, here.session, 5)
            tx.update(Session, here.session, capacity=5, version=session.version + 1)
            tx.record("session.changed", "sessions", here.session, fields=["capacity"])

    came = at_once(enlarge, *[doing(make.database, operations.book, here.session, person) for person in newcomers])
    assert came == ["done"] * 11
    states = here.states()
    assert states[:5] == ["booked", *["offered"] * 3, states[4]] and states[4] in ("booked", "offered"), "in the order in which they asked"
    assert states[5:] == ["waiting"] * 9
    here.settled()


def test_fifty_join_while_places_are_given_up(make: Make) -> None:
    here = List(make, waiting=0, places=6)
    newcomers = [make.person(f"N{n}", account=False).id for n in range(50)]
    joins = [doing(make.database, operations.book, here.session, person) for person in newcomers]
    cancels = [doing(make.database, operations.cancel, key, "Court hearing") for key in here.ids]
    assert set(at_once(*joins[:25], *cancels, *joins[25:])) == {"done"}
    states = here.states()
    held = [n for n, state in enumerate(states[6:]) if state in ("booked", "offered")]
    assert held == list(range(6)), "the first six of those who came, however they came by it"
    here.settled()


@pytest.mark.thorough
@pytest.mark.parametrize("hands", [4])
def test_a_storm_in_processes(make: Make, hands: int) -> None:
    here = List(make, waiting=4, places=3)
    crowd = here.people + [make.person(f"N{n}", account=False).id for n in range(8)]
    ended = in_processes(storm, *[(make.database.url, here.session, crowd, seed, 25) for seed in range(hands)])
    assert ended == [0] * hands
    made = make.rows(select(func.count()).select_from(Audit).where(Audit.action == "booking.made"))
    assert made[0][0] > 10, "something happened"
    here.settled()


# The control -------------------------------------------------------------------------------------------------------


def test_without_the_lock_somebody_is_offered_twice(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at first, written later, nobody taking turns: then each of three workers offers the same place to the same person."""
    here = List(make)
    with monkeypatch.context() as before:
        before.setattr(queue, "pass_on_now", lambda *_: 0)
        doing(make.database, operations.cancel, here.ids[0], "Court hearing")()

    def careless() -> list[tuple[Any, Any]]:
        with transaction(make.database, SYSTEM, writes=False) as tx:
            return queue.match(tx, tx.get(Session, here.session), queue.free_seats(tx, here.session))

    seen = [careless() for _ in range(3)]
    with make.tx(writes=False) as tx:
        ends = clocks.offer_ends(tx.now, tx.get(Session, here.session).starts_at, Policy())
    writes = [doing(make.database, queue._offer, here.session, [(*pair, ends) for pair in pairs]) for pairs in seen]
    at_once(*writes)
    told = make.rows(select(Outbox.id).where(Outbox.kind == "email.booking_offered", Outbox.subject_id == here.ids[1]))
    assert len(told) == 3, "without the lock this test must see it; test_workers_and_a_request_pass_on_at_once sees none with it"


# Killed ------------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("when", ["before", "while"])
def test_killed_between_giving_up_and_passing_on(make: Make, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    only_bookings(monkeypatch)
    here = List(make)
    assert in_processes(cancel_and_die, (make.database.url, here.ids[0], when)) == [-9]
    assert here.states() == ["cancelled", *["waiting"] * 4], "given up, and not offered"
    assert make.rows(select(func.count()).select_from(PassOn).where(PassOn.done_at.is_(None)))[0][0] == 1
    assert make.rows(select(Outbox.id).where(Outbox.kind == "email.booking_offered")) == []
    here.join(make.person("Eve", account=False).id)
    assert here.states() == ["cancelled", *["waiting"] * 5], "nobody slips in meanwhile"
    assert jobs.run_clocks(make.database) == 1
    assert here.states() == ["cancelled", "offered", *["waiting"] * 4], "the worker took it up"
    assert make.rows(select(func.count()).select_from(PassOn).where(PassOn.done_at.is_(None)))[0][0] == 0
    assert jobs.run_clocks(make.database) == 0
    here.settled()
