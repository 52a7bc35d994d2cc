"""The queue of messages as an administrator sees it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from app.core.ledger import Outbox
from tests.factory import Make


@pytest.fixture
def admin(make: Make, sign_in: Callable[[Any], Any]) -> Any:
    return sign_in(make.person("Ada Ash", roles=("administrator",)))


def queue(make: Make, person: Any, number: int = 1, **values: Any) -> None:
    with make.tx() as tx:
        if "ago" in values:
            values["parked_at"] = tx.now - timedelta(minutes=values.pop("ago"))
        if values.pop("now", False):
            values["sent_at"] = tx.now
        row = dict(
            kind="email.booking_made", person_id=person.id, subject="bookings", facts={}, created_at=tx.now, due_at=tx.now, attempts=1
        )
        tx.db.execute(insert(Outbox), [{**row, "subject_id": n + 1, **values} for n in range(number)])


def test_empty(admin: Any) -> None:
    page = admin.get("/deliveries")
    assert page.status_code == 200 and "Nothing has been sent today" in page.text
    assert "No message is set aside" in admin.get("/deliveries?show=parked").text
    assert "Nothing is waiting" in admin.get("/deliveries?show=waiting").text


def test_three_lists_by_name_with_reasons(make: Make, admin: Any, count_queries: Callable[[], Any]) -> None:
    ann, bob, cai = make.person("Ann Ames"), make.person("Bob Brand"), make.person("Cai Cole")
    queue(make, ann, ago=5, error="550 No such user")
    queue(make, bob, error="451 Try later")
    queue(make, cai, now=True)
    with count_queries() as queries:
        parked = admin.get("/deliveries").text
    assert len(queries) <= 4
    assert "Ann Ames" in parked and "550 No such user" in parked and "Bob Brand" not in parked and ann.email not in parked
    waiting = admin.get("/deliveries?show=waiting").text
    assert "Bob Brand" in waiting and "Tried 1 time. 451 Try later" in waiting
    assert "Cai Cole" in admin.get("/deliveries?show=sent").text


def test_twenty_five_a_page(make: Make, admin: Any) -> None:
    queue(make, make.person("Ann"), 60, ago=5, error="550 No")
    assert admin.get("/deliveries").text.count(">Try again<") == 25
    third = admin.get("/deliveries?show=parked&page=3").text
    assert third.count(">Try again<") == 10 and "Page 3 of 3" in third
    assert "Page 3 of 3" in admin.get("/deliveries?show=parked&page=99").text


def test_try_one_again(make: Make, admin: Any, ledger: Any) -> None:
    queue(make, make.person("Ann"), 2, ago=5, error="550 No", attempts=8)
    ledger.start()
    key = make.rows(select(Outbox.id).order_by(Outbox.id))[0].id
    assert admin.post(f"/deliveries/{key}/retry").headers["location"] == "/deliveries?show=parked&said=one"
    first, second = make.rows(select(Outbox.__table__).order_by(Outbox.id))
    assert (first.parked_at, first.attempts) == (None, 0) and second.parked_at is not None
    assert ledger.actions() == ["delivery.retried"]
    again = admin.post(f"/deliveries/{key}/retry")
    assert again.status_code == 409 and "nothing to retry" in again.text
    assert admin.post("/deliveries/99999/retry").status_code == 404


def test_try_all_again(make: Make, admin: Any, ledger: Any) -> None:
    queue(make, make.person("Ann"), 3, ago=5, error="550 No", attempts=8)
    ledger.start()
    assert admin.post("/deliveries/retry").status_code == 303
    assert all(row.parked_at is None for row in make.rows(select(Outbox.parked_at)))
    assert ledger.entries("delivery.retried-all")[0].facts == {"number": 3}
    assert admin.post("/deliveries/retry").status_code == 409


def test_only_for_those_who_look_after_it(make: Make, sign_in: Callable[[Any], Any], visitor: Any) -> None:
    ann = sign_in(make.person("Ann", roles=("coordinator",)))
    assert ann.get("/deliveries").status_code == 403 and ann.post("/deliveries/retry").status_code == 403
    assert visitor.get("/deliveries").headers["location"].startswith("/sign-in")


def test_an_administrator_of_one_organisation_sees_messages_to_its_own_people(
    make: Make, sign_in: Callable[[Any], Any], ledger: Any
) -> None:
    nursery = make.organisation("Little Bears Nursery", host=False)
    local = sign_in(make.person("Lo Local", organisation=nursery, roles=("administrator",), scope=nursery))
    near, far = make.person("Ned Near", organisation=nursery), make.person("Fay Far")
    queue(make, near, ago=5, error="550 No")
    queue(make, far, ago=5, error="550 Secret")
    page = local.get("/deliveries").text
    assert "Ned Near" in page and "Fay Far" not in page and "550 Secret" not in page
    home = local.get("/").text
    assert "1 message that could not be sent" in home or ">1<" in home
    mine, other = (make.rows(select(Outbox.id).where(Outbox.person_id == person.id))[0].id for person in (near, far))
    assert local.post(f"/deliveries/{other}/retry").status_code == 404
    assert local.post("/deliveries/retry").status_code == 303
    assert make.row(Outbox, mine).parked_at is None and make.row(Outbox, other).parked_at is not None
    assert local.post("/deliveries/retry").status_code == 409
