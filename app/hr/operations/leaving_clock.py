"""What the worker does about leavers: last days that nobody told the cascade of, days that are over, and what has changed since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Row, and_, exists, insert, literal, or_, select, union

from app.bookings.operations import leavers
from app.core.calendar import from_london, london
from app.core.db import ONE, Database
from app.core.ledger import Audit
from app.core.tx import Tx
from app.core.work import job
from app.hr.change_models import FeedMark
from app.hr.directory_models import Departure, DepartureEffect
from app.hr.operations import leaving, leaving_effects
from app.people.models import Duty, Membership, Person, Post, Responsibility, Stage

_AT_ONCE = 500  # people in one transaction
_DAYS = "days-of-facts"  # the name of the mark up to which facts' days have been told
_known = exists(
    select(ONE).where(
        Departure.person_id == Person.id, Departure.last_day == Person.leaving_on, Departure.state.in_(("waiting", "due", "done"))
    )
)
_NEW = select(Person.id).where(Person.leaving_on.is_not(None), ~_known)
_moved = or_(Person.leaving_on.is_(None), Person.leaving_on != Departure.last_day)
_MOVED = select(Person.id).join(Departure, Departure.person_id == Person.id).where(Departure.state == "due", _moved)


# Every look --------------------------------------------------------------------------------------------------------


def register_unknown(database: Database) -> int:
    """Register last days that were set, moved or taken back in the API or on a page, within a look of it; returns how many."""
    with job(database, writes=False) as tx:
        if not tx.rows(_NEW.limit(1)) and not tx.rows(_MOVED.limit(1)):
            return 0
    with job(database) as tx:
        people = {row.id for row in tx.rows(_NEW.limit(_AT_ONCE))} | {row.id for row in tx.rows(_MOVED.limit(_AT_ONCE))}
        for (source, run), theirs in _sources(tx, sorted(people)).items():
            leaving.register(tx, theirs, source, run)
    return len(people)


def _sources(tx: Tx, people: Sequence[int]) -> dict[tuple[str, str], list[int]]:
    """By whom each last day was set, from the trail. A client's of one day come together; what somebody was created with does not count."""
    said: dict[int, tuple[str, str]] = {}
    for piece in leavers.pieces(people):
        about = and_(Audit.person_id.in_(piece), Audit.subject == "people", Audit.action.in_(("person.changed", "person.created")))
        columns = (Audit.person_id, Audit.actor_kind, Audit.actor_id, Audit.action, Audit.at, Audit.facts)
        for row in tx.rows(select(*columns).where(about).order_by(Audit.id)):
            if row.action == "person.created" or "leaving_on" in row.facts.get("fields", ()):
                said[row.person_id] = _said_by(row)
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for person in people:
        found[said.get(person, ("page", ""))].append(person)
    return found


def _said_by(row: Row[Any]) -> tuple[str, str]:
    if row.actor_kind != "client":
        return "page", ""
    return "api", "" if row.action == "person.created" else f"api:{row.actor_id}:{london(row.at).date().isoformat()}"


def take_effect_due(database: Database) -> int:
    """Finish the departures whose last day is over, some hundreds at a time; returns how many."""
    done = 0
    while True:
        with job(database, writes=False) as tx:
            if not _due(tx, 1):
                return done
        with job(database) as tx:
            number = take_effect(tx, tx.now)
        done += number
        if number == 0:
            return done  # another worker had them


def take_effect(tx: Tx, now: datetime) -> int:  # noqa: ARG001 - as the timetable calls it
    """Finish departures whose last day is over, at most some hundreds; returns how many."""
    people = [row.person_id for row in _due(tx, _AT_ONCE)]
    leaving_effects.locked(tx, people)
    ids = [row.id for row in _due(tx, _AT_ONCE) if row.person_id in set(people)]
    leaving_effects.arrange(tx, ids)
    leaving_effects.finish(tx, ids)
    return len(ids)


