"""Development reviews of many: by person and by team, as files, and the review years. Dates only, never what somebody wants to reach."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from app import policy
from app.core import forms
from app.core.errors import NotFound
from app.core.forms import Problems, text
from app.core.listing import PageNumbers
from app.core.tables_out import TYPES, Cell, table_bytes
from app.core.text import slug
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.people.models import Unit
from app.policy import Can
from app.supervision import pdr_queries as queries
from app.supervision.operations import pdr
from app.supervision.operations.pdr import Cycle
from app.supervision.pdr_models import EVENTS
from app.supervision.pdr_pages import SAID, beyond

pages = Pages()
_DAYS = {
    "starts_on": "First day",
    "ends_on": "Last day",
    "objectives_by": "Objectives agreed by",
    "mid_year_by": "Mid-year review by",
    "complete_by": "Complete by",
}
_WHY = {"new": "New", "away": "Away for long"}
_CYCLE_SAID = {"opened": "The review year is set up.", "changed": "The review year is changed."}


def _chosen(tx: Tx, page: Page) -> tuple[Any, Any]:
    cycles = queries.cycles_in_reach(tx, Can.READ_PDR_DATES)
    asked = page.number("cycle", 0)
    return cycles, next((each for each in cycles if each.id == asked), None) or queries.today_of(cycles, tx.today)


@pages.get("/pdr/people", can=Can.READ_PDR_DATES)
def people(tx: Tx, page: Page) -> Response:
    """Everybody in reach, or one team of them: what was held when, who is overdue and who is excused."""
    cycles, cycle = _chosen(tx, page)
    team = page.number("team", 0) or None
    total = queries.how_many(tx, Can.READ_PDR_DATES, cycle, tx.today, team=team) if cycle else 0
    numbers = PageNumbers(total, page.number("page"))
    slice_ = (numbers.offset, numbers.size)
    rows = queries.each_person(tx, Can.READ_PDR_DATES, cycle, tx.today, team=team, slice_=slice_) if cycle else []
    return page.render(
        "supervision/pdr/people.html",
        cycles=cycles,
        cycle=cycle,
        rows=rows,
        total=total,
        numbers=numbers,
        link=partial(_page_of, cycle.id if cycle else 0, team),
        kinds=EVENTS,
        due=queries.due_by(cycle) if cycle else {},
        why=_WHY,
        team=tx.one(select(Unit.name).where(Unit.id == team)) if team and rows else None,
        query=f"?cycle={cycle.id if cycle else 0}" + (f"&team={team}" if team else ""),
        holds=policy.may(tx.actor, Can.HOLD_PDR),
        reads=any(reach is policy.Reach.REPORTS for reach, _ in policy.terms(tx.actor, Can.READ_PDR)),
        others=beyond(tx),
        said=SAID.get(page.query("said"), ""),
        today=tx.today,
    )


def _page_of(cycle_id: int, team: int | None, number: int) -> str:
    return url("/pdr/people", cycle=cycle_id, team=team, page=number)


HEADS = ("Name", "Team", "Manager", *EVENTS.values(), "Overdue", "Not counted")


def _cells(rows: Iterable[queries.Standing]) -> Iterable[list[Cell]]:
    for row in rows:
        held = [row.held.get(kind, "") for kind in EVENTS]
        late = ", ".join(EVENTS[kind] for kind in row.overdue)
        excused = ", ".join(dict.fromkeys(_WHY[why] for why in row.excused.values()))
        yield [row.name, row.team, row.manager, *held, late, excused]


def _file(tx: Tx, page: Page, kind: str) -> Response:
    _, cycle = _chosen(tx, page)
    team = page.number("team", 0) or None
    rows = queries.each_person(tx, Can.READ_PDR_DATES, cycle, tx.today, team=team) if cycle else []
    page.took("pdr.exported", "pdr_cycles", cycle=cycle.id if cycle else None, team=team, rows=len(rows), format=kind)
    title = f"Development reviews {cycle.title if cycle else ''}".strip()
    name = f"{slug(title)}-{tx.today.isoformat()}.{kind}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(table_bytes(kind, title, HEADS, _cells(rows)), media_type=TYPES[kind], headers=headers)


@pages.get("/pdr/people.csv", can=Can.READ_PDR_DATES)
def people_csv(tx: Tx, page: Page) -> Response:
    """The same list as a CSV file."""
    return _file(tx, page, "csv")


@pages.get("/pdr/people.xlsx", can=Can.READ_PDR_DATES)
def people_xlsx(tx: Tx, page: Page) -> Response:
    """The same list as a workbook."""
    return _file(tx, page, "xlsx")


@pages.get("/pdr/teams", can=Can.READ_PDR_DATES)
def teams(tx: Tx, page: Page) -> Response:
    """Each team in reach: how many reviews were held, of how many who are not excused, and who is not counted."""
    cycles, cycle = _chosen(tx, page)
    found = queries.by_team(tx, Can.READ_PDR_DATES, cycle, tx.today) if cycle else []
    totals = [(sum(team.held[n] for team in found), sum(team.counted[n] for team in found)) for n in range(len(EVENTS))]
    return page.render(
        "supervision/pdr/teams.html",
        cycles=cycles,
        cycle=cycle,
        teams=found,
        totals=totals,
        people=sum(team.people for team in found),
        away=sum(team.away for team in found),
        due=queries.due_by(cycle) if cycle else {},
        kinds=EVENTS,
        today=tx.today,
        others=beyond(tx),
    )


# Review years ------------------------------------------------------------------------------------------------------


@pages.get("/pdr/cycles", can=Can.MANAGE_PDR)
def cycles(tx: Tx, page: Page) -> Response:
    """The review years of the reader's organisations."""
    rows = queries.cycles_in_reach(tx, Can.MANAGE_PDR)
    return page.render("supervision/pdr/cycles.html", rows=rows, others=beyond(tx), said=_CYCLE_SAID.get(page.query("said"), ""))


