"""Cohorts and enrolments: who is on which version of a programme, by which plan, with whom, and what was changed and agreed."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Numeric, UniqueConstraint, text

from app.core.db import FOREVER, Base, Key, Model, append_only, no_overlap
from app.core.declared import Mapped, mapped_column
from app.core.frozen import redactable
from app.core.ledger import Json
from app.core.tx import meaning


class Side(StrEnum):
    """Where somebody stands towards one enrolment. A person stands on one side only, for good (product §13)."""

    LEARNER = "learner"
    ASSESSING = "assessing"
    MODERATING = "moderating"


# What somebody does for an enrolment, by the side on which that puts them. The framework files use the same words.
CAPACITIES: dict[str, Side] = {
    "nqsw": Side.LEARNER,
    "apprentice": Side.LEARNER,
    "participant": Side.LEARNER,
    "assessor": Side.ASSESSING,
    "line_manager": Side.ASSESSING,
    "observer": Side.ASSESSING,
    "other_professional": Side.ASSESSING,
    "employer": Side.ASSESSING,
    "provider": Side.ASSESSING,
    "mentor": Side.ASSESSING,
    "chair": Side.MODERATING,
    "panel_member": Side.MODERATING,
    "external_moderator": Side.MODERATING,
}
STATUSES = ("registered", "in_progress", "paused", "awaiting_panel", "completed", "withdrawn", "transferred")
RUNNING = "status NOT IN ('completed', 'withdrawn', 'transferred')"


def one_of(column: str, values: Any) -> str:
    """The text of a CHECK that a column holds one of these words."""
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


def _sides() -> str:
    by_side = {side: [name for name, at in CAPACITIES.items() if at is side] for side in Side}
    return " OR ".join(f"(side = '{side}' AND {one_of('capacity', names)})" for side, names in by_side.items())


class Cohort(Model):
    """Those who begin one version of a programme together. Every enrolment keeps the version even when a newer one is published."""

    __tablename__ = "cohorts"
    version_id: Mapped[int] = mapped_column(ForeignKey("programme_versions.id"), index=True)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))  # the part of the organisation it is for; NULL: the council
    title: Mapped[str]
    starts_on: Mapped[date]
    closed_on: Mapped[date | None]
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (UniqueConstraint("title", name="uq_cohorts_title"),)


class Enrolment(Model):
    """One person on one version of a programme, from start to outcome."""

    __tablename__ = "enrolments"
    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)  # said because a foreign key holds it too
    reference: Mapped[str]  # random, public: what signatures and exports call it
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    cohort_id: Mapped[int] = mapped_column(ForeignKey("cohorts.id"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("programme_versions.id"), index=True)
    starts_on: Mapped[date]
    ends_on: Mapped[date]  # planned, by the plan in force
    plan_number: Mapped[int] = mapped_column(default=1)  # the plan in force
    fte: Mapped[Decimal] = mapped_column(Numeric(4, 3, asdecimal=True))  # the working pattern that the plan goes by
    status: Mapped[str] = mapped_column(default="registered")
    eligible: Mapped[Any] = mapped_column(Json)  # [{"code", "ok", "words"}]: what was checked at enrolment, with reasons
    grant_ok: Mapped[bool] = mapped_column(default=False)
    grant_reasons: Mapped[Any] = mapped_column(Json)  # the same form
    moved_in: Mapped[bool] = mapped_column(default=False)  # begun elsewhere or on paper, brought in by import
    transferred_from: Mapped[str | None]  # the employer where it began
    outcome: Mapped[str | None]  # pass or fail; everything else is status
    decision_id: Mapped[int | None]  # the decision that confirmed it
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint(one_of("status", STATUSES), name="status"),
        CheckConstraint("outcome IS NULL OR outcome IN ('pass', 'fail')", name="outcome"),
        CheckConstraint("(outcome IS NULL) = (decision_id IS NULL)", name="decided"),
        CheckConstraint("(status = 'completed') = (outcome IS NOT NULL)", name="completed"),
        CheckConstraint("starts_on < ends_on", name="period"),
        CheckConstraint("fte > 0 AND fte <= 1.5", name="fte"),
        ForeignKeyConstraint(  # the outcome is the one that a decision about this very enrolment confirmed
            ["decision_id", "id", "outcome"],
            ["panel_decisions.id", "panel_decisions.enrolment_id", "panel_decisions.outcome"],
            name="fk_enrolments_decision",
            use_alter=True,
        ),
        Index("uq_enrolments_reference", "reference", unique=True),
        Index("uq_enrolments_running", "person_id", "version_id", unique=True, sqlite_where=text(RUNNING), postgresql_where=text(RUNNING)),
        Index("ix_enrolments_cohort_status", "cohort_id", "status"),
    )


meaning(
    "uq_enrolments_running",
    "enrolments.person_id, enrolments.version_id",
    message="They are already on this programme.",
    code="already-enrolled",
)
meaning("uq_cohorts_title", "cohorts.title", message="There is already a cohort with this name.", code="cohort-exists")


class Involvement(Model):
    """Somebody takes part in an enrolment, on one side. One row for each person: nobody assesses and moderates the same portfolio."""

    __tablename__ = "involvements"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolments.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    side: Mapped[str]
    since: Mapped[datetime]
    __table_args__ = (
        CheckConstraint(one_of("side", Side), name="side"),
        UniqueConstraint("enrolment_id", "person_id", name="uq_involvements_person"),
        UniqueConstraint("id", "enrolment_id", name="uq_involvements_enrolment"),
        UniqueConstraint("id", "enrolment_id", "side", name="uq_involvements_side"),
    )


meaning(
    "uq_involvements_person",
    "involvements.enrolment_id, involvements.person_id",
    message="That person already takes part in this portfolio on another side. Nobody moderates what they assessed.",
    code="already-involved",
)


class Capacity(Model):
    """What somebody does for an enrolment, for a period: assessor from September to March, say. Each change keeps the row before it."""

    __tablename__ = "capacities"
    involvement_id: Mapped[int] = mapped_column(index=True)
    enrolment_id: Mapped[int] = mapped_column(index=True)
    side: Mapped[str]
    capacity: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date] = mapped_column(default=FOREVER)
    __table_args__ = (
        ForeignKeyConstraint(
            ["involvement_id", "enrolment_id", "side"], ["involvements.id", "involvements.enrolment_id", "involvements.side"]
        ),
        CheckConstraint(_sides(), name="side"),
        CheckConstraint("valid_from < valid_to", name="period"),
    )


for _single in ("assessor", "line_manager", "nqsw", "apprentice", "participant"):
    no_overlap(Capacity.__table__, "enrolment_id", "valid_from", "valid_to", f"capacity = '{_single}'", name=f"ex_capacities_{_single}")
    meaning(f"ex_capacities_{_single}", message="Somebody else has that part in that period. End theirs first.", code="periods-overlap")


class Plan(Model):
    """When each stage falls due. A new plan replaces the one before it, which stays to be seen."""

    __tablename__ = "plans"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolments.id"))
    number: Mapped[int]
    reason: Mapped[str]  # start · pause · resume · extension · working pattern · transfer · moved in · correction
    words: Mapped[str | None]
    ends_on: Mapped[date]
    change_id: Mapped[int | None] = mapped_column(ForeignKey("enrolment_changes.id"))
    made_at: Mapped[datetime]
    made_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    __table_args__ = (UniqueConstraint("enrolment_id", "number", name="uq_plans_number"),)


class PlanLine(Base):
    """The day by which one stage's review is to be held."""

    __tablename__ = "plan_lines"
    plan_id: Mapped[int] = mapped_column(ForeignKey("plans.id"), primary_key=True)
    stage_id: Mapped[int] = mapped_column(ForeignKey("programme_stages.id"), primary_key=True)
    due_on: Mapped[date]


