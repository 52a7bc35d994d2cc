"""Loads the demonstration county: most of it in bulk, the personas' own bookings through the same operations as everybody's."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, islice
from time import monotonic
from typing import Any

from sqlalchemy import func, insert, literal, select, text, update

from app.core.calendar import london
from app.core.config import Settings
from app.core.db import Base, Database, is_postgresql
from app.core.errors import Conflict
from app.core.ledger import Outbox
from app.core.tx import SYSTEM, Tx, clock, transaction
from app.frameworks import queries as frameworks
from app.identity.operations import PASSWORDS
from app.learning.models import Course
from app.people.models import Person
from app.supervision.models import Supervision
from seed import (
    afterwards,
    caseload_rows,
    census_rows,
    development_rows,
    equality_rows,
    hr_answers,
    measure_rows,
    measure_sets,
    renewal_rows,
    report_rows,
    rows,
    session_rows,
    settings_rows,
    supervision_rows,
    talent_rows,
    together_rows,
)
from seed.booking_life import carry_on
from seed.content import content
from seed.frameworks import load_frameworks
from seed.history import Attendance
from seed.makers import Maker
from seed.mandatory_rows import require
from seed.pathway_rows import carry_pathways
from seed.personas import PASSWORD
from seed.programme_rows import carry_programmes
from seed.record_life import learn
from seed.sample import Stage, act_out, certify
from seed.timetable import Planner
from seed.workforce import Workforce, build_workforce

CHUNK = 5_000  # rows sent at once
SEED = 2026


def run(database: Database, options: Namespace, config: Settings) -> int:
    """`python -m app seed`: load the county, and say what is there now. Refuses a database that has people, and real settings."""
    if not config.demo:
        print(
            "The demonstration county is only for demonstration mode: set ACADEMY_DEMO=1. It must never share a database with real people."
        )
        return 2
    with transaction(database, SYSTEM, writes=False) as tx:
        empty = is_empty(tx)
    if not empty:
        print("There are people already, so nothing was loaded.")
        return 0 if options.if_empty else 1
    started = monotonic()
    counts = load(database, people=options.people, seed=options.seed, today=options.today)
    words = ", ".join(f"{counts[name]:,} {name}" for name in ("people", "sessions", "bookings", "completions"))
    print(f"The demonstration county is ready: {words}, in {monotonic() - started:.0f} seconds.")
    return 0


LARGE = 10_000  # people


def is_empty(tx: Tx) -> bool:
    """Whether nobody is recorded yet."""
    return tx.scalar(select(literal(1)).select_from(Person).limit(1)) is None


def load(database: Database, *, people: int = 1286, seed: int = SEED, today: date | None = None, months: int = 0) -> dict[str, int]:
    """Fill an empty, migrated database with the county as it stands on `today`; returns how many rows each table has.

    `months`: of so many the figures are published; 0: of all, or of the newest one where there are more people than a council has, because
    counting then takes minutes a month. The same people, seed and date give the same rows, password hashes apart. Conflict if
    there are people already.
    """
    today = today or london(clock()).date()
    moment = last_moment(today)
    found = content()
    maker = Maker(seed, today)
    force = build_workforce(maker, found, people)
    planner = Planner(maker.chance, today, found, force, sessions_factor(people, found.headcount["total"]))
    meetings = planner.plan()
    history = Attendance(maker.chance, today, found, force, meetings, moment).fill()
    counts: dict[str, int] = {}
    with transaction(database, SYSTEM, writes=True, now=moment) as tx:
        if not is_empty(tx):
            raise Conflict("There are people already. Load the demonstration county into an empty database.", code="not-empty")
        tables = chain(
            rows.reference_rows(found),
            rows.offer_rows(found),
            rows.people_rows(force, today, PASSWORDS.hash(PASSWORD)),
            rows.group_rows(force),
            session_rows.session_rows(found, meetings, planner.rooms, history.turns, moment),
            session_rows.booking_rows(history),
            session_rows.completion_rows(found, history, moment),
            afterwards.rows_of(maker.chance, found, meetings, history, force.persona["practitioner"], moment),
        )
        for table, each in tables:
            name = table.__tablename__
            counts[name] = counts.get(name, 0) + write(tx, table, each)
        number_on(tx, counts)
    load_frameworks(database, moment)
    supervise(database, force, seed, today, moment, counts)
    stage = Stage(database, force, meetings, moment)
    act_out(stage)
    carry_on(stage)
    learn(stage)
    certify(stage)
    renewal_rows.renew(database, seed, moment, {force.persona["practitioner"] + 1})
    carry_programmes(stage, moment)
    carry_pathways(stage, moment)
    require(stage, moment)
    together_rows.meet(stage, moment, seed)
    counts["talent_entries"] = talent_rows.fill(stage, seed, moment)
    with transaction(database, SYSTEM, writes=True, now=moment) as tx:
        counts["training_confirmations"] = hr_answers.answer(tx, today, moment)
        counts["equality_answers"] = equality_rows.tell(tx, seed, moment, {i + 1 for i in force.persona.values()})
    counts["caseloads"] = counts.get("caseloads", 0) + caseload_rows.count(database, seed, moment)
    measure_sets.publish(database, moment)
    counts["measure_inputs"] = measure_rows.give(database, seed, moment)
    measure_sets.close(database, moment, months or (measure_sets.MONTHS if people <= LARGE else 1))
    counts["board_reports"] = report_rows.report(stage, moment)
    with transaction(database, SYSTEM, writes=True, now=moment) as tx:
        counts["setting_visits"] = settings_rows.tell(tx, moment, force.persona["psw"] + 1)
    counts["census_people"] = census_rows.take(database, seed, moment)
    settle(database, moment)
    return counts


def supervise(database: Database, force: Workforce, seed: int, today: date, moment: datetime, counts: dict[str, int]) -> None:
    """What was held of supervision by the rules that the frameworks have brought, and development reviews."""
    with transaction(database, SYSTEM, writes=True, now=moment) as tx:
        rule = frameworks.rule(tx, "SUP-ASYE")
        assert rule is not None
        held: list[dict[str, Any]] = []
        for table, each in supervision_rows.rows_of(force, rule.id, rule.definition, seed, today, moment):
            rows_ = list(each)
            held = rows_ if table is Supervision else held
            counts[table.__tablename__] = write(tx, table, rows_)
        number_on(tx, counts)
        usual = frameworks.rule(tx, "SUP-STANDARD")
        assert usual is not None
        courses = [row.id for row in tx.rows(select(Course.id).where(Course.status == "published").order_by(Course.id).limit(40))]
        for table, each in development_rows.rows_of(force, usual.id, usual.definition, courses, held, seed, today, moment):
            counts[table.__tablename__] = counts.get(table.__tablename__, 0) + write(tx, table, each)
        number_on(tx, counts)


def last_moment(today: date) -> datetime:
    """When the county's history ends: the afternoon before, so that whatever the hour is now, nothing was done in the future."""
    return datetime.combine(today - timedelta(days=1), time(16, 30), UTC)


