"""Measures as files to take away: CSV, an Excel workbook or JSON of the dashboard or of one measure with every month and breakdown.

Files hold what everybody may see, whoever takes them: they are passed on. Each carries its as-at date, its symbols and its definitions,
nothing in it is ever run as a formula, and the same question gives the same bytes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from app.core.listing import csv_bytes, safe
from app.core.tables_out import LONGEST_CELL
from app.core.tables_out import TYPES as TABLES
from app.core.text import slug
from app.core.tx import Tx
from app.measures import shown, views, words
from app.measures.definitions import BREAKDOWNS, THEMES, Measure
from app.measures.shown import HIDDEN, NONE, Cell
from app.measures.views import Line, Published

JSON = "json"
TYPES = {**TABLES, JSON: "application/json"}
Given = str | int | Decimal | date
FIGURES = ("As at", "Theme", "Measure", "Part of the organisation", "Figure", "Unit", "Numerator", "Denominator")
JUDGED = ("Target", "Target met", "Since the month before")
GROUPS = ("As at", "Measure", "Breakdown", "Group", "Part of", "Level", "Figure", "Unit", "Numerator", "Denominator")
DEFINED = (
    *("Measure", "Code", "Success measures it answers", "Numerator is", "Denominator is", "Left out", "Source", "Owner", "Target"),
    *("Where it comes from", "Small numbers", "Remarks"),
)
WHOLE = "Whole organisation"
NOTHING_GIVEN = "not given"


def as_file(kind: str, title: str, body: bytes) -> Response:
    """A file to save, named after what it holds."""
    return Response(body, media_type=TYPES[kind], headers={"content-disposition": f'attachment; filename="{slug(title)}.{kind}"'})


def dashboard(tx: Tx, month: Published, kind: str, part: Cell | None = None) -> bytes:
    """Every measure of the month, of a part where one is given."""
    lines = views.lines(tx, month, part.key if part else "", to_all=True)
    measures = [line.measure for line in lines]
    where = part.title if part else WHOLE
    if kind == JSON:
        found = [
            definition(line.measure, month.close.below)
            | {"part": where, **figure_of(line.measure, line.cell), "target_met": words.met(line.measure, line.cell)}
            for line in lines
        ]
        return _json(month, {"measures": found})
    return _tables(kind, month, measures, (*FIGURES, *JUDGED), [_dashboard_row(month, line, where) for line in lines])


def measure(tx: Tx, month: Published, one: Measure, kind: str) -> bytes:
    """One measure up to the month: every published month and every group, definitions as of the month."""
    cells = shown.history(tx, month.organisation_id, [one.code], month.month, to_all=True).get(one.code, [])
    if kind == JSON:
        found = [
            {"as_at": day.isoformat(), "breakdown": cell.breakdown, "key": cell.key, "part_of": cell.parent, "level": cell.level}
            | {"group": WHOLE if cell.breakdown == "all" else cell.title, **figure_of(one, cell)}
            for day, cell in cells
        ]
        return _json(month, {"measure": definition(one, month.close.below), "figures": found})
    return _tables(kind, month, [one], GROUPS, _group_rows(one, cells))


# What is said of a figure and of a measure, in files and in the REST interface -------------------------------------------


def figure_of(one: Measure, cell: Cell | None) -> dict[str, Any]:
    """A figure as numbers; `symbol` says why there is none."""
    if cell is None:
        return {"figure": None, "numerator": None, "denominator": None, "symbol": None}
    if cell.hidden or cell.num is None:
        return {"figure": None, "numerator": None, "denominator": None, "symbol": HIDDEN}
    worked_out = shown.value(one, cell.num, cell.den or 0)
    return {
        "figure": None if worked_out is None else _number(worked_out),
        "numerator": _number(Decimal(cell.num) / one.scale),
        "denominator": None if one.denominator is None else _number(Decimal(cell.den or 0) / one.scale),
        "symbol": NONE if worked_out is None else None,
    }


def definition(one: Measure, below: int) -> dict[str, Any]:
    """A measure in words."""
    return {
        "code": one.code,
        "title": one.title,
        "themes": list(one.themes),
        "answers": list(one.answers),
        "unit": one.unit,
        "better": one.better,
        "target": None if one.target is None else one.target.value,
        "numerator_is": one.numerator,
        "denominator_is": one.denominator,
        "exclusions": one.exclusions,
        "source": one.source,
        "owner": one.owner,
        "imported": one.counts is None,
        "small_numbers": words.how_hidden(one, below),
        "local_variant": one.local,
        "unverified": one.unverified,
    }


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


# Tables ----------------------------------------------------------------------------------------------------------------


def _dashboard_row(month: Published, line: Line, where: str) -> list[Given]:
    one = line.measure
    met = words.met(one, line.cell)
    return [
        month.month,
        ", ".join(THEMES[theme] for theme in one.themes),
        one.title,
        where,
        *_cells(one, line.cell),
        words.target(one),
        {True: "yes", False: "no", None: ""}[met],
        line.change,
    ]


def _group_rows(one: Measure, cells: Sequence[tuple[date, Cell]]) -> Iterator[list[Given]]:
    titles = {(day, cell.breakdown, cell.key): cell.title for day, cell in cells}
    for day, cell in cells:
        group = WHOLE if cell.breakdown == "all" else cell.title
        breakdown = "" if cell.breakdown == "all" else BREAKDOWNS[cell.breakdown]
        inside = titles.get((day, cell.breakdown, cell.parent or ""), "") if cell.parent else ""
        yield [day, one.title, breakdown, group, inside, cell.level, *_cells(one, cell)]


def _cells(one: Measure, cell: Cell | None) -> list[Given]:
    """Figure, unit, numerator, denominator: numbers, or the symbol that says why there is none."""
    unit = words.UNIT_WORDS[one.unit]
    if cell is None:
        return [NOTHING_GIVEN, unit, "", ""]
    if cell.hidden or cell.num is None:
        return [HIDDEN, unit, HIDDEN, HIDDEN if one.denominator is not None else ""]
    worked_out = shown.value(one, cell.num, cell.den or 0)
    amounts = [_amount(one, cell.num), _amount(one, cell.den or 0) if one.denominator is not None else ""]
    return [NONE if worked_out is None else worked_out, unit, *amounts]


def _amount(one: Measure, count: int) -> Given:
    return count if one.scale == 1 else Decimal(count) / one.scale


def _definition_row(one: Measure, below: int) -> list[Given]:
    remarks = [
        *(["A local variant beside the national formula."] if one.local else []),
        *(["Rests on a definition that nobody has confirmed."] if one.unverified else []),
    ]
    return [
        *(one.title, one.code, "; ".join(one.answers), one.numerator, one.denominator or "none: a plain number", one.exclusions),
        *(one.source, one.owner, words.target(one), "Counted here" if one.counts else "Imported as one figure"),
        *(words.how_hidden(one, below), " ".join(remarks)),
    ]


def _about(month: Published) -> list[tuple[str, Given]]:
    return [
        ("Measures", f"{month.set.title}, version {month.set.version}"),
        ("Strategy", month.set.strategy),
        ("As at", month.month),
        ("Figures include what had been recorded by", f"{month.close.known_at:%Y-%m-%d %H:%M} UTC"),
        *((symbol, said) for symbol, said in words.SYMBOLS.items()),
        (NOTHING_GIVEN, "the figure is imported, and none has been given"),
        ("0", "a true zero"),
    ]


def _tables(kind: str, month: Published, measures: Sequence[Measure], heads: Sequence[str], rows: Iterable[Sequence[Given]]) -> bytes:
    below = month.close.below
    if kind == "csv":
        more = [n for n, head in enumerate(DEFINED) if head not in heads]
        said = {one.title: [safe(str(cell)) for cell in _definition_row(one, below)] for one in measures}
        defined = {title: [row[n] for n in more] for title, row in said.items()}
        place = heads.index("Measure")
        symbols = "; ".join(f"{symbol}: {said}" for symbol, said in words.SYMBOLS.items())
        found = ([*(safe(str(cell)) for cell in row), *defined[str(row[place])], symbols] for row in rows)
        return csv_bytes([*heads, *(DEFINED[n] for n in more), "Symbols"], found)
    return _workbook(month, {"Figures": (heads, rows), "Definitions": (DEFINED, [_definition_row(one, below) for one in measures])})


def _workbook(month: Published, sheets: Mapping[str, tuple[Sequence[str], Iterable[Sequence[Given]]]]) -> bytes:
    import xlsxwriter  # not needed until somebody takes a file

    out = io.BytesIO()
    plain = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, plain) as book:
        created = month.close.closed_at.replace(tzinfo=None, microsecond=0)  # not now: the same question gives the same bytes
        book.set_properties({"title": f"{month.set.title} as at {month.month.isoformat()}", "created": created})
        formats = {name: book.add_format(how) for name, how in (("bold", {"bold": True}), ("day", {"num_format": "yyyy-mm-dd"}))}
        about = ("About", (("What", "Said"), _about(month)))
        for name, (heads, rows) in (*sheets.items(), about):
            _sheet(book.add_worksheet(name), formats, heads, rows)
    return out.getvalue()


def _sheet(sheet: Any, formats: Mapping[str, Any], heads: Sequence[str], rows: Iterable[Sequence[Given]]) -> None:
    widths = [len(head) for head in heads]
    for column, head in enumerate(heads):
        sheet.write_string(0, column, head, formats["bold"])
    for number, row in enumerate(rows, 1):
        for column, cell in enumerate(row):
            if isinstance(cell, date):
                sheet.write_datetime(number, column, cell, formats["day"])
            elif isinstance(cell, int | Decimal):
                sheet.write_number(number, column, cell)
            else:
                sheet.write_string(number, column, cell[:LONGEST_CELL])
            widths[column] = max(widths[column], len(str(cell)))
    for column, width in enumerate(widths):
        sheet.set_column(column, column, min(width + 2, 60))
    sheet.freeze_panes(1, 0)


def _json(month: Published, more: dict[str, Any]) -> bytes:
    found = {
        "as_at": month.month.isoformat(),
        "known_at": f"{month.close.known_at:%Y-%m-%dT%H:%M:%SZ}",
        "measure_set": {"code": month.set.code, "version": month.set.version, "title": month.set.title, "strategy": month.set.strategy},
        "symbols": words.SYMBOLS,
        **more,
    }
    return (json.dumps(found, ensure_ascii=False, indent=1) + "\n").encode()
