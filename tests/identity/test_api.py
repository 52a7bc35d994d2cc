"""The token endpoint, and what a token opens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.core.errors import Invalid
from app.core.tx import clock
from app.identity import clients
from app.identity.models import ApiClient, ApiToken
from tests.factory import Make


@pytest.fixture
def known(make: Make) -> tuple[str, str]:
    with make.tx() as tx:
        return clients.create_client(tx, "HR system", ["people:read", "bookings:read"])


GRANT = {"grant_type": "client_credentials"}


def test_a_token_by_basic_or_in_the_form(visitor: TestClient, known: tuple[str, str], make: Make) -> None:
    make.person("Ann")
    for reply in (
        visitor.post("/oauth/token", data=GRANT, auth=known),
        visitor.post("/oauth/token", data=GRANT | {"client_id": known[0], "client_secret": known[1]}),
    ):
        given = reply.json()
        assert reply.status_code == 200 and reply.headers["cache-control"] == "no-store"
        assert (given["token_type"], given["expires_in"], given["scope"]) == ("Bearer", 3600, "bookings:read people:read")
        people = visitor.get("/api/v1/people", headers={"authorization": f"Bearer {given['access_token']}"})
        assert people.status_code == 200 and len(people.json()["items"]) == 1


def test_fewer_scopes_may_be_asked_for_never_more(visitor: TestClient, known: tuple[str, str]) -> None:
    fewer = visitor.post("/oauth/token", data=GRANT | {"scope": "people:read"}, auth=known).json()
    assert fewer["scope"] == "people:read"
    refused = visitor.get("/api/v1/bookings", headers={"authorization": f"Bearer {fewer['access_token']}"})
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient-scope")
    more = visitor.post("/oauth/token", data=GRANT | {"scope": "people:write"}, auth=known)
    assert (more.status_code, more.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(
    ("data", "auth", "status", "error"),
    [
        ({}, True, 400, "invalid_request"),
        ({"grant_type": "password"}, True, 400, "unsupported_grant_type"),
        (GRANT, False, 401, "invalid_client"),
        (GRANT | {"client_id": "client-1", "client_secret": "x"}, True, 400, "invalid_request"),
        (GRANT | {"client_id": "client-1", "client_secret": "x"}, False, 401, "invalid_client"),
        (GRANT | {"client_id": "\x00", "client_secret": "\x00"}, False, 401, "invalid_client"),
    ],
)
def test_errors_are_those_of_rfc_6749(
    visitor: TestClient, known: tuple[str, str], data: dict[str, str], auth: bool, status: int, error: str
) -> None:
    if auth:
        visitor.auth = known
    reply = visitor.post("/oauth/token", data=data)
    assert (reply.status_code, reply.json()["error"]) == (status, error)
    assert reply.json()["error_description"] and reply.headers["cache-control"] == "no-store"


def test_what_is_not_a_form_is_refused(visitor: TestClient, known: tuple[str, str]) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert visitor.post("/oauth/token", json=GRANT, auth=known).json()["error"] == "invalid_request"
    assert visitor.post("/oauth/token", content=b"grant_type=a&grant_type=b", headers=kind).json()["error"] == "invalid_request"
    assert visitor.post("/oauth/token", content=b"grant_type=%ff", headers=kind).json()["error"] == "invalid_request"
    assert visitor.post("/oauth/token", data=GRANT, headers={"authorization": "Basic !!!"}).json()["error"] == "invalid_client"


def test_guessing_a_secret_is_throttled(visitor: TestClient, known: tuple[str, str], ledger: Any) -> None:
    ledger.start()
    tries = [visitor.post("/oauth/token", data=GRANT, auth=(known[0], "wrong")) for _ in range(clients.PER_CLIENT + 1)]
    assert [reply.status_code for reply in tries] == [401] * clients.PER_CLIENT + [429]
    assert tries[-1].headers["retry-after"] == "900" and tries[0].headers["www-authenticate"].startswith("Basic")
    assert visitor.post("/oauth/token", data=GRANT, auth=known).status_code == 429  # the right secret does not show itself either
    assert ledger.actions() == ["client.refused"] * clients.PER_CLIENT


def test_an_expired_unknown_or_disabled_token_opens_nothing(make: Make, client: Callable[..., TestClient], visitor: TestClient) -> None:
    for header in ({}, {"authorization": "Bearer"}, {"authorization": "Basic abc"}):
        reply = visitor.get("/api/v1/people", headers=header)
        assert (reply.status_code, reply.json()["code"], reply.headers["www-authenticate"]) == (401, "token-missing", "Bearer")
    unknown = visitor.get("/api/v1/people", headers={"authorization": "Bearer " + "x" * 43})
    assert (unknown.status_code, unknown.json()["code"]) == (401, "token-invalid")
    assert unknown.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    expired = client("people:read")
    with make.tx() as tx:
        tx.db.execute(update(ApiToken).values(expires_at=clock() - timedelta(seconds=1)))
    assert expired.get("/api/v1/people").json()["code"] == "token-invalid"
    disabled = client("people:read")
    with make.tx() as tx:
        tx.db.execute(update(ApiClient).values(disabled_at=clock()))
    assert disabled.get("/api/v1/people").json()["code"] == "token-invalid"


def test_scopes_asked_for_are_bounded_and_each_given_once(visitor: TestClient, known: tuple[str, str], make: Make) -> None:
    given = visitor.post("/oauth/token", data=GRANT | {"scope": "people:read " * 20}, auth=known)
    assert given.json()["scope"] == "people:read"
    assert [row.scopes for row in make.rows(select(ApiToken.scopes))] == ["people:read"]
    long = visitor.post("/oauth/token", data=GRANT | {"scope": "people:read " * 50}, auth=known)
    assert (long.status_code, long.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("name", ["", " \x1b ", "x" * 81])
def test_a_client_has_a_name_that_fits(make: Make, name: str) -> None:
    with make.tx() as tx, pytest.raises(Invalid, match="needs a name"):
        clients.create_client(tx, name, ["people:read"])
