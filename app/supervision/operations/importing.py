"""Dates of supervision from a file, such as the case system's: read, planned with every bad cell named, recorded all or not at all."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import func, or_, select

from app import policy
from app.core.errors import Conflict, NotFound
from app.core.sheets import Columns, Problem, as_date, named_rows
from app.core.tx import Tx
from app.people.models import Person
from app.policy import Can, operation
from app.supervision.models import KINDS, PLACES, SupervisionImport
from app.supervision.operations import supervising
from app.supervision.operations.record import EARLIEST, New, add, already

MOST_ROWS = 1000
HEADINGS: dict[str, tuple[str, ...]] = {  # column → other headings that mean it
    "person": ("supervisee", "employee number", "e-mail", "email", "worker"),
    "date": ("held on", "day", "supervision date"),
    "kind": ("type", "kind of supervision"),
    "minutes": ("duration", "length"),
    "supervisor": ("supervised by", "supervisor e-mail", "supervisor email"),
    "place": ("where",),
}
NEEDED = ("person", "date", "kind", "minutes", "supervisor")
_STRANGE = "Only dates, kinds and minutes are kept here, never notes. Rename or delete it."
COLUMNS = Columns(HEADINGS, NEEDED, strange=_STRANGE, empty="Add a row for each supervision.")


def _meanings(words: dict[str, str]) -> dict[str, str]:
    """A choice by its code, its words, and its words without "supervision"."""
    found = {}
    for code, said in words.items():
        for name in (code, said, said.removesuffix(" supervision"), code.replace("_", " ")):
            found[name.lower()] = code
    return found


_KINDS, _PLACES = _meanings(KINDS), _meanings(PLACES)


@dataclass(frozen=True, slots=True)
class Planned:
    """A row of the file that can be recorded; `known`: it has been already."""

    line: int
    person: str
    supervisor: str
    new: New
    known: bool = False


@dataclass(slots=True)
class Plan:
    """What the file would do."""

    rows: list[Planned] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def fresh(self) -> list[Planned]:
        """Rows that would be recorded."""
        return [row for row in self.rows if not row.known]


def parse(content: bytes) -> list[dict[str, Any]]:
    """The rows of a CSV file or workbook as {"line", "cells"}; SheetRefused when it is no table of supervision."""
    return named_rows(content, MOST_ROWS, COLUMNS)


def plan(tx: Tx, rows: Sequence[dict[str, Any]]) -> Plan:
    """What the rows would record, what is recorded already, and everything that is wrong. Writes nothing: a dry run."""
    policy.require(tx, Can.IMPORT_SUPERVISION)
    found, made = _people(tx, rows), Plan()
    for row in rows:
        _read(tx.today, row["line"], row["cells"], found, made)
    _fit(tx, made)
    there = already(tx, [one.new for one in made.rows])
    seen: dict[Any, int] = {}
    kept = []
    for one in made.rows:
        key = (one.new.person_id, one.new.held_on, one.new.kind, one.new.supervisor_ids[0])
        if key in seen:
            wrong = f"Line {seen[key]} says the same"
            made.problems.append(Problem(one.line, "date", one.new.held_on.isoformat(), wrong, "Delete one of the two lines"))
        seen.setdefault(key, one.line)
        kept.append(Planned(one.line, one.person, one.supervisor, one.new, key in there))
    made.rows = kept
    made.problems.sort(key=lambda problem: problem.line)
    return made


def _fit(tx: Tx, made: Plan) -> None:
    """Rows whose supervisor cannot have been leave the plan for its problems."""
    asked = {one.line: (one.new.person_id, one.new.held_on, one.new.supervisor_ids[0]) for one in made.rows}
    refused = supervising.unfit(tx, set(asked.values()), recording=False)
    for one in made.rows:
        if why := refused.get(asked[one.line]):
            made.problems.append(
                Problem(one.line, "supervisor", one.supervisor, why, "Give who supervised on that day, or correct the date")
            )
    made.rows = [one for one in made.rows if asked[one.line] not in refused]


def _people(tx: Tx, rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """People in reach by what the file calls them, work e-mail address or employee number."""
    said = {row["cells"].get(column, "").strip().lower() for row in rows for column in ("person", "supervisor")} - {""}
    named = or_(Person.email.in_(said), func.lower(Person.employee_number).in_(said))
    within = policy.within_reach(tx, Can.IMPORT_SUPERVISION, Person.id)
    found: dict[str, list[Any]] = defaultdict(list)
    for person in tx.rows(select(Person.id, Person.name, Person.email, Person.employee_number).where(named, within)):
        for name in {(person.email or "").lower(), (person.employee_number or "").lower()} & said:
            found[name].append(person)
    return found


def _read(today: date, line: int, cells: dict[str, str], found: dict[str, list[Any]], made: Plan) -> None:
    """One row: either it can be recorded, or what is wrong with it."""
    wrong: list[tuple[str, str, str]] = []
    people = {}
    for column in ("person", "supervisor"):
        matches = found.get(cells.get(column, "").strip().lower(), [])
        if len(matches) == 1:
            people[column] = matches[0]
        else:
            trouble = "Nobody you look after is called this" if not matches else "Several people have this employee number"
            wrong.append(
                (column, trouble, "Give their work e-mail address" if matches else "Give a work e-mail address or an employee number")
            )
    day = as_date(cells.get("date", ""))
    if day is None or not EARLIEST <= day <= today:
        trouble = "This is not a date" if day is None else "This day is still to come" if day > today else "This is too long ago"
        wrong.append(("date", trouble, "Give the day it took place, like 8/12/2026, day first"))
    kind = _KINDS.get(cells.get("kind", "").strip().lower())
    if kind is None:
        wrong.append(("kind", "This kind is not known", "Use one of: " + ", ".join(KINDS.values())))
    minutes = cells.get("minutes", "").strip()
    if not re.fullmatch(r"\d{1,3}", minutes) or not 1 <= int(minutes) <= 600:
        wrong.append(("minutes", "This is not a number of minutes", "Give a whole number from 1 to 600"))
    place = cells.get("place", "").strip().lower()
    if place and place not in _PLACES:
        wrong.append(("place", "This place is not known", "Use one of: " + ", ".join(PLACES.values()) + "; or leave it empty"))
    if len(people) == 2 and people["person"].id == people["supervisor"].id:
        wrong.append(("supervisor", "Nobody supervises themselves", "Give who supervised"))
    made.problems += [Problem(line, column, cells.get(column, ""), trouble, remedy) for column, trouble, remedy in wrong]
    if not wrong:
        assert day is not None and kind is not None
        new = New(people["person"].id, day, kind, int(minutes), (people["supervisor"].id,), _PLACES.get(place))
        made.rows.append(Planned(line, people["person"].name, people["supervisor"].name, new))


@operation(Can.IMPORT_SUPERVISION)
def stage(tx: Tx, file_name: str, rows: list[dict[str, Any]]) -> int:
    """Keep the rows of a file until somebody applies them; returns the import's id."""
    assert tx.actor.person_id is not None
    values = dict(file_name=file_name[:200], rows=rows, staged_by=tx.actor.person_id, staged_at=tx.now)
    import_id = tx.insert(SupervisionImport, **values)
    tx.record("supervision-import.checked", "supervision_imports", import_id, rows=len(rows))
    return import_id


