"""The chain of an enrolment: what each signature froze, and what no longer agrees with it. Pure functions; docs/sign-off.md is the format.

An entry is canonical JSON whose SHA-256 stands in the entry after it. It holds no words of the portfolio, only a salted digest of each
item; the words and salts lie beside it as openings, so that lawful redaction can take them away and leave the chain whole.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.core.canonical import canonical, digest, instant, read

FORMAT = "academy-signoff/1"
KINDS = ("document", "stage", "agreement", "decision", "addendum", "declined", "redaction", "paper")
ANSWERS = (
    *("agree", "disagree", "recommend pass", "recommend fail", "confirm pass", "confirm fail", "return", "not confirmed"),
    *("declined", "unable", "redacted", "recorded"),
)
STATEMENT = "statement"  # the path of what a signatory said beside their answer
_PATH = re.compile(r"(?!files/)[^\s/]+(/[^\s/]+)*")
_SHA = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Framework:
    """The version of the programme that the signatory worked under; `digest` is over its whole definition."""

    programme: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class What:
    """What is signed: a document, stage or agreement, by its code, its title as shown and its revision."""

    code: str
    title: str
    revision: int


@dataclass(frozen=True, slots=True)
class Item:
    """One item as it was shown: where it stands in the document, its label, what it says."""

    path: str
    label: str
    value: Any


@dataclass(frozen=True, slots=True)
class Attached:
    """A file as it was shown: the label of its place, its name, and what it is."""

    label: str
    name: str
    sha256: str
    size: int  # bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, in which capacities, worded as shown."""

    name: str
    registration: str | None
    capacities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """The value behind one digest, as canonical JSON, and the 32 random bytes (64 hexadecimal digits) that were hashed with it."""

    salt: str
    value: str


@dataclass(frozen=True, slots=True)
class Redacted:
    """One digest whose opening was taken away: which entry, which path, what the digest was."""

    sequence: int
    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands before a signatory when they sign."""

    kind: str
    what: What
    declaration: str
    items: Sequence[Item] = ()
    files: Sequence[Attached] = ()
    standards: Sequence[str] = ()
    refers_to: int | None = None  # the entry that an addendum corrects or a declined signature belongs to
    redacts: Sequence[Redacted] = ()
    reason: str | None = None  # why something was redacted or declined: a class, never a story

    def digest(self) -> str:
        """Fingerprint of all that is shown: whoever signs says which one they read. Not part of the chain, because it is not salted."""
        return digest([_what_is_shown(self), [one.value for one in self.items], [one.name for one in self.files]])


@dataclass(frozen=True, slots=True)
class Link:
    """One entry as it is kept: its text, the hash recorded with it, and its openings by path (those that are left)."""

    text: str
    hash: str
    openings: Mapping[str, Opening] = field(default_factory=dict)


def head(framework: Framework, enrolment: str, started: date) -> str:
    """The text before the first entry. Its hash is the first entry's `previous`, so the chain cannot be moved to another enrolment."""
    return canonical({"format": FORMAT, "enrolment": enrolment, "framework": _framework(framework), "started": started}).decode()


def text_hash(text: str) -> str:
    """SHA-256 over the text of an entry, or of the head, as it stands. An entry's is what receipts carry."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def new_salt() -> str:
    """32 random bytes in hexadecimal."""
    return secrets.token_hex(32)


def item_digest(opening: Opening) -> str:
    """SHA-256 of {"salt", "value"}: what an entry says about an item."""
    return digest({"salt": opening.salt, "value": read(opening.value)})


def open_item(opening: Opening, expected: str) -> Any:
    """The value, if it is the one whose digest the entry holds. ValueError otherwise."""
    if not _SHA.fullmatch(opening.salt) or item_digest(opening) != expected:
        raise ValueError("This is not what was signed.")
    return read(opening.value)


def file_path(position: int) -> str:
    """The path of a file: 'files/1' for the first."""
    return f"files/{position}"


def build_entry(
    shown: Shown,
    *,
    framework: Framework,
    enrolment: str,
    sequence: int,
    previous: str,
    answer: str,
    statement: str | None,
    signer: Signer,
    signed_at: datetime,
) -> Link:
    """The next entry of a chain, with fresh salts. ValueError when something in it has no place in the format.

    `previous` is the hash of the entry before, for the first one the hash of the head. `signed_at` must not be before that of the entry
    before: the caller, who holds the enrolment's lock, sees to it.
    """
    _acceptable(shown, answer, signer)
    openings: dict[str, Opening] = {}

    def close(path: str, value: Any) -> str:
        openings[path] = Opening(new_salt(), canonical(value).decode())
        return item_digest(openings[path])

    seen = _what_is_shown(shown)
    for item, written in zip(shown.items, seen["items"], strict=True):
        written["digest"] = close(item.path, item.value)
    for position, (file, written) in enumerate(zip(shown.files, seen["files"], strict=True), 1):
        written["digest"] = close(file_path(position), file.name)
    entry = {
        "format": FORMAT,
        "framework": _framework(framework),
        "enrolment": enrolment,
        "sequence": sequence,
        **seen,
        "answer": answer,
        "statement": None if statement is None else close(STATEMENT, statement),
        "signer": {"name": signer.name, "registration": signer.registration, "capacities": list(signer.capacities)},
        "signed_at": instant(signed_at),
        "previous": previous,
    }
    text = canonical(entry).decode()
    return Link(text, text_hash(text), openings)


def salted(entry: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Every (path, label, digest) of an entry that has, or had, an opening."""
    found = [(one["path"], one["label"], one["digest"]) for one in (*entry["items"], *entry["files"])]
    return found if entry["statement"] is None else [*found, (STATEMENT, "Statement", entry["statement"])]


