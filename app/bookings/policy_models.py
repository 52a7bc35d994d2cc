"""What the council decides about booking, as data: clocks, queue classes, reasons for cancelling, and what follows from not coming."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text

from app.core.db import Base, Model, append_only
from app.core.declared import Mapped, mapped_column


class BookingPolicy(Model):
    """The council's figures for booking. Rows are never changed: the newest is in force, the others say what was before."""

    __tablename__ = "booking_policies"
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL: as shipped
    # The offer clock: working time of the person, England's bank holidays excluded.
    day_starts: Mapped[int] = mapped_column(default=540)  # minutes after London midnight
    day_ends: Mapped[int] = mapped_column(default=1020)
    offer_minutes: Mapped[int] = mapped_column(default=960)  # working minutes that an offer holds the place
    offer_least_minutes: Mapped[int] = mapped_column(default=60)  # with fewer left before the cut-off no offer goes out
    offer_most_days: Mapped[int] = mapped_column(default=7)  # calendar days, however few the person works
    cut_off_minutes: Mapped[int] = mapped_column(default=120)  # before the start, where the session does not close earlier
    # Approval, reservation
    approval_days: Mapped[int] = mapped_column(
        default=5
    )  # working days until an unanswered request expires, unless the course says otherwise
    chase_days: Mapped[int] = mapped_column(default=2)  # working days after which the approver is reminded
    reservation_days: Mapped[int] = mapped_column(default=10)  # working days in which reserved places must be named
    # Messages
    reminder_days: Mapped[str] = mapped_column(default="7,1")  # calendar days before a session, separated by commas
    impact_weeks: Mapped[int] = mapped_column(default=8)  # after a session, the question about its effect on practice
    # Check-in
    check_in_before: Mapped[int] = mapped_column(default=30)  # minutes before a part starts
    check_in_seconds: Mapped[int] = mapped_column(default=60)  # how long one code lasts
    # Late cancellation and not coming
    late_days: Mapped[int] = mapped_column(
        default=2
    )  # working days before the start within which cancelling is late, unless the session says
    late_charge: Mapped[str] = mapped_column(default="none")  # none · cost: the course's cost · fixed
    late_pence: Mapped[int] = mapped_column(default=0)  # for "fixed"
    absent_charge: Mapped[str] = mapped_column(default="none")
    absent_pence: Mapped[int] = mapped_column(default=0)
    appeal_days: Mapped[int] = mapped_column(default=10)  # working days in which somebody may appeal
    suppress_below: Mapped[int] = mapped_column(default=5)  # smaller numbers are not shown in results by course
    # Apprentices' safeguarding training and progress reviews
    programme_chase_days: Mapped[int] = mapped_column(default=7, server_default="7")  # calendar days between two messages to one reader
    programme_long_days: Mapped[int] = mapped_column(default=28, server_default="28")  # calendar days late, and the coordinator is told
    __table_args__ = (
        CheckConstraint("0 <= day_starts AND day_starts < day_ends AND day_ends <= 1440", name="day"),
        CheckConstraint("offer_minutes > 0 AND offer_least_minutes >= 0 AND offer_most_days > 0 AND cut_off_minutes >= 0", name="offer"),
        CheckConstraint(
            "approval_days > 0 AND chase_days > 0 AND reservation_days > 0 AND late_days >= 0 AND appeal_days > 0", name="days"
        ),
        CheckConstraint("late_charge IN ('none', 'cost', 'fixed') AND absent_charge IN ('none', 'cost', 'fixed')", name="charges"),
        CheckConstraint("late_pence >= 0 AND absent_pence >= 0", name="pence"),
        CheckConstraint("check_in_before >= 0 AND check_in_seconds BETWEEN 20 AND 600", name="check_in"),
        CheckConstraint("impact_weeks > 0 AND suppress_below > 0", name="evaluation"),
        CheckConstraint("programme_chase_days > 0 AND programme_long_days > 0", name="programmes"),
    )


append_only(BookingPolicy.__table__)


class PriorityRule(Model):
    """Who is earlier in a queue than those in the usual class, 5. Of the rules that fit somebody at joining the lowest class counts."""

    __tablename__ = "priority_rules"
    priority: Mapped[int]  # class: 1 first
    title: Mapped[str]  # "Statutory need"
    because: Mapped[str]  # to the person: "your certificate runs out soon"
    kind: Mapped[str]  # stage · group · expiry
    stages: Mapped[str] = mapped_column(default="")  # stage: codes of career stages separated by commas
    group_id: Mapped[int | None] = mapped_column(ForeignKey("groups.id"))  # group: its members
    days: Mapped[int | None]  # expiry: their completion of this course, or of what it renews, ends within so many days or has ended
    course_kinds: Mapped[str] = mapped_column(default="")  # only for courses of these kinds; empty: all
    active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint("priority BETWEEN 1 AND 9 AND priority <> 5", name="priority"),
        CheckConstraint("kind IN ('stage', 'group', 'expiry')", name="kind"),
        CheckConstraint("(kind = 'group') = (group_id IS NOT NULL) AND (kind = 'expiry') = (days IS NOT NULL)", name="parameters"),
    )


class CancelReason(Base):
    """Why somebody gives up a place or did not come. An excusing reason is taken on the person's word."""

    __tablename__ = "cancel_reasons"
    code: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    excuses: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int]
    active: Mapped[bool] = mapped_column(default=True)


class Journal(Model):
    """A file of charges that was taken for the finance system. A charge stands in one of them."""

    __tablename__ = "journals"
    made_at: Mapped[datetime]
    made_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    charges: Mapped[int]
    pence: Mapped[int]


class Consequence(Model):
    """What follows from a late cancellation or from not coming, under the policy of that day."""

    __tablename__ = "consequences"
    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id"), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    policy_id: Mapped[int | None] = mapped_column(ForeignKey("booking_policies.id"))  # NULL: as shipped
    kind: Mapped[str]  # late · absent
    state: Mapped[str]  # stands · excused · appealed · upheld · overturned
    pence: Mapped[int] = mapped_column(default=0)  # charged to the cost centre while it stands or is upheld
    cost_centre: Mapped[str | None]
    appeal_by: Mapped[datetime]
    appeal: Mapped[str | None]  # in the person's words
    appealed_at: Mapped[datetime | None]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    decided_at: Mapped[datetime | None]
    decision: Mapped[str | None]  # the reason given
    journal_id: Mapped[int | None] = mapped_column(ForeignKey("journals.id"), index=True)
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint("kind IN ('late', 'absent')", name="kind"),
        CheckConstraint("state IN ('stands', 'excused', 'appealed', 'upheld', 'overturned')", name="state"),
        CheckConstraint("pence >= 0", name="pence"),
        CheckConstraint("journal_id IS NULL OR state IN ('stands', 'upheld')", name="journal"),
        CheckConstraint("state NOT IN ('appealed', 'upheld', 'overturned') OR appealed_at IS NOT NULL", name="appealed"),
        Index("ix_consequences_open", "created_at", sqlite_where=text("journal_id IS NULL"), postgresql_where=text("journal_id IS NULL")),
    )
