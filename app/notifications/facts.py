"""What each message needs to know, read for a whole batch at once: one query for each kind of fact, never one for each message."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, and_, exists, func, literal_column, or_, select
from sqlalchemy.sql.elements import ColumnElement

from app.bookings.models import Booking, Part, Room, Session
from app.core.declared import aliased
from app.core.facts import current
from app.core.ledger import Audit, Outbox
from app.core.tx import Tx
from app.learning.models import Course
from app.notifications import more_facts, pathway_facts, programme_facts, talent_facts, together_facts
from app.people.models import Duty, Person, Responsibility

Facts = dict[str, Any]
_ONE: ColumnElement[int] = literal_column("1")
_ACTORS = {  # kind of message → which fact the name of whoever did it is
    "email.booking_cancelled": "cancelled_by",
    "email.booking_refused": "refused_by",
    "email.booking_given": "given_by",
    "email.invitation": "invited_by",
    "email.session_message": "from",
}
_THERE = ("booked", "attended", "partly attended", "did not attend", "excused")
_DECIDES = ("email.approval_asked", "email.approval_chased")


def compose(tx: Tx, rows: Sequence[Row[Any]]) -> dict[int, Facts]:
    """Facts by outbox id. `to` is None where the person has no e-mail address.

    What an operation queued itself wins over what is read here.
    """
    people = _people(tx, {row.person_id for row in rows if row.person_id})
    bookings = _bookings(tx, rows)
    parts = _parts(
        tx, {booking.session_id for booking in bookings.values()} | {row.subject_id for row in rows if row.subject == "sessions"}
    )
    deeds = _deeds(tx, [row.id for row in rows])
    queue = _queue(tx, [row.subject_id for row in rows if row.kind == "email.booking_waiting"])
    managers = _managers(tx, {row.person_id for row in rows if row.kind == "email.booking_requested"})
    further = (
        more_facts.further(tx, rows, parts)
        | programme_facts.further(tx, rows)
        | together_facts.further(tx, rows)
        | pathway_facts.further(tx, rows)
        | talent_facts.further(tx, rows)
    )
    composed: dict[int, Facts] = {}
    for row in rows:
        person, deed = people.get(row.person_id), deeds.get(row.id)
        facts: Facts = {"to": person.email if person else None, "name": person.name if person else ""}
        if (booking := bookings.get(row.id)) is not None:
            facts |= _booking_facts(booking, parts.get(booking.session_id, []))
            facts |= queue.get(booking.id, {})
            facts["approver"] = managers.get(row.person_id)
            page = "/decide" if row.kind in _DECIDES else "/name" if booking.person_id is None else ""
            facts["booking_url"] = f"/bookings/{booking.id}{page}"
            if row.kind == "email.evaluation_asked":
                facts["link"] = f"/bookings/{booking.id}/evaluation/{row.facts.get('evaluation_kind')}"
        if deed is not None:
            if row.kind in _ACTORS:
                facts[_ACTORS[row.kind]] = deed.name or (None if deed.actor_kind in ("person", "link") else "The Academy")
            facts["approval_pending"] = deed.state == "requested"
        more = further.get(row.id, {})
        if booking is not None and not row.kind.startswith("email.trainer_"):
            more.pop("when", None)  # with the joining link, if the place is theirs
        facts |= more
        if row.kind == "email.import_finished":
            facts["link"] = f"/hr/imports/{row.subject_id}"
        if row.kind == "email.leavers_flagged":
            facts["link"] = "/manage/leavers"
        # Times and rooms are told as they are now, so the calendar's sequence number has to be today's as well.
        dropped = ("sequence",) if row.subject in ("bookings", "sessions") else ()
        composed[row.id] = facts | {name: fact for name, fact in row.facts.items() if fact is not None and name not in dropped}
    return composed


def _people(tx: Tx, ids: Collection[int]) -> Mapping[int, Row[Any]]:
    if not ids:
        return {}
    return {row.id: row for row in tx.rows(select(Person.id, Person.name, Person.email).where(Person.id.in_(ids)))}


def _bookings(tx: Tx, rows: Iterable[Row[Any]]) -> dict[int, Row[Any]]:
    """The booking that each message is about. A message about a session concerns the newest booking its reader has there."""
    direct = {row.subject_id for row in rows if row.subject == "bookings" and row.subject_id}
    via = {(row.subject_id, row.person_id) for row in rows if row.subject == "sessions" and row.subject_id and row.person_id}
    if not direct and not via:
        return {}
    booker, learner = aliased(Person), aliased(Person)
    found = tx.rows(
        select(
            Booking.id,
            Booking.session_id,
            Booking.person_id,
            Booking.status,
            Booking.approval,
            Booking.offer_ends_at,
            Booking.approval_due_at,
            booker.name.label("booked_by"),
            learner.name.label("learner"),
            Course.cost_pence,
            Session.cancel_by,
            Session.sequence,
            Course.title,
            Course.slug,
        )
        .join(Session, Session.id == Booking.session_id)
        .join(Course, Course.id == Session.course_id)
        .outerjoin(learner, learner.id == Booking.person_id)
        .outerjoin(booker, and_(booker.id == Booking.booked_by, booker.id != Booking.person_id))
        .where(
            or_(
                Booking.id.in_(direct),
                and_(Booking.session_id.in_({session for session, _ in via}), Booking.person_id.in_({person for _, person in via})),
            )
        )
        .order_by(Booking.id)
    )
    by_id = {row.id: row for row in found}
    by_session = {(row.session_id, row.person_id): row for row in found}
    answer: dict[int, Row[Any]] = {}
    for row in rows:
        booking = by_id.get(row.subject_id) if row.subject == "bookings" else None
        if row.subject == "sessions":
            booking = by_session.get((row.subject_id, row.person_id))
        if booking is not None:
            answer[row.id] = booking
    return answer


def _booking_facts(booking: Row[Any], parts: list[Row[Any]]) -> Facts:
    return {
        "booking_id": booking.id,
        "session_id": booking.session_id,
        "title": booking.title,
        "course_url": f"/courses/{booking.slug}",
        "booked_by": booking.booked_by,
        "learner": booking.learner or "Somebody to be named",
        "cost_pence": booking.cost_pence,
        "sequence": booking.sequence,
        "cancel_by": more_facts.iso(booking.cancel_by),
        "decide_by": more_facts.iso(booking.approval_due_at),
        "offer_ends_at": more_facts.iso(booking.offer_ends_at),
        "status": booking.status,
        "approval": booking.approval,
    } | more_facts.place_facts(parts, joins=booking.status in _THERE)


def _parts(tx: Tx, sessions: Collection[int]) -> dict[int, list[Row[Any]]]:
    """The parts of each session in order of time, with their rooms."""
    by_session: dict[int, list[Row[Any]]] = defaultdict(list)
    if not sessions:
        return by_session
    statement = (
        select(
            Part.id,
            Part.session_id,
            Part.starts_at,
            Part.ends_at,
            Part.link,
            Room.name.label("room"),
            Room.address,
            Room.place,
            Room.access_notes,
        )
        .outerjoin(Room, Room.id == Part.room_id)
        .where(Part.session_id.in_(sessions))
        .order_by(Part.session_id, Part.starts_at)
    )
    for part in tx.rows(statement):
        by_session[part.session_id].append(part)
    return by_session


def _deeds(tx: Tx, ids: list[int]) -> dict[int, Row[Any]]:
    """Who did what each message tells of, and the state it led to. A message and its audit row carry the same subject and instant.

    The name is None when it was the reader's own doing, or that of another system or of the service itself (`actor_kind` tells).
    """
    actor = aliased(Person)
    statement = (
        select(Outbox.id, Audit.state, Audit.actor_kind, actor.name)
        .join(Audit, and_(Audit.subject == Outbox.subject, Audit.subject_id == Outbox.subject_id, Audit.at == Outbox.created_at))
        .outerjoin(
            actor,
            and_(Audit.actor_kind == "person", actor.id == Audit.actor_id, or_(Outbox.person_id.is_(None), actor.id != Outbox.person_id)),
        )
        .where(Outbox.id.in_(ids))
        .order_by(Audit.id)
    )
    return {row.id: row for row in tx.rows(statement)}


def _queue(tx: Tx, ids: Collection[int]) -> dict[int, Facts]:
    """Where on the waiting list each of these bookings stood when it joined, from the history: a later attempt says the same."""
    if not ids:
        return {}
    other, joined, moved = aliased(Booking), aliased(Audit), aliased(Audit)
    left = exists(
        select(_ONE).where(moved.subject == "bookings", moved.subject_id == other.id, moved.state != "waiting", moved.id < joined.id)
    )
    statement = (
        select(
            Booking.id,
            func.count(other.id).label("waiting"),
            func.count(other.id).filter(other.priority <= Booking.priority).label("position"),
        )
        .join(joined, and_(joined.subject == "bookings", joined.subject_id == Booking.id, joined.action == "booking.made"))
        .join(other, and_(other.session_id == Booking.session_id, other.turn <= Booking.turn, ~left))
        .where(Booking.id.in_(ids))
        .group_by(Booking.id)
    )
    return {row.id: {"position": row.position, "waiting": row.waiting} for row in tx.rows(statement)}


def _managers(tx: Tx, people: Collection[int]) -> dict[int, str]:
    """The name of each person's manager today."""
    if not people:
        return {}
    statement = (
        select(Responsibility.person_id, Person.name)
        .join(Person, Person.id == Responsibility.holder_id)
        .where(Responsibility.kind == Duty.MANAGER, Responsibility.person_id.in_(people), current(Responsibility, tx.today))
    )
    return {row.person_id: row.name for row in tx.rows(statement)}
