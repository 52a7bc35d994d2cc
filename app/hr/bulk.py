"""Many people at once from another system: staged, compared and applied as an extract is, in one transaction."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping as Fields
from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json
from sqlalchemy import select

from app.core.errors import Conflict, Invalid, NotFound
from app.core.tx import Tx
from app.hr import operations, queries
from app.hr.extract import Extract, reading
from app.hr.mapping import Headings, Mapping
from app.hr.models import ImportRow
from app.people.models import Person, Unit, UnitKind
from app.policy import Can, operation

MOST = 1000
TRIES = 3  # on PostgreSQL somebody may change a person between comparing and applying; then it is compared again
COLUMNS = {
    "employee_number": "employee_number", "first_name": "first_name", "last_name": "last_name", "known_as": "known_as", "email": "email",
    "swe_number": "swe_number", "registration_status": "registration_status", "started_on": "start_date", "leaving_on": "leaving_date",
    "job_title": "job_title", "contract": "contract", "fte": "fte", "working_days": "working_days", "practice_area": "practice_area",
    "post_from": "post_from", "unit": "team", "unit_from": "team_from", "stage": "stage", "manager_number": "manager_number",
}  # fmt: skip
"""What the interface calls a field → what an extract calls it."""
WHOLE = ("leaving_on", "manager_number")
"""Fields that an empty value clears: all items name them, or none does."""


@operation(Can.IMPORT_PEOPLE)
def put(tx: Tx, items: Sequence[Fields[str, Any]], organisation_id: int | None) -> tuple[int, list[dict[str, Any]]]:
    """Add or change people of an organisation, known by their employee numbers; returns the import's id and what each item has become.

    All or nothing: Invalid names every item that is wrong, as `items.3.email`.
    """
    _alike(items)
    fields = [field for field in COLUMNS if any(field in item for item in items)]
    headings = Headings(
        0, len(fields), {COLUMNS[field]: n for n, field in enumerate(fields)}, {COLUMNS[field]: field for field in fields}, ()
    )
    rules = Mapping(name="people/bulk")
    words = operations.lookups(tx, rules, tx.today)
    words.host = _organisation(tx, organisation_id, words.host, words.allowed)
    read = reading(headings, rules)
    rows = [read(n, ["" if item.get(field) is None else item[field] for field in fields]) for n, item in enumerate(items, 1)]
    digest = hashlib.sha256(to_json([dict(item) for item in items])).hexdigest()
    import_id = operations.begin(tx, Extract(headings, iter(())), rules, file_name="people/bulk", sha256=digest, as_at=tx.today)
    operations.add_rows(tx, import_id, rows, words, headings.named)
    operations.finish(tx, import_id)
    labels = _apply(tx, import_id)
    numbers = [row.employee_number for row in rows]
    mine = (Person.organisation_id == words.host, Person.employee_number.in_(numbers))
    ids = {row.employee_number: row.id for row in tx.rows(select(Person.employee_number, Person.id).where(*mine))}
    return import_id, [{"employee_number": number, "id": ids.get(number), "became": labels[n]} for n, number in enumerate(numbers, 1)]


def _alike(items: Sequence[Fields[str, Any]]) -> None:
    """Nobody is named twice, and what an empty value clears stands in all items or in none."""
    errors = []
    often = Counter(str(item.get("employee_number", "")).replace(" ", "").upper() for item in items)
    for n, item in enumerate(items):
        if often[str(item.get("employee_number", "")).replace(" ", "").upper()] > 1:
            errors.append({"field": f"items.{n}.employee_number", "message": "Several items have this employee number"})
    for field in WHOLE:
        without = [n for n, item in enumerate(items) if field not in item]
        if 0 < len(without) < len(items):
            errors += [{"field": f"items.{n}.{field}", "message": "Say it of all or of none; null clears it"} for n in without]
    if errors:
        raise Invalid("Nothing was changed, because some items are wrong.", errors=errors)


def _organisation(tx: Tx, asked: int | None, own: int | None, allowed: frozenset[int] | None) -> int | None:
    """Whose people these are: the one that is asked for, else the client's own, else the host's."""
    if asked is None:
        return own
    kind = tx.scalar(select(Unit.kind).where(Unit.id == asked))
    if kind != UnitKind.ORGANISATION or (allowed is not None and asked not in allowed):
        raise NotFound("There is no organisation with that reference, or it is not yours.", code="organisation-not-found")
    return asked


def _apply(tx: Tx, import_id: int) -> dict[int, str]:
    """Compare and apply; returns the label of each line."""
    for last in range(1, TRIES + 1):
        if operations.label(tx, import_id)["problems"]:
            _refuse(tx, import_id)
        said = select(ImportRow.line, ImportRow.label).where(ImportRow.import_id == import_id, ImportRow.line > 0)
        labels = {row.line: str(row.label) for row in tx.rows(said)}
        try:
            operations.apply(tx, import_id, only_waiting=True)  # some systems send a person at a time, all day
        except Conflict as late:
            if late.code != "import-out-of-date" or last == TRIES:
                raise
        else:
            return labels
    raise AssertionError("applied or refused")


def _refuse(tx: Tx, import_id: int) -> None:
    errors = [
        {"field": f"items.{row.line - 1}.{row.column_name}".rstrip("."), "message": f"{row.wrong} {row.remedy}"}
        for row in tx.rows(queries.problems(import_id))
    ]
    raise Invalid("Nothing was changed, because some items are wrong.", errors=errors)
