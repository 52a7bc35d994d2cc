"""Charges, read: what follows from a booking, appeals to decide, and what goes to the finance system next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, literal_column, or_, select

from app import policy
from app.bookings.models import Booking, Session
from app.bookings.policy_models import CancelReason, Consequence, Journal
from app.core.calendar import london
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.listing import csv_bytes, safe
from app.core.ready import Ready
from app.core.tx import Tx
from app.learning.models import Course
from app.people.models import Person
from app.people.queries import cost_centre_of
from app.policy import Can

KINDS = {"late": "Late cancellation", "absent": "Did not attend"}
_OPEN: Any = literal_column("consequences.journal_id IS NULL")

# One booking -------------------------------------------------------------------------------------------------------

_OF = Ready(select(Consequence.__table__).where(Consequence.booking_id == bindparam("booking")))
_REASONS = Ready(
    select(CancelReason.code, CancelReason.title, CancelReason.excuses).where(CancelReason.active).order_by(CancelReason.position)
)


def of(tx: Tx, booking_id: int) -> Row[Any] | None:
    """What followed from a booking, if anything did. The caller has checked that the booking may be read."""
    return tx.one(_OF, booking=booking_id)


def cancel_reasons(tx: Tx) -> Sequence[Row[Any]]:
    """The reasons to choose from, in the council's order."""
    return tx.rows(_REASONS)


# For those who decide ----------------------------------------------------------------------------------------------

_decider = aliased(Person, name="decider")
_CHARGE = (
    select(
        Consequence.__table__,
        Person.name,
        Person.employee_number,
        Session.reference,
        Session.id.label("session_id"),
        Session.starts_at,
        Course.title,
        Booking.reason,
        Booking.status.label("booking_status"),
        _decider.name.label("decider"),
    )
    .join(Booking, Booking.id == Consequence.booking_id)
    .join(Session, Session.id == Booking.session_id)
    .join(Course, Course.id == Session.course_id)
    .join(Person, Person.id == Consequence.person_id)
    .outerjoin(_decider, _decider.id == Consequence.decided_by)
)


def appeals(tx: Tx) -> Sequence[Row[Any]]:
    """Appeals that wait for a decision, oldest first, of people in reach."""
    reach = policy.within_reach(tx, Can.DECIDE_APPEALS, Consequence.person_id)
    return tx.rows(_CHARGE.where(Consequence.state == "appealed", reach).order_by(Consequence.appealed_at, Consequence.id).limit(200))


def listed(tx: Tx, skip: int, most: int) -> tuple[Sequence[Row[Any]], int]:
    """Everything that followed, newest first, of people in reach, with how many there are in all."""
    reach = policy.within_reach(tx, Can.DECIDE_APPEALS, Consequence.person_id)
    ordered = _CHARGE.add_columns(func.count().over().label("found")).where(reach).order_by(Consequence.id.desc())
    rows = tx.rows(ordered.offset(skip).limit(most))
    return rows, rows[0].found if rows else 0


def one(tx: Tx, consequence_id: int) -> Row[Any]:
    """One of them, or NotFound when its person is out of reach."""
    row = tx.one(_CHARGE.where(Consequence.id == consequence_id, policy.within_reach(tx, Can.DECIDE_APPEALS, Consequence.person_id)))
    if row is None:
        raise NotFound("There is no charge with that reference.", code="consequence-not-found")
    return row


# The journal -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Due:
    """What the next journal would take."""

    rows: Sequence[Row[Any]]
    without: Sequence[Row[Any]]  # charges that no cost centre bears yet; they stay behind

    @property
    def pence(self) -> int:
        return sum(row.pence for row in self.rows)

    @property
    def by_centre(self) -> list[tuple[str, int, int]]:
        """(cost centre, charges, pence), in order."""
        found: dict[str, tuple[int, int]] = {}
        for row in self.rows:
            count, pence = found.get(row.centre, (0, 0))
            found[row.centre] = (count + 1, pence + row.pence)
        return [(centre, *numbers) for centre, numbers in sorted(found.items())]


def due(tx: Tx) -> Due:
    """Charges that stand with the time to appeal over, or were upheld, of people in reach, and stand in no journal yet."""
    over = and_(Consequence.state == "stands", Consequence.appeal_by <= tx.now)
    centre = func.coalesce(Consequence.cost_centre, cost_centre_of(Consequence.person_id, tx.today)).label("centre")
    found = tx.rows(
        _CHARGE.add_columns(centre)
        .where(
            _OPEN,
            Consequence.pence > 0,
            or_(over, Consequence.state == "upheld"),
            policy.within_reach(tx, Can.TAKE_JOURNALS, Consequence.person_id),
        )
        .order_by(Consequence.id)
    )
    return Due([row for row in found if row.centre], [row for row in found if not row.centre])


_made_by = aliased(Person, name="made_by")
_JOURNALS = select(Journal.__table__, _made_by.name.label("by")).outerjoin(_made_by, _made_by.id == Journal.made_by)


def journals(tx: Tx) -> Sequence[Row[Any]]:
    """Journals made so far, newest first."""
    policy.require(tx, Can.TAKE_JOURNALS)
    return tx.rows(_JOURNALS.where(_reached(tx)).order_by(Journal.id.desc()).limit(100))


def _reached(tx: Tx) -> Any:
    """Journals that hold a charge of somebody in reach."""
    reach = policy.within_reach(tx, Can.TAKE_JOURNALS, Consequence.person_id)
    return select(Consequence.id).where(Consequence.journal_id == Journal.id, reach).exists()


def journal(tx: Tx, journal_id: int) -> tuple[Row[Any], Sequence[Row[Any]]]:
    """A journal with its charges of people in reach, or NotFound."""
    row = tx.one(_JOURNALS.where(Journal.id == journal_id, _reached(tx)))
    if row is None:
        raise NotFound("There is no journal with that reference.", code="journal-not-found")
    reach = policy.within_reach(tx, Can.TAKE_JOURNALS, Consequence.person_id)
    return row, tx.rows(_CHARGE.where(Consequence.journal_id == journal_id, reach).order_by(Consequence.cost_centre, Consequence.id))


HEADS = ("Journal", "Journal date", "Charge", "Cost centre", "Amount", "What for", "Course", "Session", "Session date", "Employee number")


def as_csv(journal_row: Row[Any], rows: Sequence[Row[Any]]) -> bytes:
    """The journal as a file for the finance system, one charge a line; amounts in pounds. Who it was is named by employee number only."""

    def day(at: datetime) -> str:
        return london(at).date().isoformat()

    return csv_bytes(
        HEADS,
        (
            (
                str(journal_row.id),
                day(journal_row.made_at),
                str(row.id),
                safe(row.cost_centre),
                f"{row.pence / 100:.2f}",
                KINDS[row.kind],
                safe(row.title),
                safe(row.reference),
                day(row.starts_at),
                safe(row.employee_number),
            )
            for row in rows
        ),
    )
