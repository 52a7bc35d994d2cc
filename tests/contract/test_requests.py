"""Requests made up from the description, right and wrong, at every operation: no fault, no undocumented answer, nothing wrong let through.

The quick profile tries a few on SQLite; the thorough one many on both databases.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from app.core.tx import clock
from app.identity import clients
from app.policy import SCOPES
from tests.factory import Make

# A well-formed request may still be refused for what is in the database, or for a rule that JSON Schema cannot say (a cursor, a free room).
LEFT_OUT = [checks.positive_data_acceptance]


@dataclass
class Filled:
    app: Any
    token: str


@pytest.fixture
def filled(app: Any, make: Make) -> Filled:
    """An interface with something behind each kind of id, and a client that may do everything."""
    team = make.unit("North team")
    people = [make.person(f"P{number}", team=team, stage="SW") for number in range(3)]
    courses = [make.course() for _ in range(2)]
    for course in courses:
        make.session(course=course.id, places=2, day=(clock() + timedelta(days=20 + course.id)).date())
        make.completion(people[0].id, course.id, clock().date())
    with make.tx() as tx:
        client_id, secret = clients.create_client(tx, "made-up requests", list(SCOPES), per_minute=clients.MOST_PER_MINUTE)
        token, _ = clients.token(tx, client_id, secret, [], 60)
    return Filled(app, token)


def try_all(filled: Filled, examples: int) -> None:
    """Right requests about things that exist, then wrong ones, at every operation."""
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", filled.app)
    headers = {"Authorization": f"Bearer {filled.token}"}
    effort = settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    def once(case: Any) -> None:
        case.call_and_validate(headers=headers, excluded_checks=LEFT_OUT)

    def right(case: Any) -> None:
        """A cursor cannot be made up, nor the version that somebody read; without these most requests would end there."""
        case.query.pop("cursor", None)
        if case.method in ("PATCH", "DELETE"):
            case.headers["If-Match"] = "*"
        once(case)

    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        if operation.path == "/oauth/token":  # its errors are RFC 6749's; tests/identity has them
            continue
        there = dict.fromkeys(re.findall(r"{(\w+)}", operation.path), 1)
        effort(given(case=operation.as_strategy(GenerationMode.POSITIVE, path_parameters=there))(right))()
        with contextlib.suppress(Unsatisfiable):  # nothing to get wrong
            effort(given(case=operation.as_strategy(GenerationMode.NEGATIVE))(once))()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_few_made_up_requests(filled: Filled) -> None:
    try_all(filled, 1)


@pytest.mark.thorough
def test_many_made_up_requests(filled: Filled) -> None:
    try_all(filled, 20 if filled.app.state.database.sqlite else 8)  # the same ones; making them up takes longer than answering them
