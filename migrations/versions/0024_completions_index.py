"""One index fewer on completions: who completed what is found by the rule against repeating one, which begins with the same columns, and
what counts by the index of live ones, which holds all that is read."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_completions_person_course", table_name="completions")


def downgrade() -> None:
    op.create_index("ix_completions_person_course", "completions", ["person_id", "course_id"], unique=False)
