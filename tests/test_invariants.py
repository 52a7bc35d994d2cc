"""The auditor: a healthy database passes, and for every rule a planted violation is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from app import invariants
from app.bookings import operations
from app.bookings.models import Booking, Part, PartTrainer, Place, Session
from app.cli import check_invariants
from app.core.db import FOREVER, is_postgresql
from app.core.ledger import Audit, Outbox
from app.core.tx import Actor, Tx, transaction
from app.learning.models import Course
from app.people import operations as people
from app.people.models import Duty, Membership, Person, Post, Responsibility, Stage, Unit, UnitClosure
from tests.factory import LONG_AGO, Make

COORDINATOR = (("practitioner", None), ("coordinator", None), ("line manager", None))


def acting(make: Make, person: Any) -> Any:
    return transaction(make.database, Actor("person", person.id, person.name, COORDINATOR), writes=True)


@pytest.fixture
def county(make: Make) -> Make:
    """Something of everything, all of it done through the operations: seats, a waiting list, approvals, cancellations, a place given."""
    service = make.unit("Safeguarding", "service")
    team, other = make.unit("Assessment", parent=service), make.unit("Court", parent=service)
    cai = make.person("Cai Cole", roles=("coordinator",))
    manager = make.person("Mo", team=team, manager=cai.id, stage="TM")
    people_ = [
        make.person(f"P{n}", team=team if n % 2 else other, manager=manager.id, stage="SW", swe_number=f"SW90000{n}") for n in range(8)
    ]
    full = make.session(places=2, trainers=(manager.id,))
    asks = make.session(places=3, needs_approval=True, day=datetime.now(UTC).date() + timedelta(days=60))
    later = datetime.now(UTC).date() + timedelta(days=50)
    off = make.session(places=3, day=later)
    with acting(make, cai) as tx:
        full_ids = [operations.book(tx, full.id, person.id).id for person in people_[:6]]
        asked = [operations.book(tx, asks.id, person.id).id for person in people_[:4]]
        called_off = operations.book(tx, off.id, people_[7].id)
        operations.cancel(tx, full_ids[0], "Court hearing")
        operations.cancel(tx, full_ids[3], "No longer needed")
    with acting(make, cai) as tx:
        operations.give_next(tx, full.id)
        operations.cancel(tx, full_ids[1], "On leave")  # a seat kept for the head of the list
        operations.decide(tx, asked[0], True)
        operations.decide(tx, asked[1], False, "Not this term")
        operations.decide(tx, asked[3], True)
        operations.cancel(tx, called_off.id, "On leave")
    return make


def check(make: Make) -> list[invariants.Violation]:
    with make.tx(writes=False) as tx:
        return invariants.check(tx)


def test_a_healthy_database_passes(county: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(county) == []
    assert invariants.report(county.database) == 0
    assert capsys.readouterr().out == f"All {len(invariants.RULES)} rules hold.\n"


def test_an_empty_database_passes(make: Make) -> None:
    assert check(make) == []


# Planting ----------------------------------------------------------------------------------------------------------


class _Undo(Exception):
    """Leaves the transaction, so that nothing planted stays."""


@contextmanager
def unguarded_tx(make: Make) -> Iterator[Tx]:
    """A transaction in which everything can be broken, and after which nothing is."""
    with suppress(_Undo), make.tx() as tx:
        unguarded(tx)
        yield tx
        if not is_postgresql(tx.db):
            tx.db.execute(text("PRAGMA ignore_check_constraints = OFF"))  # this one belongs to the connection
        raise _Undo


def unguarded(tx: Tx) -> None:
    """No constraint, trigger or unique index stands in the way any longer, until this transaction is rolled back."""
    if is_postgresql(tx.db):
        tx.db.execute(text("SET LOCAL session_replication_role = replica"))  # no triggers, no foreign keys
        checks = (
            "SELECT conrelid::regclass AS tab, conname AS name FROM pg_constraint "
            "WHERE contype IN ('c', 'x', 'u') AND conrelid > 0 AND connamespace = 'public'::regnamespace"
        )
        for row in tx.rows(text(checks)):
            tx.db.execute(text(f"ALTER TABLE {row.tab} DROP CONSTRAINT {row.name} CASCADE"))
        unique = (
            "SELECT indexrelid::regclass AS name FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indisunique AND NOT indisprimary"
        )
        for row in tx.rows(text(unique + " AND c.relnamespace = 'public'::regnamespace")):
            tx.db.execute(text(f"DROP INDEX {row.name}"))
        return
    tx.db.execute(text("PRAGMA defer_foreign_keys = ON"))
    tx.db.execute(text("PRAGMA ignore_check_constraints = ON"))
    for row in tx.rows(text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name NOT LIKE '%_fts_%'")):
        tx.db.execute(text(f"DROP TRIGGER {row.name}"))
    for row in tx.rows(text("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE UNIQUE%'")):
        tx.db.execute(text(f"DROP INDEX {row.name}"))


PLANTS: dict[str, Callable[[Tx], None]] = {}


def plants(rule: str) -> Callable[[Callable[[Tx], None]], Callable[[Tx], None]]:
    def keep(plant: Callable[[Tx], None]) -> Callable[[Tx], None]:
        PLANTS[rule] = plant
        return plant

    return keep


def first(tx: Tx, status: str) -> Any:
    found = tx.one(select(Booking.__table__).where(Booking.status == status).order_by(Booking.id).limit(1))
    assert found is not None, f"the county has no booking that is {status}"
    return found


def copy(tx: Tx, row: Any, **changes: Any) -> None:
    values = {**row._mapping, **changes}
    del values["id"]
    tx.db.execute(insert(Booking), values)


def history(tx: Tx, booking_id: int, state: str | None, action: str = "booking.meddled", **changes: Any) -> None:
    entry = dict(at=tx.now, actor_kind="system", action=action, subject="bookings", subject_id=booking_id, state=state, facts={})
    tx.db.execute(insert(Audit), {**entry, **changes})


@plants("no-overbooking")
def _(tx: Tx) -> None:
    row = first(tx, "booked")
    for n in range(9):
        copy(tx, row, person_id=1, place=row.place, turn=100 + n)


@plants("one-booking-a-place")
def _(tx: Tx) -> None:
    copy(tx, first(tx, "booked"), person_id=1, turn=100)


@plants("places-match-capacity")
def _(tx: Tx) -> None:
    tx.db.execute(update(Session).where(Session.id == 1).values(capacity=7))


@plants("one-live-booking-each")
def _(tx: Tx) -> None:
    copy(tx, first(tx, "waiting"), turn=100)


@plants("a-seat-when-the-state-holds-one")
def _(tx: Tx) -> None:
    tx.update(Booking, first(tx, "booked").id, place=None)


@plants("approval-fits-the-state")
def _(tx: Tx) -> None:
    tx.update(Booking, first(tx, "requested").id, approval="granted")


@plants("turns-are-unique")
def _(tx: Tx) -> None:
    tx.db.execute(update(Booking).where(Booking.session_id == 1, Booking.turn == 4).values(turn=5))


@plants("turns-follow-acceptance")
def _(tx: Tx) -> None:
    tx.db.execute(update(Booking).where(Booking.session_id == 1, Booking.turn == 5).values(turn=7))
    tx.db.execute(update(Session).where(Session.id == 1).values(next_turn=9))


@plants("nobody-overtaken")
def _(tx: Tx) -> None:
    last = tx.one(select(Booking.__table__).where(Booking.status == "waiting").order_by(Booking.turn.desc()).limit(1))
    assert last is not None
    tx.update(Booking, last.id, status="booked", place=1)
    history(tx, last.id, "booked")


@plants("no-seat-overlooked")
def _(tx: Tx) -> None:
    tx.db.execute(insert(Place), [dict(session_id=1, number=number, closing=False) for number in range(50, 60)])


@plants("history-exists")
def _(tx: Tx) -> None:
    tx.db.execute(delete(Audit).where(Audit.subject == "bookings", Audit.subject_id == first(tx, "booked").id))


@plants("history-allows-each-move")
def _(tx: Tx) -> None:
    row = first(tx, "cancelled")
    history(tx, row.id, "attended")


@plants("history-ends-in-the-state")
def _(tx: Tx) -> None:
    tx.update(Booking, first(tx, "booked").id, status="attended")


@plants("told-once")
def _(tx: Tx) -> None:
    tx.db.execute(delete(Outbox).where(Outbox.subject_id == first(tx, "booked").id, Outbox.subject == "bookings"))


@plants("no-message-without-its-cause")
def _(tx: Tx) -> None:
    row = first(tx, "booked")
    at = tx.now + timedelta(seconds=1)
    facts: dict[str, Any] = dict(kind="email.booking_made", person_id=row.person_id, subject="bookings", facts={}, attempts=0)
    tx.db.execute(insert(Outbox), dict(subject_id=row.id, created_at=at, due_at=at, **facts))


@plants("sent-or-set-aside")
def _(tx: Tx) -> None:
    tx.db.execute(update(Outbox).where(Outbox.id == 1).values(sent_at=tx.now, parked_at=tx.now))


@plants("times-match-parts")
def _(tx: Tx) -> None:
    row = tx.get(Session, 1)
    tx.update(Session, 1, ends_at=row.ends_at + timedelta(minutes=1))


@plants("parts-hold-rooms-while-they-take-place")
def _(tx: Tx) -> None:
    tx.update(Part, 2, live=False)


def again(tx: Tx, table: Any, **changes: Any) -> None:
    """The table's first period once more, beside itself."""
    row = tx.one(select(table.__table__).where(table.superseded_at.is_(None)).limit(1))
    assert row is not None
    values = {**row._mapping, **changes}
    del values["id"]
    tx.db.execute(insert(table), values)


