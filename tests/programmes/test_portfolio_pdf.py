"""The portfolio as a PDF, as an independent reader finds it: tagged, titled, in order, whole, literal, and quick to make."""

from __future__ import annotations

import io
import time
from itertools import pairwise
from typing import Any

import pypdf
import pytest
from pypdf.generic import ArrayObject, DictionaryObject

from app.programmes.portfolio_pdf import portfolio_pdf, size_in_words
from tests.programmes.portfolio_sample import HOSTILE, LONG_NAME, portfolio, sha

MARGIN = 22 / 25.4 * 72  # points


def small(**answers: Any) -> dict[str, Any]:
    """One document with one item."""
    data = portfolio(stages=1, documents=1, items=1, length=1)
    data["stages"][0]["documents"][0]["sections"][0]["items"][0].update(answers)
    data["stages"][0]["documents"][0]["attachments"] = data["stages"][0]["documents"][0]["attachments"][:1]
    data["promised"][0]["rows"], data["chain"] = data["promised"][0]["rows"][:3], data["chain"][:2]
    return data


def reader(data: dict[str, Any]) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(portfolio_pdf(data)))


def text_of(pdf: pypdf.PdfReader) -> str:
    return " ".join(" ".join(page.extract_text() for page in pdf.pages).split())


@pytest.fixture(scope="module")
def whole() -> pypdf.PdfReader:
    """A portfolio of a year: some eighty pages."""
    return reader(portfolio())


@pytest.fixture(scope="module")
def pages() -> list[str]:
    """The text of a shorter one, page by page: reading takes far longer than making."""
    return [page.extract_text() for page in reader(portfolio(stages=2, documents=2, items=2, length=1)).pages]


def tags(pdf: pypdf.PdfReader) -> list[str]:
    """The kinds of the tags of a document, in reading order."""
    found: list[str] = []

    def walk(node: Any) -> None:
        node = node.get_object()
        if isinstance(node, ArrayObject):
            for child in node:
                walk(child)
        elif isinstance(node, DictionaryObject):
            if "/S" in node:
                found.append(str(node["/S"])[1:])
            if "/K" in node:
                walk(node["/K"])

    walk(pdf.trailer["/Root"]["/StructTreeRoot"])  # type: ignore[index]
    return found


def bookmarks(outline: Any, depth: int = 1) -> list[tuple[int, str]]:
    made: list[tuple[int, str]] = []
    for entry in outline:
        made += bookmarks(entry, depth + 1) if isinstance(entry, list) else [(depth, str(entry.title))]
    return made


def claims_ua(pdf: pypdf.PdfReader) -> bool:
    return b"pdfuaid:part" in pdf.trailer["/Root"]["/Metadata"].get_object().get_data()  # type: ignore[index]


def test_it_is_tagged_titled_and_says_its_language(whole: pypdf.PdfReader) -> None:
    root: Any = whole.trailer["/Root"]
    assert root["/Lang"] == "en-GB" and root["/MarkInfo"]["/Marked"] and root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert claims_ua(whole)
    assert whole.metadata is not None and whole.metadata.title == "ASYE portfolio: Zoë Łukasik-O’Brien"
    kinds = tags(whole)
    assert kinds[0] == "Document" and {"H1", "H2", "H3", "H4", "P", "L", "LI", "Table", "TH", "TD", "TOC", "TOCI"} <= set(kinds)
    levels = [int(kind[1]) for kind in kinds if kind in ("H1", "H2", "H3", "H4", "H5", "H6")]
    assert all(after <= before + 1 for before, after in pairwise(levels)) and levels[0] == 1
    assert (
        kinds.count("TH") == 3 * 12 + 3 + 4
    )  # of the files of twelve documents, of supervision and of the chain; repeated heads are not tagged twice


