"""Training that everybody must have is chased: on working days at 8am, each person once of each thing that is about to lapse, has lapsed
or was never done; and if it is still so a while later, those above them, once too.

The first word is the person's own: 60 days before it lapses, then when it has lapsed. Their line manager hears of what has lapsed or is
missing `programme_chase_days` after them, and whoever coordinates for them where there is no manager. Nobody is chased while away, in
their first weeks, or for what another message of the service already tells them: apprentices' safeguarding (app.programmes).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, islice
from typing import Any

from sqlalchemy import Row, Select, bindparam, exists, literal_column, or_, select, update

from app.bookings.operations.queue import coordinators_of
from app.bookings.terms import policy
from app.core.calendar import long_date
from app.core.db import FOREVER, ONE
from app.core.facts import current
from app.core.ledger import Outbox, message
from app.core.tx import Tx
from app.learning.models import Course, CourseKind
from app.pathways.applying import applying
from app.pathways.chase_models import OPEN, Chase
from app.pathways.evidence import When
from app.pathways.items import Item, State, items
from app.pathways.progress import CHUNK, Met, met_rows
from app.pathways.versions import in_force
from app.people.models import Absence, Duty, Person, Responsibility, RoleHeld
from app.programmes.apprentice_models import Apprenticeship
from app.programmes.desk_queries import CLOCK_RUNS
from app.programmes.models import Enrolment
from app.programmes.operations.chasing import turn

__all__ = ["KIND", "chase", "turn"]
KIND = "email.training_required"
SETTLING_IN = timedelta(days=28)  # from somebody's first day: what they never did is not chased before
MOST = 2_000  # people told in one turn: where everything is new, the rest hear of it on the next days
Key = tuple[int, str, str, date]  # person, what, kind, until


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that somebody lacks or will lack soon."""

    item: Item
    state: State

    @property
    def until(self) -> date:
        return self.state.expires_on or FOREVER

    @property
    def line(self) -> str:
        """As a message says it."""
        if self.state.status == "missing":
            return f"{self.item.title}: not done yet"
        return f"{self.item.title}: {'lapses after' if self.state.status == 'lapsing' else 'lapsed after'} {long_date(self.until)}"


def chase(tx: Tx, _now: datetime) -> None:
    """Queue what is to be told today: one message for each reader, however much there is."""
    versions = [version.id for version in in_force(tx, tx.today, kind="mandatory")]
    if not versions:
        return
    fresh: dict[int, list[Gap]] = {}
    above: dict[int, list[tuple[Gap, int]]] = {}
    patience = tx.now - timedelta(days=policy(tx).programme_chase_days)
    for some in _batches(_gaps(tx, versions)):
        told = _told(tx, some[0][0], some[-1][0])
        for person, gaps in some:
            known = [(gap, told.get(_key(person, gap))) for gap in gaps]
            if (new := [gap for gap, row in known if row is None]) and len(fresh) < MOST:
                fresh[person] = new
            late = [(gap, row.id) for gap, row in known if row and row.told_above_at is None and row.told_at <= patience]
            if late := [(gap, key) for gap, key in late if gap.state.status != "lapsing"]:
                above[person] = late
    _tell_people(tx, fresh)
    _tell_above(tx, above, patience)


def _batches(found: Iterator[tuple[int, list[Gap]]]) -> Iterator[list[tuple[int, list[Gap]]]]:
    while some := list(islice(found, MOST)):
        yield some


def _told(tx: Tx, first: int, last: int) -> dict[Key, Row[Any]]:
    """What people with ids between these were told."""
    rows = tx.rows(select(Chase.__table__).where(Chase.person_id >= first, Chase.person_id <= last))
    return {(row.person_id, row.what, row.kind, row.until): row for row in rows}


def _key(person: int, gap: Gap) -> Key:
    return person, gap.item.what, gap.state.status, gap.until


# Who lacks what ----------------------------------------------------------------------------------------------------


def _here(tx: Tx) -> Select[Any]:
    """Everybody who works here today and is not away."""
    away = exists(select(ONE).where(Absence.person_id == Person.id, current(Absence, tx.today)))
    begun = or_(Person.started_on.is_(None), Person.started_on <= tx.today)
    return select(Person.id).where(begun, or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today), ~away)


