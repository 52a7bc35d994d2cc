"""Signatures of the Standard Webhooks specification: HMAC-SHA256 over id, time and body, with a secret that both sides know.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime, timedelta

PREFIX = "whsec_"
BYTES = 32  # of a secret; the specification asks for 24 to 64
OVERLAP = timedelta(days=1)  # so long the secret before signs too, once there is a new one


def new_secret() -> str:
    """A secret as receivers' libraries take it: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def key(secret: str) -> bytes:
    """The bytes that sign. ValueError for what is no secret of 24 to 64 bytes."""
    found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    if not secret.startswith(PREFIX) or not 24 <= len(found) <= 64:
        raise ValueError("not a webhook secret")
    return found


def signature(secret: str, message_id: str, at: datetime, body: bytes) -> str:
    """`v1,` and the signature of one message with one secret."""
    signed = f"{message_id}.{int(at.timestamp())}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key(secret), signed, "sha256")).decode()


def headers(secrets_: list[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of a message; while a secret is being replaced both sign, and a receiver with either accepts it."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signature(secret, message_id, at, body) for secret in secrets_),
    }
