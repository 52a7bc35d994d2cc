"""Finding people within reach, however many there are: the work is bounded whatever is typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
    union,
    union_all,
)

from app import policy
from app.core.db import ONE, Key, few, is_postgresql, match_query, matching
from app.core.declared import aliased
from app.core.facts import current
from app.core.ready import Ready
from app.core.text import query_words
from app.core.tx import Tx
from app.people.models import Duty, Membership, Person, Post, Responsibility, Stage, Unit, UnitClosure
from app.policy import Can, Reach

PAGE = 25
MOST = 2_000  # people that a search sorts and counts; beyond it the reader is asked for more words
LAST_PAGE = MOST // PAGE

TODAY: Any = bindparam("today")


# Search ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody searches for. Nothing asked finds nobody: the page shows a hint instead of a hundred thousand people."""

    q: str = ""
    unit_id: int | None = None
    stage: str = ""
    left: bool = False  # people who have left, too

    @property
    def words(self) -> list[str]:
        """An e-mail address is looked for by what stands before the @, since everybody shares what follows."""
        return query_words(self.q.partition("@")[0] if "@" in self.q else self.q)

    @property
    def teams_too(self) -> bool:
        """Short words stand in too many teams' names ("and", "of") to say anything about people."""
        return all(len(word) > 2 for word in self.words)

    @property
    def exact(self) -> bool:
        """Could it be somebody's e-mail address or number?"""
        return "@" in self.q or any(letter.isdigit() for letter in self.q)

    @property
    def anything(self) -> bool:
        """Is there enough to search by? One letter alone is not."""
        return any(len(word) > 1 for word in self.words) or self.unit_id is not None or bool(self.stage)


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search. `total` is None when more than MOST people match: none are shown, since their order would mean nothing."""

    rows: Sequence[Row[Any]]
    total: int | None
    number: int = 1

    @property
    def pages(self) -> int:
        return -(-(self.total or 0) // PAGE)


def search(tx: Tx, asked: Asked, number: int = 1) -> Found:
    """People in the reader's reach who match, exact numbers and addresses first, then by name.

    The work is bounded whatever is typed. Somebody who reaches few people is searched for among those; for the others the words come
    first, and more than MOST hits are neither sorted nor shown.
    """
    number = max(1, min(number, LAST_PAGE))
    kinds, values, narrow = _reach(tx)
    if not narrow and not asked.anything:
        return Found([], None)
    postgresql = is_postgresql(tx.db)
    exact = asked.q.strip()
    values = values | {
        "q": match_query(postgresql, asked.words),
        "email": exact.lower(),
        "number": exact.upper().replace(" ", ""),
        "unit": asked.unit_id,
        "stage": asked.stage,
        "skip": (number - 1) * PAGE,
    }
    unit, stage = asked.unit_id is not None, bool(asked.stage)
    shape = _Shape(postgresql, kinds, narrow, bool(asked.words), asked.teams_too, asked.exact, unit, stage, asked.left)
    statement = _search(shape)
    rows = tx.rows(statement, **values)
    if not narrow and rows[0].candidates > MOST:
        return Found([], None)
    rows = [row for row in rows if row.id is not None]
    return Found(rows, rows[0].total if rows else 0, number)


def everyone(tx: Tx, number: int = 1) -> Found | None:
    """All whom the reader reaches besides themselves, if they are few enough to leaf through; else None."""
    return search(tx, Asked(), number) if _reach(tx)[2] else None


def _reach(tx: Tx) -> tuple[tuple[Reach, ...], dict[str, Any], bool]:
    """The kinds of the reader's reach, the values its parameters take, and whether it is narrow: a few people, or a line of managers."""
    if "people.search" not in tx.memo:
        terms = sorted(policy.require(tx, Can.READ_PERSON), key=str)
        kinds = tuple(reach for reach, _ in terms)
        values: dict[str, Any] = {"today": tx.today, "me": tx.actor.person_id} | {f"node_{n}": node for n, (_, node) in enumerate(terms)}
        narrow = Reach.ALL not in kinds and (Reach.SCOPE not in kinds or tx.scalar(_how_many(kinds), **values) <= MOST)
        tx.memo["people.search"] = kinds, values, narrow
    found: tuple[tuple[Reach, ...], dict[str, Any], bool] = tx.memo["people.search"]
    return found


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which parts a search's statement has; there are few such shapes, so each statement is built once."""

    postgresql: bool
    kinds: tuple[Reach, ...]
    narrow: bool
    words: bool
    teams: bool
    exact: bool
    unit: bool
    stage: bool
    left: bool

    @property
    def told_at_once(self) -> bool:
        """Does a hit say itself whether it is among those found, without another look at tables?"""
        return not self.narrow and Reach.ALL in self.kinds and not (self.unit or self.stage)


