"""Supervision as a list for other systems: dates, kinds and minutes; who supervised and what was said stay here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Select, or_, select

from app.core.listing import Day, DayOut, Instant, InstantOut, Key, ListQuery, moment
from app.core.tx import Tx
from app.people.listings import of_client
from app.people.models import Person
from app.policy import Can
from app.supervision.models import Supervision

Kind = Literal["professional", "reflective", "case", "group_reflective", "management_oversight"]


class SupervisionsQuery(ListQuery):
    """Which supervisions. Several filters together must all hold."""

    person: Key | None = Field(None, description="Id of the person who was supervised.")
    kind: Kind | None = None
    held_since: Day | None = Field(None, description="Held on or after this day.")
    updated_since: Instant | None = Field(
        None, description="Recorded or superseded at or after this instant: corrected and withdrawn ones are shown too."
    )


class SupervisionOut(BaseModel):
    """Somebody was supervised."""

    id: int
    person_id: int
    held_on: DayOut
    kind: Kind
    minutes: int
    recorded_at: InstantOut
    superseded_at: InstantOut | None = Field(description="When it was corrected or withdrawn; null: it counts.")


class SupervisionsOut(BaseModel):
    """One reply of the list."""

    items: list[SupervisionOut]
    next: str | None = Field(description="Cursor of the next reply; null: that was all.")


def _supervisions(tx: Tx) -> Select[*tuple[Any, ...]]:
    found: Select[*tuple[Any, ...]] = select(
        Supervision.id,
        Supervision.person_id,
        Supervision.held_on,
        Supervision.kind,
        Supervision.minutes,
        Supervision.recorded_at,
        Supervision.superseded_at,
    )
    reach = of_client(tx, Can.READ_SUPERVISION)
    if reach:
        found = found.join(Person, Person.id == Supervision.person_id).where(*reach)
    return found


def these(tx: Tx, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Those of these supervisions that count and that the client may have, each as the list gives it."""
    found = _supervisions(tx).where(Supervision.id.in_(keys), Supervision.superseded_at.is_(None))
    return [dict(row._mapping) for row in tx.rows(found)]


def gone(tx: Tx, keys: Sequence[int]) -> list[int]:
    """Which of these, of people within the client's reach, were corrected or withdrawn: the list shows them no more."""
    if not keys:
        return []
    found = _supervisions(tx).where(Supervision.id.in_(keys), Supervision.superseded_at.is_not(None))
    return [row.id for row in tx.rows(found)]


def supervisions(tx: Tx, query: SupervisionsQuery) -> Select[*tuple[Any, ...]]:
    """The supervisions a client asks for: those that count, and with `updated_since` those that no longer do."""
    found = _supervisions(tx)
    if query.person is not None:
        found = found.where(Supervision.person_id == query.person)
    if query.kind is not None:
        found = found.where(Supervision.kind == query.kind)
    if query.held_since is not None:
        found = found.where(Supervision.held_on >= query.held_since)
    since = moment(query.updated_since)
    if since is None:
        return found.where(Supervision.superseded_at.is_(None))
    return found.where(or_(Supervision.recorded_at >= since, Supervision.superseded_at >= since))
