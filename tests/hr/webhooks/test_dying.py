"""A receiver that fails, times out, answers slowly, dies and comes back, while people are changed and workers are killed without warning.

It ends with exactly what the database says: nothing is missed, nothing is told twice without the same id, each person's news is in order.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.hr.change_models import Change, Delivery, Subscription
from app.hr.webhooks import claiming, fan_out
from app.people.models import Person
from tests.factory import Make
from tests.hr.webhooks.hands import Worker
from tests.hr.webhooks.house import Hooks, hooks
from tests.hr.webhooks.receiver import Got, receiving


class Copy:
    """What a careful receiver keeps: each id once, and of everything what it was told last. It commits before it answers."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}  # id → number of the change
        self.shown: dict[int, Any] = {}
        self.order: defaultdict[int, list[int]] = defaultdict(list)
        self.lock = threading.Lock()
        self.chance = random.Random(7)
        self.moods: list[str] = []
        self.calm = False

    def __call__(self, got: Got) -> tuple[int, dict[str, str], bytes]:
        mood = "ok" if self.calm else self.chance.choices(("ok", "fail", "late", "slow", "busy", "lost"), (45, 15, 2, 15, 8, 15))[0]
        self.moods.append(mood)
        if mood == "fail":
            return 500, {}, b"no"
        if mood == "busy":
            return 503, {"retry-after": "0"}, b"later"
        if mood == "late":
            time.sleep(0.8)  # longer than the sender waits, and nothing was kept
            return 500, {}, b"too late"
        if mood == "slow":
            time.sleep(0.1)
        item = json.loads(got.body)["data"]
        with self.lock:
            if got.id not in self.seen:
                self.seen[got.id] = item["number"]
                if item["resource"] == "people":
                    self.order[item["resource_id"]].append(item["number"])
                    self.shown[item["resource_id"]] = item["data"]
        return (500, {}, b"kept, but said no") if mood == "lost" else (204, {}, b"")


def until(done: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not come to an end"
        time.sleep(0.05)


def change_and_kill(make: Make, folder: Path, people: int, changes: int, kills: int) -> None:
    house = hooks(make)
    copy = Copy()
    with receiving(copy) as first:
        key, _ = house.subscribe(first.url)
    persons = [make.person(f"P{n}", account=False).id for n in range(people)]
    workers = [Worker(make.database.url, str(folder)) for _ in range(2)]
    port = first.port
    try:
        for round_ in range(kills):
            with receiving(copy, port=port):  # it is there again, at the same place
                _change(house, persons, changes, round_)
                heard = len(copy.moods)
                until(lambda heard=heard: len(copy.moods) > heard + changes // 2, 30)
                victim = workers[round_ % 2]
                victim.kill()
                _change(house, persons, changes, round_ + kills)
                victim.start()
                time.sleep(0.3)
            time.sleep(0.3)  # and now it is dead, while they go on sending
        copy.calm = True
        with receiving(copy, port=port):
            until(lambda: _done(house, key), 40)
    finally:
        for one in workers:
            one.end()
    _compare(house, copy, persons)
    assert set(copy.moods) - {"ok"}


def _change(house: Hooks, persons: list[int], changes: int, round_: int) -> None:
    for n in range(changes):
        house.rename(persons[(n * 7 + round_) % len(persons)], f"Name{round_}x{n}")


def _done(house: Hooks, key: int) -> bool:
    with house.make.tx(writes=False) as tx:
        newest = tx.scalar(select(func.max(Change.number)))
        due = tx.scalar(select(func.count()).select_from(Delivery).where(Delivery.state == "due"))
        told = tx.scalar(select(func.count()).select_from(Change).where(Change.resource == "people", Change.person_id.is_not(None)))
        return bool(due == 0 and tx.get(Subscription, key).reached == newest and told)


def _compare(house: Hooks, copy: Copy, persons: list[int]) -> None:
    rows = {row.message_id: row for row in house.deliveries()}
    assert {row.state for row in rows.values()} == {"sent"}
    assert set(copy.seen) == set(rows), "each delivery came, and nothing but deliveries"
    assert all(rows[one].number == number for one, number in copy.seen.items())
    for numbers in copy.order.values():
        assert numbers == sorted(numbers), "each person's news in order"
    with house.make.tx(writes=False) as tx:
        names = {row.id: row.first_name for row in tx.rows(select(Person.id, Person.first_name))}
    assert {key: shown["first_name"] for key, shown in copy.shown.items()} == {key: names[key] for key in persons}
    assert max(row.attempts for row in rows.values()) > 1 and len(copy.moods) > len(rows), "there was something to get over"


@pytest.mark.thorough
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_receiver_and_a_worker_that_die_lose_nothing(make: Make, tmp_path: Path) -> None:
    change_and_kill(make, tmp_path, people=8, changes=12, kills=1)


@pytest.mark.thorough
def test_nor_do_they_when_they_die_again_and_again(make: Make, tmp_path: Path) -> None:
    change_and_kill(make, tmp_path, people=20, changes=40, kills=4)


def test_what_would_go_wrong_without_waiting_for_the_earlier_news(make: Make) -> None:
    """The control: with every delivery in a lane of its own the same kind of receiver ends with old news."""
    house = hooks(make)
    copy = Copy()
    copy.calm = True
    with receiving(copy) as receiver:
        house.subscribe(receiver.url)
        ann = make.person("Ann", account=False).id
        house.look()
        for name in ("Bea", "Cat"):
            house.rename(ann, name)
            house.number()
        fan_out.make_out_due(house.database)
        with make.tx() as tx:
            tx.db.execute(update(Delivery).where(Delivery.state == "due").values(lane=Delivery.message_id))
        claimed = claiming.claim(house.database)
        assert len(claimed) == 2, "both at once: which of them arrives first is left to chance"
        with make.tx() as tx:
            tx.db.execute(update(Delivery).values(locked_until=None, lane=f"people/{ann}"))
        assert len(claiming.claim(house.database)) == 1, "as built, one waits for the other"