@lru_cache(maxsize=500)
def _search(shape: _Shape) -> Ready:
    """Everybody is looked at once, in `hits`; the page and both numbers come from there, and only those on the page are joined to more."""
    hits = (_reach_set(shape.kinds) if shape.narrow else _hits(shape)).cte("hits")
    numbers, page = _told_at_once(shape, hits) if shape.told_at_once else _found_first(shape, hits)
    manager, duty = aliased(Person), aliased(Responsibility)
    return Ready(
        select(
            numbers.c.candidates,
            numbers.c.total,
            Person.id,
            Person.name,
            Person.email,
            Person.employee_number,
            Person.swe_number,
            Person.started_on,
            Person.leaving_on,
            Post.job_title,
            Unit.id.label("unit_id"),
            Unit.name.label("unit"),
            manager.name.label("manager"),
        )
        .select_from(numbers)
        .outerjoin(page, few(page.c.id))
        .outerjoin(Person, Person.id == page.c.id)
        .outerjoin(Post, and_(Post.person_id == Person.id, Post.is_primary, current(Post, TODAY)))
        .outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, TODAY)))
        .outerjoin(Unit, Unit.id == Membership.unit_id)
        .outerjoin(duty, and_(duty.person_id == Person.id, duty.kind == Duty.MANAGER.value, current(duty, TODAY)))
        .outerjoin(manager, manager.id == duty.holder_id)
        .order_by(page.c.rank, page.c.sort_name, page.c.id)
    )


def _found_first(shape: _Shape, hits: CTE) -> tuple[Any, Any]:
    """The numbers, and the page: whether a hit is among those found is worth asking once."""
    number = select(func.count()).select_from(hits).scalar_subquery()
    chosen = _of_reach(shape, hits) if shape.narrow else select(hits.c.id, hits.c.rank, hits.c.sort_name).where(number <= MOST)
    found = chosen.where(*_conditions(shape, Person if shape.narrow else hits.c)).cte("found")
    numbers = select(number.label("candidates"), select(func.count()).select_from(found).scalar_subquery().label("total"))
    return numbers.subquery(), _page(found).cte("page")


def _told_at_once(shape: _Shape, hits: CTE) -> tuple[Any, Any]:
    """The numbers, and the page: a hit says itself whether it is among those found, so both are read from the hits. Of too many the page
    is drawn for nothing."""
    fits = _conditions(shape, hits.c)
    total = func.count().filter(*fits) if fits else func.count()
    numbers = select(func.count().label("candidates"), total.label("total")).select_from(hits)
    return numbers.subquery(), _page(hits).where(*fits).cte("page")


def _page(found: CTE) -> Select[Any]:
    wanted = select(found.c.id, found.c.rank, found.c.sort_name)
    return wanted.order_by(found.c.rank, found.c.sort_name, found.c.id).limit(PAGE).offset(bindparam("skip"))


_EXACT = or_(Person.email == bindparam("email"), Person.swe_number == bindparam("number"), Person.employee_number == bindparam("number"))


def _rank(shape: _Shape) -> Any:
    """First whose address or number it is: looked at only if it could be one."""
    same: ColumnElement[Any] = literal_column("1")
    return (case((_EXACT, literal_column("0")), else_=same) if shape.exact else same).label("rank")


def _hit(shape: _Shape) -> tuple[Any, ...]:
    """What is needed to sort, count and leave out."""
    return Person.id, _rank(shape), Person.sort_name, Person.leaving_on


def _of_reach(shape: _Shape, reach: CTE) -> Select[Any]:
    """Those in a narrow reach; it is their words that are looked at."""
    everyone = select(Person.id, _rank(shape), Person.sort_name).join(reach, reach.c.id == Person.id).where(few(reach.c.id))
    if not shape.words:
        return everyone
    own = _own_words(shape.postgresql)
    return everyone.where(or_(own, _member_of(Person.id, UnitClosure.ancestor_id.in_(_teams(shape.postgresql)))) if shape.teams else own)


def _conditions(shape: _Shape, who: Any) -> list[ColumnElement[bool]]:
    """What a hit must also fulfil; reach, unless the hits are the reach already. `who` has an id and a last day."""
    found: list[ColumnElement[bool]] = []
    if not (shape.words or shape.unit or shape.stage):
        found.append(who.id != bindparam("me", type_=Key))
    if not shape.narrow and Reach.ALL not in shape.kinds:
        found.append(or_(*(_reached(kind, n, who.id) for n, kind in enumerate(shape.kinds))))
    if not shape.left:
        found.append(or_(who.leaving_on.is_(None), who.leaving_on >= TODAY))
    if shape.unit:
        found.append(_member_of(who.id, UnitClosure.ancestor_id == bindparam("unit")))
    if shape.stage:
        found.append(exists(select(ONE).where(Stage.person_id == who.id, Stage.stage == bindparam("stage"), current(Stage, TODAY))))
    return found


def _own_words(postgresql: bool) -> ColumnElement[bool]:
    return matching(postgresql, "people", Person.__table__.c.id, "simple", bindparam("q"))


