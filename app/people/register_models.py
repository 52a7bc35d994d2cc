"""Files of what the register says, to be checked against the people here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey

from app.core.db import Model
from app.core.declared import Mapped, mapped_column
from app.core.ledger import Json


class RegisterCheck(Model):
    """A file that somebody sent. Its rows are compared anew each time, and kept until they are applied or forgotten."""

    __tablename__ = "register_checks"
    file_name: Mapped[str]
    rows: Mapped[list[dict[str, Any]]] = mapped_column(Json)  # {"line": 2, "cells": {"number": "…"}}
    sent_by: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    sent_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]
    changed: Mapped[int | None]  # people whose registration it changed
