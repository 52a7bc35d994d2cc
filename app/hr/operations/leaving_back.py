"""Taking back what followed from somebody's leaving, effect by effect. What cannot be taken back says why, in words, on its own row.

A fact is given back as it was before: whoever changed it since is not overruled. A few statements for each kind of thing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, insert, or_, select, update

from app.bookings.models import Booking
from app.bookings.operations.leavers import pieces
from app.bookings.operations.leavers_back import Was, give_back
from app.core.ledger import Audit, entry
from app.core.tx import Tx
from app.hr.directory_models import Departure, DepartureEffect
from app.hr.operations.leaving_effects import address_mark, effects
from app.identity.models import Link
from app.people.models import Duty, GroupMember, Membership, Person, Post, Responsibility, RoleHeld, Stage

_CHANGED = "It has been changed since."
_ANOTHER = "Something else has been recorded for that time since."
_MANAGER = "They have been given another manager since."
_ADDRESS = "Their e-mail address has changed since: an administrator can give the role again."
_ANSWERED = "It has been answered since."
_UNDONE = (
    update(DepartureEffect)
    .where(DepartureEffect.id == bindparam("e_id"))
    .values(undone_at=bindparam("e_at"), not_undone=bindparam("e_why"), settled_at=bindparam("e_settled"))
)
_TABLES: dict[str, Any] = {table.__tablename__: table for table in (Membership, Stage, Post, Responsibility, RoleHeld, GroupMember)}


def take_back(tx: Tx, ids: Sequence[int]) -> None:
    """Take back every effect of these departures, whose people's last days have been put right before. The caller holds the locks."""
    for piece in pieces(sorted(ids)):
        rows = tx.rows(
            select(DepartureEffect.__table__, Departure.last_day, Departure.done_at, Departure.person_id)
            .join(Departure, Departure.id == DepartureEffect.departure_id)
            .where(effects(piece))
            .order_by(DepartureEffect.id)
        )
        said: dict[int, str | None] = {row.id: None for row in rows}
        by_subject: dict[str, list[Row[Any]]] = {}
        for row in rows:
            by_subject.setdefault(row.subject if row.kind != "place" else "place", []).append(row)
        for subject, table in _TABLES.items():
            said |= _facts(tx, table, by_subject.get(subject, []))
        said |= _places(tx, by_subject.get("place", []))
        said |= _answers(tx, [row for row in rows if row.kind == "approval"])
        _links(tx, piece)
        settled = {row.id: row.settled_at or (tx.now if row.flagged else None) for row in rows}
        if rows:
            values = [dict(e_id=key, e_at=None if why else tx.now, e_why=why, e_settled=settled[key]) for key, why in said.items()]
            tx.db.execute(_UNDONE, values)
            _record(tx, rows, said)


def _record(tx: Tx, rows: Sequence[Row[Any]], said: Mapping[int, str | None]) -> None:
    """One audit row for each effect. (Places have theirs.)"""
    actor = (tx.actor.kind, tx.actor.id, tx.now, tx.request_id)
    entries = []
    for row in rows:
        if row.kind == "place":
            continue
        about = row.before["person"] if row.kind == "reports" else row.person_id
        subject, key = ("people", about) if row.kind == "reports" else (row.subject, row.subject_id)
        facts = {"departure": row.departure_id} | ({"not": said[row.id]} if said[row.id] else {})
        action = f"departure.{row.kind}-taken-back"
        entries.append(entry(*actor, action, subject, about, None, facts) | {"subject_id": key})
    if entries:
        tx.db.execute(insert(Audit), entries)


# Places, answers, links --------------------------------------------------------------------------------------------


def _places(tx: Tx, rows: Sequence[Row[Any]]) -> dict[int, str | None]:
    newest = {row.subject_id: row for row in rows}  # a booking that was given back once and ended again
    said = give_back(tx, {key: _was(row.before) for key, row in newest.items()})
    return {row.id: said.get(row.subject_id) if newest[row.subject_id] is row else None for row in rows}


def _was(before: Mapping[str, Any]) -> Was:
    times = {name: datetime.fromisoformat(before[name]) if name in before else None for name in ("offer_ends_at", "approval_due_at")}
    return Was(before["status"], before["place"], **times)


def _answers(tx: Tx, rows: Sequence[Row[Any]]) -> dict[int, str | None]:
    """A request follows the person's manager, so it is back with the manager who is; unless it has been answered."""
    keys = [row.subject_id for row in rows]
    pending = {row.id for row in tx.rows(select(Booking.id).where(Booking.id.in_(keys), Booking.approval == "pending"))} if keys else set()
    return {row.id: None if row.subject_id in pending else _ANSWERED for row in rows}


def _links(tx: Tx, ids: Sequence[int]) -> None:
    """Links that were ended with their leaving work again until they run out. Signing in they have to do again."""
    ended = select(Departure.id).where(Departure.id.in_(ids), Departure.person_id == Link.person_id, Departure.done_at == Link.used_at)
    tx.db.execute(update(Link).where(ended.exists(), Link.expires_at > tx.now).values(used_at=None))


