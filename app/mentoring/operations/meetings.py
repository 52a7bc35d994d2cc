"""Meetings of pairs and sets, logged by date and minutes: each is learning of everybody who was there, and is never written twice."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, select

from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.forms import Problems
from app.core.tx import Tx
from app.learning import sources
from app.learning.sources import Learning
from app.mentoring.models import NEEDS, SET, WITHDRAWN, Meeting, MeetingPerson, SetMember
from app.mentoring.operations import pairing, sets
from app.policy import Can, operation

SOURCES = {"mentoring": "mentoring", "coaching": "mentoring", "shadowing": "shadowing", SET: "action learning"}
ACTIVITIES = {"mentoring": "mentoring", "coaching": "coaching", "shadowing": "shadowing", SET: "action_learning_set"}
_RECEIVES = {"mentoring": "Mentoring", "coaching": "Coaching", "shadowing": "Shadowing a colleague"}
_GIVES = {"mentoring": "Mentoring a colleague", "coaching": "Coaching a colleague", "shadowing": "Being shadowed by a colleague"}


@dataclass(frozen=True, slots=True)
class Circle:
    """A pair or a set: who meets, of what kind, and between which days."""

    kind: str
    title: dict[int, str] | str  # of the learning: by person, or the same for all
    since: date
    until: date | None
    pairing_id: int | None = None
    set_id: int | None = None
    people: tuple[int, ...] = ()  # of a pair: the two
    facilitator: int | None = None  # of a set

    def title_for(self, person_id: int) -> str:
        """What the learning of one of them is called. No names: a record may be shared further than a colleague would like."""
        return self.title if isinstance(self.title, str) else self.title[person_id]


def circle(tx: Tx, *, pairing_id: int | None = None, set_id: int | None = None) -> Circle:
    """The actor's own pair or set, locked where this writes, so that two who log at once take turns; a refusal if it is not theirs."""
    if pairing_id is not None:
        row = pairing.of_mine(tx, pairing_id)
        if row.state not in ("active", "ended"):
            raise Conflict("You have not both agreed to meet.", code="not-paired")
        titles = {row.receiver_id: f"{_RECEIVES[row.kind]}: {NEEDS[row.need]}", row.giver_id: f"{_GIVES[row.kind]}: {NEEDS[row.need]}"}
        people = (row.giver_id, row.receiver_id)
        return Circle(row.kind, titles, row.since, row.ended_on, pairing_id=row.id, people=people)
    assert set_id is not None
    found = sets.seen(tx, set_id)
    belonged = select(SetMember.id).where(SetMember.set_id == set_id, SetMember.person_id == tx.actor.person_id)
    if tx.scalar(belonged) is None:
        raise Forbidden("Only members of the set log its meetings.", code="not-in-set")
    return Circle(
        SET, f"Action learning: {found.title}", found.started_on, found.ended_on, set_id=found.id, facilitator=found.facilitator_id
    )


@operation(Can.LEARN_TOGETHER)
def record(
    tx: Tx,
    held_on: date | None,
    minutes: int | None,
    *,
    pairing_id: int | None = None,
    set_id: int | None = None,
    people: Collection[int] = (),
) -> int:
    """They met: either of a pair, or one of a set who was there or facilitates it, logs it, once; returns the meeting. `people`: of a set,
    who was there.

    Invalid, with the field, for a day to come or outside the time they met, minutes outside 1 to 600, people who did not belong to the set
    that day; Conflict if that day is logged already.
    """
    with_whom = circle(tx, pairing_id=pairing_id, set_id=set_id)
    there = _there(tx, with_whom, held_on, minutes, people)
    assert held_on is not None and minutes is not None
    if tx.actor.person_id not in (*there, with_whom.facilitator):
        raise Forbidden("You log meetings that you were at; whoever facilitates a set logs all of its.", code="not-there")
    _not_yet(tx, with_whom, held_on)
    return _write(tx, with_whom, held_on, minutes, there, None, ())


@operation(Can.LEARN_TOGETHER)
def correct(tx: Tx, meeting_id: int, held_on: date | None, minutes: int | None, people: Collection[int] = ()) -> int:
    """Something was logged wrongly: a new entry takes its place, and everybody's learning says so; returns the new meeting."""
    old, with_whom = of_mine(tx, meeting_id)
    there = _there(tx, with_whom, held_on, minutes, people)
    assert held_on is not None and minutes is not None
    was = _people(tx, old.id)
    if (old.held_on, old.minutes, was) == (held_on, minutes, there):
        return int(old.id)
    tx.update(Meeting, old.id, superseded_at=tx.now)
    _not_yet(tx, with_whom, held_on)
    return _write(tx, with_whom, held_on, minutes, there, old, was)


