"""Small tables that people send as a file: CSV in whatever encoding their spreadsheet wrote, or an Excel workbook. Every cell as text.

For files of a few hundred rows, held in memory. An HR extract, which may have a hundred thousand, has a reader of its own.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from app.core.calendar import MONTHS
from app.core.errors import Invalid
from app.core.text import shorten
from app.core.workbooks import DAMAGED, Limits, WorkbookRefused, safe_copy

MOST_BYTES = 2 * 1024 * 1024
MOST_UNPACKED = 40 * 1024 * 1024  # of a workbook, which is a zip archive
MOST_COLUMNS = 60
MOST_TEXTS = 300_000_000
MOST_SHEET_COLUMNS = 200  # of any sheet of a workbook, empty ones included
_MONTH = {name[:3].lower(): n for n, name in enumerate(MONTHS, 1)}


class SheetRefused(Invalid):
    """The file as a whole cannot be used; the message says why and what to do."""

    code = "file-refused"

    def __init__(self, message: str) -> None:
        super().__init__(message, errors=[{"field": "file", "message": message}])


NOT_SHOWN = "(not shown)"  # what a cell says that no page repeats


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one cell, and what to do about it."""

    line: int
    column: str
    value: str
    wrong: str
    remedy: str


Line = tuple[int, list[str]]  # the number of the line, or of the row of the sheet, and its cells


def read_sheet(content: bytes, most_rows: int) -> list[Line]:
    """The rows that hold anything, with their line numbers; SheetRefused for what is too large, damaged or no table.

    Dates come as "2026-12-08", times as "09:30", whole numbers without a decimal point.
    """
    if not content.strip():
        raise SheetRefused("The file is empty. Choose the file with the rows.")
    if len(content) > MOST_BYTES:
        raise SheetRefused(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB. Send it in parts.")
    lines = _workbook(content, most_rows) if content.startswith(b"PK") else _csv(_decoded(content))
    kept = [(number, cells) for number, cells in lines if any(cells)]
    if len(kept) > most_rows + 1:
        raise SheetRefused(f"The file has more than {most_rows:,} rows. Send it in parts.")
    if any(len(cells) > MOST_COLUMNS for _, cells in kept):
        raise SheetRefused(f"The file has more than {MOST_COLUMNS} columns. Delete those that are not needed.")
    return kept


def _decoded(content: bytes) -> str:
    if content.startswith(codecs.BOM_UTF8):
        return content.decode("utf-8-sig", "replace")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    if b"\0" in content:
        raise SheetRefused("This is not a CSV file or an Excel workbook. Save it as CSV UTF-8 or as Excel workbook (.xlsx).")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _csv(text: str) -> list[Line]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[Line] = []
    start = 1
    try:
        for cells in reader:
            lines.append((start, [_tidy(cell) for cell in cells]))
            start = reader.line_num + 1
    except csv.Error as problem:
        raise SheetRefused(f"Line {start} cannot be read: {_said(str(problem))}") from problem
    return lines


def _said(problem: str) -> str:
    """What the reader of CSV found, in words: it stops at quotation marks within a cell, at an open one, at a cell without end."""
    if "expected after" in problem:
        return (
            "a cell in quotation marks has more of them inside. Write each of those twice "
            '(“"The ""good enough"" parent"”), or leave them out.'
        )
    if "unexpected end" in problem:
        return "a quotation mark is opened there and never closed. Correct that line."
    return "one of its cells is far too long, or holds something that is not text. Correct that line."


def _workbook(content: bytes, most_rows: int) -> list[Line]:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError  # most requests never need it

    try:
        with (
            safe_copy(io.BytesIO(content), Limits(most_rows * 4 + 1, MOST_SHEET_COLUMNS, MOST_UNPACKED, texts=MOST_TEXTS)) as copy,
            CalamineWorkbook.from_path(copy) as book,
        ):
            rows = book.get_sheet_by_index(0).iter_rows()
            return [(number, [_as_text(cell) for cell in cells]) for number, cells in enumerate(rows, 1)]
    except WorkbookRefused as problem:
        raise SheetRefused(str(problem)) from problem
    except PasswordError as problem:
        raise SheetRefused("The workbook is protected by a password. Remove the password and save it again.") from problem
    except (CalamineError, OSError) as problem:
        raise SheetRefused(DAMAGED) from problem


def _as_text(cell: object) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time(0) else cell.strftime("%Y-%m-%d %H:%M")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, time):
        return cell.strftime("%H:%M")
    return _tidy(str(cell))


