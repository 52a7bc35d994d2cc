"""Random sequences of full extracts give the same people as an oracle that keeps a calendar for each person and fills it in day by day."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.declared import aliased
from app.hr import operations
from app.hr.mapping import Mapping
from app.people.models import Membership, Person, Post, Responsibility, Stage, Unit
from tests.hr.test_imports import Office, office, person

__all__ = ["office"]
FIRST, LAST = date(2025, 12, 15), date(2026, 12, 31)  # the calendar's ends; its last day stands for ever after
DAYS = [FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1)]
FULL = Mapping(full=True)
Fact = tuple[date, str]  # since when it has been so without a break in the record, and what


@dataclass
class Somebody:
    """What the oracle knows of a person."""

    surname: str
    started: date
    leaving: date | None = None
    calendar: dict[str, dict[date, Fact]] = field(default_factory=lambda: {what: {} for what in ("team", "stage", "manager", "post")})

    def facts(self) -> tuple[Any, ...]:
        return (
            self.surname,
            self.started,
            self.leaving,
            {what: {day: fact[1] for day, fact in days.items()} for what, days in self.calendar.items()},
        )


def last_of(leaving: date | None) -> date:
    return LAST if leaving is None else min(leaving, LAST)


@dataclass
class Oracle:
    """Reads extracts slowly: a line at a time, a fact at a time, a day at a time."""

    people: dict[str, Somebody] = field(default_factory=dict)

    def read(self, lines: list[dict[str, Any]], as_at: date) -> None:
        named = {line["Employee number"] for line in lines}
        for number, who in self.people.items():
            if number not in named and who.started < as_at and (who.leaving is None or who.leaving >= as_at):
                self.end(who, as_at - timedelta(1))
        for line in lines:
            self.one(line, as_at)

    def end(self, who: Somebody, leaving: date | None, *, goes_on: bool = True) -> None:
        """Employment ends then, and no longer when it did: what was so on its old last day goes on to the new one."""
        before, after = last_of(who.leaving), last_of(leaving)
        for days in who.calendar.values():
            if goes_on and before in days:
                days |= {day: days[before] for day in DAYS if before < day <= after}
            for day in [day for day in days if day > after]:
                del days[day]
        who.leaving = leaving

    def one(self, line: dict[str, Any], as_at: date) -> None:
        number, leaving = line["Employee number"], _date(line["Leaving date"])
        start = _date(line["Start date"])
        assert start is not None
        who = self.people.get(number)
        since = start
        if who is None:
            if leaving is not None and leaving < as_at:
                return
            who = self.people[number] = Somebody(line["Last name"], start, leaving)
        else:
            returns = who.leaving is not None and who.leaving < as_at and (leaving is None or leaving >= as_at) and start > who.leaving
            since = start if returns else max(as_at, start)
            self.end(who, leaving, goes_on=not returns)
            who.surname, who.started = line["Last name"], start
        from_ = max(_date(line["Team from"]) or since, start)
        self.state(who, "team", line["Team"], from_, as_at)
        self.state(who, "stage", line["Stage"], since, as_at)
        self.state(who, "manager", line["Manager number"], since, as_at)
        self.state(who, "post", line["Job title"], since, as_at)

    def state(self, who: Somebody, what: str, value: str, since: date, as_at: date) -> None:
        """From `since` on, this is so; unless the record says it already, in one piece from then to today or the end."""
        days, last = who.calendar[what], last_of(who.leaving)
        if since > last:
            return
        there, here = days.get(since), days.get(min(max(since, as_at), last))
        unbroken = there is not None and here is not None and there[0] == here[0]
        if (unbroken and there is not None and there[1] == value) or (not value and not unbroken):
            return
        for day in [day for day in days if day >= since]:
            del days[day]
        if value:
            days |= {day: (since, value) for day in DAYS if since <= day <= last}


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def passed_on(oracle: Oracle) -> dict[str, date]:
    """From which day somebody's manager has left: who comes next is not in the file (docs/leavers.md), so the oracle does not know."""
    gone = {number: who.leaving for number, who in oracle.people.items() if who.leaving is not None}
    found: dict[str, date] = {}
    for number, who in oracle.people.items():
        days = [day for day, (_, manager) in who.calendar["manager"].items() if manager in gone and gone[manager] < day]
        found |= {number: min(days)} if days else {}
    return found


