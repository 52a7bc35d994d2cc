"""The rules of the reference data, as tests need them."""

from __future__ import annotations

from typing import Any

ASYE: dict[str, Any] = {
    "reflective_supervisor_must_be_registered": True,
    "counts": ["professional", "reflective", "case"],
    "supplementary": ["group_reflective"],
    "report_reflective_separately": True,
    "minutes_effect": "show_only",
    "minimum_minutes": 90,
    "periods": [
        {"from_day": 0, "to_day": 42, "every_days": 7, "label": "weekly"},
        {"from_day": 42, "to_month": 6, "every_days": 14, "label": "fortnightly"},
        {"from_month": 6, "to": "end", "every_months": 1, "label": "monthly"},
    ],
}
MONTHLY: dict[str, Any] = {"periods": [{"every_months": 1, "label": "at least monthly", "proportionate": True}]}
FOUR_WEEKLY: dict[str, Any] = {"periods": [{"every_days": 28, "label": "four-weekly"}]}
