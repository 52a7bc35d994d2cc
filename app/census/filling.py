"""What the Academy knows of the people of a return, as at its reference day: who is in it, and the items that fill themselves.

In scope is who is registered with Social Work England and held, for part of the collection year, a post with a role of the census, as an
employee or through an agency. Support workers, students and apprentices have no such role; whoever left in the year is in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import Row, and_, func, or_, select

from app.census.guide import Guide
from app.core.facts import known, recorded
from app.core.tx import Tx
from app.frameworks.models import ProgrammeVersion
from app.people.models import IN_GOOD_STANDING, Absence, Contract, Person, Post, Registration, Stage
from app.programmes.models import Enrolment
from app.supervision.models import Caseload

OUTSIDE = ""  # a stage or job title that the council left out of the census
_AWAY = ("withdrawn", "transferred")
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Year:
    """A collection year: its first day, its reference day (the last), and the instant as known at which it is filled."""

    first: date
    reference: date
    known_at: datetime

    @staticmethod
    def ending(reference: date, known_at: datetime) -> Year:
        """The year that ends on its reference day."""
        return Year(reference.replace(year=reference.year - 1) + DAY, reference, known_at)


@dataclass(frozen=True, slots=True)
class Roles:
    """Which role a job is: by its title where the council said so, else by the career stage."""

    stages: Mapping[str, str]
    titles: Mapping[str, str]

    def of(self, titles: Iterable[str], stage: str | None) -> str:
        """The more senior role of somebody's posts of a day (the lower code); "" if none is in the census."""
        by_stage = self.stages.get(stage or "", OUTSIDE)
        found = [self.titles.get(" ".join(title.lower().split()), by_stage) for title in titles]
        return min((role for role in found if role != OUTSIDE), default=OUTSIDE)


@dataclass(frozen=True, slots=True)
class Spell:
    """A time without change: from, up to but not including until, the role (or "") and the posts held."""

    starts: date
    until: date
    role: str
    posts: tuple[Row[Any], ...]


@dataclass(slots=True)
class _Facts:
    posts: list[Row[Any]] = field(default_factory=list)
    stages: list[Row[Any]] = field(default_factory=list)


def people(tx: Tx, organisation_id: int, guide: Guide, roles: Roles, year: Year) -> list[tuple[int, dict[str, str]]]:
    """(person, items) for everybody in scope, by registration number. Five questions, however many people there are."""
    facts = _facts(tx, organisation_id, year)
    numbers = {row.id: row for row in tx.rows(_registered(organisation_id, year))}
    away = {row.person_id for row in tx.rows(select(Absence.person_id).where(known(Absence, year.reference, year.known_at)))}
    cases = _cases(tx, organisation_id, guide, year)
    statuses = _statuses(tx, organisation_id, guide, year)
    found = []
    for person_id, mine in facts.items():
        person = numbers.get(person_id)
        items = _of_work(mine, roles, year) if person is not None else None
        if person is None or items is None:
            continue
        items["SWENo"] = number_of(person.swe_number, guide)
        items |= guide.routes.get((person.entry_route or "").strip().upper().replace(" ", "_"), {})
        if "FTE30" in items:
            items["Absat30Sept"] = "1" if person_id in away else "0"
            if person_id in cases:
                items["Cases30"] = str(cases[person_id])
        if person_id in statuses:
            items["CFKSSstatus"] = statuses[person_id]
        found.append((person_id, {code: value for code, value in items.items() if code in guide.known}))
    return sorted(found, key=lambda each: (each[1]["SWENo"], each[0]))


DIGITS = frozenset("0123456789")  # what the collection reads as such


def number_of(number: str, guide: Guide) -> str:
    """A registration number as the collection writes it: "SW12345" → "SW0000012345"."""
    digits = "".join(letter for letter in number if letter in DIGITS)
    return f"{guide.number.prefix}{digits.zfill(guide.number.digits)}"


# Facts ---------------------------------------------------------------------------------------------------------------


def _facts(tx: Tx, organisation_id: int, year: Year) -> dict[int, _Facts]:
    """Posts and stages up to the day after the reference day, of those who had a post in the year."""
    mine = select(Person.id).where(Person.organisation_id == organisation_id, Person.swe_number.is_not(None))
    columns = (Post.person_id, Post.job_title, Post.contract, Post.fte, Post.is_primary, Post.valid_from, Post.valid_to)
    until = Post.valid_from <= year.reference + DAY
    found: dict[int, _Facts] = defaultdict(_Facts)
    for post in tx.rows(select(*columns).where(Post.person_id.in_(mine), recorded(Post, year.known_at), until)):
        if post.contract != Contract.STUDENT:
            found[post.person_id].posts.append(post)
    of_stage = (Stage.person_id, Stage.stage, Stage.valid_from, Stage.valid_to)
    began = Stage.valid_from <= year.reference + DAY
    for stage in tx.rows(select(*of_stage).where(Stage.person_id.in_(mine), recorded(Stage, year.known_at), began)):
        if stage.person_id in found:
            found[stage.person_id].stages.append(stage)
    return {key: facts for key, facts in found.items() if any(post.valid_to > year.first for post in facts.posts)}


