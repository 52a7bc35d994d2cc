"""The log of each client's calls."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.core.db import Database, connect
from app.core.tx import clock
from app.identity import client_log, operations
from app.identity.client_log import Calls
from app.identity.models import ApiCall, ApiClient
from tests.factory import Make

PEOPLE = "/api/v1/people"


def logged(make: Make) -> list[Any]:
    return make.rows(select(ApiCall.__table__).order_by(ApiCall.id))


def test_each_call_is_there_by_its_route_and_names_nobody(make: Make, client: Any, visitor: TestClient) -> None:
    ann = make.person("Ann")
    api = client("people:read")
    replies = [
        api.get(f"{PEOPLE}/{ann.id}"),
        api.get(PEOPLE, params={"q": "Ann Secret"}),
        api.get(f"{PEOPLE}/999999"),
        api.post(PEOPLE, json={"first_name": "Secret"}),
        api.get(PEOPLE, params={"secret": "1"}),
    ]
    visitor.get(PEOPLE)  # nobody's
    api.app.state.calls.write()
    rows = logged(make)
    one = PEOPLE + "/{person_id}"
    assert [(row.method, row.route, row.status, row.code) for row in rows] == [
        ("GET", one, 200, None),
        ("GET", PEOPLE, 200, None),
        ("GET", one, 404, "person-not-found"),
        ("POST", PEOPLE, 403, "insufficient-scope"),
        ("GET", PEOPLE, 422, "invalid"),
    ]
    assert [row.request_id for row in rows] == [reply.headers["x-request-id"] for reply in replies]
    assert all(0 <= row.milliseconds < 60_000 for row in rows)
    assert "ecret" not in str(rows)
    assert make.rows(select(ApiClient.last_used_at))[0].last_used_at == rows[-1].at


def test_nothing_is_written_on_the_path_of_a_request(make: Make, client: Any, count_queries: Any) -> None:
    api = client("people:read")
    with count_queries() as queries:
        api.get(PEOPLE)
    assert not any("api_calls" in text or "last_used" in text for text in queries.statements)
    with count_queries() as queries:
        assert api.app.state.calls.write() == 1
    assert len([text for text in queries.statements if not text.lower().startswith("begin")]) <= 2
    assert len(logged(make)) == 1


def test_provisioning_counts_and_is_logged_like_the_rest(make: Make, client: Any) -> None:
    api = client("scim", organisation=make.organisation())
    replies = [api.get("/scim/v2/Users"), api.get("/scim/v2/Users/999999")]
    assert [reply.status_code for reply in replies] == [200, 404]
    assert [reply.headers["ratelimit-limit"] for reply in replies] == ["6000", "6000"]
    api.app.state.calls.write()
    assert [(row.status, row.request_id) for row in logged(make)] == [
        (reply.status_code, reply.headers["x-request-id"]) for reply in replies
    ]
    assert all(row.route.startswith("/scim/v2/Users") and "999999" not in row.route for row in logged(make))


def scope(client: int) -> dict[str, Any]:
    return {"state": {"client": client, "request_id": "r"}, "method": "GET"}


def a_client(make: Make, client: Any) -> int:
    client("people:read")
    return int(make.rows(select(ApiClient.id))[0].id)


def test_whatever_a_row_holds_is_kept_as_it_is(make: Make, client: Any) -> None:
    """Routes and codes are ours, but a log must not depend on that."""
    key, strange = a_client(make, client), "a\tb\\c\nd\r\\N é"
    calls = Calls(lambda: make.database)
    calls.every = 3600
    calls.add({"state": {"client": key, "request_id": strange, "code": "\\N"}, "method": "GET"}, 404, time.perf_counter())
    calls.add({"state": {"client": key, "request_id": ""}, "method": ""}, 200, time.perf_counter())
    calls.stop()
    first, second = logged(make)
    assert (first.request_id, first.code, first.status) == (strange, "\\N", 404)
    assert (second.request_id, second.code, second.method, second.client_id) == ("", None, "", key)
    assert abs((clock() - first.at).total_seconds()) < 60


def test_last_used_is_written_once_a_minute(make: Make, client: Any, count_queries: Any) -> None:
    key, calls = a_client(make, client), Calls(lambda: make.database)
    calls.every = 3600
    with count_queries() as queries:
        for _ in range(3):
            calls.add(scope(key), 200, time.perf_counter())
            calls.write()
    assert sum("last_used" in text for text in queries.statements) == 1
    calls.stop()


def test_the_thread_writes_and_the_last_ones_are_written_at_the_end(make: Make, client: Any) -> None:
    key, calls = a_client(make, client), Calls(lambda: make.database)
    calls.every = 0.01
    calls.add(scope(key), 200, time.perf_counter())
    until = time.monotonic() + 10
    while not logged(make) and time.monotonic() < until:
        time.sleep(0.01)
    assert len(logged(make)) == 1
    calls.every = 3600
    calls.stop()
    calls.add(scope(key), 200, time.perf_counter())
    calls.stop()
    assert len(logged(make)) == 2


def test_a_database_that_does_not_answer_loses_nothing_until_there_is_too_much(
    make: Make, client: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = a_client(make, client)
    nowhere = connect(f"sqlite:///{tmp_path}/empty.sqlite3", pool=1)  # no tables
    now: list[Database] = [nowhere]
    monkeypatch.setattr(client_log, "MOST", 5)
    calls = Calls(lambda: now[0])
    calls.every = 3600
    for _ in range(7):
        calls.add(scope(key), 200, time.perf_counter())
        calls._try()
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {"event": "call-log-fault", "kind": "OperationalError"} in said
    assert sum(line["calls"] for line in said if line["event"] == "call-log-dropped") == 2
    now[0] = make.database
    calls.stop()
    assert len(logged(make)) == 5
    nowhere.dispose()


def test_calls_are_kept_for_thirty_days(make: Make, client: Any) -> None:
    key = a_client(make, client)
    with make.tx() as tx:
        old = [
            dict(client_id=key, at=tx.now - timedelta(days=days), method="GET", route="", status=200, milliseconds=1)
            for days in (1, 29, 31)
        ]
        tx.insert_many(ApiCall, old)
        operations.tidy(tx, tx.now)
    assert make.rows(select(func.count().label("n")).select_from(ApiCall))[0].n == 2
