"""Verbs of the census: begin and fill a return, take HR's file, check, submit, correct; and what the council says once for all years."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, or_, select, update

from app.census import access, checking, extract, filling, guide, rows, totals
from app.census.checking import ERROR, merged
from app.census.filling import Year
from app.census.guide import Guide
from app.census.models import (
    CHECKED,
    DRAFT,
    SUBMITTED,
    CensusDocument,
    CensusMessage,
    CensusPerson,
    CensusReturn,
    CensusSettings,
    CensusUpload,
)
from app.core.errors import Changed, Conflict, Invalid
from app.core.tx import Tx
from app.people.models import CareerStage
from app.policy import Can, operation

AT_ONCE = 5_000  # rows written together
FIRST_YEAR = 2017


@operation(Can.TAKE_CENSUS)
def begin(tx: Tx, organisation_id: int, year: int) -> int:
    """Begin the return of a collection year and fill in what the Academy knows; returns its id.

    Invalid for a year that has not ended; Conflict where one is open, or submitted (that is corrected), or no guide is loaded.
    """
    access.require_reach(tx, organisation_id)
    last = tx.today.year - (guide.in_force(tx, tx.today.year)[1].reference(tx.today.year) > tx.today)
    if not FIRST_YEAR <= year <= last:
        raise Invalid("Choose a year.", errors=[{"field": "year", "message": f"Choose a year from {FIRST_YEAR} to {last}"}])
    guide_id, goes_by = guide.in_force(tx, year)
    newest = _newest(tx, organisation_id, year)
    if newest is not None and newest.state == SUBMITTED:
        raise Conflict(f"The return for {year} is submitted.", code="census-submitted", way_out="Open it and begin a correction.")
    return_id = _new(tx, organisation_id, year, (newest.version if newest else 0) + 1, guide_id, goes_by)
    tx.record("census.begun", "census_returns", return_id, year=year, organisation_id=organisation_id)
    _fill(tx, access.the_return(tx, return_id), goes_by)
    return return_id


def _newest(tx: Tx, organisation_id: int, year: int) -> Row[Any] | None:
    of_year = (CensusReturn.organisation_id == organisation_id, CensusReturn.year == year)
    columns = (CensusReturn.id, CensusReturn.version, CensusReturn.state)
    return tx.one(select(*columns).where(*of_year).order_by(CensusReturn.version.desc()).limit(1))


def _new(tx: Tx, organisation_id: int, year: int, version: int, guide_id: int, goes_by: Guide) -> int:
    empty: dict[str, Any] = dict(authority={}, people=0, errors=0, queries=0, summary={}, totals={}, state=DRAFT)
    made = dict(created_at=tx.now, created_by=tx.actor.person_id, touched_at=tx.now, filled_at=tx.now)
    which = dict(organisation_id=organisation_id, year=year, version=version, guide_id=guide_id)
    return tx.insert(CensusReturn, **which, reference_day=goes_by.reference(year), **empty, **made)


@operation(Can.TAKE_CENSUS)
def fill(tx: Tx, return_id: int) -> int:
    """Fill in again what the Academy knows now; what HR gave stays with whoever is still in scope. Returns how many people there are."""
    row = access.the_return(tx, return_id, lock=True, change=True)
    number = _fill(tx, row, guide.of(tx, row.guide_id))
    tx.record("census.filled", "census_returns", return_id, people=number)
    return number


def _fill(tx: Tx, row: Row[Any], goes_by: Guide) -> int:
    """People keep their numbers; who is new comes after them, who is out of scope goes."""
    roles = access.roles(access.settings(tx, row.organisation_id), goes_by)
    year = Year.ending(row.reference_day, tx.now)
    found = dict(filling.people(tx, row.organisation_id, goes_by, roles, year))
    there = tx.rows(select(CensusPerson.id, CensusPerson.person_id, CensusPerson.number).where(CensusPerson.return_id == row.id))
    gone = [each.id for each in there if each.person_id not in found]
    for start in range(0, len(gone), 500):
        tx.db.execute(delete(CensusPerson).where(CensusPerson.id.in_(gone[start : start + 500])))
    again = [dict(its_key=each.id, ours=found[each.person_id]) for each in there if each.person_id in found]
    _write(tx, again)
    known = {each.person_id for each in there}
    after = max((each.number for each in there), default=0) + 1
    fresh = [(key, items) for key, items in found.items() if key not in known]
    made = [dict(return_id=row.id, number=number, person_id=key, ours=items, theirs={}) for number, (key, items) in enumerate(fresh, after)]
    for start in range(0, len(made), AT_ONCE):
        tx.insert_many(CensusPerson, made[start : start + AT_ONCE])
    tx.update(CensusReturn, row.id, filled_at=tx.now)
    _check(tx, row.id, goes_by)
    return len(found)


def _write(tx: Tx, changes: Sequence[Mapping[str, Any]]) -> None:
    table: Any = CensusPerson.__table__
    if changes:
        names = [name for name in changes[0] if name != "its_key"]
        tx.db.execute(
            update(table).where(table.c.id == bindparam("its_key")).values({name: bindparam(name) for name in names}), list(changes)
        )


# Checking ------------------------------------------------------------------------------------------------------------


def people_of(tx: Tx, return_id: int) -> Sequence[Row[Any]]:
    """Number, what the Academy filled in and what HR gave, of everybody in a return."""
    columns = (CensusPerson.number, CensusPerson.ours, CensusPerson.theirs)
    return tx.rows(select(*columns).where(CensusPerson.return_id == return_id).order_by(CensusPerson.number))


def _check(tx: Tx, return_id: int, goes_by: Guide) -> None:
    """Work out messages, what is filled and totals anew; a return without errors counts as checked."""
    row = tx.get(CensusReturn, return_id)
    year = Year.ending(row.reference_day, row.filled_at)
    people = people_of(tx, return_id)
    values = [(each.number, merged(each.ours, each.theirs)) for each in people]
    found = checking.check(goes_by, year, values, row.authority)
    tx.db.execute(delete(CensusMessage).where(CensusMessage.return_id == return_id))
    messages = [
        dict(return_id=return_id, position=n, number=each.number, kind=each.kind, rule=each.rule, item=each.item, value=each.value)
        for n, each in enumerate(found)
    ]
    for start in range(0, len(messages), AT_ONCE):
        tx.insert_many(CensusMessage, messages[start : start + AT_ONCE])
    errors = sum(each.kind == ERROR for each in found)
    if not people:
        errors += 1  # a return of nobody cannot be right
    tx.update(
        CensusReturn,
        return_id,
        people=len(people),
        errors=errors,
        queries=len(found) - sum(each.kind == ERROR for each in found),
        state=DRAFT if errors else CHECKED,
        summary=checking.summary(goes_by, year, [(each.ours, each.theirs) for each in people]),
        totals=totals.totals(goes_by, (each for _, each in values), row.authority),
        touched_at=tx.now,
    )


@operation(Can.TAKE_CENSUS)
def give_authority(tx: Tx, return_id: int, given: Mapping[str, str]) -> None:
    """What is said of the authority as a whole: item → value as the collection writes it, "" for not known. Invalid by field."""
    row = access.the_return(tx, return_id, lock=True, change=True)
    goes_by = guide.of(tx, row.guide_id)
    errors, values = [], {}
    for item in goes_by.authority_items:
        value = given.get(item.code, "").replace(",", "").strip()
        if value and not checking.fits(item, value):
            what = f"a number with at most {item.places} decimal places" if item.places else "a whole number"
            errors.append({"field": item.code, "message": f"{item.title} must be {what}, like {'12.5' if item.places else '12'}"})
        elif value:
            values[item.code] = value
    if errors:
        raise Invalid("Check what you entered.", errors=errors)
    tx.update(CensusReturn, return_id, authority=values)
    tx.record("census.authority-given", "census_returns", return_id)
    _check(tx, return_id, goes_by)


# HR's file -----------------------------------------------------------------------------------------------------------


@operation(Can.TAKE_CENSUS)
def stage(tx: Tx, return_id: int, file_name: str, lines: list[dict[str, Any]]) -> int:
    """Keep the rows of a file until they are applied, at most a week; returns the file."""
    access.the_return(tx, return_id, change=True)
    assert tx.actor.person_id is not None
    values = dict(return_id=return_id, file_name=file_name[:200], rows=lines, lines=len(lines))
    key = tx.insert(CensusUpload, **values, staged_by=tx.actor.person_id, staged_at=tx.now)
    tx.record("census-file.checked", "census_uploads", key, rows=len(lines))
    return key


@operation(Can.TAKE_CENSUS)
def apply(tx: Tx, upload_id: int) -> int:
    """Take everything of a file into its return; returns for how many people it said something new. One problem, and nothing is done."""
    upload, row = access.the_upload(tx, upload_id, lock=True)
    if upload.applied_at is not None:
        raise Conflict("This file has already been applied.", code="import-applied")
    if not upload.rows:
        raise Conflict("The rows of this file are not kept any more.", code="import-emptied", way_out="Send the file again.")
    access.the_return(tx, row.id, change=True)
    goes_by = guide.of(tx, row.guide_id)
    plan = rows.plan(tx, goes_by, row.id, upload.rows)
    if plan.problems:
        first = plan.problems[0]
        way_out = "Look at all the problems, correct the file and send it again. Nothing was taken in."
        raise Conflict(f"Line {first.line}, {first.column}: {first.wrong}.", code="import-has-problems", way_out=way_out)
    _write(tx, [dict(its_key=line.row_id, theirs=line.after) for line in plan.lines if line.changes])
    tx.update(CensusUpload, upload_id, applied_at=tx.now, rows=[], changed=plan.to_do)
    tx.record("census-file.applied", "census_uploads", upload_id, return_id=row.id, people=plan.to_do)
    _check(tx, row.id, goes_by)
    return plan.to_do


# Submitting ----------------------------------------------------------------------------------------------------------


def documents(tx: Tx, row: Row[Any], made_at: datetime) -> dict[str, bytes]:
    """The return as it would leave: XML and CSV. Conflict where the council's number in the collection is not said."""
    goes_by = guide.of(tx, row.guide_id)
    said = access.settings(tx, row.organisation_id)
    if said is None or not said.authority:
        raise Conflict(
            "Your council’s number in the collection is not known.", code="census-no-authority", way_out="Give it on the page of settings."
        )
    people = [merged(each.ours, each.theirs) for each in people_of(tx, row.id)]
    xml = extract.xml_bytes(goes_by, row.year, row.reference_day, said.authority, made_at, row.authority, people)
    return {extract.XML: xml, extract.CSV: extract.table_bytes(goes_by, people)}


