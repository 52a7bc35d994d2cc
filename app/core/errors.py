"""Refusals. They are raised, never returned: raising is what rolls the transaction back.

Each carries the HTTP status that pages and API share and a stable `code` for programs. `way_out` says what the person can do about it.
"""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """Something was not done, and the message says why in words fit to show."""

    status = 400
    code = "bad-request"
    title = "That could not be done"

    def __init__(
        self, message: str, *, code: str | None = None, way_out: str = "", errors: list[dict[str, str]] | None = None, **facts: Any
    ):
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.way_out = way_out
        self.errors = errors or []  # [{"field": …, "message": …}], shown beside the fields they name
        self.facts = facts


class Invalid(Refusal):
    """The input is malformed or breaks a rule about a single field."""

    status, code, title = 422, "invalid", "There is a problem with what was sent"


class SignInNeeded(Refusal):
    """Nobody is signed in, or the token says nothing to us."""

    status, code, title = 401, "sign-in-needed", "You need to sign in"


class Forbidden(Refusal):
    """The actor has no grant for this, whoever it is about."""

    status, code, title = 403, "forbidden", "You do not have permission to do this"


class NotFound(Refusal):
    """It does not exist, or is out of the actor's reach: the two look the same so that outsiders cannot learn what exists."""

    status, code, title = 404, "not-found", "Page not found"


class Conflict(Refusal):
    """The state of things does not allow it now."""

    status, code, title = 409, "conflict", "That cannot be done now"


class Changed(Refusal):
    """Somebody else changed it since it was read."""

    status, code, title = 412, "changed-since-read", "This has changed since you opened it"


class TooMany(Refusal):
    """Tried too often."""

    status, code, title = 429, "too-many-requests", "Too many attempts"


class TooLarge(Refusal):
    """More than the service accepts."""

    status, code, title = 413, "too-large", "That is too large"
