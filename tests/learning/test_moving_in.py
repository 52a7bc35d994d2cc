"""What was learnt before, from files: what is read and refused, all or nothing, twice changes nothing, corrected and taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.errors import Conflict, Forbidden, NotFound
from app.core.sheets import SheetRefused
from app.core.tx import Actor, transaction
from app.guarding.checking import Decision, Identifiable
from app.learning import moving_in, moving_rows
from app.learning.models import Certificate, Completion, LearningRecord
from app.learning.moving_models import ImportedLearning, LearningImport
from app.learning.record_models import Reflection
from tests.factory import Make

SignIn = Callable[[Any], TestClient]
DAY = date(2024, 3, 11)


class World:
    """A coordinator and two people they look after, one of another council, and two courses, the second of which renews the first."""

    def __init__(self, make: Make) -> None:
        self.make = make
        council = make.organisation()
        self.cora = make.person("Cora Vance", roles=("coordinator",), scope=council)
        self.ann, self.ben = make.person("Ann Holt", swe_number="SW900101"), make.person("Ben Ash")
        self.odd = make.person("Odd Vale", organisation=make.organisation("Northmoor Council", host=False))
        self.refresher = make.course("First aid refresher", cpd_minutes=90)
        self.first_aid = make.course("First aid", cpd_minutes=180, validity_months=36, refresher_id=self.refresher.id)

    def acting(self, person: Any) -> Any:
        roles: tuple[tuple[str, int | None], ...] = (("practitioner", None),)
        if person is self.cora:
            roles += (("coordinator", self.make.organisation()),)
        return transaction(self.make.database, Actor("person", person.id, person.name, roles), writes=True)

    def send(self, person: Any, kind: str, *rows: dict[str, str], decision: Decision | None = None) -> tuple[int, int]:
        """Sent and applied by somebody; the import and how many lines it brought in."""
        lines = [{"line": n, "cells": row} for n, row in enumerate(rows, 2)]
        with self.acting(person) as tx:
            key = moving_in.stage(tx, kind, "before.csv", lines)
        with self.acting(person) as tx:
            return key, moving_in.apply_import(tx, key, decision)

    def completion(self, **cells: str) -> dict[str, str]:
        return {"person": self.ann.email, "course": "First aid", "completed on": "11/3/2024", **cells}

    def records(self) -> list[tuple[Any, ...]]:
        columns = ("person_id", "on_date", "minutes", "bucket", "title", "source", "activity")
        live = select(*(LearningRecord.__table__.c[name] for name in columns)).where(LearningRecord.superseded_at.is_(None))
        return [tuple(row) for row in self.make.rows(live.order_by(LearningRecord.id))]

    def completions(self) -> list[tuple[Any, ...]]:
        columns = (Completion.person_id, Completion.course_id, Completion.completed_on, Completion.expires_on, Completion.by_course_id)
        return [tuple(row) for row in self.make.rows(select(*columns).where(Completion.superseded_at.is_(None)).order_by(Completion.id))]


@pytest.fixture
def world(make: Make) -> World:
    return World(make)


def learning(**cells: str) -> dict[str, str]:
    return {"date": "2024-03-11", "title": "Reading on attachment", "activity": "Course", "minutes": "60", **cells}


def test_completions_count_as_long_as_the_course_says_and_renew_what_they_renew(world: World) -> None:
    rows = [
        world.completion(course="First aid refresher", **{"completed on": "2 May 2025"}),
        world.completion(person="SW900101"),
        world.completion(person=world.ben.employee_number, minutes="0"),
    ]
    key, number = world.send(world.cora, "completions", *rows)
    assert number == 3
    ann, ben, first, again = world.ann.id, world.ben.id, world.first_aid.id, world.refresher.id
    assert sorted(world.completions(), key=str) == sorted(
        [
            (ann, first, DAY, date(2027, 3, 11), None),
            (ben, first, DAY, date(2027, 3, 11), None),
            (ann, again, date(2025, 5, 2), None, None),
            (ann, first, date(2025, 5, 2), date(2028, 5, 2), again),
        ],
        key=str,
    )
    assert {record[:6] for record in world.records()} == {
        (ann, DAY, 180, "formal", "First aid", "import"),
        (ann, date(2025, 5, 2), 90, "formal", "First aid refresher", "import"),
    }
    assert world.make.rows(select(Certificate.id)) == [] and world.make.row(LearningImport, key).rows == []
    before = world.completions(), world.records()
    _, number = world.send(world.cora, "completions", *rows)
    assert number == 0 and (world.completions(), world.records()) == before
    with world.acting(world.cora) as tx:
        assert moving_in.take_back(tx, key) == 4
        with pytest.raises(Conflict, match="nothing to take back"):
            moving_in.take_back(tx, key)
    assert (world.completions(), world.records()) == ([], [])


def test_the_same_course_completed_twice_is_two_completions(world: World) -> None:
    world.send(world.cora, "completions", world.completion(), world.completion(**{"completed on": "11/3/2021"}))
    assert [row[2:4] for row in world.completions()] == [(date(2021, 3, 11), DAY), (DAY, date(2027, 3, 11))]


def test_ones_own_learning_comes_with_its_reflections_and_is_corrected_by_a_later_file(world: World) -> None:
    words = {"what i learnt": "How early it begins", "talked over with": "A colleague", "talked over on": "12/3/2024"}
    row = learning(hours="1:30", minutes="", **words)
    key, number = world.send(world.ann, "learning", row, learning(title="A day in court", activity="court work", minutes="400"))
    ann = world.ann.id
    expected = [
        (ann, DAY, 90, "formal", "Reading on attachment", "import", "course"),
        (ann, DAY, 400, "experience", "A day in court", "import", "court_work"),
    ]
    assert number == 2 and world.records() == expected
    [reflection] = world.make.rows(select(Reflection.learnt, Reflection.peer_with, Reflection.peer_on))
    assert tuple(reflection) == ("How early it begins", "A colleague", date(2024, 3, 12))
    assert world.send(world.ann, "learning", row)[1] == 0 and world.records() == expected
    later, number = world.send(world.ann, "learning", learning(title="READING on  attachment", hours="2", minutes=""))
    assert number == 1 and (ann, DAY, 120, "formal", "READING on attachment", "import", "course") in world.records()
    assert len(world.records()) == 2 and len(world.make.rows(select(Reflection.id))) == 1
    chain = world.make.rows(select(LearningRecord.first_id).where(LearningRecord.minutes == 120))
    assert chain[0].first_id is not None
    with world.acting(world.ann) as tx:
        assert moving_in.take_back(tx, key) == 1  # the other belongs to the later file
    assert [record[2] for record in world.records()] == [120]
    with world.acting(world.ann) as tx:
        moving_in.take_back(tx, later)
    assert world.records() == [] and world.make.rows(select(ImportedLearning.id).where(ImportedLearning.live)) == []
    world.send(world.ann, "learning", row)  # and it can come back
    assert [record[2] for record in world.records()] == [90]


def test_a_coordinator_brings_in_facts_about_others_and_never_their_reflections(world: World) -> None:
    rows = [learning(person=world.ann.email, hours="", minutes="45"), learning(person=world.ben.email, activity="mentoring")]
    assert world.send(world.cora, "learning", *rows)[1] == 2
    assert {record[0] for record in world.records()} == {world.ann.id, world.ben.id}
    with world.acting(world.cora) as tx:
        told = [{"line": 2, "cells": learning(person=world.ann.email, **{"what i learnt": "Something"})}]
        assert [problem.column for problem in moving_in.plan(tx, "learning", told).problems] == ["what i learnt"]


def test_every_wrong_cell_is_named_and_nothing_comes_in(world: World) -> None:
    with world.make.tx(writes=False) as tx:
        tomorrow = (tx.today + timedelta(days=1)).isoformat()
    learnt = [
        learning(person="nobody@westmarch.example"),
        learning(person=world.odd.email),
        learning(date="soon"),
        learning(person=world.ann.email, date=tomorrow),
        learning(person=world.ann.email, minutes="", hours=""),
        learning(person=world.ann.email, minutes="60", hours="1"),
        learning(person=world.ann.email, minutes="an hour"),
        learning(person=world.ann.email, minutes="", hours="1:75"),
        learning(person=world.ann.email, title="x" * 151),
        learning(person=world.ann.email, activity="gossip"),
        learning(person=world.ann.email),
        learning(person=world.ann.employee_number),
    ]
    assert _wrong(world, "learning", learnt) == [
        (2, "person"), (3, "person"), (4, "date"), (4, "person"), (5, "date"), (6, "minutes"), (7, "hours"), (8, "minutes"),
        (9, "hours"), (10, "title"), (11, "activity"), (13, "date"),
    ]  # fmt: skip
    completed = [
        world.completion(),
        world.completion(course="Second aid"),
        world.completion(person=world.cora.email),
        world.completion(person=""),
        world.completion(minutes="99999999"),
        world.completion(**{"completed on": "1/1/1999"}),
        world.completion(course=world.first_aid.slug),
    ]
    assert _wrong(world, "completions", completed) == [
        (3, "course"), (4, "person"), (5, "person"), (6, "minutes"), (7, "completed on"), (8, "completed on"),
    ]  # fmt: skip
    with pytest.raises(Conflict, match="Line 3, course"):
        world.send(world.cora, "completions", *completed)
    assert (world.completions(), world.records()) == ([], [])


def _wrong(world: World, kind: str, rows: list[dict[str, str]]) -> list[tuple[int, str]]:
    with world.acting(world.cora) as tx:
        plan = moving_in.plan(tx, kind, [{"line": n, "cells": row} for n, row in enumerate(rows, 2)])
    return sorted((problem.line, problem.column) for problem in plan.problems)


def test_who_may_bring_in_what(world: World) -> None:
    rows = [{"line": 2, "cells": world.completion()}]
    with world.acting(world.ann) as tx:
        with pytest.raises(Forbidden):
            moving_in.stage(tx, "completions", "mine.csv", rows)
        other = [{"line": 2, "cells": learning(person=world.ben.email)}]
        assert [problem.column for problem in moving_in.plan(tx, "learning", other).problems] == ["person"]
        key = moving_in.stage(tx, "learning", "mine.csv", [{"line": 2, "cells": learning()}])
    for person in (world.ben, world.cora):
        with world.acting(person) as tx:
            for verb in (moving_in.apply_import, moving_in.take_back):
                with pytest.raises(NotFound):
                    verb(tx, key)


def test_words_about_a_family_are_asked_about_and_what_was_taken_out_stays_out(world: World) -> None:
    row = learning(title="Visit to 07700 900123", **{"what i learnt": "His number is 943 476 5919"})
    with pytest.raises(Identifiable) as found:
        world.send(world.ann, "learning", row)
    assert world.records() == [] and {error["field"] for error in found.value.errors} == {"line-2-title", "line-2-learnt"}
    take_out = Decision(take_out=True, seen=frozenset(found.value.found.marks))
    world.send(world.ann, "learning", row, decision=take_out)
    [record] = world.records()
    assert "07700" not in record[4] and "removed" in record[4]
    kept = world.make.rows(select(ImportedLearning.title, ImportedLearning.title_key)) + world.make.rows(select(Reflection.learnt))
    assert not any("07700" in str(part) or "943 476" in str(part) for each in kept for part in each)
    assert world.send(world.ann, "learning", row)[1] == 0 and len(world.records()) == 1  # the same file again


@pytest.mark.parametrize(
    ("kind", "sent", "says"),
    [
        ("learning", b"", "empty"),
        ("learning", b"%PDF-1.7", "CSV or Excel"),
        ("learning", b"date,title\n", "are missing: activity"),
        ("completions", b"person,course,completed on\n", "no rows"),
        ("completions", b"person,course,completed on,mood\n", "mood"),
        ("completions", b"person,e-mail,course,completed on\n", "Two columns"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_as_a_whole(kind: str, sent: bytes, says: str) -> None:
    with pytest.raises(SheetRefused, match=says):
        moving_rows.parse(kind, sent)


def test_a_workbook_from_the_page_to_the_record_and_back(world: World, sign_in: SignIn) -> None:
    from xlsxwriter import Workbook

    content = BytesIO()
    with Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for n, cells in enumerate((("Date", "Title", "Type", "Hours"), ("11/3/2024", "Reading group", "Peer reflection", 1.5))):
            sheet.write_row(n, 0, cells)
    ann = sign_in(world.ann)
    assert "spreadsheet of your own" in ann.get("/learning/import/learning").text
    assert ann.get("/learning/import/completions").status_code == 403 and ann.get("/learning/import/gossip").status_code == 404
    assert "person" not in ann.get("/learning/import/learning/columns.csv").text
    refused = ann.post("/learning/import/learning", files={"file": ("x.csv", b"date,mood\n1,2\n", "text/csv")})
    assert refused.status_code == 422 and "mood" in refused.text
    address = ann.post("/learning/import/learning", files={"file": ("cpd.xlsx", content.getvalue())}).headers["location"]
    assert "1 piece of learning to bring in" in ann.get(address).text and "Reflecting with a colleague" in ann.get(address).text
    assert "Bring in 1 piece of learning?" in ann.get(f"{address}/apply").text
    assert sign_in(world.ben).get(address).status_code == 404
    assert ann.post(f"{address}/apply").headers["location"] == f"{address}?said=applied"
    shown = ann.get(f"{address}?said=applied").text
    assert "1 piece of learning brought in" in shown and ann.post(f"{address}/apply").status_code == 409
    assert [record[2:4] for record in world.records()] == [(90, "social")]
    assert ann.post(f"{address}/take-back").headers["location"] == f"{address}?said=taken-back" and world.records() == []
    assert "has been taken back" in ann.get(address).text
    cora = sign_in(world.cora)
    file = f"person,course,completed on\n{world.ann.email},First aid,11/3/2024\n{world.ann.email},Third aid,11/3/2024\n".encode()
    address = cora.post("/learning/import/completions", files={"file": ("done.csv", file)}).headers["location"]
    assert "1 problem to correct" in cora.get(address).text and "Not now" in cora.get(f"{address}/apply").text
