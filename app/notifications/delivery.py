"""Delivers queued e-mail: claim a batch (commit), send it with no transaction open, note what became of it (commit).

At least once, and in order for each person and subject. A message sent twice, because a worker was killed before it could note the first,
carries the same Message-ID, by which mail systems know it again.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from jinja2 import TemplateError
from sqlalchemy import Row, Update, exists, literal_column, or_, select, update

from app.core.config import Settings
from app.core.db import Database
from app.core.declared import aliased
from app.core.ledger import Outbox
from app.core.mail import MailRefused, Sends, build, mailer
from app.core.tx import Tx
from app.core.work import job, take
from app.identity.operations import LINK_LIFE, LinkWanted, mint_links
from app.notifications import inbox
from app.notifications.facts import Facts, compose
from app.notifications.messages import FactsError, render
from app.notifications.preferences import chosen

BATCH = 50
LEASE = timedelta(minutes=5)  # a claimed message that nobody has spoken for since may be claimed again
LONGEST = 60.0  # seconds that one batch may take before the rest of it is given back, well within the lease
NOTE_EVERY = 10  # messages sent between two commits: how many a killed worker may have sent without a note
DELAYS = (1, 5, 15, 60, 240)  # minutes to wait after the first, second … failure; the last one repeats
MAX_ATTEMPTS = 8
_LINKS = {"email.invitation": "invitation", "email.password_reset": "reset", "email.booking_offered": "offer"}
_LINKS |= {"email.contribution_asked": "contribution"}
_WHERE = {"offer": "/offers", "contribution": "/contributions"}
_UNSENT = (Outbox.sent_at.is_(None), Outbox.parked_at.is_(None), Outbox.how == "email")


@dataclass(slots=True)
class Outcome:
    """What became of a batch, by outbox id, as far as it is not yet noted in the database."""

    sent: list[int] = field(default_factory=list)
    later: dict[int, tuple[int, str]] = field(default_factory=dict)  # attempts so far, and why
    parked: dict[int, str] = field(default_factory=dict)  # why
    given_back: list[int] = field(default_factory=list)


def deliver_due(database: Database, settings: Settings, stop: threading.Event | None = None) -> int:
    """Deliver one batch of what is due; returns how many messages were dealt with (0: nothing is due). Stops early when told to."""
    claimed = claim(database)
    if not claimed:
        return 0
    rows = [row for row in claimed if row.how == "email"]  # the others are dealt with: they wait for the summary or are in the inbox
    with job(database, writes=False) as tx:
        facts = compose(tx, rows)
        inbox.put_subjects(tx, facts, settings)
    _put_links(database, rows, facts)
    counts = dict.fromkeys(("sent", "later", "parked", "given_back"), 0)
    outcome, sender = Outcome(), mailer(settings.smtp_url, settings.mail_dir)
    deadline = time.monotonic() + LONGEST
    try:
        for number, row in enumerate(rows):
            if (stop is not None and stop.is_set()) or time.monotonic() > deadline:
                outcome.given_back += [left.id for left in rows[number:]]
                break
            refusal = _deliver(settings, sender, row, facts[row.id], outcome)
            if refusal is not None and refusal.unreached:  # nor will the others reach it
                outcome.later |= {left.id: (left.attempts, refusal.reason) for left in rows[number + 1 :]}
                break
            if len(outcome.sent) >= NOTE_EVERY:
                note(database, outcome, counts)
    finally:
        note(database, outcome, counts)
        sender.close()
    if settings.log_level in ("debug", "info"):
        sys.stderr.write(json.dumps({"event": "delivery", **counts}) + "\n")
    return len(claimed)


def claim(database: Database) -> Sequence[Row[Any]]:
    """Take up to BATCH due messages for LEASE, oldest first; those that their readers want another way are put there, and say so in `how`.

    A message waits while an earlier one to the same person about the same thing does, unless that one is parked.
    """
    with job(database, writes=False) as tx:  # most looks find nothing, and need not queue with the writers
        if tx.scalar(_due(tx.now).limit(1)) is None:
            return []
    with job(database) as tx:
        return chosen(tx, take(tx, Outbox, _due(tx.now).order_by(Outbox.due_at, Outbox.id).limit(BATCH), LEASE))


def _due(now: datetime) -> Any:
    before = aliased(Outbox, name="before")
    blocked = exists(
        select(literal_column("1")).where(
            before.subject == Outbox.subject,
            before.subject_id == Outbox.subject_id,
            before.person_id == Outbox.person_id,
            before.id < Outbox.id,
            before.sent_at.is_(None),
            before.parked_at.is_(None),
            before.how == "email",
        )
    )
    free = or_(Outbox.locked_until.is_(None), Outbox.locked_until <= now)
    return select(Outbox.id).where(*_UNSENT, Outbox.due_at <= now, Outbox.kind.like("email.%"), free, ~blocked)


def _deliver(settings: Settings, sender: Sends, row: Row[Any], facts: Facts, outcome: Outcome) -> MailRefused | None:
    """Send one message and keep what became of it; returns the refusal, if it was one."""
    if row.attempts > MAX_ATTEMPTS:  # every try ended without a word: whatever it is, it stops workers
        outcome.parked[row.id] = f"Tried {MAX_ATTEMPTS} times; the worker stopped each time."
        return None
    if not facts["to"]:
        outcome.parked[row.id] = "The person has no e-mail address."
        return None
    try:
        message = render(row.kind, facts, settings, message_id=row.id, now=row.created_at)
        sender.send(build(message, settings.mail_from, row.created_at))
    except FactsError as wrong:
        outcome.parked[row.id] = str(wrong)
    except MailRefused as refusal:
        if refusal.permanent:
            outcome.parked[row.id] = refusal.reason
        else:
            outcome.later[row.id] = (row.attempts, refusal.reason)
        return refusal
    except (ValueError, TypeError, LookupError, AttributeError, TemplateError) as fault:  # ours; the values stay out of the record
        outcome.parked[row.id] = f"The message could not be written ({type(fault).__name__})."
    else:
        outcome.sent.append(row.id)
    return None


def _put_links(database: Database, rows: Sequence[Row[Any]], facts: dict[int, Facts]) -> None:
    """Single-use links are made only now, so that no secret ever waits in the outbox or the audit trail; all of a batch in one transaction.

    An offer that has been answered or has run out meanwhile gets none: its message points to the booking's own page. Nor does somebody who
    is asked for nothing any more.
    """
    wanted: dict[int, LinkWanted] = {}
    with job(database, writes=False) as tx:
        now = tx.now
    for row in rows:
        purpose, to = _LINKS.get(row.kind), facts[row.id]["to"]
        if purpose is None or not to:
            continue
        if purpose == "contribution":
            ends = datetime.fromisoformat(facts[row.id]["expires_at"])
            if facts[row.id]["state"] == "asked" and ends > now:
                wanted[row.id] = LinkWanted(None, purpose, to, ends, row.subject_id)
        elif purpose != "offer":
            wanted[row.id] = LinkWanted(row.person_id, purpose, to, now + LINK_LIFE[purpose])
        elif facts[row.id].get("status") == "offered" and (ends := datetime.fromisoformat(facts[row.id]["offer_ends_at"])) > now:
            wanted[row.id] = LinkWanted(row.person_id, purpose, to, ends, row.subject_id)
    if not wanted:
        return
    with job(database) as tx:
        tokens = mint_links(tx, list(wanted.values()))
    for (key, one), token in zip(wanted.items(), tokens, strict=True):
        where = _WHERE.get(one.purpose, "/password/set") + f"/{token}"
        facts[key] |= {"link": where, "expires_at": one.expires_at.isoformat()}


# What became of them -----------------------------------------------------------------------------------------------


def note(database: Database, outcome: Outcome, counts: dict[str, int]) -> None:
    """Write down and clear what is known so far; adds to `counts`."""
    late = {key: why for key, (attempts, why) in outcome.later.items() if attempts >= MAX_ATTEMPTS}
    for key, why in late.items():
        del outcome.later[key]
        outcome.parked[key] = f"Tried {MAX_ATTEMPTS} times. {why}"
    if outcome.sent or outcome.later or outcome.parked or outcome.given_back:
        with job(database) as tx:
            _write(tx, outcome)
    counts["sent"] += len(outcome.sent)
    counts["later"] += len(outcome.later)
    counts["parked"] += len(outcome.parked)
    counts["given_back"] += len(outcome.given_back)
    outcome.sent.clear()
    outcome.later.clear()
    outcome.parked.clear()
    outcome.given_back.clear()


def _write(tx: Tx, outcome: Outcome) -> None:
    def unsent(ids: Sequence[int]) -> Update:
        return update(Outbox).where(Outbox.id.in_(ids), *_UNSENT)

    if outcome.sent:
        tx.db.execute(unsent(outcome.sent).values(sent_at=tx.now, locked_until=None, error=None))
    if outcome.given_back:
        tx.db.execute(unsent(outcome.given_back).values(locked_until=None, attempts=Outbox.attempts - 1))
    for key, (attempts, why) in outcome.later.items():
        tx.db.execute(unsent([key]).values(due_at=tx.now + back_off(attempts), locked_until=None, error=why))
    for key, why in outcome.parked.items():
        tx.db.execute(unsent([key]).values(parked_at=tx.now, locked_until=None, error=why))


def back_off(attempts: int) -> timedelta:
    """How long to wait after so many failures; a fifth more or less, so that messages held up together do not all return at once."""
    return timedelta(minutes=DELAYS[min(attempts, len(DELAYS)) - 1]) * random.uniform(0.8, 1.2)
