"""Every page of the tour in a real browser: accessible to axe, without complaints in the console, and no wider than a small phone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from app.core.tx import SYSTEM, transaction
from seed.personas import PERSONAS
from tests.browser.house import Server, Window, serving, window
from tests.county import Filled, Template, seeded
from tests.markup import markup
from tests.pages.reading import JOINING, Reading, skeleton, validate
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


def test_barriers_are_found(tab: Window) -> None:
    """The control, on a page that was found clean: words in a new style that is too pale, and a link that says nothing."""
    tab.sign_in(None)
    assert tab.open("/accessibility") == 200 and tab.barriers() == []
    tab.page.evaluate("document.querySelector('main p').style.color = '#bbb'")
    assert [found.partition(":")[0] for found in tab.barriers()] == ["color-contrast"]
    tab.page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<p><a href=\"/\"></a></p>')")
    assert [found.partition(":")[0] for found in tab.barriers()] == ["link-name"]


@pytest.mark.thorough
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


@dataclass
class Known:
    """What the stops of the tour look like to their own personas, whom `test_page_in_a_browser` and tests/pages show them to."""

    drawn: dict[str, set[tuple[str, str]]]  # by page, the markup that a browser has drawn
    valid: set[bytes]  # skeletons of the pages that the validator has read


@pytest.fixture(scope="module")
def known(tab: Window) -> Known:
    found = Known(defaultdict(set), set())
    for stop in STOPS:
        tab.sign_in(stop.persona)
        html = tab.ask(find(tab.server, stop))[1]
        found.drawn[stop.path] |= markup(html)
        found.valid.add(skeleton(html))
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("key", [persona.key for persona in PERSONAS])
def test_every_page_as_every_persona(key: str, tab: Window, known: Known, tmp_path: Path) -> None:
    """Whoever opens it, whether they may or not: an accessible, sound and valid page, or a way to it; never a fault. Refusals are all
    alike, so one of each is drawn; of the others each whose markup is other than what was drawn before, for this persona or another; and
    the slow validator reads each that differs from all before it in more than words and addresses."""
    tab.sign_in(key)
    found: dict[str, list[str]] = {}
    refused: set[int] = set()
    may_show = {stop.path for stop in STOPS if stop.joining_link}  # of a session of their own, whoever they are
    may_show |= {"/sign-in", "/sign-in/emergency"}  # which lead home whoever has signed in
    for number, stop in enumerate(stop for stop in STOPS if stop.persona != key):
        address = find(tab.server, stop)
        status, html = tab.ask(address)
        wrong = [] if status in (200, 403, 404, 409) else [str(status)]
        bones = skeleton(html)
        if bones not in known.valid or JOINING in html:
            wrong += Reading(html).faults(joining_link=stop.path in may_show or key in ("coordinator", "trainer"))
        if bones not in known.valid:
            known.valid.add(bones)
            (tmp_path / f"{number}.html").write_text(html)
        new = markup(html) - known.drawn[stop.path]
        if new if status == 200 else status not in refused:
            known.drawn[stop.path] |= new if status == 200 else set()
            refused |= {status} - {200}
            wrong += faults(tab, address, status)
        if wrong:
            found[stop.name] = [str(status), *wrong]
    assert found == {}
    if any(tmp_path.iterdir()):
        assert validate(tmp_path) == ""
