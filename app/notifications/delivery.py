"""Claims due messages, renders them, sends them, marks them sent."""

from __future__ import annotations

from app.core.config import Settings
from app.core.db import Database


def deliver_due(database: Database, settings: Settings) -> int:
    return 0
