"""The board's reports: drafts that are written on, and signed ones that nothing changes any more."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text

from app.core.db import Model
from app.core.declared import Mapped, mapped_column
from app.core.frozen import of_a_draft, unless_draft
from app.core.tx import meaning

DRAFT, SIGNED = "draft", "signed"
WORDS = 4000  # characters of a commentary
LINE = 600  # characters of what was said, or of what was done
SENT = "entry_key IS NOT NULL"
FROZEN = "The report is signed off and stays as it is. What is wrong is put right by a new report that takes its place."


class BoardReport(Model):
    """A report of a kind on a closed month. Signed off, it holds all that it shows, and the database refuses to change it.

    `number`: the first of that kind and month is 1; a correction is another report, one higher, that `replaces` the one before.
    """

    __tablename__ = "board_reports"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    kind: Mapped[str]
    close_id: Mapped[int] = mapped_column(ForeignKey("measure_closes.id"))
    number: Mapped[int]
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("board_reports.id"))
    why: Mapped[str | None]  # of a correction: what was wrong
    state: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # who is reminded of what is missing
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL: the timetable
    signed_at: Mapped[datetime | None]
    signed_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    content: Mapped[str | None]  # canonical JSON: all that the report says
    content_sha256: Mapped[str | None]
    page: Mapped[str | None]  # the paper as HTML
    page_sha256: Mapped[str | None]
    pdf_sha256: Mapped[str | None]
    workbook_sha256: Mapped[str | None]
    __table_args__ = (
        CheckConstraint("kind IN ('board', 'review', 'improvement')", name="kind"),
        CheckConstraint("state IN ('draft', 'signed')", name="state"),
        CheckConstraint("number > 0 AND (number = 1) = (replaces_id IS NULL)", name="number"),
        CheckConstraint("(replaces_id IS NULL) = (why IS NULL)", name="why"),
        CheckConstraint(
            "state = 'draft' OR (signed_at IS NOT NULL AND signed_by IS NOT NULL AND content IS NOT NULL AND content_sha256 IS NOT NULL "
            "AND page IS NOT NULL AND page_sha256 IS NOT NULL AND pdf_sha256 IS NOT NULL AND workbook_sha256 IS NOT NULL)",
            name="signed",
        ),
        CheckConstraint("state = 'signed' OR (signed_at IS NULL AND signed_by IS NULL AND content IS NULL AND page IS NULL)", name="draft"),
        UniqueConstraint("close_id", "kind", "number", name="uq_board_reports_number"),
        UniqueConstraint("replaces_id", name="uq_board_reports_replaces"),
        Index("ix_board_reports_organisation", "organisation_id", "kind", "close_id"),
    )


class BoardFile(Model):
    """A report as a file, drawn at its sign-off. It lies beside the report, where the database keeps it from being changed."""

    __tablename__ = "board_files"
    report_id: Mapped[int] = mapped_column(ForeignKey("board_reports.id"))
    kind: Mapped[str]
    sha256: Mapped[str]
    size: Mapped[int]  # bytes
    content: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (
        CheckConstraint("kind IN ('pdf', 'xlsx')", name="kind"),
        UniqueConstraint("report_id", "kind", name="uq_board_files_kind"),
    )


class BoardComment(Model):
    """What somebody wrote about the whole ("headline"), a theme ("theme-culture") or a measure ("measure-…") of a report."""

    __tablename__ = "board_comments"
    report_id: Mapped[int] = mapped_column(ForeignKey("board_reports.id"))
    about: Mapped[str]
    words: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    written_at: Mapped[datetime]
    written_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    __table_args__ = (
        CheckConstraint(f"length(words) <= {WORDS}", name="words"),
        UniqueConstraint("report_id", "about", name="uq_board_comments_about"),
    )


class BoardReply(Model):
    """You said, we did: what people said, and what came of it."""

    __tablename__ = "board_replies"
    report_id: Mapped[int] = mapped_column(ForeignKey("board_reports.id"))
    number: Mapped[int]
    said: Mapped[str]
    did: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    entry_key: Mapped[str | None]  # the key under which a browser sent it
    written_at: Mapped[datetime]
    written_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(f"length(said) BETWEEN 1 AND {LINE} AND length(did) BETWEEN 1 AND {LINE}", name="words"),
        UniqueConstraint("report_id", "number", name="uq_board_replies_number"),
        Index("uq_board_replies_entry", "report_id", "entry_key", unique=True, sqlite_where=text(SENT), postgresql_where=text(SENT)),
    )


class BoardSchedule(Model):
    """When an organisation's reports of a kind are drafted by themselves, and who is reminded. Working days of the month after."""

    __tablename__ = "board_schedules"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    kind: Mapped[str]
    months: Mapped[str]  # of which months there is one: "1 2 3"
    draft_on: Mapped[int]  # so many working days after the month ended; later where the month is not closed yet
    remind_on: Mapped[int]  # from then on whoever owns it is reminded while commentary is missing
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    runs: Mapped[bool]
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint("kind IN ('board', 'review', 'improvement')", name="kind"),
        CheckConstraint("draft_on BETWEEN 1 AND 20 AND remind_on BETWEEN 1 AND 20 AND draft_on <= remind_on", name="days"),
        UniqueConstraint("organisation_id", "kind", name="uq_board_schedules_kind"),
    )


class BoardReader(Model):
    """Somebody who is told when a report of a kind is signed off, besides the board's viewers."""

    __tablename__ = "board_readers"
    schedule_id: Mapped[int] = mapped_column(ForeignKey("board_schedules.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    __table_args__ = (UniqueConstraint("schedule_id", "person_id", name="uq_board_readers_once"),)


unless_draft(BoardReport.__table__)
for _table in (BoardFile.__table__, BoardComment.__table__, BoardReply.__table__):
    of_a_draft(_table, BoardReport.__table__, "report_id")
    for _verb in ("insert", "update", "delete"):
        meaning(f"{_table.name}_frozen_{_verb}", message=FROZEN, code="report-signed")
for _verb in ("update", "delete"):
    meaning(f"board_reports_frozen_{_verb}", message=FROZEN, code="report-signed")
meaning(
    *("uq_board_reports_number", "board_reports.close_id, board_reports.kind, board_reports.number"),
    message="There is such a report of that month already.",
    code="report-there",
)
meaning(
    *("uq_board_reports_replaces", "board_reports.replaces_id"),
    message="A report that takes its place has been begun already.",
    code="replaced-already",
)
for _name, _list in (
    ("uq_board_files_kind", "board_files.report_id, board_files.kind"),
    ("uq_board_comments_about", "board_comments.report_id, board_comments.about"),
    ("uq_board_replies_number", "board_replies.report_id, board_replies.number"),
    ("uq_board_schedules_kind", "board_schedules.organisation_id, board_schedules.kind"),
):
    meaning(_name, _list, message="Somebody has just saved this. Look at it again and retry.", code="conflict-at-once")
meaning(
    *("uq_board_replies_entry", "board_replies.report_id, board_replies.entry_key"),
    message="This has just been saved.",
    code="entry-saved",
)
meaning(
    *("uq_board_readers_once", "board_readers.schedule_id, board_readers.person_id"),
    message="They are on the list already.",
    code="reader-there",
)
