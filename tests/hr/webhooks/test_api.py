"""A client's own subscriptions over REST: made, read, changed, rotated, tested, redriven; nobody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.core.tx import clock
from app.hr.change_models import Delivery, Subscription
from app.hr.events import EVENTS
from app.hr.webhooks import operations
from app.hr.webhooks.events import THINGS
from app.identity.models import ApiClient
from tests.factory import Make
from tests.hr.webhooks.house import SCOPES, Hooks, settings
from tests.hr.webhooks.receiver import answering, receiving

HOOKS = "/api/v1/subscriptions"
pytestmark = pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)], indirect=True)


@pytest.fixture
def mine(app: Any, make: Make, client: Callable[..., TestClient]) -> Iterator[TestClient]:
    """A client's browser, where receivers on this machine are allowed."""
    make.organisation()
    before, app.state.settings = app.state.settings, settings()
    yield client(*SCOPES)
    app.state.settings = before


@pytest.fixture
def house(make: Make, mine: TestClient) -> Hooks:
    return Hooks(make, settings(), make.rows(select(ApiClient.id))[0].id)


def subscribe(client: TestClient, url: str, **more: Any) -> dict[str, Any]:
    reply = client.post(HOOKS, json={"name": "Payroll", "url": url, **more})
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


def test_from_subscribing_to_deleting(mine: TestClient, house: Hooks) -> None:
    with receiving() as receiver:
        made = subscribe(mine, receiver.url, events=["person.changed", "person.removed"])
        one = f"{HOOKS}/{made['id']}"
        secret = made.pop("secret")
        read = mine.get(one)
        assert read.json() == made and "secret" not in read.json() and secret.startswith("whsec_")
        assert mine.get(one, headers={"if-none-match": read.headers["etag"]}).status_code == 304
        assert mine.get(HOOKS).json() == {"items": [made], "next": None}

        assert mine.patch(one, json={"name": "Pay"}).status_code == 428
        changed = mine.patch(one, json={"name": "Pay", "events": None}, headers={"if-match": read.headers["etag"]})
        assert changed.status_code == 200 and changed.json()["events"] is None and changed.json()["name"] == "Pay"
        assert mine.patch(one, json={"name": "P"}, headers={"if-match": read.headers["etag"]}).status_code == 412
        assert mine.delete(one, headers={"if-match": read.headers["etag"]}).status_code == 412

        house.make.person("Ann", account=False)
        house.look()
        listed = mine.get(f"{one}/deliveries", params={"state": "sent"}).json()["items"]
        assert {row["message_id"] for row in listed} == {got.id for got in receiver.got} != set()
        whole = mine.get(f"{one}/deliveries/{listed[0]['id']}").json()
        assert [(attempt["status"], attempt["error"]) for attempt in whole["tries"]] == [(204, None)]
        assert mine.get(one).json()["last_sent_at"] and receiver.got[0].verified(secret)

        gone = mine.delete(one, headers={"if-match": changed.headers["etag"]})
        assert (gone.status_code, gone.content) == (204, b"")
        for method, address in (("GET", one), ("GET", f"{one}/deliveries"), ("POST", f"{one}/test"), ("POST", f"{one}/rotate")):
            assert mine.request(method, address).status_code == 404
        assert mine.get(HOOKS).json()["items"] == []
        assert house.subscription(made["id"]).state == "off"


def test_a_repeat_gets_the_same_secret_and_no_second_subscription(mine: TestClient, make: Make) -> None:
    body, headers = {"name": "Payroll", "url": "http://127.0.0.1:9/x"}, {"idempotency-key": "hook-1"}
    first, again = (mine.post(HOOKS, json=body, headers=headers) for _ in range(2))
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert len(make.rows(select(Subscription.id))) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "https://localhost/x"}, "url"),
        ({"url": "http://hooks.example.com/x"}, "url"),
        ({"url": "https://user:word@hooks.example.com/x"}, "url"),
        ({"url": ""}, "url"),
        ({"events": ["person.changed", "person.vanished"]}, "events"),
        ({"events": "person.changed"}, "events"),
        ({"events": []}, "events"),
        ({"name": " "}, "name"),
        ({"since": 10**9}, "since"),
        ({"since": -1}, "since"),
        ({"secret": "whsec_mine"}, "secret"),
    ],
)
def test_what_is_refused(mine: TestClient, make: Make, body: dict[str, Any], field: str) -> None:
    reply = mine.post(HOOKS, json={"name": "Payroll", "url": "http://127.0.0.1:9/x"} | body)
    assert reply.status_code == 422 and field in str(reply.json()["errors"][0]["field"])
    assert make.rows(select(Subscription.id)) == []


