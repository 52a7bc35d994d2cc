"""Somebody who works out hidden numbers: an exact solver that is given all that a reader knows, and nothing of how numbers are hidden."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TypeVar

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp  # type: ignore[import-untyped]

Name = tuple[str, ...]


@dataclass
class Knowledge:
    """What a reader knows: bounds of every number, sums that hold between them, and numbers that fall by so many at most."""

    low: dict[Name, float] = field(default_factory=dict)
    high: dict[Name, float] = field(default_factory=dict)
    sums: list[tuple[Name, Sequence[Name]]] = field(default_factory=list)
    falls: list[tuple[Name, Name, int]] = field(default_factory=list)  # earlier, later, by how many at most

    def number(self, name: Name, low: float, high: float) -> None:
        self.low[name], self.high[name] = low, high

    def known(self, name: Name, value: float) -> None:
        self.number(name, value, value)

    def range(self, name: Name) -> tuple[int, int]:
        """The smallest and the greatest whole number that it could be."""
        if not hasattr(self, "_matrix"):
            self._build()
        found = []
        for sign in (1, -1):
            aim = np.zeros(len(self.names))
            aim[self.at[name]] = sign
            answer = milp(aim, constraints=self._matrix, bounds=self._bounds, integrality=np.ones(len(self.names)))
            assert answer.success, answer.message
            found.append(round(sign * answer.fun))
        return found[0], found[1]

    def _build(self) -> None:
        self.names = list(self.low)
        self.at = {name: n for n, name in enumerate(self.names)}
        rows, lows, highs = [], [], []
        for total, parts in self.sums:
            row = np.zeros(len(self.names))
            row[self.at[total]] = -1
            for part in parts:
                row[self.at[part]] += 1
            rows.append(row)
            lows.append(0.0)
            highs.append(0.0)
        for earlier, later, most in self.falls:
            row = np.zeros(len(self.names))
            row[self.at[later]], row[self.at[earlier]] = 1, -1
            rows.append(row)
            lows.append(float(-most))
            highs.append(np.inf)
        self._matrix = LinearConstraint(np.array(rows), lows, highs) if rows else ()
        self._bounds = Bounds([self.low[name] for name in self.names], [self.high[name] for name in self.names])


N = TypeVar("N", bound=Name)


def below(parent: Mapping[N, N | None], name: N) -> set[N]:
    """The line itself and all lines in it."""
    found = {name}
    grown = True
    while grown:
        more = {each for each, above in parent.items() if above in found} - found
        grown = bool(more)
        found |= more
    return found


def above(parent: Mapping[N, N | None], name: N) -> list[N]:
    """The lines that a line is in, nearest first."""
    found = []
    at = parent[name]
    while at is not None:
        found.append(at)
        at = parent[at]
    return found


def told_of_few(
    atoms: Mapping[frozenset[N], int], parent: Mapping[N, N | None], shown: Collection[N], most: int
) -> list[tuple[tuple[N, ...], int]]:
    """Of which so few people the sum follows from what is shown, whatever is summed: lines beside each other, and of how many people.

    `atoms`: by the lines that they are in, how many people there are whom the reader knows nothing of. Linear algebra only, without
    bounds: what is a sum of what is shown is known exactly.
    """
    names = list(atoms)
    known = np.array([[float(line in each) for each in names] for line in shown]).reshape(len(shown), len(names))
    _, sizes, rows = np.linalg.svd(known, full_matrices=False)
    rows = rows[sizes > 1e-9]
    left = {line: sum(people for each, people in atoms.items() if line in each) for line in parent}
    families: dict[tuple[N | None, str], list[N]] = {}
    for line, people in left.items():
        if 0 < people <= most:
            families.setdefault((parent[line], line[0]), []).append(line)
    found = []
    for family in families.values():
        for many in range(1, most + 1):
            for beside in combinations(family, many):
                if sum(left[line] for line in beside) <= most:
                    aim = np.array([float(any(line in each for line in beside)) for each in names])
                    if np.allclose(rows.T @ (rows @ aim), aim, atol=1e-6):
                        found.append((beside, sum(left[line] for line in beside)))
    return found
