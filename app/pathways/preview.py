"""What publishing a draft would change for whom: who meets it and did not meet the version in force, and the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, and_, case, func, or_, select

from app import policy
from app.core.tx import Tx
from app.pathways.applying import applying
from app.pathways.evidence import When
from app.pathways.progress import step_rows
from app.pathways.versions import in_force
from app.people.models import Person
from app.policy import Can

MOST = 100  # names shown of each


@dataclass(frozen=True, slots=True)
class Change:
    """In numbers, of people in the reader's reach as things stand today: for how many the version in force is and the draft would be, how
    many meet each, and who gains and loses; of their names the first ones in order."""

    before_id: int | None  # the version in force; None: there is none
    was_for: int
    is_for: int
    met: int
    meets: int
    gains: int
    loses: int
    gaining: Sequence[Row[Any]]  # id, name
    losing: Sequence[Row[Any]]


def preview(tx: Tx, version_id: int, step_id: int) -> Change:
    """Compare the draft with the version of the step that is in force today."""
    before = next((version.id for version in in_force(tx, tx.today) if version.step_id == step_id), None)
    per = _per_person(tx, version_id, before).cte("per")
    gains, loses = and_(per.c.new_holds == 1, per.c.old_holds == 0), and_(per.c.old_holds == 1, per.c.new_holds == 0)

    def number(condition: Any) -> Any:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    counts = tx.one(
        select(
            number(per.c.old_for == 1).label("was_for"),
            number(per.c.new_for == 1).label("is_for"),
            number(per.c.old_holds == 1).label("met"),
            number(per.c.new_holds == 1).label("meets"),
            number(gains).label("gains"),
            number(loses).label("loses"),
        )
    )
    assert counts is not None
    figures = {name: int(value) for name, value in counts._mapping.items()}
    named = select(Person.id, Person.name).join(per, per.c.person_id == Person.id).order_by(Person.sort_name, Person.id).limit(MOST)
    gaining = tx.rows(named.where(gains)) if figures["gains"] else []
    losing = tx.rows(named.where(loses)) if figures["loses"] else []
    return Change(before, **figures, gaining=gaining, losing=losing)


def _per_person(tx: Tx, version_id: int, before: int | None) -> Select[Any]:
    here = or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today)
    people = select(Person.id).where(policy.within_reach(tx, Can.READ_PATHWAY, Person.id), here)
    versions = [version_id] if before is None else [version_id, before]
    when = When(tx.today)
    rows = step_rows(tx, applying(tx, people, versions, when), versions, when).order_by(None).subquery("how")
    holds = rows.c.status.in_(("met", "lapsing"))

    def any_(condition: Any, name: str) -> Any:
        return func.max(case((condition, 1), else_=0)).label(name)

    return select(
        rows.c.person_id,
        any_(rows.c.version_id == version_id, "new_for"),
        any_(rows.c.version_id != version_id, "old_for"),
        any_(and_(rows.c.version_id == version_id, holds), "new_holds"),
        any_(and_(rows.c.version_id != version_id, holds), "old_holds"),
    ).group_by(rows.c.person_id)
