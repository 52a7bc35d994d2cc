"""Deliveries: what is told, in which order, how often it is tried, and when a receiver is left alone."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.core.ledger import Outbox
from app.core.tx import clock
from app.hr.change_models import Delivery, Subscription
from app.hr.webhooks import claiming, deliver, fan_out, noting, operations
from app.hr.webhooks.noting import DELAYS, MAX_ATTEMPTS
from app.identity import clients as identity
from tests.crash.hands import at_once
from tests.factory import Make
from tests.hr.webhooks.house import Hooks, hooks
from tests.hr.webhooks.receiver import Got, Receiver, answering, ok, receiving, slowly


@pytest.fixture
def house(make: Make) -> Hooks:
    return hooks(make)


def said(receiver: Receiver) -> list[Any]:
    return [json.loads(one.body) for one in receiver.got]


def test_a_change_arrives_signed_as_the_feed_tells_it(house: Hooks, client: Callable[..., Any]) -> None:
    with receiving() as receiver:
        key, secret = house.subscribe(receiver.url)
        ann = house.make.person("Ann Holt", account=False).id
        assert house.look() > 0
        told = [one.verified(secret) for one in receiver.got]
    (about,) = [one for one in told if one["data"]["resource"] == "people"]
    assert set(about) == {"type", "timestamp", "data"} and about["type"] == "person.changed"
    assert about["data"]["data"]["name"] == "Ann Holt" and about["data"]["resource_id"] == ann
    item = client("people:read").get(f"/api/v1/people/{ann}").json()
    assert about["data"]["data"] == item, "as GET gives it"
    rows = house.deliveries()
    assert {(row.state, row.last_status, row.attempts) for row in rows} == {("sent", 204, 1)}
    assert [one.id for one in receiver.got] == [f"msg_{key}_{row.number}" for row in rows]
    assert len(house.tries()) == len(rows) and house.look() == 0


def test_only_events_that_are_wanted_and_may_be_seen(house: Hooks) -> None:
    with receiving() as receiver, receiving() as other:
        house.subscribe(receiver.url, "unit.changed")
        house.subscribe(other.url)
        house.make.person("Ann Holt", account=False)
        house.make.unit("Court team")
        done = house.make.completion(house.make.person("Bo", account=False).id, house.make.course().id, clock().date())
        with house.make.tx() as tx:
            tx.record("completion.recorded", "completions", done)
        house.look()
    assert {one["type"] for one in said(receiver)} == {"unit.changed"}
    heard = {one["type"] for one in said(other)}
    assert heard == {"person.changed", "unit.changed"}, "the client has no scope for completions"


def test_what_the_client_may_not_see_is_dropped_and_counted(house: Hooks) -> None:
    elsewhere = house.make.organisation("Northmere", host=False)
    with house.make.tx() as tx:
        client_id, _ = identity.create_client(tx, "Northmere HR", ["people:read", "webhooks:write"], elsewhere)
    limited = Hooks(house.make, house.settings, house.client + 1)
    with receiving() as receiver:
        key, _ = limited.subscribe(receiver.url)
        house.make.person("Ann Holt", account=False)
        house.look()
        assert receiver.got == [] and {row.state for row in house.deliveries(Delivery.subscription_id == key)} == {"dropped"}
    assert client_id


def test_it_begins_where_it_was_told_to(house: Hooks) -> None:
    house.make.person("Ann Holt", account=False)
    house.number()
    with receiving() as now, receiving() as before:
        house.subscribe(now.url)
        house.subscribe(before.url, since=0)
        house.look()
    assert now.got == [] and "Ann Holt" in str(said(before))


def test_each_person_in_order_and_nobody_waits_for_another(house: Hooks) -> None:
    """What is about Ann waits while the earlier news of her fails; Bo's does not; once it is parked, hers goes on."""
    ann, bo = (house.make.person(name, account=False).id for name in ("Ann", "Bo"))

    def not_ann(one: Got) -> tuple[int, dict[str, str], bytes]:
        return (400, {}, b"") if json.loads(one.body)["data"]["resource_id"] == ann else ok(one)

    with receiving(not_ann) as receiver:
        house.subscribe(receiver.url)
        for n in range(3):
            for person in (ann, bo):
                house.rename(person, f"Name{n}")
                house.number()
        house.look()
        assert [one["data"]["resource_id"] for one in said(receiver)].count(ann) == 1, "the two later ones wait"
        assert [one["data"]["number"] for one in said(receiver) if one["data"]["resource_id"] == bo] == sorted(
            one["data"]["number"] for one in said(receiver) if one["data"]["resource_id"] == bo
        )
        first = house.deliveries(Delivery.lane == f"people/{ann}")[0]
        with house.make.tx() as tx:
            tx.update(Delivery, first.id, attempts=MAX_ATTEMPTS - 1)
        house.due_now()
        receiver.got.clear()
        house.look()
        states = [row.state for row in house.deliveries(Delivery.lane == f"people/{ann}")]
        assert states == ["parked", "due", "due"] and len(receiver.got) == 2, "the first was parked, and the second was tried"
        receiver.behave = ok
        house.due_now()
        house.look()
        assert [row.state for row in house.deliveries(Delivery.lane == f"people/{ann}")] == ["parked", "sent", "sent"]