@plants("primary-posts-apart")
def _(tx: Tx) -> None:
    again(tx, Post, job_title="Also")


@plants("memberships-apart")
def _(tx: Tx) -> None:
    again(tx, Membership)


@plants("stages-apart")
def _(tx: Tx) -> None:
    again(tx, Stage)


@plants("managers-apart")
def _(tx: Tx) -> None:
    row = tx.one(select(Responsibility.__table__).where(Responsibility.kind == "manager").limit(1))
    assert row is not None
    tx.db.execute(insert(Responsibility), {name: value for name, value in row._mapping.items() if name != "id"})


@plants("no-management-circle")
def _(tx: Tx) -> None:
    cai = tx.scalar(select(Person.id).where(Person.name == "Cai Cole"))
    lowest = tx.scalar(select(Person.id).where(Person.first_name == "P3"))
    tx.insert(Responsibility, kind=Duty.MANAGER, holder_id=lowest, person_id=cai, valid_from=LONG_AGO, valid_to=FOREVER, recorded_at=tx.now)


@plants("rooms-apart")
def _(tx: Tx) -> None:
    one, two = tx.get(Part, 1), tx.get(Part, 2)
    tx.update(Part, two.id, room_id=one.room_id, starts_at=one.starts_at, ends_at=one.ends_at)


