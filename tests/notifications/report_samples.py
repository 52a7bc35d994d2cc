"""Facts of each kind of message about the board's reports."""

from __future__ import annotations

from typing import Any

HELEN = {"to": "helen@westmarch.example", "name": "Helen Example"}
REPORT: dict[str, Any] = HELEN | {"title": "Workforce report, October 2026", "link": "/board-reports/7"}
REPORT_SAMPLES: dict[str, dict[str, Any]] = {
    "board_report_signed": REPORT | {"corrected": True},
    "board_report_waits": REPORT | {"fresh": False, "subjects": ["What changed, and why", "Culture"]},
}
