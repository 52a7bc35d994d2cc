"""Whole stories in a browser: booking in every way people do it, and what each role comes for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from app.core.tx import SYSTEM, transaction
from tests.browser.house import DESKTOP, NARROWEST, Server, Window, window
from tests.hr.extracts import SAM, write_csv
from tests.visit import Finder

pytestmark = pytest.mark.browser
Ask = Callable[[Callable[[Finder], Any]], Any]


@pytest.fixture
def tab(chromium: Browser, server: Server) -> Iterator[Window]:
    """A fresh tab; whatever the story, the console stays quiet."""
    with window(chromium, server) as found:
        found.page.set_viewport_size({"width": DESKTOP, "height": 900})
        yield found
        assert found.take_complaints() == []


@pytest.fixture
def ask(server: Server) -> Ask:
    """`ask(lambda finder: …)`: what the county holds just now."""

    def asked(question: Callable[[Finder], Any]) -> Any:
        with transaction(server.database, SYSTEM, writes=False) as tx:
            return question(Finder(tx))

    return asked


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text(words)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def follow(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).first.click()


# Booking, in every way people do it ----------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_newcomer_books_within_a_handful_of_pages(tab: Window, ask: Ask) -> None:
    offered = {f"/courses/{row.slug}" for row in ask(lambda finder: finder.bookable(finder.person("practitioner"), 20))}
    page, loads = tab.page, []
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    page.goto(tab.server.address)
    press(page, "Sign in as Priya")
    page.get_by_role("navigation", name="Menu").get_by_role("link", name="Find learning").click()
    links = page.locator(".app-result__title a")
    addresses = [links.nth(n).get_attribute("href") or "" for n in range(links.count())]
    page.goto(tab.server.address + next(address for address in addresses if address in offered))
    page.get_by_role("button", name=re.compile("^Book a place")).first.click()
    press(page, "Book this place")
    heading(page, "You have a place")
    assert len(loads) <= 6, loads


def test_booking_by_keyboard_alone(tab: Window, ask: Ask) -> None:
    wanted = ask(lambda finder: finder.bookable(finder.person("practitioner"))[0])
    page = tab.page
    page.goto(f"{tab.server.address}/sign-in")
    _tab_to(page, "button:text-is('Sign in as Priya')")
    page.keyboard.press("Enter")
    _tab_to(page, "nav a[href='/courses']")
    page.keyboard.press("Enter")
    _tab_to(page, "#q")
    page.keyboard.type(wanted.title)
    page.keyboard.press("Enter")
    _tab_to(page, f"a[href='/courses/{wanted.slug}']")
    page.keyboard.press("Enter")
    _tab_to(page, f"a[href='/sessions/{wanted.id}/book']")
    page.keyboard.press("Space")  # it looks like a button, so it has to answer like one
    _tab_to(page, "button:text-is('Book this place')")
    page.keyboard.press("Enter")
    heading(page, "You have a place")


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until this has the focus, and can be seen to have it."""
    page.wait_for_load_state("load")
    target = page.locator(selector).first
    target.wait_for()
    for _ in range(120):
        page.keyboard.press("Tab")
        if target.evaluate("e => e === document.activeElement"):
            shows = target.evaluate("e => { const s = getComputedStyle(e); return s.outlineStyle !== 'none' || s.boxShadow !== 'none' }")
            assert shows, f"nobody can see that {selector} has the focus"
            return
    raise AssertionError(f"the Tab key never reaches {selector}")


def test_booking_without_script(chromium: Browser, server: Server, ask: Ask) -> None:
    wanted = ask(lambda finder: finder.bookable(finder.person("practitioner"))[0])
    with window(chromium, server, java_script_enabled=False) as tab:
        _book_and_cancel(tab.page, server, wanted)
        assert tab.take_complaints() == []


def test_booking_on_the_narrowest_phone(chromium: Browser, server: Server, ask: Ask) -> None:
    wanted = ask(lambda finder: finder.bookable(finder.person("practitioner"))[0])
    with window(chromium, server, viewport={"width": NARROWEST, "height": 640}, has_touch=True, is_mobile=True) as tab:
        _book_and_cancel(tab.page, server, wanted)
        assert tab.take_complaints() == []


