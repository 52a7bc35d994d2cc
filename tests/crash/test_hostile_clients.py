"""Hostile clients at a real service of two processes: each gets the documented refusal, and whoever behaves is served as before."""

from __future__ import annotations

import http.client
import json
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.bookings.models import Booking
from app.core.tx import clock
from app.identity import clients
from app.identity.limits import UNKNOWN_TOKENS
from app.identity.models import ApiCall, ApiClient, ApiToken
from tests.crash.house import Service, serving
from tests.factory import Make

SECONDS = 2  # that a request may take to arrive here
MANY = 150  # connections of one attacker
SLOWEST, USUAL = 8.0, 1.0  # seconds for one answer to the well-behaved, and for the median, on a machine that does other things too
SPRAY_SECONDS = 15  # that a spray of tokens may take
PEOPLE, BOOKINGS = "/api/v1/people", "/api/v1/bookings"
Answer = tuple[int, dict[str, Any], dict[str, str]]


OPENED: list[http.client.HTTPConnection] = []  # closed at the end of the test


def opened(port: int) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    OPENED.append(connection)
    return connection


@dataclass
class Client:
    """A system with a token, one connection for each thread that uses it."""

    port: int
    token: str
    mine: threading.local = field(default_factory=threading.local)

    def ask(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Answer:
        """(status, the body as JSON, headers); the connection is kept where the service keeps it."""
        connection = getattr(self.mine, "connection", None) or opened(self.port)
        self.mine.connection = connection
        said = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request(method, path, body, said | {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        kept = answer.read()
        return answer.status, json.loads(kept) if kept else {}, {name.lower(): value for name, value in answer.getheaders()}

    def refused(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> tuple[int, str]:
        """(status, problem code), of a problem document."""
        status, said, told = self.ask(method, path, body, **headers)
        assert told["content-type"] == "application/problem+json" and said["status"] == status, said
        return status, said["code"]


@contextmanager
def well_behaved(port: int, token: str, person: int) -> Iterator[list[float]]:
    """Somebody who reads one person again and again, all the while; yields how long each answer took."""
    took: list[float] = []
    wrong: list[Any] = []
    over = threading.Event()

    def read() -> None:
        while not over.wait(0.02):
            began = time.monotonic()
            client = Client(port, token)  # a connection of its own each time: new ones must be served too
            try:
                status, *_ = client.ask("GET", f"{PEOPLE}/{person}")
                client.mine.connection.close()
                if status != 200:
                    wrong.append(status)
            except OSError as lost:
                wrong.append(lost)
            took.append(time.monotonic() - began)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield took
    finally:
        over.set()
        thread.join()
    assert not wrong, wrong[:3]


@dataclass
class World:
    make: Make
    service: Service
    here: int  # a person of the host
    elsewhere: int  # … and one of another organisation
    session: int
    connect: Callable[..., Client]


@pytest.fixture
def world(make: Make, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("ACADEMY_REQUEST_SECONDS", str(SECONDS))
    here, elsewhere = make.person("Ann").id, make.person("Nia", organisation=make.organisation("Northmoor Council", host=False)).id
    session = make.session(places=50, link="https://meet.westmarch.example/x").id
    with serving(make.database) as service:

        def connect(*scopes: str, organisation: int | None = None, per_minute: int | None = None) -> Client:
            with make.tx() as tx:
                given = clients.create_client(tx, "a client", list(scopes), organisation, per_minute=per_minute)
                return Client(service.port, clients.token(tx, *given, [], 60)[0])

        yield World(make, service, here, elsewhere, session, connect)
    while OPENED:
        OPENED.pop().close()


@pytest.mark.thorough
def test_the_hostile_are_refused_and_the_others_served(world: World) -> None:
    good = world.connect("people:read")
    with well_behaved(world.service.port, good.token, world.here) as took:
        for attack in (
            *(wrong_scope, other_organisation, too_large, deep_and_huge, long_addresses, replayed_keys),
            *(tokens_that_are_none, guessed_secrets, more_than_its_minute, garbage, slow_and_silent, a_spray_of_tokens),
        ):
            attack(world)
    took.sort()
    assert len(took) > 50
    assert statistics.median(took) < USUAL and took[-1] < SLOWEST, (statistics.median(took), took[-3:])
    assert world.service.running is not None and world.service.running.poll() is None
    assert kept_in_the_log(world) > 100


def kept_in_the_log(world: World) -> int:
    """The log is written by both processes within a second or so."""
    time.sleep(1.5)
    with world.make.tx(writes=False) as tx:
        return int(tx.scalar(select(func.count()).select_from(ApiCall)))


def wrong_scope(world: World) -> None:
    client = world.connect("people:read")
    for method, path, body in (("GET", BOOKINGS, None), ("POST", PEOPLE, "{}"), ("POST", BOOKINGS, "{}")):
        assert client.refused(method, path, body) == (403, "insufficient-scope")


def other_organisation(world: World) -> None:
    client = world.connect("people:read", "people:write", "bookings:read", "bookings:write", organisation=world.make.organisation())
    booking = json.dumps({"session_id": world.session, "person_id": world.elsewhere})
    assert client.refused("GET", f"{PEOPLE}/{world.elsewhere}") == (404, "person-not-found")
    assert client.refused("PATCH", f"{PEOPLE}/{world.elsewhere}", '{"known_as": "X"}', If_Match="*") == (404, "person-not-found")
    assert client.refused("POST", BOOKINGS, booking) == (404, "person-not-found")
    assert client.ask("GET", PEOPLE)[1]["items"][0]["id"] == world.here and len(client.ask("GET", PEOPLE)[1]["items"]) == 1


def too_large(world: World) -> None:
    client = world.connect("people:write")
    assert client.refused("POST", PEOPLE, b" " * 300_000) == (413, "too-large")
    said = talk(world, f"POST {PEOPLE} HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\nConnection: close\r\n\r\n".encode())
    assert b" 413 " in said[:20] and b'"too-large"' in said
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = f"POST {PEOPLE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b" 413 " in talk(world, head.encode() + chunk * 6)[:20]


def deep_and_huge(world: World) -> None:
    client = world.connect("people:write", "bookings:write", "people:read")
    for deep in (
        "[" * 100_000,
        '{"a":' * 40_000,
        "[" * 50_000 + "]" * 50_000,
        '"' + "\\u0000" * 10 + '"',
        "{",
        "nul",
        "\ufeff{}",
        '{"a":1}x',
    ):
        assert client.refused("POST", PEOPLE, deep.encode())[0] in (400, 422)
    for number in ("9" * 5000, "1e999999", "-0.0", "1E400", str(2**63), str(2**64), "NaN", "Infinity", "0x1F", "1_000"):
        assert client.refused("POST", BOOKINGS, f'{{"session_id": {number}, "person_id": {world.here}}}')[0] in (400, 404, 422)
    for path in (f"{PEOPLE}/{'9' * 400}", f"{PEOPLE}/{2**63}", f"{PEOPLE}/-1", f"{PEOPLE}/1e3", f"{PEOPLE}?limit={'9' * 500}"):
        assert client.refused("GET", path)[0] in (404, 422)
    assert client.refused("GET", f"{PEOPLE}?cursor={'A' * 4000}")[0] == 422


def long_addresses(world: World) -> None:
    client = world.connect("people:read")
    status, said, _ = client.ask("GET", PEOPLE + "?" + "&".join(f"f{n}=1" for n in range(1000)))
    assert status == 422 and len(json.dumps(said)) < 200_000
    assert client.refused("GET", PEOPLE + "?" + "&".join(f"filter{n}=1" for n in range(4000))) == (414, "uri-too-long")
    repeated = client.ask("GET", PEOPLE + "?" + "&".join(["q=a"] * 2000))
    assert repeated[0] == 422
    assert b" 431 " in talk(world, f"GET {PEOPLE} HTTP/1.1\r\n".encode() + b"X-Many: " + b"x" * 70_000)[:20]


def replayed_keys(world: World) -> None:
    """Of many requests at once with one key and different bodies one is carried out; its repeats are answered as it was."""
    client = world.connect("bookings:write")
    people = [world.make.person(f"P{n}").id for n in range(12)]

    def book(person: int) -> tuple[int, str]:
        status, said, told = client.ask(
            "POST", BOOKINGS, json.dumps({"session_id": world.session, "person_id": person}), Idempotency_Key="the same"
        )
        return status, str(said.get("code") or told.get("idempotent-replayed", "new"))

    with ThreadPoolExecutor(6) as hands:
        answers = Counter(hands.map(book, people * 2))
    assert answers == {(201, "new"): 1, (201, "true"): 1, (422, "idempotency-key-reused"): 22}, answers
    with world.make.tx(writes=False) as tx:
        assert tx.scalar(select(func.count()).select_from(Booking).where(Booking.person_id.in_(people))) == 1


def tokens_that_are_none(world: World) -> None:
    client = world.connect("people:read")
    with world.make.tx() as tx:
        key = tx.scalar(select(func.max(ApiClient.id)))
        tx.db.execute(ApiToken.__table__.update().where(ApiToken.client_id == key).values(expires_at=clock() - timedelta(seconds=1)))
    assert client.refused("GET", PEOPLE) == (401, "token-invalid")
    for token in ("x" * 43, "\u00e9" * 43, "' OR 1=1 --'" * 3, "eyJhbGciOiJub25lIn0.e30.", "%00" * 20, "." * 200):
        assert Client(world.service.port, token).refused("GET", PEOPLE)[0] == 401
    for header in ("", "Bearer", "Basic YTpi", "Bearer " + "x" * 5000):
        assert client.refused("GET", PEOPLE, Authorization=header) == (401, "token-missing")


def a_spray_of_tokens(world: World) -> None:
    """From one address: tokens that a process has met before go on, as that of the well-behaved does."""

    def guess(number: int) -> tuple[int, str]:
        return Client(world.service.port, f"{number:043d}").refused("GET", PEOPLE)

    left = 60 - time.time() % 60  # processes count within the minute of the clock: a spray over two of them may stay below
    if left < SPRAY_SECONDS:
        time.sleep(left)
    with ThreadPoolExecutor(8) as hands:
        answers = Counter(hands.map(guess, range(2 * UNKNOWN_TOKENS + 200)))
    assert set(answers) == {(401, "token-invalid"), (429, "tokens-throttled")}, answers


def guessed_secrets(world: World) -> None:
    connection, answers = opened(world.service.port), []
    for number in range(clients.PER_ADDRESS + 5):
        form = f"grant_type=client_credentials&client_id=client-{number}&client_secret=guess"
        connection.request("POST", "/oauth/token", form, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        answers.append((answer.status, json.loads(answer.read())["error"]))
    assert Counter(answers) == {(401, "invalid_client"): clients.PER_ADDRESS, (429, "too_many_requests"): 5}


def more_than_its_minute(world: World) -> None:
    """Over several connections, and so over both processes: the limit is one."""
    client = world.connect("people:read", per_minute=30)

    def read(_: int) -> Answer:
        return client.ask("GET", f"{PEOPLE}/{world.here}")

    minute = int(time.time() // 60)
    with ThreadPoolExecutor(8) as hands:
        answers = list(hands.map(read, range(120)))
    minutes = int(time.time() // 60) - minute + 1
    served = [told for status, _, told in answers if status == 200]
    refused = [told for status, _, told in answers if status == 429]
    assert len(served) + len(refused) == 120 and 30 <= len(served) <= 30 * minutes
    assert all(told["ratelimit-limit"] == "30" for told in served + refused)
    assert all(1 <= int(told["retry-after"]) <= 60 for told in refused)


def garbage(world: World) -> None:
    """Not HTTP at all, or what proxies and servers read differently: refused or closed, never carried out."""
    both = f"POST {PEOPLE} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    for said in (
        f"{both}0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n".encode(),
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"\x00" * 100,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ):
        heard = talk(world, said)
        assert heard == b"" or heard.startswith(b"HTTP/1.1 4"), heard[:200]


def slow_and_silent(world: World) -> None:
    """Heads and bodies a byte at a time, and connections that say nothing, all at once: each is let go when its time is over."""
    token = world.connect("people:write").token
    head = f"POST {PEOPLE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    whole = f"{head}Content-Length: 1000\r\n\r\n".encode()
    held = [socket.create_connection(("127.0.0.1", world.service.port), timeout=20) for _ in range(MANY)]
    bodies, heads = held[: MANY // 3], held[MANY // 3 : 2 * MANY // 3]
    for one in bodies:
        one.sendall(whole)
    began = time.monotonic()
    while time.monotonic() - began < SECONDS + 1:
        for one in bodies + heads:
            try:
                one.sendall(b"x")
            except ConnectionError:
                continue  # its time is over
        time.sleep(0.5)
    heard = [everything(one) for one in held]
    assert time.monotonic() - began < SECONDS + 8
    assert all(b" 408 " in said[:20] and b'"request-timeout"' in said for said in heard[: len(bodies)])
    assert all(said == b"" or b" 40" in said[:20] for said in heard[len(bodies) :])


def talk(world: World, said: bytes) -> bytes:
    """Say this and hear all that comes until the service closes."""
    with socket.create_connection(("127.0.0.1", world.service.port), timeout=20) as one:
        with suppress(ConnectionError):  # it may have heard enough
            one.sendall(said)
        return everything(one)


def everything(one: socket.socket) -> bytes:
    heard = b""
    with suppress(ConnectionError):  # closed while we still spoke
        while more := one.recv(65536):
            heard += more
    one.close()
    return heard
