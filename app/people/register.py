"""A file of what the register says: checked against the people here, differences listed, applied whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, delete, func, or_, select, update

from app import policy
from app.core.db import AnySelect, is_postgresql
from app.core.errors import Conflict, Invalid, NotFound
from app.core.sheets import Problem, SheetRefused, as_date, read_sheet
from app.core.tx import Tx
from app.people import registrations
from app.people.details import EARLIEST, LATEST, swe_number
from app.people.models import IN_GOOD_STANDING, Person, RegisterStatus
from app.people.register_models import RegisterCheck
from app.people.registrations import Word
from app.policy import Can, operation

MOST_ROWS = 5000
AT_ONCE = 500  # people asked for, and written, together
KEPT = timedelta(days=30)  # a file that nobody applies
SHOWN = 200  # people whom the file does not name that the page lists
HEADINGS: dict[str, tuple[str, ...]] = {  # column → other headings that mean it
    "number": ("registration number", "swe number", "social work england number", "registration no", "swe id"),
    "status": ("registration status", "swe status", "registered status"),
    "from": ("registered from", "registration date", "date of registration", "start date"),
    "until": ("registered until", "registered to", "registration end date", "expiry date", "end date", "renewal date"),
}
_MEANS = {name: column for column, names in HEADINGS.items() for name in (column, *names)}
_STATUSES = {
    **{status.value: status.value for status in RegisterStatus},
    "registered with conditions": RegisterStatus.CONDITIONS.value,
    "conditions of practice": RegisterStatus.CONDITIONS.value,
    "suspension": RegisterStatus.SUSPENDED.value,
    "suspended from practice": RegisterStatus.SUSPENDED.value,
    "struck off": RegisterStatus.REMOVED.value,
    "removal order": RegisterStatus.REMOVED.value,
    "lapsed": RegisterStatus.NOT_REGISTERED.value,
    "no longer registered": RegisterStatus.NOT_REGISTERED.value,
    "unregistered": RegisterStatus.NOT_REGISTERED.value,
}
_ASKED = ("status", "from", "until")


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the file that can be read. A date that it does not give stays as it is."""

    line: int
    number: str
    status: str
    since: date | None
    until: date | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Somebody of whom the register says something else than we do."""

    person: Row[Any]
    line: int
    was: Word
    now: Word

    @property
    def fields(self) -> list[tuple[str, Any, Any]]:
        """(What, as we have it, as the register has it), of what differs."""
        pairs = (("Status", "status"), ("Registered from", "since"), ("Registered until", "until"))
        return [
            (words, getattr(self.was, name), getattr(self.now, name))
            for words, name in pairs
            if getattr(self.was, name) != getattr(self.now, name)
        ]


@dataclass(slots=True)
class Plan:
    """What the file says against what is held: a dry run."""

    differences: list[Difference] = field(default_factory=list)
    same: int = 0
    unknown: list[Said] = field(default_factory=list)  # nobody in reach has the number
    unnamed: list[Row[Any]] = field(default_factory=list)  # people here with a number whom the file does not name, the first of them
    unnamed_in_all: int = 0
    problems: list[Problem] = field(default_factory=list)


def parse(content: bytes) -> list[dict[str, Any]]:
    """The rows of a CSV file or workbook as {"line", "cells"}; SheetRefused when it is no list of registrations.

    Columns that are not asked for, such as the names and towns of the public register, are left behind.
    """
    lines = read_sheet(content, MOST_ROWS)
    columns: dict[int, str] = {}
    for n, cell in enumerate(lines[0][1] if lines else []):
        column = _MEANS.get(re.sub(r"[\s_]+", " ", cell).strip(" *:").lower())
        if column in columns.values():
            raise SheetRefused(f"Two columns mean “{column}”. Delete one of them.")
        if column is not None:
            columns[n] = column
    missing = [column for column in ("number", "status") if column not in columns.values()]
    if missing:
        raise SheetRefused(f"The first row must hold the headings, and these are missing: {', '.join(missing)}.")
    rows = []
    for number, cells in lines[1:]:
        named = {columns[n]: cell[:100] for n, cell in enumerate(cells) if n in columns}
        if any(named.values()):
            rows.append({"line": number, "cells": named})
    if not rows:
        raise SheetRefused("The file has headings and no rows. Add a row for each person.")
    return rows


def _read(rows: Sequence[dict[str, Any]], problems: list[Problem]) -> Iterator[Said]:
    seen: dict[str, int] = {}
    for row in rows:
        before = len(problems)
        said = _line(row["line"], row["cells"], problems)
        if len(problems) > before:
            continue
        if said.number in seen:
            wrong = f"Line {seen[said.number]} is about the same number"
            problems.append(Problem(said.line, "number", said.number, wrong, "Delete one of the two lines"))
            continue
        seen[said.number] = said.line
        yield said


def _line(line: int, cells: dict[str, str], problems: list[Problem]) -> Said:
    """One line as it was understood; what is wrong with it is added to the problems."""

    def wrong(column: str, trouble: str, remedy: str) -> None:
        problems.append(Problem(line, column, cells.get(column, ""), trouble, remedy))

    number = None
    try:
        number = swe_number(cells.get("number"))
    except Invalid:
        wrong("number", "This is not a registration number", "Give SW and up to 6 digits, like SW123456")
    else:
        if number is None:
            wrong("number", "There is no registration number", "Give SW and up to 6 digits, like SW123456")
    status = _STATUSES.get(re.sub(r"\s+", " ", cells.get("status", "")).strip().lower())
    if status is None:
        wrong("status", "This status is not known", "Use one of: " + ", ".join(RegisterStatus))
    days: dict[str, date | None] = {}
    for column in ("from", "until"):
        given = cells.get(column, "")
        days[column] = as_date(given) if given else None
        day = days[column]
        if given and (day is None or not EARLIEST <= day <= LATEST):
            wrong(column, "This is not a date that can be right", "Give a date like 30/11/2027, day first, or leave it empty")
    since, until = days["from"], days["until"]
    if since is not None and until is not None and until < since:
        wrong("until", "This is before the registration begins", "Correct one of the two dates")
    return Said(line, number or "", status or "", since, until)


def plan(tx: Tx, rows: Sequence[dict[str, Any]], *, lock: bool = False) -> Plan:
    """What the rows would change, whom they do not fit, and everything that is wrong. Writes nothing."""
    made = Plan()
    said = {each.number: each for each in _read(rows, made.problems)}
    numbers = sorted(said)
    for start in range(0, len(numbers), AT_ONCE):
        for person in tx.rows(_locked(tx, _people(tx).where(Person.swe_number.in_(numbers[start : start + AT_ONCE])), lock)):
            _compare(tx, person, said.pop(person.swe_number), made)
    made.unknown = sorted(said.values(), key=lambda each: each.line)
    made.differences.sort(key=lambda each: each.line)
    made.problems.sort(key=lambda problem: problem.line)
    _unnamed(tx, {each for each in numbers if each not in said}, made)
    return made


def _unnamed(tx: Tx, named: set[str], made: Plan) -> None:
    """Who is here with a number that the file does not name: some hundreds are looked at together."""
    here = and_(Person.swe_number.is_not(None), or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today))
    last = 0
    while people := tx.rows(_people(tx).where(here, Person.id > last).order_by(None).order_by(Person.id).limit(AT_ONCE)):
        found = [row for row in people if row.swe_number not in named]
        made.unnamed += found[: SHOWN - len(made.unnamed)]
        made.unnamed_in_all += len(found)
        last = people[-1].id


def _people(tx: Tx) -> Select[Any]:
    columns = ("id", "name", "swe_number", "version", *registrations.COLUMNS)
    mine = policy.within_reach(tx, Can.CHECK_REGISTER, Person.id)
    return select(*(getattr(Person, name) for name in columns)).where(mine).order_by(Person.sort_name, Person.id)


def _locked(tx: Tx, found: Select[Any], lock: bool) -> Select[Any]:
    return found.order_by(None).order_by(Person.id).with_for_update(key_share=True) if lock and is_postgresql(tx.db) else found


def _compare(tx: Tx, person: Row[Any], said: Said, made: Plan) -> None:
    was = registrations.word(person)
    given = Word(said.status, said.since or was.since, said.until or was.until)
    now = registrations.settled(was, given, tx.today)
    if now.since is not None and now.until is not None and now.until < now.since:
        column = "until" if said.until else "from"
        trouble = f"With what is held already, the registration would end on {now.until:%d/%m/%Y}, before it begins on {now.since:%d/%m/%Y}"
        made.problems.append(Problem(said.line, column, "", trouble, "Give both dates in the file"))
    elif now == was:
        made.same += 1
    else:
        made.differences.append(Difference(person, said.line, was, now))


@operation(Can.CHECK_REGISTER)
def keep(tx: Tx, file_name: str, rows: list[dict[str, Any]]) -> int:
    """Keep the rows of a file until somebody applies them; returns the check's id."""
    check_id = tx.insert(RegisterCheck, file_name=file_name[:200], rows=rows, sent_by=tx.actor.person_id, sent_at=tx.now)
    tx.record("register.checked", "register_checks", check_id, rows=len(rows))
    return check_id


