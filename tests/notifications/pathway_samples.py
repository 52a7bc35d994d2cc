"""Facts of each kind of message about pathways."""

from __future__ import annotations

from typing import Any

ANN = {"to": "ann@westmarch.example", "name": "Ann Example"}
STEP: dict[str, Any] = ANN | {
    "learner": "Cal Example",
    "by": "Cal Example",
    "step": "To senior practitioner",
    "link": "/pathways/EXP-SENIOR",
}
PATHWAY_SAMPLES: dict[str, dict[str, Any]] = {
    "endorsement_asked": STEP | {"link": "/people/7/pathway/EXP-SENIOR/endorse"},
    "endorsement_answered": STEP | {"given": True},
}
