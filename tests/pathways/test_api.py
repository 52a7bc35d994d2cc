"""Pathways for other systems: steps, progress as at a day, progressions, HR's records and the feed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.hr.training import ABOVE
from app.learning.models import Course
from app.pathways import progressing
from tests.factory import Make, tuesday
from tests.hr.numbering import number_all
from tests.pathways.steps import begin

Client = Callable[..., TestClient]
JUNE = date(2026, 6, 1)


@pytest.fixture
def ann(make: Make) -> int:
    begin(make)
    return int(make.person("Ann Holt", stage="SW", team=make.unit("Team one")).id)


def items(api: TestClient, path: str, **query: Any) -> list[dict[str, Any]]:
    reply = api.get(f"/api/v1/{path}", params=query)
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["items"]
    return found


def test_steps_and_how_far_people_are(make: Make, ann: int, client: Client) -> None:
    api = client("pathways:read")
    (step,) = items(api, "pathways/steps")
    assert (step["code"], step["to_stage"], step["version"], len(step["requirements"])) == ("SW-EXP", "EXP", 1, 4)
    assert items(api, "pathways/steps", kind="mandatory") == []
    make.completion(ann, make.rows(select(Course.id))[0].id, JUNE, tuesday(6))
    (one,) = items(api, "pathways/progress", person=ann)
    assert (one["id"], one["steps"][0]["held"], one["steps"][0]["asked"], one["steps"][0]["status"]) == (ann, 1, 4, "missing")
    (before,) = items(api, "pathways/progress", person=ann, as_at="2026-05-01")
    assert before["steps"] == [], "the step came into force later"
    nora = make.person("Nora", organisation=make.organisation("Northmoor Council", host=False), stage="SW").id
    first = api.get("/api/v1/pathways/progress?limit=1").json()
    rest = api.get(f"/api/v1/pathways/progress?limit=1&cursor={first['next']}").json()
    assert [item["id"] for item in (*first["items"], *rest["items"])] == [ann, nora] and rest["next"] is None
    theirs = client("pathways:read", organisation=make.organisation("Northmoor Council", host=False))
    assert [item["id"] for item in items(theirs, "pathways/progress")] == [nora]
    assert api.get("/api/v1/pathways/steps?king=mandatory").status_code == 422


def test_progressions_and_their_changes(make: Make, ann: int, client: Client) -> None:
    with make.tx() as tx:
        key = progressing.record(tx, ann, "EXP", JUNE, "appraisal")
    api = client("pathways:read", "changes:read", organisation=make.organisation())
    (one,) = items(api, "progressions")
    assert (one["id"], one["from_stage"], one["to_stage"], one["kind"], one["superseded_at"]) == (key, "SW", "EXP", "promotion", None)
    elsewhere = client("pathways:read", organisation=make.organisation("Northmoor Council", host=False))
    assert items(elsewhere, "progressions") == []
    with make.tx() as tx:
        right = progressing.correct(tx, key, "EXP", JUNE + timedelta(days=30), "panel")
    assert [item["id"] for item in items(api, "progressions", person=ann)] == [right]
    both = items(api, "progressions", updated_since="2026-01-01T00:00:00Z")
    assert [item["superseded_at"] is None for item in both] == [False, True]
    number_all(make.database)
    told = [item for item in items(api, "changes") if item["resource"] == "progressions"]
    assert {(item["resource_id"], item["deleted"]) for item in told} == {(key, True), (right, False)}
    assert {item["event"] for item in told if item["deleted"]} == {"progression.removed"}


def test_hr_takes_a_progression_over_and_hears_of_a_correction(make: Make, ann: int, client: Client) -> None:
    with make.tx() as tx:
        key = progressing.record(tx, ann, "EXP", JUNE, "appraisal")
    hr = client("training-records:read", "training-records:write", organisation=make.organisation())
    (told,) = items(hr, "training-records", kind="progression")
    assert (told["id"], told["code"], told["outcome"], told["completed_on"]) == (ABOVE + key, "EXP", "promotion", "2026-06-01")
    assert told["mark"] == "2026-06-01 EXP promotion" and told["state"] == "waiting"
    assert hr.get(f"/api/v1/training-records/{told['id']}").json() == told

    def say(mark: str) -> Any:
        return hr.post("/api/v1/training-records/answers", json={"answers": [{"id": told["id"], "mark": mark, "state": "confirmed"}]})

    assert say("2026-06-01 -").status_code == 422
    assert say(told["mark"]).json() == {"confirmed": 1, "refused": 0, "unchanged": 0}
    with make.tx() as tx:
        progressing.withdraw(tx, key, "It was somebody else")
    (gone,) = items(hr, "training-records")
    assert (gone["state"], gone["outcome"], gone["mark"]) == ("changed", "withdrawn", "2026-06-01 EXP promotion withdrawn")
