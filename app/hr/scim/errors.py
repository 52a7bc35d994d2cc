"""Refusals as SCIM says them (RFC 7644 §3.12). Light: what serves pages imports it too, to answer a directory's wrong turns."""

from __future__ import annotations

from typing import Any

from app.core.errors import Invalid, Refusal

PREFIX = "/scim/"
MEDIA_TYPE = "application/scim+json"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"

# What is already somebody else's: RFC 7644 §3.3 answers 409 with "uniqueness".
UNIQUE = {"user-name-taken", "user-exists", "group-exists", "employee-number-taken", "email-taken", "conflict-at-once", "identity-taken"}
# The state of the resource does not allow the change: RFC 7644 table 9 calls it "mutability", with 400.
STATE = {"email-needs-access"}
# The value names something that cannot be: "invalidValue", with 400.
VALUE = {"manager-circle", "periods-overlap", "identity-linked"}


class ScimRefusal(Refusal):
    """Refused in SCIM's own words: `scim_type` is a keyword of RFC 7644 table 9."""

    status, code, title = 400, "scim", "There is a problem with what was sent"

    def __init__(self, message: str, scim_type: str = "invalidValue", status: int = 400) -> None:
        super().__init__(message, code=f"scim-{scim_type}" if scim_type else "scim")
        self.scim_type, self.status = scim_type, status


def told(problem: Refusal) -> tuple[int, str, str]:
    """(status, scimType or nothing, words) of any refusal of the service."""
    words = " ".join(part for part in (problem.message, *(error["message"] for error in problem.errors), problem.way_out) if part)
    if isinstance(problem, ScimRefusal):
        return problem.status, problem.scim_type, words
    if problem.code in STATE:
        return 400, "mutability", words
    if problem.code in VALUE:
        return 400, "invalidValue", words
    if problem.code in UNIQUE:
        return 409, "uniqueness", words
    if isinstance(problem, Invalid) or problem.status == 422:
        return 400, "invalidValue", words
    return problem.status, "", words


def document(problem: Refusal) -> tuple[int, dict[str, Any]]:
    """(status, body) of the answer."""
    status, scim_type, words = told(problem)
    body: dict[str, Any] = {"schemas": [ERROR], "status": str(status)}
    if scim_type:
        body["scimType"] = scim_type
    return status, {**body, "detail": words}
