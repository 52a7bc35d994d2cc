"""Visits to settings; equity of learning and progression, published."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, append_only, no_longer, redactable

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_VISIT = ["id", "organisation_id", "kind", "on_date", "by_person_id", "words", "answers_id", "entry_key", "recorded_by", "recorded_at"]
_APPEND_ONLY = ("equality_counted", "equality_measured")


def upgrade() -> None:
    _equality()
    op.create_table(
        "setting_kinds",
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("set_by", KEY, nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('early years', 'school', 'care', 'health', 'voluntary', 'council', 'other')", name=op.f("ck_setting_kinds_kind")
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_setting_kinds_organisation_id")),
        sa.ForeignKeyConstraint(["set_by"], ["people.id"], name=op.f("fk_setting_kinds_set_by")),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_setting_kinds")),
    )
    op.create_table(
        "setting_visits",
        sa.Column("id", KEY, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("by_person_id", KEY, nullable=True),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("answers_id", KEY, nullable=True),
        sa.Column("entry_key", sa.String(), nullable=True),
        sa.Column("recorded_by", KEY, nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('planned', 'held', 'called off', 'taken back')", name=op.f("ck_setting_visits_kind")),
        sa.CheckConstraint("kind <> 'planned' OR answers_id IS NULL", name=op.f("ck_setting_visits_plan")),
        sa.CheckConstraint("kind NOT IN ('called off', 'taken back') OR answers_id IS NOT NULL", name=op.f("ck_setting_visits_answer")),
        sa.CheckConstraint("length(words) <= 600", name=op.f("ck_setting_visits_words")),
        sa.ForeignKeyConstraint(["answers_id"], ["setting_visits.id"], name=op.f("fk_setting_visits_answers_id")),
        sa.ForeignKeyConstraint(["by_person_id"], ["people.id"], name=op.f("fk_setting_visits_by_person_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_setting_visits_organisation_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["people.id"], name=op.f("fk_setting_visits_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_setting_visits")),
    )
    for name, column in (("answer", "answers_id"), ("entry", "entry_key")):
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"uq_setting_visits_{name}", "setting_visits", [column], unique=True, sqlite_where=where, postgresql_where=where)
    op.create_index("ix_setting_visits_organisation", "setting_visits", ["organisation_id", "kind", "on_date"])
    redactable("setting_visits", _VISIT, ["words"])


def _equality() -> None:
    op.create_table(
        "equality_measured",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("as_at", sa.Date(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", KEY, nullable=True),
        sa.Column("below", KEY, nullable=False),
        sa.Column("told", JSON_TYPE, nullable=False),
        sa.CheckConstraint("below > 1", name=op.f("ck_equality_measured_below")),
        sa.ForeignKeyConstraint(["taken_by"], ["people.id"], name=op.f("fk_equality_measured_taken_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_equality_measured")),
        sa.UniqueConstraint("key", name=op.f("uq_equality_measured_key")),
    )
    op.create_table(
        "equality_counted",
        sa.Column("measured_id", KEY, nullable=False),
        sa.Column("part", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("step", KEY, nullable=False),
        sa.ForeignKeyConstraint(["measured_id"], ["equality_measured.id"], name=op.f("fk_equality_counted_measured_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_equality_counted_person_id")),
        sa.PrimaryKeyConstraint("measured_id", "part", "person_id", name=op.f("pk_equality_counted")),
    )
    op.create_index("ix_equality_counted_person", "equality_counted", ["person_id"])
    for table in _APPEND_ONLY:
        append_only(table)


def downgrade() -> None:
    no_longer("setting_visits", "setting_visits_frozen_update", "setting_visits_frozen_delete")
    for table in ("setting_visits", "setting_kinds", *_APPEND_ONLY):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in _APPEND_ONLY:
            op.execute(f"DROP FUNCTION {table}_append_only()")
