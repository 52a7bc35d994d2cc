"""Charts in numbers: what is hidden has no place in them, gaps stay gaps, lengths are in proportion, and words say the same."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.web import environment
from app.measures import charts
from app.measures.charts import Value

MONTHS = [date(2026, month, 28) for month in range(1, 13)]


def value(size: int | str | None, said: str | None = None) -> Value:
    return Value(None, said or "c") if size is None else Value(Decimal(size), said or f"{size}%")


def places(run: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in run.split())]


def test_a_hidden_month_is_a_gap_with_its_symbol_and_two_lines() -> None:
    sizes = (10, 20, None, 40, 50)
    drawn = charts.line("Seen", list(zip(MONTHS, map(value, sizes), strict=False)), percent=True, unit="%")
    assert [len(places(run)) for run in drawn.runs] == [2, 2]
    assert [gap.said for gap in drawn.gaps] == ["c"]
    assert len(drawn.dots) == 4
    assert {gap.x for gap in drawn.gaps}.isdisjoint({dot.x for dot in drawn.dots})
    assert "1 of 5 months without a figure that can be shown" in drawn.words
    assert "from 10% in January 2026 to 50% in May 2026" in drawn.words


def test_a_month_that_was_not_published_breaks_the_line_too() -> None:
    points = [(MONTHS[0], value(10)), (MONTHS[1], value(20)), (MONTHS[4], value(30)), (MONTHS[5], value(40))]
    drawn = charts.line("Seen", points, percent=True, unit="%")
    assert [len(places(run)) for run in drawn.runs] == [2, 2]
    assert drawn.dots[2].x - drawn.dots[1].x == pytest.approx(3 * (drawn.dots[1].x - drawn.dots[0].x), abs=0.2)


def test_heights_and_lengths_are_in_proportion_from_nothing() -> None:
    drawn = charts.line("Seen", [(MONTHS[0], value(0)), (MONTHS[1], value(60)), (MONTHS[2], value(100))], percent=True, unit="%")
    none, some, whole = (dot.y for dot in drawn.dots)
    assert (none - some) / (none - whole) == pytest.approx(0.6, abs=0.01)
    bars = charts.bars("Seen", [("North", value(25), ""), ("South", value(75), "3 of 4"), ("East", value(0), "")], percent=True)
    widths = [bar.width for bar in bars.bars]
    assert widths[1] == pytest.approx(3 * (widths[0] or 0))
    assert widths[2] == 0
    assert bars.bars[1].words == "South: 75% (3 of 4)"


def test_a_hidden_bar_has_no_length_and_its_words_no_number() -> None:
    bars = charts.bars("Seen", [("North", value(None), ""), ("South", value(80), "8 of 10")], percent=True)
    assert bars.bars[0].width is None
    assert bars.bars[0].words == "North: c"
    assert "North c; South 80%" in bars.words


def test_the_target_is_on_the_scale_though_no_figure_reaches_it() -> None:
    drawn = charts.line("Cases", [(MONTHS[0], value(3)), (MONTHS[1], value(4))], percent=False, unit="", target=(Decimal(18), "18"))
    assert drawn.target is not None
    assert drawn.target.y < min(dot.y for dot in drawn.dots)
    assert [level.said for level in drawn.levels] == ["0", "20"]


@pytest.mark.parametrize(("largest", "top"), [(7, "10"), (18, "20"), (22, "25"), (101, "200"), ("0.4", "0.4"), (0, "1"), (100, "100")])
def test_the_scale_ends_at_a_round_number(largest: int | str, top: str) -> None:
    found = charts.top_of([Decimal(largest), None], percent=False)
    assert found >= Decimal(largest)
    assert found == Decimal(top if largest != "0.4" else "0.5")


def test_nothing_one_point_and_nothing_but_hidden_ones_are_sound() -> None:
    for points in ([], [(MONTHS[0], value(5))], [(MONTHS[0], value(None)), (MONTHS[1], value(None))]):
        drawn = charts.line("Seen", points, percent=True, unit="%")
        assert drawn.runs == []
        assert charts.spark(points, percent=True).runs == []
        assert environment().get_template("_ui/charts.html").module.line("x", "Seen", drawn)  # type: ignore[attr-defined]


sizes = st.none() | st.integers(0, 100)


@given(st.lists(sizes, max_size=12))
def test_whatever_the_figures_all_is_inside_the_picture_and_hidden_ones_nowhere(given_sizes: list[int | None]) -> None:
    points = list(zip(MONTHS, map(value, given_sizes), strict=False))
    for drawn, wide, tall in (
        (charts.line("Seen", points, percent=True, unit="%"), charts.WIDTH, charts.HEIGHT),
        (charts.spark(points, percent=True), *charts.SPARK),
    ):
        for x, y in (place for run in drawn.runs for place in places(run)):
            assert 0 <= x <= wide
            assert 0 <= y <= tall
        assert sum(len(places(run)) for run in drawn.runs) <= sum(size is not None for size in given_sizes)


def test_drawn_charts_have_names_no_style_and_escape_what_they_say() -> None:
    macros = environment().get_template("_ui/charts.html").module
    bars = charts.bars("Seen", [("<b>North</b>", value(50), "")], percent=True, target=(Decimal(80), "80%"))
    drawn = str(macros.bars("by", "Seen & heard", bars))  # type: ignore[attr-defined]
    assert "<b>" not in drawn
    assert "&lt;b&gt;North" in drawn
    assert "style" not in drawn
    assert re.search(r'<svg [^>]*role="img"[^>]*aria-labelledby="by-title" aria-describedby="by-desc"', drawn)
    assert '<title id="by-title">Seen &amp; heard</title>' in drawn
