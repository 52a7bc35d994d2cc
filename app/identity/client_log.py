"""The log of each client's calls: kept in memory on the request's path, written in batches by a thread of its own.

Only which route, how it went and how long it took: no address and no value, so nothing about a person. A process that is killed loses the
last second; one that cannot write keeps so many, counts the rest and says so.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, exc, update

from app.core import tx as clocks
from app.core.db import Database, append
from app.core.tx import SYSTEM, transaction
from app.identity.models import ApiCall, ApiClient

EVERY = 1.0  # seconds between two batches
MOST = 20_000  # calls kept while they cannot be written
USED_EVERY = timedelta(minutes=1)  # "last used" is exact to this
_USED = update(ApiClient).where(ApiClient.id == bindparam("client")).values(last_used_at=bindparam("used_at"))

_Call = tuple[int, datetime, str, str, int, str | None, int, str]  # in the order of these columns
_COLUMNS = ("client_id", "at", "method", "route", "status", "code", "milliseconds", "request_id")


class Calls:
    """What the clients of one process have asked and is not yet written."""

    def __init__(self, database: Callable[[], Database]) -> None:
        self.every = EVERY
        self._database = database
        self._waiting: deque[_Call] = deque()
        self._dropped = 0
        self._used: dict[int, datetime] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def add(self, scope: Any, status: int, started: float) -> None:
        """A client's request was answered; `started` is when it came, by `time.perf_counter`."""
        if len(self._waiting) >= MOST:
            self._dropped += 1
            return
        state, route = scope["state"], scope.get("route")
        took = round((time.perf_counter() - started) * 1000)
        path = getattr(route, "path", "")
        code = state.get("code") if status >= 400 else None
        self._waiting.append((state["client"], clocks.clock(), scope["method"], path, status, code, took, state["request_id"]))
        if self._thread is None:
            self._start()

    def write(self) -> int:
        """Write what is waiting; returns how many calls. Those that the database does not take stay for the next time."""
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if batch:
            try:
                self._insert(batch)
            except (exc.OperationalError, exc.TimeoutError):
                self._waiting.extendleft(reversed(batch))
                raise
        return len(batch)

    def _insert(self, batch: list[_Call]) -> None:
        latest = {client: at for client, at, *_ in batch}
        used = {client: at for client, at in latest.items() if client not in self._used or at - self._used[client] >= USED_EVERY}
        with transaction(self._database(), SYSTEM, writes=True) as tx:
            append(tx.db, ApiCall.__table__, _COLUMNS, batch)
            if used:
                tx.db.execute(_USED, [dict(client=client, used_at=at) for client, at in sorted(used.items())])
        self._used |= used

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._stop.clear()
                self._thread = threading.Thread(target=self._run, name="calls", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self.every):
            self._try()

    def _try(self) -> None:
        try:
            self.write()
        except Exception as wrong:  # noqa: BLE001 - the log never stands in the way of what it is about
            sys.stderr.write(json.dumps({"event": "call-log-fault", "kind": type(wrong).__name__}) + "\n")
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            sys.stderr.write(json.dumps({"event": "call-log-dropped", "calls": dropped}) + "\n")

    def stop(self) -> None:
        """Write the last ones; for when the process ends."""
        with self._starting:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            thread.join(timeout=10)
        self._try()
