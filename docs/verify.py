#!/usr/bin/env python3
"""Check an exported portfolio without any connection: python verify.py portfolio-….zip [--expect HEAD] [--json]

It says in plain words what holds and what was altered. Exit status: 0 nothing was altered, 1 something was, 2 the file cannot be read.
HEAD is the fingerprint from a signatory's receipt, or a daily head from a named officer of the academy; give --expect once for each.
The format is described in sign-off.md. Python 3.9 or newer and nothing else; nothing is unpacked to disk and nothing in the file is run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import struct
import sys
import unicodedata
import zipfile
import zlib
from collections import Counter
from datetime import date, datetime
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

SIGN_OFF, PORTFOLIO, DAY = "academy-signoff/1", "academy-portfolio/1", "academy-day/1"
MOST_MEMBERS, MOST_TEXT, MOST_BYTES = 20_000, 32 << 20, 4 << 30  # members; bytes of one text; bytes of all when unpacked
MOST_TIMES = 200  # how many times its packed size a member may unpack to; what we pack never comes near
DEEPEST = 40
MOST_TOLD = 500  # findings
BIGGEST = 2**53 - 1
PROBLEMS = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError, ValueError, OverflowError, OSError)

Json = Any
Entry = Dict[str, Any]


class Unreadable(Exception):
    """The file is no portfolio, or made to harm whoever opens it."""


class NotCanonical(Exception):
    """The text is not the one way of writing its value."""


# Canonical JSON (RFC 8785 without floating point) ------------------------------------------------------------------

ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
SPECIAL = re.compile(r'["\\\x00-\x1f]')


def write(value: Json) -> bytes:
    """The canonical text of a value."""
    pieces: List[str] = []
    _write(value, pieces.append)
    try:
        return "".join(pieces).encode("utf-8")
    except UnicodeEncodeError:
        raise NotCanonical from None


def _write(value: Json, put: Callable[[str], Any]) -> None:
    if value is None or value is True or value is False:
        put({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, str):
        if not unicodedata.is_normalized("NFC", value):
            raise NotCanonical
        put('"' + SPECIAL.sub(lambda found: ESCAPES.get(found[0], "\\u%04x" % ord(found[0])), value) + '"')
    elif isinstance(value, int):
        put(str(value))
    elif isinstance(value, list):
        for position, one in enumerate(value):
            put("," if position else "[")
            _write(one, put)
        put("]" if value else "[]")
    else:
        for position, name in enumerate(sorted(value, key=lambda name: str(name).encode("utf-16-be", "surrogatepass"))):
            put("," if position else "{")
            _write(name, put)
            put(":")
            _write(value[name], put)
        put("}" if value else "{}")


def parse(data: bytes) -> Json:
    """The value of a canonical text; NotCanonical for anything else, however it was made."""
    outside = b"".join(data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    depth = 0
    for bracket in re.finditer(rb"[][{}]", outside):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > DEEPEST:
            raise NotCanonical
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_int=_whole, parse_float=_no, parse_constant=_no)
        if write(value) != data:
            raise NotCanonical
    except (ValueError, RecursionError):
        raise NotCanonical from None
    return value


def _object(pairs: List[Tuple[str, Json]]) -> Dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotCanonical
    return found


def _whole(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > BIGGEST:
        raise NotCanonical
    return int(digits)


def _no(_: str) -> Json:
    raise NotCanonical


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# Shapes ------------------------------------------------------------------------------------------------------------


def is_text(value: Json) -> bool:
    return isinstance(value, str)


def is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_hash(value: Json) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def is_object(value: Json) -> bool:
    return isinstance(value, dict)


def is_day(value: Json) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return False
    try:
        return bool(date.fromisoformat(value))
    except ValueError:
        return False


def is_instant(value: Json) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{6}Z", value):
        return False
    try:
        return bool(datetime.fromisoformat(value[:-1] + "+00:00"))
    except ValueError:
        return False


def maybe(check: Callable[[Json], bool]) -> Callable[[Json], bool]:
    return lambda value: value is None or check(value)


def exactly(text: str) -> Callable[[Json], bool]:
    return lambda value: bool(value == text)


def each(check: Callable[[Json], bool]) -> Callable[[Json], bool]:
    return lambda value: isinstance(value, list) and all(check(one) for one in value)


def named(check: Callable[[Json], bool]) -> Callable[[Json], bool]:
    return lambda value: isinstance(value, dict) and all(check(one) for one in value.values())


def having(**checks: Callable[[Json], bool]) -> Callable[[Json], bool]:
    return lambda value: isinstance(value, dict) and value.keys() == checks.keys() and all(checks[name](value[name]) for name in checks)


FRAMEWORK = having(programme=is_text, version=is_text, digest=is_hash)
HEAD = having(format=exactly(SIGN_OFF), enrolment=is_text, framework=FRAMEWORK, started=is_day)
ENTRY = having(
    format=exactly(SIGN_OFF),
    framework=FRAMEWORK,
    enrolment=is_text,
    sequence=is_count,
    kind=is_text,
    what=having(code=is_text, title=is_text, revision=is_count),
    declaration=is_text,
    items=each(having(path=is_text, label=is_text, digest=is_hash)),
    files=each(having(path=is_text, label=is_text, digest=is_hash, sha256=is_hash, size=is_count, media_type=is_text)),
    standards=each(is_text),
    refers_to=maybe(is_count),
    redacts=each(having(sequence=is_count, path=is_text, digest=is_hash)),
    reason=maybe(is_text),
    answer=is_text,
    statement=maybe(is_hash),
    signer=having(name=is_text, registration=maybe(is_text), capacities=each(is_text)),
    signed_at=is_instant,
    previous=is_hash,
)
CHAIN = having(format=exactly(PORTFOLIO), head=is_text, entries=each(having(hash=is_text, text=is_text)))
OPENINGS = having(format=exactly(PORTFOLIO), openings=each(named(having(salt=is_text, value=is_text))))
RECORD = having(format=exactly(DAY), made_at=is_instant, chains=is_count, entries=is_count, root=is_hash)
FILE = having(name=is_text, sha256=is_hash, size=is_count, media_type=is_text, added_at=is_instant)
VERSION = having(number=is_count, kind=is_text, saved_at=is_instant, author=maybe(is_text), standards=each(is_text), content=is_object)
DOCUMENT = having(code=is_text, number=is_count, title=is_text, state=is_text, versions=each(VERSION), files=each(FILE))
HISTORY = having(format=exactly(PORTFOLIO), documents=each(DOCUMENT))
DAYS = having(
    format=exactly(PORTFOLIO),
    days=each(having(record=RECORD, sequence=is_count, hash=is_hash, way=each(having(side=is_text, hash=is_hash)))),
)
MANIFEST = having(
    format=exactly(PORTFOLIO),
    reference=is_text,
    made_at=is_instant,
    newest=is_hash,
    entries=each(having(hash=is_hash, fields=named(is_text))),
    members=named(having(sha256=is_hash, size=is_count)),
    digest=is_hash,
)


# The ZIP -----------------------------------------------------------------------------------------------------------

KNOWN = re.compile(r"manifest\.json|chain\.json|openings\.json|days\.json|history\.json|portfolio\.pdf|README\.txt|files/[0-9a-f]{64}")


def clean(text: str, longest: int = 200) -> str:
    """Text from the file, fit for a terminal: nothing that moves the cursor, turns the direction or goes on for ever."""
    shown = "".join(one if one.isprintable() else "\ufffd" for one in text[: longest + 1])
    return shown if len(shown) <= longest else shown[:longest] + "…"


class Members:
    """The members of the ZIP by name. Only names that belong in a bundle are ever read, and never more than they say they hold."""

    def __init__(self, archive: zipfile.ZipFile, packed: int) -> None:
        self.archive = archive
        infos = archive.infolist()
        if len(infos) > MOST_MEMBERS:
            raise Unreadable("it holds more than %d members" % MOST_MEMBERS)
        if sum(info.file_size for info in infos) > MOST_BYTES or sum(info.compress_size for info in infos) > packed:
            raise Unreadable("it would unpack to more than a portfolio ever holds")
        if any(info.file_size > (1 << 20) and info.file_size > MOST_TIMES * max(info.compress_size, 1) for info in infos):
            raise Unreadable("a member would unpack to far more than it should")
        self.infos = {info.filename: info for info in infos if KNOWN.fullmatch(info.filename)}
        times = Counter(info.filename for info in infos)
        self.twice = sorted(name for name, count in times.items() if count > 1)
        # Packing programs add a line for the folder itself; it holds nothing.
        self.strange = [one.filename for one in infos if one.filename not in self.infos and (one.filename != "files/" or one.file_size)]
        self.outside = bool(archive.comment) or min((info.header_offset for info in infos), default=0) > 0

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a member. A wrong check sum of the ZIP does not stop us: SHA-256 will tell more exactly what is wrong."""
        info = self.infos[name]
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise zipfile.BadZipFile
        with self.archive.open(info) as opened:
            opened._expected_crc = None  # type: ignore[attr-defined]
            left = info.file_size
            while left > 0:
                piece = opened.read(min(left, 1 << 20))
                if not piece:
                    return
                left -= len(piece)
                yield piece

    def text(self, name: str) -> bytes:
        if self.infos[name].file_size > MOST_TEXT:
            raise Unreadable("%s is larger than it ever is" % name)
        return b"".join(self.pieces(name))


