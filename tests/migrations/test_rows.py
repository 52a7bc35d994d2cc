"""Rows that stood there before survive an upgrade, and the constraints that it brought are enforced, however it brought them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, Table, insert, select, text
from sqlalchemy.exc import IntegrityError

from app import invariants
from app.bookings.models import Booking, PassOn
from app.bookings.operations import queue
from app.core.db import Database
from app.core.tx import SYSTEM, transaction
from app.identity.models import Link
from tests.conftest import migrate
from tests.migrations.test_migrations import bare  # noqa: F401  # fixture

pytestmark = pytest.mark.thorough  # what has been released is not changed any more

NOW = datetime.now(UTC).replace(microsecond=0)
SOON = NOW + timedelta(days=30)
HOLDING = ("requested", "booked", "attended", "partly attended", "did not attend", "excused")
STATES = (*HOLDING, "waiting", "cancelled", "declined", "expired")


class Rows:
    """Writes rows as the older tables are, filling what a row must have and a test does not care about."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.tables = MetaData()

    def add(self, name: str, /, **values: Any) -> int:
        table = Table(name, self.tables, autoload_with=self.connection)
        row = {column.name: _filled(column) for column in table.columns if not column.nullable and not column.primary_key} | values
        sqlite = self.connection.dialect.name == "sqlite"
        row = {key: value.replace(tzinfo=None) if sqlite and isinstance(value, datetime) else value for key, value in row.items()}
        key = self.connection.execute(insert(table), row).inserted_primary_key
        return int(key[0]) if key is not None and isinstance(key[0], int) else 0


def _filled(column: Any) -> Any:
    kind = column.type.python_type
    return {int: 0, str: "", bool: False, float: 0.0, datetime: NOW, date: NOW.date(), dict: {}}.get(kind)


@pytest.fixture
def before(bare: Database) -> Database:  # noqa: F811
    """An academy of before: two sessions, one of whose places was given up while somebody waits, and a booking of every state."""
    migrate(bare, "0003")
    with bare.write.connect() as connection, connection.begin():
        rows = Rows(connection)
        host = rows.add("units", kind="organisation", code="westmarch", name="Westmarch County Council", search_text="westmarch", version=1)
        connection.execute(text(f"UPDATE units SET organisation_id = {host}"))
        rows.add("unit_closure", ancestor_id=host, descendant_id=host, depth=0)
        people = [rows.add("people", organisation_id=host, first_name="P", last_name=f"{n}", search_text="p") for n in range(len(STATES))]
        course = rows.add("courses", slug="a", title="A", kind="masterclass", bucket="formal", status="published", search_text="a")
        for n in range(2):
            times = dict(starts_at=SOON + timedelta(days=n), ends_at=SOON + timedelta(days=n, hours=3))
            capacity = len(HOLDING) + n
            key = rows.add("sessions", course_id=course, reference=f"S{n}", capacity=capacity, status="published", next_turn=50, **times)
            rows.add("parts", session_id=key, link="https://meet.westmarch.example/x", live=True, **times)
            for number in range(1, capacity + 1):
                rows.add("places", session_id=key, number=number)
            for turn, (person, state) in enumerate(zip(people, STATES, strict=True), 1):
                place = turn if state in HOLDING else None
                approval = "pending" if state in ("requested", "waiting") else "refused" if state == "declined" else "not needed"
                about = dict(session_id=key, person_id=person, place=place, turn=turn, approval=approval, status=state, priority=5)
                booking = rows.add("bookings", version=1, **about)
                entry = dict(at=NOW, actor_kind="system", subject="bookings", subject_id=booking, person_id=person, state=state)
                rows.add("audit", action="booking.imported", facts={}, **entry)
        rows.add("links", token_hash="x", purpose="reset", person_id=people[0], email=None, expires_at=SOON)
        rows.add("completions", person_id=people[0], course_id=course, completed_on=NOW.date(), source="import")
        rows.add("outbox", kind="email.test", person_id=people[0], subject="people", facts={})
    return bare


@pytest.fixture
def after(before: Database) -> Iterator[Connection]:
    """The same, upgraded."""
    migrate(before)
    with before.write.connect() as connection, connection.begin() as transaction_:
        yield connection
        if transaction_.is_active:
            transaction_.rollback()


def test_every_row_survives_and_every_rule_holds(before: Database) -> None:
    migrate(before)
    with transaction(before, SYSTEM, writes=False) as tx:
        kept = tx.rows(select(Booking.__table__).order_by(Booking.id))
        assert [row.status for row in kept] == list(STATES) * 2
        pending = [row for row in kept if row.approval == "pending"]
        assert len(pending) == 4 and all(row.approval_due_at > NOW + timedelta(days=6) for row in pending)
        assert all(row.approval_due_at is None and row.offer_ends_at is None for row in kept if row not in pending)
        assert [(row.purpose, row.subject_id) for row in tx.rows(select(Link.__table__))] == [("reset", None)]
        assert invariants.check(tx) == []


