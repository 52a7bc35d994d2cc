"""Who is on a pool's list, on any date as far as was known at any instant, with how ready they are: the one query of page, file and API.

Nobody is on a list without agreeing to it, and whoever takes their agreement back is on no list any more, those of earlier dates included:
that, names and lawful erasure are all that changes an answer about the past (docs/talent.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Subquery, and_, bindparam, case, func, or_, select, text
from sqlalchemy.sql.elements import ColumnElement

from app.core.db import FOREVER, ONE, AnySelect, Key, is_postgresql
from app.core.declared import aliased
from app.core.facts import known
from app.core.listing import PageNumbers
from app.core.tx import Tx
from app.pathways.evidence import When
from app.pathways.models import StepVersion
from app.pathways.progress import People, Progress, step_rows, steps
from app.pathways.versions import Version, in_force
from app.people.models import CareerStage, Membership, Person, Post, Stage, Unit, UnitClosure, UnitKind
from app.policy import Can, within_reach
from app.talent.models import TalentAgreement, TalentEntry, TalentJudgement, TalentLabel, TalentPool

READY = {
    "met": "Meets the step",
    "lapsing": "Lapses soon",
    "lapsed": "Lapsed",
    "missing": "Not yet there",
}
SORTS = {"name": "Name", "ready": "Readiness", "horizon": "Horizon", "since": "Longest in the pool"}
COVERS = ("met", "lapsing")  # with these, and a horizon that says so, somebody is ready now
YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which of a pool's people, on which date, in which order. `known_at` None: as far as is recorded now."""

    as_at: date
    known_at: datetime | None = None
    ready: str = ""  # a key of READY
    horizon: int | None = None  # id of a label; 0: no judgement yet
    unit_id: int | None = None
    stage: str = ""
    sort: str = "name"

    @property
    def filters(self) -> dict[str, Any]:
        """What narrows the list, as the log and saved filters keep it."""
        named = dict(ready=self.ready, horizon=self.horizon, unit=self.unit_id, stage=self.stage)
        kept: dict[str, Any] = {name: value for name, value in named.items() if value not in (None, "")}
        return kept | ({"sort": self.sort} if self.sort != "name" else {})


# Conditions --------------------------------------------------------------------------------------------------------


def held(starts: Any, recorded: Any, ends: Any, superseded: Any, asked: Asked) -> ColumnElement[bool]:
    """True of a row on the date: it had begun, and had not ended as far as was known."""
    if asked.known_at is None:
        return and_(starts <= asked.as_at, asked.as_at < ends)
    ended_later = and_(superseded.is_not(None), superseded > asked.known_at)
    return and_(starts <= asked.as_at, recorded <= asked.known_at, or_(asked.as_at < ends, ended_later))


def in_pool(asked: Asked) -> ColumnElement[bool]:
    """Entries that stood in their pool."""
    entry = TalentEntry
    return held(entry.entered_on, entry.entered_at, entry.left_on, entry.left_at, asked)


def agreed(asked: Asked) -> ColumnElement[bool]:
    """For a join with `TalentAgreement`: the word that let somebody be listed on the date."""
    said = TalentAgreement
    then = held(said.on_date, said.recorded_at, said.until, said.superseded_at, asked)
    return and_(said.entry_id == TalentEntry.id, said.agrees, then)


def still_agrees() -> ColumnElement[bool]:
    """Their newest word is yes."""
    word = aliased(TalentAgreement)
    mine = select(ONE).where(word.entry_id == TalentEntry.id, word.superseded_at.is_(None), word.agrees)
    return mine.correlate(TalentEntry).exists()


def judged(asked: Asked) -> ColumnElement[bool]:
    """For a join with `TalentJudgement`: the confirmed judgement that counted."""
    row = TalentJudgement
    then = held(row.moderated_on, row.moderated_at, row.until, row.superseded_at, asked)
    return and_(row.entry_id == TalentEntry.id, row.state == "confirmed", then)


def _dated(table: Any, asked: Asked, now: datetime) -> ColumnElement[bool]:
    return and_(table.person_id == TalentEntry.person_id, known(table, asked.as_at, asked.known_at or now))


# The list ----------------------------------------------------------------------------------------------------------


def _service() -> Any:
    """The name of the service that a team belongs to."""
    above, closure = aliased(Unit), aliased(UnitClosure)
    return (
        select(above.name)
        .join(closure, closure.ancestor_id == above.id)
        .where(closure.descendant_id == Unit.id, above.kind == UnitKind.SERVICE)
        .order_by(closure.depth)
        .limit(1)
        .correlate(Unit)
        .scalar_subquery()
    )


