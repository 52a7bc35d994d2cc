"""The control for the histories: an engine with one fault in it must disagree with the oracle, whichever fault it is.

A fault is planted by changing a few words of one function's source and giving the function the code that this compiles to, so that
whoever calls it, from wherever, meets the fault.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.bookings import clocks, rules
from app.bookings.operations import approval, leavers, offers, passing, places, queue, quotas, reservations
from app.bookings.operations.cancel import end
from app.bookings.operations.decide import decide
from app.bookings.operations.sessions import change_session
from app.core.db import Database, connect
from tests.county import careless
from tests.factory import Make
from tests.property.game import History, Table, failure

MOST = 150  # histories in which a fault must show


@dataclass(frozen=True)
class Fault:
    """In `function` the words `old` are replaced by `new`."""

    function: Callable[..., Any]
    old: str
    new: str


FREE = "Place.number == booking.place, Place.closing"
ORDER = ".order_by(Booking.priority, Booking.turn)\n    )"
FAULTS: dict[str, Fault] = {
    # the queue
    "the last in the queue is offered first": Fault(queue.match, ORDER, ".order_by(Booking.turn.desc())\n    )"),
    "classes are ignored": Fault(queue.match, ORDER, ".order_by(Booking.turn)\n    )"),
    "a newcomer takes the freed place": Fault(
        rules.facts_statement, "case((exists(waits), null())", "case((exists(waits) & False, null())"
    ),
    "only one of several free places is offered": Fault(queue.pass_on, "match(tx, session, seats)", "match(tx, session, seats[:1])"),
    # places that become free
    "a place given up is forgotten": Fault(end, "freed(tx, booking.session_id)", "pass"),
    "places that are added are forgotten": Fault(places.set_capacity, "freed(tx, session_id)", "pass"),
    "a smaller capacity closes no place that is taken": Fault(places.set_capacity, "values(closing=True)", "values(closing=False)"),
    "a smaller capacity closes kept places": Fault(places.set_capacity, "row.quota_id is None", "True"),
    "a place that closes stays": Fault(end, FREE, FREE + ", Place.number < 0"),
    # offers and their clock
    "an offer can be accepted when it is over": Fault(offers.accept, "booking.offer_ends_at <= tx.now", "False"),
    "an offer can be accepted beside a held place": Fault(offers.accept, "found.clash is not None", "False"),
    "an offer accepted before approval is a booking": Fault(offers.accept, 'booking.approval == "pending"', "False"),
    "an offer lapses a moment late": Fault(offers.lapse_due, "Booking.offer_ends_at <= tx.now", "Booking.offer_ends_at < tx.now"),
    "a lapsed offer frees no place": Fault(offers.lapse, "freed(tx, session_id)", "pass"),
    "every offer lapses with the first": Fault(offers.lapse, ", Booking.offer_ends_at <= tx.now", ""),
    "offers outlive the cut-off": Fault(clocks.offer_ends, "latest = min(until, ", "latest = max(until, "),
    "the clock runs at night": Fault(clocks.offer_ends, "return starts + left", "return now + timedelta(minutes=figures.offer_minutes)"),
    "the clock runs on other people's days": Fault(queue.pass_on, "row.working_days or WEEK", "WEEK"),
    "the clock runs while they are away": Fault(queue.pass_on, "away.get(row.person_id, frozenset())", "frozenset()"),
    "an offer goes out with no time to answer": Fault(queue.pass_on, "if ends is None:", "ends = ends or until\n        if ends is None:"),
    "a session that moves keeps its offers": Fault(change_session, "offers.keep_within(tx, session_id)", "pass"),
    # approval
    "approval seats somebody who is only offered a place": Fault(
        decide, "booking.status == Status.REQUESTED", "booking.status in (Status.REQUESTED, Status.OFFERED)"
    ),
    "a decision can be taken twice": Fault(decide, 'booking.approval != "pending"', "False"),
    "a decision can be taken too late": Fault(decide, "booking.approval_due_at <= tx.now", "False"),
    "a request that nobody answers keeps its place": Fault(approval.expire, 'booking.approval != "pending"', "True"),
    # kept, reserved and passed on
    "kept places are offered to anybody": Fault(queue.match, "row.person_id in entitled.get(seat.quota_id or 0, ())", "True"),
    "kept places are taken by anybody": Fault(rules.free_to, "may_take(person, place.quota_id, today)", "place.session_id == session"),
    "kept places are kept from everybody": Fault(rules.free_to, "may_take(person, place.quota_id, today)", "place.quota_id.is_(None)"),
    "released places are forgotten": Fault(quotas._released, "freed(tx, session.id)", "pass"),
    "places are released a day late": Fault(quotas.release_due, "Quota.release_on <= tx.today", "Quota.release_on < tx.today"),
    "reserved places are never given back": Fault(reservations._expire_now, "Booking.name_by <= now", "Booking.name_by < now"),
    "a place that is passed on loses its turn": Fault(passing._hand_over, "turn=booking.turn", "turn=booking.turn + 50"),
    "a place that is passed on loses its class": Fault(passing._hand_over, "priority=booking.priority", "priority=9"),
    "whoever receives a place waits on": Fault(passing.pass_on_to, "fit.give_up_turn(tx, session.id, receiver_id)", "pass"),
    # leaving
    "the places of a leaver are forgotten": Fault(
        leavers.free, "pass_on(tx, sorted({row.session_id for row in wanted if row.place is not None}))", "pass"
    ),
    "a leaver does not come on the last day": Fault(leavers._theirs, "row.leaving_on < london", "row.leaving_on <= london"),
}

SHOWN_BY = {  # a history that shows it, so that it is found at once; without an entry they are tried in turn
    "a smaller capacity closes kept places": 17,
    "a place that closes stays": 2,
    "an offer can be accepted beside a held place": 94,
    "a session that moves keeps its offers": 31,
    "approval seats somebody who is only offered a place": 11,
    "a decision can be taken twice": 7,
    "a decision can be taken too late": 7,
    "kept places are offered to anybody": 26,
    "kept places are taken by anybody": 2,
    "kept places are kept from everybody": 9,
    "released places are forgotten": 2,
    "places are released a day late": 2,
    "the last in the queue is offered first": 2,
    "classes are ignored": 77,
    "a newcomer takes the freed place": 16,
    "only one of several free places is offered": 23,
    "places that are added are forgotten": 1,
    "a smaller capacity closes no place that is taken": 2,
    "an offer can be accepted when it is over": 24,
    "an offer accepted before approval is a booking": 39,
    "an offer lapses a moment late": 1,
    "a lapsed offer frees no place": 60,
    "every offer lapses with the first": 50,
    "reserved places are never given back": 34,
    "the places of a leaver are forgotten": 11,
    "a leaver does not come on the last day": 43,
}


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """The function with the fault in its source, which must hold the old words exactly once."""
    plain: Any = inspect.unwrap(fault.function)
    source = textwrap.dedent(inspect.getsource(plain))
    assert source.count(fault.old) == 1, f"{fault.old!r} stands {source.count(fault.old)} times in {plain.__name__}: plant this fault anew"
    tree = ast.parse(source.replace(fault.old, fault.new))
    (definition,) = tree.body
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    names: dict[str, Any] = {}
    exec(compile("from __future__ import annotations\n" + ast.unparse(tree), str(Path(__file__)), "exec"), plain.__globals__, names)  # noqa: S102
    kept, plain.__code__ = plain.__code__, names[plain.__name__].__code__
    rules.facts_statement.cache_clear()  # what was built before would hide the change
    try:
        yield
    finally:
        plain.__code__ = kept
        rules.facts_statement.cache_clear()


@pytest.fixture(scope="module")
def one_database(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One is enough: the faults are not the database's."""
    path = tmp_path_factory.mktemp("planted") / "academy.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    made = careless(connect(f"sqlite:///{path}", pool=4))
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def shared(one_database: Database) -> Table:
    return Table(one_database, Make(one_database))


@pytest.fixture
def table(shared: Table, monkeypatch: pytest.MonkeyPatch) -> Table:
    monkeypatch.setattr("app.core.tx.clock", shared.clock)
    return shared


@pytest.mark.thorough
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_shows(table: Table, fault: str) -> None:
    with planted(FAULTS[fault]):
        seeds = [SHOWN_BY.get(fault, 0), *range(MOST)]
        found = next((seed for seed in seeds if failure(table, History.drawn(seed))), None)
    assert found is not None, f"{fault}: no history shows it"


@pytest.mark.thorough
def test_without_a_fault_the_same_histories_pass(table: Table) -> None:
    assert [seed for seed in range(20) if failure(table, History.drawn(seed))] == []


def test_a_fault_is_gone_afterwards() -> None:
    for fault in FAULTS.values():
        plain: Any = inspect.unwrap(fault.function)
        before = plain.__code__
        with planted(fault):
            assert plain.__code__ is not before
        assert plain.__code__ is before
