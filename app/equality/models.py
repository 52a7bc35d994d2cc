"""Equality monitoring, apart from everything else: what can be asked, what people told us of themselves, and what was published of it.

Only this room reads or writes these tables. Nothing here has a history: a changed or withdrawn answer is gone for good.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint

from app.core.db import Base, Model, append_only
from app.core.declared import Mapped, mapped_column
from app.core.frozen import refuse
from app.core.ledger import Json
from app.core.tx import meaning


class Characteristic(Base):
    """Reference data: one thing that people are asked."""

    __tablename__ = "equality_characteristics"
    code: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    question: Mapped[str]
    hint: Mapped[str]
    position: Mapped[int] = mapped_column(unique=True)


class Option(Base):
    """Reference data: one answer that can be chosen, and the group under which it is counted in figures."""

    __tablename__ = "equality_options"
    characteristic: Mapped[str] = mapped_column(ForeignKey("equality_characteristics.code"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    counted_as: Mapped[str]
    position: Mapped[int]
    __table_args__ = (UniqueConstraint("characteristic", "position", name="uq_equality_options_position"),)


class Answer(Base):
    """What somebody told us of themselves. Only they see it; everybody else sees figures in which nobody can be made out."""

    __tablename__ = "equality_answers"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    characteristic: Mapped[str] = mapped_column(primary_key=True)
    option: Mapped[str]
    given_on: Mapped[date]
    __table_args__ = (ForeignKeyConstraint(["characteristic", "option"], ["equality_options.characteristic", "equality_options.code"]),)


class Objection(Base):
    """Somebody objects to monitoring, as the law lets them: nothing is held of them while this stands."""

    __tablename__ = "equality_objections"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    since: Mapped[datetime]


class Figures(Model):
    """Equity by stage of one call for applications, published once: counts as they may be shown, never what is hidden."""

    __tablename__ = "equality_figures"
    call_id: Mapped[int] = mapped_column(ForeignKey("programme_calls.id"))
    taken_at: Mapped[datetime]
    taken_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    below: Mapped[int]  # smaller numbers are hidden
    # {"steps", "totals", "characteristics": [{"title", "lines": [{"title", "counts"}]}]}, a count for each step; null: hidden
    told: Mapped[Any] = mapped_column(Json)
    __table_args__ = (UniqueConstraint("call_id", name="uq_equality_figures_call"), CheckConstraint("below > 1", name="below"))


class Measured(Model):
    """Equity of anything else, published once under a name of its own: access to learning on a day, a talent pool."""

    __tablename__ = "equality_measured"
    key: Mapped[str] = mapped_column(unique=True)  # "learning 1 2026-09-30"
    title: Mapped[str]
    as_at: Mapped[date]  # the day that it speaks of
    taken_at: Mapped[datetime]
    taken_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    below: Mapped[int]  # smaller numbers are hidden
    # {"parts": [{"code", "title", "steps", "totals", "characteristics": [{"title", "lines": [{"title", "counts"}]}]}]}; null: hidden
    told: Mapped[Any] = mapped_column(Json)
    __table_args__ = (CheckConstraint("below > 1", name="below"),)


class Counted(Base):
    """Who was counted in a publication, and how far they had got of what was shown: never what they are. It tells whether a later one would
    be of nearly the same people. Nobody reads it, and it says nothing of a step that was left out."""

    __tablename__ = "equality_counted"
    measured_id: Mapped[int] = mapped_column(ForeignKey("equality_measured.id"), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True)  # place among the parts of `told`
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    step: Mapped[int]  # the last one that they got to and that was shown
    __table_args__ = (Index("ix_equality_counted_person", "person_id"),)


append_only(Measured.__table__)
append_only(Counted.__table__)
append_only(Figures.__table__)
# An answer and an objection exclude each other, however they arrive: the person's row is held meanwhile.
_HOLD = "SELECT 1 FROM people WHERE id = NEW.person_id FOR UPDATE"
_OBJECTED = "EXISTS (SELECT 1 FROM equality_objections WHERE person_id = NEW.person_id)"
for _verb in ("INSERT", "UPDATE"):
    refuse(Answer.__table__, _verb, f"equality_answers_objected_{_verb.lower()}", _OBJECTED, hold=_HOLD)
refuse(
    Objection.__table__,
    "INSERT",
    "equality_objections_answered",
    "EXISTS (SELECT 1 FROM equality_answers WHERE person_id = NEW.person_id)",
    hold=_HOLD,
)
meaning(
    *("equality_answers_objected_insert", "equality_answers_objected_update"),
    message="You object to monitoring, so nothing is kept.",
    code="objected",
)
meaning(
    *("uq_equality_measured_key", "equality_measured.key"),
    message="These figures are published already.",
    code="figures-taken",
)
meaning(
    *("uq_equality_figures_call", "equality_figures.call_id"),
    message="The figures of this call are published already.",
    code="figures-taken",
)
