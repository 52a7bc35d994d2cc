"""Who came and who is coming: bookings and completions for the sessions of the timetable, without anybody in two places at once."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from app.bookings.clocks import after_working_days
from app.bookings.terms import Policy
from app.core.calendar import add_months
from app.learning.completing import last_day
from seed.content import Content, CourseSpec
from seed.makers import Sketch
from seed.timetable import Meeting
from seed.workforce import Workforce

FAR = date(9999, 12, 31)
CAME = (("attended", 86), ("did not attend", 5), ("excused", 3), ("partly attended", 2), ("cancelled", 4))
REASONS = (
    "A child protection conference was moved to the same day", "Court listed on that date", "I am on leave that week",
    "Caring responsibilities at home", "My team is short of cover that day", "I booked the wrong date", "I have found an earlier session",
)  # fmt: skip
AGAIN = frozenset({"PRO-02", "LEA-02", "SYS-03"})  # people come more than once
CURATED = ("practitioner", "nqsw")  # what these two have done and booked is set by hand, so that there is always something to see
WANTED = {
    "practitioner": ("ESS-01", "ESS-02", "ESS-04", "ESS-07", "SAF-03", "SYS-01", "RES-01", "DIG-01"),
    "nqsw": ("PRO-01", "PRO-02", "DIG-01", "ESS-01", "SAF-01"),
}


@dataclass(slots=True)
class Turn:
    """One booking in the making. `place` is a seat's number; None: waiting, or no longer holding a seat."""

    person: int
    booked_by: int
    status: str
    at: datetime
    place: int | None = None
    approval: str = "not needed"
    approval_due_at: datetime | None = None
    reason: str | None = None
    decided_at: datetime | None = None  # when it became what it is, if it was not that at once


@dataclass(slots=True)
class Done:
    """A course completed. `meeting` is a position in the timetable; None: not by attendance."""

    person: int
    course: str
    on: date
    expires: date | None
    source: str
    meeting: int | None = None


@dataclass(slots=True)
class History:
    """Bookings of each meeting, and completions in order of date within a person and course."""

    turns: list[list[Turn]] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)


def stage_on(person: Sketch, day: date) -> str | None:
    """The career stage they were at."""
    found = None
    for since, stage in person.stages:
        if since > day:
            break
        found = stage
    return found


def expiry(course: CourseSpec, on: date) -> date | None:
    """The last day a completion counts."""
    return last_day(on, course.valid_months or None)


