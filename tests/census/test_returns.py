"""A return from HR's file to what is sent: all or nothing, frozen bytes, corrections, the published formulas, and forgetting."""

from __future__ import annotations

import hashlib
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.census import access, forgetting, guide, operations, rows
from app.census.models import (
    CensusDocument,
    CensusGuide,
    CensusMessage,
    CensusPerson,
    CensusReturn,
    CensusSettings,
    CensusUpload,
)
from app.core.config import ROOT
from app.core.errors import Changed, Conflict, Forbidden, Invalid, NotFound
from app.core.ledger import Audit
from app.core.tx import Actor, Tx, transaction
from app.frameworks.reading import FileRefused
from app.jobs import TIMETABLE
from tests.census.world import FILE, YEAR, Census, peopled, ready, submitted
from tests.factory import Make


@pytest.fixture
def census(make: Make) -> Census:
    return peopled(make)


# HR's file -----------------------------------------------------------------------------------------------------------


def test_a_file_goes_before_what_was_there_and_none_lets_it_stand_again(census: Census) -> None:
    return_id, ann = census.begin(), census.ann  # type: ignore[attr-defined]
    long = f"SW{int(ann.swe_number[2:]):010}"
    assert census.give(return_id, {"person": long.lower(), "FTE": "0.9", "QualInst": "Hillfoot"}) == 1
    assert census.give(return_id, {"person": ann.employee_number, "FTE": "0.9"}) == 0, "the same again is nothing new"
    mine = census.people(return_id)[ann.id]
    assert (mine.ours["FTE"], mine.theirs) == ("1", {"FTE": "0.9", "QualInst": "Hillfoot"})
    assert census.give(return_id, {"person": ann.employee_number, "FTE": "", "QualInst": " "}) == 0, "an empty cell says nothing"
    assert census.give(return_id, {"person": ann.employee_number, "FTE": "None"}) == 1
    assert census.people(return_id)[ann.id].theirs == {"QualInst": "Hillfoot"}


def test_one_problem_and_nothing_is_taken_in(census: Census) -> None:
    return_id, ann = census.begin(), census.ann  # type: ignore[attr-defined]
    good = {"person": ann.employee_number, "WorkingDaysLost": "2"}
    bad = {
        "nobody": ({"person": "E99999"}, "Nobody in this return has this number"),
        "twice": ({"person": ann.swe_number}, "Line 2 is about the same person"),
        "date": ({"person": "", "PersonBirthDate": "31/2/1980"}, "There is nobody"),
    }
    for cells, said in bad.values():
        with pytest.raises(Conflict, match=said):
            census.give(return_id, good, cells)
    assert census.people(return_id)[ann.id].theirs == {}


def test_every_bad_cell_is_named_and_private_ones_are_not_repeated(census: Census) -> None:
    return_id, ann = census.begin(), census.ann  # type: ignore[attr-defined]
    cells = {
        "person": ann.employee_number, "PersonBirthDate": "31/2/1980", "Ethnicity": "Martian", "ReasonAbsence": "Flu", "GenderCurrent": "X",
        "WorkingDaysLost": "many", "OrgRole": "9", "FTE": "1.2",
    }  # fmt: skip
    with census.acting(writes=False) as tx:
        plan = rows.plan(tx, census.guide, return_id, [{"line": 7, "cells": cells}])
    values = {problem.column: problem.value for problem in plan.problems}
    shown = {"Working days lost": "many", "Role": "9", "Full-time equivalent": "1.2"}
    assert values == shown | dict.fromkeys(("Date of birth", "Ethnicity", "Reason for absence", "Gender"), "(not shown)")
    assert {problem.line for problem in plan.problems} == {7} and all(problem.remedy for problem in plan.problems)


