"""What imports there are, and what one of them changes or finds wrong, for those who may import."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, Select, and_, case, false, func, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from app import policy
from app.core.calendar import long_date
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.facts import current
from app.core.tx import Tx
from app.hr.models import Import, ImportProblem, ImportRow, Label
from app.people.models import Duty, Membership, Person, Responsibility, Stage, Unit
from app.policy import Can, Reach

SHOWN = (Label.JOINER, Label.MOVER, Label.LEAVER, Label.REJOINER, Label.CHANGED, Label.SAME, Label.PASSED_OVER)
HEADINGS = {
    "joiner": "Joiners",
    "mover": "Movers",
    "leaver": "Leavers",
    "rejoiner": "Re-joiners",
    "changed": "Other changes",
    "same": "Unchanged",
    "passed over": "Passed over",
}
ONE = {"joiner": "joiner", "mover": "mover", "leaver": "leaver", "rejoiner": "re-joiner", "changed": "other change"}
_FIELDS = {
    "first_name": "first name",
    "last_name": "last name",
    "known_as": "known as",
    "email": "e-mail",
    "swe_number": "SWE number",
    "employee_number": "employee number",
    "registration_status": "registration",
    "entry_route": "entry route",
    "qualified_in": "qualified in",
    "started_on": "start date",
}


def visible(tx: Tx) -> ColumnElement[bool]:
    """Imports in the actor's reach: their own, and those of the organisations whose people they may import."""
    terms = policy.require(tx, Can.IMPORT_PEOPLE)
    if any(reach is Reach.ALL for reach, _ in terms):
        return true()
    units = [unit_id for _, unit_id in terms if unit_id is not None]
    own = Import.created_by == tx.actor.person_id if tx.actor.person_id is not None else false()
    return or_(own, Import.organisation_id.in_(units))


def imports(tx: Tx) -> Select[Any]:
    """Every import in reach, newest first, with who made it."""
    return (
        select(Import.id, Import.file_name, Import.state, Import.as_at, Import.counts, Import.created_at, Import.applied_at, Person.name)
        .outerjoin(Person, Person.id == Import.created_by)
        .where(visible(tx))
        .order_by(Import.id.desc())
    )


def changes(counts: dict[str, Any]) -> int:
    """How many people an import would change; nought means that there is nothing to apply."""
    return sum(int(counts.get(label) or 0) for label in ("joiner", "mover", "leaver", "rejoiner", "changed"))


def state_of(state: str, counts: dict[str, Any]) -> tuple[str, str]:
    """The state of an import in words, and the colour of its tag."""
    if state == "staged" and "rows" in counts:
        if counts["problems"]:
            return "Problems to correct", "red"
        return ("Ready to apply", "yellow") if changes(counts) else ("Nothing to change", "grey")
    words = {"reading": "Being read", "staged": "Not compared", "applied": "Applied", "discarded": "Discarded"}
    return words[state], "green" if state == "applied" else "grey"


def waiting(tx: Tx) -> tuple[int, int]:
    """How many imports in reach can be applied, and how many wait for their problems to be corrected."""
    found = [state_of("staged", counts)[0] for (counts,) in tx.rows(select(Import.counts).where(visible(tx), Import.state == "staged"))]
    return found.count("Ready to apply"), found.count("Problems to correct")


def find(tx: Tx, import_id: int, *, lock: bool = False) -> Row[Any]:
    """One import in reach, or NotFound."""
    if tx.scalar(select(Import.id).where(Import.id == import_id, visible(tx))) is None:
        raise NotFound("There is no import with that reference, or it is not one of yours.", code="import-not-found")
    return tx.get(Import, import_id, lock=lock, what="import")


def applied_before(tx: Tx, found: Any) -> Row[Any] | None:
    """The last time that the very same file was applied."""
    return tx.one(
        select(Import.id, Import.applied_at)
        .where(Import.sha256 == found.sha256, Import.state == "applied", Import.id < found.id, visible(tx))
        .order_by(Import.id.desc())
    )


def problems(import_id: int) -> Select[int, str, str, str, str]:
    """Everything wrong with an import, by line."""
    return (
        select(ImportProblem.line, ImportProblem.column_name, ImportProblem.value, ImportProblem.wrong, ImportProblem.remedy)
        .where(ImportProblem.import_id == import_id)
        .order_by(ImportProblem.line, ImportProblem.id)
    )