redactable(Plan.__table__, "words")
append_only(PlanLine.__table__)


class StageRecord(Base):
    """How far an enrolment is with one stage. There is a row for every stage from the day of enrolment."""

    __tablename__ = "stage_records"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolments.id"), primary_key=True)
    stage_id: Mapped[int] = mapped_column(ForeignKey("programme_stages.id"), primary_key=True)
    state: Mapped[str] = mapped_column(default="not started")
    meeting_at: Mapped[datetime | None]  # the review, as arranged
    held_on: Mapped[date | None]  # the review, as held
    completed_at: Mapped[datetime | None]
    on_paper: Mapped[bool] = mapped_column(default=False)  # completed and signed before it came into this system
    __table_args__ = (
        CheckConstraint("state IN ('not started', 'open', 'complete', 'not needed')", name="state"),
        CheckConstraint("state <> 'complete' OR completed_at IS NOT NULL", name="completed"),
    )


class Change(Model):
    """A pause, extension, withdrawal, transfer or handover: proposed, then agreed by those who must agree, or refused."""

    __tablename__ = "enrolment_changes"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolments.id"), index=True)
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default="proposed")
    from_on: Mapped[date]
    to_on: Mapped[date] = mapped_column(default=FOREVER)  # first day after it; FOREVER: not known yet
    reason_code: Mapped[str]
    words: Mapped[str | None]
    details: Mapped[Any] = mapped_column(Json)  # by kind: the new assessor, the new end, the other employer
    needs: Mapped[Any] = mapped_column(Json)  # ["nqsw", "assessor", "line_manager", "coordinator"]: whose agreement it takes
    proposed_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    proposed_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint(
            one_of("kind", ("pause", "extension", "withdrawal", "transfer", "assessor", "line_manager", "working_pattern")), name="kind"
        ),
        CheckConstraint("state IN ('proposed', 'agreed', 'refused', 'cancelled')", name="state"),
        CheckConstraint("(state = 'proposed') = (settled_at IS NULL)", name="settled"),
        CheckConstraint("from_on < to_on", name="period"),
        Index(
            "uq_enrolment_changes_open",
            "enrolment_id",
            "kind",
            unique=True,
            sqlite_where=text("state = 'proposed'"),
            postgresql_where=text("state = 'proposed'"),
        ),
    )


