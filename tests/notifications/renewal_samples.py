"""Facts of messages about registrations."""

from __future__ import annotations

from typing import Any

RENEWAL_SAMPLES: dict[str, dict[str, Any]] = {
    "renewal_due": {
        "to": "ann@westmarch.example",
        "name": "Ann Example",
        "own": True,
        "closes": "Monday 30 November 2026",
        "subjects": ["the fee", "1 piece of CPD, 1 with peer reflection"],
        "link": "/my-learning/renewal",
    },
    "registration_ends": {
        "to": "bob@westmarch.example",
        "name": "Bob Manager",
        "own": False,
        "ended": True,
        "subjects": ["Ann Example", "Cal Example"],
        "link": "/renewal",
    },
}
