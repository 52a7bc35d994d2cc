"""What follows when the provider has said who somebody is: they are signed in, or their identity is linked, or they are told why not.

A refusal is returned, not raised, so that the audit trail keeps it. It names no token and no person whom the provider alone knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, update

from app.core.config import Settings
from app.core.errors import Refusal
from app.core.tx import SYSTEM, Actor, Tx
from app.identity import external, operations
from app.identity.models import ExternalIdentity
from app.identity.provider import roles
from app.identity.provider.tokens import Identity


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody is signed in, and `why` is a code for the page and the trail."""

    why: str
    person_id: int | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """Where to go on, and the token of the new sign-in; none where the reader only linked their identity."""

    onward: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody whom the provider has sent back, with a good token."""

    attempt: Row[Any]
    identity: Identity
    id_token: str


def arrive(tx: Tx, config: Settings, came: Arrival, reader: Actor, agent: str) -> Entered | Refused:
    """Do what the attempt was begun for. `reader` is who is signed in in this browser already."""
    found = external.who(tx, config, came.identity.subject)
    wanted: int | None = came.attempt.person_id
    if wanted is not None:
        if refused := _link(tx, config, came, reader, found.id if found else None):
            return refused
        if came.attempt.link_hash is None:
            return Entered("/my-details?said=linked")
        found = external.who(tx, config, came.identity.subject)
    if found is None:
        return Refused("unknown-identity")
    if found.account is None or found.suspended_at is not None:
        return Refused("suspended", found.id)
    if not found.here:
        return Refused("left", found.id)
    _make_last_signed_in(tx, config, found.id)
    tx.actor = SYSTEM
    roles.apply(tx, config, found.id, came.identity.roles)
    given = {"provider_session": came.identity.session, "id_token": came.id_token}
    return Entered(came.attempt.onward, operations.sign_in(tx, found.id, agent, config, given))


def _link(tx: Tx, config: Settings, came: Arrival, reader: Actor, holder: int | None) -> Refused | None:
    """Link the identity to whom the attempt names: the reader, or the holder of an invitation."""
    person_id: int = came.attempt.person_id
    if holder is not None and holder != person_id:
        return Refused("identity-taken", person_id)
    if came.attempt.link_hash is None:
        if reader.person_id != person_id:
            return Refused("other-reader", person_id)
    else:
        try:
            operations.link_of(tx, came.attempt.link_hash)
        except Refusal:
            return Refused("link-over", person_id)
        tx.actor = Actor("link", person_id)
    present = external.of(tx, config, person_id)
    if present is not None and present.subject != came.identity.subject:
        return Refused("identity-linked", person_id)
    external.link(tx, config, person_id, came.identity.subject, "link")
    operations.end_links(tx, person_id)
    return None


def _make_last_signed_in(tx: Tx, config: Settings, person_id: int) -> None:
    this = ExternalIdentity.person_id == person_id, ExternalIdentity.issuer == config.oidc_issuer
    tx.db.execute(update(ExternalIdentity).where(*this).values(last_signed_in_at=tx.now))
