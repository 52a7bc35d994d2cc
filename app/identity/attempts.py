"""Failed attempts, counted by a key that names nobody: the SHA-256 of what was tried."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from sqlalchemy import func, select

from app.core.tx import Tx
from app.identity.models import Attempt

WINDOW = timedelta(minutes=15)


def key(kind: str, value: str) -> str:
    """What an attempt of this kind at this value is counted under."""
    return hashlib.sha256(f"{kind}:{value.strip().lower()}".encode()).hexdigest()


def recent(tx: Tx, kind: str, value: str) -> int:
    """How many attempts of this kind were counted in the window."""
    counted = select(func.count()).select_from(Attempt).where(Attempt.key == key(kind, value), Attempt.at > tx.now - WINDOW)
    return int(tx.scalar(counted))
