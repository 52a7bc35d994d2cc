"""How learning divides among experience, others and teaching, beside the 70/20/10 model: a guide, never a quota and never a score.

Of themselves people see everything counted. Others see of a person only what they may know of anyway: what the Academy recorded, and what
is shared with them. Figures of the council count everything, and no number that few people stand behind is shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, Select, and_, distinct, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from app import policy
from app.core.calendar import add_months, long_date
from app.core.db import AnySelect
from app.core.declared import aliased
from app.core.errors import NotFound
from app.core.facts import current
from app.core.suppression import Sum, hidden
from app.core.tx import Tx
from app.learning.models import Bucket, LearningRecord
from app.learning.record_models import RecordShare
from app.learning.record_queries import FIRST
from app.learning.renewal_rules import years
from app.people.models import Membership, Person, Unit, UnitClosure
from app.policy import Can

GUIDE = {Bucket.EXPERIENCE.value: 70, Bucket.SOCIAL.value: 20, Bucket.FORMAL.value: 10}  # percent
KNOWN = ("attendance", "e-learning", "prior learning", "supervision", "observation", "review")  # the Academy recorded it
FEWEST = 5  # people behind a figure of the council
LEVELS = 2  # of the organisation below the council that have a line: services, and what is directly in them
MOST_UNITS = 80  # of lines; beyond it only the services have one
ALL_TIME = date(1940, 1, 1)


@dataclass(frozen=True, slots=True)
class Period:
    """Days that are counted, both ends included."""

    key: str
    words: str
    starts: date
    ends: date


@dataclass(frozen=True, slots=True)
class Part:
    """What was learnt in one way; None: too few people stand behind it to be shown."""

    bucket: str
    minutes: int | None
    records: int | None


@dataclass(frozen=True, slots=True)
class Profile:
    """The three parts, with what each comes to of the whole."""

    parts: tuple[Part, ...]

    @property
    def whole(self) -> bool:
        """Is nothing of it hidden?"""
        return all(part.minutes is not None for part in self.parts)

    @property
    def minutes(self) -> int:
        return sum(part.minutes or 0 for part in self.parts)

    @property
    def records(self) -> int:
        return sum(part.records or 0 for part in self.parts)

    def shares(self, what: str) -> dict[str, int]:
        """Whole percents of the minutes or of the records, a hundred together; empty if there is nothing, or something is hidden."""
        counts = {part.bucket: getattr(part, what) or 0 for part in self.parts}
        total = sum(counts.values())
        if not total or not self.whole:
            return {}
        found = {bucket: 100 * count // total for bucket, count in counts.items()}
        for bucket in sorted(counts, key=lambda key: -(100 * counts[key] % total))[: 100 - sum(found.values())]:
            found[bucket] += 1
        return found


def periods(tx: Tx, *, only_years: bool = False) -> list[Period]:
    """What can be asked for: registration years, this one first; and, where nothing needs to be hidden, other spans."""
    found = [
        Period(
            str(year.ends.year),
            f"{'This registration year' if n == 0 else 'Registration year'}: {long_date(year.starts)} to {long_date(year.ends)}",
            year.starts,
            year.ends,
        )
        for n, year in enumerate(years(tx))
    ]
    if only_years:
        return found
    day = timedelta(days=1)
    spans = ((months, add_months(tx.today, -months) + day) for months in (12, 3))
    found += [Period(f"{months}-months", f"The last {months} months", since, tx.today) for months, since in spans]
    return [*found, Period("all", "All that is recorded", ALL_TIME, tx.today)]


def chosen(asked: str, offered: Sequence[Period]) -> Period:
    """The period with this key, or the first."""
    return next((period for period in offered if period.key == asked), offered[0])


def _in(period: Period) -> ColumnElement[bool]:
    return and_(LearningRecord.superseded_at.is_(None), LearningRecord.on_date.between(period.starts, period.ends))


_SUMS = (func.sum(LearningRecord.minutes).label("minutes"), func.count().label("records"))


def _profile(rows: Iterable[Row[Any]]) -> Profile:
    found = {row.bucket: row for row in rows}
    zero = Part("", 0, 0)
    parts = ((bucket, found.get(bucket, zero)) for bucket in GUIDE)
    return Profile(tuple(Part(bucket, int(row.minutes or 0), int(row.records or 0)) for bucket, row in parts))


# Of people -----------------------------------------------------------------------------------------------------------


def own(tx: Tx, period: Period) -> Profile:
    """The reader's own, with everything in it."""
    mine = select(LearningRecord.bucket, *_SUMS).where(LearningRecord.person_id == tx.actor.person_id, _in(period))
    return _profile(tx.rows(mine.group_by(LearningRecord.bucket)))


