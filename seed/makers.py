"""Makes the facts of invented people, the same for the same seed and date. Shared with the tests."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from app.core.calendar import add_months
from seed.content import content
from seed.names import KNOWN_AS, Addresses, people_names
from seed.tree import Seat

COUNCIL_DOMAIN = "westmarch.example"
FIRST_SWE = 900_001  # registration numbers from here up are ours; six digits hold 99,999 of them
LAST_SWE = 999_999
FIRST_EMPLOYEE = 40_001
YEARS = {  # shortest and longest service with the council, by career stage
    "SUPPORT": (0.1, 14), "STUDENT": (0.2, 2.9), "SW": (0.2, 6), "EXP": (0.3, 12), "SENIOR": (1, 16), "PE": (2, 16), "LCPP": (2, 14),
    "ATM": (1.5, 17), "IRO": (2, 19), "TM": (2, 20), "PSW": (5, 9), "SM": (3, 20), "HOS": (4, 22), "AD": (2, 9), "DIR": (6, 8),
}  # fmt: skip
BEFORE = {  # the stage that came before, and what it is called
    "SW": ("NQSW", "Newly Qualified Social Worker"), "EXP": ("SW", "Social Worker"), "SENIOR": ("EXP", "Social Worker"),
    "LCPP": ("EXP", "Social Worker"), "PE": ("EXP", "Social Worker"), "ATM": ("SENIOR", "Senior Social Worker"),
    "IRO": ("SENIOR", "Senior Social Worker"), "TM": ("ATM", "Assistant Team Manager"), "PSW": ("TM", "Team Manager"),
    "SM": ("TM", "Team Manager"), "HOS": ("SM", "Service Manager"),
}  # fmt: skip
WEEKS = {  # full-time equivalent → ways of working it, Monday first
    "1.000": ("1111100",), "0.900": ("1111100",), "0.800": ("1111000", "0111100", "1101100"),
    "0.600": ("1110000", "0111000", "1010100"), "0.500": ("1110000", "0011100"), "0.400": ("1100000", "0001100"),
}  # fmt: skip
SHIFTS = ("1101101", "0111011", "1011110", "1110011")  # homes and duty teams work weekends
ROUTES = ("UG", "UG", "UG", "PG", "PG", "DA", "STEP_UP", "APPROACH", "OU", "OVERSEAS", "RETURN")
NEEDS = (
    "Hearing loop, and a seat facing the speaker", "Large print handouts, 18 point", "Step-free room with parking nearby",
    "British Sign Language interpreter: please give two weeks' notice", "Slides sent beforehand, I use a screen reader",
    "Regular breaks, please", "A quiet space to step out to", "Chair with a back support", "Coloured paper handouts, pale yellow",
    "Not before 10am because of treatment",
)  # fmt: skip
CASE_HOLDING = {"NQSW": (10, 17), "SW": (12, 22), "EXP": (14, 24), "SENIOR": (6, 12), "LCPP": (10, 18)}
CASE_TEAMS = frozenset({"ASM", "CPC", "CIC", "DCN", "DCT", "USC", "KIN", "LCT"})
SHIFT_TEAMS = frozenset({"RMG", "ROH", "RTL", "EDT"})


@dataclass(slots=True)
class Work:
    """A post held from a day: what it is called and how it is worked."""

    since: date
    title: str
    fte: Decimal
    days: str


@dataclass(slots=True)
class Sketch:
    """An invented person. The lists hold (since, value) in order of date; each holds until the next, the last until they leave."""

    seat: int
    organisation: int
    first_name: str
    last_name: str
    known_as: str | None
    email: str | None
    employee_number: str | None
    swe_number: str | None
    registered_from: date | None
    registered_until: date | None
    entry_route: str | None
    qualified_in: int | None
    started_on: date
    contract: str
    caseload: int | None
    access_needs: str | None
    leaving_on: date | None = None
    work: list[Work] = field(default_factory=list)
    stages: list[tuple[date, str]] = field(default_factory=list)
    units: list[tuple[date, int]] = field(default_factory=list)
    managers: list[tuple[date, int]] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What they do today, or last did."""
        return self.work[-1].title


def monday(day: date) -> date:
    """The Monday of that week: people start on Mondays."""
    return day - timedelta(days=day.weekday())


def cohort_starts(today: date) -> list[date]:
    """The first days of the two cohorts of newly qualified social workers in their year now: the newest first."""
    found = []
    for year in (today.year, today.year - 1):
        for month in (9, 2):
            first = date(year, month, 1)
            start = first + timedelta(days=(7 - first.weekday()) % 7)
            if start + timedelta(days=6) < today:
                found.append(start)
    return found[:2]


