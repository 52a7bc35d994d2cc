"""Files of measures: the same for everybody, with symbols and definitions in them, harmless, and the same bytes for the same question."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from starlette.testclient import TestClient

from tests.conftest import Ledger
from tests.factory import Make
from tests.measures.published import THREE, World

SignIn = Callable[[Any], TestClient]
EVIL = "=HYPERLINK(0)"
ALL, ONE = "/measures/table", "/measures/seen/table"


def taken(browser: TestClient, path: str) -> bytes:
    reply = browser.get(path)
    assert reply.status_code == 200, reply.text[:500]
    assert reply.headers["content-disposition"].startswith("attachment; filename=")
    return reply.content


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


@pytest.mark.thorough
@pytest.mark.parametrize("path", [ALL, ONE])
@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_the_same_question_gives_everybody_the_same_bytes(path: str, kind: str, make: Make, sign_in: SignIn) -> None:
    one = World.of(make)
    first = taken(sign_in(one.people["Ruth"]), f"{path}.{kind}")
    time.sleep(1.1)  # a workbook's times are in whole seconds
    for name in ("Helen", "Daniel", "Joanne"):
        assert taken(sign_in(one.people[name]), f"{path}.{kind}") == first


def test_the_dashboard_as_csv(make: Make, sign_in: SignIn) -> None:
    rows = table(taken(sign_in(World.of(make).people["Helen"]), f"{ALL}.csv"))
    assert [row["Code"] for row in rows] == ["seen", "seen-by-row", "staff", "formal-cases", "survey", "caseload"]
    seen = rows[0]
    assert {name: seen[name] for name in ("As at", "Theme", "Figure", "Unit", "Numerator", "Denominator", "Target", "Target met")} == {
        "As at": THREE[2].isoformat(),
        "Theme": "Capability",
        "Figure": "85",
        "Unit": "per cent",
        "Numerator": "85",
        "Denominator": "100",
        "Target": "80% or more",
        "Target met": "yes",
    }
    assert (seen["Numerator is"], seen["Denominator is"], seen["Owner"]) == ("Who was seen", "Everybody", "Workforce development")
    assert [(row["Code"], row["Figure"]) for row in rows[3:]] == [("formal-cases", "c"), ("survey", "not given"), ("caseload", "z")]
    assert "c: hidden" in seen["Symbols"]


def test_a_measure_as_csv_has_every_month_and_group_with_hidden_ones_hidden_from_everybody(make: Make, sign_in: SignIn) -> None:
    rows = table(taken(sign_in(World.of(make).people["Helen"]), f"{ONE}.csv"))
    assert {row["As at"] for row in rows} == {month.isoformat() for month in THREE}
    newest = {row["Group"]: row for row in rows if row["As at"] == THREE[2].isoformat()}
    assert {group: (row["Figure"], row["Numerator"], row["Denominator"], row["Part of"]) for group, row in newest.items()} == {
        "Whole organisation": ("85", "85", "100", ""),
        "Assessment": ("85", "85", "100", ""),
        "North team": ("c", "c", "c", "Assessment"),
        "South team": ("c", "c", "c", "Assessment"),
        "Social worker": ("85", "85", "100", ""),
    }


def test_up_to_a_month_and_of_a_part(make: Make, sign_in: SignIn) -> None:
    one = World.of(make)
    helen = sign_in(one.people["Helen"])
    months = {row["As at"] for row in table(taken(helen, f"{ONE}.csv?month={THREE[0]}"))}
    assert months == {THREE[0].isoformat()}
    part = table(taken(helen, f"{ALL}.csv?part={one.units['north']}"))
    assert [(row["Code"], row["Part of the organisation"], row["Figure"]) for row in part] == [
        ("seen", "North team", "c"),
        ("seen-by-row", "North team", "not given"),
        ("staff", "North team", "not given"),
        ("caseload", "North team", "not given"),
    ]


def test_a_workbook_has_numbers_as_numbers_and_sheets_that_say_what_they_are(make: Make, sign_in: SignIn) -> None:
    book: Any = openpyxl.load_workbook(io.BytesIO(taken(sign_in(World.of(make).people["Daniel"]), f"{ALL}.xlsx")))
    assert book.sheetnames == ["Figures", "Definitions", "About"]
    heads, *rows = ([cell.value for cell in row] for row in book["Figures"].rows)
    first = dict(zip(heads, rows[0], strict=True))
    assert (first["Measure"], first["Figure"], first["Numerator"], first["As at"].date()) == ("People seen", 85, 85, THREE[2])
    assert [row[heads.index("Figure")] for row in rows[3:]] == ["c", "not given", "z"]
    about = {row[0].value: row[1].value for row in book["About"].rows}
    assert about["As at"].date() == THREE[2]
    assert about["c"].startswith("hidden")


def test_json_says_why_there_is_no_figure(make: Make, sign_in: SignIn) -> None:
    ruth = sign_in(World.of(make).people["Ruth"])
    everything = json.loads(taken(ruth, f"{ALL}.json"))
    assert everything["as_at"] == THREE[2].isoformat()
    found = {each["code"]: (each["figure"], each["numerator"], each["symbol"], each["target_met"]) for each in everything["measures"]}
    assert found == {
        "seen": (85, 85, None, True),
        "seen-by-row": (85, 41, None, None),
        "staff": (1286, 1286, None, None),
        "formal-cases": (None, None, "c", None),
        "survey": (None, None, None, None),
        "caseload": (None, 0, "z", None),
    }
    one = json.loads(taken(ruth, f"{ONE}.json"))
    assert one["measure"]["numerator_is"] == "Who was seen"
    assert len(one["figures"]) == 15
    assert {each["figure"] for each in one["figures"] if each["level"] == "team"} == {None}


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_looks_like_a_formula_is_text(kind: str, make: Make, sign_in: SignIn) -> None:
    content = taken(sign_in(World.of(make, north=EVIL).people["Helen"]), f"{ONE}.{kind}")
    if kind == "csv":
        groups = {row["Group"] for row in table(content)}
        assert "'" + EVIL in groups
        assert EVIL not in groups
    else:
        book: Any = openpyxl.load_workbook(io.BytesIO(content))
        cells = [cell for row in book["Figures"].rows for cell in row if cell.value == EVIL]
        assert cells
        assert {cell.data_type for cell in cells} == {"s"}


def test_who_took_a_file_is_recorded_and_other_kinds_are_not_there(make: Make, sign_in: SignIn, ledger: Ledger) -> None:
    one = World.of(make)
    ruth = sign_in(one.people["Ruth"])
    taken(ruth, f"{ONE}.json")
    (entry,) = ledger.entries("measures.exported")
    assert (entry.actor_id, entry.facts["measure"], entry.facts["format"]) == (one.people["Ruth"].id, "seen", "json")
    assert ruth.get(f"{ONE}.pdf").status_code == 404
    assert ruth.get("/measures/unknown/table.csv").status_code == 404
