"""Small files as spreadsheets write them."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time

import pytest
import xlsxwriter

from app.core.sheets import MOST_BYTES, SheetRefused, as_date, read_sheet

ROWS = [(1, ["Course", "Place"]), (2, ["Zoë’s course", "1"])]


def workbook(*rows: list[object]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        day, clock = book.add_format({"num_format": "dd/mm/yyyy"}), book.add_format({"num_format": "hh:mm"})
        for y, row in enumerate(rows):
            for x, cell in enumerate(row):
                if isinstance(cell, time):
                    sheet.write_datetime(y, x, cell, clock)
                elif isinstance(cell, datetime):
                    sheet.write_datetime(y, x, cell, day)
                else:
                    sheet.write(y, x, cell)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_in_any_dress(encoding: str, delimiter: str) -> None:
    text = f"Course{delimiter}Place\r\n Zoë’s  course {delimiter}1\r\n{delimiter}\r\n"
    assert read_sheet(text.encode(encoding), 10) == ROWS


def test_quotation_marks_inside_a_cell_are_written_twice_or_stand_in_a_plain_one() -> None:
    content = b'"The ""good enough"" parent",1\nThe "good enough" parent,2\n'
    assert [cells[0] for _, cells in read_sheet(content, 10)] == ['The "good enough" parent'] * 2


def test_lines_are_counted_as_the_file_has_them() -> None:
    assert [number for number, _ in read_sheet(b'a,b\n\n"two\nlines",c\nd,e\n', 10)] == [1, 3, 5]


def test_a_workbook_gives_dates_times_and_whole_numbers() -> None:
    content = workbook(["Date", "Start", "Places", "Half"], [datetime(2026, 12, 8), time(9, 30), 16, 1.5])  # noqa: DTZ001
    assert read_sheet(content, 10) == [(1, ["Date", "Start", "Places", "Half"]), (2, ["2026-12-08", "09:30", "16", "1.5"])]


def far_away() -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        book.add_worksheet().write(1_000_000, 3, "far")
    return out.getvalue()


def heavy() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/workbook.xml", b"")
        package.writestr("xl/worksheets/sheet1.xml", b"0" * (41 * 1024 * 1024))
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b" \n", "empty"),
        (b"x" * (MOST_BYTES + 1), "larger than 2 MB"),
        (b"\x00\x01\x02", "not a CSV file"),
        (b'a,b\n"never closed,c\n', "Line 2 cannot be read"),
        (
            b'a,b\n"The "good enough" parent",c\n',
            "Line 2 cannot be read: a cell in quotation marks has more of them inside. Write each of those twice",
        ),
        (b"a,b\nc," + b"d" * 140_000 + b"\n", "Line 2 cannot be read: one of its cells is far too long"),
        (b"PK\x03\x04 not a zip", "damaged"),
        (workbook(["a"])[:-40], "damaged"),
        (far_away(), "far below"),
        (heavy(), "too large unpacked"),
        (b"a\n" * 12, "more than 10 rows"),
        (b"," * 60 + b"x", "more than 60 columns"),
    ],
)
def test_what_cannot_be_used_says_why(content: bytes, words: str) -> None:
    with pytest.raises(SheetRefused, match=words) as refused:
        read_sheet(content, 10)
    assert refused.value.errors[0]["field"] == "file"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-12-08", date(2026, 12, 8)),
        ("2026-12-08 00:00:00", date(2026, 12, 8)),
        ("8/12/2026", date(2026, 12, 8)),
        ("08.12.26", date(2026, 12, 8)),
        ("8 December 2026", date(2026, 12, 8)),
        ("Tuesday 8th Dec 2026", date(2026, 12, 8)),
        ("08-Dec-26", date(2026, 12, 8)),
        ("31/2/2026", None),
        ("12/2026", None),
        ("soon", None),
        ("", None),
    ],
)
def test_dates(text: str, meant: date | None) -> None:
    assert as_date(text) == meant
