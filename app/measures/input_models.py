"""Figures that come from elsewhere, as aggregates: the files they came in, and what each said. Never anything about one person."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text

from app.core.db import Model
from app.core.declared import Mapped, mapped_column
from app.core.frozen import refuse
from app.core.ledger import Json
from app.core.tx import meaning

LIVE = "superseded_at IS NULL"


class MeasureImport(Model):
    """A file of figures that was checked and may be applied. Its rows are kept as they were sent; they are checked anew each time."""

    __tablename__ = "measure_imports"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    file_name: Mapped[str]
    rows: Mapped[list[dict[str, Any]]] = mapped_column(Json)  # {"line": 2, "cells": {"measure": "…"}}
    staged_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    staged_at: Mapped[datetime]
    applied_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    applied_at: Mapped[datetime | None]
    made: Mapped[dict[str, Any] | None] = mapped_column(Json)  # what it changed: {"new": 12, "changed": 1, "withdrawn": 0, "known": 3}
    __table_args__ = (
        CheckConstraint("(applied_at IS NULL) = (made IS NULL)", name="applied"),
        Index("ix_measure_imports_organisation", "organisation_id", "id"),
    )


class MeasureInput(Model):
    """One figure as a file said it, of a month and of a part of the organisation (NULL: the whole). A correction supersedes it."""

    __tablename__ = "measure_inputs"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    measure: Mapped[str]  # its code in the measure set
    month_end: Mapped[date]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    num: Mapped[int]  # in the measure's scale
    den: Mapped[int | None]  # NULL: a plain number
    source: Mapped[str]  # where the figure was read, in words
    import_id: Mapped[int | None] = mapped_column(ForeignKey("measure_imports.id"), index=True)
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("num >= 0 AND (den IS NULL OR den >= 0)", name="not_negative"),
        CheckConstraint("superseded_at IS NULL OR recorded_at <= superseded_at", name="period"),
        Index(
            "uq_measure_inputs_whole",
            *("organisation_id", "measure", "month_end"),
            unique=True,
            sqlite_where=text(f"{LIVE} AND unit_id IS NULL"),
            postgresql_where=text(f"{LIVE} AND unit_id IS NULL"),
        ),
        Index(
            "uq_measure_inputs_part",
            *("organisation_id", "measure", "month_end", "unit_id"),
            unique=True,
            sqlite_where=text(f"{LIVE} AND unit_id IS NOT NULL"),
            postgresql_where=text(f"{LIVE} AND unit_id IS NOT NULL"),
        ),
        Index("ix_measure_inputs_figure", "organisation_id", "measure", "month_end"),
    )


# What was said stays: a row may be superseded once, and is otherwise never changed or deleted.
_SAME = " AND ".join(
    f"NEW.{column.name} IS NOT DISTINCT FROM OLD.{column.name}"
    for column in MeasureInput.__table__.columns
    if column.name != "superseded_at"
)
refuse(MeasureInput.__table__, "UPDATE", "measure_inputs_frozen_update", f"NOT (OLD.superseded_at IS NULL AND {_SAME})")
refuse(MeasureInput.__table__, "DELETE", "measure_inputs_frozen_delete", "OLD.id IS NOT NULL")
for _name, _columns in (
    ("uq_measure_inputs_whole", ("organisation_id", "measure", "month_end")),
    ("uq_measure_inputs_part", ("organisation_id", "measure", "month_end", "unit_id")),
):
    meaning(
        *(_name, ", ".join(f"measure_inputs.{column}" for column in _columns)),
        message="Somebody has just imported one of these figures. Look at the file again.",
        code="figures-imported-meanwhile",
    )