@operation(Can.LEARN_TOGETHER)
def withdraw(tx: Tx, meeting_id: int, why: str) -> None:
    """It should not have been logged: `why` is one of `models.WITHDRAWN`. It is nobody's learning any more, and stays readable."""
    old, with_whom = of_mine(tx, meeting_id)
    if why not in WITHDRAWN:
        message = "Choose why this does not count"
        raise Invalid(message + ".", errors=[{"field": "why", "message": message}])
    tx.update(Meeting, old.id, superseded_at=tx.now, withdrawn=why)
    root = old.first_id or old.id
    sources.settle(tx, SOURCES[with_whom.kind], {(root, person): None for person in _people(tx, old.id)})
    tx.record("learning-meeting.withdrawn", "learning_meetings", old.id, person_id=tx.actor.person_id, reason=why)


def of_mine(tx: Tx, meeting_id: int) -> tuple[Row[Any], Circle]:
    """A live meeting of the actor's pair, or of a set where they were there or facilitate, with that.

    Where this writes, the pair or set is locked first.
    """
    row = tx.get(Meeting, meeting_id, what="meeting")
    try:
        with_whom = circle(tx, pairing_id=row.pairing_id, set_id=row.set_id)
    except (NotFound, Forbidden) as none:
        raise _not_there() from none
    if tx.actor.person_id not in (*with_whom.people, with_whom.facilitator, *(_people(tx, meeting_id) if with_whom.set_id else ())):
        raise _not_there()
    row = tx.get(Meeting, meeting_id)
    if row.superseded_at is not None:
        raise Conflict("This has been corrected or withdrawn meanwhile.", code="superseded", way_out="Open the list again.")
    return row, with_whom


def _not_there() -> NotFound:
    return NotFound("There is no meeting with that reference, or you were not at it.", code="meeting-not-found")


def _there(tx: Tx, with_whom: Circle, held_on: date | None, minutes: int | None, people: Collection[int]) -> tuple[int, ...]:
    """Who was there, in order; Invalid for whatever cannot be."""
    problems = Problems()
    last = min(tx.today, with_whom.until or tx.today)
    if held_on is None:
        problems.add("held_on", "Enter the day on which you met")
    elif held_on > tx.today:
        problems.add("held_on", "The day must be today or in the past: log it once you have met")
    elif not with_whom.since <= held_on <= last:
        problems.add("held_on", "The day must lie in the time in which you met as a pair or set")
    if minutes is None or not 1 <= minutes <= 600:
        problems.add("minutes", "Minutes must be between 1 and 600")
    there = tuple(sorted(set(people or with_whom.people))) if with_whom.set_id else tuple(sorted(with_whom.people))
    if with_whom.set_id is not None:
        if len(there) < 2:
            problems.add("people", "Choose who was there, at least two of you")
        elif held_on is not None:
            belonging = select(SetMember.person_id).where(sets.belongs(with_whom.set_id, held_on), SetMember.person_id.in_(there))
            if {row.person_id for row in tx.rows(belonging)} != set(there):
                problems.add("people", "Choose only people who belonged to the set on that day")
    problems.raise_any()
    return there


def _not_yet(tx: Tx, with_whom: Circle, held_on: date) -> None:
    """The database has the last word; this says it beside the field."""
    of = Meeting.pairing_id == with_whom.pairing_id if with_whom.pairing_id else Meeting.set_id == with_whom.set_id
    if tx.scalar(select(Meeting.id).where(of, Meeting.held_on == held_on, Meeting.superseded_at.is_(None))) is not None:
        message = "A meeting on that day is logged already: correct that one if it is wrong"
        raise Conflict(message + ".", code="meeting-twice", errors=[{"field": "held_on", "message": message}])


def _write(
    tx: Tx, with_whom: Circle, held_on: date, minutes: int, there: tuple[int, ...], old: Row[Any] | None, was: tuple[int, ...]
) -> int:
    first = None if old is None else old.first_id or old.id
    which = dict(pairing_id=with_whom.pairing_id, set_id=with_whom.set_id)
    chain = dict(first_id=first, corrected_from=None if old is None else old.id)
    by = dict(recorded_by=tx.actor.person_id, recorded_at=tx.now)
    key = tx.insert(Meeting, **which, held_on=held_on, minutes=minutes, **chain, **by)
    tx.insert_many(MeetingPerson, [dict(meeting_id=key, person_id=person) for person in there])
    root = first or key
    activity = ACTIVITIES[with_whom.kind]
    wanted: dict[tuple[int, int], Learning | None] = {(root, person): None for person in was}
    wanted |= {(root, person): Learning(held_on, minutes, activity, with_whom.title_for(person)) for person in there}
    sources.settle(tx, SOURCES[with_whom.kind], wanted)
    action = "learning-meeting.recorded" if old is None else "learning-meeting.corrected"
    facts: dict[str, Any] = dict(held_on=held_on.isoformat(), minutes=minutes, people=len(there))
    tx.record(action, "learning_meetings", key, person_id=tx.actor.person_id, **facts)
    return key


def _people(tx: Tx, meeting_id: int) -> tuple[int, ...]:
    rows = tx.rows(select(MeetingPerson.person_id).where(MeetingPerson.meeting_id == meeting_id).order_by(MeetingPerson.person_id))
    return tuple(row.person_id for row in rows)
