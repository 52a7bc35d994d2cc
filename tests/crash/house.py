"""A real service in processes of its own, many people at its door, and a way to kill it without warning."""

from __future__ import annotations

import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from app.core.config import ROOT
from app.core.db import Database
from app.identity import clients
from app.people.models import Person
from tests.factory import Make


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Service:
    """`python -m app serve --processes 2` over a database, with or without the worker."""

    database: Database
    port: int
    processes: int = 2
    worker: bool = False
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {**os.environ, "ACADEMY_DATABASE_URL": self.database.url, "ACADEMY_LOG_LEVEL": "error"}
        command = [sys.executable, "-m", "app", "serve", "--port", str(self.port), "--processes", str(self.processes)]
        command += [] if self.worker else ["--no-worker"]
        self.running = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while self.ask("GET", "/readyz")[0] != 200:
            assert time.monotonic() < deadline and self.running.poll() is None, "the service did not start"
            time.sleep(0.05)

    def kill(self) -> None:
        """All processes at once, without a word of warning, as when the power goes."""
        assert self.running is not None
        os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()

    def stop(self) -> None:
        if self.running is not None and self.running.poll() is None:
            self.kill()

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """One request on a connection of its own; status 0 if no whole answer came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            return self._on(connection, method, path, body, headers)
        finally:
            connection.close()

    def _on(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Any, headers: dict[str, str] | None
    ) -> tuple[int, bytes]:
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return 0, b""


@contextmanager
def serving(database: Database, *, worker: bool = False) -> Iterator[Service]:
    service = Service(database, free_port(), worker=worker)
    service.start()
    try:
        yield service
    finally:
        service.stop()


@dataclass
class Crowd:
    """People who each ask once for a place on one of the sessions, each with an idempotency key of their own."""

    service: Service
    token: str
    wishes: list[tuple[int, int]]  # (person, session)
    accepted: dict[int, dict[str, Any]] = field(default_factory=dict)  # person → what the service acknowledged
    answers: list[int] = field(default_factory=list)

    def race(self, hands: int = 12, then: Callable[[int], None] = lambda _: None) -> None:
        """Everyone who has no answer yet asks, so many at a time; `then` hears how many were accepted after each acceptance."""
        left: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        for wish in self.wishes:
            if wish[0] not in self.accepted:
                left.put(wish)
        threads = [threading.Thread(target=self._ask, args=(left, then)) for _ in range(hands)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _ask(self, left: queue.SimpleQueue[tuple[int, int]], then: Callable[[int], None]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=20)
        while True:
            try:
                person, session = left.get_nowait()
            except queue.Empty:
                connection.close()
                return
            headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": f"wish-{person}"}
            body = {"person_id": person, "session_id": session}
            status, said = self.service._on(connection, "POST", "/api/v1/bookings", body, headers)
            self.answers.append(status)
            if status == 201:
                self.accepted[person] = json.loads(said)
                then(len(self.accepted))


def crowd(make: Make, service: Service, number: int, sessions: list[int]) -> Crowd:
    """`number` new people; the first of the sessions is wanted by most of them."""
    organisation = make.organisation()
    with make.tx() as tx:
        now = tx.now
        tx.insert_many(
            Person,
            [
                dict(
                    organisation_id=organisation, first_name="P", last_name=f"{n}", name=f"P {n}", sort_name=f"{n}, p",
                    email=f"p.{n}@westmarch.example", search_text=f"p {n}", created_at=now, updated_at=now,
                )
                for n in range(number)
            ],
        )  # fmt: skip
        people = [row.id for row in tx.rows(select(Person.id).order_by(Person.id))][-number:]
        client_id, secret = clients.create_client(tx, "crowd", ["bookings:write"], per_minute=clients.MOST_PER_MINUTE)
        token = clients.token(tx, client_id, secret, [], 60)[0]
    return Crowd(
        service, token, [(person, sessions[0] if n % 3 else sessions[1 + n % (len(sessions) - 1)]) for n, person in enumerate(people)]
    )
