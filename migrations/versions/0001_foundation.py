"""People, frameworks, identity, catalogue, bookings, ledger: the first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, append_only, drop_full_text, full_text, no_overlap

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index("ix_attempts_key", "attempts", ["key", "at"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("actor_id", KEY, nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("subject_id", KEY, nullable=True),
        sa.Column("person_id", KEY, nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("facts", JSON_TYPE, nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_person", "audit", ["person_id", "at"], unique=False)
    op.create_index("ix_audit_subject", "audit", ["subject", "subject_id"], unique=False)
    op.create_table(
        "career_stages",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("rank", KEY, nullable=False),
        sa.Column("stage_group", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_career_stages")),
    )
    op.create_table(
        "curricula",
        sa.Column("id", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("needed", KEY, nullable=True),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint("(rule = 'any') = (needed IS NOT NULL)", name=op.f("ck_curricula_needed")),
        sa.CheckConstraint("rule IN ('all', 'any')", name=op.f("ck_curricula_rule")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_curricula")),
        sa.UniqueConstraint("title", name=op.f("uq_curricula_title")),
    )
    op.create_table(
        "groups",
        sa.Column("id", KEY, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("code", name=op.f("uq_groups_code")),
    )
    op.create_table(
        "job_runs",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runs")),
        sa.UniqueConstraint("name", "due_at", name="uq_job_runs_turn"),
    )
    op.create_table(
        "providers",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_providers")),
        sa.UniqueConstraint("name", name=op.f("uq_providers_name")),
    )
    op.create_table(
        "rooms",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("capacity", KEY, nullable=False),
        sa.Column("access_notes", sa.String(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.CheckConstraint("capacity > 0", name=op.f("ck_rooms_capacity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rooms")),
        sa.UniqueConstraint("name", name=op.f("uq_rooms_name")),
    )
    op.create_table(
        "series",
        sa.Column("id", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("title", name=op.f("uq_series_title")),
    )
    op.create_table(
        "standards_sets",
        sa.Column("id", KEY, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("in_force_from", sa.Date(), nullable=True),
        sa.Column("in_force_to", sa.Date(), nullable=True),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standards_sets")),
        sa.UniqueConstraint("code", "version", name="uq_standards_sets_version"),
    )
    op.create_table(
        "units",
        sa.Column("id", KEY, nullable=False),
        sa.Column("parent_id", KEY, nullable=True),
        sa.Column("organisation_id", KEY, nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("search_text", sa.String(), nullable=False),
        sa.Column("host", sa.Boolean(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint("(kind = 'organisation') = (parent_id IS NULL)", name=op.f("ck_units_root")),
        sa.CheckConstraint("kind IN ('organisation', 'service', 'locality', 'team')", name=op.f("ck_units_kind")),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_units_organisation_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["units.id"], name=op.f("fk_units_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_units")),
        sa.UniqueConstraint("organisation_id", "code", name="uq_units_code"),
    )
    op.create_index(op.f("ix_units_organisation_id"), "units", ["organisation_id"], unique=False)
    op.create_index(op.f("ix_units_parent_id"), "units", ["parent_id"], unique=False)
    op.create_table(
        "api_clients",
        sa.Column("id", KEY, nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("organisation_id", KEY, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_api_clients_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_clients")),
        sa.UniqueConstraint("client_id", name=op.f("uq_api_clients_client_id")),
    )
    op.create_table(
        "courses",
        sa.Column("id", KEY, nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("outcomes", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("provider_id", KEY, nullable=True),
        sa.Column("series_id", KEY, nullable=True),
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("cpd_minutes", KEY, nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        sa.Column("audience_stages", sa.String(), nullable=False),
        sa.Column("validity_months", KEY, nullable=True),
        sa.Column("refresher_id", KEY, nullable=True),
        sa.Column("cost_pence", KEY, nullable=False),
        sa.Column("materials", sa.String(), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("search_text", sa.String(), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("bucket IN ('experience', 'social', 'formal')", name=op.f("ck_courses_bucket")),
        sa.CheckConstraint("status IN ('draft', 'published', 'withdrawn')", name=op.f("ck_courses_status")),
        sa.CheckConstraint("cpd_minutes >= 0 AND cost_pence >= 0", name=op.f("ck_courses_amounts")),
        sa.CheckConstraint("refresher_id IS NULL OR validity_months IS NOT NULL", name=op.f("ck_courses_refresher")),
        sa.CheckConstraint("validity_months IS NULL OR validity_months > 0", name=op.f("ck_courses_validity")),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.id"], name=op.f("fk_courses_provider_id")),
        sa.ForeignKeyConstraint(["refresher_id"], ["courses.id"], name=op.f("fk_courses_refresher_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_courses_series_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_courses")),
        sa.UniqueConstraint("slug", name=op.f("uq_courses_slug")),
    )
    op.create_index("ix_courses_title", "courses", ["status", "title"], unique=False)
    op.create_table(
        "people",
        sa.Column("id", KEY, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("employee_number", sa.String(), nullable=True),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("known_as", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sort_name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("swe_number", sa.String(), nullable=True),
        sa.Column("registration_status", sa.String(), nullable=True),
        sa.Column("registered_from", sa.Date(), nullable=True),
        sa.Column("registered_until", sa.Date(), nullable=True),
        sa.Column("entry_route", sa.String(), nullable=True),
        sa.Column("qualified_in", KEY, nullable=True),
        sa.Column("started_on", sa.Date(), nullable=True),
        sa.Column("leaving_on", sa.Date(), nullable=True),
        sa.Column("caseload", KEY, nullable=True),
        sa.Column("access_needs", sa.String(), nullable=True),
        sa.Column("search_text", sa.String(), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("swe_number IS NULL OR swe_number LIKE 'SW%'", name=op.f("ck_people_swe_number")),
        sa.CheckConstraint("email IS NULL OR email = lower(email)", name=op.f("ck_people_email_lower")),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_people_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
    )
    op.create_index(op.f("ix_people_organisation_id"), "people", ["organisation_id"], unique=False)
    op.create_index("ix_people_organisation_sort", "people", ["organisation_id", "sort_name", "id"], unique=False)
    op.create_index("ix_people_sort", "people", ["sort_name", "id"], unique=False)
    op.create_index("uq_people_email", "people", ["email"], unique=True)
    op.create_index("uq_people_employee_number", "people", ["organisation_id", "employee_number"], unique=True)
    op.create_index("uq_people_swe_number", "people", ["swe_number"], unique=True)
    op.create_table(
        "standards",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("set_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["set_id"], ["standards_sets.id"], name=op.f("fk_standards_set_id")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_standards")),
    )
    op.create_index(op.f("ix_standards_set_id"), "standards", ["set_id"], unique=False)
    op.create_table(
        "unit_closure",
        sa.Column("ancestor_id", KEY, nullable=False),
        sa.Column("descendant_id", KEY, nullable=False),
        sa.Column("depth", KEY, nullable=False),
        sa.ForeignKeyConstraint(["ancestor_id"], ["units.id"], name=op.f("fk_unit_closure_ancestor_id")),
        sa.ForeignKeyConstraint(["descendant_id"], ["units.id"], name=op.f("fk_unit_closure_descendant_id")),
        sa.PrimaryKeyConstraint("ancestor_id", "descendant_id", name=op.f("pk_unit_closure")),
    )
    op.create_index(op.f("ix_unit_closure_descendant_id"), "unit_closure", ["descendant_id"], unique=False)
    op.create_table(
        "accounts",
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("password_set_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_accounts_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_accounts")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("client_id", KEY, nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["api_clients.id"], name=op.f("fk_api_tokens_client_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_api_tokens")),
    )
    op.create_index(op.f("ix_api_tokens_client_id"), "api_tokens", ["client_id"], unique=False)
    op.create_index(op.f("ix_api_tokens_expires_at"), "api_tokens", ["expires_at"], unique=False)
    op.create_table(
        "completions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("completed_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("session_id", KEY, nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("source IN ('attendance', 'e-learning', 'prior learning', 'import')", name=op.f("ck_completions_source")),
        sa.CheckConstraint("expires_on IS NULL OR expires_on >= completed_on", name=op.f("ck_completions_expiry")),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_completions_course_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_completions_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_completions")),
        sa.UniqueConstraint("person_id", "course_id", "completed_on", "recorded_at", name="uq_completions_once"),
    )
    op.create_index("ix_completions_course", "completions", ["course_id", "person_id", "completed_on", "expires_on"], unique=False)
    op.create_index("ix_completions_person_course", "completions", ["person_id", "course_id"], unique=False)
    op.create_table(
        "course_standards",
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("standard", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_course_standards_course_id")),
        sa.ForeignKeyConstraint(["standard"], ["standards.code"], name=op.f("fk_course_standards_standard")),
        sa.PrimaryKeyConstraint("course_id", "standard", name=op.f("pk_course_standards")),
    )
    op.create_index(op.f("ix_course_standards_standard"), "course_standards", ["standard"], unique=False)
    op.create_table(
        "curriculum_courses",
        sa.Column("curriculum_id", KEY, nullable=False),
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_curriculum_courses_course_id")),
        sa.ForeignKeyConstraint(["curriculum_id"], ["curricula.id"], name=op.f("fk_curriculum_courses_curriculum_id")),
        sa.PrimaryKeyConstraint("curriculum_id", "course_id", name=op.f("pk_curriculum_courses")),
    )
    op.create_index(op.f("ix_curriculum_courses_course_id"), "curriculum_courses", ["course_id"], unique=False)
    op.create_table(
        "group_members",
        sa.Column("id", KEY, nullable=False),
        sa.Column("group_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_group_members_period")),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_group_members_group_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_group_members_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_members")),
    )
    op.create_index(op.f("ix_group_members_group_id"), "group_members", ["group_id"], unique=False)
    op.create_index(op.f("ix_group_members_person_id"), "group_members", ["person_id"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("client_id", KEY, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request_hash", sa.String(), nullable=False),
        sa.Column("status", KEY, nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("headers", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["api_clients.id"], name=op.f("fk_idempotency_keys_client_id")),
        sa.PrimaryKeyConstraint("client_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "links",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("purpose IN ('invitation', 'reset')", name=op.f("ck_links_purpose")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_links_person_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_links")),
    )
    op.create_index(op.f("ix_links_person_id"), "links", ["person_id"], unique=False)
    op.create_table(
        "memberships",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_memberships_period")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_memberships_person_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_memberships_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
    )
    op.create_index(op.f("ix_memberships_person_id"), "memberships", ["person_id"], unique=False)
    op.create_index(op.f("ix_memberships_unit_id"), "memberships", ["unit_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("person_id", KEY, nullable=True),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("subject_id", KEY, nullable=True),
        sa.Column("facts", JSON_TYPE, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", KEY, nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_outbox_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_parked",
        "outbox",
        ["parked_at"],
        unique=False,
        sqlite_where=sa.text("parked_at IS NOT NULL"),
        postgresql_where=sa.text("parked_at IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_sent",
        "outbox",
        ["sent_at"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NOT NULL"),
        postgresql_where=sa.text("sent_at IS NOT NULL"),
    )
    op.create_index("ix_outbox_subject", "outbox", ["subject", "subject_id"], unique=False)
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NULL AND parked_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL AND parked_at IS NULL"),
    )
    op.create_table(
        "posts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("job_title", sa.String(), nullable=False),
        sa.Column("contract", sa.String(), nullable=False),
        sa.Column("fte", sa.Numeric(precision=4, scale=3), nullable=False),
        sa.Column("working_days", sa.String(), nullable=False),
        sa.Column("practice_area", sa.String(), nullable=True),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.CheckConstraint("contract IN ('permanent', 'fixed term', 'agency', 'student')", name=op.f("ck_posts_contract")),
        sa.CheckConstraint("fte > 0 AND fte <= 1.5", name=op.f("ck_posts_fte")),
        sa.CheckConstraint("length(working_days) = 7", name=op.f("ck_posts_working_days")),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_posts_period")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_posts_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posts")),
    )
    op.create_index(op.f("ix_posts_person_id"), "posts", ["person_id"], unique=False)
    op.create_table(
        "prerequisites",
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("requires_id", KEY, nullable=False),
        sa.CheckConstraint("course_id <> requires_id", name=op.f("ck_prerequisites_not_itself")),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_prerequisites_course_id")),
        sa.ForeignKeyConstraint(["requires_id"], ["courses.id"], name=op.f("fk_prerequisites_requires_id")),
        sa.PrimaryKeyConstraint("course_id", "requires_id", name=op.f("pk_prerequisites")),
    )
    op.create_table(
        "responsibilities",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("holder_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=True),
        sa.Column("unit_id", KEY, nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.CheckConstraint(
            "(CASE WHEN person_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN unit_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN subject IS NULL THEN 0 ELSE 1 END) = 1",
            name=op.f("ck_responsibilities_one_subject"),
        ),
        sa.CheckConstraint("person_id IS NULL OR person_id <> holder_id", name=op.f("ck_responsibilities_not_oneself")),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_responsibilities_period")),
        sa.ForeignKeyConstraint(["holder_id"], ["people.id"], name=op.f("fk_responsibilities_holder_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_responsibilities_person_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_responsibilities_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_responsibilities")),
    )
    op.create_index(op.f("ix_responsibilities_holder_id"), "responsibilities", ["holder_id"], unique=False)
    op.create_index(op.f("ix_responsibilities_person_id"), "responsibilities", ["person_id"], unique=False)
    op.create_index(op.f("ix_responsibilities_subject"), "responsibilities", ["subject"], unique=False)
    op.create_table(
        "roles_held",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("unit_id", KEY, nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_roles_held_period")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_roles_held_person_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_roles_held_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles_held")),
    )
    op.create_index(op.f("ix_roles_held_person_id"), "roles_held", ["person_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("course_id", KEY, nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("capacity", KEY, nullable=False),
        sa.Column("min_numbers", KEY, nullable=False),
        sa.Column("decide_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waiting_limit", KEY, nullable=True),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("audience_stages", sa.String(), nullable=False),
        sa.Column("audience_unit_id", KEY, nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("cancel_reason", sa.String(), nullable=True),
        sa.Column("next_turn", KEY, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('draft', 'published', 'cancelled')", name=op.f("ck_sessions_status")),
        sa.CheckConstraint("capacity > 0 AND min_numbers >= 0 AND min_numbers <= capacity", name=op.f("ck_sessions_numbers")),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_sessions_times")),
        sa.CheckConstraint("waiting_limit IS NULL OR waiting_limit >= 0", name=op.f("ck_sessions_waiting_limit")),
        sa.ForeignKeyConstraint(["audience_unit_id"], ["units.id"], name=op.f("fk_sessions_audience_unit_id")),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_sessions_course_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("reference", name=op.f("uq_sessions_reference")),
    )
    op.create_index("ix_sessions_course", "sessions", ["course_id", "starts_at"], unique=False)
    op.create_index("ix_sessions_starts", "sessions", ["status", "starts_at"], unique=False)
    op.create_table(
        "sign_ins",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agent", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sign_ins_person_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_ins")),
    )
    op.create_index(op.f("ix_sign_ins_person_id"), "sign_ins", ["person_id"], unique=False)
    op.create_table(
        "stages",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_stages_period")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_stages_person_id")),
        sa.ForeignKeyConstraint(["stage"], ["career_stages.code"], name=op.f("fk_stages_stage")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stages")),
    )
    op.create_index(op.f("ix_stages_person_id"), "stages", ["person_id"], unique=False)
    op.create_table(
        "parts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("session_id", KEY, nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("room_id", KEY, nullable=True),
        sa.Column("link", sa.String(), nullable=True),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.CheckConstraint("room_id IS NOT NULL OR link IS NOT NULL", name=op.f("ck_parts_somewhere")),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_parts_times")),
        sa.ForeignKeyConstraint(["room_id"], ["rooms.id"], name=op.f("fk_parts_room_id")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_parts_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parts")),
    )
    op.create_index(op.f("ix_parts_room_id"), "parts", ["room_id"], unique=False)
    op.create_index(op.f("ix_parts_session_id"), "parts", ["session_id"], unique=False)
    op.create_table(
        "places",
        sa.Column("session_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("closing", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_places_session_id")),
        sa.PrimaryKeyConstraint("session_id", "number", name=op.f("pk_places")),
    )
    op.create_table(
        "bookings",
        sa.Column("id", KEY, nullable=False),
        sa.Column("session_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("booked_by", KEY, nullable=True),
        sa.Column("place", KEY, nullable=True),
        sa.Column("priority", KEY, nullable=False),
        sa.Column("turn", KEY, nullable=False),
        sa.Column("approval", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint(
            "(place IS NOT NULL) = (status IN ('requested', 'offered', 'booked', 'attended', 'partly attended', 'did not attend', 'excused'))",
            name=op.f("ck_bookings_seat"),
        ),
        sa.CheckConstraint("approval IN ('not needed', 'pending', 'granted', 'refused', 'expired')", name=op.f("ck_bookings_approval")),
        sa.CheckConstraint(
            "status IN ('requested', 'waiting', 'offered', 'booked', 'cancelled', 'declined', 'expired', 'attended', 'partly attended', 'did not attend', 'excused')",
            name=op.f("ck_bookings_status"),
        ),
        sa.ForeignKeyConstraint(["booked_by"], ["people.id"], name=op.f("fk_bookings_booked_by")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_bookings_person_id")),
        sa.ForeignKeyConstraint(["session_id", "place"], ["places.session_id", "places.number"], name="fk_bookings_place"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_bookings_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookings")),
    )
    op.create_index("ix_bookings_person", "bookings", ["person_id", "session_id"], unique=False)
    op.create_index(
        "ix_bookings_queue",
        "bookings",
        ["session_id", "priority", "turn"],
        unique=False,
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_index(
        "uq_bookings_person",
        "bookings",
        ["session_id", "person_id"],
        unique=True,
        sqlite_where=sa.text("status NOT IN ('cancelled', 'declined', 'expired')"),
        postgresql_where=sa.text("status NOT IN ('cancelled', 'declined', 'expired')"),
    )
    op.create_index("uq_bookings_seat", "bookings", ["session_id", "place"], unique=True)
    op.create_index("uq_bookings_turn", "bookings", ["session_id", "turn"], unique=True)
    op.create_table(
        "session_imports",
        sa.Column("id", KEY, nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("rows", JSON_TYPE, nullable=False),
        sa.Column("staged_by", KEY, nullable=False),
        sa.Column("staged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staged_by"], ["people.id"], name=op.f("fk_session_imports_staged_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_imports")),
    )
    op.create_table(
        "part_trainers",
        sa.Column("id", KEY, nullable=False),
        sa.Column("part_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["part_id"], ["parts.id"], name=op.f("fk_part_trainers_part_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_part_trainers_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_part_trainers")),
    )
    op.create_index(op.f("ix_part_trainers_part_id"), "part_trainers", ["part_id"], unique=False)
    op.create_index("ix_part_trainers_person", "part_trainers", ["person_id", "starts_at"], unique=False)
    append_only("audit")
    full_text("people", "simple")
    full_text("units", "simple")
    full_text("courses", "english")
    no_overlap("posts", "person_id", "valid_from", "valid_to", "superseded_at IS NULL AND is_primary", name="ex_posts_primary")
    no_overlap("memberships", "person_id", "valid_from", "valid_to", "superseded_at IS NULL", name="ex_memberships")
    no_overlap("stages", "person_id", "valid_from", "valid_to", "superseded_at IS NULL", name="ex_stages")
    no_overlap(
        "responsibilities",
        "person_id",
        "valid_from",
        "valid_to",
        "superseded_at IS NULL AND kind = 'manager'",
        name="ex_responsibilities_manager",
    )
    no_overlap("parts", "room_id", "starts_at", "ends_at", "live", name="ex_parts_room", kind="instant")
    no_overlap("part_trainers", "person_id", "starts_at", "ends_at", "live", name="ex_part_trainers", kind="instant")


def downgrade() -> None:
    for table in ("people", "units", "courses"):
        drop_full_text(table)
    op.drop_table("session_imports")
    op.drop_index("ix_part_trainers_person", table_name="part_trainers")
    op.drop_index(op.f("ix_part_trainers_part_id"), table_name="part_trainers")
    op.drop_table("part_trainers")
    op.drop_index("uq_bookings_turn", table_name="bookings")
    op.drop_index("uq_bookings_seat", table_name="bookings")
    op.drop_index(
        "uq_bookings_person",
        table_name="bookings",
        sqlite_where=sa.text("status NOT IN ('cancelled', 'declined', 'expired')"),
        postgresql_where=sa.text("status NOT IN ('cancelled', 'declined', 'expired')"),
    )
    op.drop_index(
        "ix_bookings_queue",
        table_name="bookings",
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.drop_index("ix_bookings_person", table_name="bookings")
    op.drop_table("bookings")
    op.drop_table("places")
    op.drop_index(op.f("ix_parts_session_id"), table_name="parts")
    op.drop_index(op.f("ix_parts_room_id"), table_name="parts")
    op.drop_table("parts")
    op.drop_index(op.f("ix_stages_person_id"), table_name="stages")
    op.drop_table("stages")
    op.drop_index(op.f("ix_sign_ins_person_id"), table_name="sign_ins")
    op.drop_table("sign_ins")
    op.drop_index("ix_sessions_starts", table_name="sessions")
    op.drop_index("ix_sessions_course", table_name="sessions")
    op.drop_table("sessions")
    op.drop_index(op.f("ix_roles_held_person_id"), table_name="roles_held")
    op.drop_table("roles_held")
    op.drop_index(op.f("ix_responsibilities_subject"), table_name="responsibilities")
    op.drop_index(op.f("ix_responsibilities_person_id"), table_name="responsibilities")
    op.drop_index(op.f("ix_responsibilities_holder_id"), table_name="responsibilities")
    op.drop_table("responsibilities")
    op.drop_table("prerequisites")
    op.drop_index(op.f("ix_posts_person_id"), table_name="posts")
    op.drop_table("posts")
    op.drop_index(
        "ix_outbox_waiting",
        table_name="outbox",
        sqlite_where=sa.text("sent_at IS NULL AND parked_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL AND parked_at IS NULL"),
    )
    op.drop_index("ix_outbox_subject", table_name="outbox")
    op.drop_index(
        "ix_outbox_sent", table_name="outbox", sqlite_where=sa.text("sent_at IS NOT NULL"), postgresql_where=sa.text("sent_at IS NOT NULL")
    )
    op.drop_index(
        "ix_outbox_parked",
        table_name="outbox",
        sqlite_where=sa.text("parked_at IS NOT NULL"),
        postgresql_where=sa.text("parked_at IS NOT NULL"),
    )
    op.drop_table("outbox")
    op.drop_index(op.f("ix_memberships_unit_id"), table_name="memberships")
    op.drop_index(op.f("ix_memberships_person_id"), table_name="memberships")
    op.drop_table("memberships")
    op.drop_index(op.f("ix_links_person_id"), table_name="links")
    op.drop_table("links")
    op.drop_index(op.f("ix_idempotency_keys_created_at"), table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_index(op.f("ix_group_members_person_id"), table_name="group_members")
    op.drop_index(op.f("ix_group_members_group_id"), table_name="group_members")
    op.drop_table("group_members")
    op.drop_index(op.f("ix_curriculum_courses_course_id"), table_name="curriculum_courses")
    op.drop_table("curriculum_courses")
    op.drop_index(op.f("ix_course_standards_standard"), table_name="course_standards")
    op.drop_table("course_standards")
    op.drop_index("ix_completions_person_course", table_name="completions")
    op.drop_index("ix_completions_course", table_name="completions")
    op.drop_table("completions")
    op.drop_index(op.f("ix_api_tokens_expires_at"), table_name="api_tokens")
    op.drop_index(op.f("ix_api_tokens_client_id"), table_name="api_tokens")
    op.drop_table("api_tokens")
    op.drop_table("accounts")
    op.drop_index(op.f("ix_unit_closure_descendant_id"), table_name="unit_closure")
    op.drop_table("unit_closure")
    op.drop_index(op.f("ix_standards_set_id"), table_name="standards")
    op.drop_table("standards")
    op.drop_index("uq_people_swe_number", table_name="people")
    op.drop_index("uq_people_employee_number", table_name="people")
    op.drop_index("uq_people_email", table_name="people")
    op.drop_index("ix_people_sort", table_name="people")
    op.drop_index("ix_people_organisation_sort", table_name="people")
    op.drop_index(op.f("ix_people_organisation_id"), table_name="people")
    op.drop_table("people")
    op.drop_index("ix_courses_title", table_name="courses")
    op.drop_table("courses")
    op.drop_table("api_clients")
    op.drop_index(op.f("ix_units_parent_id"), table_name="units")
    op.drop_index(op.f("ix_units_organisation_id"), table_name="units")
    op.drop_table("units")
    op.drop_table("standards_sets")
    op.drop_table("series")
    op.drop_table("rooms")
    op.drop_table("providers")
    op.drop_table("job_runs")
    op.drop_table("groups")
    op.drop_table("curricula")
    op.drop_table("career_stages")
    op.drop_index("ix_audit_subject", table_name="audit")
    op.drop_index("ix_audit_person", table_name="audit")
    op.drop_table("audit")
    op.drop_index("ix_attempts_key", table_name="attempts")
    op.drop_table("attempts")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.text("DROP FUNCTION audit_append_only()"))
