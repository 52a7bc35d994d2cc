"""The waiting list moves: a place that became free is offered to whoever is next and held for them.

Freeing a place writes a work row in the same transaction. Straight after the commit, or by the worker if that fails, `pass_on` takes the
session's lock and offers what is free. Until then the place is nobody's: `rules` gives no free place away while somebody eligible waits.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, exists, insert, literal_column, or_, select, update
from sqlalchemy.exc import OperationalError

from app import policy
from app.bookings import clocks
from app.bookings.event_models import Notice
from app.bookings.models import WAITING_SQL, Booking, PassOn, Place, Quota, Session, Status
from app.bookings.terms import cut_off
from app.bookings.terms import policy as figures
from app.core.calendar import WEEK, london
from app.core.db import ONE, Database
from app.core.facts import current
from app.core.ledger import Audit, Outbox, entry, message
from app.core.tx import SYSTEM, Tx, transaction
from app.grants import roles_with
from app.people.models import Absence, GroupMember, Membership, Person, Post, RoleHeld, UnitClosure

WAITING: ColumnElement[bool] = literal_column(WAITING_SQL.replace("status", "bookings.status"))
_OPEN: ColumnElement[bool] = literal_column("pass_ons.done_at").is_(None)
_SOMEBODY_WAITS = select(ONE).select_from(Booking).where(Booking.session_id == bindparam("session"), WAITING).limit(1)


def freed(tx: Tx, session_id: int) -> None:
    """A place of this session may have become free: see to it, straight after this transaction, that whoever waits is offered it.

    The caller holds the session's lock. However often it is called, one transaction leaves one piece of work for each session.
    """
    asked: set[int] = tx.memo.setdefault("freed", set())
    if session_id in asked or tx.scalar(_SOMEBODY_WAITS, session=session_id) is None:
        return
    asked.add(session_id)
    now = tx.now
    tx.insert(PassOn, session_id=session_id, asked_at=now)
    tx.afterwards.append(lambda database: pass_on_now(database, session_id, now))


def pass_on_now(database: Database, session_id: int, now: datetime) -> int:
    """`pass_on` in a transaction of its own, as the service itself; returns how many offers went out."""
    with transaction(database, SYSTEM, writes=True, now=now) as tx:
        return pass_on(tx, session_id)


def pass_on_due(database: Database) -> int:
    """Every session with work left, such as after a crash; returns how many offers went out."""
    with transaction(database, SYSTEM, writes=False) as tx:
        sessions = [row.session_id for row in tx.rows(select(PassOn.session_id).where(_OPEN).distinct())]
        now = tx.now
    return each(sessions, lambda session_id: pass_on_now(database, session_id, now))


def each(keys: Iterable[int], work: Callable[[int], int]) -> int:
    """Do every piece of work; one that goes wrong is logged, keeps its place for the next look, and holds up none of the others."""
    done = 0
    for key in keys:
        try:
            done += work(key)
        except OperationalError:
            raise  # the database did not answer: nor will it for the others
        except Exception as wrong:  # noqa: BLE001 - see above
            sys.stderr.write(json.dumps({"event": "clock-fault", "session": key, "kind": type(wrong).__name__}) + "\n")
    return done


@dataclass(frozen=True, slots=True)
class Seat:
    """A free place; `quota_id` is whose it is, None: everybody's."""

    number: int
    quota_id: int | None


def pass_on(tx: Tx, session_id: int) -> int:
    """Offer the free places of a session, in the order of the queue, each to the first person waiting who may have it."""
    session = tx.get(Session, session_id, lock=True)
    tx.db.execute(update(PassOn).where(PassOn.session_id == session_id, _OPEN).values(done_at=tx.now))
    if session.status != "published" or session.starts_at <= tx.now:
        return 0
    seats = free_seats(tx, session_id)
    if not seats:
        return 0
    pairs = match(tx, session, seats)
    terms, until = figures(tx), cut_off(session, figures(tx))
    away = _away(tx, [row.person_id for row, _ in pairs], until)
    offers = []
    for row, seat in pairs:
        ends = clocks.offer_ends(tx.now, until, terms, row.working_days or WEEK, away.get(row.person_id, frozenset()))
        if ends is None:
            _tell_coordinators(tx, session_id)
            return 0
        offers.append((row, seat, ends))
    _offer(tx, session_id, offers)
    return len(offers)


