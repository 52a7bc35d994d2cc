"""A pool's list as a file: the page's own query, row by row to the disk, so that any number of people takes the same memory.

The same question gives the same bytes: a workbook carries no time of its own making. No cell is ever run as a formula, and none holds a
line break or a mark that turns the direction of text, behind which a name could look like another.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from app.core.listing import safe
from app.core.tables_out import CSV, LONGEST_CELL, TYPES, XLSX, sheet_name
from app.core.tx import Tx
from app.talent.listed import READY, Asked, Line, everybody, version_of

JSON = "json"
FILE_TYPES = TYPES | {JSON: "application/json"}
CHUNK = 256 * 1024
SOUND = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
TURNING = re.compile(r"[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]+")
CODED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")  # what workbooks take for a sign by its number, and programs read in different ways
HEADS = (
    *("Name", "Employee number", "Job title", "Team", "Service", "Career stage", "In the pool since", "Agreed to be listed on"),
    *("Readiness", "Requirements met", "Requirements asked", "Something lapses on"),
    *("Potential", "Horizon", "Specialist", "Judged on"),
)
ABOUT = "About this file"  # the second sheet of a workbook
WIDTHS = (26, 16, 28, 28, 28, 26, 14, 14, 28, 12, 12, 14, 24, 16, 10, 14)
Cell = str | int | date


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that waits on the disk to leave, its bytes' SHA-256, and of whom it is."""

    path: Path
    digest: str
    people: tuple[int, ...]

    def chunks(self) -> Iterator[bytes]:
        """The file, a piece at a time; afterwards it is gone."""
        try:
            with self.path.open("rb") as held:
                while piece := held.read(CHUNK):
                    yield piece
        finally:
            self.drop()

    def drop(self) -> None:
        """It will not leave."""
        self.path.unlink(missing_ok=True)


def plain(value: str | None) -> str:
    """Words on one line, without marks that nobody sees."""
    if value is None or (value.isascii() and value.isprintable() and "_x" not in value):  # as most are
        return " ".join((value or "").split())[:LONGEST_CELL]
    return CODED.sub("_ ", " ".join(TURNING.sub("", SOUND.sub(" ", value or "")).split()))[:LONGEST_CELL]


def line(one: Line) -> tuple[Cell, ...]:
    """What is said of one person; nothing about equality, nor any reasons."""
    row, ready = one.row, one.ready
    measured: tuple[Cell, ...] = ("No step to measure by", "", "", "")
    if ready is not None:
        measured = (READY[ready.status], ready.held, ready.asked or "", (ready.status == "lapsing" and ready.expires_on) or "")
    return (
        *(plain(row.name), plain(row.employee_number), plain(row.job_title), plain(row.team), plain(row.service), plain(row.stage)),
        *(row.entered_on, row.agreed_on, *measured),
        *(plain(row.potential), plain(row.horizon), "Yes" if row.specialist else "No" if row.judged_on else "", row.judged_on or ""),
    )


def take(tx: Tx, pool: Any, asked: Asked, file_type: str, purpose: str, narrowed: str = "") -> Taken:
    """Write the list to a file. `asked.known_at` is set, so that the same question can be asked again; `narrowed`: its filters in words."""
    assert asked.known_at is not None
    people: list[int] = []

    def lines() -> Iterator[tuple[Cell, ...]]:
        for one in everybody(tx, pool, asked, version_of(tx, pool, asked)):
            people.append(one.row.person_id)
            yield line(one)

    facts = {
        "pool": plain(pool.title),
        "as_at": asked.as_at.isoformat(),
        "known_at": asked.known_at.isoformat(),
        "filters": plain(narrowed) or "None",
        "purpose": plain(purpose),
    }
    with tempfile.NamedTemporaryFile(prefix="academy-talent-", suffix=f".{file_type}", delete=False) as made:
        path = Path(made.name)
    try:
        _WRITE[file_type](path, facts, lines(), asked)
        digest = hashlib.sha256()
        with path.open("rb") as held:
            while piece := held.read(CHUNK):
                digest.update(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Taken(path, digest.hexdigest(), tuple(people))


def _csv(path: Path, _facts: dict[str, Any], rows: Iterable[tuple[Cell, ...]], _asked: Asked) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADS)
        writer.writerows([safe(str(cell)) for cell in row] for row in rows)


def _json(path: Path, facts: dict[str, Any], rows: Iterable[tuple[Cell, ...]], _asked: Asked) -> None:
    names = [head.lower().replace(" ", "_") for head in HEADS]
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write(json.dumps(facts, ensure_ascii=False)[:-1] + ', "people": [')
        between = "\n"
        for row in rows:
            cells = (None if cell == "" else cell.isoformat() if isinstance(cell, date) else cell for cell in row)
            out.write(between + json.dumps(dict(zip(names, cells, strict=True)), ensure_ascii=False))
            between = ",\n"
        out.write("\n]}\n")


def _xlsx(path: Path, facts: dict[str, Any], rows: Iterable[tuple[Cell, ...]], asked: Asked) -> None:
    import xlsxwriter  # not needed until somebody takes a file

    plainly = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), plainly) as book:
        assert asked.known_at is not None
        book.set_properties(
            {"title": f"{facts['pool']} as at {facts['as_at']}", "created": asked.known_at.replace(tzinfo=None, microsecond=0)}
        )
        bold, day = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd"})
        name = sheet_name(facts["pool"])
        sheet = book.add_worksheet("List" if name.lower() == ABOUT.lower() else name)  # no two sheets have one name
        about = book.add_worksheet(ABOUT)
        for column, (head, width) in enumerate(zip(HEADS, WIDTHS, strict=True)):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, head, bold)
        sheet.freeze_panes(1, 0)
        for number, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                if isinstance(cell, date):
                    sheet.write_datetime(number, column, cell, day)
                elif isinstance(cell, int):
                    sheet.write_number(number, column, cell)
                elif cell:
                    sheet.write_string(number, column, cell)
        about.set_column(0, 1, 40)
        told = (
            *(
                ("Pool", facts["pool"]),
                ("As at", facts["as_at"]),
                ("As far as recorded at", facts["known_at"]),
                ("Purpose", facts["purpose"]),
            ),
            ("Filters", facts["filters"]),
            ("What it is", "People who agree to be listed. Nobody on it is promised a post. Do not pass it on for another purpose."),
        )
        for number, (head, words) in enumerate(told):
            about.write_string(number, 0, head, bold)
            about.write_string(number, 1, str(words))


_WRITE: dict[str, Callable[[Path, dict[str, Any], Iterable[tuple[Cell, ...]], Asked], None]] = {CSV: _csv, XLSX: _xlsx, JSON: _json}
