"""What else goes on around bookings, through the real operations: an offer to answer, places kept and reserved, an appeal, demand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from app.bookings import operations, rules
from app.bookings.clocks import before_working_days
from app.bookings.event_models import Interest
from app.bookings.models import Booking, Session, Status
from app.bookings.operations import appeals, interest, quotas, reservations, sessions, writing
from app.core.calendar import add_months
from app.core.errors import Refusal
from app.core.tx import Tx
from app.learning import prior
from app.learning.models import Course
from app.people.models import Membership
from seed.sample import Stage

INTERESTED = (23, 14, 6, 3)  # people on the lists of courses without a date, the most wanted first


def carry_on(stage: Stage) -> None:
    """Each persona finds something that waits for them."""
    priya, callum, joanne, marcus = (stage.force.persona[key] for key in ("practitioner", "nqsw", "manager", "trainer"))
    reports = stage.reports(joanne, besides=(priya, callum))
    _offer(stage, priya)
    _kept(stage, priya)
    _reserved(stage, joanne)
    _classes(stage, priya, callum)
    _stuck(stage, reports)
    _late(stage, [callum], appeals_too=False)
    _late(stage, reports[::-1], appeals_too=True)
    _wanted(stage, priya)
    _prior(stage, reports[:2])
    _message(stage, marcus)


def _offer(stage: Stage, priya: int) -> None:
    """She waits for a full session, a coordinator puts her first, and somebody gives up a place: it is offered to her."""
    waiting = stage.book(priya, priya, stage.later(10), wanted=Status.WAITING)
    if waiting is None:
        waiting = stage.book(priya, priya, _made_smaller(stage, priya), wanted=Status.WAITING)
    if waiting is None:
        return
    with stage.coordinating() as tx:
        booking = tx.get(Booking, waiting)
        if booking.priority != 1:
            operations.change_priority(tx, waiting, 1, "She needs it for a case that is in court next month")
        first = tx.scalar(
            select(Booking.id).where(Booking.session_id == booking.session_id, Booking.status == Status.BOOKED.value).order_by(Booking.turn)
        )
    with stage.coordinating() as tx:
        operations.cancel(tx, first, "They have moved to another team")


def _made_smaller(stage: Stage, priya: int) -> list[int]:
    """A session that she could have booked has as many places as people from now on: in a small county none is full."""
    for key in stage.later(10):
        with stage.coordinating() as tx:
            session = tx.get(Session, key)
            held = tx.scalar(select(func.count(Booking.place)).where(Booking.session_id == key))
            facts = rules.facts(tx, session, priya + 1)
            could = (priya, stage.course_of[key].code) not in stage.taken and not rules.blocking(tx, session, priya + 1, facts, you=False)
            if could and held >= 2 and session.waiting_limit != 0:
                sessions.change_session(tx, key, session.version, capacity=held, min_numbers=min(held, session.min_numbers))
                return [key]
    return []


def _kept(stage: Stage, priya: int) -> None:
    """Some places of a session are kept for the practitioner's team."""
    for session in stage.later(20):
        with stage.coordinating() as tx:
            team = tx.scalar(select(Membership.unit_id).where(Membership.person_id == priya + 1).order_by(Membership.id.desc()))
            found = tx.get(Session, session)
            free = found.capacity - tx.scalar(select(func.count(Booking.place)).where(Booking.session_id == session))
            waits = tx.scalar(select(Booking.id).where(Booking.session_id == session, Booking.status == Status.WAITING.value).limit(1))
            if free < 6 or waits is not None or team is None:
                continue
            release = (found.starts_at - timedelta(days=10)).date()
            quotas.set_quotas(tx, session, [quotas.Keep(4, release, unit_id=team)], found.version)
            return


def _reserved(stage: Stage, joanne: int) -> None:
    """The manager has reserved places for people whom she has still to name."""
    for session in stage.later(30):
        try:
            with stage.as_(joanne) as tx:
                reservations.reserve(tx, session, 2)
            return
        except Refusal:
            continue


