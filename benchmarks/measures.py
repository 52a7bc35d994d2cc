"""Measures: the dashboard, a measure with its breakdowns, closing a month; and the export of a talent pool of 20,000 people.

python -m benchmarks.measures

1,286 people on both databases and 100,000 people with five million facts on PostgreSQL, in teams of thirty under services. The measure
set is the demonstration county's; one month is closed by the code that the timetable runs, its cells are copied to twelve months before,
so that the pages have their trends. Pages are asked for over HTTP in process, signed in as a board viewer, the first time not counted.
The pool's list is every fifth of 100,000 people on PostgreSQL, of 20,000 on SQLite everybody.
Limits: the dashboard within 500 ms at 1,286 people and 2 s at 100,000; a pool's 20,000 rows as any file within 5 s;
the whole report of the board within 15 s at 1,286 people.
"""

from __future__ import annotations

import io
import statistics
import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import psutil
import pypdf
from sqlalchemy import insert, select, text, update
from starlette.testclient import TestClient

from app.core.calendar import add_months
from app.core.config import load
from app.core.db import Database
from app.core.tx import SYSTEM, Actor, transaction
from app.identity import access
from app.identity import operations as identity
from app.main import create_app
from app.measures import closing, sets
from app.measures.dimensions import month_end
from app.measures.models import MeasureCell, MonthClose
from app.pathways.models import Step
from app.people.models import Person, Unit, UnitClosure
from app.policy import Role
from app.reports import content, operations, signing
from app.reports.models import BoardReport
from app.talent.models import TalentAgreement, TalentEntry, TalentNomination, TalentPool
from benchmarks.house import arguments, both
from benchmarks.pathways import council, facts
from seed import measure_sets
from tests.factory import Make
from tests.pathways import crowd

SIZES = {"sqlite": (1_286,), "postgresql": (1_286, 100_000)}
LIMITS = {1_286: 0.5, 100_000: 2.0}  # seconds for the dashboard
EXPORTED, LIMIT_EXPORT = 20_000, 5.0  # people on a list; seconds
APART = {"sqlite": 1, "postgresql": 5}  # every how many people one is on it
LIMIT_REPORT = 15.0  # seconds for a whole report of the board
MONTHS, REPEAT, SERVICES = 12, 5, 20


def tree(database: Database) -> int:
    """Teams under services, as a council has them; returns its id."""
    with transaction(database, SYSTEM, writes=True) as tx:
        host = int(tx.scalar(select(Unit.id).where(Unit.host.is_(True))))
        services = [
            tx.insert(Unit, kind="service", code=f"service-{n}", name=f"Service {n}", parent_id=host, organisation_id=host)
            for n in range(1, SERVICES + 1)
        ]
        teams = tx.rows(select(Unit.id).where(Unit.kind == "team"))
        tx.insert_many(
            UnitClosure, [dict(ancestor_id=up, descendant_id=key, depth=d) for key in services for up, d in ((host, 1), (key, 0))]
        )
        tx.insert_many(UnitClosure, [dict(ancestor_id=services[row.id % SERVICES], descendant_id=row.id, depth=1) for row in teams])
        for number, service in enumerate(services):
            mine = [row.id for row in teams if row.id % SERVICES == number]
            if mine:
                tx.db.execute(update(Unit).where(Unit.id.in_(mine)).values(parent_id=service))
    return host


def close(database: Database, host: int) -> float:
    """Publish the newest month, and copies of it before; returns the seconds of the one that was counted."""
    content = sets.from_folder(measure_sets.FOLDER)
    newest = month_end(add_months(crowd.TODAY.replace(day=1), -1))
    moment = datetime(crowd.TODAY.year, crowd.TODAY.month, crowd.TODAY.day, 9, tzinfo=crowd.RECORDED.tzinfo)
    with transaction(database, SYSTEM, writes=True, now=moment) as tx:
        set_id = sets.publish(tx, host, content)
    begun = time.perf_counter()
    with transaction(database, SYSTEM, writes=True, now=moment) as tx:
        counted = closing.close_month(tx, host, newest)
    seconds = time.perf_counter() - begun
    with transaction(database, SYSTEM, writes=True) as tx:
        columns = [column for column in MeasureCell.__table__.c if column.name != "close_id"]
        for n in range(1, MONTHS + 1):
            row = dict(organisation_id=host, set_id=set_id, month_end=month_end(add_months(newest.replace(day=1), -n)), closed_by=None)
            earlier = tx.insert(MonthClose, **row, known_at=moment, closed_at=moment, below=6)
            copied = select(text(str(earlier)), *columns).where(MeasureCell.close_id == counted)
            tx.db.execute(insert(MeasureCell).from_select(["close_id", *(column.name for column in columns)], copied))
    analyse(database)
    return seconds