def _book_and_cancel(page: Page, server: Server, wanted: Any) -> None:
    page.goto(f"{server.address}/courses/{wanted.slug}")
    press(page, "Sign in as Priya")
    expect(page).to_have_url(f"{server.address}/courses/{wanted.slug}")
    page.locator(f"a[href='/sessions/{wanted.id}/book']").click()
    press(page, "Book this place")
    heading(page, "You have a place")
    page.get_by_role("link", name="Cancel this booking").click()
    press(page, "Cancel the place")
    expect(page.get_by_role("alert")).to_contain_text("Choose a reason")
    page.get_by_label("Court", exact=True).check()
    page.get_by_label("In your own words").fill("I am needed in court")
    press(page, "Cancel the place")
    expect(page.locator("main")).to_contain_text("I am needed in court")


# What each role comes for --------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_session_from_its_making_to_the_waiting_list(tab: Window, ask: Ask) -> None:
    page, server = tab.page, tab.server
    course, day = ask(lambda finder: (finder.plain_course(), finder.free_day(*map(finder.person, ("practitioner", "nqsw", "trainer")))))
    tab.sign_in("coordinator")
    page.goto(f"{server.address}/manage")
    page.get_by_role("button", name="New session").click()
    page.get_by_label("Of which course?").select_option(str(course.id))
    press(page, "Continue")
    _fill_session(page, day)
    press(page, "Save as a draft")
    expect(page.get_by_role("alert")).to_contain_text("draft")
    heading(page, course.title)
    press(page, "Publish")
    expect(page.locator("main")).to_contain_text("Published")
    session = page.url.rstrip("/").split("/")[-1].split("?")[0]

    tab.sign_in("practitioner")
    page.goto(f"{server.address}/sessions/{session}")
    page.get_by_role("button", name="Book a place").click()
    press(page, "Book this place")
    heading(page, "You have a place")
    mine = page.url.split("?")[0]

    tab.sign_in("nqsw")
    page.goto(f"{server.address}/sessions/{session}")
    page.get_by_role("button", name="Join the waiting list").click()
    press(page, "Join the waiting list")
    heading(page, "You are on the waiting list")
    expect(page.locator("main")).to_contain_text("1st")
    turn = page.url.split("?")[0]

    tab.sign_in("practitioner")
    page.goto(f"{mine}/cancel")
    page.get_by_label("Court", exact=True).check()
    press(page, "Cancel the place")

    tab.sign_in("coordinator")
    page.goto(f"{server.address}/sessions/{session}/roster")
    expect(page.locator("main")).to_contain_text("Place offered")  # to whoever is next, as soon as it was given up

    tab.sign_in("nqsw")
    page.goto(turn)
    press(page, "Accept the place")
    heading(page, "You have a place")


def _fill_session(page: Page, day: date) -> None:
    """One part, online, for a single person."""
    for field, number in (("", day.day), ("-month", day.month), ("-year", day.year)):
        page.locator(f"[id='parts.1.day{field}']").fill(str(number))
    for field, value in (("starts", "9:30am"), ("ends", "12:30pm"), ("link", "https://meet.westmarch.example/a-story")):
        page.locator(f"[id='parts.1.{field}']").fill(value)
    page.get_by_label("Places", exact=True).fill("1")
    page.get_by_label("Fewest people").fill("1")


@pytest.mark.thorough
def test_a_manager_books_for_a_report_and_approves_a_request(tab: Window, ask: Ask) -> None:
    page, server = tab.page, tab.server
    report, name, wanted, request = ask(
        lambda finder: (finder.report(), finder.name(finder.report()), finder.bookable(finder.report())[0], finder.request())
    )
    tab.sign_in("manager")
    page.goto(f"{server.address}/sessions/{wanted.id}")
    page.get_by_role("link", name=re.compile("someone else|somebody else|for someone", re.IGNORECASE)).first.click()
    page.get_by_label("Name, e-mail or employee number").fill(name)
    press(page, "Find")
    page.locator(f"a[href$='person={report}']").click()
    press(page, f"Book this place for {name}")
    heading(page, f"{name} has a place")

    page.goto(f"{server.address}/my-team")
    page.locator(f"a[href='/bookings/{request}/decide']").first.click()
    press(page, "Save decision")
    expect(page.get_by_role("alert")).to_contain_text("Choose whether to approve")
    page.get_by_label("Approve", exact=True).check()
    press(page, "Save decision")
    heading(page, "My team")
    expect(page.get_by_role("alert")).to_contain_text("You approved ")


