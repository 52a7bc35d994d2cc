"""Administrators' pages: health at a glance, what each receiver answered, and every button."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.core.tx import clock
from app.hr.change_models import Delivery, Subscription
from app.identity import clients
from tests.factory import Make
from tests.hr.webhooks import world
from tests.hr.webhooks.house import Hooks, hooks, settings
from tests.hr.webhooks.receiver import answering, receiving

pytestmark = pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)], indirect=True)


@pytest.fixture
def house(make: Make) -> Hooks:
    return hooks(make)


@pytest.fixture
def admin(house: Hooks, sign_in: Callable[[Any], TestClient]) -> TestClient:
    return sign_in(house.make.person("Ada Officer", roles=("administrator",)))


def test_from_failing_to_working_again(house: Hooks, admin: TestClient) -> None:
    assert "No system has subscribed" in admin.get("/webhooks").text
    with receiving(answering(500, b"<script>no</script>")) as receiver:
        key, old = house.subscribe(receiver.url)
        one = f"/webhooks/{key}"
        assert "Nothing sent yet" in admin.get(one).text
        for n in range(3):
            house.make.person(f"Pat{n}", account=False)
        house.look()
        shown = admin.get(one, params={"show": "due"}).text
        assert "Failing" in shown and "Answered 500." in shown and "Failing" in admin.get("/webhooks").text
        assert "Pat1" not in shown and old not in shown and "<script>no" not in shown
        first = house.deliveries()[0]
        detail = admin.get(f"{one}/deliveries/{first.id}").text
        assert "&lt;script&gt;no" in detail and "Answered 500." in detail and "Send it again" not in detail

        with house.make.tx() as tx:
            tx.db.execute(update(Delivery).values(state="parked", ended_at=tx.now))
        assert "Send them all again" in admin.get(one).text
        assert admin.post(f"{one}/deliveries/{first.id}/redrive").headers["location"].endswith("?said=again")
        assert admin.post(f"{one}/redrive").status_code == 303
        receiver.behave = answering(200)
        house.due_now()
        house.look()
        assert "Working" in admin.get(one).text and {row.state for row in house.deliveries()} == {"sent"}

        tested = admin.post(f"{one}/test").headers["location"]
        house.look()
        assert "A test" in admin.get(tested).text and "Taken (200)" in admin.get(tested).text

        shown = admin.post(f"{one}/rotate").text
        new = house.subscription(key).secret
        assert new in shown and new != old and old not in shown and new not in admin.get(one).text
        assert "The secret before" in admin.get(one).text

        assert admin.post(f"{one}/pause").status_code == 303 and "Paused by hand." in admin.get(one).text
        again = admin.post(f"{one}/pause")
        assert again.status_code == 409 and "paused already" in again.text
        house.rename(house.make.person("Lee", account=False).id, "Leigh")
        house.number()
        assert "since it was paused" in admin.get(one).text
        assert admin.post(f"{one}/resume").status_code == 303 and house.subscription(key).state == "on"
        assert admin.post(f"{one}/off").status_code == 303 and "Switched off by hand." in admin.get(one).text
        for deed in ("test", "pause", "resume", "rotate", "redrive", "off"):
            assert admin.post(f"{one}/{deed}").status_code == 409, deed


@pytest.fixture
def nearby(app: Any) -> Iterator[None]:
    """Receivers on this machine are allowed by the service's settings, too."""
    before, app.state.settings = app.state.settings, settings()
    yield
    app.state.settings = before


