"""The portfolio: documents and their history, comments, what others contribute, and the chain of signatures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text

from app.core.db import Base, Model, append_only
from app.core.declared import Mapped, mapped_column
from app.core.frozen import refuse
from app.core.ledger import Json
from app.core.tx import meaning
from app.programmes.models import Enrolment, one_of

DOCUMENT_STATES = ("draft", "sent", "returned", "signing", "final", "on paper")


class Document(Model):
    """One document of a portfolio: the template's first, second, … copy. What it says stands in its revisions."""

    __tablename__ = "documents"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolments.id"))
    template_id: Mapped[int] = mapped_column(ForeignKey("document_templates.id"), index=True)
    number: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(default="draft")
    head: Mapped[int] = mapped_column(default=0)  # the newest revision; 0: nothing written yet
    frozen: Mapped[int | None]  # the revision that is being signed or was
    waiting_for: Mapped[str | None]  # the capacity whose turn it is; NULL: nobody's
    waiting_since: Mapped[datetime | None]
    changed_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("enrolment_id", "template_id", "number", name="uq_documents_number"),
        UniqueConstraint("id", "enrolment_id", name="uq_documents_enrolment"),
        CheckConstraint(one_of("state", DOCUMENT_STATES), name="state"),
        CheckConstraint("state NOT IN ('signing', 'final') OR frozen IS NOT NULL", name="frozen"),
        CheckConstraint("(waiting_for IS NULL) = (waiting_since IS NULL)", name="waiting"),
        Index(
            "ix_documents_waiting",
            "waiting_for",
            "waiting_since",
            sqlite_where=text("waiting_for IS NOT NULL"),
            postgresql_where=text("waiting_for IS NOT NULL"),
        ),
    )


def _saved_at(context: Any) -> Any:
    """For revisions that are written at once."""
    return context.get_current_parameters()["saved_at"]


class Revision(Base):
    """What a document said at one time. While somebody types, their newest revision is overwritten; a sealed one never is."""

    __tablename__ = "document_revisions"
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    base: Mapped[int]  # the revision that the writer had before them
    content: Mapped[Any] = mapped_column(Json)  # {item code: what was written}
    standards: Mapped[Any] = mapped_column(Json)  # codes of the standards it was tagged with
    author_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    contribution_id: Mapped[int | None]
    kind: Mapped[str]  # typing · merge · contribution · restored · moved in
    sitting: Mapped[str]  # one tab of one browser: what it saves within ten minutes is one revision
    turn: Mapped[int] = mapped_column(default=0)  # counts what that tab has sent, so that nothing older arrives on top of it
    begun_at: Mapped[datetime] = mapped_column(default=_saved_at)  # of its first save; after ten minutes the next save is a new revision
    saved_at: Mapped[datetime]
    sealed: Mapped[bool] = mapped_column(default=False)
    redacted_at: Mapped[datetime | None]  # something was taken out of it as the law allows; a sealed one changes in no other way
    __table_args__ = (
        ForeignKeyConstraint(["contribution_id", "document_id"], ["contributions.id", "contributions.document_id"]),
        CheckConstraint("base < number", name="base"),
    )


SEALED = "OLD.sealed AND (NEW.redacted_at IS NULL OR NOT NEW.sealed OR NEW.document_id <> OLD.document_id OR NEW.number <> OLD.number)"
refuse(Revision.__table__, "UPDATE", "document_revisions_sealed", SEALED)
refuse(Revision.__table__, "DELETE", "document_revisions_kept", "OLD.number > 0")