def _known_to(audiences: Collection[str]) -> ColumnElement[bool]:
    """What somebody may know of who is this to the person."""
    shared = select(RecordShare.id).where(
        RecordShare.first_id == FIRST, RecordShare.audience.in_(sorted(audiences)), RecordShare.ended_at.is_(None)
    )
    return or_(LearningRecord.source.in_(KNOWN), shared.exists())


def of_person(tx: Tx, person_id: int, audiences: Collection[str], period: Period) -> Profile:
    """Somebody's, as far as the reader may know of it. The caller has asked whether they are in reach, and as what."""
    theirs = select(LearningRecord.bucket, *_SUMS).where(LearningRecord.person_id == person_id, _in(period), _known_to(audiences))
    return _profile(tx.rows(theirs.group_by(LearningRecord.bucket)))


@dataclass(frozen=True, slots=True)
class Member:
    """One of a team, with their own profile."""

    id: int
    name: str
    profile: Profile


def line(tx: Tx) -> Select[Any]:
    """Ids of everybody in the reader's management line who is here."""
    here = or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today)
    return select(Person.id).where(Person.id.in_(policy.line_below(tx.actor.person_id, tx.today)), Person.id != tx.actor.person_id, here)


def of_team(tx: Tx, period: Period) -> tuple[Profile, list[Member]]:
    """The reader's management line together, and each of them: what a manager may know of anyway, so nothing is hidden."""
    people = tx.rows(select(Person.id, Person.name).where(Person.id.in_(line(tx))).order_by(Person.sort_name, Person.id))
    counted = (
        select(LearningRecord.person_id, LearningRecord.bucket, *_SUMS)
        .where(LearningRecord.person_id.in_(line(tx)), _in(period), _known_to(["manager"]))
        .group_by(LearningRecord.person_id, LearningRecord.bucket)
    )
    theirs: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in tx.rows(counted):
        theirs[row.person_id].append(row)
    members = [Member(row.id, row.name, _profile(theirs[row.id])) for row in people]
    return _together(member.profile for member in members), members


def _together(profiles: Iterable[Profile]) -> Profile:
    sums = {bucket: [0, 0] for bucket in GUIDE}
    for profile in profiles:
        for part in profile.parts:
            sums[part.bucket][0] += part.minutes or 0
            sums[part.bucket][1] += part.records or 0
    return Profile(tuple(Part(bucket, minutes, records) for bucket, (minutes, records) in sums.items()))


# Of the council ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A part of the organisation: how many belong to it today, and what they learnt."""

    id: int
    name: str
    inside: str  # the name of the part that it is directly in; empty for the organisation and what is directly in it
    people: int
    profile: Profile


def organisations(tx: Tx) -> Sequence[Row[Any]]:
    """Those of which the reader may see figures, the host first."""
    terms = policy.require(tx, Can.READ_PROFILES)
    found = select(Unit.id, Unit.name).where(Unit.kind == "organisation").order_by(Unit.host.desc(), Unit.name)
    if (policy.Reach.ALL, None) not in terms:
        nodes = select(Unit.organisation_id).where(Unit.id.in_([node for _, node in terms if node is not None]))
        found = found.where(Unit.id.in_(nodes))
    return tx.rows(found)


def of_council(tx: Tx, organisation_id: int, period: Period) -> list[Line]:
    """An organisation and its parts, two levels down, each part after what it belongs to; only the lines in the reader's reach.

    What is hidden follows from the whole table, whoever reads it: `app.core.suppression`, with the people behind each figure for its
    counts. NotFound for an organisation of which the reader may see nothing.
    """
    if organisation_id not in {row.id for row in organisations(tx)}:
        raise NotFound("There is no organisation with that reference, or it is not yours.", code="organisation-not-found")
    units = _units(tx, organisation_id)
    sums = _sums(tx, organisation_id, period)
    inside = _inside(units)
    hide = {bucket: _hide(units, inside, {key: found.get(bucket, (0, 0, 0))[2] for key, found in sums.items()}) for bucket in GUIDE}
    heads = _heads(tx, organisation_id)
    names = {row.id: row.name for row in units}
    lines = [
        Line(
            row.id,
            row.name,
            names[row.parent_id] if row.depth > 1 else "",
            heads.get(row.id, 0),
            Profile(tuple(_part(bucket, sums.get(row.id, {}), row.id in hide[bucket]) for bucket in GUIDE)),
        )
        for row in units
    ]
    mine = _reached(tx)
    return lines if mine is None else [each for each in lines if each.id in mine]


def _reached(tx: Tx) -> set[int] | None:
    """The parts of the organisation of which the reader may see figures; None: all."""
    terms = policy.require(tx, Can.READ_PROFILES)
    if (policy.Reach.ALL, None) in terms:
        return None
    nodes = [node for _, node in terms if node is not None]
    return set(tx.db.execute(select(UnitClosure.descendant_id).where(UnitClosure.ancestor_id.in_(nodes))).scalars())


