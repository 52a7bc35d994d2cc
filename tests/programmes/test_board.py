"""The cohort board: who is where, what is late, who acts next; the same few questions however many people there are."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

from sqlalchemy import select, update

from app.core.sheets import read_sheet
from app.frameworks.models import ProgrammeStage
from app.people import operations as people
from app.people.models import Person
from app.programmes import board
from app.programmes.models import Enrolment, Involvement, StageRecord
from tests.factory import Make
from tests.programmes.asye import cohort
from tests.programmes.crowd import cohort_of


def today_of(make: Make) -> date:
    with make.tx(writes=False) as tx:
        return tx.today


def test_five_hundred_people_take_few_questions(make: Make, sign_in: Any, count_queries: Any) -> None:
    """Fifteen at most, the sign-in and the trail included; 25 a page."""
    coordinator = make.person("Cora", roles=("coordinator",))
    browser, large = sign_in(coordinator), cohort_of(make, 500, today=today_of(make))
    with count_queries() as queries:
        answer = browser.get(f"/cohorts/{large}")
    assert answer.status_code == 200
    assert len(queries) <= 15, queries.statements
    assert answer.text.count("/enrolments/") == 25
    assert "500 of 500" in answer.text
    assert "Page 1 of 20" in answer.text


def test_who_is_late_who_is_due_and_who_acts_next(make: Make) -> None:
    """Ten people begun 40 to 49 days ago: the first stage, due 30 days after the start, is late for all; four wait for the assessor."""
    key = cohort_of(make, 10, today=today_of(make))
    with make.tx() as tx:
        found = board.everybody(tx, board.cohort(tx, key))
        rows = board.chosen(found, board.Asked(sort="name"), tx.today)
        assert [row.name for row in rows] == [f"Learner {n:04}" for n in range(10)]
        assert [board.overdue(row, tx.today) for row in rows] == list(range(10, 20))
        assert {row.stage for row in rows} == {"Beginning"}
        assert [row.waiting_for for row in rows[:4]] == ["assessor", "nqsw", "nqsw", "assessor"]
        assert rows[0].document == "Support and assessment agreement"
        assert rows[1].document == "Critical reflection"
        counts = board.counts(found, tx.today)
        assert (counts.total, counts.running, counts.late, counts.soon, counts.granted) == (10, 10, 10, 0, 10)
        assert counts.waiting == [("nqsw", 6), ("assessor", 4)]
        assert len(board.chosen(found, board.Asked(waiting="assessor"), tx.today)) == 4
        waited = board.chosen(found, board.Asked(sort="waiting"), tx.today)
        assert waited[0].waiting_since < waited[1].waiting_since


def test_a_pause_is_never_late_and_a_stage_done_shows_the_next(make: Make) -> None:
    key = cohort_of(make, 3, today=today_of(make))
    with make.tx() as tx:
        first, second, third = (row.id for row in tx.rows(select(Enrolment.id).order_by(Enrolment.id)))
        tx.update(Enrolment, first, status="paused")
        stage = tx.scalar(select(ProgrammeStage.id).where(ProgrammeStage.number == 1))
        done = (StageRecord.enrolment_id == second) & (StageRecord.stage_id == stage)
        tx.db.execute(update(StageRecord).where(done).values(state="complete", completed_at=tx.now))
        found = board.everybody(tx, board.cohort(tx, key))
        rows = {row.id: row for row in found}
        assert board.overdue(rows[first], tx.today) == 0
        assert rows[first].waiting_for is None
        assert rows[second].stage == "Final review"
        assert board.overdue(rows[third], tx.today) > 0
        counts = board.counts(found, tx.today)
        assert (counts.running, counts.late, counts.paused) == (2, 1, 1)
        assert [row.id for row in board.chosen(found, board.Asked(show="late"), tx.today)] == [third]


def test_the_files_hold_what_is_asked_for_and_no_formula(make: Make, sign_in: Any, ledger: Any) -> None:
    key, coordinator = cohort_of(make, 7, today=today_of(make)), make.person("Cora", roles=("coordinator",))
    with make.tx() as tx:
        tx.db.execute(update(Person).where(Person.name == "Learner 0000").values(name="=1+1"))
    browser = sign_in(coordinator)
    answer = browser.get(f"/cohorts/{key}/people.csv?waiting=assessor")
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert lines[0] == list(board.HEADS)
    assert [line[0] for line in lines[1:]] == ["Learner 0006", "Learner 0003", "'=1+1"]  # the longest overdue first
    assert lines[1][11] == "Assessor: Asa Sessor"
    book = read_sheet(browser.get(f"/cohorts/{key}/people.xlsx").content, 100)
    assert len(book) == 8
    assert min(row[1][0] for row in book) == "=1+1"  # as text
    assert browser.get(f"/cohorts/{key}/people.pdf").status_code == 404
    assert ledger.actions().count("board.exported") == 2


def test_everybody_sees_their_own_people_only(make: Make, sign_in: Any) -> None:
    """A coordinator of one locality, an assessor and an outsider."""
    key, north = cohort_of(make, 4, today=today_of(make)), make.unit("North", "locality")
    local = make.person("Lo Cal", roles=("coordinator",), scope=north)
    with make.tx() as tx:
        one = tx.scalar(select(Enrolment.person_id).order_by(Enrolment.id).limit(1))
        people.set_team(tx, one, north, date(2020, 1, 1))
        assessor = tx.scalar(select(Involvement.person_id).where(Involvement.side == "assessing").limit(1))
    page = sign_in(local).get(f"/cohorts/{key}")
    assert page.text.count("/enrolments/") == 1
    assert sign_in(make.row(Person, assessor)).get(f"/cohorts/{key}").text.count("/enrolments/") == 4
    assert sign_in(make.person("Out Sider")).get(f"/cohorts/{key}").status_code == 404


def test_an_empty_cohort_says_so(make: Make, sign_in: Any) -> None:
    coordinator = make.person("Cora", roles=("coordinator",))
    key = cohort(make)
    page = sign_in(coordinator).get(f"/cohorts/{key}")
    assert "Nobody you may see is in this cohort yet." in page.text