class Clash(Model):
    """Two wrote the same item at once. What could not be saved over the other's words is kept here until its writer has chosen."""

    __tablename__ = "document_clashes"
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    item: Mapped[str]
    words: Mapped[str]
    base: Mapped[int]  # the revision they had before them
    against: Mapped[int]  # the revision that stood there
    sitting: Mapped[str]  # the tab it was written in
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class Attachment(Model):
    """A file that belongs to a document. The bytes are kept once for all, by their content."""

    __tablename__ = "attachments"
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id"), index=True)
    digest: Mapped[str] = mapped_column(ForeignKey("files.digest"))
    name: Mapped[str]
    added_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    added_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class Comment(Model):
    """What a reader said about a document or one item of it. Comments are talk: they are not signed and do not leave in exports."""

    __tablename__ = "document_comments"
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id"), index=True)
    item: Mapped[str | None]
    revision: Mapped[int]  # what was read
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    words: Mapped[str]
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class Contribution(Model):
    """Somebody without an account is asked for their part: an observer, another professional, who collects a family's feedback."""

    __tablename__ = "contributions"
    document_id: Mapped[int] = mapped_column(index=True)
    enrolment_id: Mapped[int]
    name: Mapped[str]
    email: Mapped[str]
    part: Mapped[str]  # the capacity they write in: observer · other_professional · family_feedback
    registration_number: Mapped[str | None]  # an observer's, if they are a social worker
    state: Mapped[str] = mapped_column(default="asked")
    words: Mapped[str | None]  # what was asked of them
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)  # somebody with an account: they need no link
    draft: Mapped[Any] = mapped_column(Json, default=dict)  # what they have written and not given yet; nobody else sees it
    reply: Mapped[str | None]  # what they said when they declined
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    given_at: Mapped[datetime | None]
    __table_args__ = (
        ForeignKeyConstraint(["document_id", "enrolment_id"], ["documents.id", "documents.enrolment_id"]),
        UniqueConstraint("id", "document_id", name="uq_contributions_document"),
        CheckConstraint("state IN ('asked', 'given', 'declined', 'expired', 'withdrawn')", name="state"),
        CheckConstraint("(state = 'given') = (given_at IS NOT NULL)", name="given"),
        Index("ix_contributions_due", "expires_at", sqlite_where=text("state = 'asked'"), postgresql_where=text("state = 'asked'")),
    )


ENTRY_KINDS = ("document", "stage", "agreement", "decision", "addendum", "declined", "redaction", "paper")


class Entry(Model):
    """One link of an enrolment's chain: the frozen form of what was shown and what was said about it, hashed onto the link before."""

    __tablename__ = "chain_entries"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolments.id"))
    sequence: Mapped[int]
    kind: Mapped[str]
    document_id: Mapped[int | None]
    revision: Mapped[int | None]
    change_id: Mapped[int | None] = mapped_column(ForeignKey("enrolment_changes.id"))
    decision_id: Mapped[int | None]
    involvement_id: Mapped[int | None]  # whose signature; NULL: recorded by the academy (declined, paper, redaction)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)  # who did it
    answer: Mapped[str]  # agree · disagree · confirm · return · not confirmed · declined · unable · redacted
    canonical: Mapped[str]  # the hashed text itself, RFC 8785
    hash: Mapped[str]
    previous: Mapped[str]
    signed_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("enrolment_id", "sequence", name="uq_chain_entries_sequence"),
        UniqueConstraint("enrolment_id", "previous", name="uq_chain_entries_previous"),
        UniqueConstraint("document_id", "revision", "involvement_id", name="uq_chain_entries_signature"),
        UniqueConstraint("id", "enrolment_id", name="uq_chain_entries_enrolment"),
        ForeignKeyConstraint(["document_id", "enrolment_id"], ["documents.id", "documents.enrolment_id"]),
        ForeignKeyConstraint(["document_id", "revision"], ["document_revisions.document_id", "document_revisions.number"]),
        ForeignKeyConstraint(["involvement_id", "enrolment_id"], ["involvements.id", "involvements.enrolment_id"]),
        ForeignKeyConstraint(["decision_id", "enrolment_id"], ["panel_decisions.id", "panel_decisions.enrolment_id"]),
        CheckConstraint(one_of("kind", ENTRY_KINDS), name="kind"),
        CheckConstraint(
            "kind <> 'document' OR (document_id IS NOT NULL AND revision IS NOT NULL AND involvement_id IS NOT NULL)", name="document"
        ),
        CheckConstraint("length(hash) = 64 AND length(previous) = 64", name="hash"),
        CheckConstraint("sequence > 0", name="sequence"),
        Index("ix_chain_entries_hash", "hash"),
    )


append_only(Entry.__table__)