def _classes(stage: Stage, priya: int, callum: int) -> None:
    """Whoever is newly qualified waits before the practitioner on a list, although she asked first."""
    with stage.coordinating() as tx:
        hers = select(Booking.session_id).where(Booking.person_id == priya + 1, Booking.status == Status.WAITING.value)
        sessions = [row.session_id for row in tx.rows(hers.order_by(Booking.id))]
    stage.book(callum, callum, sessions, wanted=Status.WAITING)


def _stuck(stage: Stage, people: Iterable[int]) -> None:
    """Somebody asked for a place four working days ago, and nobody has answered."""
    then = before_working_days(stage.now, 4) + timedelta(hours=10)
    with stage.coordinating() as tx:
        untouched = select(Session.id).where(
            Session.id.in_(list(stage.with_approval(0))),
            Session.opens_at < then,
            Session.id.not_in(select(Booking.session_id).where(Booking.updated_at > then)),
        )
        sessions = [row.id for row in tx.rows(untouched.order_by(Session.starts_at, Session.id))]
    now, stage.now = stage.now, then
    any(stage.book(i, i, sessions, wanted=Status.REQUESTED) for i in people)
    stage.now = now


def _late(stage: Stage, people: Iterable[int], *, appeals_too: bool) -> None:
    """The first who can books, and gives the place up in the last days before the session, without a reason that excuses it."""
    found = ((who, stage.book(who, who, stage.within(6), wanted=Status.BOOKED)) for who in people)
    who, made = next(((who, made) for who, made in found if made is not None), (0, None))
    if made is None:
        return
    with stage.as_(who) as tx:
        operations.cancel(tx, made, "I have too many visits that day", "workload")
    if appeals_too:
        try:
            with stage.as_(who) as tx:
                appeals.appeal(tx, made, "My manager moved a statutory visit to that morning and nobody could cover it.")
        except Refusal:
            return  # it was in time after all, so that nothing followed


def _wanted(stage: Stage, priya: int) -> None:
    """Courses without a date that people want to hear of; the practitioner is the last to ask."""
    with stage.coordinating() as tx:
        dated = select(Session.course_id).where(Session.starts_at > stage.now, Session.status == "published")
        undated = select(Course.id).where(Course.status == "published", Course.kind != "e-learning", Course.id.not_in(dated))
        courses = [row.id for row in tx.rows(undated.order_by(Course.id).limit(len(INTERESTED)))]
        people = stage.force.people
        for course, number in zip(courses, INTERESTED, strict=False):
            employed = [i for i, person in enumerate(people) if person.leaving_on is None and not person.organisation]
            chosen = employed[course :: max(1, len(employed) // number)][:number]
            since = [stage.now - timedelta(days=90 - 3 * n, minutes=17 * course) for n in range(len(chosen))]
            rows = [dict(course_id=course, person_id=i + 1, since=at) for i, at in zip(chosen, since, strict=True) if i != priya]
            tx.insert_many(Interest, rows)
    if courses:
        with stage.as_(priya) as tx:
            interest.register_interest(tx, courses[0])


def _prior(stage: Stage, people: Iterable[int]) -> None:
    """Learning from elsewhere that a coordinator has to decide on."""
    for i in people:
        with stage.as_(i) as tx:
            course = tx.scalar(select(Course.id).where(Course.kind == "safeguarding", Course.status == "published").order_by(Course.id))
            done = add_months(tx.today, -4)
            prior.ask(
                tx,
                course_id=course,
                completed_on=done,
                provider="Northmoor Safeguarding Partnership",
                evidence="A certificate of two days with an assessed case study, which my manager has seen.",
            )


def _message(stage: Stage, marcus: int) -> None:
    """A coordinator has written to everybody on the trainer's next session."""
    for session in stage.delivered(marcus):
        try:
            with stage.coordinating() as tx:
                _write(tx, session)
            return
        except Refusal:
            continue


def _write(tx: Tx, session: int) -> Any:
    body = "Please read the two short case studies before the day.\nParking is tight: the 14 bus stops outside."
    return writing.write_to_session(tx, session, "Before you come", body, "seated")
