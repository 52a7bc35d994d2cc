"""Courses, series, curricula and completions."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text, true

from app.core.db import Base, Model, full_text
from app.core.declared import Mapped, mapped_column
from app.core.ledger import Json
from app.core.tx import meaning


class CourseKind(StrEnum):
    """What sort of learning a course is."""

    ESSENTIALS = "essentials"
    MASTERCLASS = "masterclass"
    MANAGEMENT = "management development"
    SYSTEMIC = "systemic practice"
    RESTORATIVE = "restorative practice"
    LEADERSHIP = "leadership"
    SAFEGUARDING = "safeguarding"
    DIGITAL = "digital"
    E_LEARNING = "e-learning"
    PROGRAMME_DAY = "programme day"


class Bucket(StrEnum):
    """70/20/10: a guide, never a quota."""

    EXPERIENCE = "experience"
    SOCIAL = "social"
    FORMAL = "formal"


class Provider(Model):
    """Who delivers: an organisation, not a person."""

    __tablename__ = "providers"
    name: Mapped[str] = mapped_column(unique=True)


class Series(Model):
    """A run of masterclasses under one name."""

    __tablename__ = "series"
    title: Mapped[str] = mapped_column(unique=True)
    summary: Mapped[str]


class Course(Model):
    """Something people can learn. Its dates are sessions, in the bookings room."""

    __tablename__ = "courses"
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    summary: Mapped[str]
    outcomes: Mapped[str]  # one a line: what people will be able to do
    kind: Mapped[str]
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id"))
    series_id: Mapped[int | None] = mapped_column(ForeignKey("series.id"))
    bucket: Mapped[str] = mapped_column(default="formal")
    cpd_minutes: Mapped[int] = mapped_column(default=0)
    audience: Mapped[str] = mapped_column(default="")  # who it is for, in words
    audience_stages: Mapped[str] = mapped_column(default="")  # codes of career stages separated by commas; empty: everyone
    validity_months: Mapped[int | None]
    refresher_id: Mapped[int | None] = mapped_column(ForeignKey("courses.id"))  # the course that renews it
    cost_pence: Mapped[int] = mapped_column(default=0)  # for each place, charged to a cost centre
    materials: Mapped[str] = mapped_column(default="")
    needs_approval: Mapped[bool] = mapped_column(default=False)  # the rule new sessions start with
    approver: Mapped[str] = mapped_column(default="manager", server_default="manager")  # manager, or whoever stands in · coordinator
    approval_days: Mapped[int | None]  # working days until an unanswered request expires; NULL: the council's figure
    completes: Mapped[bool] = mapped_column(default=True, server_default=true())  # attending all of a session completes the course
    certificate: Mapped[bool] = mapped_column(default=True, server_default=true())  # completing it earns a certificate
    pass_while_waiting: Mapped[bool] = mapped_column(
        default=True, server_default=true()
    )  # a place may be passed to a colleague while others wait
    status: Mapped[str] = mapped_column(default="draft")  # draft · published · withdrawn
    search_text: Mapped[str] = mapped_column(default="")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("status IN ('draft', 'published', 'withdrawn')", name="status"),
        CheckConstraint("bucket IN ('experience', 'social', 'formal')", name="bucket"),
        CheckConstraint("cpd_minutes >= 0 AND cost_pence >= 0", name="amounts"),
        CheckConstraint("approver IN ('manager', 'coordinator')", name="approver"),
        CheckConstraint("approval_days IS NULL OR approval_days > 0", name="approval_days"),
        CheckConstraint("validity_months IS NULL OR validity_months > 0", name="validity"),
        CheckConstraint("refresher_id IS NULL OR validity_months IS NOT NULL", name="refresher"),
        Index("ix_courses_title", "status", "title"),
    )


full_text(Course.__table__, "english")
meaning("uq_courses_slug", "courses.slug", message="Another course already has this title.", code="course-title-taken")


class CourseStandard(Base):
    """A standard that the course supports (few, never a tick-list)."""

    __tablename__ = "course_standards"
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), primary_key=True)
    standard: Mapped[str] = mapped_column(ForeignKey("standards.code"), primary_key=True, index=True)


class Prerequisite(Base):
    """`course_id` asks for a completion of `requires_id` that is in date on the day."""

    __tablename__ = "prerequisites"
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), primary_key=True)
    requires_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), primary_key=True)
    __table_args__ = (CheckConstraint("course_id <> requires_id", name="not_itself"),)


class Curriculum(Model):
    """A set of courses with a rule: all of them, or any `needed` of them."""

    __tablename__ = "curricula"
    title: Mapped[str] = mapped_column(unique=True)
    summary: Mapped[str] = mapped_column(default="")
    rule: Mapped[str]  # all · any
    needed: Mapped[int | None]  # for "any": how many
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint("rule IN ('all', 'any')", name="rule"),
        CheckConstraint("(rule = 'any') = (needed IS NOT NULL)", name="needed"),
    )


class CurriculumCourse(Base):
    """A course's place in a curriculum."""

    __tablename__ = "curriculum_courses"
    curriculum_id: Mapped[int] = mapped_column(ForeignKey("curricula.id"), primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), primary_key=True, index=True)
    position: Mapped[int]


