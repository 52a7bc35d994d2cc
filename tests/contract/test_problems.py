"""One shape for every error of the interface, whoever raises it: the door, a rule, the framework, or a fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from app.core.web import BULK, BULK_KB
from app.learning import listings
from app.policy import SCOPES
from app.rooms import api_routers
from tests.contract.test_guide import ROWS
from tests.factory import Make

TOLD = dict(ROWS)
Client = Callable[..., TestClient]


def ways() -> list[tuple[str, str, str]]:
    """Method, path with some id, and scope of every operation that asks for a token."""
    found = []
    for router in api_routers():
        for route in router.routes:
            door = getattr(getattr(route, "endpoint", None), "door", None)
            if door is not None:
                path = re.sub(r"\{\w+\}", "1", getattr(route, "path", ""))
                found += [(method, path, door["scope"]) for method in sorted(getattr(route, "methods", ()))]
    return found


def is_problem(reply: Any, status: int, code: str) -> None:
    """RFC 9457 with our additions, and a code that the guide explains."""
    assert reply.headers["content-type"] == "application/problem+json", reply.text
    body = reply.json()
    assert (reply.status_code, body["status"], body["code"]) == (status, status, code), reply.text
    assert TOLD[code] == str(status)
    assert body["type"] == f"urn:academy:problem:{code}" and body["title"] and body["detail"]
    assert body["request_id"] == reply.headers["x-request-id"]
    assert set(body) <= {"type", "title", "status", "code", "detail", "request_id", "way_out", "errors"}
    for error in body.get("errors", []):
        assert set(error) == {"field", "message"} and error["message"]


sqlite_only = pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # the shape does not depend on the database


BODILESS = ("/publish", "/accept", "/decline", "/apply", "/compare", "/discard", "/rotate", "/test", "/deliveries/1/redrive")
"""What these do stands in the address."""
FORMS = ("/imports",)  # takes a file, not JSON


@sqlite_only
def test_every_operation_refuses_alike(visitor: TestClient, client: Client) -> None:
    none = {scope: client(*(other for other in SCOPES if other != scope)) for scope in SCOPES}
    everything = client(*SCOPES)
    for method, path, scope in ways():
        asked = path + ("?surprise=1" if method == "GET" else "")
        is_problem(
            everything.request(method, asked, json=None if method == "GET" else {}, headers={"If-Match": "*"}), *_without(method, path)
        )
        if method in ("POST", "PATCH") and not path.endswith((*BODILESS, *FORMS)):
            kind = {"content-type": "application/json"}
            is_problem(everything.request(method, path, content=b"{", headers=kind), 400, "malformed-json")
            is_problem(everything.request(method, path, content=b"[" * 100_000, headers=kind), 400, "malformed-json")
            too_much = b" " * (BULK_KB * 1024 + 1 if path in BULK else 300_000)
            is_problem(everything.request(method, path, content=too_much, headers=kind), 413, "too-large")
            is_problem(everything.request(method, path, json={"surprise": 1}), 422, "invalid")
        is_problem(visitor.request(method, path), 401, "token-missing")  # before anything is said about the body
        is_problem(none[scope].request(method, path), 403, "insufficient-scope")


def _without(method: str, path: str) -> tuple[int, str]:
    """What an empty body, or a parameter that there is not, is answered when nothing is in the database."""
    if method in ("PATCH", "DELETE") or path.endswith((*BODILESS, "/redrive")):
        what = path.split("/")[3].replace("people", "persons").removesuffix("s")
        return 404, "not-found" if what == "subscription" else f"{what}-not-found"
    return 422, "invalid"


@sqlite_only
def test_what_the_framework_refuses_has_the_same_shape(client: Client) -> None:
    api = client(*SCOPES)
    is_problem(api.get("/api/v1/nothing"), 404, "not-found")
    wrong = api.delete("/api/v1/people")
    is_problem(wrong, 405, "method-not-allowed")
    assert wrong.headers["allow"]
    is_problem(api.get("/api/v1/people/one"), 422, "invalid")
    is_problem(api.post("/api/v1/bookings", content=b"session_id=1", headers={"content-type": "text/plain"}), 422, "invalid")
    is_problem(api.post("/api/v1/bookings", json={"session_id": 10**400, "person_id": 1}), 422, "invalid")


@sqlite_only
def test_a_fault_tells_nothing_and_a_busy_database_says_so(make: Make, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = client("catalogue:read")
    api = TestClient(reader.app, headers=dict(reader.headers), raise_server_exceptions=False)

    def fails(problem: Exception) -> None:
        def fail(*_: Any) -> None:
            raise problem

        monkeypatch.setattr(listings, "course", fail)

    fails(RuntimeError("the password is swordfish"))
    reply = api.get("/api/v1/courses/1")
    is_problem(reply, 500, "internal-error")
    assert "swordfish" not in reply.text
    fails(OperationalError("SELECT 1", {}, Exception("database is locked")))
    is_problem(api.get("/api/v1/courses/1"), 503, "busy")


def test_a_refusal_is_not_kept_under_its_key(make: Make, client: Client) -> None:
    ann, session, api = make.person("Ann"), make.session(status="draft"), client("bookings:write", "catalogue:write")
    body, key = {"session_id": session.id, "person_id": ann.id}, {"Idempotency-Key": "later"}
    is_problem(api.post("/api/v1/bookings", json=body, headers=key), 409, "session-not-published")
    assert api.post(f"/api/v1/sessions/{session.id}/publish").status_code == 200
    assert api.post("/api/v1/bookings", json=body, headers=key).status_code == 201
