"""Who is there: one person with their dated history, and the organisation tree with its head counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import (
    Engine,
    Float,
    Row,
    Select,
    bindparam,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)

from app import policy
from app.core.db import Key, matches
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.facts import current
from app.core.ready import Ready
from app.core.text import query_words
from app.core.tx import Tx
from app.people.models import CareerStage, Duty, Membership, Person, Post, Responsibility, Stage, Unit, UnitClosure, UnitKind
from app.policy import Can, Reach

TODAY: Any = bindparam("today")


def state(row: Any, today: date) -> tuple[str, str]:
    """Where somebody stands with their employer today: words, and the tag's colour."""
    if row.leaving_on is not None and row.leaving_on < today:
        return "Left", "grey"
    if row.started_on is not None and row.started_on > today:
        return "Starts soon", "blue"
    if row.leaving_on is not None:
        return "Leaving", "yellow"
    return "Current", "green"


# One person --------------------------------------------------------------------------------------------------------


# Ways into social work, as HR systems code them; another text is shown as it came.
ENTRY_ROUTES = {
    "UG": "Undergraduate degree",
    "PG": "Postgraduate degree",
    "DA": "Degree apprenticeship",
    "OU": "Open University",
    "STEP_UP": "Step Up to Social Work",
    "APPROACH": "Approach Social Work",
    "OVERSEAS": "Qualified overseas",
    "RETURN": "Return to practice",
}


@dataclass(frozen=True, slots=True)
class Record:
    """Somebody's work details: undated ones, and every dated fact known today, newest first."""

    person: Row[Any]
    about: Row[Any]  # organisation, how many people they manage and assess
    facts: Sequence[Row[Any]]
    today: date

    def now(self, kind: str) -> Row[Any] | None:
        """What is true today: of a kind that may overlap, the primary one."""
        found = [row for row in self.facts if row.kind == kind and row.valid_from <= self.today < row.valid_to]
        return min(found, key=lambda row: not row.is_primary) if found else None

    def all_now(self, kind: str) -> list[Row[Any]]:
        """Everything of a kind that is true today."""
        return [row for row in self.facts if row.kind == kind and row.valid_from <= self.today < row.valid_to]

    @property
    def planned(self) -> list[Row[Any]]:
        """What will become true, soonest first."""
        return [row for row in reversed(self.facts) if row.valid_from > self.today]

    @property
    def history(self) -> list[Row[Any]]:
        """What is true and what was, latest first."""
        return [row for row in self.facts if row.valid_from <= self.today]

    @staticmethod
    def last_day(fact: Row[Any]) -> date:
        """The last day on which a fact was true: periods end before `valid_to`."""
        return fact.valid_to - timedelta(days=1)  # type: ignore[no-any-return]

    @property
    def entry_route(self) -> str:
        """How they came into social work, in words; empty if it is not recorded."""
        given = self.person.entry_route or ""
        return ENTRY_ROUTES.get(given.upper().replace(" ", "_"), given)

    @property
    def state(self) -> tuple[str, str]:
        """Where they stand with their employer today."""
        return state(self.person, self.today)


def record(tx: Tx, person_id: int, can: Can = Can.READ_PERSON) -> Record:
    """Somebody in the reader's reach, or NotFound."""
    person = policy.person(tx, can, person_id)
    about = tx.one(_ABOUT, person=person_id, today=tx.today)
    assert about is not None
    return Record(person, about, tx.rows(_FACTS, person=person_id), tx.today)


def _count_of(duty: Duty) -> Any:
    counted = select(func.count()).select_from(Responsibility)
    return counted.where(Responsibility.kind == duty, Responsibility.holder_id == _WHO, current(Responsibility, TODAY)).scalar_subquery()


_WHO: Any = bindparam("person", type_=Key)
_ABOUT = (
    select(
        Unit.name.label("organisation"),
        Unit.id.label("organisation_id"),
        _count_of(Duty.MANAGER).label("manages"),
        _count_of(Duty.ASSESSOR).label("assesses"),
    )
    .join(Person, Person.organisation_id == Unit.id)
    .where(Person.id == _WHO)
)


