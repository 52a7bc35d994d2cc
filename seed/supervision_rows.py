"""Supervision of the newly qualified: the rule they follow, what was held, protected time and caseloads; one of them with a gap."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from app.core.calendar import add_months
from app.supervision.due import Window, due_windows
from app.supervision.models import Caseload, ProtectedTime, Supervision, SupervisionTerm, Supervisor
from seed.rows import Row, Table, morning
from seed.workforce import Workforce

AGREED = {"protected_time_percent": 10, "workload_percent": 90}
MONTHS = 12  # of the assessed and supported year
HELD = 0.9  # of the windows that are over
GAP = 2  # the persona has nothing in the third window


@dataclass(slots=True)
class _Made:
    terms: list[Row] = field(default_factory=list)
    held: list[Row] = field(default_factory=list)
    by: list[Row] = field(default_factory=list)
    time: list[Row] = field(default_factory=list)
    counts: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Learner:
    """A newly qualified social worker with those who supervise them; people by id."""

    id: int
    manager: int
    assessor: int
    since: date
    persona: bool


def rows_of(force: Workforce, rule_id: int, definition: Mapping[str, Any], seed: int, today: date, moment: datetime) -> Iterator[Table]:
    """Everything up to the day before `today`, the same for the same seed and date."""
    made, chance = _Made(), random.Random(seed + 7)
    registered = {key for key, person in enumerate(force.people, start=1) if person.swe_number}
    for assessor, i, since in force.assessed:
        manager = force.people[i].managers[-1][1] if force.people[i].managers else assessor
        learner = _Learner(i + 1, manager + 1, assessor + 1, since, i == force.persona["nqsw"])
        until = add_months(since, MONTHS)
        recorded = dict(recorded_at=morning(min(since, today - timedelta(days=1))), superseded_at=None)
        made.terms.append(
            dict(
                person_id=learner.id,
                rule_id=rule_id,
                subject=None,
                anchor=since,
                agreed=AGREED,
                valid_from=since,
                valid_to=until,
                **recorded,
            )
        )
        windows = [window for window in due_windows(definition, since, [], until, today) if window.starts < today]
        _supervised(made, chance, learner, windows, registered, today, moment)
        _worked(made, chance, learner, today, moment)
    yield SupervisionTerm, iter(made.terms)
    yield Supervision, iter(made.held)
    yield Supervisor, iter(made.by)
    yield ProtectedTime, iter(made.time)
    yield Caseload, iter(made.counts)


def _supervised(
    made: _Made, chance: random.Random, learner: _Learner, windows: list[Window], registered: set[int], today: date, moment: datetime
) -> None:
    """One supervision in most windows, reflective with the assessor every other time, and a group now and then."""
    for turn, window in enumerate(windows):
        day = _weekday(chance, window.starts, min(window.ends, today))
        left_out = turn == GAP if learner.persona else chance.random() > HELD
        if day is None or left_out:
            continue
        reflective = turn % 2 == 1
        kind, by = ("reflective", learner.assessor) if reflective else (chance.choice(("case", "professional")), learner.manager)
        last = turn == len(windows) - 1
        own = learner.persona and (last or turn == len(windows) - 2)  # still to be confirmed
        _held(made, learner, day, kind, by, chance.choice((60, 75, 90, 90, 90, 105)), registered, moment, own=own)
        if turn % 4 == 3:
            _held(made, learner, day, "group_reflective", learner.assessor, 120, registered, moment)


def _held(
    made: _Made,
    learner: _Learner,
    day: date,
    kind: str,
    by: int,
    minutes: int,
    registered: set[int],
    moment: datetime,
    *,
    own: bool = False,
) -> None:
    key = len(made.held) + 1
    made.held.append(
        dict(
            id=key,
            person_id=learner.id,
            held_on=day,
            kind=kind,
            minutes=minutes,
            place="in_person",
            source="entry",
            recorded_by=learner.id if own else by,
            recorded_at=min(moment, morning(day) + timedelta(hours=8)),
        )
    )
    made.by.append(
        dict(supervision_id=key, person_id=by, registered=by in registered, supervised_id=learner.id, held_on=day, kind=kind, live=True)
    )


def _worked(made: _Made, chance: random.Random, learner: _Learner, today: date, moment: datetime) -> None:
    """Half a day for learning in most weeks, and a count of children each month that grows with the year."""
    day = learner.since + timedelta(days=3)
    while day < today:
        if chance.random() < 0.8:
            made.time.append(
                dict(
                    person_id=learner.id,
                    on_date=day,
                    minutes=chance.choice((180, 210, 222)),
                    what=chance.choice(("study", "writing", "shadowing", "reflection")),
                    recorded_by=learner.id,
                    recorded_at=min(moment, morning(day) + timedelta(hours=8)),
                )
            )
        day += timedelta(days=7)
    for month in range(MONTHS):
        on = add_months(learner.since, month)
        if on >= today:
            break
        children = min(17, 6 + month + chance.randint(0, 3))
        at = min(moment, morning(on) + timedelta(hours=8))
        counted = dict(children=children, percent=min(98, 45 + 4 * children - chance.randint(0, 5)), source="manager")
        made.counts.append(dict(person_id=learner.id, on_date=on, **counted, recorded_by=learner.manager, recorded_at=at))


def _weekday(chance: random.Random, starts: date, ends: date) -> date | None:
    """A day from Monday to Friday in `[starts, ends)`, None if there is none."""
    days = [starts + timedelta(days=n) for n in range((ends - starts).days)]
    weekdays = [day for day in days if day.weekday() < 5]
    return chance.choice(weekdays) if weekdays else None