def rows(tx: Tx, found: Any, label: str, *, offset: int = 0, limit: int = 25) -> list[dict[str, Any]]:
    """People of one label by name: line, name, number, and what changes in words."""
    row, unit = ImportRow, aliased(Unit)
    manager, their_row = aliased(Person), aliased(ImportRow)
    held = [getattr(Person, column).label(f"held_{column}") for column in _FIELDS]
    statement = (
        select(
            row.__table__, *held, Person.name.label("held_name"), unit.name.label("unit"),
            func.coalesce(manager.name, their_row.name).label("manager"),
            *(_held(found, what) for what in ("unit", "stage", "manager")),
        )
        .outerjoin(Person, Person.id == row.person_id)
        .outerjoin(unit, unit.id == row.unit_id)
        .outerjoin(manager, manager.id == row.manager_id)
        .outerjoin(their_row, their_row.id == row.manager_row)
        .where(row.import_id == found.id, row.label == label, row.lead.is_(True))
        .order_by(row.sort_name, row.id)
        .offset(offset)
        .limit(limit)
    )  # fmt: skip
    return [
        {
            "line": line.line or None,
            "name": line.name,
            "number": line.employee_number or line.held_employee_number,
            "person_id": line.person_id,
            "changes": list(_changes(line, found.state == "applied")),
        }
        for line in tx.rows(statement)
    ]


def _held(found: Any, what: str) -> Any:
    """What is held about the person on the day of the extract: the name of their team, their stage or their manager."""
    if found.state == "applied":
        return case((false(), ""), else_=None).label(f"held_{what}")
    if what == "unit":
        theirs = select(Unit.name).join(Membership, Membership.unit_id == Unit.id)
        statement = theirs.where(Membership.person_id == ImportRow.person_id, current(Membership, found.as_at))
    elif what == "stage":
        statement = select(Stage.stage).where(Stage.person_id == ImportRow.person_id, current(Stage, found.as_at))
    else:
        boss = aliased(Person)
        statement = (
            select(boss.name)
            .join(Responsibility, and_(Responsibility.holder_id == boss.id, Responsibility.kind == Duty.MANAGER.value))
            .where(Responsibility.person_id == ImportRow.person_id, current(Responsibility, found.as_at))
        )
    return statement.limit(1).correlate(ImportRow).scalar_subquery().label(f"held_{what}")


def _changes(line: Any, applied: bool) -> Sequence[str]:
    """What one line changes, in words."""
    if line.label == "same":
        return []
    if line.label == "passed over":
        return [f"Left on {day_in_words(line.leaves_on)} and was never here"]
    words: list[str] = []
    if line.label == "joiner":
        words.append(f"Starts on {day_in_words(line.started_on)}")
    elif line.label == "rejoiner":
        words.append(f"Back from {day_in_words(line.since)}" if not line.extends else "Has not left after all")
    if line.leaves_on and line.label in ("joiner", "rejoiner", "leaver"):
        words.append(f"Leaves on {day_in_words(line.leaves_on)}" + ("" if line.line else ", because the file does not name them"))
    if line.unit_changed:
        words.append(_statement("Team", line.new_unit or line.unit, line.held_unit, line.unit_since))
    if line.stage_changed:
        words.append(_statement("Stage", line.stage, line.held_stage, line.since))
    if line.manager_changed:
        words.append(_statement("Manager", line.manager or "nobody", line.held_manager, line.since))
    if line.post_changed:
        parts = [line.job_title, line.contract, f"{float(line.fte):g} FTE" if line.fte is not None else None]
        words.append(f"Post: {', '.join(part for part in parts if part)}, from {day_in_words(line.post_since)}")
    if line.further_changed:
        words.append("A further post begins, changes or ends")
    if line.label != "joiner" and line.person_changed and not applied:
        words += [
            f"{title[0].upper()}{title[1:]}: {_shown(getattr(line, f'held_{column}'))} to {_shown(getattr(line, column))}"
            for column, title in _FIELDS.items()
            if getattr(line, column) is not None and getattr(line, column) != getattr(line, f"held_{column}")
        ]
    return words or ["Personal details"]


def _statement(what: str, new: str | None, old: str | None, since: date) -> str:
    return f"{what}: {new or 'none'}, from {day_in_words(since)}" + (f" (was {old})" if old and old != new else "")


def _shown(value: Any) -> str:
    return "blank" if value is None else day_in_words(value) if isinstance(value, date) else str(value)


def day_in_words(day: date | None) -> str:
    """A date as lists show it, with its day of the week: "Tuesday 8 December 2026"."""
    return "" if day is None else long_date(day)
