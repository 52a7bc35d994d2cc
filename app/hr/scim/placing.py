"""Where a department or division is in the organisation tree, and moving somebody there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, or_, select

from app.core.config import Settings
from app.core.tx import Tx
from app.hr.mapping import folded
from app.hr.scim.errors import ScimRefusal
from app.hr.scim.users import UserState
from app.people import operations as people
from app.people.models import Membership, Unit


def place(tx: Tx, config: Settings, organisation_id: int, person_id: int, before: UserState, after: UserState) -> dict[str, Any]:
    """Move somebody to where their department or, without one, their division is; returns what is kept of the words.

    400 for a part of the organisation that is not here, unless the setting says to keep such words and leave the person where they are.
    """
    units = {row.id: row for row in _units(tx, organisation_id)}
    home = units[organisation_id]
    named = after.organization if after.organization != before.organization else None
    if named is not None and folded(named) not in (folded(home.name), folded(home.code)):
        raise ScimRefusal(f"organization: this client provisions {home.name}, and no other.")
    if (after.department, after.division) == (before.department, before.division):
        return {"organization": after.organization}
    inside = _named(units.values(), after.division) if after.division else []
    known = not (after.division and after.division != before.division and not inside and _unknown(tx, config, person_id, "division", after))
    unit_id: int | None = None
    moves = after.department != before.department
    if moves and after.department:
        unit_id = _department(units, after.department, {row.id for row in inside})
        known = unit_id is not None or not _unknown(tx, config, person_id, "department", after)
    elif after.department is None:
        moves = moves or bool(inside)
        if len(inside) > 1:
            raise ScimRefusal(f"division: {len(inside)} parts of the organisation are called this. Send the code of one.")
        unit_id = inside[0].id if inside else None
    if moves and known:
        people.move_people(tx, [person_id], unit_id, tx.today)
        return {"organization": after.organization, "division": after.division, "department": {"said": after.department, "unit": unit_id}}
    here = select(Membership.unit_id).where(
        Membership.person_id == person_id,
        Membership.superseded_at.is_(None),
        Membership.valid_from <= tx.today,
        Membership.valid_to > tx.today,
    )
    kept = {"said": after.department, "unit": tx.scalar(here)}
    return {"organization": after.organization, "division": after.division, "department": kept}


def names(tx: Tx, organisation_id: int, most: int) -> list[Row[Any]]:
    """The parts of the organisation that a department may name, itself first; `most` at most."""
    return sorted(_units(tx, organisation_id), key=lambda row: (row.id != organisation_id, row.name))[:most]


def _units(tx: Tx, organisation_id: int) -> list[Row[Any]]:
    open_ones = or_(Unit.closed_on.is_(None), Unit.closed_on > tx.today)
    return list(tx.rows(select(Unit.id, Unit.code, Unit.name, Unit.parent_id).where(Unit.organisation_id == organisation_id, open_ones)))


def _named(units: Iterable[Row[Any]], words: str) -> list[Row[Any]]:
    """By code before name, without regard to case, spaces and punctuation."""
    wanted, all_of_them = folded(words), list(units)
    by_code = [row for row in all_of_them if folded(row.code) == wanted]
    return by_code or [row for row in all_of_them if folded(row.name) == wanted]


def _department(units: dict[int, Row[Any]], words: str, divisions: set[int]) -> int | None:
    found = _named(units.values(), words)
    if len(found) > 1 and divisions:
        found = [row for row in found if divisions & set(_line(units, row))]
    if len(found) > 1:
        raise ScimRefusal(f"department: {len(found)} parts of the organisation are called this. Send the code of one, or its division.")
    return int(found[0].id) if found else None


def _line(units: dict[int, Row[Any]], row: Row[Any]) -> Iterable[int]:
    """The unit and all above it."""
    while row is not None:
        yield row.id
        row = units.get(row.parent_id)  # type: ignore[assignment]


def _unknown(tx: Tx, config: Settings, person_id: int, what: str, after: UserState) -> bool:
    """Refuse the word or, by setting, say in the audit trail that it means nothing here."""
    words = getattr(after, what)
    if config.scim_unknown_department == "refuse":
        raise ScimRefusal(f"{what}: no part of the organisation is called “{words}”. /Schemas lists those that there are.")
    tx.record(f"scim.{what}-unknown", "people", person_id, person_id=person_id, words=words)
    return True
