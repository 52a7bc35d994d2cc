"""Files, kept by their content: each once, under its SHA-256, in a folder beside the database (docs/files.md).

Two steps. `receive` streams the bytes into the folder, decides what they are and has them scanned, with no transaction open; `keep`
writes the row, in the transaction of whatever refers to the file. The bytes are on the disc for good before that row can be committed, so
a row without its file cannot be left behind by a crash. The other way round it can: `sweep` removes files that no row ever named.
Names belong to what refers to a file, and permission is asked there: nobody reaches a file by its digest alone.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import CheckConstraint, bindparam, select, text, update

from app.core.config import Settings
from app.core.db import Base, Database, UtcDateTime
from app.core.declared import Mapped, mapped_column
from app.core.errors import Conflict, Invalid, NotFound
from app.core.file_kinds import CHUNK, KINDS, Kind, NotTaken, clean_name, decide
from app.core.frozen import refuse
from app.core.tx import SYSTEM, Tx, transaction

CLEAN, REFUSED, NOT_SCANNED = "clean", "refused", "not scanned"
ORPHAN_AFTER = timedelta(days=1)  # longer than any transaction lasts
SCAN_SECONDS = 60
_PLACE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}")


class File(Base):
    """Bytes that are kept: what they are and whether a scanner has passed them. Who attached them, and as what, stands elsewhere."""

    __tablename__ = "files"
    digest: Mapped[str] = mapped_column(primary_key=True)  # SHA-256, 64 hexadecimal digits
    size: Mapped[int]  # bytes
    media_type: Mapped[str]  # by content: one of file_kinds.KINDS
    scanned: Mapped[str]
    scanned_at: Mapped[datetime | None]
    stored_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("length(digest) = 64 AND digest = lower(digest)", name="digest"),
        CheckConstraint("size > 0", name="size"),
        CheckConstraint("scanned IN ('clean', 'refused', 'not scanned')", name="scanned"),
        CheckConstraint("(scanned = 'not scanned') = (scanned_at IS NULL)", name="scanned_when"),
    )


# What the content is never changes; only what a scanner says of it does.
refuse(
    File.__table__,
    "UPDATE",
    "files_fixed",
    "NEW.digest <> OLD.digest OR NEW.size <> OLD.size OR NEW.media_type <> OLD.media_type OR NEW.stored_at <> OLD.stored_at",
)


@dataclass(frozen=True, slots=True)
class Store:
    """Where files are kept, how large one may be (bytes), and the command that scans one (empty: nobody scans)."""

    folder: Path
    most: int
    scanner: tuple[str, ...] = ()

    def path(self, digest: str) -> Path:
        """Where the content with this digest lies."""
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ValueError("not a SHA-256 digest in lower-case hexadecimal")
        return self.folder / digest[:2] / digest


def store_of(settings: Settings) -> Store:
    """The store that these settings describe."""
    return Store(settings.files_folder, settings.max_file_mb * 1024 * 1024, tuple(shlex.split(settings.scan_command)))


@dataclass(frozen=True, slots=True)
class Received:
    """A file that lies in the folder and has no row yet: hand it to `keep` in the transaction of what refers to it."""

    digest: str
    size: int
    media_type: str
    name: str  # as its owner knows it, cleaned
    scanned: str

    @property
    def kind(self) -> Kind:
        return KINDS[self.media_type]


class FileRefused(Invalid):
    """A file was not taken; the message names it, says why and what to do instead."""


# Taking in ---------------------------------------------------------------------------------------------------------


def receive(store: Store, source: BinaryIO, name: str, *, field: str = "file") -> Received:
    """Take in one file from an open stream, or FileRefused in words for `field`. No transaction may be open: a scanner takes its time.

    The name is kept as given, but says nothing about the content. Never more than CHUNK bytes are held in memory.
    """
    shown = (" ".join(name.split()) or "The file")[:80]
    try:
        clean = clean_name(name)
        with _new(store) as (file, path):
            digest, size = _copy(source, file, store.most)
            kind = decide(file, size)
            file.flush()
            os.fsync(file.fileno())
            scanned = scan(store, path)
            if scanned == REFUSED:
                raise NotTaken("was refused by the virus scanner. Do not open it; tell whoever looks after your computer.", "file-harmful")
            _settle(store, path, digest)
    except OSError as wrong:  # the disk is full or the folder is not ours
        sys.stderr.write(json.dumps({"event": "files-fault", "kind": errno.errorcode.get(wrong.errno or 0, "")}) + "\n")
        message = f"“{shown}” could not be stored just now. Nothing was changed. Try again later, or tell the academy if it happens again."
        raise FileRefused(message, code="file-not-stored", errors=[{"field": field, "message": message}]) from wrong
    except NotTaken as wrong:
        message = f"“{shown}” {wrong.message}"
        raise FileRefused(message, code=wrong.code, errors=[{"field": field, "message": message}]) from wrong
    return Received(digest, size, kind.media_type, clean, scanned)


def make(store: Store, kind: Kind, name: str, write: Callable[[BinaryIO], object]) -> Received:
    """A file that the service makes itself: `write` fills it. However large, and scanned later like all that nobody scanned."""
    with _new(store) as (file, path):
        write(file)
        file.flush()
        os.fsync(file.fileno())
        digest, size = digest_of(path), path.stat().st_size
        assert digest is not None
        _settle(store, path, digest)
    return Received(digest, size, kind.media_type, name, NOT_SCANNED)


@contextmanager
def _new(store: Store) -> Iterator[tuple[BinaryIO, Path]]:
    """A file of our own to write to, in the same file system as where it will lie; gone afterwards unless it was moved."""
    folder = store.folder / "new"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / secrets.token_hex(16)
    try:
        with path.open("x+b") as file:
            path.chmod(0o600)
            yield file, path
    finally:
        path.unlink(missing_ok=True)


def _copy(source: BinaryIO, file: BinaryIO, most: int) -> tuple[str, int]:
    """Copy, counting and hashing; stops at the limit."""
    hashed, size = hashlib.sha256(), 0
    source.seek(0)
    while chunk := source.read(CHUNK):
        size += len(chunk)
        if size > most:
            words = f"is larger than {most // (1024 * 1024)} MB. Make it smaller (pictures often can be) or attach it in parts."
            raise NotTaken(words, "file-too-large")
        hashed.update(chunk)
        file.write(chunk)
    file.flush()
    return hashed.hexdigest(), size


def _settle(store: Store, path: Path, digest: str) -> None:
    """Move it to its place for good: when this returns, a power cut loses neither the bytes nor their name.

    Content that is there already is replaced by itself: that mends a damaged copy, and makes it young, so that no sweep takes it.
    """
    place = store.path(digest)
    with _turn(store, fcntl.LOCK_SH):
        place.parent.mkdir(mode=0o700, exist_ok=True)
        path.replace(place)
    for folder in (place.parent, store.folder):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _turn(store: Store, how: int) -> Iterator[None]:
    """Many may put files in place at once; while one is taken away, nobody does."""
    handle = os.open(store.folder / ".turn", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


def scan(store: Store, path: Path) -> str:
    """What the council's scanner says of a file: CLEAN, REFUSED, or NOT_SCANNED where there is no scanner.

    The command is run with the file's path in place of `{path}`, or after its arguments. It ends with 0 for clean and 1 for harmful, as
    clamdscan does; anything else, or no answer in SCAN_SECONDS, is a scanner out of order, and what it did not look at is not taken.
    """
    if not store.scanner:
        return NOT_SCANNED
    command = [part.replace("{path}", str(path)) for part in store.scanner]
    if not any("{path}" in part for part in store.scanner):
        command.append(str(path))
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SCAN_SECONDS, check=False)  # noqa: S603
        code = ended.returncode
    except (OSError, subprocess.TimeoutExpired):
        code = -1
    if code not in (0, 1):
        sys.stderr.write(json.dumps({"event": "scanner-fault", "code": code}) + "\n")
        raise NotTaken("could not be checked for viruses just now, so it was not kept. Try again in a few minutes.", "file-not-checked")
    return CLEAN if code == 0 else REFUSED


# Keeping -----------------------------------------------------------------------------------------------------------

_KEEP = text(
    "INSERT INTO files (digest, size, media_type, scanned, scanned_at, stored_at) "
    "VALUES (:digest, :size, :media_type, :scanned, :scanned_at, :now) ON CONFLICT (digest) DO NOTHING"
).bindparams(bindparam("scanned_at", type_=UtcDateTime()), bindparam("now", type_=UtcDateTime()))


def keep(tx: Tx, received: Received) -> str:
    """Write the row of a received file, if there is none yet; returns the digest to refer to it by.

    Conflict if the same content was found to be harmful meanwhile. Two that keep the same content at once both succeed.
    """
    when = None if received.scanned == NOT_SCANNED else tx.now
    values = dict(digest=received.digest, size=received.size, media_type=received.media_type, scanned=received.scanned)
    if tx.db.execute(_KEEP, {**values, "scanned_at": when, "now": tx.now}).rowcount:
        return received.digest
    known = tx.one(select(File.scanned).where(File.digest == received.digest))
    if known is not None and known.scanned == REFUSED:
        raise Conflict("This file was found to be harmful and cannot be attached.", code="file-harmful")
    if known is not None and known.scanned == NOT_SCANNED and when is not None:
        _mark(tx, received.digest, CLEAN)
    return received.digest


def _mark(tx: Tx, digest: str, scanned: str) -> None:
    tx.db.execute(update(File).where(File.digest == digest).values(scanned=scanned, scanned_at=tx.now))


@dataclass(frozen=True, slots=True)
class Kept:
    """A file to hand out: where it lies, its size in bytes and its kind."""

    path: Path
    size: int
    kind: Kind


def find(tx: Tx, store: Store, digest: str) -> Kept:
    """The file with this digest, whole and as it was, to whoever may have it: the caller has asked that before.

    NotFound if there is no such file, Conflict if a scanner has refused it since or if its bytes are no longer what they were.
    """
    row = tx.one(select(File.size, File.media_type, File.scanned).where(File.digest == digest))
    if row is None:
        raise NotFound("There is no such file.")
    if row.scanned == REFUSED:
        raise Conflict("This file was found to be harmful after it was attached, so it is not given out.", code="file-harmful")
    path = store.path(digest)
    if digest_of(path) != digest:
        raise Conflict(
            "This file is missing or damaged in the store. Ask the academy's administrator to restore it from the backup.",
            code="file-damaged",
        )
    return Kept(path, row.size, KINDS[row.media_type])


def digest_of(path: Path) -> str | None:
    """SHA-256 of what lies there, in hexadecimal; None if nothing does."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


