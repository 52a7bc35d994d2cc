"""What two people, or two tabs of one, wrote at once, put together item by item; and what changed, word by word. Pure functions.

A page knows what it was given by the fingerprint of each item, not by the number of a revision: while somebody types, their newest
revision is overwritten, so that its number alone does not say which words a second page had before it (docs/portfolio.md).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

MOST_COMPARED = 1_000_000  # pairs of words in one changed passage; beyond that it is shown as a whole, so that no page takes seconds
_TOKENS = re.compile(
    r"\n|\w+[^\S\n]*|[^\w\s][^\S\n]*|[^\S\n]+"
)  # with the space after them: a word that is everywhere makes comparing slow
_SENTENCES = re.compile(r"[^.!?\n]*[.!?\n]+[^\S\n]*|[^.!?\n]+")

Piece = tuple[Literal["same", "gone", "new"], str]


def fingerprint(words: str) -> str:
    """Sixteen hexadecimal digits that stand for these words; nothing can be read from them but whether two are the same."""
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def fingerprints(content: Mapping[str, str], codes: Iterable[str]) -> dict[str, str]:
    """The fingerprint of each of these items, empty ones included."""
    return {code: fingerprint(content.get(code, "")) for code in codes}


@dataclass(frozen=True, slots=True)
class Merged:
    """`content`: everything, put together. `changed`: items that are new in it. `clashes`: what could not be put in, by item."""

    content: dict[str, str]
    changed: frozenset[str]
    clashes: dict[str, str]


def merge(current: Mapping[str, str], mine: Mapping[str, str], had: Mapping[str, str]) -> Merged:
    """Put `mine` on top of `current`. `had`: fingerprints of the items as the writer's page was given them.

    An item the writer did not touch stays as it is by now; one that nobody else touched becomes the writer's; one that both changed, and
    differently, stays as it is and is a clash. An item whose fingerprint is missing counts as touched by both.
    """
    content, changed, clashes = dict(current), set(), {}
    for item, words in mine.items():
        now = current.get(item, "")
        if words == now or had.get(item) == fingerprint(words):
            continue
        if had.get(item) != fingerprint(now):
            clashes[item] = words
            continue
        changed.add(item)
        if words:
            content[item] = words
        else:
            content.pop(item, None)
    return Merged(content, frozenset(changed), clashes)


def merge_tags(current: Sequence[str], mine: Sequence[str], had: str | None) -> list[str]:
    """Tags, likewise; where both changed them, those of both."""
    now = fingerprint(" ".join(sorted(current)))
    if had == fingerprint(" ".join(sorted(mine))):
        return sorted(current)
    return sorted(mine) if had == now else sorted({*current, *mine})


def tag_fingerprint(tags: Iterable[str]) -> str:
    """What stands for these tags."""
    return fingerprint(" ".join(sorted(tags)))


def both(first: str, second: str, when: str) -> str:
    """Two wordings of one answer in one text, where nobody is there to choose; `when` says where the second is from."""
    return f"{first}\n\n[{when}]\n{second}" if first and second and second not in first else first or second


def differences(before: str, after: str) -> list[Piece]:
    """What stayed, went and came, in reading order; put together without "gone" it is `after`, without "new" it is `before`."""
    pieces: list[Piece] = []
    for same, old, new in _passages(_SENTENCES.findall(before), _SENTENCES.findall(after), paired=True):
        if same:
            _add(pieces, "same", new)
            continue
        gone, come = _TOKENS.findall(old), _TOKENS.findall(new)
        near = len(gone) * len(come) <= MOST_COMPARED
        for alike, out, into in _passages(gone, come) if near else [(False, old, new)]:
            if alike:
                _add(pieces, "same", into)
            else:
                _add(pieces, "gone", out)
                _add(pieces, "new", into)
    return pieces


def _passages(old: Sequence[str], new: Sequence[str], *, paired: bool = False) -> Iterator[tuple[bool, str, str]]:
    """(whether they are the same, the old words, the new words), in reading order. `paired`: one by one where there are as many."""
    for verb, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if paired and verb == "replace" and b - a == d - c:  # each has most likely become the one in its place
            yield from ((False, before, after) for before, after in zip(old[a:b], new[c:d], strict=True))
        else:
            yield verb == "equal", "".join(old[a:b]), "".join(new[c:d])


def _add(pieces: list[Piece], kind: Literal["same", "gone", "new"], words: str) -> None:
    if words and pieces and pieces[-1][0] == kind:
        pieces[-1] = (kind, pieces[-1][1] + words)
    elif words:
        pieces.append((kind, words))
