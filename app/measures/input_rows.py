"""Files of figures read: what a file may be at all, and what each line says, with everything that is wrong and what to do about it."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from app.core import sheets
from app.core.calendar import MONTHS, long_date, month_and_year
from app.core.errors import Conflict
from app.core.sheets import Columns, Problem, SheetRefused, as_date
from app.core.text import shorten
from app.core.tx import Tx
from app.core.workbooks import Limits, WorkbookRefused, safe_copy
from app.measures import sets
from app.measures.definitions import Measure
from app.measures.dimensions import month_end
from app.people.models import Unit

MOST_ROWS = 5_000
WITHDRAWN = "withdrawn"
HEADS = ("Measure", "What it counts", "Month", "Part", "Name of the part", "Numerator", "Denominator", "Source")
COLUMNS = Columns(
    headings={
        "measure": ("measure code", "code"),
        "what it counts": ("title",),
        "month": ("month end", "as at"),
        "part": ("part of the organisation", "code of the part", "unit", "team"),
        "name of the part": ("part name", "unit name", "team name"),
        "numerator": ("figure", "value", "number"),
        "denominator": ("of", "out of"),
        "source": ("where from",),
    },
    needed=("measure", "month", "numerator", "source"),
    strange="Get the empty file from this page: it has the columns that are read. Figures are brought in for groups, never for one person.",
    empty="Write figures into it.",
    longest=300,
)
_PERSONAL = re.compile(
    r"\b(first|last|fore|sur|family|given|full|known|employee|staff|person|worker|manager)\W*(name|number|no|id)s?\b|^names?$|^persons?$|"
    r"^(employee|worker|member of staff)s?$|forename|surname|e-?mail|payroll|assignment|national insurance|^ni\b|date of birth|^dob$|"
    r"birth|swe|social work england|registration|ethnic|gender|disab|religio|orientation|post ?code|address|phone",
    re.IGNORECASE,
)
_SOMEBODY = re.compile(r"[^\s@]+@[^\s@]+\.[a-z]{2,}|\bSW[0-9]{3,6}\b|\b[A-Z]{2}[0-9]{6}[A-D]\b", re.IGNORECASE)
_FORMULA = re.compile(rb"<(?:[^\s<>/:\"']+:)?f(?=[\s/>])")
_NUMBER = re.compile(r"([0-9]{1,12}|[0-9]{1,3}(,[0-9]{3}){1,3})(\.[0-9]{1,9})?")
_MONTH = {name[:3].lower(): n for n, name in enumerate(MONTHS, 1)}


@dataclass(frozen=True, slots=True)
class Row:
    """A line that can be understood. `num` and `den` in the measure's scale; `num` None: the figure is withdrawn."""

    line: int
    measure: Measure
    month: date
    unit_id: int | None
    part: str  # the name of the part; "" for the whole
    num: int | None
    den: int | None
    source: str

    @property
    def key(self) -> tuple[str, date, int | None]:
        """Which figure it is."""
        return self.measure.code, self.month, self.unit_id