_TAKEN = exists(select(ONE).select_from(Booking).where(Booking.session_id == Place.session_id, Booking.place == Place.number))
_FREE = select(Place.number, Place.quota_id).where(Place.session_id == bindparam("session"), ~Place.closing, ~_TAKEN).order_by(Place.number)


def free_seats(tx: Tx, session_id: int) -> list[Seat]:
    """Places that nobody holds and that are not closing. The caller holds the session's lock."""
    return [Seat(row.number, row.quota_id) for row in tx.rows(_FREE, session=session_id)]


def match(tx: Tx, session: Row[Any], seats: Sequence[Seat], only: int | None = None) -> list[tuple[Row[Any], Seat]]:
    """Who of those waiting gets which free place: in order, each a place they may have, one kept for them before others.

    `only` is one booking, to see which place it could have if it were first.
    """
    kept = [seat for seat in seats if seat.quota_id is not None]
    open_seats = [seat for seat in seats if seat.quota_id is None]
    working = (
        select(Post.working_days)
        .where(Post.person_id == Booking.person_id, Post.is_primary, current(Post, tx.today))
        .limit(1)
        .scalar_subquery()
    )
    waiting = (
        select(Booking.id, Booking.person_id, Booking.priority, Booking.turn, Booking.approval, working.label("working_days"))
        .where(Booking.session_id == session.id, WAITING)
        .order_by(Booking.priority, Booking.turn)
    )
    if only is not None:
        waiting = waiting.where(Booking.id == only)
    rows = tx.rows(waiting if kept else waiting.limit(len(seats)))
    entitled = eligible(tx, {seat.quota_id for seat in kept if seat.quota_id}, [row.person_id for row in rows]) if kept else {}
    pairs = []
    for row in rows:
        own = next((seat for seat in kept if row.person_id in entitled.get(seat.quota_id or 0, ())), None)
        if own is not None:
            kept.remove(own)
            pairs.append((row, own))
        elif open_seats:
            pairs.append((row, open_seats.pop(0)))
        if not kept and not open_seats:
            break
    return pairs


def eligible(tx: Tx, quotas: set[int], people: Sequence[int]) -> dict[int, set[int]]:
    """Of these people, who belongs today to the group or unit that each of these quotas is for; by quota."""
    member = select(GroupMember.person_id.label("person_id"), Quota.id.label("quota_id")).join(
        Quota, and_(Quota.group_id == GroupMember.group_id, current(GroupMember, tx.today))
    )
    belongs = (
        select(Membership.person_id, Quota.id)
        .join(UnitClosure, UnitClosure.descendant_id == Membership.unit_id)
        .join(Quota, and_(Quota.unit_id == UnitClosure.ancestor_id, current(Membership, tx.today)))
    )
    found: dict[int, set[int]] = {quota: set() for quota in quotas}
    both = member.where(Quota.id.in_(quotas), GroupMember.person_id.in_(people)).union(
        belongs.where(Quota.id.in_(quotas), Membership.person_id.in_(people))
    )
    for row in tx.rows(both):
        found[row.quota_id].add(row.person_id)
    return found


