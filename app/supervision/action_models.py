"""Actions agreed in supervision, and the rule that supervision follows where no programme says otherwise."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text

from app.core.db import Model, no_overlap
from app.core.declared import Mapped, mapped_column
from app.core.facts import Fact
from app.core.tx import meaning
from app.supervision.pdr_models import LIVE, SAVED, SENT, stands

ENDS = {"done": "Done", "dropped": "No longer needed"}
WHOSE = {"person": "Whoever is supervised", "supervisor": "Whoever supervises"}
WORDS = 200  # characters: what is to be done, never about a child or a family


class SupervisionAction(Model):
    """What somebody agreed in supervision to do: the `number`-th of the person. Every change, closing it included, is a new row."""

    __tablename__ = "supervision_actions"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))  # who is supervised
    number: Mapped[int]
    supervision_id: Mapped[int | None] = mapped_column(ForeignKey("supervisions.id"), index=True)  # the first entry of where it was agreed
    agreed_on: Mapped[date]
    words: Mapped[str]
    whose: Mapped[str]  # who does it
    by_date: Mapped[date | None]
    ended: Mapped[str | None]  # NULL: open
    ended_on: Mapped[date | None]
    entry_key: Mapped[str | None]  # of the first row: the key under which a browser sent it
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL: the system
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]  # changed, or (where no other row takes its place) taken back
    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(f"length(words) BETWEEN 1 AND {WORDS}", name="words"),
        CheckConstraint("whose IN ('person', 'supervisor')", name="whose"),
        CheckConstraint("(ended IS NULL) = (ended_on IS NULL) AND (ended IS NULL OR ended IN ('done', 'dropped'))", name="ended"),
        CheckConstraint("ended_on IS NULL OR ended_on >= agreed_on", name="in_order"),
        Index("uq_supervision_actions_live", "person_id", "number", unique=True, sqlite_where=text(LIVE), postgresql_where=text(LIVE)),
        Index("uq_supervision_actions_entry", "person_id", "entry_key", unique=True, sqlite_where=text(SENT), postgresql_where=text(SENT)),
        Index("ix_supervision_actions_person", "person_id", "number", "recorded_at"),
    )


class SupervisionDefault(Fact, Model):
    """The rule of everybody in a part of the organisation whose programme has none; the nearest part above somebody counts."""

    __tablename__ = "supervision_defaults"
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"), index=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("supervision_rules.id"))
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    __table_args__ = (CheckConstraint("valid_from < valid_to", name="period"),)


stands(SupervisionAction.__table__, words=True)
no_overlap(SupervisionDefault.__table__, "unit_id", "valid_from", "valid_to", LIVE, name="ex_supervision_defaults")
meaning("ex_supervision_defaults", message="Another supervision rule applies there in that period.", code="periods-overlap")
meaning(
    "uq_supervision_actions_live",
    "supervision_actions.person_id, supervision_actions.number",
    message="Somebody has just changed this action. Look at it again and retry.",
    code="conflict-at-once",
)
meaning(
    "uq_supervision_actions_entry",
    "supervision_actions.person_id, supervision_actions.entry_key",
    message=SAVED,
    code="entry-saved",
)