def staged(tx: Tx, import_id: int, *, lock: bool = False) -> Any:
    """A file that the actor sent, or NotFound: it names people whom others may not look up."""
    kept = tx.get(SupervisionImport, import_id, lock=lock, what="import")
    if kept.staged_by != tx.actor.person_id:
        raise NotFound("There is no import with that reference, or somebody else sent it.", code="import-not-found")
    return kept


@operation(Can.IMPORT_SUPERVISION)
def apply_import(tx: Tx, import_id: int) -> int:
    """Record everything a kept file holds that is not recorded yet; returns how many. One problem, and nothing is done."""
    kept = staged(tx, import_id, lock=True)
    if kept.applied_at is not None:
        raise Conflict("This file has already been applied.", code="import-applied")
    planned = plan(tx, kept.rows)
    if planned.problems:
        first = planned.problems[0]
        raise Conflict(
            f"Line {first.line}, {first.column}: {first.wrong}.",
            code="import-has-problems",
            way_out="Look at all the problems, correct the file and send it again. Nothing was recorded.",
        )
    new = [row.new for row in planned.fresh]
    if new:
        add(tx, new, source="import")
    tx.update(SupervisionImport, import_id, applied_at=tx.now)
    facts: dict[str, Any] = dict(recorded=len(new), known=len(planned.rows) - len(new))
    tx.record("supervision-import.applied", "supervision_imports", import_id, **facts)
    return len(new)
