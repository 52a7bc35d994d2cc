"""A measure counted: for everybody and for each group of its breakdowns, from one statement; nothing is hidden here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select, bindparam, case, func, select

from app.core.db import AnySelect
from app.core.tx import Tx
from app.measures.counting import function
from app.measures.definitions import Measure
from app.measures.dimensions import Moment, standing
from app.people.models import CareerStage, Contract, Unit

NOT_RECORDED = "Not recorded"
T = TypeVar("T")
_STAGES = select(CareerStage.code, CareerStage.title).order_by(CareerStage.rank, CareerStage.code)
_UNITS = (
    select(Unit.id, Unit.parent_id, Unit.kind, Unit.name, Unit.closed_on)
    .where(Unit.organisation_id == bindparam("organisation"))
    .order_by(Unit.name, Unit.id)
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One count of a measure. `num` and `den` in its scale; how many people stand behind each, None of what does not count people."""

    breakdown: str  # all · tree · stage · contract
    key: str
    parent: str | None  # key of the group that it is part of; None: part of all
    level: str  # organisation · service · locality · team · direct · stage · contract
    title: str
    num: int
    den: int
    num_people: int | None
    den_people: int | None


@dataclass(slots=True)
class _Sum:
    num: int = 0
    den: int = 0
    num_people: int = 0
    den_people: int = 0
    people: bool = False

    def add(self, row: Any) -> None:
        self.num += row.num
        self.den += row.den
        self.num_people += row.num_people
        self.den_people += row.den_people
        self.people = self.people or row.people > 0


@dataclass(frozen=True, slots=True)
class Group:
    """What was counted of those who share part of the organisation, stage and contract."""

    unit_id: int | None
    stage: str | None
    contract: str | None
    num: int
    den: int
    num_people: int
    den_people: int
    people: int  # rows about a person


def count(tx: Tx, measure: Measure, organisation_id: int, moment: Moment, *, among: AnySelect | None = None) -> list[Figure]:
    """All figures of a computed measure, everybody's first, then each breakdown's groups in the order in which they are shown.

    Every group that stands on the day is there, those of nobody too. `among`: ids of people, where only they are to be counted and
    nothing that is not about a person. KeyError where the definition names no function that counts.
    """
    return of_groups(tx, measure, organisation_id, grouped(tx, measure, organisation_id, moment, among=among))


def grouped(tx: Tx, measure: Measure, organisation_id: int, moment: Moment, *, among: AnySelect | None = None) -> list[Group]:
    """The measure by part of the organisation, stage and contract together: what `of_groups` adds up."""
    assert measure.counts is not None
    counted = function(measure.counts)(tx, organisation_id, moment)
    return list(
        _of_select(tx, counted, organisation_id, moment, among)
        if isinstance(counted, Select)
        else _of_rows(tx, counted, organisation_id, moment, among)
    )


def of_groups(tx: Tx, measure: Measure, organisation_id: int, groups: Sequence[Group]) -> list[Figure]:
    """`count` of what is grouped already."""
    whole = _Sum()
    for group in groups:
        whole.add(group)
    found = [_figure("all", "", None, "organisation", "Everybody", whole, whole)]
    for breakdown in measure.breakdowns:
        if breakdown == "tree":
            found += _by_unit(tx, organisation_id, groups, whole)
        else:
            found += _by_word(tx, breakdown, groups, whole)
    return found


def _of_select(tx: Tx, counted: Select[Any], organisation_id: int, moment: Moment, among: AnySelect | None) -> Iterator[Group]:
    """Counted and grouped by the database."""
    rows = counted.subquery("counted")
    own = {name: rows.c[name] for name in ("unit_id", "stage", "contract") if name in rows.c}
    source: Any = rows
    if len(own) < 3:
        where = standing(organisation_id, moment).subquery("standing")
        source = rows.outerjoin(where, where.c.person_id == rows.c.person_id)
        own = {name: own.get(name, where.c[name]) for name in ("unit_id", "stage", "contract")}
    person = case((rows.c.person_id.is_not(None), 1), else_=0)
    statement = (
        select(
            own["unit_id"].label("unit_id"),
            own["stage"].label("stage"),
            own["contract"].label("contract"),
            func.sum(rows.c.num).label("num"),
            func.sum(rows.c.den).label("den"),
            func.sum(case((rows.c.num > 0, person), else_=0)).label("num_people"),
            func.sum(case((rows.c.den > 0, person), else_=0)).label("den_people"),
            func.sum(person).label("people"),
        )
        .select_from(source)
        .group_by(own["unit_id"], own["stage"], own["contract"])
    )
    if among is not None:
        statement = statement.where(rows.c.person_id.in_(among))
    for row in tx.rows(statement):
        yield Group(row.unit_id, row.stage, row.contract, *(int(each) for each in tuple(row)[3:]))


