"""The plain text of a message as a page: what the text says, its HTML says too, because it is made from it.

The text is written by our templates, with these shapes: paragraphs between empty lines, headings underlined with hyphens, lists of lines
that begin with "* " (two spaces go on with an item), and "Label: address" for a link of ours.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from markupsafe import Markup, escape

_LINK = re.compile(r"(.{1,80}?): (https?://[^\s<>\"]+)")


@dataclass(frozen=True, slots=True)
class Block:
    """One piece: "heading", "paragraph" or "list", with its lines (of a list: its items, each of one or more lines)."""

    kind: str
    lines: list[str]
    items: list[list[str]] = field(default_factory=list)


def blocks(text: str) -> list[Block]:
    """The pieces of a message's plain text, in order."""
    found: list[Block] = []
    for piece in re.split(r"\n{2,}", text.strip()):
        lines = piece.split("\n")
        if len(lines) > 1 and len(lines[1]) >= 3 and set(lines[1]) == {"-"}:
            found.append(Block("heading", [lines[0]]))
            lines = lines[2:]
        items = _items(lines)
        if items:
            found.append(Block("list", [], items))
        elif lines:
            found.append(Block("paragraph", lines))
    return found


def _items(lines: list[str]) -> list[list[str]]:
    if not lines or not lines[0].startswith("* "):
        return []
    items: list[list[str]] = []
    for line in lines:
        if line.startswith("* "):
            items.append([line[2:]])
        else:
            items[-1].append(line.removeprefix("  "))
    return items


def html(text: str, *, trusted: Collection[str], classes: bool = False) -> Markup:
    """The text as HTML. Only addresses that begin with one of `trusted` can be clicked. `classes`: dressed for a page of the service."""
    made = []
    for block in blocks(text):
        if block.kind == "heading":
            made.append(Markup("<h2{}>{}</h2>").format(_dress(classes, "govuk-heading-m"), block.lines[0]))
        elif block.kind == "list":
            items = Markup("\n").join(Markup("<li>{}</li>").format(_lines(item, trusted, classes)) for item in block.items)
            made.append(Markup("<ul{}>\n{}\n</ul>").format(_dress(classes, "govuk-list govuk-list--bullet"), items))
        else:
            made.append(Markup("<p{}>{}</p>").format(_dress(classes, "govuk-body"), _lines(block.lines, trusted, classes)))
    return Markup("\n").join(made)


def _dress(classes: bool, names: str) -> Markup:
    return Markup(' class="{}"').format(names) if classes else Markup("")


def _lines(lines: list[str], trusted: Collection[str], classes: bool) -> Markup:
    return Markup("<br>").join(_line(line, trusted, classes) for line in lines)


def _line(line: str, trusted: Collection[str], classes: bool) -> Markup:
    found = _LINK.fullmatch(line)
    if found is None or not any(found[2].startswith(start) for start in trusted):
        return escape(line)
    return Markup('<a{} href="{}">{}</a>').format(_dress(classes, "govuk-link"), found[2], found[1])
