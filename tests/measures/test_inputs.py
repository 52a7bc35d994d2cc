"""Figures from elsewhere: what files are read and refused, all or nothing, twice changes nothing, corrections, and what stands of them."""

from __future__ import annotations

import re
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from shutil import which
from threading import Thread
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from starlette.testclient import TestClient

from app.core import tx as core_tx
from app.core.errors import Conflict, Forbidden, NotFound
from app.core.sheets import SheetRefused, read_sheet
from app.core.tx import Actor, transaction
from app.measures import closing, input_files, input_rows, inputs, sets
from app.measures.definitions import Measure
from app.measures.dimensions import Moment, month_end
from app.measures.input_files import CHANGED, KNOWN, NEW, REMOVED
from app.measures.input_models import MeasureImport, MeasureInput
from app.measures.models import MeasureCell
from tests.conftest import Ledger
from tests.factory import Make
from tests.measures.published import TODAY, ago, measure
from tests.measures.test_pages import words

SignIn = Callable[[Any], TestClient]
LAST, BEFORE = ago(1), ago(2)
NEVER = datetime(2200, 1, 1, tzinfo=UTC)
MEASURES = [
    measure("vacancies", "Vacancies", unit="count", scale=100, small="none", breakdowns=["tree"]),
    measure("wellbeing", "Wellbeing", breakdowns=["tree"], every=3),
    measure("er-cases", "Formal cases", unit="count", small="sensitive"),
    measure("engagement", "Engagement", unit="score", scale=100, every=12),
    measure("benefits", "Benefits", unit="rate", small="none", every=3),
    measure("staff", "Staff", unit="count", small="none", counts="headcount"),
]
HEADINGS = "measure,month,part,numerator,denominator,source"


class World:
    """A council with a service of two teams and a team of its own, its HR officer and its PSW, and HR of another council."""

    def __init__(self, make: Make) -> None:
        self.make, self.council = make, make.organisation()
        self.other = make.organisation("Northmoor Council", host=False)
        self.service = make.unit("Safeguarding", "service")
        self.north, self.south = make.unit("North team", parent=self.service), make.unit("South team", parent=self.service)
        self.duty = make.unit("Duty team")
        self.code = {row.id: row.code for row in make.rows(select(text("id"), text("code")).select_from(text("units")))}
        self.hr = make.person("Hana Reed", roles=("HR officer",), scope=self.council)
        self.psw = make.person("Pia Sow", roles=("principal social worker",), scope=self.council)
        self.board = make.person("Bo Ard", roles=("board viewer",), scope=self.council)
        self.stranger = make.person("Odd Vale", organisation=self.other, roles=("HR officer",), scope=self.other)
        head = dict(code="test", version=1, title="T", strategy="T", runs_from="2020-01-01", runs_until=None, success_measures={})
        for organisation in (self.council, self.other):
            with make.tx() as tx:
                sets.publish(tx, organisation, {**head, "measures": MEASURES})

    def acting(self, person: Any = None, role: str = "HR officer") -> Any:
        person = person or self.hr
        roles: tuple[tuple[str, int | None], ...] = (("practitioner", None), (role, person.organisation_id))
        return transaction(self.make.database, Actor("person", person.id, person.name, roles), writes=True)

    def stage(self, *rows: dict[str, str]) -> int:
        lines = [{"line": n, "cells": {"month": LAST.isoformat(), "source": "HR system", **row}} for n, row in enumerate(rows, 2)]
        with self.acting() as tx:
            return input_files.stage(tx, self.council, "figures.csv", lines)

    def plan(self, *rows: dict[str, str]) -> input_files.Plan:
        key = self.stage(*rows)
        with self.acting() as tx:
            return input_files.plan(tx, self.council, input_files.staged(tx, key).rows)

    def send(self, *rows: dict[str, str]) -> int:
        key = self.stage(*rows)
        with self.acting() as tx:
            return input_files.apply(tx, key)

    def wrong(self, *rows: dict[str, str]) -> list[tuple[int, str, str]]:
        return [(each.line, each.column, each.wrong) for each in self.plan(*rows).problems]

    def rows(self) -> list[Any]:
        return self.make.rows(select(MeasureInput.__table__).order_by(MeasureInput.id))

    def figures(self, code: str, as_at: date = LAST, known_at: datetime = NEVER) -> dict[str, tuple[Any, ...]]:
        """By the title of the group: numerator, denominator, its parent."""
        found = next(Measure.model_validate(each) for each in MEASURES if each["code"] == code)
        with self.make.tx(writes=False) as tx:
            return {
                each.title: (each.num, each.den, each.parent) for each in inputs.figures(tx, found, self.council, Moment(as_at, known_at))
            }


