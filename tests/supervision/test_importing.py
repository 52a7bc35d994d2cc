"""Dates of supervision from a file: what is read, what is refused, and that it is all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.errors import Conflict, Forbidden, NotFound
from app.core.sheets import SheetRefused
from app.core.tx import Actor, transaction
from app.supervision import operations
from app.supervision.models import Supervision, SupervisionImport
from app.supervision.operations import importing, supervising
from tests.conftest import Ledger
from tests.factory import Make
from tests.supervision.rules import Team, team
from tests.supervision.world import cells

HEADS = "Employee number,Supervision date,Type,Duration,Supervised by,Where"


@pytest.fixture
def us(make: Make) -> Team:
    return team(make)


def content(*rows: str) -> bytes:
    return "\n".join([HEADS, *rows]).encode()


def test_a_file_is_checked_shown_and_applied_once(us: Team, sign_in: Callable[[Any], TestClient], ledger: Ledger) -> None:
    coordinator = sign_in(us.coordinator)
    rows = [
        f"{us.callum.employee_number},2/3/2026,Reflective,90,{us.manager.email},Online",
        f"{us.callum.email},2026-03-09,case supervision,60,{us.manager.employee_number},",
    ]
    with us.acting(us.manager) as tx:
        operations.record(tx, us.callum.id, date(2026, 3, 9), "case", 75, [us.manager.id])
    sent = coordinator.post("/supervision/import", files={"file": ("march.csv", content(*rows), "text/csv")})
    address = sent.headers["location"]
    plan = coordinator.get(address).text
    assert "1 supervision to record" in plan and "Recorded already" in plan and "1 line of 2 is recorded already" in plan
    assert "Record 1 supervision?" in coordinator.get(f"{address}/apply").text
    assert coordinator.post(f"{address}/apply").headers["location"] == f"{address}?recorded=1"
    assert "1 supervision recorded." in coordinator.get(f"{address}?recorded=1").text
    assert coordinator.post(f"{address}/apply").status_code == 409
    found = us.make.rows(select(Supervision.held_on, Supervision.kind, Supervision.source, Supervision.place).order_by(Supervision.id))
    assert [tuple(row) for row in found][1] == (date(2026, 3, 2), "reflective", "import", "online") and len(found) == 2
    assert ledger.entries("supervision-import.applied")[0].facts == {"recorded": 1, "known": 1}
    again = coordinator.post("/supervision/import", files={"file": ("march.csv", content(*rows), "text/csv")}).headers["location"]
    assert "0 supervisions to record" in coordinator.get(again).text
    assert "Everything in the file is recorded" in coordinator.get(f"{again}/apply").text


def test_a_file_cannot_name_who_did_not_work_there_on_the_day(us: Team) -> None:
    outsider = us.make.person("Olga Outsider", organisation=us.make.organisation("Partner Council", host=False))
    gone = us.make.person("Gus Gone", leaving_on=date(2026, 3, 1))
    named = ((outsider, "1/3/2026"), (gone, "2/3/2026"), (gone, "1/3/2026"))
    rows = [{"line": n, "cells": cells(us.callum.email, who.email, day)} for n, (who, day) in enumerate(named, 2)]
    with us.acting(us.coordinator) as tx:
        plan = importing.plan(tx, rows)
    assert [(problem.line, problem.column, problem.wrong) for problem in plan.problems] == [
        (2, "supervisor", supervising.ELSEWHERE),
        (3, "supervisor", supervising.NOT_THEN),
    ]
    assert [one.line for one in plan.fresh] == [4]


def test_every_wrong_cell_is_named_and_nothing_is_recorded(us: Team) -> None:
    good = cells(us.callum.email, us.manager.email, "2/3/2026")
    with us.make.tx(writes=False) as tx:
        tomorrow = f"{tx.today + timedelta(days=1):%d/%m/%Y}"
    wrong = [
        good | {"person": "nobody@westmarch.example"},
        good | {"date": "soon"},
        good | {"date": tomorrow},
        good | {"date": "2/3/1999"},
        good | {"kind": "chat"},
        good | {"minutes": "601"},
        good | {"minutes": "an hour"},
        good | {"place": "the pub"},
        good | {"supervisor": us.callum.email},
        good,
        good,
    ]
    rows = [{"line": n, "cells": row} for n, row in enumerate(wrong, 2)]
    with us.acting(us.coordinator) as tx:
        plan = importing.plan(tx, rows)
        key = importing.stage(tx, "dates.csv", rows)
    assert [(problem.line, problem.column) for problem in plan.problems] == [
        (2, "person"),
        (3, "date"),
        (4, "date"),
        (5, "date"),
        (6, "kind"),
        (7, "minutes"),
        (8, "minutes"),
        (9, "place"),
        (10, "supervisor"),
        (12, "date"),
    ]
    with pytest.raises(Conflict, match="Line 2, person"), us.acting(us.coordinator) as tx:
        importing.apply_import(tx, key)
    assert us.make.rows(select(Supervision.id)) == []


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"", "empty"),
        (b"%PDF-1.7", "CSV or Excel"),
        (b"person,date,kind,minutes\n", "are missing: supervisor"),
        (HEADS.encode(), "headings and no rows"),
        (HEADS.encode() + b",Notes\n", "never notes"),
        (HEADS.encode() + b",E-mail\n", "Two columns mean"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_as_a_whole(sent: bytes, says: str) -> None:
    with pytest.raises(SheetRefused, match=says):
        importing.parse(sent)


def test_a_file_names_only_people_within_reach_and_belongs_to_who_sent_it(us: Team) -> None:
    neighbour = us.make.organisation("Northmoor Council", host=False)
    other = us.make.person("Odette Farrow", organisation=neighbour)
    local = Actor("person", us.coordinator.id, "Cora", (("coordinator", us.make.organisation()),))
    with transaction(us.make.database, local, writes=True) as tx:
        row = {"line": 2, "cells": cells(other.email, us.manager.email, "2/3/2026")}
        assert [problem.column for problem in importing.plan(tx, [row]).problems] == ["person"]
        key = importing.stage(tx, "dates.csv", [row])
    colleague = us.make.person("Carl", roles=("coordinator",))
    carl = Actor("person", colleague.id, "Carl", (("coordinator", None),))
    with pytest.raises(NotFound), transaction(us.make.database, carl, writes=True) as tx:
        importing.apply_import(tx, key)
    with pytest.raises(Forbidden), us.acting(us.manager) as tx:
        importing.plan(tx, [row])
    assert us.make.row(SupervisionImport, key).applied_at is None
