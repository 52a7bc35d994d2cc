"""API clients: the systems at the other end, their secrets, scopes and limits, and the tokens they get."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select

from app import policy
from app.core.errors import Conflict, Invalid, NotFound, SignInNeeded, TooMany
from app.core.text import normal
from app.core.tx import Tx
from app.identity import attempts
from app.identity.access import digest
from app.identity.models import ApiClient, ApiToken, Attempt
from app.policy import SCOPES, Can, operation

LONGEST_NAME = 80  # characters, of a client
LONGEST_CONTACT = 200
PER_CLIENT, PER_ADDRESS = 10, 50  # wrong secrets in the window, for one client's id and from one address, before further tries are refused
MOST_PER_MINUTE = 1_000_000
OLD_SECRET_HOURS = 24  # a rotated secret's, unless said otherwise
MOST_OLD_SECRET_HOURS = 7 * 24
MOST_TOKEN_DAYS = 366


@operation(Can.MANAGE_CLIENTS)
def create_client(
    tx: Tx,
    name: str,
    scopes: list[str],
    organisation_id: int | None = None,
    *,
    per_minute: int | None = None,
    contact: str | None = None,
    known_as: tuple[str, str] | None = None,
) -> tuple[str, str]:
    """A new API client; returns its id and its secret, which is shown this once.

    `per_minute`: requests, where the service's setting does not suit. `known_as`: an id and secret that are agreed already, for the
    demonstration's sandbox only; otherwise both are made here.
    """
    wanted = _checked(tx, name, scopes, organisation_id, per_minute, contact)
    client_id, secret = known_as or ("client-" + secrets.token_hex(6), secrets.token_urlsafe(32))
    key = tx.insert(ApiClient, client_id=client_id, secret_hash=digest(secret), created_at=tx.now, **wanted)
    facts = {what: wanted[what] for what in ("organisation_id", "per_minute") if wanted[what] is not None}
    tx.record("client.created", "api_clients", key, name=wanted["name"], scopes=wanted["scopes"].split(), **facts)
    return client_id, secret


def _checked(
    tx: Tx, name: str, scopes: Sequence[str], organisation_id: int | None, per_minute: int | None, contact: str | None
) -> dict[str, Any]:
    """What is said about a client, as its columns; or a refusal."""
    if not policy.covers(tx, Can.MANAGE_CLIENTS, organisation_id):
        raise Invalid("You cannot have a client there.", errors=[{"field": "organisation", "message": "Choose your own organisation"}])
    name, contact = normal(name), normal(contact or "") or None
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Invalid("A client needs a name.", errors=[{"field": "name", "message": f"Enter a name of 1 to {LONGEST_NAME} characters"}])
    if contact is not None and len(contact) > LONGEST_CONTACT:
        words = f"Contact must be {LONGEST_CONTACT} characters or fewer"
        raise Invalid("The contact is too long.", errors=[{"field": "contact", "message": words}])
    if per_minute is not None and not 1 <= per_minute <= MOST_PER_MINUTE:
        words = f"Enter a number of requests from 1 to {MOST_PER_MINUTE:,}"
        raise Invalid("The limit is not right.", errors=[{"field": "per_minute", "message": words}])
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise Invalid(f"Unknown scope: {', '.join(unknown) or 'none given'}. Known: {', '.join(sorted(SCOPES))}.", code="unknown-scope")
    if organisation_id is not None and "catalogue:write" in scopes:
        raise Invalid("The catalogue belongs to all organisations, so a client of one of them cannot change it.", code="scope-not-for-one")
    return dict(name=name, scopes=" ".join(sorted(set(scopes))), organisation_id=organisation_id, per_minute=per_minute, contact=contact)


def reached(tx: Tx, key: int, *, lock: bool = False) -> Row[Any]:
    """A client that the actor looks after, or NotFound."""
    row = tx.get(ApiClient, key, lock=lock, what="client")
    if not policy.covers(tx, Can.MANAGE_CLIENTS, row.organisation_id):
        raise NotFound("There is no client with that reference.", code="client-not-found")
    return row


@operation(Can.MANAGE_CLIENTS)
def change_client(
    tx: Tx,
    key: int,
    name: str,
    scopes: list[str],
    organisation_id: int | None,
    *,
    per_minute: int | None = None,
    contact: str | None = None,
) -> bool:
    """What a client is called, may do and for whom. A scope that is taken away is lost at once, also to tokens that were given before.

    A token is good for the organisation it was given for: if that changes, all the client's tokens end. Returns whether they did.
    """
    row = reached(tx, key, lock=True)
    wanted = _checked(tx, name, scopes, organisation_id, per_minute, contact)
    changed = {what: value for what, value in wanted.items() if value != getattr(row, what)}
    if changed:
        tx.update(ApiClient, key, **changed)
        said = {what: value for what, value in changed.items() if what != "contact"}  # a contact may name somebody
        tx.record("client.changed", "api_clients", key, changed=sorted(changed), **said)
    if "organisation_id" in changed:
        _end_tokens(tx, key)
    return "organisation_id" in changed


@operation(Can.MANAGE_CLIENTS)
def rotate_secret(tx: Tx, key: int, hours: int = OLD_SECRET_HOURS) -> tuple[str, datetime]:
    """A new secret, shown this once, and until when the old one is good too (`hours`; 0: no longer)."""
    row = reached(tx, key, lock=True)
    if row.disabled_at is not None:
        raise Conflict("This client is disabled. Enable it before you give it a new secret.", code="client-disabled")
    if not 0 <= hours <= MOST_OLD_SECRET_HOURS:
        words = f"Enter a number of hours from 0 to {MOST_OLD_SECRET_HOURS}"
        raise Invalid("The time for the old secret is not right.", errors=[{"field": "hours", "message": words}])
    secret, until = secrets.token_urlsafe(32), tx.now + timedelta(hours=hours)
    tx.update(
        ApiClient,
        key,
        secret_hash=digest(secret),
        secret_made_at=tx.now,
        old_secret_hash=row.secret_hash if hours else None,
        old_secret_until=until if hours else None,
    )
    tx.record("client.secret-rotated", "api_clients", key, old_secret_hours=hours)
    return secret, until


@operation(Can.MANAGE_CLIENTS)
def end_old_secret(tx: Tx, key: int) -> None:
    """Only the newest secret is good from now on. Tokens that were got with the old one go on; `end_tokens` ends those."""
    row = reached(tx, key, lock=True)
    if row.old_secret_until is None or row.old_secret_until <= tx.now:
        raise Conflict("This client has no old secret that is still good.", code="no-old-secret")
    tx.update(ApiClient, key, old_secret_hash=None, old_secret_until=None)
    tx.record("client.old-secret-ended", "api_clients", key)


@operation(Can.MANAGE_CLIENTS)
def end_tokens(tx: Tx, key: int) -> int:
    """Every token of a client stops working at once; it can ask for new ones. Returns how many there were."""
    reached(tx, key, lock=True)
    return _end_tokens(tx, key)


def _end_tokens(tx: Tx, key: int) -> int:
    ended = tx.db.execute(delete(ApiToken).where(ApiToken.client_id == key, ApiToken.expires_at > tx.now)).rowcount
    tx.record("client.tokens-ended", "api_clients", key, tokens=ended)
    return ended


@operation(Can.MANAGE_CLIENTS)
def disable_client(tx: Tx, key: int) -> None:
    """The client's tokens stop working at once and it gets no more."""
    row = reached(tx, key, lock=True)
    if row.disabled_at is not None:
        raise Conflict("This client is disabled already.", code="client-disabled")
    tx.update(ApiClient, key, disabled_at=tx.now)
    tx.db.execute(delete(ApiToken).where(ApiToken.client_id == key))
    tx.record("client.disabled", "api_clients", key, name=row.name)


