"""Verbs about rooms: where sessions take place, how many people each holds and how to get in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from app.bookings.models import Part, Room, Session
from app.core.calendar import when
from app.core.errors import Conflict, Invalid
from app.core.text import normal, plural
from app.core.tx import Tx, meaning
from app.policy import Can, operation

LARGEST = 5000  # people

meaning("uq_rooms_name", "rooms.name", message="There is already a room with this name.", code="room-name-taken")


@operation(Can.MANAGE_SESSIONS)
def save_room(
    tx: Tx, room_id: int | None, *, name: str, place: str, capacity: int, address: str = "", access_notes: str = "", closed: bool = False
) -> int:
    """A new room (no id) or changed details of one; returns its id. `place` is the town or building that the catalogue filters by.

    A room that sessions to come rely on can neither be closed nor made smaller than they are.
    """
    values: dict[str, Any] = dict(
        name=normal(name), place=normal(place), address=normal(address), access_notes=normal(access_notes), capacity=capacity, closed=closed
    )
    _check(tx, room_id, values)
    if room_id is None:
        room_id = tx.insert(Room, **values)
        tx.record("room.created", "rooms", room_id, name=values["name"])
        return room_id
    old = tx.get(Room, room_id, lock=True, what="room")
    _sessions_fit(tx, room_id, capacity, closed)
    changed = sorted(key for key, value in values.items() if getattr(old, key) != value)
    if changed:
        tx.update(Room, room_id, **values)
        tx.record("room.changed", "rooms", room_id, fields=changed)
    return room_id


def _check(tx: Tx, room_id: int | None, values: dict[str, Any]) -> None:
    wrong: list[tuple[str, str]] = []
    for field, what, longest in (("name", "a name", 100), ("place", "the town or building", 100)):
        if not 2 <= len(values[field]) <= longest:
            wrong.append((field, f"Enter {what}, up to {longest} characters"))
    if tx.scalar(select(Room.id).where(Room.name == values["name"], Room.id != (room_id or 0))) is not None:
        wrong.append(("name", f"There is already a room called {values['name']}"))
    if not 1 <= values["capacity"] <= LARGEST:
        wrong.append(("capacity", f"Enter how many people it holds, from 1 to {LARGEST:,}"))
    wrong += [(field, "Use 500 characters or fewer") for field in ("address", "access_notes") if len(values[field]) > 500]
    if wrong:
        raise Invalid(wrong[0][1] + ".", errors=[{"field": field, "message": message} for field, message in wrong])


def _sessions_fit(tx: Tx, room_id: int, capacity: int, closed: bool) -> None:
    """The caller holds the room's lock, so no session moves in meanwhile."""
    to_come = (
        select(Session.reference, Session.capacity, Part.starts_at, Part.ends_at, func.count().over().label("number"))
        .join(Part, Part.session_id == Session.id)
        .where(Part.room_id == room_id, Part.live, Part.ends_at > tx.now)
        .order_by(Session.capacity.desc(), Part.starts_at)
        .limit(1)
    )
    largest = tx.one(to_come)
    if largest is None:
        return
    said = f"{largest.reference}, {when(largest.starts_at, largest.ends_at)}"
    if closed:
        message = f"{plural(largest.number, 'part')} of sessions to come take place here, such as {said}"
        raise Conflict(
            message + ".",
            code="room-in-use",
            way_out="Move them first.",
            errors=[{"field": "closed", "message": message + ". Move them first"}],
        )
    if capacity < largest.capacity:
        message = f"{said}, has {plural(largest.capacity, 'place')}. Make it smaller or move it first"
        raise Conflict(message + ".", code="room-too-small", errors=[{"field": "capacity", "message": message}])
