"""Files of what was learnt before, in the worlds of the matrices and of the tour."""

from __future__ import annotations

from typing import Any

from app.core.tx import Actor, Tx
from app.learning import moving_in

_FILE, _KIND = "/learning/imports/{import_id:int}", "/learning/import/{kind}"
OTHERS = {  # path parameter → name in the matrices' world
    **{f"{way} {_FILE}{tail}": {"import_id": "learning_import"} for way in ("GET", "POST") for tail in ("", "/apply", "/take-back")},
    **{f"{way} {_KIND}{tail}": {"kind": "import_kind"} for way in ("GET", "POST") for tail in ("", "/columns.csv")},
}
LINE = {"date": "2024-03-11", "title": "Reading on attachment", "activity": "Course", "minutes": "60"}


def stage(tx: Tx, sender: int, kind: str = "learning", name: str = "before.csv", **cells: str) -> int:
    """A file that this person has sent; the names in it are nobody's, unless they are given."""
    before, tx.actor = tx.actor, Actor("person", sender, "", (("practitioner", None), ("coordinator", None)))
    key = moving_in.stage(tx, kind, name, [{"line": 2, "cells": LINE | cells}])
    tx.actor = before
    return key


def world(tx: Tx, sender: int) -> dict[str, Any]:
    """For the matrices: a file of CPD that was only checked."""
    return {"learning_import": stage(tx, sender, person="nobody@westmarch.example"), "import_kind": "learning"}


def arrange(tx: Tx, coordinator: int, practitioner: int) -> None:
    """For the tour: a coordinator's file with mistakes, and a practitioner's own, checked and applied."""
    stage(tx, coordinator, name="CPD of the team with mistakes.csv", person="nobody@westmarch.example", minutes="an hour")
    stage(tx, practitioner, name="my CPD.csv")
    key = stage(tx, practitioner, name="my CPD of last year.csv", title="A conference on reunification", activity="Conference")
    before, tx.actor = tx.actor, Actor("person", practitioner, "", (("practitioner", None),))
    moving_in.apply_import(tx, key)
    tx.actor = before


def stops(stop: Any) -> list[Any]:
    """Where the tour goes: what `arrange` has sent."""
    one = "/learning/imports/{import_id:int}"
    return [
        stop("/learning/import/{kind}", "practitioner", lambda _: {"kind": "learning"}),
        stop("/learning/import/{kind}", "coordinator", lambda _: {"kind": "learning"}),
        stop("/learning/import/{kind}", "coordinator", lambda _: {"kind": "completions"}),
        stop("/learning/import/{kind}/columns.csv", "practitioner", lambda _: {"kind": "learning"}, file="text/csv"),
        stop(one, "practitioner", lambda _: {"import_id": 2}),
        stop(one, "practitioner", lambda _: {"import_id": 3}),
        stop(one, "coordinator", lambda _: {"import_id": 1}),
        stop(f"{one}/apply", "practitioner", lambda _: {"import_id": 2}),
    ]
