"""Supervision of everybody else by the council's own rule, actions agreed in it, and two review years: PDR meetings, objectives, plans."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from app.core.calendar import add_months
from app.core.db import FOREVER
from app.learning.models import LearningRecord
from app.supervision.action_models import SupervisionAction, SupervisionDefault
from app.supervision.due import due_windows
from app.supervision.models import KINDS, LEARNING, Supervision, Supervisor
from app.supervision.pdr_models import DevelopmentItem, Pdr, PdrCycle, PdrEvent, PdrObjective
from seed.rows import Row, Table, morning
from seed.workforce import Workforce

SINCE_MONTHS = 5  # ago the council's rule came into force
HELD = 0.92  # of the windows that are over, and of the one that runs more than half of them
ACTIONS = (
    "Book the masterclass on court reports",
    "Read the council’s new supervision policy and note what it changes for you",
    "Shadow a colleague chairing a core group",
    "Send the reflection on systemic questions to your assessor",
    "Ask for a place on the practice educator course",
    "Agree two half days a month for study",
    "Join the action-learning set on neglect",
    "Talk to HR about condensed hours",
    "Bring one piece of research on domestic abuse to the team meeting",
    "Try the new genogram tool and say how it went",
)
OBJECTIVES = (
    "Lead a strategy discussion with confidence by the summer",
    "Write analysis in assessments that families recognise themselves in",
    "Mentor a newly qualified colleague through their first year",
    "Bring the team’s recording up to date and keep it there",
    "Complete the practice educator award",
    "Present a piece of direct work at a community of practice",
    "Use motivational interviewing in every first visit",
    "Take part in two audits and share what they taught",
)
PLANS = (
    "Shadow a colleague in the family court",
    "Find a mentor outside my service",
    "Visit the adoption team for two days",
    "Read about trauma-informed practice and talk it over in supervision",
    "Co-work a case with the edge of care team",
)
AGREED_BY, MID_YEAR_BY = 61, 214  # days from the first day of a review year: 31 May and 31 October


@dataclass(slots=True)
class _Made:
    """Rows by table, in the order in which they can be written."""

    held: list[Row] = field(default_factory=list)
    by: list[Row] = field(default_factory=list)
    learnt: list[Row] = field(default_factory=list)
    actions: list[Row] = field(default_factory=list)
    pdrs: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    objectives: list[Row] = field(default_factory=list)
    plans: list[Row] = field(default_factory=list)


def rows_of(
    force: Workforce,
    rule_id: int,
    definition: Mapping[str, Any],
    courses: Sequence[int],
    already: Sequence[Row],
    seed: int,
    today: date,
    moment: datetime,
) -> Iterator[Table]:
    """Everything up to the day before `today`; `already`: what was held of those in their assessed year, whose learning is told here.

    `courses`: keys of courses that plans name.
    """
    made, chance = _Made(), random.Random(seed + 8)
    since = add_months(today.replace(day=1), -SINCE_MONTHS)
    registered = {key for key, person in enumerate(force.people, start=1) if person.swe_number}
    assessed = {i: add_months(begun, 12) for _, i, begun in force.assessed}
    here = [i for i in force.here(today) if force.people[i].managers]
    for i in here:
        begins = max(since, force.people[i].started_on, assessed.get(i, date.min))
        _supervised(made, chance, force, i, definition, begins, len(already), registered, today, moment)
    for row in [*already, *made.held]:
        _learnt(made, row)
    close = {i for i in here if force.people[i].managers[-1][1] == force.persona["manager"]} | {force.persona["nqsw"]}
    for i in here:
        if i in close or chance.random() < 0.15:
            _agreed(made, chance, force, i, today, moment)
    cycles = _cycles(today)
    for i in here:
        _reviewed(made, chance, force, i, cycles, courses, today, moment, told=i in close or chance.random() < 0.2)
    known = dict(recorded_by=None, recorded_at=morning(since), superseded_at=None)
    yield SupervisionDefault, iter([dict(unit_id=1, rule_id=rule_id, valid_from=since, valid_to=FOREVER, **known)])
    yield Supervision, iter(made.held)
    yield Supervisor, iter(made.by)
    yield LearningRecord, iter(made.learnt)
    yield SupervisionAction, iter(made.actions)
    yield PdrCycle, iter(cycles)
    yield Pdr, iter(made.pdrs)
    yield PdrEvent, iter(made.events)
    yield PdrObjective, iter(made.objectives)
    yield DevelopmentItem, iter(made.plans)


def _supervised(
    made: _Made,
    chance: random.Random,
    force: Workforce,
    i: int,
    definition: Mapping[str, Any],
    begins: date,
    before: int,
    registered: set[int],
    today: date,
    moment: datetime,
) -> None:
    """One in most months, reflective every third time, with the line manager."""
    if begins >= today:
        return
    by = force.people[i].managers[-1][1] + 1
    for turn, window in enumerate(due_windows(definition, begins, [], FOREVER, today - timedelta(days=1))):
        over = window.ends <= today
        if chance.random() > (HELD if over else HELD / 2) or by == i + 1:
            continue
        days = [window.starts + timedelta(days=n) for n in range((min(window.ends, today) - window.starts).days)]
        weekdays = [day for day in days if day.weekday() < 5]
        if not weekdays:
            continue
        day, kind = chance.choice(weekdays), "reflective" if (i + turn) % 3 == 0 else "professional"
        key = before + len(made.held) + 1
        values = dict(held_on=day, kind=kind)
        made.held.append(
            dict(
                id=key,
                person_id=i + 1,
                minutes=chance.choice((45, 60, 60, 75, 90)),
                place="in_person",
                source="entry",
                recorded_by=by,
                recorded_at=_then(day, moment),
                **values,
            )
        )
        made.by.append(dict(supervision_id=key, person_id=by, registered=by in registered, supervised_id=i + 1, live=True, **values))


def _then(day: date, moment: datetime) -> datetime:
    return min(moment, morning(day) + timedelta(hours=8))


def _learnt(made: _Made, held: Row) -> None:
    """What a supervision comes to in the learning record of whoever was supervised."""
    activity = LEARNING.get(held["kind"])
    if activity is None:
        return
    same = {name: held[name] for name in ("person_id", "minutes", "recorded_at")}
    about = dict(bucket="social", activity=activity, title=KINDS[held["kind"]], source="supervision", source_key=held["id"])
    made.learnt.append(dict(on_date=held["held_on"], **same, **about))


def _agreed(made: _Made, chance: random.Random, force: Workforce, i: int, today: date, moment: datetime) -> None:
    """Two or three actions of the last months: most done in time, one still open."""
    by = force.people[i].managers[-1][1] + 1
    for number, words in enumerate(chance.sample(ACTIONS, chance.choice((2, 2, 3))), start=1):
        agreed = max(today - timedelta(days=chance.randint(10, 110)), force.people[i].started_on)
        if agreed >= today:
            continue
        due = agreed + timedelta(days=chance.choice((14, 28, 42)))
        row = dict(person_id=i + 1, number=number, agreed_on=agreed, words=words, whose="person", by_date=due, recorded_by=by)
        ended = min(agreed + timedelta(days=chance.randint(3, 40)), today - timedelta(days=1))
        first = row | dict(ended=None, ended_on=None, recorded_at=_then(agreed, moment))
        if number == 1 or ended < agreed:
            made.actions.append(first | {"superseded_at": None})
            continue
        closed = _then(ended, moment)
        made.actions.append(first | {"superseded_at": closed})
        made.actions.append(row | dict(ended="done", ended_on=ended, recorded_at=closed, superseded_at=None))


def _cycles(today: date) -> list[Row]:
    """The review years of the council, from April to March: the last one and this one."""
    year = today.year if (today.month, today.day) >= (4, 1) else today.year - 1
    cycles = []
    for key, first in enumerate((date(year - 1, 4, 1), date(year, 4, 1)), start=1):
        last = date(first.year + 1, 3, 31)
        days = dict(starts_on=first, ends_on=last, objectives_by=first + timedelta(days=AGREED_BY - 1))
        days |= dict(mid_year_by=first + timedelta(days=MID_YEAR_BY - 1), complete_by=last)
        title = f"{first.year} to {last.year}"
        cycles.append(dict(id=key, organisation_id=1, title=title, new_days=90, away_days=28, version=1, **days))
    return cycles


def _reviewed(
    made: _Made,
    chance: random.Random,
    force: Workforce,
    i: int,
    cycles: Sequence[Row],
    courses: Sequence[int],
    today: date,
    moment: datetime,
    *,
    told: bool,
) -> None:
    """Most meetings were held in the month before they were due; what somebody wants to reach is written down for some."""
    person, by = force.people[i], force.people[i].managers[-1][1] + 1
    for cycle in cycles:
        if person.started_on > cycle["complete_by"] - timedelta(days=90):
            continue
        key = len(made.pdrs) + 1
        made.pdrs.append(dict(id=key, person_id=i + 1, cycle_id=cycle["id"]))
        previous = max(cycle["starts_on"], person.started_on)
        for kind, share in (("objectives", 0.93), ("mid-year", 0.85), ("complete", 0.9)):
            due = cycle["mid_year_by" if kind == "mid-year" else f"{kind}_by" if kind == "objectives" else "complete_by"]
            day = due - timedelta(days=chance.randint(0, 30))
            if chance.random() > share or not previous <= day < today:
                continue
            previous = day
            made.events.append(dict(pdr_id=key, kind=kind, on_date=day, recorded_by=by, recorded_at=_then(day, moment), superseded_at=None))
        if told and cycle is cycles[-1]:
            at = _then(min(previous, today - timedelta(days=1)), moment)
            known = dict(pdr_id=key, recorded_by=i + 1, recorded_at=at, superseded_at=None)
            words = chance.sample(OBJECTIVES, 3)
            made.objectives += [dict(number=n, words=each, reached=None, **known) for n, each in enumerate(words, start=1)]
            made.plans += _plan(chance, courses, cycle, known)


def _plan(chance: random.Random, courses: Sequence[int], cycle: Row, known: Row) -> Iterator[Row]:
    by = cycle["mid_year_by"] + timedelta(days=chance.randint(14, 120))
    lines: list[tuple[str, int | None]] = [(words, None) for words in chance.sample(PLANS, 2)]
    if courses:
        lines.append(("A course towards this year’s objectives", chance.choice(courses)))
    for n, (words, course) in enumerate(lines, start=1):
        yield dict(number=n, words=words, course_id=course, step_id=None, by_date=by, done_on=None, **known)
