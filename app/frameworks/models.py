"""Standards sets, programmes and rules, each with its own version. They are data: loaded from files, never written in code.

Whatever an enrolment was pinned to stays as it was: the database itself refuses to change what is published (docs/decisions/0018).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, UniqueConstraint

from app.core.db import Base, Model, append_only
from app.core.declared import Mapped, mapped_column
from app.core.frozen import of_a_draft, unless_draft
from app.core.ledger import Json


class StandardsSet(Model):
    """One version of one set of standards, such as the practitioner post-qualifying standards."""

    __tablename__ = "standards_sets"
    code: Mapped[str]
    version: Mapped[str]
    title: Mapped[str]
    in_force_from: Mapped[date | None]
    in_force_to: Mapped[date | None]
    verified: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (UniqueConstraint("code", "version", name="uq_standards_sets_version"),)


class Standard(Base):
    """One standard; its code ("PQS-P-01") is unique over all sets."""

    __tablename__ = "standards"
    code: Mapped[str] = mapped_column(primary_key=True)
    set_id: Mapped[int] = mapped_column(ForeignKey("standards_sets.id"), index=True)
    number: Mapped[int]
    title: Mapped[str]
    verified: Mapped[bool] = mapped_column(default=False)


class Programme(Base):
    """A programme that people are enrolled on, whatever its version; its title is today's name, and it may have had others."""

    __tablename__ = "programmes"
    code: Mapped[str] = mapped_column(primary_key=True)  # ASYE-CF
    title: Mapped[str]
    former_names: Mapped[list[str]] = mapped_column(Json, default=list)


class ProgrammeVersion(Model):
    """One version of a programme. Enrolments are pinned to it, so from publication on nothing of it changes; it can be withdrawn."""

    __tablename__ = "programme_versions"
    programme_code: Mapped[str] = mapped_column(ForeignKey("programmes.code"))
    version: Mapped[str]
    title: Mapped[str]
    state: Mapped[str] = mapped_column(default="draft")  # draft · published · withdrawn: for no new enrolment
    provisional: Mapped[bool] = mapped_column(default=False)  # published before the national text was settled, and says so
    standards_set_id: Mapped[int | None] = mapped_column(ForeignKey("standards_sets.id"), index=True)
    starts_from: Mapped[date | None]  # the first and the last start date of an enrolment on it
    starts_to: Mapped[date | None]
    nominal_months: Mapped[int]
    definition: Mapped[dict[str, Any]] = mapped_column(Json)  # the whole of it, as loading validated it; see app.frameworks.schema
    digest: Mapped[str]  # SHA-256 of the definition's canonical JSON
    source: Mapped[str] = mapped_column(default="")  # where its facts are from, in words
    verified: Mapped[str] = mapped_column(default="false")  # true · partial · false: seen in a published source
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    published_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL on a published one: the service's own command line
    __table_args__ = (
        UniqueConstraint("programme_code", "version", name="uq_programme_versions_version"),
        CheckConstraint("state IN ('draft', 'published', 'withdrawn')", name="state"),
        CheckConstraint("(state = 'draft') = (published_at IS NULL)", name="published"),
        CheckConstraint("verified IN ('true', 'partial', 'false')", name="verified"),
        CheckConstraint("nominal_months > 0", name="months"),
        CheckConstraint("starts_from IS NULL OR starts_to IS NULL OR starts_from <= starts_to", name="starts"),
    )


class ProgrammeStage(Model):
    """A stage of one version: a part with its review, a panel, or an apprenticeship's gateway."""

    __tablename__ = "programme_stages"
    version_id: Mapped[int] = mapped_column(ForeignKey("programme_versions.id"))
    code: Mapped[str]
    number: Mapped[int]  # their order
    title: Mapped[str]
    kind: Mapped[str] = mapped_column(default="stage")  # stage · panel · gateway
    due_month: Mapped[int]  # months after the start by which its review is due
    meeting: Mapped[str | None]
    attends: Mapped[list[str]] = mapped_column(Json, default=list)  # roles
    optional: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (
        UniqueConstraint("version_id", "code", name="uq_programme_stages_code"),
        UniqueConstraint("version_id", "number", name="uq_programme_stages_number"),
        UniqueConstraint("id", "version_id", name="uq_programme_stages_id_version"),
        CheckConstraint("kind IN ('stage', 'panel', 'gateway')", name="kind"),
        CheckConstraint("number > 0 AND due_month >= 0", name="numbers"),
    )


