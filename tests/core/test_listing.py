"""Cursors, page numbers and files that lists share."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.core.listing import ListQuery, PageNumbers, after, csv_bytes, csv_cell, csv_cells, cursor, safe


class Asked(ListQuery):
    q: str | None = None


@given(st.integers(1, 2**53), st.text(max_size=20) | st.none())
def test_a_cursor_leads_back_to_where_it_was_given(key: int, q: str | None) -> None:
    given_ = cursor("people", Asked(q=q), key)
    assert (
        after(
            "people",
            Asked(q=q, cursor=given_, limit=7),
        )
        == key
    )
    with pytest.raises(Invalid):
        after("bookings", Asked(q=q, cursor=given_))
    with pytest.raises(Invalid):
        after("people", Asked(q=(q or "") + "x", cursor=given_))


@given(st.text(min_size=1, max_size=60))
def test_a_made_up_cursor_is_refused_in_words(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        after("people", Asked(cursor=text))
    assert refusal.value.code == "bad-cursor" and refusal.value.way_out


@pytest.mark.parametrize(
    ("total", "asked", "pages", "number", "offset"),
    [(0, 1, 1, 1, 0), (25, 1, 1, 1, 0), (26, 2, 2, 2, 25), (26, 99, 2, 2, 25), (26, -1, 2, 1, 0)],
)
def test_a_page_past_the_end_is_the_last(total: int, asked: int, pages: int, number: int, offset: int) -> None:
    numbers = PageNumbers(total, asked)
    assert (numbers.pages, numbers.number, numbers.offset) == (pages, number, offset)


@pytest.mark.parametrize("cell", ["=1+1", "+44 7700", "-2", "@SUM(A1)", "\tx", "\r=1", "  =1", "＝1", "\n=1"])
def test_what_looks_like_a_formula_is_shown_and_not_run(cell: str) -> None:
    assert safe(cell) == "'" + cell


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00\r")), min_size=1, max_size=4))
def test_a_file_reads_back_as_it_was_written(cells: list[str]) -> None:
    made = csv_bytes(["Name"] * len(cells), [[safe(cell) for cell in cells]])
    assert made.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(made.decode("utf-8-sig"), newline="")))
    assert [cell.removeprefix("'") if cell != wanted else cell for cell, wanted in zip(rows[1], cells, strict=True)] == cells


def test_words_stay_as_they_are() -> None:
    assert [safe(text) for text in ("O'Neill", "Zoë", "1 May", "", None)] == ["O'Neill", "Zoë", "1 May", "", ""]


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), min_size=2, max_size=4))
def test_a_cell_put_together_by_hand_is_read_as_it_was(cells: list[str]) -> None:
    line = ",".join(map(csv_cell, cells)) + "\r\n"
    assert list(csv.reader(io.StringIO(line, newline=""), strict=True)) == [cells]


@given(st.lists(st.none() | st.text(st.sampled_from("aé =+-@＝\"',\r\n\t\x1f")), max_size=5))
def test_many_cells_become_what_each_would(cells: list[str | None]) -> None:
    assert csv_cells(cells) == [csv_cell(safe(cell)) for cell in cells]
