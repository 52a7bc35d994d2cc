"""Three years of sessions and the next four months': days, rooms and trainers, none of them booked twice."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from app.core.calendar import add_months, from_london, working_day
from seed.content import Content, CourseSpec, RoomSpec
from seed.makers import Sketch
from seed.tree import Seat
from seed.workforce import Workforce

AHEAD = 125  # days of sessions still to come
YEARLY = {  # sessions of a course in a year, by kind; a few courses have their own number
    "essentials": 7, "masterclass": 3, "management development": 3, "systemic practice": 4, "restorative practice": 4, "leadership": 2,
    "safeguarding": 8, "digital": 8, "programme day": 4,
}  # fmt: skip
YEARLY_OF = {
    "SAF-01": 20,
    "SAF-02": 16,
    "SAF-04": 4,
    "SAF-05": 2,
    "SYS-01": 11,
    "RES-01": 8,
    "LEA-01": 1,
    "LEA-02": 6,
    "PRO-01": 2,
    "PRO-02": 14,
}
SOON = ("ESS-09", "ESS-05", "DIG-03", "SAF-02")  # always on within days, so that a newcomer finds something to book at once
JUST = ("ESS-09", "DIG-03")  # what the trainer persona delivered last, its register still open, and what they deliver on the day itself
GAPS = {2: 7, 3: 28, 4: 28, 5: 1, 6: 56}  # days between the parts of a longer course
ONLY_IN = {"ESS-08": "CAL-1", "DIG-01": "ACA-4", "DIG-04": "ACA-4"}
FOR_SOME = ("leadership", "management development", "programme day")  # kinds whose sessions are only for the course's stages
AM, PM = "am", "pm"


@dataclass(slots=True)
class Part:
    """One continuous piece of a session, in UTC. `room` is a position in the list of rooms; None: online."""

    starts_at: datetime
    ends_at: datetime
    room: int | None
    link: str | None


@dataclass(slots=True)
class Meeting:
    """A session of a course: its parts, who delivers them, and its rules."""

    course: CourseSpec
    parts: list[Part]
    trainers: list[int]
    capacity: int
    place: str
    created_at: datetime
    status: str = "published"
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    cancel_by: datetime | None = None
    decide_by: datetime | None = None
    waiting_limit: int | None = None
    min_numbers: int = 0
    audience: tuple[str, ...] = ()
    register_open: bool = False  # it is over, and nobody has finished its register
    days: list[date] = field(default_factory=list)

    @property
    def starts_at(self) -> datetime:
        """When the first part starts."""
        return self.parts[0].starts_at

    @property
    def ends_at(self) -> datetime:
        """When the last part ends."""
        return self.parts[-1].ends_at

    @property
    def online(self) -> bool:
        """Whether no part has a room."""
        return all(part.room is None for part in self.parts)


class Diary:
    """Which half days of a room or a trainer are taken."""

    def __init__(self) -> None:
        """An empty diary."""
        self._taken: set[tuple[int, date, str]] = set()

    def free(self, key: int, days: list[date], halves: tuple[str, ...]) -> bool:
        """Whether none of these half days is taken."""
        return not any((key, day, half) in self._taken for day in days for half in halves)

    def take(self, key: int, days: list[date], halves: tuple[str, ...]) -> None:
        """Take them."""
        self._taken.update((key, day, half) for day in days for half in halves)


def hours(minutes: int, half: str) -> tuple[time, time]:
    """When a part of so many minutes runs: a whole day has an hour for lunch; a half day starts at a sensible time."""
    if minutes >= 300:
        starts, minutes = time(9, 30), minutes + 60
    elif half == AM:
        starts = time(10) if minutes <= 150 else time(9, 30)
    else:
        starts = time(14) if minutes <= 150 else time(13) if minutes > 180 else time(13, 30)
    ends = datetime.combine(date(2000, 1, 1), starts) + timedelta(minutes=minutes)
    return starts, ends.time()


def how_many(course: CourseSpec) -> int:
    """How often the course runs in a year at the county's own size."""
    return YEARLY_OF.get(course.code, YEARLY[course.kind])


