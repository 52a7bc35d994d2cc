"""The auditor: a healthy database passes, and for every rule a planted violation is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from app import invariants
from app.bookings.models import Booking, PassOn, Place, Session
from app.bookings.operations.give import change_priority, give_to
from app.cli import check_invariants
from app.core.config import ROOT
from app.core.tx import Tx
from app.people import operations as people
from app.people.models import Duty, Person, Responsibility
from tests import (
    plants,
    plants_census,
    plants_chains,
    plants_directory,
    plants_equality,
    plants_frameworks,
    plants_leavers,
    plants_measure_inputs,
    plants_measures,
    plants_messages,
    plants_pathways,
    plants_portfolio,
    plants_programmes,
    plants_records,
    plants_renewal,
    plants_reports,
    plants_settings,
    plants_signing_in,
    plants_supervision,
    plants_talent,
    plants_together,
    plants_webhooks,
)
from tests.factory import LONG_AGO, Make
from tests.plants import PLANTS, unguarded_tx


@pytest.fixture
def county(make: Make) -> Make:
    return plants.county(make)


def check(make: Make) -> list[invariants.Violation]:
    with make.tx(writes=False) as tx:
        return invariants.check(tx)


def test_a_healthy_database_passes(county: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(county) == []
    assert invariants.report(county.database) == 0
    assert capsys.readouterr().out == f"All {len(invariants.RULES)} rules hold.\n"


def test_an_empty_database_passes(make: Make) -> None:
    assert check(make) == []


def test_every_rule_has_a_planted_violation() -> None:
    names = [rule.name for rule in invariants.RULES]
    others = (
        plants_messages,
        plants_chains,
        plants_directory,
        plants_equality,
        plants_supervision,
        plants_together,
        plants_programmes,
        plants_records,
        plants_portfolio,
        plants_frameworks,
        plants_leavers,
        plants_webhooks,
        plants_signing_in,
        plants_renewal,
        plants_pathways,
        plants_settings,
        plants_reports,
        plants_measure_inputs,
        plants_census,
        plants_talent,
        plants_measures,
    )  # the rest of the plants stand there
    assert all(other.__doc__ for other in others)
    assert sorted(PLANTS) == sorted(names) and len(set(names)) == len(names)


def test_every_rule_is_documented() -> None:
    table = (ROOT / "docs" / "bookings.md").read_text().partition("| Rule | What must hold |")[2]
    assert re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", table, re.MULTILINE) == [(rule.name, rule.says) for rule in invariants.RULES]


def broken_by(tx: Tx, plant: Callable[[Tx], object]) -> dict[str, invariants.Violation]:
    """What the auditor finds after `plant`, which is then undone."""
    with tx.db.begin_nested() as savepoint:
        plant(tx)
        found = {violation.rule: violation for violation in invariants.check(tx)}
        savepoint.rollback()
    return found


@pytest.mark.thorough
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
    ("UPDATE bookings SET offer_ends_at = updated_at WHERE status = 'booked'", "offers-have-an-end"),
    ("UPDATE bookings SET name_by = '2020-01-01 00:00:00.000000' WHERE status = 'reserved'", "nothing-outlives-its-time"),
    ("UPDATE bookings SET approval_due_at = '2020-01-01 00:00:00.000000' WHERE status = 'requested'", "nothing-outlives-its-time"),
    ("UPDATE pass_ons SET done_at = NULL, asked_at = '2020-01-01 00:00:00.000000'", "nothing-outlives-its-time"),
    ("UPDATE quotas SET release_on = '2020-01-01'", "nothing-outlives-its-time"),
    ("UPDATE quotas SET places = 1", "kept-places-add-up"),
    ("UPDATE sessions SET has_quotas = false", "kept-places-add-up"),
    ("UPDATE bookings SET approval = 'refused' WHERE status = 'cancelled'", "approval-fits-the-state"),
    ("UPDATE bookings SET turn = 2 WHERE turn = 3 AND status = 'offered'", "turns-are-unique"),
    ("UPDATE bookings SET passed_from = id WHERE passed_from IS NOT NULL", "passed-on-with-its-turn"),
    ("DELETE FROM outbox WHERE kind = 'email.booking_offered'", "told-once"),
    ("DELETE FROM outbox WHERE kind = 'email.booking_passed'", "told-once"),
    ("UPDATE outbox SET how = 'pigeon' WHERE id = 1", "sent-or-set-aside"),
    ("UPDATE outbox SET kind = 'email.reminder' WHERE id = 1", "reminded-once"),
    ("UPDATE learning_records SET person_id = 1", "learning-follows-attendance"),
    ("UPDATE certificates SET person_id = 1", "certificates-show-a-completion"),
    ("UPDATE evaluation_asks SET answered_at = NULL", "answers-were-asked-for"),
    ("UPDATE consequences SET kind = 'late'", "consequences-have-their-cause"),
    ("UPDATE consequences SET journal_id = NULL", "journals-add-up"),
    ("UPDATE attendances SET part_id = 1", "attendance-fits-the-state"),
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


@pytest.mark.thorough
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


def test_a_place_that_is_about_to_be_offered_is_not_overlooked(county: Make) -> None:
    """Within the hour that the worker may take; and with no time left to answer an offer a free place is nobody's fault."""
    with county.tx() as tx:
        tx.db.execute(insert(Place), [dict(session_id=1, number=number) for number in (3, 4, 5)])
        tx.update(Session, 1, capacity=5)
        assert [found.rule for found in invariants.check(tx)] == ["no-seat-overlooked"]
        work = tx.insert(PassOn, session_id=1, asked_at=tx.now)
        assert invariants.check(tx) == []
        tx.update(PassOn, work, done_at=tx.now)
        tx.update(Session, 1, closes_at=tx.now + timedelta(days=2))
        assert invariants.check(tx) == []


def test_a_coordinators_reason_excuses_whoever_is_seated_first(county: Make) -> None:
    with county.tx() as tx:
        tx.db.execute(insert(Place), [dict(session_id=1, number=3)])
        tx.update(Session, 1, capacity=3)
        last = tx.scalar(select(Booking.id).where(Booking.session_id == 1, Booking.status == "waiting").order_by(Booking.turn.desc()))
        give_to(tx, last, "She delivers it next week")
        assert invariants.check(tx) == []


def test_nor_is_a_class_that_was_changed_later_held_against_those_already_seated(county: Make) -> None:
    with county.tx() as tx:
        last = tx.scalar(select(Booking.id).where(Booking.session_id == 1, Booking.status == "waiting").order_by(Booking.turn.desc()))
        change_priority(tx, last, 1, "The panel meets soon")
        assert invariants.check(tx) == []


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
    chains = sum("chain_entries" in one or "daily_heads" in one for one in queries.statements)
    assert chains < len(queries) <= len(invariants.RULES) + 14  # a chain is checked by computing: some statements for the one there is
