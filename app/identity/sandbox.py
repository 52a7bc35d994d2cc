"""The sandbox client of demonstration mode: ready for whoever wants to try the API, the same after every start.

Its secret is public, like the demonstration's passwords: it is made only where the service runs in demonstration mode, which refuses https.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select

from app.core.config import Settings
from app.core.db import Database
from app.core.tx import SYSTEM, Tx, transaction
from app.identity import clients
from app.identity.access import digest
from app.identity.models import ApiClient
from app.people.models import Unit
from app.policy import SCOPES

CLIENT_ID = "client-sandbox"
SECRET = "demonstration-only-westmarch-sandbox"  # noqa: S105 - public on purpose, and refused outside demonstration mode
NAME = "Integrator’s sandbox"
EVERYBODYS = "catalogue:write"  # the one scope that a client of one organisation cannot have


class Sandbox(NamedTuple):
    """What an integrator needs to begin."""

    client_id: str
    secret: str


def told(tx: Tx, settings: Settings) -> Sandbox | None:
    """The sandbox, if this service has one that works and its secret is still the public one."""
    if not settings.demo:
        return None
    good = select(ApiClient.id).where(
        ApiClient.client_id == CLIENT_ID, ApiClient.disabled_at.is_(None), ApiClient.secret_hash == digest(SECRET)
    )
    return Sandbox(CLIENT_ID, SECRET) if tx.scalar(good) is not None else None


def prepare(database: Database, settings: Settings) -> Sandbox | None:
    """Make the client when it is not there yet, with every scope that one organisation's can have; None: there is none to tell of."""
    if not settings.demo:
        return None
    with transaction(database, SYSTEM, writes=True) as tx:
        host = tx.scalar(select(Unit.id).where(Unit.host.is_(True), Unit.parent_id.is_(None)))
        there = tx.scalar(select(ApiClient.id).where(ApiClient.client_id == CLIENT_ID))
        if there is None and host is not None:
            scopes = sorted(set(SCOPES) - {EVERYBODYS})
            clients.create_client(tx, NAME, scopes, host, known_as=(CLIENT_ID, SECRET))
        return told(tx, settings)
