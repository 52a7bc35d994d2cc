"""Whatever the ledger keeps is told to other systems, or is meant to stay here: nothing is forgotten when an operation is added."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from app import models
from app.core.config import ROOT
from app.core.db import Base, Model
from app.hr import events, feed
from app.hr.events import EVENTS, KEPT_HERE, LOOKED_THROUGH, RESOURCES, SILENT

TABLES = {table.name for table in models.metadata.sorted_tables}
CLASSES = {each.__name__: each.__tablename__ for each in [*Base.__subclasses__(), *Model.__subclasses__()] if each is not Model}
ACTION = re.compile(r"[a-z-]+\.[a-z-]+")


@cache
def written() -> dict[str, set[str]]:
    """Every subject that the application's code writes into the ledger, with the actions that stand there as words."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "app").rglob("*.py")):
        for subject, action in _calls(path):
            found.setdefault(subject, set()).update({action} if action else ())
    return found


def _calls(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if name == "record" and len(node.args) >= 2 and isinstance(node.args[1], ast.Constant):
            first = node.args[0]
            yield str(node.args[1].value), str(first.value) if isinstance(first, ast.Constant) else ""
        elif name == "insert_recorded" and node.args:
            table = CLASSES.get(ast.unparse(node.args[0]))
            actions = [one.value.value for one in node.keywords if one.arg == "action" and isinstance(one.value, ast.Constant)]
            if table:
                yield table, str(actions[0]) if actions else ""
        else:  # through a helper: an action and a table among what it is given
            action = next((text for text in texts if ACTION.fullmatch(text)), "")
            yield from ((text, action) for text in texts if text in TABLES and (action or name == "entry"))


def test_every_subject_is_told_or_meant_to_stay() -> None:
    known = {*RESOURCES, *LOOKED_THROUGH, *KEPT_HERE}
    forgotten = set(written()) - known
    assert not forgotten, f"Say in app/hr/events.py what other systems are told of {sorted(forgotten)}, or that it stays here."
    assert len(written()) > 50  # the walk finds them
    assert {"people", "bookings", "completions", "enrolments", "documents"} <= set(written())


def test_each_stands_in_one_list() -> None:
    assert not set(RESOURCES) & KEPT_HERE and not LOOKED_THROUGH & KEPT_HERE and not set(RESOURCES) & LOOKED_THROUGH
    assert set(RESOURCES) < set(EVENTS) == set(feed.SOURCES)


def test_what_changes_nothing_is_still_written() -> None:
    """A silent action that nobody writes any more hides the one that took its place."""
    all_actions = {action for actions in written().values() for action in actions}
    assert set(SILENT) <= all_actions


def test_gone_is_another_event() -> None:
    assert {events.removed(event) for event in EVENTS.values()} >= {"completion.removed", "training-record.removed"}
