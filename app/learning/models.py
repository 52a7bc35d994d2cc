"""Courses, series, curricula and completions."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Model, full_text
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
    status: Mapped[str] = mapped_column(default="draft")  # draft · published · withdrawn
    search_text: Mapped[str] = mapped_column(default="")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("status IN ('draft', 'published', 'withdrawn')", name="status"),
        CheckConstraint("bucket IN ('experience', 'social', 'formal')", name="bucket"),
        CheckConstraint("cpd_minutes >= 0 AND cost_pence >= 0", name="amounts"),
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
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        Index("ix_completions_person_course", "person_id", "course_id"),
        Index("ix_completions_course", "course_id", "person_id", "completed_on", "expires_on"),
        UniqueConstraint("person_id", "course_id", "completed_on", "recorded_at", name="uq_completions_once"),
        CheckConstraint("expires_on IS NULL OR expires_on >= completed_on", name="expiry"),
        CheckConstraint("source IN ('attendance', 'e-learning', 'prior learning', 'import')", name="source"),
    )
