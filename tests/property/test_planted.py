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
from pathlib import Path
from typing import Any

import pytest

from app.bookings import clocks, rules
from app.bookings.operations import offers, places, queue
from app.bookings.operations.cancel import end
from app.bookings.operations.decide import decide
from app.bookings.operations.give import _seat
from app.core.db import Database, connect
from tests.factory import Make
from tests.property.game import History, Table, failure

MOST = 150  # histories in which a fault must show

FAULTS: dict[str, tuple[Callable[..., Any], str, str]] = {
    "the last in the queue is offered first": (queue.match, ".order_by(Booking.priority, Booking.turn)", ".order_by(Booking.turn.desc())"),
    "a place given up is forgotten": (end, "freed(tx, booking.session_id)", "pass"),
    "places that are added are forgotten": (places.set_capacity, "freed(tx, session_id)", "pass"),
    "an offer can be accepted when it is over": (offers.accept, "booking.offer_ends_at <= tx.now", "False"),
    "an offer can be accepted beside a held place": (offers.accept, "found.clash is not None", "False"),
    "an offer accepted before approval is a booking": (offers.accept, 'booking.approval == "pending"', "False"),
    "an offer lapses a moment late": (offers.lapse_due, "Booking.offer_ends_at <= tx.now", "Booking.offer_ends_at < tx.now"),
    "a lapsed offer frees no place": (offers.lapse, "freed(tx, session_id)", "pass"),
    "every offer lapses with the first": (offers.lapse, ", Booking.offer_ends_at <= tx.now", ""),
    "classes are ignored": (queue.match, ".order_by(Booking.priority, Booking.turn)", ".order_by(Booking.turn)"),
    "a class counts from when it is changed": (queue.match, "Booking.priority, Booking.turn)\n    )", "Booking.priority, Booking.updated_at, Booking.turn)\n    )"),
    "a newcomer takes the freed place": (rules.facts_statement, "case((exists(waits), null()), else_=", "case((exists(waits) & False, null()), else_="),
    "offers outlive the cut-off": (clocks.offer_ends, "latest = min(until, ", "latest = max(until, "),
    "the clock runs at night": (clocks.offer_ends, "return starts + left", "return now + timedelta(minutes=figures.offer_minutes)"),
    "the clock runs on other people's days": (queue.pass_on, "row.working_days or WEEK", "WEEK"),
    "the clock runs while they are away": (queue.pass_on, "away.get(row.person_id, frozenset())", "frozenset()"),
    "an offer goes out with no time to answer": (queue.pass_on, "if ends is None:", "ends = ends or until\n        if ends is None:"),
    "a place is given beside a held one": (_seat, "found.clash is not None", "False"),
    "only one of several free places is offered": (queue.pass_on, "pairs = match(tx, session, seats)", "pairs = match(tx, session, seats[:1])"),
    "a closing place is offered": (queue.free_seats, "~Place.closing, ", ""),
    "approval seats somebody who waits": (decide, "booking.status == Status.REQUESTED", "booking.status in (Status.REQUESTED, Status.OFFERED)"),
    "a decision can be taken twice": (decide, 'booking.approval != "pending"', "False"),
    "a smaller capacity closes no place that is taken": (places.set_capacity, "values(closing=True)", "values(closing=False)"),
    "a place that closes stays": (end, "Place.number == booking.place, Place.closing", "Place.number == booking.place, Place.closing, Place.number < 0"),
}  # fmt: skip


@contextmanager
def planted(function: Callable[..., Any], old: str, new: str) -> Iterator[None]:
    """The function with `old` replaced by `new` in its source, which must hold it exactly once."""
    plain: Any = inspect.unwrap(function)
    source = textwrap.dedent(inspect.getsource(plain))
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {plain.__qualname__}; plant this fault anew"
    tree = ast.parse(source.replace(old, new))
    (definition,) = tree.body
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    names: dict[str, Any] = {}
    exec(compile("from __future__ import annotations\n" + ast.unparse(tree), str(Path(__file__)), "exec"), plain.__globals__, names)  # noqa: S102
    kept, plain.__code__ = plain.__code__, names[plain.__name__].__code__
    forget(function)
    try:
        yield
    finally:
        plain.__code__ = kept
        forget(function)


def forget(function: Any) -> None:
    """Nothing that was remembered from before may hide the change."""
    if hasattr(function, "cache_clear"):
        function.cache_clear()


@pytest.fixture(scope="module")
def one_database(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One is enough: the faults are not the database's."""
    path = tmp_path_factory.mktemp("planted") / "academy.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    made = connect(f"sqlite:///{path}", pool=4)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def shared(one_database: Database) -> Table:
    return Table(one_database, Make(one_database))


@pytest.fixture
def table(shared: Table, monkeypatch: pytest.MonkeyPatch) -> Table:
    monkeypatch.setattr("app.core.tx.clock", shared.clock)
    return shared


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_shows(table: Table, fault: str) -> None:
    with planted(*FAULTS[fault]):
        found = next((seed for seed in range(MOST) if failure(table, History.drawn(seed))), None)
    assert found is not None, f"{fault}: no history shows it"


def test_without_a_fault_the_same_histories_pass(table: Table) -> None:
    assert [seed for seed in range(20) if failure(table, History.drawn(seed))] == []


def test_a_fault_is_gone_afterwards() -> None:
    for function, old, new in FAULTS.values():
        before = inspect.unwrap(function).__code__  # type: ignore[attr-defined]
        with planted(function, old, new):
            assert inspect.unwrap(function).__code__ is not before  # type: ignore[attr-defined]
        assert inspect.unwrap(function).__code__ is before  # type: ignore[attr-defined]