@pytest.fixture
def world(make: Make) -> World:
    return World(make)


def vacancies(part: str, number: str, **more: str) -> dict[str, str]:
    return {"measure": "vacancies", "part": part, "numerator": number, **more}


# What stands -------------------------------------------------------------------------------------------------------


def test_figures_of_parts_add_up_to_those_above_them_and_to_the_whole(world: World) -> None:
    world.send(vacancies("North team", "2.5"), vacancies("South team", "1"), vacancies("duty TEAM", "0"))
    found = world.figures("vacancies")
    assert found == {
        "Everybody": (350, 0, None),
        "Duty team": (0, 0, None),
        "Safeguarding": (350, 0, None),
        "North team": (250, 0, str(world.service)),
        "South team": (100, 0, str(world.service)),
    }
    assert next(iter(found)) == "Everybody"


def test_what_the_whole_has_beyond_its_parts_is_not_recorded_anywhere(world: World) -> None:
    world.send(vacancies("", "5"), vacancies("North team", "2.5"))
    assert world.figures("vacancies") == {"Everybody": (500, 0, None), "North team": (250, 0, None), "Not recorded": (250, 0, None)}


def test_a_yearly_figure_stands_until_the_next_is_due_and_a_monthly_one_for_its_month(world: World) -> None:
    world.send(
        {"measure": "engagement", "numerator": "7.1", "month": ago(12).isoformat()},
        {"measure": "er-cases", "numerator": "9", "month": BEFORE.isoformat()},
        {"measure": "wellbeing", "numerator": "30", "denominator": "90", "month": ago(4).isoformat()},
    )
    assert world.figures("engagement") == {"Everybody": (710, 0, None)}
    assert world.figures("engagement", ago(13)) == {}
    assert (world.figures("er-cases"), world.figures("er-cases", BEFORE)) == ({}, {"Everybody": (9, 0, None)})
    assert (world.figures("wellbeing"), world.figures("wellbeing", BEFORE)) == ({}, {"Everybody": (30, 90, None)})
    assert world.figures("er-cases", BEFORE + timedelta(days=9)) == {"Everybody": (9, 0, None)}  # that month is the last that is over


def test_a_correction_supersedes_and_what_was_known_before_is_still_known_as_it_was(world: World) -> None:
    world.send({"measure": "er-cases", "numerator": "9"})
    first = world.rows()[0]
    assert world.send({"measure": "er-cases", "numerator": "12"}) == 1
    old, new = world.rows()
    assert (old.num, new.num, new.superseded_at) == (9, 12, None)
    assert old.superseded_at == new.recorded_at
    assert {**old._mapping, "superseded_at": None} == dict(first._mapping)
    assert world.figures("er-cases", known_at=first.recorded_at) == {"Everybody": (9, 0, None)}
    assert world.figures("er-cases", known_at=new.recorded_at) == {"Everybody": (12, 0, None)}


def test_a_figure_can_be_withdrawn_and_its_history_stays(world: World) -> None:
    world.send({"measure": "er-cases", "numerator": "9"})
    plan = world.plan({"measure": "er-cases", "numerator": "Withdrawn"})
    assert [each.state for each in plan.rows] == [REMOVED]
    world.send({"measure": "er-cases", "numerator": "withdrawn"})
    assert (world.figures("er-cases"), [row.superseded_at is None for row in world.rows()]) == ({}, [False])
    assert [each.state for each in world.plan({"measure": "er-cases", "numerator": "withdrawn"}).rows] == [KNOWN]


def test_the_same_file_twice_changes_nothing(world: World) -> None:
    lines = (vacancies("", "5"), {"measure": "wellbeing", "numerator": "3", "denominator": "9"})
    assert world.send(*lines) == 2
    before = world.rows()
    plan = world.plan(*lines)
    assert [each.state for each in plan.rows] == [KNOWN, KNOWN]
    with pytest.raises(Conflict) as refused:
        world.send(*lines)
    assert refused.value.code == "nothing-to-import"
    assert world.rows() == before
    assert [each.state for each in world.plan(vacancies("", "5"), vacancies("North team", "1")).rows] == [KNOWN, NEW]


