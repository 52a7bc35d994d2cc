"""Apprenticeships beside their enrolment, and applications for programmes that select."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text

from app.core.db import Base, Model
from app.core.declared import Mapped, mapped_column
from app.core.ledger import Json
from app.core.tx import meaning
from app.programmes.models import one_of


class Apprenticeship(Base):
    """What an enrolment on an apprenticeship has besides: its standard, the rule of its start date, hours, decisions, assessment."""

    __tablename__ = "apprenticeships"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolments.id"), primary_key=True)
    standard_id: Mapped[int] = mapped_column(ForeignKey("apprenticeship_standards.id"))
    rule_code: Mapped[str] = mapped_column(ForeignKey("apprenticeship_rules.code"))
    option: Mapped[str | None]
    provider: Mapped[str]
    provider_keeps: Mapped[bool] = mapped_column(default=False)  # their system is the record; hours and reviews come by import
    weekly_minutes: Mapped[int]  # contracted working time a week
    planned_minutes: Mapped[int]  # off-the-job training agreed, prior learning already taken off
    prior_minutes: Mapped[int] = mapped_column(default=0)  # taken off for prior learning
    prior_reason: Mapped[str | None]
    english_maths: Mapped[str] = mapped_column(default="not decided")
    english_maths_reason: Mapped[str | None]
    english_maths_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    english_maths_at: Mapped[datetime | None]
    gateway_at: Mapped[datetime | None]
    assessment: Mapped[str | None]  # pass · fail · merit · distinction
    assessed_on: Mapped[date | None]
    assessed_by: Mapped[str | None]  # the assessment organisation
    __table_args__ = (
        CheckConstraint("planned_minutes > 0 AND prior_minutes >= 0 AND weekly_minutes > 0", name="minutes"),
        CheckConstraint("english_maths IN ('not decided', 'required', 'not required', 'met')", name="english_maths"),
        CheckConstraint("(english_maths = 'not decided') = (english_maths_at IS NULL)", name="english_maths_decided"),
        CheckConstraint("assessment IS NULL OR assessment IN ('pass', 'fail', 'merit', 'distinction')", name="assessment"),
        CheckConstraint("(assessment IS NULL) = (assessed_on IS NULL)", name="assessed"),
        CheckConstraint("assessment IS NULL OR gateway_at IS NOT NULL", name="gateway_first"),
    )


class OtjHours(Model):
    """Off-the-job training: time on one day, and what it was. A correction supersedes."""

    __tablename__ = "otj_hours"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("apprenticeships.enrolment_id"), index=True)
    on_date: Mapped[date]
    minutes: Mapped[int]
    activity: Mapped[str]
    words: Mapped[str]
    source: Mapped[str]  # own · attendance · import
    booking_id: Mapped[int | None] = mapped_column(ForeignKey("bookings.id"))  # the attended place that it counts
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    recorded_at: Mapped[datetime]
    verified_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    verified_at: Mapped[datetime | None]
    refused: Mapped[str | None]  # why it does not count
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("minutes BETWEEN 1 AND 960", name="minutes"),
        CheckConstraint("source IN ('own', 'attendance', 'import')", name="source"),
        CheckConstraint("verified_at IS NULL OR refused IS NULL", name="verified"),
        CheckConstraint("verified_by IS NULL OR recorded_by IS NULL OR verified_by <> recorded_by OR source <> 'own'", name="not_oneself"),
        Index(
            "uq_otj_hours_booking",
            "enrolment_id",
            "booking_id",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )


meaning("uq_otj_hours_booking", "otj_hours.enrolment_id, otj_hours.booking_id", message="This session is already counted.", code="counted")


class ProgressReview(Model):
    """A three-way review of an apprenticeship: due by the rule, held, and recorded in a document that all three sign."""

    __tablename__ = "progress_reviews"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("apprenticeships.enrolment_id"))
    number: Mapped[int]
    due_on: Mapped[date]
    held_on: Mapped[date | None]
    document_id: Mapped[int | None]
    imported: Mapped[bool] = mapped_column(default=False)  # held and signed in the provider's system
    __table_args__ = (
        UniqueConstraint("enrolment_id", "number", name="uq_progress_reviews_number"),
        ForeignKeyConstraint(["document_id", "enrolment_id"], ["documents.id", "documents.enrolment_id"]),
    )


class KsbEvidence(Model):
    """A document or logged training that shows one of the standard's knowledge, skills and behaviours; confirmed by the assessing side."""

    __tablename__ = "ksb_evidence"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("apprenticeships.enrolment_id"), index=True)
    ksb_id: Mapped[int] = mapped_column(ForeignKey("ksbs.id"))
    document_id: Mapped[int | None]
    hours_id: Mapped[int | None] = mapped_column(ForeignKey("otj_hours.id"))
    claimed_at: Mapped[datetime]
    confirmed_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    confirmed_at: Mapped[datetime | None]
    __table_args__ = (
        ForeignKeyConstraint(["document_id", "enrolment_id"], ["documents.id", "documents.enrolment_id"]),
        CheckConstraint("(document_id IS NULL) <> (hours_id IS NULL)", name="one_source"),
        CheckConstraint("(confirmed_by IS NULL) = (confirmed_at IS NULL)", name="confirmed"),
    )


