"""The dates of a course for one person: what is left, their own booking, and what stands in the way of each, all dates at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from markupsafe import Markup
from sqlalchemy import Date, Row, and_, bindparam, exists, literal_column, select

from app.bookings import kept, rules, words
from app.bookings.models import HOLDS_SQL, Booking, Part, Session
from app.bookings.queries import NOW, ONE, held, part_count, span_columns, waiting
from app.core.calendar import london
from app.core.declared import aliased
from app.core.facts import current
from app.core.ready import Ready
from app.core.tx import Tx
from app.core.web import fragment
from app.learning.models import Course
from app.people.models import CareerStage, Membership, Stage, Unit, UnitClosure

_PERSON: Any = bindparam("person")
_TODAY = bindparam("today", type_=Date())
_ours, _theirs, _other = aliased(Part, name="ours"), aliased(Part, name="theirs"), aliased(Booking, name="held_elsewhere")
_HOLDS: Any = literal_column(HOLDS_SQL.replace("status", "held_elsewhere.status"))
# What the person holds and is not over: asked once, then held against each date
_held_parts = (
    select(_other.session_id, _theirs.starts_at, _theirs.ends_at)
    .join(_theirs, _theirs.session_id == _other.session_id)
    .where(_other.person_id == _PERSON, _HOLDS, _theirs.ends_at > NOW)
    .cte("held_parts")
    .prefix_with("MATERIALIZED")
)
_clash = (
    select(_held_parts.c.session_id)
    .join(_ours, and_(_held_parts.c.starts_at < _ours.ends_at, _ours.starts_at < _held_parts.c.ends_at))
    .where(_ours.session_id == Session.id, _held_parts.c.session_id != Session.id)
    .limit(1)
    .correlate(Session)
    .scalar_subquery()
)
_belongs = exists(
    select(ONE)
    .select_from(Membership)
    .join(UnitClosure, UnitClosure.descendant_id == Membership.unit_id)
    .where(Membership.person_id == _PERSON, UnitClosure.ancestor_id == Session.audience_unit_id, current(Membership, _TODAY))
    .correlate(Session)
)
_DATES = Ready(
    select(
        Session.id,
        Session.starts_at,
        Session.ends_at,
        Session.place,
        Session.online,
        Session.capacity,
        Session.waiting_limit,
        Session.needs_approval,
        Session.opens_at,
        Session.closes_at,
        Session.audience_stages,
        Session.audience_unit_id,
        Unit.name.label("audience_unit"),
        part_count().label("parts"),
        *span_columns(),
        held().label("held"),
        waiting().label("waiting"),
        kept.FOR_READER,
        Booking.id.label("booking_id"),
        Booking.status.label("booking_status"),
        _clash.label("clash"),
        _belongs.label("belongs"),
        select(Stage.stage).where(Stage.person_id == _PERSON, current(Stage, _TODAY)).limit(1).scalar_subquery().label("stage"),
    )
    .outerjoin(Unit, Unit.id == Session.audience_unit_id)
    .outerjoin(
        Booking,
        and_(
            Booking.session_id == Session.id,
            Booking.person_id == _PERSON,
            literal_column("bookings.status NOT IN ('cancelled', 'declined', 'expired')"),
        ),
    )
    .where(Session.course_id == bindparam("course"), literal_column("sessions.status = 'published'"), Session.starts_at > NOW)
    .order_by(Session.starts_at, Session.id)
    .limit(60)
)


def dates(tx: Tx, course_id: int, person_id: int | None) -> Sequence[Row[Any]]:
    """The sessions to come, with what is left, the person's own booking, and the facts that `obstacles` judges."""
    return kept.counted(tx, tx.rows(_DATES, course=course_id, person=person_id, now=tx.now, today=tx.today), person_id)


