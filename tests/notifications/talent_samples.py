"""Facts of each kind of message about talent pools."""

from __future__ import annotations

from typing import Any

_POOL: dict[str, Any] = {"to": "ann@westmarch.example", "name": "Ann Example", "pool": "Team manager", "link": "/my-talent-pools/7"}
TALENT_SAMPLES: dict[str, dict[str, Any]] = {
    "talent_nominated": _POOL,
    "talent_agreement_asked": _POOL,
    "talent_judged": _POOL,
    "talent_action_due": _POOL | {"due": "Tuesday 8 December 2026", "link": "/my-talent-pools"},
}
