"""What a connection is to the web server: how long it may take its time, and that an answer leaves in one piece.

One that sends its request byte by byte, or does not read its answer, holds nothing for ever.

The web server has no such limits of its own. A request's head (its address and headers) must be complete within some seconds and be no
larger than it need be; its body has its own limit in `core.web.Edge`, where it can be refused in words. No thread waits meanwhile: requests
reach one only when they are complete.
"""

from __future__ import annotations

import asyncio
from typing import Any

LARGEST_HEAD = 64 * 1024  # bytes
UNREAD = 30.0  # seconds without a byte of the answer taken, after which its connection is cut
_REPLY = "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{words}"
_LATE = "408 Request Timeout", "The request took too long to arrive."
_LARGE = "431 Request Header Fields Too Large", "The request's headers are larger than this service accepts."


class Together:
    """A transport that sends the head of an answer along with what follows it: one packet, and one call of the system instead of two.

    The web server writes them one after the other. What follows later, as of an answer made while it is sent, is not waited for.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 "):
            self._head = data
            self._loop.call_soon(self._send)
            return
        self._transport.write(data)

    def _send(self) -> None:
        if self._head:
            data, self._head = self._head, b""
            self._transport.write(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Patient:
    """A connection whose patience ends; goes before the web server's own protocol in the order of classes."""

    seconds: float  # for the head of a request
    unread: float
    loop: asyncio.AbstractEventLoop
    transport: Any
    cycle: Any  # the request whose head came last; None before the first
    _late: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _head = 0  # bytes of a head that is not complete

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Together(transport, self.loop))  # type: ignore[misc]
        self._late = self.loop.call_later(self.seconds, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._late, self._stalled):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)  # type: ignore[misc]

    def data_received(self, data: bytes) -> None:
        super().data_received(data)  # type: ignore[misc]
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:  # the head is there, and the application has it
            if self._late is not None:
                self._late.cancel()
                self._late, self._head = None, 0
            return
        if self._late is None:
            self._late = self.loop.call_later(self.seconds, self._too_late)
        if cycle is None or not cycle.more_body:  # else it is the rest of a body that was refused
            self._head += len(data)
            if self._head > LARGEST_HEAD:
                self._refuse(*_LARGE)

    def on_response_complete(self) -> None:
        """The next request begins; a head that came along with it is counted from here."""
        if self._late is not None:
            self._late.cancel()
            self._late, self._head = None, 0
        super().on_response_complete()  # type: ignore[misc]

    def _too_late(self) -> None:
        cycle = self.cycle
        if self._head and (cycle is None or not cycle.more_body):
            self._refuse(*_LATE)
        else:  # nothing was said, or what is said is past asking
            self.transport.close()

    def _refuse(self, status: str, words: str) -> None:
        if not self.transport.is_closing():
            self.transport.write(_REPLY.format(status=status, length=len(words), words=words).encode())
            self.transport.close()

    def pause_writing(self) -> None:
        """More is waiting for the reader than is kept: watch whether any of it is taken."""
        super().pause_writing()  # type: ignore[misc]
        if self._stalled is None:
            self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()  # type: ignore[misc]
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _watch(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._stalled = self.loop.call_later(self.unread, self._look, waiting)

    def _look(self, before: int) -> None:
        if self.transport.get_write_buffer_size() >= before:
            self.transport.abort()
        else:
            self._watch()


def protocol(seconds: float, unread: float = UNREAD) -> Any:
    """The web server's protocol for one connection, with these limits."""
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    return type("PatientProtocol", (Patient, AutoHTTPProtocol), {"seconds": seconds, "unread": unread})
