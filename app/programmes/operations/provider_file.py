"""What a training provider's own system says: hours, reviews and results from a file. It is the record; nobody enters or signs it again.

A file is taken as a whole or not at all, and every line that is wrong is named. What it says again is left as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import func, or_, select

from app import policy
from app.core.calendar import london, long_date
from app.core.errors import Conflict
from app.core.sheets import SheetRefused, as_date, read_sheet
from app.core.tx import Tx
from app.frameworks.models import ApprenticeshipStandard
from app.people.models import Person
from app.policy import Can, operation
from app.programmes import access
from app.programmes.apprentice_models import Apprenticeship, OtjHours, ProgressReview
from app.programmes.models import Enrolment
from app.programmes.operations.apprentices import OVER
from app.programmes.operations.gateway import LONGEST, RESULTS, assessed
from app.programmes.operations.hours import ACTIVITIES, check
from app.programmes.operations.progress import plan_reviews
from app.programmes.operations.reviews import last_held, take

MOST_ROWS = 2000
NOBODY = "Nobody you look after is on an apprenticeship under this e-mail address or employee number."
NO_DATE = "The date is not a date. Give it like 8/12/2026, day first."
COLUMNS = ("person", "what", "date", "minutes", "activity", "words", "standard", "result", "organisation")
KINDS = ("hours", "review", "result")


@dataclass(frozen=True, slots=True)
class Problem:
    """One line that cannot be taken, and why."""

    line: int
    wrong: str


@dataclass(frozen=True, slots=True)
class Said:
    """One line that can."""

    line: int
    enrolment_id: int
    kind: str
    on: date
    minutes: int = 0
    activity: str = ""
    words: str = ""
    result: str = ""
    organisation: str = ""


@dataclass(slots=True)
class Plan:
    """What the file would bring."""

    rows: list[Said] = field(default_factory=list)
    known: int = 0
    problems: list[Problem] = field(default_factory=list)

    def count(self, kind: str) -> int:
        """How many lines of one kind are new."""
        return sum(row.kind == kind for row in self.rows)


def parse(content: bytes) -> list[tuple[int, dict[str, str]]]:
    """The lines of a CSV file or workbook with their numbers; SheetRefused if it is no such file."""
    lines = read_sheet(content, MOST_ROWS)
    heads = [cell.strip(" *:").lower() for cell in lines[0][1]] if lines else []
    missing = [column for column in COLUMNS[:3] if column not in heads]
    if missing:
        raise SheetRefused(f"The first row must hold the headings, and these are missing: {', '.join(missing)}.")
    rows = [(number, dict(zip(heads, (cell.strip() for cell in cells), strict=False))) for number, cells in lines[1:]]
    if not rows:
        raise SheetRefused("The file has headings and no rows.")
    return rows


def plan(tx: Tx, rows: Sequence[tuple[int, dict[str, str]]]) -> Plan:
    """What the lines would bring, what is there already, and what is wrong. Writes nothing: a dry run."""
    policy.require(tx, Can.MANAGE_ENROLMENTS)
    people, made, results = _people(tx, {cells.get("person", "").lower() for _, cells in rows}), Plan(), set[int]()
    for line, cells in rows:
        enrolment = people.get(cells.get("person", "").lower())
        result = cells.get("what", "").lower() == "result"
        said = _result(tx, line, cells, enrolment) if result else _read(tx, line, cells, enrolment)
        if isinstance(said, Said) and result and said.enrolment_id in results:
            said = Problem(line, "Their result stands there twice.")
        elif isinstance(said, Said) and result:
            results.add(said.enrolment_id)
        if isinstance(said, Problem):
            made.problems.append(said)
        else:
            made.rows.append(said)
    _leave_known(tx, made)
    return made


def _people(tx: Tx, named: set[str]) -> dict[str, Any]:
    """Apprenticeships in reach by the apprentice's e-mail address or employee number: the one that runs, else the last."""
    found: dict[str, Any] = {}
    rows = tx.rows(
        select(Enrolment.__table__, Person.email, Person.employee_number, Apprenticeship.provider_keeps, Apprenticeship.gateway_at)
        .add_columns(Apprenticeship.assessment, Apprenticeship.assessed_on, ApprenticeshipStandard.code.label("standard"))
        .join(Apprenticeship, Apprenticeship.enrolment_id == Enrolment.id)
        .join(ApprenticeshipStandard, ApprenticeshipStandard.id == Apprenticeship.standard_id)
        .join(Person, Person.id == Enrolment.person_id)
        .where(
            or_(Person.email.in_(named), func.lower(Person.employee_number).in_(named)),
            policy.within_reach(tx, Can.MANAGE_ENROLMENTS, Enrolment.person_id),
        )
        .order_by(Enrolment.status.not_in(OVER), Enrolment.starts_on, Enrolment.id)
    )
    for row in rows:
        for name in {(row.email or "").lower(), (row.employee_number or "").lower()} - {""}:
            found[name] = row
    return found


def _read(tx: Tx, line: int, cells: dict[str, str], enrolment: Any) -> Said | Problem:
    kind, on = cells.get("what", "").lower(), as_date(cells.get("date", ""))
    if enrolment is None or enrolment.status in OVER:
        return Problem(line, NOBODY)
    if not enrolment.provider_keeps:
        return Problem(line, "The hours and reviews of this apprenticeship are kept here, not in the provider’s system.")
    if enrolment.gateway_at is not None:
        return Problem(line, "The gateway is passed: hours and reviews are closed.")
    if kind not in KINDS:
        return Problem(line, "Say “hours”, “review” or “result”.")
    if on is None:
        return Problem(line, NO_DATE)
    if kind == "review":
        if not enrolment.starts_on <= on <= tx.today:
            return Problem(line, "The review must be between the start and today.")
        return Said(line, enrolment.id, kind, on)
    minutes = cells.get("minutes", "")
    activity = cells.get("activity", "").lower() or "taught"
    words = cells.get("words", "") or "From the provider’s system"
    wrong = check(enrolment, tx.today, on, int(minutes) if re.fullmatch(r"\d{1,4}", minutes) else 0, activity, words)
    if wrong:
        more = f" Activities are: {', '.join(ACTIVITIES)}." if wrong[0]["field"] == "activity" else ""
        return Problem(line, f"{wrong[0]['message']}.{more}")
    return Said(line, enrolment.id, kind, on, int(minutes), activity, words)