def _facts() -> Any:
    """Posts, teams, stages, managers and assessors of one person in one statement; a column that a kind does not have is NULL."""
    holder = aliased(Person)

    def shape(kind: str, table: Any, words: Any, ref: Any, **more: Any) -> Any:
        extra = {"contract": null(), "fte": null(), "working_days": null(), "practice_area": null(), "is_primary": null(), **more}
        columns = [column.label(name) for name, column in extra.items()]
        picked = select(literal(kind).label("kind"), table.valid_from, table.valid_to, words.label("words"), ref.label("ref"), *columns)
        return picked.where(table.person_id == _WHO, table.superseded_at.is_(None))

    posts = shape(
        "post",
        Post,
        Post.job_title,
        Post.id,
        contract=Post.contract,
        fte=type_coerce(Post.fte, Float),
        working_days=Post.working_days,
        practice_area=Post.practice_area,
        is_primary=Post.is_primary,
    )
    teams = shape("team", Membership, Unit.name, Unit.id).join(Unit, Unit.id == Membership.unit_id)
    stages = shape("stage", Stage, CareerStage.title, CareerStage.rank).join(CareerStage, CareerStage.code == Stage.stage)
    duties = [
        shape(duty.value, Responsibility, holder.name, holder.id)
        .join(holder, holder.id == Responsibility.holder_id)
        .where(Responsibility.kind == duty)
        for duty in (Duty.MANAGER, Duty.ASSESSOR)
    ]
    return union_all(posts, teams, stages, *duties).order_by(literal_column("valid_from").desc(), literal_column("kind"))


_FACTS = _facts()


def stages(tx: Tx) -> list[tuple[str, str]]:
    """Career stages in their order: (code, title)."""
    return [(row.code, row.title) for row in tx.rows(_STAGES)]


_STAGES = Ready(select(CareerStage.code, CareerStage.title).order_by(CareerStage.rank, CareerStage.title))


# Whom it costs -----------------------------------------------------------------------------------------------------


def cost_centre_of(person: Any, today: Any) -> Any:
    """SQL: the cost centre that is charged for somebody today: that of their team, or of the nearest part of the organisation above it.

    `person` holds a people.id; it may stand at any depth of a statement.
    """
    member, employee, above, centre = aliased(Membership), aliased(Person), aliased(UnitClosure), aliased(Unit)
    team = select(member.unit_id).where(member.person_id == person, current(member, today)).limit(1).correlate_except(member)
    employer = select(employee.organisation_id).where(employee.id == person).correlate_except(employee)
    return (
        select(centre.cost_centre)
        .join(above, above.ancestor_id == centre.id)
        .where(
            above.descendant_id == func.coalesce(team.scalar_subquery(), employer.scalar_subquery()),
            centre.cost_centre.is_not(None),
        )
        .order_by(above.depth)
        .limit(1)
        .correlate_except(centre, above)
        .scalar_subquery()
    )


# Organisation ------------------------------------------------------------------------------------------------------


def _visible_roots(tx: Tx) -> list[int] | None:
    """The organisations whose tree the reader may see: their own and those their roles reach; None: every one."""
    found = policy.terms(tx.actor, Can.READ_PERSON)
    if (Reach.ALL, None) in found:
        return None
    return [tx.actor.organisation_id or 0]


def organisations(tx: Tx) -> Sequence[Row[Any]]:
    """The roots of the tree that the reader may see, the council first, with head counts."""
    roots = _visible_roots(tx)
    condition = [Unit.parent_id.is_(None)] + ([] if roots is None else [Unit.id.in_(roots)])
    return tx.rows(_counted(*condition).order_by(Unit.host.desc(), Unit.name), today=tx.today)


def unit(tx: Tx, unit_id: int) -> tuple[Row[Any], Sequence[Row[Any]], Sequence[Row[Any]]]:
    """A node with its head count, its ancestors from the top, and its children with theirs; NotFound outside the reader's organisation."""
    roots = _visible_roots(tx)
    rows = tx.rows(_counted(or_(Unit.id == unit_id, Unit.parent_id == unit_id)).order_by(Unit.name), today=tx.today)
    found = next((row for row in rows if row.id == unit_id), None)
    if found is None or (roots is not None and found.organisation_id not in roots):
        raise NotFound("There is no such part of the organisation.", code="unit-not-found")
    above = tx.rows(
        select(Unit.id, Unit.name)
        .join(UnitClosure, UnitClosure.ancestor_id == Unit.id)
        .where(UnitClosure.descendant_id == unit_id, UnitClosure.depth > 0)
        .order_by(UnitClosure.depth.desc())
    )
    return found, above, [row for row in rows if row.id != unit_id]


def cost_centre(tx: Tx, unit_id: int) -> Row[Any]:
    """A node's own cost centre and the one it would have from above, or NotFound when the actor may not set it."""
    above = aliased(Unit)
    inherited = (
        select(above.cost_centre)
        .join(UnitClosure, UnitClosure.ancestor_id == above.id)
        .where(UnitClosure.descendant_id == Unit.id, UnitClosure.depth > 0, above.cost_centre.is_not(None))
        .order_by(UnitClosure.depth)
        .limit(1)
        .correlate(Unit)
        .scalar_subquery()
    )
    row = tx.one(select(Unit.id, Unit.name, Unit.version, Unit.cost_centre, inherited.label("inherited")).where(Unit.id == unit_id))
    if row is None or not policy.covers(tx, Can.SET_COST_CENTRES, unit_id):
        raise NotFound("There is no such part of the organisation.", code="unit-not-found")
    return row