def test_rows_of_a_file_are_gone_once_it_is_applied_or_forgotten(census: Census) -> None:
    return_id, ann = census.begin(), census.ann  # type: ignore[attr-defined]
    census.give(return_id, {"person": ann.employee_number, "QualInst": "Hillfoot"})
    with census.acting() as tx:
        lying = operations.stage(tx, return_id, "late.csv", [{"line": 2, "cells": {"person": "E1"}}])
    assert census.make.rows(select(CensusUpload.rows).order_by(CensusUpload.id))[0].rows == []
    with census.make.tx() as tx:
        forgetting.forget(tx, tx.now + timedelta(days=8))
    assert census.make.row(CensusUpload, lying).rows == []
    with census.acting() as tx, pytest.raises(Conflict, match="not kept"):
        operations.apply(tx, lying)


# Submitting ----------------------------------------------------------------------------------------------------------


def test_what_is_not_ready_cannot_be_submitted(census: Census) -> None:
    return_id = census.begin()
    assert census.row(return_id).errors > 0
    with census.acting() as tx, pytest.raises(Conflict, match="errors"):
        operations.submit(tx, return_id, looked_at_queries=True)
    census.complete(return_id)
    with census.acting() as tx, pytest.raises(Conflict, match="number in the collection"):
        operations.submit(tx, return_id, looked_at_queries=True)
    census.say()
    census.give(return_id, {"person": census.ann.swe_number, "Cases30": "60"})  # type: ignore[attr-defined]
    assert census.row(return_id).queries == 1
    with census.acting() as tx, pytest.raises(Invalid, match="queries"):
        operations.submit(tx, return_id)
    assert census.row(return_id).state == "checked" and census.make.rows(select(CensusDocument.kind)) == []


def test_what_was_submitted_is_frozen_by_the_database(census: Census) -> None:
    return_id = submitted(census)
    before = census.row(return_id), census.people(return_id), census.make.rows(select(CensusDocument.__table__))
    assert before[0].digest == next(hashlib.sha256(row.content).hexdigest() for row in before[2] if row.kind == "xml")
    mine: Any = CensusPerson.__table__
    person = next(iter(before[1].values()))
    attempts: list[Any] = [
        update(CensusReturn).where(CensusReturn.id == return_id).values(state="draft"),
        update(CensusReturn).where(CensusReturn.id == return_id).values(totals={"in_post": "7"}),
        update(CensusReturn).where(CensusReturn.id == return_id).values(digest="f" * 64),
        delete(CensusReturn).where(CensusReturn.id == return_id),
        update(mine).where(mine.c.id == person.id).values(theirs={}),
        delete(mine).where(mine.c.id == person.id),
        insert(mine).values(return_id=return_id, number=99, person_id=census.hana.id, ours={}, theirs={}),
        update(CensusDocument).where(CensusDocument.return_id == return_id).values(content=b"x"),
        delete(CensusDocument).where(CensusDocument.return_id == return_id),
        insert(CensusMessage).values(return_id=return_id, position=999, number=1, kind="error", rule="form", item="FTE", value=""),
    ]
    for attempt in attempts:
        with pytest.raises((Conflict, IntegrityError)), census.make.tx() as tx:
            tx.db.execute(attempt)
    for deed in (lambda tx: operations.fill(tx, return_id), lambda tx: operations.give_authority(tx, return_id, {})):
        with pytest.raises(Conflict), census.acting() as tx:
            deed(tx)
    assert (census.row(return_id), census.people(return_id), census.make.rows(select(CensusDocument.__table__))) == before


def test_a_correction_is_the_next_version_and_begins_with_everything(census: Census) -> None:
    first = submitted(census)
    with census.acting() as tx:
        second = operations.correct(tx, first)
        with pytest.raises(Conflict):
            operations.correct(tx, first)
    one, two = census.row(first), census.row(second)
    assert (two.version, two.state, two.totals, two.authority) == (2, "checked", one.totals, one.authority)
    theirs = [{key: (row.number, row.ours, row.theirs) for key, row in census.people(each).items()} for each in (first, second)]
    assert theirs[0] == theirs[1]
    census.give(second, {"person": census.ann.swe_number, "WorkingDaysLost": "30"})  # type: ignore[attr-defined]
    with census.acting() as tx:
        operations.submit(tx, second, looked_at_queries=True)
    assert census.row(second).digest != census.row(first).digest == one.digest