def test_a_place_given_up_before_is_offered_after(before: Database) -> None:
    migrate(before)
    assert queue.pass_on_due(before) == 1
    with transaction(before, SYSTEM, writes=False) as tx:
        rows = tx.rows(select(Booking.session_id, Booking.status).where(Booking.status.in_(["waiting", "offered"])).order_by(Booking.id))
        assert [row.status for row in rows] == ["waiting", "offered"]
        assert tx.rows(select(PassOn.id).where(PassOn.done_at.is_(None))) == []
        assert [each.rule for each in invariants.check(tx)] == []


def test_it_can_be_taken_back_with_the_rows_in_it(before: Database) -> None:
    migrate(before)
    migrate(before, "0003", down=True)
    with before.read.connect() as connection:
        found = connection.execute(text("SELECT status FROM bookings ORDER BY id")).scalars().all()
        assert found == list(STATES) * 2
        if before.sqlite:
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    migrate(before)


# What the upgrade brought, each with a change that it must refuse: to a table that was there before, in whose stored text SQLite finds it.
BOOKED = "WHERE session_id = 1 AND status = 'booked'"
REFUSED = {
    "ck_bookings_seat": f"UPDATE bookings SET place = NULL {BOOKED}",
    "ck_bookings_seat of a reserved place": (
        f"UPDATE bookings SET status = 'reserved', person_id = NULL, name_by = '{SOON}', place = NULL {BOOKED}"
    ),
    "ck_bookings_status": f"UPDATE bookings SET status = 'lost' {BOOKED}",
    "ck_bookings_named": f"UPDATE bookings SET person_id = NULL {BOOKED}",
    "ck_bookings_offer": f"UPDATE bookings SET status = 'offered' {BOOKED}",
    "ck_bookings_reserved without a day": f"UPDATE bookings SET status = 'reserved', person_id = NULL {BOOKED}",
    "ck_bookings_reserved for somebody": f"UPDATE bookings SET status = 'reserved', name_by = '{SOON}' {BOOKED}",
    "ck_bookings_approval": f"UPDATE bookings SET approval = 'perhaps' {BOOKED}",
    "fk_bookings_passed_from": f"UPDATE bookings SET passed_from = 999 {BOOKED}",
    "fk_bookings_reason_code": f"UPDATE bookings SET reason_code = 'whim' {BOOKED}",
    "fk_bookings_place": f"UPDATE bookings SET place = 99 {BOOKED}",
    "uq_bookings_turn": f"UPDATE bookings SET turn = 1 {BOOKED}",
    "uq_bookings_seat": f"UPDATE bookings SET place = 1 {BOOKED}",
    "uq_bookings_person": f"UPDATE bookings SET person_id = 1 {BOOKED}",
    "fk_places_quota_id": "UPDATE places SET quota_id = 999",
    "fk_completions_by_course_id": "UPDATE completions SET by_course_id = 999",
    "fk_outbox_digest_id": "UPDATE outbox SET digest_id = 999",
    "ck_links_purpose": "UPDATE links SET purpose = 'gossip'",
    "ck_courses_approver": "UPDATE courses SET approver = 'nobody'",
    "ck_courses_approval_days": "UPDATE courses SET approval_days = 0",
    "not null": "UPDATE sessions SET has_quotas = NULL",
}
ALLOWED = {
    "a reserved place": f"UPDATE bookings SET status = 'reserved', person_id = NULL, name_by = '{SOON}' {BOOKED}",
    "an offer with an end": f"UPDATE bookings SET status = 'offered', offer_ends_at = '{SOON}' {BOOKED}",
    "a reason of the council's": f"UPDATE bookings SET reason_code = 'court' {BOOKED}",
    "a turn of somebody whose booking is over": "UPDATE bookings SET turn = 1 WHERE session_id = 1 AND status = 'cancelled'",
    "a reserved place that nobody was named for": (
        "UPDATE bookings SET status = 'expired', person_id = NULL, place = NULL WHERE session_id = 1 AND status = 'booked'"
    ),
    "a link to an offer": "UPDATE links SET purpose = 'offer', subject_id = 1",
    "a course approved by the Academy": "UPDATE courses SET approver = 'coordinator', approval_days = 3",
}


def _deferred(connection: Connection) -> None:
    """On SQLite a foreign key may wait for the end of the transaction; here it is asked at once on both."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA defer_foreign_keys = OFF"))


@pytest.mark.usefixtures("after")
def test_nothing_is_left_of_the_older_text(after: Connection) -> None:
    if after.dialect.name == "sqlite":
        assert after.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        assert after.execute(text("PRAGMA foreign_key_check")).all() == []


def test_each_new_constraint_refuses_what_breaks_it(after: Connection) -> None:
    passed = []
    _deferred(after)
    for name, statement in REFUSED.items():
        try:
            with after.begin_nested():
                after.execute(text(statement))
        except IntegrityError:
            continue
        passed.append(name)
    assert passed == []


def test_and_allows_what_keeps_it(after: Connection) -> None:
    for name, statement in ALLOWED.items():
        with after.begin_nested() as savepoint:
            assert after.execute(text(statement)).rowcount >= 1, name
            savepoint.rollback()