@operation(Can.TAKE_CENSUS)
def submit(tx: Tx, return_id: int, *, looked_at_queries: bool = False) -> str:
    """Freeze the return as it is; returns the digest (SHA-256) of its XML. Conflict while there are errors, or queries nobody looked at."""
    row = access.the_return(tx, return_id, lock=True, change=True)
    _check(tx, return_id, guide.of(tx, row.guide_id))
    row = tx.get(CensusReturn, return_id)
    if row.state != CHECKED:
        raise Conflict(f"The return has {row.errors} errors.", code="census-has-errors", way_out="Correct them first.")
    if row.queries and not looked_at_queries:
        message = "Say that you have looked at the queries"
        raise Invalid(message + ".", errors=[{"field": "queries", "message": message}])
    made = documents(tx, row, tx.now)
    digests = {kind: hashlib.sha256(content).hexdigest() for kind, content in made.items()}
    for kind, content in made.items():
        tx.insert_many(CensusDocument, [dict(return_id=return_id, kind=kind, digest=digests[kind], content=content)])
    sent = dict(state=SUBMITTED, submitted_at=tx.now, submitted_by=tx.actor.person_id, touched_at=tx.now)
    tx.update(CensusReturn, return_id, digest=digests[extract.XML], **sent)
    facts = dict(year=row.year, version=row.version, people=row.people, queries=row.queries)
    tx.record("census.submitted", "census_returns", return_id, digest=digests[extract.XML], **facts)
    return digests[extract.XML]


