"""Who is on a session, and what they need."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from markupsafe import Markup
from sqlalchemy import Row, and_, bindparam, func, select

from app import policy
from app.bookings import words
from app.bookings.models import Booking
from app.bookings.operations.reservations import RESERVED
from app.bookings.queries import LIVE_OF, delivers
from app.core.calendar import deadline, long_date
from app.core.errors import NotFound
from app.core.facts import current
from app.core.ready import Ready
from app.core.tx import Tx
from app.people.models import Membership, Person, Unit
from app.policy import Can, Reach

_needs: Any = and_(Booking.status != "waiting", Person.access_needs.is_not(None), Person.access_needs != "")
_ROSTER: Any = (
    select(
        Booking.id,
        Booking.person_id,
        Booking.status,
        Booking.approval,
        Booking.place,
        Booking.priority,
        Booking.priority_because,
        Booking.offer_ends_at,
        Booking.turn,
        Booking.created_at,
        Person.name,
        Person.employee_number,
        Person.leaving_on,
        Unit.name.label("team"),
        _needs.label("needs"),
    )
    .select_from(Booking)
    .join(Person, Person.id == Booking.person_id)
    .outerjoin(Membership, and_(Membership.person_id == Person.id, current(Membership, bindparam("today"))))
    .outerjoin(Unit, Unit.id == Membership.unit_id)
    .where(Booking.session_id == bindparam("session"), LIVE_OF)
    .order_by(Person.sort_name, Booking.id)
)
_EVERYONE = Ready(_ROSTER)


def roster(tx: Tx, session_id: int) -> Sequence[Row[Any]]:
    """Everyone with a seat or a turn: all of them for its trainers, those in reach for others; NotFound for whoever is neither."""
    statement: Any = _EVERYONE
    terms = policy.require(tx, Can.READ_ROSTER)
    if (Reach.ALL, None) not in terms and not delivers(tx, session_id):
        if not any(reach is Reach.SCOPE for reach, _ in terms):
            raise NotFound("There is no session with that reference.", code="session-not-found")
        statement = _ROSTER.where(policy.within_reach(tx, Can.READ_ROSTER, Booking.person_id))
    return tx.rows(statement, session=session_id, today=tx.today)


def reserved(tx: Tx, session_id: int) -> Sequence[Row[Any]]:
    """Places held for people to be named: how many, and until when, by that deadline. They have no person, so they are nobody's secret."""
    found = select(Booking.name_by, func.count().label("places")).where(Booking.session_id == session_id, RESERVED)
    return tx.rows(found.group_by(Booking.name_by).order_by(Booking.name_by))


def seated_line(row: Row[Any], today: date) -> tuple[Any, ...]:
    """Somebody with a place, as the roster's table takes them: booking, name, team, state."""
    state = words.tags()[row.status]
    if row.status == "offered":
        state += Markup('<br><span class="app-hint">until {}</span>').format(deadline(row.offer_ends_at))
    return row.id, row.name, _team(row, today), state


def waiting_line(number: int, row: Row[Any], today: date, *, classes: bool) -> tuple[Any, ...]:
    """Somebody who waits, as the roster's table takes them: order, booking, name, team, why this order, booking and name once more."""
    because = f" (“{row.priority_because}”)" if row.priority_because else ""
    why = f"Class {row.priority}{because}, asked" if classes else "Asked"
    pending = "; approval pending" if row.approval == "pending" else ""
    return number, row.id, row.name, _team(row, today), f"{why} {words.instant(row.created_at)}{pending}", row.id, row.name


def _team(row: Row[Any], today: date) -> str:
    return f"Left on {long_date(row.leaving_on)}" if row.leaving_on and row.leaving_on < today else row.team or ""


_NEEDS = (
    select(Person.id, Person.name, Person.access_needs)
    .join(Booking, Booking.person_id == Person.id)
    .where(
        Booking.session_id == bindparam("session"),
        LIVE_OF,
        _needs,
    )
    .order_by(Person.sort_name)
)
_EVERY_NEED = Ready(_NEEDS)


def access_needs(tx: Tx, session_id: int, everyone: Sequence[Row[Any]], *, whole: bool) -> Sequence[Row[Any]]:
    """What those with a seat need, of the people whose access needs the actor may see; `everyone` is the roster.

    Without `whole` only how many there are matters, which gives nobody away, and for those who may see everybody's the roster knows.
    """
    everybody = (Reach.ALL, None) in policy.require(tx, Can.READ_ACCESS_NEEDS)
    if everybody and not whole:
        return [row for row in everyone if row.needs]
    statement = _EVERY_NEED if everybody else _NEEDS.where(policy.within_reach(tx, Can.READ_ACCESS_NEEDS, Person.id))
    return tx.rows(statement, session=session_id)