def test_a_closed_month_takes_what_was_given_and_keeps_it(world: World, make: Make) -> None:
    world.send(vacancies("", "5"), {"measure": "er-cases", "numerator": "12"})
    with make.tx() as tx:
        close_id = closing.close_month(tx, world.council, LAST)

    def published() -> list[Any]:
        cells = select(MeasureCell.measure, MeasureCell.num).where(MeasureCell.close_id == close_id, MeasureCell.breakdown == "all")
        return sorted(tuple(row) for row in make.rows(cells))

    before = published()
    assert ("vacancies", 500) in before
    assert not {code for code, _ in before} & {"wellbeing", "engagement", "benefits"}, "nobody gave these"
    plan = world.plan(vacancies("", "6"))
    assert (plan.published, [each.state for each in plan.rows]) == ([LAST], [CHANGED])
    world.send(vacancies("", "6"))
    assert published() == before


# What is wrong with a line -----------------------------------------------------------------------------------------

LINES: list[tuple[dict[str, str], str, str]] = [
    (vacancies("", "-1"), "Numerator", "this is less than nothing"),
    (vacancies("", "−1.5"), "Numerator", "this is less than nothing"),
    (vacancies("", "=1+1"), "Numerator", "this is a formula"),
    (vacancies("", "+cmd|' /C calc'!A0"), "Numerator", "this is a formula"),
    (vacancies("", "1e9"), "Numerator", "this is no number"),
    (vacancies("", "nan"), "Numerator", "this is no number"),
    (vacancies("", "٣"), "Numerator", "this is no number"),
    (vacancies("", "1,23"), "Numerator", "this is no number"),
    (vacancies("", "1.234"), "Numerator", "this measure is counted with two decimals"),
    (vacancies("", "85%"), "Numerator", "this is a percentage"),
    ({"measure": "wellbeing", "numerator": "", "denominator": "5"}, "Numerator", "the numerator is missing"),
    (vacancies("", "5", denominator="6"), "Denominator", "this measure is a plain number"),
    (vacancies("Nowhere", "5"), "Part", "there is no such part of the organisation"),
    (vacancies("", "5", source=""), "Source", "the source is missing"),
    (vacancies("", "5", source="@SUM(A1)"), "Source", "this could be a formula"),
    (vacancies("", "5", source="from ann.holt@westmarch.example"), "Source", "this looks like somebody's e-mail address or number"),
    (vacancies("", "5", source="case of SW123456"), "Source", "this looks like somebody's e-mail address or number"),
    (vacancies("", "5", month="soon"), "Month", "this is no month"),
    (vacancies("", "5", month=""), "Month", "the month is missing"),
    (vacancies("", "5", month="31/02/2025"), "Month", "this is no month"),
    (vacancies("", "5", month="2019-05-31"), "Month", "no measure set ran in that month"),
    ({"measure": "vacancy", "numerator": "5"}, "Measure", "there is no such measure"),
    ({"measure": "", "numerator": "5"}, "Measure", "the measure is missing"),
    ({"measure": "staff", "numerator": "5"}, "Measure", "this one is counted here"),
    ({"measure": "er-cases", "numerator": "2.5"}, "Numerator", "this measure is counted with no decimals"),
    ({"measure": "er-cases", "numerator": "2", "part": "Duty team"}, "Part", "this measure is only given for the whole organisation"),
    ({"measure": "wellbeing", "numerator": "10", "denominator": "9"}, "Numerator", "this is more than the denominator"),
    ({"measure": "wellbeing", "numerator": "10"}, "Denominator", "the denominator is missing"),
    ({"measure": "benefits", "numerator": "10", "denominator": "0"}, "Denominator", "nothing can be divided by this"),
    ({"measure": "wellbeing", "numerator": "withdrawn", "denominator": "9"}, "Denominator", "a figure that is withdrawn has none"),
]


@pytest.mark.parametrize(("line", "column", "said"), LINES, ids=[f"{line} {said}"[:60] for line, _, said in LINES])
def test_a_line_that_cannot_be_used_is_named_with_its_column_and_what_to_do(
    world: World, line: dict[str, str], column: str, said: str
) -> None:
    plan = world.plan(vacancies("Duty team", "0"), line) if column != "Measure" else world.plan(line)
    mine = [each for each in plan.problems if each.line == (3 if column != "Measure" else 2)]
    assert [(each.column, each.wrong) for each in mine] == [(column, said)]
    assert all(each.remedy for each in mine)
    assert all("@" not in each.value or said == "this could be a formula" for each in mine), "nobody's address is repeated"


