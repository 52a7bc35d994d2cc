"""What can be wrong with an HR extract, in words that the person who made the extract can act on."""

from dataclasses import asdict, dataclass
from typing import Any

from app.core.errors import Invalid


class ExtractRefused(Invalid):
    """The file as a whole cannot be used. The message says why and what to do; nothing of it was kept."""

    code = "extract-refused"
    field = "file"

    def __init__(self, message: str) -> None:
        super().__init__(message, errors=[{"field": self.field, "message": message}])


class MappingRefused(ExtractRefused):
    """The mapping file cannot be used. The message names the entry that is wrong."""

    code = "mapping-refused"
    field = "mapping"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one row.

    `line` is the line of the file (the row of the sheet in a workbook), `column` is the heading as it stands in the
    file, `value` is the cell as it stands in the file (cut to a readable length).
    """

    line: int
    column: str
    value: str
    wrong: str
    remedy: str

    def as_dict(self) -> dict[str, Any]:
        """The problem as plain data, for the `problems` column of a staged row."""
        return asdict(self)


def shown(value: object) -> str:
    """A cell as it may be shown on a page: printable, at most 80 characters long."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))
    return text if len(text) <= 80 else text[:79] + "…"