class Maker:
    """Invents people one after another. Everything follows from `seed` and `today`; nothing asks the clock."""

    def __init__(self, seed: int, today: date) -> None:
        """Start a county's worth of people."""
        self.chance = random.Random(seed)
        self.today = today
        self.cohorts = cohort_starts(today)
        self._names: Iterator[tuple[str, str]] = people_names(self.chance)
        self._addresses = Addresses()
        self._stages = content().stages
        self._next = {"employee": FIRST_EMPLOYEE, "swe": FIRST_SWE}

    def number(self, kind: str) -> int:
        """The next unused number of a kind: employee or swe."""
        given = self._next[kind]
        self._next[kind] = given + 1
        if kind == "swe" and given > LAST_SWE:
            raise ValueError("The reserved registration numbers are used up.")
        return given

    def days_ago(self, shortest: float, longest: float) -> date:
        """A day so many years ago, more often recent than not."""
        years = shortest + (longest - shortest) * self.chance.random() ** 1.6
        return self.today - timedelta(days=round(365.25 * years))

    def started(self, seat: Seat) -> date:
        """When somebody in this seat joined the council."""
        if seat.group == "agency":
            return monday(self.days_ago(0.05, 1.8))
        if seat.stage == "NQSW":
            return self.cohorts[0] if self.chance.random() < 0.6 else self.cohorts[-1]
        return monday(self.days_ago(*YEARS.get(seat.stage or "", (0.1, 16))))

    def person(self, position: int, seat: Seat, organisation: int, *, domain: str = COUNCIL_DOMAIN, name: tuple[str, str] | None = None,
               started: date | None = None) -> Sketch:  # fmt: skip
        """Somebody for a seat: who they are, since when, and how they came to be there. Team and manager come later."""
        first, last = name or next(self._names)
        chance, since = self.chance, started or self.started(seat)
        registered = bool(seat.stage and self._stages[seat.stage].registered)
        agency = seat.group == "agency"
        qualified = self._qualified(seat.stage, since) if registered else None
        has_number = not agency or chance.random() < 0.4
        caseload = CASE_HOLDING.get(seat.stage or "") if seat.team in CASE_TEAMS else None
        found = Sketch(
            seat=position,
            organisation=organisation,
            first_name=first,
            last_name=last,
            known_as=KNOWN_AS.get(first) if chance.random() < 0.5 else None,
            email=self._addresses.give(first, last, domain),
            employee_number=f"{'A' if agency else 'W'}{self.number('employee')}" if has_number else None,
            swe_number=f"SW{self.number('swe')}" if registered else None,
            registered_from=qualified + timedelta(days=chance.randint(20, 60)) if qualified else None,
            registered_until=self._renewal() if registered else None,
            entry_route=chance.choice(ROUTES) if registered else None,
            qualified_in=qualified.year if qualified else None,
            started_on=since,
            contract="agency" if agency else "fixed term" if seat.stage == "STUDENT" or chance.random() < 0.05 else "permanent",
            caseload=chance.randint(*caseload) if caseload else None,
            access_needs=chance.choice(NEEDS) if chance.random() < 0.05 else None,
        )
        self._career(found, seat)
        return found

    def _qualified(self, stage: str | None, since: date) -> date:
        """The summer they qualified: just before starting for the newly qualified, years before for others."""
        years = {"NQSW": 0, "SW": self.chance.choice((0, 0, 0, 1, 2))}.get(stage or "", self.chance.randint(3, 12))
        summer = date(since.year - years, 7, 10)
        return summer if summer + timedelta(days=60) < since else date(summer.year - 1, 7, 10)

    def _renewal(self) -> date:
        """Registration runs to 30 November. Within the renewal window, most have already renewed for another year."""
        end = date(self.today.year, 11, 30)
        if self.today > end:
            return date(end.year + 1, 11, 30)
        renewed = self.today.month >= 9 and self.chance.random() < 0.72
        return date(end.year + 1, 11, 30) if renewed else end

    def week(self, seat: Seat) -> tuple[Decimal, str]:
        """Full-time equivalent and the days worked, Monday first."""
        if seat.group == "agency" or seat.stage in ("NQSW", "STUDENT", "HOS", "AD", "DIR", "PSW"):
            part = "1.000"
        else:
            part = self.chance.choices(list(WEEKS), (70, 4, 12, 8, 4, 2))[0]
        if seat.team in SHIFT_TEAMS and part == "1.000":
            return Decimal(part), self.chance.choice(SHIFTS)
        return Decimal(part), self.chance.choice(WEEKS[part])

    def _career(self, person: Sketch, seat: Seat) -> None:
        """Posts and stages from the day they started: perhaps a promotion, perhaps a change of hours."""
        fte, days = self.week(seat)
        since, today, chance = person.started_on, self.today, self.chance
        person.work.append(Work(since, seat.title, fte, days))
        if seat.stage:
            person.stages.append((since, seat.stage))
        before = BEFORE.get(seat.stage or "")
        served = (today - since).days
        if before and seat.group != "agency" and served > 430 and chance.random() < 0.6:
            latest = max(since + timedelta(days=370), today - timedelta(days=365 * 5))
            changed = (
                add_months(since, 12) if before[0] == "NQSW" else latest + timedelta(days=chance.randint(0, (today - latest).days - 30))
            )
            person.stages = [(since, before[0]), (changed, seat.stage or "")]
            person.work = [Work(since, before[1], fte, days), Work(changed, seat.title, fte, days)]
        if served > 300 and chance.random() < 0.1:
            newest = person.work[-1]
            changed = newest.since + timedelta(days=chance.randint(60, max(61, (today - newest.since).days - 20)))
            if changed < today:
                other = Decimal("0.800") if newest.fte == 1 else Decimal("1.000")
                person.work.append(Work(changed, newest.title, other, chance.choice(WEEKS[str(other)])))
