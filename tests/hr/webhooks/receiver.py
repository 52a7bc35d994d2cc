"""A receiver of webhooks that behaves as it is told: a real HTTP server, in a thread of the test or in a process of its own."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import standardwebhooks


@dataclass
class Got:
    """One request that came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """What it says, if the reference library finds it signed with this secret."""
        return standardwebhooks.Webhook(secret).verify(self.body, self.headers)


Behaviour = Callable[[Got], tuple[int, dict[str, str], bytes]]


def ok(_: Got) -> tuple[int, dict[str, str], bytes]:
    """Takes everything."""
    return 204, {}, b""


@dataclass
class Receiver:
    """Keeps all it got, in order of coming in, and answers as `behave` says."""

    port: int
    got: list[Got] = field(default_factory=list)
    behave: Behaviour = ok
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def receiving(behave: Behaviour = ok, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver for the length of a test."""
    receiver = Receiver(port, behave=behave)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            one = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            with receiver.lock:
                receiver.got.append(one)
            status, headers, said = receiver.behave(one)
            with contextlib.suppress(OSError):  # the sender may have had enough
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a handshake that fails is what is wanted
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


def slowly(seconds: float, then: Behaviour = ok) -> Behaviour:
    """Takes its time."""

    def behave(one: Got) -> tuple[int, dict[str, str], bytes]:
        time.sleep(seconds)
        return then(one)

    return behave


def answering(status: int, said: bytes = b"", **headers: str) -> Behaviour:
    """Always the same answer."""
    return lambda _: (status, {name.replace("_", "-"): value for name, value in headers.items()}, said)
