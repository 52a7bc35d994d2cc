"""Leavers that come together, and when they are so many that a person has to confirm them: more than 2% of those employed (product §9).

Up to three are never too many: of a dozen people one would be, and a small organisation seldom has anybody who could confirm it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from app.core.db import is_postgresql
from app.core.tx import Tx
from app.hr.directory_models import Departure, LeaverRun
from app.people.models import Person

MOST_IN_100 = 2
FEW = 3
"""So many may leave in one run however few are employed."""


def too_many(leavers: int, employed: int) -> bool:
    """Are so many leavers of so many employed more than may leave in one run without a person's word? Exactly 2% are not, nor are three."""
    return leavers > FEW and leavers * 100 > employed * MOST_IN_100


def run_of(tx: Tx, organisation_id: int, source: str, arriving: Collection[int], confirmed: bool) -> Row[Any]:
    """The run of this name, begun if need be, and locked. Those employed are counted when it begins, with whoever arrives in it."""
    found = _run(tx, organisation_id, source)
    if found is None:
        here = (Person.leaving_on.is_(None), Person.leaving_on >= tx.today, Person.id.in_(list(arriving)))
        employed = tx.scalar(
            select(func.count())
            .select_from(Person)
            .where(Person.organisation_id == organisation_id, or_(Person.started_on.is_(None), Person.started_on <= tx.today), or_(*here))
        )
        values = dict(organisation_id=organisation_id, source=source, started_at=tx.now, employed=employed, state="open")
        make = postgresql.insert(LeaverRun) if is_postgresql(tx.db) else sqlite.insert(LeaverRun)
        tx.db.execute(make.values(**values).on_conflict_do_nothing())
        found = _run(tx, organisation_id, source)
        assert found is not None
    if confirmed and found.state != "confirmed":
        tx.update(LeaverRun, found.id, state="confirmed", confirmed_at=tx.now, confirmed_by=tx.actor.person_id)
    elif not confirmed and found.state == "confirmed":  # more come in the same run: they are asked about anew
        tx.update(LeaverRun, found.id, state="open", confirmed_at=None, confirmed_by=None)
    return found


def _run(tx: Tx, organisation_id: int, source: str) -> Row[Any] | None:
    statement = select(LeaverRun.__table__).where(LeaverRun.organisation_id == organisation_id, LeaverRun.source == source)
    return tx.one(statement.with_for_update() if is_postgresql(tx.db) else statement)


def over(tx: Tx, run: Row[Any]) -> bool:
    """Are there more in this run than may leave without a person's word?"""
    number = tx.scalar(select(func.count()).select_from(Departure).where(Departure.run_id == run.id, Departure.state != "dropped"))
    return too_many(int(number or 0), run.employed)
