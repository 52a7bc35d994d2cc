import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.text import normal, ordinal, plural, query_words, search_words, shorten, slug


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("O'Neill", "oneill o neill"),
        ("O’Neill", "oneill o neill"),
        ("O`Neill", "oneill o neill"),
        ("Renée  Müller-Łukasz", "renee muller lukasz"),
        ("Søren Þórsson", "soren thorsson"),
        ("STRASSE Straße", "strasse"),
        ("Ａｎｎ", "ann"),
        ("ann.o'neill@westmarch.example", "ann oneill o neill westmarch example"),
        ("first_last+tag@westmarch.example", "first last tag westmarch example"),
        ("SW900001", "sw900001"),
        ("Children's rights: the law", "childrens children s rights the law"),
        ("'quoted'", "quoted"),
        ("soft\u00adhyphen", "softhyphen"),
        ("   ", ""),
        ("x" * 50, "x" * 40),
    ],
)
def test_search_words(text: str, words: str) -> None:
    assert search_words(text) == words


def test_search_words_joins_parts_and_skips_what_is_missing() -> None:
    assert search_words("Ann", None, "", "Ann Example") == "ann example"


@pytest.mark.parametrize("typed", ["O'Neill", "o’neill", "ONeill", "oneill", "O Neill"])
@pytest.mark.parametrize("recorded", ["O'Neill", "O’NEILL"])
def test_a_name_is_found_however_it_is_typed(typed: str, recorded: str) -> None:
    assert set(query_words(typed)) <= set(search_words(recorded).split())


def test_an_apostrophe_typed_finds_a_name_recorded_without() -> None:
    assert query_words("O'Neill") == ["oneill"] == search_words("ONeill").split()


def test_a_query_is_bounded() -> None:
    assert query_words(" ".join(f"w{n}" for n in range(20))) == [f"w{n}" for n in range(8)]
    assert query_words("y" * 500) == ["y" * 40]
    assert query_words("") == query_words(" '; -- %_*") == []


@given(st.text())
def test_the_index_is_stable_and_plain(text: str) -> None:
    words = search_words(text)
    assert search_words(words) == words
    assert words == " ".join(words.split())
    assert "'" not in words
    assert not any(unicodedata.category(c) in ("Mn", "Cc", "Cf", "Zs") for c in words.replace(" ", ""))


@given(st.text())
def test_a_text_is_found_by_its_own_words(text: str) -> None:
    asked = query_words(text)
    assert set(asked) <= set(search_words(text).split())
    assert len(asked) <= 8
    assert all(0 < len(word) <= 40 for word in asked)


@given(st.text())
def test_composed_and_decomposed_letters_are_one(text: str) -> None:
    assert search_words(unicodedata.normalize("NFC", text)) == search_words(unicodedata.normalize("NFD", text))


@pytest.mark.parametrize(
    ("title", "part"),
    [
        ("Court skills: giving evidence", "court-skills-giving-evidence"),
        ("Children's rights", "childrens-rights"),
        ("  Améliorer – l’écoute ", "ameliorer-lecoute"),
        ("李", "untitled"),
        ("", "untitled"),
        ("../../etc/passwd?x=1", "etc-passwd-x-1"),
    ],
)
def test_slug(title: str, part: str) -> None:
    assert slug(title) == part


def test_a_long_slug_is_cut_between_words() -> None:
    assert slug("reflective supervision in practice", 26) == "reflective-supervision-in"
    assert slug("reflective supervision", 10) == "reflective"
    assert slug("x" * 200) == "x" * 80


@given(st.text())
def test_a_slug_fits_an_address(title: str) -> None:
    part = slug(title)
    assert 0 < len(part) <= 80
    assert set(part) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert part == part.strip("-")


def test_plural() -> None:
    assert plural(1, "place") == "1 place"
    assert plural(0, "place") == "0 places"
    assert plural(1286, "person", "people") == "1,286 people"
    assert plural(2, "competency") == "2 competencies"
    assert plural(2, "day") == "2 days"
    assert plural(2, "class") == "2 classes"


def test_ordinal() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111, 1003)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th", "1,003rd",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "tidy"),
    [
        ("  Ann \t Example\r\n", "Ann Example"),
        ("Ann\x00Bell\x07", "AnnBell"),
        ("Rene\u0301e", "Renée"),
        ("non\u00a0breaking", "non breaking"),
        ("evil\u202etxt.exe", "eviltxt.exe"),
        ("\ufeffName", "Name"),
        ("half\ud800", "half"),
        ("", ""),
    ],
)
def test_normal(text: str, tidy: str) -> None:
    assert normal(text) == tidy


@given(st.text(st.characters()))
def test_normal_is_one_clean_line(text: str) -> None:
    tidy = normal(text)
    assert normal(tidy) == tidy
    assert tidy == " ".join(tidy.split())
    assert len(tidy.splitlines()) <= 1
    assert unicodedata.is_normalized("NFC", tidy)
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in tidy)


def test_shorten() -> None:
    assert shorten("Court skills", 20) == "Court skills"
    assert shorten("Court skills, giving evidence", 15) == "Court skills…"
    assert shorten("x" * 30, 10) == "x" * 9 + "…"


@given(st.text(), st.integers(min_value=2, max_value=50))
def test_shorten_keeps_its_promise(text: str, longest: int) -> None:
    assert len(shorten(text, longest)) <= longest