def _people(tx: Tx, pool_ids: Sequence[int], asked: Asked, can: Can) -> AnySelect:
    """Everybody on the lists of these pools, with all but how ready they are."""
    horizon, potential = aliased(TalentLabel), aliased(TalentLabel)
    now = tx.now
    found: AnySelect = (
        select(
            TalentEntry.id.label("entry_id"),
            TalentEntry.pool_id,
            TalentEntry.person_id,
            Person.name,
            Person.sort_name,
            Person.employee_number,
            Post.job_title,
            Unit.name.label("team"),
            _service().label("service"),
            CareerStage.title.label("stage"),
            TalentEntry.entered_on,
            TalentAgreement.on_date.label("agreed_on"),
            potential.title.label("potential"),
            horizon.title.label("horizon"),
            func.coalesce(horizon.position, 10_000).label("horizon_position"),
            func.coalesce(horizon.ready_now, False).label("ready_now"),
            TalentJudgement.specialist,
            TalentJudgement.moderated_on.label("judged_on"),
        )
        .join(Person, Person.id == TalentEntry.person_id)
        .join(TalentAgreement, agreed(asked))
        .outerjoin(TalentJudgement, judged(asked))
        .outerjoin(horizon, horizon.id == TalentJudgement.horizon_id)
        .outerjoin(potential, potential.id == TalentJudgement.potential_id)
        .outerjoin(Post, and_(_dated(Post, asked, now), Post.is_primary))
        .outerjoin(Membership, _dated(Membership, asked, now))
        .outerjoin(Unit, Unit.id == Membership.unit_id)
        .outerjoin(Stage, _dated(Stage, asked, now))
        .outerjoin(CareerStage, CareerStage.code == Stage.stage)
        .where(TalentEntry.pool_id.in_(pool_ids), in_pool(asked), still_agrees())
        .where(or_(Person.leaving_on.is_(None), Person.leaving_on >= asked.as_at), within_reach(tx, can, Person.id))
    )
    if asked.unit_id is not None:
        below = select(UnitClosure.descendant_id).where(UnitClosure.ancestor_id == asked.unit_id)
        found = found.where(Membership.unit_id.in_(below))
    if asked.stage:
        found = found.where(Stage.stage == asked.stage)
    if asked.horizon is not None:
        found = found.where(TalentJudgement.id.is_(None) if asked.horizon == 0 else TalentJudgement.horizon_id == asked.horizon)
    return found


def _in_order(rows: Subquery, sort: str) -> list[Any]:
    """By what the rows themselves say; how ready people are is not among it."""
    named = [rows.c.sort_name, rows.c.entry_id]
    if sort == "horizon":
        return [rows.c.horizon_position, *named]
    return [rows.c.entered_on, *named] if sort == "since" else named


def _in_force(tx: Tx, asked: Asked) -> list[Version]:
    """The steps in force on the date; a page asks for them more than once."""
    key = f"steps in force {asked.as_at} {asked.known_at}"
    if tx.writes or key not in tx.memo:
        tx.memo[key] = in_force(tx, asked.as_at, asked.known_at)
    found: list[Version] = tx.memo[key]
    return found


def version_of(tx: Tx, pool: Any, asked: Asked) -> int | None:
    """The version of the pool's step that was in force on the date; None: there is no step, or none was."""
    if pool.step_id is None:
        return None
    return next((found.id for found in _in_force(tx, asked) if found.step_id == pool.step_id), None)


@dataclass(frozen=True, slots=True)
class Line:
    """One person of a list: a row of it, and how ready they are; None: there is no step to measure by."""

    row: Row[Any]
    ready: Progress | None


def one_page(tx: Tx, pool: Any, asked: Asked, version: int | None, page: int) -> tuple[PageNumbers, list[Line]]:
    """Some of the list, and which. Evidence is looked for only of those shown, unless the list is narrowed or sorted by it."""
    if by_readiness(asked, version):
        ready = _everybodys(tx, pool, asked, version)
        order = _order(tx, pool, asked, ready)
        numbers = PageNumbers(len(order), page)
        return numbers, [Line(row, ready.get(row.person_id)) for row in _these(tx, pool, asked, order[numbers.offset :][: numbers.size])]
    whole = _people(tx, [pool.id], asked, Can.READ_TALENT).subquery("listed")
    numbers = PageNumbers(_count(tx, pool, asked), page)
    some = select(*whole.c).order_by(*_in_order(whole, asked.sort)).limit(numbers.size).offset(numbers.offset)
    return numbers, _measured(tx, tx.rows(some) if numbers.total else [], version, asked)


