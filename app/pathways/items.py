"""What versions ask for as things that one can have or lack one by one: a requirement, or a choice of several that counts as one.

A list of people by requirement, and chasing, speak of these: of a group of which any two suffice, nobody lacks the third.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row

from app.core.tx import Tx
from app.pathways.definitions import VERSIONS, Group, parts
from app.pathways.models import StepVersion
from app.pathways.progress import SOON, Met

_SAME = (
    "course_id",
    "curriculum_id",
    "programme_code",
    "standard",
    "times",
    "level",
    "minutes",
    "bucket",
    "activity",
    "months",
    "stage",
    "role",
)


@dataclass(frozen=True, slots=True)
class State:
    """How an item stands for somebody on a date. The fields are those of `progress.Met`."""

    status: str  # met · lapsing · lapsed · missing
    met_on: date | None
    expires_on: date | None


MISSING = State("missing", None, None)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a version asks for. `what` says what it is whatever version asks for it; `asked`: the requirements that count."""

    version_id: int
    step: str  # title of the step
    what: str
    title: str
    asked: tuple[Row[Any], ...]
    needed: int  # so many of them suffice
    inside: tuple[Item, ...] = ()  # of a version of which any so many groups suffice: its groups

    @property
    def requirements(self) -> tuple[Row[Any], ...]:
        """Everything it looks at."""
        return self.asked + tuple(row for item in self.inside for row in item.requirements)

    def state(self, said: Mapping[int, Met], on: date, soon: timedelta = SOON) -> State:
        """How it stands, from what `progress.met` says of its requirements by their ids."""
        found = [State(each.status, each.met_on, each.expires_on) for each in (said.get(row.id) for row in self.asked) if each is not None]
        found += [item.state(said, on, soon) for item in self.inside]
        return _together(found, self.needed, on, soon)


def _lasts(state: State) -> date:
    """The last day: the beginning of time if it never was met, the end of time if it does not lapse."""
    return date.min if state.status == "missing" else state.expires_on or date.max


def _together(found: Sequence[State], needed: int, on: date, soon: timedelta) -> State:
    """The best that suffice, as long as the least lasting of them."""
    best = sorted((state for state in found if state.status != "missing"), key=_lasts, reverse=True)[:needed]
    if len(best) < needed:
        return MISSING
    last = min(map(_lasts, best))
    status = "lapsed" if last < on else "lapsing" if last < min(on, date.max - soon) + soon else "met"
    return State(status, max((state.met_on for state in best if state.met_on), default=None), None if last == date.max else last)


def items(tx: Tx, version_ids: Collection[int]) -> list[Item]:
    """What these versions ask for, by the order given and their own; two statements for all."""
    groups, asked = parts(tx, version_ids)
    rows = {row.id: row for row in tx.rows(VERSIONS.where(StepVersion.id.in_(version_ids)))} if version_ids else {}
    return [item for key in version_ids for item in _of_version(rows[key], groups[key], asked[key])]


def _of_version(version: Row[Any], groups: Sequence[Group], asked: Sequence[Row[Any]]) -> Iterator[Item]:
    loose = [_one(version, row) for row in asked if row.group_id is None]
    grouped = [(group, [row for row in asked if row.group_id == group.id]) for group in groups]
    if version.rule == "any":
        inside = (*(_group(version, group, rows) for group, rows in grouped), *loose)
        what = f"any {version.needed}: {', '.join(item.what for item in inside)}"
        yield Item(version.id, version.title, what, version.title, (), version.needed, inside)
        return
    for group, rows in grouped:
        if group.rule == "any":
            yield _group(version, group, rows)
        else:
            yield from (_one(version, row) for row in rows)
    yield from loose


def _one(version: Row[Any], row: Row[Any]) -> Item:
    return Item(version.id, version.title, _what(row), row.title, (row,), 1)


def _group(version: Row[Any], group: Group, rows: Sequence[Row[Any]]) -> Item:
    needed = group.needed or len(rows)
    what = f"{needed} of {len(rows)}: {', '.join(sorted(map(_what, rows)))}"
    return Item(version.id, version.title, what, group.title, tuple(rows), needed)


def _what(row: Row[Any]) -> str:
    said = " ".join(f"{name} {getattr(row, name)}" for name in _SAME if getattr(row, name) is not None)
    return f"{row.kind} {said}".strip()
