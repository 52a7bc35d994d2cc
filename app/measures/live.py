"""A measure counted when asked, as at any date, for those people only whom the reader reaches; and who they are.

Nothing is hidden here, because everybody in the figure is within the reader's reach: whoever reads a number could count the names. Whoever
reaches nobody (board viewers) has no way in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, and_, func, select

from app.core.db import AnySelect
from app.core.errors import Conflict, Forbidden, NotFound
from app.core.facts import known
from app.core.tx import Tx
from app.measures import figures, inputs, shown
from app.measures.counting import facts, function
from app.measures.definitions import Measure
from app.measures.dimensions import Moment
from app.measures.figures import Figure
from app.people.models import Membership, Person, Post, Unit
from app.policy import Can, Reach, terms, within_both

SHOWS = {"": "Everybody", "counted": "Who is counted", "missing": "Who is missing"}


@dataclass(frozen=True, slots=True)
class Behind:
    """Those behind a figure who are in reach: how many, how many of them count, and one page of them."""

    total: int
    counted: int
    missing: int
    num: int
    den: int
    rows: Sequence[Any]


def require_countable(tx: Tx, measure: Measure) -> None:
    """Forbidden for what is sensitive, whoever asks, and facts the reader may not read; NotFound for what is imported as one figure."""
    if measure.small == "sensitive":
        raise Forbidden("Nobody can see who stands behind this figure.", way_out="Its published figures are on the measure’s page.")
    if measure.counts is None:
        raise NotFound("This figure is imported as one number. There is nobody here behind it.", code="measure-imported")
    if not may_look(tx, measure):
        raise Forbidden(
            f"You cannot see who stands behind this figure: your account cannot {facts()[measure.counts].value}.",
            way_out="Its published figures are on the measure’s page.",
        )


def may_look(tx: Tx, measure: Measure) -> bool:
    """May the reader read of anybody else what the measure counts? Everybody may of themselves, which is nobody behind a figure."""
    can = facts().get(measure.counts or "")
    return can is None or bool(terms(tx.actor, can) - {(Reach.SELF, None)})


def of_people(measure: Measure) -> bool:
    """Is all of it counted of single people? Else it can neither be counted for some of them nor be opened."""
    return measure.counts not in inputs.OF_NO_PEOPLE


def in_reach(tx: Tx, measure: Measure) -> AnySelect:
    """Ids of those whose part in a figure the reader may see."""
    can = facts().get(measure.counts or "", Can.READ_MEASURE_PEOPLE)
    return select(Person.id).where(within_both(tx, Can.READ_MEASURE_PEOPLE, can, Person.id))


def count(tx: Tx, measure: Measure, organisation_id: int, moment: Moment) -> list[Figure]:
    """The figures at the moment: the whole organisation's for who reaches it, else of the people in reach and the groups they stand in.

    Conflict for what cannot be counted of some people only: without what came from elsewhere it would be another figure.
    """
    require_countable(tx, measure)
    if shown.reaches_all(tx, organisation_id, measure.counts):
        return figures.count(tx, measure, organisation_id, moment)
    if not of_people(measure):
        raise Conflict(
            "This cannot be counted for your people alone: part of it comes from figures of the whole council.",
            code="measure-not-of-people",
            way_out="Its published figures are on the measure’s page.",
        )
    found = figures.count(tx, measure, organisation_id, moment, among=in_reach(tx, measure))
    return [each for each in found if each.breakdown == "all" or each.num or each.den]


def behind(tx: Tx, measure: Measure, organisation_id: int, moment: Moment, *, show: str = "", offset: int = 0, limit: int = 25) -> Behind:
    """Who is counted and who is missing, by name; of those in reach.

    Whoever only counts in the numerator (somebody who left) is counted. Conflict for what is not counted of people alone.
    """
    require_countable(tx, measure)
    if not of_people(measure):
        raise Conflict(
            "Nobody in particular stands behind this figure: part of it comes from figures of the whole council.",
            code="measure-not-of-people",
            way_out="Its published figures are on the measure’s page.",
        )
    counted = function(measure.counts or "")(tx, organisation_id, moment)
    if not isinstance(counted, Select):
        return _of_rows(tx, in_reach(tx, measure), counted, moment, show, offset, limit)
    rows = counted.subquery("counted")
    mine = (
        select(rows.c.person_id, func.sum(rows.c.num).label("num"), func.sum(rows.c.den).label("den"))
        .where(rows.c.person_id.in_(in_reach(tx, measure)))
        .group_by(rows.c.person_id)
        .subquery("mine")
    )
    whole = tx.one(
        select(
            func.count().label("total"),
            func.count().filter(mine.c.num > 0).label("counted"),
            func.coalesce(func.sum(mine.c.num), 0).label("num"),
            func.coalesce(func.sum(mine.c.den), 0).label("den"),
        ).select_from(mine)
    )
    assert whole is not None
    named = _named(moment).add_columns(mine.c.num, mine.c.den).join(mine, mine.c.person_id == Person.id)
    if show:
        named = named.where(mine.c.num > 0 if show == "counted" else mine.c.num == 0)
    page = tx.rows(named.order_by(Person.sort_name, Person.id).offset(offset).limit(limit))
    return Behind(whole.total, whole.counted, whole.total - whole.counted, int(whole.num), int(whole.den), page)


def _named(moment: Moment) -> Any:
    """People with where they stood then."""
    on = (moment.as_at, moment.known_at)
    return (
        select(Person.id, Person.name, Person.employee_number, Post.job_title, Unit.name.label("unit"))
        .outerjoin(Post, and_(Post.person_id == Person.id, Post.is_primary, known(Post, *on)))
        .outerjoin(Membership, and_(Membership.person_id == Person.id, known(Membership, *on)))
        .outerjoin(Unit, Unit.id == Membership.unit_id)
    )


def _of_rows(tx: Tx, reach: AnySelect, counted: Any, moment: Moment, show: str, offset: int, limit: int) -> Behind:
    """The same of what is counted row by row: held against the reach here, named afterwards."""
    reached = tx.rows(select(Person.id).where(Person.id.in_(reach)).order_by(Person.sort_name, Person.id))
    mine = dict.fromkeys((row.id for row in reached), (0, 0))
    seen = set()
    for person_id, num, den in counted:
        if person_id in mine:
            before = mine[person_id]
            mine[person_id] = before[0] + num, before[1] + den
            seen.add(person_id)
    mine = {key: pair for key, pair in mine.items() if key in seen}  # by name still
    wanted = [key for key, (num, _) in mine.items() if not show or (num > 0) == (show == "counted")]
    listed = {row.id: row for row in tx.rows(_named(moment).where(Person.id.in_(wanted[offset : offset + limit])))}
    page: list[Any] = [_named_one(listed[key], *mine[key]) for key in wanted[offset : offset + limit]]
    some = sum(num > 0 for num, _ in mine.values())
    num, den = (sum(pair[place] for pair in mine.values()) for place in (0, 1))
    return Behind(len(mine), some, len(mine) - some, num, den, page)


@dataclass(frozen=True, slots=True)
class _Named:
    id: int
    name: str
    employee_number: str | None
    job_title: str | None
    unit: str | None
    num: int
    den: int


def _named_one(row: Row[Any], num: int, den: int) -> _Named:
    return _Named(row.id, row.name, row.employee_number, row.job_title, row.unit, num, den)