class Planner:
    """Lays out the sessions. `factor` multiplies how many there are."""

    def __init__(self, chance: random.Random, today: date, content: Content, force: Workforce, factor: float) -> None:
        """Start with empty rooms and free trainers."""
        self.chance, self.today, self.content, self.force, self.factor = chance, today, content, force, factor
        self.rooms = all_rooms(content, factor)
        self._rooms, self._trainers = Diary(), Diary()
        self.trainers = _trainers(force)
        self._marcus = force.persona["trainer"]

    def plan(self) -> list[Meeting]:
        """Every session, in order of its start."""
        first, last = add_months(self.today, -36), self.today + timedelta(days=AHEAD)
        found: list[Meeting] = []
        for turn, code in enumerate(SOON):
            soon = self.today + timedelta(days=3 + turn)
            found += self._some(self.content.courses[code], soon, tries=9)
        for course in self.content.courses.values():
            if course.mode == "self-paced":
                continue
            number = max(1, round(how_many(course) * self.factor * (last - first).days / 365.25))
            step = (last - first).days / number
            for turn in range(number):
                day = first + timedelta(days=round(step * (turn + self.chance.random())))
                found += self._some(course, min(day, last), tries=20)
        found += self._lately(found)
        found.sort(key=lambda meeting: (meeting.starts_at, meeting.course.code, meeting.place))
        self._set_apart([meeting for meeting in found if meeting.starts_at.date() > self.today + timedelta(days=21)])
        return found

    def _some(self, course: CourseSpec, day: date, tries: int) -> list[Meeting]:
        """The first session of the course from `day` on that has a room and a trainer, or none."""
        for _ in range(tries):
            meeting = self._try(course, day)
            if meeting is not None:
                return [meeting]
            day += timedelta(days=1)
        return []

    def _lately(self, planned: list[Meeting]) -> list[Meeting]:
        """The trainer persona's last day and one of today, if today is a working day. Another trainer left a register of last week open."""
        last, now = (self.content.courses[code] for code in JUST)
        found = next((made for back in range(1, 9) if (made := self._try(last, self.today - timedelta(days=back), self._marcus))), None)
        forgotten = next((m for m in planned if m.status == "published" and 5 <= (self.today - m.days[-1]).days <= 12), None)
        for meeting in (found, forgotten):
            if meeting is not None:
                meeting.register_open = True
        today = self._try(now, self.today, self._marcus)
        return [meeting for meeting in (found, today) if meeting is not None]

    def _try(self, course: CourseSpec, day: date, trainer: int | None = None) -> Meeting | None:
        days = [day + timedelta(days=GAPS.get(course.parts, 7) * turn) for turn in range(course.parts)]
        if not all(working_day(each) and (each.month, each.day) not in _QUIET for each in days):
            return None
        half = self.chance.choice((AM, PM))
        halves = (AM, PM) if course.part_minutes >= 300 else (half,)
        online = course.mode == "online" or (course.mode == "either" and self.chance.random() < 0.5)
        room = None if online else self._room(course, days, halves)
        trainers = self._who(course, days, halves) if trainer is None else [trainer]
        if trainer is not None and not self._trainers.free(trainer, days, halves):
            return None
        if (room is None and not online) or not trainers:
            return None
        if room is not None:
            self._rooms.take(room, days, halves)
        for trainer in trainers:
            self._trainers.take(trainer, days, halves)
        return self._meeting(course, days, half, room, trainers)

    def _room(self, course: CourseSpec, days: list[date], halves: tuple[str, ...]) -> int | None:
        """A free room of a fitting size."""
        only = ONLY_IN.get(course.code)
        fits = [
            i
            for i, room in enumerate(self.rooms)
            if (room.code.startswith(only) if only else room.capacity >= min(course.places, 20) and room.capacity <= 2.5 * course.places)
            and self._rooms.free(i, days, halves)
        ]
        return self.chance.choice(fits) if fits else None

    def _who(self, course: CourseSpec, days: list[date], halves: tuple[str, ...]) -> list[int]:
        """One trainer, or two for a big group. The trainer persona has more than a fair share of the coming sessions."""
        wanted = 2 if course.places >= 20 and self.chance.random() < 0.5 else 1
        free = [
            i
            for i in self.chance.sample(self.trainers, min(12, len(self.trainers)))
            if i != self._marcus and _employed(self.force.people[i], days[0]) and self._trainers.free(i, days, halves)
        ]
        eager = 0.3 if days[0] > self.today else 0.12
        if course.kind in ("essentials", "safeguarding", "systemic practice") and self._trainers.free(self._marcus, days, halves):
            soon = self.today < days[0] <= self.today + timedelta(days=14) and course.code in SOON
            if (soon or self.chance.random() < eager) and _employed(self.force.people[self._marcus], days[0]):
                return [self._marcus, *free][:wanted]
        return free[:wanted]

    def _meeting(self, course: CourseSpec, days: list[date], half: str, room: int | None, trainers: list[int]) -> Meeting:
        starts, ends = hours(course.part_minutes, half)
        link = None if room is not None else f"https://meet.westmarch.example/{course.code.lower()}-{days[0]:%y%m%d}{half}"
        parts = [Part(from_london(day, starts), from_london(day, ends), room, link) for day in days]
        capacity = course.places if room is None else min(course.places, self.rooms[room].capacity)
        created = from_london(days[0] - timedelta(days=self.chance.randint(90, 150)), time(10))
        created = min(created, from_london(self.today - timedelta(days=self.chance.randint(2, 30)), time(10)))
        return Meeting(
            course,
            parts,
            trainers,
            capacity,
            "Online" if room is None else self.rooms[room].site.split(", ")[-1],
            created,
            opens_at=created + timedelta(days=1),
            closes_at=from_london(days[0] - timedelta(days=1 if room is None else 2), time(17)),
            cancel_by=from_london(days[0] - timedelta(days=5), time(17)),
            decide_by=from_london(days[0] - timedelta(days=12), time(12)) if capacity >= 12 else None,
            waiting_limit=self.chance.choice((None, None, None, 10)),
            min_numbers=6 if capacity >= 12 else 0,
            audience=course.stages if course.kind in FOR_SOME else (),
            days=days,
        )

    def _set_apart(self, later: list[Meeting]) -> None:
        """Of the sessions still some weeks off, a few are drafts, a few cancelled, and a few not yet open for booking."""
        for turn, meeting in enumerate(self.chance.sample(later, min(len(later), 14))):
            if turn < 3:
                meeting.status = "draft"
            elif turn < 5:
                meeting.status = "cancelled"
            else:
                opens = from_london(self.today + timedelta(days=5 + turn), time(9))
                if meeting.closes_at is not None and opens < meeting.closes_at:
                    meeting.opens_at = opens


_QUIET = frozenset({(12, 24), (12, 27), (12, 28), (12, 29), (12, 30), (12, 31), (1, 2), (1, 3)})  # nobody comes between the years


def all_rooms(content: Content, factor: float) -> list[RoomSpec]:
    """The county's rooms, and more of each in a big county."""
    rooms = list(content.rooms)
    for turn in range(2, math.ceil(factor) + 1):
        rooms += [RoomSpec(f"{r.code}-{turn}", f"{r.name} ({turn})", r.site, r.capacity, r.access) for r in content.rooms]
    return rooms


def _trainers(force: Workforce) -> list[int]:
    """Practice educators and development leads of the academy, and senior practitioners who deliver with them."""

    def delivers(seat: Seat) -> bool:
        return seat.group == "social_care" and seat.stage in ("PE", "SENIOR", "LCPP")

    return [i for i, seat in enumerate(force.tree.seats) if delivers(seat) and force.people[i].leaving_on is None]


def _employed(person: Sketch, day: date) -> bool:
    return person.started_on <= day and (person.leaving_on is None or day <= person.leaving_on)