class Completion(Model):
    """Somebody completed a course. Earlier completions stay; a correction supersedes."""

    __tablename__ = "completions"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    completed_on: Mapped[date]
    expires_on: Mapped[date | None]  # the last day it counts; NULL: does not expire
    source: Mapped[str]  # attendance · e-learning · prior learning · import
    session_id: Mapped[int | None]
    by_course_id: Mapped[int | None] = mapped_column(ForeignKey("courses.id"))  # the refresher that renewed it; NULL: the course itself
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        Index("ix_completions_course", "course_id", "person_id", "completed_on", "expires_on"),
        Index(  # what pathways and the matrix ask of everybody: all that they read of a completion
            "ix_completions_live",
            *("person_id", "course_id", "completed_on", "expires_on"),
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
        UniqueConstraint("person_id", "course_id", "completed_on", "recorded_at", name="uq_completions_once"),
        CheckConstraint("expires_on IS NULL OR expires_on >= completed_on", name="expiry"),
        CheckConstraint("source IN ('attendance', 'e-learning', 'prior learning', 'import')", name="source"),
    )


class LearningActivity(Base):
    """A way of learning and the bucket it belongs to: reference data that the database is made with.

    The activities and their buckets are our reading of the 70/20/10 model, which names none; a council may add rows.
    """

    __tablename__ = "learning_activities"
    code: Mapped[str] = mapped_column(primary_key=True)  # "reflective_supervision"
    bucket: Mapped[str]
    title: Mapped[str] = mapped_column(unique=True)
    position: Mapped[int]  # its place in lists
    __table_args__ = (CheckConstraint("bucket IN ('experience', 'social', 'formal')", name="bucket"),)


SOURCES = (  # where a learning record may come from; people write only their own
    *("attendance", "e-learning", "prior learning", "own", "supervision", "observation", "review"),
    *("mentoring", "shadowing", "action learning", "import"),
)


