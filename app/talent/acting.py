"""Development actions: what is done so that somebody grows, by whom and until when; and reminding whoever does it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update

from app.core.errors import NotFound
from app.core.facts import current
from app.core.ledger import Outbox, message
from app.core.tx import Tx
from app.guarding.checking import Decision
from app.learning.models import Course
from app.pathways.models import Step
from app.people.models import Duty, Person, Responsibility
from app.policy import Can, operation
from app.supervision.operations import versions
from app.talent.entering import on_the_list
from app.talent.models import TalentAction, TalentAgreement, TalentEntry

WORDS = 400  # characters of an action
SOON = timedelta(days=7)  # so long before it is due whoever does it is reminded


def doers(tx: Tx, entry: Any) -> list[tuple[int, str]]:
    """Who can be asked to do something: the person, their line manager, and whoever asks."""
    manager = select(Responsibility.holder_id).where(
        Responsibility.kind == Duty.MANAGER, Responsibility.person_id == entry.person_id, current(Responsibility, tx.today)
    )
    among = (Person.id == entry.person_id) | (Person.id == tx.actor.person_id) | Person.id.in_(manager)
    rows = tx.rows(select(Person.id, Person.name).where(among).order_by(Person.id != entry.person_id, Person.sort_name))
    return [(row.id, row.name) for row in rows]


@operation(Can.MANAGE_TALENT)
def add(
    tx: Tx,
    entry_id: int,
    words: str,
    who_id: int | None,
    by_date: date | None,
    *,
    course_id: int | None = None,
    step_id: int | None = None,
    decision: Decision | None = None,
    entry_key: str | None = None,
) -> int:
    """Something is agreed; returns its number. `entry_key`: what the form was sent under; sent again, it is the same action."""
    entry = on_the_list(tx, Can.MANAGE_TALENT, entry_id, lock=True)
    owner = {"entry_id": entry_id}
    if (known := versions.sent(tx, TalentAction, owner, entry_key)) is not None:
        return known
    words = _sound(tx, entry, words, who_id, by_date, course_id, step_id)
    settled = versions.guarded(tx, TalentAction, owner, None, words, decision)
    values = dict(who_id=who_id, by_date=by_date, course_id=course_id, step_id=step_id, done_on=None, told_at=None, entry_key=entry_key)
    number = versions.add(tx, TalentAction, owner, settled, **values)
    tx.record("talent.action-agreed", "talent_entries", entry_id, person_id=entry.person_id, number=number)
    return number


@operation(Can.MANAGE_TALENT)
def change(
    tx: Tx,
    entry_id: int,
    number: int,
    words: str,
    who_id: int | None,
    by_date: date | None,
    *,
    course_id: int | None = None,
    decision: Decision | None = None,
    base: int,
) -> None:
    """It says something else, is somebody else's, or is due another day. `base`: the row that was before the writer; Changed otherwise."""
    entry = on_the_list(tx, Can.MANAGE_TALENT, entry_id, lock=True)
    owner = {"entry_id": entry_id}
    row = versions.live(tx, TalentAction, owner, number)
    words = _sound(tx, entry, words, who_id, by_date, course_id, row.step_id)
    settled = versions.guarded(tx, TalentAction, owner, number, words, decision)
    told = row.told_at if (row.who_id, row.by_date) == (who_id, by_date) else None
    values = dict(who_id=who_id, by_date=by_date, course_id=course_id, told_at=told)
    if versions.change(tx, TalentAction, owner, row, settled, base=base, **values):
        tx.record("talent.action-changed", "talent_entries", entry_id, person_id=entry.person_id, number=number)


def _sound(
    tx: Tx, entry: Row[Any], words: str, who_id: int | None, by_date: date | None, course_id: int | None, step_id: int | None
) -> str:
    errors: list[dict[str, str]] = []
    words = versions.words_of(words, WORDS, "what is to be done", errors)
    if who_id not in dict(doers(tx, entry)):
        errors.append({"field": "who", "message": "Choose who does it"})
    if by_date is None:
        errors.append({"field": "by_date", "message": "Enter the day by which it should be done"})
    versions.day_by(tx, by_date, errors)
    if course_id is not None and tx.scalar(select(Course.id).where(Course.id == course_id, Course.status != "draft")) is None:
        errors.append({"field": "course", "message": "Choose a course of the catalogue"})
    if step_id is not None and tx.scalar(select(Step.id).where(Step.id == step_id)) is None:
        errors.append({"field": "step", "message": "Choose a step from the list"})
    if course_id is not None and step_id is not None:
        errors.append({"field": "course", "message": "An action is about a course or about a step, not both"})
    versions.refuse(errors)
    return words


@operation(Can.MANAGE_TALENT)
def settle(tx: Tx, entry_id: int, number: int, *, done: bool) -> None:
    """It was done today, or after all not."""
    entry = on_the_list(tx, Can.MANAGE_TALENT, entry_id, lock=True)
    _settle(tx, entry, number, done=done)


@operation(Can.BE_LISTED)
def settle_own(tx: Tx, entry_id: int, number: int, *, done: bool) -> None:
    """The same, by whoever was asked to do it; NotFound for everybody else."""
    entry = tx.one(select(TalentEntry.__table__).where(TalentEntry.id == entry_id))
    mine = select(TalentAction.id).where(
        TalentAction.entry_id == entry_id,
        TalentAction.number == number,
        TalentAction.who_id == tx.actor.person_id,
        TalentAction.superseded_at.is_(None),
    )
    if entry is None or tx.scalar(mine) is None:
        raise NotFound("There is no such action, or it is not yours to do.", code="action-not-found")
    _settle(tx, tx.get(TalentEntry, entry_id, lock=True), number, done=done)


def _settle(tx: Tx, entry: Row[Any], number: int, *, done: bool) -> None:
    owner = {"entry_id": entry.id}
    row = versions.live(tx, TalentAction, owner, number)
    if versions.change(tx, TalentAction, owner, row, done_on=tx.today if done else None):
        what = "talent.action-done" if done else "talent.action-reopened"
        tx.record(what, "talent_entries", entry.id, person_id=entry.person_id, number=number)


def remind(tx: Tx, _now: datetime) -> None:
    """Whoever has something to do within SOON, or should have done it, is told once of each; nobody for those who are listed no more."""
    here = (Person.leaving_on.is_(None)) | (Person.leaving_on >= tx.today)
    due = (
        select(TalentAction.id, TalentAction.entry_id, TalentAction.who_id)
        .join(TalentEntry, TalentEntry.id == TalentAction.entry_id)
        .join(TalentAgreement, TalentAgreement.entry_id == TalentEntry.id)
        .join(Person, Person.id == TalentAction.who_id)
        .where(TalentAction.superseded_at.is_(None), TalentAction.done_on.is_(None), TalentAction.told_at.is_(None), here)
        .where(TalentAction.by_date <= tx.today + SOON, TalentEntry.left_at.is_(None))
        .where(TalentAgreement.superseded_at.is_(None), TalentAgreement.agrees)
        .order_by(TalentAction.id)
    )
    rows = tx.rows(due)
    if rows:
        queued = [message("email.talent_action_due", tx.now, "talent_actions", row.who_id, {}) | {"subject_id": row.id} for row in rows]
        tx.insert_many(Outbox, queued)
        tx.db.execute(update(TalentAction).where(TalentAction.id.in_([row.id for row in rows])).values(told_at=tx.now))
