"""Sends what is due: claim a batch (commit), send it with no transaction open, note what became of it (commit).

At least once, with the same id each time, and in order within a lane. A few threads send, so that a slow receiver holds up only its own.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from app.core.config import Settings
from app.core.db import Database
from app.core.tx import clock
from app.core.work import job
from app.hr.webhooks import claiming, noting, signing
from app.hr.webhooks.claiming import Letter
from app.hr.webhooks.noting import MAX_ATTEMPTS, Outcome
from app.hr.webhooks.targets import Lookup, look_up

if TYPE_CHECKING:
    from app.hr.webhooks.sending import Answer

SENDERS = 8  # messages under way at once, each in a thread
CAP = 3  # messages under way to one receiver
LONGEST = 45.0  # seconds after which a batch begins nothing new; with the last sendings well within the lease
HEAR = 0.2  # seconds to wait for an answer before looking whether to stop
PATIENCE = 3.0  # seconds for what is under way, once told to stop
NOTE_EVERY = 20  # answers between two commits, or …
NOTE_AFTER = 1.0  # … seconds: as much as a killed worker may have sent without a note


@dataclass(slots=True)
class _Sending:
    """A batch on its way."""

    waiting: list[Letter]
    under_way: Counter[int] = field(default_factory=Counter)  # by subscription
    struggling: set[int] = field(default_factory=set)  # subscriptions to which nothing more goes now
    answers: SimpleQueue[tuple[Letter, Answer, datetime]] = field(default_factory=SimpleQueue)


def deliver_due(database: Database, settings: Settings, stop: threading.Event | None = None, *, lookup: Lookup = look_up) -> int:
    """Send one batch of what is due; returns how many deliveries were dealt with (0: nothing is due). Stops early when told to."""
    claimed = claiming.claim(database)
    if not claimed:
        return 0
    with job(database, writes=False) as tx:
        letters = claiming.compose(tx, claimed)
    outcome = Outcome()
    outcome.dropped += [letter.id for letter in letters if letter.body is None]
    outcome.worn_out += [letter.id for letter in letters if letter.body is not None and letter.attempts > MAX_ATTEMPTS]
    waiting = [letter for letter in letters if letter.body is not None and letter.attempts <= MAX_ATTEMPTS]
    counts = Counter(dropped=len(outcome.dropped), worn_out=len(outcome.worn_out))
    _send_all(database, settings, _Sending(waiting), outcome, stop or threading.Event(), lookup, counts)
    noting.note(database, outcome)
    if settings.log_level in ("debug", "info"):
        sys.stderr.write(json.dumps({"event": "webhooks", **counts}) + "\n")
    return len(claimed)


def _send_all(
    database: Database,
    settings: Settings,
    batch: _Sending,
    outcome: Outcome,
    stop: threading.Event,
    lookup: Lookup,
    counts: Counter[str],
) -> None:
    begun = noted = time.monotonic()
    stopped: float | None = None
    while batch.waiting or batch.under_way.total():
        if stop.is_set() or time.monotonic() - begun > LONGEST:
            outcome.given_back += batch.waiting
            batch.waiting.clear()
        if stop.is_set():
            stopped = stopped or time.monotonic()
            if time.monotonic() - stopped > PATIENCE:
                return  # what is still under way is claimed again when its lease ends
        _start(settings, batch, outcome, lookup)
        if batch.under_way.total():
            _hear(batch, outcome, counts)
        if len(outcome) >= NOTE_EVERY or time.monotonic() - noted > NOTE_AFTER:
            noting.note(database, outcome)
            noted = time.monotonic()


def _start(settings: Settings, batch: _Sending, outcome: Outcome, lookup: Lookup) -> None:
    """Send as many letters as may be under way at once; those for a receiver that struggles are given back, those of a busy one wait.

    Each has a thread of its own that ends with the process: nobody who stops the service waits for a slow receiver.
    """
    left: list[Letter] = []
    for letter in batch.waiting:
        if letter.subscription_id in batch.struggling:
            outcome.given_back.append(letter)
        elif batch.under_way.total() >= SENDERS or batch.under_way[letter.subscription_id] >= CAP:
            left.append(letter)
        else:
            batch.under_way[letter.subscription_id] += 1
            threading.Thread(target=_send, args=(letter, settings, lookup, batch.answers), name="webhook", daemon=True).start()
    batch.waiting = left


def _hear(batch: _Sending, outcome: Outcome, counts: Counter[str]) -> None:
    """Wait a moment for the next answer, and take all that are there."""
    try:
        found = [batch.answers.get(timeout=HEAR)]
        while not batch.answers.empty():
            found.append(batch.answers.get())
    except Empty:
        return
    for letter, said, at in found:
        batch.under_way[letter.subscription_id] -= 1
        outcome.answers.append((letter, said, at))
        counts["sent" if said.taken else "failed"] += 1
        if noting.struggles(said, letter.failing_since, clock()) or said.status == noting.GONE:
            batch.struggling.add(letter.subscription_id)


def _send(letter: Letter, settings: Settings, lookup: Lookup, answers: SimpleQueue[tuple[Letter, Answer, datetime]]) -> None:
    """One message, signed now: receivers refuse what is older than some minutes."""
    from app.hr.webhooks import sending  # brings an HTTP client with it, which a service without webhooks never loads

    at, body = clock(), letter.body or b""
    try:
        headers = signing.headers(list(letter.secrets), letter.message_id, at, body)
        said = sending.post(letter.url, headers, body, settings.private_webhooks, lookup=lookup)
    except Exception as fault:  # noqa: BLE001 - ours; it must not hold up the others
        said = sending.Answer(0, error=f"The message could not be sent ({type(fault).__name__}).")
    answers.put((letter, said, at))