def analyse(database: Database) -> None:
    """Tell the planner what there is, as the database does by itself in time."""
    if not database.sqlite:
        with database.write.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))


def reader(database: Database, host: int, role: Role) -> TestClient:
    """A browser of somebody who has this role and nothing else to do here."""
    settings = load(base_url="http://testserver", log_level="error", threads=2)
    name = role.value.title()
    who = Make(database).person(f"{name} Reader", organisation=host, roles=(role.value,), scope=host, employee_number=f"READER {name}")
    with transaction(database, SYSTEM, writes=True) as tx:
        token = identity.sign_in(tx, who.id, "benchmark", settings)
    browser = TestClient(create_app(settings, database), follow_redirects=False)
    browser.cookies.set(access.cookie_name(settings), token)
    return browser


def seconds(ask: Callable[[], Any]) -> float:
    """The median of several times, the first not counted."""
    times = []
    for _ in range(1 + REPEAT):
        begun = time.perf_counter()
        reply = ask()
        times.append(time.perf_counter() - begun)
        if reply.status_code != 200:
            raise SystemExit(f"{reply.request.url} answered {reply.status_code}")
    return statistics.median(times[1:])


def pages(kind: str, people: int) -> bool:
    """Print the line of one size; was a limit missed?"""
    with council(kind, people) as database:
        host = tree(database)
        closed = close(database, host)
        board = reader(database, host, Role.BOARD)
        code = "learning-take-up"
        dashboard = seconds(lambda: board.get("/measures"))
        measure = seconds(lambda: board.get(f"/measures/{code}"))
        book = seconds(lambda: board.get(f"/measures/{code}/table.xlsx"))
        psw = reader(database, host, Role.PSW)
        live = seconds(lambda: psw.get(f"/measures/{code}/live"))
        with transaction(database, SYSTEM, writes=False) as tx:
            cells = int(tx.scalar(select(text("count(*)")).select_from(MeasureCell)))
        print(
            f"| {kind} | {people:,} · {facts(database):,} | {cells:,} | {dashboard * 1000:.0f} ms | {measure * 1000:.0f} ms "
            f"| {book * 1000:.0f} ms | {live * 1000:.0f} ms | {closed:.1f} s |",
            flush=True,
        )
    return dashboard > LIMITS.get(people, 2.0)


# The board's report --------------------------------------------------------------------------------------------------


def board_report(database: Database, host: int) -> tuple[float, int, int]:
    """(seconds from the published month to the signed report with its page, PDF and workbook, pages of the PDF, bytes of both files)."""
    who = Make(database).person("Signs Reports", organisation=host, roles=(Role.PSW.value,), scope=host, employee_number="SIGNS")
    actor = Actor("person", who.id, who.name, ((Role.PSW.value, host),), organisation_id=host)
    newest = month_end(add_months(crowd.TODAY.replace(day=1), -1))
    begun = time.perf_counter()
    with transaction(database, actor, writes=True) as tx:
        key = operations.begin(tx, host, "board", newest)
    with transaction(database, actor, writes=False) as tx:
        seen = signing.digest_of(content.compose(tx, tx.get(BoardReport, key)))
        drawn = signing.prepare(tx, load(), key, seen)
    with transaction(database, actor, writes=True) as tx:
        signing.sign(tx, key, drawn)
    took = time.perf_counter() - begun
    return took, len(pypdf.PdfReader(io.BytesIO(drawn.pdf)).pages), len(drawn.pdf) + len(drawn.workbook)


