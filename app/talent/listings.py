"""Talent pools for other systems: pools in figures, and who is on their lists by agreement. No reasons, views or equality data."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Select, select

from app.core.errors import Invalid
from app.core.listing import Day, DayOut, InstantOut, Key, ListQuery, after, cursor
from app.core.text import normal
from app.core.tx import Tx
from app.pathways.models import Step
from app.policy import Can
from app.talent import listed, operations
from app.talent.listed import Asked, Line
from app.talent.models import TalentPool

EARLIEST, FAR = 2000, 20  # the first year, and how many years ahead, that can be asked about
Readiness = Literal["met", "lapsing", "lapsed", "missing"]


class PoolsQuery(ListQuery):
    """Which pools. Closed ones are left out."""

    organisation: Key | None = Field(None, description="Id of the organisation whose pools they are.")
    as_at: Day | None = Field(None, description="Depth and cover on this day; today unless it is given.")


class PoolOut(BaseModel):
    """A pool for a role. It promises nobody a post."""

    id: int
    organisation_id: int
    title: str = Field(description="What the role is called.")
    step: str | None = Field(description="Code of the step that readiness is measured by; null: it is not.")
    stage: str | None = Field(description="Code of the career stage that it leads to.")
    critical: bool
    posts: int
    depth_wanted: int
    depth: int = Field(description="People on its list: those who agree to be.")
    ready_now: int = Field(description="Of those, people whose moderated horizon says ready now and who meet the step on the day.")
    came: int = Field(description="Times that somebody came onto the list within twelve months.")
    went: int = Field(description="Times that somebody went off it within twelve months.")
    opened_at: InstantOut


class PoolsOut(BaseModel):
    """One reply of the list."""

    items: list[PoolOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


def _day(tx: Tx, given: date | None) -> date:
    """The day asked about, today unless one is given; Invalid for one that no pool can have seen, or that lies too far ahead."""
    last = tx.today.year + FAR
    if given is not None and not EARLIEST <= given.year <= last:
        message = f"The day must be in the years {EARLIEST} to {last}"
        raise Invalid(message + ".", errors=[{"field": "as_at", "message": message}])
    return given or tx.today


_POOL = ("id", "organisation_id", "title", "stage", "critical", "posts", "depth_wanted", "opened_at")


def pools(tx: Tx, query: PoolsQuery) -> tuple[list[dict[str, Any]], str | None]:
    """Open pools that the client may see, by id, and the cursor of the next reply."""
    mine, asked = operations.organisations(tx, Can.READ_TALENT), Asked(_day(tx, query.as_at))
    found: Select[Any] = select(TalentPool.__table__, Step.code.label("step")).outerjoin(Step, Step.id == TalentPool.step_id)
    found = found.where(TalentPool.closed_at.is_(None), TalentPool.id > after("talent-pools", query))
    if mine is not None:
        found = found.where(TalentPool.organisation_id.in_(mine))
    if query.organisation is not None:
        found = found.where(TalentPool.organisation_id == query.organisation)
    rows = tx.rows(found.order_by(TalentPool.id).limit(query.limit + 1))
    shown = rows[: query.limit]
    health = listed.health(tx, shown, asked)
    items = []
    for row in shown:
        how = health[row.id]
        figures = dict(depth=how.depth, ready_now=how.ready_now, came=how.came, went=how.went)
        items.append({**{name: getattr(row, name) for name in _POOL}, "step": row.step, **figures})
    return items, cursor("talent-pools", query, shown[-1].id) if len(rows) > len(shown) else None


class EntriesQuery(ListQuery):
    """Whose, and when. What is asked, by which client, is kept and shown to the people it is about."""

    purpose: str = Field(
        min_length=5, max_length=200, pattern=r"^[^\x00]*\w[^\x00]*$", description="What it is read for; kept with the reading."
    )
    as_at: Day | None = Field(None, description="On the list on this day; today unless it is given.")


class EntryOut(BaseModel):
    """Somebody on the list of a pool. Whoever does not agree, or no longer does, is not here, for earlier days either."""

    id: int
    person_id: int
    employee_number: str | None
    entered_on: DayOut
    agreed_on: DayOut
    readiness: Readiness | None = Field(description="How far they are with the pool's step on the day; null: it is not measured.")
    held: int | None = Field(description="How many of its requirements are met.")
    asked: int | None = Field(description="How many requirements it has.")
    expires_on: DayOut | None = Field(description="The last day on which the step is met, if nothing more is recorded.")
    potential: str | None = Field(description="The moderated judgement, in the council's own words; null: there is none.")
    horizon: str | None
    specialist: bool | None = Field(description="On a track of their own; null: not judged.")
    judged_on: DayOut | None


class EntriesOut(BaseModel):
    """One reply of the list."""

    items: list[EntryOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


_ENTRY = (
    *("person_id", "employee_number", "entered_on", "agreed_on"),
    *("potential", "horizon", "specialist", "judged_on"),
)
_MEASURED = ("held", "asked", "expires_on")


def said_for(query: EntriesQuery) -> str:
    """What it is read for, as it is kept: on one line, without anything invisible."""
    return normal(query.purpose)


def entries(tx: Tx, pool_id: int, query: EntriesQuery) -> tuple[list[dict[str, Any]], str | None]:
    """The list of a pool by entry, and the cursor of the next reply; NotFound for a pool of others."""
    pool, asked = operations.pool(tx, Can.READ_TALENT, pool_id), Asked(_day(tx, query.as_at))
    name = f"talent-entries-{pool_id}"
    start, version = after(name, query), listed.version_of(tx, pool, asked)
    lines = listed.of_client(tx, pool, start, query.limit + 1, asked, version)
    shown = lines[: query.limit]
    return [_item(line) for line in shown], cursor(name, query, shown[-1].row.entry_id) if len(lines) > len(shown) else None


def _item(line: Line) -> dict[str, Any]:
    measured = {"readiness": line.ready.status if line.ready else None, **{each: getattr(line.ready, each, None) for each in _MEASURED}}
    return {"id": line.row.entry_id, **{each: getattr(line.row, each) for each in _ENTRY}, **measured}
