"""The next step of one person in a line, for the home page, the busiest of all.

Which versions are in force is asked once a minute, and the statement is built once while they are the same. What it answered of a person
is kept for five minutes by each process, since it takes several times as long as the rest of the page: the line may be that late. The page
that it leads to is always worked out anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Select

from app.core.tx import Tx
from app.pathways.evidence import When
from app.pathways.progress import one_of, values
from app.pathways.versions import Version, in_force


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
    answers: dict[int, tuple[datetime, Ahead | None]] = field(default_factory=dict)  # by person: when it was asked, and the answer


FRESH = timedelta(seconds=60)
LINE_FRESH = timedelta(minutes=5)
MOST_KEPT = 5_000  # people
kept: WeakKeyDictionary[Any, _Plan] = WeakKeyDictionary()  # by database


def ahead(tx: Tx, person_id: int) -> Ahead | None:
    """The step that is nearest for the person today, None if no step is for them. The caller has checked that it may be read."""
    plan = _plan(tx)
    if plan.statement is None:
        return None
    asked_at, answer = plan.answers.get(person_id, (None, None))
    if asked_at is None or tx.now - asked_at >= LINE_FRESH:
        answer = _asked(tx, plan, person_id)
        if len(plan.answers) >= MOST_KEPT:
            plan.answers.clear()
        plan.answers[person_id] = tx.now, answer
    return answer


def prepare(tx: Tx) -> None:
    """Have the statement built and compiled, by asking about nobody: before processes part, so that they share it."""
    plan = _plan(tx)
    if plan.statement is not None:
        _asked(tx, plan, 0)


def _asked(tx: Tx, plan: _Plan, person_id: int) -> Ahead | None:
    rows = tx.rows(plan.statement, whose=person_id, **values(When(tx.today)))
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
    statement = one_of(tx, versions) if versions else None
    if known is not None and known.versions == versions:
        if known.day != tx.today:
            known.answers.clear()
        known.asked_at, known.day, known.statement = tx.now, tx.today, statement
        return known
    plan = kept[tx.db.engine] = _Plan(tx.now, tx.today, versions, statement)
    return plan
