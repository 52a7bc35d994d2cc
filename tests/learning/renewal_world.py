"""Renewal and files of the register for the matrices and the tour."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from app.core.tx import Actor, Tx
from app.learning.renewal_models import RenewalTick
from app.learning.renewal_rules import year_of
from app.people import register
from app.people.models import Person
from app.people.register_models import RegisterCheck
from tests.visit import Finder

LONG = "A day with the court team about evidence, how it is weighed and what a report can and cannot say, and what came of it for us all"


def tick(tx: Tx, person_id: int, **values: Any) -> int:
    """A piece of CPD that somebody ticked yesterday."""
    year = year_of(tx, tx.today).starts
    row = dict(person_id=person_id, year=year, step="cpd", words=LONG, with_peer=True, done_on=max(year, tx.today - timedelta(days=1)))
    return tx.insert(RenewalTick, **row | values, recorded_at=tx.now)


def check(tx: Tx, sender: int, name: str, *cells: dict[str, str]) -> int:
    """A file of the register that somebody sent."""
    actor, tx.actor = tx.actor, Actor("person", sender, roles=(("HR officer", None),))
    found = register.keep(tx, name, [{"line": line, "cells": each} for line, each in enumerate(cells, 2)])
    tx.actor = actor
    return found


def world(tx: Tx, person_id: int, sender: int) -> dict[str, Any]:
    """Somebody's tick, and a file that the sender has sent."""
    file = check(tx, sender, "register.csv", {"number": "SW909999", "status": "registered"})
    return {"tick_id": tick(tx, person_id), "check_id": file}


def arrange(tx: Tx) -> None:
    """For the tour: a tick, a suspension, an end that has passed, and three files, one with mistakes, one to apply and one applied."""
    finder = Finder(tx)
    tick(tx, finder.person("practitioner"))
    numbers = tx.rows(select(Person.id, Person.swe_number).where(Person.swe_number.is_not(None)).order_by(Person.id.desc()).limit(4))
    hr = finder.person("hr")
    passed = f"{tx.today - timedelta(days=20):%d/%m/%Y}"
    rows = [
        {"number": numbers[0].swe_number, "status": "suspended"},
        {"number": numbers[1].swe_number, "status": "registered", "until": passed},
    ]
    applied = check(tx, hr, "november.csv", *rows)
    actor, tx.actor = tx.actor, Actor("person", hr, roles=(("HR officer", None),))
    register.apply(tx, applied)
    tx.actor = actor
    wrong = {"number": "SW12345678", "status": "in good standing", "from": "31/02/2020"}
    check(tx, hr, "the whole register of the council as it was given to us at the end of november.csv", wrong)
    other = {"number": numbers[2].swe_number, "status": "conditions", "from": "1/2/2016", "until": "30/11/2031"}
    check(tx, hr, "december.csv", other, {"number": "SW1", "status": "registered"})
    tx.db.execute(update(Person).where(Person.id == numbers[3].id).values(registered_from=tx.today - timedelta(days=20)))


def checked(finder: Finder) -> dict[str, Any]:
    """The file that can be applied."""
    return _file(finder, 0)


def mistaken(finder: Finder) -> dict[str, Any]:
    """The one with mistakes."""
    return _file(finder, 1)


def applied(finder: Finder) -> dict[str, Any]:
    """The one that was applied."""
    return _file(finder, 2)


def _file(finder: Finder, back: int) -> dict[str, Any]:
    found = finder.tx.rows(select(RegisterCheck.id).order_by(RegisterCheck.id.desc()))
    assert len(found) > back, "the tour has not been arranged"
    return {"check_id": found[back].id}
