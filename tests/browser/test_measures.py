"""The leaders' measures in a real browser: from the dashboard to a definition, its charts, the people behind it; on a phone, on paper."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.house import DESKTOP, NARROWEST, Server, Window, window

pytestmark = [pytest.mark.browser, pytest.mark.thorough]
CODE = "learning-take-up"


@pytest.fixture
def tab(chromium: Browser, server: Server) -> Iterator[Window]:
    with window(chromium, server) as found:
        yield found


def sound(tab: Window) -> None:
    """Nothing that axe, the console or a narrow screen complains about."""
    assert (tab.barriers(), tab.complaints) == ([], [])
    assert tab.overflow(NARROWEST) == []


def test_a_board_viewer_reads_a_month_and_one_measure_and_gets_no_further(tab: Window) -> None:
    tab.sign_in("board")
    page = tab.page
    assert tab.open("/") == 200
    page.get_by_role("link", name="Measures", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Measures")
    for theme in ("Culture", "Capacity", "Capability"):
        expect(page.get_by_role("heading", name=theme, level=2)).to_be_visible()
    sound(tab)
    page.get_by_text("Choose a month, a part of the organisation or a theme").click()
    page.get_by_label("Theme").select_option(label="Capability")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="Culture", level=2)).to_have_count(0)
    page.get_by_role("link", name="Take-up of training").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Take-up of training")
    expect(page.get_by_role("img", name="Take-up of training, month by month")).to_be_visible()
    expect(page.get_by_role("table", name="Take-up of training, by part of the organisation")).to_contain_text("c – hidden")
    expect(page.get_by_role("link", name="Who is counted and who is missing")).to_have_count(0)
    sound(tab)


def test_the_principal_social_worker_counts_another_day_and_finds_who_is_missing(tab: Window) -> None:
    tab.sign_in("psw")
    page = tab.page
    assert tab.open(f"/measures/{CODE}") == 200
    page.get_by_role("link", name="Count it now, or on any other day").click()
    sound(tab)
    page.get_by_label("Day").fill("31")
    page.get_by_label("Month").fill("2")
    page.get_by_label("Year").fill("2026")
    page.get_by_role("button", name="Count").click()
    expect(page.get_by_role("alert")).to_contain_text("must be a real date")
    expect(page.get_by_label("Day")).to_have_value("31")
    page.get_by_label("Day").fill("28")
    page.get_by_role("button", name="Count").click()
    expect(page.get_by_text("As at Saturday 28 February 2026")).to_be_visible()
    page.get_by_role("link", name="Who is counted and who is missing").click()
    page.get_by_role("link", name="Who is missing").click()
    expect(page.get_by_role("table", name="People behind the figure")).to_contain_text("Missing")
    expect(page.get_by_role("table", name="People behind the figure")).not_to_contain_text("Counted")
    sound(tab)


def test_on_paper_the_charts_stay_and_what_is_pressed_goes(tab: Window) -> None:
    tab.sign_in("psw")
    tab.open(f"/measures/{CODE}", width=DESKTOP)
    page = tab.page
    page.emulate_media(media="print")
    expect(page.get_by_role("img", name="Take-up of training, month by month")).to_be_visible()
    expect(page.get_by_role("button", name="Show")).to_be_hidden()
    expect(page.get_by_role("link", name="Count it now, or on any other day")).to_be_hidden()
    page.emulate_media(media="screen")


def test_lines_are_told_from_targets_without_colour(tab: Window) -> None:
    """In grey a target is dashed and a line is not; the numbers at its ends stand in words."""
    tab.sign_in("psw")
    tab.open("/measures/caseload-average")
    chart = tab.page.get_by_role("img", name="Average caseload, month by month")
    dashes = chart.locator(".app-chart__target").evaluate("line => getComputedStyle(line).strokeDasharray")
    solid = chart.locator(".app-chart__line").first.evaluate("line => getComputedStyle(line).strokeDasharray")
    assert dashes != "none"
    assert solid == "none"
    expect(chart.locator("text", has_text="Target 18")).to_be_visible()
    assert chart.locator(".app-chart__value").count() >= 1
