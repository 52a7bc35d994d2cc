"""Tables to take away: numbers and dates as such in a workbook, words as words, and nothing that is run."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from decimal import Decimal
from typing import Any

import openpyxl
import pytest

from app.core.tables_out import CSV, XLSX, Cell, sheet_name, table_bytes

HEADS = ("Name", "Employee number", "Held on", "Minutes", "Amount (£)")
ROWS: list[list[Cell]] = [
    ["=HYPERLINK(1)", "00123", date(2026, 3, 1), 90, Decimal("12.50")],
    ["-1+1", "=1", "", 0, "fewer than 5"],
    ["https://westmarch.example/", "1e5", date(1899, 12, 31), -3, Decimal("0.6")],
]


def test_a_workbook_knows_numbers_and_dates_and_runs_nothing() -> None:
    content = table_bytes(XLSX, "Supervision", HEADS, ROWS)
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["Supervision"]
    found: list[list[tuple[Any, str]]] = [
        [(str(cell.value) if cell.data_type == "d" else cell.value, cell.data_type) for cell in row]
        for row in book["Supervision"].iter_rows(min_row=2)
    ]
    assert found == [
        [("=HYPERLINK(1)", "s"), ("00123", "s"), ("2026-03-01 00:00:00", "d"), (90, "n"), (12.5, "n")],
        [("-1+1", "s"), ("=1", "s"), ("", "s"), (0, "n"), ("fewer than 5", "s")],
        [("https://westmarch.example/", "s"), ("1e5", "s"), ("1899-12-31", "s"), (-3, "n"), (0.6, "n")],
    ]
    assert book["Supervision"]["E2"].number_format == "0.00"
    assert b"<f>" not in zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml")


def test_a_csv_file_says_them_in_words() -> None:
    lines = table_bytes(CSV, "Supervision", HEADS, ROWS).decode("utf-8-sig").splitlines()
    assert lines[1:] == [
        "'=HYPERLINK(1),00123,2026-03-01,90,12.50",
        "'-1+1,'=1,,0,fewer than 5",
        "https://westmarch.example/,1e5,1899-12-31,'-3,0.6",
    ]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Development reviews 2026/27: all [of them]?", "Development reviews 2026 27 all"),
        ("'Quoted'", "Quoted"),
        ("history", "Table"),
        (" *:\\ ", "Table"),
        ("", "Table"),
        ("É" * 40, "É" * 31),
        ("A\x00B", "A B"),
    ],
)
def test_any_title_makes_a_sheet(title: str, name: str) -> None:
    assert sheet_name(title) == name
    assert openpyxl.load_workbook(io.BytesIO(table_bytes(XLSX, title, HEADS, ROWS))).sheetnames == [name]