def test_what_is_right_beside_them(world: World) -> None:
    """A rate may be over 100%; nothing of nothing is a figure; months, codes and names are read as people write them."""
    plan = world.plan(
        {"measure": "benefits", "numerator": "£1,250,000", "denominator": "1000000"},
        {"measure": "wellbeing", "numerator": "0", "denominator": "0", "month": f"{BEFORE:%B %Y}"},
        {"measure": "Formal cases", "numerator": "0012", "month": f"{LAST:%d/%m/%Y}"},
        {"measure": "ENGAGEMENT", "numerator": "7.25", "month": f"{BEFORE:%b-%y}"},
        vacancies(world.code[world.council], "5", month=f"{BEFORE:%Y-%m}"),
    )
    assert plan.problems == []
    assert [(each.row.num, each.row.den, each.row.month) for each in plan.rows] == [
        *((1_250_000, 1_000_000, LAST), (0, 0, BEFORE), (12, None, LAST), (725, None, BEFORE), (500, None, BEFORE)),
    ]


def test_a_month_that_is_not_over_has_no_figures(world: World) -> None:
    today = datetime.now(UTC).date()
    for month in (today, today + timedelta(days=40)):
        assert [each[1] for each in world.wrong(vacancies("", "5", month=month.isoformat()))] == ["Month"]


def test_two_lines_of_the_same_figure(world: World) -> None:
    assert world.wrong(vacancies("", "5"), vacancies("", "5")) == [(3, "Measure", "line 2 gives the same figure")]


def test_parts_must_agree_with_each_other_and_with_the_whole(world: World) -> None:
    assert "is part of" in world.wrong(vacancies("", "9"), vacancies("Safeguarding", "1"), vacancies("North team", "1"))[0][2]
    assert world.wrong(vacancies("", "1"), vacancies("North team", "2"))[0][2] == "the parts together do not fit into the whole"
    assert world.wrong(vacancies("North team", "2"))[0][2] == "there is nothing of “Duty team”, “South team”"
    assert world.wrong(vacancies("Safeguarding", "2"), vacancies("Duty team", "2")) == []
    share = {"measure": "wellbeing"}
    whole = {**share, "numerator": "5", "denominator": "10"}
    assert world.wrong(whole, {**share, "part": "Duty team", "numerator": "0", "denominator": "6"})[0][2].startswith("the parts together")
    assert world.wrong(whole, {**share, "part": "Duty team", "numerator": "0", "denominator": "5"}) == []
    world.send(vacancies("", "9"), vacancies("North team", "1"))
    assert "is part of" in world.wrong(vacancies("Safeguarding", "2"))[0][2], "it fits itself, and not what was said before"
    assert world.wrong(vacancies("Safeguarding", "2"), vacancies("North team", "withdrawn")) == []
    assert world.wrong(vacancies("", "withdrawn"))[0][2].startswith("there is nothing of")


def test_names_that_several_parts_have_are_no_names(world: World, make: Make) -> None:
    make.unit("Duty team", parent=world.service)
    assert world.wrong(vacancies("", "9"), vacancies("Duty team", "1")) == [(3, "Part", "several parts have this name")]
    assert world.wrong(vacancies("", "9"), vacancies(world.code[world.duty], "1")) == []


def test_one_bad_line_stops_the_whole_file(world: World) -> None:
    key = world.stage(vacancies("", "5"), vacancies("Duty team", "-1"))
    with pytest.raises(Conflict) as refused, world.acting() as tx:
        input_files.apply(tx, key)
    assert (refused.value.code, world.rows()) == ("import-has-problems", [])


def test_a_file_is_applied_once(world: World) -> None:
    key = world.stage(vacancies("", "5"))
    with world.acting() as tx:
        input_files.apply(tx, key)
    with pytest.raises(Conflict) as refused, world.acting() as tx:
        input_files.apply(tx, key)
    assert refused.value.code == "import-applied"
    assert len(world.rows()) == 1


# Files -------------------------------------------------------------------------------------------------------------


def workbook(*rows: list[Any]) -> bytes:
    out = BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                sheet.write_formula(number, column, cell[1:], None, 7) if str(cell).startswith("ƒ") else sheet.write(number, column, cell)
    return out.getvalue()


def refusal(content: bytes) -> str:
    with pytest.raises(SheetRefused) as refused:
        input_rows.parse(content)
    return str(refused.value)


PERSONAL = (
    *("Name", "First name", "surname", "Employee number", "E-mail", "Staff ID", "Payroll", "NI number", "Date of birth", "SWE number"),
    *("Known as", "Person", "Employees", "Ethnicity", "Manager name", "Social Work England registration", "Home address"),
)


