"""Supervision of several people: who is overdue, and several dates entered at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Any

from sqlalchemy import or_, select
from starlette.responses import Response

from app import policy
from app.core.forms import Problems, one_id, text
from app.core.listing import PageNumbers
from app.core.sheets import as_date
from app.core.tx import Tx
from app.core.web import url
from app.doors import Page, Pages
from app.people.models import Person, Unit
from app.policy import Can
from app.supervision import operations, queries, words
from app.supervision.compliance_pages import people_of
from app.supervision.held import Held
from app.supervision.models import KINDS
from app.supervision.operations import New
from app.supervision.pages import beyond

pages = Pages()
ROWS = 6  # on the page for several
MOST_PEOPLE = 300  # to choose from on it


@pages.get("/supervision/team", can=Can.READ_SUPERVISION)
def team(tx: Tx, page: Page) -> Response:
    """Everybody in reach who follows a rule, whoever waits longest first: four statements for each thousand."""
    of_team = page.number("team", 0) or None
    found = sorted((held for piece in queries.in_pieces(tx, people_of(tx, of_team)) for held in piece.values()), key=_urgent)
    overdue = [held for held in found if held.overdue_since]
    wanted = overdue if page.query("show") == "overdue" else found
    numbers = PageNumbers(len(wanted), page.number("page"))
    shown = wanted[numbers.offset : numbers.offset + numbers.size]
    keys = [held.term.person_id for held in shown]
    names = {row.id: row.name for row in tx.rows(select(Person.id, Person.name).where(Person.id.in_(keys)))} if keys else {}
    return page.render(
        "supervision/team.html",
        rows=shown,
        names=names,
        total=len(found),
        overdue=len(overdue),
        only=page.query("show") == "overdue",
        numbers=numbers,
        link=partial(_page_of, page.query("show"), of_team),
        team=tx.one(select(Unit.id, Unit.name).where(Unit.id == of_team)) if of_team and found else None,
        words=words,
        others=beyond(tx),
    )


def _page_of(show: str, team: int | None, number: int) -> str:
    return url("/supervision/team", show=show, team=team, page=number)


def _urgent(held: Held) -> tuple[Any, ...]:
    """Overdue ones by how long, then by when the next is due; at the end those of whom nothing is due."""
    return held.overdue_since is None, held.overdue_since or held.next_due or date.max, held.term.person_id


# Several at once ---------------------------------------------------------------------------------------------------


def draw_several(tx: Tx, page: Page) -> Response:
    """A few lines, each one supervision that the reader gave."""
    people = [(row.id, row.name) for row in _people(tx)]
    return page.render("supervision/several.html", people=people, kinds=list(KINDS.items()), rows=range(1, ROWS + 1), others=beyond(tx))


def _people(tx: Tx) -> Sequence[Any]:
    mine = select(Person.id, Person.name).where(
        policy.within_reach(tx, Can.RECORD_SUPERVISION, Person.id),
        Person.id != (tx.actor.person_id or 0),
        or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today),
    )
    return tx.rows(mine.order_by(Person.sort_name, Person.id).limit(MOST_PEOPLE))


@pages.get("/supervision/several", can=Can.RECORD_SUPERVISION)
def several(tx: Tx, page: Page) -> Response:
    """Enter several."""
    return draw_several(tx, page)


@pages.post("/supervision/several", can=Can.RECORD_SUPERVISION, again=draw_several)
def record_several(tx: Tx, page: Page) -> Response:
    """All of the lines with a date, or none."""
    problems, new = Problems(), []
    for n in range(1, ROWS + 1):
        if text(page.form, f"held_on-{n}"):
            new += _row(page.form, n, tx.actor.person_id or 0, problems)
        elif one_id(page.form, f"person-{n}") or text(page.form, f"minutes-{n}"):
            problems.add(f"held_on-{n}", f"Line {n}: enter the date")
    if not new and not problems.errors:
        problems.add("held_on-1", "Enter at least one date")
    problems.raise_any()
    operations.record_many(tx, new)
    return page.go("/supervision/team", recorded=len(new))


def _row(form: dict[str, Any], n: int, me: int, problems: Problems) -> list[New]:
    before = len(problems.errors)
    day, person, minutes = as_date(text(form, f"held_on-{n}")), one_id(form, f"person-{n}"), text(form, f"minutes-{n}")
    if person is None:
        problems.add(f"person-{n}", f"Line {n}: choose who was supervised")
    if day is None:
        problems.add(f"held_on-{n}", f"Line {n}: the date must be a real date, like 8/12/2026")
    if text(form, f"kind-{n}") not in KINDS:
        problems.add(f"kind-{n}", f"Line {n}: choose what kind of supervision it was")
    if not (minutes.isdecimal() and minutes.isascii() and len(minutes) <= 3):
        problems.add(f"minutes-{n}", f"Line {n}: enter how many minutes it took")
    if len(problems.errors) > before:
        return []
    assert day is not None and person is not None
    return [New(person, day, text(form, f"kind-{n}"), int(minutes), (me,), None, f"-{n}")]
