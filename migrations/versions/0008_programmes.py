"""Programmes: cohorts, enrolments, portfolios, sign-off, panels, apprenticeships, applications."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, add_to_end, append_only, no_overlap, refuse, reword

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = (
    "daily_heads",
    "sittings",
    "claim_batches",
    "portfolio_imports",
    "sitting_members",
    "cohorts",
    "enrolments",
    "programme_calls",
    "applications",
    "apprenticeships",
    "claims",
    "documents",
    "enrolment_changes",
    "enrolment_feed",
    "involvements",
    "panel_cases",
    "portfolio_exports",
    "stage_records",
    "agreements",
    "application_scores",
    "attachments",
    "capacities",
    "contributions",
    "document_clashes",
    "document_comments",
    "external_samples",
    "gateway_items",
    "otj_hours",
    "panel_decisions",
    "panel_readers",
    "plans",
    "progress_reviews",
    "document_revisions",
    "ksb_evidence",
    "panel_judgements",
    "plan_lines",
    "chain_entries",
    "chain_openings",
)
FROZEN = ("plans", "plan_lines", "agreements", "chain_entries", "daily_heads", "panel_decisions")
REDACTED = "NEW.salt IS NULL AND NEW.value IS NULL AND OLD.salt IS NOT NULL AND NEW.entry_id = OLD.entry_id AND NEW.path = OLD.path"
SIDES = (
    "NEW.kind IN ('document', 'addendum', 'decision') AND EXISTS (SELECT 1 FROM involvements WHERE involvements.id = NEW.involvement_id"
    " AND (involvements.person_id <> coalesce(NEW.person_id, 0) OR (involvements.side = 'moderating') <> (NEW.kind = 'decision')))"
)
SEALED = "OLD.sealed AND (NEW.redacted_at IS NULL OR NOT NEW.sealed OR NEW.document_id <> OLD.document_id OR NEW.number <> OLD.number)"
HEAD = (
    "(NEW.reference <> OLD.reference OR NEW.version_id <> OLD.version_id OR NEW.starts_on <> OLD.starts_on"
    " OR NEW.person_id <> OLD.person_id) AND EXISTS (SELECT 1 FROM chain_entries WHERE chain_entries.enrolment_id = OLD.id)"
)
SINGLE = ("assessor", "line_manager", "nqsw", "apprentice", "participant")


def upgrade() -> None:
    op.create_table(
        "daily_heads",
        sa.Column("id", KEY, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chains", KEY, nullable=False),
        sa.Column("entries", KEY, nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("heads", JSON_TYPE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daily_heads")),
    )
    op.create_table(
        "sittings",
        sa.Column("id", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("unit_id", KEY, nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reading_days", KEY, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint("state IN ('planned', 'held', 'cancelled')", name=op.f("ck_sittings_state")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_sittings_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sittings")),
    )
    op.create_table(
        "claim_batches",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", KEY, nullable=True),
        sa.CheckConstraint("kind IN ('registration', 'completion')", name=op.f("ck_claim_batches_kind")),
        sa.ForeignKeyConstraint(["made_by"], ["people.id"], name=op.f("fk_claim_batches_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim_batches")),
    )
    op.create_table(
        "portfolio_imports",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("rows", JSON_TYPE, nullable=False),
        sa.Column("problems", JSON_TYPE, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("made_by", KEY, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'applied') = (applied_at IS NOT NULL)", name=op.f("ck_portfolio_imports_applied")),
        sa.CheckConstraint("state IN ('staged', 'applied', 'dropped')", name=op.f("ck_portfolio_imports_state")),
        sa.ForeignKeyConstraint(["digest"], ["files.digest"], name=op.f("fk_portfolio_imports_digest")),
        sa.ForeignKeyConstraint(["made_by"], ["people.id"], name=op.f("fk_portfolio_imports_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portfolio_imports")),
    )
    op.create_table(
        "sitting_members",
        sa.Column("sitting_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("chair", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sitting_members_person_id")),
        sa.ForeignKeyConstraint(["sitting_id"], ["sittings.id"], name=op.f("fk_sitting_members_sitting_id")),
        sa.PrimaryKeyConstraint("sitting_id", "person_id", name=op.f("pk_sitting_members")),
    )
    op.create_index(
        "uq_sitting_members_chair",
        "sitting_members",
        ["sitting_id"],
        unique=True,
        sqlite_where=sa.text("chair"),
        postgresql_where=sa.text("chair"),
    )
    op.create_table(
        "cohorts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("version_id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_cohorts_unit_id")),
        sa.ForeignKeyConstraint(["version_id"], ["programme_versions.id"], name=op.f("fk_cohorts_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cohorts")),
        sa.UniqueConstraint("title", name="uq_cohorts_title"),
    )
    op.create_index(op.f("ix_cohorts_version_id"), "cohorts", ["version_id"], unique=False)
    op.create_table(
        "enrolments",
        sa.Column("id", KEY, nullable=False, autoincrement=True),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("cohort_id", KEY, nullable=False),
        sa.Column("version_id", KEY, nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("plan_number", KEY, nullable=False),
        sa.Column("fte", sa.Numeric(precision=4, scale=3), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("eligible", JSON_TYPE, nullable=False),
        sa.Column("grant_ok", sa.Boolean(), nullable=False),
        sa.Column("grant_reasons", JSON_TYPE, nullable=False),
        sa.Column("moved_in", sa.Boolean(), nullable=False),
        sa.Column("transferred_from", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("decision_id", KEY, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", KEY, nullable=True),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint("(status = 'completed') = (outcome IS NOT NULL)", name=op.f("ck_enrolments_completed")),
        sa.CheckConstraint("outcome IS NULL OR outcome IN ('pass', 'fail')", name=op.f("ck_enrolments_outcome")),
        sa.CheckConstraint(
            "status IN ('registered', 'in_progress', 'paused', 'awaiting_panel', 'completed', 'withdrawn', 'transferred')",
            name=op.f("ck_enrolments_status"),
        ),
        sa.CheckConstraint("(outcome IS NULL) = (decision_id IS NULL)", name=op.f("ck_enrolments_decided")),
        sa.CheckConstraint("fte > 0 AND fte <= 1.5", name=op.f("ck_enrolments_fte")),
        sa.CheckConstraint("starts_on < ends_on", name=op.f("ck_enrolments_period")),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_enrolments_cohort_id")),
        sa.ForeignKeyConstraint(["created_by"], ["people.id"], name=op.f("fk_enrolments_created_by")),
        sa.ForeignKeyConstraint(
            ["decision_id", "id", "outcome"],
            ["panel_decisions.id", "panel_decisions.enrolment_id", "panel_decisions.outcome"],
            name="fk_enrolments_decision",
            use_alter=True,
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_enrolments_person_id")),
        sa.ForeignKeyConstraint(["version_id"], ["programme_versions.id"], name=op.f("fk_enrolments_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolments")),
    )
    op.create_index(op.f("ix_enrolments_cohort_id"), "enrolments", ["cohort_id"], unique=False)
    op.create_index("ix_enrolments_cohort_status", "enrolments", ["cohort_id", "status"], unique=False)
    op.create_index(op.f("ix_enrolments_person_id"), "enrolments", ["person_id"], unique=False)
    op.create_index(op.f("ix_enrolments_version_id"), "enrolments", ["version_id"], unique=False)
    op.create_index("uq_enrolments_reference", "enrolments", ["reference"], unique=True)
    op.create_index(
        "uq_enrolments_running",
        "enrolments",
        ["person_id", "version_id"],
        unique=True,
        sqlite_where=sa.text("status NOT IN ('completed', 'withdrawn', 'transferred')"),
        postgresql_where=sa.text("status NOT IN ('completed', 'withdrawn', 'transferred')"),
    )
    op.create_table(
        "programme_calls",
        sa.Column("id", KEY, nullable=False),
        sa.Column("version_id", KEY, nullable=False),
        sa.Column("cohort_id", KEY, nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("places", KEY, nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("questions", JSON_TYPE, nullable=False),
        sa.Column("criteria", JSON_TYPE, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint("state IN ('draft', 'open', 'closed', 'decided')", name=op.f("ck_programme_calls_state")),
        sa.CheckConstraint("places > 0", name=op.f("ck_programme_calls_places")),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohorts.id"], name=op.f("fk_programme_calls_cohort_id")),
        sa.ForeignKeyConstraint(["version_id"], ["programme_versions.id"], name=op.f("fk_programme_calls_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programme_calls")),
    )
    op.create_table(
        "applications",
        sa.Column("id", KEY, nullable=False),
        sa.Column("call_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("answers", JSON_TYPE, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("manager_id", KEY, nullable=True),
        sa.Column("manager_words", sa.String(), nullable=True),
        sa.Column("manager_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reasons", sa.String(), nullable=True),
        sa.Column("feedback", sa.String(), nullable=True),
        sa.Column("decided_by", KEY, nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("enrolment_id", KEY, nullable=True),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'supported', 'not supported', 'shortlisted', 'not shortlisted', 'offered', 'declined', 'withdrawn')",
            name=op.f("ck_applications_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('offered', 'declined', 'not shortlisted') OR reasons IS NOT NULL", name=op.f("ck_applications_reasons")
        ),
        sa.ForeignKeyConstraint(["call_id"], ["programme_calls.id"], name=op.f("fk_applications_call_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["people.id"], name=op.f("fk_applications_decided_by")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_applications_enrolment_id")),
        sa.ForeignKeyConstraint(["manager_id"], ["people.id"], name=op.f("fk_applications_manager_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_applications_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applications")),
        sa.UniqueConstraint("call_id", "person_id", name="uq_applications_person"),
    )
    op.create_index(op.f("ix_applications_person_id"), "applications", ["person_id"], unique=False)
    op.create_table(
        "apprenticeships",
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("standard_id", KEY, nullable=False),
        sa.Column("rule_code", sa.String(), nullable=False),
        sa.Column("option", sa.String(), nullable=True),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("provider_keeps", sa.Boolean(), nullable=False),
        sa.Column("weekly_minutes", KEY, nullable=False),
        sa.Column("planned_minutes", KEY, nullable=False),
        sa.Column("prior_minutes", KEY, nullable=False),
        sa.Column("prior_reason", sa.String(), nullable=True),
        sa.Column("english_maths", sa.String(), nullable=False),
        sa.Column("english_maths_reason", sa.String(), nullable=True),
        sa.Column("english_maths_by", KEY, nullable=True),
        sa.Column("english_maths_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gateway_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("assessment", sa.String(), nullable=True),
        sa.Column("assessed_on", sa.Date(), nullable=True),
        sa.Column("assessed_by", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(english_maths = 'not decided') = (english_maths_at IS NULL)", name=op.f("ck_apprenticeships_english_maths_decided")
        ),
        sa.CheckConstraint(
            "assessment IS NULL OR assessment IN ('pass', 'fail', 'merit', 'distinction')", name=op.f("ck_apprenticeships_assessment")
        ),
        sa.CheckConstraint(
            "english_maths IN ('not decided', 'required', 'not required', 'met')", name=op.f("ck_apprenticeships_english_maths")
        ),
        sa.CheckConstraint("(assessment IS NULL) = (assessed_on IS NULL)", name=op.f("ck_apprenticeships_assessed")),
        sa.CheckConstraint("assessment IS NULL OR gateway_at IS NOT NULL", name=op.f("ck_apprenticeships_gateway_first")),
        sa.CheckConstraint("planned_minutes > 0 AND prior_minutes >= 0 AND weekly_minutes > 0", name=op.f("ck_apprenticeships_minutes")),
        sa.ForeignKeyConstraint(["english_maths_by"], ["people.id"], name=op.f("fk_apprenticeships_english_maths_by")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_apprenticeships_enrolment_id")),
        sa.ForeignKeyConstraint(["rule_code"], ["apprenticeship_rules.code"], name=op.f("fk_apprenticeships_rule_code")),
        sa.ForeignKeyConstraint(["standard_id"], ["apprenticeship_standards.id"], name=op.f("fk_apprenticeships_standard_id")),
        sa.PrimaryKeyConstraint("enrolment_id", name=op.f("pk_apprenticeships")),
    )
    op.create_table(
        "claims",
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("batch_id", KEY, nullable=False),
        sa.Column("pence", KEY, nullable=False),
        sa.CheckConstraint("kind IN ('registration', 'completion')", name=op.f("ck_claims_kind")),
        sa.ForeignKeyConstraint(["batch_id"], ["claim_batches.id"], name=op.f("fk_claims_batch_id")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_claims_enrolment_id")),
        sa.PrimaryKeyConstraint("enrolment_id", "kind", name=op.f("pk_claims")),
    )
    op.create_index(op.f("ix_claims_batch_id"), "claims", ["batch_id"], unique=False)
    op.create_table(
        "documents",
        sa.Column("id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("template_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("head", KEY, nullable=False),
        sa.Column("frozen", KEY, nullable=True),
        sa.Column("waiting_for", sa.String(), nullable=True),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('draft', 'sent', 'returned', 'signing', 'final', 'on paper')", name=op.f("ck_documents_state")),
        sa.CheckConstraint("state NOT IN ('signing', 'final') OR frozen IS NOT NULL", name=op.f("ck_documents_frozen")),
        sa.CheckConstraint("(waiting_for IS NULL) = (waiting_since IS NULL)", name=op.f("ck_documents_waiting")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_documents_enrolment_id")),
        sa.ForeignKeyConstraint(["template_id"], ["document_templates.id"], name=op.f("fk_documents_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint("enrolment_id", "template_id", "number", name="uq_documents_number"),
        sa.UniqueConstraint("id", "enrolment_id", name="uq_documents_enrolment"),
    )
    op.create_index(op.f("ix_documents_template_id"), "documents", ["template_id"], unique=False)
    op.create_index(
        "ix_documents_waiting",
        "documents",
        ["waiting_for", "waiting_since"],
        unique=False,
        sqlite_where=sa.text("waiting_for IS NOT NULL"),
        postgresql_where=sa.text("waiting_for IS NOT NULL"),
    )
    op.create_table(
        "enrolment_changes",
        sa.Column("id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("details", JSON_TYPE, nullable=False),
        sa.Column("needs", JSON_TYPE, nullable=False),
        sa.Column("proposed_by", KEY, nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'proposed') = (settled_at IS NULL)", name=op.f("ck_enrolment_changes_settled")),
        sa.CheckConstraint(
            "kind IN ('pause', 'extension', 'withdrawal', 'transfer', 'assessor', 'line_manager', 'working_pattern')",
            name=op.f("ck_enrolment_changes_kind"),
        ),
        sa.CheckConstraint("state IN ('proposed', 'agreed', 'refused', 'cancelled')", name=op.f("ck_enrolment_changes_state")),
        sa.CheckConstraint("from_on < to_on", name=op.f("ck_enrolment_changes_period")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_enrolment_changes_enrolment_id")),
        sa.ForeignKeyConstraint(["proposed_by"], ["people.id"], name=op.f("fk_enrolment_changes_proposed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_changes")),
    )
    op.create_index(op.f("ix_enrolment_changes_enrolment_id"), "enrolment_changes", ["enrolment_id"], unique=False)
    op.create_index(
        "uq_enrolment_changes_open",
        "enrolment_changes",
        ["enrolment_id", "kind"],
        unique=True,
        sqlite_where=sa.text("state = 'proposed'"),
        postgresql_where=sa.text("state = 'proposed'"),
    )
    op.create_table(
        "enrolment_feed",
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("facts", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_enrolment_feed_enrolment_id")),
        sa.PrimaryKeyConstraint("enrolment_id", name=op.f("pk_enrolment_feed")),
        sa.UniqueConstraint("number", name="uq_enrolment_feed_number"),
    )
    op.create_table(
        "involvements",
        sa.Column("id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("side IN ('learner', 'assessing', 'moderating')", name=op.f("ck_involvements_side")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_involvements_enrolment_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_involvements_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_involvements")),
        sa.UniqueConstraint("enrolment_id", "person_id", name="uq_involvements_person"),
        sa.UniqueConstraint("id", "enrolment_id", "side", name="uq_involvements_side"),
        sa.UniqueConstraint("id", "enrolment_id", name="uq_involvements_enrolment"),
    )
    op.create_index(op.f("ix_involvements_person_id"), "involvements", ["person_id"], unique=False)
    op.create_table(
        "panel_cases",
        sa.Column("id", KEY, nullable=False),
        sa.Column("sitting_id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("recommended", sa.String(), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("listed_head", sa.String(), nullable=False),
        sa.Column("anonymised_by", KEY, nullable=True),
        sa.Column("anonymised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("programme_feedback", sa.String(), nullable=True),
        sa.CheckConstraint("recommended IN ('pass', 'fail')", name=op.f("ck_panel_cases_recommended")),
        sa.CheckConstraint("state IN ('listed', 'decided', 'withdrawn')", name=op.f("ck_panel_cases_state")),
        sa.ForeignKeyConstraint(["anonymised_by"], ["people.id"], name=op.f("fk_panel_cases_anonymised_by")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_panel_cases_enrolment_id")),
        sa.ForeignKeyConstraint(["sitting_id"], ["sittings.id"], name=op.f("fk_panel_cases_sitting_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_panel_cases")),
        sa.UniqueConstraint("id", "enrolment_id", name="uq_panel_cases_enrolment"),
    )
    op.create_index(op.f("ix_panel_cases_enrolment_id"), "panel_cases", ["enrolment_id"], unique=False)
    op.create_index(op.f("ix_panel_cases_sitting_id"), "panel_cases", ["sitting_id"], unique=False)
    op.create_index(
        "uq_panel_cases_listed",
        "panel_cases",
        ["enrolment_id"],
        unique=True,
        sqlite_where=sa.text("state = 'listed'"),
        postgresql_where=sa.text("state = 'listed'"),
    )
    op.create_table(
        "portfolio_exports",
        sa.Column("id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("asked_by", KEY, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("failed", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["asked_by"], ["people.id"], name=op.f("fk_portfolio_exports_asked_by")),
        sa.ForeignKeyConstraint(["digest"], ["files.digest"], name=op.f("fk_portfolio_exports_digest")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_portfolio_exports_enrolment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portfolio_exports")),
    )
    op.create_index(op.f("ix_portfolio_exports_enrolment_id"), "portfolio_exports", ["enrolment_id"], unique=False)
    op.create_table(
        "stage_records",
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("stage_id", KEY, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("meeting_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_on", sa.Date(), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("on_paper", sa.Boolean(), nullable=False),
        sa.CheckConstraint("state <> 'complete' OR completed_at IS NOT NULL", name=op.f("ck_stage_records_completed")),
        sa.CheckConstraint("state IN ('not started', 'open', 'complete', 'not needed')", name=op.f("ck_stage_records_state")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_stage_records_enrolment_id")),
        sa.ForeignKeyConstraint(["stage_id"], ["programme_stages.id"], name=op.f("fk_stage_records_stage_id")),
        sa.PrimaryKeyConstraint("enrolment_id", "stage_id", name=op.f("pk_stage_records")),
    )
    op.create_table(
        "agreements",
        sa.Column("change_id", KEY, nullable=False),
        sa.Column("capacity", sa.String(), nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("agreed", sa.Boolean(), nullable=False),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["change_id"], ["enrolment_changes.id"], name=op.f("fk_agreements_change_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_agreements_person_id")),
        sa.PrimaryKeyConstraint("change_id", "capacity", name=op.f("pk_agreements")),
    )
    op.create_table(
        "application_scores",
        sa.Column("application_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("scores", JSON_TYPE, nullable=False),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], name=op.f("fk_application_scores_application_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_application_scores_person_id")),
        sa.PrimaryKeyConstraint("application_id", "person_id", name=op.f("pk_application_scores")),
    )
    op.create_table(
        "attachments",
        sa.Column("id", KEY, nullable=False),
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("added_by", KEY, nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["added_by"], ["people.id"], name=op.f("fk_attachments_added_by")),
        sa.ForeignKeyConstraint(["digest"], ["files.digest"], name=op.f("fk_attachments_digest")),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=op.f("fk_attachments_document_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
    )
    op.create_index(op.f("ix_attachments_document_id"), "attachments", ["document_id"], unique=False)
    op.create_table(
        "capacities",
        sa.Column("id", KEY, nullable=False),
        sa.Column("involvement_id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("capacity", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.CheckConstraint(
            "(side = 'learner' AND capacity IN ('nqsw', 'apprentice', 'participant')) OR (side = 'assessing' AND capacity IN ('assessor', 'line_manager', 'observer', 'other_professional', 'employer', 'provider', 'mentor')) OR (side = 'moderating' AND capacity IN ('chair', 'panel_member', 'external_moderator'))",
            name=op.f("ck_capacities_side"),
        ),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_capacities_period")),
        sa.ForeignKeyConstraint(
            ["involvement_id", "enrolment_id", "side"],
            ["involvements.id", "involvements.enrolment_id", "involvements.side"],
            name=op.f("fk_capacities_involvement_id_enrolment_id_side"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_capacities")),
    )
    op.create_index(op.f("ix_capacities_enrolment_id"), "capacities", ["enrolment_id"], unique=False)
    op.create_index(op.f("ix_capacities_involvement_id"), "capacities", ["involvement_id"], unique=False)
    op.create_table(
        "contributions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("registration_number", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("person_id", KEY, nullable=True),
        sa.Column("draft", JSON_TYPE, nullable=False),
        sa.Column("reply", sa.String(), nullable=True),
        sa.Column("asked_by", KEY, nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'given') = (given_at IS NOT NULL)", name=op.f("ck_contributions_given")),
        sa.CheckConstraint("state IN ('asked', 'given', 'declined', 'expired', 'withdrawn')", name=op.f("ck_contributions_state")),
        sa.ForeignKeyConstraint(["asked_by"], ["people.id"], name=op.f("fk_contributions_asked_by")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_contributions_person_id")),
        sa.ForeignKeyConstraint(
            ["document_id", "enrolment_id"],
            ["documents.id", "documents.enrolment_id"],
            name=op.f("fk_contributions_document_id_enrolment_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contributions")),
        sa.UniqueConstraint("id", "document_id", name="uq_contributions_document"),
    )
    op.create_index(op.f("ix_contributions_document_id"), "contributions", ["document_id"], unique=False)
    op.create_index(op.f("ix_contributions_person_id"), "contributions", ["person_id"], unique=False)
    op.create_index(
        "ix_contributions_due",
        "contributions",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("state = 'asked'"),
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_table(
        "document_clashes",
        sa.Column("id", KEY, nullable=False),
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("base", KEY, nullable=False),
        sa.Column("against", KEY, nullable=False),
        sa.Column("sitting", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=op.f("fk_document_clashes_document_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_document_clashes_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_clashes")),
    )
    op.create_index(op.f("ix_document_clashes_document_id"), "document_clashes", ["document_id"], unique=False)
    op.create_table(
        "document_comments",
        sa.Column("id", KEY, nullable=False),
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("item", sa.String(), nullable=True),
        sa.Column("revision", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=op.f("fk_document_comments_document_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_document_comments_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_comments")),
    )
    op.create_index(op.f("ix_document_comments_document_id"), "document_comments", ["document_id"], unique=False)
    op.create_table(
        "external_samples",
        sa.Column("id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("involvement_id", KEY, nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("sampled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("feedback", sa.String(), nullable=True),
        sa.Column("agrees", sa.Boolean(), nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("side = 'moderating'", name=op.f("ck_external_samples_side")),
        sa.CheckConstraint("(given_at IS NULL) = (feedback IS NULL)", name=op.f("ck_external_samples_given")),
        sa.ForeignKeyConstraint(
            ["involvement_id", "enrolment_id", "side"],
            ["involvements.id", "involvements.enrolment_id", "involvements.side"],
            name=op.f("fk_external_samples_involvement_id_enrolment_id_side"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_samples")),
        sa.UniqueConstraint("enrolment_id", "involvement_id", name="uq_external_samples_once"),
    )
    op.create_table(
        "gateway_items",
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("by_id", KEY, nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["people.id"], name=op.f("fk_gateway_items_by_id")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_gateway_items_enrolment_id")),
        sa.PrimaryKeyConstraint("enrolment_id", "code", name=op.f("pk_gateway_items")),
    )
    op.create_table(
        "otj_hours",
        sa.Column("id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("minutes", KEY, nullable=False),
        sa.Column("activity", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("booking_id", KEY, nullable=True),
        sa.Column("recorded_by", KEY, nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verified_by", KEY, nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused", sa.String(), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("source IN ('own', 'attendance', 'import')", name=op.f("ck_otj_hours_source")),
        sa.CheckConstraint(
            "verified_by IS NULL OR recorded_by IS NULL OR verified_by <> recorded_by OR source <> 'own'",
            name=op.f("ck_otj_hours_not_oneself"),
        ),
        sa.CheckConstraint("minutes BETWEEN 1 AND 960", name=op.f("ck_otj_hours_minutes")),
        sa.CheckConstraint("verified_at IS NULL OR refused IS NULL", name=op.f("ck_otj_hours_verified")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_otj_hours_booking_id")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["apprenticeships.enrolment_id"], name=op.f("fk_otj_hours_enrolment_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["people.id"], name=op.f("fk_otj_hours_recorded_by")),
        sa.ForeignKeyConstraint(["verified_by"], ["people.id"], name=op.f("fk_otj_hours_verified_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_otj_hours")),
    )
    op.create_index(op.f("ix_otj_hours_enrolment_id"), "otj_hours", ["enrolment_id"], unique=False)
    op.create_index(
        "uq_otj_hours_booking",
        "otj_hours",
        ["enrolment_id", "booking_id"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_table(
        "panel_decisions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("reasons", sa.String(), nullable=False),
        sa.Column("to_learner", sa.String(), nullable=True),
        sa.Column("to_assessor", sa.String(), nullable=True),
        sa.Column("checklist", JSON_TYPE, nullable=False),
        sa.Column("decided_by", KEY, nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(kind = 'confirm') = (outcome IS NOT NULL)", name=op.f("ck_panel_decisions_outcome")),
        sa.CheckConstraint("kind IN ('confirm', 'return', 'not_confirmed')", name=op.f("ck_panel_decisions_kind")),
        sa.CheckConstraint("outcome IS NULL OR outcome IN ('pass', 'fail')", name=op.f("ck_panel_decisions_outcomes")),
        sa.ForeignKeyConstraint(
            ["case_id", "enrolment_id"],
            ["panel_cases.id", "panel_cases.enrolment_id"],
            name=op.f("fk_panel_decisions_case_id_enrolment_id"),
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["people.id"], name=op.f("fk_panel_decisions_decided_by")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_panel_decisions_enrolment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_panel_decisions")),
        sa.UniqueConstraint("id", "enrolment_id", "outcome", name="uq_panel_decisions_outcome"),
        sa.UniqueConstraint("id", "enrolment_id", name="uq_panel_decisions_enrolment"),
    )
    op.create_index(op.f("ix_panel_decisions_enrolment_id"), "panel_decisions", ["enrolment_id"], unique=False)
    op.create_index("uq_panel_decisions_case", "panel_decisions", ["case_id"], unique=True)
    op.create_table(
        "panel_readers",
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("involvement_id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("lead", sa.Boolean(), nullable=False),
        sa.CheckConstraint("side = 'moderating'", name=op.f("ck_panel_readers_side")),
        sa.ForeignKeyConstraint(
            ["case_id", "enrolment_id"], ["panel_cases.id", "panel_cases.enrolment_id"], name=op.f("fk_panel_readers_case_id_enrolment_id")
        ),
        sa.ForeignKeyConstraint(
            ["involvement_id", "enrolment_id", "side"],
            ["involvements.id", "involvements.enrolment_id", "involvements.side"],
            name=op.f("fk_panel_readers_involvement_id_enrolment_id_side"),
        ),
        sa.PrimaryKeyConstraint("case_id", "involvement_id", name=op.f("pk_panel_readers")),
    )
    op.create_table(
        "plans",
        sa.Column("id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("change_id", KEY, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", KEY, nullable=True),
        sa.ForeignKeyConstraint(["change_id"], ["enrolment_changes.id"], name=op.f("fk_plans_change_id")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_plans_enrolment_id")),
        sa.ForeignKeyConstraint(["made_by"], ["people.id"], name=op.f("fk_plans_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("enrolment_id", "number", name="uq_plans_number"),
    )
    op.create_table(
        "progress_reviews",
        sa.Column("id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=True),
        sa.Column("document_id", KEY, nullable=True),
        sa.Column("imported", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id", "enrolment_id"],
            ["documents.id", "documents.enrolment_id"],
            name=op.f("fk_progress_reviews_document_id_enrolment_id"),
        ),
        sa.ForeignKeyConstraint(["enrolment_id"], ["apprenticeships.enrolment_id"], name=op.f("fk_progress_reviews_enrolment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_progress_reviews")),
        sa.UniqueConstraint("enrolment_id", "number", name="uq_progress_reviews_number"),
    )
    op.create_table(
        "document_revisions",
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("base", KEY, nullable=False),
        sa.Column("content", JSON_TYPE, nullable=False),
        sa.Column("standards", JSON_TYPE, nullable=False),
        sa.Column("author_id", KEY, nullable=True),
        sa.Column("contribution_id", KEY, nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sitting", sa.String(), nullable=False),
        sa.Column("turn", KEY, nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("redacted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("base < number", name=op.f("ck_document_revisions_base")),
        sa.ForeignKeyConstraint(["author_id"], ["people.id"], name=op.f("fk_document_revisions_author_id")),
        sa.ForeignKeyConstraint(
            ["contribution_id", "document_id"],
            ["contributions.id", "contributions.document_id"],
            name=op.f("fk_document_revisions_contribution_id_document_id"),
        ),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=op.f("fk_document_revisions_document_id")),
        sa.PrimaryKeyConstraint("document_id", "number", name=op.f("pk_document_revisions")),
    )
    op.create_table(
        "ksb_evidence",
        sa.Column("id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("ksb_id", KEY, nullable=False),
        sa.Column("document_id", KEY, nullable=True),
        sa.Column("hours_id", KEY, nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", KEY, nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(confirmed_by IS NULL) = (confirmed_at IS NULL)", name=op.f("ck_ksb_evidence_confirmed")),
        sa.CheckConstraint("(document_id IS NULL) <> (hours_id IS NULL)", name=op.f("ck_ksb_evidence_one_source")),
        sa.ForeignKeyConstraint(["confirmed_by"], ["people.id"], name=op.f("fk_ksb_evidence_confirmed_by")),
        sa.ForeignKeyConstraint(
            ["document_id", "enrolment_id"],
            ["documents.id", "documents.enrolment_id"],
            name=op.f("fk_ksb_evidence_document_id_enrolment_id"),
        ),
        sa.ForeignKeyConstraint(["enrolment_id"], ["apprenticeships.enrolment_id"], name=op.f("fk_ksb_evidence_enrolment_id")),
        sa.ForeignKeyConstraint(["hours_id"], ["otj_hours.id"], name=op.f("fk_ksb_evidence_hours_id")),
        sa.ForeignKeyConstraint(["ksb_id"], ["ksbs.id"], name=op.f("fk_ksb_evidence_ksb_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ksb_evidence")),
    )
    op.create_index(op.f("ix_ksb_evidence_enrolment_id"), "ksb_evidence", ["enrolment_id"], unique=False)
    op.create_table(
        "panel_judgements",
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("involvement_id", KEY, nullable=False),
        sa.Column("criteria", JSON_TYPE, nullable=False),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id", "involvement_id"],
            ["panel_readers.case_id", "panel_readers.involvement_id"],
            name=op.f("fk_panel_judgements_case_id_involvement_id"),
        ),
        sa.PrimaryKeyConstraint("case_id", "involvement_id", name=op.f("pk_panel_judgements")),
    )
    op.create_table(
        "plan_lines",
        sa.Column("plan_id", KEY, nullable=False),
        sa.Column("stage_id", KEY, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_plan_lines_plan_id")),
        sa.ForeignKeyConstraint(["stage_id"], ["programme_stages.id"], name=op.f("fk_plan_lines_stage_id")),
        sa.PrimaryKeyConstraint("plan_id", "stage_id", name=op.f("pk_plan_lines")),
    )
    op.create_table(
        "chain_entries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("enrolment_id", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("document_id", KEY, nullable=True),
        sa.Column("revision", KEY, nullable=True),
        sa.Column("change_id", KEY, nullable=True),
        sa.Column("decision_id", KEY, nullable=True),
        sa.Column("involvement_id", KEY, nullable=True),
        sa.Column("person_id", KEY, nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("canonical", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind <> 'document' OR (document_id IS NOT NULL AND revision IS NOT NULL AND involvement_id IS NOT NULL)",
            name=op.f("ck_chain_entries_document"),
        ),
        sa.CheckConstraint(
            "kind IN ('document', 'stage', 'agreement', 'decision', 'addendum', 'declined', 'redaction', 'paper')",
            name=op.f("ck_chain_entries_kind"),
        ),
        sa.CheckConstraint("length(hash) = 64 AND length(previous) = 64", name=op.f("ck_chain_entries_hash")),
        sa.CheckConstraint("sequence > 0", name=op.f("ck_chain_entries_sequence")),
        sa.ForeignKeyConstraint(["change_id"], ["enrolment_changes.id"], name=op.f("fk_chain_entries_change_id")),
        sa.ForeignKeyConstraint(
            ["decision_id", "enrolment_id"],
            ["panel_decisions.id", "panel_decisions.enrolment_id"],
            name=op.f("fk_chain_entries_decision_id_enrolment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["document_id", "enrolment_id"],
            ["documents.id", "documents.enrolment_id"],
            name=op.f("fk_chain_entries_document_id_enrolment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["document_id", "revision"],
            ["document_revisions.document_id", "document_revisions.number"],
            name=op.f("fk_chain_entries_document_id_revision"),
        ),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolments.id"], name=op.f("fk_chain_entries_enrolment_id")),
        sa.ForeignKeyConstraint(
            ["involvement_id", "enrolment_id"],
            ["involvements.id", "involvements.enrolment_id"],
            name=op.f("fk_chain_entries_involvement_id_enrolment_id"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_chain_entries_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_entries")),
        sa.UniqueConstraint("document_id", "revision", "involvement_id", name="uq_chain_entries_signature"),
        sa.UniqueConstraint("enrolment_id", "previous", name="uq_chain_entries_previous"),
        sa.UniqueConstraint("enrolment_id", "sequence", name="uq_chain_entries_sequence"),
        sa.UniqueConstraint("id", "enrolment_id", name="uq_chain_entries_enrolment"),
    )
    op.create_index("ix_chain_entries_hash", "chain_entries", ["hash"], unique=False)
    op.create_index(op.f("ix_chain_entries_person_id"), "chain_entries", ["person_id"], unique=False)
    op.create_table(
        "chain_openings",
        sa.Column("entry_id", KEY, nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("salt", sa.String(), nullable=True),
        sa.Column("value", sa.String(), nullable=True),
        sa.Column("redacted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(salt IS NULL) = (redacted_at IS NOT NULL)", name=op.f("ck_chain_openings_redacted")),
        sa.ForeignKeyConstraint(["entry_id"], ["chain_entries.id"], name=op.f("fk_chain_openings_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", "path", name=op.f("pk_chain_openings")),
    )
    _guards()
    _links()


OLD_PURPOSES = "purpose IN ('invitation', 'reset', 'offer')"
PURPOSES = OLD_PURPOSES.replace(")", ", 'contribution')")
HOLDER = "(person_id IS NULL) = (purpose = 'contribution')"


def _links() -> None:
    """A link may be for somebody without an account: it is the contribution's then, and nobody's of ours."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("links", "person_id", nullable=True)
        op.drop_constraint("ck_links_purpose", "links", type_="check")
        op.create_check_constraint(op.f("ck_links_purpose"), "links", PURPOSES)
        op.create_check_constraint(op.f("ck_links_holder"), "links", HOLDER)
    else:
        reword("links", ("person_id INTEGER NOT NULL", "person_id INTEGER"), (OLD_PURPOSES, PURPOSES))
        add_to_end("links", f"CONSTRAINT ck_links_holder CHECK ({HOLDER})")