@pytest.mark.parametrize("heading", PERSONAL)
def test_a_column_about_single_people_is_refused_with_the_whole_file(heading: str) -> None:
    said = refusal(f"{HEADINGS},{heading}\nvacancies,2026-10-31,,5,,HR,Ann\n".encode())
    assert "never for one person" in said
    assert "Ann" not in said


def test_files_that_are_none_of_ours_are_refused() -> None:
    assert "Nobody knows what to do with the column “mood”" in refusal(f"{HEADINGS},mood\nvacancies,2026-10-31,,5,,HR,fine\n".encode())
    assert "are missing: numerator" in refusal(b"measure,month,source\na,b,c\n")
    assert "more than 5,000 rows" in refusal((HEADINGS + "\n" + "a,b,c,1,,d\n" * 5002).encode())
    for begins in (b"x", b"PK"):
        assert "larger than 2 MB" in refusal(begins + b"x" * (2 * 1024 * 1024))
    for content in (b"", b"  \n", b"%PDF-1.7", b"PK\x03\x04 not a zip", b"\x00\x01\x02"):
        refusal(content)


def test_workbooks_with_formulas_are_refused_whatever_they_last_came_to() -> None:
    heads = HEADINGS.split(",")
    good = workbook(heads, ["vacancies", "2026-10-31", "", 5, "", "HR"])
    assert input_rows.parse(good)[0]["cells"]["numerator"] == "5"
    assert "formulas" in refusal(workbook(heads, ["vacancies", "2026-10-31", "", "ƒ=3+4", "", "HR"]))
    assert "formulas" in refusal(workbook(heads, ["vacancies", "2026-10-31", "", 5, "", "HR"], [], ["ƒ=1"]))
    with zipfile.ZipFile(BytesIO(good)) as parts:  # the same in other words
        again = BytesIO()
        with zipfile.ZipFile(again, "w") as made:
            for name in parts.namelist():
                body = parts.read(name)
                made.writestr(name, body.replace(b"<v>5</v>", b"<f t='shared' si='0'/><v>5</v>") if "sheet1" in name else body)
    assert "formulas" in refusal(again.getvalue())


def test_lines_without_a_figure_mean_nothing() -> None:
    content = f"{HEADINGS}\nvacancies,2026-10-31,N1,,,\nvacancies,2026-10-31,N2,4,,HR\n".encode()
    assert [row["line"] for row in input_rows.parse(content)] == [3]


def test_the_empty_file_has_a_line_for_every_figure_and_comes_back_when_it_is_filled_in(world: World, sign_in: SignIn) -> None:
    hr = sign_in(world.hr)
    csv = hr.get(f"/measure-inputs/empty.csv?month={BEFORE}")
    assert csv.headers["content-disposition"] == f'attachment; filename="figures-{BEFORE:%Y-%m}.csv"'
    lines = [cells for _, cells in read_sheet(csv.content, 5000)]
    assert lines[0] == list(input_rows.HEADS)
    by = {(cells[0], cells[3]) for cells in lines[1:]}
    teams = {world.code[each] for each in (world.north, world.south, world.duty)}
    assert by == {("vacancies", team) for team in (*teams, "")} | {("wellbeing", team) for team in (*teams, "")} | {
        *(("er-cases", ""), ("engagement", ""), ("benefits", "")),
    }
    assert {cells[2] for cells in lines[1:]} == {BEFORE.isoformat()}
    content = hr.get(f"/measure-inputs/empty.xlsx?month={BEFORE}").content
    book = openpyxl.load_workbook(BytesIO(content))
    sheet = book.worksheets[0]
    assert [cell.value for cell in sheet[1]] == list(input_rows.HEADS)
    assert all(cell.data_type != "f" for row in sheet for cell in row)
    for row in sheet.iter_rows(min_row=2):
        if row[0].value == "er-cases":
            row[5].value, row[7].value = 11, "HR list"
    out = BytesIO()
    book.save(out)
    address = hr.post("/measure-inputs/new", files={"file": ("f.xlsx", out.getvalue())}).headers["location"]
    assert hr.post(f"{address}/apply").status_code == 303
    assert [(row.measure, row.num, row.month_end, row.source) for row in world.rows()] == [("er-cases", 11, BEFORE, "HR list")]


