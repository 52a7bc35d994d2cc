"""Once a day: reminders to renew, and word of registrations that end or have ended. Each is said once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Row, Select, and_, exists, literal_column, or_, select

from app.core.calendar import long_date
from app.core.facts import current
from app.core.ledger import Outbox, message
from app.core.tx import Tx
from app.learning import renewal
from app.learning.renewal_models import RenewalNotice
from app.learning.renewal_rules import Year, year_of
from app.people.models import IN_GOOD_STANDING, Duty, Person, Responsibility

AT_ONCE = 500  # people at a time
MANAGERS_FROM = 14  # days before the last one, from which line managers hear of it too
ENDING = 30  # days before a registration ends on a day of its own
GRACE = 14  # days after its end before anybody asks: the register's file comes late, and most will have renewed
_ONE: Any = literal_column("1")


def tell(tx: Tx, _now: datetime) -> None:
    """Queue today's messages to people, and one to each line manager of several of them."""
    year = year_of(tx, tx.today)
    _remind(tx, year)
    _watch(tx, year)


def _remind(tx: Tx, year: Year) -> None:
    left = year.days_left(tx.today)
    due = [days for days in year.rule.reminders if days >= left]
    if not due or tx.today < year.opens:
        return
    days = min(due)
    waiting = renewal.standings(year).where(renewal.concerned(tx.today), ~_told("remind", year.ends, days))
    waiting = waiting.subquery().select()
    managers: dict[int, list[str]] = defaultdict(list)
    for people in _in_pieces(tx, waiting):
        late = [row for row in people if row.state in ("nothing", "begun")]
        about = [(row, year.ends) for row in late]
        _note(tx, "remind", days, about)
        facts = dict(own=True, closes=long_date(year.ends), link="/my-learning/renewal")
        _queue(tx, "email.renewal_due", ((row.id, facts | {"subjects": renewal.standing(year, row).left}) for row in late))
        if days <= MANAGERS_FROM:
            _gather(tx, managers, late)
    facts = dict(own=False, closes=long_date(year.ends), link="/renewal")
    _queue(tx, "email.renewal_due", ((holder, facts | {"subjects": sorted(names)}) for holder, names in sorted(managers.items())))


def _watch(tx: Tx, year: Year) -> None:
    """Registrations that end on a day of their own within a month, and those whose end has passed without word of another."""
    here = or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today)
    good = and_(Person.registration_status.in_(IN_GOOD_STANDING), Person.swe_number.is_not(None), here)
    columns = (Person.id, Person.name, Person.registered_until)
    ending = and_(Person.registered_until.between(tx.today, tx.today + timedelta(days=ENDING)), Person.registered_until != year.ends)
    ended = Person.registered_until < tx.today - timedelta(days=GRACE)
    managers: dict[int, list[str]] = defaultdict(list)
    for kind, when, days in (("ending", ending, ENDING), ("ended", ended, 0)):
        for people in _in_pieces(tx, select(*columns).where(good, when, ~_told(kind, Person.registered_until, days)).subquery().select()):
            _note(tx, kind, days, [(row, row.registered_until) for row in people])
            _queue(tx, "email.registration_ends", ((row.id, _ends(kind, row)) for row in people))
            if kind == "ended":
                _gather(tx, managers, people)
    facts = dict(own=False, ended=True, link="/renewal")
    _queue(tx, "email.registration_ends", ((holder, facts | {"subjects": sorted(names)}) for holder, names in sorted(managers.items())))


def _ends(kind: str, row: Row[Any]) -> dict[str, Any]:
    return dict(own=True, ended=kind == "ended", subjects=[long_date(row.registered_until)], link="/my-learning/renewal")


def _told(kind: str, about: Any, days: int) -> Any:
    """Has the person of this row been told?"""
    told = RenewalNotice
    return exists(select(_ONE).where(told.person_id == Person.id, told.kind == kind, told.about == about, told.days == days))


def _in_pieces(tx: Tx, found: Select[Any]) -> Iterator[Sequence[Row[Any]]]:
    """Rows with an `id`, some hundreds at a time; what is done with one piece does not change the next."""
    last = 0
    key = found.selected_columns["id"]
    while rows := tx.rows(found.where(key > last).order_by(key).limit(AT_ONCE)):
        yield rows
        last = rows[-1].id


def _note(tx: Tx, kind: str, days: int, about: Iterable[tuple[Row[Any], date]]) -> None:
    rows = [dict(person_id=row.id, kind=kind, about=day, days=days, told_at=tx.now) for row, day in about]
    if rows:
        tx.insert_many(RenewalNotice, rows)


def _queue(tx: Tx, kind: str, told: Iterable[tuple[int, dict[str, Any]]]) -> None:
    rows = [message(kind, tx.now, "people", person_id, facts) | {"subject_id": person_id} for person_id, facts in told]
    if rows:
        tx.insert_many(Outbox, rows)


def _gather(tx: Tx, managers: dict[int, list[str]], people: Sequence[Row[Any]]) -> None:
    """Add the names of these people to those whom their line managers hear of."""
    names = {row.id: row.name for row in people}
    held = (
        select(Responsibility.holder_id, Responsibility.person_id)
        .join(Person, Person.id == Responsibility.holder_id)
        .where(
            Responsibility.kind == Duty.MANAGER.value,
            Responsibility.person_id.in_(list(names)),
            current(Responsibility, tx.today),
            or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today),
        )
        .order_by(Responsibility.holder_id)
    )
    for holder, rows in groupby(tx.rows(held) if names else [], key=lambda row: int(row.holder_id)):
        managers[holder] += [names[row.person_id] for row in rows]
