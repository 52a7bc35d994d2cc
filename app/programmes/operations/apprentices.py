"""Apprenticeships: enrolling somebody under the rules of their start date, and the decision on English and maths."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, insert, select, update

from app.core.calendar import long_date
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.tx import Tx
from app.frameworks.models import ApprenticeshipRule, ApprenticeshipStandard, ProgrammeVersion
from app.frameworks.queries import apprenticeship_rule, apprenticeship_standard
from app.policy import Can, operation
from app.programmes.access import Part, part
from app.programmes.apprentice_models import Apprenticeship
from app.programmes.apprenticeship import HOUR, NotPlannable, earliest_end, planned_minutes
from app.programmes.models import Cohort, Enrolment
from app.programmes.operations import changes
from app.programmes.operations.enrol import enrol
from app.programmes.operations.progress import plan_reviews

OVER = ("completed", "withdrawn", "transferred")
TUTORS = ("employer", "provider", "mentor")  # who looks after an apprentice's training
DECISIONS = ("required", "not required", "met")
LONGEST = 2000  # characters of a reason


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(message + ".", errors=[{"field": field, "message": message}])


@operation(Can.MANAGE_ENROLMENTS)
def enrol_apprentice(
    tx: Tx,
    cohort_id: int,
    person_id: int,
    starts_on: date,
    people: Mapping[str, int] | None = None,
    *,
    provider: str,
    weekly_hours: Decimal = Decimal(37),
    prior_hours: int = 0,
    prior_reason: str = "",
    option: str | None = None,
    provider_keeps: bool = False,
    moved_in: bool = False,
    tell: bool = True,
) -> int:
    """Put somebody on an apprenticeship; returns the enrolment's id. The funding rules follow from the start date, for good.

    `provider`: the training provider's name; `weekly_hours`: contracted; `prior_hours`: taken off the off-the-job training for what was
    learnt before, with the reason; `option`: of a standard that has some; `provider_keeps`: the provider's own system is the record, and
    hours, reviews and outcome come from it. Conflict while the hours of the standard are not entered, or where the plan is too short.
    """
    standard, rule = _rests_on(tx, cohort_id, starts_on)
    _given(standard, provider, weekly_hours, prior_hours, prior_reason, option)
    published = rule.definition["otj_basis"] == "published_hours"
    fte = Decimal(1) if published else None  # published hours are not stretched for part-time workers
    enrolment_id = enrol(tx, cohort_id, person_id, starts_on, people, fte, moved_in=moved_in, tell=tell, apprentice=True)
    enrolment = tx.get(Enrolment, enrolment_id, what="enrolment")
    earliest = earliest_end(rule.definition, starts_on)
    if enrolment.ends_on < earliest:
        raise Conflict(
            f"The plan ends on {long_date(enrolment.ends_on)}. The training must last {rule.definition['minimum_months']} months, "
            f"until {long_date(earliest)}.",
            code="too-short",
        )
    weekly = int(weekly_hours * HOUR)
    try:
        planned = planned_minutes(rule.definition, standard.otj_minimum_hours, starts_on, enrolment.ends_on, weekly, prior_hours * HOUR)
    except NotPlannable as refused:
        raise Conflict(str(refused), code="hours-not-plannable", errors=[{"field": "prior_hours", "message": str(refused)}]) from refused
    tx.db.execute(
        insert(Apprenticeship),
        dict(
            enrolment_id=enrolment_id,
            standard_id=standard.id,
            rule_code=rule.code,
            option=option,
            provider=provider.strip(),
            provider_keeps=provider_keeps,
            weekly_minutes=weekly,
            planned_minutes=planned,
            prior_minutes=prior_hours * HOUR,
            prior_reason=prior_reason.strip() or None,
        ),
    )
    facts: dict[str, Any] = dict(rule=rule.code, standard=standard.code, planned=planned, prior=prior_hours * HOUR)
    tx.record("apprenticeship.begun", "enrolments", enrolment_id, person_id=person_id, **facts)
    plan_reviews(tx, enrolment_id)
    return enrolment_id


def _rests_on(tx: Tx, cohort_id: int, starts_on: date) -> tuple[Row[Any], Row[Any]]:
    """The standard and the funding rules that an apprenticeship of this cohort goes by, if it starts on this day."""
    definition = tx.scalar(
        select(ProgrammeVersion.definition).join(Cohort, Cohort.version_id == ProgrammeVersion.id).where(Cohort.id == cohort_id)
    )
    if definition is None:
        raise NotFound("There is no cohort with that reference.", code="cohort-not-found")
    code = (definition.get("apprenticeship") or {}).get("standard")
    standard = apprenticeship_standard(tx, code) if code else None
    if standard is None:
        raise Conflict("This programme is not an apprenticeship.", code="no-apprenticeship")
    rule = apprenticeship_rule(tx, starts_on)
    if rule is None:
        raise Conflict("No funding rules are known for that first day.", code="no-rule", way_out="Load the rules first.")
    if rule.definition["otj_basis"] == "published_hours" and standard.otj_minimum_hours is None:
        raise Conflict(
            f"The off-the-job hours published for “{standard.title}” have not been entered, so nobody can start on it yet.",
            code="hours-not-entered",
            way_out="Enter the published figure as a new version of the standard.",
        )
    return standard, rule


def _given(standard: Row[Any], provider: str, weekly: Decimal, prior: int, reason: str, option: str | None) -> None:
    if not provider.strip() or len(provider) > 200:
        raise _wrong("provider", "Enter the training provider’s name")
    if not 1 <= weekly <= 60:
        raise _wrong("weekly_hours", "The hours a week must be from 1 to 60")
    if prior < 0 or (prior > 0 and not reason.strip()):
        raise _wrong("prior_reason", "Say what was learnt before and how that was found out")
    if len(reason) > LONGEST:
        raise _wrong("prior_reason", f"Use at most {LONGEST:,} characters")
    if standard.options and option not in standard.options:
        raise _wrong("option", f"Choose one of: {', '.join(standard.options)}")
    if not standard.options and option:
        raise _wrong("option", "This standard has no options")


# For whoever works with an apprenticeship ----------------------------------------------------------------------------


def apprenticeship(tx: Tx, enrolment_id: int) -> Row[Any]:
    """The apprenticeship with its standard's and its rule's facts; NotFound for other programmes. The caller has asked `access.part`."""
    row = tx.one(
        select(
            Apprenticeship.__table__,
            ApprenticeshipStandard.code.label("standard"),
            ApprenticeshipStandard.title.label("standard_title"),
            ApprenticeshipStandard.level,
            ApprenticeshipStandard.regulated,
            ApprenticeshipRule.definition.label("rule"),
            Enrolment.starts_on,
            Enrolment.ends_on,
        )
        .join(ApprenticeshipStandard, ApprenticeshipStandard.id == Apprenticeship.standard_id)
        .join(ApprenticeshipRule, ApprenticeshipRule.code == Apprenticeship.rule_code)
        .join(Enrolment, Enrolment.id == Apprenticeship.enrolment_id)
        .where(Apprenticeship.enrolment_id == enrolment_id)
    )
    if row is None:
        raise NotFound("This programme is not an apprenticeship.", code="no-apprenticeship")
    return row


def looked_after(tx: Tx, enrolment_id: int, *capacities: str, runs: bool = True) -> tuple[Part, Row[Any]]:
    """The locked enrolment and its apprenticeship, for somebody with one of these parts today or, with `runs`, for the Academy."""
    mine = part(tx, Can.READ_ENROLMENT, enrolment_id, lock=True)
    if not mine.has(*capacities) and not (runs and (tx.actor.is_system or changes.runs(tx, mine.enrolment))):
        raise Forbidden("Only those who look after this apprenticeship can do that.", code="not-yours")
    if mine.enrolment.status in OVER:
        raise Conflict("This apprenticeship is over.", code="enrolment-over")
    return mine, apprenticeship(tx, enrolment_id)


@operation(Can.READ_ENROLMENT)
def decide_english_maths(tx: Tx, enrolment_id: int, decision: str, reason: str, *, adult: bool) -> None:
    """Whether English and maths are needed, or met: by employer, provider or the Academy, with a reason.

    `adult`: they were 19 or over at the start, as the decider says; the service keeps no dates of birth. Younger apprentices need both, and
    so does everybody whose standard leads to registration, whatever the funding rules leave open.
    """
    mine, row = looked_after(tx, enrolment_id, *TUTORS)
    if decision not in DECISIONS:
        raise _wrong("decision", "Choose what is decided")
    if not reason.strip() or len(reason) > LONGEST:
        raise _wrong("reason", f"Give the reason, in at most {LONGEST:,} characters")
    if decision == "not required":
        if row.regulated:
            raise Conflict("This standard leads to registration, so English and maths are needed.", code="needed-by-regulator")
        if not adult or row.rule["english_maths"] != "optional_19_plus":
            raise Conflict("English and maths can be left out only by people who were 19 or over at the start.", code="needed-by-age")
    tx.db.execute(
        update(Apprenticeship)
        .where(Apprenticeship.enrolment_id == enrolment_id)
        .values(english_maths=decision, english_maths_reason=reason.strip(), english_maths_by=tx.actor.person_id, english_maths_at=tx.now)
    )
    person_id = mine.enrolment.person_id
    tx.record("apprenticeship.english-maths", "enrolments", enrolment_id, person_id=person_id, state=decision, adult=adult)