@pytest.mark.thorough
@pytest.mark.skipif(which("soffice") is None, reason="no LibreOffice here")
def test_the_empty_workbook_opens_in_libreoffice_as_text(world: World, make: Make, sign_in: SignIn, tmp_path: Path) -> None:
    name = '=HYPERLINK("http://x","y")'
    make.unit(name)
    path = tmp_path / "empty.xlsx"
    path.write_bytes(sign_in(world.hr).get("/measure-inputs/empty.xlsx").content)
    command = [
        "soffice",
        f"-env:UserInstallation=file://{tmp_path}/profile",
        "--headless",
        "--convert-to",
        "csv",
        "--outdir",
        str(tmp_path),
    ]
    subprocess.run([*command, str(path)], check=True, capture_output=True, timeout=120)
    lines = [cells for _, cells in read_sheet((tmp_path / "empty.csv").read_bytes(), 5000)]
    assert name in {cells[4] for cells in lines}


# Who, and what is kept ---------------------------------------------------------------------------------------------


def test_only_who_manages_measures_brings_figures_in_and_only_for_their_own_organisation(world: World) -> None:
    key = world.stage(vacancies("", "5"))
    with pytest.raises(NotFound), world.acting(world.stranger) as tx:
        input_files.staged(tx, key)
    with pytest.raises(NotFound), world.acting(world.stranger) as tx:
        input_files.apply(tx, key)
    with pytest.raises(NotFound), world.acting(world.stranger) as tx:
        input_files.stage(tx, world.council, "x.csv", [])
    with pytest.raises(Forbidden), world.acting(world.board, "board viewer") as tx:
        input_files.apply(tx, key)
    assert world.rows() == []


