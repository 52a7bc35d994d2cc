"""What the leavers of an import leave behind: places, requests and sessions to deliver that lie after their last day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, literal, select, union_all

from app.bookings.models import Booking, Part, PartTrainer, Session
from app.core.calendar import london
from app.core.text import plural
from app.core.tx import Tx
from app.hr.models import ImportRow, Label
from app.people.models import Person

MOST_NAMES = 10
_WHAT = {
    "booked": ("booking", "bookings"),
    "requested": ("request for a place", "requests for places"),
    "offered": ("offer of a place", "offers of places"),
    "waiting": ("turn on a waiting list", "turns on waiting lists"),
    "delivers": ("session to deliver", "sessions to deliver"),
}


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What there is in words ("1 booking, 2 requests for places and 1 session to deliver"), and who was to deliver: the first few names.

    Bookings end when the import is applied (`bookings.operations.leavers`); for sessions somebody has to find other trainers.
    """

    words: str
    bookings: bool
    names: list[str]
    more: int  # trainers beyond those named


def left_behind(tx: Tx, import_id: int) -> LeftBehind | None:
    """What the leavers of this import still hold on days after their last; None if nothing. One statement, however many leave."""
    leaver = and_(ImportRow.import_id == import_id, ImportRow.label == Label.LEAVER.value, ImportRow.lead.is_(True))
    held = (
        select(ImportRow.person_id, ImportRow.leaves_on, Booking.status.label("what"), Booking.id, Session.starts_at)
        .join(Booking, Booking.person_id == ImportRow.person_id)
        .join(Session, Session.id == Booking.session_id)
        .where(leaver, Booking.status.in_(("booked", "requested", "offered", "waiting")), Session.starts_at > tx.now)
    )
    delivered = (
        select(ImportRow.person_id, ImportRow.leaves_on, literal("delivers"), Part.session_id, Part.starts_at)
        .join(PartTrainer, PartTrainer.person_id == ImportRow.person_id)
        .join(Part, Part.id == PartTrainer.part_id)
        .where(leaver, PartTrainer.live, Part.starts_at > tx.now)
    )
    both = union_all(held, delivered).subquery()
    rows = tx.rows(select(both, Person.name).join(Person, Person.id == both.c.person_id).order_by(Person.sort_name, Person.id))
    return _said([row for row in rows if row.leaves_on is not None and london(row.starts_at).date() > row.leaves_on])


def _said(rows: list[Row[Any]]) -> LeftBehind | None:
    if not rows:
        return None
    things = {(row.what, row.person_id, row.id) for row in rows}  # a session of several parts is one session
    counts = {what: sum(thing[0] == what for thing in things) for what in _WHAT}
    said = [plural(number, *_WHAT[what]) for what, number in counts.items() if number]
    words = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    names = list({row.person_id: row.name for row in rows if row.what == "delivers"}.values())
    bookings = any(row.what != "delivers" for row in rows)
    return LeftBehind(words, bookings, names[:MOST_NAMES], max(len(names) - MOST_NAMES, 0))
