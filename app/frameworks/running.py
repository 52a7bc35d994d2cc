"""How many enrolments run on a version. Enrolments live in a room above, which says here how to count them."""

from __future__ import annotations

from collections.abc import Callable

from app.core.tx import Tx

Counter = Callable[[Tx, str], dict[int, int]]
_counters: list[Counter] = []


def count_with(counter: Counter) -> Counter:
    """Register how to count: given a programme's code, {id of the version: enrolments that run on it}. For the room above, once."""
    _counters.append(counter)
    return counter


def running(tx: Tx, programme_code: str) -> dict[int, int]:
    """Enrolments that run on each version of a programme; versions without any may be left out."""
    found: dict[int, int] = {}
    for counter in _counters:
        found |= counter(tx, programme_code)
    return found
