"""Reach once more, one person at a time, as a reader would apply the rules by hand; and random organisations to try it on."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from app import policy
from app.core.db import FOREVER
from app.core.tx import SYSTEM, Tx, transaction
from app.identity.models import Account
from app.people import operations as people
from app.people.models import Membership, Responsibility, RoleHeld, UnitKind
from app.policy import Can, Reach, Role
from tests.factory import Make

DAY = timedelta(days=1)
Span = tuple[date, date, bool]  # from, to, still valid


@dataclass
class County:
    """A random organisation, as plain lists that the oracle reads."""

    parents: dict[int, int | None] = field(default_factory=dict)
    people: dict[int, int] = field(default_factory=dict)  # person → organisation
    teams: list[tuple[int, int, Span]] = field(default_factory=list)  # person, unit
    duties: list[tuple[str, int, int, Span]] = field(default_factory=list)  # kind, holder, person
    roles: list[tuple[int, str, int | None, Span]] = field(default_factory=list)  # person, role, node


@dataclass
class Oracle:
    """What one person reaches on a day."""

    county: County
    me: int
    today: date

    def now(self, span: Span) -> bool:
        start, end, valid = span
        return valid and start <= self.today < end

    def duties(self, kind: str) -> list[tuple[int, int]]:
        return [(holder, person) for what, holder, person, span in self.county.duties if what == kind and self.now(span)]

    def held(self, kind: str) -> set[int]:
        return {person for holder, person in self.duties(kind) if holder == self.me}

    def inside(self, unit: int, node: int) -> bool:
        here: int | None = unit
        while here is not None and here != node:
            here = self.county.parents[here]
        return here == node

    def belongs(self, person: int, node: int) -> bool:
        member = any(who == person and self.now(span) and self.inside(unit, node) for who, unit, span in self.county.teams)
        return member or self.county.people[person] == node

    def line(self) -> set[int]:
        below: set[int] = set()
        asking = [self.me, *self.held("deputy")]
        while asking:
            boss = asking.pop()
            new = {person for holder, person in self.duties("manager") if holder == boss} - below
            below |= new
            asking += new
        return below

    def roles(self) -> list[tuple[Role, int | None]]:
        found: list[tuple[Role, int | None]] = [(Role.PRACTITIONER, None)]
        found += [(Role(role), node) for person, role, node, span in self.county.roles if person == self.me and self.now(span)]
        if self.held("manager") or self.held("deputy"):
            found.append((Role.MANAGER, None))
        if self.held("assessor"):
            found.append((Role.ASSESSOR, None))
        return found

    def reached(self, can: Can) -> set[int]:
        found: set[int] = set()
        for role, node in self.roles():
            found |= self._by(policy.GRANTS[role].get(can), node)
        return found

    def _by(self, reach: Reach | None, node: int | None) -> set[int]:
        if reach is Reach.SCOPE and node is not None:
            return {person for person in self.county.people if self.belongs(person, node)}
        if reach in (Reach.ALL, Reach.SCOPE):
            return set(self.county.people)
        return {Reach.SELF: {self.me}, Reach.REPORTS: self.line(), Reach.ASSIGNED: self.held("assessor")}.get(
            reach or Reach.DELIVERED, set()
        )


# Random organisations ----------------------------------------------------------------------------------------------


def grow(make: Make, chance: random.Random, now: datetime) -> County:
    """Rows straight into the tables: the oracle must see what operations would have refused, too."""
    county = County()
    with transaction(make.database, SYSTEM, writes=True, now=now) as tx:
        _units(tx, chance, county)
        _people(tx, chance, county)
        _facts(chance, county, now.date())
        for person, unit, span in county.teams:
            _insert(tx, Membership, span, person_id=person, unit_id=unit)
        for kind, holder, person, span in county.duties:
            _insert(tx, Responsibility, span, kind=kind, holder_id=holder, person_id=person)
        for person, role, node, span in county.roles:
            _insert(tx, RoleHeld, span, person_id=person, role=role, unit_id=node)
    return county


def _insert(tx: Tx, table: Any, span: Span, **values: Any) -> None:
    start, end, valid = span
    tx.insert(table, **values, valid_from=start, valid_to=end, recorded_at=tx.now, superseded_at=None if valid else tx.now)


def _units(tx: Tx, chance: random.Random, county: County) -> None:
    for n in range(2):
        root = people.create_unit(tx, "organisation", f"Organisation {n}", f"O{n}", host=n == 0)
        county.parents[root] = None
        above = [root]
        for m in range(chance.randint(2, 6)):
            parent = chance.choice(above)
            unit = people.create_unit(tx, UnitKind.TEAM, f"Unit {n}.{m}", f"U{n}.{m}", parent)
            county.parents[unit] = parent
            above.append(unit)


def _people(tx: Tx, chance: random.Random, county: County) -> None:
    roots = [unit for unit, parent in county.parents.items() if parent is None]
    for n in range(chance.randint(6, 14)):
        organisation = chance.choice(roots)
        key = people.create_person(tx, organisation, first_name=f"P{n}", last_name="Random", email=f"p{n}@westmarch.example")
        tx.db.execute(Account.__table__.insert(), dict(person_id=key, created_at=tx.now))
        county.people[key] = organisation


def _facts(chance: random.Random, county: County, today: date) -> None:
    everybody, units = list(county.people), list(county.parents)
    for person in everybody:
        if chance.random() < 0.8:
            county.teams.append((person, chance.choice(units), _span(chance, today, True)))
        if chance.random() < 0.2:
            county.teams.append((person, chance.choice(units), _span(chance, today, False)))
        for kind, how_often in (("manager", 0.8), ("deputy", 0.3), ("assessor", 0.3)):
            holder = chance.choice(everybody)
            if holder != person and chance.random() < how_often:
                county.duties.append((kind, holder, person, _span(chance, today, chance.random() < 0.9)))
        for _ in range(chance.choice((0, 0, 1, 2))):
            role, node = chance.choice(policy.GIVEN).value, chance.choice([*units, None])
            county.roles.append((person, role, node, _span(chance, today, chance.random() < 0.9)))


def _span(chance: random.Random, today: date, valid: bool) -> Span:
    start, end = chance.choice(
        (
            (today - 30 * DAY, today + 30 * DAY),
            (today - 30 * DAY, today + 30 * DAY),
            (today - 300 * DAY, FOREVER),
            (today - 90 * DAY, today - 10 * DAY),
            (today + DAY, FOREVER),
            (today - DAY, today),  # ended today
            (today, today + DAY),  # only today
        )
    )
    return start, end, valid
