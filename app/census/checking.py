"""The collection's checks of a return: what is missing, what no code or form allows, and the rules of the year's guide.

A message names a person by their number in the return, the item and the value; values of private items are left out.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from app.census.filling import Year
from app.census.guide import GIVEN, IN_YEAR, MISSING, NOT_IN_YEAR, REPEATED, Guide, Is, Item, Rule

NEEDED, FORM = "missing", "form"  # codes of the two rules that every item has
ERROR, QUERY = "error", "query"
AUTHORITY = 0  # the number under which messages about the authority stand
Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to correct (an error) or to look at (a query)."""

    number: int
    kind: str
    rule: str
    item: str
    value: str


def check(guide: Guide, year: Year, people: Sequence[tuple[int, Values]], authority: Values) -> list[Message]:
    """Every message about a return, by number. `people`: (number, values as they are returned)."""
    seen = {rule.item: Counter(values.get(rule.item, "").lower() for _, values in people) for rule in guide.rules if rule.is_ == REPEATED}
    tests = [(rule, _Test(guide, year, seen)) for rule in guide.rules]
    ours = [(rule, test) for rule, test in tests if rule.item in guide.known]
    found: list[Message] = []
    asked = _Test(guide, year, seen)
    for number, values in people:
        found += _of_items(guide.items, number, values, asked)
        found += _of_rules(ours, number, values, guide.known)
    found += _of_items(guide.authority_items, AUTHORITY, authority, asked, always=True)
    found += _of_rules([each for each in tests if each[0].item in guide.of_authority], AUTHORITY, authority, guide.of_authority)
    return found


def _of_items(items: Sequence[Item], number: int, values: Values, test: _Test, *, always: bool = False) -> Iterator[Message]:
    for item in items:
        value = values.get(item.code, "")
        if not value:
            if always or (item.needed is not None and test.all_hold(item.needed, values)):
                yield Message(number, ERROR, NEEDED, item.code, "")
        elif not fits(item, value):
            yield Message(number, ERROR, FORM, item.code, shown(item, value))


def _of_rules(rules: Sequence[tuple[Rule, _Test]], number: int, values: Values, known: Mapping[str, Item]) -> Iterator[Message]:
    for rule, test in rules:
        if test.holds(rule.item, rule.is_, values) and test.all_hold(rule.when, values):
            yield Message(number, rule.kind, rule.code, rule.item, shown(known[rule.item], values.get(rule.item, "")))


def shown(item: Item, value: str) -> str:
    """What of a value may stand in a message."""
    return "" if item.private else value[:200]


# Forms ---------------------------------------------------------------------------------------------------------------


def fits(item: Item, value: str) -> bool:
    """Is this text a value that the collection takes for the item?"""
    if item.kind == "choice":
        return value in item.choices
    if item.kind == "pattern":
        return re.fullmatch(item.pattern, value, re.ASCII) is not None  # digits of other scripts are none to the collection
    if item.kind == "date":
        return day_of(value) is not None
    if item.kind == "text":
        return bool(value.strip()) and len(value) <= (item.most or 200)
    return _is_amount(item, value)


def _is_amount(item: Item, value: str) -> bool:
    number = number_of(value)
    if number is None or (item.kind == "whole" and "." in value) or len(value.partition(".")[2]) > item.places:
        return False
    return (item.least is None or number >= Decimal(str(item.least))) and (item.most is None or number <= Decimal(str(item.most)))


def number_of(value: str) -> Decimal | None:
    """A number written with digits and at most one point; None for anything else."""
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def day_of(value: str) -> date | None:
    """A date written 2026-09-30; None for anything else."""
    try:
        return date.fromisoformat(value) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) else None
    except ValueError:
        return None


# Conditions ----------------------------------------------------------------------------------------------------------


class _Test:
    """Asks the guide's conditions of one person's values. A condition about a value that is missing or malformed does not hold."""

    def __init__(self, guide: Guide, year: Year, seen: Mapping[str, Counter[str]]) -> None:
        self.guide, self.year, self.seen = guide, year, seen
        self.compared: dict[str, Callable[[str, Any, Values], bool]] = {
            "before": lambda value, other, values: bool(values.get(other)) and value < values[other],  # both as 2026-09-30
            "more than": lambda value, other, values: _more(value, values.get(other, "")),
            "over": lambda value, limit, _: _more(value, str(limit)),
            "under": lambda value, limit, _: _more(str(limit), value),
            "age under": lambda value, years, _: (age := self._age(value)) is not None and age < years,
            "age over": lambda value, years, _: (age := self._age(value)) is not None and age > years,
        }

    def all_hold(self, conditions: Mapping[str, Is], values: Values) -> bool:
        """Do all of these hold?"""
        return all(self.holds(item, condition, values) for item, condition in conditions.items())

    def holds(self, item: str, condition: Is, values: Values) -> bool:
        """Is the item as the condition says?"""
        value = values.get(item, "")
        if condition == MISSING:
            return not value
        if not value:
            return False
        if isinstance(condition, str):
            return self._word(item, condition, value)
        if isinstance(condition, list):
            return value in condition
        return all(self.compared[word](value, other, values) for word, other in condition.items())

    def _word(self, item: str, condition: str, value: str) -> bool:
        if condition == GIVEN:
            return True
        if condition == REPEATED:
            return self.seen[item][value.lower()] > 1
        day = day_of(value)
        inside = day is not None and self.year.first <= day <= self.year.reference
        return inside if condition == IN_YEAR else (condition == NOT_IN_YEAR and day is not None and not inside)

    def _age(self, value: str) -> int | None:
        born, on = day_of(value), self.year.reference
        return None if born is None else on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _more(value: str, other: str) -> bool:
    one, two = number_of(value), number_of(other)
    return one is not None and two is not None and one > two


def asking(guide: Guide, year: Year) -> Callable[[Mapping[str, Is], Values], bool]:
    """What says whether all of some conditions hold of somebody's values."""
    return _Test(guide, year, {}).all_hold


# What is filled ------------------------------------------------------------------------------------------------------


def summary(guide: Guide, year: Year, people: Sequence[tuple[Values, Values]]) -> dict[str, dict[str, int]]:
    """For each item: of how many people it is needed and given, by the Academy (`ours`) and by HR (`theirs`)."""
    test = _Test(guide, year, {})
    found: dict[str, dict[str, int]] = defaultdict(lambda: {"needed": 0, "missing": 0, "academy": 0, "hr": 0})
    for ours, theirs in people:
        values = merged(ours, theirs)
        for item in guide.items:
            counted = found[item.code]
            counted["academy"] += bool(values.get(item.code)) and item.code not in theirs
            counted["hr"] += bool(theirs.get(item.code))
            if item.needed is not None and test.all_hold(item.needed, values):
                counted["needed"] += 1
                counted["missing"] += not values.get(item.code)
    return {item.code: dict(found[item.code]) for item in guide.items}


def merged(ours: Values, theirs: Values) -> dict[str, str]:
    """What is returned of a person: what HR gave goes before what the Academy filled in; an empty value takes it out."""
    return {code: value for code, value in {**ours, **theirs}.items() if value}
