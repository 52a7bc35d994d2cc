"""Who has what required training or a step asks for, and until when: people by requirement, on any date, as a page and as files."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

from sqlalchemy import Row, Select, and_, func, or_, select

from app.core.calendar import MONTHS
from app.core.db import AnySelect
from app.core.errors import Conflict, NotFound
from app.core.facts import current
from app.core.tx import Tx
from app.pathways.applying import applying
from app.pathways.evidence import When
from app.pathways.items import Item, State, items
from app.pathways.progress import Met, met_rows
from app.pathways.versions import Version, in_force
from app.people.models import Membership, Person, Post, Unit, UnitClosure
from app.policy import Can, within_reach

MOST = 5_000  # people looked at for one page or in one file
FIRST_COLUMNS = ("Name", "Employee number", "Job title", "Team")
SHOWS = {"": "Everybody", "gaps": "Something lapsed or not done", "lapsing": "Something about to lapse"}
_GAPS = ("lapsed", "missing")
WORDS = {"lapsing": "Lapses soon", "lapsed": "Lapsed", "missing": "Not done"}
COLOURS = {"met": "green", "lapsing": "yellow", "lapsed": "red", "missing": "grey"}
SHADES = {"In date": "#cce2d8", "Done": "#cce2d8", "Lapses soon": "#fff7bf", "Lapsed": "#f6d7d2", "Not done": "#eeefef"}
NOT_FOR_THEM = "–"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part: a step by its code (none: all required training), a part of the organisation, who, and on which day."""

    on: date
    step: str = ""
    unit_id: int | None = None
    show: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One person and one thing, as the page's tag and the date below it say it."""

    words: str
    colour: str
    day: str = ""

    @property
    def text(self) -> str:
        """As a file says it: the same words, and the date."""
        return f"{self.words} {self.day}".strip()


NOTHING = Cell(NOT_FOR_THEM, "")


@dataclass(frozen=True, slots=True)
class Table:
    """Everybody asked for, by name; the page shows some of them. `counts`: by column, for how many it is, and how many of them have it."""

    items: list[Item]
    rows: list[Row[Any]]
    states: dict[int, dict[int, State]]  # person → column → state, where it is for them
    counts: list[tuple[int, int]]

    def cells(self, person_id: int) -> list[Cell]:
        """Somebody's line."""
        mine = self.states[person_id]
        return [cell(mine[number]) if number in mine else NOTHING for number in range(len(self.items))]


def cell(state: State) -> Cell:
    """What a state looks like."""
    if state.status == "missing":
        return Cell(WORDS["missing"], COLOURS["missing"])
    if state.status == "met" and state.expires_on is None:
        return Cell("Done", COLOURS["met"], _day(state.met_on) if state.met_on else "")
    words = WORDS.get(state.status, "In date")
    until = f"{'after' if state.status == 'lapsed' else 'to'} {_day(state.expires_on)}" if state.expires_on else ""
    return Cell(words, COLOURS[state.status], until)


def _day(on: date) -> str:
    return f"{on.day} {MONTHS[on.month - 1][:3]} {on.year}"


# Asking ------------------------------------------------------------------------------------------------------------


def steps(tx: Tx, on: date) -> list[Version]:
    """What can be chosen on the day: sets of required training first."""
    return sorted(in_force(tx, on), key=lambda version: (version.kind != "mandatory", version.title))


def table(tx: Tx, asked: Asked, offered: Sequence[Version]) -> Table:
    """Everybody in reach whom it is for, with how each thing stands for them.

    NotFound for a step that is not in force on the day. Conflict where it would be more than MOST people: a part has to be chosen.
    """
    chosen = [version for version in offered if (version.code == asked.step if asked.step else version.kind == "mandatory")]
    if asked.step and not chosen:
        raise NotFound("There is no such step on that day.", code="step-not-found")
    if not chosen:
        return Table([], [], {}, [])
    whose = _whose(tx, asked)
    if (many := int(tx.scalar(select(func.count()).select_from(whose.subquery())))) > MOST:
        raise Conflict(
            f"That is {many:,} people, and at most {MOST:,} can be shown together.",
            code="too-many-people",
            way_out="Choose a part of the organisation.",
        )
    columns, found = _states(tx, whose, [version.id for version in chosen], asked.on)
    wanted = {key for key, states in found.items() if _shown(states, asked.show)}
    people = [row for row in tx.rows(_people(whose, tx.today)) if row.id in wanted]
    counts = [_count(found, number) for number in range(len(columns))]
    return Table(columns, people, found, counts)


