"""A system that follows the feed while four others write and the service is killed and started again: at the end it has what is there."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text, update

from app.core.db import Database
from app.core.tx import clock
from app.hr import feed
from app.identity import clients
from app.learning.models import Completion
from app.people import operations as people
from app.people.models import Person
from app.policy import SCOPES
from tests.crash.house import Service, serving
from tests.factory import Make
from tests.hr.following import Follower, reader, whole

Answer = tuple[int, Any]


@dataclass
class Consumer:
    """Polls over HTTP. What it has and how far it has come it keeps together, as a program of its own would in its database."""

    service: Service
    token: str
    copy: dict[tuple[str, int], Any]
    last: int
    told: dict[str, tuple[int, str, int]] = field(default_factory=dict)
    deletes: int = 0
    failures: int = 0
    over: bool = False

    def poll(self) -> bool:
        """One question; whether there is more already."""
        headers = {"Authorization": f"Bearer {self.token}"}
        status, body = self.service.ask("GET", f"/api/v1/changes?since={self.last}&limit=40", headers=headers)
        if status != 200:
            assert status in (0, 503), body
            self.failures += 1
            return False
        answer = json.loads(body)
        for item in answer["items"]:
            assert item["number"] > self.last, "what was read before is not told again"
            self._apply(item)
        self.last = answer["last"]
        return bool(answer["more"])

    def _apply(self, item: dict[str, Any]) -> None:
        key = item["resource"], item["resource_id"]
        assert self.told.setdefault(item["id"], (item["number"], *key)) == (item["number"], *key), "an id means one change"
        if item["deleted"]:
            self.deletes += 1
            self.copy.pop(key, None)
        elif key[0] != "training-records":
            self.copy[key] = item["data"]

    def run(self) -> None:
        while not self.over:
            if not self.poll():
                time.sleep(0.05)


@dataclass
class Writer:
    """Adds people, changes them, books and cancels, reports results and corrects them. What got no answer is sent again under its key."""

    make: Make
    service: Service
    token: str
    number: int
    sessions: list[int]
    course: int
    organisation: int
    rounds: int
    done: int = 0

    def run(self) -> None:
        for n in range(self.rounds):
            name = f"W{self.number}-{n}"
            body = {"organisation_id": self.organisation, "first_name": name, "last_name": "Writer", "employee_number": name}
            person = self.send("POST", "/people", body, f"{name}-person")["id"]
            self.send("PATCH", f"/people/{person}", {"known_as": f"Known {n}"}, f"{name}-known")
            booking = self.send("POST", "/bookings", {"person_id": person, "session_id": self.sessions[n % 2]}, f"{name}-book")
            if n % 2:
                self.send("POST", f"/bookings/{booking['id']}/cancel", {"reason": "Court hearing"}, f"{name}-cancel")
            result = {"person_id": person, "course_id": self.course, "completed_on": clock().date().isoformat()}
            completion = self.send("POST", "/completions", result, f"{name}-result")
            if n % 3 == 0:
                self.correct(completion["id"], person)
            self.done += 1

    def send(self, method: str, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key, "If-Match": "*"}
        deadline = time.monotonic() + 30
        while True:
            status, said = self.service.ask(method, f"/api/v1{path}", body, headers)
            if status in (200, 201):
                answer: dict[str, Any] = json.loads(said)
                return answer
            assert status in (0, 503) and time.monotonic() < deadline, (status, said)
            time.sleep(0.05)

    def correct(self, completion: int, person: int) -> None:
        """As when a register is corrected: from another process, as pages do."""
        with self.make.tx() as tx:
            tx.db.execute(update(Completion).where(Completion.id == completion).values(superseded_at=tx.now))
            tx.record("completion.superseded", "completions", completion, person_id=person)


@pytest.mark.thorough
def test_a_copy_is_whole_after_writers_and_kills(make: Make, database: Database) -> None:
    organisation, course = make.organisation(), make.course().id
    day = (clock() + timedelta(days=30)).date()
    sessions = [make.session(course=course, places=3, link="https://meet.westmarch.example/x", day=day).id for _ in range(2)]
    with make.tx() as tx:
        client_id, secret = clients.create_client(tx, "writers and reader", [*SCOPES])
        token = clients.token(tx, client_id, secret, [], 60)[0]
    with serving(database, worker=True) as service:
        begun = Follower(database, reader()).begin()
        consumer = Consumer(service, token, begun.copy, begun.last)
        writers = [Writer(make, service, token, n, sessions, course, organisation, rounds=6) for n in range(4)]
        reading = threading.Thread(target=consumer.run)
        threads = [reading, *(threading.Thread(target=writer.run) for writer in writers)]
        for thread in threads:
            thread.start()
        for after in (6, 14):
            while sum(writer.done for writer in writers) < after:
                assert any(thread.is_alive() for thread in threads[1:])
                time.sleep(0.01)
            service.kill()
            service.start()
        for thread in threads[1:]:
            thread.join()
        wanted, deadline = whole(database, reader()), time.monotonic() + 15
        while consumer.copy != wanted and time.monotonic() < deadline:
            time.sleep(0.2)
        consumer.over = True
        reading.join()
    assert sum(writer.done for writer in writers) == 24 and consumer.failures > 0
    assert consumer.copy == wanted, {key for key in {*wanted, *consumer.copy} if wanted.get(key) != consumer.copy.get(key)}
    assert sum(key[0] == "completions" for key in wanted) == 16 and consumer.deletes > 0
    numbers = [number for number, *_ in consumer.told.values()]
    assert len(set(numbers)) == len(numbers) > 100


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_without_the_rule_of_snapshots_a_change_is_lost(make: Make, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a mark that passes a transaction under way never comes back to what it wrote."""
    monkeypatch.setattr(feed, "_COMMITTED", text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"))
    lost = _one_slow_one_quick(make, database)
    assert len(lost) == 1 and lost[0][0] == "people"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_with_the_rule_none_is(make: Make, database: Database) -> None:
    assert _one_slow_one_quick(make, database) == []


def _one_slow_one_quick(make: Make, database: Database) -> list[tuple[str, int]]:
    """Ann's change begins first and is committed last, after Bo's was told; returns what the follower has wrong at the end."""
    ann, bo = make.person("Ann"), make.person("Bo")
    follower = Follower(database, reader()).begin()
    follower.follow()
    with database.write.connect() as slow, slow.begin():
        slow.execute(update(Person).where(Person.id == ann.id).values(known_as="Annie"))
        slow.execute(
            text(
                "INSERT INTO audit (at, actor_kind, action, subject, subject_id, facts) "
                f"VALUES (now(), 'system', 'person.changed', 'people', {ann.id}, '{{}}')"
            )
        )
        with make.tx() as tx:
            people.change_person(tx, bo.id, known_as="Bob")
        follower.follow(wait=False)  # the slow one holds it back, as it should
    follower.follow()
    with make.tx() as tx:  # and something later, so that the mark has moved on
        people.change_person(tx, bo.id, known_as="Robert")
    follower.follow()
    return sorted(follower.wrong())
