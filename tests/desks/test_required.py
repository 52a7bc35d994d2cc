"""Required training by person: what each cell says, who is in the list, on which day, and that the files look like the page."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import date, timedelta
from html import unescape
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.ledger import Audit
from app.core.tx import clock
from app.desks import required
from app.learning.models import Completion
from tests.factory import LONG_AGO, Make
from tests.learning import record_world
from tests.pathways.steps import load, stages

SignIn = Callable[[Any], TestClient]
PAGE = "/required-training"
TODAY = clock().date()
REQUIRED = """\
pathway_steps:
  - code: REQ-ALL
    title: In every role
    kind: mandatory
    applies: {settings: true}
    groups:
      - title: Always
        requirements:
          - {kind: course, course: safeguarding}
  - code: REQ-STUDENTS
    title: Students
    kind: mandatory
    applies: {stages: [STUDENT]}
    groups:
      - title: Always
        requirements:
          - {kind: course, course: safeguarding}
      - title: Safety
        rule: any
        needed: 1
        requirements:
          - {kind: course, course: fire-safety}
          - {kind: course, course: lone-working}
  - code: SW-EXP
    title: To experienced social worker
    kind: progression
    to_stage: EXP
    applies: {stages: [SW]}
    groups:
      - title: Standing
        requirements:
          - {kind: registration}
          - {kind: course, course: lone-working}
"""


class World:
    def __init__(self, make: Make) -> None:
        self.make = make
        stages(make)
        self.safe = make.course("Safeguarding", validity_months=12)
        self.fire, self.lone = make.course("Fire safety"), make.course("Lone working")
        load(make, REQUIRED, publish=True)
        self.mona = make.person("Mona Manager")
        team = make.unit("North team")
        self.ann = make.person("Ann Able", manager=self.mona.id, team=team, stage="STUDENT", employee_number="77")
        self.bob = make.person("Bob Baker", manager=self.mona.id, stage="SW")
        self.psw = make.person("Pat Principal", roles=("principal social worker",))

    def has(self, person: Any, course: Any, until: date | None = None, on: date = date(2025, 1, 1)) -> int:
        return self.make.completion(person.id, course.id, on, until)


@pytest.fixture
def world(make: Make) -> World:
    return World(make)


def grid(reply: Any) -> list[list[str]]:
    assert reply.status_code == 200, reply.text
    return list(csv.reader(io.StringIO(reply.content.decode("utf-8-sig"))))


def workbook(reply: Any) -> list[Any]:
    assert reply.status_code == 200, reply.text
    book = openpyxl.load_workbook(io.BytesIO(reply.content))
    rows = list(book.worksheets[0].rows)
    book.close()
    return rows


def text_of(html: str) -> str:
    """What a page says, tags and runs of blanks left out."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def said(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def test_each_cell_says_how_it_stands_and_until_when(world: World, sign_in: SignIn) -> None:
    soon, later = TODAY + timedelta(days=20), TODAY + timedelta(days=200)
    world.has(world.ann, world.safe, soon)
    world.has(world.ann, world.lone)
    world.has(world.bob, world.safe, TODAY - timedelta(days=1))
    world.has(world.psw, world.safe, later)
    head, *rows = grid(sign_in(world.psw).get(f"{PAGE}/table.csv"))
    assert head[4:] == ["Safeguarding", "Safety"], "one column for what two sets ask for; what most must have stands first"
    assert {row[0]: row[4:] for row in rows} == {
        "Ann Able": [f"Lapses soon to {said(soon)}", f"Done {said(date(2025, 1, 1))}"],
        "Bob Baker": [f"Lapsed after {said(TODAY - timedelta(days=1))}", "–"],
        "Mona Manager": ["Not done", "–"],
        "Pat Principal": [f"In date to {said(later)}", "–"],
    }
    assert rows[0][1:4] == ["77", "Social worker", "North team"]
    page = sign_in(world.psw).get(PAGE).text
    assert "2 of 4 (50%)" in text_of(page) and "1 of 1 (100%)" in text_of(page)


def test_the_files_look_like_the_page(world: World, sign_in: SignIn) -> None:
    world.has(world.ann, world.safe, TODAY + timedelta(days=20))
    browser = sign_in(world.psw)
    for query in ("", "?show=gaps", "?step=SW-EXP", f"?on=1&on-month=2&on-year={TODAY.year + 1}"):
        page = text_of(browser.get(PAGE + query).text)
        table = grid(browser.get(f"{PAGE}/table.csv{query}"))
        sheet = [
            ["" if cell.value is None else str(cell.value) for cell in row] for row in workbook(browser.get(f"{PAGE}/table.xlsx{query}"))
        ]
        assert [row[:1] + row[4:] for row in sheet] == [row[:1] + row[4:] for row in table], query
        for row in table[1:]:
            assert " ".join([row[0], row[3], *(cell.replace("–", "– Not for them") for cell in row[4:])]).replace("  ", " ") in page, query


def test_a_workbook_is_coloured_as_the_page_is(world: World, sign_in: SignIn) -> None:
    world.has(world.ann, world.safe, TODAY - timedelta(days=20))
    ann = next(row for row in workbook(sign_in(world.psw).get(f"{PAGE}/table.xlsx")) if row[0].value == "Ann Able")
    assert ann[4].fill.fgColor.rgb.endswith(required.SHADES["Lapsed"][1:].upper()) and ann[0].fill.fill_type is None


