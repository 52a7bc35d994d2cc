"""Imports of HR extracts: what was staged, what was wrong with it, which facts it replaced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("id", KEY, nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("as_at", sa.Date(), nullable=False),
        sa.Column("full_extract", sa.Boolean(), nullable=False),
        sa.Column("mapping", sa.String(), nullable=False),
        sa.Column("create_units", sa.Boolean(), nullable=False),
        sa.Column("organisation_id", KEY, nullable=True),
        sa.Column("headings", JSON_TYPE, nullable=False),
        sa.Column("ignored", JSON_TYPE, nullable=False),
        sa.Column("counts", JSON_TYPE, nullable=False),
        sa.Column("ledger_mark", KEY, nullable=False),
        sa.Column("created_by", KEY, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_by", KEY, nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'applied') = (applied_at IS NOT NULL)", name=op.f("ck_imports_applied")),
        sa.CheckConstraint("state IN ('reading', 'staged', 'applied', 'discarded')", name=op.f("ck_imports_state")),
        sa.ForeignKeyConstraint(["applied_by"], ["people.id"], name=op.f("fk_imports_applied_by")),
        sa.ForeignKeyConstraint(["created_by"], ["people.id"], name=op.f("fk_imports_created_by")),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_imports_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_table(
        "import_cuts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("import_id", KEY, nullable=False),
        sa.Column("track", sa.String(), nullable=False),
        sa.Column("row_id", KEY, nullable=False),
        sa.Column("ends", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name=op.f("fk_import_cuts_import_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_cuts")),
    )
    op.create_index("ix_import_cuts_row", "import_cuts", ["import_id", "track", "row_id"])
    op.create_table(
        "import_units",
        sa.Column("id", KEY, nullable=False),
        sa.Column("import_id", KEY, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name=op.f("fk_import_units_import_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_import_units_organisation_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_import_units_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_units")),
    )
    op.create_index("uq_import_units_path", "import_units", ["import_id", "organisation_id", "path"], unique=True)
    op.create_table(
        "import_problems",
        sa.Column("id", KEY, nullable=False),
        sa.Column("import_id", KEY, nullable=False),
        sa.Column("line", KEY, nullable=False),
        sa.Column("column_name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("wrong", sa.String(), nullable=False),
        sa.Column("remedy", sa.String(), nullable=False),
        sa.Column("checked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name=op.f("fk_import_problems_import_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_problems")),
    )
    op.create_index("ix_import_problems_line", "import_problems", ["import_id", "line"])
    op.create_table(
        "import_rows",
        sa.Column("id", KEY, nullable=False),
        sa.Column("import_id", KEY, nullable=False),
        sa.Column("line", KEY, nullable=False),
        sa.Column("person_key", sa.String(), nullable=True),
        sa.Column("lead", sa.Boolean(), nullable=False),
        sa.Column("label", sa.String(), nullable=True),
        sa.Column("person_id", KEY, nullable=True),
        sa.Column("organisation_id", KEY, nullable=True),
        sa.Column("employee_number", sa.String(), nullable=True),
        sa.Column("first_name", sa.String(), nullable=True),
        sa.Column("last_name", sa.String(), nullable=True),
        sa.Column("known_as", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sort_name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("swe_number", sa.String(), nullable=True),
        sa.Column("registration_status", sa.String(), nullable=True),
        sa.Column("entry_route", sa.String(), nullable=True),
        sa.Column("qualified_in", KEY, nullable=True),
        sa.Column("started_on", sa.Date(), nullable=True),
        sa.Column("leaving_on", sa.Date(), nullable=True),
        sa.Column("search_text", sa.String(), nullable=False),
        sa.Column("primary_post", sa.Boolean(), nullable=True),
        sa.Column("job_title", sa.String(), nullable=True),
        sa.Column("contract", sa.String(), nullable=True),
        sa.Column("fte", sa.Numeric(4, 3), nullable=True),
        sa.Column("working_days", sa.String(), nullable=True),
        sa.Column("practice_area", sa.String(), nullable=True),
        sa.Column("post_from", sa.Date(), nullable=True),
        sa.Column("unit_id", KEY, nullable=True),
        sa.Column("new_unit", sa.String(), nullable=True),
        sa.Column("team_from", sa.Date(), nullable=True),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("manager_number", sa.String(), nullable=True),
        sa.Column("manager_email", sa.String(), nullable=True),
        sa.Column("manager_id", KEY, nullable=True),
        sa.Column("manager_row", KEY, nullable=True),
        sa.Column("leaves_on", sa.Date(), nullable=True),
        sa.Column("old_end", sa.Date(), nullable=True),
        sa.Column("new_end", sa.Date(), nullable=True),
        sa.Column("extends", sa.Boolean(), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("unit_since", sa.Date(), nullable=True),
        sa.Column("post_since", sa.Date(), nullable=True),
        sa.Column("person_changed", sa.Boolean(), nullable=False),
        sa.Column("unit_changed", sa.Boolean(), nullable=False),
        sa.Column("stage_changed", sa.Boolean(), nullable=False),
        sa.Column("manager_changed", sa.Boolean(), nullable=False),
        sa.Column("post_changed", sa.Boolean(), nullable=False),
        sa.Column("further_changed", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "label IN ('joiner', 'mover', 'leaver', 'rejoiner', 'changed', 'same', 'passed over', 'invalid')",
            name=op.f("ck_import_rows_label"),
        ),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name=op.f("fk_import_rows_import_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_import_rows_person_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_import_rows_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_rows")),
        postgresql_with={"fillfactor": 50},
    )
    for name, columns in (
        ("key", ["import_id", "person_key"]),
        ("person", ["import_id", "person_id"]),
        ("label", ["import_id", "label", "line"]),
        ("number", ["import_id", "employee_number"]),
        ("email", ["import_id", "email"]),
    ):
        op.create_index(f"ix_import_rows_{name}", "import_rows", columns)


def downgrade() -> None:
    for table in ("import_rows", "import_problems", "import_units", "import_cuts", "imports"):
        op.drop_table(table)