@dataclass(slots=True)
class Lines:
    """A file as it was understood."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


# The file ----------------------------------------------------------------------------------------------------------


def parse(content: bytes) -> list[dict[str, Any]]:
    """The rows of a file as they are kept; SheetRefused for what holds formulas, anything about single people, or no such table."""
    if content.startswith(b"PK") and len(content) <= sheets.MOST_BYTES:
        _no_formulas(content)
    lines = [] if content.startswith((b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"{\\rtf")) else sheets.read_sheet(content, MOST_ROWS)
    for cell in lines[0][1] if lines else ():
        if _PERSONAL.search(cell) and cell.strip().lower() not in COLUMNS.headings["name of the part"]:
            raise SheetRefused(
                f"The column “{shorten(cell, 60)}” looks like something about single people. Figures are brought in for the whole "
                "organisation or for parts of it, never for one person. Add them up first, and delete that column."
            )
    return [
        row for row in sheets.named_rows(content, MOST_ROWS, COLUMNS) if row["cells"].get("numerator") or row["cells"].get("denominator")
    ]


def _no_formulas(content: bytes) -> None:
    """A workbook keeps what a formula last came to, which may not be so any more: only plain numbers are taken."""

    def look(text: bytes) -> None:
        if _FORMULA.search(text):
            raise SheetRefused(
                "The workbook has cells with formulas. Copy them, paste them as values into a new workbook, save it and send that."
            )

    try:
        limits = Limits(MOST_ROWS * 4 + 1, sheets.MOST_SHEET_COLUMNS, sheets.MOST_UNPACKED, texts=sheets.MOST_TEXTS)
        with safe_copy(io.BytesIO(content), limits, look):
            pass
    except WorkbookRefused as problem:
        raise SheetRefused(str(problem)) from problem


# Its lines ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reader:
    """What lines are read with: the parts of the organisation, and for each month the measures that ran then."""

    tx: Tx
    organisation_id: int
    units: dict[str, Any] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)  # names that several parts have
    measures: dict[date, dict[str, Measure]] = field(default_factory=dict)
    found: Lines = field(default_factory=Lines)

    def learn_units(self) -> None:
        """Parts by their code, and by their name where only one has it."""
        statement = select(Unit.id, Unit.code, Unit.name, Unit.kind, Unit.closed_on).where(Unit.organisation_id == self.organisation_id)
        rows = self.tx.rows(statement.order_by(Unit.id))
        for row in rows:
            name = row.name.casefold()
            if name in self.units:
                self.doubtful.add(name)
            self.units[name] = row
        self.units |= {row.code.casefold(): row for row in rows}
        self.doubtful -= {row.code.casefold() for row in rows}

    def wrong(self, line: int, column: str, value: str, wrong: str, remedy: str) -> None:
        """Note a problem."""
        self.found.problems.append(Problem(line, column.capitalize(), value, wrong, remedy))

    def of_month(self, month: date) -> dict[str, Measure]:
        """The measures of the set that runs at that month's end."""
        if month not in self.measures:
            try:
                _, measures = sets.in_force(self.tx, self.organisation_id, month)
                self.measures[month] = {measure.code: measure for measure in measures.measures}
            except Conflict:
                self.measures[month] = {}
        return self.measures[month]


def read(tx: Tx, organisation_id: int, lines: Sequence[Mapping[str, Any]]) -> Lines:
    """What the lines say, and what is wrong with each of them by itself."""
    reader = _Reader(tx, organisation_id)
    reader.learn_units()
    seen: dict[tuple[str, date, int | None], int] = {}
    for each in lines:
        row = _line(reader, each["line"], each["cells"])
        if row is None:
            continue
        if row.key in seen:
            reader.wrong(row.line, "measure", row.measure.code, f"line {seen[row.key]} gives the same figure", "Delete one of the two")
            continue
        seen[row.key] = row.line
        reader.found.rows.append(row)
    return reader.found


def _line(reader: _Reader, line: int, cells: Mapping[str, str]) -> Row | None:
    before = len(reader.found.problems)
    for column, cell in cells.items():
        if _SOMEBODY.search(cell):
            reader.wrong(
                line,
                column,
                sheets.NOT_SHOWN,
                "this looks like somebody's e-mail address or number",
                "Take it out: nothing here is about one person",
            )
    if len(reader.found.problems) > before:
        return None  # no other problem of the line repeats it
    month = _month(reader, line, cells.get("month", ""))
    measure = _measure(reader, line, cells.get("measure", ""), month) if month else None
    source = _source(reader, line, cells.get("source", ""))
    if month is None or measure is None:
        return None
    unit = _part(reader, line, cells.get("part", ""), measure, month)
    num, den = _amounts(reader, line, cells, measure)
    if len(reader.found.problems) > before:
        return None
    return Row(line, measure, month, unit.id if unit else None, unit.name if unit else "", num, den, source)


def _month(reader: _Reader, line: int, cell: str) -> date | None:
    if not cell:
        reader.wrong(line, "month", "", "the month is missing", "Write its last day, like 31/10/2026, or October 2026")
        return None
    text = cell.strip().lower()
    words = re.fullmatch(r"([a-z]{3,9})[ ./-]+(\d{4}|\d{2})", text)
    numbers = re.fullmatch(r"(\d{4})-(\d{1,2})", text) or re.fullmatch(r"(\d{1,2})/(\d{4})", text)
    day = as_date(cell)
    if words and words[1][:3] in _MONTH:
        day = date(int(words[2]) + (2000 if len(words[2]) == 2 else 0), _MONTH[words[1][:3]], 1)
    elif numbers:
        year, month = sorted((int(numbers[1]), int(numbers[2])), reverse=True)
        day = date(year, month, 1) if 1 <= month <= 12 and 2000 <= year < 2100 else None
    if day is None or not 2000 <= day.year < 2100:
        reader.wrong(line, "month", cell, "this is no month", "Write its last day, like 31/10/2026, or October 2026")
        return None
    found = month_end(day)
    if found >= reader.tx.today:
        reader.wrong(line, "month", cell, f"{month_and_year(found)} is not over yet", "Send it once the month is over")
        return None
    return found


