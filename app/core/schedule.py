"""Jobs that have run: the row is unique, so two workers cannot both do the same job for the same moment."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import UniqueConstraint

from app.core.db import Model
from app.core.declared import Mapped


class JobRun(Model):
    """One turn of one job."""

    __tablename__ = "job_runs"
    name: Mapped[str]
    due_at: Mapped[datetime]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    __table_args__ = (UniqueConstraint("name", "due_at", name="uq_job_runs_turn"),)