# The check ---------------------------------------------------------------------------------------------------------

FIELDS = {
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
    "previous": "the fingerprint of the entry before",
}
THE_HEAD = "The head of the chain (reference, programme, version, start date)"
MONTHS = "January February March April May June July August September October November December".split()


def day(instant: str) -> str:
    """'8 December 2026' of an instant or day."""
    return "%d %s %s" % (int(instant[8:10]), MONTHS[int(instant[5:7]) - 1], instant[:4])


class Check:
    """One bundle, checked. `findings`: what does not hold; `redacted`: what was lawfully taken away; `holds`: what is right."""

    def __init__(self, members: Members, expected: List[str]) -> None:
        self.members = members
        self.findings: List[Dict[str, Any]] = []
        self.count = 0  # of all findings; a file made to be wrong everywhere has more than anybody reads
        self.redacted: List[Dict[str, Any]] = []
        self.holds: List[str] = []
        self.head: Optional[Entry] = None
        self.entries: List[Optional[Entry]] = []
        self.hashes: List[str] = []  # of the texts as they stand
        self.taken: Dict[Tuple[int, str], Entry] = {}
        self.real: Dict[str, Tuple[str, int]] = {}  # member → SHA-256 and size as they are
        self.run(expected)

    def wrong(self, code: str, sequence: Optional[int], what: str, message: str) -> None:
        self.count += 1
        if self.count <= MOST_TOLD:
            self.findings.append({"code": code, "sequence": sequence, "what": clean(what), "message": clean(message, 600)})

    def at(self, code: str, place: int, what: str, message: str) -> None:
        """A finding about one entry, which the message names first."""
        self.wrong(code, place, what, "%s: %s" % (self.named(place), message))

    def run(self, expected: List[str]) -> None:
        manifest = self.load("manifest.json", MANIFEST)
        chain = self.load("chain.json", CHAIN)
        openings = self.load("openings.json", OPENINGS)
        self.about_members(manifest)
        links = chain["entries"] if chain else []
        head = chain["head"] if chain else ""
        kept = openings["openings"] if openings else []
        self.entries = [self.value(link["text"], ENTRY) for link in links]
        self.hashes = [sha(link["text"].encode("utf-8", "surrogatepass")) for link in links]
        self.taken = self.redactions()
        if chain:
            self.about_head(head)
            self.about_order()
            self.about_links(links, manifest)
        if openings:
            self.about_openings(kept)
        self.about_files()
        if manifest and chain:
            self.about_manifest(manifest, head)
        self.about_days(expected)
        if not self.findings:
            self.holds.insert(0, "All %d entries are joined without a gap, and what they say is what was signed." % len(links))
            self.holds.insert(1, "All %d members of the bundle are those that its manifest lists." % len(self.members.infos))

    # reading

    def load(self, name: str, shape: Callable[[Json], bool]) -> Json:
        if name not in self.members.infos:
            self.wrong("member", None, name, "%s is missing." % name)
            return None
        try:
            value = parse(self.members.text(name))
        except (NotCanonical, *PROBLEMS):
            self.wrong("unreadable", None, name, "%s was altered: it is not written as the academy writes it." % name)
            return None
        if not shape(value):
            self.wrong("unreadable", None, name, "%s was altered: it does not hold what it should." % name)
            return None
        return value

    def value(self, text: str, shape: Callable[[Json], bool]) -> Optional[Entry]:
        try:
            value = parse(text.encode("utf-8"))
        except (NotCanonical, UnicodeEncodeError):
            return None
        if not shape(value):
            return None
        paths = [one["path"] for one in value.get("items", []) + value.get("files", [])]
        return value if len(set(paths)) == len(paths) else None

    def named(self, place: int) -> str:
        entry = self.entries[place - 1] if 0 < place <= len(self.entries) else None
        if not entry:
            return "Entry %d" % place
        what = entry["what"]
        return "Entry %d, “%s” (%s, version %d), signed by %s on %s" % (
            *(place, clean(what["title"], 80), clean(what["code"], 30), what["revision"]),
            *(clean(entry["signer"]["name"], 60), day(entry["signed_at"])),
        )

    # members

    def about_members(self, manifest: Json) -> None:
        for name in self.members.strange:
            self.wrong("member", None, name, "“%s” does not belong in a bundle; it was not looked into." % clean(name))
        if self.members.outside:
            self.wrong("member", None, "zip", "Something was added to the ZIP outside its members.")
        for name in self.members.twice:
            self.wrong("member", None, name, "“%s” is there more than once." % clean(name))
        self.measure()
        if manifest:
            self.about_listed(manifest)

    def measure(self) -> None:
        """The real fingerprint and size of each member."""
        for name in sorted(self.members.infos):
            found, size = hashlib.sha256(), 0
            try:
                for piece in self.members.pieces(name):
                    found.update(piece)
                    size += len(piece)
            except PROBLEMS:
                self.wrong("member", None, name, "%s is damaged." % name)
            self.real[name] = (found.hexdigest(), size)

    def about_listed(self, manifest: Json) -> None:
        if sha(write({name: value for name, value in manifest.items() if name != "digest"})) != manifest["digest"]:
            self.wrong("manifest", None, "manifest.json", "manifest.json was altered: it no longer has its own fingerprint.")
        listed = manifest["members"]
        for name in sorted(set(listed) - set(self.real)):
            self.wrong("member", None, name, "%s is missing." % clean(name))
        for name in sorted(set(self.real) - set(listed) - {"manifest.json"}):
            self.wrong("member", None, name, "%s was added: the manifest does not list it." % name)
        for name in sorted(set(self.real) & set(listed)):
            if self.real[name] != (listed[name]["sha256"], listed[name]["size"]):
                self.wrong("member", None, name, "%s is not as it was exported." % name)

    def about_manifest(self, manifest: Json, head: str) -> None:
        reference = self.head["enrolment"] if self.head else None
        if reference is not None and manifest["reference"] != reference:
            self.wrong("manifest", None, "reference", "manifest.json names another enrolment than the chain.")
        if manifest["newest"] != (self.hashes[-1] if self.hashes else sha(head.encode("utf-8", "surrogatepass"))):
            message = "manifest.json names another newest entry than the chain: entries were altered, added or left out."
            self.wrong("manifest", None, "newest", message)
        if len(manifest["entries"]) != len(self.hashes):
            message = "manifest.json lists %d entries, the chain has %d."
            self.wrong("missing", None, "entries", message % (len(manifest["entries"]), len(self.hashes)))
        for place, (listed, real) in enumerate(zip(manifest["entries"], self.hashes), 1):
            if listed["hash"] != real:
                self.at("manifest", place, "hash", "it is not the entry that manifest.json lists in its place.")

    # the chain

    def about_head(self, text: str) -> None:
        self.head = self.value(text, HEAD)
        first = self.entries[0] if self.entries else None
        if self.head is None:
            self.wrong("head", None, "head", THE_HEAD + " was altered: it cannot be read.")
        elif first and first["previous"] != sha(text.encode("utf-8")):
            self.wrong("head", None, "head", THE_HEAD + " is not the one that the first entry was joined to.")
        for place, entry in enumerate(self.entries, 1):
            if entry and self.head and entry["enrolment"] != self.head["enrolment"]:
                self.at("head", place, "enrolment", "it belongs to another enrolment.")

    def about_order(self) -> None:
        numbers = [entry["sequence"] if entry else place for place, entry in enumerate(self.entries, 1)]
        top = min(max(numbers, default=0), len(numbers) + 1000)
        for number in sorted(set(range(1, top + 1)) - set(numbers)):
            self.wrong("missing", number, "sequence", "Entry %d is missing." % number)
        seen: set[int] = set()
        for number in numbers:
            if number in seen:
                self.wrong("order", number, "sequence", "There is more than one entry %d." % number)
            seen.add(number)
        for place, (found, due) in enumerate(zip(numbers, sorted(numbers)), 1):
            if found != due:
                self.wrong("order", place, "sequence", "The entries are out of order: entry %d stands in place %d." % (found, place))
                break
        before = ""
        for place, entry in enumerate(self.entries, 1):
            if entry:
                if entry["signed_at"] < before:
                    self.at("order", place, "signed_at", "its date is before that of the entry before it.")
                before = entry["signed_at"]

    def about_links(self, links: List[Json], manifest: Json) -> None:
        listed = manifest["entries"] if manifest else []
        for place, (link, entry) in enumerate(zip(links, self.entries), 1):
            real = self.hashes[place - 1]
            if entry is None:
                self.wrong("unreadable", place, "entry", "Entry %d was altered: it is not in the format %s." % (place, SIGN_OFF))
                continue
            known, now = (listed[place - 1]["fields"] if place <= len(listed) else {}), self.fields(entry)
            altered = sorted(name for name, value in known.items() if now.get(name) != value)
            for name in altered:
                self.at("altered", place, name, self.words(entry, name) + " was altered.")
            if real != link["hash"] and not altered:
                self.at("altered", place, "entry", "the entry, or the fingerprint beside it, was altered.")
            if place == 1 or entry["previous"] == self.hashes[place - 2]:
                continue
            if entry["previous"] != links[place - 2]["hash"]:
                before = self.entries[place - 2]
                if before and before["sequence"] != entry["sequence"] - 1:
                    self.at("link", place, "previous", "it was not signed after the entry that now stands before it.")
                else:
                    self.at(
                        "link", place - 1, "previous", "it was replaced after the next entry was signed, or that one's link was altered."
                    )

    @staticmethod
    def fields(entry: Entry) -> Dict[str, str]:
        """Short fingerprints of the fields, as the manifest keeps them to say which one was altered."""
        found = {}
        for name, value in entry.items():
            if isinstance(value, dict):
                found.update({name + "." + member: one for member, one in value.items()})
            elif name in ("items", "files"):
                found.update({name + "." + one["path"]: one for one in value})
                found[name] = [one["path"] for one in value]
            else:
                found[name] = value
        return {name: sha(write(value))[:16] for name, value in found.items()}

    @staticmethod
    def words(entry: Entry, name: str) -> str:
        group, _, path = name.partition(".")
        if group in ("items", "files") and path:
            label = next((one["label"] for one in entry[group] if one["path"] == path), path)
            return "the %s “%s”" % ("file" if group == "files" else "item", clean(label, 80))
        return FIELDS.get(name, "the field %s" % clean(name, 40))

    # what the digests stand for

    @staticmethod
    def closed(entry: Entry) -> List[Tuple[str, str, str]]:
        """Path, label and digest of everything in an entry that has, or had, an opening."""
        found = [(one["path"], one["label"], one["digest"]) for one in entry["items"] + entry["files"]]
        return found + ([("statement", "Statement", entry["statement"])] if entry["statement"] else [])

    def redactions(self) -> Dict[Tuple[int, str], Entry]:
        found: Dict[Tuple[int, str], Entry] = {}
        held: Dict[Tuple[int, str], str] = {}
        for place, entry in enumerate(self.entries, 1):
            if entry is None:
                continue
            for one in entry["redacts"]:
                key = (one["sequence"], one["path"])
                if held.get(key) == one["digest"]:
                    found.setdefault(key, entry)
                else:
                    what = (clean(one["path"], 80), one["sequence"])
                    self.at("redaction", place, "redacts", "it redacts “%s” of entry %d, which never held that." % what)
            held.update({(entry["sequence"], path): digest for path, _, digest in self.closed(entry)})
        return found

    def about_openings(self, kept: List[Dict[str, Json]]) -> None:
        if len(kept) != len(self.entries):
            self.wrong("opening", None, "openings", "openings.json is for %d entries, the chain has %d." % (len(kept), len(self.entries)))
        for place, entry in enumerate(self.entries, 1):
            openings = kept[place - 1] if place <= len(kept) else {}
            if entry is None:
                continue
            closed = self.closed(entry)
            for path, label, digest in closed:
                self.about_opening(place, path, clean(label, 80), digest, openings.get(path))
            for path in sorted(set(openings) - {path for path, _, _ in closed}):
                self.at("opening", place, path, "content was added for “%s”, which is not part of it." % clean(path, 80))

    def about_opening(self, place: int, path: str, label: str, digest: str, opening: Json) -> None:
        taken = self.taken.get((place, path))
        if opening is None and taken:
            self.redacted.append(
                {"sequence": place, "path": clean(path), "label": label, "by": taken["sequence"], "reason": clean(taken["reason"] or "")}
            )
        elif opening is None:
            self.at("opening", place, path, "the content of “%s” is missing, and no redaction accounts for it." % label)
        elif taken:
            self.at("redaction", place, path, "“%s” was redacted, yet there is content for it again." % label)
        elif not self.opens(opening, digest):
            self.at("opening", place, path, "“%s” does not say what was signed." % label)

    @staticmethod
    def opens(opening: Json, digest: str) -> bool:
        try:
            value = parse(opening["value"].encode("utf-8"))
            return is_hash(opening["salt"]) and sha(write({"salt": opening["salt"], "value": value})) == digest
        except (NotCanonical, UnicodeEncodeError):
            return False

    def about_files(self) -> None:
        there = {name[6:]: real for name, real in self.real.items() if name.startswith("files/")}
        shown = [(place, one) for place, entry in enumerate(self.entries, 1) if entry for one in entry["files"]]
        needed = {one["sha256"] for place, one in shown if (place, one["path"]) not in self.taken}
        for place, one in shown:
            label, real = clean(one["label"], 80), there.get(one["sha256"])
            if (place, one["path"]) in self.taken:
                if real and one["sha256"] not in needed:
                    self.at("redaction", place, one["path"], "the file “%s” was redacted, yet it is here." % label)
            elif real is None:
                self.at("file", place, one["path"], "the file “%s” is missing." % label)
            elif real != (one["sha256"], one["size"]):
                self.at("file", place, one["path"], "the file “%s” was altered." % label)
        past = self.load("history.json", HISTORY) if "history.json" in self.members.infos else None
        kept = {one["sha256"]: one for document in (past["documents"] if past else []) for one in document["files"]}
        for name in sorted(set(there) - {one["sha256"] for _, one in shown}):
            if name not in kept:
                self.wrong("file", None, "files/" + name, "The file %s is not part of any entry." % name)
            elif there[name] != (name, kept[name]["size"]):
                self.wrong(
                    "file", None, "files/" + name, "The file “%s”, which is not signed, was altered." % clean(kept[name]["name"], 80)
                )
        for name in sorted(set(kept) - set(there) - needed):
            self.wrong("file", None, "files/" + name, "The file “%s”, which is not signed, is missing." % clean(kept[name]["name"], 80))

    # what is known outside the bundle

    def about_days(self, expected: List[str]) -> None:
        daily: Dict[str, Tuple[str, int]] = {}
        days = self.load("days.json", DAYS) if "days.json" in self.members.infos else None
        for one in days["days"] if days else []:
            made = day(one["record"]["made_at"])
            if self.under(one):
                daily[sha(write(one["record"]))] = (made, one["sequence"])
            else:
                message = "The daily head of %s does not stand over this chain: it, its proof or the chain was altered."
                self.wrong("day", one["sequence"], "days", message % made)
        if daily:
            self.holds.append(
                "The bundle carries proofs for %d daily heads; compare them with what a named officer holds (--expect)." % len(daily)
            )
        for wanted in expected:
            if wanted in self.hashes:
                place = self.hashes.index(wanted) + 1
                after = len(self.hashes) - place
                later = "it is the newest" if not after else "%d later %s" % (after, "entry follows" if after == 1 else "entries follow")
                self.holds.append("The expected fingerprint is entry %d of %d of this chain; %s." % (place, len(self.hashes), later))
            elif wanted in daily:
                self.holds.append("The expected daily head of %s stands over entry %d of this chain." % daily[wanted])
            else:
                message = "The expected fingerprint %s… is neither in this chain nor among its daily heads: %s"
                self.wrong("expect", None, "expect", message % (wanted[:16], "the chain was written anew, cut short, or is another one."))

    def under(self, one: Json) -> bool:
        """Does the proof lead from this chain's entry to the day's root?"""
        if not self.head or not 0 < one["sequence"] <= len(self.hashes) or self.hashes[one["sequence"] - 1] != one["hash"]:
            return False
        node = hashlib.sha256(b"\0" + write([self.head["enrolment"], one["sequence"], one["hash"]])).digest()
        for step in one["way"]:
            beside = bytes.fromhex(step["hash"])
            node = hashlib.sha256(b"\1" + (beside + node if step["side"] == "left" else node + beside)).digest()
        return bool(node.hex() == one["record"]["root"])


