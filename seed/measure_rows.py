"""What HR, finance and others would have given of the county month by month: invented figures, brought in like anybody's file."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import func, select

from app.core.calendar import add_months
from app.core.db import Database
from app.core.facts import current
from app.core.tx import SYSTEM, Tx, transaction
from app.measures import input_files, inputs
from app.measures.dimensions import month_end
from app.people.models import CareerStage, Membership, Person, Stage, Unit

MONTHS = 26  # the first published month looks a year back
GIVEN_ON = 5  # day of the next month, before the month is closed
SURVEYED = 3  # the month of the yearly surveys
SURVEYS = {"health-check": (0.71, 0.62), "staff-survey": (0.64, 0.58)}  # share who answer, share who are positive
HELD = {"exit-interviews": (9, 0.6), "retention-interviews": (14, 0.7), "new-starter-check-ins": (22, 0.85)}  # about how many are due, held
LATE = "retention-interviews"  # nobody has given those of the newest quarter yet
RACE = {  # share of white staff, how many times as likely for others
    "race-appointed": (0.30, 0.8),
    "race-discipline": (0.012, 1.4),
    "race-harassed-public": (0.21, 1.2),
    "race-harassed-colleagues": (0.13, 1.5),
    "race-left": (0.12, 1.15),
}
Line = tuple[str, str, float, float | None, str]  # measure, part, numerator, denominator, source


def give(database: Database, seed: int, moment: datetime) -> int:
    """One file a month, recorded in the first days of the next; returns how many figures there are."""
    with transaction(database, SYSTEM, writes=False, now=moment) as tx:
        county = _County(tx, seed, moment.date())
    done = 0
    first = moment.date().replace(day=1)
    for month in [month_end(add_months(first, -n)) for n in range(MONTHS, 0, -1)]:
        given = datetime.combine(add_months(month.replace(day=1), 1).replace(day=GIVEN_ON), time(10), UTC)
        if given > moment:
            continue
        with transaction(database, SYSTEM, writes=True, now=given) as tx:
            import_id = input_files.stage(tx, county.organisation, f"workforce-figures-{month:%Y-%m}.csv", list(county.rows(month)))
            done += input_files.apply(tx, import_id)
    return done


class _County:
    """What the figures are made up from: how many social workers and others each team has, and chance."""

    def __init__(self, tx: Tx, seed: int, today: date) -> None:
        self.chance = random.Random(f"measures {seed}")
        self.today = today
        self.organisation: int = tx.scalar(select(Unit.id).where(Unit.host.is_(True)))
        units = tx.rows(select(Unit.id, Unit.parent_id, Unit.code).where(Unit.organisation_id == self.organisation).order_by(Unit.id))
        parents = {row.parent_id for row in units}
        staff = select(Membership.unit_id, func.count().label("all_"), func.count(CareerStage.code).label("own")).join(
            Person, Person.id == Membership.person_id
        )
        staff = staff.outerjoin(Stage, (Stage.person_id == Person.id) & current(Stage, today))
        staff = staff.outerjoin(
            CareerStage, (CareerStage.code == Stage.stage) & CareerStage.stage_group.not_in(("support", "pre_qualifying"))
        )
        count = {row.unit_id: (row.all_, row.own) for row in tx.rows(staff.where(current(Membership, today)).group_by(Membership.unit_id))}
        # Each team that has no team below: its code, everybody, social workers.
        self.teams = [(row.code, *count.get(row.id, (0, 0))) for row in units if row.id not in parents and row.parent_id is not None]
        self.everybody = sum(each[0] for each in count.values())
        self.social_workers = sum(each[1] for each in count.values())

    def rows(self, month: date) -> Iterator[dict[str, Any]]:
        """The lines of a month's file."""
        lines = [*self._monthly(month)]
        if month.month % 3 == 0:
            lines += self._quarterly(month)
        if month.month == SURVEYED:
            lines += self._yearly(month)
        for number, (measure, part, num, den, source) in enumerate(lines, start=2):
            cells = {"measure": measure, "month": month.isoformat(), "part": part, "numerator": _said(num), "source": source}
            yield {"line": number, "cells": cells if den is None else {**cells, "denominator": _said(den)}}

    def _about(self, number: float, spread: float = 0.2) -> float:
        return max(0.0, number * self.chance.uniform(1 - spread, 1 + spread))

    def _of(self, whole: int, share: float, spread: float = 0.15) -> int:
        return min(whole, round(self._about(whole * share, spread)))

    def _monthly(self, month: date) -> Iterator[Line]:
        chance, workers = self.chance, self.social_workers
        winter = 1.35 if month.month in (11, 12, 1, 2) else 0.9
        yield "days-lost", "", round(2 * self._about(workers * 0.5 * winter)) / 2, None, "HR system, sickness by month"
        for code, _, own in self.teams:
            vacant = chance.choice((0, 0, 0.5, 1, 1, 1.6, 2)) if own >= 4 else 0.0
            covered = min(vacant, chance.choice((0, 0.5, 1, 1, 2)))
            yield "vacancies", code, vacant, None, "Establishment list, last day of the month"
            yield "agency-covering", code, covered, None, "Establishment list, last day of the month"
        applied = round(self._about(max(6, workers / 18), 0.4))
        listed = self._of(applied, 0.45)
        yield "candidates-applying", "", applied, None, "Recruitment system"
        yield "candidates-shortlisted", "", listed, None, "Recruitment system"
        yield "candidates-starting", "", self._of(listed, 0.4), None, "Recruitment system"
        yield "agency-spend", "", round(self._about(workers * 1450, 0.08)), None, "Finance ledger, agency code"
        yield "er-cases", "", chance.randint(7, 15), None, "HR, case list, numbers only"

    def _quarterly(self, month: date) -> Iterator[Line]:
        for code, (due, share) in HELD.items():
            number = max(6, round(self._about(due)))
            if code == LATE and month > inputs.before(inputs.last_month(self.today), 3):
                continue
            yield code, "", self._of(number, share), number, "HR, register of interviews"
        for code, everybody, _ in self.teams:
            yield "wellbeing", code, self._of(everybody, 0.31, 0.4), everybody, "Wellbeing team, registers of the quarter"
        audits = max(12, round(self._about(self.social_workers / 7)))
        yield "audit-outcomes", "", self._of(audits, 0.66), audits, "Quality assurance, moderated audits"
        planned = 120_000 + 85_000 * max(0, (month.year - 2023) * 4 + month.month // 3)
        yield "benefits-realisation", "", self._of(planned, 0.74, 0.05), planned, "Benefits plan, confirmed by finance"

    def _yearly(self, month: date) -> Iterator[Line]:
        yield "engagement-score", "", round(self._about(7.1, 0.05), 1), None, "Staff survey"
        for survey, (answer, positive) in SURVEYS.items():
            for code, everybody, own in self.teams:
                answered = self._of(own if survey == "health-check" else everybody, answer)
                yield survey, code, self._of(answered, positive, 0.3), answered, f"Survey of spring {month.year}"
        yield from self._race()

    def _race(self) -> Iterator[Line]:
        minority = max(20, round(self.everybody * 0.13))
        for code, (share, times) in RACE.items():
            white = self.everybody - minority
            asked = (minority // 3, white // 3) if code == "race-appointed" else (minority, white)
            yield f"{code}-minority", "", self._of(asked[0], share * times), asked[0], "Workforce race equality return"
            yield f"{code}-white", "", self._of(asked[1], share), asked[1], "Workforce race equality return"
        yield "race-senior", "", 6, 41, "Workforce race equality return"


def _said(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".") if number % 1 else str(int(number))
