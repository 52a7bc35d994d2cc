"""HR's file for a return: what only HR knows, by person and item. Every cell that is wrong is named; it is applied whole or not at all.

A cell goes before what was there of its item. An empty one leaves it as it is; EMPTY takes away what HR gave, and the Academy's own
value stands again, if any.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from app.census.checking import fits
from app.census.filling import number_of
from app.census.guide import Guide, Item
from app.census.models import CensusPerson
from app.core.sheets import Columns, Problem, as_date, named_rows
from app.core.text import tidy
from app.core.tx import Tx
from app.people.models import Person

MOST_ROWS = 10_000
PERSON = "person"
EMPTY = "none"  # what a cell says to take away what HR gave
_CALLED = ("worker", "employee number", "swe number", "sweno", "social work england number", "registration number", "payroll number")
FIXED = "SWENo"  # how a person is known, which no file changes
_ALSO = {
    "PersonBirthDate": ("birth date", "dob"),
    "GenderCurrent": ("sex",),
    "QualInst": ("institution", "university"),
    "StepUpGrad": ("step up",),
    "FrontlineGrad": ("frontline",),
    "ReasonLeave": ("leaving reason",),
    "WorkingDaysLost": ("days lost",),
    "ReasonAbsence": ("absence reason",),
    "CFKSSstatus": ("kss status",),
}


def columns(guide: Guide) -> Columns:
    """What a file may hold."""
    named = {item.code: (item.code.lower(), item.title.lower(), *_ALSO.get(item.code, ())) for item in guide.items if item.code != FIXED}
    return Columns({PERSON: _CALLED, **named}, (PERSON,), empty="Add a row for each person.", longest=201)


def parse(guide: Guide, content: bytes) -> list[dict[str, Any]]:
    """The rows of a file as {"line", "cells"}; SheetRefused when it is no such table."""
    return named_rows(content, MOST_ROWS, columns(guide))


@dataclass(frozen=True, slots=True)
class Line:
    """What the file says of one person of the return: item → value, "" where it takes away what was given."""

    line: int
    row_id: int
    values: dict[str, str]
    before: Mapping[str, str]

    @property
    def after(self) -> dict[str, str]:
        """What HR has given of them then."""
        return {code: value for code, value in {**self.before, **self.values}.items() if value}

    @property
    def changes(self) -> bool:
        """Does it say otherwise than what was there?"""
        return self.after != dict(self.before)


@dataclass(slots=True)
class Plan:
    """What a file would do to a return."""

    lines: list[Line] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    given: Counter[str] = field(default_factory=Counter)  # item → lines with a value
    taken: Counter[str] = field(default_factory=Counter)  # item → lines that take away what HR gave before
    people: int = 0  # of the return

    @property
    def to_do(self) -> int:
        """People whose values change."""
        return sum(line.changes for line in self.lines)


def plan(tx: Tx, guide: Guide, return_id: int, rows: Sequence[Mapping[str, Any]]) -> Plan:
    """What the lines say. Writes nothing: a dry run. Two questions, however long the file is."""
    called, people = _called(tx, guide, return_id)
    known = {each.id: each for each in people}
    made = Plan(people=len(people))
    used = sorted({code for row in rows for code in row["cells"]} - {PERSON})
    seen: dict[int, int] = {}
    for row in rows:
        line, cells = row["line"], row["cells"]
        wrong: list[tuple[str, str, str, str]] = []
        row_id = _person(cells.get(PERSON, ""), called, wrong)
        if row_id and row_id in seen:
            wrong.append((PERSON, cells[PERSON], f"Line {seen[row_id]} is about the same person", "Delete one of the two lines"))
        seen.setdefault(row_id, line)
        said = {code: tidy(cells.get(code, "")) for code in used}
        values = {code: _value(guide.known[code], cell, wrong) for code, cell in said.items() if cell}
        made.problems += [Problem(line, *each) for each in wrong]
        if not wrong:
            made.lines.append(Line(line, row_id, values, known[row_id].theirs))
            made.given.update(code for code, value in values.items() if value)
            made.taken.update(code for code, value in values.items() if not value and known[row_id].theirs.get(code))
    return made


def _called(tx: Tx, guide: Guide, return_id: int) -> tuple[dict[str, set[int]], list[Any]]:
    """What people of the return are called in files → rows, and the rows."""
    named = (Person.employee_number, Person.swe_number)
    asked = select(CensusPerson.id, CensusPerson.theirs, *named).join(Person, Person.id == CensusPerson.person_id)
    people = list(tx.rows(asked.where(CensusPerson.return_id == return_id)))
    found: dict[str, set[int]] = defaultdict(set)
    for row in people:
        long = number_of(row.swe_number, guide) if row.swe_number else None
        for name in (row.employee_number, row.swe_number, long):
            if name:
                found[name.lower()].add(row.id)
    return found, people


def _person(said: str, called: Mapping[str, set[int]], wrong: list[tuple[str, str, str, str]]) -> int:
    found = called.get("".join(said.split()).lower(), called.get(said.strip().lower(), set()))
    if len(found) == 1:
        return next(iter(found))
    if not said.strip():
        wrong.append((PERSON, said, "There is nobody", "Give an employee number or a Social Work England number"))
    elif found:
        wrong.append((PERSON, said, "Two people have this number", "Give the Social Work England number"))
    else:
        remedy = "Correct the number. If they should be in the return, check their registration number, post and stage, and fill it again"
        wrong.append((PERSON, said, "Nobody in this return has this number", remedy))
    return 0


def _value(item: Item, cell: str, wrong: list[tuple[str, str, str, str]]) -> str:
    """A cell that is not empty as the collection writes it, "" for EMPTY; what is wrong is noted, without the value where it is private."""
    if cell.lower() == EMPTY:
        return ""
    value = written(item, cell)
    if not value or not fits(item, value):
        wrong.append((item.title, "(not shown)" if item.private else cell, *what_to_give(item)))
        return ""
    return value


def written(item: Item, said: str) -> str:
    """What somebody wrote for an item as the collection writes it; "" if it cannot be read so."""
    if item.kind == "choice":
        code = said.partition(" ")[0].rstrip(":.")  # "5: Retired", as the template's own hints say it
        return item.means.get(said.lower(), item.means.get(code.lower(), ""))
    if item.kind == "date":
        day = as_date(said)
        return day.isoformat() if day else ""
    if item.kind in ("number", "whole"):
        return re.sub(r"(?<=\d),(?=\d{3}\b)", "", said)  # 1,250; but what 1,2 means nobody can say
    return said


def what_to_give(item: Item) -> tuple[str, str]:
    """(what is wrong, what to do) for a value that does not fit."""
    if item.kind == "choice":
        if len(item.choices) > 3:
            return "This is not one of the codes", f"Use one of {', '.join(item.choices)}, or the words"
        return "This is not one of the codes", "Use " + " or ".join(f"{code} ({words.lower()})" for code, words in item.choices.items())
    if item.kind == "date":
        return "This is not a date", "Give the day like 8/12/1984, day first, or 1984-12-08"
    if item.kind in ("number", "whole"):
        least, most = f"{item.least or 0:g}", f"{item.most:g}" if item.most is not None else "any"
        decimals = f" with at most {item.places} decimal places" if item.places else ", whole"
        return "This number cannot be taken", f"Give a number from {least} to {most}{decimals}"
    if item.kind == "pattern":
        return "This is not in the collection’s form", f"Give it like {item.example}"
    return "This text is too long", f"Shorten it to {int(item.most or 200)} characters"
