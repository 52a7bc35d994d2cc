"""Sessions from a file: what is wrong is named by line and column; applied as a whole or not at all."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.bookings.models import Part, PartTrainer, Place, Session, SessionImport
from app.bookings.operations import session_import as imports
from app.bookings.operations.import_rows import HEADINGS, Plan
from app.core.config import ROOT
from app.core.errors import Conflict, Forbidden
from app.core.sheets import Problem, SheetRefused
from app.core.tx import Actor, transaction
from app.learning.models import Course
from tests.bookings.test_sessions import coordinating
from tests.core.test_sheets import workbook
from tests.factory import Make

DAY = date.today() + timedelta(days=40)  # noqa: DTZ011
NEXT = DAY + timedelta(days=7)
HEADS = ("Reference", "Course", "Date", "Start", "End", "Room", "Places", "Trainers")


def table(*rows: tuple[str, ...], heads: tuple[str, ...] = HEADS) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([heads, *rows])
    return out.getvalue().encode()


def planned(make: Make, content: bytes) -> Plan:
    with make.tx(writes=False) as tx:
        return imports.plan(tx, imports.parse(content))


def found(plan: Plan) -> list[tuple[int, str]]:
    return [(problem.line, problem.column) for problem in plan.problems]


@pytest.fixture
def offer(make: Make) -> dict[str, Any]:
    return {"course": make.course("Court skills"), "room": make.room("Oak Room", capacity=12), "tess": make.person("Tess")}


def good(offer: dict[str, Any]) -> bytes:
    return table(
        ("SPRING-1", "court skills", DAY.isoformat(), "9:30am", "4pm", "Oak room", "12", offer["tess"].email),
        ("spring-1", "", f"{NEXT.day}/{NEXT.month}/{NEXT.year}", "10:00", "12:00", "OAK ROOM", "12", ""),
        ("", "court-skills", NEXT.isoformat(), "1pm", "4pm", "Oak Room", "8", f"{offer['tess'].email}; {offer['tess'].email}"),
    )


def test_a_dry_run_changes_nothing_and_applying_creates_all(make: Make, offer: dict[str, Any], ledger: Any) -> None:
    plan = planned(make, good(offer))
    assert plan.problems == [] and (len(plan.sessions), plan.parts) == (2, 3)
    assert make.rows(select(Session.id)) == []
    with coordinating(make) as tx:
        key = imports.stage(tx, "spring.csv", imports.parse(good(offer)))
    with coordinating(make) as tx:
        made = imports.apply_import(tx, key)
    sessions = make.rows(select(Session.__table__).order_by(Session.id))
    assert [session.id for session in sessions] == made
    assert [(session.reference, session.status, session.capacity) for session in sessions] == [
        ("SPRING-1", "draft", 12),
        (f"S{1000 + made[1]}", "draft", 8),
    ]
    assert (
        len(make.rows(select(Part.id))) == 3 and len(make.rows(select(PartTrainer.id))) == 2 and len(make.rows(select(Place.number))) == 20
    )
    assert {"session-import.checked", "session-import.applied"} <= set(ledger.actions())
    with pytest.raises(Conflict, match="already been applied"), coordinating(make) as tx:
        imports.apply_import(tx, key)


def test_the_same_file_again_is_refused_by_its_references(make: Make, offer: dict[str, Any]) -> None:
    content = table(("SPRING-1", "Court skills", DAY.isoformat(), "9am", "10am", "Oak Room", "5", ""))
    with coordinating(make) as tx:
        imports.apply_import(tx, imports.stage(tx, "a.csv", imports.parse(content)))
    problems = planned(make, content).problems
    assert {(problem.line, problem.column) for problem in problems} == {(2, "reference"), (2, "room")}
    assert "Delete its lines if it has been imported already" in " ".join(problem.remedy for problem in problems)


def test_published_at_once(make: Make, offer: dict[str, Any]) -> None:
    with coordinating(make) as tx:
        imports.apply_import(tx, imports.stage(tx, "a.csv", imports.parse(good(offer))), publish=True)
    assert {row.status for row in make.rows(select(Session.status))} == {"published"}


def test_one_that_cannot_be_published_undoes_all(make: Make, offer: dict[str, Any]) -> None:
    make.course("Still a draft", status="draft")
    content = table(
        ("", "Court skills", DAY.isoformat(), "9am", "10am", "Oak Room", "5", ""),
        ("", "Still a draft", NEXT.isoformat(), "9am", "10am", "Oak Room", "5", ""),
    )
    with coordinating(make) as tx:
        key = imports.stage(tx, "a.csv", imports.parse(content))
    with pytest.raises(Conflict, match="Line 3: Still a draft is not published yet"), coordinating(make) as tx:
        imports.apply_import(tx, key, publish=True)
    assert make.rows(select(Session.id)) == [] and make.row(SessionImport, key).applied_at is None


def test_a_room_taken_since_the_check_stops_it(make: Make, offer: dict[str, Any]) -> None:
    with coordinating(make) as tx:
        key = imports.stage(tx, "a.csv", imports.parse(good(offer)))
    make.session(room=offer["room"], day=DAY)
    with pytest.raises(Conflict, match="Line 2, room: Oak Room is already in use then"), coordinating(make) as tx:
        imports.apply_import(tx, key)
    assert len(make.rows(select(Session.id))) == 1


BAD: list[tuple[dict[str, str], str, str]] = [
    ({"Course": "Nonsense"}, "course", "There is no course with this title"),
    ({"Course": ""}, "course", "There is no course"),
    ({"Date": "soon"}, "date", "This is not a date"),
    ({"Date": "2024-05-01"}, "date", "Past: Wednesday 1 May 2024"),
    ({"Date": ""}, "date", "There is no date"),
    ({"Start": "half nine"}, "start", "This is not a time"),
    ({"End": ""}, "end", "There is no time"),
    ({"End": "8am"}, "end", "The end must be after the start"),
    ({"Date": "28/3/2027", "Start": "1:30"}, "start", "1:30am does not exist on Sunday 28 March 2027"),
    ({"Room": "Nowhere"}, "room", "There is no room with this name"),
    ({"Room": ""}, "room", "There is neither a room nor a link"),
    ({"Places": "13"}, "room", "Oak Room holds 12 people, fewer than the 13 places of this session"),
    ({"Places": "a dozen"}, "places", "This is not a whole number"),
    ({"Places": ""}, "places", "There is no number"),
    ({"Places": "0"}, "places", "Places must be between 1 and 1,000"),
    ({"Trainers": "nobody@westmarch.example"}, "trainers", "Nobody on record here has the e-mail address nobody@westmarch.example"),
    ({"Reference": "S1042"}, "reference", "References like S1042 are given out here"),
    ({"Reference": "<b>"}, "reference", "This reference cannot be used"),
    ({"Link": "meet.example"}, "link", "Joining link must be a web address that begins with https://"),
    ({"Fewest": "9"}, "fewest", "Fewest people must be between 0 and 5, the number of places"),
    ({"Approval": "perhaps"}, "approval", "This is neither yes nor no"),
    ({"Cancel by": "2099-01-01"}, "cancel by", "The deadline for cancelling must be before the session starts"),
    ({"Booking closes": "never"}, "booking closes", "This is not a date"),
]


@pytest.mark.parametrize(("changes", "column", "wrong"), BAD, ids=[wrong for _, _, wrong in BAD])
def test_every_bad_cell_is_named(make: Make, offer: dict[str, Any], changes: dict[str, str], column: str, wrong: str) -> None:
    row = {"Course": "Court skills", "Date": DAY.isoformat(), "Start": "9:30", "End": "16:00", "Room": "Oak Room", "Places": "5"}
    row |= {"Trainers": "", "Reference": ""} | changes
    [problem] = planned(make, table(tuple(row.values()), heads=tuple(row))).problems
    heading = next((name for name in row if name.lower() == column), "")
    assert (problem.line, problem.column, problem.wrong) == (2, column, wrong)
    assert problem.value == row.get(heading, "") and problem.remedy


def test_lines_that_clash_with_each_other(make: Make, offer: dict[str, Any]) -> None:
    make.room("Elm Room")
    tess = offer["tess"].email
    plan = planned(
        make,
        table(
            ("", "Court skills", DAY.isoformat(), "9:00", "16:00", "Oak Room", "5", tess),
            ("", "Court skills", DAY.isoformat(), "10:00", "11:00", "Elm Room", "5", ""),
            ("", "Court skills", DAY.isoformat(), "13:00", "14:00", "Oak Room", "5", ""),
            ("", "Court skills", DAY.isoformat(), "15:00", "17:00", "Elm Room", "5", tess),
        ),
    )
    assert found(plan) == [(4, "room"), (5, "trainers")]
    assert "Line 2 has the same room" in plan.problems[0].wrong


def test_rows_of_one_session_may_not_contradict_each_other(make: Make, offer: dict[str, Any]) -> None:
    plan = planned(
        make,
        table(
            ("A-1", "Court skills", DAY.isoformat(), "9:00", "10:00", "Oak Room", "5", ""),
            ("A-1", "Court skills", DAY.isoformat(), "11:00", "12:00", "Oak Room", "6", ""),
        ),
    )
    assert plan.problems == [
        Problem(3, "places", "6", "Line 2 of the same session says “5”", "Give both the same value, or leave this one empty")
    ]


def test_several_courses_with_one_title(make: Make, offer: dict[str, Any]) -> None:
    other = make.course("Another")
    with make.tx() as tx:
        tx.update(Course, other.id, title="Court skills")
    row = ("", "Court skills", DAY.isoformat(), "9:00", "10:00", "Oak Room", "5", "")
    assert found(planned(make, table(row))) == [(2, "course")]
    assert found(planned(make, table(("", "court-skills", *row[2:])))) == []


def test_names_match_whatever_the_case_and_the_letters(make: Make) -> None:
    make.course("Élan vital")
    make.room("SALLE ÉTÉ")
    row = ("", "élan VITAL", DAY.isoformat(), "9:00", "10:00", "Salle été", "5", "")
    assert planned(make, table(row)).problems == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (table(), "headings and no rows"),
        (table(("x",), heads=("Course",)), "these are missing: date, start, end, places"),
        (table(("x",) * 9, heads=(*HEADS, "Colour")), "the column “Colour”"),
        (table(("x",) * 9, heads=(*HEADS, "Capacity")), "Two columns mean “places”"),
    ],
)
def test_a_file_of_something_else(content: bytes, words: str) -> None:
    with pytest.raises(SheetRefused, match=words):
        imports.parse(content)


def test_headings_in_any_order_and_other_words(make: Make, offer: dict[str, Any]) -> None:
    heads = ("Capacity", "Title", "Day", "From", "To", "Venue", "Ref")
    assert planned(make, table(("5", "Court skills", DAY.isoformat(), "9am", "10am", "Oak Room", "A"), heads=heads)).problems == []


def test_every_column_is_documented() -> None:
    text = (ROOT / "docs" / "session-import.md").read_text(encoding="utf-8")
    for column, others in HEADINGS.items():
        assert f"| {column} |" in text
        assert all(other in text for other in others)


def test_a_practitioner_imports_nothing(make: Make, offer: dict[str, Any]) -> None:
    actor = Actor("person", offer["tess"].id, "Tess", (("practitioner", None),))
    with pytest.raises(Forbidden), transaction(make.database, actor, writes=True) as tx:
        imports.stage(tx, "a.csv", [])


# Pages -------------------------------------------------------------------------------------------------------------


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


def test_from_upload_to_sessions(make: Make, offer: dict[str, Any], sign_in: Any) -> None:
    browser = sign_in(make.person("Cai", roles=("coordinator",)))
    assert "Check the file" in browser.get("/manage/sessions/import").text
    day = DAY.isoformat()
    content = workbook(["Course", "Date", "Start", "End", "Room", "Places"], ["Court skills", day, "9am", "4pm", "Oak Room", 5])
    sent = browser.post("/manage/sessions/import", files={"file": ("spring.xlsx", content)})
    assert sent.status_code == 303
    where = sent.headers["location"]
    assert "1 session can be created" in words(browser.get(where))
    assert "1 part in all" in words(browser.get(f"{where}/apply"))
    done = browser.post(f"{where}/apply", data={"publish": "yes"})
    assert done.status_code == 303
    page = words(browser.get(done.headers["location"]))
    assert "1 session was created" in page and "has been applied" in page and "Court skills" in page and "Published" in page
    pdf = browser.post("/manage/sessions/import", files={"file": ("spring.pdf", b"%PDF-1.7 ...")})
    assert pdf.status_code == 422 and "Choose a CSV or Excel file" in pdf.text
    assert browser.get(f"{where}/apply").status_code == 409
    assert "spring.xlsx" in browser.get("/manage/sessions/import").text


def test_problems_are_shown_and_nothing_can_be_applied(make: Make, offer: dict[str, Any], sign_in: Any) -> None:
    browser = sign_in(make.person("Cai", roles=("coordinator",)))
    bad = table(("", "Nonsense", DAY.isoformat(), "9am", "10am", "Oak Room", "5", "<script>"))
    where = browser.post("/manage/sessions/import", files={"file": ("bad.csv", bad)}).headers["location"]
    page = browser.get(where)
    assert "2 problems to correct" in words(page) and "There is no course with this title" in page.text and "<script>" not in page.text
    assert browser.post(f"{where}/apply").status_code == 409
    assert make.rows(select(Session.id)) == []
    for files in ({}, {"file": ("x.csv", b"")}, {"file": ("x.csv", b"a,b\n1,2\n")}):
        refused = browser.post("/manage/sessions/import", files=files, data={"x": "y"})
        assert refused.status_code == 422 and 'href="#file"' in refused.text


def test_import_pages_are_for_coordinators(make: Make, offer: dict[str, Any], sign_in: Any) -> None:
    with coordinating(make) as tx:
        key = imports.stage(tx, "spring.csv", imports.parse(good(offer)))
    ann, base = sign_in(make.person("Ann")), "/manage/sessions/import"
    for path in (base, f"{base}/columns.csv", f"{base}/{key}", f"{base}/{key}/apply"):
        assert ann.get(path).status_code == 403
    assert ann.post(base, files={"file": ("x.csv", good(offer))}).status_code == 403
    assert ann.post(f"{base}/{key}/apply").status_code == 403
    cai = sign_in(make.person("Cai", roles=("coordinator",)))
    assert "Reference" in cai.get(f"{base}/columns.csv").text.title()
