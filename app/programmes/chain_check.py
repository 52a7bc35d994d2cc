"""Does a chain still say what was signed? Findings in words: which entry, item, file, date, signatory or order was altered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.core.calendar import london, long_date
from app.core.canonical import NotCanonical, read
from app.programmes.chain import FORMAT, Link, field_digests, item_digest, redactions, salted, text_hash

_SHA = re.compile(r"[0-9a-f]{64}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was signed. `sequence` is the entry's place, None for the chain as a whole; `what` the path in it."""

    code: str
    sequence: int | None
    what: str
    message: str


Entry = dict[str, Any]
Files = Mapping[str, tuple[str, int]]  # the digest a file is kept under → the digest and size in bytes that it really has
Witness = Mapping[int, Mapping[str, str]]  # sequence → `field_digests` kept elsewhere when the entry was written or exported

# The shape of an entry: each field, and what it may hold. Nothing is left out and nothing may be added.
_WHAT = {"code": "text", "title": "text", "revision": "count"}
_ITEM = {"path": "text", "label": "text", "digest": "hash"}
_FILE = {**_ITEM, "sha256": "hash", "size": "count", "media_type": "text"}
_SHAPE: dict[str, Any] = {
    "format": "format",
    "framework": {"programme": "text", "version": "text", "digest": "hash"},
    "enrolment": "text",
    "sequence": "count",
    "kind": "text",
    "what": _WHAT,
    "declaration": "text",
    "items": [_ITEM],
    "files": [_FILE],
    "standards": ["text"],
    "refers_to": "count?",
    "redacts": [{"sequence": "count", "path": "text", "digest": "hash"}],
    "reason": "text?",
    "answer": "text",
    "statement": "hash?",
    "signer": {"name": "text", "registration": "text?", "capacities": ["text"]},
    "signed_at": "instant",
    "previous": "hash",
}
_HEAD_SHAPE = {name: _SHAPE[name] for name in ("format", "enrolment", "framework")} | {"started": "day"}

_FIELDS = {
    "enrolment": "the enrolment it belongs to",
    "sequence": "its number in the order",
    "kind": "what kind of entry it is",
    "what.code": "which document it is about",
    "what.title": "the title of what was signed",
    "what.revision": "which version was signed",
    "declaration": "the declaration",
    "items": "which items there are, or their order",
    "files": "which files there are, or their order",
    "standards": "the standards it is tagged with",
    "refers_to": "the entry it refers to",
    "redacts": "what it redacts",
    "reason": "the reason",
    "answer": "the answer",
    "statement": "the fingerprint of the statement",
    "signer.name": "the signatory's name",
    "signer.registration": "the signatory's registration number",
    "signer.capacities": "the signatory's capacities",
    "signed_at": "the date and time of signing",
    "previous": "the hash of the entry before",
}


def check_chain(head: str, links: Sequence[Link], files: Files | None = None, witness: Witness | None = None) -> list[Finding]:
    """Everything in a chain that is not as it was signed, in the order of the chain; none if all holds.

    `links` in their recorded order. Without `files` only the entries and openings are looked at. `witness` lets a finding name the altered
    field. A chain rewritten from end to end holds in itself: only a receipt or a daily head from outside tells.
    """
    return list(_Check(head, links, files, witness or {}).findings())


