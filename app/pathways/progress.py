"""Who meets what, and how far everybody is with which step: for one person, a team or all, as at any date, in one statement.

Nothing of it is stored. `as_at` is a date: what was true then. `known_at` is an instant: as far as had been recorded; None: as far as is
recorded. The same two give the same answer whatever is recorded later (docs/decisions/0024). `people` is a select of person ids, each once;
whoever calls says by it who is in reach.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    Date,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    null,
    select,
    text,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from app.core.db import FOREVER, ONE, Key, is_postgresql
from app.core.tx import Tx
from app.frameworks.models import SupervisionRule
from app.pathways.applying import fitting
from app.pathways.evidence import EVIDENCE, NEVER, When
from app.pathways.models import Requirement, RequirementGroup, StepVersion
from app.pathways.supervised import PUBLISHED, Rules, rules_of, supervised
from app.pathways.versions import Version, by_id, in_force
from app.people.models import Person

SOON = timedelta(days=60)  # what lapses within it is lapsing
CHUNK = 5_000  # rows fetched at a time where all are streamed
_ROOM = text("SET LOCAL work_mem = '64MB'")  # for sorting everybody's evidence in memory
_SOME_DAY = date(2000, 1, 1)
_FOREVER: ColumnElement[date] = literal(FOREVER, Date())
_NEVER: ColumnElement[date] = literal(NEVER, Date())


@dataclass(frozen=True, slots=True)
class Met:
    """One person and one requirement.

    `met_on`: the day of the newest evidence that counts; of months in stage that are not over, the day on which they will be.
    `expires_on`: the last day on which it is met if nothing more is recorded, that day included. None: it does not lapse, or is not met.
    `status`: met · lapsing · lapsed · missing.
    """

    person_id: int
    version_id: int
    requirement_id: int
    met_on: date | None
    expires_on: date | None
    status: str


@dataclass(frozen=True, slots=True)
class Progress:
    """One person and one version of a step. `held` of `asked` requirements are met on the date; whether they suffice, `status` says.

    `met_on`: the day of the newest evidence that counts, once everything needed has been there. `expires_on` and `status` as of `Met`.
    """

    person_id: int
    step_id: int
    version_id: int
    met_on: date | None
    expires_on: date | None
    status: str
    held: int
    asked: int


@dataclass(frozen=True, slots=True)
class People:
    """Whom to ask about: a select of person ids, each once, that stays the same, with the values of its parameters.

    The statement over them is built once and kept, where one over any other select is built each time it is asked.
    """

    ids: Select[Any]
    given: Mapping[str, Any]


_ONE = select(Person.id).where(Person.id == bindparam("whose", type_=Key))


def person(person_id: int) -> People:
    """One person."""
    return People(_ONE, {"whose": person_id})


# Asking ------------------------------------------------------------------------------------------------------------


def met(
    tx: Tx,
    people: Select[Any] | People,
    versions: Collection[int],
    as_at: date,
    known_at: datetime | None = None,
    *,
    soon: timedelta = SOON,
    applicable: bool = False,
) -> list[Met]:
    """Each of these people with every requirement of these versions, by person, version and the requirements' order.

    `applicable`: only of the versions that are for them on the date.
    """
    if not versions:
        return []
    statement, given = _asking(met_of, people, _asks(tx, versions, applicable=applicable), When(as_at, known_at), soon)
    return [Met(*tuple(row)) for row in tx.rows(statement, **given)]


def steps(
    tx: Tx,
    people: Select[Any] | People,
    versions: Collection[int],
    as_at: date,
    known_at: datetime | None = None,
    *,
    soon: timedelta = SOON,
) -> list[Progress]:
    """How far each of these people is with each of these versions, whether it is for them or not, by person and step."""
    if not versions:
        return []
    statement, given = _asking(steps_of, people, _asks(tx, versions), When(as_at, known_at), soon)
    return [Progress(*tuple(row)) for row in tx.rows(statement, **given)]


def next_steps(
    tx: Tx,
    people: Select[Any] | People,
    as_at: date,
    known_at: datetime | None = None,
    *,
    kind: str = "progression",
    soon: timedelta = SOON,
    stream: bool = False,
) -> Iterator[Progress]:
    """How far each of these people is with the steps that are for them on the date, by person and step.

    With `kind` "mandatory": with the training that they must have. `stream`: for everybody; rows come a few thousand at a time, and
    reading must be of one moment (a transaction with `snapshot`).
    """
    versions = [version.id for version in in_force(tx, as_at, known_at, kind=kind)]
    if not versions:
        return
    statement, given = _asking(steps_of, people, _asks(tx, versions, applicable=True), When(as_at, known_at), soon)
    if not stream:
        yield from (Progress(*tuple(row)) for row in tx.rows(statement, **given))
        return
    if is_postgresql(tx.db):
        tx.db.execute(_ROOM)
    for part in tx.db.execute(statement, given, execution_options={"yield_per": CHUNK}).partitions():
        yield from (Progress(*tuple(row)) for row in part)


def _said() -> Any:
    """Which kinds of requirement and which rules there are among versions, so that the statement says no more than it must; and the rules
    of supervision, where it is asked for. All in one question, because most pages that ask it are about one person."""
    versions: Any = bindparam("versions", expanding=True, type_=Key)
    none = (cast(null(), Key).label("id"), cast(null(), SupervisionRule.definition.type).label("definition"))

    def distinct(what: str, word: Any, *where: Any) -> Any:
        return select(literal(what).label("what"), word.label("word"), *none).distinct().where(*where)

    supervised = select(ONE).where(Requirement.version_id.in_(versions), Requirement.kind == "supervision")
    published = PUBLISHED.with_only_columns(literal("supervision"), literal(""), SupervisionRule.id, SupervisionRule.definition)
    return union_all(
        distinct("kind", Requirement.kind, Requirement.version_id.in_(versions)),
        distinct("group", RequirementGroup.rule, RequirementGroup.version_id.in_(versions)),
        distinct("version", StepVersion.rule, StepVersion.id.in_(versions)),
        distinct("loose", literal("all"), Requirement.version_id.in_(versions), Requirement.group_id.is_(None)),
        published.where(exists(supervised)),
    )


_SAID = _said()


def every(people: Select[Any], versions: Collection[int]) -> CTE:
    """All of these people with all of these versions."""
    who = people.subquery()
    both = select(who.c[0].label("person_id"), StepVersion.id.label("version_id"))
    return both.select_from(who).join(StepVersion, _among(StepVersion.id, versions)).cte("pairs")


def one_of(tx: Tx, versions: Collection[int]) -> Select[Any]:
    """The statement behind `next_steps` of one person, kept: of whom is said when it is run (`whose`), and so are the dates (`values`)."""
    return _kept(steps_of, _ONE, _asks(tx, versions, applicable=True), known=False)


def values(when: When, soon: timedelta = SOON) -> dict[str, Any]:
    """What a kept statement is run with beside the people."""
    return when.given | {"soon": _until(when, soon)}


# What is kept ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asks:
    """All that a statement says beside people and dates: whatever was read for it. Where it is the same, so is the statement."""

    versions: tuple[int, ...]
    kinds: tuple[str, ...]  # of requirements
    combined: frozenset[tuple[str, str]]  # which rules there are of groups, versions, and requirements without a group
    supervision: Rules | None  # None: supervision is not asked for
    fitting: tuple[Version, ...] | None = None  # for whom each is; None: for everybody


_Of = Callable[[CTE, _Asks, When, timedelta], Select[Any]]


def _asks(tx: Tx, versions: Collection[int], *, applicable: bool = False) -> _Asks:
    ids = sorted(set(versions))
    said = tx.rows(_SAID, versions=ids)
    kinds = tuple(sorted(row.word for row in said if row.what == "kind"))
    supervision = rules_of(row for row in said if row.what == "supervision") if "supervision" in kinds else None
    combined = frozenset((row.what, row.word) for row in said if row.what in ("group", "version", "loose"))
    return _Asks(tuple(ids), kinds, combined, supervision, tuple(by_id(tx, ids)) if applicable else None)


def _asking(of: _Of, people: Select[Any] | People, asks: _Asks, when: When, soon: timedelta) -> tuple[Select[Any], dict[str, Any]]:
    """The statement, and what to run it with."""
    if isinstance(people, People):
        return _kept(of, people.ids, asks, known=when.known_at is not None), {**people.given, **values(when, soon)}
    return _built(of, people, asks, when, soon), {}


@lru_cache(maxsize=32)
def _kept(of: _Of, people: Select[Any], asks: _Asks, *, known: bool) -> Select[Any]:
    """Built once: of one person that takes longer than running it does. The day that it is built with is not asked about."""
    return _built(of, people, asks, When(_SOME_DAY, datetime(2000, 1, 1, tzinfo=UTC) if known else None), SOON)


def _built(of: _Of, people: Select[Any], asks: _Asks, when: When, soon: timedelta) -> Select[Any]:
    pairs = every(people, asks.versions) if asks.fitting is None else fitting(people, asks.fitting, when)
    return of(pairs, asks, when, soon)


# Statements --------------------------------------------------------------------------------------------------------


def met_rows(tx: Tx, pairs: CTE, versions: Collection[int], when: When, soon: timedelta = SOON) -> Select[Any]:
    """The statement behind `met`: its columns are those of `Met`. `versions` are all that stand in `pairs`."""
    return met_of(pairs, _asks(tx, versions), when, soon)


def met_of(pairs: CTE, asks: _Asks, when: When, soon: timedelta) -> Select[Any]:
    """`met_rows`, once it is known what is asked for."""
    shown = _evidence(asks, pairs, when).subquery("evidence")
    lasts = func.coalesce(shown.c.lasts, _NEVER, type_=Date())
    said = (shown.c.met_on, _expires(lasts).label("expires_on"), _status(lasts, when, soon).label("status"))
    return (
        select(pairs.c.person_id, pairs.c.version_id, Requirement.id.label("requirement_id"), *said)
        .select_from(pairs)
        .join(Requirement, Requirement.version_id == pairs.c.version_id)
        .outerjoin(shown, and_(shown.c.requirement_id == Requirement.id, shown.c.person_id == pairs.c.person_id))
        .order_by(pairs.c.person_id, pairs.c.version_id, Requirement.number)
    )


def step_rows(tx: Tx, pairs: CTE, versions: Collection[int], when: When, soon: timedelta = SOON) -> Select[Any]:
    """The statement behind `steps` and `next_steps`: its columns are those of `Progress`."""
    return steps_of(pairs, _asks(tx, versions), when, soon)


def steps_of(pairs: CTE, asks: _Asks, when: When, soon: timedelta) -> Select[Any]:
    """`step_rows`, once it is known what is asked for."""
    versions, rules = asks.versions, asks.combined
    shown = _evidence(asks, pairs, when).subquery("evidence")
    holds = case((shown.c.lasts >= when.day, 1), else_=0).label("held")
    leaf = (
        select(shown.c.person_id, Requirement.version_id, Requirement.group_id, Requirement.id, shown.c.met_on, shown.c.lasts, holds)
        .join(Requirement, Requirement.id == shown.c.requirement_id)
        .cte("leaf")
    )
    items = [
        _together(leaf, leaf.c.group_id, leaf.c.version_id, _group_sizes(versions), rule)
        for rule in ("all", "any")
        if ("group", rule) in rules
    ]
    if ("loose", "all") in rules or not items:
        loose = select(leaf.c.person_id, leaf.c.version_id, leaf.c.id, leaf.c.met_on, leaf.c.lasts, leaf.c.held)
        items.append(loose.where(leaf.c.group_id.is_(None)))
    item = union_all(*items).cte("items")
    found = [
        _together(item, item.c.version_id, item.c.version_id, _version_sizes(versions), rule)
        for rule in [word for word in ("all", "any") if ("version", word) in rules] or ["all"]
    ]
    done = union_all(*found).subquery("done")
    # Looked up row by row: joined, PostgreSQL expects one row of them and goes through everything that is done for each person.
    step = select(StepVersion.step_id).where(StepVersion.id == pairs.c.version_id).scalar_subquery()
    asked = select(func.count()).where(Requirement.version_id == pairs.c.version_id).scalar_subquery()
    lasts = func.coalesce(done.c.lasts, _NEVER, type_=Date())
    return (
        select(
            pairs.c.person_id,
            step.label("step_id"),
            pairs.c.version_id,
            case((lasts != _NEVER, done.c.met_on)).label("met_on"),
            _expires(lasts).label("expires_on"),
            _status(lasts, when, soon).label("status"),
            func.coalesce(done.c.held, 0).label("held"),
            asked.label("asked"),
        )
        .select_from(pairs)
        .outerjoin(done, and_(done.c.version_id == pairs.c.version_id, done.c.person_id == pairs.c.person_id))
        .order_by(pairs.c.person_id, literal_column("step_id"))
    )


def _among(column: Any, keys: Collection[int]) -> ColumnElement[bool]:
    return column.in_(bindparam("versions", sorted(keys), expanding=True, type_=Key))  # type: ignore[no-any-return]


def _evidence(asks: _Asks, pairs: CTE, when: When) -> Any:
    """All evidence for requirements of the kinds that are asked for."""
    parts: list[Select[Any]] = [EVIDENCE[kind](pairs, when) for kind in asks.kinds if kind != "supervision"]
    if asks.supervision is not None:
        parts.append(supervised(asks.supervision, pairs, when))
    if not parts:  # nothing is asked for
        nothing = (cast(null(), Key).label("requirement_id"), cast(null(), Key).label("person_id"))
        none: Any = select(*nothing, _NEVER.label("met_on"), _NEVER.label("lasts"))
        parts.append(none.where(literal(False)))
    return union_all(*parts)


def _status(lasts: Any, when: When, soon: timedelta) -> ColumnElement[str]:
    until = bindparam("soon", _until(when, soon), type_=Date())
    said = {word: literal_column(f"'{word}'", String()) for word in ("met", "lapsing", "lapsed", "missing")}
    return case((lasts == _NEVER, said["missing"]), (lasts < when.day, said["lapsed"]), (lasts < until, said["lapsing"]), else_=said["met"])


def _until(when: When, soon: timedelta) -> date:
    return min(when.as_at, FOREVER - soon) + soon


def _expires(lasts: Any) -> ColumnElement[date]:
    return func.nullif(func.nullif(lasts, _FOREVER, type_=Date()), _NEVER, type_=Date())


# All of, any of ----------------------------------------------------------------------------------------------------


def _counts(column: Any, versions: Collection[int]) -> Any:
    version = Requirement.version_id if column.table is Requirement.__table__ else RequirementGroup.version_id
    return select(column.label("id"), func.count().label("number")).where(_among(version, versions)).group_by(column).subquery()


def _group_sizes(versions: Collection[int]) -> Any:
    """(id, rule, needed) of each group: how many of its requirements suffice."""
    inside = _counts(Requirement.group_id, versions)
    needed = func.coalesce(RequirementGroup.needed, inside.c.number).label("needed")
    return select(RequirementGroup.id, RequirementGroup.rule, needed).join(inside, inside.c.id == RequirementGroup.id).subquery()


def _version_sizes(versions: Collection[int]) -> Any:
    """(id, rule, needed) of each version: how many of its groups and loose requirements suffice."""
    groups = _counts(RequirementGroup.version_id, versions)
    loose = select(func.count()).where(Requirement.version_id == StepVersion.id, Requirement.group_id.is_(None)).scalar_subquery()
    needed = func.coalesce(StepVersion.needed, func.coalesce(groups.c.number, 0) + loose).label("needed")
    sized = select(StepVersion.id, StepVersion.rule, needed).outerjoin(groups, groups.c.id == StepVersion.id)
    return sized.where(_among(StepVersion.id, versions)).subquery()


def _together(rows: CTE, key: Any, version: Any, sizes: Any, rule: str) -> Select[Any]:
    """Rows of one person and key as one, which lasts as long as the least lasting of the best that suffice: too few of them, NEVER."""
    mine = (rows.c.person_id, key)
    place: ColumnElement[int] = literal_column("0")
    if rule == "any":
        place = func.row_number().over(partition_by=mine, order_by=(rows.c.lasts.desc(), rows.c.met_on, rows.c.id))
    picked = (
        select(
            rows.c.person_id,
            version.label("version_id"),
            key.label("key"),
            rows.c.met_on,
            rows.c.lasts,
            rows.c.held,
            sizes.c.needed,
            place.label("place"),
        )
        .join(sizes, sizes.c.id == key)
        .where(sizes.c.rule == literal_column(f"'{rule}'", String()))
        .subquery()
    )
    counts = picked.c.place <= picked.c.needed
    met_on, lasts = (
        (picked.c.met_on, picked.c.lasts) if rule == "all" else (case((counts, picked.c.met_on)), case((counts, picked.c.lasts)))
    )
    return select(
        picked.c.person_id,
        picked.c.version_id,
        picked.c.key.label("id"),
        func.max(met_on).label("met_on"),
        case((func.count() >= picked.c.needed, func.min(lasts)), else_=_NEVER).label("lasts"),
        cast(func.sum(picked.c.held), Integer).label("held"),  # PostgreSQL would make ever wider numbers of sums of sums
    ).group_by(picked.c.person_id, picked.c.version_id, picked.c.key, picked.c.needed)