def _links_before() -> None:
    op.execute(sa.text("DELETE FROM links WHERE purpose = 'contribution'"))
    if op.get_bind().dialect.name == "postgresql":
        for name in ("holder", "purpose"):
            op.drop_constraint(f"ck_links_{name}", "links", type_="check")
        op.create_check_constraint(op.f("ck_links_purpose"), "links", OLD_PURPOSES)
        op.alter_column("links", "person_id", nullable=False)
    else:
        holder = f", \n\tCONSTRAINT ck_links_holder CHECK ({HOLDER})"
        reword("links", (holder, ""), (PURPOSES, OLD_PURPOSES), ("person_id INTEGER", "person_id INTEGER NOT NULL"))


def _guards() -> None:
    if op.get_bind().dialect.name == "postgresql":  # SQLite has it from the table's creation
        op.create_foreign_key(
            "fk_enrolments_decision", "enrolments", "panel_decisions", ["decision_id", "id", "outcome"], ["id", "enrolment_id", "outcome"]
        )
    for single in SINGLE:
        no_overlap("capacities", "enrolment_id", "valid_from", "valid_to", f"capacity = '{single}'", name=f"ex_capacities_{single}")
    no_overlap(
        "enrolment_changes", "enrolment_id", "from_on", "to_on", "kind = 'pause' AND state = 'agreed'", name="ex_enrolment_changes_pause"
    )
    for table in FROZEN:
        append_only(table)
    refuse("document_revisions", "UPDATE", "document_revisions_sealed", SEALED)
    refuse("document_revisions", "DELETE", "document_revisions_kept", "OLD.number > 0")
    refuse("enrolments", "UPDATE", "enrolments_signed", HEAD)
    refuse("chain_entries", "INSERT", "chain_entries_side", SIDES)
    refuse("chain_openings", "UPDATE", "chain_openings_frozen", f"NOT ({REDACTED})")
    refuse("chain_openings", "DELETE", "chain_openings_kept", "OLD.entry_id > 0")


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    _links_before()
    if postgresql:
        op.drop_constraint("fk_enrolments_decision", "enrolments", type_="foreignkey")
    for table in reversed(TABLES):
        op.drop_table(table)
    if postgresql:
        for name in (*(f"{table}_append_only" for table in FROZEN), "document_revisions_sealed", "document_revisions_kept"):
            op.execute(sa.text(f"DROP FUNCTION {name}()"))
        op.execute(sa.text("DROP FUNCTION chain_openings_frozen()"))
        op.execute(sa.text("DROP FUNCTION enrolments_signed()"))
        op.execute(sa.text("DROP FUNCTION chain_entries_side()"))
        op.execute(sa.text("DROP FUNCTION chain_openings_kept()"))
