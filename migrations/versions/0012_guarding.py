"""Words that may name a family: what was decided about them, and names somebody must not write."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, append_only

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "guard_names",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("words", KEY, nullable=False),
        sa.Column("ordinary", sa.Boolean(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_guard_names_digest")),
        sa.CheckConstraint("words BETWEEN 1 AND 4", name=op.f("ck_guard_names_words")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_guard_names_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guard_names")),
        sa.UniqueConstraint("person_id", "digest", name=op.f("uq_guard_names_person_id_digest")),
    )
    op.create_table(
        "guard_decisions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=True),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("subject_id", KEY, nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("kinds", JSON_TYPE, nullable=False),
        sa.Column("marks", JSON_TYPE, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("decision IN ('redacted', 'kept')", name=op.f("ck_guard_decisions_decision")),
        sa.CheckConstraint("(decision = 'kept') = (reason IS NOT NULL)", name=op.f("ck_guard_decisions_because")),
        sa.CheckConstraint("reason IN ('no-family', 'invented', 'mistaken', 'needed')", name=op.f("ck_guard_decisions_reason")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_guard_decisions_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guard_decisions")),
    )
    op.create_index(op.f("ix_guard_decisions_person_id"), "guard_decisions", ["person_id"], unique=False)
    op.create_index("ix_guard_decisions_subject", "guard_decisions", ["subject", "subject_id"], unique=False)
    append_only("guard_decisions")


def downgrade() -> None:
    op.drop_table("guard_decisions")
    op.drop_table("guard_names")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION guard_decisions_append_only()")