def reports(kind: str, people: int) -> bool:
    """Print the line of one size; was the limit missed?"""
    with council(kind, people) as database:
        host = tree(database)
        close(database, host)
        took, paged, size = board_report(database, host)
        print(f"| {kind} | {people:,} | {took:.1f} s | {paged} | {size / 1e6:.1f} MB |", flush=True)
    return took > LIMIT_REPORT


# A pool's list as a file ---------------------------------------------------------------------------------------------


def pool(database: Database, host: int, apart: int) -> int:
    """A pool with one of so many people on its list, each nominated; returns its id."""
    with transaction(database, SYSTEM, writes=True) as tx:
        step = tx.scalar(select(Step.id).where(Step.to_stage == "EXP").order_by(Step.id).limit(1))
        made = dict(
            organisation_id=host, title="Experienced social worker", step_id=step, stage="EXP", critical=True, posts=9, depth_wanted=30
        )
        key = tx.insert(TalentPool, **made, opened_at=tx.now)
        on = dict(entered_on=crowd.BEGAN, entered_at=tx.now)
        listed = [row.id for row in tx.rows(select(Person.id).where(Person.id % apart == 0).order_by(Person.id))]
        tx.insert_many(TalentEntry, [dict(pool_id=key, person_id=person, **on) for person in listed])
        entries = tx.rows(select(TalentEntry.id, TalentEntry.person_id).where(TalentEntry.pool_id == key))
        tx.insert_many(
            TalentAgreement,
            [dict(entry_id=row.id, person_id=row.person_id, agrees=True, on_date=crowd.BEGAN, recorded_at=tx.now) for row in entries],
        )
        why = dict(nominated_by=listed[0], reasons="Leads by example, and others learn from it.", recorded_at=tx.now)
        tx.insert_many(TalentNomination, [dict(entry_id=row.id, **why) for row in entries])
    return key


def grew(ask: Callable[[], Any]) -> tuple[float, float, int]:
    """(seconds, megabytes that this process grew by meanwhile, bytes of the reply)."""
    me, most, done = psutil.Process(), 0, threading.Event()
    before = me.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not done.wait(0.02):
            most = max(most, me.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    begun = time.perf_counter()
    reply = ask()
    took = time.perf_counter() - begun
    done.set()
    watching.join()
    if reply.status_code != 200:
        raise SystemExit(f"{reply.request.url} answered {reply.status_code}")
    return took, max(0.0, (most - before) / 1e6), len(reply.content)


def exports(kind: str, people: int) -> bool:
    """Print a line for each kind of file; was a limit missed?"""
    missed, apart = False, APART[kind]
    with council(kind, people * apart) as database:
        host = tree(database)
        key = pool(database, host, apart)
        analyse(database)
        psw = reader(database, host, Role.PSW)
        for file_type in ("csv", "xlsx", "json"):
            form = {"purpose": "To measure how long it takes", "type": file_type}
            ask = partial(psw.post, f"/talent/pools/{key}/export", data=form, headers={"sec-fetch-site": "same-origin"})
            ask()
            took, megabytes, size = grew(ask)
            listed = f"{people:,} of {people * apart:,}"
            print(f"| {kind} | {file_type} | {listed} | {took:.1f} s | {megabytes:.0f} MB | {size / 1e6:.1f} MB |", flush=True)
            missed |= took > LIMIT_EXPORT
    return missed


def main() -> int:
    """Print the tables; 1 where a limit was missed."""
    options = arguments(__doc__ or "")
    options.add_argument("--people", type=int, help="only this size, on each database")
    options.add_argument("--exported", type=int, default=EXPORTED, help="people on the list that is exported")
    given, missed = options.parse_args(), False
    print("| database | people · facts | cells of 13 months | dashboard | a measure | its workbook | counted live | a month closed |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in both(given):
        for people in (given.people,) if given.people else SIZES[kind]:
            missed |= pages(kind, people)
    print("\n| database | people | report drawn and signed | pages of the PDF | PDF and workbook |")
    print("|---|---|---|---|---|")
    for kind in both(given):
        missed |= reports(kind, given.people or 1_286)
    print("\n| database | file | people on the list | export | grew by, the reply included | size |")
    print("|---|---|---|---|---|---|")
    for kind in both(given):
        missed |= exports(kind, given.exported)
    return missed


if __name__ == "__main__":
    raise SystemExit(main())
