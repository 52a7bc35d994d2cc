"""Every page of the tour in a real browser: accessible to axe, without complaints in the console, and no wider than a small phone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from app.core.tx import SYSTEM, transaction
from seed.personas import PERSONAS
from tests.browser.house import Server, Window, serving, window
from tests.county import Filled, Template, seeded
from tests.markup import markup
from tests.pages.test_states import lengthen
from tests.tour import TOUR, Stop
from tests.visit import Finder

pytestmark = pytest.mark.browser
STOPS = [stop for stop in TOUR if not stop.file]
MAIN = {stop.path: stop for stop in reversed(STOPS)}.values()  # of the stops at one page the first


@pytest.fixture(scope="module")
def tab(chromium: Browser, server: Server) -> Iterator[Window]:
    """One tab for all: opening one costs more than a page."""
    with window(chromium, server) as found:
        yield found


def _once(stop: Stop) -> Any:
    """Quick: every page as its main persona sees it. In its other states, and as its other readers do: thorough."""
    return pytest.param(stop, marks=() if stop in MAIN else pytest.mark.thorough)


def find(server: Server, stop: Stop) -> str:
    with transaction(server.database, SYSTEM, writes=False) as tx:
        return stop.address(Finder(tx))


def faults(tab: Window, address: str, status: int = 200) -> list[str]:
    """Everything wrong with a page, at a desk and on a phone."""
    found = [] if tab.open(address) == status else [f"not {status}"]
    return found + tab.barriers() + tab.overflow() + tab.take_complaints()


@pytest.mark.parametrize("stop", [_once(stop) for stop in STOPS], ids=lambda stop: stop.name)
def test_page_in_a_browser(stop: Stop, tab: Window) -> None:
    tab.sign_in(stop.persona)
    assert faults(tab, find(tab.server, stop)) == []


def test_names_that_never_end(
    chromium: Browser, templates: Callable[[str, Filled], Template], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nothing is cut or pushed off the smallest screen by the longest names there are; in a county of their own."""
    found = {}
    with templates("sqlite", seeded).copy() as database, serving(database, tmp_path_factory.mktemp("server")) as server:
        addresses = lengthen(database)
        with window(chromium, server) as tab:
            for address, who in addresses.items():
                tab.sign_in(who)
                found[address] = faults(tab, address)
    assert {address: wrong for address, wrong in found.items() if wrong} == {}


@pytest.fixture(scope="module")
def drawn(tab: Window) -> dict[str, set[tuple[str, str]]]:
    """By page, the markup that `test_page_in_a_browser` draws: every stop of the tour as its own persona."""
    known: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for stop in STOPS:
        tab.sign_in(stop.persona)
        known[stop.path] |= markup(tab.ask(find(tab.server, stop))[1])
    return known


@pytest.mark.thorough
@pytest.mark.parametrize("key", [persona.key for persona in PERSONAS])
def test_every_page_as_every_persona(key: str, tab: Window, drawn: dict[str, set[tuple[str, str]]]) -> None:
    """Whoever opens it, whether they may or not, it is an accessible page. Refusals are all alike, so one of each is enough; a page is
    drawn where its markup is other than what was drawn of it before, for this persona or another."""
    tab.sign_in(key)
    found, refused = {}, set()
    for stop in STOPS:
        if stop.persona == key:
            continue
        address = find(tab.server, stop)
        status, html = tab.ask(address)
        if status in refused:
            continue
        if status >= 400:
            refused.add(status)
        elif (new := markup(html)) <= drawn[stop.path]:
            continue
        else:
            drawn[stop.path] |= new
        wrong = faults(tab, address, status)
        if wrong or status >= 500:
            found[stop.name] = [str(status), *wrong]
    assert found == {}