def sessions_factor(people: int, usual: int) -> float:
    """How many times the usual number of sessions a county of this size has: fewer in a small one, three times in a very big one."""
    scale = people / usual
    return max(0.4, scale) if scale < 1 else scale**0.25


def write(tx: Tx, table: type[Base], each: Iterable[dict[str, Any]]) -> int:
    """Insert rows in big pieces; returns how many. Reference rows that are there already stay as they are."""
    count, remaining = 0, iter(each)
    if table.__tablename__ in ("career_stages", "standards_sets", "standards") and tx.scalar(select(func.count()).select_from(table)):
        return 0
    statement = insert(table)
    while piece := list(islice(remaining, CHUNK)):
        tx.db.execute(statement, piece)
        count += len(piece)
    return count


def number_on(tx: Tx, counts: dict[str, int]) -> None:
    """PostgreSQL numbers its rows from a sequence, which does not notice the keys that we gave out ourselves."""
    if not is_postgresql(tx.db):
        return
    for table in Base.metadata.sorted_tables:
        if table.name in counts and "id" in table.c:
            tx.db.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), (SELECT coalesce(max(id), 1) FROM {table.name}))")  # noqa: S608
            )


def settle(database: Database, moment: datetime) -> None:
    """Nobody is waiting for the messages of the past, and the database learns the shape of what it now holds."""
    with transaction(database, SYSTEM, writes=True, now=moment) as tx:
        tx.db.execute(update(Outbox).where(Outbox.sent_at.is_(None)).values(sent_at=moment))
        tx.db.execute(text("ANALYZE"))
