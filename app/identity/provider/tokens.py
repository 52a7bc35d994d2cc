"""Is what the provider signed what it should be? Every rule of OpenID Connect Core §3.1.3.7 and Back-Channel Logout §2.6 that matters here.

A token that breaks one says nothing at all. Why it was refused is a short code: it is recorded, and holds nothing of the token.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core.config import Settings
from app.core.errors import Invalid
from app.identity import external

ALGORITHMS = tuple(family + bits for family in ("RS", "PS", "ES") for bits in ("256", "384", "512"))  # never "none", never a shared secret
LEEWAY = 60  # seconds that two clocks may differ
OLDEST = 15 * 60  # seconds since a token was made; Entra dates them five minutes back
SMALLEST = 2048  # bits of an RSA key
SIGNED_OUT = "http://schemas.openid.net/event/backchannel-logout"


class TokenRefused(Exception):
    """`why` is a code, such as "wrong-issuer"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class UnknownKey(TokenRefused):
    """It names a key that the provider's key set, as it is known here, does not have."""

    def __init__(self) -> None:
        super().__init__("unknown-key")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says somebody is."""

    subject: str  # as kept: the object id, or `sub`
    session: str | None  # the provider's `sid`
    roles: frozenset[str] | None  # None: the token does not say


def id_token(config: Settings, raw: str, keys: dict[str, Any], nonce: str, now: datetime) -> Identity:
    """Whom a fresh ID token names, or TokenRefused."""
    claims = _signed(raw, keys, ("JWT",))
    _made_for_us(config, claims, now, must_end=True)
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise TokenRefused("wrong-nonce")
    if config.oidc_tenant and str(claims.get("tid", "")).lower() != config.oidc_tenant.lower():
        raise TokenRefused("wrong-tenant")
    subject = _subject(config, claims)
    if subject is None:
        raise TokenRefused("no-subject")
    return Identity(subject, _session(claims), _roles(config, claims))


def logout_token(config: Settings, raw: str, keys: dict[str, Any], now: datetime) -> tuple[str | None, str | None]:
    """(the provider's session, subject) of whom it has signed out; at least one of them. Or TokenRefused."""
    claims = _signed(raw, keys, ("JWT", "LOGOUT+JWT"))
    _made_for_us(config, claims, now, must_end=False)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(SIGNED_OUT), dict) or "nonce" in claims:
        raise TokenRefused("not-a-logout")
    session, subject = _session(claims), _subject(config, claims)
    if session is None and subject is None:
        raise TokenRefused("no-subject")
    return session, subject


def _signed(raw: str, keys: dict[str, Any], types: Collection[str]) -> dict[str, Any]:
    """The claims of a token that one of the provider's own keys has signed."""
    from joserfc import jws, jwt
    from joserfc.errors import JoseError

    try:
        registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        header = jws.extract_compact(raw.encode(), registry=registry).headers()
        if header.get("alg") not in ALGORITHMS:
            raise TokenRefused("wrong-algorithm")
        if str(header.get("typ", "JWT")).upper() not in types:
            raise TokenRefused("wrong-type")
        return dict(jwt.decode(raw, _key(header, keys), registry=registry).claims)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise TokenRefused("bad-signature") from None


def _key(header: dict[str, Any], keys: dict[str, Any]) -> Any:
    """The key that the header names among the provider's public signing keys. What else a header says about keys is not looked at."""
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, RSAKey, import_key

    listed = keys.get("keys")
    named = header.get("kid")
    fitting = []
    for one in listed if isinstance(listed, list) else []:
        if not isinstance(one, dict) or one.get("kty") not in ("RSA", "EC") or one.get("use", "sig") != "sig":
            continue
        if one.get("alg", header["alg"]) == header["alg"] and (named is None or one.get("kid") == named):
            fitting.append(one)
    if not fitting:
        raise UnknownKey
    if len(fitting) > 1:
        raise TokenRefused("key-not-named")
    try:
        found = import_key({name: value for name, value in fitting[0].items() if name in ("kty", "n", "e", "crv", "x", "y")})
    except (JoseError, ValueError, TypeError):
        raise TokenRefused("bad-key") from None
    kind = ECKey if header["alg"].startswith("ES") else RSAKey
    if not isinstance(found, kind) or (isinstance(found, RSAKey) and found.public_key.key_size < SMALLEST):
        raise TokenRefused("bad-key")
    return found


def _made_for_us(config: Settings, claims: dict[str, Any], now: datetime, *, must_end: bool) -> None:
    """Issuer, audience and times."""
    if claims.get("iss") != config.oidc_issuer:
        raise TokenRefused("wrong-issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    party = claims.get("azp")
    if config.oidc_client_id not in audiences or (party is not None and party != config.oidc_client_id):
        raise TokenRefused("wrong-audience")
    if len(audiences) > 1 and party is None:
        raise TokenRefused("wrong-audience")
    seconds = now.timestamp()
    ends, starts, made = (_time(claims, name) for name in ("exp", "nbf", "iat"))
    if made is None or (ends is None and must_end):
        raise TokenRefused("no-times")
    if (ends is not None and ends <= seconds - LEEWAY) or made < seconds - OLDEST:
        raise TokenRefused("expired")
    if made > seconds + LEEWAY or (starts is not None and starts > seconds + LEEWAY):
        raise TokenRefused("not-yet")


def _time(claims: dict[str, Any], name: str) -> float | None:
    """A moment in seconds since 1970."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise TokenRefused("no-times")
    return float(value)


def _subject(config: Settings, claims: dict[str, Any]) -> str | None:
    value = claims.get(config.oidc_subject_claim)
    try:
        return external.subject(config, value) if isinstance(value, str) else None
    except Invalid:
        return None


def _session(claims: dict[str, Any]) -> str | None:
    value = claims.get("sid")
    return value if isinstance(value, str) and 1 <= len(value) <= 255 else None


def _roles(config: Settings, claims: dict[str, Any]) -> frozenset[str] | None:
    """The values of the roles claim. A token without it gives none, unless it says that they stand elsewhere (too many groups)."""
    name = config.oidc_roles_claim
    value = claims.get(name)
    if value is None:
        elsewhere = claims.get("_claim_names")
        return None if isinstance(elsewhere, dict) and name in elsewhere else frozenset()
    values = value if isinstance(value, list) else [value]
    return frozenset(one for one in values if isinstance(one, str))
