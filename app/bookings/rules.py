"""Why somebody cannot book, in words: the same answers before the button and when it is pressed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Row, and_, bindparam, case, exists, func, literal_column, null, or_, select

from app.bookings import approvals
from app.bookings.event_models import Interest
from app.bookings.models import HOLDS_SQL, LIVE_SQL, WAITING_SQL, Booking, Part, Place, Quota, Session
from app.core.calendar import clock, deadline, london, long_date, working_day
from app.core.db import ONE
from app.core.declared import aliased
from app.core.facts import current
from app.core.ready import Ready
from app.core.tx import Tx
from app.learning.models import Completion, Course, Prerequisite
from app.people.models import CareerStage, GroupMember, Membership, Person, Post, Stage, Unit, UnitClosure


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing to know before booking. A blocking one refuses; the others only tell."""

    code: str
    message: str
    way_out: str = ""
    blocks: bool = True
    link: str = ""


def may_take(person: Any, quota_id: Any, today: Any) -> ColumnElement[bool]:
    """SQL: may this person have a place of this quota (NULL: everybody may)? It may stand at any depth of a statement."""
    by_group, by_unit = aliased(Quota), aliased(Quota)
    member, belongs, above = aliased(GroupMember), aliased(Membership), aliased(UnitClosure)
    in_group = (
        select(ONE)
        .select_from(member)
        .join(by_group, by_group.group_id == member.group_id)
        .where(by_group.id == quota_id, member.person_id == person, current(member, today))
        .correlate_except(member, by_group)
    )
    in_unit = (
        select(ONE)
        .select_from(belongs)
        .join(above, above.descendant_id == belongs.unit_id)
        .join(by_unit, by_unit.unit_id == above.ancestor_id)
        .where(by_unit.id == quota_id, belongs.person_id == person, current(belongs, today))
        .correlate_except(belongs, above, by_unit)
    )
    return or_(quota_id.is_(None), exists(in_group), exists(in_unit))


def free_to(place: Any, session: Any, person: Any, today: Any) -> tuple[ColumnElement[bool], ...]:
    """SQL: conditions under which a row of `place` is a free place of a session with quotas that this person would get.

    It is open, nobody holds it, the person may have it, and nobody waits who may have it: a free place is nobody else's meanwhile.
    """
    holder, turn = aliased(Booking), aliased(Booking, name="turn_for_it")
    taken = select(ONE).select_from(holder).where(holder.session_id == place.session_id, holder.place == place.number)
    waits = (
        select(ONE)
        .select_from(turn)
        .where(
            turn.session_id == place.session_id,
            literal_column(WAITING_SQL.replace("status", "turn_for_it.status")),
            may_take(turn.person_id, place.quota_id, today),
        )
    )
    return (
        place.session_id == session,
        ~place.closing,
        ~exists(taken.correlate_except(holder)),
        may_take(person, place.quota_id, today),
        ~exists(waits.correlate_except(turn)),
    )


def about(person: Any) -> tuple[ColumnElement[Any], ...]:
    """What the rules ask of one person, as columns: mine, clash, missing, stage, asked. Parameters: session, course, today, day.

    `person` is a parameter, or the key of the enclosing statement's row.
    """
    live: ColumnElement[bool] = literal_column(LIVE_SQL.replace("status", "bookings.status"))
    session: BindParameter[int] = bindparam("session")
    mine = select(Booking.status).where(Booking.session_id == session, Booking.person_id == person, live).limit(1)
    ours, theirs, other = aliased(Part), aliased(Part), aliased(Booking, name="held")
    clash = (
        select(other.session_id)
        .join(theirs, theirs.session_id == other.session_id)
        .join(ours, and_(ours.session_id == session, theirs.starts_at < ours.ends_at, ours.starts_at < theirs.ends_at))
        .where(other.person_id == person, other.session_id != session, literal_column(HOLDS_SQL.replace("status", "held.status")))
        .limit(1)
    )
    in_date = (
        select(ONE)
        .where(
            Completion.person_id == person,
            Completion.course_id == Prerequisite.requires_id,
            Completion.superseded_at.is_(None),
            func.coalesce(Completion.expires_on, bindparam("day")) >= bindparam("day"),
        )
        .correlate_except(Completion)
    )
    missing = select(Prerequisite.requires_id).where(Prerequisite.course_id == bindparam("course"), ~exists(in_date)).limit(1)
    stage = select(Stage.stage).where(Stage.person_id == person, current(Stage, bindparam("today"))).limit(1)
    asked = select(Interest.id).where(
        Interest.course_id == bindparam("course"), Interest.person_id == person, literal_column("interests.ended_at IS NULL")
    )
    return (
        mine.correlate_except(Booking).scalar_subquery().label("mine"),
        clash.correlate_except(ours, theirs, other).scalar_subquery().label("clash"),
        missing.correlate_except(Prerequisite).scalar_subquery().label("missing"),
        stage.correlate_except(Stage).scalar_subquery().label("stage"),
        asked.correlate_except(Interest).scalar_subquery().label("asked"),  # to be told of dates: whoever books is told no more
    )


