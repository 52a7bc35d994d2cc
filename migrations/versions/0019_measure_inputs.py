"""Figures imported as aggregates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, no_longer, refuse

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_COLUMNS = ("id", "organisation_id", "measure", "month_end", "unit_id", "num", "den", "source", "import_id", "recorded_at")


def upgrade() -> None:
    op.create_table(
        "measure_imports",
        sa.Column("id", KEY, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("rows", JSON_TYPE, nullable=False),
        sa.Column("staged_by", KEY, nullable=True),
        sa.Column("staged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_by", KEY, nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made", JSON_TYPE, nullable=True),
        sa.CheckConstraint("(applied_at IS NULL) = (made IS NULL)", name=op.f("ck_measure_imports_applied")),
        sa.ForeignKeyConstraint(["applied_by"], ["people.id"], name=op.f("fk_measure_imports_applied_by")),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_measure_imports_organisation_id")),
        sa.ForeignKeyConstraint(["staged_by"], ["people.id"], name=op.f("fk_measure_imports_staged_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measure_imports")),
    )
    op.create_index("ix_measure_imports_organisation", "measure_imports", ["organisation_id", "id"])
    op.create_table(
        "measure_inputs",
        sa.Column("id", KEY, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("month_end", sa.Date(), nullable=False),
        sa.Column("unit_id", KEY, nullable=True),
        sa.Column("num", KEY, nullable=False),
        sa.Column("den", KEY, nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("import_id", KEY, nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("num >= 0 AND (den IS NULL OR den >= 0)", name=op.f("ck_measure_inputs_not_negative")),
        sa.CheckConstraint("superseded_at IS NULL OR recorded_at <= superseded_at", name=op.f("ck_measure_inputs_period")),
        sa.ForeignKeyConstraint(["import_id"], ["measure_imports.id"], name=op.f("fk_measure_inputs_import_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_measure_inputs_organisation_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_measure_inputs_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measure_inputs")),
    )
    op.create_index("ix_measure_inputs_figure", "measure_inputs", ["organisation_id", "measure", "month_end"])
    op.create_index(op.f("ix_measure_inputs_import_id"), "measure_inputs", ["import_id"])
    _once("uq_measure_inputs_whole", ["organisation_id", "measure", "month_end"], "superseded_at IS NULL AND unit_id IS NULL")
    _once("uq_measure_inputs_part", ["organisation_id", "measure", "month_end", "unit_id"], "superseded_at IS NULL AND unit_id IS NOT NULL")
    same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in _COLUMNS)
    refuse("measure_inputs", "UPDATE", "measure_inputs_frozen_update", f"NOT (OLD.superseded_at IS NULL AND {same})")
    refuse("measure_inputs", "DELETE", "measure_inputs_frozen_delete", "OLD.id IS NOT NULL")


def _once(name: str, columns: list[str], where: str) -> None:
    live = sa.text(where)
    op.create_index(name, "measure_inputs", columns, unique=True, sqlite_where=live, postgresql_where=live)


def downgrade() -> None:
    no_longer("measure_inputs", "measure_inputs_frozen_update", "measure_inputs_frozen_delete")
    op.drop_table("measure_inputs")
    op.drop_table("measure_imports")