def _organisations(tx: Tx) -> list[tuple[int, str]]:
    asked = select(Unit.id, Unit.name).where(Unit.kind == "organisation", Unit.closed_on.is_(None)).order_by(Unit.host.desc(), Unit.name)
    terms = policy.terms(tx.actor, Can.MANAGE_PDR)
    if (policy.Reach.ALL, None) not in terms:
        asked = asked.where(Unit.id.in_([node for _, node in terms]))
    return [(row.id, row.name) for row in tx.rows(asked)]


def draw_new(tx: Tx, page: Page) -> Response:
    """The form, as a year after the latest one."""
    return _cycle_form(tx, page, None)


def _cycle_form(tx: Tx, page: Page, row: Any) -> Response:
    if not page.form:
        page.form = {"new_days": str(pdr.NEW_DAYS), "away_days": str(pdr.AWAY_DAYS)}
        if row is not None:
            page.form = {name: str(getattr(row, name)) for name in ("title", "new_days", "away_days", "version")}
            for name in _DAYS:
                page.form |= forms.day_fields(name, getattr(row, name))
    options = _organisations(tx)
    return page.render("supervision/pdr/cycle.html", row=row, days=_DAYS, organisations=options, others=beyond(tx))


@pages.get("/pdr/cycles/new", can=Can.MANAGE_PDR)
def new(tx: Tx, page: Page) -> Response:
    """A new review year."""
    return draw_new(tx, page)


def _typed(page: Page) -> Cycle:
    problems = Problems()
    days = {name: forms.day(page.form, name, label, problems, needed=True) for name, label in _DAYS.items()}
    numbers = {name: forms.number(page.form, name, label, problems) for name, label in (("new_days", "Days"), ("away_days", "Days"))}
    for name, number in numbers.items():
        if number is None and not any(error["field"] == name for error in problems.errors):
            problems.add(name, "Enter a number of days")
    title = text(page.form, "title")
    if not title:
        problems.add("title", "Give the review year a name")
    problems.raise_any()
    given: dict[str, Any] = {**days, **numbers}
    return Cycle(title=title, **given)


@pages.post("/pdr/cycles/new", can=Can.MANAGE_PDR, again=draw_new)
def open_cycle(tx: Tx, page: Page) -> Response:
    """It is set up."""
    options = _organisations(tx)
    organisation = forms.one_id(page.form, "organisation") or (options[0][0] if len(options) == 1 else 0)
    pdr.open_cycle(tx, organisation, _typed(page))
    return page.go("/pdr/cycles", said="opened")


def _row(tx: Tx, cycle_id: int) -> Any:
    row = next((each for each in queries.cycles_in_reach(tx, Can.MANAGE_PDR) if each.id == cycle_id), None)
    if row is None or not policy.covers(tx, Can.MANAGE_PDR, row.organisation_id):
        raise NotFound("There is no such review year.", code="cycle-not-found")
    return row


def draw_change(tx: Tx, page: Page, cycle_id: int) -> Response:
    """The form with what stands."""
    return _cycle_form(tx, page, _row(tx, cycle_id))


@pages.get("/pdr/cycles/{cycle_id:int}", can=Can.MANAGE_PDR)
def change_form(tx: Tx, page: Page, cycle_id: int) -> Response:
    """Change a review year."""
    return draw_change(tx, page, cycle_id)


@pages.post("/pdr/cycles/{cycle_id:int}", can=Can.MANAGE_PDR, again=draw_change)
def change(tx: Tx, page: Page, cycle_id: int) -> Response:
    """It is changed."""
    _row(tx, cycle_id)
    pdr.change_cycle(tx, cycle_id, _typed(page), forms.one_id(page.form, "version") or 0)
    return page.go("/pdr/cycles", said="changed")
