"""Invented organisations of a few dozen people, and something that is true of some of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from app.measures.hiding import ALL, Line, Name


@dataclass
class Someone:
    team: tuple[Name, ...]  # from the service down
    stage: Name
    contract: Name
    counted: bool = True
    true: bool = False


@dataclass
class Organisation:
    people: list[Someone]
    parent: dict[Name, Name | None] = field(default_factory=dict)

    def groups(self, one: Someone) -> Iterator[Name]:
        yield from (ALL, *one.team, one.stage, one.contract)

    def lines(self) -> list[Line]:
        num, den = dict.fromkeys(self.parent, 0), dict.fromkeys(self.parent, 0)
        for one in self.people:
            for name in self.groups(one):
                den[name] += one.counted
                num[name] += one.true and one.counted
        return [Line(name, parent, num[name], den[name], num[name], den[name]) for name, parent in self.parent.items()]

    def inside(self) -> dict[Name, dict[Name, tuple[int, int]]]:
        """Of each part the `num` and `den` of its people in every stage and contract."""
        found: dict[Name, dict[Name, tuple[int, int]]] = {name: {} for name in self.parent if name[0] == "tree"}
        for one in self.people:
            if one.counted:
                for part in one.team:
                    for name in (one.stage, one.contract):
                        num, den = found[part].get(name, (0, 0))
                        found[part][name] = num + one.true, den + 1
        return found


def organisation(chance: Random, most: int = 14) -> Organisation:
    """One of random shape; people are unevenly spread, and what is true of them may be rare, usual, or usual in some parts only."""
    made = Organisation([], {ALL: None})
    leaves: list[tuple[Name, ...]] = []

    def grow(path: tuple[Name, ...], depth: int) -> None:
        parts = chance.randint(2, 4) if depth < 3 and (depth == 0 or chance.random() < 0.6) else 0
        for n in range(parts):
            name = ("tree", f"{path[-1][1]}.{n}" if path else str(n))
            made.parent[name] = path[-1] if path else ALL
            grow((*path, name), depth + 1)
        if not parts:
            leaves.append(path)

    grow((), 0)
    stages = [("stage", str(n)) for n in range(chance.randint(2, 6))]
    contracts = [("contract", word) for word in ("permanent", "temporary", "agency")]
    made.parent |= dict.fromkeys([*stages, *contracts], ALL)
    usual = chance.choice((0.03, 0.1, 0.3, 0.6, 0.9, 0.97))
    for path in leaves:
        likely = usual if chance.random() < 0.7 else chance.choice((0.0, 0.05, 0.5, 0.95, 1.0))
        for _ in range(chance.choice((0, 1, 3, 6, 8, 10, most, most))):
            one = Someone(path, chance.choices(stages, [4, 3, *[1] * (len(stages) - 2)])[0], chance.choices(contracts, (8, 2, 1))[0])
            one.true = chance.random() < likely
            made.people.append(one)
    return made