def _due(tx: Tx, most: int) -> Sequence[Row[Any]]:
    state: Any = Departure.__table__.c.state
    due = and_(state == literal("due", literal_execute=True), Departure.last_day < tx.today, Person.leaving_on == Departure.last_day)
    statement = select(Departure.id, Departure.person_id).join(Person, Person.id == Departure.person_id)
    return tx.rows(statement.where(due).order_by(Departure.last_day, Departure.id).limit(most))


# Every hour --------------------------------------------------------------------------------------------------------


def look_again(tx: Tx, now: datetime) -> None:  # noqa: ARG001 - the timetable's signature
    """What has become a leaver's since, such as a session moved to a later day or a report who was given; and flags that are settled."""
    leaving_effects.keep_places(tx, leavers.free(tx, select(Person.id).where(Person.leaving_on.is_not(None))))
    open_ = select(DepartureEffect.departure_id).where(
        DepartureEffect.flagged, DepartureEffect.settled_at.is_(None), DepartureEffect.undone_at.is_(None)
    )
    wanted = or_(Departure.state == "due", and_(Departure.state == "done", Departure.id.in_(open_)))
    rows = tx.rows(
        select(Departure.person_id)
        .join(Person, Person.id == Departure.person_id)
        .where(wanted, Person.leaving_on == Departure.last_day)
        .order_by(Departure.person_id)
    )
    leaving_effects.locked(tx, [row.person_id for row in rows])
    people = {row.person_id for row in rows}
    still = select(Departure.id, Departure.person_id).join(Person, Person.id == Departure.person_id)
    again = tx.rows(still.where(wanted, Person.leaving_on == Departure.last_day))
    leaving_effects.arrange(tx, [row.id for row in again if row.person_id in people])


# Every day ---------------------------------------------------------------------------------------------------------


def turn(now: datetime) -> datetime:
    """Each London midnight."""
    return from_london(london(now).date(), time(0))


def tell_of_the_day(tx: Tx, now: datetime) -> None:
    """One audit row for each person of whom something recorded earlier begins or ends today, so that other systems hear of it on its day.

    Days on which nothing ran are made up for; a day is told once.
    """
    today = london(now).date()
    mark = tx.scalar(select(FeedMark.mark).where(FeedMark.name == _DAYS))
    first = today if mark is None else date.fromordinal(mark + 1)
    if mark is None:
        tx.db.execute(insert(FeedMark), dict(name=_DAYS, mark=today.toordinal(), moved_at=tx.now))
    elif first <= today:
        tx.db.execute(FeedMark.__table__.update().where(FeedMark.name == _DAYS).values(mark=today.toordinal(), moved_at=tx.now))
    day = first
    while day <= today:
        _tell(tx, day)
        day += timedelta(days=1)


def _tell(tx: Tx, day: date) -> None:
    """Whose team, post, stage, manager or employment begins or ends on this day (the first on which it is otherwise)."""
    before = from_london(day, time(0))
    about: list[Any] = []
    for table, which in ((Membership, ()), (Post, ()), (Stage, ()), (Responsibility, (Responsibility.kind == Duty.MANAGER.value,))):
        then = or_(table.valid_from == day, table.valid_to == day)
        live = (table.superseded_at.is_(None), table.recorded_at < before)
        about.append(select(table.person_id.label("person_id")).where(then, *live, *which))
    about.append(select(Person.id).where(Person.leaving_on == day - timedelta(days=1)))
    about.append(select(Person.id).where(Person.started_on == day, Person.created_at < before))
    people = union(*about).subquery()
    facts = literal({"day": day.isoformat()}, Audit.facts.type)
    by = (literal(tx.now), literal(tx.actor.kind), literal(tx.actor.id, Audit.actor_id.type), literal("person.took-effect"))
    rows = select(*by, literal("people"), people.c.person_id, people.c.person_id, facts, literal(tx.request_id, Audit.request_id.type))
    columns = ["at", "actor_kind", "actor_id", "action", "subject", "subject_id", "person_id", "facts", "request_id"]
    ordered = rows.where(people.c.person_id.is_not(None)).order_by(people.c.person_id)
    tx.db.execute(insert(Audit).from_select(columns, ordered, include_defaults=False))
