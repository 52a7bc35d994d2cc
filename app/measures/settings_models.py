"""Visits to partner and early-years settings: planned, held, called off. Rows stay; a mistake is taken back by another row."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text

from app.core.db import Base, Model
from app.core.declared import Mapped, mapped_column
from app.core.frozen import redactable
from app.core.tx import meaning

KINDS = {
    "early years": "Nursery or other early years",
    "school": "School or college",
    "care": "Children’s home or fostering agency",
    "health": "Health",
    "voluntary": "Voluntary or faith group",
    "council": "Partner council",
    "other": "Other",
}
WORDS = 600  # characters of what a visit was for, or what came of it
_ANSWERED = "answers_id IS NOT NULL"
_LIVE_ENTRY = "entry_key IS NOT NULL"


class SettingKind(Base):
    """What kind of setting an organisation is, as the host council has it."""

    __tablename__ = "setting_kinds"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"), primary_key=True)
    kind: Mapped[str]
    set_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    set_at: Mapped[datetime]
    __table_args__ = (CheckConstraint(f"kind IN ({', '.join(map(repr, KINDS))})", name="kind"),)


class SettingVisit(Model):
    """One thing that was recorded about visiting a setting.

    `planned`: somebody means to go on a day. `held`: somebody was there; it may answer a plan. `called off`: answers a plan. `taken back`:
    answers a visit that was recorded by mistake.
    """

    __tablename__ = "setting_visits"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    kind: Mapped[str]
    on_date: Mapped[date]
    by_person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # who goes or went
    words: Mapped[str]  # what for, what came of it, or why not
    answers_id: Mapped[int | None] = mapped_column(ForeignKey("setting_visits.id"))
    entry_key: Mapped[str | None]  # the key under which a browser sent it
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    recorded_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("kind IN ('planned', 'held', 'called off', 'taken back')", name="kind"),
        CheckConstraint("kind <> 'planned' OR answers_id IS NULL", name="plan"),
        CheckConstraint("kind NOT IN ('called off', 'taken back') OR answers_id IS NOT NULL", name="answer"),
        CheckConstraint(f"length(words) <= {WORDS}", name="words"),
        Index("uq_setting_visits_answer", "answers_id", unique=True, sqlite_where=text(_ANSWERED), postgresql_where=text(_ANSWERED)),
        Index("uq_setting_visits_entry", "entry_key", unique=True, sqlite_where=text(_LIVE_ENTRY), postgresql_where=text(_LIVE_ENTRY)),
        Index("ix_setting_visits_organisation", "organisation_id", "kind", "on_date"),
    )


redactable(SettingVisit.__table__, "words")
for _name in ("setting_visits_frozen_update", "setting_visits_frozen_delete"):
    meaning(_name, message="What was recorded of a visit stays as it is.", code="recorded-stays")
meaning(
    *("uq_setting_visits_answer", "setting_visits.answers_id"),
    message="Something was recorded about this already. Look again.",
    code="visit-answered",
)
meaning(*("uq_setting_visits_entry", "setting_visits.entry_key"), message="This has just been saved.", code="just-saved")