def _part(bucket: str, found: Mapping[str, tuple[int, int, int]], hide: bool) -> Part:
    minutes, records, _ = found.get(bucket, (0, 0, 0))
    return Part(bucket, None, None) if hide else Part(bucket, minutes, records)


def _units(tx: Tx, organisation_id: int) -> list[Row[Any]]:
    """The organisation and the parts that have a line, as a tree is read."""
    found = tx.rows(
        select(Unit.id, Unit.name, Unit.parent_id, UnitClosure.depth)
        .join(UnitClosure, UnitClosure.descendant_id == Unit.id)
        .where(UnitClosure.ancestor_id == organisation_id, UnitClosure.depth <= LEVELS)
        .order_by(Unit.name, Unit.id)
    )
    if len(found) > MOST_UNITS:
        found = [row for row in found if row.depth < LEVELS]
    below: dict[int | None, list[Row[Any]]] = defaultdict(list)
    for row in found:
        below[row.parent_id].append(row)
    top = next(row for row in found if row.id == organisation_id)
    return [top, *(each for row in below[top.id] for each in (row, *below[row.id]))]


def _inside(units: Sequence[Row[Any]]) -> dict[int, list[int]]:
    inside: dict[int, list[int]] = defaultdict(list)
    for row in units[1:]:
        inside[row.parent_id].append(row.id)
    return inside


def _hide(units: Sequence[Row[Any]], inside: Mapping[int, Sequence[int]], people: Mapping[int, int]) -> set[int]:
    """The lines of which a figure must not be shown, by how many people stand behind it. Who is in a part, but in none of the parts inside
    it, is in no line: a reader subtracts that too."""
    counts = {str(row.id): people.get(row.id, 0) for row in units}
    relations = []
    for whole, parts in inside.items():
        rest = counts[str(whole)] - sum(counts[str(part)] for part in parts)
        counts[f"rest of {whole}"] = rest
        relations.append(Sum(str(whole), (*map(str, parts), f"rest of {whole}")))
    return {int(key) for key in hidden(counts, relations, FEWEST) if key.isdecimal()}


_ABOVE = aliased(UnitClosure)


def _belonging(organisation_id: int, counted: Any, *columns: ColumnElement[Any]) -> Select[Any]:
    """Sums over each part of an organisation of what `counted` has for each unit that people belong to."""
    below = UnitClosure
    return (
        select(below.ancestor_id.label("unit_id"), *columns)
        .join(below, below.descendant_id == counted.c.unit_id)
        .join(_ABOVE, and_(_ABOVE.descendant_id == below.ancestor_id, _ABOVE.ancestor_id == organisation_id, _ABOVE.depth <= LEVELS))
    )


def _here(tx: Tx) -> AnySelect:
    """Who belongs where today."""
    return (
        select(Membership.unit_id, Person.id.label("person_id"))
        .join(Person, Person.id == Membership.person_id)
        .where(current(Membership, tx.today), or_(Person.leaving_on.is_(None), Person.leaving_on >= tx.today))
    )


def _sums(tx: Tx, organisation_id: int, period: Period) -> dict[int, dict[str, tuple[int, int, int]]]:
    """For each part and way of learning: minutes, records, people. Nobody belongs to two units, so what units have adds up."""
    here = _here(tx).subquery()
    counted = (
        select(here.c.unit_id, LearningRecord.bucket, *_SUMS, func.count(distinct(LearningRecord.person_id)).label("people"))
        .join(here, here.c.person_id == LearningRecord.person_id)
        .where(_in(period))
        .group_by(here.c.unit_id, LearningRecord.bucket)
        .subquery()
    )
    totals = (
        func.sum(counted.c.minutes).label("minutes"),
        func.sum(counted.c.records).label("records"),
        func.sum(counted.c.people).label("people"),
    )
    found: dict[int, dict[str, tuple[int, int, int]]] = defaultdict(dict)
    statement = _belonging(organisation_id, counted, counted.c.bucket, *totals).group_by(UnitClosure.ancestor_id, counted.c.bucket)
    for row in tx.rows(statement):
        found[row.unit_id][row.bucket] = (int(row.minutes), int(row.records), int(row.people))
    return found


def _heads(tx: Tx, organisation_id: int) -> dict[int, int]:
    here = _here(tx).subquery()
    counted = select(here.c.unit_id, func.count().label("people")).group_by(here.c.unit_id).subquery()
    statement = _belonging(organisation_id, counted, func.sum(counted.c.people).label("people")).group_by(UnitClosure.ancestor_id)
    return {row.unit_id: int(row.people) for row in tx.rows(statement)}
