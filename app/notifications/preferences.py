"""How people want to be told: at once by e-mail, in a daily summary, or only in the inbox; topic by topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Row, delete, exists, func, insert, literal, literal_column, select, update

from app.core.calendar import from_london, london, working_day
from app.core.declared import aliased
from app.core.errors import Invalid
from app.core.ledger import Outbox, message
from app.core.tx import Tx
from app.notifications.kinds import AT_FIRST, TOPIC_OF, TOPICS
from app.notifications.models import Preference
from app.people.models import Person
from app.policy import Can, operation

WAYS = {"email": "By e-mail, at once", "digest": "In one e-mail a day", "inbox": "Only here, in my messages"}
DIGEST_AT = time(8)  # London time, on working days
NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # a message that waits for the summary is not due by itself
_WAITS: Any = literal_column("outbox.how = 'digest' AND outbox.sent_at IS NULL AND outbox.parked_at IS NULL")


def of(tx: Tx, person_id: int) -> dict[str, str]:
    """Each topic and how this person wants to hear of it."""
    found = {row.topic: row.how for row in tx.rows(select(Preference.topic, Preference.how).where(Preference.person_id == person_id))}
    return {topic: found.get(topic) or AT_FIRST.get(topic, "email") for topic in TOPICS}


@operation(Can.READ_OWN_PAGE)
def choose(tx: Tx, wanted: Mapping[str, str]) -> None:
    """The reader's choice for every topic; it counts for what is sent from now on."""
    me = tx.actor.person_id or 0
    for topic in TOPICS:
        if wanted.get(topic) not in WAYS:
            raise Invalid("Choose how you want to be told.", errors=[{"field": topic, "message": "Choose one of the three"}])
    tx.get(Person, me, lock=True)  # two windows of the same person take turns
    before = of(tx, me)
    changed = {topic: wanted[topic] for topic in TOPICS if wanted[topic] != before[topic]}
    if not changed:
        return
    tx.db.execute(delete(Preference).where(Preference.person_id == me, Preference.topic.in_(tuple(changed))))
    tx.insert_many(Preference, [dict(person_id=me, topic=topic, how=how) for topic, how in changed.items()])
    tx.record("preferences.changed", "people", me, person_id=me, chosen=changed)


def chosen(tx: Tx, rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    """Put aside those of these claimed messages that their readers want another way; the rows returned say which (`how`)."""
    people = {row.person_id for row in rows if row.kind in TOPIC_OF and row.person_id}
    if not people:
        return rows
    wanted = {(row.person_id, row.topic): row.how for row in tx.rows(select(Preference.__table__).where(Preference.person_id.in_(people)))}
    ways = {row.id: _way(wanted, row) for row in rows}
    for how, values in (("inbox", dict(sent_at=tx.now)), ("digest", dict(due_at=NEVER))):
        ids = [key for key, way in ways.items() if way == how]
        if ids:
            tx.db.execute(
                update(Outbox).where(Outbox.id.in_(ids)).values(how=how, locked_until=None, attempts=Outbox.attempts - 1, **values)
            )
    if all(way == "email" for way in ways.values()):
        return rows
    again = select(Outbox.__table__).where(Outbox.id.in_(list(ways))).order_by(Outbox.id)
    return tx.rows(again)


def _way(wanted: Mapping[tuple[int, str], str], row: Row[Any]) -> str:
    topic = TOPIC_OF.get(row.kind, "") if row.person_id else ""
    return wanted.get((row.person_id, topic)) or AT_FIRST.get(topic, "email")


# The daily summary -------------------------------------------------------------------------------------------------


def digest_turn(now: datetime) -> datetime | None:
    """The turn of today's summary once its hour has come; None before that, and on days that nobody works."""
    today: date = london(now).date()
    due = from_london(today, DIGEST_AT)
    return due if working_day(today) and now >= due else None


def write_digests(tx: Tx, _now: datetime) -> None:
    """One summary for each person with messages waiting for one. The job's turn is a unique row, so each message is in one summary only.

    What a later e-mail about the same thing has overtaken (a confirmation since cancelled) stays in the inbox and is not told again.
    """
    later = aliased(Outbox)
    overtaken = exists(
        select(literal_column("1")).where(
            later.subject == Outbox.subject,
            later.subject_id == Outbox.subject_id,
            later.person_id == Outbox.person_id,
            later.id > Outbox.id,
            later.how == "email",
            later.sent_at.is_not(None),
        )
    )
    tx.db.execute(update(Outbox).where(_WAITS, overtaken).values(how="inbox", sent_at=tx.now))
    values = message("email.digest", tx.now, "people", None, {})
    people = select(Outbox.person_id).where(_WAITS, Outbox.read_at.is_(None)).distinct().subquery()
    picked = select(
        literal(values["kind"]),
        people.c.person_id,
        literal("people"),
        people.c.person_id,
        literal({}, Outbox.facts.type),
        literal(tx.now, Outbox.created_at.type),
        literal(tx.now, Outbox.due_at.type),
        literal(0),
        literal("email"),
    )
    names = ["kind", "person_id", "subject", "subject_id", "facts", "created_at", "due_at", "attempts", "how"]
    tx.db.execute(insert(Outbox).from_select(names, picked.order_by(people.c.person_id), include_defaults=False))
    summary = aliased(Outbox)
    its = (
        select(func.max(summary.id))
        .where(summary.kind == "email.digest", summary.person_id == Outbox.person_id, summary.created_at == tx.now)
        .scalar_subquery()
    )
    tx.db.execute(update(Outbox).where(_WAITS, Outbox.read_at.is_(None)).values(digest_id=its, sent_at=tx.now))
    tx.db.execute(update(Outbox).where(_WAITS).values(how="inbox", sent_at=tx.now))  # already read in the inbox: nothing to tell