# The first entry is joined to the head of the chain: reference, programme version and start date. So from then on they stay.
HEAD = (
    "(NEW.reference <> OLD.reference OR NEW.version_id <> OLD.version_id OR NEW.starts_on <> OLD.starts_on"
    " OR NEW.person_id <> OLD.person_id) AND EXISTS (SELECT 1 FROM chain_entries WHERE chain_entries.enrolment_id = OLD.id)"
)
refuse(Enrolment.__table__, "UPDATE", "enrolments_signed", HEAD)
meaning(
    "enrolments_signed",
    message="Something in this portfolio has been signed, so the start date and the version of its programme stay as they are.",
    code="already-signed",
)
# Separation of duties: one's own part only, and nobody of the moderating side signs what they moderate, nor the other way round.
SIDES = (
    "NEW.kind IN ('document', 'addendum', 'decision') AND EXISTS (SELECT 1 FROM involvements WHERE involvements.id = NEW.involvement_id"
    " AND (involvements.person_id <> coalesce(NEW.person_id, 0) OR (involvements.side = 'moderating') <> (NEW.kind = 'decision')))"
)
refuse(Entry.__table__, "INSERT", "chain_entries_side", SIDES)
meaning("chain_entries_side", message="That part of the portfolio is not yours to sign.", code="not-your-part")
meaning(
    "uq_chain_entries_signature",
    "chain_entries.document_id, chain_entries.revision, chain_entries.involvement_id",
    message="You have already signed this.",
    code="already-signed",
)
meaning(
    "uq_chain_entries_sequence",
    "chain_entries.enrolment_id, chain_entries.sequence",
    message="Somebody else signed at the same moment. Read it again, then sign.",
    code="signed-meanwhile",
)


class Opening(Base):
    """The value behind one digest of an entry, with its salt. A lawful redaction takes both away and leaves the digest."""

    __tablename__ = "chain_openings"
    entry_id: Mapped[int] = mapped_column(ForeignKey("chain_entries.id"), primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    salt: Mapped[str | None]
    value: Mapped[str | None]  # canonical JSON
    redacted_at: Mapped[datetime | None]
    __table_args__ = (CheckConstraint("(salt IS NULL) = (redacted_at IS NOT NULL)", name="redacted"),)


REDACTED = "NEW.salt IS NULL AND NEW.value IS NULL AND OLD.salt IS NOT NULL AND NEW.entry_id = OLD.entry_id AND NEW.path = OLD.path"
refuse(Opening.__table__, "UPDATE", "chain_openings_frozen", f"NOT ({REDACTED})")
refuse(Opening.__table__, "DELETE", "chain_openings_kept", "OLD.entry_id > 0")


class DailyHead(Model):
    """The fingerprint of every chain's newest link at one moment, sent to named officers: whoever rewrites history later is caught."""

    __tablename__ = "daily_heads"
    made_at: Mapped[datetime]
    chains: Mapped[int]
    entries: Mapped[int]
    hash: Mapped[str]
    heads: Mapped[Any] = mapped_column(Json)  # [[reference, sequence, hash], …] in order of reference: what `hash` is made of


append_only(DailyHead.__table__)


class Export(Model):
    """A portfolio asked for as PDF and bundle: made by the worker, fetched when ready."""

    __tablename__ = "portfolio_exports"
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolments.id"), index=True)
    asked_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    asked_at: Mapped[datetime]
    made_at: Mapped[datetime | None]
    digest: Mapped[str | None] = mapped_column(ForeignKey("files.digest"))
    failed: Mapped[str | None]


class PortfolioImport(Model):
    """A file of portfolios in flight: staged by a dry run, then applied as a whole or not at all."""

    __tablename__ = "portfolio_imports"
    name: Mapped[str]
    digest: Mapped[str | None] = mapped_column(ForeignKey("files.digest"))
    rows: Mapped[Any] = mapped_column(Json)  # what would be done, line by line
    problems: Mapped[Any] = mapped_column(Json)  # [{"line", "column", "value", "words"}]
    state: Mapped[str] = mapped_column(default="staged")
    made_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    made_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("state IN ('staged', 'applied', 'dropped')", name="state"),
        CheckConstraint("(state = 'applied') = (applied_at IS NOT NULL)", name="applied"),
    )
