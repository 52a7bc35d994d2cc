"""Portfolios from elsewhere as a file: a ZIP with `portfolios.csv` (or `.xlsx`) and the documents it names, or the table alone.

Nothing of a ZIP is written anywhere under a name of its own: what the table names is streamed, one file after another, into the store,
which decides what each is by its content.
"""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from app.core.files import FileRefused, Received, Store, receive
from app.core.sheets import MOST_BYTES, SheetRefused, read_sheet

MOST_ROWS, MOST_ENTRIES = 2000, 2100
MOST_UNPACKED = 300 * 1024 * 1024  # bytes of everything in a ZIP
HEADINGS: dict[str, tuple[str, ...]] = {  # column → other headings that mean it
    "person": ("employee number", "swe number", "social work england number", "nqsw", "learner"),
    "cohort": (),
    "start date": ("started", "first day"),
    "assessor": (),
    "line manager": ("manager",),
    "stage": ("stage done",),
    "held on": ("stage held on", "review held on", "review"),
    "document": ("document code",),
    "file": ("file name",),
    "signed by": ("signatures", "signed on paper by"),
}
TAKEN = ("application/pdf", "application/vnd.openxmlformats-officedocument.wordprocessingml.document")
TABLES = ("portfolios.csv", "portfolios.xlsx")
_MEANS = {name: column for column, names in HEADINGS.items() for name in (column, *names)}
_UNSAFE = re.compile(r"(^/)|(^[A-Za-z]:)|\\|(^|/)\.\.(/|$)|[\x00-\x1f]")


@dataclass(slots=True)
class Sent:
    """What was sent: the lines of the table, the files it names as they were taken in, and those that could not be."""

    name: str
    lines: list[dict[str, Any]]  # {"line": 2, "cells": {"person": "E00012", …}}
    files: dict[str, Received] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)  # by name, in words
    unnamed: list[str] = field(default_factory=list)  # in the ZIP, but nowhere in the table


def read(source: BinaryIO, name: str, store: Store) -> Sent:
    """Take in what was sent. SheetRefused when it cannot be used as a whole, in words that say what to do."""
    start = source.read(4)
    source.seek(0)
    if not start.startswith(b"PK"):
        return Sent(name, _table(source.read(MOST_BYTES + 1)))
    with _opened(source) as archive:
        parts = _parts(archive)
        if "[Content_Types].xml" in parts:  # an Excel workbook is a ZIP too
            source.seek(0)
            return Sent(name, _table(source.read(MOST_BYTES + 1)))
        return _unpacked(archive, parts, name, store)


@contextmanager
def _opened(source: BinaryIO) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(source) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, OSError) as wrong:
        if isinstance(wrong, FileRefused):
            raise
        raise SheetRefused("The ZIP is damaged or packed in an unusual way. Make it anew and send it again.") from wrong


def _parts(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """What is in it by name; SheetRefused for anything that a ZIP of documents has no reason to be."""
    found: dict[str, zipfile.ZipInfo] = {}
    entries = [one for one in archive.infolist() if not one.is_dir() and not _system(one.filename)]
    if len(entries) > MOST_ENTRIES:
        raise SheetRefused(f"The ZIP holds more than {MOST_ENTRIES:,} files. Send it in parts.")
    for one in entries:
        if _UNSAFE.search(one.filename) or stat.S_ISLNK(one.external_attr >> 16):
            raise SheetRefused("The ZIP holds names that lead out of it, or links. Make it anew from an ordinary folder.")
        if one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise SheetRefused("The ZIP is packed in an unusual way. Make it anew with what your computer brings.")
        if one.flag_bits & 1:
            raise SheetRefused("The ZIP is locked with a password. Send it without.")
        if one.filename in found:
            raise SheetRefused(f"The ZIP holds “{one.filename[:80]}” twice. Make it anew.")
        found[one.filename] = one
    if sum(one.file_size for one in entries) > MOST_UNPACKED:
        raise SheetRefused(f"The ZIP unpacks to more than {MOST_UNPACKED // 1024 // 1024} MB. Send it in parts.")
    return found


def _system(name: str) -> bool:
    """What computers put into archives by themselves."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2] in (".DS_Store", "Thumbs.db", "desktop.ini")


def _unpacked(archive: zipfile.ZipFile, parts: Mapping[str, zipfile.ZipInfo], name: str, store: Store) -> Sent:
    tables = [one for one in parts if one.rpartition("/")[2].lower() in TABLES]
    if len(tables) != 1:
        raise SheetRefused("The ZIP must hold one table named portfolios.csv or portfolios.xlsx, beside the documents.")
    with archive.open(parts[tables[0]]) as table:
        sent = Sent(name, _table(table.read(MOST_BYTES + 1)))
    folder = tables[0].rpartition("/")[0]
    named = {line["cells"]["file"] for line in sent.lines if line["cells"].get("file")}
    by_name = {one.removeprefix(f"{folder}/") if folder else one: part for one, part in parts.items() if one != tables[0]}
    for one in sorted(named & by_name.keys()):
        try:
            with archive.open(by_name[one]) as source:
                received = receive(store, source, one.rpartition("/")[2])  # type: ignore[arg-type]
            if received.media_type in TAKEN:
                sent.files[one] = received
            else:
                sent.refused[one] = "This is neither a PDF nor a Word document"
        except FileRefused as refused:
            if refused.code == "file-not-stored":
                raise
            sent.refused[one] = refused.message
    sent.unnamed = sorted(by_name.keys() - named)
    return sent


def _table(content: bytes) -> list[dict[str, Any]]:
    lines = read_sheet(content, MOST_ROWS)
    columns = [_MEANS.get(" ".join(cell.lower().replace("_", " ").split())) for cell in lines[0][1]] if lines else []
    unknown = [cell for cell, column in zip(lines[0][1], columns, strict=True) if cell and column is None] if lines else []
    if unknown:
        raise SheetRefused(f"The table has a column “{unknown[0][:60]}”, which is not one of these: {', '.join(HEADINGS)}.")
    known = [column for column in columns if column]
    if len(set(known)) != len(known):
        raise SheetRefused("The table has one column twice. Delete one of them.")
    if "person" not in known or len(lines) < 2:
        raise SheetRefused("The table needs headings in the first row, “person” among them, and a row for each stage or document.")
    return [
        {"line": number, "cells": {column: cell for column, cell in zip(columns, cells, strict=False) if column}}
        for number, cells in lines[1:]
    ]
