"""Facts of each kind of message about programmes, as an operation and the worker make them."""

from __future__ import annotations

from typing import Any

ANN = {"to": "ann@westmarch.example", "name": "Ann Example"}
ENROLMENT: dict[str, Any] = ANN | {"title": "ASYE", "learner": "Ann Example", "own": True, "link": "/enrolments/7"}
DOCUMENT: dict[str, Any] = ANN | {"title": "Critical reflection", "learner": "Cal Example", "own": False, "link": "/documents/9"}
LINES = ["Cal Example, Final review: Friday 4 December 2026", "Dee Example, Beginning: Monday 7 December 2026"]
LIST: dict[str, Any] = ANN | {"own": False, "subjects": LINES, "link": "/assessing"}
HASH = "4f" * 32
PROGRAMME_SAMPLES: dict[str, dict[str, Any]] = {
    "enrolled": ENROLMENT,
    "plan_changed": ENROLMENT | {"why": "Return from a pause"},
    "change_asked": ENROLMENT | {"own": False, "change": "Extension", "link": "/changes/3"},
    "change_waiting": ENROLMENT | {"own": False, "change": "Extension", "link": "/changes/3"},
    "change_settled": ENROLMENT | {"change": "Pause", "state": "agreed", "link": "/changes/3"},
    "outcome": ENROLMENT | {"outcome": "pass"},
    "stage_due": LIST,
    "stage_overdue": LIST | {"own": True, "subjects": LINES[:1], "link": "/my-programme"},
    "documents_waiting": LIST,
    "review_due": LIST,
    "safeguarding_due": LIST | {"subjects": ["Cal Example: expired on Friday 4 December 2026"], "link": "/apprenticeships"},
    "training_required": LIST | {"own": True, "subjects": ["Safeguarding: lapsed after Friday 4 December 2026"], "link": "/my-pathway"},
    "document_sent": DOCUMENT,
    "document_returned": DOCUMENT,
    "document_commented": DOCUMENT,
    "sign_asked": DOCUMENT,
    "signed_receipt": DOCUMENT | {"hash": HASH, "sequence": 4, "reference": "K7R2M9QX4B"},
    "contribution_asked": {
        "to": "ola@elsewhere.example",
        "name": "Ola Outside",
        "learner": "Ann Example",
        "asker": "Asa Sessor",
        "part": "a direct observation",
        "title": "Direct observation 1",
        "link": "/contributions/abc",
        "expires_at": "2026-12-01T17:00:00Z",
    },
    "contribution_given": DOCUMENT | {"contributor": "Ola Outside", "part": "a direct observation"},
    "contribution_declined": DOCUMENT | {"contributor": "Ola Outside", "part": "a direct observation"},
    "papers_ready": DOCUMENT | {"title": "ASYE", "sitting": "December panel", "sits_at": "2026-12-14T09:30:00Z", "link": "/panels/cases/2"},
    "panel_decided": ENROLMENT | {"state": "returned"},
    "sample_ready": ANN | {"title": "ASYE, September 2025", "portfolios": 3, "link": "/samples"},
    "daily_head": ANN | {"hash": HASH, "chains": 41, "entries": 1033, "made_at": "2026-12-01T19:00:00Z"},
    "export_ready": ENROLMENT | {"link": "/portfolios/7/signatures"},
    "support_asked": DOCUMENT | {"title": "Aspiring managers", "link": "/applications/2"},
    "application_decided": ENROLMENT | {"title": "Aspiring managers", "link": "/applications/2"},
}
