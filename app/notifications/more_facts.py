"""Facts that only some kinds of message need: about sessions, those who deliver them, courses, charges and places passed on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, literal_column, select

from app.bookings.models import Booking, PartTrainer, Session
from app.bookings.models import Part as SessionPart
from app.bookings.policy_models import Consequence
from app.core.declared import aliased
from app.core.ledger import Outbox
from app.core.tx import Tx
from app.learning.models import Course, PriorLearning
from app.people.models import Person

Facts = dict[str, Any]
Rows = Sequence[Row[Any]]
Parts = Mapping[int, list[Row[Any]]]
DATES_TOLD = 6  # of the dates to come of a course
_CHARGED = ("email.booking_cancelled", "email.missed", "email.charge_decided")


def iso(at: datetime | None) -> str | None:
    """An instant as a fact."""
    return at.isoformat() if at is not None else None


def place_facts(parts: list[Row[Any]], *, joins: bool = True) -> Facts:
    """When and where, and how to get in; the joining link only for somebody who has a place there today, or delivers it (`joins`)."""
    notes = dict.fromkeys(part.access_notes for part in parts if part.access_notes)
    return {
        "access_notes": " ".join(notes) or None,
        "when": [
            {
                "id": part.id,
                "starts_at": iso(part.starts_at),
                "ends_at": iso(part.ends_at),
                "room": part.room,
                "address": part.address or part.place,
                "online": part.link is not None,
                "link": part.link if joins else None,
            }
            for part in parts
        ],
    }


def further(tx: Tx, rows: Rows, parts: Parts) -> dict[int, Facts]:
    """By outbox id; each question is asked only if there is a message that needs its answer."""
    found: dict[int, Facts] = defaultdict(dict)
    groups: tuple[tuple[Callable[[Row[Any]], bool], Callable[[Tx, Rows, Parts], dict[int, Facts]]], ...] = (
        (lambda row: row.subject == "sessions", _of_sessions),
        (lambda row: row.kind.startswith("email.trainer_"), _of_trainers),
        (lambda row: row.subject == "courses", _of_courses),
        (lambda row: row.subject == "prior_learning", _of_prior_learning),
        (lambda row: row.kind in _CHARGED, _of_charges),
        (lambda row: row.kind in ("email.booking_passed", "email.place_passed"), _of_passes),
        (lambda row: row.kind == "email.digest", _of_digests),
    )
    for wanted, ask in groups:
        some = [row for row in rows if wanted(row)]
        if some:
            for key, facts in ask(tx, some, parts).items():
                found[key] |= facts
    return found


def _ids(rows: Rows) -> set[int]:
    return {row.subject_id for row in rows if row.subject_id}


def _of_sessions(tx: Tx, rows: Rows, parts: Parts) -> dict[int, Facts]:
    """Title, numbers and deadline, whether or not the reader has a booking."""
    mine = aliased(Booking)

    def number(condition: Any) -> Any:
        return select(func.count()).select_from(mine).where(mine.session_id == Session.id, condition).scalar_subquery()

    statement = (
        select(
            Session.id,
            Session.reference,
            Session.sequence,
            Session.decide_by,
            Session.min_numbers,
            Course.title,
            Course.slug,
            number(mine.place.is_not(None)).label("booked"),
            number(mine.status == "waiting").label("waiting"),
        )
        .join(Course, Course.id == Session.course_id)
        .where(Session.id.in_(_ids(rows)))
    )
    by_id = {row.id: row for row in tx.rows(statement)}
    found: dict[int, Facts] = {}
    for row in rows:
        if (session := by_id.get(row.subject_id)) is not None:
            found[row.id] = place_facts(parts.get(session.id, []), joins=False) | {
                "session_id": session.id,
                "title": session.title,
                "course_url": f"/courses/{session.slug}",
                "reference": session.reference,
                "sequence": session.sequence,
                "decide_by": iso(session.decide_by),
                "min_numbers": session.min_numbers,
                "booked": session.booked,
                "waiting": session.waiting,
            }
    return found


def _of_trainers(tx: Tx, rows: Rows, parts: Parts) -> dict[int, Facts]:
    """Only what they themselves deliver; what they no longer do stands in the message."""
    statement = (
        select(PartTrainer.part_id, PartTrainer.person_id)
        .join(SessionPart, SessionPart.id == PartTrainer.part_id)
        .where(SessionPart.session_id.in_(_ids(rows)), PartTrainer.person_id.in_({row.person_id for row in rows}))
    )
    delivered = {(row.part_id, row.person_id) for row in tx.rows(statement)}
    found: dict[int, Facts] = {}
    for row in rows:
        every = parts.get(row.subject_id, [])
        own = [part for part in every if (part.id, row.person_id) in delivered]
        found[row.id] = {"trainer_id": row.person_id} | place_facts(own or every, joins=bool(own))
        if row.facts.get("off"):
            found[row.id]["when"] = row.facts["off"]
    return found


def _of_courses(tx: Tx, rows: Rows, _parts: Parts) -> dict[int, Facts]:
    """The course and its next dates."""
    courses = {row.id: row for row in tx.rows(select(Course.id, Course.title, Course.slug).where(Course.id.in_(_ids(rows))))}
    coming: Any = literal_column("sessions.status = 'published'")
    statement = (
        select(Session.course_id, Session.starts_at, Session.ends_at, Session.place, Session.online)
        .where(coming, Session.course_id.in_(_ids(rows)), Session.starts_at > tx.now)
        .order_by(Session.starts_at, Session.id)
    )
    dates: dict[int, list[Facts]] = defaultdict(list)
    for row in tx.rows(statement):
        if len(dates[row.course_id]) < DATES_TOLD:
            place = None if row.online else row.place
            dates[row.course_id].append(
                {"starts_at": iso(row.starts_at), "ends_at": iso(row.ends_at), "address": place, "online": row.online}
            )
    return {
        row.id: {
            "title": courses[row.subject_id].title,
            "course_url": f"/courses/{courses[row.subject_id].slug}",
            "dates": dates[row.subject_id],
        }
        for row in rows
        if row.subject_id in courses
    }


def _of_prior_learning(tx: Tx, rows: Rows, _parts: Parts) -> dict[int, Facts]:
    statement = (
        select(PriorLearning.id, PriorLearning.decision, Course.title, Course.slug)
        .join(Course, Course.id == PriorLearning.course_id)
        .where(PriorLearning.id.in_(_ids(rows)))
    )
    by_id = {row.id: row for row in tx.rows(statement)}
    return {
        row.id: {"title": one.title, "course_url": f"/courses/{one.slug}", "decision": one.decision}
        for row in rows
        if (one := by_id.get(row.subject_id)) is not None
    }


def _of_charges(tx: Tx, rows: Rows, _parts: Parts) -> dict[int, Facts]:
    """What a late cancellation or an absence costs, while it does."""
    statement = select(Consequence.booking_id, Consequence.pence, Consequence.state, Consequence.appeal_by).where(
        Consequence.booking_id.in_(_ids(rows))
    )
    by_booking = {row.booking_id: row for row in tx.rows(statement)}
    return {
        row.id: {"pence": one.pence if one.state in ("stands", "appealed", "upheld") else 0, "appeal_by": iso(one.appeal_by)}
        for row in rows
        if (one := by_booking.get(row.subject_id)) is not None
    }


def _of_passes(tx: Tx, rows: Rows, _parts: Parts) -> dict[int, Facts]:
    """Who gave the place and who has it now."""
    given, had = aliased(Booking), aliased(Booking)
    giver, receiver = aliased(Person), aliased(Person)
    ids = _ids(rows)
    statement = (
        select(given.id.label("to_booking"), had.id.label("from_booking"), giver.name.label("giver"), receiver.name.label("receiver"))
        .join(had, had.id == given.passed_from)
        .outerjoin(giver, giver.id == had.person_id)
        .outerjoin(receiver, receiver.id == given.person_id)
        .where((given.id.in_(ids)) | (given.passed_from.in_(ids)))
        .order_by(given.id)
    )
    found = tx.rows(statement)
    received = {row.to_booking: row.giver for row in found}
    gave = {row.from_booking: row.receiver for row in found}
    return {row.id: {"passed_by": received.get(row.subject_id), "passed_to": gave.get(row.subject_id)} for row in rows}


def _of_digests(tx: Tx, rows: Rows, _parts: Parts) -> dict[int, Facts]:
    """Which messages each summary stands for; `delivery` puts their subjects in."""
    statement = select(Outbox.id, Outbox.digest_id).where(Outbox.digest_id.in_({row.id for row in rows})).order_by(Outbox.id)
    kept: dict[int, Facts] = {row.id: {"stands_for": []} for row in rows}
    for row in tx.rows(statement):
        kept[row.digest_id]["stands_for"].append(row.id)
    return kept


def messages(tx: Tx, ids: Collection[int]) -> Rows:
    """Outbox rows by id, oldest first."""
    return tx.rows(select(Outbox.__table__).where(Outbox.id.in_(ids)).order_by(Outbox.id))