def _tidy(cell: str) -> str:
    return " ".join("".join(c if c.isprintable() or c.isspace() else "" for c in cell).split())


def as_date(text: str) -> date | None:
    """A date as people write it in a file: "2026-12-08", "8/12/2026" (day first), "8 December 2026", "08-Dec-26". None if it is not one."""
    found = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})(?: 00:00(?::00)?)?", text)
    if found:
        year, month, day = int(found[1]), int(found[2]), int(found[3])
    else:
        found = re.fullmatch(r"(?:[a-z]{3,9},? )?(\d{1,2})(?:st|nd|rd|th)?[ ./-]+(\d{1,2}|[a-z]{3,9})[ ./,-]+(\d{4}|\d{2})", text.lower())
        if not found:
            return None
        day, year = int(found[1]), int(found[3]) + (2000 if len(found[3]) == 2 else 0)
        month = int(found[2]) if found[2].isdigit() else _MONTH.get(found[2][:3], 0)
    try:
        return date(year, month, day)
    except ValueError:
        return None


_OTHERS = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"{\\rtf", b"\xd0\xcf\x11\xe0")  # PDF, pictures, Word and old Excel files


@dataclass(frozen=True, slots=True)
class Columns:
    """What a table may hold: for each column the other headings that mean it; those it cannot do without; what to say of strange ones."""

    headings: dict[str, tuple[str, ...]]
    needed: tuple[str, ...]
    strange: str = "Rename or delete it."
    empty: str = "Add a row."
    longest: int = 200  # characters of a cell


def named_rows(content: bytes, most_rows: int, columns: Columns) -> list[dict[str, Any]]:
    """The rows of a CSV file or workbook as {"line": 2, "cells": {"person": "…"}}; SheetRefused where it is no such table.

    A heading that nobody knows is refused, so that a misspelt one is never silently left out.
    """
    if content.startswith(_OTHERS):
        raise SheetRefused("Choose a CSV or Excel file (.csv or .xlsx)")
    lines = read_sheet(content, most_rows)
    found = _columns(lines[0][1], columns) if lines else {}
    rows: list[dict[str, Any]] = []
    for number, cells in lines[1:]:
        named = {found[n]: cell[: columns.longest] for n, cell in enumerate(cells) if n in found}
        if any(named.values()):
            rows.append({"line": number, "cells": named})
    if not rows:
        raise SheetRefused(f"The file has headings and no rows. {columns.empty}")
    return rows


def _columns(cells: list[str], columns: Columns) -> dict[int, str]:
    means = {name: column for column, names in columns.headings.items() for name in (column, *names)}
    found: dict[int, str] = {}
    for n, cell in enumerate(cells):
        name = re.sub(r"[\s_]+", " ", cell).strip(" *:").lower().replace("’", "'")
        if not name:
            continue
        column = means.get(name)
        if column is None:
            raise SheetRefused(f"Nobody knows what to do with the column “{shorten(cell, 60)}”. {columns.strange}")
        if column in found.values():
            raise SheetRefused(f"Two columns mean “{column}”. Delete one of them.")
        found[n] = column
    missing = [column for column in columns.needed if column not in found.values()]
    if missing:
        raise SheetRefused(f"The first row must hold the headings, and these are missing: {', '.join(missing)}.")
    return found
