"""What the register said of somebody and when; renewal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import KEY, no_overlap

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STATUSES = "'registered', 'conditions', 'suspended', 'removed', 'not registered'"


def upgrade() -> None:
    op.create_table(
        "registrations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_registrations_period")),
        sa.CheckConstraint(f"status IN ({STATUSES})", name=op.f("ck_registrations_status")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_registrations_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registrations")),
    )
    op.create_index(op.f("ix_registrations_person_id"), "registrations", ["person_id"], unique=False)
    no_overlap("registrations", "person_id", "valid_from", "valid_to", "superseded_at IS NULL", name="ex_registrations")
    _what_is_known()


def _what_is_known() -> None:
    """One fact for everybody of whom a status is known. Without a beginning: from the day on which they were added here."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    added = "(created_at AT TIME ZONE 'Europe/London')::date" if postgresql else "date(created_at)"
    no_end = "DATE '9999-12-31'" if postgresql else "'9999-12-31'"
    after = "registered_until + 1" if postgresql else "date(registered_until, '+1 day')"
    op.execute(
        sa.text(
            f"""
            INSERT INTO registrations (person_id, status, valid_from, valid_to, recorded_at)
            SELECT id, registration_status,
                CASE
                    WHEN registration_status IN ('removed', 'not registered') THEN coalesce({after}, {added})
                    WHEN registration_status <> 'suspended' AND registered_from <= coalesce(registered_until, registered_from)
                        THEN registered_from
                    WHEN registered_until < {added} THEN registered_until
                    ELSE {added}
                END,
                CASE
                    WHEN registration_status IN ('removed', 'not registered') OR registered_until IS NULL THEN {no_end}
                    ELSE {after}
                END,
                updated_at
            FROM people WHERE registration_status IN ({STATUSES})
            """
        )
    )


def downgrade() -> None:
    op.drop_table("registrations")