def _gaps(tx: Tx, versions: list[int]) -> Iterator[tuple[int, list[Gap]]]:
    """Everybody who lacks something, or will in 60 days, with it. Read a few thousand rows at a time."""
    when = When(tx.today, None)
    by_version: dict[int, list[Item]] = defaultdict(list)
    for item in items(tx, versions):
        by_version[item.version_id].append(item)
    settling = set(tx.db.execute(select(Person.id).where(Person.started_on > tx.today - SETTLING_IN)).scalars())
    apprentices, safeguarding = _told_elsewhere(tx)
    statement = met_rows(tx, applying(tx, _here(tx), versions, when), versions, when)
    rows = tx.db.execute(statement, execution_options={"yield_per": CHUNK})
    for person, theirs in groupby((Met(*tuple(row)) for row in rows), key=lambda met: met.person_id):
        said = {met.requirement_id: met for met in theirs}
        found: dict[str, Gap] = {}  # what two sets of training ask for is one thing
        for version in sorted({met.version_id for met in said.values()}):
            for item in by_version[version]:
                gap = Gap(item, item.state(said, tx.today))
                if gap.state.status == "met" or (gap.state.status == "missing" and person in settling):
                    continue
                if person in apprentices and all(row.course_id in safeguarding for row in item.requirements):
                    continue
                found.setdefault(item.what, gap)
        if found:
            yield person, list(found.values())


def _told_elsewhere(tx: Tx) -> tuple[set[int], set[int]]:
    """(Apprentices, courses on safeguarding): of those together app.programmes.operations.chasing tells."""
    running = select(Enrolment.person_id).join(Apprenticeship, Apprenticeship.enrolment_id == Enrolment.id)
    people = tx.db.execute(running.where(Enrolment.status.in_(CLOCK_RUNS))).scalars()
    return set(people), set(tx.db.execute(select(Course.id).where(Course.kind == CourseKind.SAFEGUARDING.value)).scalars())


# Telling -----------------------------------------------------------------------------------------------------------


def _tell_people(tx: Tx, fresh: Mapping[int, list[Gap]]) -> None:
    tx.insert_many(
        Chase,
        [
            dict(person_id=person, what=gap.item.what, kind=gap.state.status, until=gap.until, told_at=tx.now)
            for person, gaps in fresh.items()
            for gap in gaps
        ],
    )
    tx.insert_many(Outbox, [_message(tx, person, True, [gap.line for gap in _by_day(gaps)]) for person, gaps in fresh.items()])


def _by_day(gaps: list[Gap]) -> list[Gap]:
    return sorted(gaps, key=lambda gap: (gap.until, gap.item.title))


def _tell_above(tx: Tx, above: Mapping[int, list[tuple[Gap, int]]], patience: datetime) -> None:
    """Whoever manages them today; where nobody does, whoever coordinates for them. Where nobody does that either, it waits."""
    waits = select(Chase.person_id).where(literal_column(OPEN), Chase.told_at <= patience)
    managing = (Responsibility.kind == Duty.MANAGER.value, current(Responsibility, tx.today))
    managed = select(Responsibility.person_id, Responsibility.holder_id).where(*managing, Responsibility.person_id.in_(waits))
    readers: dict[int, list[int]] = defaultdict(list)
    for row in tx.rows(managed):
        if row.person_id in above:
            readers[row.person_id].append(row.holder_id)
    readers |= coordinators_of(tx, above.keys() - readers.keys())
    holding = select(RoleHeld.person_id).where(current(RoleHeld, tx.today))
    of_these = or_(Person.id.in_(select(Responsibility.holder_id).where(*managing)), Person.id.in_(holding))
    here = set(tx.db.execute(_here(tx).where(of_these)).scalars())
    names = {row.id: row for row in tx.rows(select(Person.id, Person.sort_name, Person.name).where(Person.id.in_(waits)))}
    lines: dict[int, list[tuple[str, date, str]]] = defaultdict(list)
    done: list[int] = []
    for person, late in above.items():
        told = here.intersection(readers[person])
        for reader in told:
            lines[reader] += [(names[person].sort_name, gap.until, f"{names[person].name}: {gap.line}") for gap, _ in late]
        done += [key for _, key in late] if told else []
    tx.insert_many(Outbox, [_message(tx, reader, False, [line for *_, line in sorted(some)]) for reader, some in sorted(lines.items())])
    if done:
        its = update(Chase).where(Chase.__table__.c.id == bindparam("key")).values(told_above_at=tx.now)
        tx.db.execute(its, [{"key": key} for key in done])


def _message(tx: Tx, reader: int, own: bool, lines: list[str]) -> dict[str, Any]:
    facts = {"own": own, "subjects": lines, "link": "/my-pathway" if own else "/required-training?show=gaps"}
    return message(KIND, tx.now, "people", reader, facts) | {"subject_id": reader}
