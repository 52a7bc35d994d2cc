"""The next step of one person in a line, for the home page: the statement is built once and kept while the same versions are in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Select, bindparam, select

from app.core.calendar import london_day
from app.core.db import Key
from app.core.tx import Tx
from app.pathways.applying import applying
from app.pathways.evidence import When
from app.pathways.progress import SOON, step_rows
from app.pathways.versions import in_force
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


_kept: WeakKeyDictionary[Any, tuple[tuple[int, ...], Select[Any]]] = WeakKeyDictionary()


def ahead(tx: Tx, person_id: int) -> Ahead | None:
    """The step that is nearest for the person today, None if no step is for them. The caller has checked that it may be read."""
    versions = {version.id: version for version in in_force(tx, tx.today, kind="progression")}
    if not versions:
        return None
    when = dict(as_at=tx.today, as_at_end=london_day(tx.today)[1], soon=tx.today + SOON)
    rows = tx.rows(_statement(tx, tuple(versions)), whose=person_id, **when)
    ready = {"met", "lapsing"}
    best = max(rows, key=lambda row: (row.status in ready, row.held / row.asked, -row.step_id), default=None)
    if best is None:
        return None
    version = versions[best.version_id]
    return Ahead(version.code, version.title, best.held, best.asked, best.status in ready, best.expires_on)


def _statement(tx: Tx, versions: tuple[int, ...]) -> Select[Any]:
    """What `next_steps` asks, for one person who is named when it is run."""
    known = _kept.get(tx.db.engine)
    if known is None or known[0] != versions:
        who = select(Person.id).where(Person.id == bindparam("whose", type_=Key))
        when = When(tx.today)
        known = _kept[tx.db.engine] = versions, step_rows(tx, applying(tx, who, versions, when), versions, when)
    return known[1]