def test_bookmarks_and_contents_lead_to_stages_and_documents(whole: pypdf.PdfReader) -> None:
    marks = bookmarks(whole.outline)
    assert [title for depth, title in marks if depth == 1] == [
        "Stage 1: review at 3 months",
        "Stage 2: review at 6 months",
        "Stage 3: review at 9 months",
        "Promised against actual",
        "Panel decision",
        "The chain of signatures",
    ]
    assert (2, "Document 2.3: critical reflection") in marks and (3, "Signatures") in marks and (2, "How to verify it") in marks
    assert len(whole.pages) > 60 and "Document 2.3: critical reflection" in whole.pages[1].extract_text() and "/Annots" in whole.pages[1]


def test_pages_are_numbered_and_every_table_says_its_columns_again(pages: list[str]) -> None:
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
    last = pages[-1]
    assert "Hash (SHA-256)" in pages[-2] and "Hash (SHA-256)" in last and sha("entry 40") in last.replace("\n", "")


def test_it_reads_in_order(pages: list[str]) -> None:
    text = " ".join(" ".join(pages).split())
    text = text[text.index("Page 2 of") :]  # after the contents
    places = [text.index(f"Question {s}.{d}.{n}:") for s in (1, 2) for d in (1, 2) for n in (1, 2)]
    assert places == sorted(places)
    parts = ["Stage 1:", "Files attached", "Signatures", "Entry in the chain", "Previous hash", "Promised against", "Panel decision"]
    places = [text.index(part) for part in (*parts, "The chain of signatures", "How to verify it")]
    assert places == sorted(places)


def test_sixty_pages_take_less_than_two_seconds_and_the_same_makes_the_same(whole: pypdf.PdfReader) -> None:
    began = time.process_time()
    again = portfolio_pdf(portfolio())
    assert time.process_time() - began < 2
    assert again == portfolio_pdf(portfolio()) and len(whole.pages) >= 60


@pytest.mark.parametrize("field", ["question", "guidance", "answer"])
def test_markup_comes_out_literally(field: str) -> None:
    text = text_of(reader(small(**{field: HOSTILE})))
    assert HOSTILE in text


def test_markup_is_literal_wherever_words_stand() -> None:
    data = small(standards=[HOSTILE])
    document = data["stages"][0]["documents"][0]
    data["person"]["name"] = data["cohort"] = data["notes"][0] = data["stages"][0]["title"] = document["title"] = "#emph[*x*] $1$"
    document["attachments"][0]["name"] = document["signatures"][0]["statement"] = data["chain"][0]["what"] = "#emph[*x*] $1$"
    data["promised"][0] |= {"title": "#emph[*x*] $1$", "columns": ["#emph[*x*] $1$"], "rows": [["#emph[*x*] $1$"]]}
    pdf = reader(data)
    assert text_of(pdf).count("#emph[*x*] $1$") >= 12 and claims_ua(pdf)
    assert pdf.metadata is not None and pdf.metadata.title == "ASYE portfolio: #emph[*x*] $1$"


def test_what_cannot_be_printed_is_named_in_its_place() -> None:
    pdf = reader(small(answer="bell\x07 next\x85 own\ue000 null\x00 half\ud800 tab\there 😀 👍🏽 ✓ → ☐ fi\u202efdp \u200d"))
    text = text_of(pdf)
    for said in (
        "bell[U+0007] next[U+0085] own[U+E000] null[U+0000] half[U+D800] tab here",
        "[grinning face] [thumbs up sign] ✓ → ☐ fifdp",
    ):
        assert said in text
    assert claims_ua(pdf)


def test_accents_and_writing_from_right_to_left() -> None:
    answer = "Łódź, naïve, Ștefan, Nguyễn, e\u0301te\u0301\n\nقابلت الأسرة وتعلمت أن أصغي.\n\nשלום. למדתי להקשיב.\n\nمیں نے سیکھا ہے۔"
    data = small(answer=answer)
    data["person"]["name"] = "ליאור كريم"
    pdf = reader(data)
    assert claims_ua(pdf) and "Łódź, naïve, Ștefan, Nguyễn, été" in text_of(pdf)
    languages = b"".join(repr(found).encode() for found in _languages(pdf))
    for language in (b"'ar'", b"'he'", b"'ur'"):
        assert language in languages


