"""What a file is, decided by its bytes alone: never by its name or by what a browser says of it. Whatever is not on the list is refused.

The list is short on purpose: what a social worker attaches as evidence, and what another person's browser or office program opens
without running anything. A refusal says what the file seems to be and what the person can do instead.
"""

from __future__ import annotations

import codecs
import csv
import mmap
import re
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from typing import BinaryIO

HEAD, TAIL = 4096, 65_536  # bytes looked at where the whole file is not
CHUNK = 262_144
MOST_PARTS = 10_000  # of an Office file
MOST_UNPACKED = 300 * 1024 * 1024  # bytes that all its parts may come to
LONGEST_NAME = 200  # characters


class NotTaken(Exception):
    """The file is not one of the accepted kinds. The message is a whole sentence about it, with the way out; `code` is for programs."""

    def __init__(self, message: str, code: str = "file-kind") -> None:
        super().__init__(message)
        self.message, self.code = message, code


@dataclass(frozen=True, slots=True)
class Kind:
    """An accepted kind: its media type, its name in words, what its file names end in, and whether browsers show it safely in a page."""

    media_type: str
    words: str
    suffixes: tuple[str, ...]
    inline: bool = False


_OFFICE = "application/vnd.openxmlformats-officedocument."
PDF = Kind("application/pdf", "PDF", (".pdf",), True)
PNG = Kind("image/png", "PNG picture", (".png",), True)
JPEG = Kind("image/jpeg", "JPEG picture", (".jpg", ".jpeg", ".jpe"), True)
WEBP = Kind("image/webp", "WebP picture", (".webp",), True)
HEIC = Kind("image/heic", "HEIC picture", (".heic", ".heif"))
DOCX = Kind(_OFFICE + "wordprocessingml.document", "Word document", (".docx",))
XLSX = Kind(_OFFICE + "spreadsheetml.sheet", "Excel workbook", (".xlsx",))
PPTX = Kind(_OFFICE + "presentationml.presentation", "PowerPoint presentation", (".pptx",))
ODT = Kind("application/vnd.oasis.opendocument.text", "OpenDocument text", (".odt",))
TEXT = Kind("text/plain", "plain text", (".txt", ".text", ".md", ".csv"), True)
CSV = Kind("text/csv", "CSV table", (".csv", ".tsv", ".txt"))
KINDS: dict[str, Kind] = {kind.media_type: kind for kind in (PDF, PNG, JPEG, WEBP, HEIC, DOCX, XLSX, PPTX, ODT, TEXT, CSV)}
ACCEPT = ",".join(dict.fromkeys(suffix for kind in KINDS.values() for suffix in kind.suffixes))
"""For the `accept` attribute of a file field: a help for choosing, not a check."""
BUNDLE = Kind("application/zip", "ZIP archive", (".zip",))  # what the service makes itself; nobody's upload is taken as one
KINDS[BUNDLE.media_type] = BUNDLE
IN_WORDS = (
    "PDF, Word (.docx), Excel (.xlsx), PowerPoint (.pptx), OpenDocument text (.odt), pictures (JPEG, PNG, HEIC, WebP), plain text or CSV"
)

_MAIN_PARTS = {  # the content type of an Office file's main part
    b"wordprocessingml.document.main+xml": DOCX,
    b"spreadsheetml.sheet.main+xml": XLSX,
    b"presentationml.presentation.main+xml": PPTX,
}
_PROGRAM = "is a program or a script. Programs cannot be attached."
_MARKUP = "is a web page or a drawing made of code. Print it to a PDF and attach that."
_ARCHIVE = "is a folder of compressed files. Attach the files in it one by one."
_RECORDING = "is a sound or video recording. Recordings cannot be attached; describe it in writing."
_PICTURE = "is a kind of picture that not everybody can open. Save it as JPEG or PNG and attach that."
_LEGACY = "is in an older Office format (.doc, .xls, .ppt or .msg). Open it, save it as .docx, .xlsx, .pptx or PDF and attach that."
_LOCKED = "is protected with a password or restrictions. Save a copy without them and attach that."
_DAMAGED = "is damaged or incomplete. Open it on your computer, save it again and attach the new copy."
_UNREADABLE = f"is not a kind of file that can be attached. Save it as one of these: {IN_WORDS}."
_ENCODING = "is text, but not in UTF-8. Open it, choose UTF-8 when saving (or save it as PDF) and attach the new copy."
_MACROS = "has macros in it, which are small programs. Save it without macros (.docx, .xlsx or .pptx) or as PDF and attach that."
_BOMB = "unpacks to far more than its size. Save it again from the program that made it, or as PDF, and attach the new copy."
_TWO_IN_ONE = "has a second file hidden inside it. Save it again from the program that shows it and attach the new copy."
_OTHER_OFFICE = "is a template or another kind of Office file. Save it as .docx, .xlsx, .pptx or PDF and attach that."