def _measure(reader: _Reader, line: int, cell: str, month: date) -> Measure | None:
    if not cell:
        reader.wrong(line, "measure", "", "the measure is missing", "Write its code, as in the empty file")
        return None
    known = reader.of_month(month)
    if not known:
        reader.wrong(
            line, "month", long_date(month), "no measure set ran in that month", "Delete the line, or publish a measure set for that time"
        )
        return None
    measure = known.get(cell.strip().lower()) or next((each for each in known.values() if each.title.casefold() == cell.casefold()), None)
    if measure is None:
        reader.wrong(line, "measure", cell, "there is no such measure", "Write the code of a measure, as in the empty file")
    elif measure.counts is not None:
        reader.wrong(line, "measure", cell, "this one is counted here", "Delete the line: it cannot be given from elsewhere")
        return None
    return measure


def _source(reader: _Reader, line: int, cell: str) -> str:
    if not cell:
        reader.wrong(
            line, "source", "", "the source is missing", "Say where the figure was read, like “HR system, absence report, 3 November”"
        )
    elif cell[0] in "=+-@":
        reader.wrong(line, "source", cell, "this could be a formula", "Begin it with a word")
    return cell


def _part(reader: _Reader, line: int, cell: str, measure: Measure, month: date) -> Any:
    if not cell:
        return None
    unit = None if cell.casefold() in reader.doubtful else reader.units.get(cell.casefold())
    if cell.casefold() in reader.doubtful:
        reader.wrong(line, "part", cell, "several parts have this name", "Write its code, as in the empty file")
    elif unit is None:
        reader.wrong(
            line, "part", cell, "there is no such part of the organisation", "Write its code, as in the empty file; nothing for the whole"
        )
    elif unit.kind == "organisation":
        return None
    elif "tree" not in measure.breakdowns or measure.unit == "score":
        reader.wrong(line, "part", cell, "this measure is only given for the whole organisation", "Give one line with no part")
    elif unit.closed_on is not None and unit.closed_on <= month:
        reader.wrong(
            line, "part", cell, "this part of the organisation was closed by then", "Give its figures under the part that took over"
        )
    return unit


def _amounts(reader: _Reader, line: int, cells: Mapping[str, str], measure: Measure) -> tuple[int | None, int | None]:
    first, second = cells.get("numerator", ""), cells.get("denominator", "")
    if first.lower() == WITHDRAWN:
        if second:
            reader.wrong(line, "denominator", second, "a figure that is withdrawn has none", "Leave the cell empty")
        return None, None
    num = _amount(reader, line, "numerator", first, measure)
    if measure.denominator is None:
        if second:
            reader.wrong(line, "denominator", second, "this measure is a plain number", "Leave the cell empty")
        return num, None
    den = _amount(reader, line, "denominator", second, measure)
    if num is None or den is None:
        return num, den
    if measure.unit == "share" and num > den:
        reader.wrong(line, "numerator", first, "this is more than the denominator", "Correct whichever of the two is wrong")
    elif den == 0 and num > 0:
        reader.wrong(line, "denominator", second, "nothing can be divided by this", "Give what the numerator is a part of")
    return num, den


def _amount(reader: _Reader, line: int, column: str, cell: str, measure: Measure) -> int | None:
    text = cell.removeprefix("£").strip()
    if not text:
        reader.wrong(line, column, "", f"the {column} is missing", "Write the number")
    elif "%" in text:
        reader.wrong(line, column, cell, "this is a percentage", "Give the two numbers that it comes from")
    elif re.fullmatch(r"[-−]\s*[0-9.,]+", text):
        reader.wrong(line, column, cell, "this is less than nothing", "Give a number from 0 upwards")
    elif text[0] in "=+-@":
        reader.wrong(line, column, cell, "this is a formula", "Give the number itself")
    elif not _NUMBER.fullmatch(text):
        reader.wrong(line, column, cell, "this is no number", "Write it in digits, like 1234 or 12.5")
    else:
        exact = Decimal(text.replace(",", "")) * measure.scale
        if exact == exact.to_integral_value():
            return int(exact)
        most = "two decimals" if measure.scale == 100 else "no decimals"
        reader.wrong(line, column, cell, f"this measure is counted with {most}", "Round the number")
    return None
