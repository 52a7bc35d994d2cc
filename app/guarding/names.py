"""Names somebody must not write, kept so that nobody can read them again, not even they themselves: as digests under the council's key.

A name is one to four words. They are compared without case, accents, apostrophes and hyphens; a family's plural and "…’s" count too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise

from app.core.text import query_words

MOST_WORDS = 4  # of one name
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_SENTENCE = re.compile(r"(?:^|[.!?:;\n\"“(•*])[ \n]*$")
ORDINARY = frozenset(
    """amber angel art april august autumn baker bank banks barber bell berry best bill bishop black blue bond book brook brooks brown bush
    buck cannon carpenter case chance charity chase church clay coal cole colt constant cook cooper cross crystal daisy dale dawn day
    dean drew duke eve fair faith farmer field fields finch fisher flower ford forest fox frank free frost gale gardener gay gene glen
    gold good grace grant gray green grey guy hall hand harmony heath hill hills holly holmes honey hope house hunt hunter iris ivy
    jack jade jasmine jean jewel joy judge june justice king knight lance lane law lily long love mark marks marsh martin mason may
    mercy mike miles mill miller mills miner moon moore music nash noble north olive page palmer park parks parish pat patience pearl
    penny peter piper pond poppy potter price prince queen rain ray reed rich river rivers rob robin rock rose ruby rush rusty sage
    sandy savannah sharp shaw shepherd short sky small smart smith snow south spring star steel stone storm strong sue summer summers
    sunny swan taylor teddy temple tony town turner vale violet walker wall ward waters way webb wells west white will wills win
    winter wise wood woods worth young""".split()
)
"""Names that are also words of a sentence: they count where they have a capital that the sentence did not give them."""


@lru_cache(maxsize=20_000)
def fold(word: str) -> str:
    """A word as names are compared."""
    return "".join(query_words(word))


def folded(name: str) -> tuple[str, ...]:
    """The words of a name, as they are compared; empty if there is none in it."""
    return tuple(word for word in (fold(each) for each in _WORD.findall(name.replace("’", "'"))) if word)


def spans(text: str, lengths: Collection[int], known: Callable[[str], bool | None]) -> Iterator[tuple[int, int]]:
    """(start, end) of each place where a name stands. `known` says of words, with a space between: True, a name; False, a name that is also
    an ordinary word; None, neither."""
    words = [(found.start(), found.end(), fold(found[0].removesuffix("'s").removesuffix("'S"))) for found in _WORD.finditer(text)]
    answers: dict[str, bool | None] = {}

    def ask(said: str) -> bool | None:
        if said not in answers:
            answers[said] = known(said)
        return answers[said]

    for length in sorted(lengths, reverse=True):
        for at in range(len(words) - length + 1):
            run = words[at : at + length]
            if length > 1 and any(later[0] - one[1] > 3 for one, later in pairwise(run)):
                continue  # words of another line or sentence
            said = " ".join(word for _, _, word in run)
            answer = ask(said)
            if answer is None and said.endswith("s") and len(said) > 3:  # "the Okafors"
                answer = ask(said[:-1])
            if answer is None or (answer is False and not _capital(text, run[0][0])):
                continue
            yield run[0][0], run[-1][1]


def _capital(text: str, at: int) -> bool:
    """Does the word have a capital of its own, not for beginning a sentence?"""
    return text[at].isupper() and not _SENTENCE.search(text[max(at - 12, 0) : at])


@dataclass(frozen=True, slots=True)
class Plain:
    """Names as they are, for tests and measuring."""

    names: Sequence[str] = field(repr=False)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """(start, end) of each place where one stands."""
        mine = {" ".join(words): words for words in map(folded, self.names) if words}
        yield from spans(text, {len(words) for words in mine.values()}, lambda said: said not in ORDINARY if said in mine else None)


@dataclass(frozen=True, slots=True)
class Kept:
    """Names as they are kept: digests, of how many words, and whether each is also an ordinary word."""

    secret: bytes = field(repr=False)
    person_id: int
    digests: dict[str, bool] = field(repr=False)  # digest → ordinary
    lengths: frozenset[int]

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """(start, end) of each place where one stands."""
        yield from spans(text, self.lengths, self._known)

    def _known(self, said: str) -> bool | None:
        ordinary = self.digests.get(digest(self.secret, f"name {self.person_id}", said))
        return None if ordinary is None else not ordinary


def digest(secret: bytes, purpose: str, said: str) -> str:
    """What stands for words in the database: without the key nobody can try words against it. 32 hexadecimal digits."""
    salted = blake2b(purpose.encode(), digest_size=16).digest()
    return blake2b(said.encode(), key=secret, salt=salted, digest_size=16).hexdigest()
