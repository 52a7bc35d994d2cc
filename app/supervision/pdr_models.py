"""Personal development reviews: cycles, objectives, the meetings that were held, and the development plan. A change is a new row.

What somebody should reach is theirs and their managers' to read; others see the dates of the meetings only. There is no rating.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table, UniqueConstraint, text

from app.core.db import Base, Model, no_overlap
from app.core.declared import Mapped, mapped_column
from app.core.frozen import MARK, refuse
from app.core.tx import meaning

LIVE = "superseded_at IS NULL"
SENT = "entry_key IS NOT NULL"
EVENTS = {"objectives": "Objectives agreed", "mid-year": "Mid-year review", "complete": "Review complete"}
REACHED = {"met": "Met", "partly": "Partly met", "dropped": "No longer needed"}
WORDS = 400  # characters of an objective or of a line of the plan
SAVED = "This has just been saved."
KEPT = "What was recorded stays as it is: change it by a new entry."


class PdrCycle(Model):
    """A review year of an organisation, from its first to its last day, and by when its meetings should be held."""

    __tablename__ = "pdr_cycles"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    title: Mapped[str]
    starts_on: Mapped[date]
    ends_on: Mapped[date]  # the last day; the next cycle begins after it
    objectives_by: Mapped[date]
    mid_year_by: Mapped[date]
    complete_by: Mapped[date]  # may come after the last day
    new_days: Mapped[int]  # whoever started so few days before a meeting was due is not counted as missing it
    away_days: Mapped[int]  # nor is whoever has been away for so many days
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        CheckConstraint("starts_on < ends_on", name="period"),
        CheckConstraint("starts_on <= objectives_by AND objectives_by < mid_year_by AND mid_year_by < complete_by", name="order"),
        CheckConstraint("new_days >= 0 AND new_days <= 366 AND away_days >= 1 AND away_days <= 366", name="excused"),
        UniqueConstraint("organisation_id", "starts_on", name="uq_pdr_cycles_start"),
        UniqueConstraint("organisation_id", "ends_on", name="uq_pdr_cycles_end"),
    )


class Pdr(Model):
    """Somebody's review in a cycle; begun with the first thing that is written for it."""

    __tablename__ = "pdrs"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    cycle_id: Mapped[int] = mapped_column(ForeignKey("pdr_cycles.id"), index=True)
    __table_args__ = (UniqueConstraint("person_id", "cycle_id", name="uq_pdrs_person"),)


class PdrEvent(Model):
    """A meeting of the review was held on a day. Corrected by another row; one that never took place is superseded by none."""

    __tablename__ = "pdr_events"
    pdr_id: Mapped[int] = mapped_column(ForeignKey("pdrs.id"))
    kind: Mapped[str]
    on_date: Mapped[date]
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL: the system
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("kind IN ('objectives', 'mid-year', 'complete')", name="kind"),
        Index("uq_pdr_events_once", "pdr_id", "kind", unique=True, sqlite_where=text(LIVE), postgresql_where=text(LIVE)),
        Index("ix_pdr_events_pdr", "pdr_id", "kind", "on_date"),
    )


class PdrObjective(Model):
    """What somebody wants to reach: the `number`-th of the review. Every change of its words or of what became of it is a new row."""

    __tablename__ = "pdr_objectives"
    pdr_id: Mapped[int] = mapped_column(ForeignKey("pdrs.id"))
    number: Mapped[int]
    words: Mapped[str]
    reached: Mapped[str | None]  # NULL: still open
    entry_key: Mapped[str | None]  # of the first row: the key under which a browser sent it
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(f"length(words) BETWEEN 1 AND {WORDS}", name="words"),
        CheckConstraint("reached IS NULL OR reached IN ('met', 'partly', 'dropped')", name="reached"),
        Index("uq_pdr_objectives_live", "pdr_id", "number", unique=True, sqlite_where=text(LIVE), postgresql_where=text(LIVE)),
        Index("uq_pdr_objectives_entry", "pdr_id", "entry_key", unique=True, sqlite_where=text(SENT), postgresql_where=text(SENT)),
        Index("ix_pdr_objectives_pdr", "pdr_id", "number", "recorded_at"),
    )


