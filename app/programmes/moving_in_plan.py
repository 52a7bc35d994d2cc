"""What a file of portfolios would do, line by line, and every cell that is wrong with what to do about it. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Row, func, select

from app import policy
from app.core.errors import Refusal
from app.core.sheets import Problem, as_date
from app.core.tx import Tx
from app.frameworks.models import DocumentTemplate
from app.people.models import Person as PersonRow
from app.policy import Can
from app.programmes import terms
from app.programmes.models import CAPACITIES, Cohort, StageRecord
from app.programmes.operations import outlook
from app.programmes.portfolio_models import Attachment, Document, Entry

SIGNED = "Write it as “assessor: Ann Example, 1/3/2026”, with “;” between several"


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed on paper, as the paper says."""

    capacity: str
    name: str
    on: date


@dataclass(frozen=True, slots=True)
class StageDone:
    """A stage whose review was held before. `known`: recorded already."""

    line: int
    stage_id: int
    title: str
    held_on: date
    known: bool


@dataclass(frozen=True, slots=True)
class Paper:
    """A document that is complete on paper. `known`: it is in the portfolio already."""

    line: int
    template_id: int
    code: str
    title: str
    repeatable: bool
    file: str
    signatures: tuple[Signature, ...]
    known: bool


@dataclass(slots=True)
class Person:
    """One person's portfolio in the file. `enrolment_id`: they were brought in before, and only what is new is added."""

    line: int
    person_id: int
    name: str
    cohort_id: int
    cohort: str
    starts_on: date | None
    assessor_id: int | None = None
    manager_id: int | None = None
    enrolment_id: int | None = None
    stages: list[StageDone] = field(default_factory=list)
    papers: list[Paper] = field(default_factory=list)

    @property
    def fresh(self) -> bool:
        """Is there anything to do?"""
        return self.enrolment_id is None or not all(one.known for one in self.stages) or not all(one.known for one in self.papers)


@dataclass(slots=True)
class Plan:
    """What the file would do."""

    people: list[Person] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def fresh_people(self) -> int:
        """How many would be enrolled."""
        return sum(one.enrolment_id is None for one in self.people)

    @property
    def fresh_papers(self) -> int:
        """How many documents would be added."""
        return sum(not paper.known for one in self.people for paper in one.papers)

    @property
    def fresh(self) -> bool:
        """Would anything change?"""
        return any(one.fresh for one in self.people)

    def wrong(self, line: int, column: str, value: str, wrong: str, remedy: str) -> None:
        """One more problem."""
        self.problems.append(Problem(line, column, value[:200], wrong, remedy))


def plan(tx: Tx, lines: Sequence[Mapping[str, Any]], files: Mapping[str, Any], refused: Mapping[str, str], unnamed: Sequence[str]) -> Plan:
    """What these lines would do: the same few statements, however many people there are."""
    found, known = Plan(), _Known(tx, lines)
    by_person: dict[int, Person] = {}
    for each in lines:
        _line(tx, found, known, by_person, each["line"], each["cells"], files, refused)
    for person in by_person.values():
        if person.enrolment_id is None:
            _may_enrol(tx, found, known, person)
    found.people = list(by_person.values())
    for name in unnamed:
        found.wrong(1, "file", name, "No line names this file", "Name it beside its document, or take it out of the ZIP")
    found.problems.sort(key=lambda one: (one.line, one.column))
    return found


class _Known:
    """What the database knows of everything that the file names: one question for each kind of thing."""

    def __init__(self, tx: Tx, lines: Sequence[Mapping[str, Any]]) -> None:
        def named(*columns: str) -> set[str]:
            return {each["cells"].get(column, "").strip() for each in lines for column in columns} - {""}

        p, numbers = PersonRow, named("person", "assessor", "line manager")
        emails = [one.lower() for one in numbers if "@" in one]
        rows = tx.rows(
            select(p.__table__)
            .where((p.employee_number.in_(numbers)) | (p.swe_number.in_([one.upper() for one in numbers])) | (p.email.in_(emails)))
            .where(policy.within_reach(tx, Can.MANAGE_ENROLMENTS, p.id))
        )
        self.people = {str(name).lower(): row for row in rows for name in (row.employee_number, row.swe_number, row.email) if name}
        titles = [one.lower() for one in named("cohort")]
        cohorts = tx.rows(select(Cohort.__table__).where(func.lower(Cohort.title).in_(titles)))
        self.cohorts = {
            row.title.lower(): row for row in cohorts if row.unit_id is None or policy.covers(tx, Can.MANAGE_ENROLMENTS, row.unit_id)
        }
        versions = {row.version_id for row in self.cohorts.values()}
        self.rows = {row.id: row for row in rows}
        self.outlooks = outlook.Known(tx, self.rows, versions)
        self.stages = {(key, row.code.lower()): row for key, found in self.outlooks.stages.items() for row in found}
        t = DocumentTemplate
        columns = (t.id, t.version_id, t.code, t.title, t.repeatable)
        self.templates = {(row.version_id, row.code.lower()): row for row in tx.rows(select(*columns).where(t.version_id.in_(versions)))}
        self.enrolments = self.outlooks.running
        self._here(tx, {row.id for row in self.enrolments.values() if row.version_id in versions})

    def _here(self, tx: Tx, ids: set[int]) -> None:
        """What is there already of those who are on one of these programmes."""
        stages = select(StageRecord.enrolment_id, StageRecord.stage_id, StageRecord.state, StageRecord.on_paper)
        self.done = {(row.enrolment_id, row.stage_id): row for row in tx.rows(stages.where(StageRecord.enrolment_id.in_(ids)))}
        papers = tx.rows(
            select(Document.enrolment_id, Document.template_id, Document.state, Document.head, Attachment.digest, Entry.id.label("entry"))
            .outerjoin(Attachment, (Attachment.document_id == Document.id) & Attachment.removed_at.is_(None))
            .outerjoin(Entry, (Entry.document_id == Document.id) & (Entry.kind == "paper"))
            .where(Document.enrolment_id.in_(ids))
        )
        self.papers: dict[tuple[int, int], list[Row[Any]]] = {}
        for row in papers:
            self.papers.setdefault((row.enrolment_id, row.template_id), []).append(row)


