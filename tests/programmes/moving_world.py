"""Files of portfolios for the matrices and the tour: one with mistakes, one that can be applied."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.core.tx import Actor, Tx
from app.programmes.models import Cohort
from app.programmes.moving_in_file import Sent
from app.programmes.operations import moving_in
from app.programmes.portfolio_models import PortfolioImport
from tests.visit import Finder

_PATH = "/cohorts/import/{import_id:int}"
OTHERS: dict[str, dict[str, str]] = {
    f"{way} {_PATH}{tail}": {"import_id": "portfolio_import"} for way in ("GET", "POST") for tail in ("", "/apply")
}


def staged(tx: Tx, sender: int, name: str, **cells: str) -> int:
    """A file of one line, sent by this person."""
    before, tx.actor = tx.actor, Actor("person", sender, "Sender", (("coordinator", None),))
    key = moving_in.stage(tx, Sent(name, [{"line": 2, "cells": cells}]))
    tx.actor = before
    return key


def arrange(tx: Tx) -> None:
    """Two files of the coordinator persona."""
    cohort = tx.scalar(select(Cohort.title).where(Cohort.title.like("ASYE%")).order_by(Cohort.id).limit(1))
    if cohort is None:
        return  # a county without programmes
    sender, day = Finder(tx).person("coordinator"), f"{tx.today - timedelta(days=90):%d/%m/%Y}"
    good = {"person": "callum.reid@westmarch.example", "cohort": cohort, "start date": day}
    staged(tx, sender, "portfolios with mistakes.csv", **good | {"start date": "soon", "stage": "ST-99", "signed by": "somebody"})
    staged(tx, sender, "portfolios.csv", **good)


def sent(finder: Finder, name: str = "portfolios.csv") -> dict[str, Any]:
    """One of them."""
    found = finder.tx.scalar(select(PortfolioImport.id).where(PortfolioImport.name == name).limit(1))
    assert found is not None
    return {"import_id": int(found)}


def mistaken(finder: Finder) -> dict[str, Any]:
    """The one with mistakes."""
    return sent(finder, "portfolios with mistakes.csv")
