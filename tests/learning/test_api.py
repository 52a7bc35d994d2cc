"""The catalogue and completions over REST."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from app.core.errors import Invalid
from app.core.tx import clock
from app.frameworks.models import Standard, StandardsSet
from app.learning.models import Completion
from tests.factory import Make

Client = Callable[..., TestClient]
COURSES = "/api/v1/courses"
WHOLE = {
    "title": "Court skills",
    "kind": "masterclass",
    "summary": "Giving evidence.",
    "outcomes": ["Give evidence well", "Write a statement"],
}


def test_a_course_from_draft_to_catalogue(make: Make, client: Client, ledger: Any) -> None:
    first = make.course("Report writing")
    api, reader = client("catalogue:write", "catalogue:read"), client("catalogue:read")
    ledger.start()
    reply = api.post(COURSES, json=WHOLE | {"requires": [first.id], "validity_months": 36, "cpd_minutes": 180})
    made = reply.json()
    assert (reply.status_code, made["status"], made["requires"], made["outcomes"]) == (201, "draft", [first.id], WHOLE["outcomes"])
    path = reply.headers["location"]
    assert api.get(path).json() == made and api.get(path).headers["etag"] == reply.headers["etag"]
    assert reader.get(path).json()["code"] == "course-not-found"
    assert [item["id"] for item in reader.get(COURSES).json()["items"]] == [first.id]
    published = api.post(f"{path}/publish")
    assert (published.status_code, published.json()["status"]) == (200, "published")
    assert (api.post(f"{path}/publish").status_code, api.post(f"{path}/publish").json()["code"]) == (409, "course-published")
    assert reader.get(path).json() == published.json()
    assert ledger.actions() == ["course.created", "course.published"]


def test_a_change_keeps_what_it_does_not_name(make: Make, client: Client) -> None:
    api = client("catalogue:write", "catalogue:read")
    made = api.post(COURSES, json=WHOLE | {"validity_months": 12})
    path, tag = made.headers["location"], made.headers["etag"]
    assert api.patch(path, json={"title": "Court"}).json()["code"] == "precondition-required"
    changed = api.patch(path, json={"validity_months": None, "needs_approval": True}, headers={"If-Match": tag})
    assert changed.status_code == 200
    kept = made.json() | {"validity_months": None, "needs_approval": True, "version": 2, "updated_at": changed.json()["updated_at"]}
    assert changed.json() == kept
    assert api.patch(path, json={"title": "Court"}, headers={"If-Match": tag}).json()["code"] == "changed-since-read"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "title"),
        ({"kind": "seminar"}, 422, "kind"),
        ({"cpd_minutes": "60"}, 422, "cpd_minutes"),
        ({"cpd_minutes": -1}, 422, "cpd_minutes"),
        ({"needs_approval": "yes"}, 422, "needs_approval"),
        ({"provider_id": 99}, 422, "provider_id"),
        ({"standards": ["XX"]}, 422, "standards"),
        ({"requires": [99]}, 422, "requires"),
        ({"audience_stages": ["XX"]}, 422, "audience_stages"),
        ({"refresher_id": 1}, 422, "refresher_id"),
        ({"slug": "mine"}, 422, "slug"),
        ({"summary": None}, 422, "summary"),
    ],
)
def test_a_wrong_course_is_refused_by_field(client: Client, ledger: Any, body: dict[str, Any], status: int, field: str) -> None:
    api = client("catalogue:write")
    ledger.start()
    reply = api.post(COURSES, json=WHOLE | body if body else {"kind": "digital"})
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (status, field)
    assert ledger.actions() == []


def test_an_unready_course_is_not_published(client: Client) -> None:
    api = client("catalogue:write")
    path = api.post(COURSES, json={"title": "Court skills", "kind": "masterclass"}).headers["location"]
    reply = api.post(f"{path}/publish")
    assert (reply.status_code, reply.json()["code"]) == (422, "course-incomplete")
    assert api.post(f"{COURSES}/999/publish").json()["code"] == "course-not-found"


def test_filters_of_courses(make: Make, client: Client) -> None:
    with make.tx() as tx:
        group = tx.insert(StandardsSet, code="PS", title="Professional standards", version="2019")
        tx.db.execute(insert(Standard), dict(code="PS1", set_id=group, number=1, title="Promote rights"))
    court = make.course("Court skills", kind="safeguarding", standards=("PS1",))
    make.course("Neglect", status="withdrawn")
    api = client("catalogue:read")

    def found(**query: Any) -> list[str]:
        reply = api.get(COURSES, params=query)
        assert reply.status_code == 200, reply.text
        return [item["title"] for item in reply.json()["items"]]

    assert found() == ["Court skills", "Neglect"]
    assert found(kind="safeguarding") == found(standard="PS1") == found(status="published") == found(q="courts") == ["Court skills"]
    assert found(provider=1) == found(series=1) == found(updated_since="2100-01-01T00:00:00Z") == []
    assert api.get(f"{COURSES}/{court.id}").json()["standards"] == ["PS1"]
    assert api.get(COURSES, params={"kind": "seminar"}).json()["errors"][0]["field"] == "kind"


def test_completions_and_their_corrections(make: Make, client: Client) -> None:
    other = make.organisation("Northmoor Council", host=False)
    ann, nia, course = make.person("Ann"), make.person("Nia", organisation=other), make.course()
    today = clock().date()
    old = make.completion(ann.id, course.id, today - timedelta(days=800), today - timedelta(days=70))
    new = make.completion(ann.id, course.id, today - timedelta(days=60), today + timedelta(days=670))
    hers = make.completion(nia.id, course.id, today)
    api = client("completions:read")

    def found(client: TestClient = api, **query: Any) -> list[int]:
        reply = client.get("/api/v1/completions", params=query)
        assert reply.status_code == 200, reply.text
        return [item["id"] for item in reply.json()["items"]]

    assert found() == found(course=course.id) == [old, new, hers]
    assert found(person=ann.id) == [old, new]
    assert found(in_date="true") == [new, hers] and found(in_date="false") == [old]
    assert found(client("completions:read", organisation=other)) == [hers]
    with make.tx() as tx:
        tx.update(Completion, new, superseded_at=tx.now)
    assert found() == [old, hers]
    assert found(updated_since="2020-01-01T00:00:00Z") == [old, new, hers]


def test_the_catalogue_is_not_for_one_organisation_to_change(make: Make, client: Client) -> None:
    with pytest.raises(Invalid, match="belongs to all"):
        client("catalogue:write", organisation=make.organisation())