def _shown(states: dict[int, State], show: str) -> bool:
    if show == "gaps":
        return any(state.status in _GAPS for state in states.values())
    return show != "lapsing" or any(state.status == "lapsing" for state in states.values())


def _count(found: dict[int, dict[int, State]], number: int) -> tuple[int, int]:
    theirs = [states[number] for states in found.values() if number in states]
    return len(theirs), sum(state.status not in _GAPS for state in theirs)


def _whose(tx: Tx, asked: Asked) -> Select[Any]:
    """Ids of those in reach, in the part asked for, who worked here on the day."""
    begun = or_(Person.started_on.is_(None), Person.started_on <= asked.on)
    found = select(Person.id).where(
        begun, or_(Person.leaving_on.is_(None), Person.leaving_on >= asked.on), within_reach(tx, Can.READ_REQUIRED, Person.id)
    )
    if asked.unit_id is None:
        return found
    below = select(UnitClosure.descendant_id).where(UnitClosure.ancestor_id == asked.unit_id)
    return found.where(Person.id.in_(select(Membership.person_id).where(Membership.unit_id.in_(below), current(Membership, tx.today))))


def _people(whose: Select[Any], today: date) -> AnySelect:
    return (
        select(Person.id, Person.name, Person.employee_number, Post.job_title, Unit.name.label("unit"))
        .outerjoin(Post, and_(Post.person_id == Person.id, Post.is_primary, current(Post, today)))
        .outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, today)))
        .outerjoin(Unit, Unit.id == Membership.unit_id)
        .where(Person.id.in_(whose))
        .order_by(Person.sort_name, Person.id)
    )


def _states(tx: Tx, whose: Select[Any], versions: Sequence[int], on: date) -> tuple[list[Item], dict[int, dict[int, State]]]:
    """The columns, and person → column → how it stands, of those whom it is for; one statement for everybody.

    What several sets ask for is one column. What is for most people stands first.
    """
    mine: dict[int, list[Item]] = defaultdict(list)
    for item in items(tx, versions):
        mine[item.version_id].append(item)
    when = When(on, None)
    said: dict[tuple[int, int], dict[int, Met]] = defaultdict(dict)
    for row in tx.rows(met_rows(tx, applying(tx, whose, versions, when), versions, when)):
        said[row.person_id, row.version_id][row.requirement_id] = Met(*tuple(row))
    stands: dict[int, dict[str, State]] = defaultdict(dict)
    for (person, version), mets in said.items():
        for item in mine[version]:
            stands[person][item.what] = item.state(mets, on)
    many, in_set = Counter(what for states in stands.values() for what in states), Counter(version for _, version in said)
    # Of the sets that ask for it, a column is called after the one that is for most.
    named = {item.what: item for item in sorted(chain(*mine.values()), key=lambda item: in_set[item.version_id])}
    columns = sorted(named.values(), key=lambda item: -many[item.what]) if len(versions) > 1 else list(named.values())
    place = {item.what: number for number, item in enumerate(columns)}
    return columns, {person: {place[what]: state for what, state in states.items()} for person, states in stands.items()}


# As files ----------------------------------------------------------------------------------------------------------


def heads(found: Table) -> list[str]:
    """The columns of a file: what they are called on the page, with their set where two are called alike."""
    titles = [item.title for item in found.items]
    return [*FIRST_COLUMNS, *(item.title if titles.count(item.title) == 1 else f"{item.title} ({item.step})" for item in found.items)]


def lines(found: Table) -> list[list[str]]:
    """The rows of a file, with the words of the page."""
    return [
        [row.name, row.employee_number or "", row.job_title or "", row.unit or "", *(each.text for each in found.cells(row.id))]
        for row in found.rows
    ]
