"""Who meets what, worked out slowly and plainly from lists of facts: what the engine's one statement must agree with.

Nothing here is shared with the engine. The principle is one: a piece of evidence counts up to a last day; what is asked for lasts until
the latest day up to which enough evidence counts. The days that come into question are tried one after the other.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

FOREVER = date(9999, 12, 31)
DAY = timedelta(days=1)
SOON = 60  # days
LONDON = ZoneInfo("Europe/London")
Fact = dict[str, Any]


def months_later(day: date, months: int) -> date:
    """The same day so many months later, or the last day of that month."""
    year, month = day.year, day.month
    for _ in range(months):
        month += 1
        if month == 13:
            year, month = year + 1, 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


@dataclass
class World:
    """Everything that was ever recorded, superseded rows too, by the name of its table; and what steps ask for."""

    facts: dict[str, list[Fact]] = field(default_factory=dict)
    versions: list[Fact] = field(default_factory=list)  # with "groups": [{…, "requirements": […]}] and "loose": […]
    hosts: set[int] = field(default_factory=set)  # organisations that are the host council
    organisation: dict[int, int] = field(default_factory=dict)  # unit → organisation
    parents: dict[int, int | None] = field(default_factory=dict)
    employer: dict[int, int] = field(default_factory=dict)  # person → organisation
    rules: dict[int, Fact] = field(default_factory=dict)  # supervision rules


@dataclass(frozen=True)
class Answer:
    """What the engine says of a person and a requirement, or of a person and a step."""

    met_on: date | None
    expires_on: date | None
    status: str


Piece = tuple[date, date]  # the day of a piece of evidence, and the last day on which it counts


class Oracle:
    """The world as it was on a date, as far as it was known at an instant."""

    def __init__(self, world: World, as_at: date, known_at: datetime | None) -> None:
        self.world, self.as_at, self.known_at = world, as_at, known_at

    # facts -----------------------------------------------------------------------------------------------------------

    def known(self, table: str, **its: Any) -> list[Fact]:
        """Rows of a table that were known and not superseded then, with these values."""
        found = []
        for fact in self.world.facts.get(table, []):
            if any(fact[name] != value for name, value in its.items()):
                continue
            if self.known_at is None:
                live = fact["superseded_at"] is None
            else:
                live = fact["recorded_at"] <= self.known_at
                live = live and (fact["superseded_at"] is None or fact["superseded_at"] > self.known_at)
            if live:
                found.append(fact)
        return found

    def then(self, table: str, **its: Any) -> list[Fact]:
        """Those of a table of periods that were true on the date."""
        return [fact for fact in self.known(table, **its) if fact["valid_from"] <= self.as_at < fact["valid_to"]]

    def happened(self, instant: datetime) -> bool:
        """By the end of the London day, and known."""
        return instant.astimezone(LONDON).date() <= self.as_at and (self.known_at is None or instant <= self.known_at)

    # versions --------------------------------------------------------------------------------------------------------

    def in_force(self, step: int) -> Fact | None:
        """The version of a step that counts."""
        newest: Fact | None = None
        for version in sorted((v for v in self.world.versions if v["step"] == step), key=lambda v: v["number"]):
            if version["published_at"] is None or (self.known_at is not None and version["published_at"] > self.known_at):
                continue
            gone = version["withdrawn_at"] is not None and (self.known_at is None or version["withdrawn_at"] <= self.known_at)
            if version["from"] > self.as_at or (gone and version["withdrawn_on"] <= version["from"]):
                continue
            if newest is None or version["from"] >= newest["from"]:
                newest = {**version, "ended": (gone and version["withdrawn_on"] <= self.as_at)}
        if newest is None or newest["ended"] or (newest["to"] is not None and newest["to"] < self.as_at):
            return None
        return newest

    def applies(self, person: int, version: Fact) -> bool:
        """Is a version for somebody?"""
        stages, posts, teams = (
            self.then("stages", person=person),
            self.then("posts", person=person),
            self.then("memberships", person=person),
        )
        stage = stages[0]["stage"] if stages else None
        employer = self.world.organisation[teams[0]["unit"]] if teams else self.world.employer[person]
        applies = version["applies"]
        if applies.get("stages") and stage not in applies["stages"]:
            return False
        if version["to_stage"] is not None and stage == version["to_stage"]:
            return False
        if applies.get("contracts") and not (posts and posts[0]["contract"] in applies["contracts"]):
            return False
        if applies.get("host_only") and not applies.get("settings") and employer not in self.world.hosts:
            return False
        roles = {fact["role"] for fact in self.then("roles", person=person)}
        return not applies.get("roles") or bool(roles & set(applies["roles"]))

    # requirements ----------------------------------------------------------------------------------------------------

    def requirement(self, person: int, step: int, asked: Fact) -> tuple[date | None, date | None]:
        """(day of the newest evidence that counts, last day): the last day is None where there is not enough."""
        work: Callable[[int, int, Fact], tuple[date | None, date | None]] = getattr(self, "_" + asked["kind"])
        return work(person, step, asked)

    def _course(self, person: int, _step: int, asked: Fact) -> tuple[date | None, date | None]:
        return self._one(self._completions(person, asked["course_id"]))

    def _completions(self, person: int, course: int) -> list[Piece]:
        done = self.known("completions", person=person, course=course)
        return [(fact["on"], fact["expires"] or FOREVER) for fact in done if fact["on"] <= self.as_at]

    def _one(self, pieces: Sequence[Piece]) -> tuple[date | None, date | None]:
        """Any one piece is enough; the newest is told, the longest lasting counts."""
        return (max(day for day, _ in pieces), max(last for _, last in pieces)) if pieces else (None, None)

    def _curriculum(self, person: int, _step: int, asked: Fact) -> tuple[date | None, date | None]:
        done = [(course, *self._one(self._completions(person, course))) for course in asked["courses"]]
        there = [(last, day, course) for course, day, last in done if day is not None and last is not None]
        needed = asked["needed"] or len(asked["courses"])
        last = latest([last for last, _, _ in there], lambda many: len(many) >= needed)
        if last is None:
            return None, None
        best = sorted(there, key=lambda each: (-each[0].toordinal(), each[1], each[2]))[:needed]
        return max(day for _, day, _ in best), last

    def _programme(self, person: int, _step: int, asked: Fact) -> tuple[date | None, date | None]:
        passed = [
            fact["decided_at"].astimezone(LONDON).date()
            for fact in self.world.facts.get("decisions", [])
            if fact["person"] == person
            and fact["programme"] == asked["programme_code"]
            and (fact["kind"], fact["outcome"]) == ("confirm", "pass")
            and self.happened(fact["decided_at"])
        ]
        return self._one([(day, FOREVER) for day in passed])

    def _standard(self, person: int, _step: int, asked: Fact) -> tuple[date | None, date | None]:
        days = []
        if asked["level"] != "signed":
            for record in self.known("records", person=person):
                tags = self.known("tags", first=record["first"], standard=asked["standard"])
                days += [record["on"]] * len(tags) if record["on"] <= self.as_at else []
        for paper in self.world.facts.get("papers", []):
            if paper["person"] == person and asked["standard"] in paper["standards"] and self.happened(paper["signed_at"]):
                days.append(paper["signed_at"].astimezone(LONDON).date())
        return self._counted([(day, 0) for day in days], asked)

    def _records(self, person: int, _step: int, asked: Fact) -> tuple[date | None, date | None]:
        found = []
        for record in self.known("records", person=person):
            fits = asked["bucket"] in (None, record["bucket"]) and asked["activity"] in (None, record["activity"])
            if fits and record["on"] <= self.as_at:
                found.append((record["on"], record["minutes"]))
        return self._counted(found, asked)

    def _counted(self, found: list[tuple[date, int]], asked: Fact) -> tuple[date | None, date | None]:
        """Days with minutes: so many of them, or so many minutes, within the months that the requirement gives."""
        lasting = [(months_later(day, asked["months"]) if asked["months"] else FOREVER, minutes) for day, minutes in found]

        def enough(many: list[Any]) -> bool:
            return len(many) >= (asked["times"] or 0) and sum(minutes for _, minutes in many) >= (asked["minutes"] or 0)

        last = latest(lasting, enough, key=lambda each: each[0]) if lasting else None
        return (None, None) if last is None else (max(day for day, _ in found), last)

    def _months_in_stage(self, person: int, _step: int, asked: Fact) -> tuple[date | None, date | None]:
        """Every day at the stage is counted, one by one, in what was known of the past and the future."""
        spells = sorted(
            (fact["valid_from"], fact["valid_to"])
            for fact in self.known("stages", person=person, stage=asked["stage"])
            if fact["valid_from"] <= self.as_at
        )
        if not spells:
            return None, None
        wanted = (months_later(spells[0][0], asked["months"]) - spells[0][0]).days
        for starts, ends in spells:
            day = starts
            while day < ends:
                wanted -= 1
                day += DAY
                if wanted == 0:
                    return (day, FOREVER) if day <= self.as_at else (day, None)
        return None, None

    def _registration(self, person: int, _step: int, _asked: Fact) -> tuple[date | None, date | None]:
        good = [fact for fact in self.known("registrations", person=person) if fact["status"] in ("registered", "conditions")]
        return self._one([(fact["valid_from"], before(fact["valid_to"])) for fact in good if fact["valid_from"] <= self.as_at])

    def _pdr(self, person: int, _step: int, asked: Fact) -> tuple[date | None, date | None]:
        held = [fact["on"] for fact in self.known("pdr", person=person, kind="complete") if fact["on"] <= self.as_at]
        return self._one([(day, months_later(day, asked["months"])) for day in held])

    def _endorsement(self, person: int, step: int, asked: Fact) -> tuple[date | None, date | None]:
        given = self.known("endorsements", person=person, step=step, role=asked["role"])
        return self._one([(fact["on"], before(fact["valid_to"])) for fact in given if fact["on"] <= self.as_at])

    # supervision -----------------------------------------------------------------------------------------------------

    def _supervision(self, person: int, _step: int, _asked: Fact) -> tuple[date | None, date | None]:
        found = self._rule(person)
        if found is None:
            return None, None
        rule, begins = found
        period = next((each for each in rule["periods"] if edge(each, "from", begins) <= self.as_at < edge(each, "to", begins)), None)
        if period is None:
            return None, None
        lower = edge(period, "from", begins)
        held = [
            fact["on"]
            for fact in self.known("supervisions", person=person)
            if fact["kind"] in rule["counts"] and lower <= fact["on"] <= self.as_at
        ]
        newest = max(held, default=None)
        turn = 0  # of the window that is to come first after the one it was held in
        if newest is not None:
            while after(period, lower, turn) <= newest:
                turn += 1
        last = after(period, lower, turn + 1) - DAY
        since = newest or lower
        day = since + DAY
        while day <= self.as_at:  # every day on which the clock stood still
            if any(f["valid_from"] <= day < f["valid_to"] for t in ("absences", "pauses") for f in self.known(t, person=person)):
                last += DAY
            day += DAY
        return since, last

    def _rule(self, person: int) -> tuple[Fact, date] | None:
        terms = self.then("terms", person=person)
        if terms:
            return self.world.rules[terms[0]["rule"]], terms[0]["anchor"]
        starts = [fact["valid_from"] for fact in self.known("posts", person=person) if fact["valid_from"] <= self.as_at]
        if not starts:
            return None
        teams = self.then("memberships", person=person)
        unit: int | None = teams[0]["unit"] if teams else None
        above = []
        while unit is not None:
            above.append(unit)
            unit = self.world.parents[unit]
        for each in [*above, self.world.employer[person]]:
            defaults = self.then("defaults", unit=each)
            if defaults:
                return self.world.rules[defaults[0]["rule"]], max(min(starts), defaults[0]["valid_from"])
        return None

    # answers ---------------------------------------------------------------------------------------------------------

    def of_requirement(self, person: int, step: int, asked: Fact) -> Answer:
        """As the engine gives it."""
        met_on, last = self.requirement(person, step, asked)
        return self._answer(met_on, last)

    def _answer(self, met_on: date | None, last: date | None) -> Answer:
        if last is None:
            return Answer(met_on, None, "missing")
        status = "met"
        if last < self.as_at:
            status = "lapsed"
        elif last < self.as_at + timedelta(days=SOON):
            status = "lapsing"
        return Answer(met_on, None if last == FOREVER else last, status)

    def of_step(self, person: int, version: Fact) -> tuple[Answer, int, int]:
        """(answer, requirements held on the date, requirements asked for)."""
        held = number = 0
        items = []
        for group in [*version["groups"], *({"id": one["id"], "needed": None, "requirements": [one]} for one in version["loose"])]:
            inside = []
            for asked in group["requirements"]:
                met_on, last = self.requirement(person, version["step"], asked)
                number += 1
                held += last is not None and last >= self.as_at
                inside.append((met_on, last, asked["id"]))
            items.append((*together(inside, group["needed"] or len(inside)), group["id"]))
        met_on, last = together(items, version["needed"] or len(items))
        answer = self._answer(met_on, last)
        return Answer(None if last is None else answer.met_on, answer.expires_on, answer.status), held, number


def together(items: Sequence[tuple[date | None, date | None, int]], needed: int) -> tuple[date | None, date | None]:
    """Of several things (day, last day, id) those that last longest, as many as are needed; (None, None) where they are too few."""
    there = [(last, day, key) for day, last, key in items if day is not None and last is not None]
    last = latest([last for last, _, _ in there], lambda many: len(many) >= needed)
    if last is None:
        return None, None
    best = sorted(there, key=lambda each: (-each[0].toordinal(), each[1], each[2]))[:needed]
    return max(day for _, day, _ in best), last


def latest(items: list[Any], enough: Callable[[list[Any]], bool], key: Callable[[Any], date] = lambda each: each) -> date | None:
    """The latest day up to which enough of the items last; None where all of them together are not enough."""
    for day in sorted({key(each) for each in items}, reverse=True):
        if enough([each for each in items if key(each) >= day]):
            return day
    return None


def before(ends: date) -> date:
    """The last day of a period that ends (exclusively) on this one."""
    return FOREVER if ends == FOREVER else ends - DAY


def edge(period: Fact, side: str, begins: date) -> date:
    """Where a rule's period begins or ends."""
    if period.get(f"{side}_month") is not None:
        return months_later(begins, period[f"{side}_month"])
    if period.get(f"{side}_day") is not None:
        return begins + timedelta(days=period[f"{side}_day"])
    return begins if side == "from" else FOREVER


def after(period: Fact, lower: date, turns: int) -> date:
    """The first day of the window after so many."""
    if period.get("every_months") is not None:
        return months_later(lower, turns * period["every_months"])
    return lower + timedelta(days=turns * period["every_days"])
