"""What is measured, and what was published of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, append_only

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_TABLES = ("measure_cells", "measure_closes", "measure_sets")


def upgrade() -> None:
    op.create_table(
        "measure_sets",
        sa.Column("id", KEY, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("runs_from", sa.Date(), nullable=False),
        sa.Column("runs_until", sa.Date(), nullable=True),
        sa.Column("content", JSON_TYPE, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", KEY, nullable=True),
        sa.CheckConstraint("runs_until IS NULL OR runs_from < runs_until", name=op.f("ck_measure_sets_period")),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_measure_sets_organisation_id")),
        sa.ForeignKeyConstraint(["published_by"], ["people.id"], name=op.f("fk_measure_sets_published_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measure_sets")),
        sa.UniqueConstraint("organisation_id", "code", "version", name="uq_measure_sets_version"),
    )
    op.create_table(
        "measure_closes",
        sa.Column("id", KEY, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("set_id", KEY, nullable=False),
        sa.Column("month_end", sa.Date(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", KEY, nullable=True),
        sa.Column("below", KEY, nullable=False),
        sa.CheckConstraint("below > 1", name=op.f("ck_measure_closes_below")),
        sa.ForeignKeyConstraint(["closed_by"], ["people.id"], name=op.f("fk_measure_closes_closed_by")),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_measure_closes_organisation_id")),
        sa.ForeignKeyConstraint(["set_id"], ["measure_sets.id"], name=op.f("fk_measure_closes_set_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measure_closes")),
        sa.UniqueConstraint("organisation_id", "month_end", name="uq_measure_closes_month"),
    )
    op.create_table(
        "measure_cells",
        sa.Column("close_id", KEY, nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("breakdown", sa.String(), nullable=False),
        sa.Column("group_key", sa.String(), nullable=False),
        sa.Column("parent_key", sa.String(), nullable=True),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("num", KEY, nullable=True),
        sa.Column("den", KEY, nullable=True),
        sa.Column("num_people", KEY, nullable=True),
        sa.Column("den_people", KEY, nullable=True),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.CheckConstraint("breakdown IN ('all', 'tree', 'stage', 'contract')", name=op.f("ck_measure_cells_breakdown")),
        sa.CheckConstraint("hidden OR num IS NOT NULL", name=op.f("ck_measure_cells_shown")),
        sa.ForeignKeyConstraint(["close_id"], ["measure_closes.id"], name=op.f("fk_measure_cells_close_id")),
        sa.PrimaryKeyConstraint("close_id", "measure", "breakdown", "group_key", name=op.f("pk_measure_cells")),
    )
    op.create_index("ix_measure_cells_group", "measure_cells", ["measure", "breakdown", "group_key", "close_id"])
    for table in _TABLES:
        append_only(table)


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in _TABLES:
            op.execute(f"DROP FUNCTION {table}_append_only()")