class DevelopmentItem(Model):
    """A line of the development plan: words, or a course, or a step of a pathway, and by when. Every change is a new row."""

    __tablename__ = "development_items"
    pdr_id: Mapped[int] = mapped_column(ForeignKey("pdrs.id"))
    number: Mapped[int]
    words: Mapped[str]
    course_id: Mapped[int | None] = mapped_column(ForeignKey("courses.id"), index=True)
    step_id: Mapped[int | None]  # of a pathway; pathways stand above this room
    by_date: Mapped[date | None]
    done_on: Mapped[date | None]  # as said here; a completed course speaks for itself
    entry_key: Mapped[str | None]  # of the first row: the key under which a browser sent it
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(f"length(words) BETWEEN 1 AND {WORDS}", name="words"),
        CheckConstraint("course_id IS NULL OR step_id IS NULL", name="one_link"),
        Index("uq_development_items_live", "pdr_id", "number", unique=True, sqlite_where=text(LIVE), postgresql_where=text(LIVE)),
        Index("uq_development_items_entry", "pdr_id", "entry_key", unique=True, sqlite_where=text(SENT), postgresql_where=text(SENT)),
        Index("ix_development_items_pdr", "pdr_id", "number", "recorded_at"),
    )


def stands(table: Table, *, words: bool = False) -> None:
    """Rows are superseded once and never changed or deleted otherwise, but that words may give way to MARK, for good."""
    update, delete = stands_when([column.name for column in table.columns], words=words)
    refuse(table, "UPDATE", f"{table.name}_stand", update)
    refuse(table, "DELETE", f"{table.name}_stay", delete)
    for name in (f"{table.name}_stand", f"{table.name}_stay"):
        meaning(name, message=KEPT, code="recorded-stays")


def stands_when(names: list[str], *, words: bool) -> tuple[str, str]:
    """The conditions behind `stands`, for UPDATE and DELETE."""
    kept = [f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in names if name not in ("superseded_at", "words")]
    if words:
        kept.append(f"(NEW.words = OLD.words OR NEW.words = '{MARK}')")
    kept.append("(OLD.superseded_at IS NULL OR NEW.superseded_at IS NOT DISTINCT FROM OLD.superseded_at)")
    return f"NOT ({' AND '.join(kept)})", "OLD.id IS NOT NULL"


_TABLES: dict[type[Base], bool] = {PdrEvent: False, PdrObjective: True, DevelopmentItem: True}
for _table, _words in _TABLES.items():
    stands(_table.__table__, words=_words)

no_overlap(PdrCycle.__table__, "organisation_id", "starts_on", "ends_on", "ends_on IS NOT NULL", name="ex_pdr_cycles")
meaning("ex_pdr_cycles", message="Another review year of this organisation covers some of these days.", code="periods-overlap")
meaning(
    "uq_pdr_cycles_start",
    "pdr_cycles.organisation_id, pdr_cycles.starts_on",
    message="Another review year of this organisation begins on that day.",
    code="periods-overlap",
)
meaning(
    "uq_pdr_cycles_end",
    "pdr_cycles.organisation_id, pdr_cycles.ends_on",
    message="Another review year of this organisation ends on that day.",
    code="periods-overlap",
)
meaning("uq_pdrs_person", "pdrs.person_id, pdrs.cycle_id", message="Somebody has just begun this review.", code="conflict-at-once")
for _name, _list in (
    ("uq_pdr_events_once", "pdr_events.pdr_id, pdr_events.kind"),
    ("uq_pdr_objectives_live", "pdr_objectives.pdr_id, pdr_objectives.number"),
    ("uq_development_items_live", "development_items.pdr_id, development_items.number"),
):
    meaning(_name, _list, message="Somebody has just changed this. Look at it again and retry.", code="conflict-at-once")
for _name, _list in (
    ("uq_pdr_objectives_entry", "pdr_objectives.pdr_id, pdr_objectives.entry_key"),
    ("uq_development_items_entry", "development_items.pdr_id, development_items.entry_key"),
):
    meaning(_name, _list, message=SAVED, code="entry-saved")
