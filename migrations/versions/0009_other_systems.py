"""Other systems: clients' secrets, rates and logs; numbered changes and webhooks; SCIM; departures; single sign-on; what HR has confirmed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, add_to_end, append_only, no_longer, redactable, reword

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

CHECKS = {
    "accounts": {"suspended_by": "suspended_by IN ('administrator', 'directory', 'both')"},
    "api_clients": {"old_secret": "(old_secret_hash IS NULL) = (old_secret_until IS NULL)", "per_minute": "per_minute > 0"},
    "booking_policies": {"programmes": "programme_chase_days > 0 AND programme_long_days > 0"},
}
COLUMNS = {
    "accounts": ("suspended_by", "break_glass"),
    "api_clients": ("secret_made_at", "old_secret_hash", "old_secret_until", "per_minute", "contact", "last_used_at"),
    "booking_policies": ("programme_chase_days", "programme_long_days"),
    "imports": ("read_as",),
    "roles_held": ("mapped",),
    "sign_ins": ("via", "provider_session", "id_token"),
}
REDACTABLE = {  # records of signed words: the table's columns, and which of them may be redacted
    "plans": (["id", "enrolment_id", "number", "reason", "words", "ends_on", "change_id", "made_at", "made_by"], ["words"]),
    "agreements": (["change_id", "capacity", "person_id", "agreed", "words", "at"], ["words"]),
    "panel_decisions": (
        [
            *("id", "enrolment_id", "case_id", "kind", "outcome", "reasons", "to_learner", "to_assessor"),
            *("checklist", "decided_by", "decided_at"),
        ],
        ["reasons", "to_learner", "to_assessor"],
    ),
}
TABLES = (
    "training_confirmations",
    "webhook_tries",
    "webhook_deliveries",
    "subscriptions",
    "feed_marks",
    "changes",
    "departure_effects",
    "departures",
    "leaver_runs",
    "scim_groups",
    "scim_users",
    "role_mappings",
    "provider_attempts",
    "external_identities",
    "rate_windows",
    "api_calls",
)


def _postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def upgrade() -> None:
    _columns()
    _clients()
    _changes()
    _directory()
    _redactable()


def _redactable() -> None:
    """Decisions, agreements and plans are still never changed, but that their words may be redacted."""
    for table, (names, columns) in REDACTABLE.items():
        no_longer(table, *([f"{table}_append_only"] if _postgresql() else [f"{table}_no_update", f"{table}_no_delete"]))
        redactable(table, names, columns)


def _columns() -> None:
    op.add_column("accounts", sa.Column("suspended_by", sa.String(), nullable=True))
    op.add_column("accounts", sa.Column("break_glass", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("api_clients", sa.Column("secret_made_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_clients", sa.Column("old_secret_hash", sa.String(), nullable=True))
    op.add_column("api_clients", sa.Column("old_secret_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_clients", sa.Column("per_minute", KEY, nullable=True))
    op.add_column("api_clients", sa.Column("contact", sa.String(), nullable=True))
    op.add_column("api_clients", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("audit", sa.Column("xid", KEY, nullable=True))
    op.add_column("booking_policies", sa.Column("programme_chase_days", KEY, server_default="7", nullable=False))
    op.add_column("booking_policies", sa.Column("programme_long_days", KEY, server_default="28", nullable=False))
    op.add_column("imports", sa.Column("read_as", sa.String(), nullable=True))
    op.add_column("roles_held", sa.Column("mapped", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("sign_ins", sa.Column("via", sa.String(), server_default="password", nullable=False))
    op.add_column("sign_ins", sa.Column("provider_session", sa.String(), nullable=True))
    op.add_column("sign_ins", sa.Column("id_token", sa.String(), nullable=True))
    op.create_index(op.f("ix_sign_ins_provider_session"), "sign_ins", ["provider_session"], unique=False)

    op.execute("UPDATE accounts SET suspended_by = 'administrator' WHERE suspended_at IS NOT NULL")
    for table, checks in CHECKS.items():
        for name, words in checks.items():
            if _postgresql():
                op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, words)
            else:
                add_to_end(table, f"CONSTRAINT ck_{table}_{name} CHECK ({words})")
    if _postgresql():
        op.execute("ALTER TABLE audit ALTER COLUMN xid SET DEFAULT (pg_current_xact_id()::text::bigint)")
        op.execute("CREATE INDEX ix_audit_xid ON audit (xid) WHERE xid IS NOT NULL")


def _clients() -> None:
    op.create_table(
        "api_calls",
        sa.Column("id", KEY, nullable=False),
        sa.Column("client_id", KEY, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("status", KEY, nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("milliseconds", KEY, nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["api_clients.id"], name=op.f("fk_api_calls_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_calls")),
    )
    op.create_index("ix_api_calls_at", "api_calls", ["at"], unique=False)
    op.create_index("ix_api_calls_client", "api_calls", ["client_id", "at"], unique=False)
    op.create_table(
        "rate_windows",
        sa.Column("client_id", KEY, nullable=False),
        sa.Column("minute", KEY, nullable=False),
        sa.Column("used", KEY, nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("ck_rate_windows_used")),
        sa.ForeignKeyConstraint(["client_id"], ["api_clients.id"], name=op.f("fk_rate_windows_client_id")),
        sa.PrimaryKeyConstraint("client_id", "minute", name=op.f("pk_rate_windows")),
    )
    op.create_table(
        "external_identities",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("how", sa.String(), nullable=False),
        sa.Column("linked_by", KEY, nullable=True),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("how IN ('directory', 'link', 'administrator')", name=op.f("ck_external_identities_how")),
        sa.ForeignKeyConstraint(["linked_by"], ["people.id"], name=op.f("fk_external_identities_linked_by")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_external_identities_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_identities")),
    )
    op.create_index("uq_external_identities_person", "external_identities", ["person_id", "issuer"], unique=True)
    op.create_index("uq_external_identities_subject", "external_identities", ["issuer", "tenant", "subject"], unique=True)
    op.create_table(
        "provider_attempts",
        sa.Column("state_hash", sa.String(), nullable=False),
        sa.Column("cookie_hash", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("verifier", sa.String(), nullable=False),
        sa.Column("onward", sa.String(), nullable=False),
        sa.Column("person_id", KEY, nullable=True),
        sa.Column("link_hash", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_provider_attempts_person_id")),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_provider_attempts")),
    )
    op.create_index(op.f("ix_provider_attempts_created_at"), "provider_attempts", ["created_at"], unique=False)
    op.create_table(
        "role_mappings",
        sa.Column("id", KEY, nullable=False),
        sa.Column("claim", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("unit_id", KEY, nullable=True),
        sa.Column("created_by", KEY, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["people.id"], name=op.f("fk_role_mappings_created_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_role_mappings_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_mappings")),
    )
    op.create_index(
        "uq_role_mappings",
        "role_mappings",
        ["claim", "role", "unit_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_role_mappings_everywhere",
        "role_mappings",
        ["claim", "role"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL AND unit_id IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL AND unit_id IS NULL"),
    )


def _changes() -> None:
    op.create_table(
        "changes",
        sa.Column("number", KEY, autoincrement=False, nullable=False),
        sa.Column("audit_id", KEY, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("resource_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=True),
        sa.CheckConstraint("number > 0", name=op.f("ck_changes_number")),
        sa.ForeignKeyConstraint(["audit_id"], ["audit.id"], name=op.f("fk_changes_audit_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_changes_person_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_changes")),
    )
    op.create_index("ix_changes_resource", "changes", ["resource", "resource_id", "number"], unique=False)
    op.create_index("uq_changes_audit", "changes", ["audit_id", "resource", "resource_id"], unique=True)
    op.create_table(
        "feed_marks",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("mark", KEY, nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feed_marks")),
    )
    if not _postgresql():  # rows written so far are not told; on PostgreSQL they have no `xid`, by which it knows them
        op.execute("INSERT INTO feed_marks (name, mark, moved_at) SELECT 'changes', coalesce(max(id), 0), datetime('now') FROM audit")
    op.create_table(
        "subscriptions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("client_id", KEY, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("events", JSON_TYPE, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=True),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("old_secret", sa.String(), nullable=True),
        sa.Column("old_secret_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("since", KEY, nullable=False),
        sa.Column("reached", KEY, nullable=False),
        sa.Column("quiet_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", KEY, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint("state IN ('on', 'paused', 'off')", name=op.f("ck_subscriptions_state")),
        sa.CheckConstraint("deleted_at IS NULL OR state = 'off'", name=op.f("ck_subscriptions_deleted")),
        sa.CheckConstraint("(old_secret IS NULL) = (old_secret_until IS NULL)", name=op.f("ck_subscriptions_old_secret")),
        sa.CheckConstraint("reached >= since", name=op.f("ck_subscriptions_reached")),
        sa.ForeignKeyConstraint(["client_id"], ["api_clients.id"], name=op.f("fk_subscriptions_client_id")),
        sa.ForeignKeyConstraint(["created_by"], ["people.id"], name=op.f("fk_subscriptions_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
    )
    op.create_index(op.f("ix_subscriptions_client_id"), "subscriptions", ["client_id"], unique=False)
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("subscription_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=True),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", KEY, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_status", KEY, nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.CheckConstraint("(state = 'due') = (ended_at IS NULL)", name=op.f("ck_webhook_deliveries_ended")),
        sa.CheckConstraint("state IN ('due', 'sent', 'parked', 'dropped')", name=op.f("ck_webhook_deliveries_state")),
        sa.ForeignKeyConstraint(["number"], ["changes.number"], name=op.f("fk_webhook_deliveries_number")),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscriptions.id"], name=op.f("fk_webhook_deliveries_subscription_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["subscription_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index("ix_webhook_deliveries_ended", "webhook_deliveries", ["ended_at"], unique=False)
    op.create_index(
        "ix_webhook_deliveries_lane",
        "webhook_deliveries",
        ["subscription_id", "lane", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index("ix_webhook_deliveries_state", "webhook_deliveries", ["subscription_id", "state", "ended_at"], unique=False)
    op.create_index("ix_webhook_deliveries_subscription", "webhook_deliveries", ["subscription_id", "id"], unique=False)
    op.create_index("uq_webhook_deliveries_message", "webhook_deliveries", ["subscription_id", "message_id"], unique=True)
    op.create_table(
        "webhook_tries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("delivery_id", KEY, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("milliseconds", KEY, nullable=False),
        sa.Column("status", KEY, nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("answer", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["webhook_deliveries.id"], name=op.f("fk_webhook_tries_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_tries")),
    )
    op.create_index(op.f("ix_webhook_tries_at"), "webhook_tries", ["at"], unique=False)
    op.create_index(op.f("ix_webhook_tries_delivery_id"), "webhook_tries", ["delivery_id"], unique=False)
    op.create_table(
        "training_confirmations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("record_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("client_id", KEY, nullable=True),
        sa.Column("by_person", KEY, nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'refused') = (reason IS NOT NULL)", name=op.f("ck_training_confirmations_reason")),
        sa.CheckConstraint("kind IN ('completion', 'programme')", name=op.f("ck_training_confirmations_kind")),
        sa.CheckConstraint("state IN ('confirmed', 'refused')", name=op.f("ck_training_confirmations_state")),
        sa.ForeignKeyConstraint(["by_person"], ["people.id"], name=op.f("fk_training_confirmations_by_person")),
        sa.ForeignKeyConstraint(["client_id"], ["api_clients.id"], name=op.f("fk_training_confirmations_client_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_training_confirmations_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_confirmations")),
    )
    op.create_index("ix_training_confirmations_person", "training_confirmations", ["person_id"], unique=False)
    op.create_index(
        "uq_training_confirmations",
        "training_confirmations",
        ["kind", "record_id"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )


def _directory() -> None:
    leaving = sa.text("leaving_on IS NOT NULL")
    op.create_index("ix_people_leaving", "people", ["leaving_on"], unique=False, sqlite_where=leaving, postgresql_where=leaving)
    op.create_table(
        "scim_users",
        sa.Column("person_id", KEY, autoincrement=False, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("user_name", sa.String(), nullable=False),
        sa.Column("user_name_key", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("details", JSON_TYPE, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_scim_users_organisation_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_scim_users_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_scim_users")),
    )
    op.create_index("ix_scim_users_external", "scim_users", ["organisation_id", "external_id"], unique=False)
    op.create_index(
        "uq_scim_users_name",
        "scim_users",
        ["organisation_id", "user_name_key"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "scim_groups",
        sa.Column("unit_id", KEY, autoincrement=False, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("version", KEY, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_scim_groups_organisation_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_scim_groups_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", name=op.f("pk_scim_groups")),
    )
    op.create_index("ix_scim_groups_name", "scim_groups", ["organisation_id", "display_name"], unique=False)
    op.create_table(
        "leaver_runs",
        sa.Column("id", KEY, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("employed", KEY, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("confirmed_by", KEY, nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'confirmed') = (confirmed_at IS NOT NULL)", name=op.f("ck_leaver_runs_confirmed")),
        sa.CheckConstraint("state IN ('open', 'held', 'confirmed')", name=op.f("ck_leaver_runs_state")),
        sa.ForeignKeyConstraint(["confirmed_by"], ["people.id"], name=op.f("fk_leaver_runs_confirmed_by")),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_leaver_runs_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leaver_runs")),
    )
    op.create_index("uq_leaver_runs_source", "leaver_runs", ["organisation_id", "source"], unique=True)
    op.create_table(
        "departures",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("planned_day", sa.Date(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", KEY, nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("restored_by", KEY, nullable=True),
        sa.Column("restored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint("(done_at IS NOT NULL) = (state IN ('done', 'restored'))", name=op.f("ck_departures_done")),
        sa.CheckConstraint("(restored_at IS NOT NULL) = (state = 'restored')", name=op.f("ck_departures_restored")),
        sa.CheckConstraint("source IN ('import', 'scim', 'api', 'page')", name=op.f("ck_departures_source")),
        sa.CheckConstraint("state = 'waiting' OR state = 'dropped' OR last_day IS NOT NULL", name=op.f("ck_departures_last_day")),
        sa.CheckConstraint("state IN ('waiting', 'due', 'done', 'dropped', 'restored')", name=op.f("ck_departures_state")),
        sa.ForeignKeyConstraint(["decided_by"], ["people.id"], name=op.f("fk_departures_decided_by")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_departures_person_id")),
        sa.ForeignKeyConstraint(["restored_by"], ["people.id"], name=op.f("fk_departures_restored_by")),
        sa.ForeignKeyConstraint(["run_id"], ["leaver_runs.id"], name=op.f("fk_departures_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_departures")),
    )
    op.create_index(
        "ix_departures_due",
        "departures",
        ["last_day"],
        unique=False,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index("ix_departures_person", "departures", ["person_id", "id"], unique=False)
    op.create_index(op.f("ix_departures_run_id"), "departures", ["run_id"], unique=False)
    op.create_index(
        "uq_departures_open",
        "departures",
        ["person_id", "state"],
        unique=True,
        sqlite_where=sa.text("state IN ('waiting', 'due')"),
        postgresql_where=sa.text("state IN ('waiting', 'due')"),
    )
    op.create_table(
        "departure_effects",
        sa.Column("id", KEY, nullable=False),
        sa.Column("departure_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("subject_id", KEY, nullable=False),
        sa.Column("before", JSON_TYPE, nullable=False),
        sa.Column("to_id", KEY, nullable=True),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("settled_by", KEY, nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_undone", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["departure_id"], ["departures.id"], name=op.f("fk_departure_effects_departure_id")),
        sa.ForeignKeyConstraint(["settled_by"], ["people.id"], name=op.f("fk_departure_effects_settled_by")),
        sa.ForeignKeyConstraint(["to_id"], ["people.id"], name=op.f("fk_departure_effects_to_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_departure_effects")),
    )
    op.create_index(op.f("ix_departure_effects_departure_id"), "departure_effects", ["departure_id"], unique=False)
    op.create_index("ix_departure_effects_flagged", "departure_effects", ["subject", "subject_id"], unique=False)


def downgrade() -> None:
    for table in REDACTABLE:
        no_longer(table, f"{table}_frozen_update", f"{table}_frozen_delete")
        append_only(table)
    op.drop_index("ix_people_leaving", table_name="people")
    for table in TABLES:
        op.drop_table(table)
    if _postgresql():
        op.execute("DROP INDEX ix_audit_xid")
    op.drop_column("audit", "xid")
    op.drop_index(op.f("ix_sign_ins_provider_session"), "sign_ins")
    for table, checks in CHECKS.items():
        for name, words in checks.items():
            if _postgresql():
                op.drop_constraint(f"ck_{table}_{name}", table, type_="check")
            else:
                reword(table, (f", \n\tCONSTRAINT ck_{table}_{name} CHECK ({words})", ""))
    for table, columns in COLUMNS.items():
        for name in reversed(columns):
            op.drop_column(table, name)
