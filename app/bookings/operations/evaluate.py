"""Evaluation: who attended is asked after the session, and weeks later about its effect on practice. Answers carry no name."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, exists, insert, literal, or_, select, update

from app.bookings.event_models import EvaluationAnswer, EvaluationAsk
from app.bookings.models import Booking, Session, Status
from app.bookings.terms import policy as figures
from app.core.calendar import london_day
from app.core.db import ONE
from app.core.errors import Conflict, Invalid, NotFound
from app.core.forms import Problems
from app.core.ledger import Json, Outbox
from app.core.tx import Tx
from app.people.models import Person
from app.policy import Can, operation

ATTENDED = (Status.ATTENDED.value, Status.PARTLY_ATTENDED.value)
AFTER, IMPACT = "after", "impact"
LATE = timedelta(days=90)  # a session longer ago than that, such as one that was imported, is asked about no more
LONGEST = 2000  # characters of a comment


def ask_due(tx: Tx, _: datetime) -> None:
    """Ask everybody whose register is finished, and those whose session was `impact_weeks` ago. Nobody is asked the same thing twice."""
    _ask(tx, AFTER, and_(Session.register_at.is_not(None), Session.ends_at > tx.now - LATE))
    since = timedelta(weeks=figures(tx).impact_weeks)
    _ask(tx, IMPACT, and_(Session.register_at.is_not(None), Session.ends_at <= tx.now - since, Session.ends_at > tx.now - since - LATE))


def _ask(tx: Tx, kind: str, which: Any) -> None:
    """One question for each booking that was attended, of whoever is still here; the unique key of asks stands behind the NOT EXISTS."""
    asked = exists(select(ONE).select_from(EvaluationAsk).where(EvaluationAsk.booking_id == Booking.id, EvaluationAsk.kind == kind))
    new = (
        select(Booking.id, Booking.person_id, literal(kind), literal(tx.now, EvaluationAsk.asked_at.type))
        .join(Session, Session.id == Booking.session_id)
        .join(Person, Person.id == Booking.person_id)
        .where(which, Booking.status.in_(ATTENDED), ~asked, or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today))
    )
    tx.db.execute(insert(EvaluationAsk).from_select(["booking_id", "person_id", "kind", "asked_at"], new, include_defaults=False))
    facts = {"evaluation_kind": kind}
    tell = select(
        literal("email.evaluation_asked"),
        EvaluationAsk.person_id,
        literal("bookings"),
        EvaluationAsk.booking_id,
        literal(facts, Json),
        literal(tx.now, Outbox.created_at.type),
        literal(tx.now, Outbox.due_at.type),
        literal(0),
    ).where(EvaluationAsk.kind == kind, EvaluationAsk.asked_at == tx.now)
    names = ["kind", "person_id", "subject", "subject_id", "facts", "created_at", "due_at", "attempts"]
    tx.db.execute(insert(Outbox).from_select(names, tell, include_defaults=False))


def asked(tx: Tx, booking_id: int, kind: str) -> Row[Any]:
    """What the actor was asked about a booking of theirs, or NotFound."""
    row = tx.one(
        select(EvaluationAsk.__table__, Booking.session_id)
        .join(Booking, Booking.id == EvaluationAsk.booking_id)
        .where(EvaluationAsk.booking_id == booking_id, EvaluationAsk.kind == kind, EvaluationAsk.person_id == tx.actor.person_id)
    )
    if row is None:
        raise NotFound("You have not been asked about this.", code="evaluation-not-found")
    return row


@operation(Can.READ_OWN_PAGE)
def answer(
    tx: Tx, booking_id: int, kind: str, *, useful: int | None, before: int | None = None, after: int | None = None, comment: str = ""
) -> None:
    """Keep an answer, without who gave it; that they have answered is kept apart. Once only."""
    row = asked(tx, booking_id, kind)
    problems = Problems()
    for field, value, needed in (("useful", useful, True), ("before", before, False), ("after", after, False)):
        if value is None and needed:
            problems.add(field, "Choose an answer")
        elif value is not None and not 1 <= value <= 5:
            problems.add(field, "Choose one of the answers")
    if len(comment) > LONGEST:
        problems.add("comment", f"Your comment must be {LONGEST:,} characters or fewer")
    problems.raise_any()
    if useful is None:
        raise Invalid("Choose an answer.")
    day, _ = london_day(tx.today)  # the day only, so that the moment does not tell whose answer is whose
    taken = tx.db.execute(
        update(EvaluationAsk).where(EvaluationAsk.id == row.id, EvaluationAsk.answered_at.is_(None)).values(answered_at=day)
    )
    if taken.rowcount != 1:
        raise Conflict("You have already answered. Thank you.", code="already-answered")
    tx.insert(
        EvaluationAnswer,
        session_id=row.session_id,
        kind=kind,
        answered_on=tx.today,
        useful=useful,
        confidence_before=before,
        confidence_after=after,
        comment=comment.strip(),
    )
