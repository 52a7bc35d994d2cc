"""The kinds of report: who reads them, of which months there is one, and which parts they have, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["headline", "glance", "strategy", "themes", "attention", "replies", "sources", "definitions"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of report is called, for whom it is, what it is made of, and the months it is about where nobody says otherwise."""

    title: str
    board: str
    parts: tuple[Part, ...]
    months: tuple[int, ...]

    @property
    def all_measures(self) -> bool:
        """Has every measure a section of its own? Otherwise only those that miss their target or got worse."""
        return "themes" in self.parts


EVERY_MONTH = tuple(range(1, 13))
KINDS: dict[str, Kind] = {
    "board": Kind(
        "Workforce report",
        "Workforce Planning Board",
        ("headline", "glance", "themes", "replies", "sources", "definitions"),
        EVERY_MONTH,
    ),
    "review": Kind(
        "Annual review of the workforce strategy",
        "annual review",
        ("headline", "strategy", "glance", "themes", "replies", "sources", "definitions"),
        (3,),
    ),
    "improvement": Kind(
        "Workforce improvement pack",
        "Continuous Improvement Board",
        ("headline", "attention", "replies", "sources", "definitions"),
        (3, 6, 9, 12),
    ),
}
HEADLINE = "headline"


def theme_key(theme: str) -> str:
    """Under what a commentary on a theme is kept."""
    return f"theme-{theme}"


def measure_key(code: str) -> str:
    """Under what a commentary on a measure is kept."""
    return f"measure-{code}"