# Looking after -----------------------------------------------------------------------------------------------------


def sweep(database: Database, store: Store, now: datetime) -> int:
    """Remove files that no row names and that are older than a day: their upload was given up. Returns how many."""
    if not store.folder.is_dir():
        return 0
    before = (now - ORPHAN_AFTER).timestamp()
    old = [path for path in store.folder.glob("*/*") if _older(path, before)]
    with transaction(database, SYSTEM, writes=False) as tx:
        named = {row.digest for row in tx.rows(select(File.digest))} if old else set()
    removed = 0
    for path in old:
        place = f"{path.parent.name}/{path.name}"
        if path.name in named or not (_PLACE.fullmatch(place) or path.parent.name == "new"):
            continue  # kept, or not ours
        with _turn(store, fcntl.LOCK_EX), suppress(FileNotFoundError):
            if _older(path, before):  # somebody may have sent the same content again meanwhile
                path.unlink()
                removed += 1
    return removed


def _older(path: Path, before: float) -> bool:
    """Is it a file from before this moment? What goes away while one looks is none."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_mtime < before


def scan_waiting(database: Database, store: Store, now: datetime, most: int = 500) -> int:  # noqa: ARG001 - as every such job
    """Scan files that were taken while there was no scanner; returns how many. A scanner out of order ends the turn."""
    if not store.scanner:
        return 0
    with transaction(database, SYSTEM, writes=False) as tx:
        waiting = tx.rows(select(File.digest).where(File.scanned == NOT_SCANNED).order_by(File.stored_at).limit(most))
    for row in waiting:
        path = store.path(row.digest)
        if not path.exists():
            continue
        try:
            says = scan(store, path)
        except NotTaken:
            break
        with transaction(database, SYSTEM, writes=True) as tx:
            _mark(tx, row.digest, says)
            if says == REFUSED:
                tx.record("file.refused", "files", None, digest=row.digest)
    return len(waiting)


def damaged(database: Database, store: Store) -> Iterator[tuple[str, str]]:
    """Each kept file that is "missing" or "altered" on the disc, with its digest: for after a restore. Reads every byte."""
    with transaction(database, SYSTEM, writes=False) as tx:
        digests = [row.digest for row in tx.rows(select(File.digest).order_by(File.digest))]
    for digest in digests:
        found = digest_of(store.path(digest))
        if found != digest:
            yield digest, "missing" if found is None else "altered"
