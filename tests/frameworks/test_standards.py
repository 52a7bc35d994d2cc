"""Loading standards sets: what is malformed, repeated or already loaded otherwise is refused as a whole."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from typing import Any

import pytest
import yaml
from sqlalchemy import func, select

from app.core.config import ROOT
from app.core.errors import Invalid
from app.frameworks.models import Standard, StandardsSet
from app.frameworks.operations import load_standards
from tests.factory import Make

ONE: dict[str, Any] = {
    "standards_sets": [
        {
            "code": "SET",
            "version": "2026",
            "title": "A set",
            "in_force_from": date(2026, 4, 1),
            "verified": "partial",
            "items": [
                {"code": "SET-1", "number": 1, "title": "First", "verified": True},
                {"code": "SET-2", "number": 2, "title": "Second"},
            ],
        }
    ]
}


def altered(**changes: Any) -> dict[str, Any]:
    data = deepcopy(ONE)
    data["standards_sets"][0] |= changes
    return data


def test_the_shipped_reference_data_loads_once(make: Make) -> None:
    data = yaml.safe_load((ROOT / "seed/reference/standards.yaml").read_text())
    with make.tx() as tx:
        assert load_standards(tx, data) == len(data["standards_sets"])
    with make.tx() as tx:
        assert load_standards(tx, data) == 0
    items = sum(len(each["items"]) for each in data["standards_sets"])
    assert make.rows(select(func.count()).select_from(Standard))[0][0] == items


def test_only_what_was_seen_whole_counts_as_verified(make: Make) -> None:
    with make.tx() as tx:
        load_standards(tx, ONE)
    assert [row.verified for row in make.rows(select(StandardsSet.verified))] == [False]
    assert [row.verified for row in make.rows(select(Standard.verified).order_by(Standard.code))] == [True, False]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "a list called standards_sets"),
        ({"standards_sets": []}, "at least one set"),
        ({"standards_sets": ["x"]}, "Set 1 is not a mapping"),
        (altered(title="", version=None), "SET has no version, title"),
        (altered(code="set"), "capital letters"),
        (altered(in_force_from="soon"), "must be dates"),
        (altered(in_force_to=date(2020, 1, 1)), "goes out of force before"),
        (altered(items="x"), "items must be a list"),
        (altered(items=[{"code": "SET-1", "number": 1}]), "SET, item 1: it needs a title"),
        (altered(items=[{"code": "SET-1", "number": 0, "title": "x"}]), "SET-1: the number must be 1 or more"),
        (altered(items=[{"code": f"SET-{n}", "number": 1, "title": "x"} for n in (1, 2)]), "two items have the same number"),
        (altered(items=[{"code": "SET-1", "number": n, "title": "x"} for n in (1, 2)]), "SET-1 is given twice"),
        ({"standards_sets": ONE["standards_sets"] * 2}, "SET 2026 is given twice"),
    ],
)
def test_mistakes_are_named_and_nothing_is_loaded(make: Make, data: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words), make.tx() as tx:
        load_standards(tx, data)
    assert make.rows(select(StandardsSet.id)) == []


def test_a_loaded_set_never_changes(make: Make) -> None:
    with make.tx() as tx:
        load_standards(tx, ONE)
    with pytest.raises(Invalid, match="SET 2026 is already loaded with another title"), make.tx() as tx:
        load_standards(tx, altered(title="Another"))
    other = deepcopy(ONE["standards_sets"][0]["items"])
    other[1]["title"] = "Reworded"
    with pytest.raises(Invalid, match=r"other items \(SET-2\)"), make.tx() as tx:
        load_standards(tx, altered(items=other))
    with pytest.raises(Invalid, match="SET-1 already belongs to another set"), make.tx() as tx:
        load_standards(tx, altered(version="2027"))
    new = [{"code": "SET27-1", "number": 1, "title": "First"}]
    with make.tx() as tx:
        assert load_standards(tx, altered(version="2027", items=new)) == 1
