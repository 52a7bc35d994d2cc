"""The booking policy in force: the council's newest figures, or those the service ships with."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, func, literal_column, select

from app.bookings.policy_models import BookingPolicy
from app.core.tx import Tx


@dataclass(frozen=True, slots=True)
class Policy:
    """One set of figures; what each means and its unit stands at the column of the same name in `BookingPolicy`."""

    id: int | None = None  # None: as shipped
    day_starts: int = 540
    day_ends: int = 1020
    offer_minutes: int = 960
    offer_least_minutes: int = 60
    offer_most_days: int = 7
    cut_off_minutes: int = 120
    approval_days: int = 5
    chase_days: int = 2
    reservation_days: int = 10
    reminder_days: str = "7,1"
    impact_weeks: int = 8
    check_in_before: int = 30
    check_in_seconds: int = 60
    late_days: int = 2
    late_charge: str = "none"
    late_pence: int = 0
    absent_charge: str = "none"
    absent_pence: int = 0
    appeal_days: int = 10
    suppress_below: int = 5
    programme_chase_days: int = 7
    programme_long_days: int = 28


FIELDS = tuple(field.name for field in fields(Policy))
# SQL: the working days in force within which cancelling is late, for statements that have no other question about the policy.
LATE_DAYS: ColumnElement[int] = func.coalesce(
    select(BookingPolicy.late_days).order_by(BookingPolicy.id.desc()).limit(1).scalar_subquery(), literal_column(str(Policy().late_days))
)
_NEWEST = select(*(BookingPolicy.__table__.c[name] for name in FIELDS)).order_by(BookingPolicy.id.desc()).limit(1)


def policy(tx: Tx) -> Policy:
    """The figures in force, asked once in a transaction."""
    found: Policy | None = tx.memo.get("booking policy")
    if found is None:
        row = tx.one(_NEWEST)
        found = tx.memo["booking policy"] = Policy(*row) if row is not None else Policy()
    return found


def cut_off(session: Row[Any], figures: Policy) -> datetime:
    """Until when places of a session can still change hands by themselves: it closes, or it is about to start."""
    latest: datetime = session.starts_at - timedelta(minutes=figures.cut_off_minutes)
    return latest if session.closes_at is None else min(latest, session.closes_at)
