"""Canonical JSON: an independent implementation of RFC 8785 writes the same bytes, and only those bytes are read back."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import canonical as jcs
from app.core.canonical import NotCanonical, canonical

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-jcs.LARGEST, jcs.LARGEST) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def composed(value: Any) -> Any:
    """The value with all its text in NFC, or None where two keys fall together."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return [composed(one) for one in value]
    if isinstance(value, dict):
        return {unicodedata.normalize("NFC", key): composed(one) for key, one in value.items()}
    return value


def keys(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(keys, value))
    return sum(1 + keys(one) for one in value.values()) if isinstance(value, dict) else 0


@pytest.mark.thorough
@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_the_same_bytes_as_an_independent_writer(value: Any) -> None:
    normal = composed(value)
    if keys(normal) != keys(value):
        with pytest.raises(NotCanonical):
            canonical(value)
        return
    assert canonical(value) == rfc8785.dumps(normal)
    assert jcs.read(canonical(value).decode()) == normal


def test_keys_are_sorted_by_utf_16_code_units() -> None:
    """The example of RFC 8785, section 3.2.3: the smiley's surrogates sort before the Hebrew letter with dagesh."""
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    decoded = json.loads(canonical(dict.fromkeys(names, 0)))
    # U+FB33 is decomposed by NFC: the one letter that this format writes differently from the RFC's own example.
    assert list(decoded) == ["\r", "1", "\u0080", "\u00f6", "\u05d3\u05bc", "\u20ac", "\U0001f600"]


def test_instants_dates_and_text() -> None:
    summer = datetime(2027, 7, 1, 9, 30, 0, 120, tzinfo=timezone(timedelta(hours=1)))
    assert canonical([summer, date(2026, 2, 3), "e\u0301"]) == '["2027-07-01T08:30:00.000120Z","2026-02-03","é"]'.encode()
    assert jcs.instant(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000000Z"
    with pytest.raises(NotCanonical):
        canonical(datetime(2026, 1, 2))  # noqa: DTZ001 - what is refused


def deep(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", [1.0, float("nan"), 2**53, -(2**53), "\ud800", {1: "a"}, {"\u00e9": 1, "e\u0301": 2}, b"x", {"a"}, deep(40)]
)
def test_what_has_no_place_in_a_signed_text(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        ' {"a":1}',
        '{"a": 1}',
        '{"b":1,"a":2}',
        '{"a":1,"a":1}',
        "1.0",
        "1e2",
        "-0",
        "01",
        "NaN",
        "9" * 5000,
        "9007199254740992",
        '"\\u0041"',
        '"e\u0301"',
        '"\\ud800"',
        '"\ud800"',
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_only_the_canonical_text_is_read(text: str) -> None:
    with pytest.raises(NotCanonical):
        jcs.read(text)


def test_brackets_inside_text_are_not_nesting() -> None:
    value = ['[{"\\' * 100]
    assert jcs.read(canonical(value).decode()) == value
