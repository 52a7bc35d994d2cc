"""The workforce census: guides of collection years, returns, what they say of each person, and what was sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.helpers import JSON_TYPE, KEY, append_only, refuse

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_OPEN = "state <> 'submitted' AND erased_at IS NULL"
_SAME = (
    "id", "organisation_id", "year", "version", "guide_id", "state", "reference_day", "filled_at", "people", "errors", "queries",
    "created_at", "created_by", "touched_at", "submitted_at", "submitted_by", "digest",
)  # fmt: skip
_PARTS = ("census_people", "census_messages", "census_documents")
_FROZEN = [("census_returns", verb) for verb in ("update", "delete")] + [
    (table, verb) for table in _PARTS for verb in ("insert", "update", "delete")
]


def upgrade() -> None:
    op.create_table(
        "census_guides",
        sa.Column("id", KEY, nullable=False),
        sa.Column("year", KEY, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("content", JSON_TYPE, nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("loaded_by", KEY, nullable=True),
        sa.ForeignKeyConstraint(["loaded_by"], ["people.id"], name=op.f("fk_census_guides_loaded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_census_guides")),
        sa.UniqueConstraint("year", "version", name="uq_census_guides_version"),
    )
    op.create_table(
        "census_settings",
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("authority", sa.String(), nullable=True),
        sa.Column("roles", JSON_TYPE, nullable=False),
        sa.Column("titles", JSON_TYPE, nullable=False),
        sa.Column("keep_days", KEY, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint("keep_days BETWEEN 30 AND 2000", name=op.f("ck_census_settings_keep_days")),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_census_settings_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_census_settings")),
    )
    _returns()
    op.create_table(
        "census_people",
        sa.Column("id", KEY, nullable=False),
        sa.Column("return_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("ours", JSON_TYPE, nullable=False),
        sa.Column("theirs", JSON_TYPE, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_census_people_person_id")),
        sa.ForeignKeyConstraint(["return_id"], ["census_returns.id"], name=op.f("fk_census_people_return_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_census_people")),
        sa.UniqueConstraint("return_id", "number", name="uq_census_people_number"),
        sa.UniqueConstraint("return_id", "person_id", name="uq_census_people_once"),
    )
    op.create_table(
        "census_messages",
        sa.Column("return_id", KEY, nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('error', 'query')", name=op.f("ck_census_messages_kind")),
        sa.ForeignKeyConstraint(["return_id"], ["census_returns.id"], name=op.f("fk_census_messages_return_id")),
        sa.PrimaryKeyConstraint("return_id", "position", name=op.f("pk_census_messages")),
    )
    op.create_index("ix_census_messages_item", "census_messages", ["return_id", "item", "kind"])
    op.create_table(
        "census_documents",
        sa.Column("return_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_census_documents_digest")),
        sa.ForeignKeyConstraint(["return_id"], ["census_returns.id"], name=op.f("fk_census_documents_return_id")),
        sa.PrimaryKeyConstraint("return_id", "kind", name=op.f("pk_census_documents")),
    )
    op.create_table(
        "census_uploads",
        sa.Column("id", KEY, nullable=False),
        sa.Column("return_id", KEY, nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("rows", JSON_TYPE, nullable=False),
        sa.Column("lines", KEY, nullable=False),
        sa.Column("staged_by", KEY, nullable=False),
        sa.Column("staged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed", KEY, nullable=True),
        sa.ForeignKeyConstraint(["return_id"], ["census_returns.id"], name=op.f("fk_census_uploads_return_id")),
        sa.ForeignKeyConstraint(["staged_by"], ["people.id"], name=op.f("fk_census_uploads_staged_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_census_uploads")),
    )
    op.create_index("ix_census_uploads_return_id", "census_uploads", ["return_id"])
    append_only("census_guides")
    _frozen()


def _returns() -> None:
    op.create_table(
        "census_returns",
        sa.Column("id", KEY, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("year", KEY, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("guide_id", KEY, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reference_day", sa.Date(), nullable=False),
        sa.Column("filled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("authority", JSON_TYPE, nullable=False),
        sa.Column("people", KEY, nullable=False),
        sa.Column("errors", KEY, nullable=False),
        sa.Column("queries", KEY, nullable=False),
        sa.Column("summary", JSON_TYPE, nullable=False),
        sa.Column("totals", JSON_TYPE, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", KEY, nullable=True),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_by", KEY, nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('draft', 'checked', 'submitted')", name=op.f("ck_census_returns_state")),
        sa.CheckConstraint(
            "(state = 'submitted') = (submitted_at IS NOT NULL AND digest IS NOT NULL)", name=op.f("ck_census_returns_submitted")
        ),
        sa.CheckConstraint("state = 'draft' OR errors = 0", name=op.f("ck_census_returns_checked")),
        sa.CheckConstraint("digest IS NULL OR length(digest) = 64", name=op.f("ck_census_returns_digest")),
        sa.ForeignKeyConstraint(["created_by"], ["people.id"], name=op.f("fk_census_returns_created_by")),
        sa.ForeignKeyConstraint(["guide_id"], ["census_guides.id"], name=op.f("fk_census_returns_guide_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["units.id"], name=op.f("fk_census_returns_organisation_id")),
        sa.ForeignKeyConstraint(["submitted_by"], ["people.id"], name=op.f("fk_census_returns_submitted_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_census_returns")),
        sa.UniqueConstraint("organisation_id", "year", "version", name="uq_census_returns_version"),
    )
    where = sa.text(_OPEN)
    op.create_index(
        *("uq_census_returns_open", "census_returns", ["organisation_id", "year"]),
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )


def _frozen() -> None:
    """What was submitted stays, but that its personal data is erased in the end."""
    same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in _SAME)
    texts = " AND ".join(f"CAST(NEW.{name} AS TEXT) = CAST(OLD.{name} AS TEXT)" for name in ("authority", "summary", "totals"))
    changed = f"OLD.state = 'submitted' AND NOT ({same} AND {texts} AND OLD.erased_at IS NULL)"
    refuse("census_returns", "UPDATE", "census_returns_frozen_update", changed)
    refuse("census_returns", "DELETE", "census_returns_frozen_delete", "OLD.state = 'submitted'")
    for table in _PARTS:
        for verb, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")):
            named = f"FROM census_returns WHERE id = {row}.return_id"
            erased = " AND erased_at IS NULL" if verb == "DELETE" else ""
            when = f"EXISTS (SELECT 1 {named} AND state = 'submitted'{erased})"
            refuse(table, verb, f"{table}_frozen_{verb.lower()}", when, hold=f"SELECT 1 {named} FOR SHARE")


def downgrade() -> None:
    for table in ("census_uploads", *reversed(_PARTS), "census_returns", "census_settings", "census_guides"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION census_guides_append_only()")
        for table, verb in _FROZEN:
            op.execute(f"DROP FUNCTION {table}_frozen_{verb}()")
