"""Who was reminded of which training that they must have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import KEY

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "requirement_chases",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_above_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind <> 'lapsing' OR told_above_at IS NULL", name=op.f("ck_requirement_chases_above")),
        sa.CheckConstraint("kind IN ('lapsing', 'lapsed', 'missing')", name=op.f("ck_requirement_chases_kind")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_requirement_chases_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requirement_chases")),
        sa.UniqueConstraint("person_id", "what", "kind", "until", name="uq_requirement_chases_once"),
    )
    still = sa.text("told_above_at IS NULL AND kind <> 'lapsing'")
    op.create_index(
        "ix_requirement_chases_open", "requirement_chases", ["told_at"], unique=False, sqlite_where=still, postgresql_where=still
    )


def downgrade() -> None:
    op.drop_table("requirement_chases")
