"""Files kept by their content."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import KEY, refuse

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("size", KEY, nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("scanned", sa.String(), nullable=False),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(digest) = 64 AND digest = lower(digest)", name=op.f("ck_files_digest")),
        sa.CheckConstraint("size > 0", name=op.f("ck_files_size")),
        sa.CheckConstraint("scanned IN ('clean', 'refused', 'not scanned')", name=op.f("ck_files_scanned")),
        sa.CheckConstraint("(scanned = 'not scanned') = (scanned_at IS NULL)", name=op.f("ck_files_scanned_when")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_files")),
    )
    refuse(
        "files",
        "UPDATE",
        "files_fixed",
        "NEW.digest <> OLD.digest OR NEW.size <> OLD.size OR NEW.media_type <> OLD.media_type OR NEW.stored_at <> OLD.stored_at",
    )


def downgrade() -> None:
    op.drop_table("files")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.text("DROP FUNCTION files_fixed()"))
