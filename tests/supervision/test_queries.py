"""Held against due, promised against actual: the same numbers for one or many, then and now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from app.core.db import FOREVER
from app.core.errors import Conflict, Invalid
from app.core.tx import SYSTEM, transaction
from app.frameworks.models import SupervisionRule
from app.people import cover
from app.people import operations as people
from app.people.models import Person, Post
from app.supervision import operations
from app.supervision.held import Held
from app.supervision.models import Caseload, ProtectedTime, Supervision, SupervisionTerm, Supervisor
from app.supervision.queries import held_against_due, promised_actual, promised_actual_for
from tests.factory import Make
from tests.supervision.rules import ASYE, FOUR_WEEKLY, Team, publish, team

ANCHOR = date(2026, 1, 5)  # a Monday
END = date(2027, 1, 5)
AGREED = {"protected_time_percent": 10, "workload_percent": 90}


@pytest.fixture
def us(make: Make) -> Team:
    made = team(make)
    with make.tx() as tx:
        operations.set_rule(tx, made.callum.id, made.rule, ANCHOR, END, subject="enrolment:1", agreed=AGREED)
    return made


def hold(us: Team, days: list[int], *, person: Any = None, kind: str = "case", minutes: int = 90, by: Any = None, at: Any = None) -> None:
    """Supervision so many days after the anchor."""
    person, by = person or us.callum, by or us.manager
    with transaction(us.make.database, SYSTEM, writes=True, now=at) as tx:
        for each in days:
            operations.record(tx, person.id, ANCHOR + timedelta(days=each), kind, minutes, [by.id])


def held(us: Team, days: int, **options: Any) -> Held:
    with us.make.tx(writes=False) as tx:
        return held_against_due(tx, [us.callum.id], ANCHOR + timedelta(days=days), **options)[us.callum.id]


def test_a_week_without_supervision_stays_missed(us: Team) -> None:
    hold(us, [2, 9, 15, 16, 30])  # the weeks from days 21 and 35 have none
    now = held(us, 42)
    assert (now.due, now.met, now.held, now.longest_gap) == (6, 4, 5, 14)
    assert now.overdue_since == ANCHOR + timedelta(days=41) and now.days_overdue == 1
    assert [bool(turn.held_on) for turn in now.turns] == [True, True, True, False, True, False, False]
    assert (now.minutes, now.average, now.short) == (450, 90, 0)


def test_what_is_due_today_is_not_overdue_yet(us: Team) -> None:
    assert (held(us, 6).overdue_since, held(us, 6).next_due) == (None, ANCHOR + timedelta(days=6))
    assert held(us, 7).overdue_since == ANCHOR + timedelta(days=6)
    hold(us, [7])
    caught_up = held(us, 7)
    assert (caught_up.overdue_since, caught_up.due, caught_up.met) == (None, 1, 0)
    assert caught_up.next_due == ANCHOR + timedelta(days=20)


def test_reflective_supervision_counts_from_somebody_registered_only(us: Team) -> None:
    hold(us, [1], kind="reflective")
    hold(us, [8], kind="reflective", by=us.stranger)
    hold(us, [9], kind="group_reflective")
    hold(us, [15], by=us.stranger, minutes=45)
    now = held(us, 20)
    assert (now.held, now.reflective, now.unregistered, now.beside, now.registered, now.short) == (2, 1, 1, 1, 1, 1)
    assert [bool(turn.held_on) for turn in now.turns] == [True, False, True]


def test_a_rule_may_say_that_a_short_one_does_not_count(us: Team) -> None:
    strict = publish(us.make, "SUP-STRICT", ASYE | {"minutes_effect": "counts"})
    with us.make.tx() as tx:
        operations.set_rule(tx, us.callum.id, strict, ANCHOR, END, subject="enrolment:1", agreed={"minimum_minutes": 60})
    hold(us, [1], minutes=60)
    hold(us, [8], minutes=59)
    now = held(us, 14)
    assert (now.held, now.met, now.due, now.short) == (1, 1, 2, 1)


def test_own_entries_count_and_are_told_apart_until_confirmed(us: Team) -> None:
    with us.acting(us.callum) as tx:
        key = operations.record(tx, us.callum.id, ANCHOR, "case", 60, [us.manager.id])
    assert (held(us, 5).held, held(us, 5).unconfirmed) == (1, 1)
    before = datetime.now(UTC)
    with us.acting(us.manager) as tx:
        operations.confirm(tx, key)
    assert (held(us, 5).unconfirmed, held(us, 5, known_at=before).unconfirmed) == (0, 1)


def test_the_clock_stands_still_in_pauses_and_absences(us: Team) -> None:
    hold(us, [2])
    with us.make.tx() as tx:
        operations.pause(tx, us.callum.id, ANCHOR + timedelta(days=7), ANCHOR + timedelta(days=21), subject="enrolment:1")
        cover.record_absence(tx, us.callum.id, ANCHOR + timedelta(days=19), ANCHOR + timedelta(days=28))
    in_pause = held(us, 20)
    assert (in_pause.paused, in_pause.due, in_pause.overdue_since) == (True, 1, None)
    after = held(us, 34)
    assert (after.due, after.met, after.next_due) == (1, 1, ANCHOR + timedelta(days=34))
    assert after.longest_gap == 5 + 6, "days of the pause are no days without supervision"
    with us.make.tx() as tx:
        operations.resume(tx, us.callum.id, ANCHOR + timedelta(days=14), subject="enrolment:1")
    assert held(us, 34).due == 1 + 1


def test_extending_keeps_the_day_nought_and_what_was_believed_before(us: Team) -> None:
    before = datetime.now(UTC)
    with us.make.tx() as tx:
        operations.set_rule(tx, us.callum.id, us.rule, ANCHOR, date(2027, 3, 5), subject="enrolment:1", anchor=ANCHOR, agreed=AGREED)
    with us.make.tx(writes=False) as tx:
        [now] = promised_actual_for(tx, ["enrolment:1"], date(2027, 3, 4)).values()
        [then] = promised_actual_for(tx, ["enrolment:1"], date(2027, 3, 4), before).values()
        assert held_against_due(tx, [us.callum.id], date(2027, 2, 1), before) == {}
        assert held_against_due(tx, [us.callum.id], date(2027, 2, 1), before, ended=True)[us.callum.id].due == then.held.due
    assert (now.held.term.valid_to, then.held.term.valid_to) == (date(2027, 3, 5), END)
    assert now.held.due == then.held.due + 2 - 1  # the last month of the old plan ended on the day before, the new one still runs


def test_ending_a_rule_ends_what_is_due(us: Team) -> None:
    other = publish(us.make, "SUP-FOUR-WEEKLY", FOUR_WEEKLY)
    with us.make.tx() as tx:
        operations.end_rule(tx, us.callum.id, "enrolment:1", ANCHOR + timedelta(days=30))
        operations.set_rule(tx, us.callum.id, other, ANCHOR + timedelta(days=30))
    with us.make.tx(writes=False) as tx:
        now = held_against_due(tx, [us.callum.id], ANCHOR + timedelta(days=40))[us.callum.id]
        assert (now.term.code, now.due) == ("SUP-FOUR-WEEKLY", 0)
        assert promised_actual_for(tx, ["enrolment:1"], ANCHOR + timedelta(days=40))["enrolment:1"].held.due == 4


def test_two_rules_for_one_person_keep_apart_and_drafts_are_refused(us: Team) -> None:
    other = publish(us.make, "SUP-FOUR-WEEKLY", FOUR_WEEKLY)
    with us.make.tx() as tx:
        operations.set_rule(tx, us.callum.id, other, ANCHOR + timedelta(days=14), ANCHOR + timedelta(days=28), subject="other:1")
    with us.make.tx(writes=False) as tx:
        assert held_against_due(tx, [us.callum.id], ANCHOR + timedelta(days=20))[us.callum.id].term.rule_id == other
        [found] = promised_actual_for(tx, ["enrolment:1"], ANCHOR + timedelta(days=40)).values()
    assert found.held.due == 2 + 1, "the weeks that the other rule took are not due by this one"
    with us.make.tx() as tx:
        draft = tx.insert(SupervisionRule, code="SUP-X", version="1", title="X", definition=FOUR_WEEKLY, state="draft")
    wrong: list[dict[str, Any]] = [
        dict(rule_id=draft),
        dict(to=ANCHOR),
        dict(agreed={"workload_percent": 101}),
        dict(agreed={"biscuits": 1}),
    ]
    usual: dict[str, Any] = dict(rule_id=us.rule, from_=ANCHOR)
    for values in wrong:
        with pytest.raises((Conflict, Invalid)), us.make.tx() as tx:
            operations.set_rule(tx, us.dana.id, **(usual | values))
    with pytest.raises(Invalid), us.make.tx() as tx:
        operations.pause(tx, us.dana.id, ANCHOR, ANCHOR)


def test_the_same_question_has_the_same_answer_later(us: Team) -> None:
    hold(us, [2, 9])
    before = datetime.now(UTC)
    first = held(us, 20, known_at=before)
    with us.acting(us.manager) as tx:
        keys = [row.id for row in tx.rows(Supervision.__table__.select().order_by(Supervision.held_on))]
        operations.correct(tx, keys[0], ANCHOR + timedelta(days=3), "case", 30, [us.manager.id])
        operations.withdraw(tx, keys[1], "not_held")
    assert held(us, 20, known_at=before) == first
    assert (held(us, 20).held, held(us, 20).minutes) == (1, 30)


# Protected time and workload ---------------------------------------------------------------------------------------


def test_protected_time_is_a_tenth_of_the_hours_they_were_there_to_work(us: Team) -> None:
    with us.make.tx() as tx:
        people.set_post(tx, us.callum.id, "Social worker", "permanent", 0.6, ANCHOR + timedelta(days=28), working_days="1110000")
        cover.record_absence(tx, us.callum.id, ANCHOR + timedelta(days=7), ANCHOR + timedelta(days=14))
        operations.record_protected_time(tx, us.callum.id, ANCHOR + timedelta(days=2), 210, "study")
        operations.record_protected_time(tx, us.callum.id, ANCHOR - timedelta(days=2), 210, "study")  # before the year began
    with us.make.tx(writes=False) as tx:
        whole = promised_actual(tx, [us.callum.id], ANCHOR + timedelta(days=34))[us.callum.id].protected
    # three full weeks of 37 hours, and one of 0.6 of them
    assert (whole.percent, whole.promised, whole.logged) == (10, round((3 + 0.6) * 37 * 60 / 10), 210)


def test_workload_shows_the_latest_count_and_the_average(us: Team) -> None:
    with us.make.tx() as tx:
        operations.record_caseload(tx, us.callum.id, ANCHOR, 10, 70)
        operations.record_caseload(tx, us.callum.id, ANCHOR + timedelta(days=30), 16, 95)
        operations.record_caseload(tx, us.callum.id, ANCHOR + timedelta(days=60), 17)
    with us.make.tx(writes=False) as tx:
        load = promised_actual(tx, [us.callum.id], ANCHOR + timedelta(days=61))[us.callum.id].workload
        early = promised_actual(tx, [us.callum.id], ANCHOR)[us.callum.id].workload
    assert load.latest is not None and early.latest is not None
    assert (load.promised, load.latest.children, load.average, early.latest.children) == (90, 17, 82, 10)


def test_nothing_agreed_promises_nothing(us: Team) -> None:
    with us.make.tx() as tx:
        operations.set_rule(tx, us.dana.id, us.rule, ANCHOR)
    with us.make.tx(writes=False) as tx:
        found = promised_actual(tx, [us.dana.id, us.stranger.id], ANCHOR + timedelta(days=10))
    assert set(found) == {us.dana.id}
    assert (found[us.dana.id].protected.promised, found[us.dana.id].workload.promised) == (None, None)


def test_a_cohort_takes_as_many_statements_as_one_person(us: Team, count_queries: Callable[[], Any]) -> None:
    with us.make.tx() as tx:
        numbers = _crowd(tx, us, 60)
    as_at = ANCHOR + timedelta(days=200)
    with us.make.tx(writes=False) as tx, count_queries() as queries:
        found = promised_actual(tx, numbers, as_at)
    assert len(found) == 60 and len(queries) <= 4
    with us.make.tx(writes=False) as tx, count_queries() as queries:
        assert len(held_against_due(tx, numbers, as_at)) == 60
    assert len(queries) == 2
    assert {each.held.held for each in found.values()} == {20}


def _crowd(tx: Any, us: Team, number: int) -> list[int]:
    """Many people on one rule, each supervised every ten days."""
    tables = Person.__table__.select().where(Person.id == us.dana.id)
    like = tx.one(tables)._asdict()
    ids = list(range(10_001, 10_001 + number))
    own = [dict(id=key, employee_number=f"C{key}", email=f"c{key}@westmarch.example", swe_number=None) for key in ids]
    tx.db.execute(insert(Person), [like | each for each in own])
    fact = dict(valid_from=ANCHOR, valid_to=FOREVER, recorded_at=tx.now)
    terms = [dict(person_id=key, rule_id=us.rule, subject=f"enrolment:{key}", anchor=ANCHOR, agreed=AGREED, **fact) for key in ids]
    tx.insert_many(SupervisionTerm, terms)
    post = dict(job_title="Social worker", contract="permanent", fte=1, working_days="1111100", is_primary=True)
    tx.insert_many(Post, [dict(person_id=key, **post, **fact) for key in ids])
    rows, by, n = [], [], 50_000
    for key in ids:
        for turn in range(20):
            n += 1
            day = ANCHOR + timedelta(days=10 * turn)
            said = dict(person_id=key, held_on=day, kind="case", minutes=60, source="import", recorded_at=tx.now)
            rows.append(dict(id=n, **said))
            by.append(dict(supervision_id=n, person_id=us.manager.id, registered=True, supervised_id=key, held_on=day, kind="case"))
    tx.insert_many(Supervision, rows)
    tx.insert_many(Supervisor, by)
    tx.insert_many(ProtectedTime, [dict(person_id=key, on_date=ANCHOR, minutes=60, what="study", recorded_at=tx.now) for key in ids])
    tx.insert_many(Caseload, [dict(person_id=key, on_date=ANCHOR, children=10, source="manager", recorded_at=tx.now) for key in ids])
    return ids