@plants("trainers-apart")
def _(tx: Tx) -> None:
    row = tx.get(PartTrainer, 1)
    tx.db.execute(insert(PartTrainer), {name: value for name, value in row._mapping.items() if name != "id"})


@plants("tree-is-complete")
def _(tx: Tx) -> None:
    tx.db.execute(delete(UnitClosure).where(UnitClosure.depth == 2))


@plants("registration-number-form")
def _(tx: Tx) -> None:
    tx.db.execute(update(Person).where(Person.swe_number == "SW900003").values(swe_number="SW12X4"))


@plants("findable")
def _(tx: Tx) -> None:
    tx.update(Course, 1, search_text="")


@plants("no-orphans")
def _(tx: Tx) -> None:
    tx.db.execute(delete(Unit).where(Unit.name == "Court"))


def test_every_rule_has_a_planted_violation() -> None:
    names = [rule.name for rule in invariants.RULES]
    assert sorted(PLANTS) == sorted(names) and len(set(names)) == len(names)


def broken_by(tx: Tx, plant: Callable[[Tx], object]) -> dict[str, invariants.Violation]:
    """What the auditor finds after `plant`, which is then undone."""
    with tx.db.begin_nested() as savepoint:
        plant(tx)
        found = {violation.rule: violation for violation in invariants.check(tx)}
        savepoint.rollback()
    return found


def test_each_planted_violation_is_named(county: Make) -> None:
    missed = []
    with unguarded_tx(county) as tx:
        for rule, plant in PLANTS.items():
            found = broken_by(tx, plant)
            if rule not in found or not found[rule].ids or not found[rule].detail:
                missed.append((rule, sorted(found)))
        assert missed == [] and invariants.check(tx) == []


