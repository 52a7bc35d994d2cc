"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from app import rooms
from app.core.config import ROOT, Settings

FILES = sorted((ROOT / "app").rglob("*.py"))
LONGEST = 450  # lines: a sitting


def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_a_sitting(path: Path) -> None:
    assert len(source(path).splitlines()) <= LONGEST


def test_only_tx_commits() -> None:
    """Nothing but core/tx.py opens, commits or rolls back a transaction; migrating is the one other."""
    calls = re.compile(r"\.(commit|rollback)\(|engine\.begin\(|\.begin\(\)")
    found = {str(path.relative_to(ROOT)) for path in FILES if calls.search(source(path))}
    assert found <= {"app/core/tx.py", "app/cli.py"}


def test_only_tx_reads_the_clock() -> None:
    wall = re.compile(r"datetime\.now\(|date\.today\(|datetime\.utcnow\(|func\.now\(")
    assert {str(path.relative_to(ROOT)) for path in FILES if wall.search(source(path))} <= {"app/core/tx.py"}


def test_nobody_but_policy_asks_for_a_role() -> None:
    """`if role ==` anywhere else would be a second place where permission is decided."""
    asks = re.compile(r"if .*\brole\b\s*(==|in)\b|Role\.\w+ in .*roles")
    found = {str(path.relative_to(ROOT)) for path in FILES if asks.search(source(path))}
    assert found <= {"app/policy.py", "app/people/operations.py", "app/identity/access.py"}


def test_every_route_has_a_door() -> None:
    """A page or endpoint without a door would have no actor, no permission and no transaction."""
    for route in [*rooms.page_routes(), *rooms.scim_routes()]:
        assert hasattr(route, "door"), route.path
    for router in rooms.api_routers():
        for endpoint in router.routes:
            if isinstance(endpoint, APIRoute) and endpoint.path != "/oauth/token":
                assert hasattr(endpoint.endpoint, "door"), endpoint.path


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    missing = [name for name in Settings.model_fields if f"ACADEMY_{name.upper()}" not in text]
    assert not missing


def test_public_functions_say_what_they_mean() -> None:
    """Operations are what everything else calls: each has a docstring."""
    silent = []
    for path in FILES:
        if path.parent.name == "operations" or path.name == "operations.py" or path.parent.name == "core":
            functions = [node for node in ast.parse(source(path)).body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]
            silent += [f"{path.relative_to(ROOT)}:{node.name}" for node in functions if not ast.get_docstring(node) and len(node.body) > 3]
    assert not silent
