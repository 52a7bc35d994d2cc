"""A table as a file to take away: CSV or an Excel workbook, in which nothing is ever run as a formula."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence

from app.core.listing import csv_bytes, safe

CSV, XLSX = "csv", "xlsx"
TYPES = {CSV: "text/csv; charset=utf-8", XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
LONGEST_CELL = 32_767  # what a cell of a workbook can hold


def table_bytes(
    kind: str, title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], shades: Mapping[str, str] | None = None
) -> bytes:
    """The table in one of `TYPES`. Every cell is text: in a workbook as such, in a CSV file made safe for spreadsheets.

    `shades`: colours ("#cce2d8") of a workbook's cells, by the words they begin with.
    """
    if kind == CSV:
        return csv_bytes(heads, ([safe(cell) for cell in row] for row in rows))
    return _workbook(title, heads, rows, shades or {})


def _workbook(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], shades: Mapping[str, str]) -> bytes:
    import xlsxwriter  # not needed until somebody takes a file

    out = io.BytesIO()
    plain = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, plain) as book:
        book.set_properties({"title": title})
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True})
        shaded = {words: book.add_format({"bg_color": colour}) for words, colour in shades.items()}
        widths = [len(head) for head in heads]
        for column, head in enumerate(heads):
            sheet.write_string(0, column, head, bold)
        for number, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                shade = next((shaded[words] for words in shaded if cell == words or cell.startswith(f"{words} ")), None)
                sheet.write_string(number, column, cell[:LONGEST_CELL], shade)
                widths[column] = max(widths[column], len(cell))
        for column, width in enumerate(widths):
            sheet.set_column(column, column, min(width + 2, 60))
        sheet.freeze_panes(1, 0)
    return out.getvalue()
