"""What the register says of somebody, in step: `Person` has its latest word, `registrations` what it said of which day.

Whoever writes the three columns of a person (`registration_status`, `registered_from`, `registered_until`) comes through here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Date, Select, and_, bindparam, case, cast, exists, func, insert, literal, null, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from app.core.db import FOREVER, is_postgresql
from app.core.tx import Tx
from app.people.models import IN_GOOD_STANDING, Person, RegisterStatus, Registration

ENDED = (RegisterStatus.REMOVED.value, RegisterStatus.NOT_REGISTERED.value)  # no longer on the register: no end of its own
COLUMNS = ("registration_status", "registered_from", "registered_until")
AT_ONCE = 500  # people read and written together
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Word:
    """The register's latest word: a status, the day the registration began, and its last day (None: not known, or no end)."""

    status: str | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Spell:
    """One status from a day up to but not including another."""

    status: str
    valid_from: date
    valid_to: date


def word(row: Any) -> Word:
    """What stands on a row of `people`."""
    return Word(row.registration_status, row.registered_from, row.registered_until)


def settled(was: Word, now: Word, today: date) -> Word:
    """The word as it is kept: an end that has passed is not the end of a status that is only now given without one."""
    if now.status not in (None, was.status, *ENDED) and now.until == was.until and now.until is not None and now.until < today:
        return Word(now.status, now.since, None)
    return now


def told(row: Any, values: Mapping[str, Any], today: date) -> dict[str, Any]:
    """The three columns of a person as they are kept once `values` are said of them."""
    now = settled(word(row), Word(*(values.get(column, getattr(row, column)) for column in COLUMNS)), today)
    return dict(zip(COLUMNS, (now.status, now.since, now.until), strict=True))


def restated(spells: Sequence[Spell], was: Word, now: Word, today: date) -> list[Spell]:
    """What is now believed, spell by spell, once the register says `now` on the day `today`; `spells` is what was believed before.

    A new status begins today, unless it is said since when: the first word of somebody at the beginning of their registration, the end of
    a registration on the day after its last. Another beginning for a registration that goes on is a correction of its first day.
    """
    known = sorted(spells, key=lambda spell: spell.valid_from)
    if now.status is None:
        return _before(known, today)
    if now.status not in ENDED and now.since is not None and not any(spell.valid_from == now.since for spell in known):
        begins = _new_run(known, now.since)
        if begins is None:
            known = _begun(known, now.since)
    else:
        begins = None
    ends = FOREVER if now.status in ENDED or now.until is None else now.until + _DAY
    begins = begins or _begins(known, was, now, today)
    if now.since is not None and now.status not in ENDED:
        begins = max(begins, now.since)  # nothing is said of before a registration that is still to come
    begins = min(begins, ends - _DAY)
    return _joined([*_before(known, begins), Spell(now.status, begins, ends)], now.since)


def _joined(spells: Sequence[Spell], since: date | None) -> list[Spell]:
    """The same with spells of one status made one where they meet, but on the first day of the registration."""
    found: list[Spell] = []
    for spell in spells:
        if found and found[-1].status == spell.status and found[-1].valid_to == spell.valid_from and spell.valid_from != since:
            found[-1] = Spell(spell.status, found[-1].valid_from, spell.valid_to)
        else:
            found.append(spell)
    return found


def _new_run(known: list[Spell], since: date) -> date | None:
    """`since`, if that is a registration of its own: the first, one after a gap, or one after the register said otherwise."""
    last = known[-1] if known else None
    if last is None or since >= last.valid_to or (since > last.valid_from and last.status not in IN_GOOD_STANDING):
        return since
    return None


def _begun(known: list[Spell], since: date) -> list[Spell]:
    """The registration that goes on began on another day than was believed."""
    first = len(known) - 1
    while first and known[first - 1].valid_to == known[first].valid_from and known[first - 1].status not in ENDED:
        first -= 1
    run, before = known[first:], _before(known[:first], since)
    if since < run[0].valid_from and run[0].status not in IN_GOOD_STANDING:
        return [*before, Spell(RegisterStatus.REGISTERED.value, since, run[0].valid_from), *run]
    moved = [Spell(spell.status, max(since, spell.valid_from), spell.valid_to) for spell in run if spell.valid_to > since]
    return [*before, Spell(moved[0].status, since, moved[0].valid_to), *moved[1:]]