def _line(
    tx: Tx,
    found: Plan,
    known: _Known,
    by_person: dict[int, Person],
    line: int,
    cells: Mapping[str, str],
    files: Mapping[str, Any],
    refused: Mapping[str, str],
) -> None:
    said = cells.get("person", "").strip()
    row = known.people.get(said.lower())
    if row is None:
        wrong = "Nobody of yours has this number" if said else "Nobody is named"
        found.wrong(line, "person", said, wrong, "Give their employee number or Social Work England number")
        return
    person = by_person.get(row.id)
    if person is None:
        person = _first(tx, found, known, row, line, cells)
        if person is None:
            return
        by_person[row.id] = person
    else:
        _same(found, known, person, line, cells)
    version = known.cohorts[person.cohort.lower()].version_id
    if cells.get("stage", "").strip():
        _stage(tx, found, known, person, version, line, cells)
    elif cells.get("held on", "").strip():
        found.wrong(line, "held on", cells["held on"], "There is a day without a stage", "Give the stage's code too, or empty the cell")
    if cells.get("document", "").strip():
        _document(tx, found, known, person, version, line, cells, files, refused)
    elif cells.get("file", "").strip() or cells.get("signed by", "").strip():
        found.wrong(line, "document", "", "A file or a signature is there without its document", "Give the document's code")


def _first(tx: Tx, found: Plan, known: _Known, row: Row[Any], line: int, cells: Mapping[str, str]) -> Person | None:
    """The first line of a person says where they belong."""
    cohort = known.cohorts.get(cells.get("cohort", "").strip().lower())
    if cohort is None:
        found.wrong(line, "cohort", cells.get("cohort", ""), "There is no such cohort", "Give its name as it stands under Programmes")
        return None
    starts_on = _day(tx, found, line, "start date", cells)
    here = known.enrolments.get((row.id, cohort.version_id))
    person = Person(line, row.id, row.name, cohort.id, cohort.title, starts_on)
    if here is not None and (not here.moved_in or here.cohort_id != cohort.id or (starts_on and here.starts_on != starts_on)):
        found.wrong(
            line, "person", cells["person"], f"{row.name} is on this programme already", "Add documents on the page of their portfolio"
        )
    elif here is not None:
        person.enrolment_id = here.id
    for column, name in (("assessor", "assessor_id"), ("line manager", "manager_id")):
        said = cells.get(column, "").strip()
        other = known.people.get(said.lower())
        if said and other is None:
            found.wrong(line, column, said, "Nobody of yours has this number", "Give their employee number or work e-mail address")
        elif other is not None and other.id == row.id:
            found.wrong(line, column, said, "Nobody assesses or manages themselves here", "Name somebody else")
        elif other is not None:
            setattr(person, name, other.id)
    return person


def _same(found: Plan, known: _Known, person: Person, line: int, cells: Mapping[str, str]) -> None:
    """Later lines leave these empty, or say the same."""
    for column, held in (("assessor", person.assessor_id), ("line manager", person.manager_id)):
        said = cells.get(column, "").strip()
        other = known.people.get(said.lower())
        if said and (other is None or other.id != held):
            found.wrong(line, column, said, f"Line {person.line} says somebody else", "Say the same, or leave the cell empty")
    said = cells.get("cohort", "").strip()
    if said and said.lower() != person.cohort.lower():
        found.wrong(line, "cohort", said, f"Line {person.line} says “{person.cohort}”", "Say the same, or leave the cell empty")
    said = cells.get("start date", "").strip()
    if said and as_date(said) != person.starts_on:
        found.wrong(line, "start date", said, f"Line {person.line} says another day", "Say the same, or leave the cell empty")


