"""Action-learning sets: started by whoever facilitates, joined, left, ended. How many fit is asked with the set locked."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, func, or_, select, update

from app.core.errors import Conflict, Forbidden, NotFound
from app.core.forms import Problems
from app.core.ledger import Outbox, message
from app.core.tx import Tx
from app.guarding import checking
from app.guarding.checking import Decision, Settled
from app.mentoring import checks
from app.mentoring.models import MOST_IN_A_SET, LearningSet, SetMember
from app.people.models import Person
from app.policy import Can, operation

LONGEST = {"title": 80, "words": 500}
LABELS = {"title": "Name of the set", "words": "What you meet about"}
EARLIEST = timedelta(days=2 * 366)
ENOUGH = 3  # fewer are no set


@operation(Can.LEARN_TOGETHER)
def start(
    tx: Tx,
    *,
    title: str,
    need: str,
    words: str = "",
    most: int = 7,
    joins: bool = True,
    started_on: date | None = None,
    guard: Decision | None = None,
) -> int:
    """A new set with the actor as facilitator and first member; returns its id. `started_on` may lie back, for one that meets already."""
    values = _checked(title=title, need=need, words=words, most=most, joins=joins)
    begins = started_on or tx.today
    problems = Problems()
    checks.past_day(problems, "started_on", begins, tx, tx.today - EARLIEST)
    problems.raise_any()
    me = tx.actor.person_id
    organisation = tx.scalar(select(Person.organisation_id).where(Person.id == me))
    settled = _guarded(tx, values, guard)
    key = tx.insert(LearningSet, **{**values, **settled.fields}, organisation_id=organisation, facilitator_id=me, started_on=begins)
    checking.note(tx, settled, "learning_sets", key)
    tx.insert(SetMember, set_id=key, person_id=me, joined_on=begins)
    tx.record("learning-set.started", "learning_sets", key, person_id=me, need=need)
    return key


@operation(Can.LEARN_TOGETHER)
def change(
    tx: Tx,
    set_id: int,
    version: int,
    *,
    title: str,
    need: str,
    words: str = "",
    most: int = 7,
    joins: bool = True,
    guard: Decision | None = None,
) -> None:
    """The facilitator says it differently. Fewer places than members send nobody away."""
    row = facilitated(tx, set_id)
    values = _checked(title=title, need=need, words=words, most=most, joins=joins)
    checks.unchanged(row, version)
    if values["most"] < row.most and values["most"] < members(tx, row.id):
        problems = Problems()
        problems.add("most", f"The set has {members(tx, row.id)} members")
        problems.raise_any()
    settled = _guarded(tx, values, guard, row.id)
    values |= settled.fields
    checking.note(tx, settled, "learning_sets", row.id)
    changed = sorted(name for name, value in values.items() if getattr(row, name) != value)
    if changed:
        tx.update(LearningSet, row.id, **values, version=version + 1)
        tx.record("learning-set.changed", "learning_sets", row.id, person_id=row.facilitator_id, fields=changed)


@operation(Can.LEARN_TOGETHER)
def join(tx: Tx, set_id: int) -> None:
    """The actor joins, from today, while there is room and colleagues may join by themselves."""
    row = open_set(tx, set_id)
    if not row.joins:
        raise Conflict("Only the facilitator adds people to this set.", code="set-closed", way_out="Ask the facilitator.")
    _add(tx, row, tx.actor.person_id or 0, tx.today)


@operation(Can.LEARN_TOGETHER)
def add(tx: Tx, set_id: int, person_id: int, since: date | None = None) -> None:
    """The facilitator adds a colleague, who is told and may leave. `since`: for somebody who has met with them before, that day."""
    row = facilitated(tx, set_id)
    person = checks.colleague(tx, person_id)
    problems = Problems()
    if since is not None:
        checks.past_day(problems, "since", since, tx, row.started_on)
    problems.raise_any()
    _add(tx, row, person.id, since or tx.today)
    tx.insert(Outbox, **message("email.together_added", tx.now, "learning_sets", person.id, {}), subject_id=row.id)


def _add(tx: Tx, row: Row[Any], person_id: int, since: date) -> None:
    last = tx.scalar(select(func.max(SetMember.left_on)).where(SetMember.set_id == row.id, SetMember.person_id == person_id))
    if members(tx, row.id) >= row.most:
        raise Conflict("The set is full.", code="set-full", way_out="Look for another one, or start one yourself.")
    tx.insert(SetMember, set_id=row.id, person_id=person_id, joined_on=max(since, last) if last else since)
    tx.record("learning-set.joined", "learning_sets", row.id, person_id=person_id)


@operation(Can.LEARN_TOGETHER)
def leave(tx: Tx, set_id: int) -> None:
    """The actor leaves; what was logged stays. Whoever facilitates ends the set instead, or hands it over."""
    row = open_set(tx, set_id)
    if row.facilitator_id == tx.actor.person_id:
        raise Conflict("You facilitate this set.", code="facilitates", way_out="Hand it over to another member first, or end it.")
    _member(tx, row.id, tx.actor.person_id or 0)
    _part(tx, row.id, SetMember.person_id == tx.actor.person_id)
    tx.record("learning-set.left", "learning_sets", row.id, person_id=tx.actor.person_id)


@operation(Can.LEARN_TOGETHER)
def hand_over(tx: Tx, set_id: int, version: int, person_id: int) -> None:
    """Another member facilitates from now on."""
    row = facilitated(tx, set_id)
    checks.unchanged(row, version)
    _member(tx, row.id, person_id)
    tx.update(LearningSet, row.id, facilitator_id=person_id, version=version + 1)
    tx.record("learning-set.handed-over", "learning_sets", row.id, person_id=person_id)
    tx.insert(Outbox, **message("email.together_added", tx.now, "learning_sets", person_id, {}), subject_id=row.id)


@operation(Can.LEARN_TOGETHER)
def end(tx: Tx, set_id: int) -> None:
    """The set stops meeting; its members are told, and what was logged stays."""
    row = facilitated(tx, set_id)
    told = [each.person_id for each in tx.rows(_LIVE.where(SetMember.set_id == row.id, SetMember.person_id != tx.actor.person_id))]
    _part(tx, row.id)
    tx.update(LearningSet, row.id, ended_on=tx.today, version=row.version + 1)
    tx.record("learning-set.ended", "learning_sets", row.id, person_id=tx.actor.person_id)
    rows = [message("email.together_set_ended", tx.now, "learning_sets", key, {}) | {"subject_id": row.id} for key in sorted(told)]
    tx.insert_many(Outbox, rows)


# Which -------------------------------------------------------------------------------------------------------------

_LIVE = select(SetMember.person_id).where(SetMember.left_on.is_(None))


def members(tx: Tx, set_id: int) -> int:
    """How many belong to it now."""
    return int(tx.scalar(select(func.count()).where(SetMember.set_id == set_id, SetMember.left_on.is_(None))) or 0)


def seen(tx: Tx, set_id: int) -> Row[Any]:
    """A set of the actor's organisation, or one they are or were in; locked where this writes; NotFound otherwise."""
    row = tx.get(LearningSet, set_id, lock=tx.writes, what="set")
    employer = select(Person.organisation_id).where(Person.id == tx.actor.person_id)
    mine = select(SetMember.id).where(SetMember.set_id == set_id, SetMember.person_id == tx.actor.person_id)
    if tx.scalar(employer) != row.organisation_id and tx.scalar(mine) is None:
        raise NotFound("There is no set with that reference.", code="set-not-found")
    return row