class LearningRecord(Model):
    """One event of learning: what it was, when and for how long. Written by what happened, or by the person; a correction supersedes.

    A record and its corrections are a chain. What people add to it (reflection, evidence, sharing) hangs on the chain's first record.
    """

    __tablename__ = "learning_records"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    on_date: Mapped[date]
    minutes: Mapped[int]
    bucket: Mapped[str]
    title: Mapped[str]
    source: Mapped[str]  # one of SOURCES
    activity: Mapped[str | None] = mapped_column(ForeignKey("learning_activities.code"))
    course_id: Mapped[int | None] = mapped_column(ForeignKey("courses.id"), index=True)
    session_id: Mapped[int | None]
    booking_id: Mapped[int | None]
    source_key: Mapped[int | None]  # what it comes from, among those of its source; stays the same through corrections
    entry_key: Mapped[str | None]  # an own record's first version: the key under which the browser sent it
    first_id: Mapped[int | None] = mapped_column(ForeignKey("learning_records.id"), index=True)  # NULL: it is the first of its chain
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("minutes >= 0", name="minutes"),
        CheckConstraint("bucket IN ('experience', 'social', 'formal')", name="bucket"),
        CheckConstraint(f"source IN ({', '.join(map(repr, SOURCES))})", name="source"),
        CheckConstraint("source <> 'own' OR activity IS NOT NULL", name="activity"),
        CheckConstraint("first_id <> id", name="first"),
        Index("ix_learning_records_person", "person_id", "on_date"),
        Index(
            "uq_learning_records_booking",
            "booking_id",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
        Index(
            "uq_learning_records_source",
            "source_key",
            "source",
            "person_id",
            unique=True,
            sqlite_where=text("source_key IS NOT NULL AND superseded_at IS NULL"),
            postgresql_where=text("source_key IS NOT NULL AND superseded_at IS NULL"),
        ),
        Index(
            "uq_learning_records_chain",
            "first_id",
            unique=True,
            sqlite_where=text("first_id IS NOT NULL AND superseded_at IS NULL"),
            postgresql_where=text("first_id IS NOT NULL AND superseded_at IS NULL"),
        ),
        Index(
            "uq_learning_records_entry",
            "person_id",
            "entry_key",
            unique=True,
            sqlite_where=text("entry_key IS NOT NULL"),
            postgresql_where=text("entry_key IS NOT NULL"),
        ),
        # Corrected ones, to go on with their chain. There are few.
        Index(
            "ix_learning_records_booking_before",
            "booking_id",
            sqlite_where=text("superseded_at IS NOT NULL"),
            postgresql_where=text("superseded_at IS NOT NULL"),
        ),
        Index(
            "ix_learning_records_source_before",
            "source_key",
            "source",
            sqlite_where=text("superseded_at IS NOT NULL"),
            postgresql_where=text("superseded_at IS NOT NULL"),
        ),
    )


class Certificate(Model):
    """Shows one completion. `facts` is what is printed on it; whoever has the code can check that, and nothing more."""

    __tablename__ = "certificates"
    code: Mapped[str] = mapped_column(unique=True)  # random, printed on it: "K7QF-2M9X-WT4D"
    completion_id: Mapped[int] = mapped_column(ForeignKey("completions.id"), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    facts: Mapped[dict[str, Any]] = mapped_column(Json)
    issued_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_because: Mapped[str | None]


class PriorLearning(Model):
    """Somebody asks that learning from elsewhere counts as a completion; a coordinator decides."""

    __tablename__ = "prior_learning"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    completed_on: Mapped[date]
    provider: Mapped[str]
    evidence: Mapped[str]  # in words: what shows it
    state: Mapped[str]  # asked · accepted · refused
    asked_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    decided_at: Mapped[datetime | None]
    decision: Mapped[str | None]  # the reason given
    completion_id: Mapped[int | None] = mapped_column(ForeignKey("completions.id"))
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint("state IN ('asked', 'accepted', 'refused')", name="state"),
        CheckConstraint("(state = 'accepted') = (completion_id IS NOT NULL)", name="accepted"),
        Index(
            "uq_prior_learning_asked",
            "person_id",
            "course_id",
            unique=True,
            sqlite_where=text("state = 'asked'"),
            postgresql_where=text("state = 'asked'"),
        ),
    )


meaning(
    "uq_prior_learning_asked",
    "prior_learning.person_id, prior_learning.course_id",
    message="You have already asked for this; it has not been decided yet.",
    code="already-asked",
)
