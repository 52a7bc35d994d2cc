"""Equality in figures: how many of each group were left at each step, as far as it can be shown without giving anybody away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, select, true

from app.core.suppression import by_steps
from app.core.tx import Tx
from app.equality.models import Answer, Characteristic, Figures, Option

SMALLEST = 6  # of equality figures: 1 to 5 are hidden, whatever smaller numbers the council shows elsewhere
# Would rather not say, did not answer, or objects: told apart, the lines of two characteristics together would tell more.
NOT_KNOWN = "Not known"
HIDDEN = "c"  # the symbol of official statistics for a number that is hidden; 0 is a true zero


@dataclass(frozen=True, slots=True)
class Line:
    """One group: how many at each step; None: hidden."""

    title: str
    counts: tuple[int | None, ...]

    @property
    def hidden(self) -> bool:
        return self.counts[0] is None


@dataclass(frozen=True, slots=True)
class Published:
    """What was published of one call."""

    taken_at: datetime
    below: int
    steps: tuple[str, ...]
    totals: tuple[int | None, ...]
    tables: tuple[tuple[str, tuple[Line, ...]], ...]  # title of the characteristic, its lines


def take(tx: Tx, call_id: int, reached: Any, steps: Sequence[str], below: int) -> None:
    """Publish the figures of a call, once and for good. What is hidden is not stored.

    `reached`: a select of `person_id` and `step`, the number of the last of `steps` that each got to. `below`: smaller numbers are
    hidden; never less than SMALLEST. Nobody's own answer leaves the database: it counts.
    """
    below = max(below, SMALLEST)
    counted = _counted(tx, reached.subquery("reached"), len(steps))
    totals = [sum(each) for each in zip(*next(iter(counted.values()), {}).values(), strict=True)] or [0] * len(steps)
    told = {
        "steps": list(steps),
        "totals": [None if 0 < total < below else total for total in totals],
        "characteristics": [
            {"title": title, "lines": [{"title": name, "counts": list(counts)} for name, counts in by_steps(lines, below).items()]}
            for title, lines in counted.items()
        ],
    }
    tx.insert(Figures, call_id=call_id, taken_at=tx.now, taken_by=tx.actor.person_id, below=below, told=told)


def _counted(tx: Tx, reached: Any, steps: int) -> dict[str, dict[str, tuple[int, ...]]]:
    """Characteristic → group → how many were left at each step."""
    groups = tx.rows(
        select(Characteristic.title, Option.counted_as)
        .join(Option, Option.characteristic == Characteristic.code)
        .group_by(Characteristic.title, Characteristic.position, Option.counted_as)
        .order_by(Characteristic.position, func.min(Option.position))
    )
    last: dict[str, dict[str, list[int]]] = {}
    for row in groups:
        last.setdefault(row.title, {})[row.counted_as] = [0] * steps
    answered = and_(Answer.person_id == reached.c.person_id, Answer.characteristic == Characteristic.code)
    chosen = and_(Option.characteristic == Answer.characteristic, Option.code == Answer.option)
    statement = (
        select(Characteristic.title, Option.counted_as, reached.c.step, func.count().label("n"))
        .select_from(reached)
        .join(Characteristic, true())
        .outerjoin(Answer, answered)
        .outerjoin(Option, chosen)
        .group_by(Characteristic.title, Option.counted_as, reached.c.step)
    )
    for lines in last.values():
        lines.setdefault(NOT_KNOWN, [0] * steps)  # the last of the lines
    for row in tx.rows(statement):
        last[row.title][row.counted_as or NOT_KNOWN][row.step] += row.n
    return {
        title: {name: tuple(sum(counts[step:]) for step in range(steps)) for name, counts in lines.items()} for title, lines in last.items()
    }


def published(tx: Tx, call_id: int) -> Published | None:
    """What was published of this call, if anything was. Whether the reader may see it is for who asks to check."""
    row = tx.one(select(Figures.__table__).where(Figures.call_id == call_id))
    return None if row is None else _published(row)


def _published(row: Row[Any]) -> Published:
    told = row.told
    tables = tuple(
        (each["title"], tuple(Line(line["title"], tuple(line["counts"])) for line in each["lines"])) for each in told["characteristics"]
    )
    return Published(row.taken_at, row.below, tuple(told["steps"]), tuple(told["totals"]), tables)


def calls_published() -> Any:
    """SQL: ids of the calls whose figures are published."""
    return select(Figures.call_id)
