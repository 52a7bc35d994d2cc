"""Opens an extract, whatever wrote it, and yields its rows as lists of cells with their line numbers.

CSV is streamed. A workbook is measured and copied first (`app.core.workbooks`), and only the copy is opened.
"""

import codecs
import csv
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from app.core.workbooks import Limits, WorkbookRefused, safe_copy
from app.hr.problems import ExtractRefused

Cell = str | int | float | bool | date | datetime | time | timedelta
Lines = Iterator[tuple[int, list[Cell]]]

MAX_BYTES = 50 * 1024 * 1024
MAX_UNPACKED_BYTES = 400 * 1024 * 1024
MAX_ROWS = 200_000
MAX_COLUMNS = 60
MAX_SHEET_COLUMNS = 200
"""Of any sheet of a workbook, empty ones included."""
LOOK_AHEAD = 20
"""Lines searched for the headings: reports often start with a title and the date they were run."""

CHUNK = 1024 * 1024
_OTHERS = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"{\\rtf", b"<!DOCTYPE", b"<!doctype", b"<html", b"\x1f\x8b")
"""How a PDF, a picture, a formatted text, a web page and a packed file begin: people send them by mistake."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ERROR_CELL = re.compile(rb"""<c\b[^>]{0,200}?\bt\s*=\s*["']e["']""")
"""A cell that shows #N/A, #REF! and the like. The reader makes it blank, and a blank cell means something."""


def check_size(path: Path) -> int:
    """The size of the file in bytes; refused when it is missing, empty or over the limit."""
    try:
        size = path.stat().st_size
    except OSError as problem:
        raise ExtractRefused(f"The file {path.name} cannot be opened: {problem.strerror or problem}.") from problem
    if not path.is_file():
        raise ExtractRefused(f"{path.name or path} is a folder, or no ordinary file. Name the file with the extract.")
    if size == 0:
        raise ExtractRefused("The file is empty. Run the extract again and check that it contains rows.")
    if size > MAX_BYTES:
        raise ExtractRefused(
            f"The file is {size / 1024 / 1024:.0f} MB; the limit is {MAX_BYTES // 1024 // 1024} MB. "
            "Leave out columns that are not needed, or send it in parts as partial extracts."
        )
    return size


def open_rows(path: Path, score: Callable[[list[Cell]], int], sheet: str | None = None) -> Lines:
    """The rows of a CSV file or workbook, told apart by their content and not by their name.

    `score` says how many headings it recognises in a row; it chooses the delimiter of a CSV file.
    Raises ExtractRefused.
    """
    check_size(path)
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as problem:
        raise ExtractRefused(f"The file {path.name} cannot be read: {problem.strerror or problem}.") from problem
    if start.startswith(b"PK"):
        return _workbook_rows(path, sheet)
    if start.startswith(_OTHERS):
        raise ExtractRefused("This is not a CSV or Excel file. Save the extract as CSV UTF-8 or as Excel workbook (.xlsx).")
    if start.startswith(_OLE):
        raise ExtractRefused(
            "This is an old Excel workbook (.xls) or one protected by a password. "
            "Open it, remove any password and save it as Excel workbook (.xlsx) or CSV UTF-8."
        )
    return _csv_rows(path, _encoding(path, start), score)


# --- CSV ---------------------------------------------------------------------------------------------------------


def _encoding(path: Path, start: bytes) -> str:
    """UTF-8 or UTF-16 by their marks, UTF-16 without a mark by its zero bytes, UTF-8 if it reads, else Windows-1252."""
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in start:
        if start[1::2].count(0) > len(start) // 3:
            return "utf-16-le"
        if start[0::2].count(0) > len(start) // 3:
            return "utf-16-be"
        raise ExtractRefused("This is not a CSV or Excel file. Save the extract as CSV UTF-8 or as Excel workbook (.xlsx).")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _csv_rows(path: Path, encoding: str, score: Callable[[list[Cell]], int]) -> Lines:
    delimiter, skip = _delimiter(path, encoding, score)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        start = 1
        try:
            for count, cells in enumerate(reader):
                if count >= skip:
                    yield start, list[Cell](cells)
                start = reader.line_num + 1
        except csv.Error as problem:
            raise ExtractRefused(
                f"Line {start} cannot be read: a quotation mark is opened there and never closed, or a cell is far too long. "
                "Correct that line and send the file again."
            ) from problem


def _delimiter(path: Path, encoding: str, score: Callable[[list[Cell]], int]) -> tuple[str, int]:
    """The delimiter under which one of the first lines has most headings, and how many lines to skip (`sep=;`)."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        try:
            lines = [line for _, line in zip(range(LOOK_AHEAD), file, strict=False)]
        except UnicodeError as problem:
            raise ExtractRefused("The file breaks off inside a character. Run the extract again.") from problem
    first = lines[0].strip().strip('"').lower() if lines else ""
    if first.startswith("sep=") and len(first) == 5:
        return first[4], 1
    best, found = ",", -1
    for delimiter in (",", ";", "\t", "|"):
        try:
            most = max((score(list[Cell](row)) for row in csv.reader(lines, delimiter=delimiter)), default=0)
        except csv.Error:
            continue
        if most > found:
            best, found = delimiter, most
    return best, 0


# --- workbooks ---------------------------------------------------------------------------------------------------


def _no_errors(text: bytes) -> None:
    """Refuse a workbook with a cell whose value is an error."""
    if error := _ERROR_CELL.search(text):
        raise ExtractRefused(
            f"Cell {_reference(error[0])} holds an error such as #N/A or #REF!, so its value is not known. "
            "Correct every such cell, or delete the sheet it is on, and save the workbook again."
        )


def _reference(tag: bytes) -> str:
    found = re.search(rb"""\br\s*=\s*["']([A-Z]+\d+)""", tag)
    return found[1].decode() if found else "(unnamed)"


def _workbook_rows(path: Path, sheet: str | None) -> Lines:
    limits = Limits(MAX_ROWS + 1, MAX_SHEET_COLUMNS, MAX_UNPACKED_BYTES)
    try:
        with safe_copy(path, limits, _no_errors) as copy, CalamineWorkbook.from_path(copy) as book:
            name = _sheet_name(book, sheet)
            table = book.get_sheet_by_name(name)
            for number, cells in enumerate(table.iter_rows(), 1):  # the reader counts empty rows at the top, too
                yield number, list[Cell](cells)
    except WorkbookRefused as problem:
        raise ExtractRefused(str(problem)) from problem
    except PasswordError as problem:
        raise ExtractRefused("The workbook is protected by a password. Remove the password and save it again.") from problem
    except (CalamineError, OSError) as problem:
        raise ExtractRefused(
            "The workbook is damaged and cannot be read. Open it in a spreadsheet, save it again and send that copy."
        ) from problem


def _sheet_name(book: CalamineWorkbook, wanted: str | None) -> str:
    visible = [s.name for s in book.sheets_metadata if s.typ == SheetTypeEnum.WorkSheet and s.visible == SheetVisibleEnum.Visible]
    if wanted is not None:
        if wanted not in book.sheet_names:
            raise ExtractRefused(f"The workbook has no sheet called “{wanted}”. Its sheets are: {', '.join(visible) or 'none'}.")
        return wanted
    if not visible:
        raise ExtractRefused("The workbook has no sheet with rows. Check that you saved the right one.")
    return visible[0]
