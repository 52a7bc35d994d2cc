"""The same file without what it says besides what it shows. What is seen stays as it is, byte for byte; pictures are not drawn anew.

JPEG, PNG, and Word, Excel and PowerPoint files, with the pictures in them. A copy with everything still in it is never passed off as clean:
where a file is not built as expected, NotCleaned is raised and the writer decides.
"""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

from app.core.file_kinds import DOCX, JPEG, PNG, PPTX, XLSX, Kind
from app.guarding.properties import orientation

MOST_PIECES = 100_000  # segments or chunks that a picture is taken apart into
LARGEST_PART, LARGEST = 64 * 1024 * 1024, 128 * 1024 * 1024  # bytes that a part of an Office file, and all of them, may unpack to
CLEANS = frozenset(kind.media_type for kind in (JPEG, PNG, DOCX, XLSX, PPTX))


class NotCleaned(Exception):
    """The file is not built as such files are, so nothing was taken out."""


def clean(path: Path, kind: Kind, to: BinaryIO) -> None:
    """Write the file without its properties. NotCleaned if it cannot be."""
    if kind is JPEG:
        to.write(jpeg(path.read_bytes()))
    elif kind is PNG:
        to.write(png(path.read_bytes()))
    elif kind.media_type in CLEANS:
        _office(path, to)
    else:
        raise NotCleaned


# JPEG: a list of segments, each FF, a marker and its length; then, after SOS, the picture itself until another marker -------

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_FILL = re.compile(rb"\xff+")
_NEXT = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # within the picture FF is followed by 00 or a restart marker


def jpeg(data: bytes) -> bytes:
    """Without EXIF, XMP, comments, previews and whatever stands after its end; turned as it was."""
    if data[:2] != b"\xff\xd8":
        raise NotCleaned
    kept, at, turned = [b"\xff\xd8"], 2, orientation(data)
    if turned != 1:
        kept.append(_turned(turned))
    for _ in range(MOST_PIECES):
        fill = _FILL.match(data, at)
        at = fill.end() - 1 if fill else at
        if at + 2 > len(data) or data[at] != 0xFF:
            raise NotCleaned
        marker = data[at + 1]
        if marker == _EOI:
            return b"".join([*kept, b"\xff\xd9"])
        if at + 4 > len(data):
            raise NotCleaned
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if end > len(data) or end < at + 4:
            raise NotCleaned
        if _needed(marker, data[at + 4 : end]):
            kept.append(data[at:end])
        if marker == _SOS:
            after = _NEXT.search(data, end)
            if after is None:
                raise NotCleaned
            kept.append(data[end : after.start()])
            end = after.start()
        at = end
    raise NotCleaned


def _needed(marker: int, body: bytes) -> bool:
    """Does a picture look the same without this segment? Colour profiles and what decoders read stay."""
    if marker == 0xE0:
        return body.startswith(b"JFIF\0")
    if marker == 0xE2:
        return body.startswith(b"ICC_PROFILE\0")
    if marker == 0xEE:
        return body.startswith(b"Adobe")
    return not (0xE0 <= marker <= 0xEF or marker == _COM)


def _turned(value: int) -> bytes:
    """An EXIF segment that says how the picture is turned, and nothing else."""
    block = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, value, 0, 0)
    return b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block


# PNG: a list of chunks ---------------------------------------------------------------------------------------------

_SAYS = (b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"tIME")


def png(data: bytes) -> bytes:
    """Without texts, EXIF and time, and without whatever stands after its end."""
    kept, at = [data[:8]], 8
    for _ in range(MOST_PIECES):
        if at + 12 > len(data):
            break
        end = at + 12 + struct.unpack_from(">I", data, at)[0]
        kind = data[at + 4 : at + 8]
        if end > len(data):
            raise NotCleaned
        if kind not in _SAYS:
            kept.append(data[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    raise NotCleaned


# Office: parts in an archive ---------------------------------------------------------------------------------------

_CORE = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    b'<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"/>'
)
_CUSTOM = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    b'<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"/>'
)
_FIRM = re.compile(rb"<(Company|Manager|HyperlinkBase)>[^<]{0,2000}</\1>")
_WHO = re.compile(rb'w:(author|initials)="[^"]{0,500}"')
_PEOPLE = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w15:people xmlns:w15="http://schemas.microsoft.com/office/word/2012/wordml"/>'
)
_REMARK_BY = re.compile(rb"<author>[^<]{0,500}</author>")


def _office(path: Path, to: BinaryIO) -> None:
    try:
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as made:
            sizes = [info.file_size for info in archive.infolist()]
            if max(sizes) > LARGEST_PART or sum(sizes) > LARGEST:
                raise NotCleaned
            for info in archive.infolist():
                part = zipfile.ZipInfo(info.filename, (1980, 1, 1, 0, 0, 0))  # nor when it was written
                part.compress_type, part.external_attr = info.compress_type, info.external_attr
                made.writestr(part, _part(info.filename, archive.read(info)))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, RuntimeError) as wrong:
        raise NotCleaned from wrong


def _part(name: str, data: bytes) -> bytes:
    lower = name.lower()
    if lower == "docprops/core.xml":
        return _CORE
    if lower == "docprops/custom.xml":
        return _CUSTOM
    if lower == "docprops/app.xml":
        return _FIRM.sub(rb"<\1></\1>", data)
    if lower == "word/people.xml":
        return _PEOPLE
    if lower.endswith(".xml") and lower.startswith("word/"):
        return _WHO.sub(rb'w:\1="Author"', data)
    if lower.endswith(".xml") and lower.startswith("xl/comments"):
        return _REMARK_BY.sub(b"<author>Author</author>", data)
    if "/media/" in lower and lower.endswith((".jpg", ".jpeg", ".png")):
        try:
            return png(data) if lower.endswith(".png") else jpeg(data)
        except (NotCleaned, struct.error):
            return data
    return data
