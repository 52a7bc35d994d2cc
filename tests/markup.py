"""What a page is made of, whatever it says: pages of the same markup have the same barriers and the same faults of HTML."""

from __future__ import annotations

import re
from itertools import pairwise

Markup = frozenset[tuple[str, str]]
_TAG = re.compile(r"<([a-z0-9]+)((?:\s[^<>]*)?)>")
_ATTRIBUTE = re.compile(r"([a-z-]+)(?:=\"([^\"]*)\")?")
_TELLING = ("class", "role", "type", "scope", "aria-hidden")  # attributes whose values count; of others, that they are there


def markup(html: str) -> Markup:
    """The pairs of kinds of element that follow each other within the page's main part."""
    main = html.partition("<main")[2].partition("</main>")[0]
    kinds = [_kind(tag, given) for tag, given in _TAG.findall("<main" + main)]
    return frozenset(pairwise(kinds))


def _kind(tag: str, given: str) -> str:
    said = sorted(f"{name}={value}" if name in _TELLING else name for name, value in _ATTRIBUTE.findall(given))
    return f"{tag} {' '.join(said)}"
