"""Talent pools."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, append_only, refuse

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

APPEND_ONLY = ("talent_read_people", "talent_reads")
STEADY: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    # table → its columns, and of those what is written once, words that may give way, and open ends that close once
    "talent_entries": (
        ("id", "pool_id", "person_id", "entered_on", "entered_at", "left_on", "left_at", "left_why"),
        ("left_at", "left_why"),
        (),
        ("left_on",),
    ),
    "talent_nominations": (("id", "entry_id", "nominated_by", "reasons", "recorded_at"), (), ("reasons",), ()),
    "talent_agreements": (
        ("id", "entry_id", "person_id", "agrees", "on_date", "until", "recorded_at", "superseded_at"),
        ("superseded_at",),
        (),
        ("until",),
    ),
    "talent_views": (("id", "entry_id", "words", "recorded_at", "superseded_at"), ("superseded_at",), ("words",), ()),
    "talent_actions": (
        (
            "id",
            "entry_id",
            "number",
            "words",
            "who_id",
            "by_date",
            "done_on",
            "course_id",
            "step_id",
            "entry_key",
            "told_at",
            "recorded_by",
            "recorded_at",
            "superseded_at",
        ),
        ("superseded_at", "told_at"),
        ("words",),
        (),
    ),
    "talent_judgements": (
        (
            "id",
            "entry_id",
            "person_id",
            "potential_id",
            "horizon_id",
            "specialist",
            "reasons",
            "proposed_by",
            "proposed_on",
            "recorded_at",
            "state",
            "moderated_by",
            "moderated_on",
            "moderated_at",
            "moderation",
            "until",
            "superseded_at",
        ),
        ("moderated_by", "moderated_on", "moderated_at", "superseded_at"),
        ("reasons", "moderation"),
        ("until",),
    ),
}
TABLES = (
    *("talent_read_people", "talent_reads", "talent_filters", "talent_actions", "talent_judgements", "talent_views"),
    *("talent_agreements", "talent_nominations", "talent_entries", "talent_pools", "talent_labels"),
)


def _when(names: tuple[str, ...], once: tuple[str, ...], words: tuple[str, ...], ends: tuple[str, ...]) -> str:
    kept = [f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in names if name not in (*once, *words, *ends, "state")]
    kept += [f"(OLD.{name} IS NULL OR NEW.{name} IS NOT DISTINCT FROM OLD.{name})" for name in once]
    kept += [f"(OLD.{name} = '9999-12-31' OR NEW.{name} = OLD.{name})" for name in ends]
    for name in words:
        first = f" OR OLD.{name} IS NULL" if name == "moderation" else ""
        kept.append(f"(NEW.{name} IS NOT DISTINCT FROM OLD.{name} OR coalesce(NEW.{name}, '') = '[Redacted]'{first})")
    moved = " OR NOT (NEW.state = OLD.state OR OLD.state = 'proposed')" if "state" in names else ""
    return f"NOT ({' AND '.join(kept)}){moved}"


def upgrade() -> None:
    _pools()
    _people()
    _judgements()
    _reads()
    for table, (names, once, words, ends) in STEADY.items():
        refuse(table, "UPDATE", f"{table}_stand", _when(names, once, words, ends))
        refuse(table, "DELETE", f"{table}_stay", "OLD.id IS NOT NULL")
    for table in reversed(APPEND_ONLY):
        append_only(table)


def _pools() -> None:
    op.create_table(
        "talent_labels",
        sa.Column("id", KEY, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.Column("ready_now", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('horizon', 'potential')", name=op.f("ck_talent_labels_kind")),
        sa.CheckConstraint("kind = 'horizon' OR NOT ready_now", name=op.f("ck_talent_labels_ready_now")),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_talent_labels_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_talent_labels")),
        sa.UniqueConstraint("organisation_id", "kind", "code", name="uq_talent_labels_code"),
    )
    op.create_table(
        "talent_pools",
        sa.Column("id", KEY, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("step_id", KEY, nullable=True),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("critical", sa.Boolean(), nullable=False),
        sa.Column("posts", KEY, nullable=False),
        sa.Column("depth_wanted", KEY, nullable=False),
        sa.Column("moderator_id", KEY, nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint("depth_wanted >= 0 AND depth_wanted <= 10000", name=op.f("ck_talent_pools_depth_wanted")),
        sa.CheckConstraint("posts >= 0 AND posts <= 10000", name=op.f("ck_talent_pools_posts")),
        sa.ForeignKeyConstraint(["moderator_id"], ["people.id"], name=op.f("fk_talent_pools_moderator_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_talent_pools_organisation_id")),
        sa.ForeignKeyConstraint(["stage"], ["career_stages.code"], name=op.f("fk_talent_pools_stage")),
        sa.ForeignKeyConstraint(["step_id"], ["pathway_steps.id"], name=op.f("fk_talent_pools_step_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_talent_pools")),
    )
    op.create_index(
        "uq_talent_pools_title",
        "talent_pools",
        ["organisation_id", "title"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _people() -> None:
    op.create_table(
        "talent_entries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("pool_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("entered_on", sa.Date(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_on", sa.Date(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_why", sa.String(), nullable=True),
        sa.CheckConstraint("(left_at IS NULL) = (left_why IS NULL)", name=op.f("ck_talent_entries_left")),
        sa.CheckConstraint(
            "left_why IS NULL OR left_why IN ('appointed', 'withdrawn', 'left', 'closed')", name=op.f("ck_talent_entries_left_why")
        ),
        sa.CheckConstraint("entered_on <= left_on", name=op.f("ck_talent_entries_period")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_talent_entries_person_id")),
        sa.ForeignKeyConstraint(["pool_id"], ["talent_pools.id"], name=op.f("fk_talent_entries_pool_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_talent_entries")),
        sa.UniqueConstraint("id", "person_id", name="uq_talent_entries_person"),
    )
    op.create_index("ix_talent_entries_person_id", "talent_entries", ["person_id"])
    op.create_index(
        "uq_talent_entries_open",
        "talent_entries",
        ["pool_id", "person_id"],
        unique=True,
        sqlite_where=sa.text("left_at IS NULL"),
        postgresql_where=sa.text("left_at IS NULL"),
    )
    op.create_table(
        "talent_nominations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("entry_id", KEY, nullable=False),
        sa.Column("nominated_by", KEY, nullable=False),
        sa.Column("reasons", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(reasons) BETWEEN 1 AND 1000", name=op.f("ck_talent_nominations_reasons")),
        sa.ForeignKeyConstraint(["entry_id"], ["talent_entries.id"], name=op.f("fk_talent_nominations_entry_id")),
        sa.ForeignKeyConstraint(["nominated_by"], ["people.id"], name=op.f("fk_talent_nominations_nominated_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_talent_nominations")),
        sa.UniqueConstraint("entry_id", "nominated_by", name="uq_talent_nominations_once"),
    )
    op.create_index("ix_talent_nominations_nominated_by", "talent_nominations", ["nominated_by"])
    op.create_table(
        "talent_agreements",
        sa.Column("id", KEY, nullable=False),
        sa.Column("entry_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("agrees", sa.Boolean(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("on_date <= until", name=op.f("ck_talent_agreements_period")),
        sa.ForeignKeyConstraint(
            ["entry_id", "person_id"], ["talent_entries.id", "talent_entries.person_id"], name=op.f("fk_talent_agreements_entry")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_talent_agreements")),
    )
    op.create_index("ix_talent_agreements_entry", "talent_agreements", ["entry_id", "on_date"])
    op.create_index(
        "uq_talent_agreements_live",
        "talent_agreements",
        ["entry_id"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_table(
        "talent_views",
        sa.Column("id", KEY, nullable=False),
        sa.Column("entry_id", KEY, nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("length(words) BETWEEN 1 AND 1000", name=op.f("ck_talent_views_words")),
        sa.ForeignKeyConstraint(["entry_id"], ["talent_entries.id"], name=op.f("fk_talent_views_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_talent_views")),
    )
    op.create_index(
        "uq_talent_views_live",
        "talent_views",
        ["entry_id"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )


def _judgements() -> None:
    op.create_table(
        "talent_judgements",
        sa.Column("id", KEY, nullable=False),
        sa.Column("entry_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("potential_id", KEY, nullable=True),
        sa.Column("horizon_id", KEY, nullable=False),
        sa.Column("specialist", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.String(), nullable=False),
        sa.Column("proposed_by", KEY, nullable=False),
        sa.Column("proposed_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("moderated_by", KEY, nullable=True),
        sa.Column("moderated_on", sa.Date(), nullable=True),
        sa.Column("moderated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("moderation", sa.String(), nullable=True),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("moderated_by IS NULL OR moderated_by <> proposed_by", name=op.f("ck_talent_judgements_by_another")),
        sa.CheckConstraint(
            "(state = 'proposed') = (moderated_by IS NULL) AND (state = 'proposed') = (moderated_at IS NULL) AND (state = 'proposed') = (moderated_on IS NULL) AND (state = 'proposed') = (moderation IS NULL)",
            name=op.f("ck_talent_judgements_moderated"),
        ),
        sa.CheckConstraint("moderated_by IS NULL OR moderated_by <> person_id", name=op.f("ck_talent_judgements_not_moderated_by_oneself")),
        sa.CheckConstraint("person_id <> proposed_by", name=op.f("ck_talent_judgements_not_of_oneself")),
        sa.CheckConstraint("specialist OR potential_id IS NOT NULL", name=op.f("ck_talent_judgements_potential")),
        sa.CheckConstraint("length(reasons) BETWEEN 1 AND 1000", name=op.f("ck_talent_judgements_reasons")),
        sa.CheckConstraint("state IN ('proposed', 'confirmed', 'returned')", name=op.f("ck_talent_judgements_state")),
        sa.ForeignKeyConstraint(
            ["entry_id", "person_id"], ["talent_entries.id", "talent_entries.person_id"], name=op.f("fk_talent_judgements_entry")
        ),
        sa.ForeignKeyConstraint(["horizon_id"], ["talent_labels.id"], name=op.f("fk_talent_judgements_horizon_id")),
        sa.ForeignKeyConstraint(["moderated_by"], ["people.id"], name=op.f("fk_talent_judgements_moderated_by")),
        sa.ForeignKeyConstraint(["potential_id"], ["talent_labels.id"], name=op.f("fk_talent_judgements_potential_id")),
        sa.ForeignKeyConstraint(["proposed_by"], ["people.id"], name=op.f("fk_talent_judgements_proposed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_talent_judgements")),
    )
    op.create_index("ix_talent_judgements_entry", "talent_judgements", ["entry_id", "moderated_on"])
    op.create_index("ix_talent_judgements_proposed_by", "talent_judgements", ["proposed_by"])
    op.create_index(
        "uq_talent_judgements_live",
        "talent_judgements",
        ["entry_id", "state"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL AND state <> 'returned'"),
        postgresql_where=sa.text("superseded_at IS NULL AND state <> 'returned'"),
    )
    op.create_table(
        "talent_actions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("entry_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("who_id", KEY, nullable=False),
        sa.Column("by_date", sa.Date(), nullable=False),
        sa.Column("done_on", sa.Date(), nullable=True),
        sa.Column("course_id", KEY, nullable=True),
        sa.Column("step_id", KEY, nullable=True),
        sa.Column("entry_key", sa.String(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_by", KEY, nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("number > 0", name=op.f("ck_talent_actions_number")),
        sa.CheckConstraint("course_id IS NULL OR step_id IS NULL", name=op.f("ck_talent_actions_one_link")),
        sa.CheckConstraint("length(words) BETWEEN 1 AND 1000", name=op.f("ck_talent_actions_words")),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_talent_actions_course_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["talent_entries.id"], name=op.f("fk_talent_actions_entry_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["people.id"], name=op.f("fk_talent_actions_recorded_by")),
        sa.ForeignKeyConstraint(["step_id"], ["pathway_steps.id"], name=op.f("fk_talent_actions_step_id")),
        sa.ForeignKeyConstraint(["who_id"], ["people.id"], name=op.f("fk_talent_actions_who_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_talent_actions")),
    )
    op.create_index(
        "ix_talent_actions_due",
        "talent_actions",
        ["by_date"],
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index("ix_talent_actions_who_id", "talent_actions", ["who_id"])
    op.create_index(
        "uq_talent_actions_entry",
        "talent_actions",
        ["entry_id", "entry_key"],
        unique=True,
        sqlite_where=sa.text("entry_key IS NOT NULL"),
        postgresql_where=sa.text("entry_key IS NOT NULL"),
    )
    op.create_index(
        "uq_talent_actions_live",
        "talent_actions",
        ["entry_id", "number"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )


def _reads() -> None:
    op.create_table(
        "talent_filters",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("pool_id", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("filters", JSON_TYPE, nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_talent_filters_person_id")),
        sa.ForeignKeyConstraint(["pool_id"], ["talent_pools.id"], name=op.f("fk_talent_filters_pool_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_talent_filters")),
        sa.UniqueConstraint("person_id", "pool_id", "title", name="uq_talent_filters_title"),
    )
    op.create_table(
        "talent_reads",
        sa.Column("id", KEY, nullable=False),
        sa.Column("pool_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reader_id", KEY, nullable=True),
        sa.Column("client_id", KEY, nullable=True),
        sa.Column("reader", sa.String(), nullable=False),
        sa.Column("filters", JSON_TYPE, nullable=False),
        sa.Column("purpose", sa.String(), nullable=True),
        sa.Column("file_type", sa.String(), nullable=True),
        sa.Column("as_at", sa.Date(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("people", KEY, nullable=False),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(kind = 'export') = (digest IS NOT NULL)", name=op.f("ck_talent_reads_digest")),
        sa.CheckConstraint("(kind = 'export') = (file_type IS NOT NULL)", name=op.f("ck_talent_reads_file_type")),
        sa.CheckConstraint("kind IN ('view', 'card', 'export', 'api')", name=op.f("ck_talent_reads_kind")),
        sa.CheckConstraint("(reader_id IS NULL) <> (client_id IS NULL)", name=op.f("ck_talent_reads_one_reader")),
        sa.CheckConstraint("kind <> 'export' OR purpose IS NOT NULL", name=op.f("ck_talent_reads_purpose")),
        sa.ForeignKeyConstraint(["client_id"], ["api_clients.id"], name=op.f("fk_talent_reads_client_id")),
        sa.ForeignKeyConstraint(["pool_id"], ["talent_pools.id"], name=op.f("fk_talent_reads_pool_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["people.id"], name=op.f("fk_talent_reads_reader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_talent_reads")),
    )
    op.create_index("ix_talent_reads_pool", "talent_reads", ["pool_id", "id"])
    op.create_table(
        "talent_read_people",
        sa.Column("read_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_talent_read_people_person_id")),
        sa.ForeignKeyConstraint(["read_id"], ["talent_reads.id"], name=op.f("fk_talent_read_people_read_id")),
        sa.PrimaryKeyConstraint("read_id", "person_id", name=op.f("pk_talent_read_people")),
    )
    op.create_index("ix_talent_read_people_person", "talent_read_people", ["person_id", "read_id"])


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in STEADY:
            for name in ("stand", "stay"):
                op.execute(f"DROP FUNCTION {table}_{name}()")
        for table in APPEND_ONLY:
            op.execute(f"DROP FUNCTION {table}_append_only()")
