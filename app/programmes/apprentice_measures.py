"""What a checklist counts of apprenticeships, in a fixed number of statements: hours, months, coverage, English and maths, safeguarding."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, func, select

from app.core.calendar import add_months, long_date
from app.core.tx import Tx
from app.frameworks.models import ApprenticeshipRule, Ksb
from app.learning.models import Completion, Course, CourseKind
from app.programmes.apprentice_models import Apprenticeship, KsbEvidence
from app.programmes.apprenticeship import hours
from app.programmes.due import DAY
from app.programmes.models import Enrolment
from app.programmes.operations.hours import forecasts
from app.programmes.operations.progress import pauses

NAMES = ("off_the_job", "minimum_months", "ksbs", "english_maths", "safeguarding")
SOON_DAYS = 60  # before safeguarding training expires it is chased
Measured = tuple[bool, str]


def measured(tx: Tx, enrolment_ids: Collection[int], as_at: date | None = None) -> dict[int, dict[str, Measured]]:
    """Of those that are apprenticeships: each measure by its name, whether it is reached, and what there is in words."""
    rows = tx.rows(
        select(Apprenticeship.__table__, Enrolment.person_id, Enrolment.starts_on, Enrolment.ends_on, ApprenticeshipRule.definition)
        .join(Enrolment, Enrolment.id == Apprenticeship.enrolment_id)
        .join(ApprenticeshipRule, ApprenticeshipRule.code == Apprenticeship.rule_code)
        .where(Apprenticeship.enrolment_id.in_(enrolment_ids))
    )
    if not rows:
        return {}
    today = as_at or tx.today
    breaks = pauses(tx, [row.enrolment_id for row in rows])
    had = forecasts(tx, rows, breaks)
    covered, safe = _covered(tx, rows), safeguarding(tx, [row.person_id for row in rows], today)
    found = {}
    for row in rows:
        stood = sum(((min(back, today) - begins).days for begins, back in breaks[row.enrolment_id] if begins < today), 0)
        reached = add_months(row.starts_on, int(row.definition["minimum_months"])) + stood * DAY
        seen = had[row.enrolment_id]
        found[row.enrolment_id] = {
            "off_the_job": (seen.verified >= seen.planned, f"{hours(seen.verified)} verified of {hours(seen.planned)}"),
            "minimum_months": (
                today >= reached,
                f"Reached on {long_date(reached)}" if today >= reached else f"Not before {long_date(reached)}",
            ),
            "ksbs": covered[row.enrolment_id],
            "english_maths": _english_maths(row),
            "safeguarding": (safe[row.person_id].ok, safe[row.person_id].words),
        }
    return found


def _english_maths(row: Row[Any]) -> Measured:
    said = {
        "not decided": "Not decided yet",
        "required": "Needed, and not achieved yet",
        "not required": "Not needed, as decided",
        "met": "Achieved",
    }
    return row.english_maths in ("met", "not required"), said[row.english_maths]


def _covered(tx: Tx, rows: Sequence[Row[Any]]) -> dict[int, Measured]:
    """How many knowledge, skills and behaviours have confirmed evidence. A standard without any entered cannot be covered."""
    asked = {
        row.standard_id: int(row.number)
        for row in tx.rows(
            select(Ksb.standard_id, func.count().label("number"))
            .where(Ksb.standard_id.in_({row.standard_id for row in rows}))
            .group_by(Ksb.standard_id)
        )
    }
    shown = {
        row.enrolment_id: int(row.number)
        for row in tx.rows(
            select(KsbEvidence.enrolment_id, func.count(KsbEvidence.ksb_id.distinct()).label("number"))
            .where(KsbEvidence.enrolment_id.in_([row.enrolment_id for row in rows]), KsbEvidence.confirmed_at.is_not(None))
            .group_by(KsbEvidence.enrolment_id)
        )
    }
    found = {}
    for row in rows:
        need, have = asked.get(row.standard_id, 0), shown.get(row.enrolment_id, 0)
        words = f"{have} of {need} confirmed" if need else "The standard’s knowledge, skills and behaviours have not been entered"
        found[row.enrolment_id] = (need > 0 and have >= need, words)
    return found


@dataclass(frozen=True, slots=True)
class Safeguarding:
    """Whether somebody's safeguarding training is in date, and until when; `until` None while it does not expire or there is none."""

    ok: bool
    until: date | None
    today: date

    @property
    def soon(self) -> bool:
        """Does it expire within two months?"""
        return self.ok and self.until is not None and (self.until - self.today).days <= SOON_DAYS

    @property
    def words(self) -> str:
        """What there is."""
        if not self.ok:
            return f"Expired on {long_date(self.until)}" if self.until else "None is recorded"
        return f"In date until {long_date(self.until)}" if self.until else "In date"


def safeguarding(tx: Tx, person_ids: Collection[int], today: date) -> dict[int, Safeguarding]:
    """The state of everybody's safeguarding training, by the completion that lasts longest."""
    rows = tx.rows(
        select(
            Completion.person_id,
            func.max(Completion.expires_on).label("until"),
            func.count().filter(Completion.expires_on.is_(None)).label("for_good"),
        )
        .join(Course, Course.id == Completion.course_id)
        .where(
            Completion.person_id.in_(person_ids),
            Completion.superseded_at.is_(None),
            Completion.completed_on <= today,
            Course.kind == CourseKind.SAFEGUARDING.value,
        )
        .group_by(Completion.person_id)
    )
    found = {key: Safeguarding(False, None, today) for key in person_ids}
    for row in rows:
        lasting = bool(row.for_good)
        ok = lasting or (row.until is not None and row.until >= today)
        found[row.person_id] = Safeguarding(ok, None if lasting else row.until, today)
    return found