def test_it_is_tried_again_later_and_later_with_the_same_id_then_parked(house: Hooks) -> None:
    with receiving(answering(500, b"out of order")) as receiver:
        key, secret = house.subscribe(receiver.url)
        house.make.person("Ann", account=False)
        house.number()
        fan_out.make_out_due(house.database)
        only = house.deliveries()[0]
        with house.make.tx() as tx:
            tx.db.execute(update(Delivery).where(Delivery.id != only.id).values(state="dropped", ended_at=tx.now))
        waits, row = [], only
        for _ in range(MAX_ATTEMPTS):
            house.due_now()
            house.set(key, failing_since=None)
            before = clock()
            assert house.look() == 1
            row = house.deliveries(Delivery.id == only.id)[0]
            waits.append((row.due_at - before).total_seconds())
            assert house.look() == 0, "not before its time"
        assert row.state == "parked" and row.ended_at and row.last_status == 500
        for asked, waited in zip(DELAYS, waits, strict=False):
            assert 0.8 * asked <= waited <= 1.2 * asked + 5
        assert 3 * 86400 < sum(DELAYS) < 4 * 86400
        assert {one.id for one in receiver.got} == {only.message_id} and len(receiver.got) == MAX_ATTEMPTS
        assert all(one.verified(secret) for one in receiver.got)
        assert {(one.status, one.answer) for one in house.tries()} == {(500, "out of order")}

        receiver.behave = ok
        with house.acting() as tx:
            operations.redrive(tx, key, only.id)
        assert house.look() == 1 and house.deliveries(Delivery.id == only.id)[0].state == "sent"
        assert receiver.got[-1].id == only.message_id


def test_retry_after_is_heard_for_the_whole_receiver(house: Hooks) -> None:
    with receiving(answering(429, retry_after="120")) as receiver:
        key, _ = house.subscribe(receiver.url)
        for n in range(30):
            house.make.person(f"P{n}", account=False)
        house.look()
        assert len(receiver.got) <= deliver.CAP, "the others were not sent into it"
        quiet = house.subscription(key).quiet_until
        assert timedelta(seconds=100) < quiet - clock() <= timedelta(seconds=121)
        assert house.look() == 0
        assert all(row.attempts <= 1 and row.locked_until is None for row in house.deliveries())
        receiver.behave = ok
        house.due_now()
        house.look()
        assert {row.state for row in house.deliveries()} == {"sent"}
        assert house.subscription(key).quiet_until is None and house.subscription(key).failing_since is None


@pytest.mark.parametrize(
    ("status", "given", "seconds"),
    [
        (503, "60", 60),
        (429, "99999999999999999999", 86400),
        (503, "soon", None),
        (503, "-5", None),
        (500, "60", None),
        (429, "Wed, 21 Oct 2015 07:28:00 GMT", 0),
        (429, "Wed, 21 Oct 2095 07:28:00 GMT", 86400),
    ],
)
def test_what_a_receiver_may_wish(status: int, given: str, seconds: int | None) -> None:
    from app.hr.webhooks.sending import Answer

    now = clock()
    found = noting.wish(Answer(1, status, retry_after=given), now)
    assert found == (None if seconds is None else now + timedelta(seconds=seconds))


def test_gone_is_for_good_and_the_administrators_hear_of_it(house: Hooks) -> None:
    admin = house.make.person("Ada", roles=("administrator",)).id
    with receiving(answering(410)) as receiver:
        key, _ = house.subscribe(receiver.url)
        for n in range(20):
            house.make.person(f"P{n}", account=False)
        house.look()
        assert len(receiver.got) <= deliver.CAP
    row = house.subscription(key)
    assert (row.state, row.why) == ("off", "The receiver answered 410 Gone.")
    assert {one.state for one in house.deliveries()} == {"dropped"}
    (told,) = house.make.rows(select(Outbox.__table__).where(Outbox.kind == "email.webhook_stopped"))
    assert told.person_id == admin and told.facts["link"] == f"/webhooks/{key}" and "P1" not in str(told.facts)
    house.make.person("Later", account=False)
    assert house.look() == 0 and house.subscription(key).reached == row.reached


