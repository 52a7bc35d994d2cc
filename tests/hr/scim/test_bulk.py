"""Bulk requests: each operation as it would be alone, and references to what another one creates."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from app.people.models import Person
from tests.hr.scim.conftest import Place
from tests.hr.scim.directory import BULK, CORE, ENTERPRISE, GROUP, Directory


def user(name: str, **values: Any) -> dict[str, Any]:
    data = {"schemas": [CORE], "userName": name, "name": {"givenName": name, "familyName": "Lee"}, **values}
    return {"method": "POST", "path": "/Users", "bulkId": name, "data": data}


def sent(entra: Directory, *operations: Any, **more: Any) -> Any:
    return entra.post("/Bulk", {"schemas": [BULK], "Operations": list(operations), **more})


def test_references_in_whatever_order(entra: Directory, place: Place) -> None:
    team = {"method": "POST", "path": "/Groups", "bulkId": "team", "data": {"schemas": [GROUP], "displayName": "Duty Team"}}
    team["data"]["members"] = [{"value": "bulkId:ann"}, {"value": "bulkId:boss"}]  # type: ignore[index]
    ann = user("ann", **{ENTERPRISE: {"manager": {"value": "bulkId:boss"}}})
    disable = {
        "method": "PATCH",
        "path": "/Users/bulkId:ann",
        "data": {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]},
    }
    reply = sent(entra, team, disable, ann, user("boss"))
    assert reply.status_code == 200, reply.text
    results = reply.json()["Operations"]
    assert [one["status"] for one in results] == ["201", "201", "200", "201"] or {one["status"] for one in results} == {"200", "201"}
    ids = {one.get("bulkId"): one["location"].rpartition("/")[2] for one in results if one["method"] == "POST"}
    assert place.facts(ids["ann"]) | {"leaving": None} == place.facts(ids["ann"])
    assert place.facts(ids["ann"])["manager"] == int(ids["boss"])
    assert place.facts(ids["ann"])["team"] == "Duty Team"
    assert entra.get(f"/Users/{ids['ann']}").json()["active"] is False
    assert all(one["version"].startswith('W/"') for one in results)


def test_each_is_done_or_refused_by_itself(entra: Directory, place: Place) -> None:
    bob = entra.user("bob")
    reply = sent(
        entra,
        user("ann"),
        user("bob@westmarch.example"),
        {"method": "PATCH", "path": f"/Users/{bob['id']}", "data": {"Operations": [{"op": "replace", "path": "title", "value": 5}]}},
        {"method": "PUT", "path": "/Users/999", "data": {"schemas": [CORE], "userName": "x", "displayName": "A B"}},
        {"method": "DELETE", "path": f"/Users/{bob['id']}", "version": 'W/"old"'},
        {"method": "DELETE", "path": f"/Users/{bob['id']}", "version": bob["meta"]["version"]},
        {"method": "POST", "path": "/Users", "data": {"schemas": [CORE], "userName": "no-bulk-id"}},
        {
            "method": "POST",
            "path": "/Users",
            "bulkId": "lost",
            "data": {"displayName": "A B", "userName": "u", ENTERPRISE: {"manager": "bulkId:nobody"}},
        },
        {"method": "GET", "path": "/Users"},
        {"method": "POST", "path": "/Bulk", "bulkId": "b", "data": {}},
        {"method": "POST", "path": "/Users", "bulkId": "c", "data": None},
        {"path": 5},
    )
    assert reply.status_code == 200, reply.text
    results = reply.json()["Operations"]
    assert [one["status"] for one in results] == ["201", "409", "400", "404", "412", "204", "400", "409", "400", "400", "400", "400"]
    assert results[1]["response"]["scimType"] == "uniqueness"
    assert all(one["response"]["status"] == one["status"] for one in results if int(one["status"]) >= 400)
    assert place.make.rows(select(func.count()).select_from(Person))[0][0] == 2


def test_circles_and_what_waits_for_what_failed(entra: Directory, place: Place) -> None:
    one = user("one", **{ENTERPRISE: {"manager": {"value": "bulkId:two"}}})
    two = user("two", **{ENTERPRISE: {"manager": {"value": "bulkId:one"}}})
    results = sent(entra, one, two).json()["Operations"]
    assert [result["status"] for result in results] == ["409", "409"]
    assert place.make.rows(select(func.count()).select_from(Person))[0][0] == 0


def test_no_more_once_so_many_have_failed(entra: Directory) -> None:
    wrong = [{**user(f"u{n}"), "data": {}} for n in range(4)]
    results = sent(entra, *wrong, user("ann"), failOnErrors=2).json()["Operations"]
    assert [one["status"] for one in results] == ["400", "400"]


def test_limits(entra: Directory) -> None:
    assert sent(entra, *[user(f"u{n}") for n in range(501)]).status_code == 413
    for body in (
        {},
        {"schemas": [BULK]},
        {"schemas": [BULK], "Operations": []},
        {"schemas": [BULK], "Operations": [5]},
        {"schemas": ["x"], "Operations": [{}]},
    ):
        reply = entra.post("/Bulk", body)
        assert (reply.status_code, reply.json()["scimType"]) == (400, "invalidSyntax"), body
    assert sent(entra, user("ann"), failOnErrors="two").status_code == 400