def _own_ids() -> Select[Any]:
    """SQLite's index is asked first, by name, since its planner would start from the people."""
    index: ColumnElement[Any] = literal_column("people_fts")
    matched = select(literal_column("rowid", Key).label("id")).select_from(text("people_fts")).where(index.bool_op("MATCH")(bindparam("q")))
    return matched.limit(MOST + 1)


def _with_rows(shape: _Shape, ids: Select[Any] | CompoundSelect[Any]) -> Select[Any]:
    hit = ids.subquery()
    return select(*_hit(shape)).join(hit, hit.c.id == Person.id).where(few(hit.c.id))


def _teams(postgresql: bool) -> Select[Any]:
    return select(Unit.id).where(matching(postgresql, "units", Unit.__table__.c.id, "simple", bindparam("q")))


def _member_of(person: Any, node: ColumnElement[bool]) -> ColumnElement[bool]:
    """Belongs today to a node, or to one below it."""
    member = select(ONE).select_from(Membership).join(UnitClosure, UnitClosure.descendant_id == Membership.unit_id)
    return exists(member.where(node, Membership.person_id == person, current(Membership, TODAY)))


def _members(node: ColumnElement[bool]) -> Select[Any]:
    """Ids of everybody who belongs today to a node, or to one below it."""
    member = select(Membership.person_id.label("id")).join(UnitClosure, UnitClosure.descendant_id == Membership.unit_id)
    return member.where(node, current(Membership, TODAY))


def _hits(shape: _Shape) -> Select[Any]:
    """Those who match the words by their own name or numbers, or by their team's; of the unit or stage if there are no words."""
    if shape.words:
        of_teams = _members(UnitClosure.ancestor_id.in_(_teams(shape.postgresql))).limit(MOST + 1)
        if not shape.postgresql:  # numbers are put together sooner than rows
            own = _own_ids()
            return _with_rows(shape, union(select(own.subquery()), select(of_teams.subquery())) if shape.teams else own)
        mine = select(*_hit(shape)).where(_own_words(shape.postgresql)).limit(MOST + 1)
        if not shape.teams:
            return mine
        named = mine.cte("named")  # seldom of a team as well, so that what is asked is whether a member is among them
        others = _with_rows(shape, select(of_teams.subquery()).distinct()).where(Person.id.not_in(select(named.c.id)))
        return select(union_all(select(named), others).subquery())
    if shape.unit:
        return _with_rows(shape, _members(UnitClosure.ancestor_id == bindparam("unit")).limit(MOST + 1))
    at_stage = select(Stage.person_id.label("id")).where(Stage.stage == bindparam("stage"), current(Stage, TODAY))
    return _with_rows(shape, at_stage.limit(MOST + 1))


# Reach as a set ----------------------------------------------------------------------------------------------------
# The same people as `policy.within_reach` allows; tests/policy/test_reach.py holds the two against each other.


def _reach_parts(kinds: tuple[Reach, ...]) -> list[Select[Any]]:
    parts: list[Select[Any]] = []
    me = bindparam("me", type_=Key)
    for n, kind in enumerate(kinds):
        if kind is Reach.SELF:
            parts.append(select(Person.id).where(Person.id == me))
        elif kind is Reach.REPORTS:
            parts.append(policy.line_below(me, TODAY))
        elif kind is Reach.ASSIGNED:
            assessed = select(Responsibility.person_id.label("id")).where(
                Responsibility.kind == Duty.ASSESSOR,
                Responsibility.holder_id == me,
                Responsibility.person_id.is_not(None),
                current(Responsibility, TODAY),
            )
            parts.append(assessed)
        elif kind is Reach.SCOPE:
            node = bindparam(f"node_{n}", type_=Key)
            parts += [_members(UnitClosure.ancestor_id == node), select(Person.id).where(Person.organisation_id == node)]
    return parts


def _reach_set(kinds: tuple[Reach, ...]) -> Select[Any]:
    everybody = union(*_reach_parts(kinds)).subquery()
    return select(everybody.c.id)


@lru_cache(maxsize=100)
def _how_many(kinds: tuple[Reach, ...]) -> Ready:
    """About how many people are in reach: exact enough to tell few from many, at no more work than MOST rows a part."""
    parts = (part.subquery() for part in _reach_parts(kinds))
    counted = (select(part.c.id).limit(MOST + 1).subquery() for part in parts)
    counts = [select(func.count()).select_from(part).scalar_subquery() for part in counted]
    return Ready(select(sum(counts[1:], counts[0])))


def _reached(kind: Reach, n: int, person: ColumnElement[int]) -> ColumnElement[bool]:
    """One term of the reader's reach, for one candidate."""
    me = bindparam("me", type_=Key)
    if kind is Reach.SCOPE:
        return policy.in_unit(person, bindparam(f"node_{n}", type_=Key), TODAY)
    if kind is Reach.REPORTS:
        return person.in_(policy.line_below(me, TODAY))
    if kind is Reach.ASSIGNED:
        duty = aliased(Responsibility)
        return exists(select(ONE).where(duty.kind == Duty.ASSESSOR, duty.holder_id == me, duty.person_id == person, current(duty, TODAY)))
    return person == me
