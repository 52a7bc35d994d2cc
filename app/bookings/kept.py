"""Places kept for a group or a part of the organisation, read: what is left for one person, and for whom the others are kept."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Date, Row, and_, bindparam, case, func, literal_column, null, select

from app.bookings import rules
from app.bookings.models import Booking, Place, Quota, Session
from app.core.db import Key
from app.core.declared import aliased
from app.core.tx import Tx
from app.people.models import Group, Unit

TODAY: Any = bindparam("today", type_=Date())
PERSON: Any = bindparam("person", type_=Key)


# A column for `counted`: NULL where no places of the session are kept for anybody, as in nearly all, so that nothing more is asked there.
FOR_READER: Any = case((Session.has_quotas, literal_column("-1")), else_=null()).label("for_reader")


def left_for(session: Any = Session, person: Any = PERSON, today: Any = TODAY) -> Any:
    """SQL: how many places of the enclosing statement's session, which keeps some for others, this person could have."""
    place = aliased(Place, name="kept_place")
    found = select(func.count()).select_from(place).where(*rules.free_to(place, session.id, person, today))
    return found.correlate_except(place).scalar_subquery()


_LEFT = select(Session.id, left_for().label("left")).where(Session.id.in_(bindparam("sessions", expanding=True)))


def counted(tx: Tx, rows: Sequence[Any], person_id: int | None, key: str = "id") -> Sequence[Any]:
    """The same rows, `for_reader` being how many places this person could have; one question, and none where no row keeps places.

    `key` names the row's session.
    """
    wanted = {getattr(row, key) for row in rows if row.for_reader is not None}
    if not wanted:
        return rows
    left = {row.id: row.left for row in tx.rows(_LEFT, sessions=list(wanted), person=person_id, today=tx.today)}
    return [_with(row, left[getattr(row, key)]) if row.for_reader is not None else row for row in rows]


def _with(row: Any, number: int) -> Any:
    """A row of the same fields with another number of places."""
    shape: Any = namedtuple  # whose fields are known only here
    return shape("Counted", row._fields, rename=True)(**{**row._asdict(), "for_reader": number})


_HELD = (
    select(func.count())
    .select_from(Place)
    .join(Booking, and_(Booking.session_id == Place.session_id, Booking.place == Place.number))
    .where(Place.quota_id == Quota.id, Place.session_id == Quota.session_id)
    .correlate(Quota)
    .scalar_subquery()
)
_KEPT = (
    select(
        Quota.id,
        Quota.session_id,
        Quota.group_id,
        Quota.unit_id,
        Quota.places,
        Quota.release_on,
        func.coalesce(Group.name, Unit.name).label("name"),
        _HELD.label("held"),
    )
    .outerjoin(Group, Group.id == Quota.group_id)
    .outerjoin(Unit, Unit.id == Quota.unit_id)
    .where(Quota.session_id.in_(bindparam("sessions", expanding=True)), literal_column("quotas.released_at IS NULL"))
    .order_by(Quota.release_on, Quota.id)
)


def of(tx: Tx, sessions: Collection[int]) -> dict[int, list[Row[Any]]]:
    """For whom places of these sessions are kept, by session: name, places, how many of them are held, and until when."""
    found: dict[int, list[Row[Any]]] = {session: [] for session in sessions}
    if found:
        for row in tx.rows(_KEPT, sessions=list(found)):
            found[row.session_id].append(row)
    return found


def of_rows(tx: Tx, rows: Sequence[Any]) -> dict[int, list[Row[Any]]]:
    """`of` for those of some sessions that have quotas, and no question where none has; rows need id and for_reader."""
    return of(tx, [row.id for row in rows if row.for_reader is not None])
