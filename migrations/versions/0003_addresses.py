"""Sign-ins and links remember the address they were made for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("sign_ins", "links")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("email", sa.String(), nullable=True))
        op.execute(sa.text(f"UPDATE {table} SET email = (SELECT people.email FROM people WHERE people.id = {table}.person_id)"))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "email")