def _counted(*condition: Any) -> Select[Any]:
    """Nodes with how many people belong to them or below today: one grouped statement for all of them."""
    wanted = select(Unit.id).where(*condition, Unit.closed_on.is_(None)).subquery()
    direct = (
        select(Membership.unit_id, func.count().label("people")).where(current(Membership, TODAY)).group_by(Membership.unit_id).subquery()
    )
    heads = (
        select(UnitClosure.ancestor_id, func.sum(direct.c.people).label("people"))
        .join(wanted, wanted.c.id == UnitClosure.ancestor_id)
        .join(direct, direct.c.unit_id == UnitClosure.descendant_id)
        .group_by(UnitClosure.ancestor_id)
        .subquery()
    )
    below = aliased(Unit)
    children = select(func.count()).select_from(below).where(below.parent_id == Unit.id, below.closed_on.is_(None)).scalar_subquery()
    return (
        select(
            Unit.id,
            Unit.organisation_id,
            Unit.parent_id,
            Unit.kind,
            Unit.code,
            Unit.name,
            func.coalesce(heads.c.people, 0).label("people"),
            children.label("children"),
        )
        .join(wanted, wanted.c.id == Unit.id)
        .outerjoin(heads, heads.c.ancestor_id == Unit.id)
    )


def units_called(tx: Tx, said: str, can: Can, most: int = 6) -> Sequence[Row[Any]]:
    """Parts of the organisation, of those that `can` reaches, that somebody means by a code or a name: the one with exactly that,
    else those that begin so."""
    said = said.strip()
    found = policy.require(tx, can)
    columns = select(Unit.id, Unit.name, Unit.code, Unit.organisation_id).where(Unit.closed_on.is_(None))
    if (Reach.ALL, None) not in found:
        nodes = [node for reach, node in found if reach is Reach.SCOPE]
        columns = columns.where(Unit.id.in_(select(UnitClosure.descendant_id).where(UnitClosure.ancestor_id.in_(nodes))))
    exact = tx.rows(columns.where(or_(func.lower(Unit.code) == said.lower(), func.lower(Unit.name) == said.lower())).limit(most))
    words = query_words(said)
    if exact or not words:
        return exact
    return tx.rows(columns.where(matches(tx.db, "units", Unit.__table__.c.id, words, "simple")).order_by(Unit.name).limit(most))


def unit_name(tx: Tx, unit_id: int) -> str:
    """A node's name, or nothing if there is no such node."""
    return str(tx.scalar(select(Unit.name).where(Unit.id == unit_id)) or "")


def parts_of_organisation(tx: Tx) -> tuple[tuple[int, str], ...]:
    """Services and localities to filter by, of the organisations the reader may see; teams are found by typing their name.

    Every list of people offers them and they change a few times a year, so each process remembers them for LISTS_KEPT seconds.
    """
    roots = _visible_roots(tx)

    def ask() -> tuple[tuple[int, str], ...]:
        chosen = select(Unit.id, Unit.name).where(Unit.kind != UnitKind.TEAM, Unit.closed_on.is_(None))
        chosen = chosen if roots is None else chosen.where(Unit.organisation_id.in_(roots))
        rows = tx.rows(chosen.order_by(Unit.kind != UnitKind.ORGANISATION, Unit.name).limit(400))
        return tuple((row.id, row.name) for row in rows)

    found: tuple[tuple[int, str], ...] = _remembered(tx, None if roots is None else tuple(roots), ask)
    return found


def stages_to_filter_by(tx: Tx) -> tuple[tuple[str, str], ...]:
    """`stages`, remembered likewise."""
    found: tuple[tuple[str, str], ...] = _remembered(tx, "stages", lambda: tuple(stages(tx)))
    return found


def _remembered(tx: Tx, key: Any, ask: Callable[[], Any]) -> Any:
    kept = _lists.setdefault(tx.db.engine, {})
    until, found = kept.get(key, (0.0, ()))
    if monotonic() > until:
        found = ask()
        if len(kept) >= MOST_LISTS:
            kept.clear()
        kept[key] = monotonic() + LISTS_KEPT, found
    return found


LISTS_KEPT = 15.0  # seconds
MOST_LISTS = 100  # one for each organisation whose people look
_lists: WeakKeyDictionary[Engine, dict[Any, tuple[float, Any]]] = WeakKeyDictionary()
