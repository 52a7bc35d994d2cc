"""Who is behind a cookie or a token. One query answers with the person and everything their permissions follow from."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from sqlalchemy import Integer, and_, bindparam, case, cast, func, literal_column, or_, select, update
from sqlalchemy.types import String

from app.core.config import Settings
from app.core.db import UtcDateTime
from app.core.errors import SignInNeeded
from app.core.facts import current
from app.core.ready import Ready
from app.core.tx import Actor, Tx
from app.identity.models import Account, ApiClient, ApiToken, SignIn
from app.people.models import Duty, Person, Responsibility, RoleHeld
from app.policy import Role


def digest(secret: str) -> str:
    """SHA-256 of a random secret of 32 bytes: such secrets need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def cookie_name(settings: Settings) -> str:
    """`__Host-` pins the cookie to this host over https; plain http (development, demonstration) cannot have it."""
    return "__Host-academy" if settings.secure else "academy"


def cookie_options(settings: Settings) -> dict[str, Any]:
    """Out of reach of scripts and of other sites' forms; forgotten when the browser closes."""
    return dict(httponly=True, samesite="lax", secure=settings.secure, path="/")


_LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]{0,500}")
_OURS = ("/sign-in", "/sign-out", "/password/", "/auth/")


def local_path(given: Any) -> str:
    """Where to go after signing in: a path of this service, never another site's address."""
    if isinstance(given, str) and _LOCAL.fullmatch(given) and not given.startswith(_OURS):
        return given
    return "/"


def client_address(peer: str, forwarded: str, trusted_proxies: int) -> str:
    """Where a request came from: the peer, or what the outermost of our own proxies saw. Anything further left may be invented.

    An IPv6 network of 64 bits is one subscriber's, so it counts as one address.
    """
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    found = hops[-min(trusted_proxies, len(hops))] if trusted_proxies and hops else peer
    try:
        address = ip_address(found)
    except ValueError:
        return found[:64]
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
    return str(address)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A signed-in browser: who, by which token, and when last heard of."""

    actor: Actor
    token_hash: str
    last_seen_at: datetime


_today: Any = bindparam("today")


# What people answer for makes them managers, assessors and trainers: a bit each, from one look at all that they answer for
_FOLLOWS = ((Role.MANAGER, (Duty.MANAGER, Duty.DEPUTY)), (Role.ASSESSOR, (Duty.ASSESSOR,)), (Role.TRAINER, (Duty.TRAINER,)))
_bits: list[Any] = [
    func.max(case((Responsibility.kind.in_(duties), literal_column(str(1 << place))), else_=literal_column("0")))
    for place, (_, duties) in enumerate(_FOLLOWS)
]
_follows = (
    select(sum(_bits[1:], _bits[0]))
    .where(Responsibility.holder_id == Person.id, current(Responsibility, _today))
    .correlate(Person)
    .scalar_subquery()
)
_roles = (
    select(func.aggregate_strings(RoleHeld.role + ":" + func.coalesce(cast(RoleHeld.unit_id, String), ""), ","))
    .where(
        RoleHeld.person_id == Person.id,
        current(RoleHeld, _today),
        # What the provider's claims give counts where the provider has just been asked: a password says nothing of them.
        or_(RoleHeld.mapped.is_(False), SignIn.via == "provider"),
    )
    .correlate(Person, SignIn)
    .scalar_subquery()
)
_SIGNED_IN = Ready(
    select(
        SignIn.last_seen_at,
        Person.id,
        Person.name,
        Person.organisation_id,
        _roles.label("roles"),
        _follows.label("follows"),
    )
    .select_from(SignIn)
    .join(Person, Person.id == SignIn.person_id)
    .join(Account, and_(Account.person_id == Person.id, Account.suspended_at.is_(None)))
    .where(
        SignIn.token_hash == bindparam("token"),
        SignIn.ended_at.is_(None),
        SignIn.expires_at > bindparam("now", type_=UtcDateTime()),
        SignIn.last_seen_at > bindparam("idle_since", type_=UtcDateTime()),
        # By password: with the address that is still theirs, and only while passwords are used at all (or in an emergency).
        or_(
            SignIn.via == "provider",
            and_(SignIn.email == Person.email, or_(bindparam("passwords", type_=Integer()) == 1, Account.break_glass.is_(True))),
        ),
        func.coalesce(Person.leaving_on, _today) >= _today,
    )
)


def signed_in(tx: Tx, token: str, settings: Settings) -> SignedIn | None:
    """The person whose browser sent this token, if it is signed in, not idle too long, and they have not left."""
    if not 20 <= len(token) <= 100:
        return None
    token_hash = digest(token)
    idle_since = tx.now - timedelta(minutes=settings.idle_minutes)
    passwords = int(settings.local_passwords)
    row = tx.one(_SIGNED_IN, token=token_hash, now=tx.now, idle_since=idle_since, today=tx.today, passwords=passwords)
    if row is None:
        return None
    held: list[tuple[str, int | None]] = [(Role.PRACTITIONER.value, None)]
    for pair in (row.roles or "").split(","):
        role, _, unit = pair.partition(":")
        if role:
            held.append((role, int(unit) if unit else None))
    held += [(role.value, None) for place, (role, _) in enumerate(_FOLLOWS) if (row.follows or 0) & 1 << place]
    actor = Actor("person", row.id, row.name, tuple(sorted(held, key=str)), organisation_id=row.organisation_id)
    return SignedIn(actor, token_hash, row.last_seen_at)


def touch(tx: Tx, token_hash: str) -> None:
    """They are still there: the idle clock starts again."""
    tx.db.execute(update(SignIn).where(SignIn.token_hash == token_hash).values(last_seen_at=tx.now))


_CLIENT = Ready(
    select(ApiClient.id, ApiClient.name, ApiClient.organisation_id, ApiClient.scopes, ApiToken.scopes.label("given"))
    .join(ApiClient, ApiClient.id == ApiToken.client_id)
    .where(
        ApiToken.token_hash == bindparam("token"),
        ApiToken.expires_at > bindparam("now", type_=UtcDateTime()),
        ApiClient.disabled_at.is_(None),
    )
)
_CLIENT_ITSELF = select(ApiClient.id, ApiClient.name, ApiClient.organisation_id, ApiClient.scopes).where(
    ApiClient.id == bindparam("client"), ApiClient.disabled_at.is_(None)
)


def bearer(authorization: str) -> str:
    """The access token in a header, or SignInNeeded."""
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer" or not 20 <= len(token) <= 200:
        raise SignInNeeded("Send an access token: Authorization: Bearer …", code="token-missing")
    return token


def client(tx: Tx, authorization: str) -> Actor:
    """The client that a bearer token was given to, or SignInNeeded.

    It may do what both it and its token are allowed: a scope taken from a client is lost to tokens that were given before.
    """
    row = tx.one(_CLIENT, token=digest(bearer(authorization)), now=tx.now)
    if row is None:
        raise SignInNeeded("The access token is unknown or has expired. Ask for a new one at /oauth/token.", code="token-invalid")
    scopes = frozenset(row.given.split()) & frozenset(row.scopes.split())
    return Actor("client", row.id, row.name, scopes=scopes, organisation_id=row.organisation_id)


def client_actor(tx: Tx, client_id: int) -> Actor | None:
    """A client as an actor, with all its scopes and its organisation, for what is done on its behalf; None if it is disabled."""
    row = tx.one(_CLIENT_ITSELF, client=client_id)
    if row is None:
        return None
    return Actor("client", row.id, row.name, scopes=frozenset(row.scopes.split()), organisation_id=row.organisation_id)
