"""The inbox: everybody's own messages, on a page. They are written anew from the outbox, with times and rooms as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, literal_column, select, update

from app.core.errors import NotFound
from app.core.ledger import Outbox
from app.core.ready import Ready
from app.core.tx import Tx
from app.notifications import more_facts, prose
from app.notifications.facts import Facts, compose
from app.notifications.kinds import WORDS
from app.notifications.messages import FactsError, MailSettings, subject, written
from app.policy import Can, operation

PER_PAGE = 25
# Messages whose whole point is a link that works once: they are for the mailbox, and the inbox says only that they were sent.
_SECRET = ("email.invitation", "email.password_reset")
_HIDDEN = ("email.digest",)  # what it stands for is here
_OWN = (Outbox.person_id == bindparam("me"), Outbox.kind.like("email.%"), Outbox.kind.not_in(_HIDDEN))
_LIST = (
    select(Outbox.__table__, func.count().over().label("found"), func.count().filter(Outbox.read_at.is_(None)).over().label("unread"))
    .where(*_OWN)
    .order_by(Outbox.created_at.desc(), Outbox.id.desc())
    .limit(PER_PAGE)
    .offset(bindparam("skip"))
)
_ONE = select(Outbox.__table__).where(Outbox.id == bindparam("key"), *_OWN)
# Waiting only here: what also went out by e-mail, alone or in a summary, has been told.
_UNREAD = Ready(
    select(func.count())
    .select_from(Outbox)
    .where(Outbox.person_id == bindparam("me"), Outbox.read_at.is_(None), literal_column("outbox.how = 'inbox'"))
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One message in the list."""

    id: int
    subject: str
    at: datetime
    read: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the inbox."""

    entries: list[Entry]
    found: int
    unread: int


def page(tx: Tx, number: int, settings: MailSettings) -> Listed:
    """25 of the reader's own messages, newest first."""
    rows = tx.rows(_LIST, me=tx.actor.person_id, skip=PER_PAGE * (number - 1))
    subjects = subjects_of(rows, compose(tx, rows), settings)
    entries = [Entry(row.id, subjects[row.id], row.created_at, row.read_at is not None) for row in rows]
    return Listed(entries, rows[0].found if rows else 0, rows[0].unread if rows else 0)


@dataclass(frozen=True, slots=True)
class Shown:
    """One message to read."""

    id: int
    subject: str
    at: datetime
    body: Any  # HTML


def one(tx: Tx, message_id: int, settings: MailSettings) -> Shown:
    """One of the reader's own messages; NotFound for anybody else's."""
    row = tx.one(_ONE, key=message_id, me=tx.actor.person_id)
    if row is None:
        raise NotFound("There is no message with that reference.", code="message-not-found")
    if row.kind in _SECRET:
        return Shown(row.id, WORDS[row.kind], row.created_at, prose.html(_secret(settings), trusted=_ours(settings), classes=True))
    try:
        text = written(row.kind, compose(tx, [row])[row.id], settings, now=row.created_at)
    except FactsError:
        gone = "What this message was about has changed since, so it cannot be shown any more.\n"
        return Shown(row.id, WORDS.get(row.kind, "Message"), row.created_at, prose.html(gone, trusted=(), classes=True))
    _greeting, _, rest = text.plain.partition("\n\n")
    body, _, _foot = rest.rpartition("\n\nQuestions? Ask ")
    return Shown(row.id, text.subject, row.created_at, prose.html(body, trusted=text.trusted, classes=True))


def _ours(settings: MailSettings) -> tuple[str, ...]:
    return (settings.base_url.rstrip("/") + "/",)


def _secret(settings: MailSettings) -> str:
    base = settings.base_url.rstrip("/")
    return (
        "We sent you an e-mail with a link to set a password.\n\n"
        "Links that work once are only ever in the e-mail itself. If this was not you, your password is still the one you have.\n\n"
        f"Change my password: {base}/my-details/password\n"
    )


def subjects_of(rows: Sequence[Row[Any]], facts: Mapping[int, Facts], settings: MailSettings) -> dict[int, str]:
    """What each message is called; in a word or two where it can no longer be written."""
    found = {}
    for row in rows:
        try:
            found[row.id] = WORDS[row.kind] if row.kind in _SECRET else subject(row.kind, facts[row.id], settings, now=row.created_at)
        except FactsError:
            found[row.id] = WORDS.get(row.kind, "Message")
    return found


def put_subjects(tx: Tx, facts: Mapping[int, Facts], settings: MailSettings) -> None:
    """For daily summaries about to be sent: the subjects of the messages they stand for."""
    wanted = {key for one in facts.values() for key in one.get("stands_for", ())}
    if not wanted:
        return
    rows = more_facts.messages(tx, wanted)
    subjects = subjects_of(rows, compose(tx, rows), settings)
    for one_facts in facts.values():
        if "stands_for" in one_facts:
            one_facts["subjects"] = [subjects[key] for key in one_facts["stands_for"]]


def unread(tx: Tx) -> int:
    """How many of the reader's messages are waiting only in the inbox, unread."""
    return int(tx.scalar(_UNREAD, me=tx.actor.person_id))


def mark_read(tx: Tx, message_id: int) -> None:
    """The reader has opened it. Done after the page was drawn, in a transaction of its own."""
    its = and_(Outbox.id == message_id, Outbox.person_id == tx.actor.person_id, Outbox.read_at.is_(None))
    tx.db.execute(update(Outbox).where(its).values(read_at=tx.now))


@operation(Can.READ_OWN_PAGE)
def mark_all_read(tx: Tx) -> int:
    """All of the reader's messages count as read; returns how many were not."""
    unread_ones = update(Outbox).where(Outbox.person_id == tx.actor.person_id, Outbox.read_at.is_(None))
    return int(tx.db.execute(unread_ones.values(read_at=tx.now)).rowcount)