@lru_cache(maxsize=2)
def facts_statement(*, quotas: bool = False) -> Ready:
    """Everything about one person and one session that the rules ask, in one statement. Parameters: session, person, course, today, day.

    `quotas`: some of the session's places are kept for a group or unit, so that each place has its own people and its own queue.
    """
    session: BindParameter[int] = bindparam("session")
    person: BindParameter[int] = bindparam("person")
    if quotas:
        today: BindParameter[date] = bindparam("today")
        found = select(Place.number).where(*free_to(Place, session, person, today))
        place: Any = found.order_by(Place.quota_id.is_(None), Place.number).limit(1).scalar_subquery()
    else:
        waits = (
            select(ONE)
            .select_from(Booking)
            .where(Booking.session_id == session, literal_column(WAITING_SQL.replace("status", "bookings.status")))
        )
        taken = exists(select(ONE).select_from(Booking).where(Booking.session_id == Place.session_id, Booking.place == Place.number))
        places = select(Place.number).where(Place.session_id == session, ~Place.closing, ~taken)
        # A free seat is nobody else's while someone waits who may have it.
        place = case((exists(waits), null()), else_=places.order_by(Place.number).limit(1).scalar_subquery())
    leaving = select(Person.leaving_on).where(Person.id == person).scalar_subquery()
    return Ready(select(*about(person), place.label("place"), leaving.label("leaving_on")))


def facts(tx: Tx, session: Row[Any], person_id: int) -> Row[Any]:
    """The row that `reasons` judges; its `place` is the seat that the person would get, None: they would wait."""
    row = tx.one(
        facts_statement(quotas=session.has_quotas),
        session=session.id,
        person=person_id,
        course=session.course_id,
        today=tx.today,
        day=london(session.starts_at).date(),
    )
    assert row is not None
    return row


def blocking(tx: Tx, session: Row[Any], person_id: int, found: Row[Any], *, you: bool) -> Reason | None:
    """The first reason that refuses, or None. Details are only asked for when there is something to say."""
    return next((reason for reason in reasons(tx, session, person_id, found, you=you) if reason.blocks), None)


def reasons(tx: Tx, session: Row[Any], person_id: int, found: Row[Any], *, you: bool = True, tell: bool = False) -> Iterator[Reason]:
    """What stands in the way, most telling first. With `tell`, also what does not block: approval, working days, waiting list."""
    who, have = ("You", "have") if you else ("They", "have")
    yield from session_open(tx, session)
    if session.needs_approval and session.starts_at > tx.now and approvals.too_late(tx, session, person_id):
        yield Reason("too-late-for-approval", "It is too late to ask for approval of this place.", "Ask your manager to book it for you.")
    if found.mine:
        yield Reason("already-booked", f"{who} already {have} a place or a turn on this session.", "See my bookings.", link="/my-bookings")
    if found.clash is not None:
        yield clashing(_elsewhere(tx, found.clash), who)
    if found.missing is not None:
        yield _prerequisite(tx, found.missing, person_id, who)
    if found.leaving_on is not None and found.leaving_on < london(session.starts_at).date():
        yield Reason("leaves-before", f"{who} leave before this session.", "If that is not so, ask HR to put the last day right.")
    if session.audience_stages and found.stage not in session.audience_stages.split(","):
        yield _audience(tx, session)
    if session.audience_unit_id is not None and not _belongs(tx, session.audience_unit_id, person_id):
        name = tx.scalar(select(Unit.name).where(Unit.id == session.audience_unit_id))
        yield not_the_unit(name)
    if found.place is None:
        yield from _waiting(tx, session)
    if tell:
        yield from _worth_knowing(tx, session, person_id, who)


def session_open(tx: Tx, session: Row[Any]) -> Iterator[Reason]:
    """Why nobody at all can book this session now."""
    if session.status == "cancelled":
        yield Reason("session-cancelled", "This session has been cancelled.", "Choose another date.")
    elif session.status != "published":
        yield Reason("session-not-published", "This session is not open for booking.", "Choose another date.")
    elif session.starts_at <= tx.now:
        yield Reason("session-started", "This session has already started.", "Choose another date.")
    elif session.opens_at is not None and tx.now < session.opens_at:
        opens = london(session.opens_at)
        yield Reason("window-not-open", f"Booking opens on {long_date(opens.date())} at {clock(opens)}.", "Come back then.")
    elif session.closes_at is not None and tx.now >= session.closes_at:
        yield Reason("window-closed", f"Booking closed at {deadline(session.closes_at)}.", "Choose another date, or ask the Academy.")


def _elsewhere(tx: Tx, session_id: int) -> Row[Any]:
    row = tx.one(select(Course.title, Session.starts_at).join(Session, Session.course_id == Course.id).where(Session.id == session_id))
    assert row is not None
    return row


