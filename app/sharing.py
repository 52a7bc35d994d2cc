"""New connections shared out evenly among the web processes of `serve --processes N`.

The kernel wakes whoever listens, and the quickest takes all that wait: of eight connections kept open, as a proxy keeps them, one of two
processes was found with seven while the other sat idle. So each says in memory that they share how many it has, and whoever has more than
another lets a new one wait a moment for that one.
"""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from mmap import mmap
from typing import Any

import uvicorn

MOMENT = 0.001  # seconds
PATIENCE = 5  # moments; then it is taken, since the other may be busy or gone
WIDTH = 4  # bytes for each process's number of connections


class Tally:
    """How many connections each process has."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._each = memoryview(mmap(descriptor, 0)).cast("i")

    @classmethod
    def of(cls, processes: int) -> Tally:
        """A new one. Forked processes share it; those started later are given its descriptor."""
        with tempfile.TemporaryFile() as file:
            file.write(bytes(WIDTH * processes))
            file.flush()
            kept = os.dup(file.fileno())
        os.set_inheritable(kept, True)
        return cls(kept)

    def set(self, number: int, connections: int) -> None:
        self._each[number] = connections

    def add(self, number: int, change: int) -> None:
        self._each[number] += change

    def ahead(self, number: int) -> bool:
        """Has this process clearly more than another? Of many connections an eighth is not worth a wait."""
        mine = self._each[number]
        return mine - mine // 8 > min(self._each)


class SharingServer(uvicorn.Server):
    """Takes connections by the tally from a listener that several processes have."""

    def __init__(self, config: uvicorn.Config, tally: Tally, number: int) -> None:
        super().__init__(config)
        self._tally, self._number = tally, number
        self._waited = 0
        self._arriving: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        tally.set(number, 0)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])  # everything but listening
        assert sockets
        self._listener = sockets[0]
        self._listener.setblocking(False)
        self._protocol = _counted(self.config.http_protocol_class, self._tally, self._number)
        self._listen()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._rest()
        self._listener = None
        await super().shutdown(sockets=sockets)

    def _listen(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener, self._arrived)

    def _rest(self, seconds: float = 0) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listener)  # type: ignore[arg-type]
        if seconds:
            loop.call_later(seconds, self._listen)

    def _arrived(self) -> None:
        """Somebody connects: to us, unless another has fewer and comes in time."""
        assert self._listener is not None
        if self._waited < PATIENCE and self._tally.ahead(self._number):
            self._waited += 1
            self._rest(MOMENT)
            return
        self._waited = 0
        try:
            taken, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):  # another had it, or it has gone
            return
        except OSError:  # no more files may be open; they wait
            self._rest(100 * MOMENT)
            return
        self._tally.add(self._number, 1)
        task = asyncio.get_running_loop().create_task(self._receive(taken))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _receive(self, taken: socket.socket) -> None:
        taken.setblocking(False)
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        make = self._protocol
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state), taken
            )
        except OSError:
            self._tally.add(self._number, -1)
            taken.close()


def _counted(protocol: Any, tally: Tally, number: int) -> Any:
    class Counted(protocol):  # type: ignore[misc]
        def connection_lost(self, exc: Exception | None) -> None:
            tally.add(number, -1)
            super().connection_lost(exc)

    return Counted