def by_readiness(asked: Asked, version: int | None) -> bool:
    """Must everybody's evidence be known before it can be said who comes first, or at all?"""
    return bool(asked.ready) or (asked.sort == "ready" and version is not None)


def count(tx: Tx, pool: Any, asked: Asked, version: int | None) -> int:
    """How many are on the list."""
    return len(_order(tx, pool, asked, _everybodys(tx, pool, asked, version))) if asked.ready else _count(tx, pool, asked)


def _count(tx: Tx, pool: Any, asked: Asked) -> int:
    people = _people(tx, [pool.id], asked, Can.READ_TALENT).subquery("rows")
    return int(tx.scalar(select(func.count()).select_from(people)) or 0)


PART = 5_000  # people at a time
_ROOM = text("SET LOCAL work_mem = '64MB'")  # for sorting many people's evidence in memory
_THESE = select(Person.id).where(Person.id.in_(bindparam("these", expanding=True, type_=Key)))


def everybody(tx: Tx, pool: Any, asked: Asked, version: int | None) -> Iterator[Line]:
    """The whole list, as it comes from the database; reading must be of one moment (a transaction with `snapshot`)."""
    ready = _everybodys(tx, pool, asked, version)
    if by_readiness(asked, version):
        order = _order(tx, pool, asked, ready)
        for start in range(0, len(order), PART):
            yield from (Line(row, ready.get(row.person_id)) for row in _these(tx, pool, asked, order[start : start + PART]))
        return
    whole = _people(tx, [pool.id], asked, Can.READ_TALENT).subquery("rows")
    statement = select(*whole.c).order_by(*_in_order(whole, asked.sort))
    for part in tx.db.execute(statement, execution_options={"yield_per": PART}).partitions():
        yield from (Line(row, ready.get(row.person_id)) for row in part)


def _order(tx: Tx, pool: Any, asked: Asked, ready: dict[int, Progress]) -> list[int]:
    """The entries that are asked for, of those narrowed or sorted by how ready people are."""
    whole = _people(tx, [pool.id], asked, Can.READ_TALENT).subquery("rows")
    rows = tx.rows(select(whole.c.entry_id, whole.c.person_id).order_by(*_in_order(whole, asked.sort)))
    if asked.ready:
        rows = [row for row in rows if row.person_id in ready and ready[row.person_id].status == asked.ready]
    if asked.sort == "ready":
        rows = sorted(rows, key=lambda row: _place(ready.get(row.person_id)))  # equals stay in the order of their names
    return [row.entry_id for row in rows]


def _these(tx: Tx, pool: Any, asked: Asked, entries: Sequence[int]) -> list[Row[Any]]:
    """The rows of these entries, in their order."""
    if not entries:
        return []
    found = {row.entry_id: row for row in tx.rows(_people(tx, [pool.id], asked, Can.READ_TALENT).where(TalentEntry.id.in_(entries)))}
    return [found[entry] for entry in entries if entry in found]


def _everybodys(tx: Tx, pool: Any, asked: Asked, version: int | None) -> dict[int, Progress]:
    """How ready everybody in the pool is, by person, whether they can be listed or not. A page asks for it twice."""
    if version is None:
        return {}
    key = f"evidence {pool.id} {version} {asked.as_at} {asked.known_at}"
    if tx.writes or key not in tx.memo:
        if is_postgresql(tx.db):
            tx.db.execute(_ROOM)
        inside = select(TalentEntry.person_id).where(TalentEntry.pool_id == pool.id, in_pool(asked)).distinct()
        tx.memo[key] = {one.person_id: one for one in steps(tx, inside, [version], asked.as_at, asked.known_at)}
    found: dict[int, Progress] = tx.memo[key]
    return found


def _measured(tx: Tx, rows: Sequence[Row[Any]], version: int | None, asked: Asked) -> list[Line]:
    """These rows with how ready each is."""
    ready: dict[int, Progress] = {}
    if version is not None and rows:
        them = People(_THESE, {"these": [row.person_id for row in rows]})
        ready = {one.person_id: one for one in steps(tx, them, [version], asked.as_at, asked.known_at)}
    return [Line(row, ready.get(row.person_id)) for row in rows]


def _place(ready: Progress | None) -> tuple[int, int]:
    """Where somebody stands in the order of readiness."""
    return ({"met": 0, "lapsing": 1, "lapsed": 2}.get(ready.status, 3), -ready.held) if ready is not None else (3, 0)


