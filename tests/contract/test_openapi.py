"""The description of the REST interface is part of the contract: a change to it shows as a diff here and in review."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from app import rooms
from app.policy import SCOPES
from tests.contract.compat import AGAIN, COMMITTED, breaking


@pytest.fixture(scope="module")
def described(built_app: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(built_app.openapi()))
    return document


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, operation) for path, methods in document["paths"].items() for method, operation in methods.items()]


def test_no_client_of_what_was_agreed_breaks(described: dict[str, Any]) -> None:
    broken = breaking(json.loads(COMMITTED.read_text()), described)
    assert not broken, "This breaks clients of /api/v1, which is not done:\n" + "\n".join(broken)


def test_it_is_what_was_agreed(described: dict[str, Any]) -> None:
    agreed = json.loads(COMMITTED.read_text())
    assert sorted(described["paths"]) == sorted(agreed["paths"]), AGAIN
    for path, methods in agreed["paths"].items():
        assert described["paths"][path] == methods, f"{path} changed. {AGAIN}"
    for name, schema in agreed["components"]["schemas"].items():
        assert described["components"]["schemas"].get(name) == schema, f"{name} changed. {AGAIN}"
    assert described == agreed, AGAIN


Edit = Callable[[dict[str, Any]], Any]


def schema(document: dict[str, Any], name: str) -> Any:
    return document["components"]["schemas"][name]


def parameter(document: dict[str, Any], path: str, name: str) -> Any:
    return next(one for one in document["paths"][path]["get"]["parameters"] if one["name"] == name)


BREAKS: dict[str, Edit] = {
    "/api/v1/people is gone": lambda d: d["paths"].pop("/api/v1/people"),
    "PATCH /api/v1/people/{person_id} is gone": lambda d: d["paths"]["/api/v1/people/{person_id}"].pop("patch"),
    "parameter unit is gone": lambda d: d["paths"]["/api/v1/people"]["get"]["parameters"].remove(parameter(d, "/api/v1/people", "unit")),
    "parameter q is needed now": lambda d: parameter(d, "/api/v1/people", "q").update(required=True),
    "limit: maximum is lower": lambda d: parameter(d, "/api/v1/people", "limit")["schema"].update(maximum=50),
    "kind: 'digital' is gone": lambda d: parameter(d, "/api/v1/courses", "kind")["schema"]["enum"].remove("digital"),
    "another scope": lambda d: d["paths"]["/api/v1/people"]["get"].update(security=[{"oauth2": ["people:write"]}]),
    "no longer answers 201": lambda d: d["paths"]["/api/v1/people"]["post"]["responses"].pop("201"),
    "person_id is needed now": lambda d: schema(d, "NewCourse")["required"].append("person_id"),
    "body: known_as is gone": lambda d: schema(d, "NewPerson")["properties"].pop("known_as"),
    "body.title: maxLength is lower": lambda d: schema(d, "NewCourse")["properties"]["title"].update(maxLength=10),
    "body.minutes: null is no longer taken": lambda d: schema(d, "NewCompletion")["properties"].update(minutes={"type": "integer"}),
    ": email is gone": lambda d: schema(d, "PersonOut")["properties"].pop("email"),
    ".name: null is given": lambda d: schema(d, "PersonOut")["properties"].update(name={"anyOf": [{"type": "string"}, {"type": "null"}]}),
    ".id: string is given": lambda d: schema(d, "PersonOut")["properties"]["id"].update(type="string"),
    "name is not always there": lambda d: schema(d, "PersonOut")["required"].remove("name"),
    "'offered' is gone": lambda d: schema(d, "BookingOut")["properties"]["status"]["enum"].remove("offered"),
    "generated clients call it": lambda d: d["paths"]["/api/v1/people"]["get"].update(operationId="people"),
}
ADDITIONS: dict[str, Edit] = {
    "an address": lambda d: d["paths"].update({"/api/v1/new": d["paths"]["/api/v1/people"]}),
    "a filter": lambda d: d["paths"]["/api/v1/people"]["get"]["parameters"].append(
        {"in": "query", "name": "fresh", "required": False, "schema": {"type": "string"}}
    ),
    "something to read": lambda d: schema(d, "PersonOut")["properties"].update(fresh={"type": "string"}),
    "something to send, or not": lambda d: schema(d, "NewPerson")["properties"].update(fresh={"type": "string"}),
    "a longer list": lambda d: parameter(d, "/api/v1/people", "limit")["schema"].update(maximum=5000),
    "another word to read": lambda d: schema(d, "BookingOut")["properties"]["status"]["enum"].append("fresh"),
    "other words to people": lambda d: schema(d, "PersonOut").update(description="Somebody."),
}


@pytest.mark.parametrize("said", BREAKS)
def test_what_would_break_a_client_is_seen(described: dict[str, Any], said: str) -> None:
    changed = copy.deepcopy(described)
    BREAKS[said](changed)
    found = breaking(described, changed)
    assert any(said in one for one in found), found


@pytest.mark.parametrize("what", ADDITIONS)
def test_what_is_added_breaks_nobody(described: dict[str, Any], what: str) -> None:
    changed = copy.deepcopy(described)
    ADDITIONS[what](changed)
    assert changed != described and breaking(described, changed) == []


def test_every_operation_says_its_scope_and_its_refusals(described: dict[str, Any]) -> None:
    flows = described["components"]["securitySchemes"]["oauth2"]["flows"]
    assert set(flows["clientCredentials"]["scopes"]) == set(SCOPES)
    for method, path, operation in operations(described):
        if path == "/oauth/token":
            continue
        assert operation["security"][0]["oauth2"][0] in SCOPES, path
        assert operation["summary"] and operation["description"] and operation["operationId"], path
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                refusal = described["components"]["responses"][response["$ref"].removeprefix("#/components/responses/")]
                assert list(refusal["content"]) == ["application/problem+json"], (path, status)
        headers = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "header"}
        assert ("Idempotency-Key" in headers) == (method == "post"), path
        assert ("If-Match" in headers) == (method in ("patch", "delete")), path


def test_bodies_are_closed_and_examples_fit_them(built_app: Any, described: dict[str, Any]) -> None:
    modules = [import_module(name) for name in rooms.APIS]
    schemas = described["components"]["schemas"]
    shown = 0
    for _, path, operation in operations(described):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is None:
            continue
        name = body["schema"]["$ref"].rpartition("/")[2]
        assert schemas[name]["additionalProperties"] is False, path
        model = next(getattr(module, name) for module in modules if hasattr(module, name))
        for example in schemas[name]["examples"]:
            model.model_validate_json(json.dumps(example))
            shown += 1
    assert shown >= 8


def test_no_operation_id_twice(described: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(names) == len(set(names)) and all(re.fullmatch("[a-z_]+", name) for name in names)
