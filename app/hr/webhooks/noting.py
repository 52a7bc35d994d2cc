"""What became of deliveries, written down: taken, to be tried again, parked; receivers that are gone, or have taken nothing for days."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Update, func, insert, or_, select, update

from app.core import ledger
from app.core.db import Database
from app.core.facts import current
from app.core.ledger import Outbox
from app.core.tx import Tx
from app.core.work import job
from app.hr.change_models import Delivery, DeliveryTry, Subscription
from app.hr.webhooks import operations
from app.hr.webhooks.claiming import Letter
from app.identity.models import ApiClient
from app.people.models import RoleHeld, UnitClosure
from app.policy import Role

if TYPE_CHECKING:
    from app.hr.webhooks.sending import Answer

# Seconds to wait after the first, second … failure: the schedule that the specification suggests, ten attempts in three days.
DELAYS = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
MAX_ATTEMPTS = len(DELAYS) + 1
SHORTEST, LONGEST_QUIET = timedelta(seconds=5), timedelta(minutes=10)
STRUGGLING = timedelta(minutes=1)  # a receiver that has taken nothing for so long is asked less often
LONGEST_WISH = timedelta(days=1)  # of a Retry-After
GIVE_UP = timedelta(days=3)  # a receiver that has taken nothing for so long is left alone until somebody resumes it
GONE = 410
ASKS_FOR_A_PAUSE = (429, 503)


@dataclass(slots=True)
class Outcome:
    """What became of a batch, as far as it is not yet noted in the database."""

    answers: list[tuple[Letter, Answer, datetime]] = field(default_factory=list)  # and when they were asked
    dropped: list[int] = field(default_factory=list)
    worn_out: list[int] = field(default_factory=list)  # every try ended without a word: whatever it is, it stops workers
    given_back: list[Letter] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.answers) + len(self.dropped) + len(self.worn_out) + len(self.given_back)


def note(database: Database, outcome: Outcome) -> None:
    """Write down and clear what is known so far. Subscriptions first, then deliveries: everybody locks in this order."""
    if not len(outcome):
        return
    with job(database) as tx:
        for subscription_id in sorted({letter.subscription_id for letter, _, _ in outcome.answers}):
            _receiver(tx, subscription_id, [one for one in outcome.answers if one[0].subscription_id == subscription_id])
        tries = [
            dict(
                delivery_id=letter.id, at=at, milliseconds=said.milliseconds, status=said.status, error=said.error, answer=said.text or None
            )
            for letter, said, at in outcome.answers
        ]
        tx.insert_many(DeliveryTry, tries)
        _deliveries(tx, outcome)
    for done in (outcome.answers, outcome.dropped, outcome.worn_out, outcome.given_back):
        done.clear()


def _deliveries(tx: Tx, outcome: Outcome) -> None:
    def due(*which: Any) -> Update:
        return update(Delivery).where(Delivery.state == "due", *which)

    by_status: dict[int, list[int]] = {}
    for letter, said, _ in outcome.answers:
        if said.taken and said.status is not None:
            by_status.setdefault(said.status, []).append(letter.id)
    for status, ids in by_status.items():
        values = dict(state="sent", ended_at=tx.now, locked_until=None, last_status=status, last_error=None)
        tx.db.execute(due(Delivery.id.in_(ids)).values(**values))
    for ids, state, why in (
        (outcome.dropped, "dropped", "Not for this client to see, or not an event it subscribes to."),
        (outcome.worn_out, "parked", "The worker stopped at every attempt."),
    ):
        if ids:
            tx.db.execute(due(Delivery.id.in_(ids)).values(state=state, ended_at=tx.now, locked_until=None, last_error=why))
    for letter in outcome.given_back:
        mine = (Delivery.id == letter.id, Delivery.locked_until == letter.locked_until)
        tx.db.execute(due(*mine).values(locked_until=None, attempts=Delivery.attempts - 1))
    for letter, said, _ in outcome.answers:
        if said.taken:
            continue
        values = dict(locked_until=None, last_status=said.status, last_error=said.error)
        if letter.attempts >= MAX_ATTEMPTS:
            values |= dict(state="parked", ended_at=tx.now)
        else:
            values["due_at"] = max(tx.now + back_off(letter.attempts), wish(said, tx.now) or tx.now)
        # Another worker that has claimed it since, because we were so late, says itself what became of it.
        tx.db.execute(due(Delivery.id == letter.id, Delivery.locked_until == letter.locked_until).values(**values))


def back_off(attempts: int) -> timedelta:
    """How long to wait after so many failures; a fifth more or less, so that what failed together does not return together."""
    return timedelta(seconds=DELAYS[min(attempts, len(DELAYS)) - 1]) * random.uniform(0.8, 1.2)


def wish(said: Answer, now: datetime) -> datetime | None:
    """Until when a receiver that has too much asks to be left alone (Retry-After, in seconds or as a date)."""
    if said.status not in ASKS_FOR_A_PAUSE or not said.retry_after:
        return None
    given = said.retry_after.strip()
    if given.isascii() and given.isdigit():
        return now + min(timedelta(seconds=min(int(given), 10**6)), LONGEST_WISH)
    try:
        at = parsedate_to_datetime(given)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(at.astimezone(UTC), now), now + LONGEST_WISH)


def struggles(said: Answer, failing_since: datetime | None, now: datetime) -> bool:
    """Is it the receiver that fails, not this one message? Then the others need not be tried now."""
    if said.taken:
        return False
    return said.status is None or wish(said, now) is not None or (failing_since is not None and now - failing_since > STRUGGLING)


# The receiver ------------------------------------------------------------------------------------------------------


def _receiver(tx: Tx, subscription_id: int, answers: list[tuple[Letter, Answer, datetime]]) -> None:
    row = tx.get(Subscription, subscription_id, lock=True)
    if row.state == "off":
        return
    gone = [letter.id for letter, said, _ in answers if said.status == GONE]
    if gone:
        operations.switch_off(tx, subscription_id, "The receiver answered 410 Gone.")
        _tell(tx, row, "It answered that it is gone for good (410). The subscription is off, and what waited for it is dropped.")
        tx.db.execute(update(Delivery).where(Delivery.id.in_(gone)).values(last_status=GONE, last_error="Answered 410."))
        return
    if any(said.taken for _, said, _ in answers):
        wishes = [until for _, said, _ in answers if (until := wish(said, tx.now))]
        if row.failing_since is not None or row.quiet_until is not None or wishes:
            tx.update(Subscription, subscription_id, failing_since=None, quiet_until=max(wishes, default=None))
        return
    since = row.failing_since or min(at for _, _, at in answers)
    if row.state == "on" and tx.now - since > GIVE_UP:
        operations.pause(tx, subscription_id, f"Nothing was taken for {GIVE_UP.days} days.")
        _tell(
            tx,
            row,
            f"It has taken nothing for {GIVE_UP.days} days. The subscription is paused; nothing is lost, and it goes on once resumed.",
        )
    quiet = [until for _, said, _ in answers if (until := wish(said, tx.now))]
    if any(struggles(said, row.failing_since, tx.now) for _, said, _ in answers):
        quiet.append(tx.now + min(max((tx.now - since) / 2, SHORTEST), LONGEST_QUIET))
    tx.update(Subscription, subscription_id, failing_since=since, quiet_until=max(quiet, default=row.quiet_until))


def _tell(tx: Tx, row: Row[Any], what: str) -> None:
    """One message to each administrator who looks after the client."""
    client = tx.get(ApiClient, row.client_id)
    above = select(UnitClosure.ancestor_id).where(UnitClosure.descendant_id == client.organisation_id)
    held = select(RoleHeld.person_id).where(
        RoleHeld.role == Role.ADMINISTRATOR.value, current(RoleHeld, tx.today), or_(RoleHeld.unit_id.is_(None), RoleHeld.unit_id.in_(above))
    )
    waiting = tx.scalar(select(func.count()).select_from(Delivery).where(Delivery.subscription_id == row.id, Delivery.state == "due"))
    facts = {"subscription": row.name, "client": client.name, "what": what, "waiting": waiting, "link": f"/webhooks/{row.id}"}
    people = sorted({one.person_id for one in tx.rows(held)})
    messages = [
        ledger.message("email.webhook_stopped", tx.now, "subscriptions", person, facts) | {"subject_id": row.id} for person in people
    ]
    if messages:
        tx.db.execute(insert(Outbox), messages)


# Afterwards --------------------------------------------------------------------------------------------------------

KEPT = timedelta(days=30)


def tidy(tx: Tx, now: datetime) -> None:
    """A nightly job: forget attempts of 30 days ago, and deliveries that were sent or dropped then. What is parked stays 30 days longer."""
    old = select(Delivery.id).where(
        or_(
            (Delivery.ended_at < now - KEPT) & Delivery.state.in_(("sent", "dropped")),
            (Delivery.ended_at < now - 2 * KEPT) & (Delivery.state == "parked"),
        )
    )
    tx.db.execute(DeliveryTry.__table__.delete().where(or_(DeliveryTry.at < now - KEPT, DeliveryTry.delivery_id.in_(old))))
    tx.db.execute(Delivery.__table__.delete().where(Delivery.id.in_(old)))