class _Check:
    def __init__(self, head: str, links: Sequence[Link], files: Files | None, witness: Witness) -> None:
        self.head, self.links, self.files, self.witness = head, links, files, witness
        self.entries: list[Entry | None] = [_entry(link.text, _SHAPE) for link in links]
        self.hashes = [text_hash(link.text) for link in links]
        self.redacted = redactions(entry for entry in self.entries if entry)

    def findings(self) -> Iterator[Finding]:
        yield from self.about_head()
        yield from self.about_order()
        for place in range(1, len(self.links) + 1):
            yield from self.about_entry(place)
            yield from self.about_link(place)
            if entry := self.entries[place - 1]:
                yield from self.about_openings(place, entry)
                yield from self.about_redacts(place, entry)
                yield from self.about_files(place, entry)
        yield from self.about_left_over_files()

    def named(self, place: int) -> str:
        """An entry in words: 'Entry 3, “Interim review” (RSPA3, version 2), signed by Ben Okafor on Tuesday 8 December 2026'."""
        entry = self.entries[place - 1]
        if not entry:
            return f"Entry {place}"
        what, signed = entry["what"], london(datetime.fromisoformat(entry["signed_at"]))
        return (
            f"Entry {place}, “{what['title']}” ({what['code']}, version {what['revision']}), "
            f"signed by {entry['signer']['name']} on {long_date(signed.date())}"
        )

    def about_head(self) -> Iterator[Finding]:
        first = self.entries[0] if self.entries else None
        head = _entry(self.head, _HEAD_SHAPE)
        if head is None:
            yield Finding("head", None, "head", "The head of the chain (reference, programme, version, start date) cannot be read.")
        elif first and first["previous"] != text_hash(self.head):
            words = "The head of the chain (reference, programme, version, start date) is not the one that the first entry was joined to."
            yield Finding("head", None, "head", words)
        for place, entry in enumerate(self.entries, 1):
            if entry and head and entry["enrolment"] != head["enrolment"]:
                yield Finding("head", place, "enrolment", f"{self.named(place)}: it belongs to another enrolment.")

    def about_order(self) -> Iterator[Finding]:
        numbers = [entry["sequence"] if entry else place for place, entry in enumerate(self.entries, 1)]
        for missing in sorted(set(range(1, min(max(numbers, default=0), len(numbers) + 1000) + 1)) - set(numbers)):
            yield Finding("missing", missing, "sequence", f"Entry {missing} is missing.")
        for number in sorted({number for number in numbers if numbers.count(number) > 1}):
            yield Finding("order", number, "sequence", f"There is more than one entry {number}.")
        if numbers != sorted(numbers):
            place = next(n for n, (is_, should) in enumerate(zip(numbers, sorted(numbers), strict=True), 1) if is_ != should)
            yield Finding("order", place, "sequence", f"The entries are out of order: entry {numbers[place - 1]} stands in place {place}.")
        last = ""
        for place, entry in enumerate(self.entries, 1):
            if entry and entry["signed_at"] < last:
                yield Finding("order", place, "signed_at", f"{self.named(place)}: its date is before that of the entry before it.")
            last = entry["signed_at"] if entry else last

    def about_entry(self, place: int) -> Iterator[Finding]:
        link, entry = self.links[place - 1], self.entries[place - 1]
        if entry is None:
            yield Finding("unreadable", place, "entry", f"Entry {place} is not in the format {FORMAT}: it was altered.")
            return
        altered = self.altered_fields(place, entry)
        for name in altered:
            yield Finding("altered", place, name, f"{self.named(place)}: {_words(entry, name)} was altered.")
        if self.hashes[place - 1] != link.hash and not altered:
            yield Finding("altered", place, "entry", f"{self.named(place)}: the entry, or the hash recorded with it, was altered.")

    def altered_fields(self, place: int, entry: Entry) -> list[str]:
        known = self.witness.get(place)
        if not known:
            return []
        now = field_digests(entry)
        return [name for name in known if now.get(name) != known[name]]

    def about_link(self, place: int) -> Iterator[Finding]:
        """Is this entry joined to the one before it, as it stands there?"""
        entry = self.entries[place - 1]
        if place == 1 or entry is None or entry["previous"] == self.hashes[place - 2]:
            return
        if entry["previous"] == self.links[place - 2].hash:
            return  # the entry before was altered and has been named; this one still vouches for what it was
        before = self.entries[place - 2]
        if before and before["sequence"] != entry["sequence"] - 1:
            words = f"{self.named(place)}: it was not signed after the entry that now stands before it."
        else:
            words = (
                f"{self.named(place - 1)}: the entry was replaced after the next one was signed, or the next one's link to it was altered."
            )
        yield Finding("link", place, "previous", words)

    def about_openings(self, place: int, entry: Entry) -> Iterator[Finding]:
        openings = self.links[place - 1].openings
        known = salted(entry)
        for path, label, expected in known:
            opening, redacted = openings.get(path), (place, path) in self.redacted
            if opening is None and not redacted:
                words = f"{self.named(place)}: the content of “{label}” is missing, and no redaction accounts for it."
                yield Finding("opening", place, path, words)
            elif opening is not None and redacted:
                yield Finding("redaction", place, path, f"{self.named(place)}: “{label}” was redacted, yet there is content for it again.")
            elif opening is not None and not _opens(opening, expected):
                yield Finding("opening", place, path, f"{self.named(place)}: “{label}” does not say what was signed.")
        for path in sorted(set(openings) - {path for path, _, _ in known}):
            yield Finding("opening", place, path, f"{self.named(place)}: content was added for “{path}”, which is not part of it.")

    def about_redacts(self, place: int, entry: Entry) -> Iterator[Finding]:
        for one in entry["redacts"]:
            if (one["sequence"], one["path"]) not in self.redacted:
                words = f"{self.named(place)}: it redacts “{one['path']}” of entry {one['sequence']}, which never held that."
                yield Finding("redaction", place, "redacts", words)

    def about_files(self, place: int, entry: Entry) -> Iterator[Finding]:
        if self.files is None:
            return
        for one in entry["files"]:
            kept = self.files.get(one["sha256"])
            if (place, one["path"]) in self.redacted:
                if kept and one["sha256"] not in self.files_needed():
                    yield Finding(
                        "redaction", place, one["path"], f"{self.named(place)}: the file “{one['label']}” was redacted, yet it is here."
                    )
            elif kept is None:
                yield Finding("file", place, one["path"], f"{self.named(place)}: the file “{one['label']}” is missing.")
            elif kept != (one["sha256"], one["size"]):
                yield Finding("file", place, one["path"], f"{self.named(place)}: the file “{one['label']}” was altered.")

    def files_needed(self) -> set[str]:
        """Digests of files that at least one entry still shows."""
        shown = ((n, one) for n, entry in enumerate(self.entries, 1) if entry for one in entry["files"])
        return {one["sha256"] for n, one in shown if (n, one["path"]) not in self.redacted}

    def about_left_over_files(self) -> Iterator[Finding]:
        known = {one["sha256"] for entry in self.entries if entry for one in entry["files"]}
        for name in sorted(set(self.files or ()) - known):
            yield Finding("file", None, f"files/{name}", f"The file {name} is not part of any entry.")


