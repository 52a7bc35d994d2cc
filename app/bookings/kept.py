"""Places kept for a group or a part of the organisation, read: what is left for one person, and for whom the others are kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Date, Row, and_, bindparam, case, func, literal_column, null, select
from sqlalchemy.orm import aliased

from app.bookings import rules
from app.bookings.models import Booking, Place, Quota, Session
from app.core.db import Key
from app.core.tx import Tx
from app.people.models import Group, Unit

TODAY: Any = bindparam("today", type_=Date())
PERSON: Any = bindparam("person", type_=Key)


def for_reader(session: Any = Session, person: Any = PERSON, today: Any = TODAY) -> Any:
    """SQL: how many places of the enclosing statement's session this person could have; NULL where none are kept for anybody.

    A session without quotas costs a look at one column: there the plain counts say the same (`words.left`).
    """
    place = aliased(Place, name="kept_place")
    found = select(func.count()).select_from(place).where(*rules.free_to(place, session.id, person, today)).correlate_except(place)
    return case((session.has_quotas, found.scalar_subquery()), else_=null())


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
