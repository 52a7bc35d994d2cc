"""Sign-ins that were sent to the provider and come back once: kept here, with the other half in the browser that began them.

The address that the provider sends people back to can be forged, stolen or planted in another browser. So the state names a row here that
is used up by the first look, and the row fits one browser's cookie only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Row, insert, select, update

from app.core.config import Settings
from app.core.errors import TooMany
from app.core.tx import Tx
from app.identity import attempts as counted
from app.identity.access import digest
from app.identity.models import Attempt, ProviderAttempt
from app.identity.provider.metadata import Metadata

LIFE = timedelta(minutes=10)
BEGUN, REFUSED = 3000, 100  # from one address in a quarter of an hour: a whole council in the morning; and far more than mistakes
SCOPE = "openid profile"  # Entra puts `oid` into ID tokens for `profile`; an e-mail address is not asked for, because it is not used


def cookie_name(settings: Settings) -> str:
    """Of the browser's half; like the sign-in's own, pinned to this host over https."""
    return "__Host-academy-signing-on" if settings.secure else "academy-signing-on"


def cookie_options(settings: Settings) -> dict[str, Any]:
    """Lax, because people come back from the provider's site; gone when the attempt is."""
    return dict(httponly=True, samesite="lax", secure=settings.secure, path="/", max_age=int(LIFE.total_seconds()))


def throttle(tx: Tx, kind: str, address: str, most: int) -> None:
    """Count one more of this kind from this address, or TooMany: each leaves rows, so nobody may make them without end."""
    if counted.recent(tx, kind, address) >= most:
        raise TooMany("There have been too many attempts from here. Wait 15 minutes and try again.", code="sign-on-throttled")
    tx.insert(Attempt, key=counted.key(kind, address), at=tx.now)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a sign-in is for: to go on to `onward`; to link the reader `person_id`; or to follow an invitation (`link_hash`)."""

    onward: str = "/"
    person_id: int | None = None
    link_hash: str | None = None


def begin(tx: Tx, config: Settings, metadata: Metadata, wish: Wish, cookie: str) -> tuple[str, str]:
    """(address at the provider, the browser's half). A browser that already has one keeps it, so that two tabs do not spoil each other."""
    half = cookie if 40 <= len(cookie) <= 50 else secrets.token_urlsafe(32)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    row = dict(state_hash=digest(state), cookie_hash=digest(half), nonce=nonce, verifier=verifier, created_at=tx.now)
    tx.db.execute(insert(ProviderAttempt), {**row, "onward": wish.onward, "person_id": wish.person_id, "link_hash": wish.link_hash})
    asked = {
        "response_type": "code",
        "client_id": config.oidc_client_id,
        "redirect_uri": config.oidc_redirect_uri,
        "scope": SCOPE,
        "state": state,
        "nonce": nonce,
        "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    if wish.person_id is not None:
        asked["prompt"] = "login"  # what is linked for good is proved afresh, not by whoever used this browser before
    return metadata.authorization_endpoint + ("&" if "?" in metadata.authorization_endpoint else "?") + urlencode(asked), half


def take(tx: Tx, state: str, cookie: str) -> tuple[Row[Any] | None, str]:
    """(attempt, "") for a state that is used here for the first time, in time, in the browser it was made for; else (None, why).

    A state that turns up in another browser is used up too: somebody else has seen it.
    """
    row = tx.one(select(ProviderAttempt.__table__).where(ProviderAttempt.state_hash == digest(state)))
    if row is None:
        return None, "unknown-state"
    used = update(ProviderAttempt).where(ProviderAttempt.state_hash == row.state_hash, ProviderAttempt.used_at.is_(None))
    if tx.db.execute(used.values(used_at=tx.now)).rowcount != 1:
        return None, "replayed-state"
    if not hmac.compare_digest(row.cookie_hash, digest(cookie)):
        return None, "other-browser"
    if row.created_at < tx.now - LIFE:
        return None, "late-state"
    return row, ""
