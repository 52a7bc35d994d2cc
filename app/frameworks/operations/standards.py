"""Standards sets come from reference data. What was loaded once stays as it is: a changed text is a new version with its own codes."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from sqlalchemy import select

from app.core.errors import Invalid
from app.core.tx import Tx
from app.frameworks.models import Standard, StandardsSet

CODE = re.compile(r"^[A-Z0-9][A-Z0-9-]{0,39}$")
NEEDED = ("code", "version", "title", "items")


def load_standards(tx: Tx, data: Any) -> int:
    """Add the standards sets of `data` (a mapping with `standards_sets`, as in seed/reference/standards.yaml) that are not there yet.

    Returns how many were added. Loading the same data again adds nothing. Refuses the whole of it, naming every mistake, when it is
    malformed or would change a set that is already loaded: courses and people's records rely on the wording they were given.
    Reference data comes from files that ship with the service: seed and command line call this, no page does.
    """
    sets = data.get("standards_sets") if isinstance(data, dict) else None
    if not isinstance(sets, list) or not sets:
        raise _refused(["There must be a list called standards_sets with at least one set."])
    wrong = [problem for n, each in enumerate(sets, 1) for problem in _malformed(n, each)]
    if not wrong:
        wrong = _repeated(sets)
    if wrong:
        raise _refused(wrong)
    wrong = [words for _, words in standards_problems(tx, sets)]
    if wrong:
        raise _refused(wrong)
    known = set(tx.rows(select(StandardsSet.code, StandardsSet.version)))
    new = [each for each in sets if (each["code"], str(each["version"])) not in known]
    for each in new:
        _add(tx, each)
    return len(new)


def standards_problems(tx: Tx, sets: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """(position in the list, what stands in the way) of sets that are sound by themselves: codes taken, sets loaded otherwise."""
    loaded = {(row.code, row.version): row for row in tx.rows(select(StandardsSet.__table__))}
    owners = {row.code: row for row in tx.rows(select(Standard.__table__))}
    wrong = []
    for n, each in enumerate(sets):
        known = loaded.get((each["code"], str(each["version"])))
        wrong += [(n, words) for words in (_differences(each, known, owners) if known is not None else _taken(each, owners))]
    return wrong


def _refused(problems: list[str]) -> Invalid:
    return Invalid(
        " ".join(problems[:20]), code="standards-refused", errors=[{"field": "standards_sets", "message": problem} for problem in problems]
    )


def _malformed(n: int, each: Any) -> list[str]:
    """What is wrong with one set by itself."""
    if not isinstance(each, dict):
        return [f"Set {n} is not a mapping."]
    name = str(each.get("code") or f"Set {n}")
    missing = [key for key in NEEDED if not each.get(key)]
    if missing:
        return [f"{name} has no {', '.join(missing)}."]
    wrong = []
    if not CODE.match(str(each["code"])):
        wrong.append(f"{name}: the code must be capital letters, digits and hyphens.")
    starts, ends = each.get("in_force_from"), each.get("in_force_to")
    dates = [day for day in (starts, ends) if day is not None]
    if not all(isinstance(day, date) for day in dates):
        wrong.append(f"{name}: in_force_from and in_force_to must be dates like 2027-04-01, or null.")
    elif len(dates) == 2 and dates[0] > dates[1]:
        wrong.append(f"{name}: it goes out of force before it comes into force.")
    if not isinstance(each["items"], list):
        return [*wrong, f"{name}: items must be a list."]
    for position, item in enumerate(each["items"], 1):
        if not isinstance(item, dict) or not item.get("title") or not CODE.match(str(item.get("code", ""))):
            wrong.append(f"{name}, item {position}: it needs a title, and a code of capital letters, digits and hyphens.")
        elif not isinstance(item.get("number"), int) or item["number"] < 1:
            wrong.append(f"{name}, {item['code']}: the number must be 1 or more.")
    return wrong


def _repeated(sets: list[dict[str, Any]]) -> list[str]:
    wrong = []
    versions = [(each["code"], str(each["version"])) for each in sets]
    wrong += [f"{code} {version} is given twice." for code, version in sorted({pair for pair in versions if versions.count(pair) > 1})]
    codes = [item["code"] for each in sets for item in each["items"]]
    wrong += [f"The standard {code} is given twice." for code in sorted({code for code in codes if codes.count(code) > 1})]
    for each in sets:
        numbers = [item["number"] for item in each["items"]]
        if len(set(numbers)) < len(numbers):
            wrong.append(f"{each['code']}: two items have the same number.")
    return wrong


def _taken(each: dict[str, Any], owners: dict[str, Any]) -> list[str]:
    return [
        f"{each['code']} {each['version']}: the code {item['code']} already belongs to another set. A new version needs codes of its own."
        for item in each["items"]
        if item["code"] in owners
    ]


def _differences(each: dict[str, Any], known: Any, owners: dict[str, Any]) -> list[str]:
    """How the data differs from what is loaded under the same code and version."""
    name = f"{each['code']} {each['version']}"
    wrong = [
        f"{name} is already loaded with another {column}. Give the changed set a new version."
        for column in ("title", "in_force_from", "in_force_to")
        if getattr(known, column) != each.get(column)
    ]
    held = {row.code: (row.number, row.title) for row in owners.values() if row.set_id == known.id}
    given = {item["code"]: (item["number"], item["title"]) for item in each["items"]}
    differing = sorted(code for code in held.keys() | given.keys() if held.get(code) != given.get(code))
    if differing:
        wrong.append(f"{name} is already loaded with other items ({', '.join(differing)}). Give the changed set a new version.")
    return wrong


def _add(tx: Tx, each: dict[str, Any]) -> None:
    set_id = tx.insert(
        StandardsSet,
        code=each["code"],
        version=str(each["version"]),
        title=each["title"],
        in_force_from=each.get("in_force_from"),
        in_force_to=each.get("in_force_to"),
        verified=each.get("verified") is True,
    )
    tx.insert_many(
        Standard,
        [
            dict(code=item["code"], set_id=set_id, number=item["number"], title=item["title"], verified=item.get("verified") is True)
            for item in each["items"]
        ],
    )
    tx.record("standards.loaded", "standards_sets", set_id, code=each["code"], version=str(each["version"]))
