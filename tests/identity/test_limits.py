"""Rate limits of API clients: true across processes, told in headers, and cheap."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from starlette.testclient import TestClient

from app.core import tx as clocks
from app.core.db import connect
from app.core.tx import SYSTEM, transaction
from app.identity import clients, operations
from app.identity.limits import PART, UNKNOWN_TOKENS, Allowance, Limits
from app.identity.models import ApiClient, RateWindow
from tests.factory import Make

NOON = datetime(2026, 12, 8, 12, 0, 20, tzinfo=UTC)
PEOPLE = "/api/v1/people"


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """It stays twenty seconds past noon until told otherwise."""

    def at(now: datetime) -> None:
        monkeypatch.setattr(clocks, "clock", lambda: now)

    at(NOON)
    return at


def limited(make: Make, api: Any, per_minute: int) -> None:
    """From here on the client may ask so often, and has not asked yet."""
    with make.tx() as tx:
        tx.db.execute(update(ApiClient).values(per_minute=per_minute))
        tx.db.execute(delete(RateWindow))
    api.app.state.limits = Limits(make.database, 6000)


def a_client(make: Make, **kept: Any) -> int:
    with make.tx() as tx:
        client_id, _ = clients.create_client(tx, "HR", ["people:read"], **kept)
        return int(tx.scalar(select(ApiClient.id).where(ApiClient.client_id == client_id)))


def test_every_answer_says_what_is_left_and_the_last_is_refused(make: Make, client: Any, noon: Any, ledger: Any) -> None:
    api = client("people:read")
    limited(make, api, 3)
    answers = [api.get(PEOPLE), api.get(f"{PEOPLE}/999"), api.get(PEOPLE, params={"limit": "none"}), api.get(PEOPLE), api.get(PEOPLE)]
    assert [reply.status_code for reply in answers] == [200, 404, 422, 429, 429]
    assert [reply.headers["ratelimit-remaining"] for reply in answers] == ["2", "1", "0", "0", "0"]
    assert {(reply.headers["ratelimit-limit"], reply.headers["ratelimit-reset"]) for reply in answers} == {("3", "40")}
    assert "retry-after" not in answers[0].headers
    refused = answers[-1]
    assert (refused.headers.get_list("retry-after"), refused.json()["code"]) == (["40"], "rate-limited")
    assert refused.headers["content-type"] == "application/problem+json" and "3 requests a minute" in refused.json()["detail"]
    noon(NOON.replace(minute=1, second=0))
    later = api.get(PEOPLE)
    assert (later.status_code, later.headers["ratelimit-remaining"], later.headers["ratelimit-reset"]) == (200, "2", "60")


def test_what_is_refused_asks_the_database_nothing(make: Make, client: Any, noon: Any, count_queries: Any) -> None:
    api = client("people:read")
    limited(make, api, 1)
    assert [api.get(PEOPLE).status_code for _ in range(2)] == [200, 429]
    with count_queries() as queries:
        assert {api.get(PEOPLE).status_code for _ in range(50)} == {429}
    assert not queries.statements


@pytest.mark.parametrize("limit", [1, 10, 100, 5000])
def test_processes_together_never_give_more_than_the_limit_and_hardly_less(make: Make, noon: Any, limit: int) -> None:
    """Each process has a `Limits` of its own; what one may keep unused is a sixteenth."""
    key = a_client(make, per_minute=limit)
    processes = [Limits(make.database, 6000) for _ in range(3)]
    given = [0, 0, 0]
    for turn in range(2 * limit + 20):
        at = turn % 2 + turn % 3 // 2  # the second does most, the third little
        given[at] += not processes[at].take(key).refused
    assert limit - 3 * (limit // PART) <= sum(given) <= limit
    rest = sum(not one.take(key).refused for one in processes for _ in range(limit))
    assert sum(given) + rest == limit  # nobody's share is lost while its process is asked
    assert make.rows(select(RateWindow.used))[0].used == limit


def test_threads_and_processes_at_once(make: Make, noon: Any) -> None:
    key = a_client(make, per_minute=200)
    others = connect(make.database.url, pool=3)  # as another process has it
    processes = [Limits(make.database, 6000), Limits(others, 6000)]
    given: list[bool] = []

    def ask(limits: Limits) -> None:
        given.extend(not limits.take(key).refused for _ in range(100))

    threads = [threading.Thread(target=ask, args=(processes[n % 2],)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    others.dispose()
    credit = len(processes) * (200 // PART) if make.database.sqlite else 0  # where a turn at writing was long in coming
    assert 200 <= sum(given) <= 200 + credit and len(given) == 600


def test_few_writes_for_many_requests(make: Make, noon: Any, count_queries: Any) -> None:
    key, limits = a_client(make), Limits(make.database, 6000)
    with count_queries() as queries:
        for _ in range(6000):
            limits.take(key)
    leases = sum("update rate_windows" in text.lower() for text in queries.statements)
    assert leases < 150
    with count_queries() as queries:
        assert limits.take(key).refused
    assert not queries.statements


def test_while_another_writes_a_process_goes_on_with_a_little_on_credit(make: Make, noon: Any) -> None:
    """On SQLite, where there is one writer; elsewhere a lease waits for nobody's other work."""
    key, limits = a_client(make, per_minute=160), Limits(make.database, 6000)
    assert limits.take(key) == Allowance(160, 159, 40)
    noon(NOON.replace(minute=1))
    other = connect(make.database.url, pool=1)
    with transaction(other, SYSTEM, writes=True):  # a long import
        given = [limits.take(key) for _ in range(160 // PART)]
    other.dispose()
    assert not any(one.refused for one in given)
    assert make.rows(select(RateWindow.used).where(RateWindow.minute == int(NOON.timestamp()) // 60 + 1)) == [] or not make.database.sqlite
    rest = [limits.take(key) for _ in range(160)]
    assert sum(not one.refused for one in [*given, *rest]) == 160  # what was owed is settled
    assert make.rows(select(RateWindow.used).order_by(RateWindow.minute.desc()))[0].used == 160


def test_a_limit_that_is_changed_counts_from_the_next_share(make: Make, noon: Any) -> None:
    key, limits = a_client(make, per_minute=2), Limits(make.database, 6000)
    assert [limits.take(key).refused for _ in range(3)] == [False, False, True]
    with make.tx() as tx:
        tx.update(ApiClient, key, per_minute=None)
    noon(NOON.replace(minute=1))
    assert limits.take(key) == Allowance(6000, 5999, 40)


def test_many_unknown_tokens_from_one_address(make: Make, client: Any, visitor: TestClient, noon: Any, count_queries: Any) -> None:
    api = client("people:read")
    wrong = [visitor.get(PEOPLE, headers={"authorization": f"Bearer {n:043d}"}) for n in range(UNKNOWN_TOKENS + 1)]
    assert {reply.status_code for reply in wrong[:-1]} == {401}
    assert (wrong[-1].status_code, wrong[-1].json()["code"], wrong[-1].headers["retry-after"]) == (429, "tokens-throttled", "60")
    with count_queries() as queries:
        assert visitor.get(PEOPLE, headers={"authorization": f"Bearer {0:043d}"}).status_code == 429
    assert not queries.statements
    assert api.get(PEOPLE).status_code == 200  # from the same address, with a token that is known
    noon(NOON.replace(minute=1))
    assert visitor.get(PEOPLE, headers={"authorization": f"Bearer {0:043d}"}).status_code == 401


def test_wrong_secrets_for_many_clients_from_one_address(visitor: TestClient, make: Make) -> None:
    grant = {"grant_type": "client_credentials"}
    tries = [visitor.post("/oauth/token", data=grant, auth=(f"client-{n}", "wrong")) for n in range(clients.PER_ADDRESS + 1)]
    assert [reply.status_code for reply in tries] == [401] * clients.PER_ADDRESS + [429]
    assert tries[-1].headers["retry-after"] == "900"


def test_old_windows_go(make: Make) -> None:
    key = a_client(make)
    with make.tx() as tx:
        this = int(tx.now.timestamp() // 60)
        tx.insert_many(RateWindow, [dict(client_id=key, minute=this - old, used=1) for old in (0, 59, 61, 5000)])
        operations.tidy(tx, tx.now)
    assert make.rows(select(func.count().label("n")).select_from(RateWindow))[0].n == 2
