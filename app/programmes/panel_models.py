"""Panels: sittings, who reads which portfolio, what they judge, what is decided, and what external moderators say of a sample."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text

from app.core.db import Base, Model
from app.core.declared import Mapped, mapped_column
from app.core.frozen import redactable
from app.core.ledger import Json
from app.core.tx import meaning


class Sitting(Model):
    """A meeting of a moderation panel."""

    __tablename__ = "sittings"
    title: Mapped[str]
    starts_at: Mapped[datetime]
    place: Mapped[str]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    state: Mapped[str] = mapped_column(default="planned")
    reading_days: Mapped[int] = mapped_column(default=10)  # working days before it that its members have for reading
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (CheckConstraint("state IN ('planned', 'held', 'cancelled')", name="state"),)


class SittingMember(Base):
    """Who sits; one of them has the chair."""

    __tablename__ = "sitting_members"
    sitting_id: Mapped[int] = mapped_column(ForeignKey("sittings.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    chair: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (
        Index("uq_sitting_members_chair", "sitting_id", unique=True, sqlite_where=text("chair"), postgresql_where=text("chair")),
    )


class PanelCase(Model):
    """One portfolio before one sitting, with its two readers. Readers are involvements on the moderating side."""

    __tablename__ = "panel_cases"
    sitting_id: Mapped[int] = mapped_column(ForeignKey("sittings.id"), index=True)
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolments.id"), index=True)
    state: Mapped[str] = mapped_column(default="listed")
    recommended: Mapped[str]  # pass or fail, as the assessor signed
    listed_at: Mapped[datetime]
    listed_head: Mapped[str]  # the newest link of the chain when it was listed: what the panel reads
    anonymised_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # who checked that no child or family can be recognised
    anonymised_at: Mapped[datetime | None]
    programme_feedback: Mapped[str | None]  # the learner's, on the programme
    __table_args__ = (
        CheckConstraint("state IN ('listed', 'decided', 'withdrawn')", name="state"),
        CheckConstraint("recommended IN ('pass', 'fail')", name="recommended"),
        UniqueConstraint("id", "enrolment_id", name="uq_panel_cases_enrolment"),
        Index(
            "uq_panel_cases_listed",
            "enrolment_id",
            unique=True,
            sqlite_where=text("state = 'listed'"),
            postgresql_where=text("state = 'listed'"),
        ),
    )


meaning("uq_panel_cases_listed", "panel_cases.enrolment_id", message="This portfolio is already before a panel.", code="already-listed")


class Reader(Base):
    """A panel member who reads one portfolio for a sitting."""

    __tablename__ = "panel_readers"
    case_id: Mapped[int] = mapped_column(primary_key=True)
    involvement_id: Mapped[int] = mapped_column(primary_key=True)
    enrolment_id: Mapped[int]
    side: Mapped[str]
    lead: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (
        ForeignKeyConstraint(["case_id", "enrolment_id"], ["panel_cases.id", "panel_cases.enrolment_id"]),
        ForeignKeyConstraint(
            ["involvement_id", "enrolment_id", "side"], ["involvements.id", "involvements.enrolment_id", "involvements.side"]
        ),
        CheckConstraint("side = 'moderating'", name="side"),
    )


class Judgement(Base):
    """What one reader judges: is the recommendation consistent, accurate, valid, robust, sufficient?"""

    __tablename__ = "panel_judgements"
    case_id: Mapped[int] = mapped_column(primary_key=True)
    involvement_id: Mapped[int] = mapped_column(primary_key=True)
    criteria: Mapped[Any] = mapped_column(Json)  # {"consistent": {"met": true, "words": "…"}, …}
    words: Mapped[str | None]
    at: Mapped[datetime]
    __table_args__ = (ForeignKeyConstraint(["case_id", "involvement_id"], ["panel_readers.case_id", "panel_readers.involvement_id"]),)


class Decision(Model):
    """What was decided about one portfolio. Only a confirmation brings an outcome; a panel that does not confirm leaves none."""

    __tablename__ = "panel_decisions"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolments.id"), index=True)
    case_id: Mapped[int | None]  # NULL: a programme without a panel, or an outcome brought in from before
    kind: Mapped[str]
    outcome: Mapped[str | None]
    reasons: Mapped[str]
    to_learner: Mapped[str | None]  # feedback
    to_assessor: Mapped[str | None]
    checklist: Mapped[Any] = mapped_column(Json)  # what was complete when it was decided: [{"code", "met", "words"}]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    decided_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("id", "enrolment_id", name="uq_panel_decisions_enrolment"),
        UniqueConstraint("id", "enrolment_id", "outcome", name="uq_panel_decisions_outcome"),
        ForeignKeyConstraint(["case_id", "enrolment_id"], ["panel_cases.id", "panel_cases.enrolment_id"]),
        CheckConstraint("kind IN ('confirm', 'return', 'not_confirmed')", name="kind"),
        CheckConstraint("(kind = 'confirm') = (outcome IS NOT NULL)", name="outcome"),
        CheckConstraint("outcome IS NULL OR outcome IN ('pass', 'fail')", name="outcomes"),
        Index("uq_panel_decisions_case", "case_id", unique=True),
    )


redactable(Decision.__table__, "reasons", "to_learner", "to_assessor")
KEPT = "What a panel decided stays as it was written; only its words can be redacted."
meaning("panel_decisions_frozen_update", "panel_decisions_frozen_delete", message=KEPT, code="frozen")
meaning("uq_panel_decisions_case", "panel_decisions.case_id", message="This has been decided.", code="already-decided")


class Sample(Model):
    """A portfolio shown to an external moderator. Their words are feedback: they do not overturn the employer's decision."""

    __tablename__ = "external_samples"
    enrolment_id: Mapped[int]
    involvement_id: Mapped[int]
    side: Mapped[str]
    why: Mapped[str]  # how it came into the sample: "every third", "fail", "borderline", "first by this assessor"
    sampled_at: Mapped[datetime]
    feedback: Mapped[str | None]
    agrees: Mapped[bool | None]
    given_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("enrolment_id", "involvement_id", name="uq_external_samples_once"),
        ForeignKeyConstraint(
            ["involvement_id", "enrolment_id", "side"], ["involvements.id", "involvements.enrolment_id", "involvements.side"]
        ),
        CheckConstraint("side = 'moderating'", name="side"),
        CheckConstraint("(given_at IS NULL) = (feedback IS NULL)", name="given"),
    )
