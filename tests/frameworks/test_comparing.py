"""Two definitions compared: what was added, removed, changed or put into another order, in words."""

from __future__ import annotations

from typing import Any

import pytest

from app.frameworks.comparing import differences
from app.frameworks.operations import prepare
from app.frameworks.operations.preparing import plain
from tests.frameworks.drafts import ASYE, altered

ONE = {"code": "A", "title": "First"}
TWO = {"code": "B", "title": "Second"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"nominal_months": 12}, {"nominal_months": 24}, ["Usual length in months: 12 became 24"]),
        ({"grant": None}, {"grant": {"total_gbp": 2000}}, ["Grant: added total gbp 2000"]),
        ({"panel": {"reading_days": 10}}, {"panel": None}, ["Panel: removed reading days 10"]),
        ({"provisional": True}, {"provisional": False}, ["Provisional: yes became no"]),
        ({"outcomes": ["pass", "fail"]}, {"outcomes": ["pass"]}, ["Outcomes: removed fail"]),
        ({"outcomes": ["pass", "fail"]}, {"outcomes": ["fail", "pass"]}, ["Outcomes: now in the order fail, pass"]),
        ({"stages": [ONE]}, {"stages": [ONE, TWO]}, ["Stages: added “Second” (B)"]),
        ({"stages": [ONE, TWO]}, {"stages": [TWO]}, ["Stages: removed “First” (A)"]),
        ({"stages": [ONE, TWO]}, {"stages": [TWO, ONE]}, ["Stages: now in the order “Second” (B), “First” (A)"]),
        ({"stages": []}, {"stages": [ONE]}, ["Stages: added “First” (A)"]),
        ({"stages": [ONE]}, {"stages": [ONE | {"title": "New"}]}, ["Stages › “New” (A) › title: First became New"]),
        ({"periods": [{"every_days": 7}]}, {"periods": [{"every_days": 14}]}, ["Periods: every days 7 became every days 14"]),
    ],
)
def test_each_kind_of_difference(old: Any, new: Any, said: list[str]) -> None:
    assert [each.said for each in differences(old, new)] == said


def definition(text: str) -> Any:
    return plain(prepare([("x.yaml", text.encode())])[0].made.programme)


def test_a_difference_deep_in_a_form_says_where_it_is() -> None:
    changed = altered(ASYE, ('{code: handover, label: "Change of assessor', '{code: handover, label: "New assessor'))
    found = differences(definition(ASYE), definition(changed))
    assert [each.where.rpartition(" › ")[2] for each in found] == ["label"] * 2  # the same form stands in two stages
    assert (
        "Stages › “Foundational review” (ASYE-2) › documents › “Record of support and progressive assessment: three months” (RSPA2)"
        in found[0].where
    )
    assert differences(definition(ASYE), definition(ASYE)) == []