@pytest.mark.parametrize("deed", ["begin", "submit", "correct"])
def test_two_officers_at_once_do_it_once(deed: str, census: Census) -> None:
    return_id = 0 if deed == "begin" else ready(census) if deed == "submit" else submitted(census)
    together = Barrier(2)

    def do(_: int) -> str:
        together.wait()
        try:
            with census.acting() as tx:
                if deed == "begin":
                    operations.begin(tx, census.council, YEAR)
                elif deed == "submit":
                    operations.submit(tx, return_id, looked_at_queries=True)
                else:
                    operations.correct(tx, return_id)
        except Conflict:
            return "refused"
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(do, range(2))) == ["done", "refused"]
    rows_ = census.make.rows(select(CensusReturn.version, CensusReturn.state).order_by(CensusReturn.id))
    expected = {"begin": [(1, "draft")], "submit": [(1, "submitted")], "correct": [(1, "submitted"), (2, "checked")]}
    assert [tuple(row) for row in rows_] == expected[deed]


# Forgetting ----------------------------------------------------------------------------------------------------------


def holding(census: Census) -> list[int]:
    """How many rows of personal data there are."""
    tables: tuple[Any, ...] = (CensusPerson, CensusMessage, CensusDocument, CensusUpload)
    return [len(census.make.rows(select(table.__table__))) for table in tables]


def test_personal_data_goes_when_its_time_is_over_and_totals_stay(census: Census) -> None:
    return_id = submitted(census)
    with census.acting() as tx:
        operations.say(tx, census.council, authority="999", stages={}, titles={}, keep=90, version=1)
    before = census.row(return_id)
    with census.make.tx() as tx:
        forgetting.forget(tx, tx.now + timedelta(days=89))
    assert holding(census)[0] == 6 and holding(census)[2] == 2
    with census.make.tx() as tx:
        forgetting.forget(tx, tx.now + timedelta(days=91))
    after = census.row(return_id)
    assert holding(census) == [0, 0, 0, 0] and after.erased_at is not None
    assert (after.digest, after.totals, after.people) == (before.digest, before.totals, 6)
    assert [row.subject_id for row in census.make.rows(select(Audit.subject_id).where(Audit.action == "census.erased"))] == [return_id]
    with pytest.raises(Conflict, match="deleted"), census.acting() as tx:
        operations.correct(tx, return_id)
    census.begin(YEAR - 1)
    with census.make.tx() as tx:
        forgetting.forget(tx, tx.now + timedelta(days=30))
    assert holding(census)[0] > 0, "another return keeps its own time"


def test_forgetting_stands_in_the_timetable() -> None:
    assert TIMETABLE["forget-census"] == (timedelta(days=1), forgetting.forget)


def test_a_draft_that_nobody_touches_is_forgotten_too(census: Census) -> None:
    census.begin()
    with census.make.tx() as tx:
        forgetting.forget(tx, tx.now + timedelta(days=401))
    assert holding(census) == [0, 0, 0, 0]
    assert census.begin(), "and the year can be begun again"


# Whose it is ---------------------------------------------------------------------------------------------------------


def test_only_hr_officers_of_the_whole_organisation(census: Census, make: Make) -> None:
    return_id = submitted(census)
    team = make.unit("A team", parent=census.council)
    north = make.organisation("Northmoor Council", host=False)
    deeds: tuple[Any, ...] = (
        lambda tx: access.the_return(tx, return_id),
        lambda tx: operations.fill(tx, return_id),
        lambda tx: operations.correct(tx, return_id),
        lambda tx: operations.stage(tx, return_id, "x.csv", []),
        lambda tx: operations.say(tx, census.council, authority="", stages={}, titles={}, keep=90, version=1),
    )

    def refused(role: str, scope: int | None, kind: type[Exception]) -> None:
        actor = Actor("person", census.hana.id, "Hana", ((role, scope),), organisation_id=census.council)
        for deed in deeds:
            with pytest.raises(kind), transaction(make.database, actor, writes=True) as tx:
                deed(tx)

    refused("HR officer", team, NotFound)
    refused("HR officer", north, NotFound)
    for role in ("principal social worker", "coordinator", "administrator", "board viewer", "line manager", "practitioner"):
        refused(role, None if role == "administrator" else census.council, Forbidden)