def open_set(tx: Tx, set_id: int) -> Row[Any]:
    """A set that still meets."""
    row = seen(tx, set_id)
    if row.ended_on is not None:
        raise Conflict("This set does not meet any more.", code="set-ended")
    return row


def facilitated(tx: Tx, set_id: int) -> Row[Any]:
    """A set that the actor facilitates and that still meets."""
    row = open_set(tx, set_id)
    if row.facilitator_id != tx.actor.person_id:
        raise Forbidden("Only the facilitator of the set can do this.", code="not-facilitator", way_out="Ask the facilitator.")
    return row


def _member(tx: Tx, set_id: int, person_id: int) -> None:
    if tx.scalar(_LIVE.where(SetMember.set_id == set_id, SetMember.person_id == person_id)) is None:
        raise Conflict("They do not belong to this set.", code="not-in-set")


def _part(tx: Tx, set_id: int, *which: Any) -> None:
    """They belong to it until today; who joined only today, for that day."""
    tx.db.execute(update(SetMember).where(SetMember.set_id == set_id, SetMember.left_on.is_(None), *which).values(left_on=tx.today))


def belongs(set_id: Any, day: date) -> Any:
    """SQL for "belonged to the set on that day"; of a row of `learning_set_members`."""
    return (SetMember.set_id == set_id) & (SetMember.joined_on <= day) & or_(SetMember.left_on.is_(None), SetMember.left_on >= day)


def _checked(*, title: str, need: str, words: str, most: int, joins: bool) -> dict[str, Any]:
    problems = Problems()
    name = checks.words(problems, "title", title, LONGEST["title"], "The name")
    if len(name) < 3:
        problems.add("title", "Enter a name for the set")
    checks.need(problems, need)
    said = checks.words(problems, "words", words, LONGEST["words"], "What you write")
    if not ENOUGH <= most <= MOST_IN_A_SET:
        problems.add("most", f"Enter how many people, from {ENOUGH} to {MOST_IN_A_SET}")
    problems.raise_any()
    return dict(title=name, need=need, words=said, most=most, joins=joins)


def _guarded(tx: Tx, values: dict[str, Any], guard: Decision | None, set_id: int = 0) -> Settled:
    words = {name: values[name] for name in LONGEST}
    return checking.settle(tx, words, guard, labels=LABELS, subject="learning_sets", subject_id=set_id)
