"""Measure sets and months, in the worlds of the matrices and of the tour."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.core.tx import Tx
from app.measures import set_pages
from app.measures.models import MeasureSetRow
from tests.measures.published import ago, measure_set

OTHERS = {f"GET /measure-sets/{{set_id:int}}{tail}": {"set_id": "measure_set"} for tail in ("", "/set.yaml")}
FORMS: dict[str, Any] = {
    "POST /measure-months/close": {"month": ago(1).isoformat()},
    "POST /measure-sets/publish": {
        "content": measure_set(version=2).model_dump_json(exclude_defaults=True),
        "seen": set_pages.seen_of(measure_set(version=2), measure_set()),
    },
}


def world(tx: Tx, organisation: int) -> dict[str, Any]:
    """For the matrices: the set that the organisation has published."""
    return {"measure_set": tx.scalar(select(MeasureSetRow.id).where(MeasureSetRow.organisation_id == organisation))}


def stops(stop: Any) -> list[Any]:
    """Where the tour goes."""
    return [
        stop("/measure-sets", "psw"),
        stop("/measure-sets", "hr"),
        stop("/measure-sets/load", "psw"),
        stop("/measure-sets/{set_id:int}", "psw", lambda _: {"set_id": 1}),
        stop("/measure-sets/{set_id:int}/set.yaml", "hr", lambda _: {"set_id": 1}, file="application/yaml"),
        stop("/measure-months", "psw"),
        stop("/measure-months", "hr"),
        stop("/measure-months/close", "psw"),
    ]
