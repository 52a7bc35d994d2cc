"""Reads an HR extract: any file in, one `Row` for each line out, every problem named. Knows no database.

Rows are yielded one at a time, so memory stays flat for CSV however long the file is.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

from app.hr import values
from app.hr.files import CHUNK, LOOK_AHEAD, MAX_COLUMNS, MAX_ROWS, Cell, Lines, open_rows
from app.hr.mapping import COLUMNS, Headings, Mapping, folded, read_headings, recognised, said
from app.hr.problems import ExtractRefused, Problem, shown
from app.hr.values import Wrong


@dataclass(slots=True)
class Row:
    """One line of an extract: a person in a post. None means a blank cell or a column that the file does not have."""

    line: int
    employee_number: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    known_as: str | None = None
    email: str | None = None
    swe_number: str | None = None
    registration_status: str | None = None
    job_title: str | None = None
    stage: str | None = None
    contract: str | None = None
    fte: float | None = None
    working_days: str | None = None
    organisation: str | None = None
    service: str | None = None
    locality: str | None = None
    team: str | None = None
    manager_number: str | None = None
    manager_email: str | None = None
    start_date: date | None = None
    leaving_date: date | None = None
    team_from: date | None = None
    post_from: date | None = None
    practice_area: str | None = None
    entry_route: str | None = None
    qualification_year: int | None = None
    primary_post: bool | None = None
    problems: list[Problem] = field(default_factory=list)

    def values(self) -> dict[str, Any]:
        """The canonical columns with their values, blanks included."""
        return {name: getattr(self, name) for name in COLUMNS}


@dataclass(frozen=True, slots=True)
class Extract:
    """An extract opened: what its headings mean, and its rows, to be read once."""

    headings: Headings
    rows: Iterator[Row]

    @property
    def ignored(self) -> tuple[str, ...]:
        """Headings that mean nothing to us and were passed over."""
        return self.headings.ignored

    def has(self, column: str) -> bool:
        """Whether the file has this column of ours at all; a missing column changes nothing."""
        return column in self.headings.position

    def heading(self, column: str) -> str:
        """What the file calls this column, or our words for it when it does not have it."""
        return self.headings.named.get(column, said(column))


def read(path: Path, mapping: Mapping | None = None) -> Extract:
    """Open an extract and understand its headings. Rows are checked as they are read.

    Raises ExtractRefused, here or while rows are read, when the file as a whole cannot be used.
    """
    mapping = mapping or Mapping()
    lines = open_rows(path, lambda cells: recognised(cells, mapping), mapping.sheet)
    headings, rest = _find_headings(lines, mapping)
    return Extract(headings, _rows(rest, headings, mapping))


def digest(path: Path) -> str:
    """The SHA-256 of the file, as the import's record keeps it."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            total.update(chunk)
    return total.hexdigest()


def _find_headings(lines: Lines, mapping: Mapping) -> tuple[Headings, Lines]:
    """The heading row is, of the first lines, the first that names most columns of ours; what stands above it is a title."""
    first = []
    for line, cells in lines:
        first.append((line, cells))
        if len(first) == LOOK_AHEAD:
            break
    filled = [n for n, (_, cells) in enumerate(first) if any(str(cell).strip() for cell in cells)]
    if not filled:
        raise ExtractRefused("The file has no rows. Run the extract again and check that it contains people.")
    best = max(filled, key=lambda n: (recognised(first[n][1], mapping), -n))
    line, cells = first[best]
    if sum(1 for cell in cells if cell != "") > MAX_COLUMNS:
        raise ExtractRefused(f"The file has more than {MAX_COLUMNS} columns. Leave out those that are not needed.")
    return read_headings(line, cells, mapping), chain(first[best + 1 :], lines)


def _rows(lines: Lines, headings: Headings, mapping: Mapping) -> Iterator[Row]:
    count = 0
    reader = _Reader(headings, mapping)
    for line, cells in lines:
        if not any(cell.strip() if isinstance(cell, str) else True for cell in cells):
            continue
        count += 1
        if count > MAX_ROWS:
            raise ExtractRefused(f"The file has more than {MAX_ROWS:,} rows. Send it in parts, as partial extracts.")
        yield reader.row(line, cells)
    if not count:
        raise ExtractRefused("The file has headings and no rows. Run the extract again and check that it contains people.")