def kept(tx: Tx, check_id: int, *, lock: bool = False) -> Any:
    """A file that the actor sent, or NotFound: others may not look its people up."""
    row = tx.get(RegisterCheck, check_id, lock=lock, what="file")
    if row.sent_by != tx.actor.person_id:
        raise NotFound("There is no file with that reference, or somebody else sent it.", code="file-not-found")
    return row


@operation(Can.CHECK_REGISTER)
def apply(tx: Tx, check_id: int) -> int:
    """Take over all that differs; returns of how many people. With one problem nothing is done. Applied again, nothing is left to do."""
    row = kept(tx, check_id, lock=True)
    if row.applied_at is not None:
        raise Conflict("This file has already been applied.", code="file-applied")
    found = plan(tx, row.rows, lock=True)
    if found.problems:
        first = found.problems[0]
        raise Conflict(
            f"Line {first.line}, {first.column}: {first.wrong}.",
            code="file-has-problems",
            way_out="Look at all the problems, correct the file and send it again. Nothing was changed.",
        )
    changed = found.differences
    if changed:
        tx.db.execute(_CHANGE, [_changed(tx, each) for each in changed])
        registrations.keep(tx, {each.person.id: (each.was, each.now) for each in changed})
        tx.record_all("person.changed", "people", [each.person.id for each in changed], fields=list(registrations.COLUMNS))
    tx.update(RegisterCheck, check_id, applied_at=tx.now, changed=len(changed), rows=[])  # what it said stands with the people now
    tx.record("register.applied", "register_checks", check_id, changed=len(changed))
    return len(changed)