@operation(Can.MANAGE_CLIENTS)
def enable_client(tx: Tx, key: int) -> None:
    """A disabled client gets tokens again, with the secret it had."""
    row = reached(tx, key, lock=True)
    if row.disabled_at is None:
        raise Conflict("This client is not disabled.", code="client-not-disabled")
    tx.update(ApiClient, key, disabled_at=None)
    tx.record("client.enabled", "api_clients", key, name=row.name)


# Tokens ------------------------------------------------------------------------------------------------------------


def throttle_client(tx: Tx, client_id: str, address: str = "") -> None:
    """TooMany after repeated wrong secrets for one client id, whether or not there is such a client, or from one address for many."""
    if attempts.recent(tx, "client", client_id) >= PER_CLIENT:
        raise TooMany("There have been too many wrong secrets for this client. Wait 15 minutes.", code="client-throttled")
    if address and attempts.recent(tx, "client-address", address) >= PER_ADDRESS:
        raise TooMany("There have been too many wrong secrets from this address. Wait 15 minutes.", code="client-throttled")


def client_failed(tx: Tx, client_id: str, address: str = "") -> None:
    """Count a wrong secret; the right one does not clear the count, so that nobody can guess between a client's own requests."""
    tx.insert_many(
        Attempt,
        [dict(key=attempts.key("client", client_id), at=tx.now), dict(key=attempts.key("client-address", address), at=tx.now)],
    )
    tx.record("client.refused", "api_clients", None)