_REFUSED: tuple[tuple[bytes, str, str], ...] = (  # how it begins, what to say, code
    (b"MZ", _PROGRAM, "file-program"),
    (b"\x7fELF", _PROGRAM, "file-program"),
    (b"\xca\xfe\xba\xbe", _PROGRAM, "file-program"),  # Java, and macOS for several processors
    (b"\xfe\xed\xfa", _PROGRAM, "file-program"),
    (b"\xce\xfa\xed\xfe", _PROGRAM, "file-program"),
    (b"\xcf\xfa\xed\xfe", _PROGRAM, "file-program"),
    (b"#!", _PROGRAM, "file-program"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", _PROGRAM, "file-program"),  # a Windows shortcut can start anything
    (b"{\\rtf", "is in Rich Text Format. Save it as .docx or PDF and attach that.", "file-kind"),
    (b"Rar!", _ARCHIVE, "file-archive"),
    (b"7z\xbc\xaf", _ARCHIVE, "file-archive"),
    (b"\x1f\x8b", _ARCHIVE, "file-archive"),
    (b"BZh", _ARCHIVE, "file-archive"),
    (b"\xfd7zXZ", _ARCHIVE, "file-archive"),
    (b"GIF8", _PICTURE, "file-picture"),
    (b"BM", _PICTURE, "file-picture"),
    (b"II*\x00", _PICTURE, "file-picture"),
    (b"MM\x00*", _PICTURE, "file-picture"),
    (b"ID3", _RECORDING, "file-recording"),
    (b"\xff\xfb", _RECORDING, "file-recording"),
    (b"OggS", _RECORDING, "file-recording"),
    (b"\x1aE\xdf\xa3", _RECORDING, "file-recording"),
    (b"fLaC", _RECORDING, "file-recording"),
    (b"\xff\xfe", _ENCODING, "file-encoding"),
    (b"\xfe\xff", _ENCODING, "file-encoding"),
)


def decide(file: BinaryIO, size: int) -> Kind:
    """The kind of an open, seekable file of `size` bytes, or NotTaken with the reason in words."""
    if size == 0:
        raise NotTaken("is empty. Check that it was saved, and attach it again.", "file-empty")
    file.seek(0)
    head = file.read(HEAD)
    if head.startswith(b"PK\x03\x04"):
        return _packed(file)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise NotTaken(*((_LOCKED, "file-locked") if _names_package(file, size) else (_LEGACY, "file-legacy")))
    kind = _by_signature(file, head, size)
    if kind is None:
        for start, words, code in _REFUSED:
            if head.startswith(start) and (start in (b"#!", b"{\\rtf") or not _is_words(head)):  # "BM" may begin somebody's sentence
                raise NotTaken(words, code)
        return _text(file, head)
    if _hides_archive(file):
        raise NotTaken(_TWO_IN_ONE, "file-two-in-one")
    return kind


def _by_signature(file: BinaryIO, head: bytes, size: int) -> Kind | None:
    if head.startswith(b"%PDF-"):
        return _pdf(file, size)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        if head[12:16] != b"IHDR" or b"IEND\xaeB`\x82" not in _tail(file, size):
            raise NotTaken(_DAMAGED, "file-damaged")
        return PNG
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"RIFF"):
        if head[8:12] != b"WEBP":
            raise NotTaken(_RECORDING, "file-recording")
        if int.from_bytes(head[4:8], "little") + 8 > size:
            raise NotTaken(_DAMAGED, "file-damaged")
        return WEBP
    if head[4:8] == b"ftyp":
        return _boxes(head)
    return None


def _boxes(head: bytes) -> Kind:
    """ISO base media: the first box names the brands. HEIC is the one that phones write pictures in."""
    length = min(int.from_bytes(head[:4], "big"), 256)
    brands = {head[8:12], *(head[n : n + 4] for n in range(16, length, 4))}
    if head[8:12] in (b"heic", b"heix", b"heim", b"heis") or (head[8:12] == b"mif1" and brands & {b"heic", b"heix"}):
        return HEIC
    if brands & {b"avif", b"mif1"}:
        raise NotTaken(_PICTURE, "file-picture")
    raise NotTaken(_RECORDING, "file-recording")


_ENCRYPTED = re.compile(rb"/Encrypt\s*(?:\d{1,10}\s+\d{1,5}\s+R\b|<<)")


def _pdf(file: BinaryIO, size: int) -> Kind:
    if b"%%EOF" not in _tail(file, size):
        raise NotTaken(_DAMAGED, "file-damaged")
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        if _ENCRYPTED.search(whole):
            raise NotTaken(_LOCKED, "file-locked")
    return PDF


def _tail(file: BinaryIO, size: int) -> bytes:
    file.seek(max(size - TAIL, 0))
    return file.read(TAIL)


def _hides_archive(file: BinaryIO) -> bool:
    """Does something that begins as another kind end as a zip archive? Such a file is one thing to its reader and another to a program."""
    try:
        with zipfile.ZipFile(file) as archive:
            return bool(archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return False


def _names_package(file: BinaryIO, size: int) -> bool:
    """Office wraps a document that has a password in the old container, in a stream of this name."""
    file.seek(0)
    return "EncryptedPackage".encode("utf-16-le") in file.read(min(size, 4 * 1024 * 1024))


# Office files ------------------------------------------------------------------------------------------------------


def _packed(file: BinaryIO) -> Kind:
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            if len({part.filename for part in parts}) < len(parts):
                raise NotTaken(_DAMAGED, "file-damaged")  # two parts of one name: each program would read another
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
                raise NotTaken(_BOMB, "file-bomb")
            kind = _office(archive, {part.filename: part for part in parts})
            _unpack(archive, parts)
            return kind
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError, UnicodeError, RuntimeError) as wrong:
        raise NotTaken(_DAMAGED, "file-damaged") from wrong


