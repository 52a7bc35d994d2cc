"""How people want to be told, and the secret address of each person's calendar feed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text

from app.core.db import Base
from app.core.declared import Mapped, mapped_column


class Preference(Base):
    """How somebody wants to hear of one topic. Without a row: by e-mail at once, of comments in the daily summary."""

    __tablename__ = "preferences"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    topic: Mapped[str] = mapped_column(primary_key=True)
    how: Mapped[str]  # email · digest · inbox
    __table_args__ = (CheckConstraint("how IN ('email', 'digest', 'inbox')", name="how"),)


class Feed(Base):
    """Lets a calendar program read one person's sessions. Only the SHA-256 of its secret is kept."""

    __tablename__ = "feeds"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "uq_feeds_person", "person_id", unique=True, sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")
        ),
    )
