"""What a file says besides what it shows: where a photograph was taken, who wrote it, titles, remarks; and the words in it.

Read with the standard library only, bounded whatever the file is. Not read: words on PDF pages and in pictures (docs/guard.md).
"""

from __future__ import annotations

import html
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from app.core.file_kinds import CSV, DOCX, HEIC, JPEG, ODT, PDF, PNG, PPTX, TEXT, WEBP, XLSX, Kind

MOST_WORDS = 300_000  # characters of text that are looked at
MOST_PART = 4 * 1024 * 1024  # bytes read of one part of an Office file
HEAD = 1024 * 1024  # bytes of a picture or PDF in which its properties are looked for, from each end
GPS, ORIENTATION = 0x8825, 0x0112
SAID = {
    0x010E: "description",
    0x013B: "author",
    0x8298: "copyright",
    0x9C9B: "title",
    0x9C9C: "remarks",
    0x9C9D: "author",
    0x9C9F: "subject",
}


@dataclass(frozen=True, slots=True)
class Hidden:
    """What stands in a file's properties. `place`: where it was taken; `author`: whose name it carries, or that it carries one."""

    place: bool = False
    author: str = field(default="", repr=False)
    words: str = field(default="", repr=False)  # titles, subjects, remarks, and the author's name

    def __bool__(self) -> bool:
        return self.place or bool(self.author or self.words)


def hidden(path: Path, kind: Kind) -> Hidden:
    """The properties of a file of this kind; nothing where they cannot be read."""
    try:
        if kind in (JPEG, PNG, WEBP, HEIC):
            return of_picture(_ends(path))
        if kind is PDF:
            return _of_pdf(_ends(path))
        if kind in (DOCX, XLSX, PPTX, ODT):
            return _of_office(path)
    except (OSError, ValueError, struct.error, zipfile.BadZipFile, zlib.error, NotImplementedError):
        return Hidden()
    return Hidden()


def _ends(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(HEAD)
        size = path.stat().st_size
        if size <= HEAD:
            return head
        file.seek(max(size - HEAD, HEAD))
        return head + file.read(HEAD)


# Pictures ----------------------------------------------------------------------------------------------------------

_EXIF = re.compile(rb"Exif\x00\x00(?=II\*\x00|MM\x00\*)|eXIf(?=II\*\x00|MM\x00\*)|EXIF....(?=II\*\x00|MM\x00\*)", re.DOTALL)
_XMP_PLACE = re.compile(rb"exif:GPSL(?:at|ong)itude")
_XMP = re.compile(rb"<dc:(?:creator|title|description|subject)>")
MOST_SAID = 20  # things of each sort that are looked at in one file


def of_picture(data: bytes) -> Hidden:
    """What EXIF and XMP say in these bytes of a picture."""
    place, author, words = bool(_XMP_PLACE.search(data)), "", []
    for found in islice(_EXIF.finditer(data), MOST_SAID):
        tags = tiff(data[found.end() : found.end() + 65_536])
        place = place or GPS in tags
        for tag, name in SAID.items():
            said = _text(tag, tags.get(tag, b""))
            author = author or (said if name == "author" else "")
            words += [said] if said else []
    words += _xmp(data)
    return Hidden(place, author, "\n".join(each for each in words if each))


def _xmp(data: bytes) -> list[str]:
    """What XMP says of authors, titles and subjects."""
    said = []
    for found in islice(_XMP.finditer(data), MOST_SAID):
        inside, closed, _ = data[found.end() : found.end() + 2000].partition(b"</dc:")
        said += [_tagless(inside.decode("utf-8", "ignore"))] if closed else []
    return said


def tiff(data: bytes) -> dict[int, bytes]:
    """The first directory of a TIFF structure, as EXIF is one: the bytes of each value by its tag, at most 200 of them."""
    order = "<" if data[:2] == b"II" else ">"
    at = struct.unpack_from(order + "I", data, 4)[0]
    count = min(struct.unpack_from(order + "H", data, at)[0], 200) if at + 2 <= len(data) else 0
    found = {}
    for n in range(count):
        entry = at + 2 + 12 * n
        if entry + 12 > len(data):
            break
        tag, form, items = struct.unpack_from(order + "HHI", data, entry)
        length = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}.get(form, 0) * items
        start = entry + 8 if length <= 4 else struct.unpack_from(order + "I", data, entry + 8)[0]
        found[tag] = data[start : start + min(length, 4000)]
    return found


def orientation(data: bytes) -> int:
    """How a picture is to be turned, 1 to 8, as EXIF says; 1 if it says nothing."""
    found = _EXIF.search(data[:HEAD])
    if found is None:
        return 1
    block = data[found.end() : found.end() + 65_536]
    try:
        value = tiff(block).get(ORIENTATION, b"")
    except struct.error:
        return 1
    turned = int.from_bytes(value[:2], "little" if block[:2] == b"II" else "big")
    return turned if 1 <= turned <= 8 else 1