def _away(tx: Tx, people: Sequence[int], until: datetime) -> dict[int, frozenset[date]]:
    """The days on which each of these people is away, from today to a session's cut-off, of those who are at all."""
    last = london(until).date()
    rows = tx.rows(
        select(Absence.person_id, Absence.valid_from, Absence.valid_to).where(
            Absence.person_id.in_(people), Absence.superseded_at.is_(None), Absence.valid_to > tx.today, Absence.valid_from <= last
        )
    )
    found: dict[int, frozenset[date]] = {}
    for row in rows:
        first, days = max(row.valid_from, tx.today), (min(row.valid_to, last + timedelta(days=1)) - max(row.valid_from, tx.today)).days
        found[row.person_id] = found.get(row.person_id, frozenset()) | {first + timedelta(days=n) for n in range(days)}
    return found


_SEAT = (
    update(Booking)
    .where(Booking.id == bindparam("b_id"))
    .values(
        status=Status.OFFERED.value,
        place=bindparam("b_place"),
        offer_ends_at=bindparam("b_ends"),
        updated_at=bindparam("b_now"),
        version=Booking.version + 1,
    )
)


def _offer(tx: Tx, session_id: int, offers: Sequence[tuple[Row[Any], Seat, datetime]]) -> None:
    """Hold each place for its person and tell them: four statements, however many offers."""
    if not offers:
        return
    tx.db.execute(_SEAT, [dict(b_id=row.id, b_place=seat.number, b_ends=ends, b_now=tx.now) for row, seat, ends in offers])
    actor = (tx.actor.kind, tx.actor.id, tx.now, tx.request_id)
    audits, messages = [], []
    for row, seat, ends in offers:
        facts = {"session_id": session_id, "was": "waiting", "place": seat.number, "offer_ends_at": ends.isoformat()}
        audits.append(entry(*actor, "booking.offered", "bookings", row.person_id, Status.OFFERED.value, facts) | {"subject_id": row.id})
        messages.append(
            message("email.booking_offered", tx.now, "bookings", row.person_id, {"offer_ends_at": ends.isoformat()})
            | {"subject_id": row.id}
        )
    tx.db.execute(insert(Audit), audits)
    tx.db.execute(insert(Outbox), messages)


def _tell_coordinators(tx: Tx, session_id: int) -> None:
    """A place is free and people wait, but too little time is left to offer it: those who run the offer decide. Said once a session."""
    if not once(tx, f"no-offer:{session_id}"):
        return
    facts: dict[str, Any] = {}
    rows = [message("email.place_unoffered", tx.now, "sessions", person, facts) | {"subject_id": session_id} for person in coordinators(tx)]
    if rows:
        tx.db.execute(insert(Outbox), rows)


def once(tx: Tx, key: str) -> bool:
    """True the first time something is about to be said, False ever after. `key` says what: "reminder:7:412"."""
    if tx.scalar(select(Notice.key).where(Notice.key == key)) is not None:
        return False
    tx.db.execute(insert(Notice), dict(key=key, at=tx.now))
    return True


def coordinators(tx: Tx) -> list[int]:
    """People who hold the coordinator's role today: whoever may manage sessions."""
    roles = roles_with(policy.Can.MANAGE_SESSIONS)
    held = select(RoleHeld.person_id).where(RoleHeld.role.in_(roles), current(RoleHeld, tx.today)).distinct()
    return [row.person_id for row in tx.rows(held.order_by(RoleHeld.person_id))]


def coordinators_of(tx: Tx, people: Collection[int]) -> dict[int, list[int]]:
    """Who coordinates for each of these people today: the role is held for everybody, or for a part they belong to. Nobody else is told."""
    roles = roles_with(policy.Can.MANAGE_SESSIONS)
    theirs = or_(RoleHeld.unit_id.is_(None), policy.in_unit(Person.id, RoleHeld.unit_id, tx.today))
    statement = (
        select(Person.id, RoleHeld.person_id)
        .join(RoleHeld, and_(RoleHeld.role.in_(roles), current(RoleHeld, tx.today)))
        .where(Person.id.in_(people), theirs)
        .distinct()
        .order_by(Person.id, RoleHeld.person_id)
    )
    found: dict[int, list[int]] = {person: [] for person in people}
    for row in tx.rows(statement):
        found[row.id].append(row.person_id)
    return found
