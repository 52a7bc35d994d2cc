"""What is measured, and what was published of it. Nothing here is changed or deleted once it is written."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint

from app.core.db import Base, Model, append_only
from app.core.declared import Mapped, mapped_column
from app.core.ledger import Json
from app.core.tx import meaning


class MeasureSetRow(Model):
    """One version of a measure set of an organisation, as it was published (`app.measures.definitions.MeasureSet`)."""

    __tablename__ = "measure_sets"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    code: Mapped[str]
    version: Mapped[int]
    title: Mapped[str]
    runs_from: Mapped[date]
    runs_until: Mapped[date | None]  # the last day
    content: Mapped[Any] = mapped_column(Json)
    published_at: Mapped[datetime]
    published_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    __table_args__ = (
        CheckConstraint("runs_until IS NULL OR runs_from < runs_until", name="period"),
        UniqueConstraint("organisation_id", "code", "version", name="uq_measure_sets_version"),
    )


class MonthClose(Model):
    """The figures of a month were published: counted as at its last day, as far as had been recorded at `known_at`."""

    __tablename__ = "measure_closes"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    set_id: Mapped[int] = mapped_column(ForeignKey("measure_sets.id"))
    month_end: Mapped[date]
    known_at: Mapped[datetime]
    closed_at: Mapped[datetime]
    closed_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL: the timetable
    below: Mapped[int]  # smaller numbers were hidden
    __table_args__ = (
        CheckConstraint("below > 1", name="below"),
        UniqueConstraint("organisation_id", "month_end", name="uq_measure_closes_month"),
    )


class MeasureCell(Base):
    """One published figure: a measure of a month for everybody ("all") or a group of a breakdown.

    `hidden`: only who reaches everybody in it may see it, and of what is sensitive nothing is stored. A cell is read through
    `app.measures.shown` and nowhere else.
    """

    __tablename__ = "measure_cells"
    close_id: Mapped[int] = mapped_column(ForeignKey("measure_closes.id"), primary_key=True)
    measure: Mapped[str] = mapped_column(primary_key=True)
    breakdown: Mapped[str] = mapped_column(primary_key=True)  # all · tree · stage · contract
    group_key: Mapped[str] = mapped_column(
        primary_key=True
    )  # "" of all; id of a unit, "12-" those directly in it; code of a stage; contract
    parent_key: Mapped[str | None]  # the group that it is part of, in the same breakdown; NULL: part of all
    level: Mapped[str]  # organisation · service · locality · team · direct · stage · contract
    position: Mapped[int]  # in the order in which groups are shown
    title: Mapped[str]
    num: Mapped[int | None]
    den: Mapped[int | None]
    num_people: Mapped[int | None]
    den_people: Mapped[int | None]
    hidden: Mapped[bool]
    __table_args__ = (
        CheckConstraint("breakdown IN ('all', 'tree', 'stage', 'contract')", name="breakdown"),
        CheckConstraint("hidden OR num IS NOT NULL", name="shown"),
        Index("ix_measure_cells_group", "measure", "breakdown", "group_key", "close_id"),
    )


for _table in (MeasureSetRow, MonthClose, MeasureCell):
    append_only(_table.__table__)
meaning(
    *("uq_measure_sets_version", "measure_sets.organisation_id, measure_sets.code, measure_sets.version"),
    message="This version of the measure set is published already.",
    code="version-taken",
)
meaning(
    *("uq_measure_closes_month", "measure_closes.organisation_id, measure_closes.month_end"),
    message="The figures of that month are published already.",
    code="month-closed",
)
