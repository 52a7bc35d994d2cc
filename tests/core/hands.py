"""Processes of their own that take files in. They import little, so that they begin at once."""

from __future__ import annotations

import hashlib
import io
import os
import signal
from pathlib import Path
from typing import Any

from app.core import files
from app.core.db import connect
from app.core.files import Store, keep, receive
from app.core.tx import SYSTEM, transaction


def receive_and_die(url: str, folder: Path, when: str) -> None:
    """A process that is killed without warning: while it writes, before its transaction commits, or just after."""
    store, database = Store(folder, 10_000_000), connect(url, pool=1)

    def die(*_: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    if when == "writing":
        setattr(files, "_settle", die)  # noqa: B010 - mypy takes a plain assignment for a mistake
    received = receive(store, io.BytesIO(f"What was sent when it died {when}.".encode()), "notes.txt")
    with transaction(database, SYSTEM, writes=True) as tx:
        keep(tx, received)
        if when == "before the commit":
            die()
    die()


def keep_again_and_again(url: str, folder: Path, times: int) -> None:
    store, database = Store(folder, 10_000_000), connect(url, pool=1)
    for n in range(times):
        content = f"Reflection number {n}".encode()
        received = receive(store, io.BytesIO(content), "notes.txt")
        with transaction(database, SYSTEM, writes=True) as tx:
            assert keep(tx, received) == hashlib.sha256(content).hexdigest()
    database.dispose()
