"""What each of many hands does at once to one session, and processes of their own to do it in."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app import jobs
from app.bookings import operations
from app.bookings.models import Booking, Session
from app.bookings.operations import offers, queue
from app.bookings.operations.passing import pass_on_to
from app.bookings.operations.sessions import change_session
from app.core.db import Database, connect
from app.core.errors import Refusal
from app.core.tx import SYSTEM, Tx, transaction

Deed = Callable[[], object]


def at_once(*deeds: Deed) -> list[str]:
    """Each in a thread of its own, let go together; returns what each came to: "done", or the code of its refusal."""
    meet = threading.Barrier(len(deeds), timeout=30)
    came: list[str] = [""] * len(deeds)

    def run(n: int, deed: Deed) -> None:
        meet.wait()
        try:
            deed()
            came[n] = "done"
        except Refusal as refusal:
            came[n] = refusal.code
        except Exception as wrong:  # noqa: BLE001 - the test looks at it
            came[n] = f"fault: {type(wrong).__name__} {wrong}"

    threads = [threading.Thread(target=run, args=(n, deed)) for n, deed in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return came


def doing(database: Database, verb: Callable[..., object], *args: Any, now: datetime | None = None) -> Deed:
    """A verb in a transaction of the system."""

    def deed() -> object:
        with transaction(database, SYSTEM, writes=True, now=now) as tx:
            return verb(tx, *args)

    return deed


def storm(url: str, session_id: int, people: list[int], seed: int, deeds: int) -> None:
    """A pair of hands in a process of its own that tries one thing after the other; refusals are part of the game."""
    database = connect(url, pool=2)
    chance = random.Random(seed)
    for _ in range(deeds):
        try:
            _deed(database, session_id, people, chance)
        except Refusal:
            continue
    database.dispose()


def _deed(database: Database, session_id: int, people: list[int], chance: random.Random) -> None:
    what = chance.choices(("join", "cancel", "accept", "decline", "pass", "resize", "worker"), (40, 20, 25, 8, 6, 4, 6))[0]
    if what == "worker":
        jobs.run_clocks(database)
        return
    with transaction(database, SYSTEM, writes=False) as tx:
        rows = tx.rows(select(Booking.id, Booking.status).where(Booking.session_id == session_id))
        version = tx.get(Session, session_id).version
    state = {"accept": "offered", "decline": "offered", "pass": "booked", "cancel": "booked"}.get(what)
    apt = [row.id for row in rows if row.status == state]
    with transaction(database, SYSTEM, writes=True) as tx:
        if what == "join":
            operations.book(tx, session_id, chance.choice(people))
        elif what == "resize":
            change_session(tx, session_id, version, capacity=chance.randint(2, 6))
        elif apt:
            _answer(tx, what, chance.choice(apt), chance.choice(people))


def _answer(tx: Tx, what: str, booking: int, colleague: int) -> None:
    if what == "cancel":
        operations.cancel(tx, booking, "Court hearing")
    elif what == "pass":
        pass_on_to(tx, booking, colleague)
    else:
        (offers.accept if what == "accept" else offers.decline)(tx, booking)


def cancel_and_die(url: str, booking: int, when: str) -> None:
    """Gives a place up and is killed without warning: "before" the place is passed on, or "while" that is written but not committed."""

    written = queue._offer

    def die(*done: Any) -> int:
        if when == "while":
            written(*done)
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    setattr(queue, "pass_on_now" if when == "before" else "_offer", die)
    doing(connect(url, pool=2), operations.cancel, booking, "Court hearing")()


def in_processes(target: Callable[..., None], *arguments: tuple[Any, ...]) -> list[int | None]:
    """Each call in a fresh process, all at once; returns how each ended."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=target, args=each) for each in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    return [process.exitcode for process in processes]
