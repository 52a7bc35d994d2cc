"""Sessions from a file: read, planned with every bad cell named, kept, and created all together or not at all (docs/session-import.md)."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import select

from app.bookings.models import Session, SessionImport
from app.bookings.operations import import_rows, sessions
from app.bookings.operations.import_rows import Draft, Found, Plan, PlannedPart
from app.core.calendar import when
from app.core.errors import Conflict, Refusal
from app.core.sheets import Problem, SheetRefused, read_sheet
from app.core.tx import Tx
from app.policy import Can, operation

MOST_ROWS = 500
_OTHERS = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"{\\rtf", b"\xd0\xcf\x11\xe0")  # PDF, pictures, Word and old Excel files
OWN_REFERENCE = re.compile(r"^S\d+$")  # given out by the service
_COLUMNS = {  # what an operation calls a field → the column of the file that it came from
    "day": "date",
    "starts": "start",
    "ends": "end",
    "room": "room",
    "link": "link",
    "trainers": "trainers",
    "capacity": "places",
    "min_numbers": "fewest",
    "waiting_limit": "waiting list",
    "opens_at": "booking opens",
    "closes_at": "booking closes",
    "cancel_by": "cancel by",
    "decide_by": "decide by",
}


def parse(content: bytes) -> list[dict[str, Any]]:
    """The rows of a CSV file or workbook as {"line", "cells"}; SheetRefused when it is no table of sessions."""
    if content.startswith(_OTHERS):
        raise SheetRefused("Choose a CSV or Excel file (.csv or .xlsx)")
    lines = read_sheet(content, MOST_ROWS)
    columns = import_rows.headings(lines[0][1]) if lines else {}
    if len(lines) < 2:
        raise SheetRefused("The file has headings and no rows. Add a row for each part of a session.")
    rows = []
    for number, cells in lines[1:]:
        named = {columns[n]: cell[:500] for n, cell in enumerate(cells) if n in columns}
        if any(named.values()):
            rows.append({"line": number, "cells": named})
    return rows


def plan(tx: Tx, rows: list[dict[str, Any]]) -> Plan:
    """What the rows would make and everything that is wrong with them. Writes and locks nothing: a dry run."""
    found = Found(tx, rows)
    made = Plan()
    for group in import_rows.grouped(rows):
        draft = import_rows.draft(group, found, tx.now)
        made.sessions.append(draft)
        made.problems += draft.problems
        if not draft.problems:
            made.problems += _rehearsed(tx, draft)
    made.problems += _references(tx, made.sessions) + _clashes(made.sessions)
    made.problems.sort(key=lambda problem: problem.line)
    return made


def _rehearsed(tx: Tx, draft: Draft) -> list[Problem]:
    """What creating it would refuse, said about the cells it came from."""
    assert draft.course_id is not None and draft.places is not None
    try:
        sessions.rehearse(tx, draft.course_id, [part.part for part in draft.parts], draft.places, **draft.settings)
    except Refusal as refusal:
        errors = refusal.errors or [{"field": "course", "message": f"{refusal.message} {refusal.way_out}".strip()}]
        return [_problem(draft, error["field"], error["message"]) for error in errors]
    return []


def _problem(draft: Draft, field: str, message: str) -> Problem:
    """An operation's error as a problem of a line; parts are counted in order of time."""
    named = re.fullmatch(r"parts\.(\d+)\.(\w+)", field)
    in_order = sorted(draft.parts, key=lambda part: (part.part.starts_at, part.part.ends_at))
    where = in_order[int(named[1]) - 1] if named else draft.parts[0]
    column = _COLUMNS.get(named[2] if named else field, "course")
    wrong, _, remedy = message.partition(". ")
    return Problem(where.line, column, where.cells.get(column, ""), wrong, remedy or "Correct it and send the file again")


def _references(tx: Tx, drafts: list[Draft]) -> list[Problem]:
    """References of our own kind, and those that other sessions have."""
    given = {draft.reference: draft for draft in drafts if draft.reference}
    taken = set(tx.db.execute(select(Session.reference).where(Session.reference.in_(given))).scalars()) if given else set()
    problems = []
    for reference, draft in given.items():
        line = draft.parts[0].line if draft.parts else draft.line
        if OWN_REFERENCE.match(reference.upper()):
            problems.append(Problem(line, "reference", reference, "References like S1042 are given out here", "Use one such as SPRING-1"))
        elif reference in taken:
            remedy = "Delete its lines if it has been imported already, or give it another reference"
            problems.append(Problem(line, "reference", reference, "There is already a session with this reference", remedy))
    return problems


def _clashes(drafts: list[Draft]) -> list[Problem]:
    """Two lines of the file that want one room or one trainer at the same time."""
    uses: dict[tuple[str, int], list[PlannedPart]] = {}
    for draft in drafts:
        for part in draft.parts:
            if part.part.room_id is not None:
                uses.setdefault(("room", part.part.room_id), []).append(part)
            for trainer in part.part.trainer_ids:
                uses.setdefault(("trainers", trainer), []).append(part)
    problems = []
    for (column, _), parts in uses.items():
        what = column.removesuffix("s")
        latest: PlannedPart | None = None  # of those so far, the one that ends last
        for part in sorted(parts, key=lambda part: part.part.starts_at):
            if latest is not None and part.part.starts_at < latest.part.ends_at and part.session != latest.session:
                remedy = f"Choose another {what} or time: line {latest.line} is on {when(latest.part.starts_at, latest.part.ends_at)}"
                wrong = f"Line {latest.line} has the same {what} at the same time"
                problems.append(Problem(part.line, column, part.cells.get(column, ""), wrong, remedy))
            if latest is None or part.part.ends_at > latest.part.ends_at:
                latest = part
    return problems


@operation(Can.MANAGE_SESSIONS)
def stage(tx: Tx, file_name: str, rows: list[dict[str, Any]]) -> int:
    """Keep the rows of a file until somebody applies them; returns the import's id."""
    assert tx.actor.person_id is not None
    import_id = tx.insert(SessionImport, file_name=file_name[:200], rows=rows, staged_by=tx.actor.person_id, staged_at=tx.now)
    tx.record("session-import.checked", "session_imports", import_id, rows=len(rows))
    return import_id


@operation(Can.MANAGE_SESSIONS)
def apply_import(tx: Tx, import_id: int, *, publish: bool = False) -> list[int]:
    """Create every session of a kept file, and with `publish` open them to booking; returns their ids. One problem, and nothing is done."""
    kept = tx.get(SessionImport, import_id, lock=True, what="import")
    if kept.applied_at is not None:
        raise Conflict("This file has already been applied.", code="import-applied")
    planned = plan(tx, kept.rows)
    if planned.problems:
        first = planned.problems[0]
        raise Conflict(
            f"Line {first.line}, {first.column}: {first.wrong}.",
            code="import-has-problems",
            way_out="Look at all the problems, correct the file and send it again. Nothing was created.",
        )
    made = []
    for draft in planned.sessions:
        assert draft.course_id is not None and draft.places is not None
        try:
            session_id = sessions.create_session(
                tx, draft.course_id, [part.part for part in draft.parts], draft.places, reference=draft.reference or None, **draft.settings
            )
            if publish:
                sessions.publish_session(tx, session_id)
        except Refusal as refusal:
            raise Conflict(
                f"Line {draft.line}: {refusal.message}", code=refusal.code, way_out=refusal.way_out or "Nothing was created."
            ) from refusal
        made.append(session_id)
    tx.update(SessionImport, import_id, applied_at=tx.now)
    tx.record("session-import.applied", "session_imports", import_id, sessions=made, published=publish)
    return made