def field_digests(entry: Mapping[str, Any]) -> dict[str, str]:
    """A short fingerprint of each field, kept apart from the entry. It proves nothing: it lets a checker say which field was altered."""
    parts: dict[str, Any] = {}
    for name, value in entry.items():
        if isinstance(value, Mapping):
            parts |= {f"{name}.{member}": one for member, one in value.items()}
        elif name in ("items", "files"):
            parts |= {f"{name}.{one['path']}": one for one in value}
            parts[name] = [one["path"] for one in value]
        else:
            parts[name] = value
    return {name: digest(value)[:16] for name, value in parts.items()}


def _framework(framework: Framework) -> dict[str, Any]:
    return {"programme": framework.programme, "version": framework.version, "digest": framework.digest}


def _what_is_shown(shown: Shown) -> dict[str, Any]:
    """The part of an entry that was on the page, without what only salted digests may say."""
    return {
        "kind": shown.kind,
        "what": {"code": shown.what.code, "title": shown.what.title, "revision": shown.what.revision},
        "declaration": shown.declaration,
        "items": [{"path": one.path, "label": one.label} for one in shown.items],
        "files": [
            {"path": file_path(n), "label": one.label, "sha256": one.sha256, "size": one.size, "media_type": one.media_type}
            for n, one in enumerate(shown.files, 1)
        ],
        "standards": list(shown.standards),
        "refers_to": shown.refers_to,
        "redacts": [{"sequence": one.sequence, "path": one.path, "digest": one.digest} for one in shown.redacts],
        "reason": shown.reason,
    }


def _acceptable(shown: Shown, answer: str, signer: Signer) -> None:
    paths = [one.path for one in shown.items]
    problem = _first(
        (shown.kind not in KINDS, f"no such kind: {shown.kind}"),
        (answer not in ANSWERS, f"no such answer: {answer}"),
        (len(set(paths)) < len(paths), "the same path twice"),
        (any(path == STATEMENT or not _PATH.fullmatch(path) for path in paths), "a path that is reserved or badly formed"),
        (any(not _SHA.fullmatch(one.sha256) for one in shown.files), "a file without its digest"),
        (bool(shown.redacts) != (shown.kind == "redaction"), "only a redaction redacts, and it must"),
        (shown.kind == "redaction" and not shown.reason, "a redaction without its reason"),
        (not signer.name or not signer.capacities, "a signatory without name or capacity"),
    )
    if problem:
        raise ValueError(problem)


def _first(*problems: tuple[bool, str]) -> str:
    return next((words for holds, words in problems if holds), "")


def redactions(entries: Iterable[Mapping[str, Any]]) -> dict[tuple[int, str], Mapping[str, Any]]:
    """(sequence, path) of everything redacted → the redaction entry that says so. Only what an entry really held and came before counts."""
    held: dict[tuple[int, str], str] = {}
    found: dict[tuple[int, str], Mapping[str, Any]] = {}
    for entry in entries:
        for one in entry["redacts"]:
            key = (one["sequence"], one["path"])
            if held.get(key) == one["digest"]:
                found.setdefault(key, entry)
        held |= {(entry["sequence"], path): value for path, _, value in salted(entry)}
    return found
