"""Development reviews over HTTP: a year set up by HR, written by two, held by one, counted by team, and closed to everybody else."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.forms import day_fields
from app.core.ledger import Audit
from app.people.models import Person
from app.supervision import operations
from app.supervision.operations import actions, pdr
from app.supervision.operations.standing import set_standing
from app.supervision.pdr_models import PdrObjective
from tests.factory import Make
from tests.supervision.rules import FOUR_WEEKLY, Team, publish, team
from tests.supervision.world import carried, year

SignIn = Callable[[Any], TestClient]
GOAL = "Chair a strategy meeting with confidence"


@pytest.fixture
def us(make: Make) -> Team:
    return team(make)


def today(us: Team) -> date:
    with us.make.tx(writes=False) as tx:
        return tx.today


def _year(us: Team) -> dict[str, str]:
    this = year(today(us))
    fields = {"title": "2026 to 2027", "new_days": "90", "away_days": "28"}
    for name in ("starts_on", "ends_on", "objectives_by", "mid_year_by", "complete_by"):
        fields |= day_fields(name, getattr(this, name))
    return fields


def test_a_review_year_from_hr_to_the_board_of_teams(us: Team, sign_in: SignIn) -> None:
    officer = us.make.person("Hal Officer", roles=("HR officer",), scope=us.make.organisation())
    hr, callum, manager = sign_in(officer), sign_in(us.callum), sign_in(us.manager)
    assert "No review year has been set up yet" in callum.get("/pdr").text
    wrong = hr.post("/pdr/cycles/new", data={**_year(us), "new_days": "many"})
    assert wrong.status_code == 422 and "must be a whole number" in wrong.text
    assert hr.post("/pdr/cycles/new", data=_year(us)).headers["location"] == "/pdr/cycles?said=opened"
    here = f"/people/{us.callum.id}/pdr/1"
    assert "Overdue" in callum.get("/pdr").text

    assert callum.post(f"{here}/objectives/new", data={"words": GOAL}).headers["location"] == "/pdr?cycle=1&said=objective"
    asked = callum.post(f"{here}/objectives/new", data={"words": "Visit the family at LS1 4AP"})
    assert asked.status_code == 422 and "may identify a child or a family" in asked.text
    plan = {"words": "Shadow a colleague in court", **day_fields("by_date", today(us) + timedelta(days=30))}
    assert manager.post(f"{here}/plan/new", data=plan).headers["location"] == f"/people/{us.callum.id}/pdr?cycle=1&said=line"
    assert manager.post(f"{here}/plan/1/done").status_code == 303 and "Done" in callum.get("/pdr").text

    held = {"kind": "objectives", **day_fields("on_date", today(us) - timedelta(days=100))}
    assert callum.post(f"{here}/held", data=held).status_code == 403
    assert manager.post(f"{here}/held", data=held).headers["location"].endswith("said=held")
    assert "On track" in callum.get("/pdr").text

    assert "1 of 6" in hr.get("/pdr/teams").text  # everybody but the officer, who does not count themselves
    rows = list(csv.DictReader(io.StringIO(hr.get("/pdr/people.csv").text.lstrip("\ufeff"))))
    mine = next(row for row in rows if row["Name"] == "Callum Reid")
    assert (mine["Objectives agreed"], mine["Overdue"]) == ((today(us) - timedelta(days=100)).isoformat(), "")
    book = openpyxl.load_workbook(io.BytesIO(hr.get("/pdr/people.xlsx").content))
    assert book.sheetnames == ["Development reviews 2026 to 202"]
    [day] = [row[3] for row in book.worksheets[0].iter_rows(min_row=2, values_only=True) if row[0] == "Callum Reid"]
    assert isinstance(day, datetime) and day.date() == today(us) - timedelta(days=100)
    taken = us.make.rows(select(Audit.facts).where(Audit.action == "pdr.exported"))
    assert [row.facts["rows"] for row in taken] == [6, 6]


def test_whoever_is_new_is_not_told_that_they_are_late(us: Team, sign_in: SignIn) -> None:
    host = us.make.organisation()
    with us.make.tx() as tx:
        pdr.open_cycle(tx, host, year(tx.today))
        tx.update(Person, us.callum.id, started_on=tx.today - timedelta(days=100))
    text = sign_in(us.callum).get("/pdr").text
    assert "New in post: not expected" in text and "Next: mid-year review" in text and "Overdue" not in text
    assert "Overdue" in sign_in(us.dana).get("/pdr").text


def test_a_course_and_a_step_lead_to_the_plan(us: Team, sign_in: SignIn) -> None:
    callum, course, host = sign_in(us.callum), us.make.course("Court skills"), us.make.organisation()
    assert "No review year has been set up yet" in callum.get(f"/pdr/plan?course={course.id}").text
    with us.make.tx() as tx:
        pdr.open_cycle(tx, host, year(tx.today))
    assert f'value="{course.id}" selected' in callum.get(f"/pdr/plan?course={course.id}").text
    assert f"/pdr/plan?course={course.id}" in callum.get(f"/courses/{course.slug}").text
    form = callum.get("/pdr/plan?step=7&words=Advanced+practitioner").text
    assert 'name="step" value="7"' in form and "Advanced practitioner</textarea>" in form
    here = f"/people/{us.callum.id}/pdr/1/plan/new"
    assert callum.post(here, data={"step": "7", "words": "Advanced practitioner"}).status_code == 303
    assert callum.post(here, data={"course": str(course.id)}).status_code == 303
    text = callum.get("/pdr").text
    assert 'href="/pathways"' in text and f'href="/courses/{course.slug}"' in text


def test_two_who_change_the_same_do_not_overwrite_each_other_and_nothing_is_saved_twice(us: Team, sign_in: SignIn) -> None:
    host = us.make.organisation()
    with us.make.tx() as tx:
        pdr.open_cycle(tx, host, year(tx.today))
    manager, callum = sign_in(us.manager), sign_in(us.callum)
    for part in ("objectives", "plan"):
        here = f"/people/{us.callum.id}/pdr/1/{part}"
        data = {"words": GOAL, "entry_key": carried(callum.get(f"{here}/new").text, "entry_key"), "reached": "open"}
        assert [callum.post(f"{here}/new", data=data).status_code for _ in range(2)] == [303, 303]
        assert callum.get(f"{here}/2").status_code == 404
        data["base"] = carried(callum.get(f"{here}/1").text, "base")
        assert manager.post(f"{here}/1", data={**data, "words": "Mentor somebody"}).status_code == 303
        late = callum.post(f"{here}/1", data={**data, "words": "Lead a project"})
        assert late.status_code == 412 and "It says now: Mentor somebody" in late.text and "Lead a project</textarea>" in late.text
        assert "Mentor somebody" in manager.get(f"{here}/1").text
        assert callum.post(f"{here}/1", data={**data, "words": "Lead a project", "base": carried(late.text, "base")}).status_code == 303
        assert "Lead a project" in manager.get(f"{here}/1").text


@pytest.mark.parametrize("role", ["HR officer", "principal social worker", "coordinator"])
def test_what_somebody_wants_to_reach_stays_in_the_line(us: Team, sign_in: SignIn, role: str) -> None:
    host = us.make.organisation()
    reader = sign_in(us.make.person("Rae Reader", roles=(role,), scope=host))
    with us.make.tx() as tx:
        pdr.open_cycle(tx, host, year(tx.today))
        pdr.set_objective(tx, us.callum.id, 1, GOAL)
        pdr.plan(tx, us.callum.id, 1, "Shadow a colleague in court")
    here = f"/people/{us.callum.id}/pdr"
    for path in (here, f"{here}/1/objectives/new", f"{here}/1/objectives/1", f"{here}/1/plan/1"):
        assert reader.get(path).status_code == 404
    assert reader.post(f"{here}/1/objectives/1", data={"words": "Mine now", "reached": "open"}).status_code == 404
    for path in ("/pdr/people", "/pdr/people.csv", "/pdr/people.xlsx", "/pdr/teams"):
        reply = reader.get(path)
        assert reply.status_code == (403 if role == "coordinator" else 200)
        assert GOAL not in reply.text and "Shadow" not in reply.text
    assert us.make.rows(select(PdrObjective.words))[0].words == GOAL


def test_looking_at_a_review_leaves_a_trace_and_one_of_another_year_is_not_found(us: Team, sign_in: SignIn) -> None:
    partner = us.make.organisation("Partner Council", host=False)
    with us.make.tx() as tx:
        pdr.open_cycle(tx, partner, year(tx.today))
    manager = sign_in(us.manager)
    assert manager.get(f"/people/{us.callum.id}/pdr").status_code == 200
    assert [row.person_id for row in us.make.rows(select(Audit.person_id).where(Audit.action == "pdr.viewed"))] == [us.callum.id]
    assert manager.get(f"/people/{us.callum.id}/pdr/1/objectives/new").status_code == 404
    assert manager.post(f"/people/{us.callum.id}/pdr/1/objectives/new", data={"words": GOAL}).status_code == 404


def test_supervision_of_teams_and_its_file_hold_counts_and_no_words(us: Team, sign_in: SignIn) -> None:
    host, rule = us.make.organisation(), publish(us.make, "SUP-FOUR-WEEKLY", FOUR_WEEKLY)
    with us.make.tx() as tx:
        set_standing(tx, host, rule, tx.today - timedelta(days=60))
        actions.agree(tx, us.callum.id, GOAL)
    psw = sign_in(us.make.person("Petra Principal", roles=("principal social worker",), scope=host))
    text = psw.get("/supervision/teams").text
    assert "6 of 6" in text and GOAL not in text
    rows = list(csv.DictReader(io.StringIO(psw.get("/supervision/team.csv").text.lstrip("\ufeff"))))
    mine = next(row for row in rows if row["Name"] == "Callum Reid")
    assert len(rows) == 6 and (mine["Actions open"], mine["In time"], mine["Due so far"]) == ("1", "0", "2")
    own = list(csv.DictReader(io.StringIO(sign_in(us.manager).get("/supervision/team.csv").text.lstrip("\ufeff"))))
    assert sorted(row["Name"] for row in own) == ["Callum Reid", "Dana Cole"]


def test_rules_of_parts_of_the_organisation_on_a_page(us: Team, sign_in: SignIn) -> None:
    host, rule = us.make.organisation(), publish(us.make, "SUP-FOUR-WEEKLY", FOUR_WEEKLY)
    coordinator = sign_in(us.coordinator)
    empty = coordinator.post("/supervision/rules", data={})
    assert empty.status_code == 422 and "Choose a part of the organisation" in empty.text
    sent = {"unit": str(host), "rule": str(rule), **day_fields("from", today(us) - timedelta(days=30))}
    weekly = coordinator.post("/supervision/rules", data=sent | {"rule": str(us.rule)})
    assert weekly.status_code == 409 and "more often than every four weeks" in weekly.text
    assert coordinator.post("/supervision/rules", data=sent).headers["location"] == "/supervision/rules?said=set"
    assert f"/frameworks/rules/{rule}" in coordinator.get("/supervision/rules").text
    assert (
        "overdue since" in sign_in(us.dana).get("/supervision").text.lower()
        and "Your supervision is overdue" in sign_in(us.dana).get("/").text
    )
    with us.acting(us.manager) as tx:
        operations.record(tx, us.dana.id, tx.today - timedelta(days=27), "professional", 60, [us.manager.id])
    assert "overdue" not in sign_in(us.dana).get("/").text and "colleague’s supervision is overdue" in sign_in(us.manager).get("/").text
    assert sign_in(us.manager).get("/supervision/rules").status_code == 403