@operation(Can.TAKE_CENSUS)
def correct(tx: Tx, return_id: int) -> int:
    """Begin the next version of what was submitted, with everything that it said; returns its id. What was submitted stays as it is."""
    row = access.not_erased(access.the_return(tx, return_id, lock=True))
    newest = _newest(tx, row.organisation_id, row.year)
    assert newest is not None
    if row.state != SUBMITTED or newest.id != return_id:
        raise Conflict(
            "Only the latest return that is submitted can be corrected.", code="census-not-latest", way_out="Open the latest one."
        )
    goes_by = guide.of(tx, row.guide_id)
    key = _new(tx, row.organisation_id, row.year, row.version + 1, row.guide_id, goes_by)
    tx.update(CensusReturn, key, authority=row.authority, filled_at=row.filled_at)
    columns = (CensusPerson.number, CensusPerson.person_id, CensusPerson.ours, CensusPerson.theirs)
    made = [dict(each._mapping, return_id=key) for each in tx.rows(select(*columns).where(CensusPerson.return_id == return_id))]
    for start in range(0, len(made), AT_ONCE):
        tx.insert_many(CensusPerson, made[start : start + AT_ONCE])
    tx.record("census.correction-begun", "census_returns", key, of=return_id)
    _check(tx, key, goes_by)
    return key