def clashing(row: Row[Any], who: str) -> Reason:
    """They hold a place elsewhere at that time; `row` has its title and starts_at."""
    at = london(row.starts_at)
    return Reason(
        "clash",
        f"{who} have another booking at that time: {row.title}, {long_date(at.date())}, {clock(at)}.",
        "Cancel it or choose another date.",
        link="/my-bookings",
    )


def clash_words(tx: Tx, session_id: int, *, you: bool) -> str:
    """The sentence that says with which session it clashes."""
    return clashing(_elsewhere(tx, session_id), "You" if you else "They").message


_renewing = aliased(Course, name="renewing")
_until = (
    select(func.max(Completion.expires_on))
    .where(Completion.person_id == bindparam("person"), Completion.course_id == Course.id, Completion.superseded_at.is_(None))
    .correlate(Course)
    .scalar_subquery()
)
_REQUIRED = (
    select(Course.title, Course.slug, _renewing.slug.label("refresher"), _until.label("until"))
    .outerjoin(_renewing, and_(_renewing.id == Course.refresher_id, _renewing.status == "published"))
    .where(Course.id == bindparam("course"))
)


def _prerequisite(tx: Tx, course_id: int, person_id: int, who: str) -> Reason:
    row = tx.one(_REQUIRED, course=course_id, person=person_id)
    assert row is not None
    return lacking(row.title, row.slug, row.until, row.refresher, who=who, today=tx.today)


def lacking(title: str, slug: str, until: date | None, refresher: str | None, *, who: str, today: date) -> Reason:
    """A course that is needed first: never completed (`until` is None), lapsed, or in date today but no longer on the day."""
    if until is None:
        return Reason("prerequisite-missing", f"{who} need to complete {title} first.", f"Book {title}.", link=f"/courses/{slug}")
    whose = "Yours" if who == "You" else "Theirs"
    ends = f"lapsed on {long_date(until)}" if until < today else f"lapses on {long_date(until)}, before this session"
    way_out = "Book the refresher first." if refresher else f"Book {title} again first."
    return Reason(
        "prerequisite-missing", f"{who} need {title} in date on the day. {whose} {ends}.", way_out, link=f"/courses/{refresher or slug}"
    )


def _audience(tx: Tx, session: Row[Any]) -> Reason:
    codes = session.audience_stages.split(",")
    titles = tx.db.execute(select(CareerStage.title).where(CareerStage.code.in_(codes)).order_by(CareerStage.rank)).scalars().all()
    return not_the_audience(", ".join(titles) or session.audience_stages)


def not_the_audience(stages: str) -> Reason:
    """It is for people at other stages of their career; `stages` names them."""
    return Reason("wrong-audience", f"This session is for: {stages}.", "Choose another course, or ask the Academy.")


def not_the_unit(name: str) -> Reason:
    """It is for another part of the organisation."""
    return Reason("wrong-audience", f"This session is only for people in {name}.", "Choose another date, or ask the Academy.")


def _belongs(tx: Tx, unit_id: int, person_id: int) -> bool:
    member = (
        select(ONE)
        .select_from(Membership)
        .join(UnitClosure, UnitClosure.descendant_id == Membership.unit_id)
        .where(Membership.person_id == person_id, UnitClosure.ancestor_id == unit_id, current(Membership, tx.today))
    )
    return tx.scalar(member) is not None


def _waiting(tx: Tx, session: Row[Any]) -> Iterator[Reason]:
    if session.waiting_limit is None:
        return
    waiting: ColumnElement[bool] = literal_column(WAITING_SQL.replace("status", "bookings.status"))
    length = tx.scalar(select(func.count()).select_from(Booking).where(Booking.session_id == session.id, waiting))
    if length >= session.waiting_limit:
        words = (
            "This session is full and its waiting list is full too."
            if session.waiting_limit
            else "This session is full and has no waiting list."
        )
        yield Reason("waiting-list-full", words, "Choose another date.")


def _worth_knowing(tx: Tx, session: Row[Any], person_id: int, who: str) -> Iterator[Reason]:
    if session.needs_approval:
        rule = approvals.rule(tx, session.course_id)
        if not approvals.may_decide(tx, person_id, rule):
            manager = "Your manager" if who == "You" else "Their manager"
            by = manager if rule.approver == "manager" else "The Academy"
            yield Reason("approval-needed", f"{by} has to approve this booking. The place is held meanwhile.", blocks=False)
    days = tx.scalar(select(Post.working_days).where(Post.person_id == person_id, Post.is_primary, current(Post, tx.today)).limit(1))
    off = _days_off(tx, session.id, days or "1111100")
    if off:
        listed = " and ".join(long_date(day) for day in off[:2])
        subject = "you do" if who == "You" else "they do"
        yield Reason("non-working-day", f"HR's record says {subject} not work on {listed}.", "You can still book.", blocks=False)


def _days_off(tx: Tx, session_id: int, pattern: str) -> list[date]:
    starts = tx.db.execute(select(Part.starts_at).where(Part.session_id == session_id).order_by(Part.starts_at)).scalars()
    return [day for day in dict.fromkeys(london(start).date() for start in starts) if not working_day(day, pattern)]
