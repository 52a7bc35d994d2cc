"""Places are rows: making a session larger or smaller adds and takes away rows, and never unseats anybody."""

from __future__ import annotations

from sqlalchemy import and_, delete, select, update

from app.bookings.models import Booking, Place
from app.bookings.operations.queue import freed
from app.core.errors import Invalid
from app.core.text import plural
from app.core.tx import Tx


def set_capacity(tx: Tx, session_id: int, capacity: int) -> None:
    """Leave `capacity` places open. Smaller: free places go at once, and taken ones close, to go when they are vacated.

    Places kept by a quota stay: with fewer than those, it refuses. The caller holds the session's lock, so nobody takes or frees a place
    meanwhile.
    """
    rows = tx.rows(
        select(Place.number, Place.closing, Place.quota_id, Booking.id.label("booking_id"))
        .outerjoin(Booking, and_(Booking.session_id == Place.session_id, Booking.place == Place.number))
        .where(Place.session_id == session_id)
        .order_by(Place.number)
    )
    still_open = [row for row in rows if not row.closing]
    surplus = len(still_open) - capacity
    if surplus > 0:
        everybodys = [row for row in reversed(still_open) if row.quota_id is None]
        if surplus > len(everybodys):
            words = f"{plural(len(still_open) - len(everybodys), 'place')} of this session are kept for groups. Release some of them first"
            raise Invalid(words + ".", errors=[{"field": "capacity", "message": words}], code="places-kept")
        free = [row.number for row in everybodys if row.booking_id is None][:surplus]
        taken = [row.number for row in everybodys if row.booking_id is not None][: surplus - len(free)]
        tx.db.execute(delete(Place).where(Place.session_id == session_id, Place.number.in_(free)))
        tx.db.execute(update(Place).where(Place.session_id == session_id, Place.number.in_(taken)).values(closing=True))
    elif surplus < 0:
        again = [row.number for row in rows if row.closing][:-surplus]
        tx.db.execute(update(Place).where(Place.session_id == session_id, Place.number.in_(again)).values(closing=False))
        last = max((row.number for row in rows), default=0)
        new = -surplus - len(again)
        tx.insert_many(Place, [dict(session_id=session_id, number=number) for number in range(last + 1, last + 1 + new)])
    freed(tx, session_id)  # more places, or a later date by which a free one can be offered after all