def _office(archive: zipfile.ZipFile, parts: dict[str, zipfile.ZipInfo]) -> Kind:
    """Which kind of Office file this is, by its own table of contents."""
    names = {name.casefold() for name in parts}
    if any(part.flag_bits & 1 for part in parts.values()):
        raise NotTaken(_LOCKED, "file-locked")
    first = next(iter(parts), "")
    if first == "mimetype" and _read(archive, parts[first], 100) == ODT.media_type.encode():
        if any(name.startswith(("basic/", "scripts/")) for name in names):
            raise NotTaken(_MACROS, "file-macros")
        return ODT
    if "[Content_Types].xml" not in parts:
        if first == "mimetype" or "index/document.iwa" in names:
            raise NotTaken(_OTHER_OFFICE)
        raise NotTaken(_ARCHIVE, "file-archive")
    contents = _read(archive, parts["[Content_Types].xml"], 1_000_000).lower()
    if b"macroenabled" in contents or b"vbaproject" in contents or any(name.endswith("vbaproject.bin") for name in names):
        raise NotTaken(_MACROS, "file-macros")
    found = [kind for part, kind in _MAIN_PARTS.items() if part in contents]
    if len(found) != 1:
        raise NotTaken(_OTHER_OFFICE, "file-kind")
    return found[0]


def _read(archive: zipfile.ZipFile, part: zipfile.ZipInfo, most: int) -> bytes:
    with archive.open(part) as opened:
        return opened.read(most)


def _unpack(archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo]) -> None:
    """Read every part to its end: a part that lies about its size or does not match its checksum makes the file damaged.

    What is declared was added up before, and no part yields more than it declares, so this ends at MOST_UNPACKED at the latest.
    """
    for part in parts:
        with archive.open(part) as opened:
            while opened.read(CHUNK):
                pass


# Text --------------------------------------------------------------------------------------------------------------

_MARKUP_START = re.compile(r"<[a-z!?/]", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def _text(file: BinaryIO, head: bytes) -> Kind:
    """Plain text or a table as text, if all of it is UTF-8 without control characters."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    start = ""
    try:
        while chunk := file.read(CHUNK):
            text = decoder.decode(chunk)
            if _CONTROL.search(text):
                raise NotTaken(_UNREADABLE)
            start = start or text
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as wrong:
        raise NotTaken(*((_ENCODING, "file-encoding") if _is_words(head) else (_UNREADABLE, "file-kind"))) from wrong
    if _MARKUP_START.match(start.lstrip()):
        raise NotTaken(_MARKUP, "file-markup")
    if not start.strip():
        raise NotTaken("has nothing in it but spaces. Check that it was saved, and attach it again.", "file-empty")
    return CSV if _is_table(start) else TEXT


def _is_words(head: bytes) -> bool:
    """Mostly printable, whatever the encoding: somebody's text rather than a program's data."""
    return b"\0" not in head and sum(byte in b"\t\r\n\f" or 32 <= byte != 127 for byte in head) > 0.95 * len(head)


def _is_table(start: str) -> bool:
    """Do the first lines all have the same number of cells, two or more?"""
    lines = start[:20_000].splitlines()[:20]
    if len(lines) < 2:
        return False
    for separator in ",;\t":
        try:
            counts = {len(cells) for cells in csv.reader(lines, delimiter=separator) if cells}
        except csv.Error:
            continue
        if len(counts) == 1 and counts.pop() > 1:
            return True
    return False


# Names -------------------------------------------------------------------------------------------------------------


def clean_name(given: str) -> str:
    """The file's name as its owner knows it: without characters that cannot be seen, or NotTaken if it is no plain file name.

    Marks that turn the direction of writing are dropped: with them "fdp.exe" can be made to look like "exe.pdf".
    """
    if "/" in given or "\\" in given:
        raise NotTaken("has a folder in its name. Rename it, without / or \\, and attach it again.", "file-name")
    shown = "".join(" " if letter.isspace() else letter for letter in unicodedata.normalize("NFC", given))
    name = " ".join("".join(letter for letter in shown if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Cn")).split())
    if name.strip(". ") == "":
        raise NotTaken("has no name. Rename it and attach it again.", "file-name")
    if len(name) > LONGEST_NAME:
        raise NotTaken(f"has a name of more than {LONGEST_NAME} characters. Give it a shorter one and attach it again.", "file-name")
    return name


def name_for(name: str, kind: Kind) -> str:
    """The name it is handed out under: its ending always says what it is, so that no computer takes a text for a program."""
    return name if name.casefold().endswith(kind.suffixes) else name + kind.suffixes[0]
