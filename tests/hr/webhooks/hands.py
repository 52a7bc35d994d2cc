"""A worker in a process of its own, for whom leases, waits and time-outs are short: minutes in earnest are tenths of seconds here."""

from __future__ import annotations

import multiprocessing
import threading
from datetime import timedelta
from typing import Any

from app import jobs, worker
from app.core.config import load
from app.core.db import connect
from app.hr import feed
from app.hr.webhooks import claiming, deliver, fan_out, noting, sending

PATIENT = 1000  # attempts


def work(url: str, folder: str) -> None:
    """Number, make out and send, until it is killed."""
    claiming.LEASE = timedelta(seconds=1.5)
    noting.DELAYS = (0.1,) * PATIENT  # type: ignore[assignment]
    noting.MAX_ATTEMPTS = PATIENT
    deliver.MAX_ATTEMPTS = PATIENT  # type: ignore[attr-defined]  # its own name for the same
    noting.SHORTEST = noting.LONGEST_QUIET = timedelta(seconds=0.1)
    assert sending.post.__kwdefaults__
    sending.post.__kwdefaults__["whole"] = 0.5
    deliver.LONGEST, worker.PAUSE = 0.7, 0.05
    jobs.TIMETABLE, jobs.CLOCKS = {}, (feed.number_due, fan_out.make_out_due)
    settings = load(database_url=url, webhook_private="127.0.0.1", log_level="error", files_dir=folder, mail_dir=folder)
    worker.run(connect(url, pool=3), settings, threading.Event())


class Worker:
    """One such process, started again whenever it has been killed. They are forked from one that has loaded everything."""

    def __init__(self, url: str, folder: str) -> None:
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload([__name__])
        self.given = (url, folder)
        self.start()

    def start(self) -> None:
        self.running: Any = self.context.Process(target=work, args=self.given, daemon=True)
        self.running.start()

    def kill(self) -> None:
        """Without a word of warning."""
        assert self.running.is_alive(), "it does not die of what receivers do"
        self.end()

    def end(self) -> None:
        self.running.kill()
        self.running.join()
        self.running.close()
