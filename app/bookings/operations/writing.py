"""Write to everyone on a session: a coordinator or whoever delivers it says something to those with a place, those who wait, or both."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, literal, literal_column, select

from app import policy
from app.bookings.event_models import SessionMessage
from app.bookings.models import HOLDS_SQL, WAITING_SQL, Booking, Session
from app.bookings.queries import delivers
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ledger import Outbox
from app.core.text import normal
from app.core.tx import Tx
from app.people.models import Person
from app.policy import Can, Reach, operation

WHOM = {"seated": "Everyone with a place", "waiting": "Everyone waiting", "all": "Both"}
SUBJECT, BODY = (3, 120), (10, 4000)  # characters, fewest and most
AGAIN = timedelta(hours=1)  # the same words to the same session are not sent twice within this
_SEATED: ColumnElement[bool] = literal_column(f"(bookings.{HOLDS_SQL})")
_WAITING: ColumnElement[bool] = literal_column(f"(bookings.{WAITING_SQL})")


def within(tx: Tx, session_id: int) -> list[ColumnElement[bool]]:
    """SQL for the bookings of this session whose people the actor may write to; NotFound for whoever may not write here at all."""
    terms = policy.require(tx, Can.WRITE_TO_SESSION)
    here: list[ColumnElement[bool]] = [Booking.session_id == session_id, Booking.person_id.is_not(None)]
    if (Reach.ALL, None) in terms or delivers(tx, session_id):
        return here
    if not any(reach is Reach.SCOPE for reach, _ in terms):
        raise NotFound("There is no session with that reference.", code="session-not-found")
    return [*here, policy.within_reach(tx, Can.WRITE_TO_SESSION, Booking.person_id)]


def how_many(tx: Tx, session_id: int) -> dict[str, int]:
    """How many people a message to each of `WHOM` goes to."""
    found = tx.one(
        select(
            func.count(Booking.place).label("seated"),
            func.count().filter(_WAITING).label("waiting"),
        ).where(*within(tx, session_id))
    )
    assert found is not None
    return {"seated": found.seated, "waiting": found.waiting, "all": found.seated + found.waiting}


def checked(subject: str, body: str, whom: str) -> tuple[str, str]:
    """The words as they will be sent, or Invalid with every field that is wrong."""
    subject = normal(subject)
    body = "\n".join(line.rstrip() for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n")).strip()
    wrong = []
    if whom not in WHOM:
        wrong.append(("whom", "Choose who it goes to"))
    if not SUBJECT[0] <= len(subject) <= SUBJECT[1]:
        wrong.append(("subject", f"Enter a subject of {SUBJECT[0]} to {SUBJECT[1]} characters"))
    if not BODY[0] <= len(body) <= BODY[1]:
        wrong.append(("body", f"Enter a message of {BODY[0]} to {BODY[1]:,} characters" + (f"; it has {len(body):,}" if body else "")))
    if wrong:
        raise Invalid(
            wrong[0][1] + "." if len(wrong) == 1 else "Check what you entered.",
            errors=[{"field": name, "message": message} for name, message in wrong],
        )
    return subject, body


@operation(Can.WRITE_TO_SESSION)
def write_to_session(tx: Tx, session_id: int, subject: str, body: str, whom: str) -> int:
    """Queue the same words to each of them; returns how many. One statement, however many there are.

    Refuses while the session is a draft or cancelled, when nobody would get it, and the same words twice within an hour.
    """
    here = within(tx, session_id)
    subject, body = checked(subject, body, whom)
    session = tx.get(Session, session_id, lock=True, what="session")
    if session.status != "published":
        raise Conflict(f"This session is {session.status}, so nobody is on it.", code=f"session-{session.status}")
    same = (SessionMessage.session_id == session_id, SessionMessage.subject == subject, SessionMessage.body == body)
    if tx.scalar(select(SessionMessage.id).where(*same, SessionMessage.sent_at > tx.now - AGAIN).limit(1)) is not None:
        raise Conflict("This message has just been sent.", code="already-sent", way_out="Change the words to send another.")
    people = [*here, *({"seated": [_SEATED], "waiting": [_WAITING]}.get(whom, [_SEATED | _WAITING]))]
    number = int(tx.scalar(select(func.count()).where(*people)))
    if not number:
        raise Conflict("Nobody would get this message.", code="nobody-to-tell", way_out="Choose other people to write to.")
    values = dict(session_id=session_id, sent_by=tx.actor.person_id, sent_at=tx.now, subject=subject, body=body, people=number)
    tx.insert_recorded(SessionMessage, values, action="session.written-to", session_id=session_id, whom=whom, people=number)
    _queue(tx, people, {"subject": subject, "body": body, "from": tx.actor.name or None})
    return number


def _queue(tx: Tx, people: list[ColumnElement[bool]], facts: dict[str, Any]) -> None:
    values: dict[str, Any] = dict(
        kind=literal("email.session_message"),
        person_id=Booking.person_id,
        subject=literal("sessions"),
        subject_id=Booking.session_id,
        facts=literal(facts, Outbox.facts.type),
        created_at=literal(tx.now, Outbox.created_at.type),
        due_at=literal(tx.now, Outbox.due_at.type),
        attempts=literal(0),
        how=literal("email"),
    )
    picked = select(*values.values()).where(*people).order_by(Booking.id)
    tx.db.execute(insert(Outbox).from_select(list(values), picked, include_defaults=False))


def written(tx: Tx, session_id: int) -> list[Row[Any]]:
    """What has been written to this session so far, newest first. The caller has checked that the actor may write to it."""
    said = select(SessionMessage.__table__, Person.name).outerjoin(Person, Person.id == SessionMessage.sent_by)
    return list(tx.rows(said.where(SessionMessage.session_id == session_id).order_by(SessionMessage.id.desc()).limit(20)))
