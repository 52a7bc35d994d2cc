"""Programmes, their stages and documents, apprenticeship rules and supervision rules, as versioned data."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, append_only, of_a_draft, unless_draft

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = (
    "programmes",
    "programme_versions",
    "programme_stages",
    "document_templates",
    "supervision_rules",
    "apprenticeship_standards",
    "ksbs",
    "apprenticeship_rules",
)
LOADED = ("apprenticeship_standards", "ksbs", "apprenticeship_rules")  # never changed
STANDARDS = ("standards_sets", "standards")  # there before, and from now on never changed either
PARTS = ("programme_stages", "document_templates")  # of a draft
STATED = {
    "programme_versions": [
        "id",
        "programme_code",
        "version",
        "title",
        "state",
        "provisional",
        "standards_set_id",
        "starts_from",
        "starts_to",
        "nominal_months",
        "definition",
        "digest",
        "source",
        "verified",
        "created_at",
        "published_at",
        "published_by",
    ],
    "supervision_rules": ["id", "code", "version", "title", "definition", "state"],
}


def upgrade() -> None:
    op.create_table(
        "programmes",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("former_names", JSON_TYPE, nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_programmes")),
    )
    op.create_table(
        "programme_versions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("programme_code", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("standards_set_id", KEY, nullable=True),
        sa.Column("starts_from", sa.Date(), nullable=True),
        sa.Column("starts_to", sa.Date(), nullable=True),
        sa.Column("nominal_months", KEY, nullable=False),
        sa.Column("definition", JSON_TYPE, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("verified", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_by", KEY, nullable=True),
        sa.CheckConstraint("nominal_months > 0", name=op.f("ck_programme_versions_months")),
        sa.CheckConstraint("(state = 'draft') = (published_at IS NULL)", name=op.f("ck_programme_versions_published")),
        sa.CheckConstraint(
            "starts_from IS NULL OR starts_to IS NULL OR starts_from <= starts_to", name=op.f("ck_programme_versions_starts")
        ),
        sa.CheckConstraint("state IN ('draft', 'published', 'withdrawn')", name=op.f("ck_programme_versions_state")),
        sa.CheckConstraint("verified IN ('true', 'partial', 'false')", name=op.f("ck_programme_versions_verified")),
        sa.ForeignKeyConstraint(["programme_code"], ["programmes.code"], name=op.f("fk_programme_versions_programme_code")),
        sa.ForeignKeyConstraint(["published_by"], ["people.id"], name=op.f("fk_programme_versions_published_by")),
        sa.ForeignKeyConstraint(["standards_set_id"], ["standards_sets.id"], name=op.f("fk_programme_versions_standards_set_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programme_versions")),
        sa.UniqueConstraint("programme_code", "version", name=op.f("uq_programme_versions_version")),
    )
    op.create_index("ix_programme_versions_standards_set_id", "programme_versions", ["standards_set_id"])
    op.create_table(
        "programme_stages",
        sa.Column("id", KEY, nullable=False),
        sa.Column("version_id", KEY, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("due_month", KEY, nullable=False),
        sa.Column("meeting", sa.String(), nullable=True),
        sa.Column("attends", JSON_TYPE, nullable=False),
        sa.Column("optional", sa.Boolean(), nullable=False),
        sa.CheckConstraint("kind IN ('stage', 'panel', 'gateway')", name=op.f("ck_programme_stages_kind")),
        sa.CheckConstraint("number > 0 AND due_month >= 0", name=op.f("ck_programme_stages_numbers")),
        sa.ForeignKeyConstraint(["version_id"], ["programme_versions.id"], name=op.f("fk_programme_stages_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programme_stages")),
        sa.UniqueConstraint("version_id", "code", name=op.f("uq_programme_stages_code")),
        sa.UniqueConstraint("id", "version_id", name=op.f("uq_programme_stages_id_version")),
        sa.UniqueConstraint("version_id", "number", name=op.f("uq_programme_stages_number")),
    )
    op.create_table(
        "document_templates",
        sa.Column("id", KEY, nullable=False),
        sa.Column("version_id", KEY, nullable=False),
        sa.Column("stage_id", KEY, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("repeatable", sa.Boolean(), nullable=False),
        sa.Column("in_portfolio", sa.Boolean(), nullable=False),
        sa.Column("completed_by", JSON_TYPE, nullable=False),
        sa.Column("signed_by", JSON_TYPE, nullable=False),
        sa.Column("form", JSON_TYPE, nullable=False),
        sa.CheckConstraint(
            "kind IN ('form', 'observation', 'professional_feedback', 'family_feedback', 'review', 'agreement', 'self_assessment', 'plan', 'upload')",
            name=op.f("ck_document_templates_kind"),
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_document_templates_number")),
        sa.ForeignKeyConstraint(
            ["stage_id", "version_id"], ["programme_stages.id", "programme_stages.version_id"], name=op.f("fk_document_templates_stage_id")
        ),
        sa.ForeignKeyConstraint(["version_id"], ["programme_versions.id"], name=op.f("fk_document_templates_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_templates")),
        sa.UniqueConstraint("version_id", "code", name=op.f("uq_document_templates_code")),
    )
    op.create_index("ix_document_templates_stage_id", "document_templates", ["stage_id"])
    op.create_table(
        "supervision_rules",
        sa.Column("id", KEY, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("definition", JSON_TYPE, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('draft', 'published', 'withdrawn')", name=op.f("ck_supervision_rules_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_rules")),
        sa.UniqueConstraint("code", "version", name=op.f("uq_supervision_rules_version")),
    )
    op.create_table(
        "apprenticeship_standards",
        sa.Column("id", KEY, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("level", KEY, nullable=False),
        sa.Column("typical_months", KEY, nullable=False),
        sa.Column("otj_minimum_hours", KEY, nullable=True),
        sa.Column("otj_note", sa.String(), nullable=False),
        sa.Column("regulated", sa.Boolean(), nullable=False),
        sa.Column("options", JSON_TYPE, nullable=False),
        sa.Column("verified", sa.String(), nullable=False),
        sa.CheckConstraint("level BETWEEN 2 AND 8 AND typical_months > 0", name=op.f("ck_apprenticeship_standards_numbers")),
        sa.CheckConstraint("otj_minimum_hours IS NULL OR otj_minimum_hours > 0", name=op.f("ck_apprenticeship_standards_otj")),
        sa.CheckConstraint("verified IN ('true', 'partial', 'false')", name=op.f("ck_apprenticeship_standards_verified")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apprenticeship_standards")),
        sa.UniqueConstraint("code", "version", name=op.f("uq_apprenticeship_standards_version")),
    )
    op.create_table(
        "ksbs",
        sa.Column("id", KEY, nullable=False),
        sa.Column("standard_id", KEY, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.CheckConstraint("kind IN ('knowledge', 'skill', 'behaviour')", name=op.f("ck_ksbs_kind")),
        sa.ForeignKeyConstraint(["standard_id"], ["apprenticeship_standards.id"], name=op.f("fk_ksbs_standard_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ksbs")),
        sa.UniqueConstraint("standard_id", "code", name=op.f("uq_ksbs_code")),
    )
    op.create_table(
        "apprenticeship_rules",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("starts_from", sa.Date(), nullable=True),
        sa.Column("starts_to", sa.Date(), nullable=True),
        sa.Column("definition", JSON_TYPE, nullable=False),
        sa.CheckConstraint(
            "starts_from IS NULL OR starts_to IS NULL OR starts_from <= starts_to", name=op.f("ck_apprenticeship_rules_starts")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_apprenticeship_rules")),
    )

    for table, columns in STATED.items():
        unless_draft(table, columns)
    for table in PARTS:
        of_a_draft(table, "programme_versions", "version_id")
    for table in (*LOADED, *STANDARDS):
        append_only(table)


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in reversed(TABLES):
        op.drop_table(table)
    for table in STANDARDS:
        names = (f"{table}_append_only ON {table}",) if postgresql else (f"{table}_no_update", f"{table}_no_delete")
        for name in names:
            op.execute(sa.text(f"DROP TRIGGER {name}"))
    if not postgresql:
        return
    for table in (*LOADED, *STANDARDS):
        op.execute(sa.text(f"DROP FUNCTION {table}_append_only()"))
    for table in (*PARTS, *STATED):
        for verb in ("insert", "update", "delete"):
            op.execute(sa.text(f"DROP FUNCTION IF EXISTS {table}_frozen_{verb}()"))
