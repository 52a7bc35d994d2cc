"""Files of figures from elsewhere, in the worlds of the matrices and of the tour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.core.tx import SYSTEM, Tx
from app.measures import input_files
from app.measures.input_models import MeasureImport

_FILE = "/measure-inputs/files/{import_id:int}"
OTHERS = {  # path parameter → name in the matrices' world
    **{f"{way} {_FILE}{tail}": {"import_id": "measure_import"} for way in ("GET", "POST") for tail in ("", "/apply")},
    "GET /measure-inputs/empty.{kind}": {"kind": "empty_kind"},
    "GET /measure-inputs/of/{code}": {"code": "imported_measure"},
}


def line(number: int = 2, **cells: str) -> dict[str, Any]:
    """A line of a file, of the last month that is over."""
    month = (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).isoformat()
    return {"line": number, "cells": {"month": month, "source": "The survey, page 4", **cells}}


def stage(tx: Tx, organisation: int, name: str, *lines: dict[str, Any]) -> int:
    """A file that was sent."""
    before, tx.actor = tx.actor, SYSTEM
    key = input_files.stage(tx, organisation, name, list(lines))
    tx.actor = before
    return key


def world(tx: Tx, organisation: int) -> dict[str, Any]:
    """For the matrices: a file that was only checked."""
    key = stage(tx, organisation, "figures.csv", line(measure="survey", numerator="35"))
    return {"measure_import": key, "empty_kind": "csv", "imported_measure": "survey"}


def arrange(tx: Tx, organisation: int) -> None:
    """For the tour: a file with mistakes, and one that corrects what an earlier file said and says some of it again."""
    wrong = [line(2, measure="er-cases", numerator="-1"), line(3, measure="headcount", numerator="1,286")]
    wrong.append(line(4, measure="vacancies", part="X"))
    stage(tx, organisation, "figures of October with mistakes.csv", *wrong)
    lines = (line(2, measure="candidates-applying", numerator="44"), line(3, measure="agency-spend", numerator="£702,114"))
    stage(tx, organisation, "figures of October, corrected.csv", *lines)


def stops(stop: Any) -> list[Any]:
    """Where the tour goes: what `arrange` has sent, and the newest file of the county's that was applied."""

    def newest(finder: Any, back: int) -> dict[str, Any]:
        return {"import_id": finder.tx.scalar(select(func.max(MeasureImport.id))) - back}

    return [
        stop("/measure-inputs", "hr"),
        stop("/measure-inputs", "psw"),
        stop("/measure-inputs/new", "hr"),
        stop("/measure-inputs/empty.{kind}", "hr", lambda _: {"kind": "csv"}, file="text/csv"),
        stop("/measure-inputs/of/{code}", "hr", lambda _: {"code": "vacancies"}),
        stop("/measure-inputs/of/{code}", "psw", lambda _: {"code": "er-cases"}),
        stop(_FILE, "hr", lambda finder: newest(finder, 0)),
        stop(_FILE, "hr", lambda finder: newest(finder, 1)),
        stop(_FILE, "hr", lambda finder: newest(finder, 2)),
        stop(f"{_FILE}/apply", "hr", lambda finder: newest(finder, 0)),
    ]
