"""Makes an Excel workbook that somebody sent safe to open: unpacked once, measured, and written again part by part.

The reader of workbooks lays a sheet out as a full rectangle, so a file of a kilobyte with one cell at XFD1048576 would take
all memory. It finds a sheet wherever the relationships point and takes references in any case and namespace prefix, so every
part of the archive is measured, whatever its name. It reads the copy and never the file as sent: what it sees is what was
measured, however the archive was forged.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

CHUNK = 1024 * 1024
MOST_PARTS = 2_000
LONGEST_TAG = 256 * 1024
DAMAGED = "The workbook is damaged. Open it in a spreadsheet, save it again and send that copy."
_PREFIX = rb"<(?:[^\s<>/:\"']+:)?"
_ATTRIBUTE = rb"""\s+([\w:.-]+)\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)')"""
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_WHOLE = rb"""((?:\s+[\w:.-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'))*)\s*/?>"""


@dataclass(frozen=True, slots=True)
class _Tags:
    """The tags that are looked for; without namespace prefixes the search is several times as fast."""

    row_tag: re.Pattern[bytes]
    cell_tag: re.Pattern[bytes]
    text_tag: re.Pattern[bytes]
    row: re.Pattern[bytes]
    cell: re.Pattern[bytes]
    plain_column: re.Pattern[bytes]
    plain_row: re.Pattern[bytes]


def _tags(start: bytes) -> _Tags:
    return _Tags(
        row_tag=re.compile(start + rb"row(?=[\s/>])"),
        cell_tag=re.compile(start + rb"c(?=[\s/>])"),
        text_tag=re.compile(start + rb"si(?=[\s/>])"),
        row=re.compile(start + rb"row" + _WHOLE),
        cell=re.compile(start + rb"c" + _WHOLE),
        plain_column=re.compile(start + rb"""c r="([A-Za-z]{1,3})\d{1,7}"(?: [a-z]+="[^"<>&]*")*/?>"""),
        plain_row=re.compile(start + rb"""c r="[A-Za-z]{1,3}(\d{1,7})\""""),
    )


_BARE, _PREFIXED = _tags(b"<"), _tags(_PREFIX)
_HAS_PREFIX = re.compile(rb":(?:c|row|si)[\s/>]")
_SHARED_CELL = re.compile(rb"""t\s*=\s*["']s["']""")
_DIMENSION = re.compile(_PREFIX + rb"""dimension\b[^>]*?\bref\s*=\s*["']([^"']*)""")
_REFERENCE = re.compile(rb"([A-Za-z]*)(\d{1,9})")
_OTHER_KINDS = ("mimetype", "content.xml")


class WorkbookRefused(Exception):
    """The workbook cannot be opened safely; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a workbook may be: rows and columns of any sheet, cells of its rectangle, bytes of the whole unpacked."""

    rows: int
    columns: int
    unpacked: int
    cells: int = 6_000_000
    texts: int = 1_500_000_000  # bytes, were every cell that points to a shared text to hold the longest of them: each gets its own


@dataclass(slots=True)
class _Texts:
    """The shared texts of a workbook: a cell of a few bytes may point to a text of a megabyte, and so may the next."""

    cells: int = 0
    longest: int = 0
    length: int | None = None  # of the one that is being read, markup included

    def take(self, text: bytes, limits: Limits) -> None:
        """Measure some more text of any part; WorkbookRefused when the cells together could hold too much."""
        self.cells += len(_SHARED_CELL.findall(text))
        tags = _PREFIXED if _HAS_PREFIX.search(text) else _BARE
        more, *others = map(len, tags.text_tag.split(text))
        if self.length is not None:
            others.insert(0, self.length + more)
        if others:
            self.length = others[-1]
            self.longest = max(self.longest, *others)
        if self.cells * self.longest > limits.texts:
            raise WorkbookRefused(
                "The workbook has too many cells for the length of its longest text. Leave out columns with long notes, or save it as CSV."
            )


@contextmanager
def safe_copy(source: Path | IO[bytes], limits: Limits, look: Callable[[bytes], None] | None = None) -> Iterator[Path]:
    """The path of a copy that may be opened, for as long as the context lasts; WorkbookRefused when there can be none.

    `look` is shown the text of every part in pieces that break between tags, and may raise a refusal of its own.
    """
    with tempfile.TemporaryDirectory(prefix="academy-workbook-") as folder:
        copy = Path(folder) / "checked.xlsx"  # by this ending the reader tries no other format
        try:
            with zipfile.ZipFile(source) as sent:
                parts = _parts(sent, limits)
                with zipfile.ZipFile(copy, "w") as kept:
                    left, texts = limits.unpacked, _Texts()
                    for part in parts:
                        with sent.open(part) as packed, kept.open(zipfile.ZipInfo(part.filename), "w") as unpacked:
                            for piece in _measured(packed, limits, texts, look):
                                left -= len(piece)
                                if left < 0:
                                    raise _too_large(limits)
                                unpacked.write(piece)
        except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as problem:
            raise WorkbookRefused(DAMAGED) from problem
        except Exception as problem:  # zlib.error and whatever else a forged archive provokes in the unpacker
            if type(problem).__module__.startswith("app."):
                raise
            raise WorkbookRefused(DAMAGED) from problem
        yield copy


