"""A setting for the matrix of roles: one visit was held there, one is planned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from app.core.calendar import london
from app.core.tx import clock
from app.measures import equity
from app.measures.settings_models import SettingVisit
from tests.factory import Make


def visits(make: Make, setting: int, by: int) -> dict[str, Any]:
    """Ids for the paths."""
    with make.tx() as tx:
        common = dict(organisation_id=setting, by_person_id=by, words="Words", recorded_by=by, recorded_at=tx.now)
        tx.insert(SettingVisit, kind="held", on_date=tx.today - timedelta(days=9), **common)
        planned = tx.insert(SettingVisit, kind="planned", on_date=tx.today + timedelta(days=9), **common)
    return {"setting_id": setting, "visit_id": planned}


def _quarter(_: Mapping[str, Any]) -> dict[str, str]:
    return {"day": equity.quarter_end(london(clock()).date()).isoformat()}


FORMS: dict[str, Any] = {
    "POST /settings-training/{setting_id:int}/visits/new": {
        "on_date": "1",
        "on_date-month": "9",
        "on_date-year": "2026",
        "words": "They book next week.",
    },
    "POST /settings-training/visits/{visit_id:int}/answer": {"words": "Nobody could go."},
    "POST /settings-training/{setting_id:int}/kind": {"kind": "school"},
    "POST /measures/equity/publish": _quarter,
}
