"""An apprenticeship for the matrices: the enrolment that is there anyway, with hours, and its people as employer and provider."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import insert, select

from app.core.tx import Tx
from app.frameworks.models import ApprenticeshipRule, ApprenticeshipStandard, Ksb
from app.programmes.apprentice_models import Apprenticeship, KsbEvidence, OtjHours, ProgressReview
from app.programmes.models import CAPACITIES, Capacity
from tests.programmes.making import Enrolled

_BASE = "/apprenticeships/{enrolment_id:int}"


def rows(tx: Tx, enrolled: Enrolled) -> dict[str, Any]:
    """Hours that wait to be verified, something claimed that waits to be confirmed, and a review that is due."""
    standard = tx.scalar(
        select(ApprenticeshipStandard.id).where(ApprenticeshipStandard.code == "ST0868").order_by(ApprenticeshipStandard.id.desc())
    )
    rule = tx.scalar(select(ApprenticeshipRule.code).where(ApprenticeshipRule.starts_to.is_(None)))
    made = dict(enrolment_id=enrolled.id, standard_id=standard, rule_code=rule, provider="A college")
    tx.db.execute(insert(Apprenticeship), made | dict(weekly_minutes=37 * 60, planned_minutes=480 * 60))
    for held, capacity in (("nqsw", "apprentice"), ("assessor", "provider"), ("line_manager", "employer")):
        involvement = enrolled.involvements[held]
        given = dict(involvement_id=involvement, enrolment_id=enrolled.id, side=CAPACITIES[capacity].value, capacity=capacity)
        tx.insert(Capacity, **given, valid_from=date(2020, 1, 1))
    day = tx.today - timedelta(days=3)
    logged = dict(enrolment_id=enrolled.id, on_date=day, minutes=90, activity="study", words="Reading", source="own")
    hours = tx.insert(OtjHours, **logged, recorded_by=enrolled.nqsw.id, recorded_at=tx.now)
    first, second = [row.id for row in tx.rows(select(Ksb.id).where(Ksb.standard_id == standard).order_by(Ksb.number).limit(2))]
    claim = tx.insert(KsbEvidence, enrolment_id=enrolled.id, ksb_id=first, hours_id=hours, claimed_at=tx.now)
    tx.insert(ProgressReview, enrolment_id=enrolled.id, number=1, due_on=tx.today + timedelta(days=20))
    return {"hours_id": hours, "ksb": second, "ksb_claim": claim, "hours_day": day}


def _day(name: str, day: date) -> dict[str, str]:
    return {name: str(day.day), f"{name}-month": str(day.month), f"{name}-year": str(day.year)}


FORMS: dict[str, Any] = {  # as tests/policy/routes.py has them
    f"POST {_BASE}/hours": lambda ids: {"time": "1:30", "activity": "study", "words": "Notes", **_day("on_date", ids["hours_day"])},
    f"POST {_BASE}/hours/verify": lambda ids: {"entry": str(ids["hours_id"])},
    f"POST {_BASE}/hours/{{hours_id:int}}": {"act": "refuse", "why": "This was the usual work."},
    f"POST {_BASE}/ksbs": lambda ids: {"source": f"h{ids['hours_id']}", "ksb": str(ids["ksb"])},
    f"POST {_BASE}/ksbs/confirm": lambda ids: {"claim": str(ids["ksb_claim"])},
    f"POST {_BASE}/review": lambda ids: _day("held_on", ids["hours_day"]),
    f"POST {_BASE}/english-maths": {"decision": "required", "reason": "The three agreed"},
    f"POST {_BASE}/gateway": {"act": "pass"},
}
