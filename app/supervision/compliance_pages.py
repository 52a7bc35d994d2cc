"""Supervision by team, as files, and the rules that parts of the organisation follow where no programme says otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, and_, or_, select
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.facts import current
from app.core.forms import Problems
from app.core.tables_out import TYPES, Cell, table_bytes
from app.core.tx import Tx
from app.doors import Page, Pages
from app.frameworks.models import SupervisionRule
from app.people.models import Membership, Person, Unit, UnitClosure
from app.policy import Can
from app.supervision import action_queries, queries, words
from app.supervision.action_queries import Counts
from app.supervision.held import Held
from app.supervision.operations.standing import set_standing, standing
from app.supervision.pages import beyond

pages = Pages()
ACTIONS_OF = timedelta(days=183)  # actions agreed since so long ago are counted, and open ones whenever they were agreed
_NOBODY = Counts(0, 0, 0)


def people_of(tx: Tx, team: int | None = None) -> Select[Any]:
    """Ids of everybody in reach whose supervision the reader sees, themselves left out; of one team, if one is named."""
    asked = select(Person.id).where(
        policy.within_reach(tx, Can.READ_SUPERVISION, Person.id),
        Person.id != (tx.actor.person_id or 0),
        or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today),
    )
    if team is not None:
        member = and_(Membership.person_id == Person.id, Membership.unit_id == team, current(Membership, tx.today))
        asked = asked.where(select(Membership.id).where(member).exists())
    return asked


@dataclass(slots=True)
class Team:
    """One team's supervision today, added up."""

    unit_id: int | None
    name: str
    people: int = 0  # who follow a rule
    overdue: int = 0
    due: int = 0  # windows that are over
    met: int = 0
    open: int = 0  # actions
    late: int = 0
    closed: int = 0
    rules: set[str] = field(default_factory=set)

    def add(self, held: Held, actions: Counts) -> None:
        """One more person."""
        self.people += 1
        self.overdue += held.overdue_since is not None
        self.due += held.due
        self.met += held.met
        self.open += actions.open
        self.late += actions.overdue
        self.closed += actions.closed
        self.rules.add(held.term.title)


def _placed(tx: Tx, ids: Sequence[int]) -> dict[int, Any]:
    """Name and team of each of these people."""
    rows = tx.rows(
        select(Person.id, Person.name, Unit.id.label("unit_id"), Unit.name.label("team"))
        .outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, tx.today)))
        .outerjoin(Unit, Unit.id == Membership.unit_id)
        .where(Person.id.in_(ids))
    )
    return {row.id: row for row in rows}


def _each(tx: Tx, team: int | None = None) -> Iterator[tuple[Any, Held, Counts]]:
    """Everybody in reach who follows a rule, with their team and their actions, a piece at a time."""
    for piece in queries.in_pieces(tx, people_of(tx, team)):
        ids = sorted(piece)
        placed, actions = _placed(tx, ids), action_queries.counts(tx, ids, tx.today - ACTIONS_OF)
        for key in ids:
            yield placed[key], piece[key], actions.get(key, _NOBODY)


@pages.get("/supervision/teams", can=Can.READ_SUPERVISION)
def teams(tx: Tx, page: Page) -> Response:
    """Every team in reach: who is overdue, what was in time, and what became of actions. Those with most overdue first."""
    found: dict[int | None, Team] = {}
    for row, held, actions in _each(tx):
        if row.unit_id not in found:
            found[row.unit_id] = Team(row.unit_id, row.team or "No team")
        found[row.unit_id].add(held, actions)
    total = Team(None, "")
    for team in found.values():
        for name in ("people", "overdue", "due", "met", "open", "late", "closed"):
            setattr(total, name, getattr(total, name) + getattr(team, name))
    rows = sorted(found.values(), key=lambda team: (-team.overdue, team.name, team.unit_id or 0))
    return page.render("supervision/teams.html", rows=rows, total=total, today=tx.today, others=beyond(tx))


