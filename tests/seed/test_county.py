"""The county in a database: what the rules demand of it, that it is the same twice, and that its personas can be who they are."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app import invariants
from app.bookings.event_models import Attendance, EvaluationAsk, SessionMessage
from app.bookings.models import Booking, Quota, Session
from app.bookings.policy_models import Consequence
from app.core import tx as core_tx
from app.core.config import load as settings
from app.core.db import Base, Database, connect
from app.core.errors import Conflict
from app.core.ledger import Audit, Outbox
from app.core.tx import SYSTEM, transaction
from app.frameworks.models import Standard
from app.hr import command
from app.identity.operations import check_password
from app.learning.models import Completion, Course, LearningRecord, PriorLearning
from app.measures.models import MeasureCell, MonthClose
from app.pathways.models import Progression
from app.people.models import CareerStage, Duty, Membership, Person, Post, Responsibility, RoleHeld, Stage, Unit, UnitClosure
from app.people.operations import create_unit
from app.policy import Role
from seed import county
from seed.county import last_moment
from seed.extract import county_extract
from seed.personas import PASSWORD, PERSONAS, persona
from tests.county import KINDS, Filled, Template

pytestmark = pytest.mark.thorough  # a second county, of a year; the pages' tests load one as well

TODAY = date(2026, 11, 20)  # a Friday: sessions of the same day are still to come
PEOPLE = 320
# What nobody may be able to guess, and what is computed from it: passwords, codes, references of portfolios, salts and hashes of chains.
RANDOM_COLUMNS = {"accounts.password_hash", "certificates.code", "enrolments.reference", "panel_cases.listed_head"}
RANDOM_COLUMNS |= {f"chain_entries.{name}" for name in ("canonical", "hash", "previous")} | {"chain_openings.salt"}
RANDOM_FACTS = ("hash", "reference")


def fill(database: Database) -> None:
    county.load(database, people=PEOPLE, seed=5, today=TODAY)


@pytest.fixture(params=KINDS)
def loaded(request: pytest.FixtureRequest, templates: Callable[[str, Filled], Template]) -> Iterator[Database]:
    with templates(request.param, fill).copy() as database:
        yield database


def scalar(database: Database, statement: Any) -> Any:
    with transaction(database, SYSTEM, writes=False) as tx:
        return tx.scalar(statement)


def rows(database: Database, statement: Any) -> list[Any]:
    with transaction(database, SYSTEM, writes=False) as tx:
        return list(tx.rows(statement))


def persona_id(database: Database, key: str) -> int:
    return int(scalar(database, select(Person.id).where(Person.email == persona(key).email)))


@pytest.mark.parametrize("hour", [0, 23])
def test_the_county_obeys_every_rule(loaded: Database, monkeypatch: pytest.MonkeyPatch, hour: int) -> None:
    """On the day it is made for, from its first hour to its last: what it offers has its time, which is over some days later."""
    monkeypatch.setattr(core_tx, "clock", lambda: datetime.combine(TODAY, time(hour, 30), UTC))
    with transaction(loaded, SYSTEM, writes=False) as tx:
        assert invariants.check(tx) == []


def test_history_is_dated_and_no_message_waits(sqlite_county: Database) -> None:
    assert scalar(sqlite_county, select(func.count()).select_from(Outbox)) > 5
    assert scalar(sqlite_county, select(func.count()).select_from(Outbox).where(Outbox.sent_at.is_(None))) == 0
    moment = county.last_moment(TODAY)
    for table in (Post, Membership, Stage, Responsibility):
        assert scalar(sqlite_county, select(func.count()).select_from(table).where(table.recorded_at > moment)) == 0
    assert scalar(sqlite_county, select(func.count()).select_from(Audit).where(Audit.at > moment)) == 0
    assert scalar(sqlite_county, select(func.count()).select_from(Completion).where(Completion.completed_on > TODAY)) == 0


def test_every_unit_stands_under_its_organisation(sqlite_county: Database) -> None:
    units = scalar(sqlite_county, select(func.count()).select_from(Unit))
    under = scalar(sqlite_county, select(func.count()).select_from(UnitClosure).join(Unit, Unit.id == UnitClosure.descendant_id).where(
        UnitClosure.ancestor_id == Unit.organisation_id
    ))  # fmt: skip
    assert units == under
    assert scalar(sqlite_county, select(func.count()).select_from(Unit).where(Unit.host)) == 1


def test_everyone_can_be_found(sqlite_county: Database) -> None:
    found = rows(sqlite_county, select(Person.name, Person.search_text, Person.email).where(Person.organisation_id == 1))
    assert len(found) > PEOPLE
    assert all(row.email.partition(".")[0].partition("-")[0] in row.search_text for row in found)
    assert all(row.email.endswith("@westmarch.example") for row in found)


@pytest.mark.parametrize("who", PERSONAS, ids=lambda who: who.key)
def test_a_persona_can_sign_in_with_the_shared_password(who: Any, sqlite_county: Database) -> None:
    now = datetime.combine(TODAY, datetime.min.time(), UTC) + timedelta(hours=9)
    with transaction(sqlite_county, SYSTEM, writes=False, now=now) as tx:
        assert check_password(tx, who.email, PASSWORD) == tx.scalar(select(Person.id).where(Person.email == who.email))


@pytest.fixture(scope="module")
def sqlite_county(templates: Callable[[str, Filled], Template]) -> Iterator[Database]:
    with templates("sqlite", fill).copy() as database:
        yield database


def test_personas_hold_the_roles_they_name(sqlite_county: Database) -> None:
    expected = {"coordinator": Role.COORDINATOR, "psw": Role.PSW, "hr": Role.HR, "board": Role.BOARD, "administrator": Role.ADMINISTRATOR}
    expected |= {"panel": Role.PANEL, "moderator": Role.MODERATOR}
    for key, role in expected.items():
        held = rows(sqlite_county, select(RoleHeld.role).where(RoleHeld.person_id == persona_id(sqlite_county, key)))
        assert [row.role for row in held] == [role.value]
    for key, duty in {"manager": Duty.MANAGER, "assessor": Duty.ASSESSOR, "trainer": Duty.TRAINER}.items():
        held = rows(
            sqlite_county,
            select(Responsibility.id).where(
                Responsibility.holder_id == persona_id(sqlite_county, key),
                Responsibility.kind == duty,
                Responsibility.valid_from <= TODAY,
                Responsibility.valid_to > TODAY,
            ),
        )
        assert held


def test_the_practitioner_has_a_place_next_week_and_a_turn_on_a_list(sqlite_county: Database) -> None:
    now = datetime.combine(TODAY, datetime.min.time(), UTC)
    coming = rows(
        sqlite_county,
        select(Booking.status, Session.starts_at)
        .join(Session, Session.id == Booking.session_id)
        .where(Booking.person_id == persona_id(sqlite_county, "practitioner"), Session.starts_at > now)
        .order_by(Session.starts_at),
    )
    assert coming[0].status == "booked"
    assert coming[0].starts_at < now + timedelta(days=11)
    assert {"booked", "waiting", "cancelled"} <= {row.status for row in coming}


def test_what_the_personas_did_went_through_the_operations(sqlite_county: Database) -> None:
    actions = {
        row.action for row in rows(sqlite_county, select(Audit.action).where(Audit.actor_kind == "person", Audit.subject == "bookings"))
    }
    assert {"booking.made", "booking.cancelled", "booking.approved"} <= actions
    told = {row.kind for row in rows(sqlite_county, select(Outbox.kind))}
    assert {"email.booking_made", "email.booking_waiting"} <= told


def test_everybody_finds_something_that_waits(sqlite_county: Database) -> None:
    def number(statement: Any) -> int:
        return len(rows(sqlite_county, statement))

    def mine(key: str, status: str) -> Any:
        return select(Booking.id).where(Booking.person_id == persona_id(sqlite_county, key), Booking.status == status)

    assert number(mine("practitioner", "offered")) == 1
    assert number(select(Booking.id).where(Booking.status == "reserved", Booking.booked_by == persona_id(sqlite_county, "manager"))) == 2
    assert number(select(Quota.id)) == 1 and number(select(Session.id).where(Session.has_quotas)) == 1
    assert number(select(Consequence.id).where(Consequence.kind == "late")) >= 1
    assert number(select(PriorLearning.id).where(PriorLearning.state == "asked")) >= 1
    assert number(select(SessionMessage.id)) == 1
    assert number(select(LearningRecord.id)) > 30 and number(select(Attendance.booking_id)) > 30
    asks = rows(sqlite_county, select(EvaluationAsk.answered_at, EvaluationAsk.kind))
    assert {row.kind for row in asks} == {"after", "impact"} and {row.answered_at is None for row in asks} == {True, False}
    untaken = select(Session.id).where(Session.status == "published", Session.register_at.is_(None), Session.ends_at < last_moment(TODAY))
    assert 1 <= number(untaken) <= 3


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    for table in Base.metadata.sorted_tables:
        if table.name.startswith("import"):
            continue
        columns = [column for column in table.c if str(column) not in RANDOM_COLUMNS]
        found[table.name] = [_said(row) for row in rows(database, select(*columns).order_by(*table.primary_key.columns))]
    return found


def _said(row: Any) -> tuple[Any, ...]:
    """A row without the facts that nobody may be able to guess."""
    return tuple({k: v for k, v in value.items() if k not in RANDOM_FACTS} if isinstance(value, dict) else value for value in row)


def test_the_same_seed_and_date_load_the_same_rows(
    sqlite_county: Database, tmp_path: Path, sqlite_template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "again.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    again = connect(f"sqlite:///{path}", pool=2)
    options = Namespace(people=PEOPLE, seed=5, today=TODAY, if_empty=False)
    assert county.run(again, options, settings(demo=True)) == 0
    assert "ready" in capsys.readouterr().out
    first, second = everything(sqlite_county), everything(again)
    again.dispose()
    assert [name for name in first if first[name] != second[name]] == []
    assert sum(map(len, first.values())) > 20_000


def test_a_loaded_database_takes_new_rows_and_refuses_a_second_county(loaded: Database, capsys: pytest.CaptureFixture[str]) -> None:
    with transaction(loaded, SYSTEM, writes=True) as tx:
        before = tx.scalar(select(func.max(Unit.id)))
        assert create_unit(tx, "team", "A new team", "NEW", 1) == before + 1
    with pytest.raises(Conflict, match="people already"):
        county.load(loaded, people=PEOPLE, today=TODAY)
    options = Namespace(people=PEOPLE, seed=5, today=TODAY, if_empty=True)
    assert county.run(loaded, options, settings(demo=True)) == 0
    options.if_empty = False
    assert county.run(loaded, options, settings(demo=True)) == 1
    assert "nothing was loaded" in capsys.readouterr().out


def test_without_demonstration_mode_nothing_is_loaded(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    options = Namespace(people=PEOPLE, seed=5, today=TODAY, if_empty=False)
    assert county.run(database, options, settings(demo=False)) == 2
    assert scalar(database, select(func.count()).select_from(Person)) == 0
    assert "ACADEMY_DEMO" in capsys.readouterr().out


def test_the_offer_can_be_searched(sqlite_county: Database) -> None:
    assert scalar(sqlite_county, select(func.count()).select_from(Course).where(Course.status == "published")) == 60
    assert scalar(sqlite_county, select(func.count()).select_from(Standard)) > 40
    assert scalar(sqlite_county, text("SELECT count(*) FROM courses_fts WHERE courses_fts MATCH 'neglect'")) >= 1


def test_progression_is_more_than_promotion(sqlite_county: Database) -> None:
    """Moves sideways are recorded with the stage, and the published figures tell the two apart."""
    moves = rows(sqlite_county, select(Progression.__table__).where(Progression.kind == "sideways"))
    ranks = {row.code: row.rank for row in rows(sqlite_county, select(CareerStage.code, CareerStage.rank))}
    assert moves and all(row.from_stage != row.to_stage and ranks[row.from_stage] == ranks[row.to_stage] for row in moves)
    newest = select(func.max(MonthClose.month_end)).scalar_subquery()
    cells = select(MeasureCell.measure, MeasureCell.num, MeasureCell.den).join(MonthClose, MonthClose.id == MeasureCell.close_id)
    both = cells.where(
        MonthClose.month_end == newest, MeasureCell.breakdown == "all", MeasureCell.measure.in_(["promotion", "progression"])
    )
    found = {row.measure: (row.num, row.den) for row in rows(sqlite_county, both)}
    assert found["progression"][0] > found["promotion"][0] > 0 and found["progression"][1] == found["promotion"][1]


def test_the_clean_extract_says_what_the_county_already_knows(
    sqlite_county: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "clean.csv"
    file.write_bytes(county_extract(PEOPLE, 5, TODAY))
    assert command.run(sqlite_county, file, dry_run=True, as_at=TODAY) == 0
    said = capsys.readouterr().out
    assert "Joiners:       0" in said
    assert "Problems:       0" in said
    assert "Movers:       0" in said
    assert "Other changes:       0" in said


def test_the_dirty_extract_has_every_kind_of_change_and_mistake(
    sqlite_county: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dirty.csv"
    file.write_bytes(county_extract(PEOPLE, 5, TODAY, untidy=True))
    command.run(sqlite_county, file, dry_run=True, as_at=TODAY)
    said = capsys.readouterr().out
    for words in (
        "Joiners:       5",
        "Movers:       4",
        "Leavers:       3",
        "Problems:       7",
        "in a circle",
        "31/02/2024",
        "SW12345678",
    ):
        assert words in said
