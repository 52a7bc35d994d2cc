"""Staging: the lines of an extract become rows of `import_rows`, a few thousand at a time, with units and stages looked up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import case, func, insert, select, update

from app import policy
from app.core.errors import Invalid
from app.core.tx import Tx
from app.hr.extract import Extract, Row
from app.hr.mapping import Mapping, folded
from app.hr.models import Import, ImportProblem, ImportRow
from app.hr.operations.expressions import fresh_statistics
from app.hr.problems import Problem, shown
from app.people.details import person_values
from app.people.models import CareerStage, Unit
from app.policy import Can, Reach, operation

BATCH = 2_000
"""Rows written in one transaction."""

SEPARATOR = " > "
_COPIED = (
    "employee_number", "first_name", "last_name", "known_as", "email", "swe_number", "registration_status", "entry_route",
    "job_title", "contract", "fte", "working_days", "practice_area", "post_from", "team_from", "manager_number", "manager_email",
    "primary_post",
)  # fmt: skip


@dataclass(slots=True)
class _Unit:
    id: int
    kind: str
    path: tuple[str, ...]  # folded names from below the organisation down to itself
    closed_on: date | None


@dataclass(slots=True)
class Lookups:
    """Organisation, units and stages by every name that a file may use for them; read once for an import."""

    as_at: date
    mapping: Mapping
    host: int | None = None
    organisations: dict[str, int] = field(default_factory=dict)
    allowed: frozenset[int] | None = None  # None: every organisation
    units: dict[tuple[int, str, str], list[_Unit]] = field(default_factory=dict)  # (organisation, "code" or "name", folded) → units
    stages: dict[str, str] = field(default_factory=dict)
    found: dict[tuple[Any, ...], tuple[int | None, str | None, tuple[str, str, str] | None]] = field(default_factory=dict)

    def organisation(self, row: Row) -> tuple[int | None, tuple[str, str, str] | None]:
        """The employer's id, or what is wrong: (column, wrong, remedy)."""
        if row.organisation is None:
            key = self.host
            if key is None:
                return None, (
                    "organisation",
                    "Nothing says which organisation employs this person.",
                    "Name it, in the file or in the mapping file.",
                )
        else:
            key = self.organisations.get(folded(row.organisation))
            if key is None:
                return None, (
                    "organisation",
                    "There is no organisation of this name or code.",
                    "Correct it, or translate it in the mapping file.",
                )
        if self.allowed is not None and key not in self.allowed:
            return None, ("organisation", "You may not import people of this organisation.", "Take its rows out, or ask an administrator.")
        return key, None

    def unit(self, organisation_id: int, row: Row) -> tuple[int | None, str | None, tuple[str, str, str] | None]:
        """The unit that the row names: its id, or the path of one to create, or what is wrong."""
        asked = (organisation_id, row.service, row.locality, row.team)
        if asked not in self.found:
            self.found[asked] = self._unit(organisation_id, row)
        return self.found[asked]

    def _unit(self, organisation_id: int, row: Row) -> tuple[int | None, str | None, tuple[str, str, str] | None]:
        column = "team" if row.team else "locality" if row.locality else "service"
        given = [part for part in (row.service, row.locality, row.team) if part]
        if not given:
            return None, None, None
        path = [part.strip() for name in given for part in name.split(SEPARATOR) if part.strip()]
        candidates: list[_Unit] = []
        if self.mapping.units != "name":
            candidates = self.units.get((organisation_id, "code", folded(path[-1])), [])
        if not candidates and self.mapping.units != "code":
            candidates = self.units.get((organisation_id, "name", folded(path[-1])), [])
        wanted = {folded(part) for part in path[:-1]}
        if len(candidates) > 1 or self.mapping.create_units:
            fitting = [unit for unit in candidates if wanted <= set(unit.path)]
            candidates = fitting or ([] if self.mapping.create_units else candidates)
        open_ones = [unit for unit in candidates if unit.closed_on is None or unit.closed_on > self.as_at]
        if len(open_ones) == 1:
            return open_ones[0].id, None, None
        if len(open_ones) > 1:
            return None, None, (column, "Several teams have this name.", "Add the locality or service, or use the team's code.")
        if candidates:
            return None, None, (column, "This part of the organisation has closed.", "Give the team that took over its people.")
        if self.mapping.create_units and row.team:
            return None, SEPARATOR.join(path), None
        remedy = "Correct the name, translate it in the mapping file, or ask for the team to be added first."
        return None, None, (column, f"There is no {column} of this name or code.", remedy)