def token(tx: Tx, client_id: str, secret: str, scopes: list[str], minutes: int) -> tuple[str, list[str]]:
    """An access token for a client's id and secret, with the scopes asked for or all it has. A rotated secret is good for its time."""
    row = tx.one(
        select(ApiClient.id, ApiClient.secret_hash, ApiClient.old_secret_hash, ApiClient.old_secret_until, ApiClient.scopes).where(
            ApiClient.client_id == client_id, ApiClient.disabled_at.is_(None)
        )
    )
    if row is None or not _is_secret(row, digest(secret), tx.now):
        raise SignInNeeded("The client id or secret is wrong.", code="invalid_client")
    allowed = row.scopes.split()
    wanted = list(dict.fromkeys(scopes)) or allowed
    if set(wanted) - set(allowed):
        raise Invalid("The client may not have that scope.", code="invalid_scope")
    return _new_token(tx, row.id, wanted, tx.now + timedelta(minutes=minutes)), wanted


def _is_secret(client: Row[Any], given: str, now: datetime) -> bool:
    """Is this digest that of the client's secret, or of the one before while it is good? Takes as long either way."""
    old = client.old_secret_hash if client.old_secret_until is not None and client.old_secret_until > now else ""
    return secrets.compare_digest(client.secret_hash, given) | secrets.compare_digest(old, given)


def _new_token(tx: Tx, key: int, scopes: Sequence[str], until: datetime) -> str:
    made = secrets.token_urlsafe(32)
    tx.db.execute(
        insert(ApiToken),
        dict(token_hash=digest(made), client_id=key, scopes=" ".join(scopes), created_at=tx.now, expires_at=until),
    )
    return made


@operation(Can.MANAGE_CLIENTS)
def long_token(tx: Tx, key: int, days: int) -> tuple[str, datetime]:
    """A token that is good for days, with all the client's scopes, and until when.

    For directories that cannot ask for tokens themselves, such as Microsoft Entra's provisioning; they keep one until it is replaced.
    """
    row = reached(tx, key, lock=True)
    if row.disabled_at is not None:
        raise Conflict("This client is disabled.", code="client-disabled")
    if not 1 <= days <= MOST_TOKEN_DAYS:
        words = f"Enter a number of days from 1 to {MOST_TOKEN_DAYS}"
        raise Invalid(f"{words}.", errors=[{"field": "days", "message": words}])
    until = tx.now + timedelta(days=days)
    made = _new_token(tx, key, row.scopes.split(), until)
    tx.record("client.token-made", "api_clients", key, days=days)
    return made, until
