"""Background work: due jobs, then messages. Safe to run in several processes at once, because work is claimed in the database."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable

from app import jobs
from app.core.config import Settings
from app.core.db import Database
from app.hr.webhooks import deliver
from app.notifications import delivery

PAUSE = 1.0  # seconds between looks when there was nothing to do
KEEPS = 500  # kB a connection: nobody waits for the worker to read the same again (core.db.Database)
LONGEST_PAUSE = 30.0  # … and after several faults in a row


def tick(database: Database, settings: Settings, stop: threading.Event | None = None) -> int:
    """Do everything that is due now; returns how many things were done. Leaves off early when told to stop.

    Between two batches of messages it looks at the clocks again: a long queue of e-mails keeps no place from passing on.
    """
    return look(database, settings, stop) + send(database, settings, stop)


def look(database: Database, settings: Settings, stop: threading.Event | None = None) -> int:
    """Everything but the webhooks, whose receivers may be slow: they have a thread of their own."""
    done = jobs.run_due(database) + jobs.run_clocks(database) + jobs.look_after_files(database, settings)
    done += jobs.look_after_portfolios(database, settings)
    while not (stop is not None and stop.is_set()) and (delivered := delivery.deliver_due(database, settings, stop)):
        done += delivered + jobs.run_clocks(database)
    return done


def send(database: Database, settings: Settings, stop: threading.Event | None = None) -> int:
    """All webhooks that are due; returns how many were dealt with."""
    done = 0
    while not (stop is not None and stop.is_set()) and (sent := deliver.deliver_due(database, settings, stop)):
        done += sent
    return done


def run(database: Database, settings: Settings, stop: threading.Event) -> None:
    """Work until told to stop: jobs, clocks and e-mail here, webhooks beside them."""
    sender = threading.Thread(target=_again, args=(send, database, settings, stop), name="webhooks", daemon=True)
    sender.start()
    _again(look, database, settings, stop)
    sender.join(timeout=5)


def _again(work: Callable[..., int], database: Database, settings: Settings, stop: threading.Event) -> None:
    """Over and over. A fault is logged and waited out: the work it left is claimed again when its lease ends."""
    faults = 0
    while not stop.is_set():
        try:
            work(database, settings, stop)
            faults = 0
        except Exception as wrong:  # noqa: BLE001 - the worker never dies of one piece of work
            faults += 1
            sys.stderr.write(json.dumps({"event": "worker-fault", "kind": type(wrong).__name__}) + "\n")
        stop.wait(min(PAUSE * 2**faults, LONGEST_PAUSE) if faults else PAUSE)


def start(database: Database, settings: Settings) -> Callable[[], None]:
    """Run in a thread of this process; returns how to stop it."""
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(database, settings, stop), name="worker", daemon=True)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join(timeout=10)

    return end
