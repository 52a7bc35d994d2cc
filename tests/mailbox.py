"""A real mail server for tests: it keeps what it takes and answers as told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Inbox:
    """The server's other end. `answers`: recipient → refusal; `slow`: seconds that taking a message lasts."""

    answers: dict[str, str] = field(default_factory=dict)
    slow: float = 0.0
    taken: list[EmailMessage] = field(default_factory=list)
    peers: set[Any] = field(default_factory=set)
    port: int = 0

    async def handle_RCPT(self, _server: Any, session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        self.peers.add(session.peer)
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.taken.append(message_from_bytes(envelope.content, policy=SMTP))
        await asyncio.sleep(self.slow)
        return "250 OK"

    @property
    def ids(self) -> list[str]:
        """Message-IDs in the order of arrival, second copies included."""
        return [str(email["Message-ID"]) for email in self.taken]


class _AnyPort(Controller):
    def _trigger_server(self) -> None:
        listening: Any = self.server
        self.port = listening.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def mail_server() -> Iterator[Inbox]:
    """Running on a port of its own."""
    inbox = Inbox()
    controller = _AnyPort(inbox, hostname="127.0.0.1", port=0)
    controller.start()
    inbox.port = controller.port
    try:
        yield inbox
    finally:
        controller.stop()
