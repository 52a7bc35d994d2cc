"""Every page of the tour in a real browser: accessible to axe, without complaints in the console, and no wider than a small phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from app.core.tx import SYSTEM, transaction
from seed.personas import PERSONAS
from tests.browser.house import Server, Window, window
from tests.pages.test_states import lengthen
from tests.tour import TOUR, Stop
from tests.visit import Finder

pytestmark = pytest.mark.browser
STOPS = [stop for stop in TOUR if not stop.file]


@pytest.fixture(scope="module")
def tab(chromium: Browser, server: Server) -> Iterator[Window]:
    """One tab for all: opening one costs more than a page."""
    with window(chromium, server) as found:
        yield found


def find(server: Server, stop: Stop) -> str:
    with transaction(server.database, SYSTEM, writes=False) as tx:
        return stop.address(Finder(tx))


def faults(tab: Window, address: str, status: int = 200) -> list[str]:
    """Everything wrong with a page, at a desk and on a phone."""
    found = [] if tab.open(address) == status else [f"not {status}"]
    return found + tab.barriers() + tab.overflow() + tab.take_complaints()


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.name)
def test_page_in_a_browser(stop: Stop, tab: Window) -> None:
    tab.sign_in(stop.persona)
    assert faults(tab, find(tab.server, stop)) == []


def test_names_that_never_end(tab: Window) -> None:
    """Nothing is cut or pushed off the smallest screen by the longest names there are."""
    found = {}
    for address, who in lengthen(tab.server.database).items():
        tab.sign_in(who)
        found[address] = faults(tab, address)
    assert {address: wrong for address, wrong in found.items() if wrong} == {}


@pytest.mark.thorough
@pytest.mark.parametrize("key", [persona.key for persona in PERSONAS])
def test_every_page_as_every_persona(key: str, tab: Window) -> None:
    """Whoever opens it, whether they may or not, it is an accessible page. Refusals are all alike, so one of each is enough."""
    tab.sign_in(key)
    found, refused = {}, set()
    for stop in STOPS:
        status = tab.open(find(tab.server, stop))
        if status in refused:
            continue
        if status >= 400:
            refused.add(status)
        wrong = tab.barriers() + tab.overflow() + tab.take_complaints()
        if wrong or status >= 500:
            found[stop.name] = [str(status), *wrong]
    assert found == {}
