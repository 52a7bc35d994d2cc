"""What was learnt before the service came, or elsewhere, from spreadsheets: the files, and what each line of theirs says."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, true

from app.core.db import Model
from app.core.declared import Mapped, mapped_column
from app.core.ledger import Json

FILES = {"completions": "Past completions", "learning": "CPD and other learning"}


class LearningImport(Model):
    """A file that was checked and may be applied. Its rows are kept as they were sent; they are checked anew each time."""

    __tablename__ = "learning_imports"
    kind: Mapped[str]
    file_name: Mapped[str]
    rows: Mapped[list[dict[str, Any]]] = mapped_column(Json)  # {"line": 2, "cells": {"person": "…"}}
    staged_by: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    staged_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]
    made: Mapped[dict[str, Any] | None] = mapped_column(Json)  # what it brought: numbers, and of completions which, to take them back by
    taken_back_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("taken_back_at IS NULL OR applied_at IS NOT NULL", name="taken_back"),
        CheckConstraint("kind IN ('completions', 'learning')", name="kind"),
    )


class ImportedLearning(Model):
    """What files last said of one event of learning: that is what tells a line that is known from one that is new or changed.

    Its id is the source key of the learning record, so that a corrected file corrects the record and keeps its history.
    """

    __tablename__ = "imported_learning"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    on_date: Mapped[date]
    title: Mapped[str]
    title_key: Mapped[str]  # the title's words in lower case
    activity: Mapped[str]
    minutes: Mapped[int]
    import_id: Mapped[int] = mapped_column(ForeignKey("learning_imports.id"), index=True)  # the last that said so
    live: Mapped[bool] = mapped_column(default=True, server_default=true())  # false: taken back. The row stays, and its number with it
    __table_args__ = (
        UniqueConstraint("person_id", "on_date", "title_key", name="uq_imported_learning_once"),
        CheckConstraint("minutes >= 0", name="minutes"),
    )
