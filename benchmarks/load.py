"""A load generator light enough to share two cores with what it measures: raw HTTP/1.1 over kept connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import uvloop

Request = bytes


@dataclass
class Result:
    """What came back: statuses, latencies in seconds, wall-clock seconds."""

    statuses: dict[int, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    replies: list[tuple[float, float, int, bytes]] = field(default_factory=list)  # sent, received, status, body; when asked to keep them
    seconds: float = 0.0
    lost: int = 0  # connections that ended without an answer

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Latency in milliseconds below which this share of the requests stayed."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    @property
    def median(self) -> float:
        return self.percentile(0.5)


class _Connection(asyncio.Protocol):
    def __init__(self, source: Iterator[Request], result: Result, done: asyncio.Future[None], keep: bool) -> None:
        self.source, self.result, self.done, self.keep = source, result, done, keep
        self.buffer = bytearray()
        self.needed = -1
        self.transport: asyncio.Transport | None = None
        self.started = 0.0
        self.waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.next()

    def next(self) -> None:
        assert self.transport
        request = next(self.source, None)
        if request is None:
            self.waiting = False
            self.transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self.started = time.perf_counter()
        self.waiting = True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.needed < 0:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self.buffer[:end]).lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self.needed = end + 4 + length
        if len(self.buffer) >= self.needed:
            now = time.perf_counter()
            self.result.latencies.append(now - self.started)
            status = int(self.buffer[9:12])
            self.result.statuses[status] = self.result.statuses.get(status, 0) + 1
            if self.keep:
                body = bytes(self.buffer[self.buffer.find(b"\r\n\r\n") + 4 : self.needed])
                self.result.replies.append((self.started, now, status, body))
            del self.buffer[: self.needed]
            self.needed = -1
            self.next()

    def connection_lost(self, _: Exception | None) -> None:
        if self.waiting:
            self.result.lost += 1
        if not self.done.done():
            self.done.set_result(None)


async def _run(port: int, sources: list[Iterator[Request]], keep: bool) -> Result:
    loop = asyncio.get_running_loop()
    result = Result()
    done = [loop.create_future() for _ in sources]
    started = time.perf_counter()
    for source, end in zip(sources, done, strict=True):
        await loop.create_connection(lambda source=source, end=end: _Connection(source, result, end, keep), "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*done)
    result.seconds = time.perf_counter() - started
    return result


def run(port: int, requests: Iterable[Request], *, clients: int, keep: bool = False) -> Result:
    """Send all requests over `clients` kept connections that share one list of work."""
    shared = iter(requests)
    return uvloop.run(_run(port, [shared] * clients, keep))


def at_once(port: int, requests: list[Request], *, keep: bool = False) -> Result:
    """Every request on a connection of its own, all in flight together."""
    return uvloop.run(_run(port, [iter([request]) for request in requests], keep))


def get(path: str, **headers: str) -> Request:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{lines}\r\n".encode()


def post(path: str, body: bytes, **headers: str) -> Request:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body


def repeated(make: Callable[[], Request], seconds: float) -> Iterator[Request]:
    """Requests for so many seconds."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        yield make()