def test_a_receiver_that_takes_nothing_for_days_is_left_alone_and_loses_nothing(house: Hooks) -> None:
    house.make.person("Ada", roles=("administrator",))
    with receiving(answering(500)) as receiver:
        key, _ = house.subscribe(receiver.url)
        ann = house.make.person("Ann", account=False).id
        house.look()
        assert house.subscription(key).state == "on"
        house.set(key, failing_since=clock() - timedelta(days=3, minutes=1))
        house.due_now()
        house.look()
        assert house.subscription(key).state == "paused"
        assert [row.kind for row in house.make.rows(select(Outbox.kind).where(Outbox.subject == "subscriptions"))] == [
            "email.webhook_stopped"
        ]
        house.rename(ann, "Annie")
        assert house.look() == 0
        receiver.behave = ok
        with house.acting() as tx:
            operations.resume(tx, key)
        house.look()
        assert said(receiver)[-1]["data"]["data"]["first_name"] == "Annie"
        assert {row.state for row in house.deliveries()} == {"sent"} and house.subscription(key).failing_since is None


def test_a_receiver_that_struggles_is_asked_less_often(house: Hooks) -> None:
    with receiving(answering(502)) as receiver:
        key, _ = house.subscribe(receiver.url)
        for n in range(40):
            house.make.person(f"P{n}", account=False)
        house.set(key, failing_since=clock() - timedelta(minutes=8))
        house.look()
        assert len(receiver.got) <= deliver.CAP
        assert timedelta(minutes=3) < house.subscription(key).quiet_until - clock() < timedelta(minutes=5)
        assert house.look() == 0


@pytest.mark.thorough
def test_a_slow_receiver_holds_up_only_its_own(house: Hooks) -> None:
    with receiving(slowly(0.4)) as slow, receiving() as quick:
        house.subscribe(slow.url)
        house.subscribe(quick.url)
        for n in range(8):
            house.make.person(f"P{n}", account=False)
        house.number()
        fan_out.make_out_due(house.database)
        begun = time.monotonic()
        sending = threading.Thread(target=deliver.deliver_due, args=(house.database, house.settings))
        sending.start()
        wanted = len(house.deliveries(Delivery.subscription_id == 2))
        while len(quick.got) < wanted and time.monotonic() - begun < 5:
            time.sleep(0.01)
        assert len(quick.got) == wanted >= 8 and len(slow.got) <= 2 * deliver.CAP
        sending.join()


@pytest.mark.thorough
def test_a_receiver_that_hangs_makes_nobody_else_wait(house: Hooks) -> None:
    """What comes up while it hangs goes on arriving at the other, each person's in order; the one that hangs gets its few and no more."""
    released = threading.Event()

    def hanging(one: Got) -> tuple[int, dict[str, str], bytes]:
        released.wait(19)
        return ok(one)

    persons = [house.make.person(f"P{n}", account=False).id for n in range(6)]
    with receiving(hanging) as hung, receiving() as healthy:
        house.subscribe(hung.url)
        house.subscribe(healthy.url)
        for person in persons:
            house.rename(person, "First")
        house.number()
        fan_out.make_out_due(house.database)
        sending = threading.Thread(target=deliver.deliver_due, args=(house.database, house.settings))
        sending.start()
        try:
            for n in range(4):
                before = len(healthy.got)
                if n:
                    house.rename(persons[0], f"Later{n}")
                    house.number()
                    fan_out.make_out_due(house.database)
                wanted, begun = before + (1 if n else len(persons)), time.monotonic()
                while len(healthy.got) < wanted:
                    assert time.monotonic() - begun < 6, "it waits for the one that hangs"
                    time.sleep(0.02)
            assert 1 <= len(hung.got) <= deliver.CAP and not released.is_set() and sending.is_alive()
            names = [one["data"]["data"]["first_name"] for one in said(healthy) if one["data"]["resource_id"] == persons[0]]
            assert names == ["First", "Later1", "Later2", "Later3"]
        finally:
            released.set()
            sending.join()
    assert {row.state for row in house.deliveries()} == {"sent"}, "and once it answers, it gets the rest"