def lookups(tx: Tx, mapping: Mapping, as_at: date) -> Lookups:
    """Read what the file's words can mean. The actor's reach limits the organisations."""
    terms = policy.require(tx, Can.IMPORT_PEOPLE)
    everything = any(reach is Reach.ALL for reach, _ in terms)
    found = Lookups(as_at, mapping, allowed=None if everything else frozenset(unit_id for _, unit_id in terms if unit_id is not None))
    rows = {
        row.id: row
        for row in tx.rows(
            select(Unit.id, Unit.parent_id, Unit.organisation_id, Unit.kind, Unit.code, Unit.name, Unit.host, Unit.closed_on)
        )
    }
    for row in rows.values():
        if row.kind == "organisation":
            for word in (row.code, row.name):
                found.organisations[folded(word)] = row.id
            if row.host:
                found.host = row.id
            continue
        path, above = [folded(row.name)], rows.get(row.parent_id)
        while above is not None and above.kind != "organisation":
            path += [folded(above.name), folded(above.code)]
            above = rows.get(above.parent_id)
        unit = _Unit(row.id, row.kind, tuple(path), row.closed_on)
        found.units.setdefault((row.organisation_id, "code", folded(row.code)), []).append(unit)
        found.units.setdefault((row.organisation_id, "name", folded(row.name)), []).append(unit)
    if not everything and found.allowed is not None and len(found.allowed) == 1 and mapping.organisation is None:
        (found.host,) = found.allowed  # an officer of one organisation means their own
    for stage in tx.rows(select(CareerStage.code, CareerStage.title)):
        found.stages[folded(stage.title)] = found.stages[folded(stage.code)] = stage.code
    return found


@operation(Can.IMPORT_PEOPLE)
def begin(tx: Tx, extract: Extract, mapping: Mapping, *, file_name: str, sha256: str, as_at: date) -> int:
    """Open an import; its rows follow with `add_rows`. Refused when the mapping file names an organisation that does not exist."""
    if mapping.organisation is not None and folded(mapping.organisation) not in lookups(tx, mapping, as_at).organisations:
        message = f"The mapping file names an organisation “{mapping.organisation}”, which does not exist here."
        raise Invalid(message, code="mapping-refused", errors=[{"field": "mapping", "message": message}])
    return tx.insert(
        Import,
        file_name=shown(file_name),
        sha256=sha256,
        state="reading",
        as_at=as_at,
        full_extract=mapping.full,
        mapping=mapping.name,
        read_as=mapping.digest(),
        create_units=mapping.create_units,
        headings=dict(extract.headings.named),
        ignored=list(extract.ignored),
        counts={},
        organisation_id=tx.actor.organisation_id if tx.actor.kind == "client" else None,
        created_by=tx.actor.person_id,
        created_at=tx.now,
    )


@operation(Can.IMPORT_PEOPLE)
def add_rows(tx: Tx, import_id: int, rows: list[Row], words: Lookups, headings: dict[str, str]) -> None:
    """Stage some rows and their problems."""
    values, problems = [], []
    for row in rows:
        staged = _staged(row, words, headings)
        values.append({"import_id": import_id, **staged})
        problems += [
            {
                "import_id": import_id,
                "line": p.line,
                "column_name": p.column,
                "value": p.value,
                "wrong": p.wrong,
                "remedy": p.remedy,
                "checked": False,
            }
            for p in row.problems
        ]
    if values:
        tx.db.execute(insert(ImportRow), values)
    if problems:
        tx.db.execute(insert(ImportProblem), problems)