def forget_old(tx: Tx, _now: datetime) -> None:
    """Files that nobody applied for so long are over: they name people of whom there is no other reason to keep a list."""
    tx.db.execute(delete(RegisterCheck).where(RegisterCheck.applied_at.is_(None), RegisterCheck.sent_at < tx.now - KEPT))


_TABLE = Person.__table__
_CHANGE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("key"))
    .values({name: bindparam(f"new_{name}") for name in (*registrations.COLUMNS, "updated_at")} | {"version": _TABLE.c.version + 1})
)


def _changed(tx: Tx, each: Difference) -> dict[str, Any]:
    now = each.now
    new = dict(zip(registrations.COLUMNS, (now.status, now.since, now.until), strict=True)) | {"updated_at": tx.now}
    return {"key": each.person.id} | {f"new_{name}": value for name, value in new.items()}


def watched(tx: Tx, soon: date) -> AnySelect:
    """People in reach whose registration, as recorded, has ended or ends by `soon`, or is not simply in order; the most urgent first."""
    good = Person.registration_status.in_(IN_GOOD_STANDING)
    asks = or_(
        and_(good, Person.registered_until <= soon),
        and_(Person.registration_status.is_not(None), Person.registration_status != RegisterStatus.REGISTERED.value),
        and_(Person.swe_number.is_not(None), Person.registration_status.is_(None)),
    )
    here = or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today)
    columns = (Person.id, Person.name, Person.swe_number, Person.registration_status, Person.registered_until)
    return (
        select(*columns, func.count().over().label("total"))
        .where(policy.within_reach(tx, Can.CHECK_REGISTER, Person.id), here, asks)
        .order_by(Person.registration_status.is_(None), good, Person.registered_until, Person.sort_name, Person.id)
    )
