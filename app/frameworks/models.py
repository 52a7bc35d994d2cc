"""Standards sets, each with its own version. They are reference data: loaded from files, never written in code."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Model


class StandardsSet(Model):
    """One version of one set of standards, such as the practitioner post-qualifying standards."""

    __tablename__ = "standards_sets"
    code: Mapped[str]
    version: Mapped[str]
    title: Mapped[str]
    in_force_from: Mapped[date | None]
    in_force_to: Mapped[date | None]
    verified: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (UniqueConstraint("code", "version", name="uq_standards_sets_version"),)


class Standard(Base):
    """One standard; its code ("PQS-P-01") is unique over all sets."""

    __tablename__ = "standards"
    code: Mapped[str] = mapped_column(primary_key=True)
    set_id: Mapped[int] = mapped_column(ForeignKey("standards_sets.id"), index=True)
    number: Mapped[int]
    title: Mapped[str]
    verified: Mapped[bool] = mapped_column(default=False)