def until(facts: dict[str, tuple[Any, ...]], unknown: dict[str, date]) -> dict[str, tuple[Any, ...]]:
    """The same, without who manages somebody from the day on which that is unknown."""
    return {
        number: (
            *rest,
            {**calendar, "manager": {day: value for day, value in calendar["manager"].items() if day < unknown.get(number, date.max)}},
        )
        for number, (*rest, calendar) in facts.items()
    }


def kept(office: Office) -> dict[str, tuple[Any, ...]]:
    """The same of the database."""
    manager = aliased(Person)
    found = {row.id: row for row in office.rows(select(Person.__table__))}
    calendars: dict[int, dict[str, dict[date, str]]] = {key: {what: {} for what in ("team", "stage", "manager", "post")} for key in found}
    for what, statement in {
        "team": select(
            Membership.person_id, Membership.valid_from, Membership.valid_to, Unit.name.label("value"), Membership.superseded_at
        ).join(Unit, Unit.id == Membership.unit_id),
        "stage": select(Stage.person_id, Stage.valid_from, Stage.valid_to, Stage.stage.label("value"), Stage.superseded_at),
        "manager": select(
            Responsibility.person_id,
            Responsibility.valid_from,
            Responsibility.valid_to,
            manager.employee_number.label("value"),
            Responsibility.superseded_at,
        ).join(manager, manager.id == Responsibility.holder_id),
        "post": select(Post.person_id, Post.valid_from, Post.valid_to, Post.job_title.label("value"), Post.superseded_at),
    }.items():
        for row in office.rows(statement):
            if row.superseded_at is None:
                for day in DAYS[max((row.valid_from - FIRST).days, 0) : (row.valid_to - FIRST).days]:
                    assert day not in calendars[row.person_id][what], "two at once"
                    calendars[row.person_id][what][day] = row.value
    return {row.employee_number: (row.last_name, row.started_on, row.leaving_on, calendars[key]) for key, row in found.items()}


def extract(chance: random.Random, oracle: Oracle, as_at: date) -> list[dict[str, Any]]:
    """A full extract as HR might send it: some new, some gone, some back, some changed."""
    lines: list[dict[str, Any]] = []
    staying: list[str] = []
    for n in range(1, 9):
        number = str(n)
        if chance.random() < 0.2:
            continue
        who = oracle.people.get(number)
        start = as_at + timedelta(chance.randint(-60, 12)) if who is None or chance.random() < 0.05 else who.started
        if who is not None and who.leaving is not None and who.leaving < as_at and chance.random() < 0.6:
            start = who.leaving + timedelta(chance.randint(1, 30))
        leaving = max(start, as_at + timedelta(chance.randint(-12, 40))) if chance.random() < 0.25 else None
        if who is not None and who.leaving is not None and chance.random() < 0.5:
            leaving = max(start, who.leaving)
        moved = chance.choice(["", "", "", (as_at + timedelta(chance.randint(-20, 25))).isoformat()])
        lines.append(
            person(
                number, f"F{n}", chance.choice(["Ash", "Ash", "Birch"]),
                **{
                    "Email": f"{n}@westmarch.example", "Team": chance.choice(["Meadow", "Harbour", "Orchard"]), "Team from": moved,
                    "Stage": chance.choice(["SW", "SW", "NQSW"]), "Job title": chance.choice(["Social worker", "Senior"]),
                    "Manager number": chance.choice([*staying, "", ""]), "Start date": start.isoformat(),
                    "Leaving date": leaving.isoformat() if leaving else "",
                },
            )
        )  # fmt: skip
        if leaving is None:
            staying.append(number)
    chance.shuffle(lines)
    return lines


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(14))
def test_extracts_in_any_order_give_what_the_oracle_says(office: Office, seed: int) -> None:
    chance, oracle, as_at = random.Random(seed), Oracle(), date(2026, 3, 2)
    unknown: dict[str, date] = {}
    for _ in range(6):
        lines = extract(chance, oracle, as_at)
        if lines:
            import_id, counts = office.stage(lines, FULL, as_at)
            assert office.problems(import_id) == []
            with office.turn() as tx:
                operations.apply(tx, import_id, confirmed_leavers=counts["leaver"])
            oracle.read(lines, as_at)
            unknown = {number: min(day, unknown.get(number, day)) for number, day in (unknown | passed_on(oracle)).items()}
            known = {number: who.facts() for number, who in oracle.people.items()}
            assert until(kept(office), unknown) == until(known, unknown)
            _, again = office.stage(lines, FULL, as_at)
            assert {label for label in ("joiner", "mover", "leaver", "rejoiner", "changed") if again[label]} == set()
        as_at += timedelta(chance.randint(1, 25))