def test_a_trainer_opens_the_roster_of_the_next_session(tab: Window) -> None:
    tab.sign_in("trainer")
    tab.page.goto(tab.server.address)
    tab.page.get_by_role("navigation", name="Menu").get_by_role("link", name="Sessions I deliver").click()
    tab.page.locator("main a[href$='/roster']").first.click()
    heading(tab.page, "Who is coming")
    expect(tab.page.get_by_role("table").first).to_be_visible()


@pytest.mark.thorough
def test_an_hr_officer_uploads_looks_and_applies(tab: Window, tmp_path: Path) -> None:
    page = tab.page
    starter = SAM | {"Employee Number": "880001", "First name": "Noor", "Surname": "Hale", "Work email": "noor.hale@westmarch.example"}
    tab.sign_in("hr")
    page.goto(f"{tab.server.address}/hr/imports/new")
    press(page, "See what would change")
    expect(page.get_by_role("alert")).to_contain_text("Choose the file")
    page.get_by_label("The extract", exact=True).set_input_files(write_csv(tmp_path / "starters.csv", [starter]))
    page.get_by_label("No, only some people").check()
    press(page, "See what would change")
    heading(page, "Preview of starters.csv")
    expect(page.locator("main")).to_contain_text("Noor Hale")
    page.get_by_role("button", name="Continue to apply").click()
    press(page, "Apply the import")
    heading(page, "Import applied")


@pytest.mark.thorough
def test_an_administrator_gives_a_role_and_it_counts_at_once(tab: Window, ask: Ask) -> None:
    page, server = tab.page, tab.server
    someone = ask(lambda finder: finder.person("practitioner"))
    tab.sign_in("practitioner")
    assert tab.open("/manage") == 403
    tab.sign_in("administrator")
    page.goto(f"{server.address}/access/people/{someone}")
    page.get_by_label("Coordinator", exact=True).check()
    page.locator("#unit").fill("a part that is not there")
    press(page, "Give this role")
    expect(page.get_by_role("alert")).to_contain_text("nothing called")
    expect(page.get_by_label("Coordinator", exact=True)).to_be_checked()
    page.locator("#unit").fill("Westmarch County Council")
    press(page, "Give this role")
    expect(page.locator("main")).to_contain_text("Coordinator")
    tab.sign_in("practitioner")
    assert tab.open("/manage") == 200
    page.goto(f"{server.address}/access")
    heading(page, "permission")


# Wrong entries keep what was typed -----------------------------------------------------------------------------------


def test_a_wrong_password_keeps_the_address(tab: Window) -> None:
    page = tab.page
    page.goto(f"{tab.server.address}/sign-in")
    page.get_by_label("Work e-mail address").fill("priya.nair@westmarch.example")
    page.get_by_label("Password", exact=True).fill("not the password")
    press(page, "Sign in")
    expect(page.get_by_role("alert")).to_contain_text("not right")
    expect(page.get_by_label("Work e-mail address")).to_have_value("priya.nair@westmarch.example")
    expect(page.get_by_label("Password", exact=True)).to_have_value("")
    page.get_by_role("alert").get_by_role("link").first.click()
    expect(page.get_by_label("Work e-mail address")).to_be_focused()


def test_a_wrong_session_keeps_what_was_typed(tab: Window, ask: Ask) -> None:
    page, course = tab.page, ask(lambda finder: finder.plain_course())
    tab.sign_in("coordinator")
    page.goto(f"{tab.server.address}/manage/sessions/new?course={course.id}")
    page.locator("[id='parts.1.day']").fill("31")
    page.locator("[id='parts.1.day-month']").fill("2")
    page.locator("[id='parts.1.day-year']").fill("2031")
    page.locator("[id='parts.1.starts']").fill("half past nine")
    page.get_by_label("Places", exact=True).fill("many")
    press(page, "Save as a draft")
    expect(page.get_by_role("alert")).to_be_visible()
    for field, value in (("parts.1.day", "31"), ("parts.1.starts", "half past nine"), ("capacity", "many")):
        expect(page.locator(f"[id='{field}']")).to_have_value(value)
    assert page.title().startswith("Error: ")
