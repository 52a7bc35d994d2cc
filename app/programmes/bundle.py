"""A portfolio as a ZIP that anyone can verify offline with docs/verify.py: the chain, what was signed, every file, and a document to read.

The same portfolio at the same instant gives the same bytes: members are stored without compression, in fixed order, with a fixed date.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from app.core.canonical import NotCanonical, canonical, digest, instant, read
from app.programmes.chain import Link, Opening, field_digests, text_hash

FORMAT = "academy-portfolio/1"
CHAIN, OPENINGS, DAYS, HISTORY, MANIFEST = "chain.json", "openings.json", "days.json", "history.json", "manifest.json"
READING, README = "portfolio.pdf", "README.txt"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a ZIP can say
_PIECE = 1 << 20  # bytes read at a time

Source = Callable[[], IO[bytes]]


def bundle_name(reference: str) -> str:
    """The name of the file: 'portfolio-<reference>.zip'."""
    return f"portfolio-{reference}.zip"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What goes into the ZIP. `files`: SHA-256 → how to open the file kept under it. `days`: proofs of daily heads, oldest first."""

    reference: str
    made_at: datetime
    head: str
    links: Sequence[Link]
    files: Mapping[str, Source] = field(default_factory=dict)
    reading: bytes = b""  # portfolio.pdf; left out when empty
    days: Sequence[Mapping[str, Any]] = ()
    history: Mapping[str, Any] = field(default_factory=dict)  # {"documents": [{…, "files": [{"sha256", …}]}]}: see docs/sign-off.md

    @property
    def name(self) -> str:
        """'portfolio-<reference>.zip'."""
        return bundle_name(self.reference)

    @property
    def newest(self) -> str:
        """Hash of the newest entry as it stands (of the head, where nothing is signed yet)."""
        return text_hash(self.links[-1].text if self.links else self.head)

    def write(self, target: IO[bytes]) -> str:
        """Write the ZIP; returns the bundle's fingerprint, which is the manifest's `digest`. `target` must be seekable."""
        members: dict[str, dict[str, Any]] = {}
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name, pieces in self._members():
                members[name] = _store(archive, name, pieces)
            manifest: dict[str, Any] = {
                "format": FORMAT,
                "reference": self.reference,
                "made_at": instant(self.made_at),
                "newest": self.newest,
                "entries": [{"hash": text_hash(link.text), "fields": _fields(link.text)} for link in self.links],
                "members": members,
            }
            manifest["digest"] = digest(manifest)
            _store(archive, MANIFEST, [canonical(manifest)])
        return str(manifest["digest"])

    def _members(self) -> Iterable[tuple[str, Iterable[bytes]]]:
        yield README, [self._readme().encode()]
        if self.reading:
            yield READING, [self.reading]
        entries = [{"hash": link.hash, "text": link.text} for link in self.links]
        yield CHAIN, [canonical({"format": FORMAT, "head": self.head, "entries": entries})]
        yield OPENINGS, [canonical({"format": FORMAT, "openings": [_openings(link.openings) for link in self.links]})]
        if self.history:
            yield HISTORY, [canonical({"format": FORMAT, **self.history})]
        if self.days:
            yield DAYS, [canonical({"format": FORMAT, "days": list(self.days)})]
        for sha in sorted(self.files):
            yield f"files/{sha}", _pieces(self.files[sha])

    def _readme(self) -> str:
        return _README.format(reference=self.reference, made=instant(self.made_at)[:10], newest=self.newest, count=len(self.links))


_README = """Portfolio {reference}, exported on {made}.

portfolio.pdf    the portfolio to read
chain.json       what was signed, by whom and when: {count} entries, each holding the fingerprint of the one before
openings.json    the words behind the fingerprints in the chain
history.json     every version of every document, signed or not, and the names of its files
files/           every file, named by its SHA-256 fingerprint
days.json        proofs that the chain stood under the academy's daily heads (if there are any)
manifest.json    what is in this bundle

To check that nothing was altered, keep this ZIP as it is and run (Python 3.9 or newer, no connection needed):

    python verify.py portfolio-{reference}.zip --expect HEAD

verify.py is published by the academy; take it from there, never from whoever gave you this file. HEAD is the fingerprint in a receipt
that any signatory was sent when they signed, or a daily head that a named officer of the academy keeps. Without it the check shows that
the bundle agrees with itself; with it, that nobody has written all of it anew.

The newest entry of this bundle has the fingerprint
{newest}
"""


def _store(archive: zipfile.ZipFile, name: str, pieces: Iterable[bytes]) -> dict[str, Any]:
    """Write one member; returns its real fingerprint and size in bytes."""
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system, info.external_attr = 3, 0o100644 << 16  # the same on every machine
    sha, size = hashlib.sha256(), 0
    with archive.open(info, "w", force_zip64=name.startswith("files/")) as member:
        for piece in pieces:
            member.write(piece)
            sha.update(piece)
            size += len(piece)
    return {"sha256": sha.hexdigest(), "size": size}


def _pieces(source: Source) -> Iterable[bytes]:
    with source() as opened:
        while piece := opened.read(_PIECE):
            yield piece


def _openings(openings: Mapping[str, Opening]) -> dict[str, dict[str, Any]]:
    return {path: {"salt": one.salt, "value": one.value} for path, one in openings.items()}


def _fields(text: str) -> dict[str, str]:
    """Fingerprints of an entry's fields; none of a text that is no longer an entry."""
    try:
        return field_digests(read(text))
    except (NotCanonical, AttributeError, LookupError, TypeError):
        return {}
