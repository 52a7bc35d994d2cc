"""Draws the main pages at a desk and on a phone: `python -m tests.browser.screens` writes docs/screens/*.png.

Look at every one after a change: is it clear at a glance what the page is, what state things are in, and what to do?
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from app.core.config import ROOT
from app.core.tx import SYSTEM, transaction
from tests.browser.house import DESKTOP, PHONE, Server, launch, serving, window
from tests.county import migrated, seeded
from tests.tour import TOUR, Stop
from tests.visit import Finder

FOLDER = ROOT / "docs" / "screens"
TALLEST = {DESKTOP: 800, PHONE: 1400}  # pixels: the first screen at a desk, the first two on a phone
LARGEST = 165_000  # bytes: pictures are for looking at, and the repository stays small
SCREENS: dict[str, tuple[str, str | None]] = {  # name → a stop of the tour
    "sign-in": ("/sign-in", None),
    "home": ("/", "practitioner"),
    "find-learning": ("/courses", "practitioner"),
    "course": ("/courses/{slug}", "practitioner"),
    "my-bookings": ("/my-bookings", "practitioner"),
    "roster": ("/sessions/{session_id:int}/roster", "trainer"),
    "coordinators-desk": ("/manage", "coordinator"),
    "my-programme": ("/my-programme", "nqsw"),
    "assessors-desk": ("/assessing", "assessor"),
    "cohort-board": ("/cohorts/{cohort_id:int}", "coordinator"),
    "panel-room": ("/panels/cases/{case_id:int}", "panel"),
}


def stop(path: str, persona: str | None) -> Stop:
    return next(stop for stop in TOUR if (stop.path, stop.persona, stop.query) == (path, persona, ""))


def draw(browser: Browser, server: Server, folder: Path, *, stops: dict[str, Stop]) -> list[Path]:
    """One picture for each stop and width; returns what was written."""
    drawn = []
    with window(browser, server) as tab:
        for name, each in stops.items():
            with transaction(server.database, SYSTEM, writes=False) as tx:
                address = each.address(Finder(tx))
            tab.sign_in(each.persona)
            for width in (DESKTOP, PHONE):
                tab.open(address, width=width)
                height = min(int(tab.page.evaluate("document.scrollingElement.scrollHeight")), TALLEST[width])
                path = folder / f"{name}-{width}.png"
                tab.page.screenshot(path=path, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height})
                drawn.append(path)
    return drawn


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        database = migrated(Path(folder) / "county.sqlite3")
        seeded(database)
        with serving(database, Path(folder)) as server, sync_playwright() as playwright:
            browser = launch(playwright)
            drawn = draw(browser, server, FOLDER, stops={name: stop(*which) for name, which in SCREENS.items()})
            browser.close()
        database.dispose()
    large = [f"{path.name}: {path.stat().st_size:,} bytes" for path in drawn if path.stat().st_size > LARGEST]
    print(f"{len(drawn)} pictures in {FOLDER.relative_to(ROOT)}")
    if large:
        sys.exit("Too large:\n" + "\n".join(large))


if __name__ == "__main__":
    main()