def of_client(tx: Tx, pool: Any, after: int, limit: int, asked: Asked, version: int | None) -> list[Line]:
    """A reply's worth of the list, by entry, beginning after one."""
    people = _people(tx, [pool.id], asked, Can.READ_TALENT).where(TalentEntry.id > after).order_by(TalentEntry.id).limit(limit)
    return _measured(tx, tx.rows(people), version, asked)


def one(tx: Tx, entry: Any, asked: Asked) -> Row[Any] | None:
    """One person of a list, without evidence; None if they are not on it, or not in the reader's reach."""
    return tx.one(_people(tx, [entry.pool_id], asked, Can.READ_TALENT).where(TalentEntry.id == entry.id))


# A pool in figures -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Health:
    """How a pool stands: people on its list, of those ready now, and who came onto lists and went off them within twelve months."""

    depth: int = 0
    ready_now: int = 0
    came: int = 0
    went: int = 0


def health(tx: Tx, pools: Sequence[Any], asked: Asked) -> dict[int, Health]:
    """By pool, for all of them in three statements. Ready now: the moderated horizon says so, and the evidence is there on the date."""
    if not pools:
        return {}
    keys = [pool.id for pool in pools]
    rows = _people(tx, keys, Asked(asked.as_at, asked.known_at), Can.READ_TALENT).subquery("rows")
    depth = {row.pool_id: int(row.many) for row in tx.rows(select(rows.c.pool_id, func.count().label("many")).group_by(rows.c.pool_id))}
    ready = _ready_now(tx, pools, asked, rows)
    came, went = _flow(tx, keys, asked)
    return {key: Health(depth.get(key, 0), ready.get(key, 0), came.get(key, 0), went.get(key, 0)) for key in keys}


def _ready_now(tx: Tx, pools: Sequence[Any], asked: Asked, rows: Subquery) -> dict[int, int]:
    steps = {pool.step_id for pool in pools if pool.step_id is not None}
    versions = [found.id for found in _in_force(tx, asked) if found.step_id in steps] if steps else []
    if not versions:
        return {}
    pool = aliased(TalentPool)
    judged_now = (
        select(rows.c.pool_id, rows.c.person_id, StepVersion.id.label("version_id"))
        .join(pool, pool.id == rows.c.pool_id)
        .join(StepVersion, and_(StepVersion.step_id == pool.step_id, StepVersion.id.in_(versions)))
        .where(rows.c.ready_now)
        .cte("judged_now")
    )
    pairs = select(judged_now.c.person_id, judged_now.c.version_id).distinct().cte("pairs")
    evidence = step_rows(tx, pairs, versions, When(asked.as_at, asked.known_at)).order_by(None).subquery("ready")
    same = and_(evidence.c.person_id == judged_now.c.person_id, evidence.c.version_id == judged_now.c.version_id)
    counted = select(judged_now.c.pool_id, func.count().label("many")).join(evidence, same).where(evidence.c.status.in_(COVERS))
    return {row.pool_id: int(row.many) for row in tx.rows(counted.group_by(judged_now.c.pool_id))}


def _flow(tx: Tx, keys: Sequence[int], asked: Asked) -> tuple[dict[int, int], dict[int, int]]:
    """Times that somebody came onto a list, and went off it, within the twelve months up to the date."""
    since = asked.as_at - YEAR
    ended = case((TalentAgreement.until < TalentEntry.left_on, TalentAgreement.until), else_=TalentEntry.left_on)
    inside = (TalentEntry.pool_id.in_(keys), TalentAgreement.agrees, within_reach(tx, Can.READ_TALENT, TalentEntry.person_id))
    known_by = () if asked.known_at is None else (TalentAgreement.recorded_at <= asked.known_at,)
    came = func.sum(case((and_(since < TalentAgreement.on_date, TalentAgreement.on_date <= asked.as_at), 1), else_=0))
    went = func.sum(case((and_(ended != FOREVER, since < ended, ended <= asked.as_at), 1), else_=0))
    spells: AnySelect = (
        select(TalentEntry.pool_id, came.label("came"), went.label("went"))
        .join(TalentAgreement, TalentAgreement.entry_id == TalentEntry.id)
        .where(*inside, *known_by)
        .group_by(TalentEntry.pool_id)
    )
    found = tx.rows(spells)
    return {row.pool_id: int(row.came) for row in found}, {row.pool_id: int(row.went) for row in found}