def test_a_file_is_its_senders(census: Census, make: Make) -> None:
    return_id = census.begin()
    other = make.person("Other Officer")
    with census.acting() as tx:
        key = operations.stage(tx, return_id, "hr.csv", [{"line": 2, "cells": {"person": "E1"}}])
    with pytest.raises(NotFound), census.acting(other) as tx:
        operations.apply(tx, key)


def test_nothing_but_this_room_knows_the_rows() -> None:
    """No other module names the room's tables or models, but what loads them all: so no list, export or API can show them."""
    words = "Census(Person|Message|Document|Upload|Return)|census_(people|messages|documents|uploads|returns)"
    told = subprocess.run(["grep", "-rlE", words, "app", "--include=*.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    others = {path for path in told.stdout.split() if not path.startswith("app/census/")}
    assert others <= {"app/invariants/census.py", "app/hr/events.py"}  # the latter says that it stays here
    answers = subprocess.run(["grep", "-rl", "equality", "app/census"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert [path for path in answers.stdout.split() if path.endswith(".py")] == [], "nothing here reads equality information"


# The guide and the settings ------------------------------------------------------------------------------------------


def test_a_guide_is_loaded_once_and_found_for_its_year_and_later_ones(census: Census) -> None:
    content = FILE.read_bytes()

    def load(change: bytes) -> int | None:
        with census.make.tx() as tx:
            return guide.load(tx, "guide.yaml", change)

    assert load(content) is None, "the same is there"
    with pytest.raises(Conflict, match="something else"):
        load(content.replace(b"working_days: 253", b"working_days: 252"))
    newer = load(content.replace(b"year: 2022", b"year: 2026", 1))
    with census.make.tx(writes=False) as tx:
        assert [guide.in_force(tx, year)[0] == newer for year in (2025, 2026, 2030)] == [False, True, True]
        with pytest.raises(Conflict, match="No guide"):
            guide.in_force(tx, 2021)
    with pytest.raises(FileRefused, match="line 8"):
        load(content.replace(b"version: 1", b"version: one", 1))
    assert len(census.make.rows(select(CensusGuide.id))) == 2


def test_settings_say_what_is_wrong_and_are_not_overwritten_unseen(census: Census) -> None:
    for wrong in (
        {"authority": "12"},
        {"keep": 5},
        {"stages": {"SW": "9"}},
        {"stages": {"NOBODY": "1"}},
        {"titles": {"manager": "?"}},
        {"titles": {"x": "1"}},
    ):
        with pytest.raises(Invalid):
            census.say(**wrong)
    census.say(stages={"SW": "6", "TM": "3"})
    kept = census.make.rows(select(CensusSettings.__table__))[0]
    assert kept.roles == {"SW": "6"}, "what the guide says anyway is not kept"
    with pytest.raises(Changed):
        census.say(version=0)
    found = {row.ours["OrgRole"] for row in census.people(census.begin()).values()}
    assert found == {"6", "3"}


def trail(tx: Tx) -> list[str]:
    return [row.action for row in tx.rows(select(Audit.action).where(Audit.action.like("census%")).order_by(Audit.id))]


def test_every_deed_is_in_the_trail_without_personal_data(census: Census) -> None:
    submitted(census)
    with census.make.tx(writes=False) as tx:
        deeds = trail(tx)
        facts = str([row.facts for row in tx.rows(select(Audit.facts).where(Audit.action.like("census%")))])
    assert deeds == [
        *("census-guide.loaded", "census-settings.changed", "census.begun", "census-file.checked", "census-file.applied"),
        *("census.authority-given", "census.submitted"),
    ]
    assert "1984" not in facts and "WBRI" not in facts and "SW0" not in facts
