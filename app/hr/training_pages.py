"""HR's page of training records: what HR's system has taken over, what waits, and the file that goes there and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from app.core import sheet_pages
from app.core.calendar import long_date
from app.core.errors import Conflict, NotFound
from app.core.sheets import MOST_BYTES
from app.core.tables_out import TYPES, Cell, table_bytes
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.hr import training
from app.hr.operations import answer_file
from app.hr.training import RecordsQuery
from app.policy import Can

pages = Pages()
PATH = "/hr/training-records"
PER_PAGE, MOST_IN_FILE = 25, 50_000
HEADS = (
    "Record", "Mark", "Employee number", "Name", "Kind", "Code", "Title", "Provider", "Completed on", "Expires on", "Outcome", "Minutes",
    "Withdrawn", "Answer", "Reason", "Reference",
)  # fmt: skip


def _state(page: Page) -> training.State | None:
    """The state that is asked for, None where none is; NotFound for a word that is none, which must never mean everything."""
    asked = page.query("state")
    found = next((one for one in training.ORDER if one == asked), None)
    if found is None and "state" in page.request.query_params:
        raise NotFound(
            f"There is no state “{asked}” of training records.",
            code="state-not-found",
            way_out=f"The states are {', '.join(training.ORDER)}.",
        )
    return found


def draw(tx: Tx, page: Page) -> Response:
    """Figures first, then the records of one state."""
    counts = training.report(tx)
    state = _state(page) or next((one for one in training.ORDER if counts[one]), "confirmed")
    start = max(page.number("after", 0), 0)
    rows = training.slice_after(tx, RecordsQuery(state=state), start, PER_PAGE + 1)
    following = rows[PER_PAGE - 1].id if len(rows) > PER_PAGE else None
    page.took("training-records.viewed", "training_confirmations", rows=len(rows[:PER_PAGE]), state=state)
    return page.render(
        "hr/training.html",
        counts=counts,
        states=training.STATES,
        state=state,
        rows=rows[:PER_PAGE],
        day=training.day_of,
        words=long_date,
        start=start,
        following=url(PATH, state=state, after=following) if following else None,
        first=url(PATH, state=state),
        file=lambda kind: url(f"{PATH}.{kind}", state=state),
        megabytes=MOST_BYTES // 1024 // 1024,
    )


@pages.get(PATH, can=Can.READ_TRAINING_RECORDS)
def records(tx: Tx, page: Page) -> Response:
    """The reconciliation report."""
    return draw(tx, page)


def _lines(rows: list[Any]) -> Iterator[list[Cell]]:
    for row in rows:
        answer = row.state if row.state in ("confirmed", "refused") else ""
        cells = (row.id, row.mark, row.employee_number, row.name, row.kind, row.code, row.title, row.provider, training.day_of(row))
        more = (row.expires_on, row.outcome, row.minutes, "yes" if row.withdrawn else "no", answer, row.reason, row.reference)
        yield ["" if cell is None else cell for cell in (*cells, *more)]


def _file(tx: Tx, page: Page, kind: str) -> Response:
    state = _state(page)
    rows = training.slice_after(tx, RecordsQuery(state=state), 0, MOST_IN_FILE + 1)
    if len(rows) > MOST_IN_FILE:
        raise Conflict(
            f"One file holds at most {MOST_IN_FILE:,} records, and this would be more.",
            code="too-many-records",
            way_out="Take those that wait for an answer, or use the REST interface.",
        )
    body = table_bytes(kind, "Training records", HEADS, _lines(rows))
    page.took("training-records.exported", "training_confirmations", rows=len(rows), state=state or "all", as_file=kind)
    name = f"training-records-{tx.today.isoformat()}.{kind}"
    return Response(body, media_type=TYPES[kind], headers={"content-disposition": f'attachment; filename="{name}"'})


@pages.get(f"{PATH}.csv", can=Can.READ_TRAINING_RECORDS)
def as_csv(tx: Tx, page: Page) -> Response:
    """The records of one state, or all, for HR's system. Who took them is in the audit trail before the file leaves."""
    return _file(tx, page, "csv")


@pages.get(f"{PATH}.xlsx", can=Can.READ_TRAINING_RECORDS)
def as_workbook(tx: Tx, page: Page) -> Response:
    """The same as a workbook."""
    return _file(tx, page, "xlsx")


def _read(tx: Tx, page: Page) -> answer_file.Answers:
    """Read the file before the writer's turn is taken."""
    del tx
    return answer_file.read(sheet_pages.chosen(page.form, "Choose the file with HR’s answers.")[1])


@pages.post(PATH, can=Can.CONFIRM_TRAINING_RECORDS, first=_read, again=draw, uploads=True)
def answers(tx: Tx, page: Page) -> Response:
    """HR's answers from a file: all of them, or none."""
    done = answer_file.apply(tx, page.found)
    return page.go(PATH, confirmed=done["confirmed"], refused=done["refused"], same=done["unchanged"] + page.found.blank)