def _once(tx: Tx, key: str, ask: Callable[[], T]) -> T:
    """What all measures of a month have in common, asked once: nothing that counts changes it."""
    if key not in tx.memo:
        tx.memo[key] = ask()
    found: T = tx.memo[key]
    return found


def _of_rows(tx: Tx, counted: Any, organisation_id: int, moment: Moment, among: AnySelect | None) -> Iterator[Group]:
    only = None if among is None else {row[0] for row in tx.rows(among)}
    where = _once(
        tx,
        f"standing {organisation_id} {moment}",
        lambda: {row.person_id: row for row in tx.rows(standing(organisation_id, moment))},
    )
    for person_id, num, den in counted:
        if only is not None and person_id not in only:
            continue
        stands = where.get(person_id)
        unit_id, stage, contract = (stands.unit_id, stands.stage, stands.contract) if stands else (None, None, None)
        yield Group(unit_id, stage, contract, num, den, int(num > 0), int(den > 0), 1)


def _figure(breakdown: str, key: str, parent: str | None, level: str, title: str, own: _Sum, whole: _Sum) -> Figure:
    people = (own.num_people, own.den_people) if whole.people else (None, None)
    return Figure(breakdown, key, parent, level, title, own.num, own.den, *people)


def _by_word(tx: Tx, breakdown: str, groups: Sequence[Group], whole: _Sum) -> Iterator[Figure]:
    if breakdown == "stage":
        titles = _once(tx, "career stages", lambda: {row.code: row.title for row in tx.rows(_STAGES)})
    else:
        titles = {contract.value: contract.value.capitalize() for contract in Contract}
    sums: dict[str | None, _Sum] = defaultdict(_Sum)
    for group in groups:
        sums[getattr(group, breakdown)].add(group)
    for code, title in titles.items():
        yield _figure(breakdown, code, None, breakdown, title, sums[code], whole)
    if None in sums:
        yield _figure(breakdown, "none", None, breakdown, NOT_RECORDED, sums[None], whole)


def _by_unit(tx: Tx, organisation_id: int, groups: Sequence[Group], whole: _Sum) -> Iterator[Figure]:
    """Each part of the tree with all below it; people who belong directly to one that has parts are a group of their own there."""
    units = _once(tx, f"units {organisation_id}", lambda: {row.id: row for row in tx.rows(_UNITS, organisation=organisation_id)})
    direct: dict[int | None, _Sum] = defaultdict(_Sum)
    total: dict[int, _Sum] = defaultdict(_Sum)
    for group in groups:
        direct[group.unit_id if group.unit_id in units else None].add(group)
        at = group.unit_id
        while at is not None and at in units:
            total[at].add(group)
            at = units[at].parent_id
    below: dict[int | None, list[int]] = defaultdict(list)
    for unit_id, row in units.items():
        if row.closed_on is None or unit_id in total:
            below[row.parent_id].append(unit_id)

    def shown(unit_id: int, parent: str | None) -> Iterator[Figure]:
        yield _figure("tree", str(unit_id), parent, units[unit_id].kind, units[unit_id].name, total[unit_id], whole)
        yield from inside(unit_id, str(unit_id))

    def inside(unit_id: int, key: str | None) -> Iterator[Figure]:
        for each in below[unit_id]:
            yield from shown(each, key)
        if below[unit_id] and unit_id in direct:
            yield _figure("tree", f"{unit_id}-", key, "direct", f"{units[unit_id].name}, in no team of it", direct[unit_id], whole)

    yield from inside(organisation_id, None)
    if None in direct:
        yield _figure("tree", "none", None, "direct", NOT_RECORDED, direct[None], whole)
