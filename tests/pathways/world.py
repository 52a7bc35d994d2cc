"""A step, a draft of it, a request, an endorsement and a progression for each of two people: what the matrices fill addresses with."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from app.core.db import FOREVER
from app.pathways.models import Endorsement, EndorsementAsk, Progression, Step
from tests.factory import Make
from tests.frameworks.drafts import altered
from tests.pathways.steps import STEPS, load, stages

CODE = "SW-EXP"
OTHERS: dict[str, dict[str, str]] = {
    **{f"{way} /pathways/versions/{{step_version_id:int}}/withdraw": {"step_version_id": "published_step"} for way in ("GET", "POST")},
}
_MOVE = {"stage": "EXP", "mechanism": "appraisal", "on": "1", "on-month": "6", "on-year": "2026"}
FORMS: dict[str, Any] = {
    "POST /pathways/{step}/aim": {"aim": "yes"},
    "POST /pathways/{step}/ask": lambda ids: {"of": f"{ids['manager_id']} line manager"},
    "POST /people/{person_id:int}/pathway/{step}/endorse": {"answer": "yes", "as": "line manager"},
    "POST /endorsements/{endorsement_id:int}/withdraw": {"reason": "Too early"},
    "POST /people/{person_id:int}/progressions/new": _MOVE,
    "POST /progressions/{progression_id:int}/correct": _MOVE,
    "POST /progressions/{progression_id:int}/take-out": {"reason": "It was somebody else"},
    "POST /pathways/versions/{step_version_id:int}/publish": {"version": "1"},
    "POST /pathways/versions/{step_version_id:int}/withdraw": {"reason": "Another takes its place"},
}


def publish(make: Make) -> dict[str, int]:
    """A step with a published version, and a draft of it."""
    stages(make)
    make.course("Steps of a career")
    text = altered(STEPS, ("court-skills", "steps-of-a-career"))
    published = load(make, text, publish=True)[CODE]
    return {"published_step": published, "step_version_id": load(make, altered(text, ("needed: 1", "needed: 2")))[CODE]}


def of_person(make: Make, person: int, manager: int) -> dict[str, Any]:
    """Somebody who has asked their manager, and once moved a stage; the manager has endorsed a colleague of theirs."""
    step = make.rows(select(Step.id).where(Step.code == CODE))[0].id
    colleague = make.person("Endorsed Colleague").id
    with make.tx() as tx:
        about = dict(step_id=step, role="line manager")
        ask = tx.insert(EndorsementAsk, person_id=person, asked_of=manager, asked_by=person, asked_at=tx.now, state="asked", **about)
        given = dict(endorsed_by=manager, on_date=tx.today - timedelta(days=9), valid_to=FOREVER, recorded_at=tx.now)
        endorsement = tx.insert(Endorsement, person_id=colleague, **about, **given)
        moved = dict(on_date=date(2024, 3, 1), from_stage="NQSW", to_stage="SW", mechanism="automatic", kind="promotion")
        progression = tx.insert(Progression, person_id=person, recorded_at=tx.now, **moved)
    return {"step": CODE, "manager_id": manager, "ask_id": ask, "endorsement_id": endorsement, "progression_id": progression}