def shown_files(links: Sequence[Link]) -> set[str]:
    """Digests of the files that entries still show, redacted ones left out."""
    return _Check("", links, None, {}).files_needed()


def _opens(opening: Any, expected: str) -> bool:
    try:
        return bool(_SHA.fullmatch(opening.salt)) and item_digest(opening) == expected
    except NotCanonical:
        return False


def _words(entry: Entry, name: str) -> str:
    """A field in the words of a person: 'the date and time of signing', 'the item “Strengths”'."""
    if name in _FIELDS:
        return _FIELDS[name]
    group, _, path = name.partition(".")
    label = next((one["label"] for one in entry.get(group, ()) if one["path"] == path), path) if group in ("items", "files") else name
    return f"the {'file' if group == 'files' else 'item'} “{label}”" if group in ("items", "files") else f"the field {name}"


def _entry(text: str, shape: Mapping[str, Any]) -> Entry | None:
    """The entry, if the text is canonical and of the right shape."""
    try:
        entry = read(text)
    except NotCanonical:
        return None
    if not _fits(entry, shape):
        return None
    listed = [one["path"] for one in (*entry.get("items", ()), *entry.get("files", ()))]
    return entry if len(set(listed)) == len(listed) else None


def _fits(value: Any, shape: Any) -> bool:
    if isinstance(shape, Mapping):
        return isinstance(value, dict) and value.keys() == shape.keys() and all(_fits(value[name], shape[name]) for name in shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(one, shape[0]) for one in value)
    if shape.endswith("?") and value is None:
        return True
    return bool(_PLAIN[shape.rstrip("?")](value))


def _when(value: Any, pattern: re.Pattern[str], parse: Any) -> bool:
    try:
        return isinstance(value, str) and bool(pattern.fullmatch(value)) and bool(parse(value))
    except ValueError:
        return False


_PLAIN: dict[str, Any] = {
    "text": lambda value: isinstance(value, str),
    "count": lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
    "hash": lambda value: isinstance(value, str) and bool(_SHA.fullmatch(value)),
    "format": lambda value: value == FORMAT,
    "instant": lambda value: _when(value, _INSTANT, datetime.fromisoformat),
    "day": lambda value: _when(value, re.compile(r"\d{4}-\d\d-\d\d"), date.fromisoformat),
}
