"""The council's key, under which names and marks are digests. It stands in the environment, not in the database or its backups."""

from __future__ import annotations

from hashlib import blake2b

from app.core import config
from app.core.config import Settings


def secret() -> bytes:
    """The key of this process's settings, 32 bytes. Without one in the settings: a fixed one, which protects nothing (see `usable`)."""
    return blake2b(config.settings().guard_key.encode(), digest_size=32, person=b"academy guard").digest()


def which(key: bytes) -> str:
    """Which key this is, without saying what it is: 16 hexadecimal digits."""
    return blake2b(b"which key", key=key, digest_size=8).hexdigest()


def usable(settings: Settings) -> bool:
    """May names be kept at all? Where real people work, only under a key of the council's own."""
    return bool(settings.guard_key) or not settings.secure