HEADS = (
    *("Name", "Team", "Rule", "State", "Due by", "Last held", "In time", "Due so far", "Held", "Average minutes"),
    *("Actions open", "Actions overdue", "Actions closed"),
)


def _cells(row: Any, held: Held, actions: Counts) -> list[Cell]:
    days = [day or "" for day in (held.next_due, held.last_held)]
    numbers = [held.met, held.due, held.held, held.average, actions.open, actions.overdue, actions.closed]
    return [row.name, row.team or "", held.term.title, words.state(held)[0], *days, *numbers]


def _file(tx: Tx, page: Page, kind: str) -> Response:
    team = page.number("team", 0) or None
    rows = sorted((_cells(*each) for each in _each(tx, team)), key=lambda cells: (str(cells[1]), str(cells[0])))
    page.took("supervision.exported", "people", team=team, rows=len(rows), format=kind)
    headers = {"content-disposition": f'attachment; filename="supervision-{tx.today.isoformat()}.{kind}"'}
    return Response(table_bytes(kind, "Supervision", HEADS, rows), media_type=TYPES[kind], headers=headers)


@pages.get("/supervision/team.csv", can=Can.READ_SUPERVISION)
def team_csv(tx: Tx, page: Page) -> Response:
    """Everybody in reach, or one team, as a CSV file: dates and counts, never words."""
    return _file(tx, page, "csv")


@pages.get("/supervision/team.xlsx", can=Can.READ_SUPERVISION)
def team_xlsx(tx: Tx, page: Page) -> Response:
    """The same as a workbook."""
    return _file(tx, page, "xlsx")


# Rules of parts of the organisation --------------------------------------------------------------------------------


def draw_rules(tx: Tx, page: Page) -> Response:
    """The rules that apply, and a form to set another."""
    page.form = page.form or forms.day_fields("from", tx.today)
    mine = [(row.id, row.name) for row in tx.rows(_units(policy.require(tx, Can.MANAGE_FRAMEWORKS)))]
    rules = tx.rows(select(SupervisionRule.__table__).where(SupervisionRule.state == "published").order_by(SupervisionRule.title))
    options = [("none", "None of its own"), *((row.id, f"{row.title} ({row.version})") for row in rules)]
    rows = standing(tx)
    return page.render("supervision/rules.html", rows=rows, units=mine, rules=options, today=tx.today, others=beyond(tx))


def _units(terms: frozenset[policy.Term]) -> Any:
    """Parts of the organisation, teams left out, that the reader looks after."""
    asked: Any = select(Unit.id, Unit.name).where(Unit.closed_on.is_(None), Unit.kind != "team").order_by(Unit.id)
    if (policy.Reach.ALL, None) in terms:
        return asked
    return asked.where(Unit.id.in_(select(UnitClosure.descendant_id).where(UnitClosure.ancestor_id.in_([node for _, node in terms]))))


@pages.get("/supervision/rules", can=Can.MANAGE_FRAMEWORKS)
def rules(tx: Tx, page: Page) -> Response:
    """Which rule applies where, to whoever has none by a programme."""
    return draw_rules(tx, page)


@pages.post("/supervision/rules", can=Can.MANAGE_FRAMEWORKS, again=draw_rules)
def set_rule(tx: Tx, page: Page) -> Response:
    """From a day on another rule applies there."""
    problems = Problems()
    unit, rule = forms.one_id(page.form, "unit"), forms.text(page.form, "rule")
    since = forms.day(page.form, "from", "The day", problems, needed=True)
    if unit is None:
        problems.add("unit", "Choose a part of the organisation")
    if rule != "none" and not forms.one_id(page.form, "rule"):
        problems.add("rule", "Choose a rule")
    problems.raise_any()
    assert unit is not None and since is not None
    set_standing(tx, unit, None if rule == "none" else forms.one_id(page.form, "rule"), since)
    return page.go("/supervision/rules", said="set")
