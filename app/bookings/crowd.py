"""The rules for booking asked of many people at once: one statement however many they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, bindparam, exists, select

from app.bookings import rules
from app.bookings.rules import Reason
from app.core.calendar import london
from app.core.db import ONE
from app.core.facts import current
from app.core.tx import Tx
from app.people.models import Membership, Person, UnitClosure


@dataclass(slots=True)
class Found:
    """What the rules ask of one person and one session. `place`: the seat they would get, None: they would wait."""

    person_id: int
    name: str
    mine: str | None
    clash: int | None
    missing: int | None
    stage: str | None
    belongs: bool
    leaving_on: date | None
    place: int | None = None


_belongs = exists(
    select(ONE)
    .select_from(Membership)
    .join(UnitClosure, UnitClosure.descendant_id == Membership.unit_id)
    .where(Membership.person_id == Person.id, UnitClosure.ancestor_id == bindparam("unit"), current(Membership, bindparam("today")))
    .correlate_except(Membership, UnitClosure)
)
_ASK = select(Person.id, Person.name, *rules.about(Person.id), _belongs.label("belongs"), Person.leaving_on).where(
    Person.id.in_(bindparam("people", expanding=True))
)


def facts(tx: Tx, session: Row[Any], people: Collection[int]) -> dict[int, Found]:
    """By person, what `obstacle` judges; whoever does not exist is left out."""
    rows = tx.rows(
        _ASK,
        session=session.id,
        course=session.course_id,
        unit=session.audience_unit_id or 0,
        people=list(people),
        today=tx.today,
        day=london(session.starts_at).date(),
    )
    return {row.id: Found(row.id, row.name, row.mine, row.clash, row.missing, row.stage, row.belongs, row.leaving_on) for row in rows}


def obstacle(tx: Tx, session: Row[Any], found: Found) -> Reason | None:
    """Why this one cannot have a place or a turn, in the words of `rules`; asked of the database only where something stands in the way."""
    leaves = found.leaving_on is not None and found.leaving_on < london(session.starts_at).date()
    stages = session.audience_stages.split(",") if session.audience_stages else ()
    outside = session.audience_unit_id is not None and not found.belongs
    other_stage = bool(stages) and found.stage not in stages
    if not (found.mine or found.clash is not None or found.missing is not None or leaves or outside or other_stage):
        return None
    beside: Iterable[str] = ("window-not-open", "window-closed", "waiting-list-full", "too-late-for-approval")
    asked: Any = found
    given = rules.reasons(tx, session, found.person_id, asked, you=False)
    return next((reason for reason in given if reason.blocks and reason.code not in beside), None)
