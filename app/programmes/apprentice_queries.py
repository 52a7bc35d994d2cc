"""What the pages of apprenticeships show: the list with what needs somebody's attention, and one apprenticeship in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, func, select

from app.core.tx import Tx
from app.frameworks.models import ApprenticeshipRule, ApprenticeshipStandard, ProgrammeVersion
from app.people.models import Person
from app.policy import Can
from app.programmes.access import visible
from app.programmes.apprentice_measures import Safeguarding, safeguarding
from app.programmes.apprentice_models import Apprenticeship, ProgressReview
from app.programmes.apprenticeship import Forecast
from app.programmes.models import Cohort, Enrolment
from app.programmes.operations.hours import forecasts

MOST = 200  # on one page
_next_review = (
    select(func.min(ProgressReview.due_on))
    .where(ProgressReview.enrolment_id == Enrolment.id, ProgressReview.held_on.is_(None))
    .correlate(Enrolment)
    .scalar_subquery()
)
_COLUMNS = (
    select(
        Apprenticeship.__table__,
        Enrolment.person_id,
        Enrolment.starts_on,
        Enrolment.ends_on,
        Enrolment.status,
        Enrolment.outcome,
        Person.name,
        Cohort.title.label("cohort"),
        ProgrammeVersion.title.label("programme"),
        ApprenticeshipStandard.code.label("standard"),
        ApprenticeshipStandard.title.label("standard_title"),
        ApprenticeshipStandard.level,
        ApprenticeshipRule.definition.label("rule"),
        _next_review.label("next_review"),
    )
    .select_from(Apprenticeship)
    .join(Enrolment, Enrolment.id == Apprenticeship.enrolment_id)
    .join(Person, Person.id == Enrolment.person_id)
    .join(Cohort, Cohort.id == Enrolment.cohort_id)
    .join(ProgrammeVersion, ProgrammeVersion.id == Enrolment.version_id)
    .join(ApprenticeshipStandard, ApprenticeshipStandard.id == Apprenticeship.standard_id)
    .join(ApprenticeshipRule, ApprenticeshipRule.code == Apprenticeship.rule_code)
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One apprenticeship with its forecast and its safeguarding training."""

    row: Row[Any]
    forecast: Forecast
    safeguarding: Safeguarding
    today: date

    @property
    def late(self) -> int:
        """Days by which the next review is overdue; 0 where it is not."""
        if self.row.next_review is None or self.row.gateway_at is not None or self.row.status == "paused":
            return 0
        due: date = self.row.next_review
        return max((self.today - due).days, 0)

    @property
    def attention(self) -> bool:
        """Must somebody act?"""
        return bool(self.late) or self.forecast.state == "behind" or not self.safeguarding.ok or self.safeguarding.soon


def listed(tx: Tx, *, over: bool = False) -> list[Shown]:
    """The apprenticeships that the actor may see, those that need attention first; or those that are over."""
    ended = Enrolment.status.in_(("completed", "withdrawn", "transferred"))
    statement = _COLUMNS.where(visible(tx, Can.READ_ENROLMENT), ended if over else ~ended).order_by(Person.name, Enrolment.id).limit(MOST)
    found = _with_numbers(tx, tx.rows(statement))
    return sorted(found, key=lambda each: (not each.attention, -each.late))


def shown(tx: Tx, enrolment_id: int) -> Shown | None:
    """One of them; None for other programmes. The caller has asked `access.part`."""
    found = _with_numbers(tx, tx.rows(_COLUMNS.where(Enrolment.id == enrolment_id)))
    return found[0] if found else None


def facts(tx: Tx, enrolment_id: int) -> Row[Any] | None:
    """Its facts without the numbers; None for other programmes. The caller has asked `access.part`."""
    return tx.one(_COLUMNS.where(Enrolment.id == enrolment_id))


def _with_numbers(tx: Tx, rows: Sequence[Row[Any]]) -> list[Shown]:
    if not rows:
        return []
    had, safe = forecasts(tx, rows), safeguarding(tx, [row.person_id for row in rows], tx.today)
    return [Shown(row, had[row.enrolment_id], safe[row.person_id], tx.today) for row in rows]
