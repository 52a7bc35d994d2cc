"""The next step of one person in a line, for the home page: which versions are in force is asked once a minute, and the statement is built
once while they are the same. A version that was published comes into the line up to a minute late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Select, bindparam, select

from app.core.calendar import london_day
from app.core.db import Key
from app.core.tx import Tx
from app.pathways.applying import applying
from app.pathways.evidence import When
from app.pathways.progress import SOON, step_rows
from app.pathways.versions import Version, in_force
from app.people.models import Person


@dataclass(frozen=True, slots=True)
class Ahead:
    """The nearest step: how many of what it asks for are met, and whether that suffices."""

    code: str
    title: str
    held: int
    asked: int
    ready: bool
    expires_on: date | None  # the last day on which it is all met; None: it does not lapse, or is not all met


@dataclass(slots=True)
class _Plan:
    """What is asked of everybody: the versions in force and the statement over them."""

    asked_at: datetime
    day: date
    versions: dict[int, Version]
    statement: Select[Any] | None


FRESH = timedelta(seconds=60)
kept: WeakKeyDictionary[Any, _Plan] = WeakKeyDictionary()  # by database


def ahead(tx: Tx, person_id: int) -> Ahead | None:
    """The step that is nearest for the person today, None if no step is for them. The caller has checked that it may be read."""
    plan = _plan(tx)
    if plan.statement is None:
        return None
    when = dict(as_at=tx.today, as_at_end=london_day(tx.today)[1], soon=tx.today + SOON)
    rows = tx.rows(plan.statement, whose=person_id, **when)
    ready = {"met", "lapsing"}
    best = max(rows, key=lambda row: (row.status in ready, row.held / row.asked, -row.step_id), default=None)
    if best is None:
        return None
    version = plan.versions[best.version_id]
    return Ahead(version.code, version.title, best.held, best.asked, best.status in ready, best.expires_on)


def _plan(tx: Tx) -> _Plan:
    known = kept.get(tx.db.engine)
    if known is not None and known.day == tx.today and tx.now - known.asked_at < FRESH:
        return known
    versions = {version.id: version for version in in_force(tx, tx.today, kind="progression")}
    if known is not None and known.versions == versions:
        known.asked_at, known.day = tx.now, tx.today
        return known
    plan = kept[tx.db.engine] = _Plan(tx.now, tx.today, versions, _statement(tx, list(versions)) if versions else None)
    return plan


def _statement(tx: Tx, versions: list[int]) -> Select[Any]:
    """What `next_steps` asks, for one person who is named when it is run."""
    who = select(Person.id).where(Person.id == bindparam("whose", type_=Key))
    when = When(tx.today)
    return step_rows(tx, applying(tx, who, versions, when), versions, when)
