"""The administrators' page of other systems: what is quiet, what works, and what somebody has to look at."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update
from starlette.testclient import TestClient

from app.core.ledger import Outbox
from app.hr.change_models import Delivery, FeedMark, Subscription, TrainingConfirmation
from app.hr.directory_models import Departure, ScimUser
from app.identity.models import ApiCall, ApiClient
from tests.factory import Make
from tests.hr.numbering import number_all


def states(browser: TestClient) -> dict[str, str]:
    """Each connection with its state."""
    page = browser.get("/systems")
    assert page.status_code == 200
    return dict(re.findall(r'summary-list__key">([^<]+)<br><strong class="[^"]+">([^<]+)<', page.text))


@pytest.fixture
def administrator(make: Make, sign_in: Callable[[Any], TestClient]) -> TestClient:
    return sign_in(make.person("Ada", roles=("administrator",), scope=make.organisation()))


def test_nothing_is_connected_yet(administrator: TestClient) -> None:
    assert states(administrator) == {
        "Leavers": "Nothing to do",
        "E-mail": "Works",
        "API clients": "Not used",
        "Feed of changes": "Not used",
        "Webhooks": "Not used",
        "Directory (SCIM)": "Not used",
        "HR extracts": "Not used",
        "Training records for HR": "Not used",
        "Single sign-on": "Not used",
    }
    assert "Everything that is connected works." in administrator.get("/systems").text


def connected(make: Make, organisation: int) -> tuple[int, int]:
    """A client of an organisation that has called, with a subscription; somebody whom a directory keeps, and who was to leave."""
    with make.tx() as tx:
        client = tx.insert(
            ApiClient, client_id=f"c{organisation}", name="HR", secret_hash="x", scopes="", organisation_id=organisation, created_at=tx.now
        )
        call = dict(client_id=client, at=tx.now, method="GET", route="/api/v1/people", milliseconds=3)
        tx.insert_many(ApiCall, [call | {"status": 200}, call | {"status": 429}])
        its = dict(client_id=client, name="HR", url="https://hr.westmarch.example/", events=[], secret="whsec_x", since=0, reached=0)
        subscription = tx.insert(Subscription, **its, created_at=tx.now, changed_at=tx.now)
        person = make_person(make, tx, organisation)
        named = dict(user_name="ann@x", user_name_key="ann@x", active=False, details={}, created_at=tx.now, updated_at=tx.now)
        tx.db.execute(insert(ScimUser), dict(person_id=person, organisation_id=organisation, **named))
        answered = dict(kind="completion", record_id=1, fingerprint="x", state="confirmed")
        tx.insert(TrainingConfirmation, person_id=person, at=tx.now - timedelta(days=9), **answered)
    number_all(make.database)
    return subscription, person


def make_person(make: Make, tx: Any, organisation: int) -> int:
    from app.people import operations as people

    return people.create_person(tx, organisation, first_name="Ann", last_name=f"Of{organisation}")


def test_what_works_and_what_to_look_at(make: Make, administrator: TestClient, count_queries: Callable[[], Any]) -> None:
    subscription, person = connected(make, make.organisation())
    found = states(administrator)
    assert found["API clients"] == found["Feed of changes"] == found["Webhooks"] == found["Directory (SCIM)"] == "Works"
    assert found["Training records for HR"] == "Look at this"  # silent for nine days
    page = administrator.get("/systems").text
    assert "2 calls today, 0 failed on our side, 1 over their limit" in page
    assert "1 person kept by the directory, 1 of them suspended by it" in page
    with make.tx() as tx:
        tx.db.execute(update(ApiCall).values(status=503))
        late = tx.now - timedelta(hours=1)
        sent = dict(subscription_id=subscription, message_id="m", lane="people/1", event="x", state="due", due_at=late, created_at=late)
        tx.insert(Delivery, **sent)
        tx.insert(Departure, person_id=person, source="scim", state="waiting", asked_at=tx.now)
        tx.insert(Outbox, kind="email.x", subject="people", facts={}, created_at=late, due_at=late)
        tx.record("person.changed", "people", person, person_id=person)
        tx.db.execute(update(FeedMark).values(moved_at=late))
    with count_queries() as queries:
        found = states(administrator)
    assert {name for name, state in found.items() if state == "Look at this"} == {
        "API clients", "Webhooks", "Leavers", "E-mail", "Training records for HR",
    }  # fmt: skip
    assert len(queries) <= 12
    page = administrator.get("/systems").text
    assert "5 connections need somebody to look at them." in page and "No HR officer can confirm 1 of them" in page
    make.person("Hana", roles=("HR officer",), scope=make.organisation())
    assert "No HR officer can confirm" not in administrator.get("/systems").text


def test_a_feed_that_stands_still_is_seen(make: Make, administrator: TestClient) -> None:
    connected(make, make.organisation())
    with make.tx() as tx:
        tx.actor, tx.now = tx.actor, tx.now - timedelta(minutes=20)
        tx.record("person.changed", "people", 1, person_id=1)
        tx.db.execute(update(FeedMark).values(moved_at=tx.now - timedelta(minutes=5)))
    assert states(administrator)["Feed of changes"] == "Look at this"
    assert "is the worker running?" in administrator.get("/systems").text


def test_other_organisations_and_roles(make: Make, administrator: TestClient, sign_in: Callable[[Any], TestClient]) -> None:
    connected(make, make.organisation("Northmoor Council", host=False))
    found = states(administrator)
    assert found["API clients"] == found["Webhooks"] == found["Directory (SCIM)"] == "Not used"
    assert sign_in(make.person("Ben", roles=("HR officer",))).get("/systems").status_code == 403
