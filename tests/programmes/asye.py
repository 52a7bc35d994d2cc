"""A version of the ASYE's shape for tests of enrolments: eligibility, grant, pauses, changes and who must agree, as its definition says."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.factory import Make
from tests.programmes.making import DEFINITION, Programmes

ALL_FOUR = ["nqsw", "assessor", "line_manager", "coordinator"]
ASYE: dict[str, Any] = {
    **DEFINITION,
    "roles": [
        {"code": "nqsw", "title": "Newly qualified social worker", "side": "learner", "registered": True},
        {"code": "assessor", "title": "Assessor", "side": "assessing", "registered": True},
        {"code": "line_manager", "title": "Line manager", "side": "assessing", "registered": False},
        {"code": "observer", "title": "Observer", "side": "assessing", "registered": False},
    ],
    "part_time": "pro rata",
    "eligibility": {
        "registered": "required",
        "statutory_role": True,
        "agency": "by_agreement",
        "max_years_for_grant": 4,
        "funded_before": "without_grant",
        "notes": [],
    },
    "grant": {"total_gbp": 2000, "at_registration_gbp": 1000, "at_completion_gbp": 1000, "funded_until": None, "note": ""},
    "pause": {
        "agreed_by": ALL_FOUR,
        "reasons": [
            {"code": "long_term_sickness", "title": "Long-term sickness"},
            {"code": "bereavement", "title": "Bereavement"},
            {"code": "maternity_paternity", "title": "Maternity or paternity leave"},
            {"code": "support_not_delivered", "title": "The support agreed was not given"},
        ],
        "not_for": [{"code": "capability", "title": "Concerns about capability"}],
    },
    "extension": {"agreed_by": ALL_FOUR, "maximum_months": 24},
    "transfer": {"agreed_by": ["nqsw", "coordinator"]},
    "withdrawal": {
        "agreed_by": ["nqsw", "coordinator"],
        "reasons": [{"code": "left_employer", "title": "Left the council"}, {"code": "own_wish", "title": "Their own wish"}],
    },
    "assessor_change": {"document": "SAA", "signed_by": ["nqsw", "assessor", "line_manager"]},
}


def asye(make: Make, **more: Any) -> int:
    """A published version of it; `more` goes into its definition."""
    code = more.pop("code", "ASYE-T")
    return Programmes(make).version(code, definition={**ASYE, **more})


def nqsw(make: Make, number: int = 1, name: str = "Nell Newly", **values: Any) -> Any:
    """Somebody who may be enrolled: registered, and qualified last year."""
    return make.person(name, **{"swe_number": f"SW9003{number:02}", "qualified_in": 2025, "registration_status": "registered", **values})


def cohort(make: Make, version_id: int | None = None, starts_on: date | None = None, title: str = "September 2026") -> int:
    """A cohort for the whole council."""
    from app.programmes.operations import cohorts

    version = version_id or asye(make)
    with make.tx() as tx:
        return cohorts.create_cohort(tx, version, title, starts_on or tx.today)
