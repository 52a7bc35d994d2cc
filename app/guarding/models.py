"""What was decided about words that may name a family, and names somebody must not write. Never the words, never the names."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint

from app.core.db import Model, append_only
from app.core.declared import Mapped, mapped_column
from app.core.ledger import Json

REASONS = {
    "no-family": "It is not about a child or family: a colleague, a service, a place of work",
    "invented": "It is invented, or public anyway",
    "mistaken": "It is something else: the service is mistaken",
    "needed": "It has to be there, and those who read it may know it",
}
"""Why words are kept: the code that is stored, and what the writer chooses."""


class GuardName(Model):
    """A name somebody must not write, as a digest under the council's key: nobody can read it again, here or anywhere."""

    __tablename__ = "guard_names"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    digest: Mapped[str]
    words: Mapped[int]  # of how many words it is
    ordinary: Mapped[bool]  # it is also a word of plain sentences ("Grace"), so only counts with a capital of its own
    key: Mapped[str]  # which key it was made with: names under a lost key can only be entered again
    added_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("person_id", "digest", name="uq_guard_names_person_id_digest"),
        CheckConstraint("length(digest) = 32", name="digest"),
        CheckConstraint("words BETWEEN 1 AND 4", name="words"),
    )


class GuardDecision(Model):
    """What a writer decided when they were shown what may name a family: how many of which kinds, and that they took it out or why not."""

    __tablename__ = "guard_decisions"
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)  # NULL: somebody outside, by their link
    subject: Mapped[str]  # the table of the row that was written
    subject_id: Mapped[int]
    decision: Mapped[str]
    reason: Mapped[str | None]  # one of REASONS, for what was kept
    kinds: Mapped[dict[str, int]] = mapped_column(Json)  # {"postcode": 1}
    marks: Mapped[list[Any]] = mapped_column(Json)  # of what was kept, so that it is not asked again: digests under the council's key
    at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("decision IN ('redacted', 'kept')", name="decision"),
        CheckConstraint("(decision = 'kept') = (reason IS NOT NULL)", name="because"),
        CheckConstraint("reason IN ('no-family', 'invented', 'mistaken', 'needed')", name="reason"),
        Index("ix_guard_decisions_subject", "subject", "subject_id"),
    )


append_only(GuardDecision.__table__)
