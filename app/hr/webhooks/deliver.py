"""Sends what is due: claim some (commit), send them with no transaction open, note what became of them (commit), and so on.

At least once, with the same id each time, and in order within a lane. Each message has a thread, and what is due to others is claimed while
some are under way, so that a receiver that hangs holds up only its own.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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

SENDERS = 16  # messages under way at once, each in a thread
CAP = 3  # messages under way to one receiver; 1 to one that is failing, and half of all to those that are
LONGEST = 45.0  # seconds after its claim from which a delivery is not begun; with the sending itself well within the lease
LOOK_EVERY = 0.5  # seconds after which it looks what else is due while some receivers keep it waiting
HEAR = 0.2  # seconds to wait for an answer before looking whether to stop
PATIENCE = 3.0  # seconds for what is under way, once told to stop
NOTE_EVERY = 20  # answers between two commits, or …
NOTE_AFTER = 1.0  # … seconds: as much as a killed worker may have sent without a note


@dataclass(slots=True)
class _Sending:
    """What is in hand."""

    waiting: list[Letter] = field(default_factory=list)
    under_way: Counter[int] = field(default_factory=Counter)  # by subscription
    failing: set[int] = field(default_factory=set)  # subscriptions that were failing when something of theirs was claimed last
    struggling: set[int] = field(default_factory=set)  # subscriptions to which nothing more goes now
    answers: SimpleQueue[tuple[Letter, Answer, datetime]] = field(default_factory=SimpleQueue)
    outcome: Outcome = field(default_factory=Outcome)
    counts: Counter[str] = field(default_factory=Counter)

    def cap(self, subscription_id: int) -> int:
        return 1 if subscription_id in self.failing else CAP

    def busy(self) -> set[int]:
        """Subscriptions of which enough is in hand."""
        full = {key for key, count in self.under_way.items() if count >= self.cap(key)}
        return full | self.struggling | {letter.subscription_id for letter in self.waiting}

    def may_start(self, subscription_id: int) -> bool:
        if self.under_way.total() >= SENDERS or self.under_way[subscription_id] >= self.cap(subscription_id):
            return False
        return subscription_id not in self.failing or sum(self.under_way[key] for key in self.failing) < SENDERS // 2


def deliver_due(database: Database, settings: Settings, stop: threading.Event | None = None, *, lookup: Lookup = look_up) -> int:
    """Send until nothing is due; returns how many deliveries were dealt with (0: nothing was). Stops early when told to.

    Nobody waits for the slowest: while some receivers keep their messages waiting, what is due to others is claimed and sent.
    """
    batch, stop, done = _Sending(), stop or threading.Event(), 0
    stopped: float | None = None
    looked, noted, heard = 0.0, time.monotonic(), True
    while True:
        now = time.monotonic()
        if stop.is_set():
            stopped = stopped or now
            batch.outcome.given_back += batch.waiting
            batch.waiting = []
            if now - stopped > PATIENCE:
                break  # what is still under way is claimed again when its lease ends
        elif batch.under_way.total() < SENDERS and ((heard and not batch.waiting) or now - looked > LOOK_EVERY):
            _say(settings, batch)
            noting.note(database, batch.outcome)  # first, since the next of a lane waits for it
            done += _take(database, batch)
            looked, noted, heard = now, now, False
        _start(settings, batch, lookup)
        if not batch.under_way.total():
            break  # nothing is in hand: what waits starts if nothing else is under way
        heard = _hear(batch) or heard
        if len(batch.outcome) >= NOTE_EVERY or time.monotonic() - noted > NOTE_AFTER:
            noting.note(database, batch.outcome)
            noted = time.monotonic()
    noting.note(database, batch.outcome)
    _say(settings, batch)
    return done


def _take(database: Database, batch: _Sending) -> int:
    """Claim what is due to receivers that are not busy; returns how many deliveries that is."""
    claimed = claiming.claim(database, batch.busy())
    if not claimed:
        return 0
    with job(database, writes=False) as tx:
        letters = claiming.compose(tx, claimed)
    dropped = [letter.id for letter in letters if letter.body is None]
    worn_out = [letter.id for letter in letters if letter.body is not None and letter.attempts > MAX_ATTEMPTS]
    batch.outcome.dropped += dropped
    batch.outcome.worn_out += worn_out
    batch.counts.update(dropped=len(dropped), worn_out=len(worn_out))
    for letter in letters:
        (batch.failing.discard if letter.failing_since is None else batch.failing.add)(letter.subscription_id)
    batch.waiting += [letter for letter in letters if letter.body is not None and letter.attempts <= MAX_ATTEMPTS]
    return len(claimed)


def _say(settings: Settings, batch: _Sending) -> None:
    if batch.counts.total() and settings.log_level in ("debug", "info"):
        sys.stderr.write(json.dumps({"event": "webhooks", **batch.counts}) + "\n")
    batch.counts.clear()


def _start(settings: Settings, batch: _Sending, lookup: Lookup) -> None:
    """Send as many letters as may be under way at once; those for a receiver that struggles are given back, those of a busy one wait.

    Each has a thread of its own that ends with the process: nobody who stops the service waits for a slow receiver.
    """
    left: list[Letter] = []
    stale = clock() + claiming.LEASE - timedelta(seconds=LONGEST)
    for letter in batch.waiting:
        if letter.subscription_id in batch.struggling or letter.locked_until < stale:
            batch.outcome.given_back.append(letter)
        elif not batch.may_start(letter.subscription_id):
            left.append(letter)
        else:
            batch.under_way[letter.subscription_id] += 1
            threading.Thread(target=_send, args=(letter, settings, lookup, batch.answers), name="webhook", daemon=True).start()
    batch.waiting = left
    batch.struggling = {key for key in batch.struggling if batch.under_way[key]}  # from here on its quiet time says when it is asked again


def _hear(batch: _Sending) -> bool:
    """Wait a moment for the next answer, and take all that are there; was there any?"""
    try:
        found = [batch.answers.get(timeout=HEAR)]
        while not batch.answers.empty():
            found.append(batch.answers.get())
    except Empty:
        return False
    for letter, said, at in found:
        batch.under_way[letter.subscription_id] -= 1
        batch.outcome.answers.append((letter, said, at))
        batch.counts["sent" if said.taken else "failed"] += 1
        if noting.struggles(said, letter.failing_since, clock()) or said.status == noting.GONE:
            batch.struggling.add(letter.subscription_id)
    return True


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
