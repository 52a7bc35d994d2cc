"""How long the guard takes over 10,000 words: pages somebody wrote, without anything to find and full of it, with a list of names.

python -m benchmarks.guard
"""

from __future__ import annotations

import secrets
import sys
import time
from itertools import cycle, islice

from app.guarding.finding import findings
from app.guarding.names import ORDINARY, Kept, digest, folded
from tests.guarding import measure

WORDS = 10_000
LIMIT = 0.200  # seconds, issue 6
TIMES = 7
PLAIN = (
    "I learnt to slow down and to listen before I write. My reflection: I asked more open questions than last time, and it changed the "
    "conversation with the family. My supervisor and I discussed thresholds, chronologies and the Mental Capacity Act 2005 on 12 November. "
)


def kept(count: int) -> Kept:
    """A list of so many names, as it is kept."""
    secret, names = (
        secrets.token_bytes(32),
        [f"Name{chr(97 + n // 26)}{chr(97 + n % 26)}" + (" Second" if n % 3 else "") for n in range(count)],
    )
    said = [" ".join(folded(name)) for name in names]
    return Kept(secret, 1, {digest(secret, "name 1", one): one in ORDINARY for one in said}, frozenset({1, 2}))


def texts() -> dict[str, str]:
    """What is read: words without anything to find, and the committed cases one after the other."""
    cases = [word for name in ("tuned", "held_out") for case in measure.cases(name) for word in [*case.text.split(" "), "\n"]]
    return {"plain words": " ".join(islice(cycle(PLAIN.split(" ")), WORDS)), "the committed cases": " ".join(islice(cycle(cases), WORDS))}


def quickest(text: str, names: Kept | None) -> tuple[float, int]:
    """Seconds of the quickest of some runs, and how much was found."""
    best, found = 9.0, 0
    for _ in range(TIMES):
        began = time.perf_counter()
        found = len(findings(text, names or ()))
        best = min(best, time.perf_counter() - began)
    return best, found


def main() -> int:
    """Print the table; 1 if anything took longer than the limit."""
    print(f"10,000 words, the quickest of {TIMES} runs. The limit is {LIMIT * 1000:.0f} ms.\n")
    print("| text | list of names | found | ms |\n|---|---|---|---|")
    slow = 0
    for words, text in texts().items():
        for count in (0, 100):
            took, found = quickest(text, kept(count) if count else None)
            slow |= took > LIMIT
            print(f"| {words} | {count or 'none'} | {found} | {took * 1000:.0f} |")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