def _begins(known: list[Spell], was: Word, now: Word, today: date) -> date:
    last = known[-1] if known else None
    if now.status in ENDED and now.until is not None and (last is None or now.until != was.until):
        return now.until + _DAY
    if last is not None and last.status == now.status:
        return last.valid_from
    return today


def _before(known: Sequence[Spell], day: date) -> list[Spell]:
    """What was believed of the days before `day`."""
    return [Spell(spell.status, spell.valid_from, min(day, spell.valid_to)) for spell in known if spell.valid_from < day]


# In the database ---------------------------------------------------------------------------------------------------


def keep(tx: Tx, words: Mapping[int, tuple[Word, Word]]) -> None:
    """For each person the word that stood and the word that stands now: supersede what is no longer believed, write what is."""
    people = iter(sorted(words))
    while piece := list(islice(people, AT_ONCE)):
        live: dict[int, dict[Spell, int]] = {person_id: {} for person_id in piece}
        found = select(Registration.__table__).where(Registration.person_id.in_(piece), Registration.superseded_at.is_(None))
        for row in tx.rows(found):
            live[row.person_id][Spell(row.status, row.valid_from, row.valid_to)] = row.id
        over, new = [], []
        for person_id, spells in live.items():
            wanted = restated(list(spells), *words[person_id], tx.today)
            over += [dict(key=key, at=tx.now) for spell, key in spells.items() if spell not in wanted]
            new += [_row(tx, person_id, spell) for spell in wanted if spell not in spells]
        if over:
            tx.db.execute(_SUPERSEDE, over)
        if new:
            tx.insert_many(Registration, new)


_SUPERSEDE = update(Registration.__table__).where(Registration.__table__.c.id == bindparam("key")).values(superseded_at=bindparam("at"))


def _row(tx: Tx, person_id: int, spell: Spell) -> dict[str, Any]:
    return dict(
        person_id=person_id,
        status=spell.status,
        valid_from=spell.valid_from,
        valid_to=spell.valid_to,
        recorded_at=tx.now,
        superseded_at=None,
    )


def follow(tx: Tx, people: Select[Any]) -> None:
    """Those of `people` whose status was written by a statement for many at once, without their dates: bring the facts in step.

    The first word of people is one statement however many they are; a status that became another is rare.
    """
    today = literal(tx.today, Date)
    mine = and_(Registration.person_id == Person.id, Registration.superseded_at.is_(None))
    last = select(Registration.status).where(mine).order_by(Registration.valid_from.desc()).limit(1).scalar_subquery()
    other = select(Person.id, *(getattr(Person, column) for column in COLUMNS), last.label("stood")).where(
        Person.id.in_(people), Person.registration_status.is_not(None), last != Person.registration_status
    )
    changed = {row.id: (Word(row.stood, row.registered_from, row.registered_until), word(row)) for row in tx.rows(other)}
    changed = {person_id: (was, settled(was, now, tx.today)) for person_id, (was, now) in changed.items()}
    first = and_(Person.id.in_(people), Person.registration_status.is_not(None), ~exists().where(mine))
    lapsed = and_(Person.registered_until < today, Person.registration_status.not_in(ENDED))
    restarted = [person_id for person_id, (was, now) in changed.items() if was.until != now.until]
    tx.db.execute(update(Person).where(or_(and_(first, lapsed), Person.id.in_(restarted))).values(registered_until=None))
    tx.db.execute(
        insert(Registration).from_select(
            ["person_id", "status", "valid_from", "valid_to", "recorded_at", "superseded_at"],
            _first(tx, first, today),
            include_defaults=False,
        )
    )
    keep(tx, changed)


def _first(tx: Tx, first: ColumnElement[bool], today: ColumnElement[date]) -> Select[Any]:
    """`restated` for people of whom nothing was known, in SQL."""
    after: ColumnElement[Any] = Person.registered_until + 1 if is_postgresql(tx.db) else func.date(Person.registered_until, "+1 day")
    after = cast(after, Date) if is_postgresql(tx.db) else after
    ended = Person.registration_status.in_(ENDED)
    begins = case((ended, func.coalesce(after, today)), else_=func.coalesce(Person.registered_from, today))
    ends = case((or_(ended, Person.registered_until.is_(None)), literal(FOREVER, Date)), else_=after)
    return select(Person.id, Person.registration_status, begins, ends, literal(tx.now), null()).where(first)