OTHER_WAYS = [
    ("DELETE FROM places WHERE session_id = 2 AND number = 3", "places-match-capacity"),
    ("UPDATE places SET closing = true WHERE session_id = 2 AND number = 3", "places-match-capacity"),
    ("UPDATE bookings SET turn = 99 WHERE session_id = 1 AND turn = 5", "turns-are-unique"),
    ("UPDATE bookings SET approval = 'pending' WHERE status = 'booked'", "approval-fits-the-state"),
    ("UPDATE audit SET action = 'booking.meddled' WHERE action = 'booking.made'", "history-exists"),
    ("UPDATE audit SET state = 'attended' WHERE action = 'booking.made'", "history-exists"),
    ("DELETE FROM bookings WHERE status = 'waiting'", "no-message-without-its-cause"),
    ("DELETE FROM bookings WHERE status = 'waiting'", "no-orphans"),
    ("DELETE FROM audit WHERE action = 'booking.cancelled'", "no-message-without-its-cause"),
    ("UPDATE outbox SET person_id = 1 WHERE kind = 'email.booking_made'", "told-once"),
    ("UPDATE part_trainers SET live = false", "parts-hold-rooms-while-they-take-place"),
    ("UPDATE sessions SET status = 'cancelled' WHERE id = 1", "parts-hold-rooms-while-they-take-place"),
    ("DELETE FROM unit_closure WHERE depth = 0", "tree-is-complete"),
    ("INSERT INTO unit_closure (ancestor_id, descendant_id, depth) VALUES (3, 4, 1)", "tree-is-complete"),
    ("UPDATE people SET swe_number = 'SW1234567' WHERE swe_number = 'SW900003'", "registration-number-form"),
    ("UPDATE people SET swe_number = 'SW0123' WHERE swe_number = 'SW900003'", "registration-number-form"),
    ("UPDATE people SET search_text = ''", "findable"),
    ("UPDATE responsibilities SET subject = 'session:999' WHERE subject IS NOT NULL", "no-orphans"),
]


def running(sql: str) -> Callable[[Tx], object]:
    return lambda tx: tx.db.execute(text(sql))


def test_other_ways_to_break_a_rule(county: Make) -> None:
    missed = []
    with unguarded_tx(county) as tx:
        for sql, rule in OTHER_WAYS:
            found = broken_by(tx, running(sql))
            if rule not in found:
                missed.append((rule, sql, sorted(found)))
    assert missed == []


def test_a_circle_in_the_past_or_ended_is_no_circle(county: Make) -> None:
    with county.tx() as tx:
        cai = tx.scalar(select(Person.id).where(Person.name == "Cai Cole"))
        lowest = tx.scalar(select(Person.id).where(Person.first_name == "P3"))
        tx.insert(
            Responsibility, kind=Duty.MANAGER, holder_id=lowest, person_id=cai, valid_from=LONG_AGO, valid_to=tx.today, recorded_at=tx.now
        )
    assert check(county) == []


def test_raising_the_capacity_overlooks_nobody(county: Make) -> None:
    """The new seats are for those who wait; a coordinator gives them. The change of the session is in its history."""
    with county.tx() as tx:
        tx.db.execute(insert(Place), [dict(session_id=1, number=number) for number in (3, 4, 5)])
        tx.update(Session, 1, capacity=5)
        tx.record("session.changed", "sessions", 1, fields=["capacity"])
    assert check(county) == []


def test_the_report_says_what_is_wrong_and_fails(county: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with county.tx() as tx:
        tx.update(Session, 1, capacity=9)
    assert invariants.report(county.database) == 1
    said = capsys.readouterr().out
    assert "places-match-capacity: " in said and "Broken by 1 of sessions: 1." in said and "rules are broken" in said

    monkeypatch.setattr("app.cli.database", lambda _config: county.database)
    options: Any = type("Options", (), {"json": True})()
    assert check_invariants(options, None) == 1  # type: ignore[arg-type]
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False and document["rules"] == len(invariants.RULES)
    (found,) = [each for each in document["violations"] if each["rule"] == "places-match-capacity"]
    assert found["ids"] == ["1"]


def test_a_long_list_of_rows_is_cut(make: Make) -> None:
    with make.tx() as tx:
        organisation = people.create_unit(tx, "organisation", "Westmarch", "W")
        for n in range(30):
            people.create_person(tx, organisation, first_name="P", last_name=f"N{n}")
        tx.db.execute(update(Person).values(search_text=""))
    (found,) = check(make)
    assert len(found.ids) == invariants.SHOWN and "30 of records" in found.detail and found.detail.endswith("and more.")


def test_one_statement_for_each_rule(county: Make, count_queries: Callable[[], Any]) -> None:
    with county.tx(writes=False) as tx, count_queries() as queries:
        invariants.check(tx)
    assert len(queries) == len(invariants.RULES)


def test_the_rules_are_documented() -> None:
    from app.core.config import ROOT

    written = (ROOT / "docs" / "bookings.md").read_text()
    assert [rule.name for rule in invariants.RULES if f"`{rule.name}`" not in written] == []
