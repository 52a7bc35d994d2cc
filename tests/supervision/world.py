"""Supervision in the worlds of the matrices and of the tour: an entry of somebody's own, protected time, a caseload, files of dates."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from app.core.tx import Actor, Tx
from app.people.models import Person
from app.supervision import operations
from app.supervision.operations import actions, importing, pdr
from app.supervision.operations.pdr import Cycle
from app.supervision.pdr_models import PdrCycle


def entries(tx: Tx, person: int, supervisor: int) -> dict[str, int]:
    """What the person recorded of themselves yesterday; the names are those of the matrices' world."""
    before, tx.actor = tx.actor, Actor("person", person, "", (("practitioner", None),))
    day = tx.today - timedelta(days=1)
    found = {
        "action_number": actions.agree(tx, person, "Book the masterclass on court reports", by_date=tx.today + timedelta(days=30)),
        "supervision_id": operations.record(tx, person, day, "case", 90, [supervisor], "in_person"),
        "protected_entry": operations.record_protected_time(tx, person, day, 120, "study"),
        "caseload_entry": operations.record_caseload(tx, person, day, 12, 80),
    }
    tx.actor = before
    return found | review(tx, person)


def review(tx: Tx, person: int) -> dict[str, int]:
    """A review year of the person's organisation with an objective and a line of a plan, by the system."""
    organisation = tx.get(Person, person).organisation_id
    cycle = tx.scalar(select(PdrCycle.id).where(PdrCycle.organisation_id == organisation))
    cycle = int(cycle) if cycle is not None else pdr.open_cycle(tx, organisation, year(tx.today))
    return {
        "cycle_id": cycle,
        "objective_number": pdr.set_objective(tx, person, cycle, "Chair a strategy meeting with confidence"),
        "line_number": pdr.plan(tx, person, cycle, "Shadow a colleague in court", by_date=tx.today + timedelta(days=60)),
    }


def year(today: date) -> Cycle:
    """A review year that began two hundred days ago: objectives are late, mid-year is to come."""
    first = today - timedelta(days=200)
    objectives, mid_year, complete = (first + timedelta(days=days) for days in (60, 230, 360))
    return Cycle("This year", first, first + timedelta(days=364), objectives, mid_year, complete)


def carried(page: str, name: str) -> str:
    """What a form on a page carries under a hidden name."""
    return re.findall(f'name="{name}" value="([^"]*)"', page)[0]  # type: ignore[no-any-return]


def cells(person: Any, supervisor: Any, day: str, **changes: str) -> dict[str, str]:
    """A row of a file of dates."""
    return {"person": person, "date": day, "kind": "Reflective", "minutes": "90", "supervisor": supervisor, "place": "online"} | changes


def stage(tx: Tx, coordinator: int, name: str, *rows: dict[str, str]) -> int:
    """A file that this coordinator has sent."""
    before, tx.actor = tx.actor, Actor("person", coordinator, "", (("coordinator", None),))
    key = importing.stage(tx, name, [{"line": n, "cells": row} for n, row in enumerate(rows, 2)])
    tx.actor = before
    return key
