"""Words: tidying what people type, matching names however they are spelt, and small helps with plain English."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import islice

LONGEST_WORD = 40  # characters; the index and a query cut at the same place, so they still meet
MOST_WORDS = 8  # in one query

_APOSTROPHES = dict.fromkeys(map(ord, "‘’‛`´ʼʻ′＇"), "'")
# Letters that Unicode does not take apart into a letter and an accent.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t"})
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_UNSEEN = {"Cc", "Cs", "Cn"}  # controls, half characters, and code points that mean nothing
# Invisible marks that can hide text or turn it round: zero-width space, byte order mark, direction overrides and the soft hyphen.
_TRICKS = frozenset("\u00ad\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")


def _plain(text: str) -> str:
    """Lower case, no accents, one kind of apostrophe."""
    if text.isascii():
        return text.lower().replace("`", "'")
    text = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES))
    text = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    return "".join(c for c in text if unicodedata.category(c) not in ("Mn", "Cf"))


def search_words(*parts: str | None) -> str:
    """What to put in the search index for these texts: each word once, in order, with single spaces.

    "O'Neill" is found as "oneill", "o" and "neill"; an e-mail address or a hyphenated name as its pieces.
    """
    words: dict[str, None] = {}
    for part in parts:
        for word in _WORD.findall(_plain(part)) if part else ():
            if "'" in word:
                words[word.replace("'", "")[:LONGEST_WORD]] = None
            for piece in word.split("'"):
                words[piece[:LONGEST_WORD]] = None
    return " ".join(words)


def query_words(query: str) -> list[str]:
    """The words to look for, all of them: at most 8, each at most 40 characters, as `search_words` would have written them.

    "O'Neill" asks for "oneill" only, so that it also finds a person recorded as ONeill.
    """
    found = dict.fromkeys(word.replace("'", "")[:LONGEST_WORD] for word in _WORD.findall(_plain(query)))
    return list(islice(found, MOST_WORDS))


def slug(title: str, longest: int = 80) -> str:
    """A title as part of an address: "Children's rights" → "childrens-rights". Cut between words; "untitled" if nothing is left."""
    words = [word.replace("'", "") for word in _WORD.findall(_plain(title))]
    words = [kept for word in words if (kept := re.sub(r"[^a-z0-9]", "", word))]
    text = "-".join(words)
    if len(text) > longest:
        text = text[:longest].rsplit("-", 1)[0] if text[longest] != "-" else text[:longest]
    return text or "untitled"


def plural(n: int, noun: str, many: str | None = None) -> str:
    """A count in words: "1 place", "2 places", "1,286 people" (`many` says the irregular form)."""
    return f"{n:,} {noun if n == 1 else many or _many(noun)}"


def _many(noun: str) -> str:
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def ordinal(n: int) -> str:
    """A position in words: "1st", "2nd", "11th", "23rd"."""
    ending = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{ending}"


def normal(text: str) -> str:
    """One tidy line: trimmed, single spaces for any white space and line breaks, composed letters (NFC), nothing invisible."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    spaced = " ".join(text.split())  # before controls go, so that a tab or line break still parts two words
    seen = "".join(c for c in spaced if unicodedata.category(c) not in _UNSEEN and c not in _TRICKS)
    return " ".join(unicodedata.normalize("NFC", seen).split())


def tidy(text: str) -> str:
    """Several lines as they are kept: composed letters, one kind of line end, no white space around them, nothing that cannot be shown."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", ""))
    return "\n".join(line.rstrip() for line in text.split("\n")).strip()


def lines(text: str) -> str:
    """Several lines as `tidy` keeps them, each of them without anything invisible, as in `normal`."""
    return tidy("\n".join(normal(line) for line in tidy(text).split("\n")))


def shorten(text: str, longest: int) -> str:
    """At most `longest` characters, cut between words with an ellipsis where it was too long."""
    if len(text) <= longest:
        return text
    cut = text[: longest - 1]
    if " " in cut[longest // 2 :]:
        cut = cut.rsplit(" ", 1)[0]
    return cut.rstrip(" ,;:.-–") + "…"


@lru_cache(maxsize=512)
def duration(minutes: int) -> str:
    """How long something takes: "45 minutes", "3 hours", "1 hour 30 minutes"."""
    hours, rest = divmod(minutes, 60)
    return " ".join(plural(n, noun) for n, noun in ((hours, "hour"), (rest, "minute")) if n or (noun == "minute" and not hours))