# What the council says -----------------------------------------------------------------------------------------------


@operation(Can.TAKE_CENSUS)
def say(
    tx: Tx, organisation_id: int, *, authority: str, stages: Mapping[str, str], titles: Mapping[str, str], keep: int, version: int
) -> None:
    """The council's number in the collection, its roles by career stage and by job title, and how many days personal data is kept.

    Roles are codes of the guide, "" for outside. They hold from the next time that a return is filled.
    """
    access.require_reach(tx, organisation_id)
    _, goes_by = guide.in_force(tx, tx.today.year)
    errors = []
    if authority and not re.fullmatch(goes_by.authority, authority, re.ASCII):
        errors.append({"field": "authority", "message": "The number in the collection must be three digits, like 916"})
    if not 30 <= keep <= 2000:
        errors.append({"field": "keep", "message": "Keep it for 30 to 2,000 days"})
    allowed = {*goes_by.known["OrgRole"].choices, filling.OUTSIDE}
    known = {row.code for row in tx.rows(select(CareerStage.code))}
    if set(stages) - known:
        errors.append({"field": "stages", "message": "Choose roles for the career stages shown only: there is one that does not exist"})
    elif set(stages.values()) - allowed:
        errors.append({"field": "stages", "message": "Choose one of the roles shown"})
    if set(titles.values()) - allowed or any(not 2 <= len(title) <= 200 for title in titles):
        errors.append({"field": "titles", "message": "Give each job title on a line of its own, then a colon and a role from 1 to 6"})
    if errors:
        raise Invalid("Check what you entered.", errors=errors)
    kept = {stage: code for stage, code in stages.items() if code != goes_by.roles.get(stage, filling.OUTSIDE)}
    values: dict[str, Any] = dict(authority=authority or None, roles=kept, titles=dict(titles), keep_days=keep)
    before = access.settings(tx, organisation_id)
    if (before.version if before is not None else 0) != version:
        raise Changed("Somebody else has changed this meanwhile.", way_out="Look at it again.")
    if before is None:
        tx.insert_many(CensusSettings, [dict(values, organisation_id=organisation_id, version=1)])
    else:
        changed = update(CensusSettings).where(CensusSettings.organisation_id == organisation_id)
        tx.db.execute(changed.values(**values, version=version + 1))
    tx.record("census-settings.changed", "units", organisation_id, authority=authority, stages=kept, titles=len(titles), keep_days=keep)


# Reading ------------------------------------------------------------------------------------------------------------


def waiting_files(tx: Tx, return_id: int) -> Sequence[Row[Any]]:
    """The actor's latest files for a return."""
    columns = (CensusUpload.id, CensusUpload.file_name, CensusUpload.staged_at, CensusUpload.applied_at, CensusUpload.changed)
    mine = (CensusUpload.return_id == return_id, or_(CensusUpload.staged_by == tx.actor.person_id, CensusUpload.applied_at.is_not(None)))
    return tx.rows(select(*columns).where(*mine).order_by(CensusUpload.id.desc()).limit(10))