def _languages(pdf: pypdf.PdfReader) -> list[str]:
    """Every language that a tag names."""
    objects = (pdf.get_object(number) for number in range(1, len(pdf.xref_objStm) + sum(map(len, pdf.xref.values())) + 1))
    return [str(each["/Lang"]) for each in objects if isinstance(each, DictionaryObject) and "/Lang" in each]


def test_a_letter_that_no_typeface_of_ours_has_takes_the_claim_and_not_the_document() -> None:
    pdf = reader(small(answer="李 wrote this."))
    assert not claims_ua(pdf) and "wrote this." in text_of(pdf) and tags(pdf)


@pytest.mark.thorough
def test_long_names_and_texts_stay_on_the_page() -> None:
    data = small(question="Q" * 200, answer="A" * 300 + "\n\n" + "word " * 300, standards=[LONG_NAME])
    data["person"]["name"] = data["stages"][0]["title"] = LONG_NAME
    document = data["stages"][0]["documents"][0]
    document["title"] = document["signatures"][0]["capacity"] = LONG_NAME
    data["promised"][0] |= {"columns": ["Registrationsfrequency" * 3] * 5, "rows": [["R" * 300, LONG_NAME, "1", "2", "3"]]}
    data["chain"][0]["what"] = LONG_NAME
    pdf = reader(data)
    furthest = 0.0

    def note(text: str, cm: Any, tm: Any, *_: Any) -> None:
        nonlocal furthest
        if text.strip():
            furthest = max(furthest, tm[4] * cm[0] + cm[4])

    for page in pdf.pages:
        page.extract_text(visitor_text=note)
    width = float(pdf.pages[0].mediabox.width)
    assert width - MARGIN - 30 < furthest < width - MARGIN
    assert LONG_NAME in text_of(pdf).replace(" ", "") and claims_ua(pdf)


def test_lists_and_paragraphs_are_what_the_writer_made() -> None:
    pdf = reader(small(answer="First line\nsecond line\r\n\r\nNew paragraph\n- one\n* two\n\n3. three\n5) five\n2026 was long"))
    text = text_of(pdf)
    assert "First line second line New paragraph • one • two 3. three 5. five 2026 was long" in text


def test_redacted_empty_and_nothing_yet_are_said_in_words() -> None:
    redacted = text_of(reader(small(answer="A secret", redacted=True)))
    assert "A secret" not in redacted and "Redacted. What stood here was removed" in redacted
    assert "Nothing was written here." in text_of(reader(small(answer="  \n ")))
    bare = portfolio(stages=0)
    for name in ("notes", "promised", "decision", "chain", "head", "exported_by"):
        del bare[name]
    bare["stages"] = [{"title": "Stage 1", "documents": []}]
    text = text_of(reader(bare))
    assert "No documents belong to this stage yet." in text and "Nothing has been signed yet." in text


def test_headings_that_say_nothing_are_named() -> None:
    data = small(question=" ")
    data["stages"][0]["title"] = data["stages"][0]["documents"][0]["title"] = ""
    data["stages"][0]["documents"][0]["sections"][0]["title"] = "\u200b"
    pdf = reader(data)
    assert claims_ua(pdf) and text_of(pdf).count("Without a title") >= 3


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"exported_at": "2026-12-08T14:05:00"}, ValueError),
        ({"exported_at": "yesterday"}, ValueError),
        ({"promised": [{"title": "x", "columns": ["a", "b"], "rows": [["1"]]}]}, ValueError),
        ({"stages": [{"title": "x"}]}, KeyError),
    ],
)
def test_what_makes_no_sense_is_a_mistake_of_the_caller(change: dict[str, Any], wrong: type[Exception]) -> None:
    with pytest.raises(wrong):
        portfolio_pdf(portfolio() | change)


@pytest.mark.parametrize(
    ("size", "words"),
    [(1, "1 byte"), (512, "512 bytes"), (1024, "1 KB"), (48_213, "47 KB"), (4_404_019, "4.2 MB"), (20 * 1024**2, "20.0 MB")],
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert size_in_words(size) == words