def _day(tx: Tx, found: Plan, line: int, column: str, cells: Mapping[str, str]) -> date | None:
    said = cells.get(column, "").strip()
    day = as_date(said)
    if day is None or not date(2000, 1, 1) <= day <= tx.today:
        wrong = "There is no day" if not said else "This is no day, or it is not over yet"
        found.wrong(line, column, said, wrong, "Write it like 8/12/2025, day first")
        return None
    return day


def _stage(tx: Tx, found: Plan, known: _Known, person: Person, version: int, line: int, cells: Mapping[str, str]) -> None:
    said = cells["stage"].strip()
    row = known.stages.get((version, said.lower()))
    held_on = _day(tx, found, line, "held on", cells)
    if row is None or row.kind == "panel":
        wrong = "This programme has no such stage" if row is None else "What a panel decides cannot be brought in"
        found.wrong(line, "stage", said, wrong, "Give the code of a stage with a review, as the programme's page shows it")
    elif any(one.stage_id == row.id for one in person.stages):
        found.wrong(line, "stage", said, "This stage stands there twice", "Delete one of the lines, or empty the cell")
    elif held_on is not None:
        if person.starts_on and held_on < person.starts_on:
            found.wrong(line, "held on", cells["held on"], "This is before they started", "Correct this day or the start date")
            return
        record = known.done.get((person.enrolment_id or 0, row.id))
        person.stages.append(StageDone(line, row.id, row.title, held_on, record is not None and record.state == "complete"))


def _document(
    tx: Tx,
    found: Plan,
    known: _Known,
    person: Person,
    version: int,
    line: int,
    cells: Mapping[str, str],
    files: Mapping[str, Any],
    refused: Mapping[str, str],
) -> None:
    said, name = cells["document"].strip(), cells.get("file", "").strip()
    row = known.templates.get((version, said.lower()))
    if row is None:
        found.wrong(line, "document", said, "This programme has no such document", "Give its code, as the programme's page shows it")
        return
    signatures = _signatures(tx, found, line, cells.get("signed by", ""))
    if name and name not in files:
        found.wrong(
            line, "file", name, refused.get(name, "This file is not in the ZIP"), "Put it there as a PDF or Word document under this name"
        )
        return
    before = [one for one in person.papers if one.template_id == row.id]
    there = known.papers.get((person.enrolment_id or 0, row.id), [])
    digest = files[name]["digest"] if name else None
    same = [one for one in there if one.entry is not None and one.digest == digest]
    is_known = len(same) > sum(one.known for one in before if one.file == name)
    if before and not row.repeatable:
        found.wrong(line, "document", said, f"Line {before[0].line} brings this document already", "There is one of these in a portfolio")
    elif not is_known and not row.repeatable and any(one.state != "draft" or one.head for one in there):
        found.wrong(line, "document", said, "This document is in the portfolio already", "Take this line out")
    else:
        person.papers.append(Paper(line, row.id, row.code, row.title, row.repeatable, name, signatures, is_known))


def _signatures(tx: Tx, found: Plan, line: int, said: str) -> tuple[Signature, ...]:
    """ "nqsw: Nell Newly, 1/3/2026; assessor: Asa Sessor, 2/3/2026": who signed on paper, as what, on which day."""
    made = []
    words = {name: name for name in CAPACITIES} | {terms.title({}, name).lower(): name for name in CAPACITIES}
    for part in filter(None, (one.strip() for one in said.split(";"))):
        role, _, rest = part.partition(":")
        name, _, day = rest.rpartition(",")
        capacity, on = words.get(" ".join(role.lower().split())), as_date(day.strip())
        if capacity is None or not name.strip() or on is None or on > tx.today:
            found.wrong(line, "signed by", part, "This does not say who signed as what on which day", SIGNED)
        else:
            made.append(Signature(terms.title({}, capacity), name.strip(), on))
    return tuple(made)


def _may_enrol(tx: Tx, found: Plan, known: _Known, person: Person) -> None:
    """The checks of enrolling, with their reasons."""
    cohort = known.cohorts[person.cohort.lower()]
    if person.starts_on is None or any(one.line == person.line and one.column == "person" for one in found.problems):
        return
    if cohort.closed_on is not None:
        found.wrong(person.line, "cohort", person.cohort, "This cohort is closed", "Choose a cohort that takes people")
        return
    if person.person_id == tx.actor.person_id:
        found.wrong(person.line, "person", person.name, "Nobody enrols themselves", "Ask a colleague of the Academy to send your line")
        return
    try:
        seen = known.outlooks.outlook(known.rows[person.person_id], cohort.version_id, person.starts_on)
    except Refusal as refused:
        found.wrong(person.line, "person", person.name, refused.message, "Correct this first, or take the person out of the file")
        return
    for check in seen.checks:
        if not check.ok:
            found.wrong(person.line, "person", person.name, check.words, "Enrol them on the cohort's page, where this can be confirmed")