def _registered(organisation_id: int, year: Year) -> Any:
    """People with a number of whom the register says nothing else on any day of the year on which they could have practised.

    Who was removed within the year is in: they left. Who was not registered all the year is not.
    """
    bad = ("removed", "not registered")
    words = (Registration.person_id == Person.id, recorded(Registration, year.known_at))
    in_year = and_(Registration.valid_from <= year.reference, Registration.valid_to > year.first)
    good = select(Registration.id).where(*words, in_year, Registration.status.in_((*IN_GOOD_STANDING, "suspended"))).exists()
    said = select(Registration.id).where(*words, in_year, Registration.status.in_(bad)).exists()
    columns = (Person.id, Person.swe_number, Person.entry_route)
    return select(*columns).where(Person.organisation_id == organisation_id, Person.swe_number.is_not(None), or_(good, ~said))


def _cases(tx: Tx, organisation_id: int, guide: Guide, year: Year) -> dict[int, int]:
    """The latest count of cases on the reference day or shortly before it."""
    since = year.reference - timedelta(days=guide.cases_within)
    counted = (recorded(Caseload, year.known_at), Caseload.on_date <= year.reference, Caseload.on_date > since)
    mine = Caseload.person_id.in_(select(Person.id).where(Person.organisation_id == organisation_id))
    turn = func.row_number().over(partition_by=Caseload.person_id, order_by=(Caseload.on_date.desc(), Caseload.id.desc())).label("turn")
    ranked = select(Caseload.person_id, Caseload.children, turn).where(*counted, mine).subquery()
    return {row.person_id: row.children for row in tx.rows(select(ranked.c.person_id, ranked.c.children).where(ranked.c.turn == 1))}


def _statuses(tx: Tx, organisation_id: int, guide: Guide, year: Year) -> dict[int, str]:
    """The highest status of knowledge and skills that somebody's programmes give them."""
    codes = {code for status in guide.statuses for code in status.programmes}
    taken: dict[int, set[tuple[str, bool]]] = defaultdict(set)
    asked = (
        select(Enrolment.person_id, ProgrammeVersion.programme_code, Enrolment.outcome)
        .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
        .join(Person, Person.id == Enrolment.person_id)
        .where(Person.organisation_id == organisation_id, ProgrammeVersion.programme_code.in_(codes))
        .where(Enrolment.starts_on <= year.reference, Enrolment.status.not_in(_AWAY), Enrolment.created_at <= year.known_at)
    )
    for row in tx.rows(asked):
        if row.outcome != "fail":
            taken[row.person_id].add((row.programme_code, row.outcome == "pass"))
    return {person: code for person, programmes in taken.items() if (code := _status(guide, programmes))}


def _status(guide: Guide, programmes: set[tuple[str, bool]]) -> str:
    for status in guide.statuses:
        if any((code, True) in programmes or (not status.passed and (code, False) in programmes) for code in status.programmes):
            return status.code
    return ""


# Work ----------------------------------------------------------------------------------------------------------------


def spells(posts: Sequence[Row[Any]], stages: Sequence[Row[Any]], roles: Roles) -> list[Spell]:
    """Somebody's working life in pieces within which neither posts nor stage change, in order of time."""
    edges = sorted({day for fact in (*posts, *stages) for day in (fact.valid_from, fact.valid_to)})
    found = []
    for starts, until in pairwise(edges):
        held = tuple(post for post in posts if post.valid_from <= starts < post.valid_to)
        if held:
            stage = next((each.stage for each in stages if each.valid_from <= starts < each.valid_to), None)
            found.append(Spell(starts, until, roles.of((post.job_title for post in held), stage), held))
    return found


def _of_work(mine: _Facts, roles: Roles, year: Year) -> dict[str, str] | None:
    """Items about somebody's work; None if they had no role of the census in the year.

    Whose last day is the reference day has left: each leaver is in one collection year only. They are not in post at its end.
    """
    life = spells(mine.posts, mine.stages, roles)
    within = [n for n, spell in enumerate(life) if spell.role and spell.starts <= year.reference and spell.until > year.first]
    if not within:
        return None
    last = within[-1]
    spell = life[last]
    goes_on = last + 1 < len(life) and life[last + 1].role and life[last + 1].starts == spell.until
    in_post = spell.until > year.reference + DAY or (spell.until == year.reference + DAY and goes_on)
    items = {
        "AgencyWorker": "1" if all(post.contract == Contract.AGENCY for post in spell.posts) else "0",
        "FTE": amount(sum((Decimal(post.fte) for post in spell.posts), Decimal(0))),
        "OrgRole": spell.role,
        "RoleStartDate": _since(life, last).isoformat(),
    }
    if in_post:
        items["FTE30"] = items["FTE"]
    else:
        items["RoleEndDate"] = (spell.until - DAY).isoformat()
    return items


def _since(life: Sequence[Spell], last: int) -> date:
    """Since when somebody has had the role that they have in this spell, without a day between."""
    first = last
    while first > 0 and life[first - 1].role == life[last].role and life[first - 1].until == life[first].starts:
        first -= 1
    return life[first].starts


def amount(value: Decimal) -> str:
    """A number as short as it can be written: "0.8", "1"."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
