"""Pathways for other systems: steps with what they ask for, how far people are with them, and progressions. Figures and dates only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Select, or_, select

from app.core.listing import Day, DayOut, Instant, InstantOut, Key, ListQuery, after, cursor, moment
from app.core.tx import Tx
from app.pathways import progress
from app.pathways.definitions import VERSIONS, parts
from app.pathways.models import Progression, Step, StepVersion
from app.pathways.versions import in_force
from app.people.listings import of_client
from app.people.models import Person
from app.policy import Can

StepKind = Literal["progression", "mandatory"]
Status = Literal["met", "lapsing", "lapsed", "missing"]
Mechanism = Literal["automatic", "appraisal", "statement_of_learning", "panel", "application"]


# Steps -------------------------------------------------------------------------------------------------------------


class StepsQuery(ListQuery):
    """Which steps."""

    kind: StepKind | None = None
    as_at: Day | None = Field(None, description="In force on this day; today unless it is given.")


class RequirementOut(BaseModel):
    """One thing that a step asks for."""

    id: int
    group: str | None = Field(description="The part of the step that it belongs to.")
    kind: str
    title: str


class StepOut(BaseModel):
    """A step, with the version of it that is in force."""

    id: int
    code: str
    title: str
    kind: StepKind
    to_stage: str | None = Field(description="Code of the career stage that it leads to; null: mandatory training.")
    version: int
    in_force_from: DayOut
    verified: Literal["true", "partial", "false"] = Field(description="Whether a published source was seen for it.")
    requirements: list[RequirementOut]


class StepsOut(BaseModel):
    """One reply of the list."""

    items: list[StepOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


def steps(tx: Tx, query: StepsQuery) -> tuple[list[dict[str, Any]], str | None]:
    """The steps in force, by id, and the cursor of the next reply."""
    start = after("pathway-steps", query)
    held = sorted(in_force(tx, query.as_at or tx.today, kind=query.kind), key=lambda version: version.step_id)
    held = [version for version in held if version.step_id > start]
    shown = held[: query.limit]
    keys = [version.id for version in shown]
    groups, asked = parts(tx, keys)
    rows = {row.id: row for row in tx.rows(VERSIONS.where(StepVersion.id.in_(keys)))}
    items = []
    for version in shown:
        titles = {group.id: group.title for group in groups[version.id]}
        row = rows[version.id]
        items.append(
            dict(
                id=version.step_id,
                **{name: getattr(row, name) for name in ("code", "title", "kind", "to_stage", "in_force_from", "verified")},
                version=row.number,
                requirements=[
                    dict(id=each.id, group=titles.get(each.group_id), kind=each.kind, title=each.title) for each in asked[version.id]
                ],
            )
        )
    return items, cursor("pathway-steps", query, items[-1]["id"]) if len(held) > len(shown) else None


# How far people are ------------------------------------------------------------------------------------------------


class ProgressQuery(ListQuery):
    """Whose progress, and when."""

    person: Key | None = Field(None, description="Id of the person.")
    kind: StepKind = Field("progression", description="Steps that are next for people, or training that they must have.")
    as_at: Day | None = Field(None, description="What was true on this day; today unless it is given.")
    known_at: Instant | None = Field(
        None, description="As far as had been recorded at this instant; as far as is recorded unless it is given."
    )


class StepProgressOut(BaseModel):
    """How far somebody is with one step."""

    step_id: int
    status: Status = Field(
        description="met: all that it needs is there; lapsing: it will not be in 60 days; lapsed: it was; missing: it never was."
    )
    held: int = Field(description="How many of its requirements are met.")
    asked: int = Field(description="How many requirements it has; with “any of”, fewer may suffice.")
    met_on: DayOut | None
    expires_on: DayOut | None = Field(description="The last day on which it is met, if nothing more is recorded; null: it does not lapse.")


class PersonProgressOut(BaseModel):
    """One person with the steps that are for them."""

    id: int = Field(description="Id of the person.")
    employee_number: str | None
    steps: list[StepProgressOut]


class ProgressOut(BaseModel):
    """One reply of the list."""

    items: list[PersonProgressOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


def progress_of(tx: Tx, query: ProgressQuery) -> tuple[list[dict[str, Any]], str | None]:
    """People by id, each with the steps that are for them; and the cursor of the next reply."""
    as_at, known_at = query.as_at or tx.today, moment(query.known_at)
    whose = [*of_client(tx, Can.READ_PATHWAY), Person.id > after("pathway-progress", query)]
    if query.person is not None:
        whose.append(Person.id == query.person)
    found = tx.rows(select(Person.id, Person.employee_number).where(*whose).order_by(Person.id).limit(query.limit + 1))
    people = found[: query.limit]
    items: dict[int, dict[str, Any]] = {row.id: dict(row._mapping) | {"steps": []} for row in people}
    if people:
        among = select(Person.id).where(*whose, Person.id <= people[-1].id)
        for each in progress.next_steps(tx, among, as_at, known_at, kind=query.kind):
            items[each.person_id]["steps"].append(
                {name: getattr(each, name) for name in ("step_id", "status", "held", "asked", "met_on", "expires_on")}
            )
    following = cursor("pathway-progress", query, people[-1].id) if len(found) > len(people) else None
    return list(items.values()), following


# Progressions ------------------------------------------------------------------------------------------------------


class ProgressionsQuery(ListQuery):
    """Which progressions. Several filters together must all hold."""

    person: Key | None = Field(None, description="Id of the person.")
    kind: Literal["promotion", "sideways", "regrade"] | None = None
    since: Day | None = Field(None, description="On or after this day.")
    updated_since: Instant | None = Field(
        None, description="Recorded or superseded at or after this instant: those that were corrected or taken out are shown too."
    )


class ProgressionOut(BaseModel):
    """Somebody moved to another career stage, or to another grade of the same."""

    id: int
    person_id: int
    on_date: DayOut
    from_stage: str | None
    to_stage: str
    kind: Literal["promotion", "sideways", "regrade"] = Field(description="A promotion if the order of the stages rises.")
    mechanism: Mechanism
    step: str | None = Field(description="Code of the step that was taken, if it was one.")
    recorded_at: InstantOut
    superseded_at: InstantOut | None = Field(description="When it was corrected or taken out; null: it counts.")


class ProgressionsOut(BaseModel):
    """One reply of the list."""

    items: list[ProgressionOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


_SHOWN = ("id", "person_id", "on_date", "from_stage", "to_stage", "kind", "mechanism")


def _progressions(tx: Tx) -> Select[*tuple[Any, ...]]:
    columns = [getattr(Progression, name) for name in _SHOWN]
    found: Select[*tuple[Any, ...]] = (
        select(*columns, Step.code.label("step"), Progression.recorded_at, Progression.superseded_at)
        .outerjoin(Step, Step.id == Progression.step_id)
        .join(Person, Person.id == Progression.person_id)
    )
    return found.where(*of_client(tx, Can.READ_PATHWAY))


def progressions(tx: Tx, query: ProgressionsQuery) -> Select[*tuple[Any, ...]]:
    """The progressions that a client asks for: those that count, and with `updated_since` those that no longer do."""
    found = _progressions(tx)
    if query.person is not None:
        found = found.where(Progression.person_id == query.person)
    if query.kind is not None:
        found = found.where(Progression.kind == query.kind)
    if query.since is not None:
        found = found.where(Progression.on_date >= query.since)
    changed = moment(query.updated_since)
    counts = Progression.superseded_at.is_(None)
    return found.where(counts if changed is None else or_(Progression.recorded_at >= changed, Progression.superseded_at >= changed))


def these(tx: Tx, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Those of these progressions that count and that the client may have, each as the list gives it."""
    rows = tx.rows(_progressions(tx).where(Progression.id.in_(keys)))
    return [dict(row._mapping) for row in rows if row.superseded_at is None]


def gone(tx: Tx, keys: Sequence[int]) -> list[int]:
    """Which of these, of people within the client's reach, were corrected or taken out."""
    rows = tx.rows(_progressions(tx).where(Progression.id.in_(keys))) if keys else ()
    return [row.id for row in rows if row.superseded_at is not None]