def _result(tx: Tx, line: int, cells: dict[str, str], enrolment: Any) -> Said | Problem:
    """The final result of somebody's assessment, whoever keeps the hours; `known` where it is recorded just so."""
    on, result = as_date(cells.get("date", "")), cells.get("result", "").lower()
    organisation = cells.get("organisation", "")
    if enrolment is None:
        return Problem(line, NOBODY)
    if cells.get("standard", "").upper() != enrolment.standard:
        return Problem(line, f"Their apprenticeship is on the standard {enrolment.standard}. Say the same under “standard”.")
    if result not in RESULTS:
        return Problem(line, f"The result must be one of: {', '.join(RESULTS)}.")
    if on is None:
        return Problem(line, NO_DATE)
    said = Said(line, enrolment.id, "result", on, result=result, organisation=organisation)
    if enrolment.assessment is not None:
        same = (enrolment.assessment, enrolment.assessed_on) == (result, on)
        return said if same else Problem(line, "Another result, or another day, is recorded for them already.")
    if enrolment.status in OVER:
        return Problem(line, NOBODY)
    if enrolment.gateway_at is None:
        return Problem(line, "The gateway is not passed yet. It comes before the assessment.")
    if enrolment.status == "paused":
        return Problem(line, "They are on a break in learning. Say first when they came back.")
    if not london(enrolment.gateway_at).date() <= on <= tx.today:
        return Problem(line, f"The day must be from {long_date(enrolment.gateway_at)}, the day of the gateway, to today.")
    if not organisation or len(organisation) > LONGEST:
        return Problem(line, "Say under “organisation” who assessed them.")
    return said


def _leave_known(tx: Tx, made: Plan) -> None:
    """Take out what an earlier file brought: the same as often as it is there already."""
    ids = {row.enrolment_id for row in made.rows}
    there: Counter[tuple[Any, ...]] = Counter()
    hours = select(OtjHours.enrolment_id, OtjHours.on_date, OtjHours.minutes, OtjHours.activity, OtjHours.words).where(
        OtjHours.enrolment_id.in_(ids), OtjHours.source == "import", OtjHours.superseded_at.is_(None)
    )
    there.update(("hours", *row) for row in tx.rows(hours))
    held = select(ProgressReview.enrolment_id, ProgressReview.held_on).where(
        ProgressReview.enrolment_id.in_(ids), ProgressReview.held_on.is_not(None)
    )
    there.update(("review", *row, 0, "", "") for row in tx.rows(held))
    given = select(Apprenticeship.enrolment_id, Apprenticeship.assessed_on).where(
        Apprenticeship.enrolment_id.in_(ids), Apprenticeship.assessment.is_not(None)
    )
    there.update(("result", *row, 0, "", "") for row in tx.rows(given))  # only the same result has come so far
    fresh = []
    for row in made.rows:
        key = (row.kind, row.enrolment_id, row.on, row.minutes, row.activity, row.words)
        if there[key]:
            there[key] -= 1
            made.known += 1
        else:
            fresh.append(row)
    made.rows = sorted(fresh, key=lambda row: (row.enrolment_id, row.on, row.line))


@operation(Can.MANAGE_ENROLMENTS)
def take_in(tx: Tx, rows: Sequence[tuple[int, dict[str, str]]]) -> Plan:
    """Take everything that the file says and that is not there yet. One line that is wrong, and nothing is taken."""
    made = plan(tx, rows)
    if made.problems:
        first = made.problems[0]
        raise Conflict(f"Line {first.line}: {first.wrong} Nothing was taken in.", code="import-has-problems")
    ids = sorted({row.enrolment_id for row in made.rows})
    enrolments = {key: access.part(tx, Can.MANAGE_ENROLMENTS, key, lock=True).enrolment for key in ids}
    tx.insert_many(
        OtjHours,
        [
            dict(
                enrolment_id=row.enrolment_id,
                on_date=row.on,
                minutes=row.minutes,
                activity=row.activity,
                words=row.words,
                source="import",
                recorded_by=tx.actor.person_id,
                recorded_at=tx.now,
                verified_at=tx.now,  # by the provider, whose record this is
            )
            for row in made.rows
            if row.kind == "hours"
        ],
    )
    for row in made.rows:
        if row.kind == "review":
            _held(tx, row, enrolments[row.enrolment_id])
        elif row.kind == "result":
            assessed(tx, row.enrolment_id, row.result, row.on, row.organisation)
    for key in ids:
        tx.record("apprenticeship.taken-in", "enrolments", key, person_id=enrolments[key].person_id)
    return made


def _held(tx: Tx, row: Said, enrolment: Any) -> None:
    last = last_held(tx, row.enrolment_id)
    if last is not None and last.held_on >= row.on:
        raise Conflict(f"Line {row.line}: a later review is recorded already. Nothing was taken in.", code="import-has-problems")
    review = take(tx, row.enrolment_id, enrolment, row.on)
    tx.update(ProgressReview, review.id, held_on=row.on, imported=True)
    plan_reviews(tx, row.enrolment_id)
