"""Quotas: places of a session kept for a group or a part of the organisation until a date; then they are everybody's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, exists, literal_column, select, update

from app.bookings.models import Booking, PassOn, Place, Quota, Session
from app.bookings.operations.queue import WAITING, Seat, each, eligible, freed, match
from app.core.calendar import london
from app.core.db import ONE, Database
from app.core.errors import Changed, Conflict, Invalid
from app.core.text import plural
from app.core.tx import SYSTEM, Tx, transaction
from app.people.models import Group, Unit
from app.policy import Can, operation

MOST = 10  # quotas of one session
OPEN: Any = literal_column("quotas.released_at").is_(None)


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep so many places for a group or, with everything below it, a part of the organisation, until a day."""

    places: int
    release_on: date  # the first London day on which they are everybody's
    group_id: int | None = None
    unit_id: int | None = None

    @property
    def holder(self) -> tuple[int | None, int | None]:
        return self.group_id, self.unit_id


@operation(Can.MANAGE_SESSIONS)
def set_quotas(tx: Tx, session_id: int, wanted: Sequence[Keep], version: int | None = None) -> None:
    """Keep places as `wanted` says and release what else was kept. Nobody loses a place.

    Free places that nobody waiting is owed are kept first, then places of people who belong. Refused with Invalid ("quotas.1.places") when
    that is not enough; with Changed when the session is no longer at `version`.
    """
    session = _open_session(tx, session_id, version)
    names = _check(tx, session, wanted)
    standing = {(row.group_id, row.unit_id): row for row in _standing(tx, session_id)}
    _let_go(tx, session_id, [row.id for holder, row in standing.items() if holder not in {keep.holder for keep in wanted}])
    ids = []
    for keep in wanted:
        row = standing.get(keep.holder)
        values = dict(places=keep.places, release_on=keep.release_on)
        if row is None:
            new = dict(session_id=session_id, group_id=keep.group_id, unit_id=keep.unit_id, created_at=tx.now)
            ids.append(tx.insert(Quota, **values, **new))
        else:
            tx.update(Quota, row.id, **values)
            ids.append(row.id)
    _mark(tx, session, [(key, keep.places, name) for key, keep, name in zip(ids, wanted, names, strict=True)])
    facts = [dict(quota=key, places=keep.places, release_on=keep.release_on.isoformat()) for key, keep in zip(ids, wanted, strict=True)]
    tx.update(Session, session_id, has_quotas=bool(wanted), updated_at=tx.now, version=session.version + 1)
    tx.record("session.quotas-set", "sessions", session_id, quotas=facts)
    freed(tx, session_id)


@operation(Can.MANAGE_SESSIONS)
def release(tx: Tx, session_id: int, quota_id: int) -> None:
    """Give the places of one quota to everybody now. Whoever waits is offered them."""
    session = tx.get(Session, session_id, lock=True, what="session")
    standing = [row.id for row in _standing(tx, session_id)]
    if quota_id not in standing:
        raise Conflict("These places have been released already.", code="quota-released")
    _released(tx, session, [quota_id], left=len(standing) > 1)


def release_due(database: Database) -> int:
    """Release every quota whose day has come, a session at a time; returns how many sessions had some."""
    with transaction(database, SYSTEM, writes=False) as tx:
        due = tx.rows(select(Quota.session_id).where(OPEN, Quota.release_on <= tx.today).distinct().order_by(Quota.session_id))
        now = tx.now
    return each([row.session_id for row in due], lambda session_id: _release_now(database, session_id, now))


def _release_now(database: Database, session_id: int, now: datetime) -> int:
    with transaction(database, SYSTEM, writes=True, now=now) as tx:
        session = tx.get(Session, session_id, lock=True)
        standing = _standing(tx, session_id)
        due = [row.id for row in standing if row.release_on <= tx.today]
        if due:
            _released(tx, session, due, left=len(due) < len(standing))
        return len(due[:1])


def look_again(tx: Tx, now: datetime) -> None:
    """Who belongs to a group or team changes by itself, by the day: look whether somebody who waits may have a kept place by now."""
    owed = exists(select(ONE).select_from(PassOn).where(PassOn.session_id == Session.id, literal_column("pass_ons.done_at IS NULL")))
    waits = exists(select(ONE).select_from(Booking).where(Booking.session_id == Session.id, WAITING))
    kept = select(Session.id).where(Session.has_quotas, Session.status == "published", Session.starts_at > now, waits, ~owed)
    tx.insert_many(PassOn, [dict(session_id=row.id, asked_at=now) for row in tx.rows(kept.order_by(Session.id))])


def keep_within(tx: Tx, session_id: int) -> None:
    """The session was moved: nothing is kept beyond the day it starts. The caller holds its lock."""
    session = tx.get(Session, session_id)
    if session.has_quotas:
        starts = london(session.starts_at).date()
        tx.db.execute(update(Quota).where(Quota.session_id == session_id, OPEN, Quota.release_on > starts).values(release_on=starts))


def kept_places(tx: Tx, session_id: int) -> int:
    """How many places of a session are kept by quotas that are not released."""
    return sum(row.places for row in _standing(tx, session_id))


def _open_session(tx: Tx, session_id: int, version: int | None) -> Row[Any]:
    session = tx.get(Session, session_id, lock=True, what="session")
    if version is not None and session.version != version:
        raise Changed("Somebody changed this session since you opened it.", way_out="Look at it again and repeat your change.")
    if session.status == "cancelled":
        raise Conflict("This session is cancelled.", code="session-cancelled")
    if session.starts_at <= tx.now:
        raise Conflict("This session has started, so no places can be kept.", code="session-started")
    return session


