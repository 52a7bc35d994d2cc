"""Background work: due jobs, then messages. Safe to run in several processes at once, because work is claimed in the database."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable

from app import jobs
from app.core.config import Settings
from app.core.db import Database
from app.notifications import delivery

PAUSE = 1.0  # seconds between looks when there was nothing to do


def tick(database: Database, settings: Settings) -> int:
    """Do everything that is due now; returns how many things were done."""
    done = jobs.run_due(database)
    return done + delivery.deliver_due(database, settings)


def run(database: Database, settings: Settings, stop: threading.Event) -> None:
    """Tick until told to stop. A fault is logged and waited out: the work it left is claimed again when its lease ends."""
    while not stop.is_set():
        try:
            busy = tick(database, settings) > 0
        except Exception as wrong:
            sys.stderr.write(json.dumps({"event": "worker-fault", "kind": type(wrong).__name__}) + "\n")
            busy = False
            time.sleep(PAUSE)
        if not busy:
            stop.wait(PAUSE)


def start(database: Database, settings: Settings) -> Callable[[], None]:
    """Run in a thread of this process; returns how to stop it."""
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(database, settings, stop), name="worker", daemon=True)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join(timeout=10)

    return end