# Telling -----------------------------------------------------------------------------------------------------------


def told(check: Check, expected: List[str]) -> Iterator[str]:
    """The report, line by line."""
    if check.head:
        frame = check.head["framework"]
        yield "Portfolio %s: %s version %s, started %s" % (
            *(clean(check.head["enrolment"], 60), clean(frame["programme"], 60), clean(frame["version"], 30)),
            day(check.head["started"]),
        )
        yield ""
    for place, entry in enumerate(check.entries, 1):
        if entry is None:
            yield "%4d  cannot be read" % place
            continue
        signer = entry["signer"]
        who = clean(signer["name"], 60) + (" (%s)" % clean(signer["registration"], 20) if signer["registration"] else "")
        yield "%4d  %s, %s UTC: %s (%s, version %d)" % (
            *(place, day(entry["signed_at"]), entry["signed_at"][11:16], clean(entry["what"]["title"], 100)),
            *(clean(entry["what"]["code"], 30), entry["what"]["revision"]),
        )
        yield "      %s, %s: %s" % (who, clean(", ".join(signer["capacities"]), 100), clean(entry["answer"], 40))
    for heading, lines in (
        ("Lawfully redacted", ["Entry %(sequence)d, “%(label)s”: %(reason)s (entry %(by)d says so)" % one for one in check.redacted]),
        ("Holds", check.holds),
        ("Does not hold", [one["message"] for one in check.findings]),
    ):
        if lines:
            yield ""
            yield heading + ":"
            for line in lines:
                yield "  - " + line
    yield ""
    if check.findings:
        more = "" if check.count == len(check.findings) else ", of which the first %d are shown" % len(check.findings)
        yield "ALTERED: %d finding%s%s." % (check.count, "" if check.count == 1 else "s", more)
    elif expected:
        yield "NOTHING WAS ALTERED, and the chain is the one that was expected."
    else:
        yield "NOTHING WAS ALTERED, as far as the bundle itself can show."
        yield "Somebody who wrote the whole of it anew would not be noticed."
        yield "Ask a signatory for their receipt and run this again with --expect."


