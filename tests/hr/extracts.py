"""Writes extracts as HR systems do: every test makes the file it reads."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import xlsxwriter

HEADINGS = ("Employee Number", "First name", "Surname", "Work email", "Start date")
SAM: dict[str, Any] = {
    "Employee Number": "001234", "First name": "Sam", "Surname": "Lee",
    "Work email": "sam.lee@westmarch.example", "Start date": "01/09/2020",
}  # fmt: skip


def as_csv(rows: Sequence[Mapping[str, Any]], delimiter: str = ",", headings: Sequence[str] = ()) -> str:
    """The rows as CSV text, headings from the rows' keys in the order they first appear."""
    headings = headings or list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(headings)
    writer.writerows([row.get(heading, "") for heading in headings] for row in rows)
    return text.getvalue()


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], encoding: str = "utf-8", **options: Any) -> Path:
    path.write_bytes(as_csv(rows, **options).encode(encoding))
    return path


def write_xlsx(path: Path, rows: Sequence[Mapping[str, Any]], sheet: str = "Extract", first_row: int = 0) -> Path:
    """The rows as a workbook: dates as spreadsheet dates, numbers as numbers."""
    headings = list(dict.fromkeys(key for row in rows for key in row))
    book = xlsxwriter.Workbook(str(path))
    page = book.add_worksheet(sheet)
    as_date = book.add_format({"num_format": "dd/mm/yyyy"})
    page.write_row(first_row, 0, headings)
    for line, row in enumerate(rows, first_row + 1):
        for column, heading in enumerate(headings):
            value = row.get(heading, "")
            if isinstance(value, date):
                page.write_datetime(line, column, value, as_date)
            elif isinstance(value, str):
                page.write_string(line, column, value)
            else:
                page.write(line, column, value)
    book.close()
    return path