_READERS: dict[str, Callable[[Cell], Any]] = {
    "employee_number": values.number,
    "manager_number": values.number,
    "email": values.email,
    "manager_email": values.email,
    "swe_number": values.swe_number,
    "registration_status": values.registration,
    "contract": values.contract,
    "fte": values.fte,
    "qualification_year": values.year,
    "primary_post": values.yes_or_no,
}
_DATES = {"start_date", "leaving_date", "team_from", "post_from"}


_ALL_DIFFERENT = {"employee_number", "email", "swe_number"}


def _remembering(reader: Callable[[Cell], Any]) -> Callable[[Cell], Any]:
    """The reader with a memory for texts: most columns repeat a few values over the whole file."""
    known: dict[str, Any] = {}

    def remembering(cell: Cell) -> Any:
        if type(cell) is not str:
            return reader(cell)
        if cell in known:
            return known[cell]
        if len(known) > 5_000:
            known.clear()
        known[cell] = value = reader(cell)
        return value

    return remembering


class _Reader:
    """Turns the cells of a line into a Row; holds one reader for each column that the file has."""

    def __init__(self, headings: Headings, mapping: Mapping) -> None:
        self.headings = headings
        self.mapping = mapping
        self.columns = [
            (column, index, self._reader(column) if column in _ALL_DIFFERENT else _remembering(self._reader(column)))
            for column, index in headings.position.items()
        ]

    def _reader(self, column: str) -> Callable[[Cell], Any]:
        month_first = self.mapping.dates == "month first"
        if column == "leaving_date":
            return lambda cell: values.leaving_day(cell, month_first)
        if column in _DATES:
            return lambda cell: values.day(cell, month_first)
        if column == "working_days":
            return self._translated(column, lambda cell: (word := values.text(column, cell)) and values.working_days(word))
        plain = _READERS.get(column) or (lambda cell: values.text(column, cell))
        return self._translated(column, plain)

    def _translated(self, column: str, plain: Callable[[Cell], Any]) -> Callable[[Cell], Any]:
        """The reader with the mapping file's words for this column put first."""
        words = self.mapping.values.get(column)
        if not words:
            return plain

        def translated(cell: Cell) -> Any:
            word = values.text_of(cell)
            return plain(words.get(folded(word), word))

        return translated

    def row(self, line: int, cells: list[Cell]) -> Row:
        row = Row(line)
        for column, index, reader in self.columns:
            cell = cells[index] if index < len(cells) else ""
            if cell == "":
                continue
            try:
                setattr(row, column, reader(cell))
            except Wrong as wrong:
                row.problems.append(Problem(line, self.headings.named[column], shown(cell), wrong.wrong, wrong.remedy))
        if row.organisation is None:
            row.organisation = self.mapping.organisation
        self._check(row, cells)
        return row

    def _check(self, row: Row, cells: list[Cell]) -> None:
        """What can be said about a line by itself, once its cells are read."""
        if len(cells) > self.headings.width and any(cell != "" for cell in cells[self.headings.width :]):
            self._problem(
                row, "", "The line has more cells than there are headings, so its values may stand in the wrong columns.",
                "Look for a comma inside a value, and put that value in quotation marks.",
            )  # fmt: skip
        failed = {problem.column for problem in row.problems}
        for column in ("first_name", "last_name"):
            if getattr(row, column) is None and self.headings.named[column] not in failed:
                self._problem(row, column, f"The {said(column)} is missing.", "Fill it in.")
        if not (row.employee_number or row.email or row.swe_number):
            missing = [column for column in ("employee_number", "email", "swe_number") if column in self.headings.named]
            if not any(self.headings.named[column] in failed for column in missing):
                self._problem(
                    row, missing[0], "Nothing says who this is: employee number, e-mail and Social Work England number are all blank.",
                    "Fill in one of them; for agency workers the work e-mail is enough.",
                )  # fmt: skip
        if row.start_date and row.leaving_date and row.leaving_date < row.start_date:
            self._problem(
                row, "leaving_date", f"The leaving date is before the start date ({row.start_date:%-d %B %Y}).", "Correct one of the two."
            )

    def _problem(self, row: Row, column: str, wrong: str, remedy: str) -> None:
        named = self.headings.named.get(column, "")
        value = getattr(row, column) if column else ""
        row.problems.append(Problem(row.line, named, "" if value is None else shown(value), wrong, remedy))


def reading(headings: Headings, mapping: Mapping) -> Callable[[int, list[Cell]], Row]:
    """How to read lines that come from elsewhere than a file: the number of the line and its cells, as a Row with its problems."""
    return _Reader(headings, mapping).row