def test_all_events_are_asked_for_in_words_and_not_by_an_empty_list(mine: TestClient, house: Hooks) -> None:
    assert subscribe(mine, "http://127.0.0.1:9/x")["events"] is None
    assert subscribe(mine, "http://127.0.0.1:9/x", events=None)["events"] is None
    made = subscribe(mine, "http://127.0.0.1:9/x", events=["person.changed"])
    one, anyhow = f"{HOOKS}/{made['id']}", {"if-match": "*"}
    assert mine.patch(one, json={"events": []}, headers=anyhow).status_code == 422
    assert mine.patch(one, json={"name": "Pay"}, headers=anyhow).json()["events"] == ["person.changed"]
    assert house.subscription(made["id"]).events == ["person.changed"]
    whole = mine.patch(one, json={"events": None}, headers=anyhow).json()
    assert whole["events"] is None and mine.get(one).json() == whole
    assert mine.patch(one, json={"events": ["unit.changed"]}, headers=anyhow).json()["events"] == ["unit.changed"]


def test_a_name_that_leads_inside_is_refused_before_anything_is_written(
    mine: TestClient, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is looked up with no transaction open, and never for somebody without a token or the scope."""
    asked: list[str] = []

    def lookup(host: str, _port: int) -> list[str]:
        asked.append(host)
        return {"inside.example.com": ["10.0.0.7"], "both.example.com": ["93.184.215.14", "127.0.0.1"]}.get(host, ["93.184.215.14"])

    monkeypatch.setattr(operations.check, "__defaults__", (lookup,))
    for host in ("inside.example.com", "both.example.com"):
        assert mine.post(HOOKS, json={"name": "Payroll", "url": f"https://{host}/x"}).status_code == 422
    made = subscribe(mine, "https://fine.example.com/x")
    moved = mine.patch(f"{HOOKS}/{made['id']}", json={"url": "https://inside.example.com/"}, headers={"if-match": "*"})
    assert moved.status_code == 422 and moved.json()["code"] == "target-refused"
    seen = list(asked)
    nobody = TestClient(mine.app, headers={"authorization": "Bearer " + "x" * 40})
    assert nobody.post(HOOKS, json={"name": "Payroll", "url": "https://spy.example.com/x"}).status_code == 401
    assert asked == seen and len(make.rows(select(Subscription.id))) == 1


def test_another_clients_are_not_there_and_the_scope_is_needed(mine: TestClient, client: Callable[..., TestClient], house: Hooks) -> None:
    made = subscribe(mine, "http://127.0.0.1:9/x")
    key = house.make.rows(select(Delivery.id)) or None
    assert key is None
    test = mine.post(f"{HOOKS}/{made['id']}/test").json()["id"]
    one = f"{HOOKS}/{made['id']}"
    ways: tuple[tuple[str, str, Any], ...] = (
        ("GET", one, None),
        ("PATCH", one, {"name": "Mine"}),
        ("DELETE", one, None),
        ("POST", f"{one}/rotate", None),
        ("POST", f"{one}/test", None),
        ("GET", f"{one}/deliveries", None),
        ("GET", f"{one}/deliveries/{test}", None),
        ("POST", f"{one}/deliveries/{test}/redrive", None),
        ("POST", f"{one}/redrive", {}),
    )
    other, without = client(*SCOPES), client("people:read")
    for method, address, body in ways:
        assert other.request(method, address, json=body, headers={"if-match": "*"}).status_code == 404, address
        assert without.request(method, address, json=body, headers={"if-match": "*"}).status_code == 403, address
    assert other.get(HOOKS).json()["items"] == [] and mine.get(one).json()["version"] == made["version"]
    theirs = subscribe(other, "http://127.0.0.1:9/x")
    assert other.get(f"{HOOKS}/{theirs['id']}/deliveries/{test}").status_code == 404, "not by way of one's own either"


def test_pausing_loses_nothing(mine: TestClient, house: Hooks) -> None:
    with receiving() as receiver:
        one = f"{HOOKS}/{subscribe(mine, receiver.url)['id']}"
        assert mine.patch(one, json={"paused": True}, headers={"if-match": "*"}).json()["state"] == "paused"
        house.make.person("Ann", account=False)
        assert house.look() == 0
        tested = mine.post(f"{one}/test")
        assert tested.status_code == 201 and tested.headers["location"].endswith(f"/deliveries/{tested.json()['id']}")
        house.look()
        assert len(receiver.got) == 1, "a test is sent all the same"
        assert mine.patch(one, json={"paused": False}, headers={"if-match": "*"}).json()["state"] == "on"
        house.look()
        assert len(receiver.got) > 1 and mine.get(one).json()["waiting"] == 0


def test_redriving_one_and_all_that_were_parked(mine: TestClient, house: Hooks) -> None:
    with receiving(answering(500)) as receiver:
        one = f"{HOOKS}/{subscribe(mine, receiver.url)['id']}"
        for n in range(4):
            house.make.person(f"P{n}", account=False)
        house.look()
        now = clock()
        with house.make.tx() as tx:
            tx.db.execute(update(Delivery).values(state="parked", ended_at=now - timedelta(days=2), locked_until=None))
            newest = tx.scalar(select(Delivery.id).order_by(Delivery.id.desc()))
            tx.update(Delivery, newest, ended_at=now)
        total = mine.get(one).json()["parked"]
        since = (now - timedelta(hours=1)).isoformat()
        assert mine.post(f"{one}/redrive", json={"since": since}).json() == {"redriven": 1}
        assert mine.post(f"{one}/deliveries/{newest}/redrive").json()["code"] == "delivery-due"
        assert mine.post(f"{one}/redrive", json={}).json() == {"redriven": total - 1}
        receiver.behave, before = answering(200), [got.id for got in receiver.got]
        house.due_now()
        house.look()
        assert mine.get(one).json()["parked"] == mine.get(one).json()["waiting"] == 0
        assert set(before) <= {got.id for got in receiver.got}
        assert mine.post(f"{one}/deliveries/{newest}/redrive").json()["state"] == "due", "one that was sent, too"


def test_off_is_for_good(mine: TestClient, house: Hooks) -> None:
    with receiving(answering(410)) as receiver:
        one = f"{HOOKS}/{subscribe(mine, receiver.url)['id']}"
        mine.post(f"{one}/test")
        house.look()
    assert mine.get(one).json()["why"] == "The receiver answered 410 Gone."
    for path in ("rotate", "test"):
        assert mine.post(f"{one}/{path}").json()["code"] == "subscription-off"
    assert mine.post(f"{one}/redrive", json={}).status_code == 409
    assert mine.patch(one, json={"paused": False}, headers={"if-match": "*"}).status_code == 409
    assert mine.delete(one, headers={"if-match": "*"}).status_code == 204


def test_there_is_a_limit(mine: TestClient) -> None:
    made = [subscribe(mine, "http://127.0.0.1:9/x") for _ in range(operations.MOST)]
    assert mine.post(HOOKS, json={"name": "P", "url": "http://127.0.0.1:9/x"}).json()["code"] == "too-many-subscriptions"
    assert mine.delete(f"{HOOKS}/{made[0]['id']}", headers={"if-match": "*"}).status_code == 204
    assert mine.post(HOOKS, json={"name": "P", "url": "http://127.0.0.1:9/x"}).status_code == 201


def test_kinds_of_event_in_words(mine: TestClient) -> None:
    items = mine.get("/api/v1/event-types").json()["items"]
    by_name = {item["event"]: item for item in items}
    assert by_name["person.changed"]["yours"] and by_name["person.removed"]["resource"] == "people"
    assert set(THINGS) == set(EVENTS), "each has words"
    assert not by_name["booking.changed"]["yours"] and all(len(item["says"]) > 20 for item in items)
