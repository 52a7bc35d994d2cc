"""What pages, API and exports share about lists: fields of the API, cursors, page numbers, and CSV that no spreadsheet runs."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy import Select

from app.core.errors import Invalid
from app.core.tx import Tx

MOST = 2000  # items in one reply of the API
BIGGEST_ID = 2**53 - 1  # what every JSON reader can hold exactly


# The API's fields --------------------------------------------------------------------------------------------------


def _as_text(value: Any) -> Any:
    """A date in JSON is a string; pydantic would also take a number for one."""
    if not isinstance(value, str | date) or (isinstance(value, str) and value.strip().isdigit()):
        raise ValueError("must be a date or a time as ISO 8601 text")
    return value


def _as_number(value: Any) -> Any:
    """Query and path say numbers in digits only; pydantic would also take "1_000", "1.0" and " 1 "."""
    if isinstance(value, str) and not (value.isascii() and value.removeprefix("-").isdigit()):
        raise ValueError("must be a whole number")
    return value


def _json_number(value: Any) -> Any:
    """A body says numbers as numbers. 12.0 is 12 to JSON; "12" and true are not numbers at all."""
    if isinstance(value, str | bool):
        raise ValueError("must be a number, not text")  # noqa: TRY004  # pydantic reports ValueError as the field's error
    return value


def _as_truth(value: Any) -> Any:
    if isinstance(value, str) and value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value


def _storable(value: datetime) -> datetime:
    """Instants at the very ends of the calendar have no UTC; no row lies there either."""
    return min(max(value, datetime(1900, 1, 1, tzinfo=UTC)), datetime(2200, 1, 1, tzinfo=UTC))


def _plausible(value: datetime) -> datetime:
    if not 2000 <= value.year < 2200:
        raise ValueError("must be a time between the years 2000 and 2199")
    return value


NO_NUL = r"^[^\x00]*$"  # PostgreSQL cannot store the character 0
HAS_WORD = r"^[^\x00]*\w[^\x00]*$"  # a name or a title, not only blanks and signs
Key = Annotated[int, Field(ge=1, le=BIGGEST_ID), BeforeValidator(_as_number)]  # an id in path or query
Whole = Annotated[int, BeforeValidator(_json_number)]  # a whole number in a body
BodyKey = Annotated[Whole, Field(ge=1, le=BIGGEST_ID)]
Words = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]
Day = Annotated[date, BeforeValidator(_as_text)]
Instant = Annotated[AwareDatetime, BeforeValidator(_as_text)]
BodyInstant = Annotated[AwareDatetime, BeforeValidator(_as_text), AfterValidator(_plausible)]
DayOut = Annotated[str, Field(json_schema_extra={"format": "date"})]
InstantOut = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Truth = Annotated[bool, BeforeValidator(_as_truth)]


def moment(value: datetime | None) -> datetime | None:
    """An instant from outside, brought inside the years that a database can compare."""
    return None if value is None else _storable(value)


class Closed(BaseModel):
    """Bodies and queries of the API: a field we do not know is refused, so that a misspelt filter never means "everything"."""

    model_config = ConfigDict(extra="forbid")


class ListQuery(Closed):
    """What every list of the API takes."""

    limit: Annotated[int, Field(ge=1, le=MOST), BeforeValidator(_as_number)] = Field(100, description="Items in one reply.")
    cursor: str | None = Field(None, min_length=1, max_length=200, description="`next` of the reply before; leave out for the first.")


# Cursors -----------------------------------------------------------------------------------------------------------


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _asked(name: str, query: ListQuery) -> str:
    """Which list, and which of its rows: a cursor only continues the question it came from."""
    return name + query.model_dump_json(exclude={"limit", "cursor"})


def cursor(name: str, query: ListQuery, after: int) -> str:
    """Where the next reply begins. It is opaque, not secret: reach stands in the query, so a made-up cursor shows nothing more."""
    text = f"{after}.{_digest(f'{_asked(name, query)} {after}')}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def after(name: str, query: ListQuery) -> int:
    """The id after which this reply begins, 0 for the first; Invalid for a cursor that we did not give for this question."""
    if query.cursor is None:
        return 0
    try:
        text = base64.b64decode(query.cursor + "=" * (-len(query.cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        place = int(text.partition(".")[0])
    except (ValueError, UnicodeError):
        place = -1
    if place < 0 or cursor(name, query, place) != query.cursor:
        raise Invalid(
            "This cursor is not one that this list gave for these filters.",
            code="bad-cursor",
            way_out="Use `next` of the last reply with the same filters, or start again without a cursor.",
            errors=[{"field": "cursor", "message": "Not a cursor of this list"}],
        )
    return place


def keyset(tx: Tx, name: str, query: ListQuery, statement: Select[*tuple[Any, ...]], key: Any) -> tuple[list[dict[str, Any]], str | None]:
    """One slice of a list in order of `key`, as dicts by column name, and the cursor of the next (None: that was all).

    Rows added, changed or removed meanwhile neither repeat nor hide another: the slice begins after an id, not after a count.
    """
    found = tx.db.execute(statement.where(key > after(name, query)).order_by(key).limit(query.limit + 1))
    names = tuple(found.keys())
    items = [dict(zip(names, row, strict=True)) for row in found.all()]
    if len(items) <= query.limit:
        return items, None
    items.pop()
    return items, cursor(name, query, items[-1]["id"])


# Pages -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PageNumbers:
    """Which page of how many; a number past the end is the last page."""

    total: int
    asked: int = 1
    size: int = 25

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))

    @property
    def number(self) -> int:
        return min(max(self.asked, 1), self.pages)

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


# CSV ---------------------------------------------------------------------------------------------------------------

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe(value: str | None) -> str:
    """A text cell that a spreadsheet shows and never runs: what looks like a formula gets an apostrophe before it."""
    if not value:
        return ""
    return value if value[0].isalnum() or not value.lstrip(" ").startswith(_FORMULA) else "'" + value


_SPECIAL = re.compile(r'[",\r\n]')


def csv_cell(value: str) -> str:
    """A cell as it stands in a CSV file, in quotation marks where it has to be (RFC 4180 §2): for long tables, most of whose cells are
    dates and words of ours that need none."""
    return '"' + value.replace('"', '""') + '"' if _SPECIAL.search(value) else value


_TO_DO = re.compile(r'[",\r\n]|(?:\A|\x1f) *[=+\-@\t＝＋－＠]')


def csv_cells(values: Iterable[str | None]) -> list[str]:
    """Many cells, each through `safe` and `csv_cell`: of most columns one look tells that nothing has to be done to any."""
    cells = [value or "" for value in values]
    return cells if _TO_DO.search("\x1f".join(cells)) is None else [csv_cell(safe(cell)) for cell in cells]


def csv_bytes(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A CSV file in UTF-8 with a byte order mark, which tells spreadsheets so. Cells from data must have been through `safe`."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([safe(head) for head in heads])
    writer.writerows(rows)
    return out.getvalue().encode("utf-8-sig")
