"""A report as PDF and workbook, as independent readers find them: tagged, titled, whole and literal; text is text in every program."""

from __future__ import annotations

import csv
import io
import itertools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import openpyxl
import pypdf
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from app.core.canonical import digest
from app.core.tx import clock
from app.reports import drawing, operations
from app.reports.content import Content
from app.reports.models import BoardComment, BoardReply
from tests.factory import Make
from tests.programmes.test_portfolio_pdf import tags
from tests.reports.world import MEASURES, PSW, World, measure_set

HOUSE = dict(council="Westmarch County Council", service="Social Work Academy", colour="#4c2c92")
HOSTILE = ("=1+1", "+1", "-1", "@SUM(A1)", "\u202eabc", "#emph[*x*] $1$", '=HYPERLINK("http://x.example","y")', "<b>x</b>")


@pytest.fixture
def report(make: Make) -> Content:
    """A report in which every word that somebody types could be taken for something else."""
    hostile = [{**one, "title": HOSTILE[n], "source": HOSTILE[n + 1], "owner": HOSTILE[-n - 1]} for n, one in enumerate(MEASURES)]
    world = World.of(make, closed=3, chosen=measure_set(measures=hostile))
    key = world.begin()
    with world.as_(world.psw, PSW) as tx:
        words = "\n".join(HOSTILE)
        for about in ("headline", "measure-headcount", "theme-culture"):
            operations.comment(tx, key, about, words, None, version=0, subjects=[about])
        for n, said in enumerate(HOSTILE):
            operations.reply(tx, key, None, said, said, None, entry_key=f"{n:032x}")
    return world.content(key)


def reader(report: Content) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(drawing.pdf(report, digest(report), HOUSE)))


def test_the_pdf_is_tagged_titled_and_says_its_language(report: Content) -> None:
    pdf = reader(report)
    root: Any = pdf.trailer["/Root"]
    assert root["/Lang"] == "en-GB" and root["/MarkInfo"]["/Marked"] and root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert b"pdfuaid:part" in root["/Metadata"].get_object().get_data()
    assert pdf.metadata is not None and pdf.metadata.title == f"{report['title']}, Westmarch County Council"
    kinds = tags(pdf)
    assert {"H1", "H2", "P", "L", "Table", "TH", "TD", "Figure", "Caption"} <= set(kinds)
    levels = [int(kind[1]) for kind in kinds if kind in ("H1", "H2", "H3", "H4")]
    assert levels[0] == 1 and all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_chart_has_words_in_its_place(report: Content) -> None:
    charts = drawing.lines(report)
    assert len(charts) >= 2
    told: list[str] = []

    def walk(node: Any) -> None:
        node = node.get_object()
        for child in node if isinstance(node, list) else [node]:
            each = child.get_object()
            if isinstance(each, dict):
                if each.get("/S") == "/Figure":
                    told.append(str(each.get("/Alt", "")))
                if "/K" in each:
                    walk(each["/K"])

    walk(reader(report).trailer["/Root"]["/StructTreeRoot"]["/K"])  # type: ignore[index]
    assert [words for words in told if words] == [line.words for line in charts.values()]


def test_the_pdf_says_all_of_it_literally(report: Content) -> None:
    text = "".join("".join(page.extract_text() for page in reader(report).pages).split())
    turned = HOSTILE.index("\u202eabc")  # is set from right to left, within its own line
    for words in (
        *HOSTILE[:turned],
        *HOSTILE[turned + 1 :],
        "cba",
        "12 people.",
        report["as_at"],
        *report["missing"],
        "You said, we did",
        digest(report),
    ):
        assert "".join(words.split()) in text, words


def test_the_same_content_is_the_same_file(report: Content) -> None:
    at = clock()
    assert drawing.pdf(report, "0" * 64, HOUSE) == drawing.pdf(report, "0" * 64, HOUSE)
    assert drawing.workbook(report, "0" * 64, at) == drawing.workbook(report, "0" * 64, at)


def test_marks_that_turn_text_are_not_kept_in_what_is_written(make: Make) -> None:
    world = World.of(make, closed=1)
    key, typed = world.begin(), "12 \u202eeno\u202c left\u200b.\n\n\u2066Second\u2069 line\u061c."
    with world.as_(world.psw, PSW) as tx:
        operations.comment(tx, key, "headline", typed, None, version=0, subjects=["headline"])
        operations.reply(tx, key, None, typed, typed, None, entry_key="a" * 32)
    kept = [row.words for row in make.rows(select(BoardComment.words))]
    replies = make.rows(select(BoardReply.said, BoardReply.did))
    assert kept == ["12 eno left.\n\nSecond line."]
    assert [tuple(row) for row in replies] == [(kept[0], kept[0])]


# The workbook ------------------------------------------------------------------------------------------------------


def expected(report: Content) -> dict[str, list[list[str]]]:
    """Every sheet as words."""
    return {
        name: [list(heads), *(["" if cell is None else str(cell) for cell in row] for row in rows)]
        for name, (heads, rows) in drawing.sheets(report).items()
    }


def padded(rows: list[list[str]], width: int) -> list[list[str]]:
    return [row + [""] * (width - len(row)) for row in rows]


def plain(cell: Any) -> str:
    return "" if cell is None else str(int(cell)) if isinstance(cell, float) and cell == int(cell) else str(cell)


def test_two_libraries_read_the_same_words_and_no_formula(report: Content) -> None:
    made = drawing.workbook(report, "0" * 64, clock())
    wanted = expected(report)
    assert any(cell in HOSTILE for rows in wanted.values() for row in rows for cell in row)
    book = openpyxl.load_workbook(io.BytesIO(made))
    assert book.sheetnames == list(wanted) and book.properties.title == report["title"]
    for sheet in book:
        cells = [list(row) for row in sheet.iter_rows()]
        assert all(cell.data_type != "f" and cell.hyperlink is None for row in cells for cell in row)
        width = max(map(len, wanted[sheet.title]))
        assert padded([[plain(cell.value) for cell in row] for row in cells], width) == padded(wanted[sheet.title], width)
    other = CalamineWorkbook.from_filelike(io.BytesIO(made))
    assert other.sheet_names == list(wanted)
    for name, rows in wanted.items():
        width = max(map(len, rows))
        found = [[plain(cell) for cell in row] for row in other.get_sheet_by_name(name).to_python(skip_empty_area=False)]
        assert padded(found, width) == padded(rows, width)


@pytest.mark.thorough
def test_an_office_program_reads_the_same(report: Content, tmp_path: Path) -> None:
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        if os.environ.get("ACADEMY_REQUIRE_OFFICE") == "1":
            pytest.fail("no office program is installed")
        pytest.skip("no office program is installed")
    (tmp_path / "report.xlsx").write_bytes(drawing.workbook(report, "0" * 64, clock()))
    everything = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
    command = [
        program,
        "--headless",
        f"-env:UserInstallation=file://{tmp_path}/profile",
        "--convert-to",
        everything,
        "--outdir",
        str(tmp_path),
    ]
    subprocess.run([*command, str(tmp_path / "report.xlsx")], check=True, capture_output=True, timeout=180)
    for name, rows in expected(report).items():
        with (tmp_path / f"report-{name}.csv").open(newline="", encoding="utf-8") as file:
            found = list(csv.reader(file))
        width = max(map(len, rows))
        assert padded(
            [[cell.replace(",", "") if cell.replace(",", "").isdigit() else cell for cell in row] for row in found], width
        ) == padded([[cell.replace(",", "") if cell.replace(",", "").isdigit() else cell for cell in row] for row in rows], width)
