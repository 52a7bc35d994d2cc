"""What differs between two definitions, in words: things in lists are matched by their code, wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

NAMES = {
    "starts_from": "first start date",
    "starts_to": "last start date",
    "nominal_months": "usual length in months",
    "due_month": "due in month",
    "in_portfolio": "text in the portfolio",
    "completed_by": "completed by",
    "signed_by": "signed by, in order",
    "protected_percent": "protected time, per cent",
    "workload_percent": "workload, per cent of an experienced worker’s",
    "supervision_rule": "supervision rule",
    "recommended_by": "outcome recommended by",
    "confirmed_by": "outcome confirmed by",
    "max_years_for_grant": "years since qualifying for the grant",
    "otj_minimum_hours": "off-the-job hours",
    "by": "answered by",
    "ksbs": "knowledge, skills and behaviours",
    "form": "",  # a document has one: it goes without saying
    "definition": "",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `before` is empty for what was added, `after` for what was removed."""

    kind: str  # added · removed · changed · order
    where: str  # "Stages › Foundational review › Documents › Direct observation 1"
    before: str
    after: str

    @property
    def said(self) -> str:
        """As one sentence."""
        if self.kind == "added":
            return f"{self.where}: added {self.after}"
        if self.kind == "removed":
            return f"{self.where}: removed {self.before}"
        if self.kind == "order":
            return f"{self.where}: now in the order {self.after}"
        return f"{self.where}: {self.before} became {self.after}"


def differences(old: Any, new: Any) -> list[Difference]:
    """Everything that differs, in the order of the definition."""
    return list(_walk(old, new, ()))


def _walk(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[Difference]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from _walk(old.get(key), new.get(key), (*path, NAMES.get(key, key.replace("_", " "))))
    elif _coded(old) and _coded(new):
        yield from _things({each["code"]: each for each in old}, {each["code"]: each for each in new}, path)
    elif isinstance(old, list) and isinstance(new, list) and not _plain(old, new):
        yield Difference("changed", _place(path), _words(old), _words(new))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _values(old, new, path)
    elif old is None or old in ({}, []):
        yield Difference("added", _place(path), "", _words(new))
    elif new is None or new in ({}, []):
        yield Difference("removed", _place(path), _words(old), "")
    else:
        yield Difference("changed", _place(path), _words(old), _words(new))


def _things(old: dict[str, Any], new: dict[str, Any], path: tuple[str, ...]) -> Iterator[Difference]:
    for code, thing in old.items():
        if code in new:
            yield from _walk(thing, new[code], (*path, _title(new[code])))
        else:
            yield Difference("removed", _place(path), _title(thing), "")
    for code, thing in new.items():
        if code not in old:
            yield Difference("added", _place(path), "", _title(thing))
    before, after = [code for code in old if code in new], [code for code in new if code in old]
    if before != after:
        yield Difference(
            "order", _place(path), _words([_title(old[code]) for code in before]), _words([_title(new[code]) for code in after])
        )


def _values(old: list[Any], new: list[Any], path: tuple[str, ...]) -> Iterator[Difference]:
    gone, come = [value for value in old if value not in new], [value for value in new if value not in old]
    if not gone and not come:
        yield Difference("order", _place(path), _words(old), _words(new))
        return
    if gone:
        yield Difference("removed", _place(path), _words(gone), "")
    if come:
        yield Difference("added", _place(path), "", _words(come))


def _coded(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) and "code" in each for each in value)


def _plain(*lists: list[Any]) -> bool:
    return not any(isinstance(each, dict | list) for one in lists for each in one)


def _title(thing: dict[str, Any]) -> str:
    said = str(thing.get("title") or thing.get("label") or "")
    return f"“{said}” ({thing['code']})" if said else str(thing["code"])


def _place(path: tuple[str, ...]) -> str:
    said = " › ".join(step for step in path if step)
    return said[:1].upper() + said[1:]


def _words(value: Any) -> str:
    """A value as the page says it."""
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_words(each) for each in value)
    if isinstance(value, dict):
        return "; ".join(
            f"{NAMES.get(key, key.replace('_', ' '))} {_words(each)}" for key, each in value.items() if each not in (None, "", [], {})
        )
    return str(value)