class DocumentTemplate(Model):
    """A document that a stage of one version asks for, with its form."""

    __tablename__ = "document_templates"
    version_id: Mapped[int] = mapped_column(ForeignKey("programme_versions.id"))
    stage_id: Mapped[int] = mapped_column(index=True)
    code: Mapped[str]
    number: Mapped[int]  # their order in the whole version
    title: Mapped[str]
    kind: Mapped[str]  # one of DOCUMENT_KINDS
    required: Mapped[bool] = mapped_column(default=True)
    repeatable: Mapped[bool] = mapped_column(default=False)
    in_portfolio: Mapped[bool] = mapped_column(default=True)  # False: shown to be there, its text left out of the portfolio
    completed_by: Mapped[list[str]] = mapped_column(Json, default=list)  # roles
    signed_by: Mapped[list[str]] = mapped_column(Json, default=list)  # roles in the order of signing; empty: not signed
    form: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # {"sections": [{code, title, guidance, items: [{code, label, …}]}]}
    __table_args__ = (
        ForeignKeyConstraint(
            ["stage_id", "version_id"], ["programme_stages.id", "programme_stages.version_id"], name="fk_document_templates_stage_id"
        ),
        UniqueConstraint("version_id", "code", name="uq_document_templates_code"),
        CheckConstraint(
            "kind IN ('form', 'observation', 'professional_feedback', 'family_feedback', 'review', 'agreement', 'self_assessment', "
            "'plan', 'upload')",
            name="kind",
        ),
        CheckConstraint("number > 0", name="number"),
    )


class SupervisionRule(Model):
    """How often supervision is due, for how long, and what counts; a changed rule is a new version."""

    __tablename__ = "supervision_rules"
    code: Mapped[str]
    version: Mapped[str]
    title: Mapped[str]
    definition: Mapped[dict[str, Any]] = mapped_column(Json)  # see app.frameworks.rule_schema
    state: Mapped[str] = mapped_column(default="draft")  # draft · published · withdrawn
    __table_args__ = (
        UniqueConstraint("code", "version", name="uq_supervision_rules_version"),
        CheckConstraint("state IN ('draft', 'published', 'withdrawn')", name="state"),
    )


class ApprenticeshipStandard(Model):
    """One version of an occupational standard. Never changed: a published figure is entered as a new version; the newest counts."""

    __tablename__ = "apprenticeship_standards"
    code: Mapped[str]  # ST0510
    version: Mapped[str]
    title: Mapped[str]
    level: Mapped[int]
    typical_months: Mapped[int]
    otj_minimum_hours: Mapped[int | None]  # off-the-job training; NULL: the figure is not entered yet
    otj_note: Mapped[str] = mapped_column(default="")  # where the figure is from
    regulated: Mapped[bool] = mapped_column(default=False)  # leads to registration
    options: Mapped[list[str]] = mapped_column(Json, default=list)
    verified: Mapped[str] = mapped_column(default="false")  # true · partial · false
    __table_args__ = (
        UniqueConstraint("code", "version", name="uq_apprenticeship_standards_version"),
        CheckConstraint("verified IN ('true', 'partial', 'false')", name="verified"),
        CheckConstraint("level BETWEEN 2 AND 8 AND typical_months > 0", name="numbers"),
        CheckConstraint("otj_minimum_hours IS NULL OR otj_minimum_hours > 0", name="otj"),
    )


class Ksb(Model):
    """A piece of knowledge, a skill or a behaviour that a standard asks for."""

    __tablename__ = "ksbs"
    standard_id: Mapped[int] = mapped_column(ForeignKey("apprenticeship_standards.id"))
    code: Mapped[str]  # K1
    kind: Mapped[str]  # knowledge · skill · behaviour
    number: Mapped[int]  # their order
    title: Mapped[str]
    verified: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (
        UniqueConstraint("standard_id", "code", name="uq_ksbs_code"),
        CheckConstraint("kind IN ('knowledge', 'skill', 'behaviour')", name="kind"),
    )


class ApprenticeshipRule(Base):
    """The funding rules that an apprenticeship is under for its whole life, by its start date."""

    __tablename__ = "apprenticeship_rules"
    code: Mapped[str] = mapped_column(primary_key=True)  # APP-2025
    starts_from: Mapped[date | None]  # the first and the last start date; NULL: open
    starts_to: Mapped[date | None]
    definition: Mapped[dict[str, Any]] = mapped_column(Json)  # see app.frameworks.rule_schema
    __table_args__ = (CheckConstraint("starts_from IS NULL OR starts_to IS NULL OR starts_from <= starts_to", name="starts"),)


unless_draft(ProgrammeVersion.__table__)
unless_draft(SupervisionRule.__table__)
of_a_draft(ProgrammeStage.__table__, ProgrammeVersion.__table__, "version_id")
of_a_draft(DocumentTemplate.__table__, ProgrammeVersion.__table__, "version_id")
for _loaded in (StandardsSet, Standard, ApprenticeshipStandard, Ksb, ApprenticeshipRule):
    append_only(_loaded.__table__)
