"""The chain itself: what an entry holds and refuses, and that whatever is altered is found and named."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.canonical import canonical
from app.programmes import chain
from app.programmes.chain import Attached, Item, Link, Opening, Redacted, Shown, Signer, What
from app.programmes.chain_check import check_chain
from app.programmes.days import Day
from tests.programmes import chains
from tests.programmes.chains import AGREEMENT, FRAMEWORK, HEAD, START, changed, leaves, whole

ENTRIES = whole()
FIELDS = [(place, way) for place, link in enumerate(ENTRIES, 1) for way in leaves(json.loads(link.text))]


def retold(link: Link, entry: Any, *, rehash: bool = False) -> Link:
    text = canonical(entry).decode()
    return replace(link, text=text, hash=chain.text_hash(text) if rehash else link.hash)


def field(way: tuple[Any, ...], entry: Any) -> str:
    """The name that a finding has for the field at the end of this way."""
    if way[0] in ("items", "files"):
        return str(way[0]) if way[2] == "path" else f"{way[0]}.{entry[way[0]][way[1]]['path']}"
    return f"{way[0]}.{way[1]}" if way[0] in ("what", "signer", "framework") else str(way[0])


def test_what_was_signed_holds_and_says_nothing_in_clear() -> None:
    assert check_chain(HEAD, ENTRIES, {chains.sha_pdf: (chains.sha_pdf, len(chains.PDF))}) == []
    for words in ("She listens", "by-Sam", "Österbro", "A pleasure", "90, not 60"):
        assert not any(words in link.text for link in ENTRIES)
    salts = [one.salt for link in ENTRIES for one in link.openings.values()]
    assert len(set(salts)) == len(salts) and {len(salt) for salt in salts} == {64}


def test_an_opening_opens_only_what_it_was_made_for() -> None:
    entry, opening = json.loads(ENTRIES[0].text), ENTRIES[0].openings["main/minutes"]
    expected = entry["items"][1]["digest"]
    assert chain.open_item(opening, expected) == 90
    for wrong in (replace(opening, value="91"), replace(opening, salt="0" * 64), replace(opening, salt="")):
        with pytest.raises(ValueError, match="not what was signed"):
            chain.open_item(wrong, expected)


def test_the_fingerprint_of_what_is_shown_moves_with_everything_shown() -> None:
    same = [AGREEMENT.digest(), replace(AGREEMENT).digest()]
    different = [
        replace(AGREEMENT, items=[*AGREEMENT.items[:2], Item("main/own", "What I bring", "else")]),
        replace(AGREEMENT, items=list(reversed(AGREEMENT.items))),
        replace(AGREEMENT, declaration="Another."),
        replace(AGREEMENT, standards=[]),
        replace(AGREEMENT, what=What("SAA", "Support and assessment agreement", 3)),
        replace(AGREEMENT, files=[Attached("Scan", "a.pdf", "0" * 64, 1, "application/pdf")]),
        replace(AGREEMENT, files=[Attached("Scan", "b.pdf", "0" * 64, 1, "application/pdf")]),
    ]
    assert len(set(same)) == 1 and len({same[0], *(one.digest() for one in different)}) == 1 + len(different)


@pytest.mark.parametrize(
    ("shown", "answer", "signer"),
    [
        (replace(AGREEMENT, kind="wish"), "agree", chains.NELL),
        (AGREEMENT, "perhaps", chains.NELL),
        (AGREEMENT, "agree", Signer("", None, ("Assessor",))),
        (AGREEMENT, "agree", Signer("Nell", None, ())),
        (replace(AGREEMENT, items=[Item("a", "A", 1), Item("a", "A", 2)]), "agree", chains.NELL),
        (replace(AGREEMENT, items=[Item("statement", "A", 1)]), "agree", chains.NELL),
        (replace(AGREEMENT, items=[Item("files/1", "A", 1)]), "agree", chains.NELL),
        (replace(AGREEMENT, items=[Item("a b", "A", 1)]), "agree", chains.NELL),
        (replace(AGREEMENT, items=[Item("a", "A", 1.5)]), "agree", chains.NELL),
        (replace(AGREEMENT, files=[Attached("A", "a", "short", 1, "x/y")]), "agree", chains.NELL),
        (replace(AGREEMENT, redacts=[Redacted(1, "a", "0" * 64)]), "agree", chains.NELL),
        (Shown("redaction", What("R", "R", 1), "", redacts=[Redacted(1, "a", "0" * 64)]), "redacted", chains.OFFICER),
        (Shown("redaction", What("R", "R", 1), "", reason="erasure"), "redacted", chains.OFFICER),
    ],
)
def test_what_has_no_place_in_the_format_is_refused(shown: Shown, answer: str, signer: Signer) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each says what is wrong in its own words
        chain.build_entry(
            shown,
            framework=FRAMEWORK,
            enrolment="X",
            sequence=1,
            previous="0" * 64,
            answer=answer,
            statement=None,
            signer=signer,
            signed_at=START,
        )


@pytest.mark.parametrize("rehash", [False, True], ids=["sloppy", "careful"])
def test_every_field_of_every_entry_is_found_and_named(rehash: bool) -> None:
    """Hundreds of fields, each altered by itself; the witness stands for what is kept apart from the chain."""
    witness = {n: chain.field_digests(json.loads(link.text)) for n, link in enumerate(ENTRIES, 1)}
    for place, way in FIELDS:
        entry = json.loads(ENTRIES[place - 1].text)
        links = list(ENTRIES)
        links[place - 1] = retold(links[place - 1], changed(entry, way), rehash=rehash)
        findings = check_chain(HEAD, links, None, witness)
        expected = ("unreadable", place, "entry") if way == ("format",) else ("altered", place, field(way, entry))
        assert expected in [(one.code, one.sequence, one.what) for one in findings], way
        assert all(one.message for one in findings)


def test_without_a_witness_an_altered_entry_is_named_all_the_same() -> None:
    """Even one whose hash was made to fit, except the very last, which only a receipt can tell."""
    for place, way in FIELDS:
        if way == ("format",):
            continue
        entry = json.loads(ENTRIES[place - 1].text)
        for rehash in (False, True):
            links = list(ENTRIES)
            links[place - 1] = retold(links[place - 1], changed(entry, way), rehash=rehash)
            findings = check_chain(HEAD, links)
            if rehash and place == len(links) and not findings:
                assert links[-1].hash != ENTRIES[-1].hash  # the receipt's
                continue
            assert any(one.sequence in (place, place + 1) for one in findings), way


def test_fields_added_and_left_out_are_found() -> None:
    entry = json.loads(ENTRIES[1].text)
    for wrong in ({**entry, "more": 1}, {name: value for name, value in entry.items() if name != "reason"}):
        (finding, *_) = check_chain(HEAD, [ENTRIES[0], retold(ENTRIES[1], wrong), *ENTRIES[2:]])
        assert (finding.code, finding.sequence) == ("unreadable", 2)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 5000, '{"format":"academy-signoff/1"}', "9" * 5000])
def test_texts_that_are_no_entries(text: str) -> None:
    findings = check_chain(HEAD, [ENTRIES[0], replace(ENTRIES[1], text=text), *ENTRIES[2:]])
    assert ("unreadable", 2) in [(one.code, one.sequence) for one in findings]
    assert [one.code for one in check_chain(text, ENTRIES)] == ["head"]


@pytest.mark.parametrize("gone", range(1, len(ENTRIES)))
def test_a_missing_entry_is_named(gone: int) -> None:
    findings = check_chain(HEAD, [*ENTRIES[: gone - 1], *ENTRIES[gone:]])
    assert f"Entry {gone} is missing." in [one.message for one in findings]


def test_order_repetition_and_moving_to_another_enrolment() -> None:
    swapped = [ENTRIES[0], ENTRIES[2], ENTRIES[1], *ENTRIES[3:]]
    assert "The entries are out of order: entry 3 stands in place 2." in [one.message for one in check_chain(HEAD, swapped)]
    twice = [*ENTRIES[:2], *ENTRIES[1:]]
    assert "There is more than one entry 2." in [one.message for one in check_chain(HEAD, twice)]
    elsewhere = chain.head(FRAMEWORK, "ANOTHER", START.date())
    assert {one.code for one in check_chain(elsewhere, ENTRIES)} == {"head"}
    later = chain.head(FRAMEWORK, chains.REFERENCE, START.date() + timedelta(days=30))
    assert [one.code for one in check_chain(later, ENTRIES)] == ["head"]


def test_a_date_before_the_one_it_follows_is_found() -> None:
    links: list[Link] = []
    chains.signed(links, AGREEMENT, "agree", chains.NELL, after=timedelta(days=2))
    chains.signed(links, AGREEMENT, "agree", chains.ASA, after=timedelta(days=1))
    assert [(one.code, one.sequence, one.what) for one in check_chain(HEAD, links)] == [("order", 2, "signed_at")]


def test_every_opening_altered_removed_or_added_is_named_by_its_label() -> None:
    for place, link in enumerate(ENTRIES, 1):
        labels = {path: label for path, label, _ in chain.salted(json.loads(link.text))}
        for path, opening in link.openings.items():
            for openings, words in (
                ({**link.openings, path: Opening(opening.salt, canonical("other").decode())}, "does not say what was signed"),
                ({**link.openings, path: Opening("0" * 64, opening.value)}, "does not say what was signed"),
                ({**link.openings, path: Opening(opening.salt, opening.value + " ")}, "does not say what was signed"),
                ({name: one for name, one in link.openings.items() if name != path}, "no redaction accounts for it"),
                ({**link.openings, path + "x": opening}, "which is not part of it"),
            ):
                links = list(ENTRIES)
                links[place - 1] = replace(link, openings=openings)
                (finding,) = check_chain(HEAD, links)
                assert finding.sequence == place and words in finding.message
                assert (labels[path] if words != "which is not part of it" else path + "x") in finding.message
                assert json.loads(link.text)["what"]["title"] in finding.message


def test_files_altered_missing_and_left_over() -> None:
    def findings(files: Any) -> list[tuple[str, str]]:
        return [(one.code, one.message.rpartition(": ")[2]) for one in check_chain(HEAD, ENTRIES, files)]

    right = {chains.sha_pdf: (chains.sha_pdf, len(chains.PDF))}
    assert findings({}) == [("file", "the file “Scan” is missing.")]
    assert findings({chains.sha_pdf: ("0" * 64, len(chains.PDF))}) == [("file", "the file “Scan” was altered.")]
    assert findings({**right, "b" * 64: ("b" * 64, 1)})[0][0] == "file"
    back = {**right, chains.sha_picture: (chains.sha_picture, len(chains.PICTURE))}
    assert findings(back) == [("redaction", "the file “Drawing” was redacted, yet it is here.")]


def test_a_redaction_that_never_was() -> None:
    """Content put back, a redaction of what was never there, and one that came before what it redacts."""
    back = list(ENTRIES)
    back[0] = replace(back[0], openings={**back[0].openings, "main/own": Opening("0" * 64, "1")})
    assert [(one.code, one.what) for one in check_chain(HEAD, back)] == [("redaction", "main/own")]
    links = list(ENTRIES)
    nothing = Shown("redaction", What("R", "R", 1), "", redacts=[Redacted(1, "main/support", "0" * 64)], reason="erasure")
    chains.signed(links, nothing, "redacted", chains.OFFICER)
    assert [(one.code, one.sequence) for one in check_chain(HEAD, links)] == [("redaction", len(links))]


def test_somebody_who_writes_the_whole_chain_anew_is_not_found_by_the_chain_alone() -> None:
    anew = whole()
    assert check_chain(HEAD, anew) == []
    assert not {link.hash for link in anew} & {link.hash for link in ENTRIES}  # but no receipt fits


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.data())
def test_a_daily_head_stands_over_each_chain_and_no_other(count: int, data: st.DataObject) -> None:
    heads = [(f"R{n:03}", n, chain.text_hash(str(n))) for n in range(1, count + 1)]
    day = Day(START, heads)
    place = data.draw(st.integers(0, count - 1))
    proof = day.proof(heads[place][0])
    assert proof and proof["record"] == day.record() and day.proof("X") is None
    assert len(proof["way"]) <= (count - 1).bit_length()
    forged = [*heads[:place], (heads[place][0], heads[place][1], "0" * 64), *heads[place + 1 :]]
    assert Day(START, forged).hash() != day.hash()