no_overlap(Change.__table__, "enrolment_id", "from_on", "to_on", "kind = 'pause' AND state = 'agreed'", name="ex_enrolment_changes_pause")
meaning("ex_enrolment_changes_pause", message="There is already a pause in that period.", code="periods-overlap")
meaning(
    "uq_enrolment_changes_open",
    "enrolment_changes.enrolment_id, enrolment_changes.kind",
    message="A change of this kind already waits to be agreed. Settle or cancel it first.",
    code="change-open",
)


class Agreement(Base):
    """What one of those who must agree to a change said. A line manager who also assesses agrees in both capacities."""

    __tablename__ = "agreements"
    change_id: Mapped[int] = mapped_column(ForeignKey("enrolment_changes.id"), primary_key=True)
    capacity: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    agreed: Mapped[bool]
    words: Mapped[str | None]
    at: Mapped[datetime]


redactable(Agreement.__table__, "words")
KEPT = "A plan or an agreement stays as it was written: a change makes a new one."
meaning("plans_frozen_update", "plans_frozen_delete", "agreements_frozen_update", "agreements_frozen_delete", message=KEPT, code="frozen")


class ClaimBatch(Model):
    """One extract for the grant, as it was sent."""

    __tablename__ = "claim_batches"
    kind: Mapped[str]  # registration · completion
    made_at: Mapped[datetime]
    made_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    __table_args__ = (CheckConstraint("kind IN ('registration', 'completion')", name="kind"),)


class Claim(Base):
    """One person's part of the grant was claimed; each part once."""

    __tablename__ = "claims"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolments.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("claim_batches.id"), index=True)
    pence: Mapped[int]
    __table_args__ = (CheckConstraint("kind IN ('registration', 'completion')", name="kind"),)


class Fed(Base):
    """Where an enrolment stands in the feed of changes. The number is given to changes that are committed, by one writer at a time, so
    that whoever has read up to a number misses nothing: an enrolment that changes again moves to the end."""

    __tablename__ = "enrolment_feed"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolments.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Key)
    facts: Mapped[str]  # a fingerprint of what other systems are told: another one is a change
    changed_at: Mapped[datetime]  # when the change was found
    __table_args__ = (UniqueConstraint("number", name="uq_enrolment_feed_number"),)