class GatewayItem(Base):
    """One line of an enrolment's checklist that somebody confirmed, such as what must hold before an apprentice's gateway."""

    __tablename__ = "gateway_items"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolments.id"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    words: Mapped[str | None]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    at: Mapped[datetime]


CALL_STATES = ("draft", "open", "closed", "decided")
APPLICATION_STATES = (
    "draft",
    "submitted",
    "supported",
    "not supported",
    "shortlisted",
    "not shortlisted",
    "offered",
    "declined",
    "withdrawn",
)


class Call(Model):
    """A programme asks for applications: what for, how it selects, until when, for how many places."""

    __tablename__ = "programme_calls"
    version_id: Mapped[int] = mapped_column(ForeignKey("programme_versions.id"))
    cohort_id: Mapped[int | None] = mapped_column(ForeignKey("cohorts.id"))  # into which those who are offered a place are enrolled
    title: Mapped[str]
    about: Mapped[str]
    places: Mapped[int]
    closes_at: Mapped[datetime]
    questions: Mapped[Any] = mapped_column(Json)  # [{"code", "label", "words": limit}]
    criteria: Mapped[Any] = mapped_column(Json)  # [{"code", "title", "most": 5}]
    state: Mapped[str] = mapped_column(default="draft")
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (CheckConstraint(one_of("state", CALL_STATES), name="state"), CheckConstraint("places > 0", name="places"))


class Application(Model):
    """One person's application, from draft to decision with its reasons."""

    __tablename__ = "applications"
    call_id: Mapped[int] = mapped_column(ForeignKey("programme_calls.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    answers: Mapped[Any] = mapped_column(Json)
    state: Mapped[str] = mapped_column(default="draft")
    submitted_at: Mapped[datetime | None]
    manager_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    manager_words: Mapped[str | None]
    manager_at: Mapped[datetime | None]
    reasons: Mapped[str | None]
    feedback: Mapped[str | None]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    decided_at: Mapped[datetime | None]
    enrolment_id: Mapped[int | None] = mapped_column(ForeignKey("enrolments.id"))
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        UniqueConstraint("call_id", "person_id", name="uq_applications_person"),
        CheckConstraint(one_of("state", APPLICATION_STATES), name="state"),
        CheckConstraint("state NOT IN ('offered', 'declined', 'not shortlisted') OR reasons IS NOT NULL", name="reasons"),
    )


meaning(
    "uq_applications_person",
    "applications.call_id, applications.person_id",
    message="You already have an application for this.",
    code="already-applied",
)


class Score(Base):
    """What one selector gave an application on each criterion."""

    __tablename__ = "application_scores"
    application_id: Mapped[int] = mapped_column(ForeignKey("applications.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    scores: Mapped[Any] = mapped_column(Json)
    words: Mapped[str | None]
    at: Mapped[datetime]