def nothing_to_book(course: Row[Any], rows: Sequence[Row[Any]], now: datetime) -> bool:
    """Is there no date on which somebody who is not on it yet could have a place, so that they may want to hear of the next one?"""
    if any(row.booking_id is not None for row in rows) or (course.kind == "e-learning" and not rows):
        return False
    return not any(row.held < row.capacity and not row.waiting and (row.closes_at is None or row.closes_at > now) for row in rows)


@lru_cache(maxsize=512)
def one_date(
    row: Row[Any], label: str, closed: str, reason: rules.Reason | None, whom: int | None, quotas: tuple[Row[Any], ...] = ()
) -> Markup:
    """A date as the course's page shows it. What is shown follows from these values alone, so it is drawn once for each."""
    return fragment("desks/_date.html", "one_date", row, label, closed, reason, whom, words, quotas)


def listed(tx: Tx, rows: Sequence[Row[Any]], obstacles: dict[int, rules.Reason], whom: int | None) -> Markup:
    """All of them, as they stand for the reader, or for the person with the key `whom`."""
    drawn, quotas = [], kept.of_rows(tx, rows)
    for row in rows:
        label, closed = words.action(row, tx.now)
        drawn.append(one_date(row, label, closed, obstacles.get(row.id) if label else None, whom, tuple(quotas.get(row.id, ()))))
    return Markup("").join(drawn)


def obstacles(tx: Tx, rows: Sequence[Row[Any]], needs: Sequence[Row[Any]], person_id: int | None, *, you: bool) -> dict[int, rules.Reason]:
    """By session, the first reason why the person cannot have a place there: the same words as when they try.

    `needs` are the course's prerequisites with until when each counts. Windows and waiting lists are `words.action`'s to say.
    """
    who = "You" if you else "They"
    elsewhere = _elsewhere(tx, rows, person_id)
    codes = {code for row in rows if row.audience_stages and row.stage not in row.audience_stages.split(",") for code in _codes(row)}
    stages = _titles(tx, codes)
    found: dict[int, rules.Reason] = {}
    for row in rows:
        if row.booking_id is None and (reason := next(_against(tx, row, needs, elsewhere, stages, who), None)) is not None:
            found[row.id] = reason
    return found


def _against(
    tx: Tx, row: Row[Any], needs: Sequence[Row[Any]], elsewhere: dict[int, Row[Any]], stages: dict[str, str], who: str
) -> Iterator[rules.Reason]:
    if row.clash is not None:
        yield rules.clashing(elsewhere[row.clash], who)
    day = london(row.starts_at).date()
    for need in needs:
        if need.until is None or need.until < day:
            yield rules.lacking(need.words, need.link, need.until, need.refresher, who=who, today=tx.today)
    if row.audience_stages and row.stage not in _codes(row):
        yield rules.not_the_audience(", ".join(title for code, title in stages.items() if code in _codes(row)) or row.audience_stages)
    if row.audience_unit_id is not None and not row.belongs:
        yield rules.not_the_unit(row.audience_unit)


def _codes(row: Row[Any]) -> list[str]:
    codes: list[str] = row.audience_stages.split(",")
    return codes


_HELD_ELSEWHERE = Ready(
    select(Session.id, Course.title, Session.starts_at)
    .select_from(_other)
    .join(Session, Session.id == _other.session_id)
    .join(Course, Course.id == Session.course_id)
    .where(_other.person_id == _PERSON, _HOLDS, Session.ends_at > NOW)
)


def _elsewhere(tx: Tx, rows: Sequence[Row[Any]], person_id: int | None) -> dict[int, Row[Any]]:
    """The person's own sessions that clash with one of these, by key."""
    if all(row.clash is None for row in rows):
        return {}
    return {row.id: row for row in tx.rows(_HELD_ELSEWHERE, person=person_id, now=tx.now)}


def _titles(tx: Tx, codes: set[str]) -> dict[str, str]:
    """Stages of a career by code, in their order."""
    if not codes:
        return {}
    titled = select(CareerStage.code, CareerStage.title).where(CareerStage.code.in_(codes)).order_by(CareerStage.rank)
    return {row.code: row.title for row in tx.rows(titled)}