def test_who_lacks_something_and_whose_is_about_to_lapse(world: World, sign_in: SignIn) -> None:
    world.has(world.ann, world.safe, TODAY + timedelta(days=20))
    world.has(world.ann, world.fire)
    world.has(world.mona, world.safe, TODAY + timedelta(days=200))
    world.has(world.psw, world.safe, TODAY - timedelta(days=2))
    browser = sign_in(world.psw)
    names = {
        show: [row[0] for row in grid(browser.get(f"{PAGE}/table.csv?show={show}"))[1:]] for show in ("", "gaps", "lapsing", "nonsense")
    }
    everybody = ["Ann Able", "Bob Baker", "Mona Manager", "Pat Principal"]
    assert names == {"": everybody, "gaps": ["Bob Baker", "Pat Principal"], "lapsing": ["Ann Able"], "nonsense": everybody}


def test_as_at_another_day(world: World, sign_in: SignIn) -> None:
    """What had lapsed then, what will have; whoever had not begun is not in it."""
    world.has(world.bob, world.safe, TODAY + timedelta(days=20))
    world.make.person("Nia New", started_on=TODAY - timedelta(days=1))
    browser = sign_in(world.psw)

    def on(day: date, suffix: str = "/table.csv") -> Any:
        return browser.get(f"{PAGE}{suffix}?on={day.day}&on-month={day.month}&on-year={day.year}")

    then = {row[0]: row[4] for row in grid(on(TODAY + timedelta(days=21)))[1:]}
    assert then["Bob Baker"].startswith("Lapsed") and "Nia New" in then
    assert {row[0]: row[4:] for row in grid(on(TODAY - timedelta(days=2)))[1:]} == {}, "nothing was required before it was published"
    assert "Nothing was required on that day" in on(TODAY - timedelta(days=2), "").text
    wrong = browser.get(f"{PAGE}?on=31&on-month=2&on-year=2026")
    assert wrong.status_code == 422 and "real date" in wrong.text


def test_a_step_of_a_career_shows_those_it_is_for(world: World, sign_in: SignIn) -> None:
    head, *rows = grid(sign_in(world.psw).get(f"{PAGE}/table.csv?step=SW-EXP"))
    assert head[4:] == ["Registered with Social Work England, in good standing", "Lone working"]
    assert [row[0] for row in rows] == ["Bob Baker"]
    assert sign_in(world.psw).get(f"{PAGE}?step=NONE").status_code == 404


def test_each_sees_their_own(world: World, sign_in: SignIn) -> None:
    nursery, owls = world.make.organisation("Little Owls", host=False), world.make.organisation("Big Owls", host=False)
    nell, olga = world.make.person("Nell", organisation=nursery), world.make.person("Olga", organisation=owls)
    lead = world.make.person("Lea Lead", organisation=nursery, roles=("setting lead",), scope=nursery)
    hidden = world.make.person("Hidden Helper")
    assert [row[0] for row in grid(sign_in(lead).get(f"{PAGE}/table.csv"))[1:]] == ["Lea Lead", nell.name], "and safeguarding is for them"
    assert [row[0] for row in grid(sign_in(world.mona).get(f"{PAGE}/table.csv"))[1:]] == ["Ann Able", "Bob Baker"]
    for person, role in ((olga, ()), (hidden, ()), (world.make.person("Bo", roles=("board viewer",)), ())):
        assert sign_in(person).get(PAGE).status_code == 403, role
    assert "Required training" in sign_in(world.mona).get("/").text and "Required training" not in sign_in(hidden).get("/").text


def test_managers_see_what_is_there_and_no_word_of_what_was_written(world: World, sign_in: SignIn) -> None:
    """Private learning stays private, though a step counts it: the list says that it is enough, and no title or word of it."""
    counted = REQUIRED.replace("- {kind: registration}", "- {kind: records, activity: court_work, minutes: 60, title: An hour in court}")
    with world.make.tx() as tx:
        record_world.world(tx, world.bob.id)
    load(world.make, counted.replace("SW-EXP", "SW-COURT"), publish=True)
    browser = sign_in(world.mona)
    assert grid(browser.get(f"{PAGE}/table.csv?step=SW-COURT"))[1][4].startswith("Done")
    for address in (f"{PAGE}?step=SW-COURT", f"{PAGE}/table.csv?step=SW-COURT", PAGE):
        assert record_world.PRIVATE not in browser.get(address).text and "I waited with them" not in browser.get(address).text


def test_who_looked_and_who_took_it_is_on_record(world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.psw)
    browser.get(PAGE)
    browser.get(f"{PAGE}/table.xlsx?show=gaps")
    rows = world.make.rows(select(Audit.action, Audit.facts).where(Audit.action.startswith("required.")).order_by(Audit.id))
    assert [(row.action, row.facts.get("show")) for row in rows] == [("required.viewed", None), ("required.exported", "gaps")]
    assert browser.get(f"{PAGE}/table.pdf").status_code == 404


def test_too_many_at_once(world: World, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(required, "MOST", 3)
    browser = sign_in(world.psw)
    page = browser.get(PAGE)
    assert page.status_code == 200 and "Choose a part of the organisation" in page.text and "unit" in page.text
    assert browser.get(f"{PAGE}/table.csv").status_code == 409


def test_a_correction_shows_at_once(world: World, sign_in: SignIn) -> None:
    key = world.has(world.bob, world.safe)
    browser = sign_in(world.mona)
    assert grid(browser.get(f"{PAGE}/table.csv"))[2][4].startswith("Done")
    with world.make.tx() as tx:
        tx.update(Completion, key, superseded_at=tx.now)
    assert grid(browser.get(f"{PAGE}/table.csv"))[2][4] == "Not done"


def test_few_questions_however_many_people(world: World, sign_in: SignIn, count_queries: Any) -> None:
    for n in range(30):
        world.make.person(f"P{n}", started_on=LONG_AGO)
    browser = sign_in(world.psw)
    browser.get(PAGE)
    with count_queries() as queries:
        assert "Page 1 of 2" in browser.get(PAGE).text
    assert len(queries) <= 12, queries.statements