def _text(tag: int, value: bytes) -> str:
    said = value.decode("utf-16-le" if tag >= 0x9C9B and tag <= 0x9C9F else "utf-8", "ignore")
    return " ".join(said.replace("\0", " ").split())


# PDF ---------------------------------------------------------------------------------------------------------------

_INFO = re.compile(rb"/(Author|Title|Subject|Keywords)\s{0,4}(?:\(((?:[^()\\]|\\.){0,500})\)|<([0-9A-Fa-f\s]{0,2000})>)", re.DOTALL)


def _of_pdf(data: bytes) -> Hidden:
    author, words = "", []
    for found in islice(_INFO.finditer(data), MOST_SAID):
        said = _pdf_text(found[2] if found[2] is not None else bytes.fromhex(_even(found[3].decode("ascii"))))
        author = author or (said if found[1] == b"Author" else "")
        words += [said] if said else []
    words += _xmp(data)
    return Hidden(False, author, "\n".join(dict.fromkeys(each for each in words if each)))


def _even(digits: str) -> str:
    packed = "".join(digits.split())
    return packed + "0" * (len(packed) % 2)


def _pdf_text(value: bytes) -> str:
    value = re.sub(rb"\\([()\\])", rb"\1", value)
    said = value[2:].decode("utf-16-be", "ignore") if value.startswith(b"\xfe\xff") else value.decode("latin-1")
    return " ".join(said.replace("\0", "").split())


# Office ------------------------------------------------------------------------------------------------------------

_TAG = re.compile(r"<[^<>]{0,4000}>")
_ENDS = re.compile(r"</(?:w:p|a:p|text:p|text:h|si|row|c)>|<w:(?:tab|br)/>|<text:(?:tab|line-break)/>")
_SHOWN = re.compile(
    r"word/(?:document|header\d{0,3}|footer\d{0,3}|footnotes|endnotes|comments)\.xml|xl/sharedStrings\.xml|xl/worksheets/sheet\d{1,4}\.xml|"
    r"ppt/(?:slides|notesSlides|comments)/[\w]{1,40}\.xml|content\.xml"
)
_AUTHORS = re.compile(r"<(dc:creator|cp:lastModifiedBy|Manager|Company|meta:initial-creator)>([^<]{1,300})<")
_REMARKS = re.compile(r"<(?:dc:(?:title|subject|description)|cp:(?:keywords|category|contentStatus)|meta:keyword)>([^<]{1,1000})<")
PROPERTIES = ("docProps/core.xml", "docProps/app.xml", "docProps/custom.xml", "meta.xml")


def _tagless(markup: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", markup)).split())


def _of_office(path: Path) -> Hidden:
    place, authors, words = False, [], []
    with zipfile.ZipFile(path) as archive:
        for name, data in _parts(archive, lambda name: name in PROPERTIES):
            markup = data.decode("utf-8", "ignore")
            authors += [html.unescape(found[2]) for found in _AUTHORS.finditer(markup)]
            words += [html.unescape(found[1]) for found in _REMARKS.finditer(markup)]
            words += [_tagless(markup)] if name == "docProps/custom.xml" else []
        for _, data in _parts(archive, lambda name: "/media/" in name and name.lower().endswith((".jpg", ".jpeg", ".png"))):
            place = place or of_picture(data).place
    return Hidden(
        place, authors[0] if authors else "", "\n".join(dict.fromkeys(each.strip() for each in [*authors, *words] if each.strip()))
    )


def _parts(archive: zipfile.ZipFile, wanted: object) -> Iterator[tuple[str, bytes]]:
    for info in [info for info in archive.infolist() if wanted(info.filename)][:200]:  # type: ignore[operator]
        with archive.open(info) as part:
            yield info.filename, part.read(MOST_PART)


def text_of(path: Path, kind: Kind) -> str:
    """The words in a file, as far as they can be read: text, tables, Word, Excel, PowerPoint, OpenDocument. At most MOST_WORDS."""
    if kind in (TEXT, CSV):
        with path.open("rb") as file:
            return file.read(4 * MOST_WORDS).decode("utf-8-sig", "ignore")[:MOST_WORDS]
    if kind not in (DOCX, XLSX, PPTX, ODT):
        return ""
    said: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive:
            for _, data in _parts(archive, lambda name: bool(_SHOWN.fullmatch(name))):
                markup = _ENDS.sub("\n", data.decode("utf-8", "ignore"))
                said.append(html.unescape(_TAG.sub("", markup)))
                if sum(map(len, said)) > MOST_WORDS:
                    break
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError):
        return ""
    return "\n".join(said)[:MOST_WORDS]
