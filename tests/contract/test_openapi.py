"""The description of the REST interface is part of the contract: a change to it shows as a diff here and in review."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.policy import SCOPES

COMMITTED = Path(__file__).parent / "openapi.json"


@pytest.fixture(scope="module")
def described(built_app: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(built_app.openapi()))
    return document


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, operation) for path, methods in document["paths"].items() for method, operation in methods.items()]


def test_it_is_what_was_agreed(described: dict[str, Any]) -> None:
    agreed = json.loads(COMMITTED.read_text())
    again = "If this change is meant, write it down: .venv/bin/python -m app openapi > tests/contract/openapi.json"
    assert sorted(described["paths"]) == sorted(agreed["paths"]), again
    for path, methods in agreed["paths"].items():
        assert described["paths"][path] == methods, f"{path} changed. {again}"
    for name, schema in agreed["components"]["schemas"].items():
        assert described["components"]["schemas"].get(name) == schema, f"{name} changed. {again}"
    assert described == agreed, again


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
                assert list(response["content"]) == ["application/problem+json"], (path, status)
        headers = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "header"}
        assert ("Idempotency-Key" in headers) == (method == "post"), path
        assert ("If-Match" in headers) == (method == "patch"), path


def test_bodies_are_closed_and_examples_fit_them(built_app: Any, described: dict[str, Any]) -> None:
    from app.bookings import api as bookings
    from app.learning import api as learning
    from app.people import api as people

    schemas = described["components"]["schemas"]
    shown = 0
    for _, path, operation in operations(described):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is None:
            continue
        name = body["schema"]["$ref"].rpartition("/")[2]
        assert schemas[name]["additionalProperties"] is False, path
        model = next(getattr(module, name) for module in (bookings, learning, people) if hasattr(module, name))
        for example in schemas[name]["examples"]:
            model.model_validate_json(json.dumps(example))
            shown += 1
    assert shown >= 8


def test_no_operation_id_twice(described: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(names) == len(set(names)) and all(re.fullmatch("[a-z_]+", name) for name in names)
