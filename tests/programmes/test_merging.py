"""Two write at once: what is put together, what is a clash, and what the differences say."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from app.core.text import tidy
from app.programmes import merging
from app.programmes.merging import differences, fingerprint, fingerprints, merge, merge_tags, tag_fingerprint
from app.programmes.questions import Question, acting, mine_first, missing, outside, sections, title, wrong

BASE = {"one": "first", "two": "second"}
HAD = fingerprints(BASE, ("one", "two", "three"))


def test_different_items_are_put_together() -> None:
    done = merge({"one": "first, theirs", "two": "second"}, {"one": "first", "two": "second, mine", "three": "new"}, HAD)
    assert done.content == {"one": "first, theirs", "two": "second, mine", "three": "new"}
    assert done.changed == {"two", "three"} and done.clashes == {}


def test_the_same_item_is_a_clash_and_stays_as_it_is() -> None:
    done = merge({"one": "theirs", "two": "second"}, {"one": "mine", "two": "third"}, HAD)
    assert (done.content, done.clashes) == ({"one": "theirs", "two": "third"}, {"one": "mine"})


def test_both_wrote_the_same() -> None:
    done = merge({"one": "same", "two": "second"}, {"one": "same"}, HAD)
    assert (done.changed, done.clashes) == (frozenset(), {})


def test_an_answer_can_be_taken_out_unless_somebody_went_on_with_it() -> None:
    assert merge(BASE, {"one": ""}, HAD).content == {"two": "second"}
    assert merge({"one": "more", "two": "second"}, {"one": ""}, HAD).clashes == {"one": ""}


def test_what_a_page_does_not_say_it_had_is_never_overwritten() -> None:
    assert merge(BASE, {"one": "mine"}, {}).clashes == {"one": "mine"}


def test_tags_of_both() -> None:
    had = tag_fingerprint(["A"])
    assert merge_tags(["A"], ["B", "A"], had) == ["A", "B"]
    assert merge_tags(["A", "C"], ["A"], had) == ["A", "C"]
    assert merge_tags(["A", "C"], ["B"], had) == ["A", "B", "C"]
    assert merge_tags(["A"], [], had) == []


words = st.text(alphabet="ab \n", max_size=12)
contents = st.dictionaries(st.sampled_from(["one", "two", "three"]), words.map(tidy).filter(bool))


@given(contents, contents, contents)
def test_no_words_are_lost(base: dict[str, str], theirs: dict[str, str], mine: dict[str, str]) -> None:
    """Whatever three texts there are: what either changed stands in the result or is kept as a clash."""
    every = ("one", "two", "three")
    sent = {code: mine.get(code, "") for code in every}
    done = merge(theirs, sent, fingerprints(base, every))
    for code in every:
        was, now, typed = base.get(code, ""), theirs.get(code, ""), sent[code]
        stands = done.content.get(code, "")
        assert stands == (typed if now == was else now)
        assert code in done.clashes or stands == typed or typed == was


@given(words, words)
def test_differences_hold_both_texts(before: str, after: str) -> None:
    pieces = differences(before, after)
    assert "".join(text for kind, text in pieces if kind != "new") == before
    assert "".join(text for kind, text in pieces if kind != "gone") == after


def test_differences_are_words() -> None:
    assert differences("I saw a cat.", "I saw the cat.") == [("same", "I saw "), ("gone", "a "), ("new", "the "), ("same", "cat.")]


def test_long_texts_are_compared_in_time() -> None:
    """Eight pages in which every seventh word is another, and a passage without a full stop that is too long to be compared by words."""
    words = [f"word{number % 311}" for number in range(1600)]
    other = [word if number % 7 else "changed" for number, word in enumerate(words)]
    sentences = [" ".join(part[at : at + 20]) + ". " for part in (words, other) for at in range(0, 1600, 20)]
    began = time.perf_counter()
    pieces = differences("".join(sentences[:80]), "".join(sentences[80:]))
    assert len([kind for kind, _ in pieces if kind == "new"]) > 200
    whole = differences("first.\n" + " ".join(words), "first.\n" + " ".join(other))
    assert [kind for kind, _ in whole] == ["same", "gone", "new"]
    assert time.perf_counter() - began < 2


def test_words_as_they_are_kept() -> None:
    assert tidy("  e\u0301 \r\nb \r\n\r\n") == "é\nb"
    assert merging.both("a", "b", "B, 4 May") == "a\n\n[B, 4 May]\nb" and merging.both("", "b", "x") == "b"
    assert fingerprint("a") != fingerprint("b") and len(fingerprint("")) == 16


FORM = {
    "sections": [
        {"code": "context", "title": "Before", "items": [{"code": "plan", "label": "Plan", "by": ["nqsw"]}]},
        {"code": "seen", "title": "Seen", "items": [{"code": "seen", "label": "Seen", "by": ["observer"]}]},
        {"code": "own", "title": "Own", "items": [{"code": "own", "label": "Own", "by": ["nqsw"]}]},
        {"code": "last", "title": "Last", "items": [{"code": "grade", "label": "Grade", "type": "choice", "choices": ["A"]}]},
    ]
}


def asked() -> tuple[Question, ...]:
    from app.programmes.questions import questions

    return questions(sections(FORM, ["assessor"]))


def test_the_order_of_the_form_is_the_order_of_turns() -> None:
    lacking = missing(asked(), {})
    assert [each.code for each in lacking] == ["plan", "seen", "own", "grade"]
    assert [each.code for each in mine_first(lacking, {"nqsw"})] == ["plan"]
    assert mine_first(missing(asked(), {"plan": "x"}), {"nqsw"}) == []
    assert [each.code for each in mine_first(missing(asked(), {"plan": "x", "seen": "y"}), {"nqsw"})] == ["own"]


def test_who_acts_in_which_part() -> None:
    assert acting(["observer", "assessor"], asked(), invited=False) == {"assessor"}
    assert acting(["observer"], asked(), invited=True) == {"observer"}
    family = sections(
        {"sections": [{"code": "s", "title": "S", "items": [{"code": "a", "label": "A", "by": ["feedback_collector"]}]}]}, ["nqsw"]
    )
    assert acting(["nqsw"], family[0].questions, invited=False) == {"nqsw", "feedback_collector"}
    assert "feedback_collector" in outside("family_feedback", family[0].questions, "family_feedback")
    assert outside("observer", asked(), "observation") == {"observer"}


def test_answers_that_cannot_be_sent() -> None:
    grade = asked()[-1]
    assert wrong(grade, "A") is None and wrong(grade, "") is None and wrong(grade, "B") == "Choose one of the answers: Grade"


def test_titles_are_numbered() -> None:
    assert title("Plan", 1, repeatable=False) == "Plan"
    assert title("Feedback", 3, repeatable=True) == "Feedback 3"
    assert title("Direct observation 3", 1, repeatable=True) == "Direct observation 3"
    assert title("Direct observation 3", 2, repeatable=True) == "Direct observation 3, 2nd"