# Facts -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Facts:
    """The rows of one table that are believed now, and what is to be written to it."""

    table: Any
    live: list[dict[str, Any]]
    superseded: list[int] = field(default_factory=list)
    again: list[dict[str, Any]] = field(default_factory=list)

    def same(self, was: Mapping[str, Any]) -> dict[str, Any] | None:
        """The live row that says the same from the same day on."""
        keys = [key for key in was if key not in ("id", "valid_to", "recorded_at", "superseded_at")]
        return next((row for row in self.live if all(row[key] == was[key] for key in keys)), None)

    def clash(self, was: Mapping[str, Any], starts: date) -> bool:
        """Is something else believed for some of `[starts, valid_to)`, of which there can be one at a time?"""
        track = _track(self.table, was)
        if track is None:
            return False
        others = (row for row in self.live if _track(self.table, row) == track and row is not self.same(was))
        return any(row["valid_from"] < was["valid_to"] and starts < row["valid_to"] for row in others)

    def drop(self, row: dict[str, Any]) -> None:
        self.live.remove(row)
        if "id" in row:
            self.superseded.append(row["id"])
        else:
            self.again.remove(row)

    def add(self, was: Mapping[str, Any]) -> None:
        row = {key: value for key, value in was.items() if key not in ("id", "recorded_at", "superseded_at")}
        self.live.append(row)
        self.again.append(row)


def _track(table: Any, row: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Of what somebody has one at a time; None: any number."""
    if table is Post:
        return (row["person_id"],) if row["is_primary"] else None
    if table is Responsibility:
        return (row["person_id"],) if row["kind"] == Duty.MANAGER.value else None
    if table is RoleHeld:
        return row["person_id"], row["role"], row["unit_id"]
    if table is GroupMember:
        return row["group_id"], row["person_id"]
    return (row["person_id"],)


def _facts(tx: Tx, table: Any, rows: Sequence[Row[Any]]) -> dict[int, str | None]:
    """Give back facts of one table: what was cut goes on to where it ended before."""
    if not rows:
        return {}
    columns = table.__table__.c.keys()
    originals: dict[int, dict[str, Any]] = {}
    for piece in pieces([row.subject_id for row in rows]):
        found = tx.rows(select(table.__table__).where(table.id.in_(piece)))
        originals |= {row.id: {key: getattr(row, key) for key in columns} for row in found}
    live = _live(tx, table, originals)
    facts = _Facts(table, [{key: getattr(row, key) for key in columns} for row in live])
    addresses = _addresses(tx, rows) if table is RoleHeld else {}
    said: dict[int, str | None] = {}
    for row in sorted(rows, key=lambda row: originals[row.subject_id]["valid_to"], reverse=True):
        was = originals[row.subject_id]
        if table is RoleHeld and addresses[row.person_id] != row.before.get("address"):
            said[row.id] = _ADDRESS
        else:
            said[row.id] = _passed_back(facts, row, was) or _give(facts, row, was)
    for piece in pieces(facts.superseded):
        tx.db.execute(update(table).where(table.id.in_(piece)).values(superseded_at=tx.now))
    tx.insert_many(table, [row | {"recorded_at": tx.now} for row in facts.again])
    return said


def _live(tx: Tx, table: Any, originals: Mapping[int, Mapping[str, Any]]) -> Sequence[Row[Any]]:
    people = sorted({row[key] for row in originals.values() for key in ("person_id", "holder_id") if row.get(key) is not None})
    found: list[Row[Any]] = []
    for piece in pieces(people):
        theirs = table.person_id.in_(piece)
        if table is Responsibility:
            theirs = or_(theirs, Responsibility.holder_id.in_(piece))
        found += tx.rows(select(table.__table__).where(theirs, table.superseded_at.is_(None)))
    return list({row.id: row for row in found}.values())


def _passed_back(facts: _Facts, row: Row[Any], was: Mapping[str, Any]) -> str | None:
    """A report who passed to somebody leaves them again, unless another manager has been named meanwhile."""
    if row.kind != "reports" or row.to_id is None:
        return None
    begins = max(was["valid_from"], row.last_day + timedelta(days=1))
    theirs = (one for one in facts.live if one["person_id"] == was["person_id"] and one["kind"] == Duty.MANAGER.value)
    passed = next((one for one in theirs if one["holder_id"] == row.to_id and one["valid_from"] == begins), None)
    if passed is None:
        return _MANAGER
    facts.drop(passed)
    return None


def _give(facts: _Facts, row: Row[Any], was: Mapping[str, Any]) -> str | None:
    ends = row.last_day + timedelta(days=1)
    held = facts.same(was)
    if held is not None and held["valid_to"] >= was["valid_to"]:
        return None  # somebody has put it right already
    if facts.clash(was, held["valid_to"] if held is not None else was["valid_from"]):
        return _ANOTHER
    if held is None and was["valid_from"] < ends:
        return _CHANGED  # its beginning was kept, and is believed no longer
    if held is not None:
        facts.drop(held)
    facts.add(was)
    return None


def _addresses(tx: Tx, rows: Sequence[Row[Any]]) -> dict[int, str]:
    people = tx.rows(select(Person.id, Person.email).where(Person.id.in_({row.person_id for row in rows})))
    return {row.id: address_mark(row.email) for row in people}