def _check(tx: Tx, session: Row[Any], wanted: Sequence[Keep]) -> list[str]:
    """Refuse what cannot be, each mistake beside its field; returns the name of each holder."""
    if len(wanted) > MOST:
        raise Invalid(f"A session can keep places for at most {MOST} groups.")
    groups = {row.id: row.name for row in tx.rows(select(Group.id, Group.name).where(Group.id.in_([each.group_id for each in wanted])))}
    units = {row.id: row.name for row in tx.rows(select(Unit.id, Unit.name).where(Unit.id.in_([each.unit_id for each in wanted])))}
    wrong: list[tuple[str, str]] = []
    names, starts, kept = [], london(session.starts_at).date(), 0
    for n, keep in enumerate(wanted, 1):
        name = groups.get(keep.group_id) if keep.unit_id is None else units.get(keep.unit_id) if keep.group_id is None else None
        if name is None:
            wrong.append((f"quotas.{n}.holder", "Choose a group or part of the organisation from the list"))
        elif keep.holder in [other.holder for other in wanted[: n - 1]]:
            wrong.append((f"quotas.{n}.holder", f"{name} is already on the list"))
        kept += max(keep.places, 0)
        if keep.places < 1:
            wrong.append((f"quotas.{n}.places", "Places must be 1 or more"))
        elif kept > session.capacity:
            wrong.append((f"quotas.{n}.places", f"The session has {plural(session.capacity, 'place')}, fewer than you keep"))
        if not tx.today < keep.release_on <= starts:
            wrong.append((f"quotas.{n}.release_on", "The day must be after today, and not after the session starts"))
        names.append(name or "")
    if wrong:
        raise Invalid(wrong[0][1] + ".", errors=[{"field": field, "message": message} for field, message in wrong])
    return names


def _standing(tx: Tx, session_id: int) -> Sequence[Row[Any]]:
    return tx.rows(select(Quota.__table__).where(Quota.session_id == session_id, OPEN).order_by(Quota.id))


@dataclass(slots=True)
class _Spot:
    """An open place while it is decided what it is kept for."""

    number: int
    quota_id: int | None
    was: int | None
    booking_id: int | None
    person_id: int | None


def _mark(tx: Tx, session: Row[Any], wanted: Sequence[tuple[int, int, str]]) -> None:
    """Give each quota its places: where it has too many, free ones go; free ones nobody is owed, then its own people's, come in."""
    rows = tx.rows(
        select(Place.number, Place.quota_id, Booking.id.label("booking_id"), Booking.person_id)
        .outerjoin(Booking, and_(Booking.session_id == Place.session_id, Booking.place == Place.number))
        .where(Place.session_id == session.id, ~Place.closing)
        .order_by(Place.number)
    )
    spots = [_Spot(row.number, row.quota_id, row.quota_id, row.booking_id, row.person_id) for row in rows]
    for key, places, _ in wanted:
        mine = sorted((spot for spot in spots if spot.quota_id == key), key=lambda spot: spot.booking_id is not None)
        for spot in mine[: max(len(mine) - places, 0)]:
            spot.quota_id = None
    free = [spot for spot in spots if spot.booking_id is None]
    owed = {seat.number for _, seat in match(tx, session, [Seat(spot.number, spot.quota_id) for spot in free])}
    belongs = eligible(tx, {key for key, _, _ in wanted}, [spot.person_id for spot in spots if spot.person_id is not None])
    for n, (key, places, name) in enumerate(wanted, 1):
        short = places - sum(spot.quota_id == key for spot in spots)
        fit = [spot for spot in free if spot.quota_id is None and spot.number not in owed]
        fit += [spot for spot in spots if spot.quota_id is None and spot.booking_id is not None and spot.person_id in belongs[key]]
        if len(fit) < short:
            most = places - short + len(fit)
            words = f"Only {plural(most, 'place')} can be kept for {name}: the others are taken, or somebody waits for them"
            raise Invalid(words + ".", errors=[{"field": f"quotas.{n}.places", "message": words}], code="quota-too-large")
        for spot in fit[: max(short, 0)]:
            spot.quota_id = key
    for mark in {spot.quota_id for spot in spots}:
        moved = [spot.number for spot in spots if spot.quota_id == mark != spot.was]
        if moved:
            tx.db.execute(update(Place).where(Place.session_id == session.id, Place.number.in_(moved)).values(quota_id=mark))


def _let_go(tx: Tx, session_id: int, quotas: Iterable[int]) -> None:
    """The places of these quotas are everybody's from now on."""
    ids = list(quotas)
    if ids:
        tx.db.execute(update(Place).where(Place.session_id == session_id, Place.quota_id.in_(ids)).values(quota_id=None))
        tx.db.execute(update(Quota).where(Quota.id.in_(ids)).values(released_at=tx.now))


def _released(tx: Tx, session: Row[Any], quotas: Sequence[int], *, left: bool) -> None:
    _let_go(tx, session.id, quotas)
    tx.update(Session, session.id, has_quotas=left, updated_at=tx.now, version=session.version + 1)
    tx.record("session.quota-released", "sessions", session.id, quotas=list(quotas))
    freed(tx, session.id)
