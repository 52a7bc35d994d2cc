"""Renewing a registration: the rule as data, what each person ticked as done with the regulator, and what they were reminded of."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text

from app.core.db import Model
from app.core.declared import Mapped, mapped_column
from app.core.ledger import Json
from app.core.tx import meaning

LIVE = "superseded_at IS NULL"
STEPS = ("form", "fee", "cpd")
NOTICES = ("remind", "ending", "ended")


class RenewalRule(Model):
    """What the regulator asks of everybody for a registration year, from `first_year` on until a later rule.

    The year ends on the eve of the next one's first day, which is also when renewing closes.
    """

    __tablename__ = "renewal_rules"
    first_year: Mapped[date] = mapped_column(unique=True)  # the first day of the first registration year it is for
    opens: Mapped[str]  # month and day from which one can renew: "09-01"
    items: Mapped[int]  # different pieces of CPD
    with_peer: Mapped[int]  # of these, with peer reflection
    fee_pence: Mapped[int | None]  # NULL: not known; the regulator says
    joiners_from: Mapped[str | None]  # month and day: who joined the register on it or after has the rule in `joiners_words` that year
    joiners_words: Mapped[str | None]
    reminders: Mapped[list[int]] = mapped_column(Json)  # so many days before the last, most first
    source: Mapped[str]
    verified: Mapped[bool]  # seen in what the regulator publishes
    __table_args__ = (
        CheckConstraint("items >= 0 AND with_peer BETWEEN 0 AND items", name="items"),
        CheckConstraint("fee_pence > 0", name="fee"),
        CheckConstraint("(joiners_from IS NULL) = (joiners_words IS NULL)", name="joiners"),
    )


class RenewalTick(Model):
    """The person says of one thing that it is done with the regulator. They may take it back, which supersedes."""

    __tablename__ = "renewal_ticks"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    year: Mapped[date]  # the first day of the registration year
    step: Mapped[str]  # form · fee · cpd
    first_id: Mapped[int | None] = mapped_column(ForeignKey("learning_records.id"), index=True)  # the piece of CPD, if it is kept here
    words: Mapped[str | None]  # or what the person calls a piece that is not
    with_peer: Mapped[bool] = mapped_column(default=False)  # sent with peer reflection
    done_on: Mapped[date]
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("step IN ('form', 'fee', 'cpd')", name="step"),
        CheckConstraint("(step = 'cpd') = (first_id IS NOT NULL OR words IS NOT NULL)", name="piece"),
        CheckConstraint("first_id IS NULL OR words IS NULL", name="one_piece"),
        CheckConstraint("step = 'cpd' OR NOT with_peer", name="peer"),
        Index("ix_renewal_ticks_person", "person_id", "year"),
        Index(
            "uq_renewal_ticks_step",
            "person_id",
            "year",
            "step",
            unique=True,
            sqlite_where=text(f"step <> 'cpd' AND {LIVE}"),
            postgresql_where=text(f"step <> 'cpd' AND {LIVE}"),
        ),
        Index(
            "uq_renewal_ticks_piece",
            "person_id",
            "first_id",
            unique=True,
            sqlite_where=text(f"first_id IS NOT NULL AND {LIVE}"),
            postgresql_where=text(f"first_id IS NOT NULL AND {LIVE}"),
        ),
        Index(
            "uq_renewal_ticks_words",
            "person_id",
            "year",
            "words",
            unique=True,
            sqlite_where=text(f"words IS NOT NULL AND {LIVE}"),
            postgresql_where=text(f"words IS NOT NULL AND {LIVE}"),
        ),
    )


class RenewalNotice(Model):
    """Somebody was told something once: to renew, so many days before the last; that their registration ends, or has ended."""

    __tablename__ = "renewal_notices"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    kind: Mapped[str]  # remind · ending · ended
    about: Mapped[date]  # the last day
    days: Mapped[int]  # before it
    told_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("kind IN ('remind', 'ending', 'ended')", name="kind"),
        UniqueConstraint("person_id", "kind", "about", "days", name="uq_renewal_notices_once"),
    )


meaning(
    "uq_renewal_ticks_step",
    "renewal_ticks.person_id, renewal_ticks.year, renewal_ticks.step",
    message="You have ticked this already.",
    code="already-ticked",
)
meaning(
    "uq_renewal_ticks_piece",
    "renewal_ticks.person_id, renewal_ticks.first_id",
    message="You have ticked this piece already.",
    code="already-ticked",
)
meaning(
    "uq_renewal_ticks_words",
    "renewal_ticks.person_id, renewal_ticks.year, renewal_ticks.words",
    message="You have ticked a piece with this title already.",
    code="already-ticked",
)