def test_two_workers_at_once_send_nothing_twice(house: Hooks) -> None:
    with receiving(slowly(0.01)) as receiver:
        house.subscribe(receiver.url)
        for n in range(25):
            house.make.person(f"P{n}", account=False)
        house.number()
        assert at_once(*[lambda: fan_out.make_out_due(house.database)] * 3) == ["done"] * 3
        ids = [row.message_id for row in house.deliveries()]
        assert len(ids) == len(set(ids)) >= 25
        assert at_once(*[house.look] * 3) == ["done"] * 3
        house.look()
        assert sorted(one.id for one in receiver.got) == sorted(ids)
    assert {row.state for row in house.deliveries()} == {"sent"}


def test_a_lease_that_has_ended_lets_it_be_sent_again_with_the_same_id(house: Hooks) -> None:
    with receiving() as receiver:
        house.subscribe(receiver.url)
        house.make.person("Ann", account=False)
        house.number()
        fan_out.make_out_due(house.database)
        claimed = claiming.claim(house.database)  # by a worker that dies now
        assert claimed and house.look() == 0, "nobody else takes them meanwhile"
        with house.make.tx() as tx:
            tx.db.execute(update(Delivery).values(locked_until=tx.now))
        house.look()
        assert sorted(one.id for one in receiver.got) == sorted(row.message_id for row in claimed)
        assert {row.attempts for row in house.deliveries()} == {2}


def test_what_stops_every_worker_is_parked(house: Hooks) -> None:
    with receiving() as receiver:
        house.subscribe(receiver.url)
        house.make.person("Ann", account=False)
        house.number()
        fan_out.make_out_due(house.database)
        with house.make.tx() as tx:
            tx.db.execute(update(Delivery).values(attempts=MAX_ATTEMPTS))
        house.look()
        assert receiver.got == [] and {row.state for row in house.deliveries()} == {"parked"}


def test_a_client_that_is_disabled_gets_nothing(house: Hooks) -> None:
    with receiving() as receiver:
        house.subscribe(receiver.url)
        house.make.person("Ann", account=False)
        with house.make.tx() as tx:
            identity.disable_client(tx, house.client)
        assert house.look() == 0 and receiver.got == []


def test_while_a_secret_is_replaced_both_sign(house: Hooks) -> None:
    with receiving() as receiver:
        key, old = house.subscribe(receiver.url)
        with house.acting() as tx:
            new = operations.rotate(tx, key)
            operations.send_test(tx, key)
        house.look()
        (got,) = receiver.got
        assert got.verified(old)["type"] == got.verified(new)["type"] == "webhook.test"
        house.set(key, old_secret_until=clock() - timedelta(seconds=1))
        with house.acting() as tx:
            operations.send_test(tx, key)
        house.look()
        assert receiver.got[-1].verified(new) and " " not in receiver.got[-1].headers["webhook-signature"]


def test_stopping_does_not_wait_for_a_slow_receiver(house: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "PATIENCE", 0.1)
    stop = threading.Event()
    with receiving(slowly(2.0)) as receiver:
        house.subscribe(receiver.url)
        for n in range(12):
            house.make.person(f"P{n}", account=False)
        house.number()
        fan_out.make_out_due(house.database)
        threading.Timer(0.3, stop.set).start()
        begun = time.monotonic()
        deliver.deliver_due(house.database, house.settings, stop)
        assert time.monotonic() - begun < 1.8
        held = house.deliveries(Delivery.locked_until.is_not(None))
        assert len(held) == deliver.CAP, "what was under way is claimed again when its lease ends"
        assert all(row.attempts == 0 for row in house.deliveries(Delivery.locked_until.is_(None)))


def test_old_ones_are_tidied_away(house: Hooks) -> None:
    with receiving() as receiver:
        key, _ = house.subscribe(receiver.url)
        house.make.person("Ann", account=False)
        house.make.unit("Court team")
        house.look()
    rows = house.deliveries()
    with house.make.tx() as tx:
        tx.update(Delivery, rows[0].id, ended_at=tx.now - timedelta(days=31))
        tx.update(Delivery, rows[1].id, ended_at=tx.now - timedelta(days=31), state="parked")
        noting.tidy(tx, tx.now)
    assert [row.id for row in house.deliveries()] == [row.id for row in rows[1:]]
    assert {one.delivery_id for one in house.tries()} == {row.id for row in rows[1:]}
    assert house.make.rows(select(Subscription.id)) == [(key,)]


def test_most_looks_cost_two_short_questions(house: Hooks, count_queries: Callable[[], Any]) -> None:
    house.subscribe("http://127.0.0.1:1/hook")
    house.look()
    with count_queries() as queries:
        fan_out.make_out_due(house.database)
        deliver.deliver_due(house.database, house.settings)
    assert len([one for one in queries.statements if one.upper().startswith("SELECT")]) == len(queries) == 2