def fingerprint(text: str) -> str:
    """A fingerprint as people copy it: spaces, line ends, hyphens and capitals do not matter."""
    plain = re.sub(r"[\s:-]", "", text).lower()
    if not is_hash(plain):
        raise argparse.ArgumentTypeError("a fingerprint has 64 characters, 0 to 9 and a to f")
    return plain


def verify(path: str, expected: List[str]) -> Check:
    """Check the bundle at `path`. Raises Unreadable."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the whole script reads at a glance
            packed = file.seek(0, 2)
            with zipfile.ZipFile(file) as archive:
                members = Members(archive, packed)
                if not members.infos:
                    raise Unreadable("nothing in it belongs to an exported portfolio")
                return Check(members, expected)
    except FileNotFoundError:
        raise Unreadable("there is no such file") from None
    except PROBLEMS:
        raise Unreadable("it is not a ZIP file, or a badly damaged one") from None


def main(arguments: Optional[List[str]] = None) -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(
        description="Check an exported portfolio offline.", epilog="Exit status: 0 holds, 1 altered, 2 unreadable."
    )
    parser.add_argument("bundle", help="the ZIP as it was exported")
    parser.add_argument(
        "--expect", action="append", default=[], type=fingerprint, metavar="HEAD", help="fingerprint from a receipt, or a daily head"
    )
    parser.add_argument("--json", action="store_true", help="the report for programs")
    asked = parser.parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        check = verify(asked.bundle, asked.expect)
    except Unreadable as why:
        print(json.dumps({"status": 2, "why": str(why)}) if asked.json else "UNREADABLE: %s." % why)
        return 2
    status = 1 if check.findings else 0
    if asked.json:
        newest = check.hashes[-1] if check.hashes else None
        whole = {
            "status": status,
            "entries": len(check.entries),
            "newest": newest,
            "findings": check.findings,
            "redacted": check.redacted,
            "holds": check.holds,
        }
        print(json.dumps(whole, indent=1))
    else:
        print("\n".join(told(check, asked.expect)))
    return status


if __name__ == "__main__":
    sys.exit(main())
