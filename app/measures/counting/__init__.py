"""How each measure is counted from facts. A file an area; `FUNCTIONS` knows them by the name that definitions use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module

from app.core.db import AnySelect
from app.core.tx import Tx
from app.grants import Can
from app.measures.dimensions import Moment

AREAS = ("learning", "practice", "workforce")
# A function gives either a select or rows of (person_id, num, den), everybody in the denominator once, num and den whole numbers in the
# measure's scale. A select may add `unit_id`, `stage` and `contract` of its own where those of the day do not count (of leavers those of
# their last day); rows about no person have NULL as person_id, and `unit_id`.
Rows = Iterable[tuple[int | None, int, int]]
Counting = Callable[[Tx, int, Moment], "AnySelect | Rows"]
FUNCTIONS: dict[str, Counting] = {}
FACTS: dict[str, Can] = {}  # what one has to be allowed to read of somebody to see their part in a function's figure


def counts(code: str, *, facts: Can | None = None) -> Callable[[Counting], Counting]:
    """Makes a function known to definitions by this name. `facts`: only who may read these of people gets behind the figure."""

    def known(function: Counting) -> Counting:
        if code in FUNCTIONS:
            raise ValueError(f"two functions count {code}")
        FUNCTIONS[code] = function
        if facts is not None:
            FACTS[code] = facts
        return function

    return known


def function(code: str) -> Counting:
    """What counts it. KeyError where nothing does."""
    _load()
    return FUNCTIONS[code]


def facts() -> dict[str, Can]:
    """The permissions that functions ask for beside the one to see who stands behind a figure, by function."""
    _load()
    return FACTS


def _load() -> None:
    for area in AREAS:
        import_module(f"app.measures.counting.{area}")
