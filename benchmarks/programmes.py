"""Programmes: pages and one long document, with their queries and times, on both databases.

python -m benchmarks.programmes

A cohort board of 500 enrolments, an assessor's desk of 40, the checklist of a whole cohort, and a portfolio of 60 pages as tagged PDF.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event, select, update

from app.core.db import Database, connect
from app.core.tx import Actor, transaction
from app.people.models import Person
from app.programmes import board, desk_queries
from app.programmes.checklist import checklists
from app.programmes.models import Capacity, Enrolment, Involvement
from app.programmes.portfolio_pdf import portfolio_pdf
from benchmarks import house
from benchmarks.house import arguments, both
from tests.factory import Make
from tests.programmes.crowd import cohort_of

BOARD, DESK, PAGES, REPEAT = 500, 40, 60, 5
MOST_QUERIES, MOST_SECONDS = 15, 2.0
WORDS = "What happened, what I thought and felt, which knowledge I drew on, and what I will do differently next time. " * 14


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that are run meanwhile."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    engines = {database.read, database.write}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


@contextmanager
def empty(kind: str) -> Iterator[Database]:
    """A database with tables and nobody in it: the crowd is made for the purpose."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/programmes.sqlite3"
        if kind == "postgresql":
            house._admin("DROP DATABASE IF EXISTS bench_programmes", "CREATE DATABASE bench_programmes")
            url = house._named("bench_programmes")
        house._app(url, "migrate")
        database = connect(url, pool=2)
        try:
            yield database
        finally:
            database.dispose()


def measured(what: Callable[[], object]) -> float:
    """Its median time in milliseconds, the first run not counted."""
    what()
    times = []
    for _ in range(REPEAT):
        begun = time.perf_counter()
        what()
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)


def actor(database: Database, person_id: int, *roles: str) -> Callable[[], Any]:
    """Transactions of somebody with these roles."""
    held = tuple((role, None) for role in ("practitioner", *roles))
    return lambda: transaction(database, Actor("person", person_id, "", held), writes=False)


def on(database: Database) -> list[tuple[str, int, float]]:
    """(what, queries, milliseconds) on one database."""
    make = Make(database)
    with make.tx(writes=False) as tx:
        today = tx.today
    large = cohort_of(make, BOARD, today=today, title="Benchmark board")
    with make.tx(writes=False) as tx:
        assessor = int(tx.scalar(select(Person.id).where(Person.name == "Asa Sessor").order_by(Person.id.desc()).limit(1)))
        ids = [row.id for row in tx.rows(select(Enrolment.id).where(Enrolment.cohort_id == large).order_by(Enrolment.id))]
    _leave(make, ids[DESK:], assessor)
    coordinator, assesses = actor(database, assessor, "coordinator"), actor(database, assessor, "assessor")

    def draw_board() -> None:
        with coordinator() as tx:
            found = board.everybody(tx, board.cohort(tx, large))
            board.counts(found, tx.today)
            board.chosen(found, board.Asked(), tx.today)

    def draw_desk() -> None:
        with assesses() as tx:
            assert len(desk_queries.desk(tx)[0].learners) == DESK

    def draw_lists() -> None:
        with coordinator() as tx:
            assert len(checklists(tx, ids)) == BOARD

    rows = []
    for name, what in ((f"Board of {BOARD}", draw_board), (f"Desk of {DESK}", draw_desk), (f"Checklists of {BOARD}", draw_lists)):
        with counted(database) as statements:
            what()
        rows.append((name, len(statements), measured(what)))
    return rows


def _leave(make: Make, ids: list[int], assessor: int) -> None:
    """The assessor of all keeps forty."""
    with make.tx() as tx:
        mine = select(Involvement.id).where(Involvement.person_id == assessor, Involvement.enrolment_id.in_(ids))
        tx.db.execute(update(Capacity).where(Capacity.involvement_id.in_(mine)).values(valid_to=tx.today))


def long_portfolio(documents: int) -> dict[str, Any]:
    """A portfolio of so many written documents, as the export hands it to the PDF."""
    at = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).isoformat()
    item = {"question": "What happened, and what did you learn?", "answer": WORDS, "redacted": False}
    paper = dict(revision="2", status="Complete", author="Nell Newly", saved_at=at, standards=["1.1"], attachments=[], signatures=[])
    papers = [
        {**paper, "title": f"Critical reflection {n}", "sections": [{"title": "Reflection", "guidance": "", "items": [item, item]}]}
        for n in range(documents)
    ]
    return dict(
        council="Westmarch County Council",
        service="Social Work Academy",
        colour="#1d70b8",
        title="Portfolio: ASYE",
        person={"name": "Nell Newly", "number": "SW900301"},
        programme="ASYE",
        version="1",
        cohort="September",
        status="In progress",
        exported_at=at,
        exported_by="Nell Newly",
        notes=[],
        stages=[{"title": "Final review", "status": "Open", "due": None, "documents": papers}],
        promised=[],
        decision=None,
        chain=[],
        head=None,
    )


def pages_of(pdf: bytes) -> int:
    """How many pages it has."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def main() -> int:
    """Print the table; 1 if anything is beyond its limit."""
    options = arguments(__doc__ or "").parse_args()
    wrong = 0
    print("| | Database | Queries | ms |\n|---|---|---|---|")
    for kind in both(options):
        with empty(kind) as database:
            for name, queries, milliseconds in on(database):
                wrong |= queries > MOST_QUERIES
                print(f"| {name} | {kind} | {queries} | {milliseconds:.0f} |")
    made = b""
    count = PAGES // 2
    while pages_of(made) < PAGES and count < 4 * PAGES:
        count += 5
        made = portfolio_pdf(long_portfolio(count))
    seconds = measured(lambda: portfolio_pdf(long_portfolio(count))) / 1000
    wrong |= seconds > MOST_SECONDS
    print(f"\nA portfolio of {pages_of(made)} pages as tagged PDF: {seconds:.2f} s, {len(made) // 1024} KB.")
    return int(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
