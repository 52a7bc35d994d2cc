"""How well the guard finds what it should, on the committed cases: `python -m tests.guarding.measure` prints the tables.

A finding is right if it is of the marked kind, covers all that is marked, and at most GENEROUS characters more: taking it out must leave
nothing of it behind and not tear the sentence apart.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from app.guarding.finding import KINDS, findings

CASES = Path(__file__).parent / "cases"
TODAY = date(2026, 3, 2)  # of every case
OURS = ("westmarch.example",)
GENEROUS = 30  # characters
_MARK = re.compile(r"\[\[(\w+): (.*?)\]\]")


@dataclass(frozen=True)
class Case:
    """One line: its text without marks, and what is to be found in it as (kind, start, end)."""

    line: int
    text: str
    wanted: tuple[tuple[str, int, int], ...]
    names: tuple[str, ...]


@dataclass
class Score:
    """How many were found rightly, found wrongly, and missed, by kind; and each mistake with its line."""

    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    mistakes: list[str] = field(default_factory=list)

    def recall(self, *kinds: str) -> float:
        """Of what should be found, the share that is."""
        right, missed = (sum(of[kind] for kind in kinds or KINDS) for of in (self.right, self.missed))
        return right / (right + missed) if right + missed else 1.0

    def precision(self, *kinds: str) -> float:
        """Of what is found, the share that should be."""
        right, wrong = (sum(of[kind] for kind in kinds or KINDS) for of in (self.right, self.wrong))
        return right / (right + wrong) if right + wrong else 1.0


def cases(name: str) -> Iterator[Case]:
    """The cases of one file."""
    names: tuple[str, ...] = ()
    for number, line in enumerate((CASES / f"{name}.txt").read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("names:"):
            names = tuple(each.strip() for each in line.removeprefix("names:").split(",") if each.strip())
        elif line and not line.startswith("#"):
            text, wanted = unmarked(line)
            yield Case(number, text, wanted, names)


def unmarked(line: str) -> tuple[str, tuple[tuple[str, int, int], ...]]:
    """A marked line as its text, and what is marked in it."""
    text, wanted, at = "", [], 0
    for found in _MARK.finditer(line):
        text += line[at : found.start()]
        wanted.append((found[1], len(text), len(text) + len(found[2])))
        text += found[2]
        at = found.end()
    return text + line[at:], tuple(wanted)


def score(of: Sequence[Case]) -> Score:
    """What the guard makes of these cases."""
    made = Score()
    for case in of:
        left = list(case.wanted)
        for one in findings(case.text, case.names, today=TODAY, ours=OURS):
            hit = next((w for w in left if w[0] == one.kind and _covers((one.start, one.end), w[1:])), None)
            if hit is None:
                made.wrong[one.kind] += 1
                made.mistakes.append(f"{case.line:4} wrong  {one.kind:10} {one.said!r} in {case.text!r}")
            else:
                made.right[one.kind] += 1
                left.remove(hit)
        for kind, start, end in left:
            made.missed[kind] += 1
            made.mistakes.append(f"{case.line:4} missed {kind:10} {case.text[start:end]!r} in {case.text!r}")
    return made


def _covers(found: tuple[int, int], wanted: tuple[int, int]) -> bool:
    return found[0] <= wanted[0] and found[1] >= wanted[1] and (found[1] - found[0]) - (wanted[1] - wanted[0]) <= GENEROUS


def table(name: str, of: Sequence[Case], made: Score) -> str:
    """The measurement as text, a line for each kind."""
    hard = sum(not case.wanted for case in of)
    lines = [f"{name}: {len(of)} cases, {hard} of them hard negatives", f"{'':12}{'to find':>8}{'right':>7}{'wrong':>7}{'missed':>7}"]
    lines[-1] += f"{'recall':>9}{'precision':>11}"
    for kind in (*KINDS, "all"):
        which = tuple(KINDS) if kind == "all" else (kind,)
        right, wrong, missed = (sum(each[one] for one in which) for each in (made.right, made.wrong, made.missed))
        figures = f"{right + missed:>8}{right:>7}{wrong:>7}{missed:>7}{made.recall(*which):>9.3f}{made.precision(*which):>11.3f}"
        lines.append(f"{kind:12}{figures}")
    return "\n".join(lines)


def main() -> None:
    """Print the table of each half; with --mistakes, those of the tuned half too."""
    for name in ("tuned", "held_out"):
        of = list(cases(name))
        made = score(of)
        print(table(name, of, made))
        if "--mistakes" in sys.argv and name == "tuned":
            print("\n".join(made.mistakes))
        print()


if __name__ == "__main__":
    main()
