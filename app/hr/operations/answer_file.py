"""HR's answers about training records from a file: the file taken from the page, with its last three columns filled in, sent back."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.core.errors import Invalid, NotFound
from app.core.sheets import SheetRefused, read_sheet
from app.core.tx import Tx
from app.hr.operations.confirming import Answer, confirm

MOST_ROWS = 20_000
NEEDED = ("record", "answer")
_YES, _NO = ("confirmed", "yes", "y"), ("refused", "no", "n")


@dataclass(slots=True)
class Answers:
    """What the file says: its answers, how many lines have none, and what is wrong with which line."""

    answers: list[Answer] = field(default_factory=list)
    blank: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


def read(content: bytes) -> Answers:
    """The answers of a CSV file or workbook; SheetRefused if it is no such file. Nothing is looked up yet."""
    lines = read_sheet(content, MOST_ROWS)
    heads = [cell.strip(" *:").lower() for cell in lines[0][1]] if lines else []
    missing = [name for name in NEEDED if name not in heads]
    if missing:
        raise SheetRefused(f"The first row must hold the headings, and these are missing: {', '.join(missing)}.")
    found = Answers()
    for number, cells in lines[1:]:
        _line(found, number, dict(zip(heads, cells, strict=False)))
    if not found.answers and not found.problems:
        raise SheetRefused("No line has an answer. Write “confirmed” or “refused” in the column Answer.")
    return found


def _line(found: Answers, number: int, cells: dict[str, str]) -> None:
    said, record = cells.get("answer", "").lower(), cells.get("record", "")
    if not said:
        found.blank += 1
        return
    problems = []
    if said not in (*_YES, *_NO):
        problems.append("Answer must be “confirmed” or “refused”.")
    if not (record.isascii() and record.isdigit() and len(record) < 16):
        problems.append("Record must be the number from the file that was taken.")
    reason, reference = cells.get("reason", ""), cells.get("reference", "")
    if said in _NO and not reason:
        problems.append("A refusal needs a reason.")
    if max(len(reason), len(reference)) > 200:
        problems.append("Reason and reference hold 200 characters at most.")
    if problems:
        found.problems += [(number, problem) for problem in problems]
        return
    state = "confirmed" if said in _YES else "refused"
    mark = cells.get("mark", "")[:60] or None
    found.answers.append(Answer(str(number), int(record), mark, state, (reason or None) if state == "refused" else None, reference or None))


def apply(tx: Tx, found: Answers) -> dict[str, int]:
    """Keep the answers of a file, or refuse it with what is wrong in each line."""
    if found.problems:
        raise _refusal(found.problems)
    try:
        return confirm(tx, found.answers)
    except (Invalid, NotFound) as wrong:
        lines = [(int(error["field"].partition(".")[0]), error["message"] + ".") for error in wrong.errors]
        raise _refusal(lines) from None


def _refusal(problems: list[tuple[int, str]]) -> Invalid:
    """In the words of somebody who looks at the file."""
    first = [{"field": "file", "message": f"Line {number}: {words}"} for number, words in problems[:20]]
    if len(problems) > len(first):
        first.append({"field": "file", "message": f"And {len(problems) - len(first)} more"})
    return Invalid("Nothing was kept: correct these lines and send the file again.", code="file-wrong", errors=first)