def _named(row: Row, wrong: Callable[[str, str, str], None]) -> dict[str, str]:
    """The texts that lists and search need; where the person's details cannot be kept as they are, that is said about the line."""
    given = {column: getattr(row, column) for column in ("known_as", "email", "swe_number", "employee_number")}
    given |= {"first_name": row.first_name or "", "last_name": row.last_name or ""}
    try:
        named = person_values(given)
    except Invalid as refused:
        if not row.problems:  # reading the line has not said so already
            for error in refused.errors or [{"field": "last_name", "message": refused.message}]:
                wrong(error["field"], f"{error['message']}.", "Correct the value in the file.")
        named = {"name": f"{row.known_as or row.first_name or ''} {row.last_name or ''}", "sort_name": "", "search_text": ""}
    return {"name": named["name"].strip(), "sort_name": named["sort_name"], "search_text": named["search_text"]}


def _staged(row: Row, words: Lookups, headings: dict[str, str]) -> dict[str, Any]:
    """A row as it is stored: ids for names, and the texts that lists and search need."""

    def wrong(column: str, text: str, remedy: str) -> None:
        row.problems.append(Problem(row.line, headings.get(column, ""), shown(getattr(row, column) or ""), text, remedy))

    organisation_id, problem = words.organisation(row)
    if problem:
        wrong(*problem)
    unit_id = new_unit = None
    if organisation_id is not None:
        unit_id, new_unit, problem = words.unit(organisation_id, row)
        if problem:
            wrong(*problem)
    stage = None
    if row.stage is not None:
        stage = words.stages.get(folded(row.stage))
        if stage is None:
            wrong(
                "stage",
                "There is no career stage of this name or code.",
                "Correct it, or translate it in the mapping file (values: stage: …).",
            )
    named = _named(row, wrong)
    return {
        **{column: getattr(row, column, None) for column in _COPIED},
        "organisation_id": organisation_id,
        "line": row.line,
        "lead": True,
        "person_key": _key(row, organisation_id),
        **named,
        "qualified_in": row.qualification_year,
        "started_on": row.start_date,
        "leaving_on": row.leaving_date,
        "unit_id": unit_id,
        "new_unit": new_unit,
        "stage": stage,
    }


def _key(row: Row, organisation_id: int | None) -> str | None:
    """What says that two lines are one person: the employee number, else the registration number, else the e-mail address."""
    if organisation_id is None:
        return None
    if row.employee_number:
        return f"{organisation_id} number {row.employee_number}"
    if row.swe_number:
        return f"{organisation_id} registration {row.swe_number}"
    return f"{organisation_id} e-mail {row.email}" if row.email else None


def finish(tx: Tx, import_id: int) -> None:
    """All rows are in: of several lines for one person, the one marked primary (else the first) speaks for them."""
    fresh_statistics(tx, ImportRow)
    several = (
        select(ImportRow.person_key)
        .where(ImportRow.import_id == import_id, ImportRow.person_key.is_not(None))
        .group_by(ImportRow.person_key)
        .having(func.count() > 1)
    )
    keys = list(tx.db.execute(several).scalars())
    order = case((ImportRow.primary_post.is_(True), 0), (ImportRow.primary_post.is_(None), 1), else_=2)
    place = func.row_number().over(partition_by=ImportRow.person_key, order_by=[order, ImportRow.line]).label("place")
    for some in (keys[n : n + 500] for n in range(0, len(keys), 500)):
        ranked = select(ImportRow.id, place).where(ImportRow.import_id == import_id, ImportRow.person_key.in_(some)).subquery()
        tx.db.execute(update(ImportRow).where(ImportRow.id.in_(select(ranked.c.id).where(ranked.c.place > 1))).values(lead=False))
    known = (ImportRow.import_id == import_id, ImportRow.organisation_id.is_not(None))
    employers = tx.db.execute(select(ImportRow.organisation_id).where(*known).distinct()).scalars().all()
    whose = {} if not employers else {"organisation_id": employers[0] if len(employers) == 1 else None}  # all lines wrong: whoever sent it
    tx.update(Import, import_id, state="staged", **whose)
