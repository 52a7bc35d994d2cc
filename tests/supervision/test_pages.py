"""Supervision on pages: recorded on a phone, confirmed, corrected, several at once, and what each reader sees."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.core.calendar import long_date
from app.core.forms import day_fields
from app.people.models import Person
from app.supervision import operations
from app.supervision.models import Supervision
from tests.conftest import Ledger
from tests.factory import Make
from tests.supervision.rules import Team, team

SignIn = Callable[[Any], TestClient]


@pytest.fixture
def us(make: Make) -> Team:
    """Callum has been on the rule for three weeks and two days."""
    made = team(make)
    with make.tx() as tx:
        since = tx.today - timedelta(days=23)
        agreed = {"protected_time_percent": 10, "workload_percent": 90}
        operations.set_rule(tx, made.callum.id, made.rule, since, since + timedelta(days=365), subject="enrolment:1", agreed=agreed)
    return made


def today(us: Team) -> date:
    with us.make.tx(writes=False) as tx:
        return tx.today


def typed(on: date, **changes: str) -> dict[str, str]:
    return {**day_fields("held_on", on), "kind": "case", "minutes": "75", "place": "online", **changes}


def main(reply: Any) -> str:
    text = re.sub(r"<[^>]+>", " ", reply.text[reply.text.index("<main") :])
    return re.sub(r"\s+", " ", text)


def test_recorded_on_a_phone_counted_and_confirmed(us: Team, sign_in: SignIn, ledger: Ledger) -> None:
    callum, yesterday = sign_in(us.callum), today(us) - timedelta(days=1)
    assert "Overdue by 17 days" in main(callum.get("/supervision")) and "Your supervision is overdue" in main(callum.get("/"))
    form = callum.get(f"/people/{us.callum.id}/supervision/new").text
    assert f'value="{today(us).year}"' in form and "Moira Manager" in form and "Asa Assessor" in form
    sent = callum.post(f"/people/{us.callum.id}/supervision/new", data=typed(yesterday, supervisor=str(us.manager.id)))
    assert sent.headers["location"] == "/supervision?said=own"
    seen = main(callum.get("/supervision?said=own"))
    assert "Not confirmed" in seen and "0 of 3" in seen and "Overdue" not in seen and long_date(yesterday) in seen
    manager = sign_in(us.manager)
    assert "1 supervision to confirm" in main(manager.get("/"))
    asked = manager.get("/supervision").text
    key = re.search(r"/supervision/(\d+)/confirm", asked)
    assert key is not None and "Callum Reid" in asked
    assert manager.post(f"/supervision/{key[1]}/confirm").headers["location"] == "/supervision?said=confirmed"
    assert "to confirm" not in main(manager.get("/")) and "Not confirmed" not in main(callum.get("/supervision"))
    assert [each for each in ledger.actions() if each.startswith("supervision.")][-2:] == ["supervision.recorded", "supervision.confirmed"]
    assert 'value="75"' in callum.get(f"/people/{us.callum.id}/supervision/new").text, "the last one's length is the first guess"


def test_what_is_missing_is_said_and_what_was_typed_stays(us: Team, sign_in: SignIn) -> None:
    callum = sign_in(us.callum)
    sent = callum.post(f"/people/{us.callum.id}/supervision/new", data={"minutes": "ages", "other": "nobody@westmarch.example"})
    assert sent.status_code == 422
    for words in ("Enter the date", "Choose what kind", "Minutes must be a whole number", "has the e-mail address"):
        assert words in sent.text
    assert 'value="ages"' in sent.text and 'value="nobody@westmarch.example"' in sent.text
    assert "Choose who supervised" in callum.post(f"/people/{us.callum.id}/supervision/new", data=typed(today(us))).text
    later = callum.post(f"/people/{us.callum.id}/supervision/new", data=typed(date(2190, 1, 1), supervisor=str(us.manager.id)))
    assert "record it once it has taken place" in later.text


def test_somebody_else_supervised(us: Team, sign_in: SignIn) -> None:
    data = typed(today(us), other=us.stranger.email.upper())
    assert sign_in(us.manager).post(f"/people/{us.callum.id}/supervision/new", data=data).status_code == 303
    assert "Stan Stranger" in main(sign_in(us.callum).get("/supervision"))


def test_a_made_up_supervisor_is_refused_beside_the_field(us: Team, sign_in: SignIn) -> None:
    outsider = us.make.person("Olga Outsider", organisation=us.make.organisation("Partner Council", host=False))
    gone = us.make.person("Gus Gone", leaving_on=today(us) - timedelta(days=2))
    callum, here = sign_in(us.callum), f"/people/{us.callum.id}/supervision/new"
    for data, words in (
        (typed(today(us), supervisor=str(outsider.id)), "supervisor-error"),
        (typed(today(us), other=gone.email), "other-error"),
    ):
        sent = callum.post(here, data=data)
        assert sent.status_code == 422 and f'id="{words}"' in sent.text and "Whoever supervised must" in sent.text
        assert "Olga" not in sent.text
    assert us.make.rows(select(Supervision.id)) == []
    assert callum.post(here, data=typed(today(us) - timedelta(days=2), other=gone.email)).status_code == 303


def test_correcting_and_taking_back(us: Team, sign_in: SignIn) -> None:
    with us.acting(us.manager) as tx:
        key = operations.record(tx, us.callum.id, tx.today, "case", 60, [us.manager.id])
    assessor = sign_in(us.assessor)
    page = assessor.get(f"/supervision/{key}/correct").text
    assert 'value="60"' in page and "It should not be here at all" in page
    data = typed(today(us), minutes="95", supervisor=str(us.manager.id))
    assert (
        assessor.post(f"/supervision/{key}/correct", data=data).headers["location"] == f"/people/{us.callum.id}/supervision?said=corrected"
    )
    assert assessor.get(f"/supervision/{key}/correct").status_code == 404, "the old entry is history"
    [new] = us.make.rows(select(Supervision.id).where(Supervision.superseded_at.is_(None)))
    assert assessor.post(f"/supervision/{new.id}/withdraw", data={"why": ""}).status_code == 422
    assert assessor.post(f"/supervision/{new.id}/withdraw", data={"why": "not_held"}).status_code == 303
    assert "No supervision is recorded yet" in main(assessor.get(f"/people/{us.callum.id}/supervision"))


def test_the_team_stands_with_whoever_waits_longest_first(us: Team, sign_in: SignIn, count_queries: Callable[[], Any]) -> None:
    with us.make.tx() as tx:
        operations.set_rule(tx, us.dana.id, us.rule, tx.today - timedelta(days=9))
        operations.record(tx, us.dana.id, tx.today - timedelta(days=1), "case", 90, [us.manager.id])
    manager = sign_in(us.manager)
    with count_queries() as queries:
        page = manager.get("/supervision/team")
    text = main(page)
    assert text.index("Callum Reid") < text.index("Dana Cole") and "1 of 2 people" in text and len(queries) <= 8
    only = main(manager.get("/supervision/team?show=overdue"))
    assert "Callum Reid" in only and "Dana Cole" not in only
    assert "1 colleague’s supervision is overdue" in main(manager.get("/"))
    assert "Dana Cole" not in main(sign_in(us.assessor).get("/supervision/team"))
    with us.make.tx() as tx:
        tx.db.execute(update(Person).where(Person.id == us.callum.id).values(leaving_on=tx.today - timedelta(days=1)))
    assert "Callum Reid" not in main(manager.get("/supervision/team")), "who has left is nobody's task"


def test_several_at_once_or_none(us: Team, sign_in: SignIn) -> None:
    manager, on = sign_in(us.manager), today(us) - timedelta(days=2)
    line = {"person-1": str(us.callum.id), "held_on-1": f"{on:%d/%m/%Y}", "kind-1": "case", "minutes-1": "60"}
    wrong = manager.post("/supervision/several", data=line | {"person-2": str(us.dana.id), "held_on-2": "31/2/2026", "minutes-3": "5"})
    assert wrong.status_code == 422 and us.make.rows(select(Supervision.id)) == []
    for words in (
        "Line 2: the date must be a real date",
        "Line 2: choose what kind",
        "Line 2: enter how many minutes",
        "Line 3: enter the date",
    ):
        assert words in wrong.text
    same = {key.replace("-1", "-2"): value for key, value in line.items()}
    assert "is entered twice" in manager.post("/supervision/several", data=line | same).text
    sent = manager.post("/supervision/several", data=line | same | {"person-2": str(us.dana.id)})
    assert sent.headers["location"] == "/supervision/team?recorded=2"
    assert "2 supervisions are recorded" in main(manager.get("/supervision/team?recorded=2"))
    assert "recorded already" in manager.post("/supervision/several", data=line).text
    assert manager.post("/supervision/several", data=line | {"person-1": str(us.stranger.id), "kind-1": "reflective"}).status_code == 404


def test_protected_time_and_caseload(us: Team, sign_in: SignIn) -> None:
    callum, address = sign_in(us.callum), f"/people/{us.callum.id}"
    sent = callum.post(f"{address}/protected-time", data={**day_fields("on_date", today(us)), "minutes": "210", "what": "study"})
    assert sent.headers["location"] == f"{address}/workload?said=time"
    coordinator = sign_in(us.coordinator)
    counted = {**day_fields("counted_on", today(us)), "children": "14", "percent": "85"}
    assert coordinator.post(f"{address}/caseloads", data=counted).status_code == 303
    seen = main(callum.get(f"{address}/workload"))
    assert "3 hours 30 minutes of" in seen and "85% on average" in seen and "14" in seen and "Manager or Academy" in seen
    assert "Enter how many minutes" in callum.post(f"{address}/protected-time", data={}).text
    assert "Enter how many children" in callum.post(f"{address}/caseloads", data={}).text
    for kind in ("protected-time", "caseloads"):
        assert callum.post(f"/{kind}/1/withdraw").headers["location"] == f"{address}/workload?said=entry"
    assert "No protected time is recorded yet" in main(callum.get(f"{address}/workload"))


def test_the_principal_social_worker_sees_supervision_but_no_workload(us: Team, sign_in: SignIn) -> None:
    with us.acting(us.manager) as tx:
        operations.record_caseload(tx, us.callum.id, tx.today, 19, 99)
    psw = sign_in(us.make.person("Petra Principal", roles=("principal social worker",)))
    page = psw.get(f"/people/{us.callum.id}/supervision").text
    assert "Promised, and had" in page and "Record a supervision" not in page
    assert "Workload" not in page and "99%" not in page and "/workload" not in page
    assert psw.get(f"/people/{us.callum.id}/workload").status_code == 404


def test_looking_at_somebody_leaves_a_trace(us: Team, sign_in: SignIn, ledger: Ledger) -> None:
    ledger.start()
    sign_in(us.manager).get(f"/people/{us.callum.id}/supervision")
    sign_in(us.callum).get("/supervision")
    assert [entry.person_id for entry in ledger.entries("supervision.viewed")] == [us.callum.id]