@pytest.mark.usefixtures("nearby")
def test_a_subscription_made_on_a_page(house: Hooks, admin: TestClient) -> None:
    """Its secret is shown once, it goes to the client's own changes, and what is wrong is said beside the field with nothing lost."""
    form = {"name": "Payroll nightly", "client": str(house.client), "events": ["person.changed"]}
    for wrong, said in (
        ({"url": ""}, "Enter the address"),
        ({"url": "https://10.0.0.8/x"}, "an address inside a network"),
        ({"url": "http://127.0.0.1:9/x", "name": ""}, "Enter a name"),
        ({"url": "http://127.0.0.1:9/x", "client": "999"}, "Choose which system"),
    ):
        refused = admin.post("/webhooks/new", data=form | wrong)
        assert refused.status_code == 422 and said in refused.text, wrong
        assert str({**form, **wrong}["name"]) in refused.text and 'value="person.changed" checked' in refused.text
    with receiving(answering(200)) as receiver:
        made = admin.post("/webhooks/new", data=form | {"url": receiver.url})
        (row,) = house.make.rows(select(Subscription.__table__))
        assert made.status_code == 200 and row.secret in made.text and row.events == ["person.changed"] and row.client_id == house.client
        assert row.secret not in admin.get(f"/webhooks/{row.id}").text
        house.make.person("Pat", account=False)
        house.look()
        assert receiver.got and {row.state for row in house.deliveries()} == {"sent"}
    with house.make.tx() as tx:
        clients.disable_client(tx, house.client)
    assert "No client may have subscriptions" in admin.get("/webhooks/new").text
    assert admin.post("/webhooks/new", data=form | {"url": "http://127.0.0.1:9/x"}).status_code == 422


@pytest.mark.usefixtures("nearby")
def test_only_of_clients_one_looks_after(house: Hooks, sign_in: Callable[[Any], TestClient]) -> None:
    elsewhere = house.make.organisation("Northmere", host=False)
    with house.make.tx() as tx:
        clients.create_client(tx, "Northmere HR", ["people:read", "webhooks:write"], elsewhere)
    key, _ = house.subscribe("http://127.0.0.1:9/x")
    other, _ = Hooks(house.make, house.settings, house.client + 1).subscribe("http://127.0.0.1:9/y")
    limited = sign_in(house.make.person("Nora", organisation=elsewhere, roles=("administrator",), scope=elsewhere))
    shown = limited.get("/webhooks").text
    assert f"/webhooks/{other}" in shown and f'"/webhooks/{key}"' not in shown
    for method, tail in (("GET", ""), ("GET", "/off"), ("POST", "/off"), ("POST", "/rotate"), ("POST", "/test"), ("POST", "/redrive")):
        assert limited.request(method, f"/webhooks/{key}{tail}").status_code == 404, tail
    assert limited.get(f"/webhooks/{other}").status_code == 200
    form = {"name": "Ours", "url": "http://127.0.0.1:9/z"}
    assert limited.post("/webhooks/new", data=form | {"client": str(house.client)}).status_code == 422
    assert limited.post("/webhooks/new", data=form | {"client": str(house.client + 1)}).status_code == 200


def test_who_failed_first_and_until_when_it_is_quiet(house: Hooks, admin: TestClient) -> None:
    fine, _ = house.subscribe("http://127.0.0.1:9/x")
    key, _ = house.subscribe("http://127.0.0.1:9/y")
    house.set(key, failing_since=clock() - timedelta(hours=2), quiet_until=clock() + timedelta(minutes=7))
    listed = admin.get("/webhooks").text
    assert listed.index(f'"/webhooks/{key}"') < listed.index(f'"/webhooks/{fine}"')
    assert ". The next attempt is at" in " ".join(admin.get(f"/webhooks/{key}").text.split())


def test_a_page_of_many(house: Hooks, admin: TestClient, count_queries: Callable[[], Any]) -> None:
    with house.make.tx() as tx:
        key, _ = world.subscription(tx, house.client)
        common = dict(
            subscription_id=key, event="webhook.test", state="sent", attempts=1, due_at=tx.now, created_at=tx.now, ended_at=tx.now
        )
        tx.insert_many(Delivery, [common | {"message_id": f"m{n}", "lane": f"m{n}", "last_status": 204} for n in range(60)])
    with count_queries() as queries:
        shown = admin.get(f"/webhooks/{key}", params={"show": "sent", "page": "3"})
    assert "Page 3 of 3" in shown.text and shown.text.count(">m") == 10 and len(queries) <= 8
    assert "Page 3 of 3" in admin.get(f"/webhooks/{key}", params={"show": "sent", "page": "99"}).text


def test_kinds_of_event_in_words(admin: TestClient) -> None:
    shown = admin.get("/webhooks/events").text
    assert "booking.changed" in shown and "bookings:read" in shown and "person.removed" in shown
