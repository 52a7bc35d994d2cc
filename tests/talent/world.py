"""A pool with somebody on its list, judged and with an action, for each of two people: what the matrices fill addresses with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.core.db import FOREVER
from app.pathways.models import Step
from app.talent.models import (
    TalentAction,
    TalentAgreement,
    TalentEntry,
    TalentFilter,
    TalentJudgement,
    TalentLabel,
    TalentNomination,
    TalentPool,
)
from tests.factory import Make

_BOTH = ("GET", "POST")
_POOL, _ENTRY, _OWN = "/talent/pools/{pool_id:int}", "/talent/entries/{entry_id:int}", "/my-talent-pools"
_ACTION = {"entry_id": "talent_entry", "number": "talent_action"}
OTHERS: dict[str, dict[str, str]] = {
    **{f"{way} {_POOL}{tail}": {"pool_id": "talent_pool"} for way in _BOTH for tail in ("", "/edit", "/close", "/export", "/filters")},
    **{f"{way} {_ENTRY}{tail}": {"entry_id": "talent_entry"} for way in _BOTH for tail in ("", "/judge", "/actions/new", "/leave")},
    f"POST {_ENTRY}/ask": {"entry_id": "talent_entry"},
    **{f"{way} {_ENTRY}/actions/{{number:int}}": _ACTION for way in _BOTH},
    **{f"POST {_ENTRY}/actions/{{number:int}}/{deed}": _ACTION for deed in ("done", "not-done")},
    **{f"{way} /talent/judgements/{{judgement_id:int}}": {"judgement_id": "talent_judgement"} for way in _BOTH},
    "POST /talent/labels/{label_id:int}/retire": {"label_id": "talent_label"},
    "POST /talent/filters/{filter_id:int}/remove": {"filter_id": "talent_filter"},
    f"GET {_OWN}/{{entry_id:int}}": {"entry_id": "talent_entry"},
    **{f"POST {_OWN}/{{entry_id:int}}/{deed}": {"entry_id": "talent_entry"} for deed in ("agreement", "view")},
    f"POST {_OWN}/{{entry_id:int}}/actions/{{number:int}}/done": _ACTION,
    **{f"{way} {_OWN}/join/{{pool_id:int}}": {"pool_id": "other_pool"} for way in _BOTH},
    "GET /api/v1/talent/pools/{pool_id}/entries": {"pool_id": "talent_pool"},
}
WHY = "She steadies a whole team."
FORMS: dict[str, Any] = {
    "POST /talent/pools/new": {"title": "Head of practice", "posts": "1", "depth_wanted": "2"},
    f"POST {_POOL}/edit": lambda ids: {"title": "Lead", "posts": "2", "depth_wanted": "4", "version": "1", "step": str(ids["talent_step"])},
    f"POST {_POOL}/filters": {"title": "Those I think of", "sort": "horizon"},
    f"POST {_POOL}/export": {"purpose": "Succession planning meeting", "type": "csv"},
    "POST /talent/labels": {"kind": "horizon", "title": "In good time"},
    f"POST {_ENTRY}/judge": lambda ids: {"horizon": str(ids["talent_label"]), "specialist": "yes", "reasons": WHY},
    "POST /talent/judgements/{judgement_id:int}": {"answer": "confirm", "words": "I have seen it too."},
    f"POST {_ENTRY}/actions/new": lambda ids: _action(ids),
    f"POST {_ENTRY}/actions/{{number:int}}": lambda ids: _action(ids),
    f"POST {_ENTRY}/leave": {"why": "appointed"},
    f"POST {_OWN}/{{entry_id:int}}/agreement": {"agrees": "no"},
    f"POST {_OWN}/{{entry_id:int}}/view": {"words": "Not before the summer."},
    f"POST {_OWN}/join/{{pool_id:int}}": {"reasons": "I lead our forum.", "agrees": "yes"},
    "POST /people/{person_id:int}/nominate": lambda ids: {"pool": str(ids["other_pool"]), "reasons": WHY},
}
QUERIES = {"GET /api/v1/talent/pools/{pool_id}/entries": "purpose=planning"}


def _action(ids: Any) -> dict[str, str]:
    return {"words": "Shadow a panel", "who": str(ids["person_id"]), "by_date": "1", "by_date-month": "3", "by_date-year": "2030"}


def of_person(make: Make, person: Any, manager: int, keeper: int) -> dict[str, Any]:
    """Somebody on the list of their organisation's pool; their manager's judgement waits, and one of the keeper's filters is kept."""
    with make.tx() as tx:
        step = tx.scalar(select(Step.id).where(Step.code == "SW-EXP"))
        about = dict(
            organisation_id=person.organisation_id, about="", critical=True, posts=2, depth_wanted=3, opened_at=tx.now, step_id=step
        )
        pool, other = (tx.insert(TalentPool, title=title, **about) for title in ("Team leader", "Practice leader"))
        words = dict(organisation_id=person.organisation_id, position=1, verified=False, source="")
        label = tx.insert(TalentLabel, kind="horizon", code="now", title="Ready now", ready_now=True, **words)
        since = tx.today - timedelta(days=40)
        entry = tx.insert(TalentEntry, pool_id=pool, person_id=person.id, entered_on=since, entered_at=tx.now, left_on=FOREVER)
        tx.insert(TalentNomination, entry_id=entry, nominated_by=manager, reasons=WHY, recorded_at=tx.now)
        said = dict(on_date=since, until=FOREVER, recorded_at=tx.now)
        tx.insert(TalentAgreement, entry_id=entry, person_id=person.id, agrees=True, **said)
        judged = dict(horizon_id=label, specialist=True, reasons=WHY, proposed_by=manager, proposed_on=since, recorded_at=tx.now)
        judgement = tx.insert(TalentJudgement, entry_id=entry, person_id=person.id, **judged, state="proposed", until=FOREVER)
        due = dict(who_id=person.id, by_date=tx.today + timedelta(days=30), recorded_by=keeper, recorded_at=tx.now)
        tx.insert(TalentAction, entry_id=entry, number=1, words="Lead a forum", **due)
        kept = tx.insert(TalentFilter, person_id=keeper, pool_id=pool, title="Mine", filters={"sort": "since"}, saved_at=tx.now)
    named = {"talent_pool": pool, "other_pool": other, "talent_label": label, "talent_entry": entry, "talent_judgement": judgement}
    return named | {"talent_action": 1, "talent_filter": kept, "talent_step": step}
