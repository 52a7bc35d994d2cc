"""One message to one receiver: connect to the address that was checked, send, hear the answer, within a limited time.

Only the worker imports this, and only when there is something to send. It uses httpcore2, the part of httpx2 that lets us say where a
connection goes while host name, SNI and certificate stay those of the URL. Redirects are not followed and no proxy of the environment is
used: both would lead elsewhere than was checked.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpcore2

from app.hr.webhooks import targets
from app.hr.webhooks.targets import Lookup, Target, TargetRefused

CONNECT = 5.0  # seconds for one address to let us in
WHOLE = 20.0  # seconds from the first word to the end of the answer; the specification says 15 to 30
READ = 4_000  # bytes of an answer
KEPT = 300  # characters of it that are kept
AGENT = "Academy-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said; without a status it said nothing, and `error` says why."""

    milliseconds: int
    status: int | None = None
    error: str | None = None
    text: str = ""
    retry_after: str | None = None

    @property
    def taken(self) -> bool:
        """Any 2xx."""
        return self.status is not None and 200 <= self.status < 300


def post(
    url: str,
    headers: dict[str, str],
    body: bytes,
    private: Collection[str] = (),
    *,
    lookup: Lookup = targets.look_up,
    whole: float = WHOLE,
) -> Answer:
    """Send it, in at most `whole` seconds. Never raises what the network does: the answer says it."""
    begun = time.monotonic()

    def after() -> int:
        return round((time.monotonic() - begun) * 1000)

    try:
        target = targets.parse(url, private)
        found = targets.addresses(target, lookup)
        status, said, text = _post(target, url, headers, body, _Backend(found, begun + whole))
    except TargetRefused as refused:
        return Answer(after(), error=refused.reason)
    except (httpcore2.TimeoutException, TimeoutError):
        return Answer(after(), error=f"No answer within {whole:g} seconds.")
    except (httpcore2.NetworkError, OSError) as wrong:
        return Answer(after(), error=_words(wrong))
    except (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol, ValueError):
        return Answer(after(), error="The answer was not HTTP.")
    error = None if 200 <= status < 300 else "A redirect, which is not followed." if 300 <= status < 400 else f"Answered {status}."
    return Answer(after(), status, error, text, said)


def _post(target: Target, url: str, headers: dict[str, str], body: bytes, backend: _Backend) -> tuple[int, str | None, str]:
    """Status, Retry-After and the beginning of the answer."""
    sent = {**headers, "content-type": "application/json", "user-agent": AGENT, "accept-encoding": "identity", "connection": "close"}
    context = _trust() if target.scheme == "https" else None
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), WHOLE)
    # Our backend has only the two methods that a pool of TCP connections calls.
    with httpcore2.ConnectionPool(ssl_context=context, max_connections=1, network_backend=backend) as pool:  # type: ignore[arg-type]
        asked = [(name.encode(), value.encode()) for name, value in sent.items()]
        with pool.stream("POST", url.encode(), headers=asked, content=body, extensions={"timeout": timeouts}) as reply:
            said = next((value.decode("latin-1") for name, value in reply.headers if name.lower() == b"retry-after"), None)
            return reply.status, said, _beginning(reply.iter_stream())


def _beginning(parts: Iterable[bytes]) -> str:
    """The first characters of an answer, fit to keep and to show. An answer that breaks off has been given all the same."""
    got = b""
    try:
        for part in parts:
            got += part
            if len(got) >= READ:
                break
    except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError):
        got += b""
    text = got[:READ].decode("utf-8", "replace")
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:KEPT]


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """The certificates that this machine trusts; SSL_CERT_FILE names others."""
    return ssl.create_default_context()


def _words(wrong: BaseException) -> str:
    inner: BaseException | None = wrong
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f"Its certificate is not right: {inner.verify_message}."
        if isinstance(inner, ssl.SSLError):
            return "No secure connection could be made."
        if isinstance(inner, ConnectionRefusedError):
            return "The connection was refused."
        inner = inner.__cause__ or inner.__context__
    return "The connection broke off." if isinstance(wrong, httpcore2.ReadError | httpcore2.WriteError) else "No connection could be made."


class _Backend:
    """Connects to the addresses that were checked, whatever name it is asked for, and to nothing after the end of its time."""

    def __init__(self, found: list[str], ends: float) -> None:
        self._found, self._ends = found, ends
        self._real = httpcore2.SyncBackend()

    def connect_tcp(self, host: str, port: int, **_: Any) -> _Timed:  # noqa: ARG002 - it goes where it was told before
        failed: BaseException | None = None
        for address in self._found:
            try:
                return _Timed(self._real.connect_tcp(address, port, min(CONNECT, left(self._ends))), self._ends)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as wrong:
                failed = wrong
        assert failed is not None
        raise failed

    def sleep(self, seconds: float) -> None:
        """Asked for between two attempts to connect, of which there is only one."""
        time.sleep(min(seconds, left(self._ends)))


class _Timed:
    """A connection on which nothing waits beyond one moment: an answer that trickles in byte by byte ends there, too."""

    def __init__(self, real: Any, ends: float) -> None:
        self._real, self._ends = real, ends

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - ours is shorter
        data: bytes = self._real.read(max_bytes, left(self._ends))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._real.write(buffer, left(self._ends))

    def close(self) -> None:
        self._real.close()

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None) -> _Timed:  # noqa: ARG002
        return _Timed(self._real.start_tls(ssl_context, server_hostname, min(CONNECT, left(self._ends))), self._ends)

    def get_extra_info(self, info: str) -> Any:
        return self._real.get_extra_info(info)


def left(ends: float) -> float:
    """Seconds until `ends`, or TimeoutError."""
    found = ends - time.monotonic()
    if found <= 0:
        raise TimeoutError
    return found