def _parts(package: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    parts = [part for part in package.infolist() if not part.is_dir()]
    names = [part.filename.lower().replace("\\", "/").lstrip("/") for part in parts]
    if any(name in _OTHER_KINDS or name.endswith("workbook.bin") for name in names):
        raise WorkbookRefused("This is not an Excel workbook of the usual kind. Save it as Excel workbook (.xlsx) or as CSV UTF-8.")
    if "xl/workbook.xml" not in names:
        raise WorkbookRefused("This is a zip file, not an Excel workbook. Send the file itself as CSV or as Excel workbook (.xlsx).")
    if len(set(names)) < len(names):
        raise WorkbookRefused(DAMAGED)
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > limits.unpacked:
        raise _too_large(limits)
    return parts


def _too_large(limits: Limits) -> WorkbookRefused:
    return WorkbookRefused(
        f"The workbook is too large unpacked: more than {limits.unpacked // 1024 // 1024} MB. "
        "Copy the rows into a new workbook, without other sheets and pictures, or save it as CSV."
    )


def _is_text(start: bytes) -> bool:
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<") and b"\0" not in start[:8]


def _measured(part: IO[bytes], limits: Limits, texts: _Texts, look: Callable[[bytes], None] | None) -> Iterator[bytes]:
    """The part as it is, each piece of it found to be within the limits; nothing of a part that is no XML, which no sheet can be."""
    reach = _Reach(limits)
    texts.length = None
    chunk = part.read(CHUNK)
    if not _is_text(chunk):
        return
    rest = b""
    while chunk:
        text = rest + chunk
        end = max(text.rfind(b"<"), 0)
        text, rest = text[:end], text[end:]
        if len(rest) > LONGEST_TAG:
            if b">" not in rest:
                raise WorkbookRefused(DAMAGED)
            text, rest = text + rest, b""
        reach.take(text)
        texts.take(text, limits)
        if look:
            look(text)
        yield chunk
        chunk = part.read(CHUNK)
    reach.take(rest)
    texts.take(rest, limits)
    if look:
        look(rest)


class _Reach:
    """How far the cells of one part reach, by their references and by counting those that have none."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.row = self.column = 0  # the furthest that is named
        self.unnamed_rows = 0
        self.unnamed_cells = 0  # in the row that is being read
        self.most_unnamed = 0

    def take(self, text: bytes) -> None:
        """Measure some more text of the part, which holds whole tags; WorkbookRefused when it reaches too far."""
        tags = _PREFIXED if _HAS_PREFIX.search(text) else _BARE
        for dimension in _DIMENSION.findall(text) if b"dimension" in text else ():
            for corner in dimension.replace(b"$", b"").split(b":"):
                self._named(corner)
        rows = tags.row.findall(text)
        if len(rows) < len(tags.row_tag.findall(text)):
            raise WorkbookRefused(DAMAGED)
        self.unnamed_rows += sum(not self._reference(attributes) for attributes in rows)
        self._cells(text, tags, bool(rows))
        height, width = self.row + self.unnamed_rows, self.column + self.most_unnamed
        if height > self.limits.rows or width > self.limits.columns:
            raise WorkbookRefused(
                f"A sheet has cells beyond row {self.limits.rows:,} or beyond column {self.limits.columns}, far below or beside the table. "
                "Delete the rows and columns that are not part of it, or copy the table into a new workbook."
            )
        if height * width > self.limits.cells:
            raise WorkbookRefused(
                f"A sheet has more than {self.limits.cells / 1_000_000:g} million cells. "
                "Leave out columns that are not needed, or send it in parts."
            )

    def _cells(self, text: bytes, tags: _Tags, new_row: bool) -> None:
        expected = len(tags.cell_tag.findall(text))
        columns = tags.plain_column.findall(text)
        if len(columns) == expected:  # as nearly all programs write them
            if expected:
                self.column = max(self.column, *map(_number, set(columns)))
                self.row = max(self.row, *map(int, set(tags.plain_row.findall(text))))
            if new_row:
                self.unnamed_cells = 0
            return
        for n, line in enumerate(tags.row_tag.split(text)):
            cells = tags.cell.findall(line)
            if len(cells) < len(tags.cell_tag.findall(line)):
                raise WorkbookRefused(DAMAGED)
            self.unnamed_cells = (0 if n else self.unnamed_cells) + sum(not self._reference(attributes) for attributes in cells)
            self.most_unnamed = max(self.most_unnamed, self.unnamed_cells)

    def _reference(self, attributes: bytes) -> bool:
        """Whether a tag says where it stands; if so, that is taken note of."""
        given = [one or other for name, one, other in _ATTRIBUTES.findall(attributes) if name == b"r"]
        for reference in given:
            self._named(reference)
        return bool(given)

    def _named(self, reference: bytes) -> None:
        found = _REFERENCE.fullmatch(reference.strip())
        if not found:
            raise WorkbookRefused(DAMAGED)
        self.column, self.row = max(self.column, _number(found[1])), max(self.row, int(found[2]))


def _number(letters: bytes) -> int:
    """The number of a column: A is 1, XFD is 16,384."""
    total = 0
    for letter in letters[:4].upper():
        total = total * 26 + letter - 64
    return total
