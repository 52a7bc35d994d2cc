"""What a file is, by its bytes; what is refused, and in which words."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from app.core.file_kinds import (
    CSV,
    DOCX,
    HEIC,
    IN_WORDS,
    JPEG,
    ODT,
    PDF,
    PNG,
    PPTX,
    TEXT,
    WEBP,
    XLSX,
    Kind,
    NotTaken,
    clean_name,
    decide,
    name_for,
)
from tests.core import samples


def kind_of(content: bytes, folder: Path) -> Kind:
    path = folder / "sample"
    path.write_bytes(content)
    with path.open("rb") as file:
        return decide(file, len(content))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (samples.pdf(), PDF),
        (samples.png(), PNG),
        (samples.JPEG, JPEG),
        (samples.WEBP, WEBP),
        (samples.HEIC, HEIC),
        (samples.office("docx"), DOCX),
        (samples.office("xlsx"), XLSX),
        (samples.office("pptx"), PPTX),
        (samples.workbook(), XLSX),
        (samples.opendocument(), ODT),
        ("I learnt to wait.\n\nNaïve at first, I asked: “why?”".encode(), TEXT),
        ("\ufeffمرحبا".encode(), TEXT),
        (b"BMW owners' assessment", TEXT),
        (b"MZ said so", TEXT),
        (b"5 < 7, and < b is no tag", TEXT),
        (b"One line, with a comma", TEXT),
        (b"Date,Hours\n2026-09-01,3\n2026-09-02,4\n", CSV),
        (b"Date;Hours\r\n2026-09-01;3,5\r\n", CSV),
        (b"a\tb\n1\t2\n", CSV),
    ],
)
def test_what_is_taken_is_known_by_its_bytes(content: bytes, kind: Kind, tmp_path: Path) -> None:
    assert kind_of(content, tmp_path) is kind


LIAR = bytearray(samples.office("docx"))
LIAR[LIAR.index(b"word/document.xml") + 20] ^= 0xFF  # one bit of a part's content
LOCKED_OFFICE = samples.LEGACY + "EncryptedPackage".encode("utf-16-le")


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "file-empty", "is empty"),
        (b"  \n \n", "file-empty", "nothing in it"),
        (b"MZ\x90\x00" + bytes(200), "file-program", "program"),
        (b"\x7fELF\x02\x01\x01" + bytes(200), "file-program", "program"),
        (b"\xcf\xfa\xed\xfe" + bytes(200), "file-program", "program"),
        (b"#!/bin/sh\nrm -rf /\n", "file-program", "script"),
        (b"<!doctype html><p>Hello", "file-markup", "Print it to a PDF"),
        (b"\xef\xbb\xbf\n  <html><script>alert(1)</script>", "file-markup", "web page"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "file-markup", "drawing"),
        (b'<?xml version="1.0"?><office/>', "file-markup", "web page"),
        (samples.LEGACY, "file-legacy", "save it as .docx"),
        (LOCKED_OFFICE, "file-locked", "password"),
        (samples.pdf("secret"), "file-locked", "password"),
        (samples.pdf()[:-200], "file-damaged", "incomplete"),
        (samples.png()[:-12], "file-damaged", "incomplete"),
        (samples.WEBP[:-4], "file-damaged", "incomplete"),
        (samples.office("docx")[:-30], "file-damaged", "incomplete"),
        (bytes(LIAR), "file-damaged", "damaged"),
        (samples.office("docx", ("word/vbaProject.bin", b"macro")), "file-macros", "without macros"),
        (samples.office("xlsx", ("xl/VBAPROJECT.BIN", b"macro")), "file-macros", "without macros"),
        (
            samples.packed(("[Content_Types].xml", 'ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"')),
            "file-macros",
            "macros",
        ),
        (samples.opendocument(("Basic/Standard/Module1.xml", "sub")), "file-macros", "macros"),
        (samples.packed(("[Content_Types].xml", "<Types/>")), "file-kind", "template"),
        (samples.packed(("evidence/one.pdf", samples.pdf())), "file-archive", "one by one"),
        (samples.packed(("../../etc/passwd", "x")), "file-archive", "one by one"),
        (samples.bomb(), "file-bomb", "far more than its size"),
        (samples.png() + samples.packed(("run.class", b"x")), "file-two-in-one", "hidden inside"),
        (samples.pdf() + samples.office("docx"), "file-two-in-one", "hidden inside"),
        (samples.JPEG + samples.packed(("x.exe", b"MZ")), "file-two-in-one", "hidden inside"),
        (b"GIF89a" + bytes(50), "file-picture", "JPEG or PNG"),
        (b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif", "file-picture", "JPEG or PNG"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00mp42isom", "file-recording", "in writing"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "file-recording", "recording"),
        (b"{\\rtf1\\ansi Hello}", "file-kind", ".docx"),
        ("Grüße".encode("cp1252"), "file-encoding", "UTF-8"),
        ("Hello".encode("utf-16"), "file-encoding", "UTF-8"),
        (b"Hello\x00world", "file-kind", IN_WORDS),
        (b"\x01\x02\x03\xf0\x0f" * 100, "file-kind", IN_WORDS),
    ],
)
def test_what_is_not_taken_is_refused_in_words_with_a_way_out(content: bytes, code: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(NotTaken) as refused:
        kind_of(content, tmp_path)
    assert refused.value.code == code and words in refused.value.message
    assert refused.value.message.endswith(".") and refused.value.message.count(".") >= 2  # what it is, and what to do


def test_text_beyond_the_first_look_is_looked_at_too(tmp_path: Path) -> None:
    with pytest.raises(NotTaken):
        kind_of(b"Words. " * 100_000 + b"\xff\xfe\x00", tmp_path)
    assert kind_of("é".encode() * 200_001, tmp_path) is TEXT  # letters cut in two between chunks


def test_parts_of_one_name_are_damage(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = samples.office("docx", ("word/document.xml", "<body>Another</body>"))
    with pytest.raises(NotTaken, match="damaged"):
        kind_of(twice, tmp_path)


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("Observation 2.pdf", "Observation 2.pdf"),
        ("  Réflexion\u00a0\tété.docx ", "Réflexion été.docx"),
        ("cafe\u0301.pdf", "café.pdf"),
        ("تقرير.pdf", "تقرير.pdf"),
        ("evidence\u202efdp.exe", "evidencefdp.exe"),
        ("a\x00b\x07.txt", "ab.txt"),
        ("x" * 196 + ".pdf", "x" * 196 + ".pdf"),
    ],
)
def test_names_are_kept_as_their_owners_know_them(given: str, clean: str) -> None:
    assert clean_name(given) == clean


@pytest.mark.parametrize("given", ["../../etc/passwd", "C:\\Users\\ann\\essay.docx", "a/b.pdf", "", "..", ". .", "\u202e", "x" * 201])
def test_names_with_folders_or_without_letters_are_refused(given: str) -> None:
    with pytest.raises(NotTaken) as refused:
        clean_name(given)
    assert refused.value.code == "file-name"


@pytest.mark.parametrize(
    ("name", "kind", "handed_out"),
    [
        ("essay.PDF", PDF, "essay.PDF"),
        ("essay.exe", PDF, "essay.exe.pdf"),
        ("run.bat", TEXT, "run.bat.txt"),
        ("page.html", TEXT, "page.html.txt"),
        ("hours.csv", TEXT, "hours.csv"),
        ("photo", JPEG, "photo.jpg"),
    ],
)
def test_the_ending_of_a_name_says_what_the_file_is(name: str, kind: Kind, handed_out: str) -> None:
    assert name_for(name, kind) == handed_out


def test_a_stream_that_is_no_file_on_the_disk_is_looked_at_as_well() -> None:
    assert decide(io.BytesIO(samples.png()), len(samples.png())) is PNG
