"""Files: what they say besides what they show is seen and taken out, what is seen stays byte for byte, and their words are looked at."""

from __future__ import annotations

import io
import re
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.core.file_kinds import CSV, DOCX, JPEG, ODT, PDF, PNG, PPTX, TEXT, WEBP, XLSX, Kind, decide
from app.core.files import store_of
from app.guarding import cleaning, properties
from app.guarding.models import GuardDecision
from app.programmes.portfolio_models import Attachment
from tests.core import samples
from tests.factory import Make
from tests.programmes.making import Enrolled, Programmes
from tests.programmes.test_guarded import hidden

SignIn = Callable[[Any], TestClient]


def exif(order: str = "<", *, gps: bool = True, turned: int = 6, artist: bytes = b"Nan Okafor\0") -> bytes:
    """An EXIF block: how it is turned, who took it, and where."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    tags = [(0x0112, 3, 1, struct.pack(order + "HH", turned, 0)), (0x013B, 2, len(artist), b"")]
    tags += [(0x8825, 4, 1, struct.pack(order + "I", 200))] if gps else []
    far = 8 + 2 + 12 * len(tags) + 4
    body = struct.pack(order + "IH", 8, len(tags))
    for tag, form, count, value in tags:
        body += struct.pack(order + "HHI", tag, form, count) + (value or struct.pack(order + "I", far))
    return b"Exif\0\0" + start + body + struct.pack(order + "I", 0) + artist


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


PICTURE = (  # what a decoder reads: tables, frame, and the picture with stuffed bytes and a restart marker in it
    segment(0xDB, b"\0" + bytes(range(64)))
    + segment(0xC0, b"\x08\0\x01\0\x01\x01\x01\x11\0")
    + segment(0xC4, b"\0" + bytes(16) + b"\0")
    + segment(0xDA, b"\x01\x01\0\0?\0")
    + b"\x12\xff\x00\x34\xff\xd0\x56"
    + segment(0xDA, b"\x01\x01\0\0?\0")  # a second scan, as progressive pictures have
    + b"\x78"
)
JFIF = segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")


def photo(*more: bytes) -> bytes:
    return b"\xff\xd8" + JFIF + b"".join(more) + PICTURE + b"\xff\xd9"


def docx(*more: tuple[str, bytes | str], words: str = "Reflection") -> bytes:
    core = (
        "<cp:coreProperties><dc:title>Okafor family plan</dc:title><dc:creator>Helen Marsh</dc:creator>"
        "<cp:lastModifiedBy>Tom Ashworth</cp:lastModifiedBy></cp:coreProperties>"
    )
    app = "<Properties><Company>Westmarch</Company><Pages>1</Pages></Properties>"
    comments = (
        '<w:comments><w:comment w:id="1" w:author="Helen Marsh" w:initials="HM"><w:p><w:t>Ring her.</w:t></w:p></w:comment></w:comments>'
    )
    return samples.office(
        "docx", ("docProps/core.xml", core), ("docProps/app.xml", app), ("word/comments.xml", comments), *more, words=words
    )


def lay(folder: Path, data: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path


def cleaned(folder: Path, data: bytes, kind: Kind) -> bytes:
    made = io.BytesIO()
    cleaning.clean(lay(folder, data), kind, made)
    return made.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
def test_where_and_by_whom_a_photo_was_taken(tmp_path: Path, order: str) -> None:
    found = properties.hidden(lay(tmp_path, photo(segment(0xE1, exif(order)))), JPEG)
    assert (found.place, found.author) == (True, "Nan Okafor")
    assert not properties.hidden(lay(tmp_path, photo()), JPEG)
    assert not properties.hidden(lay(tmp_path, photo(segment(0xE1, exif(order, gps=False)))), JPEG).place
    assert "Okafor" not in repr(found)


def test_a_cleaned_photo_shows_the_same_and_says_nothing(tmp_path: Path) -> None:
    profile = segment(0xE2, b"ICC_PROFILE\0\x01\x01colours")
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<exif:GPSLatitude>53,1N</exif:GPSLatitude>")
    hiding = (
        segment(0xE1, exif()),
        xmp,
        segment(0xED, b"Photoshop 3.0\0by Nan"),
        segment(0xFE, b"taken at home"),
        segment(0xE2, b"MPF\0more"),
    )
    trailer = photo(segment(0xE1, exif()))  # phones put further pictures behind the end
    made = cleaned(tmp_path, photo(profile, *hiding) + trailer, JPEG)
    turned = made[len(b"\xff\xd8") : made.index(JFIF)]
    assert made == b"\xff\xd8" + turned + JFIF + profile + PICTURE + b"\xff\xd9"
    assert properties.orientation(made) == 6 and not properties.hidden(lay(tmp_path, made), JPEG)
    assert decide(io.BytesIO(made), len(made)) is JPEG
    plain = photo()
    assert cleaned(tmp_path, plain, JPEG) == plain
    assert cleaned(tmp_path, made, JPEG) == made


@pytest.mark.parametrize(
    "wrong", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe1", photo()[:-30], photo()[:-2], b"\xff\xd8\xff\xe1\0\0" + photo(), b"no picture"]
)
def test_a_photo_that_is_not_built_as_one_is_not_passed_off_as_clean(tmp_path: Path, wrong: bytes) -> None:
    with pytest.raises(cleaning.NotCleaned):
        cleaned(tmp_path, wrong, JPEG)
    properties.hidden(lay(tmp_path, wrong), JPEG)  # and nothing breaks


def test_a_png(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    plain = samples.png(3, 3)
    at = plain.index(b"IDAT") - 4
    with_more = plain[:at] + chunk(b"tEXt", b"Author\0Nan Okafor") + chunk(b"eXIf", exif()[6:]) + plain[at:] + b"trailer"
    assert properties.hidden(lay(tmp_path, with_more), PNG).place
    assert cleaned(tmp_path, with_more, PNG) == plain
    with pytest.raises(cleaning.NotCleaned):
        cleaned(tmp_path, plain[:-12], PNG)


def test_a_webp_says_where_it_was_taken(tmp_path: Path) -> None:
    block = exif()[6:]
    data = b"RIFF" + struct.pack("<I", 12 + len(block)) + b"WEBPEXIF" + struct.pack("<I", len(block)) + block
    assert properties.hidden(lay(tmp_path, data), WEBP).place
    with pytest.raises(cleaning.NotCleaned):
        cleaned(tmp_path, data, WEBP)


def test_a_word_file(tmp_path: Path) -> None:
    data = docx(("word/media/image1.jpeg", photo(segment(0xE1, exif()))), words="She lives at 14 Acacia Avenue.")
    path = lay(tmp_path, data)
    found = properties.hidden(path, DOCX)
    assert found.place and found.author == "Helen Marsh" and "Okafor family plan" in found.words
    assert "14 Acacia Avenue" in properties.text_of(path, DOCX) and "Ring her." in properties.text_of(path, DOCX)
    made = cleaned(tmp_path, data, DOCX)
    assert decide(io.BytesIO(made), len(made)) is DOCX
    again = lay(tmp_path, made)
    assert not properties.hidden(again, DOCX) and "14 Acacia Avenue" in properties.text_of(again, DOCX)
    with zipfile.ZipFile(again) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    for name in (b"Helen", b"Tom Ashworth", b"Okafor", b"HM", b"<Company>Westmarch"):
        assert name not in everything
    assert b"<Pages>1</Pages>" in everything


def test_words_of_every_kind_of_file_that_can_be_read(tmp_path: Path) -> None:
    said = "Call 07700 900123 &amp; ask."
    sheet = ("xl/worksheets/sheet1.xml", f"<sheetData><row><c t='inlineStr'><is><t>{said}</t></is></c></row></sheetData>")
    slide = ("ppt/slides/slide1.xml", f"<p:sld><a:p><a:r><a:t>Call 07700</a:t></a:r><a:r><a:t> 900123</a:t></a:r></a:p></p:sld>{said[:0]}")
    texts = {
        XLSX: samples.office("xlsx", sheet),
        PPTX: samples.office("pptx", slide),
        TEXT: b"\xef\xbb\xbfCall 07700 900123 & ask.",
        CSV: b"name,number\nnan,07700 900123\n",
        ODT: samples.packed(("mimetype", ODT.media_type), ("content.xml", f"<text:p>{said}</text:p>"), method=zipfile.ZIP_STORED),
    }
    for kind, data in texts.items():
        assert "07700 900123" in properties.text_of(lay(tmp_path, data), kind), kind.words
    assert properties.text_of(lay(tmp_path, samples.pdf()), PDF) == ""


def test_a_pdf_names_its_author(tmp_path: Path) -> None:
    told = b"%PDF-1.4\n1 0 obj <</Author (Helen \\(HM\\) Marsh)/Title <FEFF004F006B00610066006F0072>/Subject (x)>> endobj\n%%EOF"
    found = properties.hidden(lay(tmp_path, told), PDF)
    assert found.author == "Helen (HM) Marsh" and "Okafor" in found.words and not found.place
    assert not properties.hidden(lay(tmp_path, b"%PDF-1.4\n%%EOF"), PDF)


def test_hostile_files_are_read_quickly_and_break_nothing(tmp_path: Path) -> None:
    deep = samples.office("docx", words="<" * 400_000)
    texts = [properties.text_of(lay(tmp_path, deep), DOCX), properties.text_of(lay(tmp_path, b"PK\x03\x04 no archive"), DOCX)]
    assert len(texts[0]) <= properties.MOST_WORDS and texts[1] == ""
    loops = exif()[:14] + struct.pack("<H", 65_535) + b"\x12\x01\x03\x00" * 40_000
    for data in (loops, b"Exif\0\0II*\0\xff\xff\xff\xff", b"/Author (" * 100_000, b"<dc:creator>" * 50_000):
        for kind in (JPEG, PDF, DOCX):
            properties.hidden(lay(tmp_path, data), kind)


def test_hostile_pictures_are_taken_apart_quickly(tmp_path: Path) -> None:
    began = time.process_time()
    for data in (
        b"\xff\xd8" + b"\xff" * 5_000_000,
        b"\xff\xd8" + b"\xff\xe1\0\x02" * 1_000_000,
        b"\xff\xd8" + PICTURE + b"\xff\x00" * 1_000_000,
        photo() + b"<dc:creator>" * 80_000,
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0tEXt\0\0\0\0" * 500_000,
    ):
        kind = PNG if data.startswith(b"\x89") else JPEG
        properties.hidden(lay(tmp_path, data), kind)
        with suppress(cleaning.NotCleaned):
            cleaned(tmp_path, data, kind)
    assert time.process_time() - began < 3


def test_an_office_file_that_unpacks_to_too_much_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "LARGEST", 500)
    with pytest.raises(cleaning.NotCleaned):
        cleaned(tmp_path, docx(words="x" * 600), DOCX)


# On a form ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def there(make: Make) -> Enrolled:
    return Programmes(make).enrolment()


def test_attaching_takes_hidden_details_out_unless_they_are_wanted(
    sign_in: SignIn, there: Enrolled, make: Make, test_settings: Any
) -> None:
    nell, address = sign_in(there.nqsw), f"/documents/{there.documents['CRL1']}"
    page = nell.get(address).text
    assert re.search(r'name="guard-clean" type="checkbox" value="yes" checked', page)
    data = photo(segment(0xE1, exif()))
    box = {"guard-clean": "yes", "guard-files": "1"}
    done = nell.post(f"{address}/files", data=box, files={"file": ("certificate.jpg", data)})
    assert done.headers["location"] == f"{address}?said=file-cleaned"
    (row,) = make.rows(select(Attachment.digest, Attachment.name))
    assert row.name == "certificate.jpg" and b"Okafor" not in store_of(test_settings).path(row.digest).read_bytes()
    asked = nell.post(f"{address}/files", data={"guard-files": "1"}, files={"file": ("certificate.jpg", data)})
    assert asked.status_code == 422 and "Where it was taken" in asked.text and "choose the same file again" in asked.text
    assert 'value="redact"' not in asked.text and not re.search(r'name="guard-clean"[^>]* checked', asked.text)
    form = {"guard-files": "1", "guard": "keep", "guard-because": "needed", "guard-seen": hidden(asked.text)["guard-seen"]}
    assert nell.post(f"{address}/files", data=form, files={"file": ("certificate.jpg", data)}).status_code == 303
    assert [tuple(row) for row in make.rows(select(GuardDecision.decision, GuardDecision.kinds))] == [("kept", {"place": 1})]
    other = nell.post(f"{address}/files", data=form, files={"file": ("other.jpg", photo(segment(0xE1, exif(turned=1))))})
    assert other.status_code == 422  # decided about one file is not decided about another


def test_words_and_names_of_files_are_looked_at(sign_in: SignIn, there: Enrolled, make: Make) -> None:
    nell, address = sign_in(there.nqsw), f"/documents/{there.documents['CRL1']}"
    nell.post("/my-details/names", data={"names": "Okafor"})
    box = {"guard-clean": "yes", "guard-files": "1"}
    for name, data in (("Okafor_plan.txt", b"Nothing."), ("plan.docx", docx(words="Ring 07700 900123.")), ("p.txt", b"Mrs Okafor")):
        reply = nell.post(f"{address}/files", data=box, files={"file": (name, data)})
        assert reply.status_code == 422 and 'id="guard"' in reply.text, name
    assert make.rows(select(Attachment.id)) == []
    done = nell.post(f"{address}/files", data=box, files={"file": ("p.pdf", samples.pdf())})
    assert done.headers["location"] == f"{address}?said=file"
    named = samples.pdf().replace(b"%%EOF", b"%<</Author (Tom Ashworth)>>\n%%EOF")
    assert nell.post(f"{address}/files", data=box, files={"file": ("q.pdf", named)}).headers["location"].endswith("file-author")
