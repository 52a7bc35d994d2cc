"""Connections that take their time, at a real server: their patience ends, that of an honest slow one does not."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from app.core.config import load
from app.core.web import LONGEST_QUERY, Edge
from app.patience import LARGEST_HEAD, protocol

SECONDS = 0.5
BIG = b"x" * 20_000_000


async def answering(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole body and says how long it was; at /big, more than fits between a server and who does not read."""
    from starlette.exceptions import HTTPException

    body, more = b"", True
    try:
        while more:
            event = await receive()
            body, more = body + event.get("body", b""), event.get("more_body", False)
        status, headers, said = 200, [], BIG if scope["path"] == "/big" else str(len(body)).encode()
    except HTTPException as wrong:
        status, headers, said = wrong.status_code, [(b"connection", b"close")], wrong.detail.encode()
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"content-length", str(len(said)).encode())]})
    await send({"type": "http.response.body", "body": said})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    settings = load().model_copy(update={"request_seconds": SECONDS, "log_level": "error"})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = protocol(SECONDS, unread=SECONDS)
        server = uvicorn.Server(uvicorn.Config(Edge(answering, settings), http=made, lifespan="off", log_level="critical"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(10)


def talk(port: int, *pieces: bytes, pause: float = 0.0) -> tuple[bytes, float]:
    """Everything that comes back until the other side closes, and after how many seconds that was."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as said:
        try:
            for piece in pieces:
                said.sendall(piece)
                time.sleep(pause)
        except ConnectionError:
            pass  # it has closed already; what it said is read below
        heard = b""
        try:
            while more := said.recv(65536):
                heard += more
        except ConnectionError:
            pass
        return heard, time.monotonic() - began


CLOSE = b"Host: x\r\nConnection: close\r\n"


def test_who_says_nothing_is_let_go(port: int) -> None:
    heard, took = talk(port)
    assert heard == b"" and SECONDS <= took < 5


def test_a_head_that_comes_byte_by_byte_is_refused(port: int) -> None:
    heard, took = talk(port, *(b"G", b"E", b"T", b" ", b"/", b" ", b"H", b"T", b"T", b"P"), pause=0.1)
    assert heard.startswith(b"HTTP/1.1 408 ") and took < 5


def test_a_second_request_has_its_own_time(port: int) -> None:
    first = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    heard, _ = talk(port, first, first, b"GET / HTTP/1.1\r\nHost: x\r\n", pause=SECONDS * 0.8)
    assert heard.count(b"HTTP/1.1 200 ") == 2 and heard.count(b"HTTP/1.1 408 ") == 1


def test_a_head_without_end_is_refused(port: int) -> None:
    heard, took = talk(port, b"GET / HTTP/1.1\r\n", b"X-Long: " + b"x" * (LARGEST_HEAD + 1))
    assert heard.startswith(b"HTTP/1.1 431 ") and took < SECONDS


def test_a_body_that_comes_byte_by_byte_is_refused(port: int) -> None:
    head = b"POST /api/v1/people HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    heard, took = talk(port, head, *(b"x",) * 12, pause=0.1)
    assert heard.startswith(b"HTTP/1.1 408 ") and b"connection: close" in heard and SECONDS <= took < 5


def test_a_body_in_pieces_arrives(port: int) -> None:
    head = b"POST /api/v1/people HTTP/1.1\r\n" + CLOSE + b"Content-Length: 4\r\n\r\n"
    heard, _ = talk(port, head, b"x", b"x", b"xx", pause=SECONDS / 8)
    assert heard.startswith(b"HTTP/1.1 200 ") and heard.endswith(b"4")


def test_the_rest_of_a_refused_body_does_not_hide_the_refusal(port: int) -> None:
    head = b"POST /api/v1/people HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n"
    heard, _ = talk(port, head, b"x" * 400_000, b"x" * 499_000, pause=0.05)
    assert heard.count(b"HTTP/1.1 ") == 1 and heard.startswith(b"HTTP/1.1 413 ")


def test_a_query_without_end_is_refused(port: int) -> None:
    heard, _ = talk(port, b"GET /api/v1/people?" + b"q=1&" * (LONGEST_QUERY // 4 + 1) + b" HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert heard.startswith(b"HTTP/1.1 414 ") and b'"uri-too-long"' in heard


def test_who_does_not_read_the_answer_is_cut_off_and_who_reads_slowly_is_not(port: int) -> None:
    ask = b"GET /big HTTP/1.1\r\n" + CLOSE + b"\r\n"
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as deaf,
        socket.create_connection(("127.0.0.1", port), timeout=10) as slow,
    ):
        deaf.sendall(ask)
        slow.sendall(ask)
        heard, began = 0, time.monotonic()
        while more := slow.recv(1 << 20):
            heard += len(more)
            if time.monotonic() - began < 3 * SECONDS:
                time.sleep(SECONDS / 5)
        assert heard > len(BIG)
        left = 0
        try:
            while more := deaf.recv(1 << 20):
                left += len(more)
        except ConnectionResetError:
            pass  # cut off even more rudely
        assert left < len(BIG)
