"""What people add to learning records: reflections, standards, evidence, sharing, drafts. All hang on the first record of a chain."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text

from app.core.db import Base, Model
from app.core.declared import Mapped, mapped_column
from app.core.ledger import Json

AUDIENCES = ("assessor", "manager", "coordinator", "systems")  # whom an owner may let see a record
MOST_STANDARDS = 3


def _live(name: str, *columns: str, ended: str = "superseded_at") -> Index:
    where = text(f"{ended} IS NULL")
    return Index(name, *columns, unique=True, sqlite_where=where, postgresql_where=where)


class Reflection(Model):
    """What somebody thinks about their learning, in the fields that the regulator asks for. A change supersedes."""

    __tablename__ = "learning_reflections"
    first_id: Mapped[int] = mapped_column(ForeignKey("learning_records.id"), index=True)
    did: Mapped[str] = mapped_column(default="")
    learnt: Mapped[str] = mapped_column(default="")
    impact: Mapped[str] = mapped_column(default="")  # on practice and on people
    peer_with: Mapped[str] = mapped_column(default="")  # in words; whether the peer must be registered, sources disagree: not asked
    peer_on: Mapped[date | None]
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("did <> '' OR learnt <> '' OR impact <> '' OR peer_with <> ''", name="words"),
        CheckConstraint("peer_on IS NULL OR peer_with <> ''", name="peer"),
        _live("uq_learning_reflections_live", "first_id"),
    )


class RecordStandard(Model):
    """A standard that somebody's learning touched. `slot` keeps them few: three, each once."""

    __tablename__ = "learning_standards"
    first_id: Mapped[int] = mapped_column(ForeignKey("learning_records.id"), index=True)
    standard: Mapped[str] = mapped_column(ForeignKey("standards.code"), index=True)
    slot: Mapped[int]  # 1 to 3
    recorded_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint(f"slot BETWEEN 1 AND {MOST_STANDARDS}", name="few"),
        _live("uq_learning_standards_slot", "first_id", "slot"),
        _live("uq_learning_standards_live", "first_id", "standard"),
    )


class RecordFile(Model):
    """A file that shows the learning, such as a photographed certificate."""

    __tablename__ = "learning_files"
    first_id: Mapped[int] = mapped_column(ForeignKey("learning_records.id"), index=True)
    digest: Mapped[str] = mapped_column(ForeignKey("files.digest"), index=True)
    name: Mapped[str]
    added_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    __table_args__ = (_live("uq_learning_files_live", "first_id", "digest", ended="removed_at"),)


class RecordShare(Model):
    """The owner lets somebody see a record with all that hangs on it, from one moment to another. Without one it is private."""

    __tablename__ = "learning_shares"
    first_id: Mapped[int] = mapped_column(ForeignKey("learning_records.id"), index=True)
    audience: Mapped[str]  # one of AUDIENCES; who that is, is decided when somebody looks
    shared_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint(f"audience IN ({', '.join(map(repr, AUDIENCES))})", name="audience"),
        _live("uq_learning_shares_live", "first_id", "audience", ended="ended_at"),
    )


class RecordDraft(Base):
    """What somebody has typed into a record's form and not sent, under a key that their browser made up. Nobody else sees it."""

    __tablename__ = "learning_drafts"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    draft_key: Mapped[str] = mapped_column(primary_key=True)
    words: Mapped[dict[str, Any]] = mapped_column(Json)
    changed_at: Mapped[datetime] = mapped_column(index=True)
    __table_args__ = (CheckConstraint("length(draft_key) BETWEEN 16 AND 64", name="key"),)
