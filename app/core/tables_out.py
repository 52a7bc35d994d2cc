"""A table as a file to take away: CSV or an Excel workbook, in which nothing is ever run as a formula."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from app.core.listing import csv_bytes, safe

CSV, XLSX = "csv", "xlsx"
TYPES = {CSV: "text/csv; charset=utf-8", XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
LONGEST_CELL = 32_767  # what a cell of a workbook can hold
LONGEST_SHEET = 31  # what the name of a sheet can hold, in units of UTF-16: most emoji are two
FIRST_YEAR = 1900  # before it a workbook knows no dates
Cell = str | int | Decimal | date  # a number is one that is counted with: what only looks like one (an employee number) is words


def table_bytes(
    kind: str, title: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]], shades: Mapping[str, str] | None = None
) -> bytes:
    """The table in one of `TYPES`: words as words, in a workbook numbers and dates as such, in a CSV file made safe for spreadsheets.

    `title` names the workbook and its sheet. `shades`: colours ("#cce2d8") of a workbook's cells, by the words they begin with.
    """
    if kind == CSV:
        return csv_bytes(heads, ([safe(str(cell)) for cell in row] for row in rows))
    return _workbook(title, heads, rows, shades or {})


def sheet_name(title: str) -> str:
    """What a sheet with this title may be called: without the signs that Excel refuses there, as long as it may be."""
    plain = " ".join(re.sub(r"[\[\]:*?/\\\x00-\x1f\ufffe\uffff\ud800-\udfff]", " ", title).split())
    name = plain.encode("utf-16-le")[: 2 * LONGEST_SHEET].decode("utf-16-le", "ignore").strip("' ")
    return name if name and name.lower() != "history" else "Table"  # Excel keeps "History" for itself


def _workbook(title: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]], shades: Mapping[str, str]) -> bytes:
    import xlsxwriter  # not needed until somebody takes a file

    out = io.BytesIO()
    plain = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, plain) as book:
        book.set_properties({"title": title})
        sheet = book.add_worksheet(sheet_name(title))
        bold, day = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd"})
        money = book.add_format({"num_format": "0.00"})
        shaded = {words: book.add_format({"bg_color": colour}) for words, colour in shades.items()}
        widths = [len(head) for head in heads]
        for column, head in enumerate(heads):
            sheet.write_string(0, column, head, bold)
        for number, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                words = str(cell)
                if isinstance(cell, date) and cell.year >= FIRST_YEAR:
                    sheet.write_datetime(number, column, cell, day)
                elif isinstance(cell, int | Decimal):
                    sheet.write_number(number, column, cell, money if words[-3:-2] == "." else None)
                else:
                    shade = next((shaded[each] for each in shaded if words == each or words.startswith(f"{each} ")), None)
                    sheet.write_string(number, column, words[:LONGEST_CELL], shade)
                widths[column] = max(widths[column], len(words))
        for column, width in enumerate(widths):
            sheet.set_column(column, column, min(width + 2, 60))
        sheet.freeze_panes(1, 0)
    return out.getvalue()
