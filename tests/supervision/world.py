"""Supervision in the worlds of the matrices and of the tour: an entry of somebody's own, protected time, a caseload, files of dates."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.core.tx import Actor, Tx
from app.supervision import operations
from app.supervision.operations import importing


def entries(tx: Tx, person: int, supervisor: int) -> dict[str, int]:
    """What the person recorded of themselves yesterday; the names are those of the matrices' world."""
    before, tx.actor = tx.actor, Actor("person", person, "", (("practitioner", None),))
    day = tx.today - timedelta(days=1)
    found = {
        "supervision_id": operations.record(tx, person, day, "case", 90, [supervisor], "in_person"),
        "protected_entry": operations.record_protected_time(tx, person, day, 120, "study"),
        "caseload_entry": operations.record_caseload(tx, person, day, 12, 80),
    }
    tx.actor = before
    return found


def cells(person: Any, supervisor: Any, day: str, **changes: str) -> dict[str, str]:
    """A row of a file of dates."""
    return {"person": person, "date": day, "kind": "Reflective", "minutes": "90", "supervisor": supervisor, "place": "online"} | changes


def stage(tx: Tx, coordinator: int, name: str, *rows: dict[str, str]) -> int:
    """A file that this coordinator has sent."""
    before, tx.actor = tx.actor, Actor("person", coordinator, "", (("coordinator", None),))
    key = importing.stage(tx, name, [{"line": n, "cells": row} for n, row in enumerate(rows, 2)])
    tx.actor = before
    return key
