"""The board's reports."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.helpers import KEY, of_a_draft, unless_draft

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_KINDS = "kind IN ('board', 'review', 'improvement')"
_SIGNED = (
    "state = 'draft' OR (signed_at IS NOT NULL AND signed_by IS NOT NULL AND content IS NOT NULL AND content_sha256 IS NOT NULL "
    "AND page IS NOT NULL AND page_sha256 IS NOT NULL AND pdf_sha256 IS NOT NULL AND workbook_sha256 IS NOT NULL)"
)
_REPORT = (
    *("id", "organisation_id", "kind", "close_id", "number", "replaces_id", "why", "state", "owner_id", "created_at", "created_by"),
    *("signed_at", "signed_by", "content", "content_sha256", "page", "page_sha256", "pdf_sha256", "workbook_sha256"),
)
_PARTS = ("board_files", "board_comments", "board_replies")
_TABLES = ("board_readers", "board_schedules", "board_replies", "board_comments", "board_files", "board_reports")


def _where(condition: str) -> dict[str, Any]:
    return dict(sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))


def _points(table: str, column: str, to: str = "people.id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    _reports()
    _words()
    _schedules()
    unless_draft("board_reports", list(_REPORT))
    for table in _PARTS:
        of_a_draft(table, "board_reports", "report_id")


def _reports() -> None:
    table = "board_reports"
    op.create_table(
        table,
        sa.Column("id", KEY, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("close_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("replaces_id", KEY, nullable=True),
        sa.Column("why", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("owner_id", KEY, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", KEY, nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_by", KEY, nullable=True),
        sa.Column("content", sa.String(), nullable=True),
        sa.Column("content_sha256", sa.String(), nullable=True),
        sa.Column("page", sa.String(), nullable=True),
        sa.Column("page_sha256", sa.String(), nullable=True),
        sa.Column("pdf_sha256", sa.String(), nullable=True),
        sa.Column("workbook_sha256", sa.String(), nullable=True),
        sa.CheckConstraint(_KINDS, name=op.f("ck_board_reports_kind")),
        sa.CheckConstraint("state IN ('draft', 'signed')", name=op.f("ck_board_reports_state")),
        sa.CheckConstraint("number > 0 AND (number = 1) = (replaces_id IS NULL)", name=op.f("ck_board_reports_number")),
        sa.CheckConstraint("(replaces_id IS NULL) = (why IS NULL)", name=op.f("ck_board_reports_why")),
        sa.CheckConstraint(_SIGNED, name=op.f("ck_board_reports_signed")),
        sa.CheckConstraint(
            "state = 'signed' OR (signed_at IS NULL AND signed_by IS NULL AND content IS NULL AND page IS NULL)",
            name=op.f("ck_board_reports_draft"),
        ),
        _points(table, "close_id", "measure_closes.id"),
        _points(table, "created_by"),
        _points(table, "organisation_id", "units.id"),
        _points(table, "owner_id"),
        _points(table, "replaces_id", "board_reports.id"),
        _points(table, "signed_by"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_reports")),
        sa.UniqueConstraint("close_id", "kind", "number", name="uq_board_reports_number"),
        sa.UniqueConstraint("replaces_id", name="uq_board_reports_replaces"),
    )
    op.create_index("ix_board_reports_organisation", table, ["organisation_id", "kind", "close_id"])
    op.create_table(
        "board_files",
        sa.Column("id", KEY, nullable=False),
        sa.Column("report_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", KEY, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("kind IN ('pdf', 'xlsx')", name=op.f("ck_board_files_kind")),
        _points("board_files", "report_id", "board_reports.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_files")),
        sa.UniqueConstraint("report_id", "kind", name="uq_board_files_kind"),
    )


def _words() -> None:
    op.create_table(
        "board_comments",
        sa.Column("id", KEY, nullable=False),
        sa.Column("report_id", KEY, nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written_by", KEY, nullable=True),
        sa.CheckConstraint("length(words) <= 4000", name=op.f("ck_board_comments_words")),
        _points("board_comments", "report_id", "board_reports.id"),
        _points("board_comments", "written_by"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_comments")),
        sa.UniqueConstraint("report_id", "about", name="uq_board_comments_about"),
    )
    op.create_table(
        "board_replies",
        sa.Column("id", KEY, nullable=False),
        sa.Column("report_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("said", sa.String(), nullable=False),
        sa.Column("did", sa.String(), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("entry_key", sa.String(), nullable=True),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written_by", KEY, nullable=True),
        sa.CheckConstraint("number > 0", name=op.f("ck_board_replies_number")),
        sa.CheckConstraint("length(said) BETWEEN 1 AND 600 AND length(did) BETWEEN 1 AND 600", name=op.f("ck_board_replies_words")),
        _points("board_replies", "report_id", "board_reports.id"),
        _points("board_replies", "written_by"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_replies")),
        sa.UniqueConstraint("report_id", "number", name="uq_board_replies_number"),
    )
    sent = _where("entry_key IS NOT NULL")
    op.create_index("uq_board_replies_entry", "board_replies", ["report_id", "entry_key"], unique=True, **sent)


def _schedules() -> None:
    op.create_table(
        "board_schedules",
        sa.Column("id", KEY, nullable=False),
        sa.Column("organisation_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("months", sa.String(), nullable=False),
        sa.Column("draft_on", KEY, nullable=False),
        sa.Column("remind_on", KEY, nullable=False),
        sa.Column("owner_id", KEY, nullable=True),
        sa.Column("runs", sa.Boolean(), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.CheckConstraint(_KINDS, name=op.f("ck_board_schedules_kind")),
        sa.CheckConstraint(
            "draft_on BETWEEN 1 AND 20 AND remind_on BETWEEN 1 AND 20 AND draft_on <= remind_on", name=op.f("ck_board_schedules_days")
        ),
        _points("board_schedules", "organisation_id", "units.id"),
        _points("board_schedules", "owner_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_schedules")),
        sa.UniqueConstraint("organisation_id", "kind", name="uq_board_schedules_kind"),
    )
    op.create_table(
        "board_readers",
        sa.Column("id", KEY, nullable=False),
        sa.Column("schedule_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        _points("board_readers", "person_id"),
        _points("board_readers", "schedule_id", "board_schedules.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_readers")),
        sa.UniqueConstraint("schedule_id", "person_id", name="uq_board_readers_once"),
    )
    op.create_index("ix_board_readers_person_id", "board_readers", ["person_id"])


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in _PARTS:
            for verb in ("insert", "update", "delete"):
                op.execute(f"DROP FUNCTION {table}_frozen_{verb}()")
        for verb in ("update", "delete"):
            op.execute(f"DROP FUNCTION board_reports_frozen_{verb}()")
