"""Facts of each kind of message about learning together."""

from __future__ import annotations

from typing import Any

ANN = {"to": "ann@westmarch.example", "name": "Ann Example"}
PAIR: dict[str, Any] = ANN | {
    "kind": "Mentoring",
    "need": "Court work and evidence",
    "other": "Cal Example",
    "link": "/learning-together/pairs/3",
}
SET: dict[str, Any] = ANN | {"title": "Court group", "facilitator": "Cal Example", "leads": False, "link": "/learning-together/sets/2"}
TOGETHER_SAMPLES: dict[str, dict[str, Any]] = {
    "together_asked": PAIR | {"does": "you would mentor them", "by": None},
    "together_answered": PAIR | {"state": "active", "own": True},
    "together_ended": PAIR,
    "together_added": SET,
    "together_set_ended": SET,
}