def test_of_two_files_at_once_one_comes_first_and_the_other_corrects_it_or_is_refused(world: World) -> None:
    keys = [world.stage(vacancies("", number)) for number in ("5", "6")]
    refused: list[str] = []

    def send(key: int) -> None:
        try:
            with world.acting() as tx:
                input_files.apply(tx, key)
        except Conflict as problem:  # its moment lies before the other's, which it would have to correct
            refused.append(problem.message)

    threads = [Thread(target=send, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    standing = [row.num for row in world.rows() if row.superseded_at is None]
    assert (len(standing), len(world.rows()) + len(refused)) == (1, 2)


def test_a_part_of_another_organisation_is_none_of_ours(world: World, make: Make) -> None:
    team = make.unit("Their team", parent=world.other)
    code = make.rows(select(text("code")).select_from(text("units")).where(text(f"id = {team}")))[0].code
    assert world.wrong(vacancies("", "9"), vacancies(code, "1"))[0][2] == "there is no such part of the organisation"


def test_what_was_given_is_never_overwritten(world: World, make: Make) -> None:
    world.send(vacancies("", "5"))
    world.send(vacancies("", "6"))
    for statement in (
        "UPDATE measure_inputs SET num = 7",
        "UPDATE measure_inputs SET superseded_at = NULL",
        "UPDATE measure_inputs SET source = 'elsewhere' WHERE superseded_at IS NULL",
        "DELETE FROM measure_inputs",
    ):
        with pytest.raises((DBAPIError, Conflict)), make.tx() as tx:
            tx.db.execute(text(statement))
    assert [row.num for row in world.rows()] == [500, 600]


@pytest.mark.parametrize("unit", [False, True])
def test_a_figure_stands_once(world: World, make: Make, unit: bool) -> None:
    said = dict(organisation_id=world.council, measure="vacancies", month_end=LAST, unit_id=world.duty if unit else None, num=1, source="S")
    with make.tx() as tx:
        tx.insert(MeasureInput, recorded_at=tx.now, **said)
    with pytest.raises(Conflict) as refused, make.tx() as tx:
        tx.insert(MeasureInput, recorded_at=tx.now, **said)
    assert refused.value.code == "figures-imported-meanwhile"


def test_what_is_recorded_of_a_file(world: World, ledger: Any) -> None:
    ledger.start()
    world.send(vacancies("", "5"), {"measure": "er-cases", "numerator": "3"})
    assert ledger.actions() == ["measure-import.staged", "measure-import.applied"]
    counted = {NEW: 2, CHANGED: 0, REMOVED: 0, KNOWN: 0}
    assert ledger.entries("measure-import.applied")[0].facts == {"organisation_id": world.council, **counted}


# Pages -------------------------------------------------------------------------------------------------------------


def test_a_file_on_its_way_through_the_pages(world: World, sign_in: SignIn, make: Make) -> None:
    hr = sign_in(world.hr)
    assert "5 of 5 missing" in hr.get("/measure-inputs").text
    empty = hr.post("/measure-inputs/new", files={"file": ("", b"")})
    assert (empty.status_code, "Choose the file with the figures" in empty.text) == (422, True)
    bad = f"{HEADINGS}\nvacancies,{LAST},,-1,,HR\n".encode()
    address = hr.post("/measure-inputs/new", files={"file": ("bad.csv", bad)}).headers["location"]
    page = hr.get(address).text
    assert "1 problem to correct" in page and "Line 2, Numerator" in page and "Give a number from 0 upwards" in page
    assert f"{address}/apply" not in page
    assert hr.post(f"{address}/apply").status_code == 409
    good = f"{HEADINGS}\nvacancies,{LAST},,5.5,,Establishment list\nwellbeing,{LAST},,30,90,Registers\n".encode()
    address = hr.post("/measure-inputs/new", files={"file": ("good.csv", good)}).headers["location"]
    page = hr.get(address).text
    assert "2 figures to bring in" in page and "30 of 90 (33%)" in page and "5.5" in page
    assert make.rows(select(func.count()).select_from(MeasureInput))[0][0] == 0, "looking changes nothing"
    assert "Bring in 2 figures?" in hr.get(f"{address}/apply").text
    receipt = hr.get(hr.post(f"{address}/apply").headers["location"]).text
    assert "The file is applied." in receipt and "Hana Reed" in receipt
    overview = hr.get("/measure-inputs").text
    assert "3 of 5 missing" in overview and "30 of 90 (33%)" in overview
    assert "Establishment list" in hr.get("/measure-inputs/of/vacancies").text
    assert (hr.get("/measure-inputs/of/staff").status_code, hr.get("/measure-inputs/of/nothing").status_code) == (404, 404)


def test_on_its_last_day_a_month_is_not_asked_for_yet(world: World, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    last = month_end(TODAY)
    for day, month in ((last, LAST), (last + timedelta(days=1), last)):
        noon = datetime.combine(day, time(12), UTC)
        monkeypatch.setattr(core_tx, "clock", lambda noon=noon: noon)
        hr = sign_in(world.hr)
        world.send({"measure": "er-cases", "numerator": "3", "month": month.isoformat()})
        assert "4 of 5 missing" in hr.get("/measure-inputs").text
        assert f'filename="figures-{month:%Y-%m}.csv"' in hr.get("/measure-inputs/empty.csv").headers["content-disposition"]


def test_equality_and_employee_relations_are_shown_to_nobody_but_who_sent_them(world: World, sign_in: SignIn) -> None:
    hr, psw = sign_in(world.hr), sign_in(world.psw)
    content = f"{HEADINGS}\ner-cases,{LAST},,3571,,HR list\n".encode()
    address = hr.post("/measure-inputs/new", files={"file": ("er.csv", content)}).headers["location"]
    assert "3,571" in hr.get(address).text
    assert "3,571" not in psw.get(address).text
    assert hr.post(f"{address}/apply").status_code == 303
    for reader in (hr, psw):
        for path in ("/measure-inputs", "/measure-inputs/of/er-cases", address):
            assert "3,571" not in reader.get(path).text


def test_nobody_finds_out_a_sensitive_figure_by_trying(world: World, sign_in: SignIn, ledger: Ledger) -> None:
    """Whatever is tried against what somebody else gave, every page, receipt and record says the same."""
    world.send({"measure": "er-cases", "numerator": "3"})
    psw = sign_in(world.psw)
    pages, receipts, facts = set(), set(), set()
    for tried in range(7):
        content = f"{HEADINGS}\ner-cases,{LAST},,{tried},,PSW\n".encode()
        address = psw.post("/measure-inputs/new", files={"file": ("er.csv", content)}).headers["location"]
        number = f'data-label="Figure">{tried}<'
        said = [psw.get(path).text for path in (address, f"{address}/apply")]
        assert number in said[0]
        pages.add(tuple(words(each.replace(number, "")).replace(address, "") for each in said))
    assert len(pages) == 1
    assert "1 figure takes the place of what was given before" in next(iter(pages))[0]
    for tried in range(7):
        world.send({"measure": "er-cases", "numerator": "3"})
        ledger.start()
        content = f"{HEADINGS}\ner-cases,{LAST},,{tried},,PSW\n".encode()
        address = psw.post("/measure-inputs/new", files={"file": ("er.csv", content)}).headers["location"]
        assert psw.post(f"{address}/apply").status_code == 303
        receipts.add(str(re.findall(r'summary-list__value">(\d+)<', psw.get(address).text)))
        facts.add(str(ledger.entries("measure-import.applied")[0].facts))
    assert (len(receipts), len(facts)) == (1, 1)


def test_a_sensitive_figure_of_parts_is_never_compared_with_what_stands(world: World) -> None:
    """Which part fits into the whole would tell the whole: a file that does not hold all of it is refused, whatever it says."""
    cases = measure("er-by-team", "Formal cases of teams", unit="count", small="sensitive", breakdowns=["tree"])
    head = dict(code="test", version=2, title="T", strategy="T", runs_from="2020-01-01", runs_until=None, success_measures={})
    with world.make.tx() as tx:
        sets.publish(tx, world.council, {**head, "measures": [*MEASURES, cases]})
    world.send({"measure": "er-by-team", "numerator": "3"})
    north = {"measure": "er-by-team", "part": world.code[world.north]}
    told = {tuple(world.wrong({**north, "numerator": str(tried)})) for tried in range(7)}
    assert told == {((2, "Part", "the whole organisation has a figure too, which nobody is shown, so the two cannot be compared"),)}
    whole = {"measure": "er-by-team", "numerator": "4"}
    assert world.wrong(whole, {**north, "numerator": "1"}) == []
    assert [each[2] for each in world.wrong(whole, {**north, "numerator": "5"})] == ["the parts together do not fit into the whole"]


def test_numbers_of_a_file_with_problems_are_shown_to_who_sent_it_only(world: World, sign_in: SignIn) -> None:
    hr, psw = sign_in(world.hr), sign_in(world.psw)
    content = f"{HEADINGS}\ner-cases,{LAST},,3571.5,,HR list\n".encode()
    address = hr.post("/measure-inputs/new", files={"file": ("er.csv", content)}).headers["location"]
    assert "3571.5" in hr.get(address).text
    assert "3571.5" not in psw.get(address).text and "(not shown)" in psw.get(address).text


def test_an_address_of_somebody_is_said_not_to_be_shown(world: World, sign_in: SignIn) -> None:
    content = f"{HEADINGS}\nwellbeing,{LAST},ann.holt@westmarch.example,3,9,HR\n".encode()
    hr = sign_in(world.hr)
    page = hr.get(hr.post("/measure-inputs/new", files={"file": ("a.csv", content)}).headers["location"]).text
    assert "(not shown)" in page and "(nothing)" not in page and "ann.holt@" not in page


def test_pages_are_for_who_manages_measures(world: World, sign_in: SignIn) -> None:
    key = world.stage(vacancies("", "5"))
    for person, expected in ((world.board, 403), (world.stranger, 404)):
        browser = sign_in(person)
        assert browser.get(f"/measure-inputs/files/{key}").status_code == expected
        assert browser.post(f"/measure-inputs/files/{key}/apply").status_code == expected
    assert world.rows() == []
    assert sign_in(world.stranger).get("/measure-inputs").text.count("figures.csv") == 0


def test_what_is_missing_says_what_cannot_be_counted(world: World, make: Make) -> None:
    rate = measure("vacancy-rate", "Vacancy rate", unit="rate", scale=100, small="none", counts="vacancy-rate")
    head = dict(code="test", version=2, title="T", strategy="T", runs_from="2020-01-01", runs_until=None, success_measures={})
    with make.tx() as tx:
        sets.publish(tx, world.council, {**head, "measures": [*MEASURES, rate]})
    with make.tx(writes=False) as tx:
        _, found = sets.in_force(tx, world.council, LAST)
        assert inputs.missing(tx, world.council, found, LAST)["vacancy-rate"] == ["vacancies"]
    world.send(vacancies("", "5"))
    with make.tx(writes=False) as tx:
        missing = inputs.missing(tx, world.council, found, LAST)
        assert missing == {"wellbeing": ["wellbeing"], "er-cases": ["er-cases"], "engagement": ["engagement"], "benefits": ["benefits"]}
        assert "vacancy-rate" in inputs.missing(tx, world.council, found, BEFORE)


def test_a_big_file_asks_no_more_than_a_small_one(world: World, sign_in: SignIn, make: Make, count_queries: Any) -> None:
    teams = [make.unit(f"Team {n}", parent=world.service) for n in range(60)]
    codes = {row.id: row.code for row in make.rows(select(text("id"), text("code")).select_from(text("units")))}
    small = world.stage(vacancies("", "500"))
    big = world.stage(vacancies("", "500"), *(vacancies(codes[team], "1") for team in teams))
    hr, numbers = sign_in(world.hr), []
    for key in (small, big):
        with count_queries() as queries:
            assert hr.get(f"/measure-inputs/files/{key}").status_code == 200
        numbers.append(len(queries))
    assert numbers[1] <= numbers[0] + 2 and numbers[1] <= 14, numbers
    assert make.rows(select(func.count()).select_from(MeasureImport))[0][0] == 2