class Attendance:
    """Fills the timetable with people."""

    def __init__(
        self, chance: random.Random, today: date, content: Content, force: Workforce, meetings: list[Meeting], now: datetime
    ) -> None:
        """Nobody is booked yet; `now` is when history ends."""
        self.chance, self.today, self.content, self.force, self.meetings = chance, today, content, force, meetings
        self.now = now
        self.people = force.people
        self.history = History(turns=[[] for _ in meetings])
        self._busy: set[tuple[int, date]] = {(i, day) for meeting in meetings for i in meeting.trainers for day in meeting.days}
        self._until: dict[tuple[int, str], date] = {}  # (person, course) → last day the completion counts
        self._pools: dict[tuple[str, ...], list[int]] = {}
        self._curated = {force.persona[key] for key in CURATED}
        self._coordinator = force.persona["coordinator"]
        self._manager = [person.managers[-1][1] if person.managers else None for person in self.people]

    def fill(self) -> History:
        """Everything: what people brought with them, past sessions, e-learning, and sessions to come."""
        self._brought()
        asked = self._curated_meetings()
        for i, meeting in enumerate(self.meetings):
            if meeting.starts_at < self.now:
                self._past(i, meeting, asked.get(i, []))
        self._e_learning()
        coming = [i for i, meeting in enumerate(self.meetings) if meeting.starts_at >= self.now]
        for turn, i in enumerate(coming):
            self._coming(i, self.meetings[i], turn)
        return self.history

    # what people bring ---------------------------------------------------------------------------------------------

    def _complete(self, person: int, course: CourseSpec, on: date, source: str, meeting: int | None = None) -> None:
        self.history.done.append(Done(person, course.code, on, expiry(course, on), source, meeting))
        self._until[person, course.code] = expiry(course, on) or FAR

    def _brought(self) -> None:
        """People who were here before the window have done much of the offer already; it was imported, or accepted as prior learning."""
        first = add_months(self.today, -36)
        courses = self.content.courses
        usual = [
            courses[code] for code in ("ESS-01", "ESS-02", "ESS-04", "ESS-05", "ESS-07", "ESS-09", "SAF-03", "SYS-01", "RES-01", "DIG-01")
        ]
        managing = [courses[code] for code in ("MAN-02", "MAN-06", "SAF-04")]
        for i, person in enumerate(self.people):
            if i in self._curated or not person.stages or person.stages[-1][1] in ("NQSW", "STUDENT") or person.organisation:
                continue
            if person.started_on > first and person.contract != "agency":
                continue
            senior = person.stages[-1][1] in ("SENIOR", "PE", "LCPP", "ATM", "TM", "IRO", "SM", "HOS", "PSW")
            for course in [*usual, *(managing if senior else [])]:
                if course.stages and not {stage for _, stage in person.stages} & set(course.stages) and not senior:
                    continue
                if self.chance.random() < 0.55:
                    agency = person.contract == "agency"
                    on = (
                        person.started_on + timedelta(days=self.chance.randint(10, 60))
                        if agency
                        else first - timedelta(days=self.chance.randint(20, 600))
                    )
                    if person.started_on <= on <= self.today:
                        self._complete(i, course, on, "prior learning" if agency else "import")

    def _curated_meetings(self) -> dict[int, list[int]]:
        """Past meetings that the hand-set personas attended; the practitioner's safeguarding training is about to lapse."""
        found: dict[int, list[int]] = {}
        for key, codes in WANTED.items():
            who = self.force.persona[key]
            started, taken = max(self.people[who].started_on, add_months(self.today, -36)), set[date]()
            pace = (self.today - started).days // (len(codes) + 4)
            for turn, code in enumerate(codes):
                for i, meeting in enumerate(self.meetings):
                    over = (
                        meeting.ends_at < self.now
                        and not meeting.register_open
                        and meeting.days[0] >= started + timedelta(days=3 + pace * turn)
                    )
                    if meeting.course.code == code and over and not taken & set(meeting.days):
                        found.setdefault(i, []).append(who)
                        taken |= set(meeting.days)
                        break
        priya = self.force.persona["practitioner"]
        busy = {day for i, people in found.items() if priya in people for day in self.meetings[i].days}
        for i, meeting in enumerate(self.meetings):  # something she was at lately, about which she is still asked
            lately = 5 <= (self.today - meeting.days[-1]).days <= 30 and not meeting.register_open and not meeting.course.approval
            if lately and not meeting.course.stages and not meeting.course.needs and not busy & set(meeting.days):
                found.setdefault(i, []).append(priya)
                break
        safeguarding = self.content.courses["SAF-01"]
        soon = [
            i
            for i, m in enumerate(self.meetings)
            if m.course.code == "SAF-01" and 14 <= (m.days[-1] - add_months(self.today, -36)).days <= 80
        ]
        if soon:
            found.setdefault(soon[0], []).append(priya)
        else:
            self._complete(priya, safeguarding, add_months(self.today, -36) + timedelta(days=40), "import")
        return found

    # sessions ------------------------------------------------------------------------------------------------------

    def _pool(self, course: CourseSpec) -> list[int]:
        """Everyone whom the course was ever for."""
        if course.stages not in self._pools:
            wanted = set(course.stages)
            self._pools[course.stages] = [
                i
                for i, person in enumerate(self.people)
                if i not in self._curated
                and (not wanted or (not person.organisation and any(stage in wanted for _, stage in person.stages)))
            ]
        return self._pools[course.stages]

    def _fits(self, i: int, meeting: Meeting) -> bool:
        person, day, course = self.people[i], meeting.days[0], meeting.course
        if person.started_on > day or (person.leaving_on is not None and person.leaving_on < meeting.days[-1]):
            return False
        if person.organisation and course.kind != "safeguarding":
            return False
        if course.stages and stage_on(person, min(day, self.today)) not in course.stages:
            return False
        held = self._until.get((i, course.code))
        if held is not None and course.code not in AGAIN and held > day + timedelta(days=150):
            return False
        if any(self._until.get((i, need), date.min) < day for need in course.needs):
            return False
        return not any((i, each) in self._busy for each in meeting.days)

    def _pick(self, meeting: Meeting, number: int, also: Iterable[int] = (), *, busy: bool = True) -> list[int]:
        """Up to `number` people who can come, `also` first. With `busy`, their days are taken."""
        chosen = list(dict.fromkeys(also))
        pool = self._pool(meeting.course)
        for _ in range(number * 5):
            if len(chosen) >= number or not pool:
                break
            i = pool[int(self.chance.random() * len(pool))]
            if i not in chosen and self._fits(i, meeting):
                chosen.append(i)
        if busy:
            self._busy.update((i, day) for i in chosen for day in meeting.days)
        return chosen

    def _past(self, position: int, meeting: Meeting, also: list[int]) -> None:
        number = max(len(also), round(meeting.capacity * min(1.0, 0.5 + 0.6 * self.chance.random())))
        over = meeting.ends_at < self.now and not meeting.register_open
        opened = meeting.opens_at or meeting.created_at
        latest = min(self.now, meeting.closes_at or meeting.starts_at)
        people = self._pick(meeting, number, also)
        self.chance.shuffle(people)
        seat = 0
        for person, at in zip(people, self._times(opened, latest, len(people)), strict=True):
            status = self.chance.choices([name for name, _ in CAME], [weight for _, weight in CAME])[0] if over else "booked"
            if person in also:
                status = "attended"
            turn = Turn(person, self._booker(person), status, at, approval="granted" if meeting.course.approval else "not needed")
            if status == "cancelled":
                turn.reason, turn.decided_at = self.chance.choice(REASONS), at + (meeting.starts_at - at) * self.chance.random()
            else:
                seat += 1
                turn.place, turn.decided_at = seat, meeting.ends_at if over else None
            self.history.turns[position].append(turn)
            if status == "attended":
                self._complete(person, meeting.course, meeting.days[-1], "attendance", position)

    def _coming(self, position: int, meeting: Meeting, turn: int) -> None:
        opened = meeting.opens_at or meeting.created_at
        if meeting.status == "draft" or opened >= self.now - timedelta(hours=3):
            return
        soon = meeting.starts_at < self.now + timedelta(days=10)
        share = (
            0.35 + 0.4 * self.chance.random()
            if soon
            else (1.0 if turn % 6 == 2 else 0.0 if turn % 11 == 5 else 0.1 + 0.8 * self.chance.random())
        )
        number = 6 if meeting.status == "cancelled" else round(meeting.capacity * share)
        seated = self._pick(meeting, number, busy=meeting.status != "cancelled")
        limit = meeting.waiting_limit if meeting.waiting_limit is not None else 99
        full = len(seated) == meeting.capacity
        waiting = [i for i in self._pick(meeting, min(limit, self.chance.randint(2, 9)), busy=False) if i not in seated] if full else []
        latest = min(self.now - timedelta(hours=2), meeting.closes_at or meeting.starts_at)
        times = self._times(opened, latest, len(seated) + len(waiting))
        for seat, (person, at) in enumerate(zip([*seated, *waiting], times, strict=True), start=1):
            made = Turn(person, self._booker(person), "booked", at, place=seat)
            if meeting.course.approval:
                due = _answer_due(meeting, at)
                made.approval = "pending" if self.chance.random() < 0.5 and due > self.now + timedelta(days=2) else "granted"
                made.approval_due_at = due if made.approval == "pending" else None
            if seat > len(seated):
                made.status, made.place = "waiting", None
            elif meeting.status == "cancelled":
                made.approval_due_at = None
                made.status, made.place, made.reason, made.decided_at = "cancelled", None, "The session was cancelled", latest
            elif made.approval == "pending":
                made.status = "requested"
            elif made.approval == "granted":
                made.decided_at = at + (self.now - at) * 0.5 * self.chance.random()
            self.history.turns[position].append(made)

    def _times(self, first: datetime, last: datetime, number: int) -> list[datetime]:
        """So many moments in order between two, to the second."""
        span = max(60.0, (last - first).total_seconds())
        offsets = sorted(int(self.chance.random() * span) for _ in range(number))
        return [first + timedelta(seconds=offset) for offset in offsets]

    def _booker(self, person: int) -> int:
        """Most people book for themselves; some managers and the coordinator book for others."""
        way, manager = self.chance.random(), self._manager[person]
        if way < 0.18 and manager is not None:
            return manager
        return self._coordinator if way > 0.95 else person

    # e-learning ----------------------------------------------------------------------------------------------------

    def _e_learning(self) -> None:
        """Modules that everyone keeps in date, most of the time; the foundation day for those whom no session shows."""
        modules = [course for course in self.content.courses.values() if course.mode == "self-paced"]
        foundation = self.content.courses["SAF-01"]
        keen = 1.0 if len(self.people) < 10_000 else 0.4  # a big county needs numbers, not every certificate
        for i, person in enumerate(self.people):
            end = min(self.now.date(), person.leaving_on or self.today)
            if person.started_on >= end:
                continue
            for course in modules:
                if i in self._curated or self.chance.random() < (0.92 if course.code == "ELE-01" else 0.62) * keen:
                    self._module(i, course, person.started_on, end)
            lapsed = self._until.get((i, "SAF-01"), date.min) < end
            if lapsed and i not in self._curated and self.chance.random() < 0.8 * keen:
                since = max(person.started_on, add_months(end, -35))
                on = since + timedelta(days=int(self.chance.random() * max(1, (end - since).days)))
                self._complete(i, foundation, on, "prior learning" if person.contract == "agency" else "import")

    def _module(self, i: int, course: CourseSpec, started: date, end: date) -> None:
        """The module done within weeks of starting and renewed about when it lapses; some people are late, and a few have lapsed."""
        on = max(started, add_months(end, -34)) + timedelta(days=int(5 + 80 * self.chance.random()))
        every = course.valid_months
        while on <= end:
            self._complete(i, course, on, "e-learning")
            if not every or self.chance.random() < 0.05:
                return
            on = add_months(on, every) + timedelta(days=int(-25 + 40 * self.chance.random()))


def _answer_due(meeting: Meeting, asked: datetime) -> datetime:
    """Until when a request made then is to be answered, by the figures that the service ships with."""
    shipped = Policy()
    cut_off = meeting.starts_at - timedelta(minutes=shipped.cut_off_minutes)
    return min(after_working_days(asked, shipped.approval_days, shipped), meeting.closes_at or cut_off, cut_off)
