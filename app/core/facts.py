"""Dated facts: true for a period, recorded at an instant, superseded rather than overwritten."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, or_
from sqlalchemy.sql.elements import ColumnElement

from app.core.db import FOREVER
from app.core.declared import Mapped, mapped_column


class Period:
    """True from `valid_from` up to but not including `valid_to`; an open end is FOREVER."""

    valid_from: Mapped[date]
    valid_to: Mapped[date] = mapped_column(default=FOREVER)


class Fact(Period):
    """A period with its history: `recorded_at` says since when we knew; `superseded_at` since when we know better (NULL: still valid)."""

    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]


def current(table: Any, as_at: Any) -> ColumnElement[bool]:
    """What is true on the date `as_at` (a date, or a bound parameter) as far as is known now."""
    return and_(table.superseded_at.is_(None), table.valid_from <= as_at, as_at < table.valid_to)


def known(table: Any, as_at: Any, known_at: Any) -> ColumnElement[bool]:
    """What was true on `as_at`, as far as had been recorded at the instant `known_at`."""
    return and_(table.valid_from <= as_at, as_at < table.valid_to, recorded(table, known_at))


def recorded(table: Any, known_at: Any) -> ColumnElement[bool]:
    """Recorded, and not yet superseded, at the instant `known_at` (an instant, or a bound parameter)."""
    return and_(table.recorded_at <= known_at, or_(table.superseded_at.is_(None), table.superseded_at > known_at))
