"""Around a session: interest before there is a date, the register, check-in, evaluation, and what has been said to whom."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text

from app.core.db import Base, Model
from app.core.declared import Mapped, mapped_column
from app.core.tx import meaning


class Interest(Model):
    """Somebody wants to know when a course has a date."""

    __tablename__ = "interests"
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    since: Mapped[datetime]
    told_at: Mapped[datetime | None]  # when they were last told of a new date
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "uq_interests",
            "course_id",
            "person_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )


meaning("uq_interests", "interests.course_id, interests.person_id", message="They are already on this list.", code="already-interested")


class Attendance(Base):
    """Whether somebody was there for one part of a session."""

    __tablename__ = "attendances"
    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id"), primary_key=True)
    part_id: Mapped[int] = mapped_column(ForeignKey("parts.id"), primary_key=True, index=True)
    mark: Mapped[str]  # present · partly · absent
    source: Mapped[str]  # register · check-in
    marked_at: Mapped[datetime]  # when it was noted, by the clock of the phone it was noted on, never later than it arrived
    marked_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    reason_code: Mapped[str | None] = mapped_column(ForeignKey("cancel_reasons.code"))  # of an absence, where it is known
    __table_args__ = (
        CheckConstraint("mark IN ('present', 'partly', 'absent')", name="mark"),
        CheckConstraint("reason_code IS NULL OR mark <> 'present'", name="reason"),
        CheckConstraint("source IN ('register', 'check-in')", name="source"),
    )


class CheckIn(Base):
    """Self check-in of a session is open: its rotating codes are made from this secret."""

    __tablename__ = "check_ins"
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    secret: Mapped[str]
    opened_at: Mapped[datetime]
    opened_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))


class EvaluationAsk(Model):
    """Somebody was asked about a session they attended. What they answered is kept apart, without their name."""

    __tablename__ = "evaluation_asks"
    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    kind: Mapped[str]  # after: the session · impact: on practice, weeks later
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]  # the start of that day
    __table_args__ = (
        CheckConstraint("kind IN ('after', 'impact')", name="kind"),
        Index("uq_evaluation_asks", "booking_id", "kind", unique=True),
    )


class EvaluationAnswer(Model):
    """One answer. It names neither the person nor their booking, and only the day."""

    __tablename__ = "evaluation_answers"
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id"), index=True)
    kind: Mapped[str]
    answered_on: Mapped[date]
    useful: Mapped[int]  # 1 not at all … 5 very; for impact: how much it changed my practice
    confidence_before: Mapped[int | None]  # 1 … 5
    confidence_after: Mapped[int | None]
    comment: Mapped[str] = mapped_column(default="")
    __table_args__ = (
        CheckConstraint("kind IN ('after', 'impact')", name="kind"),
        CheckConstraint("useful BETWEEN 1 AND 5", name="useful"),
        CheckConstraint("confidence_before IS NULL OR confidence_before BETWEEN 1 AND 5", name="before"),
        CheckConstraint("confidence_after IS NULL OR confidence_after BETWEEN 1 AND 5", name="after"),
    )


class SessionMessage(Model):
    """What a coordinator wrote to everybody on a session."""

    __tablename__ = "session_messages"
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id"), index=True)
    sent_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    sent_at: Mapped[datetime]
    subject: Mapped[str]
    body: Mapped[str]
    people: Mapped[int]  # how many it went to


class Notice(Base):
    """Something that is said once and has been said: "reminder:7:412" is booking 412's reminder seven days before."""

    __tablename__ = "notices"
    key: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
