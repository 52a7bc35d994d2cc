"""Who was reminded of which training that they must have, so that everybody is told once of each thing that lapses."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text

from app.core.db import Model
from app.core.declared import Mapped, mapped_column

OPEN = "told_above_at IS NULL AND kind <> 'lapsing'"  # what those above may still have to be told


class Chase(Model):
    """One person was told that one thing is about to lapse, has lapsed, or was never done; later those above them, once too.

    `what` is the thing whatever version asks for it (`items.Item.what`): a new version tells nobody again. `until`: the last day on which
    it counts or counted; FOREVER where it was never done.
    """

    __tablename__ = "requirement_chases"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    what: Mapped[str]
    kind: Mapped[str]
    until: Mapped[date]
    told_at: Mapped[datetime]
    told_above_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("person_id", "what", "kind", "until", name="uq_requirement_chases_once"),
        CheckConstraint("kind IN ('lapsing', 'lapsed', 'missing')", name="kind"),
        CheckConstraint("kind <> 'lapsing' OR told_above_at IS NULL", name="above"),  # what is in date is nobody else's business
        Index("ix_requirement_chases_open", "told_at", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
    )
