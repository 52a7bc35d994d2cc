"""A leaver's reports pass on the day after the last day: to whoever deputises for the leaver, else to the nearest manager above who stays.

Where there is neither, the report has no manager and is flagged. HR may name another manager at any time, as always.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, and_, insert, literal_column, or_, select, update

from app.bookings.approvals import HIGHEST
from app.core.declared import aliased
from app.core.facts import current
from app.core.ledger import Audit, entry
from app.core.tx import Tx
from app.hr.directory_models import Departure, DepartureEffect
from app.hr.operations.expressions import next_day
from app.people.models import Absence, Duty, Person, Responsibility

_ENDS: Any = next_day(Departure.last_day)
_MANAGES = Responsibility.kind == Duty.MANAGER.value
_NOT_KEPT = ("id", "valid_from", "valid_to", "recorded_at", "superseded_at", "holder_id")


def pass_on(tx: Tx, ids: Sequence[int]) -> list[tuple[int, int]]:
    """Give the reports of these departures' people to whoever comes next, from the day after the last.

    Whoever comes next may be one who leaves a little later, whose reports pass on in turn. Returns (departure, 1) for each report who is
    left without a manager.
    """
    flagged: list[tuple[int, int]] = []
    for _ in range(HIGHEST):
        found = _pass_on(tx, ids)
        if found is None:
            break
        flagged += found
    return flagged


def _pass_on(tx: Tx, ids: Sequence[int]) -> list[tuple[int, int]] | None:
    reports = tx.rows(
        select(Responsibility.__table__, Departure.id.label("departure_id"), Departure.last_day, Person.leaving_on)
        .join(Departure, Departure.person_id == Responsibility.holder_id)
        .join(Person, Person.id == Responsibility.person_id)
        .where(Departure.id.in_(ids), _MANAGES, Responsibility.superseded_at.is_(None), Responsibility.valid_to > _ENDS)
        .order_by(Responsibility.id)
    )
    if not reports:
        return None
    successors = _successors(tx, ids, reports)
    tx.db.execute(update(Responsibility).where(Responsibility.id.in_([row.id for row in reports])).values(superseded_at=tx.now))
    again, kept, entries = [], [], []
    for row in reports:
        ends, to = row.last_day + timedelta(days=1), successors[row.id]
        same = {key: value for key, value in row._mapping.items() if key in Responsibility.__table__.c and key not in _NOT_KEPT}
        if row.valid_from < ends:
            again.append(same | dict(holder_id=row.holder_id, valid_from=row.valid_from, valid_to=ends, recorded_at=tx.now))
        begins = max(row.valid_from, ends)
        if to is not None:
            again.append(same | dict(holder_id=to, valid_from=begins, valid_to=row.valid_to, recorded_at=tx.now))
        stays = row.leaving_on is None or row.leaving_on >= begins
        fact = dict(departure_id=row.departure_id, kind="reports", subject="responsibilities", subject_id=row.id)
        kept.append(fact | dict(before={"person": row.person_id}, to_id=to, flagged=to is None and stays))
        facts = {"manager_id": to, "valid_from": begins.isoformat(), "departure": row.departure_id}
        actor = (tx.actor.kind, tx.actor.id, tx.now, tx.request_id)
        entries.append(entry(*actor, "person.manager-set", "people", row.person_id, None, facts) | {"subject_id": row.person_id})
    tx.insert_many(Responsibility, again)
    tx.insert_many(DepartureEffect, kept)
    tx.db.execute(insert(Audit), entries)
    return [(row["departure_id"], 1) for row in kept if row["flagged"]]


def _successors(tx: Tx, ids: Collection[int], reports: Sequence[Row[Any]]) -> dict[int, int | None]:
    """Who comes next for each of these reports, by the duty's id. Nobody who leaves no later, and never in a circle."""
    deputies = _deputies(tx, ids)
    nearest = _nearest(tx, ids)
    found: dict[int, int | None] = {}
    for row in reports:
        deputy = next((one for one in deputies.get(row.departure_id, ()) if one != row.person_id), None)
        found[row.id] = deputy if deputy is not None else nearest.get(row.departure_id)
    return _without_circles(tx, reports, found, nearest)


def _deputies(tx: Tx, ids: Collection[int]) -> Mapping[int, list[int]]:
    """By departure: who stands in for the leaver when they go, works here longer, and is not away."""
    away = aliased(Absence)
    absent: Any = select(literal_column("1")).where(away.person_id == Responsibility.holder_id, current(away, _ENDS))
    rows = tx.rows(
        select(Departure.id, Responsibility.holder_id)
        .join(Responsibility, and_(Responsibility.person_id == Departure.person_id, Responsibility.kind == Duty.DEPUTY.value))
        .join(Person, Person.id == Responsibility.holder_id)
        .where(
            Departure.id.in_(ids),
            current(Responsibility, Departure.last_day),
            or_(Person.leaving_on.is_(None), Person.leaving_on > Departure.last_day),
            ~absent.exists(),
        )
        .order_by(Departure.id, Responsibility.valid_from, Responsibility.id)
    )
    found: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        found[row.id].append(row.holder_id)
    return found


def _nearest(tx: Tx, ids: Collection[int]) -> Mapping[int, int | None]:
    """By departure: the nearest manager above the leaver, on their last day, who works here longer."""
    first, further = aliased(Responsibility), aliased(Responsibility)
    line = (
        select(
            Departure.id.label("departure_id"),
            Departure.last_day.label("day"),
            first.holder_id.label("manager"),
            literal_column("1").label("step"),
        )
        .join(first, and_(first.person_id == Departure.person_id, first.kind == Duty.MANAGER.value, current(first, Departure.last_day)))
        .where(Departure.id.in_(ids))
        .cte("leavers_line", recursive=True)
    )
    onwards = and_(further.person_id == line.c.manager, further.kind == Duty.MANAGER.value, current(further, line.c.day))
    line = line.union_all(
        select(line.c.departure_id, line.c.day, further.holder_id, line.c.step + 1).join(further, onwards).where(line.c.step < HIGHEST)
    )
    stays = or_(Person.leaving_on.is_(None), Person.leaving_on > line.c.day)
    rows = tx.rows(
        select(line.c.departure_id, line.c.manager)
        .join(Person, Person.id == line.c.manager)
        .where(stays)
        .order_by(line.c.departure_id, line.c.step.desc())
    )
    return {row.departure_id: row.manager for row in rows}  # the last one said is the nearest


def _without_circles(
    tx: Tx, reports: Sequence[Row[Any]], found: dict[int, int | None], nearest: Mapping[int, int | None]
) -> dict[int, int | None]:
    """Where passing to a deputy would make people manage each other in a circle, the nearest manager above is named instead."""
    deputised = [row for row in reports if found[row.id] is not None and found[row.id] != nearest.get(row.departure_id)]
    if not deputised:
        return found
    rows = tx.rows(
        select(Responsibility.person_id, Responsibility.holder_id).where(
            _MANAGES, Responsibility.superseded_at.is_(None), Responsibility.valid_to > max(tx.today, min(row.last_day for row in reports))
        )
    )
    above = {row.person_id: row.holder_id for row in rows} | {row.person_id: found[row.id] for row in reports}
    for row in deputised:
        if _circles(above, row.person_id):
            found[row.id] = above[row.person_id] = nearest.get(row.departure_id)
    return found


def _circles(above: Mapping[int, int | None], start: int) -> bool:
    seen: set[int] = set()
    person = above.get(start)
    while person is not None and person not in seen:
        if person == start:
            return True
        seen.add(person)
        person = above.get(person)
    return False
