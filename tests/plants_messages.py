"""Planted violations of what must hold of messages."""

from __future__ import annotations

from sqlalchemy import insert

from app.bookings.event_models import Notice
from app.core.tx import Tx
from tests.plants import plants


@plants("reminded-once")
def _(tx: Tx) -> None:
    tx.db.execute(insert(Notice), dict(key="reminder:7:1", at=tx.now))
