"""A made-up council of any size with fifty facts a person, written by a few statements: for measurements, and for many changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, String, case, cast, func, insert, literal, literal_column, null, select, text
from sqlalchemy.engine import Connection

from app.core.db import FOREVER, Base, Database, is_postgresql
from app.core.expressions import days_after
from app.frameworks.models import Programme, ProgrammeVersion, Standard, StandardsSet, SupervisionRule
from app.learning.models import Completion, Course, Curriculum, CurriculumCourse, LearningRecord
from app.learning.record_models import RecordStandard
from app.pathways.models import Endorsement, Requirement, RequirementGroup, Step, StepVersion
from app.pathways.versions import copy_curricula
from app.people.models import CareerStage, Membership, Person, Post, Registration, Stage, Unit, UnitClosure
from app.programmes.models import Cohort, Enrolment
from app.programmes.panel_models import Decision
from app.supervision.action_models import SupervisionDefault
from app.supervision.models import Supervision
from app.supervision.pdr_models import Pdr, PdrCycle, PdrEvent
from tests.factory import Make

STAGES = ("SUPPORT", "STUDENT", "NQSW", "SW", "EXP", "SENIOR", "ATM", "TM", "SM", "AD")
SHARE = (10, 5, 12, 25, 20, 12, 7, 5, 3, 1)  # of a hundred people
COURSES, CURRICULA, STANDARDS, TEAM = 60, 10, 12, 30
BEGAN = date(2018, 1, 1)
TODAY = date(2026, 11, 22)
RECORDED = datetime(2026, 11, 1, 9, tzinfo=UTC)
DAYS = (TODAY - BEGAN).days
EVERY = {"completions": 20, "records": 18, "tags": 4, "supervisions": 3, "reviews": 2}  # of a person, beside six that everybody has once


def numbers(db: Connection, name: str, count: int) -> Any:
    """A selectable with the column `n`, from 1 to `count`."""
    if is_postgresql(db):
        return select(func.generate_series(1, count, type_=Integer).column_valued("n")).subquery(name)
    series = select(literal(1).label("n")).cte(name, recursive=True)
    return series.union_all(select(series.c.n + 1).where(series.c.n < count))


def scattered(*parts: Any, among: int) -> Any:
    """A number from 0 to `among` - 1 that looks random and is always the same for the same parts."""
    mixed: Any = literal(17, BigInteger)
    for prime, part in zip((7919, 104_729, 31_337, 613), parts, strict=False):
        mixed = mixed + part * literal(prime, BigInteger)
    mixed = mixed % literal(1_000_003, BigInteger) * literal(7_877, BigInteger) + 12_345
    return mixed % 999_983 % among


def put(db: Connection, table: type[Base], columns: dict[str, Any], rows: Select[Any]) -> None:
    """INSERT … SELECT of these columns."""
    db.execute(insert(table).from_select(list(columns), rows.with_only_columns(*columns.values()), include_defaults=False))


@contextmanager
def unchecked(database: Database) -> Iterator[Connection]:
    """A writing transaction without foreign keys: what is written is made to fit."""
    with database.write.connect() as connection:
        if database.sqlite:
            connection.connection.driver_connection.execute("pragma foreign_keys=off")  # type: ignore[union-attr]
        with connection.begin():
            if not database.sqlite:
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            yield connection
        if database.sqlite:
            connection.connection.driver_connection.execute("pragma foreign_keys=on")  # type: ignore[union-attr]


def fill(database: Database, people: int) -> None:
    """A council with so many people in teams of thirty, two next steps each, and what they did since 2018."""
    make = Make(database)
    with make.tx() as tx:
        _reference(tx)
        _steps(tx)
    with unchecked(database) as db:
        _people(db, people)
        _learning(db, people)
        _development(db, people)
        if not database.sqlite:
            for table in ("people", "units", "learning_records", "pdrs", "enrolments", "panel_decisions"):  # keys were given, not drawn
                db.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), coalesce(max(id), 1)) FROM {table}"))
    if not database.sqlite:
        with database.write.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
    else:
        with database.write.connect() as connection, connection.begin():
            connection.execute(text("ANALYZE"))


# What everybody shares -----------------------------------------------------------------------------------------------


def _reference(tx: Any) -> None:
    tx.insert_many(
        CareerStage, [dict(code=code, title=code.title(), rank=10 * n, stage_group="practitioner") for n, code in enumerate(STAGES, 1)]
    )
    standards = tx.insert(StandardsSet, code="STD", version="1", title="Standards")
    tx.insert_many(Standard, [dict(code=f"STD-{n}", set_id=standards, number=n, title=f"Standard {n}") for n in range(1, STANDARDS + 1)])
    tx.insert_many(Programme, [dict(code="ASYE", title="First year", former_names=[])])
    plain: dict[str, Any] = dict(nominal_months=12, definition={}, digest="", state="published", published_at=tx.now, created_at=tx.now)
    version = tx.insert(ProgrammeVersion, programme_code="ASYE", version="1", title="First year", **plain)
    tx.insert(Cohort, version_id=version, title="Everybody", starts_on=BEGAN, created_at=tx.now)
    for n in range(1, COURSES + 1):
        tx.insert(
            Course,
            slug=f"course-{n}",
            title=f"Course {n}",
            summary="",
            outcomes="",
            kind="masterclass",
            status="published",
            validity_months=(None, 12, 24, 36)[n % 4],
            created_at=tx.now,
            updated_at=tx.now,
        )
    for n in range(1, CURRICULA + 1):
        curriculum = tx.insert(Curriculum, title=f"Curriculum {n}", rule="any" if n % 2 else "all", needed=3 if n % 2 else None)
        tx.insert_many(
            CurriculumCourse, [dict(curriculum_id=curriculum, course_id=(n * 6 + k) % COURSES + 1, position=k) for k in range(5)]
        )
    host = tx.insert(Unit, kind="organisation", code="host", name="Westmarch County Council", host=True)
    tx.update(Unit, host, organisation_id=host)
    tx.db.execute(insert(UnitClosure), dict(ancestor_id=host, descendant_id=host, depth=0))
    tx.insert(PdrCycle, organisation_id=host, title="Review years", starts_on=BEGAN, ends_on=date(2026, 12, 31), **_PDR)
    monthly = {"counts": ["professional", "reflective", "case"], "periods": [{"label": "monthly", "from_month": 0, "every_months": 1}]}
    rule = tx.insert(SupervisionRule, code="MONTHLY", version="1", title="Monthly", definition=monthly, state="published")
    tx.insert(SupervisionDefault, unit_id=host, rule_id=rule, valid_from=BEGAN, valid_to=FOREVER, recorded_at=RECORDED)


_PDR: dict[str, Any] = dict(
    objectives_by=date(2018, 3, 1), mid_year_by=date(2018, 9, 1), complete_by=date(2027, 1, 31), new_days=90, away_days=60
)


def _steps(tx: Any) -> None:
    """From each stage a step up and another one further; every kind of requirement in each: twelve of them in three groups."""
    for n, stage in enumerate(STAGES[:-1]):
        for k, target in enumerate((STAGES[n + 1], STAGES[min(n + 2, len(STAGES) - 1)])):
            title = f"From {stage} to {target}"
            step = tx.insert(Step, code=f"{stage}-{k}", title=title, kind="progression", to_stage=target)
            applies = {"stages": [stage], "contracts": ["permanent", "fixed term"], "host_only": True}
            version = tx.insert(StepVersion, step_id=step, number=1, title=title, applies=applies, in_force_from=BEGAN)
            for number, group in enumerate(_groups(2 * n + k, stage), 1):
                rule = "any" if number == 2 else "all"
                group_id = tx.insert(
                    RequirementGroup,
                    version_id=version,
                    number=number,
                    title=f"Group {number}",
                    rule=rule,
                    needed=2 if number == 2 else None,
                )
                for place, (kind, values) in enumerate(group):
                    tx.insert(
                        Requirement, version_id=version, group_id=group_id, number=10 * number + place, kind=kind, title=kind, **values
                    )
            copy_curricula(tx, version)
            tx.update(StepVersion, version, state="published", published_at=RECORDED)


def _groups(n: int, stage: str) -> list[list[tuple[str, dict[str, Any]]]]:
    def course(k: int) -> tuple[str, dict[str, Any]]:
        return "course", dict(course_id=(3 * n + k) % COURSES + 1)

    return [
        [course(0), course(1), course(2), ("curriculum", dict(curriculum_id=n % CURRICULA + 1, rule="all"))],
        [
            ("records", dict(bucket="formal", minutes=600, months=24)),
            ("records", dict(bucket="social", times=3, months=12)),
            ("standard", dict(standard=f"STD-{n % STANDARDS + 1}", times=1)),
            ("endorsement", dict(role="line manager")),
        ],
        [
            ("months_in_stage", dict(stage=stage, months=12)),
            ("registration", {}),
            ("pdr", dict(months=12)),
            ("supervision", {}),
            *([("programme", dict(programme_code="ASYE"))] if stage == "NQSW" else []),
        ],
    ]


# People and their facts ----------------------------------------------------------------------------------------------


def _day(*parts: Any) -> Any:
    """Some day since the council began."""
    return days_after(literal(BEGAN), scattered(*parts, among=DAYS))


def _facts(n: Any, *, since: Any = None) -> dict[str, Any]:
    return dict(valid_from=literal(BEGAN) if since is None else since, valid_to=literal(FOREVER), recorded_at=literal(RECORDED))


def _people(db: Connection, people: int) -> None:
    teams = numbers(db, "teams", people // TEAM + 1)
    unit = dict(id=teams.c.n + 1, parent_id=literal(1), organisation_id=literal(1), kind=literal("team"), name=_word("Team ", teams.c.n))
    more = dict(code=_word("t", teams.c.n), search_text=literal(""), host=literal(False), version=literal(1))
    put(db, Unit, {**unit, **more}, select(teams))
    put(db, UnitClosure, dict(ancestor_id=teams.c.n + 1, descendant_id=teams.c.n + 1, depth=literal(0)), select(teams))
    put(db, UnitClosure, dict(ancestor_id=literal(1), descendant_id=teams.c.n + 1, depth=literal(1)), select(teams))
    n = numbers(db, "everybody", people)
    who = dict(id=n.c.n, organisation_id=literal(1), first_name=literal("Pat"), last_name=_word("", n.c.n), name=_word("Pat ", n.c.n))
    made = dict(created_at=literal(RECORDED), updated_at=literal(RECORDED), sort_name=_word("pat ", n.c.n), search_text=literal(""))
    put(db, Person, {**who, **made, "version": literal(1)}, select(n))
    job = dict(job_title=literal("Social worker"), contract=literal("permanent"), fte=literal(1), working_days=literal("1111100"))
    put(db, Post, dict(person_id=n.c.n, **job, is_primary=literal(True), **_facts(n)), select(n))
    put(db, Membership, dict(person_id=n.c.n, unit_id=n.c.n // TEAM + 2, **_facts(n)), select(n))
    part = scattered(n.c.n, among=100)
    edges = [sum(SHARE[: k + 1]) for k in range(len(SHARE))]
    stage = case(*((part < edge, code) for edge, code in zip(edges, STAGES, strict=True)), else_=STAGES[-1])
    before = case(*((part < edge, code) for edge, code in zip(edges, (STAGES[0], *STAGES), strict=False)), else_=STAGES[-2])
    since = days_after(literal(BEGAN), 365 + scattered(n.c.n, 5, among=DAYS - 365))
    put(db, Stage, dict(person_id=n.c.n, stage=before, **{**_facts(n), "valid_to": since}), select(n))
    put(db, Stage, dict(person_id=n.c.n, stage=stage, **_facts(n, since=since)), select(n))
    put(db, Registration, dict(person_id=n.c.n, status=literal("registered"), **_facts(n, since=_day(n.c.n, 6))), select(n))


def _word(before: str, number: Any) -> Any:
    return literal(before).concat(cast(number, String))


def _learning(db: Connection, people: int) -> None:
    def each(how_many: int, name: str) -> tuple[Any, Any, Any]:
        """(selectable, person, number of the fact)."""
        n = numbers(db, name, people * how_many)
        return n, (n.c.n - 1) // how_many + 1, n.c.n % how_many

    n, person, k = each(EVERY["completions"], "completed")
    course = scattered(person, k, among=COURSES) + 1
    on = _day(person, k, course)
    expires = case((course % 4 == 0, null()), else_=days_after(on, course % 4 * 365))
    known: dict[str, Any] = dict(recorded_at=literal(RECORDED), superseded_at=case((n.c.n % 37 == 0, literal(RECORDED)), else_=null()))
    put(
        db,
        Completion,
        dict(person_id=person, course_id=course, completed_on=on, expires_on=expires, source=literal("import"), **known),
        select(n),
    )
    n, person, k = each(EVERY["records"], "learnt")
    known = dict(recorded_at=literal(RECORDED), superseded_at=case((n.c.n % 37 == 0, literal(RECORDED)), else_=null()))
    bucket = case((k % 3 == 0, "formal"), (k % 3 == 1, "social"), else_="experience")
    about = dict(title=literal("Learning"), source=literal("import"), minutes=30 + scattered(person, k, 3, among=10) * 30)
    put(db, LearningRecord, dict(id=n.c.n, person_id=person, on_date=_day(person, k, 2), bucket=bucket, **about, **known), select(n))
    n, person, k = each(EVERY["tags"], "tagged")
    record = (person - 1) * EVERY["records"] + 1 + k
    standard = _word("STD-", scattered(person, k, 4, among=STANDARDS) + 1)
    put(db, RecordStandard, dict(first_id=record, standard=standard, slot=literal(1), recorded_at=literal(RECORDED)), select(n))


def _development(db: Connection, people: int) -> None:
    n = numbers(db, "reviewed", people)
    put(db, Pdr, dict(id=n.c.n, person_id=n.c.n, cycle_id=literal(1)), select(n))
    for k, kind in enumerate(("objectives", "complete")):
        on = days_after(literal(TODAY), -scattered(n.c.n, k, among=700))
        put(db, PdrEvent, dict(pdr_id=n.c.n, kind=literal(kind), on_date=on, recorded_at=literal(RECORDED)), select(n))
    for k in range(EVERY["supervisions"]):
        on = days_after(literal(TODAY), -30 * k - scattered(n.c.n, k, among=30))
        what = dict(kind=literal("professional"), minutes=literal(60), source=literal("entry"), recorded_at=literal(RECORDED))
        put(db, Supervision, dict(person_id=n.c.n, held_on=on, **what), select(n))
    said = dict(role=literal("line manager"), endorsed_by=n.c.n % people + 1, on_date=_day(n.c.n, 7), valid_to=literal(FOREVER))
    step = scattered(n.c.n, 8, among=18) + 1
    put(db, Endorsement, dict(person_id=n.c.n, step_id=step, **said, recorded_at=literal(RECORDED)), select(n).where(n.c.n % 3 == 0))
    passed = select(n).where(n.c.n % 5 == 0)
    kept = dict(outcome=literal("pass"), decided_at=literal(RECORDED - timedelta(days=400)))
    enrolled = dict(
        id=n.c.n, reference=_word("r", n.c.n), person_id=n.c.n, cohort_id=literal(1), version_id=literal(1), plan_number=literal(1)
    )
    dates = dict(
        starts_on=literal(BEGAN), ends_on=literal(TODAY), fte=literal(1), status=literal("completed"), created_at=literal(RECORDED)
    )
    given = dict(eligible=literal_column("'[]'"), grant_reasons=literal_column("'[]'"), grant_ok=literal(True), moved_in=literal(False))
    put(
        db,
        Enrolment,
        {**enrolled, **dates, **given, "outcome": literal("pass"), "decision_id": n.c.n, "version": literal(1)},
        passed,
    )
    decided = dict(id=n.c.n, enrolment_id=n.c.n, kind=literal("confirm"), reasons=literal(""), checklist=literal_column("'[]'"), **kept)
    put(db, Decision, decided, passed)


def team_of(person_id: int) -> Select[Any]:
    """The thirty people of somebody's team."""
    its = select(Membership.unit_id).where(Membership.person_id == person_id).scalar_subquery()
    return select(Membership.person_id).where(Membership.unit_id == its)
